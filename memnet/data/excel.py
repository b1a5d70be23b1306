"""Reading Excel's workbooks (.xlsx): every cell is the text that a CSV file would hold."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time
from pathlib import Path
from typing import Any, NamedTuple

from memnet.data.delimited import EMPTY_ROWS, is_note
from memnet.data.numbers import is_fraction
from memnet.errors import MemnetError
from memnet.util.text import shorten_list
from memnet.util.workbook import decode_text

_ARCHIVES = {
    "xl/workbook.bin": "a binary Excel file (.xlsb): save it as .xlsx",
    "content.xml": "an OpenDocument file (.ods): save it as .xlsx or CSV",
    "word/document.xml": "a Word document: save its table as CSV",
    ".omv": "a file of jamovi: export its data as CSV",
    ".jasp": "a file of JASP: export its data as CSV",
    "Index/Document.iwa": "a Numbers file of Apple: export it as .xlsx or CSV",
    "": "a zip archive: unpack it first",
}
"""What lies in a zip archive, or the ending of its name -> what it is and what to do."""

_WORKBOOK = "xl/workbook.xml"


_MOST_UNPACKED = 2**31
"""Bytes; a sheet of a million rows and ten columns has a fifth."""

_MOST_CELLS = 50_000_000
"""Of the rectangle around all that is written."""


class SeveralSheetsError(MemnetError):
    """A workbook has several sheets, and none was named."""

    def __init__(self, path: Path, sheets: list[str]) -> None:
        self.sheets = sheets
        super().__init__(
            f"{path} has {len(sheets)} sheets ({shorten_list(sheets, 50)}); say which: "
            f"{path.name}#{sheets[0]}."
        )


class Sheet(NamedTuple):
    """A table in a workbook."""

    rows: list[tuple[int, list[str]]]  # (number as the spreadsheet counts, cells): names first
    fractions: list[int]  # places of columns with numbers, not texts, with decimals
    assumed: list[str]


def require_excel(content: bytes, path: Path) -> None:
    """Refuse zip archives that are something else, by what they hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = {*archive.namelist(), path.suffix.lower()}
            book = archive.read(_WORKBOOK) if _WORKBOOK in names else b""
    except Exception:  # zipfile, zlib and others raise of many kinds
        return  # damaged: reading it says so
    what = next((what for name, what in _ARCHIVES.items() if name in names), _ARCHIVES[""])
    if b"purl.oclc.org/ooxml" in book:
        what = "an Excel file of the kind 'Strict Open XML': save it as 'Excel Workbook (.xlsx)'"
    elif book:
        return
    raise MemnetError(f"{path} is no table that memnet reads but {what}.")


@contextmanager
def _one_sentence(path: Path) -> Iterator[None]:
    """Turn whatever a damaged workbook raises into an error, and warn of nothing beside cells."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MemnetError:
        raise
    except Exception as error:  # zipfile, XML and openpyxl raise of many kinds
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise MemnetError(f"{path} cannot be read as an Excel file ({reason}).") from error


def read_sheet(content: bytes, path: Path, sheet: str) -> Sheet:
    """Read a sheet of a workbook; ``sheet`` is "" for the only one.

    Raises
    ------
    MemnetError
        if openpyxl is missing, the file is damaged or unpacks to too much, there is no such sheet,
        several where none is named, nothing in it, or a formula without its result.
    """
    try:
        import openpyxl
    except ImportError:
        raise MemnetError(
            f"{path} is an Excel file, and reading it needs openpyxl: pip install "
            '"memnet-harness[excel]", or save it as CSV.'
        ) from None
    with _one_sentence(path):
        _check_unpacked(content, path)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = [each.title for each in book.worksheets]
        if sheet and sheet not in sheets:
            raise MemnetError(f"{path} has no sheet {sheet!r}; it has {shorten_list(sheets, 50)}.")
        if not sheet and len(sheets) > 1:
            raise SeveralSheetsError(path, sheets)
        if not sheets:
            raise MemnetError(f"{path} has no sheet with a table.")
        cells = book[sheet or sheets[0]]
        cells.reset_dimensions()  # some programs write a size that is too small
        values = _values(cells, path)
    rows = [[_excel_cell(value) for value in row] for row in values]
    used = [(number, row) for number, row in enumerate(rows, start=1) if any(row)]
    assumed = [f"Excel, sheet {sheet or sheets[0]!r}"]
    while len(used) > 1 and is_note(used[0][1][0]) and not any(used[0][1][1:]):
        assumed.append(f"the line {used.pop(0)[1][0][:40]!r} above the names was passed over")
    if not used:
        raise MemnetError(f"{path} is empty.")
    if empty := used[-1][0] - used[0][0] + 1 - len(used):
        assumed.append(f"{empty:,} {EMPTY_ROWS}")
    if any(not all(row) for _, row in used):
        with _one_sentence(path):
            _refuse_formulas(content, path, sheet or sheets[0])
    width = max(place + 1 for _, row in used for place, cell in enumerate(row) if cell)
    _check_cells(width * len(used), path)
    return Sheet(
        rows=[(number, (row + [""] * width)[:width]) for number, row in used],
        fractions=[
            place
            for place in range(width)
            if any(is_fraction(value) for row in values for value in row[place : place + 1])
        ],
        assumed=assumed,
    )


def _check_unpacked(content: bytes, path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > _MOST_UNPACKED:
        raise MemnetError(
            f"{path} unpacks to {size / 2**30:.1f} GiB, and {_MOST_UNPACKED / 2**30:.0f} are the "
            "most; save the table as CSV."
        )


def _values(cells: Any, path: Path) -> list[tuple[Any, ...]]:
    values, count = [], 0
    for row in cells.iter_rows(values_only=True):
        count += len(row)
        _check_cells(count, path)
        values.append(row)
    return values


def _check_cells(count: int, path: Path) -> None:
    if count > _MOST_CELLS:
        raise MemnetError(
            f"{path} has more than {_MOST_CELLS:,} cells between its first and its last one: "
            "delete what stands far to the right of the table, or save it as CSV."
        )


def _refuse_formulas(content: bytes, path: Path, sheet: str) -> None:
    """Raise ``MemnetError`` where a cell has a formula and no result: a missing value it is not."""
    import openpyxl

    if not _has_formula(content):
        return
    computed, written = (
        openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=results)[sheet]
        for results in (True, False)
    )
    for results, formulas in zip(computed.iter_rows(), written.iter_rows(), strict=False):
        for result, formula in zip(results, formulas, strict=False):
            if result.value is None and formula.data_type == "f":
                raise MemnetError(
                    f"{path}, sheet {sheet!r}: cell {formula.coordinate} holds the formula "
                    f"{str(formula.value)[:40]} without its result, since the program that wrote "
                    "the file computes none; open the file in a spreadsheet and save it."
                )


def _has_formula(content: bytes) -> bool:
    """Whether some sheet has a formula: it is told without reading the cells, which takes long."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [name for name in archive.namelist() if name.endswith(".xml")]  # wherever they lie
        return any(_FORMULA.search(archive.read(name)) for name in sheets)


_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")


def _excel_cell(value: object) -> str:
    """Write a cell as text; Excel keeps whole numbers as such, and others as float64."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return "-0.0" if str(value) == "-0.0" else str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()  # a day, as CSV and Parquet have it
    return decode_text(value) if isinstance(value, str) else str(value)
