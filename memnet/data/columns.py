"""One column of a table by the picture's id: scores, and what stands beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.numbers import as_text, to_numbers
from memnet.data.score_rows import read_score_rows
from memnet.data.tables import TABLE_GIVEN, TableInput, frame_and_name, require_column
from memnet.errors import MemnetError
from memnet.util.text import quoted, shorten_list

COUNTS = ("hits", "responses", "false_alarms")
"""The columns beside the human scores that hold whole numbers; see :func:`read_extras`."""


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
    doubts : sentences on numbers that are used, and may stand for missing values.
    """

    name: str
    source: str
    by_id: pd.Series
    rows: int
    set_aside: tuple[str, ...]
    variant: str = ""
    assumed: tuple[str, ...] = ()
    identity: dict[str, Any] | None = None
    doubts: tuple[str, ...] = ()


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

    Rows that :func:`memnet.data.score_rows.read_score_rows` finds unusable are set aside, each with
    a sentence: without an id or a number, or not ``within`` the lowest and the highest score that
    there can be.

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
        doubts=tuple(rows.doubts()),
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
    frame, source = frame_and_name(table, source)
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
                f"row {row}, {quoted(cell)}"
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
