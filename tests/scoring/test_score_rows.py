"""Rows of the score table as CSV without pandas: the same bytes, and the same rows again."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from memnet.errors import MemnetError
from memnet.scoring import sinks
from memnet.scoring.sinks import write_rows
from memnet.scoring.table import (
    COLUMNS,
    Row,
    read_rows,
    read_rows_and_extras,
    rows_to_csv,
    to_frame,
    write_table,
)
from memnet.util.csv_text import disarm_cell, to_csv_text

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
    safe = to_csv_text(to_frame(rows).map(disarm_cell))
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


def test_a_table_that_a_spreadsheet_saved_anew_is_said_to_be_so(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text(ROW[0].replace(",", ";") + "\n" + ROW[1].replace(",", ";"), encoding="utf-8")
    with pytest.raises(MemnetError, match="a spreadsheet has saved it anew with another separator"):
        read_rows(path)


def test_a_workbook_is_opened_once(tmp_path, monkeypatch):
    """It is unpacked as a whole, which takes seconds for many pictures."""
    path = tmp_path / "scores.xlsx"
    row = Row.failed(image_id="a", path="a", model="m", variant="", reason="x")
    write_rows([row], path)
    opened, load = [], openpyxl.load_workbook
    monkeypatch.setattr(
        openpyxl, "load_workbook", lambda *a, **b: opened.append(1) or load(*a, **b)
    )
    assert read_rows(path) == [row]
    assert len(opened) == 1


def test_a_score_table_to_which_a_sheet_was_added_is_not_gone_on_with(tmp_path):
    path = tmp_path / "scores.xlsx"
    write_rows([Row.failed(image_id="a", path="a", model="m", variant="", reason="x")], path)
    book = openpyxl.load_workbook(path)
    book.create_sheet("mine")["A1"] = "notes"
    book.save(path)
    with pytest.raises(MemnetError, match=r"2 sheets \(table, mine\).* the others would be lost"):
        read_rows(path)


def test_write_table_replaces_score_tables_and_nothing_else(tmp_path):
    table = to_frame([Row.failed(image_id="a", path="a", model="m", variant="", reason="x")])
    path = tmp_path / "scores.csv"
    for _ in range(2):  # without a sidecar, which only tables of Predictor.score get
        write_table(table, path)
    (tmp_path / "human.csv").write_text("image_id,hit_rate\na,0.5\n")
    with pytest.raises(MemnetError, match=r"human\.csv exists and is no score table of memnet"):
        write_table(table, tmp_path / "human.csv")
    assert (tmp_path / "human.csv").read_text() == "image_id,hit_rate\na,0.5\n"


def test_parquet_is_written_in_groups_of_rows(tmp_path, monkeypatch):
    rows = [
        Row.failed(image_id=f"{n}.jpg", path="", model="m", variant="", reason="x")
        for n in range(7)
    ]
    extras = [{"trial": str(n)} if n % 2 else {} for n in range(7)]
    write_rows(rows, tmp_path / "one.parquet", extras)
    monkeypatch.setattr(sinks, "ROWS_A_GROUP", 3)
    write_rows(rows, tmp_path / "several.parquet", extras)
    assert pq.ParquetFile(tmp_path / "several.parquet").num_row_groups == 3
    one, several = (read_rows_and_extras(tmp_path / f"{n}.parquet") for n in ("one", "several"))
    assert one == several
    assert one == (rows, [{"trial": str(n) if n % 2 else ""} for n in range(7)])
