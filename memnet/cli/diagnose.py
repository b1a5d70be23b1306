"""``memnet diagnose``: which variant of MemNet made an old column of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.options import MATCH_HELP
from memnet.errors import MemnetError

if TYPE_CHECKING:
    from memnet.studies.diagnosis.fingerprint import Fingerprint
    from memnet.studies.diagnosis.result import Diagnosis


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
    out: Path | None = typer.Option(
        None, file_okay=False, help="Folder for a page, diagnosis.html, and diagnosis.json."
    ),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
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

    from memnet.cli.messages import command_line, say_some
    from memnet.studies.diagnosis.column import read_old_column
    from memnet.studies.diagnosis.diagnose import diagnose as diagnose_column
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say
    from memnet.util.text import printable

    if open_report and out is None:
        raise MemnetError("--open shows the page that --out DIR writes; give it, too.")
    if out is not None:
        require_writable(out)
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
        out=out,
        report=say,
        command=command_line(),
    )
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2, allow_nan=False))
    elif images is None:
        _print_fingerprint(result.fingerprint)
        print(f"\nNext: {printable(result.next_command, _LONGEST)}")
        say("give the pictures with --images to compare the column with every variant")
    else:
        _print(result)
    if result.page is not None:
        say(f"the page: {result.page}")
    if open_report and result.page is not None:
        open_page(result.page)
    if not result.complete:
        raise typer.Exit(1)


def _print(result: Diagnosis) -> None:
    from memnet.compare.report.terminal import print_table
    from memnet.studies.diagnosis.page import CANDIDATE_COLUMNS, candidate_cells, choose_rows
    from memnet.util.messages import say
    from memnet.util.text import printable, shorten_list

    print(result.headline)
    print(printable(result.sentence, _LONGEST))
    if result.effect:
        print(f"What it did to the picture: {result.effect}")
    if result.meaning:
        print(f"What it means for the study: {printable(' '.join(result.meaning), _LONGEST)}")
    if result.disagreeing:
        listed = printable(shorten_list(result.disagreeing, 20), _LONGEST)
        print(f"Rows that do not agree: {listed}.")
    print()
    print_table(list(CANDIDATE_COLUMNS), [candidate_cells(row) for row in choose_rows(result)])
    print()
    _print_fingerprint(result.fingerprint, guess=result.evidence not in ("exact", "close"))
    if result.next_command:
        print(f"\nNext: {printable(result.next_command, _LONGEST)}")
    say(
        f"{result.n} pictures, weights of {result.model}; --json lists all {len(result.candidates)}"
    )


def _print_fingerprint(fingerprint: Fingerprint, guess: bool = True) -> None:
    """Print what the numbers say; a guess only where the pictures have not said more."""
    print(f"The numbers alone ({fingerprint.n:,}):")
    for sentence in fingerprint.sentences if guess else fingerprint.facts:
        print(f"  {sentence}")
