"""Where score rows go: into a file, or to stdout as they are made.

Parquet and the Arrow stream have one schema: text, float64, int64 and bool, and text for a user's
own columns.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from memnet.data.inputs import Inputs
from memnet.scoring.table import (
    COLUMNS,
    Extras,
    Row,
    extra_columns,
    row_to_json,
    table_cells,
    to_frame,
)
from memnet.util.atomic import replace_file, replace_text
from memnet.util.csv_text import has_returns, write_csv_cells
from memnet.util.table_files import write_frame

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_GROUP = 65_536
"""Of a Parquet file: so many rows are in memory a second time while it is written."""

TakeRows: TypeAlias = Callable[[list[Row]], None]
"""What is called with the rows of each batch."""


def write_rows(rows: Sequence[Row], path: Path, extras: Extras = ()) -> None:
    """Write a score table without a sidecar, whole or not at all.

    Raises
    ------
    MemnetError
        if the file cannot be written, or the kind of file cannot hold the table.
    """
    kind = path.suffix.lower()
    if kind == ".csv":
        _write_csv(rows, path, extras)
    elif kind == ".parquet":
        _write_parquet(rows, path, extras)
    else:
        write_frame(to_frame(rows, extras), path)


def _write_csv(rows: Sequence[Row], path: Path, extras: Extras) -> None:
    def lines() -> Iterator[Sequence[Any]]:
        names, cells = table_cells(rows, extras)
        yield names
        yield from cells

    in_quotes = has_returns(lines())
    with replace_text(path) as file:
        write_csv_cells(file, lines(), in_quotes=in_quotes)


def _write_parquet(rows: Sequence[Row], path: Path, extras: Extras) -> None:
    import pyarrow.parquet as pq

    names = extra_columns(extras)
    schema = table_schema(names)
    with replace_file(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for first in range(0, len(rows), ROWS_A_GROUP):
            part = slice(first, first + ROWS_A_GROUP)
            writer.write_batch(to_batch(rows[part], extras[part], schema))


def table_schema(names: Sequence[str] = ()) -> pa.Schema:
    """Return the columns of a score table and their types, and what tells pandas its own types.

    Parameters
    ----------
    names : the user's own columns.

    Examples
    --------
    >>> table_schema(["trial"]).field("n_crops").type, table_schema(["trial"]).names[-1]
    (DataType(int64), 'trial')
    """
    import pyarrow as pa

    row = Row.failed(image_id="", path="", model="", variant="", reason="")
    frame = to_frame([row], [dict.fromkeys(names, "")])
    return pa.Table.from_pandas(frame, preserve_index=False).schema


def to_batch(rows: Sequence[Row], extras: Extras, schema: pa.Schema) -> pa.RecordBatch:
    """Turn rows, and what stands beside each, into an Arrow record batch of this schema."""
    import pyarrow as pa

    columns: list[Any] = list(zip(*(row.cells for row in rows), strict=True))
    for name in schema.names[len(COLUMNS) :]:
        columns.append([extra.get(name, "") for extra in extras])
    return pa.record_batch(
        [
            pa.array(cells, field.type, from_pandas=True)  # NaN is missing, as in a data frame
            for cells, field in zip(columns or [[]] * len(schema), schema, strict=True)
        ],
        schema=schema,
    )


@contextmanager
def print_json_lines(inputs: Inputs) -> Iterator[TakeRows]:
    """Give the block what prints rows to stdout as they are made, a line of JSON each."""
    extras = inputs.extras_by_id()

    def take(rows: list[Row]) -> None:
        for row in rows:
            for extra in extras[row.image_id]:
                print(row_to_json(row, extra))
        sys.stdout.flush()

    yield take


@contextmanager
def print_arrow(inputs: Inputs) -> Iterator[TakeRows]:
    """Give the block what prints rows to stdout as an Arrow IPC stream, a record batch a time."""
    import pyarrow as pa

    extras = inputs.extras_by_id()
    schema = table_schema(extra_columns(list(itertools.chain.from_iterable(extras.values()))))
    stdout = sys.stdout.buffer
    stream = pa.ipc.new_stream(stdout, schema)

    def take(rows: list[Row]) -> None:
        each = [row for row in rows for _ in extras[row.image_id]]
        beside = [extra for row in rows for extra in extras[row.image_id]]
        stream.write_batch(to_batch(each, beside, schema))
        stdout.flush()

    yield take
    stream.close()  # not after an error: the end of the stream says that it is whole
    stdout.flush()
