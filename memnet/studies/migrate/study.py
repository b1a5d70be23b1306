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

from memnet.data.missing import EMPTY_CELLS, find_doubtful_codes, find_missing_codes
from memnet.data.numbers import as_text, has_decimal_comma, to_numbers
from memnet.data.score_rows import OnePerId, ScoreRows, percent_hint, read_score_rows
from memnet.data.tables import TableInput, name_of, read_table_any, require_column, split_sheet
from memnet.errors import MemnetError
from memnet.util.arrays import Array
from memnet.util.csv_text import to_csv_text
from memnet.util.text import quoted, shorten_list

HIGHEST = 100.0
"""No form of a MemNet score is above it: they go from 0 to 1, or to 100 as percentages."""

_SAME = 1e-9
"""Scores of one picture that differ by less, relative to their size, are one score."""


@dataclass(frozen=True, kw_only=True)
class StudyTable:
    """A study's table, R rows about P pictures.

    Attributes
    ----------
    source, sha256 : the file's name and its digest.
    table : R rows of text, all columns in their order, indexed from 0.
    rows : ``(R,)``, how the user counts the rows: 2 is the first one below a file's names.
    id_column, score_column : where the picture's id and the old score stand.
    pictures : P ids, in the order of their first rows.
    place : int ``(R,)``: each row's picture, -1 where the row has no id.
    old : float64 ``(P,)``: old score of each picture, NaN where there is none to be used.
    notes : ``(R,)``: why a row's old score is not used, "" where it is.
    set_aside : sentences that count and name these rows and pictures.
    remarks : sentences about the old scores that are used all the same.
    assumed : sentences on what the file was taken to be.
    """

    source: str
    sha256: str
    table: pd.DataFrame
    rows: tuple[int, ...]
    id_column: str
    score_column: str
    pictures: tuple[str, ...]
    place: Any
    old: Array
    notes: tuple[str, ...]
    set_aside: tuple[str, ...]
    remarks: tuple[str, ...]
    assumed: tuple[str, ...] = ()

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


def read_study(table: TableInput, *, score_column: str, id_column: str = "image_id") -> StudyTable:
    """Read a study's table: CSV, TSV, Excel or Parquet file, or a DataFrame.

    Parameters
    ----------
    table : a row per picture, or per trial; a file's first line has the names of the columns.
    score_column : the old MemNet scores, one for each picture; rows of one picture repeat it.
    id_column : the picture's id, letter for letter what it is called in the new scores.

    Raises
    ------
    MemnetError
        if the file or a column is missing, rows have more cells than the head, or no row has both
        an id and a number as its score.
    """
    source = name_of(table if isinstance(table, pd.DataFrame) else Path(table).name)
    frame = read_table_any(table)
    if isinstance(table, pd.DataFrame):
        frame.index = pd.RangeIndex(2, len(frame) + 2)  # as if it had been a file
    if id_column == score_column and id_column in frame.columns:
        raise MemnetError(f"The id and the score cannot both be column {id_column!r}.")
    rows = read_score_rows(frame, column=score_column, id_column=id_column, source=source)
    rows.require_usable()
    per_id = rows.one_value_per_id(_SAME)
    return StudyTable(
        source=source,
        sha256=hashlib.sha256(_bytes(table)).hexdigest(),
        table=frame.reset_index(drop=True),
        rows=tuple(frame.index.tolist()),
        id_column=id_column,
        score_column=score_column,
        pictures=per_id.ids,
        place=per_id.place,
        old=per_id.values,
        notes=_notes(rows, per_id),
        set_aside=tuple(_set_aside(rows, per_id)),
        remarks=tuple(_remarks(rows, per_id)),
        assumed=rows.assumed,
    )


def _bytes(table: TableInput) -> bytes:
    """Return a file's bytes; a DataFrame's are those of its CSV."""
    if isinstance(table, pd.DataFrame):
        return to_csv_text(table).encode()
    return split_sheet(table)[0].read_bytes()


def _notes(rows: ScoreRows, per_id: OnePerId) -> tuple[str, ...]:
    """Say of each row why its old score is not used; "" where it is."""
    differing = rows.has_id & ~rows.coded & per_id.differing[per_id.place]
    return tuple(
        "the rows of this picture have different old scores" if apart else rows.note(row)
        for row, apart in enumerate(differing.tolist())
    )


def _set_aside(rows: ScoreRows, per_id: OnePerId) -> list[str]:
    """Count and name the rows and pictures without an old score that can be used."""
    source, column = rows.source, rows.column
    sentences = [f"{sentence}." for sentence in rows.broken]
    if rows.coded.any():
        named = shorten_list(
            f"{rows.texts[row]} in row {rows.rows[row]}" for row in np.flatnonzero(rows.coded)
        )
        taken = (
            "is taken as a missing value: it lies"
            if rows.coded.sum() == 1
            else "are taken as missing values: they lie"
        )
        sentences.append(f"{source}: {named} of {column!r} {taken} far outside all other numbers.")
    if nameless := np.flatnonzero(~rows.has_id).tolist():
        numbers = shorten_list(rows.rows[row] for row in nameless)
        sentences.append(
            f"{source}: {len(nameless):,} row(s) have no {rows.id_column} (row {numbers})."
        )
    if conflicting := [per_id.ids[picture] for picture in np.flatnonzero(per_id.differing)]:
        sentences.append(
            f"{source}: the rows of {len(conflicting):,} picture(s) have different scores in "
            f"{column!r} ({shorten_list(conflicting)}); a picture has one score, so it is not "
            "known which is meant."
        )
    explained = per_id.differing.copy()
    explained[per_id.place[rows.coded & rows.has_id]] = True
    without = np.flatnonzero(np.isnan(per_id.values) & ~explained)
    if len(without):
        names = shorten_list(per_id.ids[picture] for picture in without)
        sentences.append(
            f"{source}: {len(without):,} picture(s) have no number in {column!r} ({names})."
        )
    return sentences


