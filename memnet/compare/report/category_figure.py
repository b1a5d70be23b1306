"""A forest of rho by category, with rho over all pictures and with the category held constant."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnet.compare.record import RunRecord
from memnet.compare.report.categories import ALL, WITHIN, has_categories, overall_results
from memnet.compare.report.style import (
    POINTS_PER_INCH,
    heading,
    height_of,
    legend,
    pictures,
    readable,
    wrapped,
)

MOST = 40
"""Categories that are drawn; of more, those with the most pictures."""
_NAMES = 190.0
_MARKS = "oDs^vPX<>"


def can_draw_categories(record: RunRecord) -> bool:
    """Tell whether any rho within categories is defined."""
    return has_categories(record) and any(
        found["within"]["value"] is not None for found in record.categories["models"].values()
    )


def draw_categories(record: RunRecord) -> Figure:
    """Draw rho of each category and model with its interval; the two overall rhos on top."""
    models = list(record.categories["models"])
    labels, rows = _rows(record)
    texts = [wrapped(label, _NAMES) for label in labels]
    each = max(20.0, 9.0 * len(models) + 8, 8 + max(height_of(text) for text in texts))
    figure = Figure(figsize=(7.2, 0.6 + len(rows) * each / POINTS_PER_INCH), layout="constrained")
    axes = figure.add_subplot()
    for order, model in enumerate(models):
        shift = 0.0 if len(models) == 1 else 0.5 * (order / (len(models) - 1) - 0.5)
        _draw_model(axes, order, model, [row.get(model) for row in rows], shift)
    axes.axhline(1.5, color="0.6", lw=0.8)
    axes.axvline(0, color="0.6", lw=0.8, zorder=0)
    axes.set(ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), texts, fontsize=9)
    axes.tick_params("y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Spearman's rho, {100 * record.categories['level']:g} % intervals")
    title = f"Spearman's rho by {readable(record.categories['column'])}"
    heading(figure, (title, pictures(record.items["n"], record)))
    if len(models) > 1:
        legend(figure, axes)
    return figure


def _rows(record: RunRecord) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the labels of the rows, and of each row model -> value and interval."""
    models = record.categories["models"]
    overall = {
        model: {"value": result.value, "interval": result.interval}
        for model, result in overall_results(record).items()
    }
    held = {model: found["within"] for model, found in models.items()}
    sizes: dict[str, int] = {}
    by_category: dict[str, dict[str, Any]] = {}
    for model, found in models.items():
        for row in found["by_category"]:
            sizes[row["category"]] = row["n"]
            by_category.setdefault(row["category"], {})[model] = row
    largest = set(sorted(by_category, key=lambda name: -sizes[name])[:MOST])
    shown = [name for name in by_category if name in largest]
    labels = [f"{readable(name)} ({sizes[name]:,})" for name in shown]
    return [ALL, WITHIN, *labels], [overall, held, *(by_category[name] for name in shown)]


def _draw_model(axes: Axes, order: int, model: str, found: list[Any], shift: float) -> None:
    colour = f"C{order % 10}"
    mark = _MARKS[order % len(_MARKS)]
    for place, row in enumerate(found):
        if row is None or row["value"] is None:
            continue
        if row["interval"] is not None:
            axes.plot(row["interval"], [place + shift] * 2, color=colour, lw=1.4, gid="interval")
        axes.plot([row["value"]], [place + shift], ls="", marker=mark, ms=5, color=colour)
    axes.plot([], [], ls="", marker=mark, ms=5, color=colour, label=readable(model))


def categories_caption(record: RunRecord) -> str:
    """Say what the forest shows."""
    drawn = len(_rows(record)[0]) - 2
    every = max(len(found["by_category"]) for found in record.categories["models"].values())
    most = f" The {drawn} largest of {every} categories are drawn." if drawn < every else ""
    return (
        "Spearman's rho with the human scores over all pictures, with the category held constant, "
        "and within each category, with intervals; the number of pictures is in brackets. Where "
        "the second lies near 0 and the first does not, a model tells categories apart, not "
        f"pictures within them.{most}"
    )
