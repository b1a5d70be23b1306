"""Reading Parquet of others: what a file says of its size is checked before room is made for it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FEW_ROWS = 1_000_000
_ROWS_PER_BYTE = 100
"""More than ids of pictures, of which no two are alike, can be packed into a byte."""

_MOST_UNPACKED = 2**34


def read_parquet(content: bytes, **how: Any) -> pd.DataFrame:
    """Read a table as ``pandas.read_parquet(**how)`` does.

    A damaged file of two kilobytes may say that it has 50,000,000,000 rows, and the reader would
    make room for them.

    Raises
    ------
    ValueError
        if the file says of itself what cannot be; pyarrow's and pandas' own errors otherwise.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    _check_size(pq.ParquetFile(BytesIO(content)).metadata, len(content))
    return pd.read_parquet(BytesIO(content), **how)


def _check_size(metadata: Any, size: int) -> None:
    """Raise ``ValueError`` where rows and bytes that a file says it holds cannot be."""
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    most = max(_FEW_ROWS, _ROWS_PER_BYTE * size)
    for rows in (metadata.num_rows, *(group.num_rows for group in groups)):
        if not 0 <= rows <= most:
            raise ValueError(f"it says that it has {rows:,} rows, in {size:,} bytes")
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError("its numbers of rows do not add up")
    unpacked = 0
    for group in groups:
        for place in range(group.num_columns):
            column = group.column(place)
            flat = metadata.schema.column(place).max_repetition_level == 0
            if flat and column.num_values != group.num_rows:
                raise ValueError(
                    f"one of its columns has {column.num_values:,} values in {group.num_rows:,} "
                    "rows"
                )
            if not (0 <= column.num_values <= most and column.total_uncompressed_size >= 0):
                raise ValueError(f"it says that a column has {column.num_values:,} values")
            unpacked += column.total_uncompressed_size
    if unpacked > _MOST_UNPACKED:
        raise ValueError(f"it says that it unpacks to {unpacked / 2**30:,.0f} GiB")
