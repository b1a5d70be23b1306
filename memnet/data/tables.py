"""Reading the tables that people have: commas, semicolons or tabs, with or without a BOM."""

from __future__ import annotations

import io
import math
import os
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pandas as pd

from memnet.errors import MemnetError

_SEPARATORS = (",", ";", "\t")

TABLE_GIVEN = "the table given"
"""What messages and records call a DataFrame, which has no file's name."""

TableInput = str | os.PathLike[str] | pd.DataFrame
"""A CSV, TSV or Parquet file, or a DataFrame."""


def name_of(table: TableInput) -> str:
    """Return what messages call a table: the file as it was given, or "the table given"."""
    return TABLE_GIVEN if isinstance(table, pd.DataFrame) else str(table)


def read_csv(path: Path) -> pd.DataFrame:
    """Read a CSV or TSV file with every cell as text, exactly as it stands.

    The separator is whichever of comma, semicolon and tab the header line has most of. Ids keep
    their leading zeros because nothing is turned into a number.

    Raises
    ------
    MemnetError
        if the file is missing, empty, not UTF-8, or not a table.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
        separator = max(_SEPARATORS, key=header.count)
        frame = pd.read_csv(
            path,
            sep=separator,
            dtype=str,
            keep_default_na=False,
            encoding="utf-8-sig",
        )
    except FileNotFoundError:
        raise MemnetError(f"There is no file {path}.") from None
    except UnicodeDecodeError as error:
        raise MemnetError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as 'CSV UTF-8'."
        ) from error
    except pd.errors.EmptyDataError:
        raise MemnetError(f"{path} is empty.") from None
    except (pd.errors.ParserError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise MemnetError(f"{path} cannot be read as a table ({reason}).") from error
    if not isinstance(frame.index, pd.RangeIndex):  # pandas would shift the columns
        raise MemnetError(
            f"{path} has rows with more cells than its first line has names; put cells that hold "
            "the separator into quotes, or name every column."
        )
    frame.columns = [str(column).strip() for column in frame.columns]
    return frame


def read_table_any(table: TableInput) -> pd.DataFrame:
    """Read a table with every cell as text; a missing value is ``""``.

    A DataFrame is read as its CSV file would be, so that what is said of empty cells, codes and
    decimals holds for it as well; it keeps its index.
    """
    if isinstance(table, pd.DataFrame):
        if not len(table.columns):
            raise MemnetError(f"{TABLE_GIVEN} has no columns.")
        text = io.StringIO(table.to_csv(index=False))
        frame = pd.read_csv(text, dtype=str, keep_default_na=False, skip_blank_lines=False)
        frame.columns = [str(column).strip() for column in frame.columns]
        frame.index = table.index
        return frame
    path = Path(table)
    if path.suffix.lower() != ".parquet":
        return read_csv(path)
    if not path.exists():
        raise MemnetError(f"There is no file {path}.")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise MemnetError(f"{path} cannot be read as Parquet ({error}).") from error
    return frame.apply(as_text)


def read_numbered_table(table: TableInput) -> pd.DataFrame:
    """Read a table as :func:`read_table_any`, rows indexed as a spreadsheet counts: from 2.

    A DataFrame keeps its own index.
    """
    frame = read_table_any(table)
    if isinstance(table, pd.DataFrame):
        return frame
    frame.index = pd.RangeIndex(2, len(frame) + 2)  # the header is row 1
    return frame


def as_text(cells: pd.Series) -> pd.Series:
    """Turn a column into text, a missing value into ``""``; text stays as it is."""
    if isinstance(cells.dtype, pd.StringDtype) and not cells.isna().any():
        return cells
    return cells.astype(object).where(cells.notna(), "").astype(str)


def require_column(frame: pd.DataFrame, column: str, path: Path | str) -> None:
    """Raise ``MemnetError`` naming the nearest column, and all of them, if one is missing."""
    if column in frame.columns:
        return
    near = get_close_matches(column, list(frame.columns), n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise MemnetError(
        f"{path} has no column {column!r}.{hint} Its columns: {', '.join(frame.columns)}."
    )


def to_numbers(cells: pd.Series) -> np.ndarray:
    """Turn cells into float64 ``(N,)``; what is no finite number becomes NaN.

    Text is rounded to the nearest float64, as Python's ``float()`` does. A decimal comma
    (``0,75``) counts where no cell of the column has a decimal point.
    """
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    else:
        text = as_text(cells).str.strip()
        if (
            text.str.contains(",", regex=False).any()
            and text.str.fullmatch(r"[+-]?\d*,\d+").any()
            and not text.str.contains(".", regex=False).any()
        ):
            text = text.str.replace(",", ".", regex=False)
        # float() rather than pandas' own parser: it rounds correctly in the last digit.
        values = np.array([_number(cell) for cell in text.tolist()], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def _number(cell: str) -> float:
    try:
        return math.nan if "_" in cell else float(cell)  # float() takes 0_5 for 5
    except ValueError:
        return math.nan
