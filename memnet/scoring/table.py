"""The score table: one row per picture and model, as CSV, Parquet or Excel file."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from memnet.data.score_columns import FAILED, SCORE_COLUMNS
from memnet.data.sidecar import SIDECAR_VERSION, sidecar_path
from memnet.errors import MemnetError
from memnet.util.atomic import write_text
from memnet.util.csv_text import cells_to_csv_text, disarm_cell
from memnet.util.parquet import read_parquet
from memnet.util.table_files import check_table, check_table_name, write_frame
from memnet.util.text import printable, words_of

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = SCORE_COLUMNS
"""Of each table; whatever else a user's own table had stands behind them, as text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One picture scored by one model.

    Attributes
    ----------
    image_id : path relative to the folder given, or the file's name.
    path : as the user gave it, "" for a picture that was no file.
    model, variant : who scored it.
    score : 0 to 1, or None where it failed.
    raw : mean of the network's outputs over the crops, before scaling and clamping.
    n_crops : crops averaged.
    clamped : whether the score was moved to stay in [0, 1].
    width, height : size in pixels.
    mode : as stored (``RGB``, ``L``, ``CMYK`` ...).
    warning : what was done to it that the user should know, or ``failed: why``.
    """

    image_id: str
    path: str
    model: str
    variant: str
    score: float | None
    raw: float | None
    n_crops: int | None
    clamped: bool | None
    width: int | None
    height: int | None
    mode: str
    warning: str

    @classmethod
    def failed(cls, *, image_id: str, path: str, model: str, variant: str, reason: str) -> Row:
        """Build the row of a picture that could not be scored."""
        return cls(
            image_id=image_id,
            path=path,
            model=model,
            variant=variant,
            score=None,
            raw=None,
            n_crops=None,
            clamped=None,
            width=None,
            height=None,
            mode="",
            warning=FAILED + reason,
        )

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Row:
        """Build a row of what was read from a file; texts that many rows share are kept once."""
        for name in ("model", "variant", "mode"):
            fields[name] = sys.intern(fields[name])
        return cls(**fields)

    @property
    def key(self) -> tuple[str, str, str]:
        """What may stand in a table once: model, variant, picture."""
        return self.model, self.variant, self.image_id

    @property
    def cells(self) -> tuple[Any, ...]:
        """Its values, in the order of the table's columns."""
        return _CELLS(self)

    def as_dict(self) -> dict[str, Any]:
        """Return its values by column."""
        return dict(zip(COLUMNS, _CELLS(self), strict=True))


_CELLS: Callable[[Row], tuple[Any, ...]] = attrgetter(*COLUMNS)  # 10 times as fast as astuple()

Extras: TypeAlias = Sequence[Mapping[str, str]]
"""What stands behind each row, of the user's own table: column -> cell, a mapping a row."""


def extra_columns(extras: Extras) -> list[str]:
    """Return the columns that any row has, in the order of their first rows."""
    return list(dict.fromkeys(name for extra in extras for name in extra))


