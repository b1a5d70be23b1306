"""Rows as CSV text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_text(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Write CSV that R and pandas read without options: empty where nothing, TRUE and FALSE.

    A row may lack columns, and what has no column is left out.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_plain(row.get(name)) for name in head])
    return buffer.getvalue()


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return repr(value) if isinstance(value, float) else str(value)
