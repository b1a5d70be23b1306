"""The figure of RDMs: their pictures side by side, and how alike they are to a brain's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from memnet.compare.report.style import (
    INK,
    POINTS_PER_INCH,
    PREDICTION,
    SMALL,
    heading,
    height_of,
    number,
    settle,
    styled,
    to_bytes,
    width_of,
    wrapped,
)
from memnet.inspect.rdms import LayerRdms
from memnet.stats.rdm_comparison import RdmComparison
from memnet.util.arrays import Array

__all__ = ["draw", "to_bytes"]

_WIDTH = 7.2
_ACROSS = 5
"""RDMs in a row."""
_BAR, _CELL = 0.26, 0.42
"""Inches: height of a layer's bar, and of its cell in the matrix."""
_NAMES = 150.0
"""Points: the widest that a layer's name is beside a bar."""


def draw(result: LayerRdms) -> Figure:
    """Draw every RDM, and below them each layer's rho with each brain, or between layers."""
    with styled():
        rdms = result.layers | result.brains
        across = min(len(rdms), _ACROSS)
        side = (_WIDTH - 0.9) / _ACROSS - 0.1
        titles = {name: wrapped(name, side * POINTS_PER_INCH, SMALL) for name in rdms}
        title = max(map(height_of, titles.values())) / POINTS_PER_INCH
        above = -(-len(rdms) // across) * (side + title + 0.15)
        below = [_height(result, brain) for brain in result.brains] or [_height(result, "")]
        if not result.comparisons:
            below = []
        figure = Figure(figsize=(_WIDTH, above + sum(below)), layout="constrained")
        parts = figure.subfigures(1 + len(below), 1, height_ratios=[above, *below], squeeze=False)
        _draw_rdms(parts[0, 0], rdms, titles, across)
        for part, brain in zip(parts[1:, 0], result.brains or [""], strict=False):
            if brain:
                _draw_bars(part.add_subplot(), result, brain)
            else:
                _draw_matrix(part, result)
        n = f"n = {len(result.ids):,} pictures"
        between = f"between activations: {result.record['distance']['meaning']}"
        heading(figure, (f"Dissimilarities of pictures; {n}", between))
        settle(figure)
    return figure


def _height(result: LayerRdms, brain: str) -> float:
    if brain:
        return 0.75 + len(result.layers) * _BAR
    return 0.9 + len(result.layers) * _CELL


def _draw_rdms(
    figure: SubFigure, rdms: Mapping[str, Array], titles: Mapping[str, str], across: int
) -> None:
    grid = figure.subplots(-(-len(rdms) // across), _ACROSS, squeeze=False)
    image = None
    for axes in grid.flat[len(rdms) :]:
        axes.set_axis_off()
    for axes, (name, rdm) in zip(grid.flat, rdms.items(), strict=False):
        image = axes.imshow(_percentiles(rdm), cmap="viridis", vmin=0, vmax=100)
        axes.set_title(titles[name], fontsize=SMALL, color=INK)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    assert image is not None
    bar = figure.colorbar(image, ax=grid, shrink=0.9, aspect=15 * len(grid), pad=0.01)
    bar.set_label("percentile", fontsize=SMALL)
    bar.outline.set_visible(False)


def _percentiles(rdm: Array) -> Array:
    """Rank the dissimilarities, as the comparisons do; a picture to itself is left white."""
    ranks = (rankdata(rdm) - 1) / max(1, len(rdm) - 1) * 100
    square = squareform(ranks)
    np.fill_diagonal(square, np.nan)
    return square


def _find(result: LayerRdms, one: str, other: str) -> RdmComparison:
    return next(each for each in result.comparisons if {each.first, each.second} == {one, other})


def _draw_bars(axes: Axes, result: LayerRdms, brain: str) -> None:
    """Draw rho of each layer with a brain, with its interval and the number at its end."""
    found = [_find(result, layer, brain) for layer in result.layers]
    ends = [0.0]
    for place, each in enumerate(found):
        if np.isnan(each.spearman):
            axes.text(0, place, " undefined", va="center", fontsize=SMALL)
            continue
        axes.barh(place, each.spearman, height=0.7, color=PREDICTION, alpha=0.75)
        interval = each.spearman_interval.ends
        if interval is not None:
            axes.plot(interval, [place, place], color=INK, lw=1.2)
        ends += [each.spearman, *(interval or [])]
    span = max(ends) - min(ends) or 1.0
    texts = ["" if np.isnan(each.spearman) else number(each.spearman) for each in found]
    room = span * max(width_of(text, SMALL) for text in texts) / (_WIDTH * POINTS_PER_INCH * 0.55)
    low, high = min(ends) - 0.02 * span * (min(ends) < 0), max(ends) + 0.03 * span + room
    for place, text in enumerate(texts):
        axes.text(high, place, text, ha="right", va="center", fontsize=SMALL)
    axes.set(xlim=(low, high), ylim=(len(found) - 0.5, -0.5))
    names = [wrapped(layer, _NAMES, SMALL) for layer in result.layers]
    axes.set_yticks(range(len(found)), names, fontsize=SMALL)
    axes.tick_params("y", length=0)
    axes.axvline(0, color="0.6", lw=0.8, zorder=0)
    level = f"{100 * result.record['level']:g} % intervals over pictures"
    axes.set_xlabel(wrapped(f"Spearman's rho with {brain}, {level}", 380))


def _draw_matrix(figure: SubFigure, result: LayerRdms) -> None:
    """Draw rho between every two layers."""
    names = list(result.layers)
    rho = np.full((len(names), len(names)), np.nan)
    for each in result.comparisons:
        rho[names.index(each.second), names.index(each.first)] = each.spearman
    axes = figure.add_subplot()
    image = axes.imshow(rho[1:, :-1], cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto")
    width = (_WIDTH * POINTS_PER_INCH - _NAMES - 60) / max(1, len(names) - 1)
    shown = width > width_of("0.00", SMALL)  # else the colours must do
    for (row, column), value in np.ndenumerate(rho[1:, :-1]):
        if shown and not np.isnan(value):
            ink = "white" if abs(value) > 0.6 else "black"
            text = number(value, 2)
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=ink)
    turned = max(width_of(name, SMALL) for name in names[:-1]) > width - 6
    along = [wrapped(name, _NAMES, SMALL) for name in names[:-1]]
    axes.set_xticks(range(len(along)), along, fontsize=SMALL, rotation=90 if turned else 0)
    axes.set_yticks(
        range(len(along)), [wrapped(name, _NAMES, SMALL) for name in names[1:]], fontsize=SMALL
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=max(15, 3 * len(names)))
    bar.set_label("Spearman's rho", fontsize=SMALL)
    bar.outline.set_visible(False)
