"""The two-sample Kolmogorov-Smirnov distance."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import Metric, checked
from memnet.stats.metrics.expected import ExpectedLabels, gaps
from memnet.stats.metrics.two_sample import KS as COLUMN
from memnet.stats.metrics.two_sample import resampled_distance, swapped_distance
from memnet.util.arrays import Array


def ks(truth: Array, prediction: Array) -> float:
    """Two-sample Kolmogorov-Smirnov distance between the two distributions; 0 to 1.

    Examples
    --------
    >>> ks([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8])
    0.25
    """
    truth, prediction = checked(truth, prediction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # about the p value, which is not used
        return float(stats.ks_2samp(truth, prediction, method="asymp").statistic)


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """Largest distance from the expected distribution function, ``(B,)``."""
    largest: Array = np.abs(gaps(expected, counts)).max(axis=1)
    return largest


KS = Metric(
    name="ks",
    needs_scores=True,
    title="Kolmogorov-Smirnov distance",
    better="lower",
    group="distribution",
    function=ks,
    resample=resampled_distance(COLUMN),
    swap=swapped_distance(COLUMN),
    noise_matched=True,
    from_expected=from_expected,
    explanation="the largest vertical distance between the two cumulative distributions, 0 to 1.",
    reference="Smirnov (1948), Annals of Mathematical Statistics 19, 279-281",
)
