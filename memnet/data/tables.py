"""The one door for tables: text of many dialects, Excel, Parquet and DataFrames.

Every cell is text, exactly as it stands, so that ids keep their leading zeros; numbers are read by
:func:`memnet.data.numbers.to_numbers`. What a file was taken to be is kept beside the table
(:func:`assumed_of`), for records and reports.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from memnet.data.delimited import (
    PASSED_OVER,
    ROW_NAMES,
    SEPARATORS,
    TextTable,
    cells_of_any_length,
    clean_name,
    parse_text_table,
)
from memnet.data.excel import read_sheet, require_excel
from memnet.data.numbers import (
    DECIMAL_COMMA,
    POINT_COLUMNS,
    POINTS_UNSURE,
    as_text,
    has_decimal_comma,
    is_fraction,
)
from memnet.data.parquet_columns import write_values
from memnet.errors import MemnetError
from memnet.util.parquet import read_parquet
from memnet.util.sniffing import LFS_POINTER, WEB_PAGE, stand_in
from memnet.util.text import quoted, shorten_list, words_of

TABLE_GIVEN = "the table given"
"""What messages and records call a DataFrame, which has no file's name."""

TableInput = str | os.PathLike[str] | pd.DataFrame
"""A CSV, TSV, Excel (.xlsx) or Parquet file, or a DataFrame."""

_PARTS = re.compile(r"[,;|\t]")
_NAMED_ROW = re.compile(r"\S.*[ \t;][+-]?\d*[.,]\d+\s*")  # R's row names beside one column
_ASSUMED, _BROKEN = "memnet.assumed", "memnet.broken"
_UNREADABLE = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls), or one with a password: save it as CSV",
    b"<stata_dta>": "a Stata file: save it as CSV (in Stata: export delimited)",
    b"HEADER RECORD*": "a SAS transport file: save its table as CSV",
    b"SQLite format 3": "an SQLite database: write its table as CSV",
    b"\x93NUMPY": "a NumPy array: write it as CSV with a line of names",
    **dict.fromkeys(
        (b"\x80\x02", b"\x80\x03", b"\x80\x04\x95", b"\x80\x05\x95"),
        "a pickle of Python: write its table as CSV (pandas: to_csv)",
    ),
    b"X\n\0\0\0": "an R object (.rds): write its table as CSV (write.csv)",
    b"$FL": "an SPSS file: save it as CSV (in R: haven::read_sav and write.csv)",
    b"\x1f\x8b": "packed with gzip: unpack it first",
    b"BZh9": "packed with bzip2: unpack it first",
    b"\xfd7zXZ": "packed with xz: unpack it first",
    b"7z\xbc\xaf": "packed with 7-Zip: unpack it first",
    b"ARROW1": "an Arrow or Feather file: write it as CSV or Parquet (pandas: to_parquet)",
    b"FEA1": "a Feather file: write it as CSV or Parquet (pandas: to_parquet)",
    b"\x89HDF": "an HDF5 or MATLAB file: write its table as CSV",
    b"MATLAB 5": "a MATLAB file: write its table as CSV (writetable)",
    b"RDX3": "an R workspace: write its table as CSV (write.csv)",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF: copy its table into a spreadsheet and save it as CSV",
    b"{\\rtf": "a Word document (RTF): save the table as CSV",
}
"""How a file begins -> what it is and what to do."""


def name_of(table: TableInput) -> str:
    """Return what messages call a table: the file as it was given, or "the table given"."""
    return TABLE_GIVEN if isinstance(table, pd.DataFrame) else str(table)


def frame_and_name(table: TableInput, source: str = TABLE_GIVEN) -> tuple[pd.DataFrame, str]:
    """Return a table, read where it is a file, and what messages call it."""
    if isinstance(table, pd.DataFrame):
        return _with_marks(table), source
    return read_table_any(table), str(table)


def _with_marks(table: pd.DataFrame) -> pd.DataFrame:
    """Note beside a DataFrame what decides how its text is read; a table from a file has it."""
    if POINTS_UNSURE in table.attrs:
        return table
    columns = (table.iloc[:, place] for place in range(table.shape[1]))
    texts = [as_text(cells) for cells in columns if not pd.api.types.is_numeric_dtype(cells)]
    marked = table.copy(deep=False)
    marked.attrs = {**table.attrs, DECIMAL_COMMA: _has_decimal_commas(texts), POINTS_UNSURE: True}
    return marked


