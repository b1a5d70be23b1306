"""The figure of a search's settings: what each run reached, against each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnet.compare.report.style import (
    GREY,
    POINTS_PER_INCH,
    PREDICTION,
    SMALL,
    TRUTH,
    heading,
    legend,
    settle,
    styled,
    wrapped,
)
from memnet.experiments.training_figures import RHO, plain, plain_ticks
from memnet.reimpl.training.run_folder import finite

Trial = Mapping[str, Any]

LOGARITHMIC = ("learning_rate", "weight_decay")
"""Settings whose axis is logarithmic."""

_ACROSS = 3
_MARKS: dict[str, dict[str, Any]] = {
    "complete": {"marker": "o", "color": TRUTH, "mec": "none", "alpha": 0.6},
    "pruned": {"marker": "o", "color": GREY, "mfc": "none", "alpha": 0.6},
    "running": {"marker": "D", "color": GREY, "mfc": "none", "alpha": 0.6},
    "failed": {"marker": "x", "color": GREY, "alpha": 0.8},
}


def settings_names(trials: Sequence[Trial]) -> list[str]:
    """Name every setting that a trial with a value has, in the order of the trials."""
    return list(dict.fromkeys(name for trial in _valued(trials) for name in trial["params"]))


def draw_settings(trials: Sequence[Trial], *, best: int | None = None) -> Figure:
    """Draw the value of each trial against each of its settings.

    Parameters
    ----------
    trials : ``{"number", "state", "value", "params", ...}``, of which at least one has a value and
        a setting (:func:`settings_names`).
    best : the number of the trial to be marked.
    """
    names = settings_names(trials)
    across = min(_ACROSS, len(names))
    down = -(-len(names) // across)
    with styled():
        figure = Figure(figsize=(max(2.4 * across, 4.4), 2.3 * down), layout="constrained")
        grid = figure.subplots(down, across, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(names):
                axes.set_visible(False)
                continue
            _panel(axes, names[place], trials, best)
            if place % across == 0:
                axes.set_ylabel(wrapped(RHO, 1.6 * POINTS_PER_INCH))
        heading(figure, ("What each run reached, by its settings",))
        legend(figure, grid.flat[0])
        settle(figure)
    return figure


def _panel(axes: Axes, name: str, trials: Sequence[Trial], best: int | None) -> None:
    shown = [trial for trial in _valued(trials) if name in trial["params"]]
    values = [trial["params"][name] for trial in shown]
    numeric = all(finite(value) is not None for value in values)
    places = {text: i for i, text in enumerate(sorted({plain(v) for v in values}))}
    for state, style in _MARKS.items():
        points = [
            (value if numeric else places[plain(value)], trial["value"])
            for trial, value in zip(shown, values, strict=True)
            if trial["state"] == state and trial["number"] != best
        ]
        # An empty line that is not clipped has no size, which the layout engine warns of.
        mark: Any = {"ls": "", "ms": 5, "label": state, "gid": state, "clip_on": not points}
        if points or any(trial["state"] == state for trial in _valued(trials)):
            axes.plot(*zip(*points, strict=True) if points else ([], []), **mark | style)
    for trial, value in zip(shown, values, strict=True):
        if trial["number"] == best:
            at = value if numeric else places[plain(value)]
            star: Any = {"marker": "*", "ms": 13, "color": PREDICTION, "mec": "white", "zorder": 4}
            label = f"best: run {best}"
            axes.plot([at], [trial["value"]], ls="", label=label, gid="best", clip_on=False, **star)
    if numeric:
        _scale(axes, name, [float(value) for value in values])
    else:
        labels = [wrapped(text, 0.9 * POINTS_PER_INCH, SMALL) for text in places]
        axes.set_xticks(range(len(places)), labels)
        axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_xlabel(wrapped(name, 2 * POINTS_PER_INCH))


def _scale(axes: Axes, name: str, values: Sequence[float]) -> None:
    """Make an axis logarithmic where the setting's name asks for it; zero keeps a place on it."""
    positive = [value for value in values if value > 0]
    if not name.endswith(LOGARITHMIC) or not positive:
        return
    if min(values) > 0:
        axes.set_xscale("log")
    else:
        axes.set_xscale("symlog", linthresh=min(positive), linscale=0.5)
    plain_ticks(axes.xaxis)


def settings_caption(trials: Sequence[Trial], *, best: int | None = None) -> str:
    """Say what the panels show and what cannot be shown."""
    text = (
        "What each run reached (validation Spearman's rho) against each of its settings, learning "
        "rate and weight decay on logarithmic axes; filled points are complete runs, hollow ones "
        "pruned or running"
    )
    if best is not None:
        text += f", and the star is run {best}"
    without = len(trials) - len(_valued(trials))
    if without:
        text += f"; {without:,} without a value cannot be shown"
    return f"{text}."


def _valued(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if finite(trial["value"]) is not None]
