"""Reading columns of a table by the picture's id: scores, counts of answers, categories.

There is one reader of "an id and a number" (:func:`read_score_rows`), with one rule for what is
missing. It keeps every row and says of each why it cannot be used. Those who call it differ only
in what they do where an id stands in several rows:

- ``compare``, ``train`` and data sets (:func:`read_column`): an error, since a picture has one
  score;
- ``diagnose`` (:func:`memnet.studies.diagnosis.column.read_old_column`): rows that repeat the same
  number count once, and an id with different numbers is set aside;
- ``migrate`` (:func:`memnet.studies.migrate.study.read_study`): rows are trials, all are kept; an
  id whose rows have different scores has none.

The last two are :meth:`ScoreRows.one_value_per_id`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from memnet.data.numbers import DECIMAL_COMMA, as_text, to_numbers, with_decimal_points
from memnet.data.tables import (
    TABLE_GIVEN,
    TableInput,
    assumed_of,
    broken_rows,
    has_column,
    read_table_any,
    require_column,
    split_sheet,
)
from memnet.errors import MemnetError
from memnet.util.json_text import parse_json
from memnet.util.text import printable, shorten_list

COUNTS = ("hits", "responses", "false_alarms")
"""The columns beside the human scores that hold whole numbers; see :func:`read_extras`."""

EMPTY_CELLS = ("", ".", "-", "na", "n/a", "n.a.", "nan", "none", "null", "#n/a", "#null!")
"""How a missing value is written, in lower case."""

MISSING_CODES = (-9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0)
"""Numbers that stand for a missing value in many tables; see :func:`find_missing_codes`."""


def find_missing_codes(values: np.ndarray) -> np.ndarray:
    """Mark numbers that stand for a missing value.

    The rule, for every column of scores that memnet reads: a number is taken for missing where it
    is one of :data:`MISSING_CODES` and lies outside the range of all other numbers of the column
    by more than the width of that range; or is -99 or less where no other is negative. (Where the
    others are all equal, their size stands for the width.) A response time of 999 ms among others
    from 400 to 900 is therefore kept, and one of -99 ms is not; nor is -9 taken for a code among
    corrected hit rates in per cent.

    Parameters
    ----------
    values : float64 ``(N,)``, NaN where there is no number.

    Returns
    -------
    bool ``(N,)``

    Examples
    --------
    >>> find_missing_codes(np.array([0.5, 0.9, -999.0])).tolist()
    [False, False, True]
    >>> find_missing_codes(np.array([400.0, 900.0, 999.0, -99.0])).tolist()
    [False, False, False, True]
    """
    coded: np.ndarray = np.isin(values, MISSING_CODES)
    if not coded.any():
        return coded
    others = values[~coded & np.isfinite(values)]
    if not len(others):
        return coded
    low, high = others.min(), others.max()
    width = high - low or abs(high)
    far = (values < low - width) | (values > high + width)
    missing: np.ndarray = coded & (far | ((values <= -99) & (low >= 0)))
    return missing


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
            return f"{self.column} is {text!r}, taken for the code of a missing value"
        if text.lower() in EMPTY_CELLS:
            return f"{self.column} is missing" + (f" ({text!r})" if text else "")
        if self.within is not None and self.outside[row]:
            low, high = self.within
            return f"{self.column} is {text}, not within {low:g} to {high:g}"
        hint = _without_percent_sign(text)
        return f"{self.column} is {text!r}, no number" + (f": write {hint}" if hint else "")

    def set_aside(self) -> list[str]:
        """Return a sentence for each row that cannot be used."""
        return list(self.broken) + [
            f"{self.source}, row {self.rows[row]}"
            + (f" ({self.ids[row]})" if self.ids[row].strip() else "")
            + f": {self.note(row)}"
            for row in np.flatnonzero(~self.usable).tolist()
        ]

    def require_usable(self) -> None:
        """Raise ``MemnetError`` where no row can be used; it shows the first cell."""
        if self.usable.any():
            return
        if len(self.ids) and not self.has_id.any():
            raise MemnetError(f"{self.source} has no id in column {self.id_column!r}.")
        first = f"its first cell is {self.texts[0]!r}" if len(self.texts) else "no rows"
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
            f" It holds two classes, {words[0]!r} and {words[1]!r}: write them as 0 and 1 (or give "
            "the column of scores that they were made of)."
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
    frame, source = _frame_and_name(table, source)
    for wanted in (id_column, column):
        require_column(frame, wanted, source)
    values = to_numbers(frame[column], source)
    coded = find_missing_codes(values)
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
        outside=outside,
        within=within,
        assumed=tuple(assumed_of(frame)),
        broken=tuple(broken_rows(frame)),
    )


def percent_hint(cells: Iterable[str]) -> str:
    """Say how the first cell with a percent sign is to be written; "" where there is none."""
    for cell in cells:
        if hint := _without_percent_sign(cell.strip()):
            return f"; write {cell.strip()} as {hint}"
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


def _frame_and_name(table: TableInput, source: str = TABLE_GIVEN) -> tuple[pd.DataFrame, str]:
    if isinstance(table, pd.DataFrame):
        return table, source
    return read_table_any(table), str(table)


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One column of scores, clean.

    Attributes
    ----------
    name : the model, or the column of human scores.
    source : where it came from.
    by_id : float64 scores indexed by image id, each id once, none missing.
    rows : rows that the source had.
    set_aside : a sentence per row that was unusable.
    variant : which variant of the model, "" for the plain one.
    assumed : sentences on what the file was taken to be: its encoding, its separator, what was
        passed over.
    identity : what the table's sidecar says of the model (weights, preprocessing, training data);
        None for a table without one, whose model is known by its name alone.
    """

    name: str
    source: str
    by_id: pd.Series
    rows: int
    set_aside: tuple[str, ...]
    variant: str = ""
    assumed: tuple[str, ...] = ()
    identity: dict[str, Any] | None = None