def split_sheet(path: str | os.PathLike[str]) -> tuple[Path, str]:
    """Split ``FILE.xlsx#Sheet`` into the file and the sheet, "" for the only one.

    Examples
    --------
    >>> split_sheet("a/study.xlsx#Raw data")[1]
    'Raw data'
    """
    file, mark, sheet = os.fspath(path).rpartition("#")
    if mark and file.lower().endswith((".xlsx", ".xlsm")):
        return Path(file), sheet
    return Path(path), ""


def assumed_of(frame: pd.DataFrame) -> list[str]:
    """Return sentences on what was assumed when a table was read; of a DataFrame, none."""
    return list(frame.attrs.get(_ASSUMED, ()))


def broken_rows(frame: pd.DataFrame) -> list[str]:
    """Return sentences on rows of a file that were left out; they belong to what is set aside."""
    return list(frame.attrs.get(_BROKEN, ()))


def read_table_any(table: TableInput) -> pd.DataFrame:
    """Read a table with every cell as text; a missing value is ``""``.

    A file's rows are indexed as a spreadsheet counts them: the names stand in row 1. A DataFrame
    is read as its CSV file would be, so that what is said of empty cells, codes and decimals holds
    for it as well; it keeps its index.

    Parameters
    ----------
    table : text (CSV, TSV: see :mod:`memnet.data.delimited`; UTF-8, UTF-16 or Windows-1252), Excel
        (``FILE.xlsx``, ``FILE.xlsx#Sheet`` where there are several sheets), Parquet with any
        index, or a DataFrame.

    Raises
    ------
    MemnetError
        if the file is missing, empty, no table, or of a kind that is not read.
    """
    if isinstance(table, pd.DataFrame):
        return _as_written(table)
    if not isinstance(table, str | os.PathLike):
        raise MemnetError(
            f"A {type(table).__name__} is no table; give a file or a DataFrame with a column of "
            "ids (of a Series, reset_index() makes one)."
        )
    path, sheet = split_sheet(table)
    content = _content(path)
    if content[:4] == b"PAR1":
        frame, assumed = _read_parquet(content, path), ["Parquet"]
    elif content[:4] == b"PK\x03\x04":
        require_excel(content, path)
        frame, assumed = _read_excel(content, path, sheet)
    else:
        frame, assumed = _read_text(content, str(path))
    frame.attrs[_ASSUMED] = assumed
    return frame


