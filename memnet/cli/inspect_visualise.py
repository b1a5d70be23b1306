"""``memnet inspect visualise``: pictures that a filter, or the whole network, responds to."""

from __future__ import annotations

import enum
from pathlib import Path

import typer

from memnet.cli.options import DEVICE, MODEL


class Aim(str, enum.Enum):
    """What is raised."""

    channel = "channel"
    neuron = "neuron"
    score = "score"


class RecipeName(str, enum.Enum):
    """How."""

    modern = "modern"
    of_2020 = "2020"


def visualise(
    model: str = MODEL,
    layer: str = typer.Argument("", help="One of the names that `memnet inspect layers` lists."),
    filters: str = typer.Argument("", help="Numbers of filters from 0, as in 3,17,40-43; or all."),
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for the pictures and visualisations.json."
    ),
    objective: Aim = typer.Option(
        Aim.channel,
        help="What is raised: the filter's mean over space, its unit in the centre, or the raw "
        "score of the whole network (without LAYER and FILTERS).",
    ),
    recipe: RecipeName = typer.Option(
        RecipeName.modern, help="2020: that of the published analysis of ResMem."
    ),
    steps: int | None = typer.Option(None, min=1, help="Of Adam; in each octave for 2020."),
    octaves: int | None = typer.Option(None, min=1, help="Of the recipe of 2020."),
    diversity: int = typer.Option(
        1, min=1, metavar="K", help="Make K pictures of each filter, unlike each other."
    ),
    seed: int = typer.Option(0, min=0, help="Of the noise and of the transforms."),
    batch_size: int = typer.Option(
        4, "--batch-size", "-b", min=1, help="Pictures that are optimised together."
    ),
    from_: Path | None = typer.Option(
        None,
        "--from",
        metavar="PICTURE",
        help="With --objective score: begin with this picture, and find its most and its least "
        "memorable neighbour.",
    ),
    within: float | None = typer.Option(
        None, metavar="LEVELS", help="How far from it: root mean square difference in grey levels."
    ),
    device: str = DEVICE,
) -> None:
    """Make pictures that raise a filter's output, by gradient ascent from noise.

    \b
    memnet inspect visualise resmem.published conv4 0-7 --out features
    memnet inspect visualise resmem.published --objective score --out memorable
    memnet inspect visualise resmem.published --objective score \\
        --from photo.jpg --within 4 --out neighbours

    What is in the folder already, made in the same way, is not computed again.
    """
    from memnet.errors import MemnetError
    from memnet.inspect.filters import parse_filters
    from memnet.inspect.layers import find_layer
    from memnet.inspect.recipes import Modern, Of2020, Recipe
    from memnet.inspect.visualisation_files import visualise_to
    from memnet.inspect.visualise import resolve
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    if (from_ is None) != (within is None) or (from_ and objective is not Aim.score):
        raise MemnetError(
            "--from PICTURE and --within LEVELS belong together, and to --objective score."
        )
    if from_ is not None and within is not None:
        if octaves is not None or diversity > 1 or recipe is RecipeName.of_2020 or layer:
            raise MemnetError(
                "--from finds two neighbours of a picture by gradient ascent on the score: it "
                "takes no layer, --recipe, --octaves or --diversity."
            )
        _neighbours(model, from_, within, out, steps, device)
        return
    changed = {"steps": steps, "octaves": octaves}
    settings = {name: value for name, value in changed.items() if value is not None}
    if octaves is not None and recipe is RecipeName.modern:
        raise MemnetError("--octaves is for --recipe 2020.")
    how: Recipe = Modern(**settings) if recipe is RecipeName.modern else Of2020(**settings)
    if objective is not Aim.score and not (layer and filters):
        raise MemnetError(
            "Name a layer and its filters: `memnet inspect visualise MODEL LAYER FILTERS`; only "
            "--objective score has none."
        )
    predictor = load(model, device=device)
    found = find_layer(predictor, layer) if layer else None
    numbers = parse_filters(filters, found) if found is not None else []
    goal, names = resolve(predictor, found, numbers, objective.value)
    if found is not None and objective is Aim.channel and found.is_linear:
        say(
            f"{found.name} is linear in the pixels: what raises its mean over space is little "
            "more than a colour; --objective neuron shows the filter."
        )
    dead = visualise_to(
        out,
        predictor,
        goal,
        names,
        recipe=how,
        diversity=diversity,
        seed=seed,
        batch_size=batch_size,
    )
    for sentence in dead:
        say(sentence)
    made = len(names) * diversity - len(dead)
    say(f"{made} picture(s) -> {out}")
    if dead:
        raise typer.Exit(1)


def _neighbours(
    model: str, picture: Path, within: float, out: Path, steps: int | None, device: str
) -> None:
    """Find, write and print the neighbours of a picture."""
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_table
    from memnet.inspect.neighbours import STEPS, require_distance, write_neighbours
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    require_distance(within)
    predictor = load(model, device=device)
    found, record = write_neighbours(out, predictor, picture, within, steps=steps or STEPS)
    columns = [
        Column("picture"),
        *number_columns("distance", "score", "raw", "raw before rounding"),
    ]
    rows = [[picture.name, "", f"{record['score']:.4f}", f"{record['raw']:.4f}", ""]]
    for each in ("start", "most", "least"):
        row = record[each]
        numbers = [f"{row['distance']:.2f}"] + [
            f"{row[name]:.4f}" for name in ("score", "raw", "raw_before_rounding")
        ]
        rows.append([row["file"], *numbers])
    print_table(columns, rows)
    if found.is_grey:
        say(f"{picture} is grey; its neighbours may have colours.")
    farthest = max(found.most.distance, found.least.distance)
    if farthest == 0:
        say(
            "rounding to whole grey levels left nothing of so small a change: both neighbours are "
            "the picture itself; take a larger --within."
        )
    elif farthest < 0.9 * within and steps is not None and steps < STEPS:
        say(f"{steps} steps led only {farthest:.2f} grey levels away; more --steps lead further.")
    say(f"neighbours within {within:g} grey levels -> {out}")
