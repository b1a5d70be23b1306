"""``memnet inspect top``: the pictures that filters respond to most and least."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import typer

from memnet.cli.options import BATCH_SIZE, DEVICE, FILTERS, LAYERS, MODEL, PICTURES


class By(str, enum.Enum):
    """What pictures are ordered by."""

    mean = "mean"
    max = "max"


def top(
    model: str = MODEL,
    pictures: list[str] = PICTURES,
    layers: str = LAYERS,
    filters: str = FILTERS,
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for top.csv, top.json and the sheets."
    ),
    k: int = typer.Option(9, "-k", min=1, help="Pictures for each filter."),
    by: By = typer.Option(
        By.mean,
        help="mean: by the mean over space of the filter's output, as published; max: by its "
        "strongest unit.",
    ),
    least: bool = typer.Option(False, "--least", help="Draw sheets of the weakest pictures, too."),
    batch_size: int = BATCH_SIZE,
    device: str = DEVICE,
) -> None:
    """Find the pictures that filters respond to most and least, and where in them.

    Writes a table of them and, for each layer, contact sheets of the strongest.
    One pass through the network serves all filters of all layers. What was broken off goes on
    where it left off; more pictures join those of before.
    """
    from memnet.cli.messages import say_unread
    from memnet.data.pictures import collect
    from memnet.inspect.filters import choose_filters
    from memnet.inspect.top import few_pictures, find_top
    from memnet.inspect.top_sheet import draw_sheets
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    inputs = collect(pictures)
    predictor = load(model, device=device)
    wanted = choose_filters(predictor, layers, filters)
    found = find_top(predictor, inputs.items, wanted, out, k=k, by=by.value, batch_size=batch_size)
    of_ids = {item.image_id: item.picture for item in inputs.items}
    failed = [f"{name}: {reason}" for name, reason in found.failed.items()]
    sheets = []
    for side in ("most", "least") if least else ("most",):
        drawn = draw_sheets(found, out, of_ids, side=side)
        sheets += drawn.paths
        failed += drawn.failed
    say_unread(inputs, failed, f"see {out / 'top.json'}")
    bad = f", {len(found.failed)} failed" if found.failed else ""
    shapes = ", ".join(f"{layer['name']} ({_count(layer)})" for layer in found.about["layers"])
    if found.pictures < 2 * k:
        say(few_pictures(found.pictures, k))
    pages = f"{len(sheets)} sheet{'' if len(sheets) == 1 else 's'}"
    say(f"{found.pictures:,} pictures{bad}, layers {shapes}, {pages} -> {out}")
    if failed or inputs.unreadable:
        raise typer.Exit(1)


def _count(layer: dict[str, Any]) -> str:
    what = "filter" if layer["kind"] == "convolution" else "unit"
    count = len(layer["filters"])
    return f"{count:,} {what}{'' if count == 1 else 's'}"
