"""Tables as people's programs write them: read as they were meant, or refused with both readings.

The expected values are what the cells say to a person who knows which program wrote them.
"""

from __future__ import annotations

import math
import os
import zipfile
from decimal import Decimal

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memnet
from memnet.data import excel
from memnet.data.columns import read_column, read_extras
from memnet.data.delimited import parse_text_table
from memnet.data.numbers import to_numbers
from memnet.data.score_tables import read_scores
from memnet.data.tables import assumed_of, read_table_any
from memnet.errors import MemnetError


def numbers(*cells: str) -> list[float]:
    return to_numbers(pd.Series(cells, name="rt", dtype=object), "t.csv").tolist()


GUESSED = "Windows-1252, since it is not UTF-8"
IF_WRONG = "if that is wrong, save the table as UTF-8"


def read(tmp_path, content: str | bytes, name: str = "t.csv") -> pd.DataFrame:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table_any(path)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["0,629", "0,7"], [0.629, 0.7]),
        (["0,629", "1,071"], [0.629, 1.071]),  # 0,629 cannot be thousands
        ([",5", "-0,25", "1,5e-3"], [0.5, -0.25, 0.0015]),
        (["1,071,000", "1,071", "914"], [1_071_000, 1071, 914]),
        (["1,234.5", "1,071"], [1234.5, 1071]),
        (["1.234,5", "1.071"], [1234.5, 1071]),
        (["1.071.000", "1.071"], [1_071_000, 1071]),
        (["1.071", "0.914"], [1.071, 0.914]),  # a point alone is a decimal point
        (["1.071", "914"], [1.071, 914]),
        (["0,5", "0.25", "n.a."], [0.5, 0.25, math.nan]),
        (["0,5", "12,3456"], [0.5, 12.3456]),
        (["1e3", "inf", "0_5", "abc", ""], [1000, math.nan, math.nan, math.nan, math.nan]),
        (["-1,071,000", "+2,000"], [-1_071_000, 2000]),
        (
            ["\u20130.130", "\u2013,5", "0.2", "\u2013", "\u2013a"],
            [-0.13, -0.5, 0.2, *[math.nan] * 2],
        ),
        (["\u20130,130", "\u20131,071", "1\u20132"], [-0.13, -1.071, math.nan]),
        (["1'071", "914", "12\u2019345.5"], [1071, 914, 12_345.5]),  # Swiss
        (["1\u202f071", "914", "1\u00a0234,500", "0,25"], [1071, 914, 1234.5, 0.25]),  # French
        (["\u22120.5", "\u22120,25", "1 071"], [-0.5, -0.25, math.nan]),  # perhaps two numbers
        (["1 071", "914", "12 345,5", "n.a."], [1071, 914, 12_345.5, math.nan]),
        (["1 071", "914", "1234"], [math.nan, 914, 1234]),
    ],
)
def test_a_comma_and_a_point_are_read_as_the_column_says(cells, expected):
    np.testing.assert_array_equal(numbers(*cells), expected)


@pytest.mark.parametrize(
    ("cells", "cell", "readings"),
    [
        (["1,071", "914"], "1,071", ("1071", "1.071")),
        (["914", "1,000", "2,000"], "1,000", ("1000", "1.000")),
        (["0,5", "1.071"], "1.071", ("1071", "1.071")),  # thousands, or one dotted number
    ],
)
def test_a_column_that_can_be_read_both_ways_is_refused_with_both_readings(cells, cell, readings):
    with pytest.raises(MemnetError) as caught:
        numbers(*cells)
    sentence = str(caught.value)
    assert sentence.startswith(f"t.csv, column 'rt': {cell!r} can be read as {readings[0]} ")
    assert f"or as {readings[1]} " in sentence


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.071", "914", "n.a."], None),  # a German spreadsheet's thousands
        (["1.071", "914", "1.5"], [1.071, 914, 1.5]),
        (["1.071", "2.914"], [1.071, 2.914]),
        (["1.071", "85", "1.233"], None),
        (["1.071", "-12"], None),
        (["3.125", "4"], [3.125, 4]),
        (["1.071", "914", "1071"], [1.071, 914, 1071]),
    ],
)
def test_points_that_look_like_thousands_are_not_taken_for_decimal_points(
    tmp_path, cells, expected
):
    frame = read(tmp_path, "image_id;rt\n" + "".join(f"x;{cell}\n" for cell in cells))
    if expected is None:
        with pytest.raises(MemnetError, match=r"'1\.071' can be read as 1071 .* or as 1\.071"):
            to_numbers(frame["rt"])
    else:
        assert to_numbers(frame["rt"]).tolist() == expected
    frame = read(tmp_path, "image_id,rt\n" + "".join(f"x,{cell}\n" for cell in cells))
    assert to_numbers(frame["rt"])[:1] == float(cells[0])  # a comma between cells: no doubt


