"""Tables as CSV text, the same on every system and readable by every reader."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


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
    text = frame.select_dtypes(include=["object", "string", "category"])
    cells = [*map(str, frame.columns), *(cell for _, column in text.items() for cell in column)]
    returns = any(isinstance(cell, str) and "\r" in cell for cell in cells)
    if returns:
        return frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    return frame.to_csv(index=False, lineterminator="\n")