def read_text_table(text: str, source: str = TABLE_GIVEN) -> pd.DataFrame:
    r"""Read the text of a CSV or TSV file as :func:`read_table_any` reads the file.

    Parameters
    ----------
    text : the file's content.
    source : what messages call it.

    Raises
    ------
    MemnetError
        as :func:`memnet.data.delimited.parse_text_table`.

    Examples
    --------
    >>> read_text_table("image_id;hit_rate\na.jpg;0,5\n").to_dict("records")
    [{'image_id': 'a.jpg', 'hit_rate': '0,5'}]
    """
    frame, assumed = _parse(text, "text", source)
    frame.attrs[_ASSUMED] = assumed
    return frame


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise MemnetError(f"{path} is a folder, and a table is wanted: give the file in it.")
    if path.exists() and not path.is_file():  # it may never end, and can be read only once
        raise MemnetError(f"{path} is no regular file (a pipe or a device): save the table as one.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise MemnetError(f"There is no file {path}.") from None
    except OSError as error:
        raise MemnetError(f"{path} cannot be read ({error.strerror or error}).") from error
    if not content.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise MemnetError(f"{path} is empty.")
    kind = stand_in(content[:200])
    if kind == LFS_POINTER:
        raise MemnetError(f"{path} is a git-LFS pointer, not the table: run `git lfs pull`.")
    if kind == WEB_PAGE or content[:2000].lstrip().lower().startswith((b"<table", b"<?xml")):
        raise MemnetError(
            f"{path} is a web page, not a table, whatever its ending says: open it in a "
            "spreadsheet and save it as CSV or .xlsx."
        )
    for start, what in _UNREADABLE.items():
        if content.startswith(start):
            if start == b"\x1f\x8b" and path.suffix.lower() in (".rds", ".rda", ".rdata"):
                what = "an R object: write its table as CSV (write.csv)"
            raise MemnetError(f"{path} is no table that memnet reads but {what}.")
    wanted = {".parquet": b"PAR1", ".xlsx": b"PK", ".xlsm": b"PK"}.get(path.suffix.lower(), b"")
    if not content.startswith(wanted):
        kind = "Parquet" if wanted == b"PAR1" else "an Excel file"
        raise MemnetError(f"{path} cannot be read as {kind}: it does not begin like one.")
    if path.suffix.lower() == ".json" or content.lstrip()[:2] in (b'{"', b"{\n", b"[{"):
        raise MemnetError(f"{path} is JSON, and a table is wanted (CSV, TSV, .xlsx or Parquet).")
    return content


def _read_text(content: bytes, source: str) -> tuple[pd.DataFrame, list[str]]:
    return _parse(*_decode(content, source), source)


def _parse(text: str, encoding: str, source: str) -> tuple[pd.DataFrame, list[str]]:
    """Read a text table that was decoded as ``encoding`` says."""
    parsed = parse_text_table(text, source)
    frame = pd.DataFrame(parsed.rows, columns=None, index=parsed.numbers, dtype=object)
    if not len(frame):
        frame = pd.DataFrame(columns=range(len(parsed.names)), dtype=object)
    frame.columns = pd.Index(parsed.names, dtype=object)
    frame.attrs[_BROKEN] = parsed.broken
    # Between commas, numbers have decimal points; a comma in a cell is of a text.
    frame.attrs[DECIMAL_COMMA] = parsed.separator != "," and _has_decimal_commas(parsed.rows)
    frame.attrs[POINTS_UNSURE] = parsed.separator != ","
    separator = SEPARATORS.get(parsed.separator, repr(parsed.separator))
    if encoding == _GUESSED:
        encoding += _first_guess(parsed)
    return frame, [f"{encoding}, {separator} between cells", *parsed.assumed]


_GUESSED = "Windows-1252, since it is not UTF-8"
"""What text is taken for that says nothing of itself; nearly all bytes are letters in it."""


def _first_guess(table: TextTable) -> str:
    """Show the first cell whose letters are others in another encoding: who knows it, sees it."""
    lines = [("in the line of names", table.names)]
    lines += [
        (f"in row {number}", row) for number, row in zip(table.numbers, table.rows, strict=True)
    ]
    first = next(
        ((cell, where) for where, cells in lines for cell in cells if not cell.isascii()), None
    )
    if first is None:  # in a row that was left out, or a line that was passed over
        return ""
    cell, where = first
    return f" ({quoted(cell)} {where}; if that is wrong, save the table as UTF-8)"


def _has_decimal_commas(rows: Sequence[Iterable[str]]) -> bool:
    return any(has_decimal_comma(cell.strip()) for row in rows for cell in row if "," in cell)


def _decode(content: bytes, source: str) -> tuple[str, str]:
    """Turn bytes into text, and say what they were taken for."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if content.startswith(mark):
            return _decoded(content, encoding, source), encoding.upper().removesuffix("-SIG")
    start = content[:1000]
    if start.count(0) > len(start) // 5:  # every other byte of plain letters in UTF-16
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
        return _decoded(content, encoding, source), "UTF-16 without a mark"
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError as error:
        place = error.start
    try:
        return content.decode("cp1252"), _GUESSED
    except UnicodeDecodeError:
        raise MemnetError(
            f"{source} is neither UTF-8 (byte {place}) nor Windows-1252 text; save it as 'CSV "
            "UTF-8'."
        ) from None


def _decoded(content: bytes, encoding: str, source: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise MemnetError(
            f"{source} is no {encoding} text (byte {error.start}), though it begins like one; save "
            "it as 'CSV UTF-8'."
        ) from None


def _read_parquet(content: bytes, path: Path) -> pd.DataFrame:
    try:
        # Nullable types: a whole number stays one where another is missing.
        frame = read_parquet(content, dtype_backend="numpy_nullable")
        return _text_frame(_with_index(write_values(frame, io.BytesIO(content))))
    except Exception as error:  # pyarrow raises of many kinds for a damaged file
        reason = " ".join(str(error).split())[:200]
        if "Multiple matches for FieldRef" in reason:
            reason = "two of its columns have one name: rename or delete all but one"
        raise MemnetError(f"{path} cannot be read as Parquet ({reason}).") from error


def read_parquet_columns(path: Path, columns: list[str]) -> pd.DataFrame:
    """Read some columns of a Parquet file as :func:`read_table_any` reads them all.

    Only these are in memory; the others may hold pictures.

    Raises
    ------
    MemnetError
        if it cannot be read.
    """
    try:
        frame = pd.read_parquet(path, dtype_backend="numpy_nullable", columns=columns)
        return _text_frame(_with_index(write_values(frame, path)))
    except Exception as error:  # as above
        raise MemnetError(f"{path} cannot be read as Parquet ({words_of(error)}).") from error


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn an index into columns: what has a name, and text, under the name that the file has."""
    index = frame.index
    levels = [index.get_level_values(level) for level in range(index.nlevels)]
    names = [
        f"__index_level_{place}__" if level.name is None and _is_text(level) else level.name
        for place, level in enumerate(levels)
    ]
    new = [place for place, name in enumerate(names) if not (name is None or name in frame.columns)]
    frame = frame.set_axis(index.set_names(names))
    return frame.reset_index(level=new) if new else frame


def _is_text(cells: pd.Series | pd.Index) -> bool:
    return pd.api.types.is_string_dtype(cells)


def _read_excel(content: bytes, path: Path, sheet: str) -> tuple[pd.DataFrame, list[str]]:
    cells = read_sheet(content, path, sheet)
    (_, names), *body = cells.rows
    frame = pd.DataFrame(
        [row for _, row in body],
        columns=range(len(names)),
        index=[number for number, _ in body],
        dtype=object,
    )
    frame.columns = pd.Index(list(map(_name, names)), dtype=object)
    frame.attrs[DECIMAL_COMMA] = _has_decimal_commas([row for _, row in body])
    frame.attrs[POINTS_UNSURE] = True
    frame.attrs[POINT_COLUMNS] = [frame.columns[place] for place in cells.fractions]
    return frame, cells.assumed


def _text_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn every column into text and count the rows from 2."""
    given = [frame.iloc[:, place] for place in range(frame.shape[1])]
    columns = [as_text(cells).tolist() for cells in given]
    text = pd.DataFrame(dict(enumerate(columns)), dtype=object)
    text.columns = pd.Index([_name(column) for column in frame.columns], dtype=object)
    text.index = pd.RangeIndex(2, len(text) + 2)
    text.attrs[DECIMAL_COMMA] = _has_decimal_commas(columns)
    text.attrs[POINTS_UNSURE] = True
    text.attrs[POINT_COLUMNS] = [
        name
        for name, cells in zip(text.columns, given, strict=True)
        if not _is_text(cells) and any(map(is_fraction, cells))
    ]
    return text


def _name(column: object) -> str:
    """Write a column's name; of several levels, one after another."""
    if isinstance(column, tuple):
        return " ".join(str(part) for part in column if str(part)).strip()
    return clean_name(str(column))


def _as_written(table: pd.DataFrame) -> pd.DataFrame:
    if not len(table.columns):
        raise MemnetError(f"{TABLE_GIVEN} has no columns.")
    text = table.to_csv(index=False, header=False, quoting=csv.QUOTE_ALL, lineterminator="\n")
    with cells_of_any_length(text):
        rows = list(csv.reader(io.StringIO(text, newline="")))
    frame = pd.DataFrame(rows, columns=range(len(table.columns)), dtype=object)
    frame.columns = pd.Index([_name(column) for column in table.columns], dtype=object)
    frame.index = table.index
    frame.attrs[DECIMAL_COMMA] = _has_decimal_commas(rows)
    frame.attrs[POINTS_UNSURE] = True
    frame.attrs[POINT_COLUMNS] = [
        name
        for place, name in enumerate(frame.columns)
        if any(map(is_fraction, table.iloc[:, place]))
    ]
    return frame


def has_column(frame: pd.DataFrame, column: str, source: Path | str = TABLE_GIVEN) -> bool:
    """Whether a table has a column; raises ``MemnetError`` where two are called so."""
    count = list(map(_one_form, frame.columns)).count(_one_form(column))
    if count > 1:
        raise MemnetError(
            f"{source} has {count} columns called {column!r}, so that it is not known which is "
            "meant; rename or delete all but one."
        )
    return column in frame.columns


def id_column_of(table: TableInput, id_column: str, source: str = TABLE_GIVEN) -> str:
    """Return the column with a table's ids: ``image_id`` where the one named is not there.

    The tables of a comparison may differ: a laboratory's scores have ``image_path``, say, and the
    human scores the name that memnet gives.

    Examples
    --------
    >>> id_column_of(pd.DataFrame({"image_id": ["a"]}), "image_path")
    'image_id'
    """
    frame, source = frame_and_name(table, source)
    there = has_column(frame, id_column, source) or not has_column(frame, "image_id", source)
    return id_column if there else "image_id"


def _one_form(name: object) -> object:
    """Write a name in one Unicode form: an a with dots is one letter, or a letter and its dots."""
    return unicodedata.normalize("NFC", name) if isinstance(name, str) else name


def require_column(frame: pd.DataFrame, column: str, source: Path | str) -> None:
    """Raise ``MemnetError`` if a column is missing, or there twice.

    The message names the nearest column, and all of them.
    """
    if has_column(frame, column, source):
        return
    names = [str(name) for name in frame.columns if name != ""]
    near = [name for name in names if name.casefold() == column.casefold()]
    near = near or get_close_matches(column, names, n=1)
    hint = f" Did you mean {quoted(near[0])}?" if near else _without_names(names)
    if column in names:  # as a number, or a tuple
        hint = " Its name there is no text: rename the columns (columns.astype(str))."
    elif alike := [name for name in names if _one_form(name) == _one_form(column)]:
        hint = (
            f" Its {quoted(alike[0])} has other Unicode code points: copy the name from the table."
        )
    if column in frame.index.names:
        hint = " It is the index: give the table's reset_index()."
    hint = _names_elsewhere(frame, column) or hint or _nameless_column(frame)
    raise MemnetError(
        f"{source} has no column {column!r}.{hint} Its columns: {shorten_list(names, 50)}."
    )


def _names_elsewhere(frame: pd.DataFrame, column: str) -> str:
    """Say so where the names stand in a row below the first, in a comment, or all in one cell."""
    if not column.strip():
        return ""
    first, single = frame.head(20), len(frame.columns) == 1
    for number, cells in zip(first.index, first.to_numpy(object), strict=True):
        # Below a title, which decided on the separator, the names are one cell.
        parts = _PARTS.split(str(cells[0])) if single else map(str, cells)
        if column in [part.strip().strip('"') for part in parts]:
            return f" But row {number} has it: delete what stands above the line of names."
    before, after = PASSED_OVER.split("{}")
    for note in assumed_of(frame):
        line = note.removeprefix(before).removesuffix(after)
        if line != note and column in line:
            return f" But {note}: if it holds the names, delete its mark of a comment."
    if single and any(mark in str(frame.columns[0]) for mark in ",;\t"):
        return (
            " Every row is one cell, as where a whole line stands in quotes, or its separator is "
            "another than in 'sep=': save the table again as CSV."
        )
    return ""


def _nameless_column(frame: pd.DataFrame) -> str:
    """Say so where the ids may stand in a first column without a name, as R writes row names."""
    if len(frame.columns) == 1 and len(frame):
        nameless = all(map(_NAMED_ROW.fullmatch, map(str, frame.iloc[:, 0])))
        what = "Each of its rows begins with a text that stands below no name"
    else:
        nameless, what = list(frame.columns[:1]) == [""], "Its first column has no name"
    if ROW_NAMES in assumed_of(frame):
        nameless, what = True, "Its first column has no name, and was passed over"
    if not nameless:
        return ""
    return (
        f" {what}, as R writes row names; if the ids stand there, give that column a name (in R: "
        "write.csv(cbind(image_id = rownames(d), d), row.names = FALSE))."
    )


def _without_names(names: list[str]) -> str:
    """Say so where a table's first line seems to be data."""
    if not any(_is_number(name) for name in names):
        return ""
    split = " (of LaMem's splits, `memnet dataset lamem` makes a table)" if len(names) == 2 else ""
    return f" Its first line looks like data: put a line of names above it{split}."


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return "." in text or "," in text
