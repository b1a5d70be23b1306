"""The learning curve of a probe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from memnet.compare.report.digits import with_interval
from memnet.compare.report.style import GREY, PREDICTION, heading, legend, number, settle, styled

_MOST_NAMED = 10


def draw_curve(probe: Mapping[str, Any]) -> Figure:
    """Draw held-out rho against the number of pictures that were fitted to.

    Parameters
    ----------
    probe : ``probe.json``, with two points or more whose rho is defined.
    """
    points = [point for point in probe["curve"]["points"] if point["rho"] is not None]
    pictures = [point["pictures"] for point in points]
    with styled():
        figure = Figure(figsize=(6.6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for place in range(len(probe["folds"])):
            values = [point["folds"][place] for point in points]
            label = "each fold" if not place else "_nolegend_"
            axes.plot(
                pictures,
                np.array([np.nan if each is None else each for each in values], float),
                color=GREY,
                lw=0.8,
                alpha=0.7,
                label=label,
                gid="fold",
            )
        axes.plot(
            pictures,
            [point["rho"] for point in points],
            color=PREDICTION,
            marker="o",
            ms=5,
            lw=2,
            label="mean over folds, with its 95 % interval",
            gid="curve",
        )
        for point in points:
            if point["rho_interval"]:
                axes.plot([point["pictures"]] * 2, point["rho_interval"], color=PREDICTION, lw=1.2)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(pictures[:-2] + pictures[-1:]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set(xlabel="pictures fitted to", ylabel="held-out Spearman's rho")
        low, high = axes.get_ylim()
        if low < 0 < high:
            axes.axhline(0, color="0.6", lw=0.8, zorder=0)
        heading(figure, (f"Learning curve on {probe['backbone']['name']}",))
        legend(figure, axes)
        settle(figure)
    return figure


def can_draw(probe: Mapping[str, Any]) -> bool:
    """Whether there are two points to join."""
    return sum(point["rho"] is not None for point in probe["curve"]["points"]) > 1


def curve_caption(probe: Mapping[str, Any]) -> str:
    """Say what the curve shows, with its first and last value."""
    points = [point for point in probe["curve"]["points"] if point["rho"] is not None]
    first, last = points[0], points[-1]
    return (
        "Spearman's rho on held-out pictures against the number of pictures that the regression "
        "was fitted to (logarithmic), the mean over folds (orange, with intervals) and each fold "
        f"(grey): {number(first['rho'], 2)} with {first['pictures']:,} pictures, "
        f"{with_interval(last['rho'], last['rho_interval'], bare=True)} with "
        f"{last['pictures']:,}."
    )