def read_column(
    table: TableInput,
    *,
    column: str,
    id_column: str = "image_id",
    name: str = "",
    variant: str = "",
    source: str = TABLE_GIVEN,
    within: tuple[float, float] | None = None,
) -> Scores:
    """Read one column of scores from a file or a DataFrame; ``source`` names the latter.

    Rows that :func:`read_score_rows` finds unusable are set aside, each with a sentence: without an
    id or a number, or not ``within`` the lowest and the highest score that there can be.

    Parameters
    ----------
    table : CSV, TSV, Excel or Parquet file, or a DataFrame.
    column, id_column : where the scores and the pictures' ids stand.
    name, variant : of the model, or of the human scores; the column's name by default.
    within : ``(0, 1)`` for hit rates; None for no limits.

    Raises
    ------
    MemnetError
        if a column is missing, an id occurs twice, or no row is usable.

    Examples
    --------
    >>> table = pd.DataFrame({"image_id": ["a", "b"], "hit_rate": [0.5, None]})
    >>> scores = read_column(table, column="hit_rate", id_column="image_id", name="people")
    >>> scores.by_id.to_dict()
    {'a': 0.5}
    >>> scores.set_aside
    ('the table given, row 1 (b): hit_rate is missing',)
    """
    rows = read_score_rows(table, column=column, id_column=id_column, source=source, within=within)
    advice = ""
    if differing := int(rows.one_value_per_id().differing.sum()):
        advice = (
            f"the rows of {differing:,} of them have different scores, so that it is not known "
            "which is meant (LaMem's five splits, for example, have labels of their own: use one "
            "split)."
        )
    _refuse_repeated(rows.ids[rows.has_id], rows.source, id_column, advice)
    rows.require_usable()
    usable = rows.usable
    return Scores(
        name=name or column,
        source=rows.source,
        by_id=pd.Series(rows.values[usable], index=pd.Index(rows.ids[usable], dtype=object)),
        rows=len(rows.ids) + len(rows.broken),
        set_aside=tuple(rows.set_aside()),
        variant=variant,
        assumed=rows.assumed,
    )


