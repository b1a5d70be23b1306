"""What is said to the user beside the data: on stderr."""

from __future__ import annotations

import sys


def say(sentence: str) -> None:
    """Print one sentence to stderr."""
    print(f"memnet: {sentence}", file=sys.stderr)
