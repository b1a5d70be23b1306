"""What a container of pictures holds, whatever its kind."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from memnet.errors import MemnetError
from memnet.preprocess.decode import SUFFIXES
from memnet.preprocess.members import Member
from memnet.util.text import is_text

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


PIPES_AND_DEVICES = "pipes and devices"
"""What things with names of pictures are counted as that are neither files nor links."""


def clean_name(stored_name: str) -> str:
    """Return a name in a container with ``/`` between its folders; ``..`` only at its beginning.

    Examples
    --------
    >>> clean_name("./faces//a.jpg"), clean_name("/faces/../a.jpg"), clean_name("a/../../b.jpg")
    ('faces/a.jpg', 'a.jpg', '../b.jpg')
    """
    parts: list[str] = []
    for part in stored_name.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Listing:
    """Tells which of the names in a container are pictures, and counts the others."""

    def __init__(self, path: Path | str, contents: Contents) -> None:
        self._path, self._contents = path, contents
        self._hidden: set[str] = set()

    def accept(self, stored_name: str, *, counted_as: str = "") -> str:
        """Return a picture's name, with ``/``; "" for what is none.

        ``counted_as`` is what a thing with a picture's name is that is no file.

        Raises
        ------
        MemnetError
            if another picture has that name.
        """
        parts = clean_name(stored_name).split("/")
        suffix = os.path.splitext(parts[-1])[1].lower()
        for depth, part in enumerate(parts[:-1], start=1):
            if part.startswith(HIDDEN_NAMES) and part != "..":
                folder = "/".join(parts[:depth])
                if folder not in self._hidden:
                    self._hidden.add(folder)
                    self._contents.passed_over[HIDDEN_FOLDERS] += 1
                return ""
        if not parts[-1] or parts[-1].startswith("."):
            self._contents.passed_over["hidden files"] += 1
        elif suffix not in SUFFIXES:
            self._contents.passed_over[suffix or "no ending"] += 1
        elif counted_as:
            self._contents.passed_over[counted_as] += 1
        elif ".." in parts or not is_text(stored_name):
            what = "leads out of it" if ".." in parts else "is not UTF-8, so no table can hold it"
            self._contents.unreadable.append(f"{self._path}: the name {stored_name!a} {what}")
        else:
            name = "/".join(parts)
            if name in self._contents.members:
                raise MemnetError(
                    f"{self._path} has two pictures called {name}, so their scores could not be "
                    "told apart; unpack it, and give each a name of its own."
                )
            return name
        return ""


def row_names(count: int) -> list[str]:
    """Return the numbers of rows, from 0, with as many digits as the last one needs.

    Examples
    --------
    >>> row_names(11)[:2], row_names(11)[-1]
    (['00', '01'], '10')
    """
    digits = len(str(max(count - 1, 0)))
    return [f"{row:0{digits}d}" for row in range(count)]
