"""The spread of the predictions against that of the human scores."""

from __future__ import annotations

import numpy as np

from memnet.stats.metrics.base import (
    CONSTANT,
    Metric,
    Pair,
    Resamples,
    Swaps,
    SwapStatistic,
    checked,
    is_constant,
)
from memnet.stats.metrics.expected import ExpectedLabels, spread
from memnet.stats.metrics.moments import moments
from memnet.util.arrays import Array


def sd_ratio(truth: Array, prediction: Array) -> float:
    """SD of the predictions over SD of the truth (both with n - 1).

    Below 1 means regression to the mean; a predictor with the least squared error has r, not 1.

    Examples
    --------
    >>> round(sd_ratio([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.707
    """
    truth, prediction = checked(truth, prediction)
    if len(truth) < 2 or is_constant(truth):
        return float("nan")
    return float(np.std(prediction, ddof=1) / np.std(truth, ddof=1))


def resampled(resamples: Resamples) -> Array:
    """SD ratio of each resample, ``(B,)``."""
    m = resamples.once(moments)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = m.sd_prediction / m.sd_truth
    return np.where(m.truth_varied, ratio, np.nan)


def _deviations(pair: Pair) -> Array:
    columns = [values - values.mean() for values in (pair.truth, pair.prediction)]
    return np.stack([*columns, *(c**2 for c in columns)], axis=1)


def resampled_quickly(resamples: Resamples) -> Array:
    """Return the same from four sums, for pairs of which each is resampled a few times only."""
    columns = resamples.pair.once(_deviations)
    weights = resamples.counts.astype(np.float64)
    means = weights @ columns / weights.sum(axis=1, keepdims=True)
    variances = means[:, 2:] - means[:, :2] ** 2
    tiny = 1e-15 * columns[:, 2].max()  # all equal, but for rounding
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(np.maximum(variances[:, 1], 0) / variances[:, 0])
    return np.where(variances[:, 0] > tiny, ratio, np.nan)


def swapped(pair: Pair) -> SwapStatistic:
    """|log of the ratio|, two-sided: deviations from each column's mean change places."""
    n = len(pair)
    x, y = (
        np.stack([values - values.mean(), (values - values.mean()) ** 2], axis=1)
        for values in (pair.truth, pair.prediction)
    )
    own_x, own_y = x.sum(axis=0), y.sum(axis=0)

    def log_ratio(_: Swaps, sums: Array) -> Array:
        mean_x, mean_y = (own_x + sums.T) / n, (own_y - sums.T) / n
        with np.errstate(divide="ignore", invalid="ignore"):
            spread_x = mean_x[:, 1] - mean_x[:, 0] ** 2
            spread_y = mean_y[:, 1] - mean_y[:, 0] ** 2
            ratio: Array = np.abs(np.log(spread_y) - np.log(spread_x))
        return ratio

    return SwapStatistic(evaluate=log_ratio, columns=y - x)


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """|log of the ratio| of the labels' SD and the expected one, two-sided, ``(B,)``."""
    own = spread(expected.values, counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio: Array = np.abs(np.log(own / spread(expected.values, expected.shares[None])))
    return log_ratio


SD_RATIO = Metric(
    name="sd_ratio",
    needs_scores=True,
    title="SD ratio (prediction / truth)",
    better="one",
    group="distribution",
    undefined=CONSTANT,
    function=sd_ratio,
    resample=resampled,
    swap=swapped,
    noise_matched=True,
    from_expected=from_expected,
    resample_noisy=resampled_quickly,
    explanation="the SD of the predictions divided by that of the human scores: below 1 the "
    "predictions keep too close to their mean.",
)
