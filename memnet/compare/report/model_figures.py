"""The figures of one model: densities, scatter, calibration, residuals, quantiles.

In all but the densities and residuals predictions run across and human scores up, since a
prediction is what one has and the human score what one wants to know.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memnet.compare.record import RunRecord
from memnet.compare.report.style import (
    GREY,
    INK,
    OUTLINE,
    POINTS_PER_INCH,
    PREDICTION,
    TRUTH,
    WIDTH,
    heading,
    inside,
    legend,
    named,
    number,
    pictures,
    span,
    wrapped,
)
from memnet.stats.plot_data import decimals

Data = dict[str, Any]
_HEIGHT = 3.3
"""Inches without heading and legend: for square axes between the labels."""


_LEAST_SHARE = 1 / 3
"""Of shared axes each model's scores take this much, else the models are on other scales."""


@dataclass(frozen=True)
class ModelFigure:
    """A kind of figure.

    Attributes
    ----------
    draw : ``(model, its data, record) -> figure``.
    needs : keys of the model's data without which it cannot be drawn (older records lack some).
    caption : ``(model, its data, record) -> one sentence``.
    """

    draw: Callable[[str, Data, RunRecord], Figure]
    needs: tuple[str, ...]
    caption: Callable[[str, Data, RunRecord], str]


def _density(model: str, data: Data, record: RunRecord) -> Figure:
    """Draw the densities of predictions and truth (NB22, figures 6, 8 and 10 to 12)."""
    figure, axes = _axes()
    curves = (
        ("truth", f"human scores ({record.truth['column']})", TRUTH, "-"),
        ("prediction", "predictions", PREDICTION, "--"),
    )
    for key, label, colour, dashes in curves:
        curve = data[f"{key}_density"]
        if curve is None:
            equal = data[f"{key}_points"][0]
            label = f"{label}: all equal, {equal:g}"
            axes.axvline(equal, color=colour, ls=dashes, lw=1.8, label=label)
        else:
            axes.fill_between(data["grid"], curve, color=colour, alpha=0.2, lw=0)
            axes.plot(data["grid"], curve, color=colour, ls=dashes, lw=1.8, label=label)
    noisy = data.get("noisy_density")
    if noisy is not None:
        label = "predictions with the labels' sampling noise"
        axes.plot(data["grid"], noisy, color=GREY, ls=":", lw=1.2, label=label)
    axes.set(xlabel="memorability score", ylabel="density", xlim=_reach(data))
    axes.set_ylim(bottom=0)
    if data["truth_density"] is data["prediction_density"] is noisy is None:
        axes.set(yticks=[], ylabel="")
    return _finished(figure, axes, model, data["n"], record)


def _scatter(model: str, data: Data, record: RunRecord) -> Figure:
    """Draw truth against prediction, with the lines of agreement and of recalibration."""
    figure, axes = _axes()
    _square(axes, _shared_ends(data, record, _span) or _span(data), record)
    answers = data.get("responses_points")
    _points(axes, data["prediction_points"], data["truth_points"], answers)
    line = _recalibration(model, record)
    if line is not None:
        intercept, slope = line
        known = data.get("prediction_quantiles") or data["prediction_points"]
        ends = np.array([min(known), max(known)])
        sign = "+" if slope >= 0 else "−"
        axes.plot(
            ends,
            intercept + slope * ends,
            color=INK,
            lw=1.6,
            path_effects=OUTLINE,
            label=f"recalibration: human score = {number(intercept)} {sign} "
            f"{number(abs(slope))} × prediction",
        )
    return _finished(figure, axes, model, data["n"], record, drawn=len(data["truth_points"]))


def _calibration(model: str, data: Data, record: RunRecord) -> Figure:
    """Draw the mean truth of pictures with like predictions."""
    figure, axes = _axes()
    parts = data["by_prediction"]
    ends = _shared_ends(data, record, _calibration_span) or _calibration_span(data)
    _square(axes, ends, record)
    label = "mean human score of pictures with similar predictions, and its 95 % interval"
    _means(axes, parts, label, PREDICTION)
    return _finished(figure, axes, model, data["n"], record)


def _residuals(model: str, data: Data, record: RunRecord) -> Figure:
    """Draw prediction minus truth against truth."""
    figure, axes = _axes()
    truth, prediction = (np.array(data[f"{key}_points"]) for key in ("truth", "prediction"))
    digits = decimals(truth, prediction)  # the points' own, no more
    _points(axes, truth, (prediction - truth).round(digits))
    axes.axhline(0, color=INK, lw=1.1, ls=":", label="prediction = human score")
    label = "mean residual of pictures with similar human scores, and its 95 % interval"
    _means(axes, data["by_truth"], label, TRUTH)
    axes.set(
        xlabel=_human(record, WIDTH - 1),
        ylabel="residual (prediction − human score)",
        xlim=span(data.get("truth_quantiles") or data["truth_points"]),
    )
    return _finished(figure, axes, model, data["n"], record, drawn=len(truth))


