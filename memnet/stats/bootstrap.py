"""Paired percentile bootstrap of every metric, for all models on the same resamples.

A resample draws pictures with replacement, truth and predictions together. It is kept as a vector
of counts (how often each picture was drawn), from which midranks, moments and distribution
functions follow without copying or sorting (:mod:`.kernels`). The result is that of computing
each metric on each resample, to rounding (tested), and SciPy's ``bootstrap(paired=True,
method="percentile")`` with the same generator gives the same interval.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.stats.metric_registry import METRICS
from memnet.stats.metrics import flags
from memnet.stats.resampled_metrics import Prepared
from memnet.stats.resampling import Draws, Workers
from memnet.util.arrays import Array

_MOST_UNDEFINED = 0.01

NOT_RESAMPLED = {
    "min_prediction": "a resample cannot reach beyond the sample's own lowest value",
    "max_prediction": "a resample cannot reach beyond the sample's own highest value",
    "dip": "resamples repeat values, which the dip takes for modes",
}
"""Metrics without a bootstrap interval, and why."""


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
    only : names of :data:`~memnet.stats.metric_registry.METRICS`; None for all of them.

    Returns
    -------
    dict
        metric name -> :class:`Interval`. There is none where more than 1 % of the resamples leave
        the metric undefined.
    """
    draws = Draws(n=len(truth), resamples=resamples, seed=seed)
    drawn = distributions(truth, {"": prediction}, draws, only=only)[""]
    return {
        name: interval_of(drawn[name], level)
        if name in drawn
        else Interval(None, None, NOT_RESAMPLED[name])
        for name in METRICS
        if only is None or name in only
    }


def distributions(
    truth: Array,
    predictions: Mapping[str, Array],
    draws: Draws,
    *,
    only: Collection[str] | None = None,
    extra_flags: Mapping[str, Array] | None = None,
) -> dict[str, dict[str, Array]]:
    """Each metric's value on every resample, the same resamples for all models.

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    draws : which pictures each resample draws.
    only : metrics; None for all.
    extra_flags : name -> ``(N,)``: further means to take on each resample.

    Returns
    -------
    dict
        model -> metric -> float64 ``(resamples,)``, NaN where undefined.
    """
    prepared = {
        model: Prepared(truth, values, {**flags(values), **(extra_flags or {})})
        for model, values in predictions.items()
    }
    found: dict[str, dict[str, Array]] = {model: {} for model in prepared}
    with Workers() as workers:
        for rows, counts in draws.chunks():
            for model, pair in prepared.items():
                for name, values in pair.metrics(counts, workers, only).items():
                    store = found[model].setdefault(name, np.empty(draws.resamples))
                    store[rows] = values
    return found


def interval_of(values: Any, level: float) -> Interval:
    """Percentile interval of a statistic's resampled values; none where over 1 % are NaN."""
    undefined = float(np.isnan(values).mean())
    if undefined > _MOST_UNDEFINED:
        return Interval(None, None, f"undefined in {undefined:.0%} of the resamples")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), "")
