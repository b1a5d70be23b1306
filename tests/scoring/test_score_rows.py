"""Rows of the score table as CSV without pandas: the same bytes, and the same rows again."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from memnet.errors import MemnetError
from memnet.scoring.table import (
    COLUMNS,
    Row,
    read_rows,
    rows_to_csv,
    to_frame,
    write_rows,
    write_table,
)
from memnet.util.csv_text import disarm_formulas, to_csv_text

TEXTS = some.text(some.sampled_from('a,;"\n\r\t=- é😀'), max_size=6)
NUMBERS = some.none() | some.floats(allow_nan=False)
WHOLE = some.none() | some.integers(0, 10**9)
ROWS = some.lists(
    some.builds(
        Row,
        **dict.fromkeys(("image_id", "path", "model", "variant", "mode", "warning"), TEXTS),
        **dict.fromkeys(("score", "raw"), NUMBERS),
        **dict.fromkeys(("n_crops", "width", "height"), WHOLE),
        clamped=some.none() | some.booleans(),
    ),
    max_size=5,
)


@given(ROWS)
@settings(deadline=None)
def test_the_text_is_that_of_pandas(rows):
    assert [field.name for field in fields(Row)] == list(COLUMNS)
    assert rows_to_csv(rows) == to_csv_text(to_frame(rows))
    safe = to_csv_text(disarm_formulas(to_frame(rows)))
    assert rows_to_csv(rows, spreadsheet_safe=True) == safe


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@given(ROWS)
@settings(deadline=None, max_examples=30)
def test_what_was_written_is_read(ending, rows):
    with TemporaryDirectory() as folder:
        path = Path(folder, f"scores.{ending}")
        write_rows(rows, path)
        assert read_rows(path) == rows
        write_table(to_frame(rows), path)
        assert read_rows(path) == rows


ROW = rows_to_csv(
    [Row.failed(image_id="a", path="a", model="m", variant="", reason="x")]
).splitlines()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "is no score table of memnet: its columns are ; "),
        (["a,b", "1,2"], "is no score table of memnet: its columns are a, b; "),
        ([ROW[0], "a,b"], r"damaged score table \(row 2: it has 2 cells instead of 12\)"),
        ([*ROW, ROW[1] + ",x"], r"damaged score table \(row 3: it has 13 cells"),
        ([ROW[0], "a,a,m,,0.5x,,,,,,,"], r"\(row 2: could not convert string to float: '0.5x'\)"),
        ([ROW[0], "a,a,m,,0.5,0.5,1,yes,,,,"], r"\(row 2: 'yes'\)"),
        ([ROW[0], 'a,"a'], "is no score table of memnet"),
    ],
)
def test_what_is_no_score_table_is_said(lines, sentence, tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(MemnetError, match=sentence):
        read_rows(path)


def test_blank_lines_and_a_byte_order_mark_of_an_editor_do_no_harm(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("\n".join(["\ufeff" + ROW[0], "", ROW[1], "", ""]), encoding="utf-8")
    (row,) = read_rows(path)
    assert row.warning == "failed: x"