def _quantiles(model: str, data: Data, record: RunRecord) -> Figure:
    """Draw the percentiles of truth against those of the predictions."""
    figure, axes = _axes()
    across, up = data["prediction_quantiles"], data["truth_quantiles"]
    ends = _shared_ends(data, record, _quantile_span) or _quantile_span(data)
    _square(axes, ends, record)
    style: Any = {"ls": "", "clip_on": False}
    axes.plot(across, up, color=PREDICTION, marker=".", ms=4, label="percentiles 0 to 100", **style)
    tenth: Any = {"color": INK, "marker": "o", "mfc": "none", "label": "every tenth", **style}
    axes.plot(across[::10], up[::10], **tenth)
    return _finished(figure, axes, model, data["n"], record)


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, _HEIGHT), layout="constrained")
    return figure, figure.add_subplot()


def _finished(
    figure: Figure, axes: Axes, model: str, n: int, record: RunRecord, *, drawn: int | None = None
) -> Figure:
    shown = f", {drawn:,} of them drawn" if drawn is not None and drawn < n else ""
    heading(figure, (named(model, record, inside(figure)), pictures(n, record) + shown))
    legend(figure, axes)
    return figure


def _human(record: RunRecord, inches: float) -> str:
    return wrapped(f"human score ({record.truth['column']})", inches * POINTS_PER_INCH)


def _square(axes: Axes, ends: tuple[float, float], record: RunRecord) -> None:
    """Predictions across, human scores up, on one scale, with the line where they are equal."""
    axes.plot(ends, ends, color=INK, lw=1.1, ls=":", label="prediction = human score")
    axes.set(xlabel="prediction", xlim=ends, ylim=ends, aspect="equal")
    axes.set_anchor("S")  # in the middle of its room the layout would not see its label
    axes.set_ylabel(_human(record, 2.8))


def _points(axes: Axes, across: Any, up: Any, answers: Any = None) -> None:
    """Draw pictures: the more there are, the smaller and paler, so that their crowding shows.

    Parameters
    ----------
    answers : of each picture; one that more people saw is larger and darker.
    """
    size = np.clip(200 / np.sqrt(len(up)), 7, 30)
    dark = np.clip(0.85 * (len(up) / 40) ** -0.25, 0.32, 0.85)
    style: Any = {"color": PREDICTION, "linewidths": 0, "rasterized": True}
    style |= {"zorder": 3} if len(up) < 30 else {}  # few points are not to vanish under a line
    if answers is not None:
        known = np.array(answers) / np.median(answers)
        size = size * known.clip(0.3, 3)
        dark = (dark * np.sqrt(known)).clip(0.2, 0.95)
        fewest, most = int(min(answers)), int(max(answers))
        style["label"] = f"pictures; larger, darker: more answers ({fewest:,} to {most:,})"
    axes.scatter(across, up, s=size, alpha=dark, clip_on=False, **style)  # whole at the edges, too


def _means(axes: Axes, parts: list[dict[str, float]], label: str, colour: str) -> None:
    """Means with their intervals; hollow, without a bar, where there is only one picture."""
    several = [part for part in parts if part["n"] > 1]
    alone = [part for part in parts if part["n"] == 1]
    style: Any = {"color": colour, "ls": "", "marker": "s", "zorder": 3, "clip_on": False}
    if several:
        x, y, low, high = (np.array([p[key] for p in several]) for key in ("x", "y", "low", "high"))
        bars = np.stack([y - low, high - y]).clip(min=0)  # rounding may leave -1e-6
        axes.errorbar(
            x, y, bars, capsize=3, elinewidth=1.6, label=label, ms=7, mec="white", **style
        )
    if alone:
        x, y = (np.array([part[key] for part in alone]) for key in ("x", "y"))
        axes.plot(x, y, mfc="white", label="a single picture, no interval", ms=6, **style)


def _recalibration(model: str, record: RunRecord) -> tuple[float, float] | None:
    """Intercept and slope of the regression of truth on prediction; None where undefined."""
    coefficients = []
    for metric in ("calibration_intercept", "calibration_slope"):
        values = [r.value for r in record.results if (r.model, r.metric) == (model, metric)]
        if len(values) != 1 or values[0] is None:
            return None
        coefficients.append(values[0])
    return coefficients[0], coefficients[1]


def _scores(data: Data) -> list[float]:
    """All scores that are known; the quantiles hold the ends where only some points are kept."""
    return [
        score
        for key in ("truth", "prediction")
        for what in ("points", "quantiles")
        for score in data.get(f"{key}_{what}") or ()
    ]