def _refuse_repeated(
    ids: Sequence[str] | np.ndarray, source: str, id_column: str, advice: str = ""
) -> None:
    index = pd.Index(ids, dtype=object)
    repeated = index[index.duplicated()]
    if len(repeated):
        raise MemnetError(
            f"{source} has {repeated.nunique()} id(s) more than once in column {id_column!r}: "
            f"{shorten_list(dict.fromkeys(repeated))}; {advice or 'keep one row per picture.'}"
        )


def read_extras(
    table: TableInput,
    columns: Mapping[str, str],
    *,
    id_column: str,
    ids: Sequence[str],
    source: str = TABLE_GIVEN,
) -> pd.DataFrame:
    """Read what stands beside the human scores: counts of answers, categories.

    Parameters
    ----------
    table : the file or DataFrame with the human scores; ``source`` names the latter.
    columns : what is wanted -> the column that has it. ``"hits"``, ``"false_alarms"`` and
        ``"responses"`` are whole numbers of answers; anything else (``"category"``) is text.
    id_column : the column with the picture's id.
    ids : the pictures wanted, N of them, as in :attr:`Joined.ids`. Other rows are not looked at.

    Returns
    -------
    DataFrame
        N rows indexed by id, in the order of ``ids``; counts as int64, text as str.

    Raises
    ------
    MemnetError
        if a column or a picture is missing, an id occurs twice, a cell is empty, a count is no
        whole number of 0 or more, there are no responses, or hits exceed responses.
    """
    frame, source = _frame_and_name(table, source)
    for wanted in (id_column, *columns.values()):
        require_column(frame, wanted, source)
    keys = as_text(frame[id_column])
    frame, keys = frame[keys.str.strip() != ""], keys[keys.str.strip() != ""]
    _refuse_repeated(keys.to_numpy(), source, id_column)
    wanted_ids = pd.Index(np.array(ids, dtype=object))
    positions = pd.Index(keys, dtype=object).get_indexer(wanted_ids)
    if (positions < 0).any():
        missing = [image_id for image_id, row in zip(ids, positions, strict=True) if row < 0]
        raise MemnetError(
            f"{source} has no row for {len(missing)} picture(s): {shorten_list(missing)}."
        )
    rows = frame[list(dict.fromkeys(columns.values()))].iloc[positions]
    extras = pd.DataFrame(index=wanted_ids)
    for role, column in columns.items():
        text = as_text(rows[column])
        # Of all rows, so that what its commas are does not depend on which pictures are wanted.
        values = (
            to_numbers(frame[column], source)[positions] if role in COUNTS else np.zeros(len(rows))
        )
        bad = (text.str.strip() == "").to_numpy(dtype=bool) | ~(
            (values >= (role == "responses")) & (values == np.floor(values))
        )
        if bad.any():
            need = "a whole number" if role in COUNTS else "a name"
            need += ", 1 or more," if role == "responses" else ""
            cells = [
                f"row {row}, {cell!r}"
                for row, cell in zip(rows.index[bad].tolist(), text[bad].tolist(), strict=True)
            ]
            raise MemnetError(
                f"{source} needs {need} in column {column!r} for every picture compared, and "
                f"{len(cells)} cell(s) hold none ({shorten_list(cells, 3)})."
            )
        extras[role] = values.astype(np.int64) if role in COUNTS else text.to_list()
    if {"hits", "responses"} <= set(columns):
        over = (extras["hits"] > extras["responses"]).to_numpy(dtype=bool)
        if over.any():
            raise MemnetError(
                f"{source} has more hits ({columns['hits']!r}) than responses "
                f"({columns['responses']!r}) for {over.sum():,} picture(s), "
                f"{shorten_list(extras.index[over])}; the two columns may be swapped."
            )
    return extras


