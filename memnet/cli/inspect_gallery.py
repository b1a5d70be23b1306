"""``memnet inspect gallery``: made pictures beside the strongest photographs, as a page."""

from __future__ import annotations

from pathlib import Path

import typer

from memnet.cli.inspect_visualise import RecipeName
from memnet.cli.options import DEVICE, FILTERS, LAYERS, MODEL, PICTURES


def gallery(
    model: str = MODEL,
    pictures: list[str] = PICTURES,
    layers: str = LAYERS,
    filters: str = FILTERS,
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for gallery.html and all it is made of."
    ),
    k: int = typer.Option(9, "-k", min=1, help="Photographs for each filter."),
    recipe: RecipeName = typer.Option(
        RecipeName.modern, help="2020: that of the published analysis of ResMem."
    ),
    steps: int | None = typer.Option(None, min=1, help="Of Adam; in each octave for 2020."),
    seed: int = typer.Option(0, min=0, help="Of the noise and of the transforms."),
    batch_size: int = typer.Option(
        4, "--batch-size", "-b", min=1, help="Pictures that are optimised together."
    ),
    device: str = DEVICE,
) -> None:
    """Show filters of a model: the pictures made for them beside their strongest photographs.

    Runs `memnet inspect top` and `memnet inspect visualise` into the folders top and visualised
    of OUT, then writes OUT/gallery.html, a page that stands alone, and OUT/sheets, contact sheets
    as PNG and PDF. What was broken off goes on where it left off.
    """
    from memnet.cli.messages import say_unread
    from memnet.data.pictures import collect
    from memnet.inspect.filters import choose_filters
    from memnet.inspect.gallery_folder import PAGE, write_gallery
    from memnet.inspect.recipes import Modern, Of2020, Recipe
    from memnet.inspect.top import find_top
    from memnet.inspect.visualisation_files import visualise_to
    from memnet.inspect.visualise import resolve
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    settings = {} if steps is None else {"steps": steps}
    how: Recipe = Modern(**settings) if recipe is RecipeName.modern else Of2020(**settings)
    inputs = collect(pictures)
    predictor = load(model, device=device)
    wanted = choose_filters(predictor, layers, filters)
    aims = ["neuron" if layer.is_linear else "channel" for layer, _ in wanted]
    # Whatever is wrong with a layer is said before hours of work on others.
    goals = [
        resolve(predictor, layer, numbers, aim)
        for (layer, numbers), aim in zip(wanted, aims, strict=True)
    ]
    top = find_top(predictor, inputs.items, wanted, out / "top", k=k)
    say(f"{top.pictures:,} photographs -> {out / 'top'}")
    failed = [f"{name}: {reason}" for name, reason in top.failed.items()]
    for goal, numbers in goals:
        dead = visualise_to(
            out / "visualised",
            predictor,
            goal,
            numbers,
            recipe=how,
            diversity=1,
            seed=seed,
            batch_size=batch_size,
        )
        say(f"{goal.layer_name}: {len(numbers) - len(dead)} picture(s) -> {out / 'visualised'}")
        failed += dead
    of_ids = {item.image_id: item.picture for item in inputs.items}
    written = write_gallery(out / "top", out / "visualised", out, of_ids)
    failed += written.failed
    say_unread(inputs, failed, f"see {out / PAGE}")
    shown = sum(len(layer.filters) for layer in written.gallery.layers)
    say(
        f"{shown:,} filter{'' if shown == 1 else 's'} of {len(written.gallery.layers)} "
        f"layer{'' if len(written.gallery.layers) == 1 else 's'}, {written.size / 1e6:.1f} MB -> "
        f"{out / PAGE}; {written.sheets} sheets -> {out / 'sheets'}"
    )
    if failed or inputs.unreadable:
        raise typer.Exit(1)
