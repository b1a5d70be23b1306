"""The sums from which correlations, errors and spreads follow, in one pass over the pictures.

Pearson's r, the errors and their parts, the recalibration and the ranges of the human score are
all functions of a few sums. They are taken once for a chunk of resamples, by fold and range.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from memnet.stats.metrics.base import Pair, Resamples
from memnet.util.arrays import Array
from memnet.util.compiling import compiled

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Ranges of the truth for which errors are given apart (Needell & Bainbridge 2022 speak of scores
below 0.5, 0.6 to 0.9, ...). A range holds its lower end; the first and last are open outwards."""

MOST_FOLDS = 10


def range_names() -> list[str]:
    """Names of the ranges of :data:`EDGES`, as metrics carry them.

    >>> range_names()[:2]
    ['truth_below_0.5', 'truth_0.5_to_0.6']
    """
    inner = [f"truth_{low:g}_to_{high:g}" for low, high in pairwise(EDGES)]
    return [f"truth_below_{EDGES[1]:g}", *inner[1:-1], f"truth_from_{EDGES[-2]:g}"]


def range_of(truth: Array) -> Any:
    """Each picture's range, 0 to ``len(EDGES) - 2``.

    >>> range_of(np.array([0.3, 0.5, 0.95])).tolist()
    [0, 1, 5]
    """
    return np.searchsorted(np.asarray(EDGES[1:-1]), truth, side="right")


@cache
def folds_of(n: int) -> tuple[int, Any]:
    """Cross-fitting folds of n pictures: how many, and each picture's, by a fixed shuffle.

    >>> folds, fold = folds_of(20)
    >>> folds, np.bincount(fold).tolist()
    (10, [2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    """
    folds = min(MOST_FOLDS, n)
    return folds, np.random.default_rng(2022).permutation(n) % folds


@compiled
def sum_rows(
    counts: Any,
    columns: Any,
    cell: Any,
    x: Any,
    y: Any,
    sums: Any,
    varied: Any,
    start: int,
    stop: int,
) -> None:
    """Sum the columns ``(N, K)`` over each cell into ``sums[row, cell]`` ``(K,)``.

    ``varied[row]``: whether x, and y, have more than one value.
    """
    for row in range(start, stop):
        sums[row] = 0
        varied[row] = False
        first = -1
        for item in range(x.size):
            weight = counts[row, item]
            if weight > 0:
                if first < 0:
                    first = item
                varied[row, 0] |= x[item] != x[first]
                varied[row, 1] |= y[item] != y[first]
                inside = sums[row, cell[item]]
                for column in range(columns.shape[1]):
                    inside[column] += weight * columns[item, column]


class _Columns:
    """What is summed of a pair, and the fold and range of each picture.

    Each column has its own middle and size, and errors are columns of their own, so that squares
    lose no digits, whatever the scales.
    """

    def __init__(self, pair: Pair) -> None:
        truth, prediction = pair.truth, pair.prediction
        self.truth_unit, self.prediction_unit = _unit(truth), _unit(prediction)
        x = (truth - self.truth_unit[0]) / self.truth_unit[1]
        y = (prediction - self.prediction_unit[0]) / self.prediction_unit[1]
        error = prediction - truth
        # The line of truth on prediction and that of the error leave the same residuals.
        shifted = error - np.median(error)
        centred = truth - self.truth_unit[0]
        target = centred if np.var(centred) < np.var(shifted) else shifted
        ones = np.ones(len(pair))
        columns = [ones, x, y, x * x, x * y, y * y, np.abs(error), error, error**2]
        self.columns = np.stack([*columns, target, target**2, target * y], axis=1)
        self.folds, fold = folds_of(len(pair))
        self.ranges = len(EDGES) - 1
        self.cell = (fold * self.ranges + range_of(truth)).astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Sums of each resample, and what follows from them; all ``(B,)`` unless said otherwise.

    Attributes
    ----------
    n : pictures (in resamples of clusters it varies).
    error, absolute_error, squared_error : sums of prediction minus truth, its size, its square.
    truth_varied, prediction_varied : whether there is more than one value.
    truth_unit, prediction_unit : middle and size by which the columns x (truth) and y
        (prediction) were standardised, from which come
    mean_x, mean_y, var_x, var_y, covariance : of the standardised columns (with n), and
    sd_truth, sd_prediction : in score units (with n).
    by_fold, by_range : sums of the twelve columns, ``(B, folds, 12)`` and ``(B, ranges, 12)``.
    """

    n: Array
    error: Array
    absolute_error: Array
    squared_error: Array
    truth_varied: Any
    prediction_varied: Any
    truth_unit: tuple[float, float]
    prediction_unit: tuple[float, float]
    mean_x: Array
    mean_y: Array
    var_x: Array
    var_y: Array
    covariance: Array
    sd_truth: Array
    sd_prediction: Array
    by_fold: Array
    by_range: Array


def moments(resamples: Resamples) -> Moments:
    """Return the moments of each resample; ask by ``resamples.once(moments)``."""
    prepared = resamples.pair.once(_Columns)
    size = len(resamples)
    sums = np.empty((size, prepared.folds * prepared.ranges, prepared.columns.shape[1]))
    varied = np.empty((size, 2), dtype=np.bool_)
    pair = resamples.pair
    resamples.run(
        sum_rows, prepared.columns, prepared.cell, pair.truth, pair.prediction, sums, varied
    )
    by_cell = sums.reshape(size, prepared.folds, prepared.ranges, -1)
    n, sx, sy, sxx, sxy, syy, absolute, error, squared = by_cell.sum(axis=(1, 2))[:, :9].T
    truth_varied, prediction_varied = varied[:, 0], varied[:, 1]
    mean_x, mean_y = sx / n, sy / n
    var_x = np.where(truth_varied, np.maximum(sxx / n - mean_x**2, 0), 0.0)
    var_y = np.where(prediction_varied, np.maximum(syy / n - mean_y**2, 0), 0.0)
    both = truth_varied & prediction_varied
    return Moments(
        n=n,
        error=error,
        absolute_error=absolute,
        squared_error=squared,
        truth_varied=truth_varied,
        prediction_varied=prediction_varied,
        truth_unit=prepared.truth_unit,
        prediction_unit=prepared.prediction_unit,
        mean_x=mean_x,
        mean_y=mean_y,
        var_x=var_x,
        var_y=var_y,
        covariance=np.where(both, sxy / n - mean_x * mean_y, 0.0),
        sd_truth=np.sqrt(var_x) * prepared.truth_unit[1],
        sd_prediction=np.sqrt(var_y) * prepared.prediction_unit[1],
        by_fold=by_cell.sum(axis=2),
        by_range=by_cell.sum(axis=1),
    )


def _unit(values: Array) -> tuple[float, float]:
    """Middle and size of a column: median and quartile range, or whatever range there is."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float(high - low) or float(np.ptp(values)) or 1.0
