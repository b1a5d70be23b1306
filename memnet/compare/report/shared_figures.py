"""The figures of all models together: a forest plot, and a matrix of differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from memnet.compare.record import Result, RunRecord
from memnet.compare.report.category_figure import (
    can_draw_categories,
    categories_caption,
    draw_categories,
)
from memnet.compare.report.digits import rounded, with_interval
from memnet.compare.report.pairs import is_unlikely
from memnet.compare.report.roc_figure import can_draw_roc, draw_roc, roc_caption
from memnet.compare.report.style import (
    INK,
    POINTS_PER_INCH,
    PREDICTION,
    SMALL,
    TRUTH,
    WIDTH,
    heading,
    height_of,
    legend,
    named,
    pictures,
    width_of,
)
from memnet.compare.report.two_classes import has_classes

METRIC = "spearman"

_MARKS: dict[str, dict[str, Any]] = {
    "clean": {"marker": "o", "color": INK},
    "possibly": {"marker": "D", "color": INK, "mfc": "white"},
    "contaminated": {"marker": "X", "color": PREDICTION},
    "unknown": {"marker": "s", "color": INK, "mfc": "white"},
}
_NAMES = 190.0
"""Points: the widest that a column of names may be."""
_LIFT = 6.0
"""Points between an interval and the text over it."""
_BEHIND: Any = {"fc": "white", "ec": "none", "pad": 0.5}
"""Behind a text that lies over the ceiling."""
_CELL = 96.0
"""Points: the narrowest that a cell may be, to hold the word "contaminated" below it."""
_MOST_WIDE = 6
"""With more models than this a cell's interval stands on two lines, to keep the matrix narrow."""


def can_draw_forest(record: RunRecord) -> bool:
    """Tell whether any model's correlation is defined."""
    return not has_classes(record) and any(row.value is not None for row in _rows(record))


def draw_forest(record: RunRecord) -> Figure:
    """Draw Spearman's rho of each model with its interval, highest first, and the ceiling."""
    rows = _rows(record)
    texts = [_forest_text(row) for row in rows]
    room = (WIDTH - 0.3) * POINTS_PER_INCH - max(width_of(text, SMALL) for text in texts) - 10
    names = [named(row.model, record, room, SMALL) for row in rows]
    above = max(height_of(name, SMALL) for name in names) + _LIFT
    row_height = above + _LIFT + 8
    figure = Figure(
        figsize=(WIDTH, 0.6 + len(rows) * row_height / POINTS_PER_INCH), layout="constrained"
    )
    axes = figure.add_subplot()
    for place, (row, text) in enumerate(zip(rows, texts, strict=True)):
        _forest_row(axes, place, row, text)
    _draw_ceiling(axes, record)
    ends = (len(rows) - 1 + (_LIFT + 4) / row_height, -(above + 2) / row_height)
    axes.set(ylim=ends, xlim=_forest_ends(rows, record))
    # Name and number stand over the interval: beside it there is no room on a small screen.
    lift = _LIFT / row_height
    axes.set_yticks(np.arange(len(rows)) - lift, names, fontsize=SMALL, ha="left", va="bottom")
    axes.tick_params("y", length=0, pad=0)
    for label in axes.get_yticklabels():
        label.set_bbox(_BEHIND)
    axes.spines["left"].set_visible(False)
    if axes.get_xlim()[0] < 0 < axes.get_xlim()[1]:
        axes.axvline(0, color="0.6", lw=0.8, zorder=0)
    known = any(row.interval is not None for row in rows)
    axes.set_xlabel("Spearman's rho" + f", {100 * rows[0].level:g} % intervals" * known)
    heading(figure, ("Spearman's rho with the human scores", pictures(rows[0].n, record)))
    if axes.get_legend_handles_labels()[0]:
        legend(figure, axes)
    return figure


def _rows(record: RunRecord) -> list[Result]:
    """Results of the metric, highest first, undefined ones last."""
    rows = [result for result in record.results if result.metric == METRIC]
    return sorted(rows, key=lambda row: (row.value is None, -(row.value or 0.0)))


def _forest_text(row: Result) -> str:
    if row.value is None:
        return "undefined"
    return _with_interval(row.value, row.interval)


def _with_interval(value: float, ends: Sequence[float] | None) -> str:
    """Write a value with its interval, with the digits of the page and a true minus sign."""
    return with_interval(value, ends, bare=True).replace("-", "−")