class ScoreTable(NamedTuple):
    """Where predictions stand, if not in the column that all tables of a comparison share."""

    table: TableInput
    column: str = ""  # "" for that column
    name: str | None = None  # of the model, where the table does not name it

    def read(self, *, id_column: str, score_column: str) -> list[Scores]:
        """Read the predictions as :func:`read_scores` does."""
        column = self.column or score_column
        return read_scores(self.table, id_column=id_column, score_column=column, name=self.name)


def read_scores(
    table: TableInput,
    *,
    id_column: str,
    score_column: str = "score",
    name: str | None = None,
) -> list[Scores]:
    """Read predictions: a score table of ``memnet score`` (one or more models), or any CSV.

    A table with a ``model`` column gives one entry per model and variant; any other is one
    model, called ``name`` or after the file.

    Parameters
    ----------
    table : CSV, TSV, Excel, Parquet, or a DataFrame.
    id_column : the column with the picture's id; ``image_id`` where the table lacks it.
    score_column : the column with the predictions, on any scale; ``score`` where a table with a
        column ``model``, as memnet writes it, lacks it.

    Raises
    ------
    MemnetError
        as :func:`read_column`, for each model; if a row has no name in ``model``.

    Examples
    --------
    >>> table = pd.DataFrame({"image_id": ["a", "a"], "model": ["m", "n"], "score": [0.5, 0.6]})
    >>> [scores.name for scores in read_scores(table, id_column="image_id")]
    ['m', 'n']
    """
    frame, source = _frame_and_name(table)
    if not has_column(frame, id_column, source) and has_column(frame, "image_id", source):
        id_column = "image_id"  # truth may call it otherwise than a score table does
    ours = has_column(frame, "model", source) and has_column(frame, "score", source)
    if ours and not has_column(frame, score_column, source):
        score_column = "score"  # beside a laboratory's own table, which calls it otherwise
    if not has_column(frame, "model", source):
        label = name or (source if isinstance(table, pd.DataFrame) else printable(Path(table).stem))
        return [
            read_column(frame, column=score_column, id_column=id_column, name=label, source=source)
        ]
    if name:
        raise MemnetError(
            f"{source} has a column 'model', which names its models, so that it cannot be called "
            f"{name!r}; give it without a name, or remove the column."
        )
    if isinstance(table, pd.DataFrame):  # `Predictor.score` writes there what a sidecar holds
        known = table.attrs.get("models", {})
    else:
        known = _sidecar_models(table)
    variants = as_text(frame["variant"]) if has_column(frame, "variant", source) else ""
    frame = frame.assign(model=as_text(frame["model"]), variant=variants)
    require_column(frame, score_column, source)
    # The same for all models: what a comma is may be known from the rows of one only.
    frame[score_column] = with_decimal_points(frame[score_column], source)
    frame.attrs[DECIMAL_COMMA] = False
    if nameless := int((frame["model"].str.strip() == "").sum()):
        raise MemnetError(
            f"{source} has {nameless} row(s) without a name in column 'model'; fill them in, or "
            "remove the column if all scores are of one model."
        )
    models = []
    for (model, variant), rows in frame.groupby(["model", "variant"], sort=False):
        label = f"{model}:{variant}" if variant else str(model)
        scores = read_column(
            rows,
            column=score_column,
            id_column=id_column,
            name=label,
            variant=str(variant),
            source=source,
        )
        models.append(replace(scores, identity=known.get(label)))
    return models


def _sidecar_models(table: str | os.PathLike[str]) -> dict[str, Any]:
    path = split_sheet(table)[0]
    try:
        sidecar = parse_json(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        return dict(sidecar["models"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # no table of memnet's: the report says that the model is known by name only
