"""Metrics as pure float64 functions of truth and prediction, by SciPy wherever it has them.

Every function takes ``truth`` and ``prediction``, float64 of shape ``(N,)``, in this order, and
returns a float. Where a metric is undefined (constant input, too few items) it is NaN, never a
made-up number. Wrong shapes and non-finite numbers raise ``ValueError``.
:mod:`memnet.stats.metric_registry` says what each is called and how it is to be read.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import diptest
import numpy as np
from scipy import stats

from memnet.util.arrays import Array

EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Ranges of the truth for which errors are given apart (Needell & Bainbridge 2022 speak of scores
below 0.5, 0.6 to 0.9, ...). A range holds its lower end; the first and last are open outwards."""

MOST_FOLDS = 10
FLOOR_WIDTH = 0.001
_SINGULAR = 1e8  # condition of a covariance matrix that has no inverse worth the name


def spearman(truth: Array, prediction: Array) -> float:
    """Spearman's rank correlation (midranks for ties), ``scipy.stats.spearmanr``; -1 to 1."""
    truth, prediction = _checked(truth, prediction)
    if _constant(truth) or _constant(prediction):
        return float("nan")
    return float(stats.spearmanr(truth, prediction).statistic)


def pearson(truth: Array, prediction: Array) -> float:
    """Pearson's correlation, ``scipy.stats.pearsonr``; -1 to 1."""
    truth, prediction = _checked(truth, prediction)
    if _constant(truth) or _constant(prediction):
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)
        return float(stats.pearsonr(truth, prediction).statistic)


def kendall(truth: Array, prediction: Array) -> float:
    """Kendall's tau-b, ``scipy.stats.kendalltau``; -1 to 1."""
    truth, prediction = _checked(truth, prediction)
    if _constant(truth) or _constant(prediction):
        return float("nan")
    return float(stats.kendalltau(truth, prediction).statistic)


def mse(truth: Array, prediction: Array) -> float:
    """Mean squared error, in squared score units."""
    truth, prediction = _checked(truth, prediction)
    return float(np.mean((prediction - truth) ** 2))


def mae(truth: Array, prediction: Array) -> float:
    """Mean absolute error, in score units."""
    truth, prediction = _checked(truth, prediction)
    return float(np.mean(np.abs(prediction - truth)))


def bias(truth: Array, prediction: Array) -> float:
    """Mean of prediction minus truth: positive where the model promises too much."""
    truth, prediction = _checked(truth, prediction)
    return float(np.mean(prediction - truth))


def mse_bias(truth: Array, prediction: Array) -> float:
    """Squared bias: the part of the MSE that adding a constant would take away.

    MSE = ``mse_bias`` + ``mse_variance`` + ``mse_correlation`` (Murphy 1988, Monthly Weather
    Review 116, 2417-2424), with SDs that divide by n.
    """
    return bias(truth, prediction) ** 2


def mse_variance(truth: Array, prediction: Array) -> float:
    """Squared difference of the two SDs: the part of the MSE due to another spread."""
    truth, prediction = _checked(truth, prediction)
    return float((np.std(prediction) - np.std(truth)) ** 2)


def mse_correlation(truth: Array, prediction: Array) -> float:
    """``2 sd(truth) sd(prediction) (1 - r)``: the part of the MSE that no rescaling takes away."""
    truth, prediction = _checked(truth, prediction)
    covariance = np.mean((truth - truth.mean()) * (prediction - prediction.mean()))
    return float(2 * (np.std(prediction) * np.std(truth) - covariance))


def mse_recalibrated(truth: Array, prediction: Array, fold: Any | None = None) -> float:
    """MSE after the best straight line, cross-fitted: each fold by a line from the others.

    ``fold`` gives each picture's fold; by default :func:`folds_of` does. NaN where some line is
    undefined (all predictions equal, or fewer than three pictures).
    """
    truth, prediction = _checked(truth, prediction)
    fold = folds_of(len(truth))[1] if fold is None else np.asarray(fold)
    squared = np.empty_like(truth)
    for test in np.unique(fold):
        inside, rest = fold == test, fold != test
        if rest.sum() < 2 or _constant(prediction[rest]):
            return float("nan")
        line = stats.linregress(prediction[rest], truth[rest])
        squared[inside] = (line.intercept + line.slope * prediction[inside] - truth[inside]) ** 2
    return float(np.mean(squared))


def calibration_slope(truth: Array, prediction: Array) -> float:
    """Slope of the regression of truth on prediction, ``scipy.stats.linregress``; ideally 1."""
    truth, prediction = _checked(truth, prediction)
    if _constant(prediction):
        return float("nan")
    return float(stats.linregress(prediction, truth).slope)


def calibration_intercept(truth: Array, prediction: Array) -> float:
    """Intercept of the regression of truth on prediction, in score units; ideally 0."""
    truth, prediction = _checked(truth, prediction)
    if _constant(prediction):
        return float("nan")
    return float(stats.linregress(prediction, truth).intercept)


