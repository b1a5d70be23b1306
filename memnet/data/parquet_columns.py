"""The columns of a Parquet file, and which of them hold pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memnet.errors import MemnetError
from memnet.util.parquet import group_rows
from memnet.util.text import shorten_list, words_of

if TYPE_CHECKING:
    import pandas as pd

BYTES = "bytes"
"""The field with an encoded picture, of a structure."""


def picture_columns(path: Path) -> dict[str, str]:
    """Find the columns of pictures in a Parquet file: name -> what is read of it.

    Raises
    ------
    MemnetError
        if it is no Parquet file.
    """
    import pyarrow as pa

    columns = {}
    for field in read_schema(path):
        if pa.types.is_struct(field.type):
            places = field.type.get_all_field_indices(BYTES)
            if len(places) == 1 and _is_bytes(field.type.field(places[0]).type):
                columns[field.name] = f"{field.name}.{BYTES}"
        elif _is_bytes(field.type):
            columns[field.name] = field.name
    return columns


def read_schema(path: Path) -> Any:
    """Return pyarrow's schema of a file; raises as :func:`picture_columns`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        group_rows(path)  # what a damaged file says of itself is looked at first
        return pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MemnetError(f"{path} cannot be read as Parquet ({words_of(error)}).") from error


def write_values(frame: pd.DataFrame, source: Path | BytesIO) -> pd.DataFrame:
    """Put text in the place of lists, structures and bytes in a table of a Parquet file.

    Lists and structures become JSON with all digits (NaN and infinities null, as JSON has none),
    bytes of a fixed length hexadecimal digits; pandas would shorten the first to a few digits.

    Parameters
    ----------
    frame : all rows of the file, and some of its columns.
    source : the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for field in pq.read_schema(source):
        nested = pa.types.is_nested(field.type)
        if field.name in frame and (nested or pa.types.is_fixed_size_binary(field.type)):
            column = pq.read_table(source, columns=[field.name])[field.name]
            frame[field.name] = [
                json.dumps(cell, ensure_ascii=False, default=str)
                if nested and cell is not None
                else cell
                for cell in map(_plain, column.to_pylist())
            ]
    return frame


def _plain(value: Any) -> Any:
    """Return what JSON has for a value."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def left_out(path: Path, columns: Iterable[str]) -> list[str]:
    """Say which columns of bytes the result has not; no sentence where there are none."""
    names = shorten_list(columns)
    return [f"{path}: its column(s) of bytes are left out of the result: {names}"] if names else []


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):  # each picture once, and rows that say which
        kind = kind.value_type
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
