"""``memnet freeze``: scores kept for a regression test."""

from __future__ import annotations

from pathlib import Path

import typer

from memnet.cli.options import BATCH_SIZE, MODELS


def freeze(
    model: list[str] = MODELS,
    images: list[str] = typer.Option(
        ..., help="Folders (searched recursively), files, globs, or manifests (CSV, Excel ...)."
    ),
    out: Path = typer.Option(
        ..., "--out", "-o", dir_okay=False, help="FILE.json for the frozen scores."
    ),
    tolerance: float | None = typer.Option(
        None,
        min=0.0,
        help="How far a score may move on another machine; without it, the model's published "
        "tolerance.",
    ),
    device: str = typer.Option("cpu", help="cpu, cuda, cuda:1, auto; equal digits only with cpu."),
    batch_size: int = BATCH_SIZE,
    force: bool = typer.Option(False, "--force", help="Replace frozen scores that are there."),
) -> None:
    """Freeze a model's scores of some pictures, for a test that holds it to them.

    The test, with the fixture that memnet brings to pytest:

    \b
        def test_scores_hold(frozen_scores):
            frozen_scores.check("frozen.json")

    Paths in the file are relative to its folder. Where a picture cannot be scored,
    nothing is written.
    """
    from memnet.cli.messages import say_ignored
    from memnet.compare.frozen.file import FrozenScores
    from memnet.compare.frozen.file import freeze as run
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError
    from memnet.scoring.predictor import load
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say

    if len(model) != 1:
        raise MemnetError(f"A frozen file is for one model; --model was given {len(model)} times.")
    if out.suffix != ".json":
        raise MemnetError(f"--out {out} must end in .json.")
    if out.exists():
        before = FrozenScores.read(out)  # whatever else lies there is never replaced
        if not force:
            raise MemnetError(
                f"{out} holds frozen scores of {before.model} already; replace them with --force, "
                "or choose another --out."
            )
    require_writable(out.parent)
    inputs = collect(images)
    predictor = load(model[0], device=device)
    frozen = run(
        predictor, inputs, images=images, out=out, batch_size=batch_size, tolerance=tolerance
    )
    frozen.write(out)
    say_ignored(inputs)
    say(f"{len(frozen.pictures)} frozen, tolerance on other machines {frozen.tolerance:g} -> {out}")
