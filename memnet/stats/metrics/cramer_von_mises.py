"""The two-sample Cramer-von Mises criterion."""

from __future__ import annotations

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import FEW, Metric, checked
from memnet.stats.metrics.expected import ExpectedLabels, gaps
from memnet.stats.metrics.two_sample import CRAMER_VON_MISES as COLUMN
from memnet.stats.metrics.two_sample import (
    SQUARED_DIFFERENCE,
    resampled_distance,
    root_mean_square,
    swapped_distance,
)
from memnet.util.arrays import Array


def cramer_von_mises(truth: Array, prediction: Array) -> float:
    """Two-sample Cramer-von Mises criterion T, ``scipy.stats.cramervonmises_2samp``.

    Examples
    --------
    >>> round(cramer_von_mises([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.047
    """
    truth, prediction = checked(truth, prediction)
    if len(truth) < 2:
        return float("nan")
    return float(stats.cramervonmises_2samp(truth, prediction, method="asymptotic").statistic)


def squared_difference(truth: Array, prediction: Array) -> float:
    """N / 2 times the mean squared difference of the two distribution functions.

    The mean is over the 2 n pooled numbers. Without ties this is T (Anderson 1962); with ties, T
    goes by midranks and is larger.

    Examples
    --------
    >>> squared_difference([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8])  # at .7, .8 and .8: 1/4
    0.046875
    """
    truth, prediction = checked(truth, prediction)
    pooled = np.concatenate([truth, prediction])
    below = [
        np.searchsorted(np.sort(values), pooled, side="right") / len(values)
        for values in (truth, prediction)
    ]
    return float(len(truth) / 2 * np.mean((below[0] - below[1]) ** 2))


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """Mean squared distance from the expected distribution function, ``(B,)``."""
    return gaps(expected, counts) ** 2 @ expected.shares


CRAMER_VON_MISES = Metric(
    name="cramer_von_mises",
    needs_scores=True,
    title="Cramer-von Mises T",
    better="lower",
    group="distribution",
    undefined=FEW,
    function=cramer_von_mises,
    resample=resampled_distance(COLUMN),
    swap=swapped_distance(COLUMN),
    noise_matched=True,
    from_expected=from_expected,
    effect=root_mean_square,
    effect_from=Metric(
        name="squared_difference_of_distributions",
        title="n / 2 times the mean squared difference of the distribution functions",
        function=squared_difference,
        resample=resampled_distance(SQUARED_DIFFERENCE),
    ),
    effect_title="RMS difference of the distribution functions",
    explanation="the squared distance between the two cumulative distributions, summed over all "
    "values.",
    reference="Anderson (1962), Annals of Mathematical Statistics 33, 1148-1159",
)
