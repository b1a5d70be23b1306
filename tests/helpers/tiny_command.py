"""Where the tiny `memnet` lies."""

from pathlib import Path

TINY = Path(__file__).parent / "tiny.py"
