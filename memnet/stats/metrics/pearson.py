"""Pearson's correlation."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import (
    CONSTANT,
    Metric,
    Resamples,
    Swaps,
    SwapStatistic,
    correlation,
    standardised,
)
from memnet.stats.metrics.moments import moments
from memnet.util.arrays import Array


def pearson(truth: Array, prediction: Array) -> float:
    """Pearson's correlation, ``scipy.stats.pearsonr``; -1 to 1.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.

    Returns
    -------
    float
        NaN where either is constant.

    Examples
    --------
    >>> round(pearson([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.707
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return correlation(truth, prediction, stats.pearsonr)


def resampled(resamples: Resamples) -> Array:
    """Pearson's r of each resample, ``(B,)``."""
    m = resamples.once(moments)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.clip(m.covariance / np.sqrt(m.var_x * m.var_y), -1, 1)
    return np.where(m.truth_varied & m.prediction_varied, r, np.nan)


def swapped_models(truth: Array, a: Array, b: Array) -> SwapStatistic:
    """|difference of the two r|: the models' z scores change places, so no scale is a difference.

    The sums of a column change linearly with the swaps, and r follows from three of them.
    """
    n = len(truth)
    z, left, right = (standardised(values) for values in (truth, a, b))
    moved = right - left
    r_a, r_b = np.mean(z * left), np.mean(z * right)

    def difference(_: Swaps, sums: Array) -> Array:
        cross, shift, square = sums
        with np.errstate(invalid="ignore", divide="ignore"):
            r_left = (r_a + cross) / np.sqrt(1 + square - shift**2)
            r_right = (r_b - cross) / np.sqrt(1 - square - shift**2)
        size: Array = np.abs(r_left - r_right)
        return size

    columns = np.stack([z * moved, moved, right**2 - left**2], axis=1) / n
    return SwapStatistic(evaluate=difference, columns=columns)


PEARSON = Metric(
    name="pearson",
    title="Pearson's r",
    better="higher",
    undefined=CONSTANT,
    function=pearson,
    resample=resampled,
    between_models=True,
    swap_models=swapped_models,
    correlate=np.asarray,
    explanation="how near do predictions and human scores lie to a straight line? 1: on a rising "
    "line, 0: no linear relation. It is the same for every offset and scale of the predictions.",
)
