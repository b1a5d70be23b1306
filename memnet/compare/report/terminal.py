"""Tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from memnet.compare.report.table_model import Column
from memnet.util.text import printable

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 250
"""Letters of a line where no terminal says how many it has: rows stay whole for other programs."""

_LONG = 44
"""Letters of a line in a column of long text."""


def console() -> Console:
    """Return what prints on stdout: as wide as the terminal, or wide enough for whole rows."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, soft_wrap=False)


def print_sentence(text: str) -> None:
    """Print a sentence, which a terminal breaks between words; for other programs it is a line."""
    from rich.text import Text

    console().print(Text(printable(text, len(text))), soft_wrap=not sys.stdout.isatty())


def print_table(headings: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table.

    Numbers are set flush right and never broken; where a terminal is too narrow, other cells are.

    Parameters
    ----------
    headings : of the columns; long text (``wide``) is broken over lines.
    rows : a text for each column.
    """
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False)
    for column in headings:
        grid.add_column(
            Text(column.full_heading),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
            overflow="fold",
            max_width=_LONG if column.wide else None,
        )
    for row in rows:
        # As text: names may hold what rich takes for markup, or the terminal for a command.
        grid.add_row(*(Text(printable(cell, len(cell))) for cell in row))
    console().print(grid)