def _span(data: Data) -> tuple[float, float]:
    return span(_scores(data))


def _calibration_span(data: Data) -> tuple[float, float]:
    reach = [part[key] for part in data.get("by_prediction") or () for key in ("low", "high")]
    return span(_scores(data), reach)


def _quantile_span(data: Data) -> tuple[float, float]:
    known = [data.get(f"{key}_quantiles") or () for key in ("truth", "prediction")]
    return span([score for scores in known for score in scores] or _scores(data))


def _shared_ends(
    data: Data, record: RunRecord, span_of: Callable[[Data], tuple[float, float]]
) -> tuple[float, float] | None:
    """Return the ends of all models' axes; None where this model or another would be squeezed."""
    every = [span_of(each) for each in (data, *record.plots.values()) if _scores(each)]
    low, high = min(low for low, _ in every), max(high for _, high in every)
    narrowest = min(end - start for start, end in every)
    return (low, high) if narrowest >= _LEAST_SHARE * (high - low) else None


def _reach(data: Data) -> tuple[float, float]:
    """Choose the ends of a density's axis: its whole grid, but for scores in [0, 1] just these."""
    ends: tuple[float, float] = span(_scores(data))
    if ends == (0, 1) or data["grid"][0] == data["grid"][-1]:
        return ends
    return data["grid"][0], data["grid"][-1]


def _density_caption(model: str, data: Data, record: RunRecord) -> str:
    text = (
        f"Densities of the human scores (blue, solid) and of the predictions of {model} (orange, "
        "dashed), of Gaussian kernels"
    )
    if data.get("noisy_density") is not None:
        text += (
            ", and of the predictions with the labels' sampling noise added (grey, dotted), as "
            "the human scores would look if the predictions were the pictures' true scores"
        )
    if data["truth_density"] is None or data["prediction_density"] is None:
        text += "; scores that are all equal have no density and are a vertical line"
    if _reach(data) == (0, 1):
        text += "; what the kernels smear beyond 0 and 1 is not shown"
    return f"{text}; the closer the curves, the more alike the distributions."


def _scatter_caption(model: str, data: Data, record: RunRecord) -> str:
    text = (
        f"Each point is a picture: prediction of {model} (horizontal) and human score (vertical); "
        "on the dotted line the two are equal"
    )
    if data.get("responses_points"):
        text += "; the larger and darker a point, the more people answered"
    if _recalibration(model, record) is not None:
        text += (
            ", and the solid line is the regression of human score on prediction, which would "
            "lie on the dotted one if the predictions needed no recalibration"
        )
    if _shared_ends(data, record, _span) is None:
        text += "; the axes are this model's own, as the models' predictions are on other scales"
    return f"{text}."


def _calibration_caption(model: str, data: Data, record: RunRecord) -> str:
    return (
        f"Mean human score, with its 95 % t interval, of up to ten equally large groups of "
        f"pictures from the lowest to the highest predictions of {model}; calibrated predictions "
        "lie on the dotted line, and points above it are predictions that are too low."
    )


def _residuals_caption(model: str, data: Data, record: RunRecord) -> str:
    return (
        f"Residuals (prediction of {model} minus human score) against the human score, with means "
        "and 95 % t intervals of up to ten equally large groups of pictures; noise in the human "
        "scores makes residuals slope down even for a perfect predictor, so a slope alone is no "
        "sign of regression to the mean."
    )


def _quantiles_caption(model: str, data: Data, record: RunRecord) -> str:
    return (
        f"Percentiles of the predictions of {model} (horizontal) and the same percentiles of the "
        "human scores (vertical), every tenth with a ring; where the two distributions are alike "
        "the points lie on the dotted line, and a steeper line means that the predictions vary too "
        "little."
    )


MODEL_FIGURES: dict[str, ModelFigure] = {
    "density": ModelFigure(
        _density, ("grid", "truth_points", "prediction_points"), _density_caption
    ),
    "scatter": ModelFigure(_scatter, ("truth_points", "prediction_points"), _scatter_caption),
    "calibration": ModelFigure(_calibration, ("by_prediction",), _calibration_caption),
    "residuals": ModelFigure(
        _residuals, ("truth_points", "prediction_points", "by_truth"), _residuals_caption
    ),
    "quantiles": ModelFigure(
        _quantiles, ("truth_quantiles", "prediction_quantiles"), _quantiles_caption
    ),
}
"""The figures of each model, in the order of the report."""


def drawable(data: Data) -> list[str]:
    """Which kinds a model's data suffice for."""
    return [
        kind for kind, what in MODEL_FIGURES.items() if all(data.get(key) for key in what.needs)
    ]
