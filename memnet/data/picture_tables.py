"""Tables that list pictures: a row is a picture, or a trial that shows one."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from memnet.data.boxes import BoxColumns
from memnet.data.delimited import EMPTY_ROWS
from memnet.data.parquet_columns import left_out, picture_columns, read_schema
from memnet.data.score_columns import SCORE_COLUMNS
from memnet.data.tables import (
    assumed_of,
    broken_rows,
    has_column,
    read_parquet_columns,
    read_table_any,
    require_column,
)
from memnet.errors import MemnetError
from memnet.preprocess.decode import Box
from memnet.util.text import without_credentials

if TYPE_CHECKING:
    import pandas as pd

ID_COLUMN = "image_id"


class Listed(NamedTuple):
    """A row of a table of pictures."""

    image_id: str
    path: str  # as it stands in the table; "" where there is none
    extra: dict[str, str]  # the other columns, as text
    box: Box | None  # of the picture; None for the whole
    suffix: str  # of the id, where rows are boxes of one picture


def read_picture_table(
    table: Path,
    path_column: str,
    *,
    with_ids: bool = True,
    box_columns: BoxColumns | None = None,
) -> tuple[list[Listed], list[str]]:
    """Read a table with a column of paths.

    Parameters
    ----------
    table : CSV, TSV, Excel or Parquet file.
    path_column : the column with the paths.
    with_ids : whether a column ``image_id`` holds the pictures' ids; else, and where there is
        none, an id is the path as it stands (an address without a user's name and password).
    box_columns : where the boxes stand; then, unless a column ``image_id`` differs in all rows, ids
        get a ``suffix``: ``#`` and the row's number as a spreadsheet counts it.

    Returns
    -------
    rows : in the table's order. Their other columns are called as in the table, but with
        ``_in_table`` behind the name where a score table has such a column itself. Columns called
        ``path`` and ``image_id`` that hold the path and the id are not among them.
    notes : sentences on columns that are called otherwise than in the table, or left out since they
        hold bytes, and on rows without anything, which are left out.

    Raises
    ------
    MemnetError
        if it cannot be read, has no such column or no rows, the column holds bytes, or a row has no
        id.
    """
    frame, notes = _read(table, path_column)
    if not has_column(frame, path_column, table):
        try:
            require_column(frame, path_column, table)
        except MemnetError as error:
            raise MemnetError(
                f"{error} Rename the one with the paths, or `memnet score` takes --path-column "
                "NAME."
            ) from error
    if broken := broken_rows(frame):
        raise MemnetError(f"{broken[0]}; mend the manifest.")
    has_ids = with_ids and has_column(frame, ID_COLUMN, table)
    paths = frame[path_column]
    ids = frame[ID_COLUMN] if has_ids else paths.map(without_credentials)
    empty = frame.index[ids == ""]
    if len(empty):
        advice = f", or leave such rows out (in SQL: WHERE {path_column} IS NOT NULL)"
        if with_ids:
            advice += f"; in a table with a column {ID_COLUMN} they become rows without a score"
        raise MemnetError(
            f"{table}, line {empty[0]}, has no "
            + (f"{ID_COLUMN}; fill it in." if has_ids else f"{path_column}; fill it in{advice}.")
        )
    if not len(frame):
        raise MemnetError(f"The manifest {table} lists no pictures.")
    boxes: Sequence[Box | None] = [None] * len(frame)
    suffixes = [""] * len(frame)
    if box_columns:
        boxes = box_columns.read(frame, table)
        if not has_ids or ids.duplicated().any():
            suffixes = [f"#{number}" for number in frame.index]
    held = {ID_COLUMN} if has_ids and not any(suffixes) else set()
    if path_column == "path":
        held.add(path_column)
    extras, renamed = carried_columns(frame, held, table)
    notes += renamed
    rows = zip(map(str, ids), map(str, paths), extras, boxes, suffixes, strict=True)
    return [Listed(*row) for row in rows], notes


def _read(table: Path, path_column: str) -> tuple[pd.DataFrame, list[str]]:
    """Read a table without the pictures in it, and say what is left out."""
    pictures: Mapping[str, str] = {}
    if table.suffix.lower() == ".parquet":
        with suppress(MemnetError):  # whoever reads it as a table says what is wrong
            pictures = picture_columns(table)
    if path_column in pictures:
        raise MemnetError(
            f"The column {path_column!r} of {table} holds bytes, not paths; pictures in it are "
            f"scored as {table}::{path_column}, without --path-column."
        )
    if pictures:
        others = [name for name in read_schema(table).names if name not in pictures]
        return read_parquet_columns(table, others), left_out(table, pictures)
    frame = read_table_any(table)
    return frame, [f"{table}: {note}" for note in assumed_of(frame) if note.endswith(EMPTY_ROWS)]


def carried_columns(
    frame: pd.DataFrame, held: Container[str], table: Path
) -> tuple[list[dict[str, str]], list[str]]:
    """Return the columns that the result has, too, for each row, and notes on their names.

    Parameters
    ----------
    frame : a table, all cells text.
    held : columns that the result has already.
    table : its file, for the notes.
    """
    names = _names(list(map(str, frame.columns)), held)
    notes = [
        f"{table}: its column {old!r} is called {new!r} in the result"
        + (", where memnet has a column of that name" if old in SCORE_COLUMNS else "")
        for old, new in names.values()
        if old != new
    ]
    cells = zip(*(frame.iloc[:, place] for place in names), strict=True)
    new_names = [new for _, new in names.values()]
    if not names:
        return [{} for _ in range(len(frame))], notes
    return [dict(zip(new_names, map(str, row), strict=True)) for row in cells], notes


def _names(columns: list[str], held: Container[str]) -> dict[int, tuple[str, str]]:
    """Name the columns to carry: place -> name in the table and in the result, each once."""
    taken = {*SCORE_COLUMNS, *columns}
    names: dict[int, tuple[str, str]] = {}
    used: set[str] = set()
    for place, old in enumerate(columns):
        if old in held:
            continue
        new = old or f"column_{place + 1}"
        if old in SCORE_COLUMNS:
            new = f"{old}_in_table"
        number = 2
        base = new
        while new in used or (new != old and new in taken):
            new, number = f"{base}_{number}", number + 1
        used.add(new)
        names[place] = (old, new)
    return names
