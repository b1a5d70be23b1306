"""The energy distance."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import Metric, checked
from memnet.stats.metrics.expected import ExpectedLabels, gaps
from memnet.stats.metrics.two_sample import ENERGY as COLUMN
from memnet.stats.metrics.two_sample import resampled_distance, swapped_distance
from memnet.util.arrays import Array


def energy(truth: Array, prediction: Array) -> float:
    """Energy distance between the two distributions, ``scipy.stats.energy_distance``.

    Examples
    --------
    >>> round(energy([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.158
    """
    truth, prediction = checked(truth, prediction)
    return float(stats.energy_distance(truth, prediction))


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """Energy distance from the expected distribution, ``(B,)``."""
    return np.sqrt(2 * (gaps(expected, counts)[:, :-1] ** 2 @ expected.steps))


ENERGY = Metric(
    name="energy",
    needs_scores=True,
    title="Energy distance",
    better="lower",
    group="distribution",
    function=energy,
    resample=resampled_distance(COLUMN),
    swap=swapped_distance(COLUMN, unit=math.sqrt),
    noise_matched=True,
    from_expected=from_expected,
    explanation="the root of twice the integral of the squared difference of the two cumulative "
    "distributions.",
    reference="Szekely and Rizzo (2013), Journal of Statistical Planning and Inference 143, "
    "1249-1272",
)
