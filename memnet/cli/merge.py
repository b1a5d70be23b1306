"""``memnet merge``: the tables of a job array become one."""

from __future__ import annotations

from pathlib import Path

import typer


def merge(
    parts: list[Path] = typer.Argument(
        help="Score tables of `memnet score`, each with the .json beside it: the shards of a job "
        "array, say."
    ),
    out: Path = typer.Option(
        ..., "--out", "-o", dir_okay=False, help="FILE.csv, FILE.parquet or FILE.xlsx."
    ),
) -> None:
    """Join score tables; the shards of a job array become the table of one run.

    All must be made in one way (weights, preprocessing). A score that several have is kept once,
    and refused if it differs; every trial of your own tables is kept.
    """
    from memnet.cli.messages import command_line
    from memnet.scoring.merge import merge_tables
    from memnet.util.messages import say

    merged = merge_tables(parts, out, command=command_line())
    for note in merged.notes:
        say(note)
    twice = f", {merged.twice} of them in several tables" if merged.twice else ""
    failed = f", {merged.failed} failed" if merged.failed else ""
    say(f"{merged.rows} row(s) of {len(parts)} table(s){twice}{failed} -> {out}")
    if merged.failed or not merged.complete:
        raise typer.Exit(1)