def test_a_pointed_column_of_a_table_with_decimal_commas_is_refused(tmp_path):
    frame = read(tmp_path, "image_id;memnet;rt\na;0,72;1.071\nb;0,8;914\n")
    with pytest.raises(MemnetError, match=r"'1\.071' can be read as 1071 .* or as 1\.071"):
        to_numbers(frame["rt"], "t.csv")
    assert to_numbers(frame["memnet"]).tolist() == [0.72, 0.8]
    plain = read(tmp_path, "image_id,memnet,rt\na,0.72,1.071\nb,0.8,914\n")
    assert to_numbers(plain["rt"]).tolist() == [1.071, 914]


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=8), st.sampled_from(".,"))
@settings(max_examples=200, deadline=None)
def test_written_thousands_are_read_back_or_refused_and_never_read_otherwise(values, mark):
    cells = [f"{value:,}".replace(",", mark) for value in values]
    try:
        found = numbers(*cells)
    except MemnetError:
        return
    if mark == "." and all(cell.count(".") < 2 for cell in cells):
        return  # a point alone is a decimal point, as computers write it
    assert found == values


@given(
    st.lists(st.floats(-5000, 5000).map(lambda v: round(v, 3)), min_size=2, max_size=8),
    st.integers(3, 4),
)
@settings(max_examples=200, deadline=None)
def test_decimal_commas_are_read_back_or_refused(values, digits):
    cells = [f"{value:.{digits}f}".replace(".", ",") for value in values]
    try:
        found = numbers(*cells)
    except MemnetError:
        assert digits == 3
        return
    if digits == 3 and all(abs(value) >= 1 for value in values):
        return
    np.testing.assert_array_equal(found, [float(f"{value:.{digits}f}") for value in values])


ROWS = [["a.jpg", "0.5"], ["b.jpg", "0.75"]]


@pytest.mark.parametrize(
    "text",
    [
        "image_id,score\na.jpg,0.5\nb.jpg,0.75\n",
        "image_id;score\r\na.jpg;0.5\r\nb.jpg;0.75\r\n",
        "image_id\tscore\na.jpg\t0.5\nb.jpg\t0.75",
        "image_id|score\na.jpg|0.5\nb.jpg|0.75\n",
        "image_id score\na.jpg 0.5\nb.jpg   0.75\n",
        '"image_id","score"\n"a.jpg","0.5"\n"b.jpg","0.75"\n',
        "sep=;\r\nimage_id;score\r\na.jpg;0.5\r\nb.jpg;0.75\r\n",
        '"sep=;"\nimage_id;score\na.jpg;0.5\nb.jpg;0.75\n',
        "\n\nimage_id,score\na.jpg,0.5\n\nb.jpg,0.75\n\n",
        ";;\nimage_id;score;\na.jpg;0.5;\nb.jpg;0.75;\n;;\n",
        "# exported 2024\nimage_id,score\na.jpg,0.5\nb.jpg,0.75\n",
        "# memnet 1.0, seed 3, 2026\nimage_id,score\na.jpg,0.5\nb.jpg,0.75\n",
        "# old Mac\rimage_id,score\ra.jpg,0.5\rb.jpg,0.75\r",
        "\ufeff\ufeffimage_id,score\na.jpg,\ufeff0.5\nb.jpg,0.75\n",
        '"image_id","score"\n"1","a.jpg",0.5\n"4","b.jpg",0.75\n',  # R, after subset()
        "image_id, score,\na.jpg,0.5\nb.jpg,0.75\n",
        "image_id,score\na.jpg,0.5,\nb.jpg,0.75,\n",  # rows alone end in a separator
        "image_id,score\n1,a.jpg,0.5\n2,b.jpg,0.75\n",  # R's write.table with row names
        '"image_id" "score"\n"1" "a.jpg" 0.5\n"2" "b.jpg" 0.75\n',
        " image_id , score\na.jpg,0.5\nb.jpg,0.75\n",
    ],
)
def test_dialects_of_one_table(tmp_path, text):
    frame = read(tmp_path, text)
    assert list(frame.columns) == ["image_id", "score"]
    assert frame.to_numpy().tolist() == ROWS


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("cp1252", f"{GUESSED} ('Größe' in the line of names; {IF_WRONG})"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16 without a mark"),
        ("utf-16-be", "UTF-16 without a mark"),
    ],
)
def test_encodings_are_read_and_said(tmp_path, encoding, said):
    text = "image_id;Größe\nKäse.jpg;0,5\n" + "".join(f"{i}.jpg;0,5\n" for i in range(99))
    frame = read(tmp_path, text.encode(encoding))
    assert list(frame.columns) == ["image_id", "Größe"]
    assert frame.image_id.iloc[0] == "Käse.jpg"
    assert assumed_of(frame) == [f"{said}, semicolon between cells"]


