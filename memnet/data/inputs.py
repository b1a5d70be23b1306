"""The pictures that a command was given, the rows of the result, and what was passed over."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import SUFFIXES, Box, Crop, PictureOrCrop
from memnet.preprocess.members import Member


@dataclass(frozen=True)
class Item:
    """One picture to score: its id, the path for the table (or ""), and the picture itself.

    A box of a picture is a :class:`~memnet.preprocess.decode.Crop`: whoever keeps scores by the
    bytes of a file must look at its ``box``, too.
    """

    image_id: str
    path: str
    picture: PictureOrCrop

    @property
    def box(self) -> Box | None:
        """The box that is scored; None for the whole picture."""
        return self.picture.box if isinstance(self.picture, Crop) else None


Extra: TypeAlias = Mapping[str, str]
"""A row of the user's own table: column -> cell, behind memnet's columns in the result."""


class TableRow(NamedTuple):
    """A row that the result has: of which picture, and what stood beside it.

    ``extra`` is None for a picture that no table lists; ``table`` is the manifest that lists it.
    """

    image_id: str
    extra: Extra | None
    table: str = ""


@dataclass
class Inputs:
    """The pictures that :func:`memnet.data.pictures.collect` gathered, and what it passed over.

    Attributes
    ----------
    items : the pictures, each once, in a fixed order (that of the arguments, and sorted within a
        folder).
    rows : the rows of the result: one for each row of a table, also where several name one picture
        (trials of an experiment), and one for each other picture.
    passed_over : files and hidden folders that are no pictures -> their ending, or
        :data:`~memnet.data.contents.HIDDEN_FOLDERS`.
    passed_over_in : container -> how many of what is in it are no pictures, likewise.
    unreadable : folders that could not be listed, and files whose names no table can hold, within a
        given folder, with the reason.
    manifests : the tables that listed pictures.
    tables : these, as text -> the SHA-256 of all their rows, ids and cells.
    notes : sentences on what is to be known of the videos, and on columns of the tables that the
        result calls otherwise.
    part : which part of the pictures these are (:func:`memnet.data.shards.take_part`); empty where
        they are all.
    rates : a video's id -> at how many frames a second it is scored.
    boxes : the option that says which boxes of the pictures these are; "" for whole pictures.
    suffixes : the endings of what is looked for in folders.
    """

    items: list[Item] = field(default_factory=list)
    rows: list[TableRow] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    passed_over_in: dict[str, Counter[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    part: dict[str, Any] = field(default_factory=dict)
    rates: dict[str, Fraction] = field(default_factory=dict)
    boxes: str = ""
    suffixes: tuple[str, ...] = SUFFIXES

    @property
    def table_rows(self) -> list[TableRow]:
        """The rows of the result; one for each picture where no table was read."""
        return self.rows or [TableRow(item.image_id, None) for item in self.items]

    def only(self, ids: Container[str]) -> Inputs:
        """Return the pictures with these ids, and their rows."""
        return replace(
            self,
            items=[item for item in self.items if item.image_id in ids],
            rows=[row for row in self.table_rows if row.image_id in ids],
        )

    def require_files(self, who: str) -> None:
        """Raise ``MemnetError`` where a picture is no file of its own, which ``who`` needs."""
        for item in self.items:
            if isinstance(item.picture, PictureError):
                raise MemnetError(f"{item.image_id}: {item.picture}")
            if isinstance(item.picture, Member):
                raise MemnetError(
                    f"{item.path} is no file of its own, and {who} needs one for each picture: "
                    "unpack them and give the folder."
                )

    def extras_by_id(self) -> dict[str, list[Extra]]:
        """Return what stands beside each picture in the rows of the result."""
        extras: dict[str, list[Extra]] = {}
        for row in self.table_rows:
            extras.setdefault(row.image_id, []).append(row.extra or {})
        return extras

    @property
    def ignored(self) -> Counter[str]:
        """Number of files per ending that are no pictures."""
        return sum(self.passed_over_in.values(), Counter(self.passed_over.values()))

    def pass_over(self, path: Path, kind: str) -> None:
        """Count what is no picture; once, by whatever way it was reached."""
        self.passed_over[os.path.join(os.path.realpath(path.parent), path.name)] = kind

    def pass_over_in(self, container: str, kinds: Counter[str]) -> None:
        """Count what is no picture in a container; once, by whatever name it was given."""
        self.passed_over_in[os.path.realpath(container)] = kinds

    def add(self, other: Inputs) -> None:
        """Add what another argument gave."""
        self.items += other.items
        self.rows += other.table_rows
        self.passed_over |= other.passed_over
        self.passed_over_in |= other.passed_over_in
        self.unreadable += [each for each in other.unreadable if each not in self.unreadable]
        self.manifests += other.manifests
        self.tables |= other.tables
        self.notes += other.notes
