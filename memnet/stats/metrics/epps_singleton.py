"""Epps and Singleton's distance between two empirical characteristic functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import Metric, Pair, Resamples, Swaps, SwapStatistic, checked
from memnet.stats.metrics.expected import ExpectedLabels
from memnet.stats.metrics.two_sample import Pooled, root_mean_square
from memnet.util.arrays import Array
from memnet.util.compiling import compiled, compiled_for_sums

_SINGULAR = 1e8  # condition of a covariance matrix that has no inverse worth the name


def epps_singleton(truth: Array, prediction: Array) -> float:
    """Epps and Singleton's W2 of the two characteristic functions, at t = 0.4 and 0.8.

    ``scipy.stats.epps_singleton_2samp``. NaN below five pictures; where the pooled quartiles
    coincide, since distances are measured in them; and where so few values differ that a
    covariance matrix cannot be inverted (SciPy warns, and its digits mean nothing).

    Examples
    --------
    >>> truth = np.linspace(0.5, 0.9, 20)
    >>> round(epps_singleton(truth, truth - 0.1), 3)
    7.453
    """
    truth, prediction = checked(truth, prediction)
    pooled = np.concatenate([truth, prediction])
    half_range = float(stats.iqr(pooled)) / 2
    if len(truth) < 5 or not half_range > 0:
        return float("nan")
    both = [waves(0.4 * (v - pooled.mean()) / half_range).mean(axis=0) for v in (truth, prediction)]
    if np.isnan(from_harmonics(np.stack(both)[None], np.array([len(truth)])))[0]:
        return float("nan")
    return float(stats.epps_singleton_2samp(truth, prediction).statistic)


def waves(angle: Array) -> Array:
    """Return the columns that :func:`from_harmonics` averages: ``(N, 8)``."""
    a1, a2, a3, a4 = angle, 2 * angle, 3 * angle, 4 * angle
    columns = [np.cos(a1), np.cos(a2), np.sin(a1), np.sin(a2)]
    columns += [np.cos(a3), np.sin(a3), np.cos(a4), np.sin(a4)]
    return np.stack(columns, axis=1)


def from_harmonics(harmonics: Array, totals: Any) -> Array:
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
    corrected: Array = np.where(undefined, np.nan, statistic * small_sample_correction(totals))
    return corrected


def small_sample_correction(n: Any) -> Any:
    """Factor of Epps & Singleton (1986) for two samples of n below 25, as in SciPy.

    Examples
    --------
    >>> small_sample_correction([10, 25]).round(3).tolist()
    [0.601, 1.0]
    """
    n = np.asarray(n, dtype=np.float64)
    return np.where(n < 25, 1 / (1 + (2 * n) ** -0.45 + 10.1 * 2 * n**-1.7), 1.0)


@compiled
def weighted_percentile(weights: Any, values: Any, total: float, share: float) -> float:
    """NumPy's linear percentile of rising values, each as often as its whole weight says."""
    at = share * (total - 1)
    lower = math.floor(at)
    below = 0.0
    group = -1
    while below <= lower:
        group += 1
        below += weights[group]
    low = high = values[group]
    if at > lower:
        while below <= lower + 1:
            group += 1
            below += weights[group]
        high = values[group]
    return float(low + (high - low) * (at - lower))


@compiled_for_sums
def cosines(angles: Any, halvings: int, cosine: Any, sine: Any) -> None:
    """Cosine and sine of many angles, each below ``2 ** (halvings - 1)`` in size.

    The series on the halved angle (below 0.5) errs by less than 1e-17, and each doubling back
    doubles the error; without branches the processor does four at a time.
    """
    scale = 0.5**halvings
    for place in range(angles.size):
        angle = angles[place] * scale
        p = angle * angle
        sine[place] = angle * (
            1 - p / 6 * (1 - p / 20 * (1 - p / 42 * (1 - p / 72 * (1 - p / 110 * (1 - p / 156)))))
        )
        cosine[place] = 1 - p / 2 * (
            1 - p / 12 * (1 - p / 30 * (1 - p / 56 * (1 - p / 90 * (1 - p / 132 * (1 - p / 182)))))
        )
    for _ in range(halvings):
        for place in range(angles.size):
            twice = 2 * sine[place] * cosine[place]
            cosine[place] = 1 - 2 * sine[place] * sine[place]
            sine[place] = twice


@compiled_for_sums
def harmonic_means(weights: Any, cosine: Any, sine: Any, means: Any) -> None:
    """Weighted means of cos and sin of the angle, of twice, three and four times the angle."""
    c1 = s1 = c2 = s2 = c3 = s3 = c4 = s4 = total = 0.0
    for place in range(weights.size):
        w, c, s = weights[place], cosine[place], sine[place]
        double_c, double_s = 1 - 2 * s * s, 2 * s * c
        total += w
        c1 += w * c
        s1 += w * s
        c2 += w * double_c
        s2 += w * double_s
        c3 += w * (double_c * c - double_s * s)
        s3 += w * (double_s * c + double_c * s)
        c4 += w * (1 - 2 * double_s * double_s)
        s4 += w * (2 * double_s * double_c)
    means[0], means[1], means[2], means[3] = c1, c2, s1, s2
    means[4], means[5], means[6], means[7] = c3, s3, c4, s4
    for which in range(8):
        means[which] /= total


