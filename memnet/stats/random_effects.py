"""A mean over data sets that differ in truth, not only by chance: a random-effects meta-analysis.

Data sets are taken as exchangeable: each has a true value of its own, and these scatter around
their mean with an SD ``tau``, which is estimated by Paule and Mandel's method (1982, Journal of
Research of the National Bureau of Standards 87, 377-385; recommended by Veroniki et al. 2016,
Research Synthesis Methods 7, 55-79). The mean's interval is that of Hartung and Knapp (2001,
Statistics in Medicine 20, 1771-1782), which holds its level with few data sets, but never narrower
than the usual one by the normal distribution: where the values agree by luck, theirs would be
(Wiksten, Ruecker & Schwarzer 2016, Statistics in Medicine 35, 2503-2515).

Correlations are not put on Fisher's z first. A correlation divided by its ceiling may be 1 or more,
where z does not exist, and near 1 a mean of z is biased upwards; docs/statistics.md has how often
the intervals held the true mean in a simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from memnet.stats.levels import LEVEL
from memnet.util.arrays import Array

FEWEST_FOR_PREDICTION = 3
ONE, TWO = (
    "one data set: its own value and interval, which say nothing of other data sets",
    "two data sets: how much data sets differ is hardly known, and the interval may be very wide",
)


@dataclass(frozen=True, kw_only=True)
class RandomEffects:
    """A random-effects mean.

    Attributes
    ----------
    mean : weighted by ``1 / (variance + tau squared)``.
    interval : of the mean, ``(low, high)``.
    tau : SD of the true values between data sets; None with one.
    prediction : where the true value of another such data set is expected (Higgins, Thompson &
        Spiegelhalter 2009, Journal of the Royal Statistical Society A 172, 137-159, with the
        mean's standard error as in its interval); None with fewer than three.
    p_value : of a mean of 0; at most 0.05 exactly where the 95 % interval does not hold 0.
    reason : what to know where there are fewer than three values, else "".
    """

    mean: float
    interval: tuple[float, float]
    tau: float | None
    prediction: tuple[float, float] | None
    p_value: float
    reason: str = ""


def variance_of(interval: Sequence[float], level: float = LEVEL) -> float:
    """Variance of an estimate from its interval, taken as that of a normal distribution.

    Examples
    --------
    >>> round(variance_of([0.402, 0.598]), 4)
    0.0025
    """
    low, high = interval
    return float(((high - low) / (2 * stats.norm.ppf((1 + level) / 2))) ** 2)


def tau_squared(values: Array, variances: Array) -> float:
    """Variance between data sets by Paule and Mandel's method.

    It makes the weighted sum of squares around the mean what is expected of it, k - 1; 0 where the
    sum is no more than that without it.

    Parameters
    ----------
    values, variances : float ``(k,)``; variances above 0.

    Examples
    --------
    >>> round(tau_squared(np.array([0.5, 0.8]), np.array([0.002, 0.004])), 6)
    0.042
    """
    freedom = len(values) - 1

    def excess(tau2: float) -> float:
        weights = 1 / (variances + tau2)
        mean = np.average(values, weights=weights)
        return float(weights @ (values - mean) ** 2) - freedom

    if freedom < 1 or excess(0.0) <= 0:
        return 0.0
    highest = float(np.sum((values - values.mean()) ** 2))  # where the excess is below 0
    return float(optimize.brentq(excess, 0.0, highest, xtol=1e-15, rtol=1e-14))


def random_effects(
    values: Sequence[float], variances: Sequence[float], *, level: float = LEVEL
) -> RandomEffects:
    """Take the mean of values from several data sets.

    Parameters
    ----------
    values, variances : one each per data set; squared standard errors, above 0.
    level : coverage of the intervals.

    Raises
    ------
    ValueError
        without values, or with a variance that is not above 0 or a number that is not finite.

    Examples
    --------
    >>> result = random_effects([0.52, 0.61, 0.78, 0.44, 0.70], [0.002, 0.001, 0.004, 0.005, 0.001])
    >>> round(result.mean, 3), [round(end, 2) for end in result.interval], round(result.tau, 2)
    (0.613, [0.45, 0.78], 0.12)
    """
    y, v = np.asarray(values, dtype=float), np.asarray(variances, dtype=float)
    if not len(y) or y.shape != v.shape or not np.isfinite([y, v]).all() or (v <= 0).any():
        raise ValueError("a random-effects mean needs finite values, each with a variance above 0")
    k, normal = len(y), float(stats.norm.ppf((1 + level) / 2))
    tau2 = tau_squared(y, v)
    weights = 1 / (v + tau2)
    mean = float(np.average(y, weights=weights))
    plain = 1 / math.sqrt(weights.sum())
    half, p = normal * plain, 2 * float(stats.norm.sf(abs(mean) / plain))
    if k == 1:
        return RandomEffects(
            mean=mean,
            interval=(mean - half, mean + half),
            tau=None,
            prediction=None,
            p_value=p,
            reason=ONE,
        )
    error = math.sqrt(float(weights @ (y - mean) ** 2) / ((k - 1) * weights.sum()))
    half = max(half, float(stats.t.ppf((1 + level) / 2, k - 1)) * error)
    if error:
        p = max(p, 2 * float(stats.t.sf(abs(mean) / error, k - 1)))
    prediction = None
    if k >= FEWEST_FOR_PREDICTION:
        spread = math.sqrt(tau2 + max(error, plain) ** 2)
        reach = float(stats.t.ppf((1 + level) / 2, k - 2)) * spread
        prediction = mean - reach, mean + reach
    return RandomEffects(
        mean=mean,
        interval=(mean - half, mean + half),
        tau=math.sqrt(tau2),
        prediction=prediction,
        p_value=p,
        reason=TWO if k == 2 else "",
    )
