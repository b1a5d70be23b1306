"""Figures of the variants: what each feeds the network, and how alike they rank pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from memnet.compare.report.style import (
    GREY,
    INK,
    POINTS_PER_INCH,
    SIZE,
    SMALL,
    height_of,
    readable,
    styled,
    width_of,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd

    from memnet.studies.variants.sheet import VariantInput

_ACROSS = 3
_SIDE = 1.12  # inches of a small picture
_BETWEEN = 0.06
_GAP = 0.42  # between cards
_MARGIN = 0.3
_CARD = 3 * _SIDE + 2 * _BETWEEN
_MAP: Any = "RdBu_r"
_MOST = 255
_TICKS = (-100, -10, -1, 0, 1, 10, 100)


def draw_sheet(variants: Sequence[VariantInput], *, picture: str, mean_note: str) -> Figure:
    """Draw a card for each way of preprocessing: two crops, and a map of what differs.

    Parameters
    ----------
    variants : of :func:`memnet.studies.variants.sheet.prepare_inputs`.
    picture : the picture's name, for the title.
    mean_note : which mean image was used, a sentence.
    """
    head = [
        f"What each variant of MemNet feeds the network, for {picture}",
        "Each input is turned back into a picture as if it were an input of the original server. "
        "The server's own inputs therefore look like the picture; other inputs look as wrong as "
        "they are for the network. Difference: first channel of the input minus the first channel "
        "(blue) of the server's input for the same part of the picture. RMS: root mean square of "
        "the differences in all three channels.",
        mean_note,
    ]
    width = _ACROSS * _CARD + (_ACROSS - 1) * _GAP + 2 * _MARGIN
    lines = [wrapped(line, (width - 2 * _MARGIN) * POINTS_PER_INCH) for line in head]
    head_height = (height_of("\n".join(lines)) + 14) / POINTS_PER_INCH
    texts = [_text(variant) for variant in variants]
    rows = [range(at, min(at + _ACROSS, len(variants))) for at in range(0, len(variants), _ACROSS)]
    heights = [max(_height(texts[at]) for at in row) for row in rows]
    height = 2 * _MARGIN + head_height + sum(heights) + 0.55
    with styled():
        figure = Figure(figsize=(width, height))
        top = height - _MARGIN
        for number, line in enumerate(lines):
            weight = "bold" if number == 0 else "normal"
            _write(figure, _MARGIN, top, line, SIZE + (2 if number == 0 else 0), weight=weight)
            top -= (height_of(line, SIZE) + (6 if number == 0 else 2)) / POINTS_PER_INCH
        top -= 0.1
        for row, row_height in zip(rows, heights, strict=True):
            for place, at in enumerate(row):
                _card(figure, variants[at], texts[at], _MARGIN + place * (_CARD + _GAP), top)
            top -= row_height
        _scale(figure, 0.42)
    return figure


def _text(variant: VariantInput) -> str:
    """Return what stands under a card's pictures: how far off, what is done, whose else it is."""
    if variant.slugs[0] == "server":
        far = "The original"
    else:
        far = f"RMS {_levels(variant.rms)} grey levels"
        if abs(variant.rms_server - variant.rms) > max(0.5, 0.05 * variant.rms):
            far += f" ({_levels(variant.rms_server)} from the server's centre crop)"
    others = f"The same inputs: {', '.join(variant.slugs[1:])}" if len(variant.slugs) > 1 else ""
    points = _CARD * POINTS_PER_INCH
    lines = (far, variant.description[:1].upper() + variant.description[1:], others)
    return "\n".join(wrapped(line, points, SMALL) for line in lines if line)


def _levels(rms: float) -> str:
    return f"{rms:,.0f}" if rms >= 100 else f"{rms:.1f}"


def _height(text: str) -> float:
    """Inches of a card with the space under it."""
    return _SIDE + (height_of("A", SIZE) + height_of(text, SMALL) + 36) / POINTS_PER_INCH


