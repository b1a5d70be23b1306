"""Tables as CSV text, the same on every system and readable by every reader."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import pandas as pd


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet takes for a formula, or that might hide one."""


def disarm_cell(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    Examples
    --------
    >>> disarm_cell("=1+1"), disarm_cell("a.jpg"), disarm_cell(-0.5)
    ("'=1+1", 'a.jpg', -0.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def cells_to_csv_text(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""Write rows of cells as :func:`to_csv_text` writes a table; None is an empty cell.

    Examples
    --------
    >>> cells_to_csv_text(["image_id", "score"], [("a.jpg", 0.5), ("b.jpg", None)])
    'image_id,score\na.jpg,0.5\nb.jpg,\n'
    """
    cells = [names, *rows]
    text = io.StringIO()
    write_csv_cells(text, cells, in_quotes=has_returns(cells))
    return text.getvalue()


def has_returns(rows: Iterable[Sequence[Any]]) -> bool:
    """Whether a cell has a carriage return, so that all are to be written in quotes."""
    return any(isinstance(cell, str) and "\r" in cell for row in rows for cell in row)


def write_csv_cells(file: TextIO, rows: Iterable[Sequence[Any]], *, in_quotes: bool) -> None:
    """Write rows of cells, the names among them, as :func:`cells_to_csv_text` does."""
    csv.writer(
        file, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC if in_quotes else csv.QUOTE_MINIMAL
    ).writerows(rows)


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.select_dtypes(include=["object", "string", "category"])


def to_csv_text(frame: pd.DataFrame) -> str:
    r"""Write a table as CSV without its index; where text has a carriage return, all is in quotes.

    Lines end in ``\n`` on every system. Python puts a cell into quotes for a line feed, not for a
    carriage return, at which every reader ends the row.

    Examples
    --------
    >>> import pandas as pd
    >>> to_csv_text(pd.DataFrame({"image_id": ["a\rb"], "score": [0.5]}))
    '"image_id","score"\n"a\rb",0.5\n'
    """
    texts = [cell for _, column in _texts(frame).items() for cell in column]
    cells = [*map(str, frame.columns), *texts]
    returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    if returns:
        return frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return frame.to_csv(index=False, lineterminator="\n")
