"""``memnet inspect map``: where in a picture."""

from __future__ import annotations

import enum
from pathlib import Path

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.options import DEVICE, MODEL, PICTURES


class Method(str, enum.Enum):
    """How a map is made."""

    windows = "windows"
    occlusion = "occlusion"
    gradient = "gradient"


def map_(
    model: str = MODEL,
    pictures: list[str] = PICTURES,
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for the maps and their page."
    ),
    method: Method = typer.Option(
        Method.windows,
        help="windows: score each part alone. occlusion: what is lost when a part is hidden. "
        "gradient: what each part adds (integrated gradients); needs the extra `inspect`.",
    ),
    window: list[float] = typer.Option(
        [],
        "--window",
        metavar="SHARE",
        help="Size of windows or patches, as a share of the picture's width and height; repeat to "
        "average over sizes. 0.5 and 0.3 for windows, 0.2 for occlusion; of gradient, the square "
        "over which it is shown: 0.1.",
    ),
    stride: float | None = typer.Option(
        None, metavar="SHARE", help="Distance of neighbours, as a share of a window: 0.5."
    ),
    steps: int | None = typer.Option(
        None, min=2, help="Of gradient, from grey to the picture; 150 without it."
    ),
    seed: int = typer.Option(0, min=0, help="Of the random network of the sanity check."),
    batch_size: int = typer.Option(8, "--batch-size", "-b", min=1, help="Windows per pass."),
    device: str = DEVICE,
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Show which parts of pictures a model's score depends on.

    A map over each picture, with a sanity check: the map of the same network with random
    parameters must look different. Run the same command again after an interruption and it goes
    on.
    """
    import sys

    from tqdm import tqdm

    from memnet.cli.messages import command_line, say_unread
    from memnet.data.pictures import collect
    from memnet.errors import MemnetError
    from memnet.inspect.map_folder import PAGE, write_maps
    from memnet.inspect.maps import MapMaker, MapSettings
    from memnet.scoring.predictor import load
    from memnet.util.messages import say

    if steps is not None and method is not Method.gradient:
        raise MemnetError("--steps is for --method gradient.")
    settings = MapSettings(
        method.value,
        tuple(window),
        stride,
        steps=MapSettings.steps if steps is None else steps,
        seed=seed,
        batch_size=batch_size,
    )
    inputs = collect(pictures)
    maker = MapMaker(load(model, device=device), settings)
    with tqdm(total=len(inputs.items), unit="picture", file=sys.stderr, disable=None) as bar:
        summary = write_maps(maker, inputs.items, out, command=command_line(), done=bar.update)
    say_unread(inputs, summary.failed, f"see {out / 'maps.json'}")
    if summary.warned:
        say(f"{summary.warned} map(s) have a warning beside them: see the page's first lines")
    before = f", {summary.already} were there before" if summary.already else ""
    failed = f", {len(summary.failed)} failed" if summary.failed else ""
    say(f"{summary.made} made{before}{failed} -> {out / PAGE}")
    if open_report:
        open_page(out / PAGE)
    if summary.failed or inputs.unreadable:
        raise typer.Exit(1)
