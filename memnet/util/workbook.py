"""Tables as Excel workbooks (.xlsx) from which the very same table is read again.

They are written here and not by openpyxl, which rounds numbers to 16 digits, cuts long texts and
takes a text that begins with ``=`` for a formula. Here a text is always a text, whatever it looks
like, and no formula is ever written.
"""

from __future__ import annotations

import math
import numbers
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from memnet.errors import MemnetError
from memnet.util.atomic import replace_file

if TYPE_CHECKING:
    import pandas as pd

ROWS = 1_048_576
"""What a sheet holds, the names among them."""

COLUMNS = 16_384

_LONGEST_TEXT = 32_767
_LARGEST_WHOLE = 10**15  # a spreadsheet shows 15 digits; what is longer is an id, not a number

_NOT_XML = "[\0-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]"
_LIKE_A_CODE = "x[0-9A-Fa-f]{4}"
_UNWRITABLE = re.compile(f"{_NOT_XML}|_(?={_LIKE_A_CODE}(?:_|{_NOT_XML}))")
"""What XML cannot hold, and what would be read as the code of such a character."""

_CODE = re.compile(f"_x(00[01][0-9A-Fa-f]|[Ff]{{3}}[EeFf]|005[Ff](?=_{_LIKE_A_CODE}_))_")


def require_room(rows: int, path: Path) -> None:
    """Raise ``MemnetError`` where a sheet has no room for so many rows below its names."""
    if rows >= ROWS:
        raise MemnetError(
            f"{path} would get {rows:,} rows, and a sheet of .xlsx holds {ROWS - 1:,} below its "
            "names; choose a name that ends in .csv or .parquet."
        )


def require_sheet(frame: pd.DataFrame, path: Path) -> None:
    """Raise ``MemnetError`` where a table does not fit into a sheet."""
    require_room(len(frame), path)
    if len(frame.columns) > COLUMNS:
        raise MemnetError(
            f"{path} would get {len(frame.columns):,} columns, and a sheet of .xlsx holds "
            f"{COLUMNS:,}; choose a name that ends in .csv or .parquet."
        )
    for place, name in enumerate(frame.columns):
        cells = [name, *frame.iloc[:, place].tolist()]
        for row, cell in enumerate(cells, start=1):
            if _is_too_long(cell):
                raise MemnetError(
                    f"{path}: the text in row {row} of column {str(name)[:40]!r} has "
                    f"{len(cell):,} letters, and a cell of .xlsx holds {_LONGEST_TEXT:,}; "
                    "choose a name that ends in .csv or .parquet."
                )


def _is_too_long(cell: object) -> bool:
    if not isinstance(cell, str) or 7 * len(cell) <= _LONGEST_TEXT:  # a code has 7 letters
        return False
    return len(encode_text(cell)) > _LONGEST_TEXT


def encode_text(text: str) -> str:
    r"""Write characters that XML cannot hold as Excel does: ``_x0007_`` for the seventh.

    Examples
    --------
    >>> encode_text("a\rb"), encode_text("a_x000D_b")
    ('a_x000D_b', 'a_x005F_x000D_b')
    """
    return _UNWRITABLE.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def decode_text(text: str) -> str:
    r"""Read what :func:`encode_text` wrote; codes of other characters are left as they stand.

    Examples
    --------
    >>> decode_text("a_x000D_b"), decode_text("a_x005F_x000D_b"), decode_text("a_x0041_b")
    ('a\rb', 'a_x000D_b', 'a_x0041_b')
    """
    return _CODE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def write_workbook(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index as the only sheet of a workbook, whole or not at all.

    The table must fit; see :func:`require_sheet`.

    Texts are text cells, also those that look like numbers or formulas, and so are whole numbers
    of more than 15 digits; fractions are written in as many digits as they need to be read as the
    same float64. A missing value is no cell. The same table gives the same bytes.
    """
    with replace_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in _PARTS.items():
            archive.writestr(_entry(name), _XML + content)
        with archive.open(_entry(_SHEET), "w") as sheet:
            for text in _sheet(frame):
                sheet.write(text.encode("utf-8"))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980, whatever the time is
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _sheet(frame: pd.DataFrame) -> Iterator[str]:
    """Write the sheet's XML, row by row."""
    letters = [_letters(place) for place in range(len(frame.columns))]
    columns = [_values(frame.iloc[:, place]) for place in range(len(frame.columns))]
    yield f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'
    yield _row(1, letters, list(map(str, frame.columns)))
    for number, cells in enumerate(zip(*columns, strict=True), start=2):
        yield _row(number, letters, cells)
    yield "</sheetData></worksheet>"


def _values(column: pd.Series) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def _letters(place: int) -> str:
    """Name a column as spreadsheets do: A, B ... Z, AA."""
    before, last = divmod(place, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)


def _row(number: int, letters: list[str], cells: Any) -> str:
    written = (
        _cell(f"{letter}{number}", cell) for letter, cell in zip(letters, cells, strict=True)
    )
    return f'<row r="{number}">{"".join(written)}</row>'


def _cell(place: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, str):
        return _text(place, value)
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{value:d}</v></c>'
    if isinstance(value, numbers.Integral) and abs(int(value)) < _LARGEST_WHOLE:
        return f'<c r="{place}"><v>{int(value)}</v></c>'
    if isinstance(value, float) and math.isfinite(value):
        return f'<c r="{place}"><v>{float(value)!r}</v></c>'
    return _text(place, str(value))


def _text(place: str, text: str) -> str:
    written = escape(encode_text(text))
    return f'<c r="{place}" s="1" t="inlineStr"><is><t xml:space="preserve">{written}</t></is></c>'


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = "xl/worksheets/sheet1.xml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
    f'<Override PartName="/{_SHEET}" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="table" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" xfId="0"/>'
    '<xf numFmtId="49" xfId="0" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    "</styleSheet>",
}
"""All but the sheet. Format 49 is "text": what is typed into such a cell stays text, too."""
