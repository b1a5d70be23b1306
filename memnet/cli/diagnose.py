"""``memnet diagnose``: which variant of MemNet made an old column of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.options import MATCH_HELP

if TYPE_CHECKING:
    from memnet.studies.diagnosis.fingerprint import Fingerprint
    from memnet.studies.diagnosis.result import Candidate, Diagnosis


_LONGEST = 5_000
"""Letters of what is printed of an old table."""


def diagnose(
    scores: Path = typer.Option(..., help="The old table: CSV, TSV, Excel or Parquet."),
    score_column: str = typer.Option(..., help="Its column of scores."),
    id_column: str = typer.Option("image_id", help="Its column of picture ids."),
    images: str | None = typer.Option(
        None,
        help="Folder, glob or manifest of the pictures; without it, only a first guess.",
    ),
    match: str = typer.Option("exact", help=MATCH_HELP),
    model: str = typer.Option(
        "memnet.caffe_lamem", "--model", "-m", help="The original MemNet: a name or .safetensors."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
    sample: int = typer.Option(
        200, min=10, help="Use at most this many pictures, drawn at random."
    ),
    seed: int = typer.Option(0, min=0, help="Seed of the draw and of the shuffled columns."),
    device: str = typer.Option("auto", help="auto, cpu, cuda, mps ..."),
) -> None:
    """Find out which variant of MemNet made an old column of scores.

    With the pictures, every known variant is run on them and compared with the column. The answer
    is the variant that agrees with the column: exactly, closely, up to a straight line, or in the
    order of the pictures. Or no variant agrees, or the column has too little information. Without
    the pictures, mean, SD, range and decimals give a first guess.
    """
    import json

    from memnet.cli.messages import say_some
    from memnet.studies.diagnosis.column import read_old_column
    from memnet.studies.diagnosis.diagnose import diagnose as diagnose_column
    from memnet.util.messages import say

    column = read_old_column(scores, id_column, score_column)
    if column.assumed:
        say(f"{scores.name} was read as {'; '.join(column.assumed)}")
    say_some(column.set_aside, f"of {len(column.ids):,} usable rows")
    result = diagnose_column(
        column,
        images=images,
        match=match,
        model=model,
        sample=sample,
        seed=seed,
        device=device,
        report=say,
    )
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    elif images is None:
        _print_fingerprint(result.fingerprint)
        say("give the pictures with --images to compare the column with every variant")
    else:
        _print(result)
    if not result.complete:
        raise typer.Exit(1)


def _print(result: Diagnosis) -> None:
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table
    from memnet.util.messages import say
    from memnet.util.text import printable, shorten_list

    print(result.headline)
    print(printable(result.sentence, _LONGEST))
    if result.disagreeing:
        listed = printable(shorten_list(result.disagreeing, 20), _LONGEST)
        print(f"Rows that do not agree: {listed}.")
    print()
    columns = number_columns("residual SD", "agree", "rho", "log likelihood")
    rows = [
        (
            row.slug,
            row.form,
            "-" if row.residual_sd is None else f"{row.residual_sd:.3g}",
            "-" if row.agree is None else f"{row.agree:.0%}",
            "undefined" if row.rho is None else f"{row.rho:.4f}",
            "-" if row.loglik is None else f"{row.loglik:.1f}",
        )
        for row in _choose_rows(result)
    ]
    print_table([Column("variant"), Column("form"), *columns], rows)
    print()
    _print_fingerprint(result.fingerprint, guess=result.evidence not in ("exact", "close"))
    say(
        f"{result.n} pictures, weights of {result.model}; --json lists all {len(result.candidates)}"
    )


def _choose_rows(result: Diagnosis) -> list[Candidate]:
    """Return the five best rows of the table, the runner-up among them."""
    rows = list(result.candidates[:5])
    if result.margin is not None and result.margin.slug not in [row.slug for row in rows]:
        rows[4:] = [row for row in result.candidates if row.slug == result.margin.slug]
    return rows


def _print_fingerprint(fingerprint: Fingerprint, guess: bool = True) -> None:
    """Print what the numbers say; a guess only where the pictures have not said more."""
    print(f"The numbers alone ({fingerprint.n:,}):")
    for sentence in fingerprint.sentences if guess else fingerprint.facts:
        print(f"  {sentence}")
