"""The figures of a selection: how alike the groups are, what was chosen, and what to expect."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memnet.compare.report.digits import with_interval
from memnet.compare.report.style import (
    GREY,
    INK,
    OUTLINE,
    POINTS_PER_INCH,
    PREDICTION,
    SMALL,
    TRUTH,
    WIDTH,
    heading,
    height_of,
    inside,
    legend,
    readable,
    settle,
    styled,
    wrapped,
)
from memnet.stats.balance import Balance
from memnet.studies.select.balance import BalanceRow, CategoryRow
from memnet.studies.select.expected import Expectation
from memnet.studies.select.selection import Selection
from memnet.util.arrays import AnyArray, Array

FIGURES = ("balance", "scores", "covariates", "expected")
ALIKE = 0.1
"""A standardised difference below this is commonly called balanced (Austin, 2009)."""

_NAMES = 120.0
"""Points: the widest that a name beside a row may be."""
_ROW = 22.0
_MARKERS = "oDs^vP"
_WIDE = 4.15
"""Inches: as wide as a telephone can show without shrinking."""
_PANEL = 1.7
"""Inches: the height of a panel of distributions."""


def draw_all(
    selection: Selection,
    rows: list[BalanceRow],
    categories: list[CategoryRow],
    before: Mapping[str, AnyArray],
    expectation: Expectation,
) -> dict[str, Figure]:
    """Draw every figure that there is something to show in, by name."""
    figures = {}
    if _differences(rows, categories):
        figures["balance"] = draw_balance(rows, categories)
    figures["scores"] = draw_scores(selection)
    if selection.candidates.covariate_names:
        figures["covariates"] = draw_covariates(selection, before)
    if expectation.differences:
        figures["expected"] = draw_expected(expectation)
    return figures


def captions(selection: Selection, expectation: Expectation) -> dict[str, str]:
    """Say what each figure shows, also for who cannot see it."""
    plain = _PLAIN.get(selection.settings.kind, "")
    hollow = f" Hollow: {plain}." if plain else ""
    dashed = f"; thin and dashed, {plain}" if plain else ""
    what = "difference" if len(expectation.differences) < 2 else "differences"
    return {
        "balance": "Standardised differences between groups, without their sign; of more than two "
        f"groups, the largest between any two. Filled: the chosen groups.{hollow} Dotted line: "
        f"{ALIKE}, below which groups are commonly called balanced.",
        "scores": "Scores of the chosen pictures, a mark a picture, over those of all candidates "
        "(grey). The line in each group is its mean.",
        "covariates": "Share of the pictures of each group with at most this value (cumulative "
        f"distributions): thick, the chosen groups{dashed}; grey, all candidates. Groups are alike "
        "where their lines lie over each other.",
        "expected": f"The {what} of the groups' predicted scores (hollow), and the {what} to be "
        "expected between people's scores, with its interval or range (filled).",
    }


_PLAIN = {
    "extremes": "the halves of a median split",
    "pairs": "the halves of a median split",
    "levels": "all candidates, each in the nearest level",
}


def _differences(
    rows: list[BalanceRow], categories: list[CategoryRow]
) -> dict[str, tuple[float | None, float]]:
    """Return name -> largest difference before and after, of covariates and categories."""
    found: dict[str, tuple[float | None, float]] = {}
    for name in dict.fromkeys(row.name for row in rows if row.kind == "covariate"):
        its = [row for row in rows if row.name == name]
        before = _largest([row.before for row in its])
        after = _largest([row.after for row in its])
        if after is not None:
            found[name] = before, after
    for row in categories:
        if math.isfinite(row.difference_after):
            before = row.difference_before if math.isfinite(row.difference_before) else None
            found[f"{row.column}: {row.category}"] = before, row.difference_after
    return found


def _largest(parts: list[Balance | None]) -> float | None:
    known = [abs(part.difference) for part in parts if part is not None]
    known = [value for value in known if math.isfinite(value)]
    return max(known, default=None)


def draw_balance(rows: list[BalanceRow], categories: list[CategoryRow]) -> Figure:
    """Draw the standardised differences before and after (a love plot), a line a covariate."""
    found = _differences(rows, categories)
    names = [wrapped(name, _NAMES) for name in found]
    heights = [max(_ROW, 6 + height_of(name)) for name in names]
    places = [sum(heights[:row]) + height / 2 for row, height in enumerate(heights)]
    with styled():
        figure = Figure(figsize=(_WIDE, 0.6 + sum(heights) / POINTS_PER_INCH), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(ALIKE, color=GREY, lw=1, ls=":", zorder=0)
        for place, (before, after) in zip(places, found.values(), strict=True):
            if before is not None:
                axes.plot([before, after], [place, place], color="0.75", lw=1, zorder=1)
        earlier = [
            (before, place)
            for place, (before, _) in zip(places, found.values(), strict=True)
            if before is not None
        ]
        style: Any = {"ls": "", "ms": 6.5, "clip_on": False}
        if earlier:
            x, y = zip(*earlier, strict=True)
            axes.plot(x, y, marker="o", color=INK, mfc="white", label="before", zorder=2, **style)
        after_all = [after for _, after in found.values()]
        axes.plot(
            after_all, places, marker="o", color=PREDICTION, label="chosen", zorder=3, **style
        )
        most = max([ALIKE, *after_all, *(b for b, _ in earlier)])
        axes.set(xlim=(-0.04 * most, 1.06 * most), ylim=(sum(heights), 0))
        axes.set_xlabel("standardised difference, without its sign")
        axes.set_yticks(places, names)
        axes.spines["left"].set_visible(False)
        axes.tick_params("y", length=0)
        heading(figure, ["Standardised differences between groups"])
        legend(figure, axes)
        settle(figure)
    return figure


def styles_of(groups: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Return each group's colour and marker; the first, of high scores, is vermilion."""
    shades: list[Any] = [PREDICTION, TRUTH]
    if len(groups) > 2:
        shades = list(colormaps["viridis"](np.linspace(0.05, 0.85, len(groups))))
    return {name: (shades[at], _MARKERS[at % len(_MARKERS)]) for at, name in enumerate(groups)}