def test_text_of_another_old_encoding_shows_itself_in_the_first_cell_as_it_was_read(tmp_path):
    said = {
        encoding: assumed_of(read(tmp_path, f"image_id;score\na;1\n\n{cell};2\n".encode(encoding)))
        for encoding, cell in (
            ("mac_roman", "café.jpg"),
            ("gbk", "照片.jpg"),
            ("cp1252", "café.jpg"),
        )
    }
    for encoding, shown in (("mac_roman", "cafŽ.jpg"), ("gbk", "ÕÕÆ¬.jpg"), ("cp1252", "café.jpg")):
        sentence = f"{GUESSED} ({shown!r} in row 4; {IF_WRONG}), semicolon between cells"
        assert said[encoding] == [sentence]
    with_note = read(tmp_path, "# von Jürgen\nimage_id;score\na;1\n".encode("cp1252"))
    assert assumed_of(with_note)[0] == f"{GUESSED}, semicolon between cells"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_short_file_of_utf_16_without_a_mark(tmp_path, encoding):
    frame = read(tmp_path, "image_id;score\nKäse.jpg;0,5\n".encode(encoding))
    assert frame.to_numpy().tolist() == [["Käse.jpg", "0,5"]]


@pytest.mark.parametrize("first", ["sep=;", "# of 1998", ""])
def test_lines_that_end_as_on_an_old_mac_and_one_as_on_unix(tmp_path, first):
    frame = read(tmp_path, first + "\rimage_id;score\ra.jpg;0.5\r\n")
    assert frame.to_numpy().tolist() == [["a.jpg", "0.5"]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("My study,2024\n\nimage_id,score\na,1\n", "But row 3 has it: delete what stands above"),
        ("# image_id,score\na,0.5\nb,0.6\n", "delete its mark of a comment"),
        ('"image_id,score"\n"a,0.5"\n', "Every row is one cell"),
        ("image_id\u0308,score\na,0.5\n", "Did you mean"),
        ("IMAGE_ID,Score\na,0.5\n", "Did you mean 'IMAGE_ID'"),
        ("My study;;\nimage_id;score\na;0.5\n", "But row 2 has it: delete what stands above"),
        ("My study;\n;\n\n'image_id';score\na;0.5\n".replace("'", '"'), "But row 4 has it"),
        ("My study\nscore;image_id\n0.5;a\n", "But row 2 has it: delete what stands above"),
        ("sep=,\nimage_id;score\na;0.5\n", "Every row is one cell"),
        ('"","score"\n"a",0.5\n', "Its first column has no name, as R writes row names;"),
        ('"score"\n"a b" 0.5\n"c" 1.5\n', "Each of its rows begins with a text that stands below"),
        ('"score" "n"\n"1" 0.5 3\n"2" 1.5 4\n', "Its first column has no name, and was passed"),
        ("score\nmy picture 1\n", r"has no column 'image_id'\. Its columns"),
    ],
)
def test_names_that_are_not_where_they_are_looked_for(tmp_path, text, sentence):
    with pytest.raises(MemnetError, match=sentence):
        read_column(_written(tmp_path, text), column="score")


def test_a_name_is_looked_for_in_the_comments_only_not_in_every_note(tmp_path):
    for name in ("", "comma", "names"):
        with pytest.raises(MemnetError) as caught:
            read_column(
                _written(tmp_path, "# of 1998\nscore,x\n0.5,\n"), column="x", id_column=name
            )
        assert f"has no column {name!r}. Its columns: score, x." in str(caught.value)


def test_a_title_above_the_names_is_said_to_be_possible(tmp_path):
    with pytest.raises(MemnetError, match="delete a title above the names"):
        read(tmp_path, "My study\n\nimage_id,score\na,0.5\nb,0.6\n")


def test_names_in_another_unicode_form_are_told_apart_and_two_are_refused(tmp_path):
    composed, decomposed = "Ged\u00e4chtnis", "Geda\u0308chtnis"
    one = _written(tmp_path, f"image_id,{decomposed}\na,0.5\n")
    with pytest.raises(MemnetError, match="has other Unicode code points: copy the name"):
        read_column(one, column=composed)
    two = _written(tmp_path, f"image_id,{decomposed},{composed}\na,0.5,0.1\n")
    with pytest.raises(MemnetError, match="has 2 columns called"):
        read_column(two, column=composed)


def test_marks_without_width_are_no_part_of_a_name(tmp_path):
    frame = read(tmp_path, "\ufeffimage_id,score\u200b\na,0.5\n")
    assert list(frame.columns) == ["image_id", "score"]


