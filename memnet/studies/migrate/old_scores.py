"""What is to be said of a column of old scores: rows not used, and scores that are odd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from memnet.studies.migrate.codes import HIGHEST
from memnet.util.arrays import Array
from memnet.util.text import shorten_list

MISSING = ("", ".", "-", "na", "n/a", "nan", "none", "null")
"""How empty cells are written, in lower case; they are no mistakes."""


def notes_of(
    cells: pd.Series, values: Array, place: Any, apart: Any, coded: Any
) -> tuple[str, ...]:
    """Say of each row why its old score is not used; "" where it is."""
    notes = []
    for cell, value, picture, code in zip(
        cells.tolist(), values.tolist(), place.tolist(), coded.tolist(), strict=True
    ):
        if picture < 0:
            notes.append("no picture id")
        elif code:
            notes.append(f"the old score {cell!r} is taken for a missing value")
        elif apart[picture]:
            notes.append("the rows of this picture have different old scores")
        elif np.isfinite(value):
            notes.append("")
        elif cell.strip().lower() in MISSING:
            notes.append("no old score")
        else:
            notes.append(f"the old score {cell!r} is no number")
    return tuple(notes)


def set_aside(
    source: str,
    id_column: str,
    score_column: str,
    ids: list[str],
    place: Any,
    old: Array,
    apart: Any,
    coded: Any,
) -> list[str]:
    """Count and name the rows and pictures without an old score that can be used."""
    said = []
    if nameless := np.flatnonzero(place < 0).tolist():
        # as a spreadsheet counts: the head is row 1
        rows = shorten_list(row + 2 for row in nameless)
        said.append(f"{source}: {len(nameless):,} row(s) have no {id_column} (row {rows}).")
    if conflicting := [ids[picture] for picture in np.flatnonzero(apart)]:
        said.append(
            f"{source}: the rows of {len(conflicting):,} picture(s) have different scores in "
            f"{score_column!r} "
            f"({shorten_list(conflicting)}); a score belongs to a picture, so it is not "
            "known which is meant."
        )
    explained = apart.copy()
    explained[place[coded]] = True
    if without := [ids[picture] for picture in np.flatnonzero(np.isnan(old) & ~explained)]:
        said.append(
            f"{source}: {len(without):,} picture(s) have no number in {score_column!r} "
            f"({shorten_list(without)})."
        )
    return said


_KEPT = "They are kept: every estimate (claims, agreement, crosswalk) contains them."


def remarks(column: str, old: Array, cells: pd.Series, values: Array, place: Any) -> list[str]:
    """Say what is odd about the old scores that are used all the same."""
    said = []
    lonely = (place >= 0) & np.isnan(values)
    filled = int((lonely & np.isfinite(old[np.maximum(place, 0)])).sum())
    if filled:
        said.append(
            f"{filled:,} row(s) have no number in {column!r}, where other rows of the same picture "
            "have one; that of the other rows is used."
        )
    used = old[np.isfinite(old)]
    if not len(used):
        return said
    below, above = int((used < 0).sum()), int((used > HIGHEST).sum())
    if below:
        said.append(
            f"{below:,} of {len(used):,} scores in {column!r} are below 0 (lowest {used.min():g}), "
            "which no published MemNet score is; is it the right column, are the scores "
            f"z-standardised, or does a negative number stand for a missing one? {_KEPT}"
        )
    if above:
        said.append(
            f"{above:,} of {len(used):,} scores in {column!r} are above {HIGHEST:g} (highest "
            f"{used.max():g}), which no form of a MemNet score is; is it the right column, or does "
            f"such a number stand for a missing one? Then empty these cells. {_KEPT}"
        )
    if used.min() >= 0 and HIGHEST >= used.max() > 1 >= float(np.median(used)):
        said.append(
            f"{int((used > 1).sum()):,} of {len(used):,} scores in {column!r} are above 1 (highest "
            f"{used.max():g}), the rest between 0 and 1: raw outputs can exceed 1 a little; far "
            f"above, a number may stand for a missing one. {_KEPT}"
        )
    if cells.str.contains(",", regex=False).any() and np.isfinite(values).any():
        said.append(
            f"{column!r} is written with decimal commas. The study's columns stay as they are; the "
            "added columns have decimal points."
        )
    return said
