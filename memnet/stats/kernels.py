"""The inner loops of resampling, compiled: one pass over the pictures per resample.

A resample is a vector of counts (how often each picture was drawn), so nothing is copied or
sorted again: ranks, moments and distribution functions follow from counts and orders that were
made once. Each kernel fills rows ``start`` to ``stop`` of its output; rows are independent, so
threads may share the work. Tests compare every column with SciPy on the copied resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function, **options: Any) -> _Function:
    """Compile with Numba, without the interpreter's lock, keeping the result on disk if it can."""
    try:
        made: _Function = numba.njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the home folder can be written
        made = numba.njit(nogil=True, **options)(function)
    return made


def compiled_for_sums(function: _Function) -> _Function:
    """Compile, allowing sums in another order: several at a time. NaN and infinity stay exact."""
    return compiled(function, fastmath={"reassoc", "contract"})


@compiled
def count_draws(drawn: Any, counts: Any) -> None:
    """Add to ``counts`` how often each picture was drawn."""
    for picture in drawn:
        counts[picture] += 1


@compiled
def midranks(counts: Any, ranks: Any) -> float:
    """Midrank of each group, centred on the mean rank; returns the ranks' sum of squares."""
    total = 0.0
    for group in range(counts.size):
        total += counts[group]
    below, ties = 0.0, 0.0
    centre = (total + 1) / 2
    for group in range(counts.size):
        count = counts[group]
        ranks[group] = below + (count + 1) / 2 - centre
        below += count
        ties += count * (count * count - 1)
    return (total * (total * total - 1) - ties) / 12


@compiled
def spearman_rows(counts: Any, x: Any, y: Any, out: Any, start: int, stop: int) -> None:
    """Spearman's rho of each resample; ``x`` and ``y`` hold each picture's group (tied rank)."""
    group_x, group_y = np.zeros(x.max() + 1), np.zeros(y.max() + 1)
    rank_x, rank_y = np.empty_like(group_x), np.empty_like(group_y)
    for row in range(start, stop):
        group_x[:] = 0
        group_y[:] = 0
        for item in range(x.size):
            group_x[x[item]] += counts[row, item]
            group_y[y[item]] += counts[row, item]
        scale = math.sqrt(midranks(group_x, rank_x)) * math.sqrt(midranks(group_y, rank_y))
        cross = 0.0
        for item in range(x.size):
            cross += counts[row, item] * rank_x[x[item]] * rank_y[y[item]]
        out[row] = cross / scale if scale > 0 else np.nan


@compiled
def kendall_rows(
    counts: Any, x_order: Any, x: Any, y: Any, out: Any, start: int, stop: int
) -> None:
    """Kendall's tau-b of each resample, with a Fenwick tree over the groups of y.

    ``x_order`` lists the pictures by rising x.
    """
    groups = y.max() + 1
    tree, in_group = np.zeros(groups + 1), np.zeros(groups)
    for row in range(start, stop):
        tree[:] = 0
        in_group[:] = 0
        balance, tied_x, seen = 0.0, 0.0, 0.0
        first = 0
        while first < x_order.size:
            last = first
            size = 0.0
            while last < x_order.size and x[x_order[last]] == x[x_order[first]]:
                item = x_order[last]
                weight = counts[row, item]
                if weight > 0:
                    below, position = 0.0, y[item]
                    while position > 0:
                        below += tree[position]
                        position -= position & -position
                    balance += weight * (2 * below + in_group[y[item]] - seen)
                    size += weight
                last += 1
            for place in range(first, last):
                item = x_order[place]
                weight = counts[row, item]
                if weight > 0:
                    in_group[y[item]] += weight
                    position = y[item] + 1
                    while position <= groups:
                        tree[position] += weight
                        position += position & -position
            seen += size
            tied_x += size * (size - 1) / 2
            first = last
        tied_y = 0.0
        for group in range(groups):
            tied_y += in_group[group] * (in_group[group] - 1) / 2
        pairs = seen * (seen - 1) / 2
        scale = math.sqrt(max(pairs - tied_x, 0.0)) * math.sqrt(max(pairs - tied_y, 0.0))
        out[row] = balance / scale if scale > 0 else np.nan


@compiled
def sum_rows(
    counts: Any,
    columns: Any,
    cell: Any,
    flags: Any,
    x: Any,
    y: Any,
    sums: Any,
    means: Any,
    varied: Any,
    start: int,
    stop: int,
) -> None:
    """Sum the columns ``(N, K)`` over each cell into ``sums[row, cell]`` ``(K,)``.

    ``means[row]``: the mean of each column of ``flags`` ``(N, F)``; ``varied[row]``: whether x,
    and y, have more than one value.
    """
    for row in range(start, stop):
        sums[row] = 0
        means[row] = 0
        varied[row] = False
        first, total = -1, 0.0
        for item in range(x.size):
            weight = counts[row, item]
            if weight > 0:
                if first < 0:
                    first = item
                varied[row, 0] |= x[item] != x[first]
                varied[row, 1] |= y[item] != y[first]
                total += weight
                inside = sums[row, cell[item]]
                for column in range(columns.shape[1]):
                    inside[column] += weight * columns[item, column]
                for flag in range(flags.shape[1]):
                    means[row, flag] += weight * flags[item, flag]
        means[row] /= total


@compiled
def swapped_spearman_rows(
    swaps: Any, target: Any, a: Any, b: Any, groups: int, out: Any, start: int, stop: int
) -> None:
    """|rho of a - rho of b| with the truth, after swapping the two models' numbers.

    ``target``: the truth's midranks, mean 0 and sum of squares 1; ``a`` and ``b``: each picture's
    place among the distinct numbers of both. Each column is ranked anew after the swap.
    """
    of_a, of_b = np.zeros(groups), np.zeros(groups)
    rank_a, rank_b = np.zeros(groups), np.zeros(groups)
    for row in range(start, stop):
        of_a[:] = 0
        of_b[:] = 0
        for item in range(a.size):
            change = swaps[row, item] * (b[item] - a[item])  # without branches
            of_a[a[item] + change] += 1
            of_b[b[item] - change] += 1
        scale_a = math.sqrt(midranks(of_a, rank_a))
        scale_b = math.sqrt(midranks(of_b, rank_b))
        cross_a, cross_b = 0.0, 0.0
        for item in range(a.size):
            change = swaps[row, item] * (b[item] - a[item])
            cross_a += target[item] * rank_a[a[item] + change]
            cross_b += target[item] * rank_b[b[item] - change]
        if scale_a > 0 and scale_b > 0:
            out[row] = abs(cross_a / scale_a - cross_b / scale_b)
        else:
            out[row] = np.nan


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
    Columns: KS, Cramer-von Mises T, Anderson-Darling A2 (midranks), Wasserstein, energy.
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
        out[row, 3] = wasserstein
        out[row, 4] = math.sqrt(2 * energy)


@compiled
def weighted_percentile(weights: Any, values: Any, total: float, share: float) -> float:
    """NumPy's linear percentile of rising values, each as often as its whole weight says."""
    at = share * (total - 1)
    lower = math.floor(at)
    seen = 0.0
    group = -1
    while seen <= lower:
        group += 1
        seen += weights[group]
    low = high = values[group]
    if at > lower:
        while seen <= lower + 1:
            group += 1
            seen += weights[group]
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
