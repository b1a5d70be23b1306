"""Paired percentile bootstrap of every metric, for all models on the same resamples.

A resample draws pictures with replacement, truth and predictions together. It is kept as a vector
of counts (how often each picture was drawn), from which midranks, moments and distribution
functions follow without copying or sorting (:mod:`.compiling`). The result is that of computing
each metric on each resample, to rounding (tested), and SciPy's ``bootstrap(paired=True,
method="percentile")`` with the same generator gives the same interval.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from memnet.stats.metrics import (
    METRICS,
    Metric,
    Pair,
    Resamples,
    name_failure,
    with_effect_statistics,
)
from memnet.stats.metrics.moments import moments
from memnet.stats.resampling import Counts, Draws, Workers, resampled_means
from memnet.util.arrays import Array

_MOST_UNDEFINED = 0.01

TRUTH_VARIANCE, SIZE = "truth_variance", "size"
"""What :func:`distributions` gives beside the metrics: variance (with n) of the truth, and number
of pictures, of each resample."""


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

    @property
    def ends(self) -> list[float] | None:
        """``[low, high]``, or None."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def intervals(
    truth: Array,
    prediction: Array,
    *,
    resamples: int,
    seed: int,
    level: float = 0.95,
    only: Collection[str] | None = None,
) -> dict[str, Interval]:
    """Bootstrap the metrics of one model.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    resamples : number of resamples.
    seed : of ``numpy.random.default_rng``; the same seed and N draw the same pictures.
    level : coverage, 0 to 1.
    only : names of :data:`~memnet.stats.metrics.METRICS`; None for all of them.

    Returns
    -------
    dict
        metric name -> :class:`Interval`. There is none where more than 1 % of the resamples leave
        the metric undefined.

    Examples
    --------
    >>> truth, prediction = np.array([0.5, 0.6, 0.8, 0.9]), np.array([0.5, 0.7, 0.6, 0.8])
    >>> found = intervals(truth, prediction, resamples=200, seed=0, only=["mae"])
    >>> [round(end, 3) for end in found["mae"].ends]
    [0.05, 0.175]
    """
    draws = Draws(n=len(truth), resamples=resamples, seed=seed)
    drawn = distributions(truth, {"": prediction}, draws, only=only)[""]
    return {
        name: Interval(None, None, metric.not_resampled)
        if metric.not_resampled
        else interval_of(drawn[name], level)
        for name, metric in METRICS.items()
        if only is None or name in only
    }


def distributions(
    truth: Array,
    predictions: Mapping[str, Array],
    draws: Draws,
    *,
    only: Collection[str] | None = None,
    extra_means: Mapping[str, Array] | None = None,
    metrics: Mapping[str, Metric] | None = None,
    also: Callable[[slice, Counts, Workers], None] | None = None,
) -> dict[str, dict[str, Array]]:
    """Each metric's value on every resample, the same resamples for all models.

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    draws : which pictures each resample draws.
    only : metrics; None for all.
    extra_means : name -> ``(N,)``: further columns to average on each resample.
    metrics : :data:`~memnet.stats.metrics.METRICS`, or what else to compute
        (:func:`~memnet.stats.metrics.metrics_for`).
    also : called with every chunk of :meth:`Draws.chunks` and the threads, for what else is wanted
        of the same resamples.

    Returns
    -------
    dict
        model -> metric -> float64 ``(resamples,)``, NaN where undefined; without ``only`` also the
        statistics of effect sizes, :data:`TRUTH_VARIANCE`, :data:`SIZE` and the extra means.

    Examples
    --------
    >>> truth, prediction = np.array([0.5, 0.6, 0.8, 0.9]), np.array([0.5, 0.7, 0.6, 0.8])
    >>> draws = Draws(n=4, resamples=3, seed=0)
    >>> drawn = distributions(truth, {"mine": prediction}, draws, only=["mae"])
    >>> drawn["mine"]["mae"].round(3).tolist()
    [0.15, 0.025, 0.1]
    """
    pairs = {model: Pair(truth, values) for model, values in predictions.items()}
    resampled: dict[str, dict[str, Array]] = {model: {} for model in pairs}
    wanted = {
        name: metric
        for name, metric in (METRICS if metrics is None else metrics).items()
        if not metric.not_resampled and (only is None or name in only)
    }
    if only is None:
        wanted = with_effect_statistics(wanted.values())
    with Workers() as workers:
        for rows, counts in draws.chunks():
            for model, pair in pairs.items():
                resamples = Resamples(pair, counts, workers)
                values = _statistics(resamples, model, wanted)
                if only is None:
                    values |= _beside(resamples, extra_means)
                for name, drawn in values.items():
                    store = resampled[model].setdefault(name, np.empty(draws.resamples))
                    store[rows] = drawn
            if also is not None:
                also(rows, counts, workers)
    return resampled


def _statistics(
    resamples: Resamples, model: str, metrics: Mapping[str, Metric]
) -> dict[str, Array]:
    """Compute the metrics on one chunk of resamples: name -> ``(B,)``."""
    values = {}
    for name, metric in metrics.items():
        with name_failure(name, model):
            values[name] = metric.on_resamples(resamples)
    return values


def _beside(resamples: Resamples, extra_means: Mapping[str, Array] | None) -> dict[str, Array]:
    """Compute what is given beside the metrics: name -> ``(B,)``."""
    summary = resamples.once(moments)
    values = {TRUTH_VARIANCE: summary.sd_truth**2, SIZE: summary.n}
    if extra_means:
        values |= resampled_means(extra_means, resamples.counts, resamples.workers)
    return values


def interval_of(values: Any, level: float, draws: Draws | None = None) -> Interval:
    """Percentile interval of a statistic's resampled values; none where over 1 % are NaN.

    Drawn within strata, it goes farther out (:meth:`.Draws.widening`): as many times as far, in
    normal quantiles.

    >>> interval_of(np.linspace(0, 100, 101), 0.5).ends
    [25.0, 75.0]
    """
    widening = 1.0 if draws is None else draws.widening(level)
    if widening != 1:
        level = float(1 - 2 * special.ndtr(-widening * special.ndtri((1 + level) / 2)))
    undefined = float(np.isnan(values).mean())
    if undefined > _MOST_UNDEFINED:
        return Interval(None, None, f"undefined in {undefined:.0%} of the resamples")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), "")
