"""The ROC curves of all models, where the human scores are two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnet.compare.record import RunRecord
from memnet.compare.report.style import (
    POINTS_PER_INCH,
    SMALL,
    WIDTH,
    heading,
    height_of,
    legend,
    number,
    pictures,
    readable,
    width_of,
    wrapped,
)
from memnet.compare.report.two_classes import METRIC, has_classes

_STYLES = ("-", "--", "-.", ":")
_INSIDE = 110.0
"""Points: the widest that a label beside the curves may be."""


def can_draw_roc(record: RunRecord) -> bool:
    """Tell whether there are two classes, and pictures of both in the figures' data."""
    return has_classes(record) and any(
        len(set(data["truth_points"])) == 2 for data in record.plots.values()
    )


def draw_roc(record: RunRecord) -> Figure:
    """Draw the share of each class that lies above every threshold, and chance."""
    figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8, label="chance, AUC .500")
    auc = {result.model: result for result in record.results if result.metric == METRIC}
    curves = []
    for place, (model, data) in enumerate(record.plots.items()):
        if len(set(data["truth_points"])) == 2:
            x, y = roc_points(data["truth_points"], data["prediction_points"])
            curves.append((x, y))
            value = auc[model].value if model in auc else None
            axes.plot(
                x,
                y,
                ls=_STYLES[place % len(_STYLES)],
                color=f"C{place}",
                lw=1.6,
                label=f"{readable(model)}, AUC "
                + (number(value).removeprefix("0") if value is not None else "undefined"),
            )
    classes, points = record.truth["classes"], (WIDTH - 0.9) * POINTS_PER_INCH
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
        xlabel=wrapped(f"share of class {classes['negative']} above the threshold", points),
        ylabel=wrapped(f"share of class {classes['positive']} above the threshold", points),
    )
    axes.set_anchor("S")
    heading(figure, ("ROC curves", pictures(record.items["n"], record)))
    if not _legend_inside(axes, curves):
        legend(figure, axes)
    return figure


def _legend_inside(axes: Axes, curves: list[tuple[Any, Any]]) -> bool:
    """Put the legend beside the curves, below the diagonal, where no curve runs through it."""
    handles, labels = axes.get_legend_handles_labels()
    labels = [wrapped(label, _INSIDE, SMALL) for label in labels]
    side = (WIDTH - 0.6) * POINTS_PER_INCH
    width = (max(width_of(label, SMALL) for label in labels) + 36) / side
    height = (sum(height_of(label, SMALL) + 4 for label in labels) + 12) / side
    for x, y in curves:
        if min(np.interp(1 - width, x, y), *y[x >= 1 - width]) < height:
            return False
    axes.legend(handles, labels, loc="lower right", borderpad=0.4, labelspacing=0.4)
    return True


def roc_points(truth: Any, prediction: Any) -> tuple[Any, Any]:
    """Return the points of an ROC curve, from (0, 0) to (1, 1): false and true positive rates.

    >>> [values.tolist() for values in roc_points([0, 1, 0, 1], [0.1, 0.4, 0.4, 0.9])]
    [[0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0]]
    """
    truth, place = np.asarray(truth), np.unique(-np.asarray(prediction), return_inverse=True)[1]
    positive, negative = np.bincount(place, truth), np.bincount(place, 1 - truth)
    x, y = (np.concatenate([[0.0], np.cumsum(each)]) / each.sum() for each in (negative, positive))
    return x, y


def roc_caption(record: RunRecord) -> str:
    """Say what the ROC curves show."""
    return (
        "ROC curves: for every threshold on a model's predictions, the share of the memorable "
        "class above it (up) against that of the other class (right). The area under a curve is "
        "the AUC; on the diagonal a model cannot tell the classes apart."
    )