def draw_scores(selection: Selection) -> Figure:
    """Draw the scores of every group over those of all candidates, a row a group."""
    candidates, groups = selection.candidates, selection.groups
    predictors = candidates.score_names
    names = [f"{name} (n = {len(rows):,})" for name, rows in groups.items()]
    names = [wrapped(name, 110) for name in names]
    height = 0.55 + 0.42 * (len(groups) + 1)
    with styled():
        figure = Figure(figsize=(_WIDE, height * len(predictors)), layout="constrained")
        panels = figure.subplots(len(predictors), 1, squeeze=False)[:, 0]
        for axes, predictor, at in zip(panels, predictors, range(len(predictors)), strict=True):
            scores = candidates.scores[:, at]
            everything: Any = {"color": GREY, "alpha": _shade(len(scores)), "mew": 0}
            _strip(axes, scores, 0, marker="o", ms=3.2, **everything)
            for row, (name, places) in enumerate(groups.items(), start=1):
                colour, marker = styles_of(groups)[name]
                chosen = scores[places]
                mark: Any = {"color": colour, "alpha": 0.75, "mew": 0, "ms": 4.2}
                _strip(axes, chosen, row, marker=marker, **mark)
                middle = [float(chosen.mean())] * 2
                ends = [row - 0.36, row + 0.36]
                axes.plot(middle, ends, color=INK, lw=1.6, path_effects=OUTLINE, zorder=4)
            axes.set_yticks(range(len(groups) + 1), [f"all (n = {len(scores):,})", *names])
            axes.set(ylim=(len(groups) + 0.5, -0.5), xlabel=readable(f"score, {predictor}"))
            axes.spines["left"].set_visible(False)
            axes.tick_params("y", length=0)
        heading(figure, ["Scores of the chosen pictures"])
        settle(figure)
    return figure


