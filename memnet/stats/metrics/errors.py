"""MSE, MAE and bias, of all pictures and of those whose human score lies in a range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from memnet.stats.metrics.base import (
    Function,
    Metric,
    Resamples,
    Swaps,
    SwapStatistic,
    checked,
)
from memnet.stats.metrics.moments import EDGES, moments, range_names, range_of
from memnet.util.arrays import Array


def mse(truth: Array, prediction: Array) -> float:
    """Mean squared error, in squared score units.

    Examples
    --------
    >>> round(mse([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.015
    """
    truth, prediction = checked(truth, prediction)
    return float(np.mean((prediction - truth) ** 2))


def mae(truth: Array, prediction: Array) -> float:
    """Mean absolute error, in score units.

    Examples
    --------
    >>> round(mae([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.1
    """
    truth, prediction = checked(truth, prediction)
    return float(np.mean(np.abs(prediction - truth)))


def bias(truth: Array, prediction: Array) -> float:
    """Mean of prediction minus truth: positive where the model promises too much.

    Examples
    --------
    >>> round(bias([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    -0.05
    """
    truth, prediction = checked(truth, prediction)
    return float(np.mean(prediction - truth))


def within(error: Function, which: int) -> Function:
    """Restrict a measure of error to the pictures whose truth lies in a range.

    Parameters
    ----------
    error : a function of truth and prediction.
    which : the range, a place in :func:`~memnet.stats.metrics.moments.range_names`.

    Examples
    --------
    >>> round(within(mae, 4)([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.2
    """

    def restricted(truth: Array, prediction: Array) -> float:
        truth, prediction = checked(truth, prediction)
        inside = range_of(truth) == which
        return error(truth[inside], prediction[inside]) if inside.any() else float("nan")

    return restricted


def _mean(sum_of: str) -> Callable[[Resamples], Array]:
    def resampled(resamples: Resamples) -> Array:
        m = resamples.once(moments)
        mean: Array = getattr(m, sum_of) / m.n
        return mean

    return resampled


def _swapped(error: Callable[[Array], Array]) -> Callable[[Array, Array, Array], SwapStatistic]:
    """|difference of the two means| where the models' errors of a picture change places."""

    def swapped_models(truth: Array, a: Array, b: Array) -> SwapStatistic:
        column = (error(a - truth) - error(b - truth)) / len(truth)
        total = column.sum()

        def difference(_: Swaps, sums: Array) -> Array:
            size: Array = np.abs(total - 2 * sums[0])
            return size

        unit = float(np.abs(column).sum())
        return SwapStatistic(evaluate=difference, columns=column[:, None], unit=unit)

    return swapped_models


MSE = Metric(
    name="mse",
    needs_scores=True,
    title="MSE",
    better="lower",
    function=mse,
    resample=_mean("squared_error"),
    between_models=True,
    swap_models=_swapped(np.square),
    explanation="mean squared error: the mean of (prediction - human score) squared.",
)
MAE = Metric(
    name="mae",
    needs_scores=True,
    title="MAE",
    better="lower",
    function=mae,
    resample=_mean("absolute_error"),
    between_models=True,
    swap_models=_swapped(np.abs),
    explanation="mean absolute error: by how much a prediction is off, on average.",
)
BIAS = Metric(
    name="bias",
    needs_scores=True,
    title="Bias (prediction - truth)",
    better="zero",
    function=bias,
    resample=_mean("error"),
    explanation="the mean of prediction minus human score: above 0 the predictions are too high.",
)


def _in_range(metric: Metric, which: int, column: int) -> Metric:
    """Make the same metric of the pictures of a range."""
    name = range_names()[which]
    words = name.replace("truth_", "truth ").replace("_", " ")

    def resampled(resamples: Resamples) -> Array:
        n, total = resamples.once(moments).by_range[:, which, [0, column]].T
        with np.errstate(invalid="ignore", divide="ignore"):
            mean: Array = total / n
        return mean

    def subset(truth: Array) -> Any:
        return range_of(truth) == which

    return Metric(
        name=f"{metric.name}_{name}",
        needs_scores=True,
        title=f"{metric.name.upper()}, {words}",
        better=metric.better,
        group="ranges",
        undefined="no picture's human score lies in this range",
        function=within(metric.function, which),
        resample=resampled,
        subset=subset,
    )


RANGES = tuple(
    _in_range(metric, which, column)
    for which in range(len(EDGES) - 1)
    for metric, column in ((MSE, 8), (MAE, 6), (BIAS, 7))  # columns of the moments
)
"""MSE, MAE and bias of each range of the human score."""