def _written(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    return tmp_path / "t.csv"


def test_separators_and_line_breaks_within_quoted_names(tmp_path):
    frame = read(tmp_path, 'image_id;score;"Wie gut, von 1, bis 7, war es?"\na.jpg;0,5;5\n')
    assert frame["score"].tolist() == ["0,5"]
    frame = read(tmp_path, '"Frage\nzwei";image_id;score\n5;a.jpg;0.5\n6;b.jpg;0.75\n')
    assert list(frame.columns) == ["Frage zwei", "image_id", "score"]
    assert frame.index.tolist() == [2, 3]


def test_quotes_that_a_backslash_escapes(tmp_path):
    frame = read(tmp_path, 'image_id,score,note\n"a.jpg",0.5,"a \\"b\\", c"\n')
    assert frame.iloc[0].tolist() == ["a.jpg", "0.5", 'a "b", c']
    doubled = read(tmp_path, 'image_id,note\n"a.jpg","a ""b"", c"\n"b.jpg","C:\\"\n')
    assert doubled["note"].tolist() == ['a "b", c', "C:\\"]


def test_rows_are_counted_as_a_spreadsheet_counts_them(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id,score\na,0.5\n\n,,\nb,none\nc,0.7\n")
    scores = read_column(path, column="score")
    assert scores.set_aside == (f"{path}, row 5 (b): score is missing ('none')",)
    assert scores.rows == 3  # rows of nothing are no failures


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("image_id,score\na,0.5,7\nb,0.6\n", r"row 2; the first has 3 cells, 'a', '0\.5', '7',"),
        ("image_id,score\nx,a,0.5\nx,b,0.7\n", r"2 row\(s\) have more cells than there are names"),
        ('image_id,score\na,"0.5\nb,0.6\n', r"quotation mark that opens in row 2 is never closed"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ('{"a": 1}', "is JSON"),
        ("<!DOCTYPE html><table></table>", "is a web page, not a table"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (
            b"\xd0\xcf\x11\xe0" + bytes(600),
            r"old Excel file \(\.xls\), or one with a password: save it as",
        ),
        (b"$FL2@(#) SPSS", "SPSS file"),
        (b"<stata_dta><header>", "Stata file"),
        (b"\x80\x04\x95\x10\0", "pickle of Python"),
        (b"SQLite format 3\0", "SQLite database"),
        (b"\x1f\x8b\x08\x00", "packed with gzip"),
        (b"ARROW1\0\0", "Feather"),
        (b"\x89PNG\r\n", "is no table that memnet reads but a picture"),
        (b"image_id,score\na\x81,0.5\n", r"neither UTF-8 \(byte 16\) nor Windows-1252"),
        (b"image_id,score\na\0,0.5\n", "bytes of value 0"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (b"PK\x03\x04 and no more", "Excel"),
    ],
)
def test_what_is_no_table_is_said_to_be_what_it_is(tmp_path, text, sentence):
    with pytest.raises(MemnetError, match=sentence):
        read(tmp_path, text)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(MemnetError, match="is no regular file"):
        read_table_any(tmp_path / "t.csv")


def test_a_folder_and_a_missing_file_are_said_so(tmp_path):
    with pytest.raises(MemnetError, match="is a folder, and a table is wanted"):
        read_table_any(tmp_path)
    with pytest.raises(MemnetError, match="There is no file"):
        read_table_any(tmp_path / "x.csv")


@pytest.mark.parametrize("name", ["score", "image_id", "model"])
def test_a_name_that_two_columns_have_is_refused_where_it_is_asked_for(tmp_path, name):
    columns = ["image_id", "score", "model", "other", "other", f" {name} "]
    text = ",".join(columns) + "\n" + ",".join(["a", "0.5", "m", "1", "2", "0.9"]) + "\n"
    path = tmp_path / "t.csv"
    path.write_text(text)
    frame = pd.read_csv(path)
    frame.columns = [column.strip() for column in columns]
    for table in (path, frame):
        with pytest.raises(MemnetError, match=f"has 2 columns called '{name}'"):
            memnet.compare(table, table, truth_column="score", resamples=2)


def test_a_table_without_a_line_of_names_is_said_to_be_one(tmp_path):
    path = tmp_path / "test_1.txt"
    path.write_text("00016.jpg 0.784314\n00017.jpg 0.5\n")
    with pytest.raises(MemnetError, match=r"first line looks like data.*memnet dataset lamem"):
        read_column(path, column="hit_rate")


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["a.jpg", "b.jpg"], name="image_id"),
        pd.MultiIndex.from_arrays([["a.jpg", "b.jpg"], [1, 2]], names=["image_id", "part"]),
    ],
)
def test_parquet_with_an_index_keeps_it_as_columns(tmp_path, index):
    pd.DataFrame({"score": [0.5, 0.75]}, index=index).to_parquet(tmp_path / "t.parquet")
    frame = read_table_any(tmp_path / "t.parquet")
    assert frame[["image_id", "score"]].to_numpy().tolist() == ROWS
    assert frame.index.tolist() == [2, 3]
    dates = pd.DataFrame({"image_id": ["a", "b"]}, index=pd.date_range("2024", periods=2))
    dates.to_parquet(tmp_path / "t.parquet")
    assert list(read_table_any(tmp_path / "t.parquet").columns) == ["image_id"]


