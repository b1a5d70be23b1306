"""``memnet inspect activations``: what layers give for pictures, as a file."""

from __future__ import annotations

import enum
from pathlib import Path

import typer

from memnet.cli.options import BATCH_SIZE, DEVICE, LAYERS, MODEL, PICTURES


class Reduce(str, enum.Enum):
    """What is kept of a layer's output."""

    whole = "whole"
    mean = "mean"
    max = "max"
    projection = "projection"


def activations(
    model: str = MODEL,
    pictures: list[str] = PICTURES,
    layers: str = LAYERS,
    out: Path = typer.Option(
        ...,
        "--out",
        "-o",
        dir_okay=False,
        help="FILE.npz, FILE.safetensors, FILE.h5 (or .hdf5) or FILE.parquet.",
    ),
    reduce: Reduce = typer.Option(
        Reduce.mean,
        help="mean, max: over space, a number for each filter; whole: every number; projection: "
        "a random projection of every number to --size numbers.",
    ),
    size: int | None = typer.Option(
        None, min=1, help="Numbers for each picture and layer; 1000 without it."
    ),
    seed: int | None = typer.Option(None, min=0, help="Of the projection; 0 without it."),
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
) -> None:
    """Write what layers of a model give for pictures, for RDMs, encoding models and the like.

    One pass through the network serves all layers. A picture that cannot be read keeps its row, of
    NaN, and is named.
    """
    from memnet.cli.messages import command_line, say_unread
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError
    from memnet.inspect.activation_files import check_name
    from memnet.inspect.activations import write
    from memnet.inspect.layers import find_layers
    from memnet.inspect.reductions import Reduction
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    check_name(out)
    if reduce is not Reduce.projection and (size is not None or seed is not None):
        raise MemnetError("--size and --seed are for --reduce projection.")
    names = [name.strip() for name in layers.split(",") if name.strip()]
    if not names:
        raise MemnetError(f"--layers names no layer; `memnet inspect layers {model}` lists them.")
    inputs = collect(pictures)
    predictor = load(model, device=device)
    found = find_layers(predictor, names)
    chosen = list({layer.name: layer for layer in found}.values())
    default = Reduction()
    reduction = Reduction(
        kind=reduce.value,
        size=default.size if size is None else size,
        seed=default.seed if seed is None else seed,
    )
    failed = write(
        predictor,
        inputs.items,
        chosen,
        out,
        reduction,
        batch_size=batch_size,
        command=command_line(),
    )
    reasons = [f"{name}: {reason}" for name, reason in failed.items()]
    say_unread(inputs, reasons, f"see {out}.json")
    shapes = ", ".join(
        f"{layer.name} ({' x '.join(map(str, reduction.shape(layer)))})" for layer in chosen
    )
    bad = f", {len(failed)} failed (rows of NaN)" if failed else ""
    say(f"{len(inputs.items) - len(failed)} pictures{bad}, layers {shapes} -> {out}")
    if failed or inputs.unreadable:
        raise typer.Exit(1)
