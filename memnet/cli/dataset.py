"""``memnet dataset``: the human scores of a known data set as one table for ``memnet compare``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from memnet.data.manifest import Truth

app = typer.Typer(
    no_args_is_help=True,
    help="Build a truth table for `memnet compare --truth`, with a manifest beside it.",
)

_LAMEM = typer.Option(..., help="LaMem's folder with splits/, or the folder with test_1.txt ...")
_MEMCAT = typer.Option(..., help="MemCat's memcat_image_data.csv.")
_SPLIT = typer.Option(..., help="LaMem's split, 1 to 5: labels differ between splits.")
_LABEL = typer.Option(
    ..., help="MemCat's label: wo-fa (hit rate) or w-fa (corrected for false alarms)."
)
_OUT = typer.Option(..., help="The table, .csv; its manifest is written to FILE.csv.json.")


@app.command("lamem")
def lamem(
    lamem: Path = _LAMEM,
    split: int = _SPLIT,
    out: Path = _OUT,
    part: str = typer.Option("test", help="test, val or train."),
) -> None:
    """One part of one official LaMem split (Khosla et al. 2015)."""
    from memnet.data import datasets

    _finish(datasets.lamem(lamem, split=split, part=part), out)


@app.command("memcat")
def memcat(memcat: Path = _MEMCAT, label: str = _LABEL, out: Path = _OUT) -> None:
    """All of MemCat (Goetschalckx & Wagemans 2019), with its counts and categories."""
    from memnet.data import datasets

    _finish(datasets.memcat(memcat, label=label), out)


@app.command("mixture")
def mixture(
    lamem: Path = _LAMEM,
    memcat: Path = _MEMCAT,
    split: int = _SPLIT,
    label: str = _LABEL,
    out: Path = _OUT,
    part: str = typer.Option("test", help="test (the pictures held out) or train (the others)."),
    held_out: int = typer.Option(5_000, help="How many pictures are held out."),
    seed: int = typer.Option(2022, help="Of the draw; the same on every machine."),
) -> None:
    """LaMem and MemCat together with 5,000 pictures held out, as in Needell & Bainbridge (2022).

    Their own draw had no seed, so these are not the same 5,000. Ids begin with lamem/ or memcat/:
    to score the pictures, put both folders of that name into one.
    """
    from memnet.data import datasets

    truth = datasets.mixture(
        lamem, memcat, split=split, label=label, part=part, held_out=held_out, seed=seed
    )
    _finish(truth, out)


def _finish(truth: Truth, out: Path) -> None:
    """Write the table and say what is in it and how to use it."""
    from memnet.cli.messages import say

    truth.write(out)
    manifest = truth.manifest
    scores = truth.table[manifest["truth_column"]]
    counts = ", ".join(f"{name} {count:,}" for name, count in manifest["counts"].items())
    print(f"pictures     {manifest['n']:,} ({counts})")
    print(f"labels       {manifest['label_kind']}")
    if len(scores) > 1:
        print(f"mean, SD     {scores.mean():.6f}, {scores.std(ddof=1):.6f}")
    print(f"from, to     {scores.min():.6f}, {scores.max():.6f}")
    print(f"rule         {manifest['rule']}")
    print(f"digest       {manifest['digest']}")
    say(
        f"{out} and its manifest written; next: memnet compare --truth {shlex.quote(str(out))} "
        f"--truth-column {manifest['truth_column']} --dataset {manifest['dataset']} "
        "--scores FILE --out FOLDER"
    )
