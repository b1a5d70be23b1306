"""``memnet variants``: the ways in which MemNet was used, and what each feeds the network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memnet.cli.browser import OPEN_HELP, open_page

if TYPE_CHECKING:
    from memnet.util.arrays import Float32Array

_FORMATS = (".png", ".svg", ".html")
_DEFAULT = "memnet.caffe_lamem"


def variants(
    picture: Path | None = typer.Argument(
        None, help="Picture for the contact sheet; without it, the variants are listed."
    ),
    out: Path | None = typer.Option(
        None,
        "--out",
        "-o",
        dir_okay=False,
        help="The contact sheet: FILE.png, FILE.svg, or FILE.html with the list.",
    ),
    model: str | None = typer.Option(
        None,
        "--model",
        "-m",
        help="The MemNet whose mean image is subtracted; memnet.caffe_lamem if you imported it.",
    ),
    mean: Path | None = typer.Option(
        None, help="A mean image instead: .mat, .npy or .binaryproto."
    ),
    as_json: bool = typer.Option(False, "--json", help="List as JSON, with every setting."),
    open_sheet: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """List the variants of MemNet, or draw what each feeds the network for one picture.

    A column called MemNet may come from any of them: they differ in channels, mean, scale, crops
    and resizing before the same weights. To score with one: `--model memnet.caffe_lamem:SLUG`.
    """
    from memnet.errors import MemnetError, PictureError
    from memnet.studies.variants.sheet import list_variants, prepare_inputs
    from memnet.util.messages import say

    if picture is None:
        if out is not None or mean is not None or model is not None or open_sheet:
            raise MemnetError(
                "A contact sheet needs a picture: memnet variants PICTURE --out FILE."
            )
        rows = list_variants()
        print(json.dumps(rows, indent=1)) if as_json else _print(rows)
        return
    if as_json:
        raise MemnetError("--json lists the variants; leave it out where a picture is drawn.")
    if out is None:
        raise MemnetError(
            f"Say where to write the contact sheet of {picture}: --out FILE.png, .svg or .html."
        )
    if out.suffix not in _FORMATS:
        raise MemnetError(f"--out {out} must end in {', '.join(_FORMATS)}.")
    mean_image, mean_note = _mean(mean, model)
    try:
        inputs = prepare_inputs(picture, mean_image)
    except PictureError as error:
        raise MemnetError(f"{picture}: {error}") from error
    _draw(out, inputs, picture.name, mean_note)
    say(mean_note)
    say(f"{len(list_variants())} variants, {len(inputs)} ways of preprocessing -> {out}")
    if open_sheet:
        open_page(out)


def _mean(mean: Path | None, model: str | None) -> tuple[Float32Array, str]:
    """Return the mean image, and a sentence that says which it is."""
    from memnet.errors import MemnetError
    from memnet.legacy.mean_image import read_mean_image
    from memnet.scoring.predictor import load
    from memnet.studies.variants.sheet import flat_mean
    from memnet.weights import store
    from memnet.weights.catalogue import find

    if mean is not None and model is not None:
        raise MemnetError("--model and --mean each name a mean image; give one of them.")
    if mean is not None:
        return read_mean_image(mean).values, f"The mean image is that of {mean.name}."
    if model is None and not store.is_current(find(_DEFAULT)):
        return flat_mean(), (
            "The original mean image is not on this machine, so a flat one with its published "
            "channel means (blue 104.9, green 114.8, red 118.4) is used: it does not show when a "
            "variant transposes the mean image or takes its channel means. Give yours with --mean "
            "mean.mat."
        )
    predictor = load(model or _DEFAULT, device="cpu")
    if predictor.mean_image is None:
        raise MemnetError(f"{predictor.name} has no mean image; name a MemNet, or give --mean.")
    return predictor.mean_image, f"The mean image is that of {predictor.name}."


def _draw(out: Path, inputs: Any, name: str, mean_note: str) -> None:
    from memnet.compare.report.style import to_bytes
    from memnet.studies.variants.figures import draw_sheet
    from memnet.studies.variants.page import sheet_page
    from memnet.util.atomic import write_bytes

    figure = draw_sheet(inputs, picture=name, mean_note=mean_note)
    data = to_bytes(figure, "svg" if out.suffix == ".svg" else "png")
    if out.suffix == ".html":
        data = sheet_page(name, data).encode()
    write_bytes(out, data)


_WIDTH = 100
_LINES = {
    "inputs": "inputs",
    "output": "output",
    "known_defect": "known defect",
    "use_for": "use for",
    "source": "source",
}


def _print(rows: list[dict[str, Any]]) -> None:
    import textwrap

    for row in rows:
        print(f"{row['slug']}: {row['title']}")
        for name, heading in _LINES.items():
            text = f"  {heading:<14}{row[name] or 'none'}"
            print(textwrap.fill(text, _WIDTH, subsequent_indent=" " * 16, break_on_hyphens=False))
        print()