def to_frame(rows: Iterable[Row], extras: Extras = ()) -> pd.DataFrame:
    """Build the table with its columns in order and typed; ``extras`` are of these rows."""
    import pandas as pd  # here: where CSV alone is read or written, it is not needed

    frame = pd.DataFrame([row.cells for row in rows], columns=list(COLUMNS)).astype(COLUMNS)
    for name in extra_columns(extras):
        frame[name] = pd.Series([extra.get(name, "") for extra in extras], dtype="object")
    return frame


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a score table atomically: a reader finds the old file or the new one, whole.

    A table of :meth:`memnet.Predictor.score` knows how its models score and what they were trained
    on: that is written beside it, as ``path`` + ``.json``. ``DataFrame.to_csv`` loses it, and so
    does a table that was read again: nothing is written beside that.

    Parameters
    ----------
    frame : what :meth:`memnet.Predictor.score` returned.
    path : ends in ``.csv``, ``.parquet`` or ``.xlsx`` (with the extra ``excel``); a score table
        that is there is replaced, any other file is not.

    Raises
    ------
    MemnetError
        if the ending is another, there is a file that is no score table, the file cannot be
        written, or the table does not fit into it.

    Examples
    --------
    >>> import tempfile, memnet, numpy as np
    >>> model = memnet.Predictor.from_function("grey.v1", lambda pictures: [0.5] * len(pictures))
    >>> table = model.score(np.zeros((20, 30, 3), dtype=np.uint8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     memnet.write_table(table, f"{folder}/scores.csv")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['scores.csv', 'scores.csv.json']
    """
    path = Path(path)
    check_table(frame, path)
    _keep_other_files(path)
    if models := frame.attrs.get("models"):
        sidecar = {"sidecar_version": SIDECAR_VERSION, "models": models}
        text = json.dumps(sidecar, indent=1, allow_nan=False)
        write_text(sidecar_path(path), text + "\n")
        frame = frame.copy(deep=False)
        frame.attrs = {}  # else Parquet would hold it, too
    write_frame(frame, path)


def _keep_other_files(path: Path) -> None:
    """Raise ``MemnetError`` where a file would be replaced that is no score table."""
    if not path.exists() or sidecar_path(path).exists():
        return
    try:
        read_rows(path)
    except MemnetError as error:
        raise MemnetError(
            f"{path} exists and is no score table of memnet; choose another name, or move it away."
        ) from error


def rows_to_csv(rows: Sequence[Row], extras: Extras = (), *, spreadsheet_safe: bool = False) -> str:
    """Write rows as CSV text, in the very bytes of their table's, but without pandas.

    Examples
    --------
    >>> row = Row.failed(image_id="a.jpg", path="a.jpg", model="m", variant="", reason="empty")
    >>> rows_to_csv([row]).splitlines()[1]
    'a.jpg,a.jpg,m,,,,,,,,,failed: empty'
    """
    return cells_to_csv_text(*table_cells(rows, extras, spreadsheet_safe=spreadsheet_safe))


def table_cells(
    rows: Sequence[Row], extras: Extras = (), *, spreadsheet_safe: bool = False
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Return the names of the columns, and the cells of each row."""
    names = extra_columns(extras)
    cells = (row.cells for row in rows)
    if names:
        beside = (tuple(extra.get(name, "") for name in names) for extra in extras)
        cells = (row + more for row, more in zip(cells, beside, strict=True))
    if spreadsheet_safe:
        cells = (tuple(map(disarm_cell, row)) for row in cells)
    return [*COLUMNS, *names], cells


def row_to_json(row: Row, extra: Mapping[str, str]) -> str:
    """Write a row as one line of strict JSON: what is missing is null, a user's cells are text.

    Examples
    --------
    >>> row = Row.failed(image_id="a.jpg", path="a.jpg", model="m", variant="", reason="empty")
    >>> json.loads(row_to_json(row, {"trial": "1"}))["score"] is None
    True
    """
    return json.dumps({**row.as_dict(), **extra}, allow_nan=False, ensure_ascii=False)


def read_table(path: Path) -> pd.DataFrame:
    """Read a score table that memnet wrote; raises as :func:`read_rows`."""
    return to_frame(read_rows(path))


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a score table that memnet wrote; raises as :func:`read_rows_and_extras`."""
    return read_rows_and_extras(path)[0]


def read_rows_and_extras(path: Path) -> tuple[list[Row], list[dict[str, str]]]:
    """Read a score table that memnet wrote, and the user's columns behind its own.

    Returns
    -------
    rows : one for each row of the file.
    extras : for each row its further cells, column -> text; empty where there are none.

    Raises
    ------
    MemnetError
        if it is no such table: the columns differ or the file cannot be parsed.
    """
    check_table_name(path, reading=True)
    kind = path.suffix.lower()
    names, cells = (_csv_cells if kind == ".csv" else _frame_cells)(path)
    if len(names) == 1 and re.split("[;\t]", names[0]) == list(COLUMNS):
        raise MemnetError(
            f"{path} was a score table of memnet, and a spreadsheet has saved it anew with another "
            "separator; `memnet compare` reads it, but to go on with it choose another --out."
        )
    further = names[len(COLUMNS) :]
    if names[: len(COLUMNS)] != list(COLUMNS) or len(set(names)) < len(names):
        raise MemnetError(
            f"{path} is no score table of memnet: its columns are "
            f"{printable(', '.join(map(str, names)))}; `memnet score --out` writes one."
        )
    rows, extras = [], []
    nothing: dict[str, str] = {}
    for number, row in enumerate(cells, start=2):
        try:
            if len(row) != len(names):
                raise ValueError(f"it has {len(row)} cells instead of {len(names)}")
            rows.append(_row(row[: len(COLUMNS)]))
            texts = map(_text, row[len(COLUMNS) :])
            extras.append(dict(zip(further, texts, strict=True)) if further else nothing)
        except (ValueError, TypeError, KeyError) as error:
            reason = printable(str(error), 200)
            raise MemnetError(
                f"{path} is a damaged score table (row {number}: {reason})."
            ) from error
    return rows, extras


def _csv_cells(path: Path) -> tuple[list[str], Iterable[list[str]]]:
    """Return names and rows of a CSV file, without blank lines."""
    lines = _csv_lines(path)
    return next(lines, []), lines


def _csv_lines(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from filter(None, csv.reader(file, strict=True))
    except (ValueError, OSError, csv.Error) as error:
        raise MemnetError(f"{path} is no score table of memnet ({words_of(error)}).") from error


def _frame_cells(path: Path) -> tuple[list[str], Iterable[list[Any]]]:
    """Return names and rows of an Excel or Parquet file."""
    try:
        if path.suffix.lower() == ".xlsx":
            frame = _only_sheet(path)
        else:
            frame = read_parquet(path.read_bytes())
    except (ValueError, OSError) as error:
        raise MemnetError(f"{path} is no score table of memnet ({words_of(error)}).") from error
    parts = (frame.iloc[at : at + _ROWS_AT_ONCE] for at in range(0, len(frame), _ROWS_AT_ONCE))
    plain = (part.astype(object).where(part.notna(), None) for part in parts)
    return list(frame.columns), (row for part in plain for row in part.to_numpy().tolist())


_ROWS_AT_ONCE = 65_536
"""As Python's objects a table takes many times its memory."""


def _only_sheet(path: Path) -> pd.DataFrame:
    from memnet.data.excel import SeveralSheetsError
    from memnet.data.tables import read_table_any

    try:
        return read_table_any(path)
    except SeveralSheetsError as error:
        raise MemnetError(
            f"{path} has {len(error.sheets)} sheets ({printable(', '.join(error.sheets), 200)}), "
            "and a score table of memnet has one: the others would be lost; choose another --out."
        ) from error


def _row(cells: Sequence[Any]) -> Row:
    """Give cells their types back. ``float()`` reads a score exactly as it was written."""
    values: list[Any] = [
        _READ[kind](cell) if kind == "object" or cell not in ("", None) else None
        for kind, cell in zip(COLUMNS.values(), cells, strict=True)
    ]
    return Row.read(dict(zip(COLUMNS, values, strict=True)))


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _number(cell: Any) -> float | None:
    number = float(cell)
    return None if math.isnan(number) else number


_READ: dict[str, Callable[[Any], Any]] = {
    "object": _text,
    "float64": _number,
    "Int64": int,
    "boolean": {"True": True, "False": False, True: True, False: False}.__getitem__,
}
"""pandas type -> what reads a cell of it."""