def test_parquet_with_an_index_without_a_name_keeps_it_under_the_files_name_for_it(tmp_path):
    pd.DataFrame({"score": [0.5, 0.7]}, index=["a.jpg", "b.jpg"]).to_parquet(tmp_path / "t.parquet")
    scores = read_column(tmp_path / "t.parquet", column="score", id_column="__index_level_0__")
    assert scores.by_id.to_dict() == {"a.jpg": 0.5, "b.jpg": 0.7}


def test_parquet_with_two_columns_of_one_name_is_said_to_be_so(tmp_path):
    import pyarrow
    import pyarrow.parquet

    cells = [pyarrow.array([0.5]), pyarrow.array([0.7])]
    table = pyarrow.Table.from_arrays(cells, names=["score", "score"])
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(MemnetError, match="two of its columns have one name"):
        read_table_any(tmp_path / "t.parquet")


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx", "DataFrame"])
def test_a_day_is_written_alike_in_every_kind_of_table(tmp_path, kind):
    days = pd.DataFrame({"image_id": pd.to_datetime(["2024-01-05", "2024-02-06"]), "score": [1, 2]})
    table = days
    if kind != "DataFrame":
        if kind == "xlsx":
            pytest.importorskip("openpyxl")
        write = {"csv": days.to_csv, "parquet": days.to_parquet, "xlsx": days.to_excel}[kind]
        table = tmp_path / f"days.{kind}"
        write(table, index=False)
    assert read_table_any(table)["image_id"].tolist() == ["2024-01-05", "2024-02-06"]


def test_excel_is_read_sheet_by_sheet(tmp_path):
    pytest.importorskip("openpyxl", reason="openpyxl")
    table = pd.DataFrame({"image_id": ["007", "b"], "score": [0.5, 3.0], "n": [1071, None]})
    one, two = tmp_path / "one.xlsx", tmp_path / "two.xlsx"
    table.to_excel(one, index=False)
    frame = read_table_any(one)
    assert frame.to_numpy().tolist() == [["007", "0.5", "1071"], ["b", "3", ""]]
    assert assumed_of(frame) == ["Excel, sheet 'Sheet1'"]
    with pd.ExcelWriter(two) as book:
        table.to_excel(book, sheet_name="raw", index=False)
        table.assign(score=1).to_excel(book, sheet_name="clean data", index=False)
    with pytest.raises(MemnetError, match=r"2 sheets \(raw, clean data\).* two\.xlsx#raw"):
        read_table_any(two)
    assert read_table_any(f"{two}#clean data")["score"].tolist() == ["1", "1"]
    with pytest.raises(MemnetError, match="no sheet 'x'; it has raw, clean data"):
        read_table_any(f"{two}#x")


@pytest.mark.parametrize(
    "cells", [["1,071,000", "0,5"], ["0,629", "1,234.5"], ["1.071.000", "0.5"], ["1.234,5", "0.5"]]
)
def test_a_mark_that_is_both_in_one_column_is_refused(cells):
    with pytest.raises(
        MemnetError, match=r"t\.csv, column 'rt': a (comma|point) stands between tho"
    ):
        numbers(*cells)


@pytest.mark.parametrize(
    "text",
    [
        "nr,score,id\n1,0,75,a.jpg\n2,0,5,b.jpg\n",  # R with dec="," and without quotes
        "id,score\n1,4,25\n2,3,5\n3,1,75\n",
        "id score\n1 1 071\n2 2 300\n",  # blanks between thousands
        "id,score\n1,500,0.9\n2,510,0.8\n",  # the name of a column is missing
        '"id","score"\n"1",0,75\n"2",0,5\n',
    ],
)
def test_split_numbers_are_not_taken_for_row_names(tmp_path, text):
    with pytest.raises(MemnetError, match="more cells than there are names"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        'id,score,note\na,0.5,"12" screen\nb,0.6,"oops\nc,0.7,x\nd,0.8,y\n',
        'id,score,note\na,0.5,"oops\nb,0.6,fine\nc,0.7,"good"\nd,0.8,y\n',
    ],
)
def test_no_quotation_mark_swallows_rows(tmp_path, text):
    with pytest.raises(MemnetError, match=r"opens in row [23] is never closed"):
        read(tmp_path, text)


def test_quoted_cells_of_nothing_between_blanks_keep_their_place(tmp_path):
    frame = read(tmp_path, '"id" "category" "score"\n"x" "" 0.9\n"y z" "a \\"b\\"" 0.8\n')
    assert frame.to_numpy().tolist() == [["x", "", "0.9"], ["y z", 'a "b"', "0.8"]]


