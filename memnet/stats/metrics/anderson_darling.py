"""The two-sample Anderson-Darling statistic."""

from __future__ import annotations

import inspect
import warnings
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import FEW, Metric, Resamples, checked, is_constant
from memnet.stats.metrics.expected import ExpectedLabels, gaps
from memnet.stats.metrics.two_sample import ANDERSON_DARLING as COLUMN
from memnet.stats.metrics.two_sample import resampled_distance, root_mean_square, swapped_distance
from memnet.util.arrays import Array

_NO_VARIANCE = 1e-12  # of a share of the labels: that of none, or of all


def anderson_darling(truth: Array, prediction: Array) -> float:
    """Two-sample Anderson-Darling statistic, standardised, with midranks.

    ``scipy.stats.anderson_ksamp``: mean 0 and variance 1 if both were one distribution.

    Examples
    --------
    >>> round(anderson_darling([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    -1.05
    """
    truth, prediction = checked(truth, prediction)
    pooled = np.concatenate([truth, prediction])
    if len(truth) < 2 or is_constant(pooled):
        return float("nan")
    how: dict[str, Any] = {"variant": "midrank"} if _anderson_has_variants() else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the p value, which is not used
        return float(stats.anderson_ksamp([truth, prediction], **how).statistic)


@cache
def _anderson_has_variants() -> bool:
    return "variant" in inspect.signature(stats.anderson_ksamp).parameters  # from SciPy 1.17 on


def standardise(statistic: Array, each: Any) -> Array:
    """Standardise A2 of two samples of ``each`` numbers (Scholz & Stephens 1987, section 2)."""
    scaled: Array = (statistic - 1) / standard_deviation(each)
    return scaled


def standard_deviation(each: Any) -> Any:
    """SD of A2 of two samples of ``each`` numbers (a count, or counts).

    Examples
    --------
    >>> round(float(standard_deviation(100)), 3)
    0.754
    """
    return np.vectorize(_standard_deviation, otypes=[np.float64])(np.asarray(each).astype(np.int64))


@cache
def _standard_deviation(each: int) -> float:
    pooled, k = 2 * each, 2
    if each < 2:
        return float("nan")
    inverse = 2 / each
    harmonic = np.cumsum(1.0 / np.arange(pooled - 1, 1, -1))
    h = float(harmonic[-1]) + 1
    g = float((harmonic / np.arange(2, pooled)).sum())
    a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * k**2 + 8 * h * k + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * k**2 + (4 * h - 4 * g + 6) * k + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * k**2 - 4 * h * k
    variance = (a * pooled**3 + b * pooled**2 + c * pooled + d) / (
        (pooled - 1.0) * (pooled - 2) * (pooled - 3)
    )
    return float(np.sqrt(variance))


_PLAIN = resampled_distance(COLUMN)


def resampled(resamples: Resamples) -> Array:
    """Anderson-Darling statistic of each resample, ``(B,)``."""
    return standardise(_PLAIN(resamples), resamples.counts.sum(axis=1, dtype=np.int64))


def _effect(value: Any, n: Any) -> Any:
    return root_mean_square(value * standard_deviation(n) + 1, n)


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """Mean squared distance from the expected distribution function, tails weighted, ``(B,)``."""
    variance = expected.below * (1 - expected.below)
    inside = variance > _NO_VARIANCE
    weights = expected.shares[inside] / variance[inside]
    return gaps(expected, counts)[:, inside] ** 2 @ weights


ANDERSON_DARLING = Metric(
    name="anderson_darling",
    needs_scores=True,
    title="Anderson-Darling, standardised",
    better="lower",
    group="distribution",
    undefined=FEW,
    function=anderson_darling,
    resample=resampled,
    swap=swapped_distance(COLUMN, scale=standardise),
    noise_matched=True,
    from_expected=from_expected,
    effect=_effect,
    effect_title="RMS difference, tails weighted",
    explanation="as Cramer and von Mises's, but differences in the tails weigh more; standardised, "
    "so that it would be 0 on average, with SD 1, if both were samples of one distribution.",
    reference="Scholz and Stephens (1987), Journal of the American Statistical Association 82, "
    "918-924",
)
