"""``memnet diagnose``: which variant of MemNet made an old column of scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from memnet.data.pictures import Item
    from memnet.studies.diagnosis.column import OldColumn
    from memnet.studies.diagnosis.fingerprint import Fingerprint
    from memnet.studies.diagnosis.result import Candidate, Diagnosis


def diagnose(
    scores: Path = typer.Option(..., help="The old table: CSV, TSV or Parquet."),
    score_column: str = typer.Option(..., help="Its column of scores."),
    id_column: str = typer.Option("image_id", help="Its column of picture ids."),
    images: str | None = typer.Option(
        None, help="Folder, glob or manifest of the pictures; without it, only the numbers speak."
    ),
    model: str = typer.Option(
        "memnet.caffe_lamem", "--model", "-m", help="The original MemNet: a name or .safetensors."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
    sample: int = typer.Option(
        200, min=10, help="Use at most this many pictures, drawn at random."
    ),
    seed: int = typer.Option(0, help="Seed of the draw and of the shuffled columns."),
    device: str = typer.Option("auto", help="auto, cpu, cuda ..."),
) -> None:
    """Find out which variant of MemNet made an old column of scores.

    With the pictures, every known variant is run on them and compared with the column: exact
    agreement first, then agreement but for a small noise, a straight line, the order alone; or
    "none of these"; or that the column says too little. Without them, mean, spread, range and
    digits give a first guess.
    """
    import json

    from memnet.cli.messages import say, say_some
    from memnet.studies.diagnosis.column import read_old_column
    from memnet.studies.diagnosis.fingerprint import fingerprint

    column = read_old_column(scores, id_column, score_column)
    say_some(column.set_aside, f"of {len(column.ids):,} usable rows")
    if images is None:
        first_guess = fingerprint(column.texts)
        if as_json:
            typer.echo(json.dumps(_without_pictures(column, first_guess), indent=2))
        else:
            _print_fingerprint(first_guess)
            say("with --images, the variants themselves are compared with the column")
        return
    items, unreadable = _pictures(column, images, sample, seed)

    from memnet.scoring.predictor import load
    from memnet.studies.diagnosis import diagnosis
    from memnet.studies.variants.scores import score_variants

    found = score_variants(load(model, device=device), items)
    for image_id, reason in found.failed.items():
        say(f"{image_id}: {reason}")
    result = diagnosis.diagnose(column, found, seed=seed)
    cautions = _cautions([item for item in items if item.image_id not in found.failed])
    for sentence in cautions:
        say(sentence)
    if as_json:
        more = {"failed": dict(found.failed), "cautions": cautions}
        typer.echo(json.dumps({**result.to_dict(), **more}, indent=2, allow_nan=False))
    else:
        _print(result)
    if found.failed or unreadable:
        raise typer.Exit(1)


def _pictures(
    column: OldColumn, images: str, sample: int, seed: int
) -> tuple[list[Item], list[str]]:
    import numpy as np

    from memnet.cli.messages import say, say_unreadable
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError
    from memnet.studies.diagnosis.column import match_pictures
    from memnet.studies.diagnosis.diagnosis import FEWEST

    inputs = collect([images])
    say_unreadable(inputs)
    shared, sentences = match_pictures(column, [item.image_id for item in inputs.items])
    for sentence in sentences:
        say(sentence)
    if len(shared) < FEWEST:
        raise MemnetError(
            f"{column.source} has {len(shared)} usable row{'' if len(shared) == 1 else 's'} with a "
            f"picture; at least {FEWEST} are needed to tell variants apart."
        )
    if len(shared) > sample:
        drawn = np.random.default_rng(seed).choice(len(shared), size=sample, replace=False)
        say(f"{sample} of {len(shared):,} pictures are used, drawn with seed {seed} (--sample)")
        shared = [shared[at] for at in sorted(drawn)]
    by_id = {item.image_id: item for item in inputs.items}
    return [by_id[image_id] for image_id in shared], inputs.unreadable


def _cautions(scored: list[Item]) -> list[str]:
    """Say what is special about the pictures; most of them grey matters to the verdict itself."""
    from memnet.studies.cautions import look_at

    sentences = []
    for caution in look_at(scored):
        sentences.append(caution.sentence)
        if caution.kind == "grey" and 2 * len(caution.ids) > len(scored):
            sentences.append(
                "Most pictures are grey: on them, variants that differ in nothing but the order of "
                "the colour channels have nearly the same scores. Take pictures in colour."
            )
    return sentences


def _without_pictures(column: OldColumn, found: Fingerprint) -> dict[str, object]:
    return {
        "verdict": None,
        "equivalent": [],
        "form": None,
        "evidence": "no pictures",
        "sentence": "Without pictures there is only a first guess: see fingerprint.",
        "n": len(column.ids),
        "set_aside": list(column.set_aside),
        "fingerprint": found.to_dict(),
    }


def _print(found: Diagnosis) -> None:
    import sys

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from memnet.cli.messages import say
    from memnet.util.text import shorten_list

    if found.evidence == "none":
        print("Verdict: none of these.")
    else:
        form = "" if found.form in (None, found.evidence) else f", {found.form}"
        print(f"Verdict: {found.verdict or 'open'} ({found.evidence}{form}).")
    print(found.sentence)
    if found.disagreeing:
        print(f"Rows that are not its: {shorten_list(found.disagreeing, 20)}.")
    print()
    table = Table("variant", "form", box=None, pad_edge=False)
    for heading in ("residual SD", "agree", "rho", "log likelihood"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in _shown(found):
        cells = (
            "-" if row.residual_sd is None else f"{row.residual_sd:.3g}",
            "-" if row.agree is None else f"{row.agree:.0%}",
            "undefined" if row.rho is None else f"{row.rho:.4f}",
            "-" if row.loglik is None else f"{row.loglik:.1f}",
        )
        table.add_row(*map(Text, (row.slug, row.form, *cells)))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    print()
    _print_fingerprint(found.fingerprint, guess=found.evidence not in ("exact", "close"))
    say(f"{found.n} pictures, weights of {found.model}; all {len(found.candidates)}: --json")


def _shown(found: Diagnosis) -> list[Candidate]:
    """Return the five best rows of the table, the runner-up among them."""
    rows = list(found.candidates[:5])
    if found.margin is not None and found.margin.slug not in [row.slug for row in rows]:
        rows[4:] = [row for row in found.candidates if row.slug == found.margin.slug]
    return rows


def _print_fingerprint(found: Fingerprint, guess: bool = True) -> None:
    """Print what the numbers say; a guess only where the pictures have not said more."""
    print(f"The numbers by themselves ({found.n:,}):")
    for sentence in found.sentences if guess else found.facts:
        print(f"  {sentence}")
