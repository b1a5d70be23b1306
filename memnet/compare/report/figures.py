"""Every figure of a report, by name. All are pure functions of the record.

Predictions are orange and truth is blue, as in Needell & Bainbridge (2022). A figure that a record
does not suffice for (one of an older version, or without counts) has no name, and is not drawn.
"""

from __future__ import annotations

import re

from matplotlib.figure import Figure

from memnet.compare.record import RunRecord
from memnet.compare.report.model_figures import MODEL_FIGURES, drawable
from memnet.compare.report.shared_figures import SHARED_FIGURES
from memnet.compare.report.style import settle, styled, to_bytes
from memnet.compare.report.two_classes import has_classes

__all__ = ["captions", "figure_names", "figures", "shared_figure_names", "to_bytes"]

_LONGEST = 100
"""Letters of a model's name in a file's name; file systems allow 255 in all."""


def figures(record: RunRecord) -> dict[str, Figure]:
    """Draw every figure of a record: name (safe as a file name) -> figure."""
    shared: dict[str, Figure] = {}
    of_models: dict[str, Figure] = {}
    with styled():
        for name in shared_figure_names(record):
            shared[name] = SHARED_FIGURES[name].draw(record)
        for model, names in figure_names(record).items():
            of_models |= {
                name: MODEL_FIGURES[_kind(name)].draw(model, record.plots[model], record)
                for name in names
            }
        highest = max((figure.get_figheight() for figure in of_models.values()), default=0.0)
        for figure in of_models.values():  # which stand in rows
            figure.set_figheight(highest)
        drawn = shared | of_models
        for figure in drawn.values():
            settle(figure)
    return drawn


def figure_names(record: RunRecord) -> dict[str, list[str]]:
    """Name the figures of each model; two models whose names differ get different files.

    Returns
    -------
    dict
        model -> ``density_*``, ``scatter_*``, ``calibration_*``, ``residuals_*``, ``quantiles_*``,
        as far as its data suffice.
    """
    named: dict[str, list[str]] = {}
    if has_classes(record):  # they show scores: how far off, and how distributed
        return named
    taken: set[str] = set()
    for model, data in record.plots.items():
        stem = re.sub(r"[^A-Za-z0-9.-]+", "_", model)[:_LONGEST].strip("_") or "model"
        slug, count = stem, 2
        while slug.lower() in taken:
            slug, count = f"{stem}-{count}", count + 1
        taken.add(slug.lower())
        named[model] = [f"{kind}_{slug}" for kind in drawable(data)]
    return named


def shared_figure_names(record: RunRecord) -> list[str]:
    """Name the figures of all models together, as far as the record suffices for them."""
    return [name for name, figure in SHARED_FIGURES.items() if figure.possible(record)]


def captions(record: RunRecord) -> dict[str, str]:
    """Say in a sentence what each figure shows and how to read it, also for who cannot see it."""
    texts = {name: SHARED_FIGURES[name].caption(record) for name in shared_figure_names(record)}
    for model, names in figure_names(record).items():
        for name in names:
            texts[name] = MODEL_FIGURES[_kind(name)].caption(model, record.plots[model], record)
    return texts


def _kind(name: str) -> str:
    return name.partition("_")[0]
