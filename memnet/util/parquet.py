"""Reading Parquet of others: what a file says of its size is checked before room is made for it.

The footer is read here, and not by pyarrow: of a damaged one it ends the process
(``ParquetFile(...).metadata.row_group(0).column(0)``), where ``read_parquet`` raises. It is a
structure of Thrift's compact protocol, as parquet.thrift of the format's repository describes it.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_FEW_ROWS = 1_000_000
_ROWS_PER_BYTE = 100
"""More than ids of pictures, of which no two are alike, can be packed into a byte."""

_MOST_UNPACKED = 2**34
_DEEPEST = 16

# Places of what is wanted in FileMetaData, RowGroup, ColumnChunk and ColumnMetaData.
_ROWS, _GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_ROWS = 1, 3
_CHUNK = 3
_VALUES, _UNPACKED = 5, 6


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

    if content[-4:] == b"PAR1" and len(content) > 12:  # else pyarrow says what is wrong
        _check_size(_footer(content), len(content))
    return pd.read_parquet(BytesIO(content), **how)


def group_rows(path: Path) -> list[int]:
    """Return how many rows each row group of a file has, by its footer alone.

    Raises
    ------
    ValueError
        if it is no such file, or says of itself what cannot be.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(max(0, size - 8))
        end = file.read(8)
        length = int.from_bytes(end[:4], "little")
        if size <= 12 or not start == end[4:] == b"PAR1" or length > size - 12:
            raise ValueError("it does not begin and end like one")
        file.seek(size - 8 - length)
        footer = _footer(start + file.read(length) + end)
    # What pictures unpack to is hardly more than the file; other columns have room besides.
    _check_size(footer, size, room=2 * size)
    return [group[_GROUP_ROWS] for group in footer[_GROUPS]]


def _check_size(footer: dict[int, Any], size: int, room: int = 0) -> None:
    """Raise ``ValueError`` where rows and bytes that a file says it holds cannot be.

    ``room`` is for columns that unpack to much, as pictures do.
    """
    most = max(_FEW_ROWS, _ROWS_PER_BYTE * size)
    groups = footer[_GROUPS]
    for rows in (footer[_ROWS], *(group[_GROUP_ROWS] for group in groups)):
        if not 0 <= rows <= most:
            raise ValueError(f"it says that it has {rows:,} rows, in {size:,} bytes")
    if sum(group[_GROUP_ROWS] for group in groups) != footer[_ROWS]:
        raise ValueError("its numbers of rows do not add up")
    chunks = [chunk[_CHUNK] for group in groups for chunk in group[_GROUP_COLUMNS]]
    for chunk in chunks:
        if not 0 <= chunk[_VALUES] <= most:
            raise ValueError(f"it says that a column has {chunk[_VALUES]:,} values")
    unpacked = max((chunk[_UNPACKED] for chunk in chunks), default=0)
    if sum(max(0, chunk[_UNPACKED]) for chunk in chunks) > _MOST_UNPACKED + room:
        raise ValueError(f"it says that it unpacks to {unpacked / 2**30:,.0f} GiB and more")


def _footer(content: bytes) -> dict[int, Any]:
    """Read a file's last structure: place of the field -> value, structures within likewise."""
    length = int.from_bytes(content[-8:-4], "little")
    if length > len(content) - 12:
        raise ValueError("its footer is longer than the file")
    compact = _Compact(content, len(content) - 8 - length)
    try:
        footer = compact.value(_STRUCT, 0)
        # What is looked at must be there, and be of its kind.
        for group in footer[_GROUPS]:
            numbers = [footer[_ROWS], group[_GROUP_ROWS]]
            for chunk in group[_GROUP_COLUMNS]:
                numbers += [chunk[_CHUNK][_VALUES], chunk[_CHUNK][_UNPACKED]]
            if not all(type(number) is int for number in numbers):
                raise TypeError
        footer[_ROWS] + 0
    except (IndexError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("its footer is damaged") from error
    known: dict[int, Any] = footer
    return known


_TRUE, _FALSE, _BYTE, _WHOLE, _DOUBLE, _BINARY, _LISTS, _STRUCT = (
    1,
    2,
    3,
    (4, 5, 6),
    7,
    8,
    (9, 10),
    12,
)


class _Compact:
    """Thrift's compact protocol, from a place in a file on."""

    def __init__(self, content: bytes, place: int) -> None:
        self.content = content
        self.place = place

    def value(self, kind: int, depth: int) -> Any:
        """Read a value of a kind; numbers, lists and structures, and None for all else."""
        if depth > _DEEPEST:
            raise ValueError("its footer is nested too deeply")
        if kind in _WHOLE:
            return self._signed()
        if kind == _STRUCT:
            return self._structure(depth)
        if kind in _LISTS:
            return self._list(depth)
        if kind == _BINARY:
            length = self._unsigned()
            self.place += length
        elif kind in (_BYTE, _DOUBLE):
            self.place += 1 if kind == _BYTE else 8
        elif kind not in (_TRUE, _FALSE):
            raise ValueError("its footer is damaged")
        return None

    def _byte(self) -> int:
        byte = self.content[self.place]
        self.place += 1
        return byte

    def _unsigned(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
            if shift > 63:
                raise ValueError("its footer is damaged")

    def _signed(self) -> int:
        number = self._unsigned()
        return (number >> 1) ^ -(number & 1)

    def _structure(self, depth: int) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        last = 0
        while head := self._byte():
            last = last + (head >> 4) if head >> 4 else self._signed()
            fields[last] = self.value(head & 15, depth + 1)
        return fields

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        length = head >> 4 if head >> 4 < 15 else self._unsigned()
        if length > len(self.content):
            raise ValueError("its footer is damaged")
        kind = head & 15
        if kind in (_TRUE, _FALSE):  # in a list each of these has a byte
            kind = _BYTE
        return [self.value(kind, depth + 1) for _ in range(length)]
