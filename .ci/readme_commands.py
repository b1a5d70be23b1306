"""Print the README's set-up commands, one a line: every `pip install ".` line in a code block."""

import re
import sys
from pathlib import Path


def set_up_commands(readme: Path) -> list[str]:
    """Return the set-up commands in the order of the README."""
    blocks = re.findall(r"```\w*\n(.*?)```", readme.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith('pip install ".')]


if __name__ == "__main__":
    print("\n".join(set_up_commands(Path(sys.argv[1]))))
