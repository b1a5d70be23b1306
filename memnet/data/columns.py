"""Reading columns of a table by the picture's id: scores, counts of answers, categories."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
from memnet.util.text import shorten_list

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
    identity : what the table's sidecar says of the model (weights, preprocessing, training data);
        None for a table without one, whose model is known by its name alone.
    """

    name: str
    source: str
    by_id: pd.Series
    rows: int
    set_aside: tuple[str, ...]
    variant: str = ""
    identity: dict[str, Any] | None = None


def read_column(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    column: str,
    id_column: str,
    name: str,
    variant: str = "",
    source: str = "a DataFrame",
) -> Scores:
    """Read one column of scores from a file or a DataFrame; ``source`` names the latter.

    Rows whose id is missing, or whose score is missing or no number, are set aside, each with a
    sentence.

    Raises
    ------
    MemnetError
        if a column is missing, an id occurs twice, or no row is usable.
    """
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        source = str(table)
        frame = _read_file(Path(table))
    for wanted in (id_column, column):
        require_column(frame, wanted, source)
    ids = as_text(frame[id_column])
    nameless = (ids.str.strip() == "").to_numpy(dtype=bool)
    _refuse_repeated(ids[~nameless], source, id_column)
    values = to_numbers(frame[column])
    bad = np.isnan(values) | nameless
    if bad.all():
        raise MemnetError(
            f"{source} has no usable number in column {column!r}{_first(frame[column])}."
        )
    set_aside = tuple(
        f"{source}, row {row}: {id_column} is missing"
        if no_id
        else f"{source}, row {row} ({image_id}): {column} is "
        + (f"{cell!r}, no number" if cell else "missing")
        for row, image_id, cell, no_id in zip(
            frame.index[bad].tolist(),
            ids[bad].tolist(),
            as_text(frame[column][bad]).tolist(),
            nameless[bad].tolist(),
            strict=True,
        )
    )
    by_id = pd.Series(values[~bad], index=pd.Index(ids[~bad], dtype=object))
    return Scores(
        name=name,
        source=source,
        by_id=by_id,
        rows=len(frame),
        set_aside=set_aside,
        variant=variant,
    )


def _read_file(path: Path) -> pd.DataFrame:
    frame = read_table_any(path)
    frame.index += 2  # as a spreadsheet counts: the header is row 1
    return frame


def _refuse_repeated(ids: pd.Series, source: str, id_column: str) -> None:
    twice = ids[ids.duplicated()]
    if len(twice):
        raise MemnetError(
            f"{source} has {twice.nunique()} id(s) more than once in column {id_column!r}: "
            f"{shorten_list(dict.fromkeys(twice))}; keep one row per picture."
        )


def _first(cells: pd.Series) -> str:
    """Say what a column without numbers holds."""
    if not len(cells):
        return " (no rows)"
    first = as_text(cells.iloc[:1]).iloc[0]
    percent = "; write 75 % as 0.75" if first.strip().endswith("%") else ""
    return f" (its first cell is {first!r}){percent}"


def read_extras(
    table: str | os.PathLike[str] | pd.DataFrame,
    columns: Mapping[str, str],
    *,
    id_column: str,
    ids: Sequence[str],
    source: str = "a DataFrame",
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
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        source = str(table)
        frame = _read_file(Path(table))
    for wanted in (id_column, *columns.values()):
        require_column(frame, wanted, source)
    keys = as_text(frame[id_column])
    _refuse_repeated(keys[keys.str.strip() != ""], source, id_column)
    wanted_ids = pd.Index(np.array(ids, dtype=object))
    at = pd.Index(keys, dtype=object).get_indexer(wanted_ids)
    if (at < 0).any():
        missing = [image_id for image_id, row in zip(ids, at, strict=True) if row < 0]
        raise MemnetError(
            f"{source} has no row for {len(missing)} picture(s): {shorten_list(missing)}."
        )
    rows = frame[list(dict.fromkeys(columns.values()))].iloc[at]
    found = pd.DataFrame(index=wanted_ids)
    for role, column in columns.items():
        text = as_text(rows[column])
        values = to_numbers(rows[column]) if role in COUNTS else np.zeros(len(rows))
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
        found[role] = values.astype(np.int64) if role in COUNTS else text.to_list()
    if {"hits", "responses"} <= set(columns):
        over = (found["hits"] > found["responses"]).to_numpy(dtype=bool)
        if over.any():
            raise MemnetError(
                f"{source} has more hits ({columns['hits']!r}) than responses "
                f"({columns['responses']!r}) for {over.sum():,} picture(s), "
                f"{shorten_list(found.index[over])}; the two columns may be swapped."
            )
    return found


def read_scores(
    table: str | os.PathLike[str] | pd.DataFrame,
    *,
    id_column: str,
    score_column: str = "score",
    name: str | None = None,
) -> list[Scores]:
    """Read predictions: a score table of ``memnet score`` (one or more models), or any CSV.

    A table with a ``model`` column gives one entry per model and variant; any other is one
    model, called ``name`` or after the file.
    """
    frame = table if isinstance(table, pd.DataFrame) else _read_file(Path(table))
    source = "a DataFrame" if isinstance(table, pd.DataFrame) else str(table)
    if id_column not in frame.columns and "image_id" in frame.columns:
        id_column = "image_id"  # truth may call it otherwise than a score table does
    if "model" not in frame.columns:
        label = name or (source if isinstance(table, pd.DataFrame) else Path(table).stem)
        return [
            _from(frame, source, column=score_column, id_column=id_column, name=label, variant="")
        ]
    known = {} if isinstance(table, pd.DataFrame) else _sidecar_models(Path(table))
    variants = as_text(frame["variant"]) if "variant" in frame.columns else ""
    frame = frame.assign(model=as_text(frame["model"]), variant=variants)
    if nameless := int((frame["model"].str.strip() == "").sum()):
        raise MemnetError(
            f"{source} has {nameless} row(s) without a name in column 'model'; fill them in, or "
            "remove the column if all scores are of one model."
        )
    found = []
    for (model, variant), rows in frame.groupby(["model", "variant"], sort=False):
        label = f"{model}:{variant}" if variant else str(model)
        column = _from(
            rows, source, column=score_column, id_column=id_column, name=label, variant=str(variant)
        )
        found.append(replace(column, identity=known.get(label)))
    return found


def _from(
    frame: pd.DataFrame, source: str, *, column: str, id_column: str, name: str, variant: str
) -> Scores:
    """Read one model's rows out of a table that has been read already."""
    for wanted in (id_column, column):
        require_column(frame, wanted, source)
    return read_column(
        frame, column=column, id_column=id_column, name=name, variant=variant, source=source
    )


def _sidecar_models(path: Path) -> dict[str, Any]:
    try:
        sidecar = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
        return dict(sidecar["models"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # no table of memnet's: the report says that the model is known by name only
