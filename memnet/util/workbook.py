"""Tables as Excel workbooks (.xlsx) from which the very same table is read again.

openpyxl by itself rounds numbers to 16 digits and takes a text that begins with ``=`` for a
formula. Here a text is always a text, whatever it looks like, and no formula is ever written.
"""

from __future__ import annotations

import math
import numbers
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    same float64. A missing value is no cell.
    """
    with replace_file(path, advice=_ADVICE) as temporary:
        _save(frame, temporary)


_ADVICE = "free some space there and in the folder for temporary files, or choose another folder"


def _save(frame: pd.DataFrame, path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("table")  # openpyxl has it in the folder for temporary files
    sheet.append([_text(sheet, str(name)) for name in frame.columns])
    columns = [_values(frame.iloc[:, place]) for place in range(len(frame.columns))]
    for row in zip(*columns, strict=True):
        sheet.append([_cell(sheet, value) for value in row])
    book.save(path)


def _values(column: pd.Series) -> list[Any]:
    return column.astype(object).where(column.notna(), None).tolist()


def _cell(sheet: Any, value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, numbers.Integral) and abs(int(value)) < _LARGEST_WHOLE:
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return _as_it_stands(sheet, repr(float(value)), "n")  # openpyxl would round to 16 digits
    return _text(sheet, str(value))


def _text(sheet: Any, text: str) -> Any:
    cell = _as_it_stands(sheet, encode_text(text), "s")
    cell.number_format = "@"  # what is typed into such a cell stays text, too
    return cell


def _as_it_stands(sheet: Any, text: str, kind: str) -> Any:
    """Make a cell of this text; given as ``value``, openpyxl would cut it, or read a formula."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet)
    cell._value, cell.data_type = text, kind
    return cell