def test_a_row_of_another_length_is_set_aside_and_the_others_are_kept(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id,score,rt\na,0.5,500\nb,510\nc,0.7,520\nd,0,8,9\ne,0.9,5\n")
    scores = read_column(path, column="score")
    assert scores.by_id.to_dict() == {"a": 0.5, "c": 0.7, "e": 0.9}
    assert scores.rows == 5
    assert [line[: line.index(",", len(str(path)) + 2)] for line in scores.set_aside] == [
        f"{path}, row 3 (b",
        f"{path}, row 5 (d",
    ]
    record = memnet.compare(path, path, truth_column="score", resamples=2)
    assert record.items["n"] == 3
    assert record.items["set_aside"] == 4  # two of each file


def test_a_table_all_of_whose_rows_are_set_aside_says_why(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id,score,note\na,0.5\nb,0.6\n")
    with pytest.raises(MemnetError, match=r"row 2 \(a, 0\.5\) has 2 cell\(s\) for 3 names"):
        read_column(path, column="score")


def test_every_model_of_a_table_is_read_alike(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id;model;score\na;m;0,5\nb;m;0,7\na;n;2,345\nb;n;1,071\n")
    one, two = read_scores(path, id_column="image_id")
    assert one.by_id.tolist() == [0.5, 0.7]
    assert two.by_id.tolist() == [2.345, 1.071]  # 0,5 says so


def test_counts_are_read_alike_whichever_pictures_are_wanted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('image_id,n\na,"1,071"\nb,914\nc,"1,234,567"\n')
    extras = read_extras(path, {"responses": "n"}, id_column="image_id", ids=["b", "a"])
    assert extras["responses"].to_dict() == {"b": 914, "a": 1071}


def test_names_of_a_dataframe_that_are_no_text_are_missing_in_a_sentence():
    table = pd.DataFrame([["a.jpg", 0.5]], columns=[0, 1])
    with pytest.raises(MemnetError, match=r"no column '1'\. Its name there is no text: rename"):
        read_column(table, column="1", id_column=0)


def test_complex_numbers_are_none():
    with pytest.raises(MemnetError, match=r"its first cell is '\(0\.5\+1j\)'"):
        read_column(pd.DataFrame({"image_id": ["a"], "score": [0.5 + 1j]}), column="score")


def test_what_is_no_table_in_python_is_said_to_be_none():
    with pytest.raises(MemnetError, match="A Series is no table; give a file or a DataFrame"):
        read_column(pd.Series([0.5], index=["a.jpg"]), column="score")


def test_an_index_that_is_asked_for_is_said_to_be_one():
    table = pd.DataFrame({"score": [0.5]}, index=pd.Index(["a.jpg"], name="image_id"))
    with pytest.raises(MemnetError, match=r"It is the index: give the table's reset_index\(\)"):
        read_column(table, column="score")


def test_cells_of_a_dataframe_that_no_file_could_hold():
    ids = pd.Series(["a", "caf\udce9.jpg"], dtype=object)
    table = pd.DataFrame({"id": ids, "note": ["x\ry", 'z "q"\n'], "n": [1.5, 2]})
    frame = read_table_any(table)
    assert frame["id"].tolist() == ["a", "caf\udce9.jpg"]
    assert frame["note"].tolist() == ["x\ry", 'z "q"\n']
    assert frame["n"].tolist() == ["1.5", "2.0"]


def test_whole_numbers_of_parquet_stay_so_where_one_is_missing(tmp_path):
    ids = pd.array([2**60 + 1, 2**60 + 2, None], dtype="Int64")
    pd.DataFrame({"id": ids, "score": [0.1, 0.2, 0.3]}).to_parquet(tmp_path / "t.parquet")
    frame = read_table_any(tmp_path / "t.parquet")
    assert frame["id"].tolist() == [str(2**60 + 1), str(2**60 + 2), ""]
    assert frame["score"].tolist() == ["0.1", "0.2", "0.3"]


def test_a_percentage_that_can_be_read_in_two_ways_sets_its_row_aside(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("image_id;score\na;0.5\nb;12,345%\n")
    assert len(read_column(path, column="score").set_aside) == 1


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_table_or_one_sentence(text):
    try:
        table = parse_text_table(text, "t.csv")
    except MemnetError as error:
        table = None
        sentence = str(error)
    if table is None:
        assert sentence.startswith("t.csv")
        return
    assert all(len(cells) == len(table.names) for cells in table.rows)
    assert len(table.numbers) == len(table.rows)


_CELL = st.text(
    st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"]), max_size=9
)


@given(
    st.lists(st.tuples(_CELL, _CELL, st.floats(0, 1).map(repr)), min_size=1, max_size=5),
    st.sampled_from(",;\t"),
)
@settings(max_examples=200, deadline=None)
def test_what_pandas_writes_is_read_back(rows, separator):
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    written = pd.DataFrame(rows, columns=["image_id", "note", "score"])
    text = written.to_csv(index=False, sep=separator)
    table = parse_text_table(text, "t.csv")
    assert table.names == ["image_id", "note", "score"]
    assert table.rows == [list(row) for row in rows]


def mixed_cells(kind, tmp_path, cells, other=("",)):
    """A table of that kind whose column ``rt`` has these cells, numbers among them."""
    frame = pd.DataFrame(
        {
            "image_id": [f"{place}.jpg" for place in range(len(cells))],
            "rt": pd.Series(cells, dtype=object),
            "other": [other[place % len(other)] for place in range(len(cells))],
        }
    )
    if kind == "DataFrame":
        return frame
    if kind == "Parquet":
        if not all(isinstance(cell, float) for cell in cells):
            frame["rt"] = frame["rt"].astype(str)
        frame.infer_objects().to_parquet(tmp_path / "study.parquet")
        return tmp_path / "study.parquet"
    pytest.importorskip("openpyxl")
    frame.to_excel(tmp_path / "study.xlsx", index=False)
    return tmp_path / "study.xlsx"


@pytest.mark.parametrize("kind", ["DataFrame", "Excel"])
def test_numbers_beside_text_are_never_read_as_thousands(tmp_path, kind):
    table = read_table_any(mixed_cells(kind, tmp_path, [1.071, 0.914, "1.234,5"]))
    with pytest.raises(MemnetError, match=r"between thousands in '1\.234,5'"):
        to_numbers(table["rt"])
    table = read_table_any(mixed_cells(kind, tmp_path, [1.071, 2.914, "0,5"]))
    assert to_numbers(table["rt"]).tolist() == [1.071, 2.914, 0.5]


@pytest.mark.parametrize("kind", ["DataFrame", "Excel", "Parquet"])
def test_decimal_commas_of_other_columns_count_in_every_kind_of_table(tmp_path, kind):
    table = read_table_any(mixed_cells(kind, tmp_path, ["1.071", "2.914"], ["0,75"]))
    with pytest.raises(MemnetError, match="can be read as 1071"):
        to_numbers(table["rt"])
    table = read_table_any(mixed_cells(kind, tmp_path, [1.071, 2.914], ["0,75"]))
    assert to_numbers(table["rt"]).tolist() == [1.071, 2.914]


@pytest.mark.parametrize(("other", "hint"), [("x", r"which;"), ("0,75", r"which \(other columns")])
def test_text_of_a_dataframe_is_read_as_that_of_its_file(other, hint):
    table = pd.DataFrame({"image_id": ["a", "b"], "rt": ["1.048", "914"], "other": other})
    scores = pd.DataFrame({"image_id": ["a", "b"], "score": [0.1, 0.2]})
    doubt = "the table given, column 'rt': '1.048' can be read as 1048 .*" + hint
    with pytest.raises(MemnetError, match=doubt):
        read_column(table, column="rt")
    with pytest.raises(MemnetError, match=doubt):
        memnet.compare(table, scores, truth_column="rt")
    with pytest.raises(MemnetError, match=doubt):
        read_extras(table, {"hits": "rt"}, id_column="image_id", ids=["a"])
    with pytest.raises(MemnetError, match=doubt):
        read_scores(
            table.assign(model="m", score=table["rt"]), id_column="image_id", score_column="rt"
        )
    assert not table.attrs


def test_numbers_of_a_dataframe_have_decimal_points():
    texts = ["1.048", "914"]
    for cells in (
        pd.Series(texts).astype(float),
        pd.Series(texts).astype("Float64"),
        pd.Series(list(map(float, texts)), dtype=object),
        pd.Series(list(map(Decimal, texts)), dtype=object),
        pd.Series(list(map(float, texts)), dtype="category"),
    ):
        table = pd.DataFrame({"image_id": ["a", "b"], "rt": cells, "other": "0,75"})
        assert read_column(table, column="rt").by_id.tolist() == [1.048, 914]


def test_a_model_is_read_by_what_the_rows_of_all_models_say(tmp_path):
    rows = "".join(f"{row}\n" for row in ("a;m;1.071", "b;m;914", "a;n;0.5", "b;n;0.7"))
    first, _ = read_scores(
        _written(tmp_path, "image_id;model;score\n" + rows), id_column="image_id"
    )
    assert first.by_id.tolist() == [1.071, 914]


def test_a_column_given_as_it_is_has_points_where_its_numbers_have():
    with pytest.raises(MemnetError, match="before decimals in cells that are numbers"):
        to_numbers(pd.Series([1.071, "1.234,5"], dtype=object))


def test_a_cell_longer_than_the_csv_module_reads_by_itself(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text('image_id,note,score\na.jpg,"' + "x" * 200_000 + ' \\"b\\"",0.5\n')
    table = read_table_any(path)
    assert to_numbers(table["score"]).tolist() == [0.5]


def test_a_formula_without_a_result_is_no_missing_value(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["image_id", "score"], ["a.jpg", "=1/4"], ["b.jpg", 0.5]):
        book.active.append(row)
    book.save(tmp_path / "made.xlsx")  # openpyxl writes formulas, and computes none
    with pytest.raises(MemnetError, match="cell B2 holds the formula =1/4 without its result"):
        read_table_any(tmp_path / "made.xlsx")


def test_comments_above_the_names_of_a_sheet_are_passed_over(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["# made on Monday"], [], ["image_id", "score"], ["a.jpg", None], ["b.jpg", 0.5]):
        book.active.append(row)
    book.save(tmp_path / "notes.xlsx")
    table = read_table_any(tmp_path / "notes.xlsx")
    assert table.columns.tolist() == ["image_id", "score"]
    assert table.index.tolist() == [4, 5]
    assert "the line '# made on Monday' above the names was passed over" in assumed_of(table)


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        ("scores.csv", "a zip archive: unpack it first"),
        ("content.xml", r"an OpenDocument file \(.ods\): save it as"),
        ("xl/workbook.bin", "a binary Excel file"),
    ],
)
def test_archives_are_said_to_be_what_they_are(tmp_path, member, sentence):
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        archive.writestr(member, "x")
    with pytest.raises(MemnetError, match=sentence):
        read_table_any(tmp_path / "t.xlsx")


def test_an_archive_of_jamovi_is_known_by_its_ending(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.omv", "w") as archive:
        archive.writestr("xdata.json", "x")
    with pytest.raises(MemnetError, match="a file of jamovi: export its data as CSV"):
        read_table_any(tmp_path / "t.omv")


def test_strict_open_xml_is_told_what_to_save_it_as(tmp_path):
    with zipfile.ZipFile(tmp_path / "strict.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", '<workbook xmlns="http://purl.oclc.org/ooxml/x"/>')
    with pytest.raises(MemnetError, match=r"Strict Open XML': save it as 'Excel Workbook"):
        read_table_any(tmp_path / "strict.xlsx")


def test_a_damaged_workbook_is_one_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "x" * 1000)
    content = bytearray((tmp_path / "t.xlsx").read_bytes())
    content[45:50] = b"\xff" * 5  # within what was packed
    (tmp_path / "t.xlsx").write_bytes(content)
    with pytest.raises(MemnetError, match="cannot be read as an Excel file"):
        read_table_any(tmp_path / "t.xlsx")


def test_a_workbook_with_a_damaged_part_that_no_cell_needs_is_one_sentence(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (["image_id", "score"], ["a.jpg", None], ["b.jpg", 0.5]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    content = (tmp_path / "t.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "t.xlsx") as archive:
        start = archive.getinfo("docProps/app.xml").header_offset
    (tmp_path / "t.xlsx").write_bytes(content[:start] + b"XXXX" + content[start + 4 :])
    with pytest.raises(MemnetError, match="cannot be read as an Excel file"):
        read_table_any(tmp_path / "t.xlsx")


def test_a_cell_far_from_the_table_does_not_fill_the_memory(tmp_path):
    """Two cells of 4,000 rows and 16,384 columns; as a rectangle they were 65 million texts."""
    book = openpyxl.Workbook()
    book.active.append(["image_id", "score"])
    for row in range(2, 4_000):
        book.active.cell(row, 1, "a")
    book.active["XFD5"] = "a note"
    book.save(tmp_path / "t.xlsx")
    with pytest.raises(MemnetError, match="delete what stands far to the right of the table"):
        read_table_any(tmp_path / "t.xlsx")


def test_a_workbook_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    pd.DataFrame({"image_id": ["a"] * 2_000}).to_excel(tmp_path / "t.xlsx", index=False)
    monkeypatch.setattr(excel, "_MOST_UNPACKED", 50_000)
    with pytest.raises(MemnetError, match="save the table as CSV"):
        read_table_any(tmp_path / "t.xlsx")


LONG = "x" * 9_000


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG},{LONG}y,{LONG}z\na,b,c\n",  # names
        f"image_id,score\na,{LONG}\n",  # the only cell
        f"image_id,score\na,{'9' * 4_000}%\n",
        f"image_id,score\na,{LONG}\nb,{LONG}y\n",  # two classes in words
        f"image_id,score\n{LONG},1\n{LONG},2\n",
        f"image_id,score;x\n{LONG},1\n",
        f"image_id\tscore\na\t1,234,{'567,' * 3_000}567\nb\t0,5\n",
    ],
)
def test_what_a_table_holds_does_not_make_a_sentence_of_thousands_of_letters(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(MemnetError) as error:
        read_scores(path, id_column="image_id")
    assert len(str(error.value).replace(str(path), "")) < 1_500


def test_sentences_on_rows_that_are_set_aside_stay_short(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(f"image_id,score\na,0.5\n{LONG},{LONG}\n")
    (scores,) = read_scores(path, id_column="image_id")
    (sentence,) = scores.set_aside
    assert len(sentence.replace(str(path), "")) < 600
