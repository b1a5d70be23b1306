"""Files that a command reads and must not write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from memnet.errors import MemnetError


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, however they are written."""
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return False


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write over what is read."""
    given = list(inputs)
    for output in outputs:
        if any(is_same(output, each) for each in given):
            raise MemnetError(f"{output} is read, and would be written over; choose another --out.")
