"""Paired percentile bootstrap intervals for all metrics at once.

Pictures are drawn with replacement, truth and prediction together. Instead of copying and sorting
each resample, the data are sorted once and a resample is a vector of counts (how often each
picture was drawn), from which midranks, means and distribution functions follow by cumulative
sums. The result is that of computing each metric on each resample, to rounding (tested).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from memnet.compare.stats.metrics import METRICS, Array

Mask: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

METHOD = "paired percentile bootstrap"
_MOST_UNDEFINED = 0.01
_NUMBERS_AT_ONCE = 4_000_000  # 32 MB per intermediate array


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval.

    Attributes
    ----------
    low, high : its ends, or None where there is none.
    reason : why there is none, else "".
    """

    low: float | None
    high: float | None
    reason: str


def intervals(
    truth: Array,
    prediction: Array,
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Bootstrap every metric of :data:`~memnet.compare.stats.metrics.METRICS`.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    resamples : number of resamples.
    seed : of ``numpy.random.default_rng``; the same seed and N draw the same pictures.
    level : coverage, 0 to 1.

    Returns
    -------
    dict
        metric name -> :class:`Interval`. There is none where more than 1 % of the resamples leave
        the metric undefined.
    """
    drawn = distributions(truth, prediction, resamples=resamples, seed=seed)
    return {name: interval_of(values, level) for name, values in drawn.items()}


def distributions(
    truth: Array, prediction: Array, *, resamples: int, seed: int
) -> dict[str, Array]:
    """Return each metric's value on every resample: metric name -> float64 ``(resamples,)``."""
    n = len(truth)
    generator = np.random.default_rng(seed)
    prepared = _Prepared(truth, prediction)
    at_once = max(1, _NUMBERS_AT_ONCE // n)
    parts = []
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        counts = np.empty((size, n), dtype=np.float64)
        for row in range(size):  # row by row, so that the chunk size cannot change a draw
            counts[row] = np.bincount(generator.integers(n, size=n), minlength=n)
        parts.append(prepared.metrics(counts))
    return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}


class _Prepared:
    """Truth and prediction, sorted once."""

    def __init__(self, truth: Array, prediction: Array) -> None:
        # Means are subtracted before anything is squared, so that cancellation costs no digits.
        self.truth = np.asarray(truth, dtype=np.float64)
        self.prediction = np.asarray(prediction, dtype=np.float64)
        self.truth_order = _Order(self.truth)
        self.prediction_order = _Order(self.prediction)
        pooled = np.concatenate([self.truth, self.prediction])
        self.pooled_order = _Order(pooled)
        self.steps = np.diff(self.pooled_order.values)

    def metrics(self, counts: Array) -> dict[str, Array]:
        """Compute all metrics for resamples given as counts ``(B, N)``."""
        n = counts.shape[1]
        error = self.prediction - self.truth
        truth_sd = np.sqrt(np.maximum(_moments(counts, self.truth, self.truth)[0], 0))
        prediction_sd = np.sqrt(
            np.maximum(_moments(counts, self.prediction, self.prediction)[0], 0)
        )
        varied = self._varied(counts)
        difference = self._distribution_difference(counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            sd_ratio = np.where(varied[0], prediction_sd / truth_sd, np.nan)
            both = varied[0] & varied[1]
            pearson = np.where(both, self._pearson(counts), np.nan)
            spearman = np.where(both, self._spearman(counts), np.nan)
        return {
            "spearman": spearman,
            "pearson": pearson,
            "mse": counts @ error**2 / n,
            "mae": counts @ np.abs(error) / n,
            "bias": counts @ error / n,
            "sd_ratio": sd_ratio,
            "ks": difference.max(axis=1),
            "wasserstein": difference[:, :-1] @ self.steps,
        }

    def _varied(self, counts: Array) -> tuple[Mask, Mask]:
        """Whether a resample holds at least two different values of truth, of prediction."""
        return _distinct(self.truth_order, counts) > 1, _distinct(self.prediction_order, counts) > 1

    def _pearson(self, counts: Array) -> Array:
        return _correlation(counts, self.truth, self.prediction)

    def _spearman(self, counts: Array) -> Array:
        return _correlation(
            counts, self.truth_order.midranks(counts), self.prediction_order.midranks(counts)
        )

    def _distribution_difference(self, counts: Array) -> Array:
        """|F_truth - F_prediction| at every pooled value, ``(B, M)``."""
        n = counts.shape[1]
        zeros = np.zeros_like(counts)
        signed = np.concatenate([counts, zeros], axis=1) - np.concatenate([zeros, counts], axis=1)
        difference: Array = np.abs(np.cumsum(self.pooled_order.group_counts(signed), axis=1)) / n
        return difference


def _distinct(order: _Order, counts: Array) -> Any:
    """Count the distinct values in each resample."""
    return (order.group_counts(counts) > 0).sum(axis=1)


class _Order:
    """The distinct values of a sample in order, and which items hold each."""

    def __init__(self, sample: Array) -> None:
        self.values, self.group = np.unique(sample, return_inverse=True)
        self.sorted_items = np.argsort(self.group, kind="stable")
        sizes = np.bincount(self.group)
        self.starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def group_counts(self, counts: Array) -> Array:
        """Sum the counts of the items that hold each distinct value, ``(B, M)``."""
        summed: Array = np.add.reduceat(counts[:, self.sorted_items], self.starts, axis=1)
        return summed

    def midranks(self, counts: Array) -> Array:
        """Each item's midrank within each resample, ``(B, N)``."""
        in_group = self.group_counts(counts)
        ranks = np.cumsum(in_group, axis=1) - in_group + (in_group + 1) / 2
        items: Array = ranks[:, self.group]
        return items


def _moments(counts: Array, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Weighted covariance sum and the two weighted means; x and y are ``(N,)`` or ``(B, N)``."""
    n = counts.shape[1]
    mean_x = (counts * x).sum(axis=1) / n
    mean_y = (counts * y).sum(axis=1) / n
    centred = counts * (x - mean_x[:, None]) * (y - mean_y[:, None])
    return centred.sum(axis=1), mean_x, mean_y


def _correlation(counts: Array, x: Array, y: Array) -> Array:
    covariance = _moments(counts, x, y)[0]
    scale = np.sqrt(_moments(counts, x, x)[0]) * np.sqrt(_moments(counts, y, y)[0])
    clipped: Array = np.clip(covariance / scale, -1.0, 1.0)
    return clipped


def interval_of(values: Array, level: float) -> Interval:
    """Percentile interval of a statistic's resampled values; none where over 1 % are NaN."""
    undefined = float(np.isnan(values).mean())
    if undefined > _MOST_UNDEFINED:
        return Interval(None, None, f"undefined in {undefined:.0%} of the resamples")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), "")
