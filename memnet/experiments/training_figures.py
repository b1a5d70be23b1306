"""The figures of training: curves of a run, a search's runs, its settings.

All are pure functions of the rows of ``curves.csv`` and of ``run.json``. An undefined value (None)
is a gap in its line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from memnet.compare.report.style import (
    GREY,
    INK,
    POINTS_PER_INCH,
    PREDICTION,
    SMALL,
    TRUTH,
    heading,
    legend,
    number,
    readable,
    settle,
    styled,
    wrapped,
)
from memnet.experiments.training_run import best_row, known
from memnet.reimpl.training.run_folder import Row, finite

RHO = "validation Spearman's rho"
SearchRun = tuple[str, Mapping[str, Any], Sequence[Row], str]
"""Name, settings, curves, and a state: a key of :data:`STATES`."""

_WIDE_RANGE = 20.0
"""From this ratio of the largest to the smallest on, losses have a logarithmic axis."""
_SINGLE_POINTS = 60
"""Up to so many validations each is a dot on the line."""

_FEW = 20
"""More lines of a kind than this are paler."""

STATES: dict[str, dict[str, Any]] = {
    "complete": {"color": TRUTH, "ls": "-", "lw": 1.1, "alpha": 0.55, "zorder": 3},
    "running": {"color": INK, "ls": "-.", "lw": 1.1, "alpha": 0.55, "zorder": 2.5},
    "pruned": {"color": GREY, "ls": "--", "lw": 0.8, "alpha": 0.7, "zorder": 2},
    "failed": {"color": GREY, "ls": ":", "lw": 1.1, "alpha": 0.8, "zorder": 2},
}
"""States of a search's runs, and how their lines look."""


def drawable(curves: Sequence[Row]) -> bool:
    """Tell whether any loss or correlation is defined."""
    return any(known(curves, column) for column in ("val_spearman", "val_loss", "train_loss"))