def _forest_row(axes: Axes, place: int, row: Result, text: str) -> None:
    if row.value is not None:
        mark = _MARKS.get(row.contamination, _MARKS["unknown"])
        if row.interval is not None:
            axes.plot(row.interval, [place, place], color=mark["color"], lw=1.6, gid="interval")
        axes.plot([row.value], [place], ls="", ms=7, gid="value", zorder=3, clip_on=False, **mark)
    figure = axes.figure
    lifted = ScaledTranslation(0, _LIFT / POINTS_PER_INCH, figure.dpi_scale_trans)
    where: Any = {"transform": axes.get_yaxis_transform() + lifted, "bbox": _BEHIND}
    axes.text(1, place, text, ha="right", va="bottom", fontsize=SMALL, **where)


def _find_ceiling(record: RunRecord) -> Mapping[str, Any] | None:
    known: Mapping[str, Any] = record.labels.get("figures", {}).get(f"ceiling_{METRIC}") or {}
    return None if known.get("value") is None else known


def _draw_ceiling(axes: Axes, record: RunRecord) -> None:
    known = _find_ceiling(record)
    if known is None:
        return
    ends = known["interval"]
    label = f"ceiling for these human scores, {_with_interval(known['value'], ends)}"
    if ends is not None:
        axes.axvspan(*ends, color=TRUTH, alpha=0.18, lw=0, zorder=0)
    axes.axvline(known["value"], color=TRUTH, ls="--", lw=1.5, label=f"{label}: {_source(record)}")


def _source(record: RunRecord) -> str:
    measured = {"counts": "answers", "participants": "participants"}
    if (kind := record.labels.get("kind")) in measured:
        return f"from split halves of the {measured[kind]}"
    return f"published, {record.labels.get('source') or 'source not stated'}"


def _forest_ends(rows: list[Result], record: RunRecord) -> tuple[float, float]:
    known = _find_ceiling(record) or {"value": None, "interval": None}
    values = [known["value"], *(row.value for row in rows)]
    for interval in (known["interval"], *(row.interval for row in rows)):
        values += interval or []
    inside = [value for value in values if value is not None]
    low, high = min(inside), max(inside)
    margin = 0.04 * (high - low) if high - low > 1e-9 else 0.1  # 1 and 1 - 1e-16 are one number
    return max(low - margin, -1.0), min(high + margin, 1.0)


def forest_caption(record: RunRecord) -> str:
    """Say what the forest plot shows."""
    text = (
        "Spearman's rho of each model with its interval, highest first, and beside each name "
        "whether the model was trained on this data set"
    )
    if _find_ceiling(record) is None:
        measured = record.labels.get("kind") in ("counts", "participants")
        why = "there is none" if measured else "the reliability of the labels is not known"
        return f"{text}; a ceiling is not drawn, as {why}."
    band = ", with its interval as a band," if (_find_ceiling(record) or {})["interval"] else ""
    return (
        f"{text}; the dashed line{band} is the ceiling, the correlation that a predictor which "
        "knew every picture's true score would be expected to reach with these noisy labels "
        f"({_source(record)})."
    )


@dataclass(frozen=True)
class _Cell:
    value: float
    interval: tuple[float, float] | None
    marked: bool


def _cells(record: RunRecord) -> dict[tuple[str, str], _Cell]:
    """(first, second) -> first minus second; both ways round, without what is undefined."""
    cells = {}
    for row in record.differences:
        drawn = {row.model_a, row.model_b} <= record.plots.keys()
        if row.metric != METRIC or row.value is None or not drawn:
            continue
        marked = is_unlikely(row)
        ends = None if row.interval is None else (row.interval[0], row.interval[1])
        back = None if ends is None else (-ends[1], -ends[0])
        cells[row.model_a, row.model_b] = _Cell(row.value, ends, marked)
        cells[row.model_b, row.model_a] = _Cell(-row.value, back, marked)
    return cells


def can_draw_differences(record: RunRecord) -> bool:
    """Tell whether any two models' difference is defined."""
    return bool(_cells(record))


