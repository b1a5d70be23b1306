"""Tables as Excel files: the very same table is read again, and nothing in it is a formula."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some

from memnet.data.tables import read_table_any
from memnet.errors import MemnetError
from memnet.util import workbook
from memnet.util.table_files import check_rows, check_table_name, write_frame
from memnet.util.workbook import decode_text, encode_text

TEXTS = ["=1+1", "+1", "-1", "@SUM(A1)", "007", "1e5", "0,75", " a ", "a\nb\tc", "a\rb", "\x07"]
TEXTS += ["_x000D_", "_x0041_", "<&>\"'", "caf\u00e9 \U0001f600", "TRUE", "#N/A", "2020-01-01"]


def written(frame: pd.DataFrame, folder: Path) -> Path:
    write_frame(frame, folder / "t.xlsx")
    return folder / "t.xlsx"


def test_texts_are_read_as_they_were_and_no_cell_is_a_formula(tmp_path):
    path = written(pd.DataFrame({"image_id": TEXTS, "=name": "x"}), tmp_path)
    table = read_table_any(path)
    assert table["image_id"].tolist() == TEXTS
    assert list(table.columns) == ["image_id", "=name"]
    cells = [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
    assert {cell.number_format for cell in cells} == {"@"}  # typed over, it stays text
    with zipfile.ZipFile(path) as archive:
        assert b"<f" not in archive.read("xl/worksheets/sheet1.xml")


@given(
    some.lists(some.sampled_from(["_", "x", "000D", "005F", "0041", "\r", "\x07", "a", "\ufffe"]))
)
def test_what_xml_cannot_hold_is_escaped_without_loss(parts):
    text = "".join(parts)
    assert decode_text(encode_text(text)) == text
    assert not re.search("[\0-\x08\x0b-\x1f\ufffe\uffff]", encode_text(text))


def test_numbers_are_the_same_float64(tmp_path):
    draw = np.random.default_rng(0)
    values = np.concatenate(
        [
            draw.random(300),
            draw.random(300) * 10.0 ** draw.integers(-300, 300, 300),
            [0.1 + 0.2, 5e-324, 1.7976931348623157e308, 1e16, -0.0, 0.0, 1.0],
        ]
    )
    cells = read_table_any(written(pd.DataFrame({"score": values}), tmp_path))["score"]
    found = np.array([float(cell) for cell in cells])
    assert found.tobytes() == values.tobytes()


def test_whole_numbers_truths_and_gaps_are_what_they_are_in_csv(tmp_path):
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None, 3], dtype="Int64"),
            "yes": pd.array([True, False, None], dtype="boolean"),
            "long": [10**15, 12345678901234567, -7],
            "score": [0.5, float("nan"), float("-inf")],
            "text": ["a", None, ""],
        }
    )
    table = read_table_any(written(frame, tmp_path))
    frame.to_csv(tmp_path / "t.csv", index=False)
    pd.testing.assert_frame_equal(table, read_table_any(tmp_path / "t.csv"))
    sheet = openpyxl.load_workbook(tmp_path / "t.xlsx").active
    assert [sheet[place].value for place in ("A2", "B2", "C2", "C4")] == [
        1,
        True,
        "1000000000000000",
        -7,
    ]


def test_an_old_file_stays_where_none_can_be_made(tmp_path, monkeypatch):
    path = written(pd.DataFrame({"a": ["x"]}), tmp_path)
    before = path.read_bytes()
    monkeypatch.setattr(workbook, "_cell", lambda sheet, value: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        written(pd.DataFrame({"a": ["y"]}), tmp_path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["t.xlsx"]


def test_what_a_sheet_cannot_hold_is_one_sentence_before_anything_is_written(tmp_path, monkeypatch):
    path = tmp_path / "t.xlsx"
    with pytest.raises(MemnetError, match=r"1,048,576 rows, and a sheet of \.xlsx holds 1,048,575"):
        check_rows(path, 1_048_576)
    check_rows(path, 1_048_575)
    check_rows(tmp_path / "t.csv", 10**9)
    with pytest.raises(MemnetError, match=r"row 3 of column 'a' has 40,000 letters"):
        write_frame(pd.DataFrame({"a": ["x", "y" * 40_000]}), path)
    with pytest.raises(MemnetError, match=r"row 2 of column 'a' has 32,000 letters"):
        write_frame(pd.DataFrame({"a": ["y" * 31_000 + "\r" * 1_000]}), path)  # as it is written
    with pytest.raises(MemnetError, match="20,000 columns"):
        write_frame(pd.DataFrame(np.zeros((1, 20_000))), path)
    monkeypatch.setattr(workbook, "ROWS", 3)
    with pytest.raises(MemnetError, match="would get 3 rows"):
        write_frame(pd.DataFrame({"a": range(3)}), path)
    assert not list(tmp_path.iterdir())
    write_frame(pd.DataFrame({"a": range(2)}), path)


def test_columns_are_named_as_spreadsheets_name_them(tmp_path):
    frame = pd.DataFrame([range(800)], columns=[f"c{n}" for n in range(800)])
    sheet = openpyxl.load_workbook(written(frame, tmp_path)).active
    assert [sheet[f"{name}2"].value for name in ("Z", "AA", "AZ", "BA", "ZZ", "AAA")] == [
        25,
        26,
        51,
        52,
        701,
        702,
    ]


def test_without_openpyxl_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MemnetError, match=r"s\.xlsx .* needs openpyxl: pip install .*\[excel\]"):
        check_table_name(Path("s.xlsx"))
    check_table_name(Path("s.csv"))
    with pytest.raises(MemnetError, match=r"must end in \.csv, \.parquet or \.xlsx"):
        check_table_name(Path("s.ods"))
