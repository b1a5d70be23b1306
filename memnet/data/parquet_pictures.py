"""Parquet files that hold encoded pictures, in the layout of Hugging Face's data sets.

A column of pictures is one of bytes, or of structures with a field ``bytes`` (beside which ``path``
says what the file was called). Rows are read in passes from their row group's beginning, a few at a
time: groups can be as long as the file.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

from memnet.data.contents import Contents, row_names
from memnet.data.parquet_columns import BYTES, left_out, picture_columns, read_schema
from memnet.data.picture_tables import ID_COLUMN, carried_columns
from memnet.data.tables import read_parquet_columns
from memnet.errors import MemnetError, PictureError, unknown_name
from memnet.preprocess.members import Container, Member, Stored, keep_open, too_long
from memnet.util.parquet import group_rows
from memnet.util.text import quoted, shorten_list


class ParquetContainer(Container):
    """A column of pictures; a place is a row group and a row in it."""

    def __init__(self, path: Path, column: str) -> None:
        super().__init__(path)
        self.part = column

    def read_stored(self, place: tuple[int, int], size: int, max_bytes: int) -> Stored:
        """Read a row."""
        cell = keep_open(self, lambda: _Rows(self.path, self.part)).read(*place)
        content = cell[BYTES] if isinstance(cell, dict) else cell
        if content is None:
            raise PictureError("This row holds no picture (its bytes are missing).")
        if len(content) > max_bytes:
            raise too_long(len(content), max_bytes)
        stored: bytes = content
        return stored


_FEW_ROWS = 16
"""Rows that are read at a time."""

_KEPT_BYTES = 2**27
"""Of rows read already, for those who come later: threads do not ask in order."""


class _Rows:
    """Rows of a column, which are cheap to read nearly in order."""

    def __init__(self, path: str, column: str) -> None:
        import pyarrow.parquet as pq

        # Not the whole of a column's part at once, but page by page.
        self._file = pq.ParquetFile(path, pre_buffer=False, buffer_size=2**20)
        self._column = column
        self._passes: OrderedDict[int, _Pass] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, group: int, row: int) -> Any:
        with self._lock:
            if group not in self._passes or row < self._passes[group].first:
                self._passes[group] = _Pass(self._file, group, self._column)
            self._passes.move_to_end(group)
            if len(self._passes) > 2:  # where one ends, the next begins
                self._passes.popitem(last=False)
            return self._passes[group].read(row)


class _Pass:
    """One pass over a row group; ``first`` is the first row that it can still give."""

    def __init__(self, file: Any, group: int, column: str) -> None:
        self._batches = file.iter_batches(
            batch_size=_FEW_ROWS, row_groups=[group], columns=[column], use_threads=False
        )
        self._kept: deque[tuple[int, Any]] = deque()
        self._bytes = 0
        self.first = self._end = 0

    def read(self, row: int) -> Any:
        while row >= self._end:
            batch = next(self._batches).column(0)
            self._kept.append((self._end, batch))
            self._end += len(batch)
            self._bytes += batch.nbytes
            while self._bytes > _KEPT_BYTES and len(self._kept) > 2:
                self._bytes -= self._kept.popleft()[1].nbytes
            self.first = self._kept[0][0]
        start, batch = next(each for each in self._kept if each[0] <= row < each[0] + len(each[1]))
        return batch[row - start].as_py()


def list_parquet(path: Path, column: str = "") -> Contents:
    """List the pictures in a Parquet file, in the order of its rows.

    Parameters
    ----------
    path : the file.
    column : which column; "" for the only one that holds pictures.

    Returns
    -------
    Contents
        a picture is called as the column ``image_id`` says, else as the field ``path`` beside its
        bytes does where that tells all apart, else by the number of its row, from 0; the column's
        name and ``/`` stand before it where several columns hold pictures. All other
        columns stand beside it, but those of pictures, which a note names.

    Raises
    ------
    MemnetError
        if it is no Parquet file, the column holds no pictures, there are several, or ids repeat.
    """
    known = picture_columns(path)
    if column and column not in known:
        raise unknown_name(f"column of pictures in {path}", column, known)
    if not known:
        raise MemnetError(
            f"{path} has no column of pictures (bytes, or a structure with a field 'bytes'); a "
            "table of their paths has a column 'path', or --path-column names it."
        )
    if not column and len(known) > 1:
        raise MemnetError(
            f"{path} has {len(known)} columns of pictures ({shorten_list(known)}); say which: "
            f"{path}::{next(iter(known))}"
        )
    column = column or next(iter(known))
    contents = Contents()
    container = ParquetContainer(path, known[column])
    others = [name for name in read_schema(path).names if name not in known]
    frame = read_parquet_columns(path, others)
    places = [(group, row) for group, rows in enumerate(group_rows(path)) for row in range(rows)]
    if others and len(frame) != len(places):
        raise MemnetError(f"{path} is damaged: its columns differ in length.")
    names = _ids(path, column, frame, len(places))
    if len(known) > 1:  # else the pictures of two columns would be taken for the same
        names = [f"{column}/{name}" for name in names]
    contents.members = {
        name: Member(container, place) for name, place in zip(names, places, strict=True)
    }
    if others:
        held = {ID_COLUMN} if ID_COLUMN in frame else set()
        contents.extras, contents.notes = carried_columns(frame, held, path)
    contents.notes += left_out(path, [name for name in known if name != column])
    return contents


def _ids(path: Path, column: str, frame: Any, count: int) -> list[str]:
    import pyarrow.parquet as pq

    if ID_COLUMN in frame:
        ids = list(map(str, frame[ID_COLUMN]))
        repeated = frame[ID_COLUMN][frame[ID_COLUMN].duplicated() | (frame[ID_COLUMN] == "")]
        if len(repeated):
            raise MemnetError(
                f"{path}, row {repeated.index[0]}: {ID_COLUMN} is empty or that of an earlier row "
                f"({quoted(repeated.iloc[0])}), so that scores could not be told apart."
            )
        return ids
    kind = pq.read_schema(path).field(column).type
    if getattr(kind, "num_fields", 0) and kind.get_field_index("path") >= 0:
        table = pq.ParquetFile(path).read(columns=[f"{column}.path"])
        cells = [cell["path"] if cell else None for cell in table.column(0).to_pylist()]
        paths = [cell for cell in cells if isinstance(cell, str) and cell]
        if len(set(paths)) == count:
            return paths
    return row_names(count)
