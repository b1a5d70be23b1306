"""The Wasserstein-1 distance."""

from __future__ import annotations

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import Metric, checked
from memnet.stats.metrics.expected import ExpectedLabels, gaps
from memnet.stats.metrics.two_sample import WASSERSTEIN as COLUMN
from memnet.stats.metrics.two_sample import resampled_distance, swapped_distance
from memnet.util.arrays import Array


def wasserstein(truth: Array, prediction: Array) -> float:
    """Wasserstein-1 distance between the two distributions, in score units.

    Examples
    --------
    >>> round(wasserstein([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.05
    """
    truth, prediction = checked(truth, prediction)
    return float(stats.wasserstein_distance(truth, prediction))


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """Area between the distribution function and the expected one, ``(B,)``."""
    return np.abs(gaps(expected, counts))[:, :-1] @ expected.steps


WASSERSTEIN = Metric(
    name="wasserstein",
    needs_scores=True,
    title="Wasserstein distance",
    better="lower",
    group="distribution",
    function=wasserstein,
    resample=resampled_distance(COLUMN),
    swap=swapped_distance(COLUMN, unit=lambda span: span),
    noise_matched=True,
    from_expected=from_expected,
    explanation="by how much a prediction must be moved, on average, to make the two distributions "
    "equal; in units of the scores.",
)
