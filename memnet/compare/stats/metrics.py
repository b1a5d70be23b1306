"""Metrics as pure float64 functions of truth and prediction, by SciPy wherever it has them.

Every function takes ``truth`` and ``prediction``, float64 of shape ``(N,)``, in this order, and
returns a float. Where a metric is undefined (constant input, too few items) it is NaN, never a
made-up number. Wrong shapes and non-finite numbers raise ``ValueError``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import stats

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"


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


def wasserstein(truth: Array, prediction: Array) -> float:
    """Wasserstein-1 distance between the two distributions, in score units."""
    truth, prediction = _checked(truth, prediction)
    return float(stats.wasserstein_distance(truth, prediction))


@dataclass(frozen=True)
class Metric:
    """A metric and what a reader must know of it.

    Attributes
    ----------
    function : ``(truth, prediction) -> float``.
    title : for tables.
    better : ``"higher"``, ``"lower"``, ``"zero"`` or ``"one"``: where the ideal lies.
    undefined : why it can be NaN.
    """

    function: Callable[[Array, Array], float]
    title: str
    better: str
    undefined: str


_CONSTANT = "the human scores or the predictions are all equal, or there is only one"

METRICS: dict[str, Metric] = {
    "spearman": Metric(spearman, "Spearman's rho", "higher", _CONSTANT),
    "pearson": Metric(pearson, "Pearson's r", "higher", _CONSTANT),
    "mse": Metric(mse, "MSE", "lower", ""),
    "mae": Metric(mae, "MAE", "lower", ""),
    "bias": Metric(bias, "Bias (prediction - truth)", "zero", ""),
    "sd_ratio": Metric(sd_ratio, "SD ratio (prediction / truth)", "one", _CONSTANT),
    "ks": Metric(ks, "Kolmogorov-Smirnov distance", "lower", ""),
    "wasserstein": Metric(wasserstein, "Wasserstein distance", "lower", ""),
}
"""Every metric by the name it has in ``record.json``, in the order of the tables."""


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
