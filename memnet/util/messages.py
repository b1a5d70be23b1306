"""What is said to the user beside the data: on stderr."""

from __future__ import annotations

import sys

from memnet.util.text import printable

_LONGEST = 10_000


def say(sentence: str) -> None:
    """Print one sentence to stderr; control characters of names in it are written as escapes."""
    print(f"memnet: {printable(sentence, _LONGEST)}", file=sys.stderr)
