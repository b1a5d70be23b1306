"""Tables on stdout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from memnet.compare.report.table_model import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console

_WIDE = 250
"""Letters of a line where no terminal says how many it has: rows stay whole for other programs."""


def console() -> Console:
    """Return what prints on stdout: as wide as the terminal, or wide enough for whole rows."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, soft_wrap=False)


def print_table(table: Table) -> None:
    """Print a table, and its sentences above and below it.

    Numbers are set flush right and never broken; a cell's interval, word and note follow its text.
    """
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, pad_edge=False)
    for column in table.columns:
        grid.add_column(
            Text(column.full_heading),
            justify="right" if column.numeric else "left",
            no_wrap=column.numeric,
        )
    for row in table.rows:
        # As text: names may hold what rich takes for markup.
        grid.add_row(*(Text(_line(cell)) for cell in row))
    out = console()
    if table.before:
        out.print(Text(table.before))
    if table.columns:
        out.print(grid)
    if table.after:
        out.print(Text(table.after))


def _line(cell: Cell) -> str:
    return " ".join(filter(None, (cell.text, cell.interval, cell.word, cell.note)))
