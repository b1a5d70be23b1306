"""The one reader of "an id and a number", with one rule for what is missing.

It keeps every row and says of each why it cannot be used. Those who call it differ only in what
they do where an id stands in several rows:

- ``compare``, ``train`` and data sets (:func:`memnet.data.columns.read_column`): an error, since a
  picture has one score;
- ``diagnose`` (:func:`memnet.studies.diagnosis.column.read_old_column`): rows that repeat the same
  number count once, and an id with different numbers is set aside;
- ``migrate`` (:func:`memnet.studies.migrate.study.read_study`): rows are trials, all are kept; an
  id whose rows have different scores has none.

The last two are :meth:`ScoreRows.one_value_per_id`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from memnet.data.missing import EMPTY_CELLS, find_doubtful_codes, find_missing_codes
from memnet.data.numbers import as_text, to_numbers
from memnet.data.tables import (
    TABLE_GIVEN,
    TableInput,
    assumed_of,
    broken_rows,
    frame_and_name,
    require_column,
)
from memnet.errors import MemnetError
from memnet.util.text import abridged, quoted, shorten_list


class OnePerId(NamedTuple):
    """One value for each id; see :meth:`ScoreRows.one_value_per_id`."""

    ids: tuple[str, ...]  # (P,) in the order of their first rows
    place: np.ndarray  # int (R,): each row's id among them, -1 where the row has none
    values: np.ndarray  # float64 (P,): NaN where there is none, or several
    differing: np.ndarray  # bool (P,): whether the rows have different values


@dataclass(frozen=True, kw_only=True)
class ScoreRows:
    """Ids and scores of all R rows of a table, usable or not.

    Attributes
    ----------
    source : where they come from.
    id_column, column : where the ids and the scores stand.
    rows : ``(R,)``, how the user counts the rows: 2 is the first one below a file's header.
    ids : ``(R,)`` of str, exactly as they stand.
    texts : ``(R,)`` of str, the scores as they are written, without spaces around them.
    values : float64 ``(R,)``, NaN where there is no number, or a code for a missing one.
    coded : bool ``(R,)``, whether the cell is such a code.
    doubtful : bool ``(R,)``, whether the number may be such a code; it is used as a number.
    outside : bool ``(R,)``, whether the number lies outside ``within``; it is NaN in ``values``.
    within : the lowest and the highest score that there can be; None for no limits.
    assumed : sentences on what the file was taken to be.
    broken : sentences on rows of the file that are not among these, since their cells do not fit
        the names.
    """

    source: str
    id_column: str
    column: str
    rows: np.ndarray
    ids: np.ndarray
    texts: np.ndarray
    values: np.ndarray
    coded: np.ndarray
    doubtful: np.ndarray
    outside: np.ndarray
    within: tuple[float, float] | None = None
    assumed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()

    @property
    def has_id(self) -> np.ndarray:
        """Whether each row has an id, bool ``(R,)``."""
        return np.array([image_id.strip() != "" for image_id in self.ids.tolist()], dtype=bool)

    @property
    def usable(self) -> np.ndarray:
        """Whether each row has both an id and a number, bool ``(R,)``."""
        usable: np.ndarray = self.has_id & ~np.isnan(self.values)
        return usable

    def note(self, row: int) -> str:
        """Say why a row cannot be used, counted from 0; "" where it can."""
        if not self.ids[row].strip():
            return f"{self.id_column} is missing"
        if not np.isnan(self.values[row]):
            return ""
        text = self.texts[row]
        if self.coded[row]:
            return f"{self.column} is {quoted(text)}, taken for the code of a missing value"
        if text.lower() in EMPTY_CELLS:
            return f"{self.column} is missing" + (f" ({text!r})" if text else "")
        if self.within is not None and self.outside[row]:
            low, high = self.within
            return f"{self.column} is {text}, not within {low:g} to {high:g}"
        hint = _without_percent_sign(text)
        return f"{self.column} is {quoted(text)}, no number" + (f": write {hint}" if hint else "")

    def set_aside(self) -> list[str]:
        """Return a sentence for each row that cannot be used."""
        return list(self.broken) + [
            f"{self.source}, row {self.rows[row]}"
            + (f" ({abridged(self.ids[row])})" if self.ids[row].strip() else "")
            + f": {self.note(row)}"
            for row in np.flatnonzero(~self.usable).tolist()
        ]

    def doubts(self) -> list[str]:
        """Name the rows whose number may be the code of a missing value; no sentence for none."""
        rows = np.flatnonzero(self.doubtful & self.usable).tolist()
        others = self.values[np.isfinite(self.values) & ~self.doubtful]
        if not rows or not len(others):
            return []
        named = shorten_list(f"{self.texts[row]} in row {self.rows[row]}" for row in rows)
        return [
            f"{self.source}: {self.column} has {named}, outside all other numbers "
            f"({others.min():g} to {others.max():g}). Such a number may stand for a missing value, "
            "and is used as it stands: if it does, empty the cell."
        ]

    def require_usable(self) -> None:
        """Raise ``MemnetError`` where no row can be used; it shows the first cell."""
        if self.usable.any():
            return
        if len(self.ids) and not self.has_id.any():
            raise MemnetError(f"{self.source} has no id in column {self.id_column!r}.")
        first = (self.broken or ("no rows",))[0]
        if len(self.texts):
            first = f"its first cell is {quoted(self.texts[0])}"
        raise MemnetError(
            f"{self.source} has no usable number in column {self.column!r} "
            f"({first}){percent_hint(self.texts)}.{self._classes_hint()}"
        )

    def _classes_hint(self) -> str:
        """Say how two classes in words (``H`` and ``L``) are to be written; "" for others."""
        words = sorted({text for text in self.texts.tolist() if text.lower() not in EMPTY_CELLS})
        if len(words) != 2:
            return ""
        return (
            f" It holds two classes, {quoted(words[0])} and {quoted(words[1])}: write them as 0 "
            "and 1 (`memnet compare` takes them as they are, with --positive), or give the column "
            "of scores that they were made of."
        )

    def one_value_per_id(self, tolerance: float = 0.0) -> OnePerId:
        """Give each id the value on which all its usable rows agree.

        Parameters
        ----------
        tolerance : values of one id that differ by less, relative to their size (or to 1 where
            they are smaller), are one value.
        """
        has_id = self.has_id
        place = np.full(len(self.ids), -1)
        codes, ids = pd.factorize(self.ids[has_id])
        place[has_id] = codes
        usable = has_id & ~np.isnan(self.values)
        low, high = np.full(len(ids), np.inf), np.full(len(ids), -np.inf)
        np.minimum.at(low, place[usable], self.values[usable])
        np.maximum.at(high, place[usable], self.values[usable])
        there = np.isfinite(low)
        differing = np.zeros(len(ids), dtype=bool)
        differing[there] = high[there] - low[there] > tolerance * np.maximum(1, np.abs(high[there]))
        values = np.where(there & ~differing, low, np.nan)
        return OnePerId(tuple(map(str, ids)), place, values, differing)


def read_score_rows(
    table: TableInput,
    *,
    column: str,
    id_column: str,
    source: str = TABLE_GIVEN,
    within: tuple[float, float] | None = None,
) -> ScoreRows:
    """Read the ids and one column of scores of a table, every row of it.

    Missing are cells that are empty or in :data:`EMPTY_CELLS`, cells that are no number, and the
    codes that :func:`find_missing_codes` marks.

    Parameters
    ----------
    table : CSV, TSV, Parquet, or a DataFrame, which ``source`` names.
    column, id_column : where the scores and the pictures' ids stand.
    within : the lowest and the highest score that there can be; other rows cannot be used.

    Raises
    ------
    MemnetError
        if the file cannot be read or a column is missing.

    Examples
    --------
    >>> table = pd.DataFrame({"image_id": ["a", "b", "c"], "score": ["0.5", "0.7", "-999"]})
    >>> rows = read_score_rows(table, column="score", id_column="image_id")
    >>> rows.usable.tolist()
    [True, True, False]
    >>> rows.note(2)
    "score is '-999', taken for the code of a missing value"
    """
    frame, source = frame_and_name(table, source)
    for wanted in (id_column, column):
        require_column(frame, wanted, source)
    values = to_numbers(frame[column], source)
    coded, doubtful = find_missing_codes(values), find_doubtful_codes(values)
    values[coded] = np.nan
    low, high = within or (-np.inf, np.inf)
    outside = (values < low) | (values > high)
    values[outside] = np.nan
    return ScoreRows(
        source=source,
        id_column=id_column,
        column=column,
        rows=frame.index.to_numpy(),
        ids=as_text(frame[id_column]).to_numpy(dtype=object),
        texts=as_text(frame[column]).str.strip().to_numpy(dtype=object),
        values=values,
        coded=coded,
        doubtful=doubtful,
        outside=outside,
        within=within,
        assumed=tuple(assumed_of(frame)),
        broken=tuple(broken_rows(frame)),
    )


def percent_hint(cells: Iterable[str]) -> str:
    """Say how the first cell with a percent sign is to be written; "" where there is none."""
    for cell in cells:
        if hint := _without_percent_sign(cell.strip()):
            return f"; write {abridged(cell.strip())} as {abridged(hint)}"
    return ""


def _without_percent_sign(text: str) -> str:
    digits = text.removesuffix("%").strip()
    if digits == text:
        return ""
    try:
        number = to_numbers(pd.Series([digits], dtype=object))[0]
    except MemnetError:  # 12,345 % can be read in two ways
        return ""
    return f"{digits} or {number / 100:.12g}" if np.isfinite(number) else ""
