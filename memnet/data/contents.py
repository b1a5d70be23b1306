"""What a container of pictures holds, whatever its kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from memnet.preprocess.members import Member

HIDDEN_FOLDERS = "hidden folders"
"""What folders are counted as in which programs keep copies and thumbnails."""

HIDDEN_NAMES = (".", "__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information")
"""How the names of such folders begin."""


@dataclass
class Contents:
    """The pictures in a container.

    Attributes
    ----------
    members : name below the container -> picture, in the container's order.
    extras : what stands beside each picture in the container, in the same order; empty for nothing.
    passed_over : how many files and folders are no pictures, by their ending.
    unreadable : sentences on what could not be read.
    notes : sentences on what is to be known.
    """

    members: dict[str, Member] = field(default_factory=dict)
    extras: list[dict[str, str]] = field(default_factory=list)
    passed_over: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def row_names(count: int) -> list[str]:
    """Return the numbers of rows, from 0, with as many digits as the last one needs.

    Examples
    --------
    >>> row_names(11)[:2], row_names(11)[-1]
    (['00', '01'], '10')
    """
    digits = len(str(max(count - 1, 0)))
    return [f"{row:0{digits}d}" for row in range(count)]
