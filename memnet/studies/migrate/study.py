"""Reading the table of a study: which picture each row is about, its old score, what else it has.

Every row and every cell is kept as text, as it stands in the file. A study may have several rows
per picture (trials, participants): scores belong to pictures, and other columns are averaged over
a picture's rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.tables import (
    as_text,
    read_table_any,
    require_column,
    to_numbers,
)
from memnet.errors import MemnetError
from memnet.studies.migrate.codes import (
    FAR,
    missing_codes,
    percent_signs,
    suspicious,
    taken_for_missing,
)
from memnet.studies.migrate.old_scores import MISSING, notes_of, remarks, set_aside
from memnet.util.arrays import Array
from memnet.util.text import shorten_list

_SAME = 1e-9
"""Scores of one picture that differ by less, relative to their size, are one score."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study's table, R rows about P pictures.

    Attributes
    ----------
    source, sha256 : the file's name and its digest.
    table : R rows of text, all columns in their order.
    id_column, score_column : where the picture's id and the old score stand.
    pictures : P ids, in the order of their first rows.
    place : int ``(R,)``: each row's picture, -1 where the row has no id.
    old : float64 ``(P,)``: old score of each picture, NaN where there is none to be used.
    notes : ``(R,)``: why a row's old score is not used, "" where it is.
    set_aside : sentences that count and name these rows and pictures.
    remarks : sentences about the old scores that are used all the same.
    """

    source: str
    sha256: str
    table: pd.DataFrame
    id_column: str
    score_column: str
    pictures: tuple[str, ...]
    place: Any
    old: Array
    notes: tuple[str, ...]
    set_aside: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def rows_per_picture(self) -> Any:
        """How many rows each picture has, int ``(P,)``."""
        return np.bincount(self.place[self.place >= 0], minlength=len(self.pictures))

    @property
    def texts(self) -> list[str]:
        """The old scores as they are written, of the first usable row of each picture."""
        cells = as_text(self.table[self.score_column]).str.strip()
        rows = np.flatnonzero([note == "" for note in self.notes])
        _, first = np.unique(self.place[rows], return_index=True)
        return [str(cells.iloc[row]) for row in rows[first]]


def read_study(path: Path, *, score_column: str, id_column: str = "image_id") -> Study:
    """Read a study's table (CSV, TSV or Parquet).

    Parameters
    ----------
    path : a row per picture, or per trial; the first line has the names of the columns.
    score_column : the old MemNet scores, one for each picture; rows of one picture repeat it.
    id_column : the picture's id, letter for letter what it is called in the new scores.

    Raises
    ------
    MemnetError
        if the file or a column is missing, rows have more cells than the head, or no row has both
        an id and a number as its score.
    """
    frame = read_table_any(path)
    if not isinstance(frame.index, pd.RangeIndex):
        raise MemnetError(
            f"{path.name} has rows with more cells than its first line has names; put cells that "
            "hold the separator into quotes, or name every column."
        )
    frame = frame.apply(as_text)
    for wanted in (id_column, score_column):
        require_column(frame, wanted, path.name)
    if id_column == score_column:
        raise MemnetError(f"The id and the score cannot both be column {id_column!r}.")
    ids, place = _pictures(frame[id_column])
    values = to_numbers(frame[score_column])
    if not (np.isfinite(values) & (place >= 0)).any():
        first = f" (its first cell is {frame[score_column].iloc[0]!r})" if len(frame) else ""
        raise MemnetError(
            f"{path.name} has no row with an id in {id_column!r} and a number in "
            f"{score_column!r}{first}{percent_signs(frame[score_column])}."
        )
    coded = missing_codes(values, place >= 0)
    values[coded] = np.nan
    old, apart = _one_score(values, place, len(ids))
    notes = notes_of(frame[score_column], values, place, apart, coded)
    return Study(
        source=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        table=frame,
        id_column=id_column,
        score_column=score_column,
        pictures=tuple(ids),
        place=place,
        old=old,
        notes=notes,
        set_aside=(
            *taken_for_missing(path.name, score_column, frame[score_column], coded),
            *set_aside(path.name, id_column, score_column, ids, place, old, apart, coded),
        ),
        remarks=tuple(remarks(score_column, old, frame[score_column], values, place)),
    )


def averaged(study: Study, column: str) -> tuple[Array, list[str]]:
    """Average a column of numbers over each picture's rows.

    Returns
    -------
    (float64 ``(P,)``, sentences)
        NaN where a picture has no number; the sentences name cells that are neither numbers nor
        empty.

    Raises
    ------
    MemnetError
        if the column is missing or has no numbers.
    """
    require_column(study.table, column, study.source)
    cells = study.table[column]
    values = to_numbers(cells)
    usable = np.isfinite(values) & (study.place >= 0)
    if not usable.any():
        hint = percent_signs(cells) or (
            "; outcomes, covariates and the predictor must be numbers: write a category as columns "
            "of 0 and 1, or compare its groups with --group"
        )
        raise MemnetError(
            f"{study.source} has no number in column {column!r} (its first cell is "
            f"{cells.iloc[0]!r}){hint}."
        )
    count = np.bincount(study.place[usable], minlength=len(study.pictures))
    total = np.bincount(study.place[usable], values[usable], minlength=len(study.pictures))
    mean = np.divide(total, count, out=np.full(len(study.pictures), np.nan), where=count > 0)
    return mean, _wordy(study.source, column, cells, values)


def suspected_codes(study: Study, column: str) -> list[str]:
    """Warn of numbers that look like codes for a missing value; they are used as they stand."""
    values = to_numbers(study.table[column])
    there = np.isfinite(values) & (study.place >= 0)
    coded = there & suspicious(values, there)
    if not coded.any():
        return []
    named = shorten_list(f"{values[row]:g} in row {row + 2}" for row in np.flatnonzero(coded))
    return [
        f"Column {column!r} has {named}, more than {FAR:g} (robust) SDs from the rest. The claims "
        "contain it as it stands: if it is the code of a missing value, empty the cell."
    ]


def labelled(study: Study, column: str) -> tuple[Any, Any]:
    """Read the group of each picture.

    Returns
    -------
    (object ``(P,)`` of str, bool ``(P,)``)
        "" where a picture has none, or rows of several groups; which have the latter.

    Raises
    ------
    MemnetError
        if the column is missing.
    """
    require_column(study.table, column, study.source)
    cells = study.table[column].str.strip()
    there = (study.place >= 0) & ~cells.str.lower().isin(MISSING).to_numpy(dtype=bool)
    labels = np.full(len(study.pictures), "", dtype=object)
    pairs = pd.DataFrame({"picture": study.place[there], "label": cells[there].to_numpy()})
    kinds = pairs.drop_duplicates()
    several = kinds["picture"][kinds["picture"].duplicated()].unique()
    one = kinds[~kinds["picture"].isin(several)]
    labels[one["picture"].to_numpy()] = one["label"].to_numpy()
    mixed = np.zeros(len(study.pictures), dtype=bool)
    mixed[several] = True
    return labels, mixed


def _pictures(cells: pd.Series) -> tuple[list[str], Any]:
    """Ids in the order of their first rows, and each row's place among them."""
    nameless = (cells.str.strip() == "").to_numpy(dtype=bool)
    place = np.full(len(cells), -1)
    codes, ids = pd.factorize(cells[~nameless].to_numpy(dtype=object))
    place[~nameless] = codes
    return [str(image_id) for image_id in ids], place


def _one_score(values: Array, place: Any, pictures: int) -> tuple[Array, Any]:
    """One score for each picture; NaN, and marked, where its rows have different ones."""
    usable = np.isfinite(values) & (place >= 0)
    low, high = np.full(pictures, np.inf), np.full(pictures, -np.inf)
    np.minimum.at(low, place[usable], values[usable])
    np.maximum.at(high, place[usable], values[usable])
    there = np.isfinite(low)
    apart = np.zeros(pictures, dtype=bool)
    apart[there] = high[there] - low[there] > _SAME * np.maximum(1, np.abs(high[there]))
    return np.where(there & ~apart, low, np.nan), apart


def _wordy(source: str, column: str, cells: pd.Series, values: Array) -> list[str]:
    """Name cells that are neither numbers nor empty."""
    text = cells.str.strip()
    bad = np.isnan(values) & ~text.str.lower().isin(MISSING).to_numpy(dtype=bool)
    if not bad.any():
        return []
    named = shorten_list(f"row {row + 2}, {text.iloc[row]!r}" for row in np.flatnonzero(bad))
    return [
        f"{source}: {int(bad.sum()):,} cell(s) of {column!r} are no numbers ({named})"
        f"{percent_signs(cells)}."
    ]
