"""Files that a command reads and must not write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from memnet.errors import MemnetError
from memnet.util.paths import is_same


def keep_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    """Refuse to write over what is read."""
    given = list(inputs)
    for output in outputs:
        if any(is_same(output, each) for each in given):
            raise MemnetError(f"{output} is read, and would be written over; choose another --out.")