@compiled
def characteristic_rows(
    counts: Any,
    item: Any,
    side: Any,
    group_end: Any,
    values: Any,
    means: Any,
    start: int,
    stop: int,
) -> None:
    """Make what Epps and Singleton's statistic needs of each resample, at t = 0.4 and 0.8.

    ``means[row]`` ``(2, 8)``: :func:`harmonic_means` of truth and of predictions at t = 0.4. NaN
    where the pooled quartiles coincide.
    """
    groups = values.size
    centred = values - values[groups // 2]  # the statistic does not change, the angles are small
    reach = max(-centred[0], centred[-1])
    weights = np.empty((2, groups))
    cosine, sine = np.empty(groups), np.empty(groups)
    for row in range(start, stop):
        weights[:] = 0
        place = 0
        for group in range(groups):
            while place < group_end[group]:
                weights[side[place], group] += counts[row, item[place]]
                place += 1
        both = weights[0] + weights[1]
        total = both.sum()
        quartiles = weighted_percentile(both, values, total, 0.75)
        quartiles -= weighted_percentile(both, values, total, 0.25)
        if not quartiles > 0:
            means[row] = np.nan
            continue
        step = 0.4 / (quartiles / 2)
        halvings = max(0, math.ceil(math.log2(step * reach / 0.5)))
        cosines(centred * step, halvings, cosine, sine)
        for which in range(2):
            harmonic_means(weights[which], cosine, sine, means[row, which])


def resampled(resamples: Resamples) -> Array:
    """Epps and Singleton's W2 of each resample, ``(B,)``."""
    pooled = resamples.pair.once(Pooled)
    harmonics = np.empty((len(resamples), 2, 8))
    resamples.run(
        characteristic_rows, pooled.item, pooled.side, pooled.group_end, pooled.values, harmonics
    )
    return from_harmonics(harmonics, resamples.counts.sum(axis=1, dtype=np.int64))


def swapped(pair: Pair) -> SwapStatistic:
    """W2: its harmonics change linearly, since no swap changes the pooled quartile range."""
    values = pair.once(Pooled).values
    centre = values[len(values) // 2]
    quartiles = np.subtract(*np.percentile(np.concatenate([pair.truth, pair.prediction]), [75, 25]))
    columns = []
    for column in (pair.truth, pair.prediction):
        with np.errstate(divide="ignore", invalid="ignore"):
            angle = 0.4 * (column - centre) / (quartiles / 2)
        columns.append(waves(np.where(np.isfinite(angle), angle, np.nan)))
    x, y = columns
    own_x, own_y = x.sum(axis=0), y.sum(axis=0)
    n = len(pair)

    def statistic(_: Swaps, sums: Array) -> Array:
        harmonics = np.stack([(own_x + sums.T) / n, (own_y - sums.T) / n], axis=1)
        return from_harmonics(np.ascontiguousarray(harmonics), np.full(len(harmonics), n))

    return SwapStatistic(evaluate=statistic, columns=y - x)


def _effect(value: Any, n: Any) -> Any:
    return root_mean_square(value / small_sample_correction(n), n)


def from_expected(expected: ExpectedLabels, counts: Array) -> Array:
    """W2 from the expected characteristic function, ``(B,)``; NaN as :func:`epps_singleton`."""
    quartiles = expected.values[np.searchsorted(expected.below, [0.25, 0.75])]
    undefined = np.full(len(counts), np.nan)
    if not quartiles[1] > quartiles[0]:
        return undefined
    points = waves(0.8 * (expected.values - quartiles[0]) / (quartiles[1] - quartiles[0]))[:, :4]
    mean = expected.mean(points)
    covariance = (points - mean).T @ ((points - mean) * expected.shares[:, None])
    if not np.linalg.cond(covariance) < _SINGULAR:
        return undefined
    difference = counts @ points / counts.sum(axis=1, keepdims=True) - mean
    distance: Array = np.einsum("bi,ij,bj->b", difference, np.linalg.inv(covariance), difference)
    return distance


EPPS_SINGLETON = Metric(
    name="epps_singleton",
    needs_scores=True,
    title="Epps-Singleton W2",
    better="lower",
    group="distribution",
    undefined="there are fewer than five pictures, or half of the numbers are equal",
    function=epps_singleton,
    resample=resampled,
    swap=swapped,
    noise_matched=True,
    from_expected=from_expected,
    effect=_effect,
    effect_title="Mahalanobis distance of the characteristic functions",
    explanation="the distance between the two characteristic functions (Fourier transforms of the "
    "distributions) at two frequencies; it sees differences in location, spread and shape.",
    reference="Epps and Singleton (1986), Journal of Statistical Computation and Simulation 26, "
    "177-203",
)