def _strip(axes: Axes, values: Array, row: float, **style: Any) -> None:
    """Draw a mark a value, moved up or down so that few lie over each other; always the same."""
    steps = (np.argsort(np.argsort(values, kind="stable")) * 0.6180339887) % 1
    axes.plot(values, row + 0.56 * (steps - 0.5), ls="", **style)


def _shade(count: int) -> float:
    return 0.45 if count <= 1_000 else 0.15


def draw_covariates(selection: Selection, before: Mapping[str, AnyArray]) -> Figure:
    """Draw cumulative distributions of every covariate in every group, before and after."""
    candidates, groups = selection.candidates, selection.groups
    names = candidates.covariate_names
    columns = 2 if len(names) > 1 else 1
    lines = math.ceil(len(names) / columns)
    with styled():
        size = (_WIDE if columns > 1 else WIDTH, _PANEL * lines)
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
        for axes, name, values in zip(panels, names, candidates.covariates.T, strict=False):
            _cumulative(axes, values, color="0.8", lw=2.2, label="all candidates")
            for group, (colour, _) in styles_of(groups).items():
                if group in before and len(before[group]):
                    _cumulative(axes, values[before[group]], color=colour, lw=0.9, ls="--")
                chosen = values[groups[group]]
                _cumulative(axes, chosen, color=colour, lw=1.8, label=readable(group))
            axes.set_xlabel(wrapped(name, inside(figure) / columns - 40))
            axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.set_ylim(0, 1)
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        heading(figure, ["Covariates (cumulative distributions)"])
        legend(figure, panels[0])
        settle(figure)
    return figure


def _cumulative(axes: Axes, values: Array, **style: Any) -> None:
    ordered = np.sort(values)
    shares = np.arange(1, len(ordered) + 1) / len(ordered)
    x, y = np.concatenate([ordered[:1], ordered]), np.concatenate([[0.0], shares])
    axes.plot(x, y, drawstyle="steps-post", **style)


def draw_expected(expectation: Expectation) -> Figure:
    """Draw predicted and expected differences, a line each."""
    rows = expectation.differences
    several = len({row.predictor for row in rows}) > 1
    names = [
        wrapped(f"{row.first} − {row.second}{f', {row.predictor}' if several else ''}", _NAMES)
        for row in rows
    ]
    heights = [max(34.0, 6 + height_of(name)) for name in names]
    places = [sum(heights[:row]) + height / 2 for row, height in enumerate(heights)]
    texts = [
        with_interval(row.value, (row.low, row.high), bare=True).replace("-", "−") for row in rows
    ]
    with styled():
        figure = Figure(figsize=(_WIDE, 0.6 + sum(heights) / POINTS_PER_INCH), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color="0.6", lw=0.8, zorder=0)
        for place, row, text in zip(places, rows, texts, strict=True):
            first: Any = {} if row is not rows[0] else {"label": "predicted scores"}
            style: Any = {"ls": "", "marker": "s", "mfc": "white", "color": INK, "ms": 6}
            if row.same_scale:
                axes.plot([row.raw], [place - 5.5], **style, **first)
            first = {} if row is not rows[0] else {"label": "to be expected of people"}
            axes.plot([row.low, row.high], [place + 5.5] * 2, color=PREDICTION, lw=1.8)
            axes.plot([row.value], [place + 5.5], ls="", marker="o", color=PREDICTION, **first)
            where = axes.get_yaxis_transform()
            axes.text(1.03, place, text, transform=where, va="center", fontsize=SMALL)
        axes.set(ylim=(sum(heights), 0), xlabel="difference of the groups' mean scores")
        axes.set_yticks(places, names)
        axes.spines["left"].set_visible(False)
        axes.tick_params("y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        heading(figure, ["Predicted and expected differences"])
        legend(figure, axes)
        settle(figure)
    return figure