def sd_ratio(truth: Array, prediction: Array) -> float:
    """SD of the predictions over SD of the truth (both with n - 1).

    Below 1 means regression to the mean; a predictor with the least squared error has r, not 1.
    """
    truth, prediction = _checked(truth, prediction)
    if len(truth) < 2 or _constant(truth):
        return float("nan")
    return float(np.std(prediction, ddof=1) / np.std(truth, ddof=1))


def ks(truth: Array, prediction: Array) -> float:
    """Two-sample Kolmogorov-Smirnov distance between the two distributions; 0 to 1."""
    truth, prediction = _checked(truth, prediction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # about the p value, which is not used
        return float(stats.ks_2samp(truth, prediction, method="asymp").statistic)


def cramer_von_mises(truth: Array, prediction: Array) -> float:
    """Two-sample Cramer-von Mises criterion T, ``scipy.stats.cramervonmises_2samp``."""
    truth, prediction = _checked(truth, prediction)
    if len(truth) < 2:
        return float("nan")
    return float(stats.cramervonmises_2samp(truth, prediction, method="asymptotic").statistic)


def anderson_darling(truth: Array, prediction: Array) -> float:
    """Two-sample Anderson-Darling statistic, standardised, with midranks.

    ``scipy.stats.anderson_ksamp``: mean 0 and variance 1 if both were one distribution.
    """
    truth, prediction = _checked(truth, prediction)
    pooled = np.concatenate([truth, prediction])
    if len(truth) < 2 or _constant(pooled):
        return float("nan")
    how: dict[str, Any] = {"variant": "midrank"} if _anderson_has_variants() else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the p value, which is not used
        return float(stats.anderson_ksamp([truth, prediction], **how).statistic)


def epps_singleton(truth: Array, prediction: Array) -> float:
    """Epps and Singleton's W2 of the two characteristic functions, at t = 0.4 and 0.8.

    ``scipy.stats.epps_singleton_2samp``. NaN below five pictures; where the pooled quartiles
    coincide, since distances are measured in them; and where so few values differ that a
    covariance matrix cannot be inverted (SciPy warns, and its digits mean nothing).
    """
    truth, prediction = _checked(truth, prediction)
    pooled = np.concatenate([truth, prediction])
    half_range = float(stats.iqr(pooled)) / 2
    if len(truth) < 5 or not half_range > 0:
        return float("nan")
    both = [waves(0.4 * (v - pooled.mean()) / half_range).mean(axis=0) for v in (truth, prediction)]
    if np.isnan(epps_singleton_from(np.stack(both)[None], np.array([len(truth)])))[0]:
        return float("nan")
    return float(stats.epps_singleton_2samp(truth, prediction).statistic)


def wasserstein(truth: Array, prediction: Array) -> float:
    """Wasserstein-1 distance between the two distributions, in score units."""
    truth, prediction = _checked(truth, prediction)
    return float(stats.wasserstein_distance(truth, prediction))


def energy(truth: Array, prediction: Array) -> float:
    """Energy distance between the two distributions, ``scipy.stats.energy_distance``."""
    truth, prediction = _checked(truth, prediction)
    return float(stats.energy_distance(truth, prediction))


def dip(truth: Array, prediction: Array) -> float:
    """Hartigan's dip of the predictions alone: 0 (one mode) to 0.25; large at a pile-up or gap.

    Hartigan & Hartigan (1985), Annals of Statistics 13, 70-84, by the package ``diptest``.
    """
    _, prediction = _checked(truth, prediction)
    if len(prediction) < 4 or _constant(prediction):
        return float("nan")
    return float(diptest.dipstat(prediction))


def min_prediction(truth: Array, prediction: Array) -> float:
    """Lowest prediction."""
    return float(_checked(truth, prediction)[1].min())


def max_prediction(truth: Array, prediction: Array) -> float:
    """Highest prediction."""
    return float(_checked(truth, prediction)[1].max())


def tied_share(truth: Array, prediction: Array) -> float:
    """Share of the predictions that some other picture has, too."""
    return float(np.mean(flags(_checked(truth, prediction)[1])["tied_share"]))


def clamped_share(truth: Array, prediction: Array) -> float:
    """Share of the predictions that are exactly 0 or 1."""
    return float(np.mean(flags(_checked(truth, prediction)[1])["clamped_share"]))


def floor_share(truth: Array, prediction: Array) -> float:
    """Share of the predictions within 0.001 of the lowest one."""
    return float(np.mean(flags(_checked(truth, prediction)[1])["floor_share"]))


def flags(prediction: Array) -> dict[str, Array]:
    """Return what the shares are means of: name -> float64 ``(N,)`` of 0 and 1."""
    _, place, times = np.unique(prediction, return_inverse=True, return_counts=True)
    return {
        "tied_share": (times[place] > 1).astype(np.float64),
        "clamped_share": ((prediction == 0) | (prediction == 1)).astype(np.float64),
        "floor_share": (prediction <= prediction.min() + FLOOR_WIDTH).astype(np.float64),
    }


def range_names() -> list[str]:
    """Names of the ranges of :data:`EDGES`, as metrics carry them: ``truth_0.5_to_0.6``."""
    inner = [f"truth_{low:g}_to_{high:g}" for low, high in pairwise(EDGES)]
    return [f"truth_below_{EDGES[1]:g}", *inner[1:-1], f"truth_from_{EDGES[-2]:g}"]


def range_of(truth: Array) -> Any:
    """Each picture's range, 0 to ``len(EDGES) - 2``."""
    return np.searchsorted(np.asarray(EDGES[1:-1]), truth, side="right")


def within(error: Callable[[Array, Array], float], which: int) -> Callable[[Array, Array], float]:
    """Restrict a measure of error to the pictures whose truth lies in a range."""

    def restricted(truth: Array, prediction: Array) -> float:
        truth, prediction = _checked(truth, prediction)
        inside = range_of(truth) == which
        return error(truth[inside], prediction[inside]) if inside.any() else float("nan")

    return restricted


@cache
def folds_of(n: int) -> tuple[int, Any]:
    """Cross-fitting folds of n pictures: how many, and each picture's, by a fixed shuffle."""
    folds = min(MOST_FOLDS, n)
    return folds, np.random.default_rng(2022).permutation(n) % folds


def anderson_scale(statistic: Array, totals: Any) -> Array:
    """Standardise A2 of two samples of ``totals`` each (Scholz & Stephens 1987, section 2)."""
    scaled: Array = (statistic - 1) / anderson_sd(totals)
    return scaled


def anderson_sd(each: Any) -> Any:
    """SD of A2 of two samples of ``each`` numbers (a count, or counts)."""
    return np.vectorize(_anderson_sd, otypes=[np.float64])(np.asarray(each).astype(np.int64))


@cache
def _anderson_sd(each: int) -> float:
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


def waves(angle: Array) -> Array:
    """Return the columns that :func:`epps_singleton_from` averages: ``(N, 8)``."""
    one, two, three, four = angle, 2 * angle, 3 * angle, 4 * angle
    columns = [np.cos(one), np.cos(two), np.sin(one), np.sin(two)]
    columns += [np.cos(three), np.sin(three), np.cos(four), np.sin(four)]
    return np.stack(columns, axis=1)


def epps_singleton_from(harmonics: Array, totals: Any) -> Array:
    """Epps and Singleton's W2 of resamples, as SciPy computes it.

    Parameters
    ----------
    harmonics : ``(B, 2, 8)``: of truth and prediction, the means of cos a, cos 2a, sin a, sin 2a,
        cos 3a, sin 3a, cos 4a, sin 4a, where a is 0.4 in units of the pooled half quartile range.
    totals : int ``(B,)``, pictures in each resample.
    """
    undefined = np.isnan(harmonics[:, 0, 0]) | (totals < 5)
    harmonics = np.where(undefined[:, None, None], 0.0, harmonics)
    c1, c2, s1, s2, c3, s3, c4, s4 = np.moveaxis(harmonics, -1, 0)
    # Means of products of cosines and sines are cosines and sines of sums of angles.
    rows = (
        ((1 + c2) / 2, (c1 + c3) / 2, s2 / 2, (s1 + s3) / 2),
        ((c1 + c3) / 2, (1 + c4) / 2, (s3 - s1) / 2, s4 / 2),
        (s2 / 2, (s3 - s1) / 2, (1 - c2) / 2, (c1 - c3) / 2),
        ((s1 + s3) / 2, s4 / 2, (c1 - c3) / 2, (1 - c4) / 2),
    )
    products = np.moveaxis(np.array(rows), (0, 1), (-2, -1))  # (B, 2, 4, 4)
    points = harmonics[..., :4]
    covariances = (products - points[..., :, None] * points[..., None, :]).sum(axis=1)
    difference = points[:, 0] - points[:, 1]
    known = np.linalg.cond(covariances) < _SINGULAR
    covariances = np.where(known[:, None, None], covariances, np.eye(4))
    inverse = np.linalg.pinv(2 * covariances)
    statistic = 2.0 * totals * np.einsum("bi,bij,bj->b", difference, inverse, difference)
    undefined |= ~known
    found: Array = np.where(undefined, np.nan, statistic * small_sample_correction(totals))
    return found


def small_sample_correction(n: Any) -> Any:
    """Factor of Epps & Singleton (1986) for two samples of n below 25, as in SciPy."""
    n = np.asarray(n, dtype=np.float64)
    return np.where(n < 25, 1 / (1 + (2 * n) ** -0.45 + 10.1 * 2 * n**-1.7), 1.0)


@cache
def _anderson_has_variants() -> bool:
    return "variant" in inspect.signature(stats.anderson_ksamp).parameters  # from SciPy 1.17 on


def _constant(values: Array) -> bool:
    return bool(np.all(values == values[0]))


def _checked(truth: Array, prediction: Array) -> tuple[Array, Array]:
    pair = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape or not len(pair[0]):
        raise ValueError(
            f"truth and prediction must be two lists of one length, not of shape "
            f"{pair[0].shape} and {pair[1].shape}"
        )
    if not (np.isfinite(pair[0]).all() and np.isfinite(pair[1]).all()):
        raise ValueError("truth and prediction must be finite; leave missing items out")
    return pair
