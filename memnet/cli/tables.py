"""Tables on stdout."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from memnet.compare.record import RunRecord
from memnet.compare.report.render import table_rows


def print_results(record: RunRecord) -> None:
    """Print every figure of a record: model, metric, value, interval, n, contamination."""
    table = Table("model", "metric", box=None, pad_edge=False)
    for heading in ("value", "95 % interval", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("test pictures", no_wrap=True)
    for row in table_rows(record):
        names = ("model", "metric", "value", "interval", "n", "contamination")
        table.add_row(*(row[name].replace("[", r"\[") for name in names))
    Console(width=None if sys.stdout.isatty() else 250).print(table)