def _card(figure: Figure, variant: VariantInput, text: str, left: float, top: float) -> None:
    _write(figure, left, top, variant.slugs[0], SIZE, weight="bold")
    top -= (height_of("A", SIZE) + 2) / POINTS_PER_INCH
    shown = [
        ("first crop", variant.first if variant.n_crops > 1 else None),
        ("whole picture" if variant.whole else "centre crop", variant.centre),
        ("difference", variant.difference[:, :, 0]),
    ]
    for place, (word, image) in enumerate(shown):
        box = _axes(figure, left + place * (_SIDE + _BETWEEN), top - _SIDE, _SIDE, _SIDE)
        if image is None:
            box.axis("off")
            box.text(0.5, 0.5, "one input", ha="center", va="center", size=SMALL, color=GREY)
            continue
        colours: Any = {"cmap": _MAP, "norm": _norm()} if word == "difference" else {}
        box.imshow(image, interpolation="antialiased", **colours)
        box.set_xlabel(word, size=SMALL - 1, color=GREY, labelpad=1.5)
    top -= _SIDE + 14 / POINTS_PER_INCH
    _write(figure, left, top, text, SMALL, color=INK)


def _norm() -> SymLogNorm:
    return SymLogNorm(linthresh=1, vmin=-_MOST, vmax=_MOST)


def _axes(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    across, up = figure.get_size_inches()
    axes: Axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="0.8", linewidth=0.5)
    return axes


def _write(figure: Figure, left: float, top: float, text: str, size: float, **style: Any) -> None:
    across, up = figure.get_size_inches()
    style = {"va": "top", "ha": "left", "linespacing": 1.25, **style}
    figure.text(left / across, top / up, readable(text), size=size, **style)


def _scale(figure: Figure, bottom: float) -> None:
    """Draw the colour scale of the differences under the cards."""
    axes = _axes(figure, _MARGIN + _CARD + _GAP, bottom, _CARD, 0.1)
    bar = figure.colorbar(
        ScalarMappable(_norm(), _MAP), cax=axes, orientation="horizontal", extend="both"
    )
    bar.set_ticks(list(_TICKS), labels=[str(tick).replace("-", "−") for tick in _TICKS])
    bar.ax.minorticks_off()
    bar.set_label("difference in grey levels, logarithmic beyond ±1", size=SMALL, color=GREY)


_CELL = 0.4  # inches
_ALIKE: Any = "YlGnBu"


def draw_heat_map(correlations: pd.DataFrame, *, n: int) -> Figure:
    """Draw Spearman's rho between every two variants as coloured cells with the value in each.

    Parameters
    ----------
    correlations : variants by variants, in the order to be drawn; NaN where there is no rho.
    n : number of pictures.
    """
    names = list(correlations.index)
    rho = correlations.to_numpy(dtype=float)
    side = _CELL * len(names)
    room = max(width_of(name, SMALL) for name in names) / POINTS_PER_INCH + 0.15
    low = float(np.floor(np.nanmin(rho) * 10 - 1e-9) / 10) if np.isfinite(rho).any() else 0.0
    with styled():
        figure = Figure(figsize=(room + side + 2 * _MARGIN, room + side + 0.9))
        axes = _axes(figure, _MARGIN + room, 0.65, side, side)
        colours = matplotlib.colormaps[_ALIKE].with_extremes(bad="0.93")
        image = axes.imshow(rho, cmap=colours, vmin=low, vmax=1, interpolation="nearest")
        axes.set_xticks(range(len(names)), names, rotation=90)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        for row, column in np.ndindex(*rho.shape):
            value = float(rho[row, column])
            dark = np.isfinite(value) and (value - low) / (1 - low) > 0.55
            ink = "white" if dark else INK
            axes.text(column, row, _rho(value), size=SMALL, ha="center", va="center", color=ink)
        bar_axes = _axes(figure, _MARGIN + room, 0.42, min(side, 3.0), 0.1)
        bar = figure.colorbar(image, cax=bar_axes, orientation="horizontal")
        bar.set_label(f"Spearman's rho of raw outputs, n = {n:,} pictures", size=SMALL, color=GREY)
    return figure


def _rho(value: float) -> str:
    """Write a correlation as psychologists do: ``.987``; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    text = f"{value:.3f}"
    return {"1.000": "1", "-1.000": "−1"}.get(text, text.replace("0.", ".", 1).replace("-", "−"))