def draw_differences(record: RunRecord) -> Figure:
    """Draw the lower triangle of differences of Spearman's rho, column minus row.

    The columns are the earlier models: the differences are those of the table, first minus second.
    """
    models = list(record.plots)
    cells = _cells(record)
    wide = len(models) <= _MOST_WIDE
    texts = {pair: _cell_text(cell, wide) for pair, cell in cells.items()}
    # Everything is placed by the text's measured size: no label is cut however long it is.
    width = max(_CELL, 10 + max(width_of(text, SMALL) for text in texts.values()))
    height = 10 + max(height_of(text, SMALL) for text in texts.values())
    down = [named(model, record, _NAMES) for model in models[1:]]
    height = max(height, 6 + max(height_of(name) for name in down))
    along, turned = _column_names(models[:-1], record, width)
    below = max((width_of if turned else height_of)(name, SMALL) for name in along)
    left = max(width_of(name) for name in down) + 16
    count = len(models) - 1
    bar = 0 if count == 1 else 80
    right = max(12 + bar, WIDTH * POINTS_PER_INCH - left - count * width)
    total = left + count * width + right, below + 14 + count * height
    figure = Figure(figsize=(total[0] / POINTS_PER_INCH, total[1] / POINTS_PER_INCH))
    level = next(row.level for row in record.differences if row.metric == METRIC)
    n = next(row.n for row in record.differences if row.metric == METRIC)
    heading(
        figure,
        (
            "Difference of Spearman's rho, column minus row",
            f"{pictures(n, record)}; {100 * level:g} % intervals; * Holm-corrected p < .05",
        ),
    )
    high = figure.get_figheight() * POINTS_PER_INCH
    box = (left / total[0], (below + 10) / high, count * width / total[0], count * height / high)
    axes = figure.add_axes(box)
    size = max(0.1, *(abs(cell.value) for cell in cells.values()))
    colours = ScalarMappable(Normalize(-size, size), mpl.colormaps["PuOr"])
    for place, row in enumerate(models[1:]):
        for across, column in enumerate(models[: place + 1]):
            pair = (column, row)
            _cell(axes, across, place, cells.get(pair), texts.get(pair, ""), colours)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    axes.set_xticks(range(count), along, rotation=90 if turned else 0)
    axes.set_yticks(range(count), down, fontsize=9)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)
    if bar:
        _colour_bar(figure, colours, box, total[0])
    return figure


def _cell_text(cell: _Cell, wide: bool) -> str:
    value, ends = (text.replace("-", "−") for text in rounded(cell.value, cell.interval, bare=True))
    broken = ",\n"
    marked = value + ("*" if cell.marked else "")
    if cell.interval is None:
        return marked
    return f"{marked}\n{ends if wide else ends.replace(', ', broken)}"


def _column_names(models: list[str], record: RunRecord, width: float) -> tuple[list[str], bool]:
    """Names to stand under the columns: upright if five lines hold them, else turned."""
    upright = [named(model, record, width - 6, SMALL) for model in models]
    if all(name.count("\n") < 5 for name in upright):
        return upright, False
    points = _NAMES
    while True:
        turned = [named(model, record, points, SMALL) for model in models]
        if all(height_of(name, SMALL) < width for name in turned):
            return turned, True
        points *= 1.3


def _cell(
    axes: Axes, across: int, down: int, cell: _Cell | None, text: str, colours: ScalarMappable
) -> None:
    corner = (across - 0.5, down - 0.5)
    if cell is None:
        axes.add_patch(Rectangle(corner, 1, 1, fc="white", ec="0.7", hatch="////", lw=0.8))
        box = {"fc": "white", "ec": "none", "pad": 1.5}
        axes.text(across, down, "undefined", ha="center", va="center", fontsize=SMALL, bbox=box)
        return
    colour = colours.to_rgba(np.array([cell.value]))[0]
    red, green, blue, _ = colour
    axes.add_patch(Rectangle(corner, 1, 1, fc=colour, ec="0.7", lw=0.8))
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
    ink = "white" if dark else "black"
    axes.text(across, down, text, ha="center", va="center", fontsize=SMALL, color=ink)


def _colour_bar(
    figure: Figure, colours: ScalarMappable, box: tuple[float, float, float, float], width: float
) -> None:
    axes = figure.add_axes((box[0] + box[2] + 14 / width, box[1], 10 / width, box[3]))
    bar = figure.colorbar(colours, cax=axes)
    bar.locator = MaxNLocator(4, symmetric=True)
    bar.update_ticks()
    bar.outline.set_visible(False)


def differences_caption(record: RunRecord) -> str:
    """Say what the matrix shows."""
    return (
        "Difference of Spearman's rho between every two models on the same pictures, the column's "
        "model minus the row's (as in the tables, the first minus the second), with its paired "
        "interval in brackets; purple cells favour the column's model and orange ones the row's, a "
        "star marks a Holm-corrected p below .05 (swap-permutation test), and hatched cells are "
        "undefined."
    )


@dataclass(frozen=True)
class SharedFigure:
    """A figure of all models: whether the record suffices, how to draw it, what it shows."""

    possible: Callable[[RunRecord], bool]
    draw: Callable[[RunRecord], Figure]
    caption: Callable[[RunRecord], str]


SHARED_FIGURES: dict[str, SharedFigure] = {
    f"forest_{METRIC}": SharedFigure(can_draw_forest, draw_forest, forest_caption),
    f"differences_{METRIC}": SharedFigure(
        can_draw_differences, draw_differences, differences_caption
    ),
    "categories_spearman": SharedFigure(can_draw_categories, draw_categories, categories_caption),
    "roc_curves": SharedFigure(can_draw_roc, draw_roc, roc_caption),
}
"""The figures of all models, in the order of the report."""
