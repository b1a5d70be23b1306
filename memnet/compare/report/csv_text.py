"""Rows as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_text(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Write CSV that R and pandas read without options: empty where nothing, TRUE and FALSE.

    A row may lack columns, and what has no column is left out. Where a cell holds a carriage
    return, all are in quotes: Python quotes a line feed only, and every reader ends a row at both.
    """
    cells = [list(head), *([_plain(row.get(name)) for name in head] for row in rows)]
    returns = any("\r" in cell for row in cells for cell in row)
    buffer = io.StringIO()
    if returns:
        csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(cells)
    else:
        csv.writer(buffer, lineterminator="\n").writerows(cells)
    return buffer.getvalue()


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, float) else str(value)
