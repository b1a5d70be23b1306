"""Tables with a row per picture: read, made wide where they are score tables, joined by id.

Every cell stays text, as it stands. Where two rows, or two tables, say different things of one
picture in a column that is used, nobody can know which is meant, and it is refused by name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from memnet.data.matching import match_ids
from memnet.data.numbers import (
    DECIMAL_COMMA,
    POINT_COLUMNS,
    POINTS_UNSURE,
    as_text,
    with_decimal_points,
)
from memnet.data.score_columns import FAILED
from memnet.data.score_tables import read_beside
from memnet.data.tables import (
    TableInput,
    broken_rows,
    has_column,
    id_column_of,
    name_of,
    read_table_any,
    require_column,
    split_sheet,
)
from memnet.errors import MemnetError
from memnet.util.csv_text import to_csv_text
from memnet.util.text import model_label, quoted, shorten_list
from memnet.weights.digests import file_digest

_OF_A_MODEL = ("model", "variant", "score", "raw", "n_crops", "clamped", "warning")
"""Columns of a score table that say something of a model; the others are of the picture."""

_MUST_AGREE = ("sha256", "phash")
"""Columns in which tables may not contradict each other, whether they were named or not."""


@dataclass(frozen=True, kw_only=True)
class PictureTable:
    """A table with one row per picture, all cells text.

    Attributes
    ----------
    name : what messages call it.
    frame : indexed by the pictures' ids, without the column of ids.
    labels : of a score table, its models, each of which has a column of scores.
    models : model -> what decides its scores, from the file beside the table.
    lacking : column -> id of a picture -> why it has no value there, where that is known.
    notes : sentences.
    sources : of each file, ``file`` (its path), ``sha256`` and ``rows``.
    """

    name: str
    frame: pd.DataFrame = field(repr=False)
    labels: list[str] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    lacking: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)


def read_pictures(
    table: TableInput,
    others: Sequence[TableInput],
    *,
    id_column: str,
    used: Collection[str],
) -> PictureTable:
    """Read a table of pictures, and others that say more of the same pictures.

    Parameters
    ----------
    table : a row per picture; or a score table of ``memnet score``, which becomes a column of
        scores for each of its models.
    others : likewise; their columns stand beside those of ``table`` where the ids agree.
    id_column : the column with the ids; ``image_id`` where a table lacks it.
    used : columns that matter: in them two rows of a picture may not differ.

    Raises
    ------
    MemnetError
        if a table cannot be read or has no rows, no id of one is in the others, or two rows of a
        picture differ in a column that is used.

    Examples
    --------
    >>> scores = pd.DataFrame({"image_id": ["a", "b"], "score": [0.5, 0.9]})
    >>> more = pd.DataFrame({"image_id": ["b", "a"], "category": ["food", "animal"]})
    >>> joined = read_pictures(scores, [more], id_column="image_id", used=["category"])
    >>> joined.frame.loc["a"].tolist()
    ['0.5', 'animal']
    """
    joined = _read(table, name_of(table), id_column, used)
    for number, other in enumerate(others, 2):
        name = f"table {number}" if isinstance(other, pd.DataFrame) else name_of(other)
        joined = _join(joined, _read(other, name, id_column, used), used)
    return joined


def _read(table: TableInput, name: str, id_column: str, used: Collection[str]) -> PictureTable:
    frame = read_table_any(table)
    id_column = id_column_of(frame, id_column, name)
    require_column(frame, id_column, name)
    if not len(frame):
        raise MemnetError(f"{name} has no rows.")
    notes = [f"{sentence}." for sentence in broken_rows(frame)]
    source = {"file": _file(table), "sha256": _digest(table), "rows": len(frame)}
    ids = as_text(frame[id_column])
    named = (ids.str.strip() != "").to_numpy(dtype=bool)
    if not named.all():
        rows = shorten_list(frame.index[~named])
        notes.append(f"{name}: {int((~named).sum()):,} row(s) have no {id_column} (row {rows}).")
        if not named.any():
            raise MemnetError(f"{name} has no id in column {id_column!r}.")
    models = dict(table.attrs.get("models", {})) if isinstance(table, pd.DataFrame) else {}
    if not isinstance(table, pd.DataFrame):
        beside = read_beside(table)
        models = beside.models
        notes += beside.doubts
    frame = _unambiguous(frame, {id_column, *used}, name)
    frame = frame.loc[named].copy()
    is_scores = has_column(frame, "model", name) and has_column(frame, "score", name)
    if is_scores:
        frame["score"] = with_decimal_points(frame["score"], name)
    for column in set(used) & set(frame.columns) - {id_column}:
        # Here, and not of the joined table: what a comma is, is known from the whole of this one.
        frame[column] = _plain_numbers(frame[column], name)
    frame.attrs[DECIMAL_COMMA] = frame.attrs[POINTS_UNSURE] = False
    frame.attrs[POINT_COLUMNS] = []
    labels: list[str] = []
    lacking: dict[str, dict[str, str]] = {}
    if is_scores:
        wide, lacking = _wide(frame, id_column, name)
        labels = list(wide.columns)
        # Of one model, its raw outputs can be columns like any other.
        own = _OF_A_MODEL if len(labels) > 1 else ("model", "variant", "score", "warning")
        frame = frame[[column for column in frame.columns if column not in own]]
        frame = _one_row_each(frame, id_column, {*used, *_MUST_AGREE}, name)
        frame = pd.concat([wide, frame.drop(columns=labels, errors="ignore")], axis=1)
    else:
        if "warning" in frame.columns:  # of `memnet describe`, for all it could not measure
            failed = frame[as_text(frame["warning"]).str.startswith(FAILED)]
            why = failed["warning"].str.removeprefix(FAILED)
            reasons = dict(zip(failed[id_column], why, strict=True))
            lacking = {str(column): reasons for column in frame.columns if reasons}
        repeats = int(frame[id_column].duplicated().sum())
        frame = _one_row_each(frame, id_column, {*used, *_MUST_AGREE}, name)
        if repeats:
            notes.append(
                f"{name}: {repeats:,} row(s) repeat the picture of another row, and say nothing "
                "else in the columns that are used; each picture counts once."
            )
    return PictureTable(
        name=name,
        frame=frame,
        labels=labels,
        models=models,
        lacking=lacking,
        notes=notes,
        sources=[source],
    )


def _plain_numbers(cells: pd.Series, name: str) -> pd.Series:
    """Write numbers with decimal points; a column of words, "1,071" among them, stays."""
    try:
        return with_decimal_points(cells, name)
    except MemnetError:
        if _is_mostly_words(cells):
            return cells
        raise


def _is_mostly_words(cells: pd.Series) -> bool:
    texts = as_text(cells).str.strip()
    filled = texts[texts != ""]
    return bool(len(filled)) and not filled.str.fullmatch(r"[+-]?[\d.,' ]+").mean() > 0.5


def _unambiguous(frame: pd.DataFrame, used: Collection[str], name: str) -> pd.DataFrame:
    """Leave out columns without a name, and several of one name that nobody asked for."""
    for column in used:
        has_column(frame, column, name)  # refuses two of this name
    repeated = frame.columns.duplicated(keep=False) | (frame.columns == "")
    attrs = frame.attrs
    frame = frame.loc[:, ~repeated].copy()
    frame.attrs = dict(attrs)
    return frame


def _wide(
    frame: pd.DataFrame, id_column: str, name: str
) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """Make a column of scores for each model; say why a picture has none."""
    variants = as_text(frame["variant"]) if "variant" in frame else [""] * len(frame)
    if nameless := int((as_text(frame["model"]).str.strip() == "").sum()):
        raise MemnetError(f"{name} has {nameless:,} row(s) without a name in column 'model'.")
    pairs = zip(as_text(frame["model"]), variants, strict=True)
    long = pd.DataFrame(
        {
            "id": frame[id_column].to_numpy(),
            "label": [model_label(model, variant) for model, variant in pairs],
            "score": frame["score"].to_numpy(),
            "warning": as_text(frame["warning"]).to_numpy() if "warning" in frame else "",
        }
    )
    distinct = long.drop_duplicates(["id", "label", "score"])
    repeated = distinct[distinct.duplicated(["id", "label"])]
    if len(repeated):
        first = repeated.iloc[0]
        scores = distinct["score"][(distinct["id"] == first["id"])]
        raise MemnetError(
            f"{name} has several scores of {first['label']} for {repeated['id'].nunique():,} "
            f"picture(s), such as {quoted(first['id'])} ({shorten_list(scores)}); keep one."
        )
    failed = distinct[distinct["warning"].str.startswith(FAILED)]
    lacking = {
        str(label): dict(zip(rows["id"], rows["warning"].str.removeprefix(FAILED), strict=True))
        for label, rows in failed.groupby("label")
    }
    wide = distinct.pivot(index="id", columns="label", values="score").fillna("")
    wide = wide.loc[list(dict.fromkeys(long["id"])), list(dict.fromkeys(long["label"]))]
    return wide.rename_axis(index=None, columns=None), lacking


def _one_row_each(
    frame: pd.DataFrame, id_column: str, used: Collection[str], name: str
) -> pd.DataFrame:
    """Take the first row of each picture; refuse rows that differ in a column that is used."""
    for column in [each for each in frame.columns if each in used and each != id_column]:
        cells = frame[[id_column, column]].assign(**{column: frame[column].str.strip()})
        distinct = cells.drop_duplicates()
        several = distinct[id_column][distinct[id_column].duplicated()]
        if not len(several):
            continue
        image_id = several.iloc[0]
        rows = cells[cells[id_column] == image_id].drop_duplicates()
        said = " and ".join(
            f"{quoted(cell)} (row {row})" for row, cell in list(rows[column].items())[:3]
        )
        raise MemnetError(
            f"{name} has {several.nunique():,} picture(s) with different values in column "
            f"{column!r}: {quoted(image_id)} has {said}. A picture has one; keep the right row."
        )
    return frame.drop_duplicates(id_column).set_index(id_column).rename_axis(None)


def _join(left: PictureTable, right: PictureTable, used: Collection[str]) -> PictureTable:
    """Put the columns of another table beside those of the first, by id."""
    names = left.name, right.name
    match = match_ids(
        list(left.frame.index), list(right.frame.index), left_name=names[0], right_name=names[1]
    )
    match.require_any()
    notes = match.sentences()
    if match.left_only:
        notes.append(
            f"{len(match.left_only):,} picture(s) of {names[0]} are not in {names[1]}: "
            f"{shorten_list(match.left_only)}."
        )
    if match.right_only:
        notes.append(
            f"{len(match.right_only):,} picture(s) of {names[1]} are not in {names[0]}, and cannot "
            f"be chosen: {shorten_list(match.right_only)}."
        )
    aligned = right.frame.reindex(left.frame.index).fillna("")
    frame = left.frame.copy()
    for column in aligned.columns:
        if column not in frame.columns:
            frame[column] = aligned[column]
            continue
        old, new = frame[column], aligned[column]
        differ = _differ(old, new)
        if differ.any() and column in {*used, *_MUST_AGREE}:
            image_id = differ.index[differ.to_numpy(dtype=bool)][0]
            raise MemnetError(
                f"{names[0]} and {names[1]} both have a column {column!r}, and differ in it for "
                f"{int(differ.sum()):,} picture(s), such as {quoted(image_id)} "
                f"({quoted(old[image_id])} and {quoted(new[image_id])}); "
                + (
                    "the pictures changed: run the older command again."
                    if column in _MUST_AGREE
                    else "rename or delete one of the two."
                )
            )
        frame[column] = old.where(old.str.strip() != "", new)
    lacking = {**right.lacking, **left.lacking}
    for column in set(right.frame.columns) - set(left.frame.columns):
        gone = dict.fromkeys(match.left_only, f"it is not in {names[1]}")
        lacking[column] = {**gone, **lacking.get(column, {})}
    return PictureTable(
        name=f"{left.name} with {right.name}",
        frame=frame,
        labels=[*left.labels, *(each for each in right.labels if each not in left.labels)],
        models={**right.models, **left.models},
        lacking=lacking,
        notes=[*left.notes, *right.notes, *notes],
        sources=[*left.sources, *right.sources],
    )


def _differ(old: pd.Series, new: pd.Series) -> pd.Series:
    """Whether both have a value, and not the same: 0.5 and 0.50 are the same number."""
    old, new = old.str.strip(), new.str.strip()
    differ = (old != new) & (old != "") & (new != "")
    if differ.any():
        numbers = [pd.to_numeric(each[differ], errors="coerce") for each in (old, new)]
        differ.loc[differ] = ~(numbers[0] == numbers[1])
    return differ


def _file(table: TableInput) -> str:
    return "" if isinstance(table, pd.DataFrame) else os.fspath(table)


def _digest(table: TableInput) -> str:
    """Sha256 of a file's bytes; of a DataFrame, of its CSV."""
    if isinstance(table, pd.DataFrame):
        return hashlib.sha256(to_csv_text(table).encode()).hexdigest()
    return file_digest(split_sheet(table)[0])
