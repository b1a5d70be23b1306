"""Parquet files that say of themselves what cannot be."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import references
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError
from memnet.scoring.table import read_rows
from memnet.util import parquet
from memnet.util.parquet import read_parquet

HOSTILE = references.GOLDEN / "hostile"


def written(frame: pd.DataFrame, **how: object) -> bytes:
    stream = io.BytesIO()
    frame.to_parquet(stream, **how)
    return stream.getvalue()


@pytest.mark.parametrize("read", [read_table_any, read_rows])
def test_rows_that_a_small_file_cannot_hold_are_not_made_room_for(read):
    """Reading it takes 15 GB and a minute without the check, and no memory with it."""
    path = HOSTILE / "rows.parquet"
    assert path.stat().st_size < 3_000
    with pytest.raises(MemnetError, match=r"50,576,946,813 rows, in 2,029 bytes"):
        read(path)


def test_a_footer_that_ends_the_process_in_pyarrow_is_a_sentence():
    """pyarrow 26's ParquetFile(path).metadata.row_group(0).column(0) ends it with SIGABRT."""
    with pytest.raises(MemnetError, match="cannot be read as Parquet"):
        read_table_any(HOSTILE / "histogram.parquet")


def test_the_footer_is_read_as_pyarrow_reads_it():
    frame = pd.DataFrame({"image_id": list("abcdefgh"), "score": 0.5, "boxes": [[1, 2]] * 8})
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame), stream, row_group_size=3)
    footer, metadata = parquet._footer(stream.getvalue()), pq.ParquetFile(stream).metadata
    assert footer[parquet._ROWS] == metadata.num_rows == 8
    for place, group in enumerate(footer[parquet._GROUPS]):
        theirs = metadata.row_group(place)
        assert group[parquet._GROUP_ROWS] == theirs.num_rows
        for column, chunk in enumerate(group[parquet._GROUP_COLUMNS]):
            found = chunk[parquet._CHUNK]
            assert found[parquet._VALUES] == theirs.column(column).num_values
            assert found[parquet._UNPACKED] == theirs.column(column).total_uncompressed_size
    assert len(footer[parquet._GROUPS]) == metadata.num_row_groups == 3


def test_what_a_file_says_is_checked_before_it_is_read(monkeypatch):
    frame = pd.DataFrame({"image_id": [f"{k}.jpg" for k in range(3_000)], "score": 0.5})
    content = written(frame)
    monkeypatch.setattr("memnet.util.parquet._FEW_ROWS", 10)
    monkeypatch.setattr("memnet.util.parquet._ROWS_PER_BYTE", 0)
    with pytest.raises(ValueError, match=r"says that it has 3,000 rows, in [\d,]+ bytes"):
        read_parquet(content)
    monkeypatch.setattr("memnet.util.parquet._FEW_ROWS", 3_000)
    monkeypatch.setattr("memnet.util.parquet._MOST_UNPACKED", 100)
    with pytest.raises(ValueError, match="unpacks to"):
        read_parquet(content)


def test_honest_files_are_read_as_pandas_reads_them():
    """Many rows of one value, several row groups, an index, lists, no row at all."""
    frames = [
        pd.DataFrame({"image_id": "a.jpg", "score": np.full(900_000, 0.5)}),
        pd.DataFrame({"score": [0.5, None]}, index=pd.Index(["a", "b"], name="image_id")),
        pd.DataFrame({"image_id": ["a", "b"], "boxes": [[1, 2, 3], []]}),
        pd.DataFrame({"image_id": [], "score": []}),
    ]
    for frame in frames:
        pd.testing.assert_frame_equal(
            read_parquet(written(frame)), pd.read_parquet(io.BytesIO(written(frame)))
        )
    stream = io.BytesIO()
    pq.write_table(pa.table({"image_id": list("abcdefgh")}), stream, row_group_size=3)
    assert read_parquet(stream.getvalue())["image_id"].tolist() == list("abcdefgh")
