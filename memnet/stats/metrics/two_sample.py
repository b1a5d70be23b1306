"""Truth and predictions as two samples: the distances between their distributions, many times."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from memnet.stats.metrics.base import Pair, Resamples, Swaps, SwapStatistic
from memnet.stats.resampling import Counts, Workers
from memnet.util.arrays import Array
from memnet.util.compiling import compiled


@compiled
def distance_rows(
    counts: Any,
    swaps: Any,
    item: Any,
    side: Any,
    group_end: Any,
    values: Any,
    out: Any,
    start: int,
    stop: int,
) -> None:
    """Distances between the distributions of truth (side 0) and predictions (side 1).

    ``item`` and ``side`` list the pooled numbers in order, ``group_end`` where each distinct value
    ends, ``values`` the distinct values. A row of ``swaps`` exchanges the two numbers of a picture.
    Columns: KS, Cramer-von Mises T, Anderson-Darling A2 (midranks), Wasserstein, energy, and n / 2
    times the mean squared difference of the distribution functions over the pooled numbers, which
    is T where no numbers are equal.
    """
    for row in range(start, stop):
        total = 0.0
        for place in range(item.size):
            total += counts[row, item[place]]
        total /= 2
        both = 2 * total
        left_a, left_b = 0.0, 0.0
        distinct = 0
        largest, cramer, anderson, wasserstein, energy = 0.0, 0.0, 0.0, 0.0, 0.0
        squares = 0.0
        place = 0
        for group in range(group_end.size):
            a, b = 0.0, 0.0
            while place < group_end[group]:
                weight = counts[row, item[place]]
                other = weight * (side[place] ^ swaps[row, item[place]])
                a += weight - other  # sums without branches: a swap cannot be predicted
                b += other
                place += 1
            size = a + b
            distinct += size > 0
            mid_a, mid_b = left_a + a / 2, left_b + b / 2
            cramer += a * mid_b * mid_b + b * mid_a * mid_a
            cramer += (a * (a * a - 1) + b * (b * b - 1)) / 12
            before = left_a + left_b + size / 2
            spread = before * (both - before) - both * size / 4
            if spread > 0:  # not before the first and after the last number drawn
                anderson += size * (mid_a - mid_b) * (mid_a - mid_b) / spread
            left_a += a
            left_b += b
            difference = abs(left_a - left_b) / total
            largest = max(largest, difference)
            squares += size * difference * difference
            if group + 1 < group_end.size:
                step = values[group + 1] - values[group]
                wasserstein += difference * step
                energy += difference * difference * step
        out[row, 0] = largest
        out[row, 1] = cramer / (total * both) - (4 * total * total - 1) / (6 * both)
        # Equal sizes: both samples give the same term.
        out[row, 2] = anderson * (both - 1) / both if distinct > 1 else np.nan
        if total < 2:
            out[row, 1] = np.nan
        out[row, 5] = squares / 4
        out[row, 3] = wasserstein
        out[row, 4] = math.sqrt(2 * energy)


KS, CRAMER_VON_MISES, ANDERSON_DARLING, WASSERSTEIN, ENERGY, SQUARED_DIFFERENCE = range(6)
"""Columns of :func:`distances`."""


class Pooled:
    """The numbers of both columns in one order, from which any resample's distances follow.

    Parameters
    ----------
    pair : truth and predictions.

    Attributes
    ----------
    item, side, group_end, values : as :func:`distance_rows` takes them.
    span : distance from the lowest to the highest value, in score units.
    """

    def __init__(self, pair: Pair) -> None:
        n = len(pair)
        pooled = np.concatenate([pair.truth, pair.prediction])
        order = np.argsort(pooled, kind="stable")
        self.item = (order % n).astype(np.int64)
        self.side = (order >= n).astype(np.uint8)
        self.values = np.unique(pooled)
        self.group_end = np.searchsorted(pooled[order], self.values, side="right").astype(np.int64)
        self.span = float(np.ptp(self.values))


def distances(pair: Pair, counts: Counts, swaps: Any, workers: Workers) -> Array:
    """Compute the six distances that follow from one walk through the pooled values.

    Parameters
    ----------
    pair : truth and predictions.
    counts : int32 ``(B, N)``, how often each picture counts.
    swaps : uint8 ``(B, N)``, 1 where truth and prediction change places.
    workers : the threads that share the rows.

    Returns
    -------
    Array
        ``(B, 6)``, columns :data:`KS` to :data:`SQUARED_DIFFERENCE`; Anderson-Darling is not
        standardised.
    """
    pooled = pair.once(Pooled)
    out = np.empty((len(counts), 6))
    args = (pooled.item, pooled.side, pooled.group_end, pooled.values, out)
    workers.rows(distance_rows, len(counts), counts, swaps, *args)
    return out


def _of_resamples(resamples: Resamples) -> Array:
    nothing = np.broadcast_to(np.zeros(len(resamples.pair), dtype=np.uint8), resamples.counts.shape)
    return distances(resamples.pair, resamples.counts, nothing, resamples.workers)


def _of_swaps(pair: Pair, swaps: Swaps) -> Array:
    once = np.broadcast_to(np.ones(len(pair), dtype=np.int32), swaps.chunk.shape)
    return distances(pair, once, swaps.chunk, swaps.workers)


def resampled_distance(column: int) -> Callable[[Resamples], Array]:
    """Return the way to one of the distances on resamples, ``(B,)``."""

    def resampled(resamples: Resamples) -> Array:
        return resamples.once(_of_resamples)[:, column].copy()

    return resampled


def swapped_distance(
    column: int,
    unit: Callable[[float], float] = lambda span: 1.0,
    scale: Callable[[Array, int], Array] = lambda values, n: values,
) -> Callable[[Pair], SwapStatistic]:
    """Return the swap test of one of the distances.

    Parameters
    ----------
    column : which.
    unit : its size from the span of the scores, where it is in score units.
    scale : makes the statistic of the column and the number of pictures.
    """

    def swapped(pair: Pair) -> SwapStatistic:
        def distance(swaps: Swaps, _: Array) -> Array:
            return scale(swaps.once(_of_swaps, pair)[:, column].copy(), len(pair))

        return SwapStatistic(evaluate=distance, unit=unit(pair.once(Pooled).span))

    return swapped


def root_mean_square(value: Any, n: Any) -> Any:
    """Effect size of a statistic that is n / 2 times a mean square."""
    return np.sqrt(np.maximum(0.0, 2 * value / n))