def draw_curves(curves: Sequence[Row], run: Mapping[str, Any]) -> Figure:
    """Draw rank correlation and losses of a run's validations over its epochs.

    Parameters
    ----------
    curves : a row per validation, as :func:`memnet.reimpl.training.run_folder.read_curves`
        returns them; :func:`drawable`.
    run : ``run.json``.
    """
    with styled():
        figure = Figure(figsize=(6.6, 5.0), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _correlation(upper, curves, run)
        losses = known(curves, "train_loss") + known(curves, "val_loss")
        for column, label, colour, dashes, marker in (
            ("train_loss", "training", TRUTH, "--", "s"),
            ("val_loss", "validation", PREDICTION, "-", "o"),
        ):
            if known(curves, column):
                _line(lower, curves, column, label, color=colour, ls=dashes, marker=marker)
        if losses:
            logarithmic = min(losses) > 0 and max(losses) > _WIDE_RANGE * min(losses)
            if logarithmic:
                lower.set_yscale("log")
                plain_ticks(lower.yaxis)
            lower.legend(loc="upper right")
        if max(known(curves, "epoch"), default=0.0) >= 2:
            lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        lower.set(xlabel="epoch", ylabel="mean squared error")
        heading(figure, (title(run), _said_of_data(run)))
        if upper.get_legend_handles_labels()[0]:
            legend(figure, upper)
        settle(figure)
    return figure


def _correlation(axes: Axes, curves: Sequence[Row], run: Mapping[str, Any]) -> None:
    if known(curves, "val_spearman"):
        _line(axes, curves, "val_spearman", RHO, color=PREDICTION, ls="-", marker="o")
    else:
        axes.text(0.5, 0.5, "undefined at every validation", transform=axes.transAxes, ha="center")
    best = run.get("best") or {}
    epoch, value = finite(best.get("epoch")), finite(best.get("val_spearman"))
    if epoch is not None and value is not None:
        label = f"best: {number(value)} at epoch {epoch:g}, whose weights were kept"
        ring: Any = {"ms": 11, "mfc": "none", "mew": 1.6, "clip_on": False, "gid": "best"}
        axes.plot([epoch], [value], ls="", marker="o", color=INK, zorder=4, label=label, **ring)
    axes.set_ylabel(wrapped(RHO, 2 * POINTS_PER_INCH))
    _nought(axes)


def _line(axes: Axes, curves: Sequence[Row], column: str, label: str, **style: Any) -> None:
    """Draw one column; matplotlib leaves a gap where a number is NaN."""
    epochs, values = _column(curves, "epoch"), _column(curves, column)
    few = len(curves) <= _SINGLE_POINTS
    style |= {"ms": 4} if few else {"marker": ".", "ms": 2}
    axes.plot(epochs, values, lw=1.6, label=label, gid=column, **style)


def _column(curves: Sequence[Row], column: str) -> Any:
    return np.array([np.nan if row.get(column) is None else row[column] for row in curves], float)


def _nought(axes: Axes) -> None:
    low, high = axes.get_ylim()
    if low < 0 < high:
        axes.axhline(0, color="0.6", lw=0.8, zorder=0)


def title(run: Mapping[str, Any]) -> str:
    """Name a run: its preset, and its network where that is another name."""
    preset, arch = str(run.get("preset", "")), str(run.get("arch", ""))
    if preset and arch and preset != arch:
        return f"{preset} (network {arch})"
    return preset or arch or "unnamed network"


def _said_of_data(run: Mapping[str, Any]) -> str:
    data = run.get("data", {})
    counts = data.get("counts", {})
    text = f"{counts.get('train', 0):,} training and {counts.get('val', 0):,} validation pictures"
    word = data.get("contamination")
    return f"{text}; contamination of the validation values: {word}" if word else text


def curves_caption(curves: Sequence[Row], run: Mapping[str, Any]) -> str:
    """Say what the curves show, with their first, best and last correlation."""
    text = (
        "Above, Spearman's rho of predictions and human scores of the validation part after each "
        "validation (higher is better), and below, the mean squared error of the training "
        "(blue, dashed) and of the validation part (orange, solid)"
    )
    values = [(row.get("epoch"), row.get("val_spearman")) for row in curves]
    defined = [(epoch, value) for epoch, value in values if value is not None]
    if not defined:
        return (
            f"{text}; rho is undefined at every validation, as it is where predictions are equal."
        )
    best = best_row(curves)
    course = f"rho is {number(defined[0][1])} at epoch {defined[0][0]:g}"
    if best is not None:
        top, last = number(best["val_spearman"] or 0.0), number(defined[-1][1])
        course += f", at best {top} at epoch {best['epoch']:g}"
        course += f", and {last} at epoch {defined[-1][0]:g}"
    if len(defined) < len(values):
        course += f"; it is undefined (a gap) at {len(values) - len(defined)} of {len(values)}"
    losses = known(curves, "train_loss")
    if losses:
        course += "; the training error is the mean over an epoch, with dropout, as weights change"
    return f"{text}; {course}."


def draw_search(runs: Sequence[SearchRun], *, best: str | None = None) -> Figure:
    """Draw validation rank correlation against step, a line a run (NB22, figures 7 and 9).

    Parameters
    ----------
    runs : one or more.
    best : name of the run to be marked, "" for none; without it the one of the highest
        correlation, among the complete ones where there are any.
    """
    chosen = _best_run(runs) if best is None else best
    with styled():
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        drawn = [run for run in runs if run[0] != chosen and known(run[2], "val_spearman")]
        for state, style in STATES.items():
            of_state = [curves for _, _, curves, its in drawn if its == state]
            for place, curves in enumerate(of_state):
                label = "_nolegend_" if place else f"{state} ({len(of_state):,})"
                more = {
                    "label": label,
                    "alpha": style["alpha"] * (1 if len(of_state) <= _FEW else 0.5),
                }
                _search_line(axes, curves, style | more, cross=state == "failed")
        for name, params, curves, _ in runs:
            if name == chosen:
                _best_line(axes, name, params, curves)
        axes.set(xlabel="step (batches trained on)", ylabel=RHO)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _nought(axes)
        heading(figure, (f"{len(runs):,} run{'' if len(runs) == 1 else 's'} of a search",))
        if axes.get_legend_handles_labels()[0]:
            legend(figure, axes)
        else:
            axes.text(0.5, 0.5, "no run was validated", transform=axes.transAxes, ha="center")
        settle(figure)
    return figure


def _search_line(axes: Axes, curves: Sequence[Row], style: dict[str, Any], *, cross: bool) -> None:
    steps, values = _column(curves, "step"), _column(curves, "val_spearman")
    there = np.flatnonzero(np.isfinite(values))
    around = np.pad(np.isfinite(values), 1)
    alone = [i for i in there if not (around[i] or around[i + 2])]  # no line goes through them
    axes.plot(steps, values, marker=".", ms=5, markevery=alone, gid="run", **style)
    if cross:
        axes.plot(steps[there[-1]], values[there[-1]], marker="x", color=GREY, ls="", ms=6)


def _best_line(axes: Axes, name: str, params: Mapping[str, Any], curves: Sequence[Row]) -> None:
    row = best_row(curves)
    settings = ", ".join(f"{key} {plain(value)}" for key, value in params.items())
    label = f"best: {name}" + f" ({settings})" * bool(settings)
    if row is not None:
        label += f", {number(row['val_spearman'] or 0.0)} at step {row['step']:,.0f}"
    steps, values = _column(curves, "step"), _column(curves, "val_spearman")
    style: Any = {"color": PREDICTION, "lw": 2.2, "marker": "o", "ms": 4, "zorder": 5}
    axes.plot(steps, values, label=label, gid="best", **style)
    if row is not None:
        at: Any = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
        point = (float(row["step"] or 0.0), float(row["val_spearman"] or 0.0))
        axes.annotate(readable(name), point, fontsize=SMALL, color=PREDICTION, zorder=6, **at)


def _best_run(runs: Sequence[SearchRun]) -> str | None:
    """Name the run of the highest correlation; None where none is defined."""
    tops = [(run, row["val_spearman"]) for run in runs if (row := best_row(run[2])) is not None]
    complete = [top for top in tops if top[0][3] == "complete"]
    best = max(complete or tops, key=lambda top: top[1] or 0.0, default=None)
    return None if best is None else best[0][0]


def plain_ticks(axis: Axis) -> None:
    """Write 1e-5 at the ticks of a logarithmic axis: our style shows no superscripts."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axis.set_minor_formatter(NullFormatter())


def _tick(value: float) -> str:
    """Write a number of at most two digits: 0.0001 is 1e-4, which is as wide and easier read."""
    text = f"{value:.2g}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"
    return text.replace(".0e", "e").replace("e-0", "e-")


def plain(value: object) -> str:
    """Write a setting: numbers with up to four digits, the rest as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def search_caption(runs: Sequence[SearchRun], *, best: str | None = None) -> str:
    """Say what the lines are, and how many there are of each kind."""
    chosen = _best_run(runs) if best is None else best
    counts = [
        f"{count:,} {state}" for state in STATES if (count := sum(run[3] == state for run in runs))
    ]
    silent = sum(not known(run[2], "val_spearman") for run in runs)
    text = (
        f"Spearman's rho of the validation part against step, a line a run ({', '.join(counts)}), "
        "as in figures 7 and 9 of Needell & Bainbridge (2022)"
    )
    looks = {"pruned": "grey and dashed", "failed": "grey and dotted with a cross where they end"}
    there = {run[3] for run in runs}
    text += "".join(f"; {state} ones are {look}" for state, look in looks.items() if state in there)
    if chosen:
        text += f"; the best one, {chosen}, is orange"
    if silent:
        text += f"; {silent:,} without a defined rho cannot be seen"
    return f"{text}."