_KEPT = "They are kept and enter every estimate (claims, agreement, crosswalk)."


def _remarks(rows: ScoreRows, per_id: OnePerId) -> list[str]:
    """Say what is odd about the old scores that are used all the same."""
    column, old = rows.column, per_id.values
    remarks = rows.doubts()
    without = rows.has_id & np.isnan(rows.values)
    filled = int((without & np.isfinite(old[np.maximum(per_id.place, 0)])).sum())
    if filled:
        remarks.append(
            f"{filled:,} row(s) have no number in {column!r}, but other rows of the same picture "
            "have one, which is used."
        )
    plain = np.isfinite(old)
    plain[per_id.place[rows.doubtful & rows.has_id]] = False  # which the doubts have named
    used = old[plain]
    if not len(used):
        return remarks
    below, above = int((used < 0).sum()), int((used > HIGHEST).sum())
    if below:
        remarks.append(
            f"{below:,} of {len(used):,} scores in {column!r} are below 0 (lowest {used.min():g}), "
            "but no published MemNet score is. Is it the right column? Are the scores "
            f"z-standardised? Does a negative number stand for a missing value? {_KEPT}"
        )
    if above:
        remarks.append(
            f"{above:,} of {len(used):,} scores in {column!r} are above {HIGHEST:g} (highest "
            f"{used.max():g}), but no form of a MemNet score is. Is it the right column? If such a "
            f"number stands for a missing value, empty its cells. {_KEPT}"
        )
    if used.min() >= 0 and HIGHEST >= used.max() > 1 >= float(np.median(used)):
        remarks.append(
            f"{int((used > 1).sum()):,} of {len(used):,} scores in {column!r} are above 1 (highest "
            f"{used.max():g}), the rest between 0 and 1. Raw outputs can be a little above 1; a "
            f"much larger number may stand for a missing value. {_KEPT}"
        )
    if any(map(has_decimal_comma, rows.texts[np.isfinite(rows.values)])):
        remarks.append(
            f"{column!r} is written with decimal commas. The study's columns stay as they are; the "
            "added columns have decimal points."
        )
    return remarks


def average_per_picture(study: StudyTable, column: str) -> tuple[Array, list[str]]:
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
    values = to_numbers(cells, study.source)
    usable = np.isfinite(values) & (study.place >= 0)
    if not usable.any():
        hint = percent_hint(cells) or (
            "; outcomes, covariates and the predictor must be numbers: write a category as columns "
            "of 0 and 1, or compare its groups with --group"
        )
        raise MemnetError(
            f"{study.source} has no number in column {column!r} (its first cell is "
            f"{quoted(cells.iloc[0])}){hint}."
        )
    count = np.bincount(study.place[usable], minlength=len(study.pictures))
    total = np.bincount(study.place[usable], values[usable], minlength=len(study.pictures))
    mean = np.divide(total, count, out=np.full(len(study.pictures), np.nan), where=count > 0)
    return mean, _name_words(study, column, values)


def warn_of_codes(study: StudyTable, column: str) -> list[str]:
    """Warn of numbers that look like codes for a missing value; they are used as they stand."""
    values = to_numbers(study.table[column], study.source)
    values[study.place < 0] = np.nan
    return [
        f"Column {column!r} has {_named(study, values, found)}, {where} all other numbers. The "
        "claims contain it as it stands: if it is the code of a missing value, empty the cell."
        for found, where in (
            (find_missing_codes(values), "far outside"),
            (find_doubtful_codes(values), "outside"),
        )
        if found.any()
    ]


def _named(study: StudyTable, values: Array, found: Any) -> str:
    return shorten_list(
        f"{values[row]:g} in row {study.rows[row]}" for row in np.flatnonzero(found)
    )


def read_group(study: StudyTable, column: str) -> tuple[Any, Any]:
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
    there = (study.place >= 0) & ~cells.str.lower().isin(EMPTY_CELLS).to_numpy(dtype=bool)
    labels = np.full(len(study.pictures), "", dtype=object)
    pairs = pd.DataFrame({"picture": study.place[there], "label": cells[there].to_numpy()})
    distinct = pairs.drop_duplicates()
    several = distinct["picture"][distinct["picture"].duplicated()].unique()
    unique = distinct[~distinct["picture"].isin(several)]
    labels[unique["picture"].to_numpy()] = unique["label"].to_numpy()
    mixed = np.zeros(len(study.pictures), dtype=bool)
    mixed[several] = True
    return labels, mixed


def _name_words(study: StudyTable, column: str, values: Array) -> list[str]:
    """Name cells that are neither numbers nor empty."""
    cells = study.table[column]
    text = cells.str.strip()
    bad = np.isnan(values) & ~text.str.lower().isin(EMPTY_CELLS).to_numpy(dtype=bool)
    if not bad.any():
        return []
    named = shorten_list(
        f"row {study.rows[row]}, {quoted(text.iloc[row])}" for row in np.flatnonzero(bad)
    )
    return [
        f"{study.source}: {int(bad.sum()):,} cell(s) of {column!r} are not numbers ({named})"
        f"{percent_hint(cells)}."
    ]
