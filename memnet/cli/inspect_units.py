"""``memnet inspect units``: every unit's correlation with a score of the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.options import MATCH_HELP

if TYPE_CHECKING:
    import pandas as pd


def units(
    activations: Path = typer.Argument(help="A file of `memnet inspect activations`."),
    truth: Path = typer.Option(
        ...,
        help="CSV, TSV, Excel or Parquet with a score per picture: of people, or predicted.",
    ),
    truth_column: str = typer.Option(..., help="The column with the scores."),
    id_column: str = typer.Option("image_id", help="The column with the picture's id."),
    match: str = typer.Option("exact", help=MATCH_HELP),
    out: Path = typer.Option(
        ..., "--out", "-o", dir_okay=False, help="A row per unit: .csv, .parquet or .xlsx."
    ),
) -> None:
    """Correlate every unit with memorability: which go up with it, which down, which by chance.

    The p values of all units of all layers are corrected together (false discovery rate). Prints
    how many units of each layer correlate.
    """
    from memnet.cli.messages import command_line, say_some
    from memnet.inspect.units import correlate_with_score
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say
    from memnet.util.text import shorten_list

    require_writable(out.parent)
    found = correlate_with_score(
        activations,
        truth,
        truth_column=truth_column,
        id_column=id_column,
        match=match,
        out=out,
        command=command_line(),
    )
    _print(found.layers)
    record = found.record
    for sentence in (*record["score"]["doubts"], *record["notes"]):
        say(sentence)
    say_some(record["score"]["set_aside"], f"in {out}.json")
    say(f"{len(found.units):,} units over {record['n']:,} pictures -> {out}")
    failed = record["activations"]["set_aside"]
    if failed:
        unread = f"{len(failed):,} picture(s) of {activations} could not be read"
        say(f"{unread}: {shorten_list(failed)}.")
    if record["score"]["set_aside"] or failed:
        raise typer.Exit(1)


def _print(layers: pd.DataFrame) -> None:
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table

    names = ["units", "constant", "positive", "negative"]
    headings = [*names, "positive, FDR < .05", "negative, FDR < .05"]
    columns = [*names, "significant_positive", "significant_negative"]
    rows = [
        (row["layer"], *(f"{row[name]:,}" for name in columns)) for row in layers.to_dict("records")
    ]
    print_table([Column("layer"), *number_columns(*headings)], rows)
