"""Kendall's tau-b, and the tau-a of representational similarity analysis."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import CONSTANT, Metric, Pair, Resamples, correlation
from memnet.stats.resampling import Workers
from memnet.util.arrays import Array
from memnet.util.compiling import compiled


def kendall(truth: Array, prediction: Array) -> float:
    """Kendall's tau-b, ``scipy.stats.kendalltau``; -1 to 1.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.

    Returns
    -------
    float
        NaN where either is constant.

    Examples
    --------
    >>> round(kendall([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.667
    """
    return correlation(truth, prediction, stats.kendalltau)


def tau_a(first: Array, second: Array) -> float:
    """Kendall's tau-a: of all pairs, the share ordered alike minus that ordered differently.

    A pair that is tied in either column counts among all pairs, and for neither share. So a column
    with many ties, as a model that puts pictures into a few categories makes, cannot score higher
    by them than one that orders everything; tau-b would let it (Nili et al. 2014, PLoS
    Computational Biology 10, e1003553, who compare RDMs by it). O(N log N).

    Parameters
    ----------
    first, second : float64 ``(N,)``, finite.

    Returns
    -------
    float
        NaN for fewer than two.

    Examples
    --------
    >>> round(tau_a(np.array([1.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0])), 3)
    0.833
    """
    with Workers() as workers:
        once = np.ones((1, len(first)), dtype=np.int32)
        return float(resampled_tau_a(Resamples(Pair(first, second), once, workers))[0])


@compiled
def _concordance(weights: Any, x_order: Any, x: Any, y: Any, tree: Any, in_group: Any) -> Any:
    """Pairs ordered alike minus pairs ordered differently, with a Fenwick tree over y's groups.

    Each item is there ``weights`` times. ``x_order`` lists the items by rising x. Returns also the
    number of items and the number of pairs tied in x; leaves each group's number in ``in_group``.
    """
    groups = in_group.size
    tree[:] = 0
    in_group[:] = 0
    balance, tied_x, before = 0.0, 0.0, 0.0
    first = 0
    while first < x_order.size:
        last = first
        size = 0.0
        while last < x_order.size and x[x_order[last]] == x[x_order[first]]:
            item = x_order[last]
            weight = weights[item]
            if weight > 0:
                below, position = 0.0, y[item]
                while position > 0:
                    below += tree[position]
                    position -= position & -position
                balance += weight * (2 * below + in_group[y[item]] - before)
                size += weight
            last += 1
        for place in range(first, last):
            item = x_order[place]
            weight = weights[item]
            if weight > 0:
                in_group[y[item]] += weight
                position = y[item] + 1
                while position <= groups:
                    tree[position] += weight
                    position += position & -position
        before += size
        tied_x += size * (size - 1) / 2
        first = last
    return balance, before, tied_x


@compiled
def kendall_rows(
    counts: Any, x_order: Any, x: Any, y: Any, out: Any, start: int, stop: int
) -> None:
    """Kendall's tau-b of each resample; ``x_order`` lists the pictures by rising x."""
    groups = y.max() + 1
    tree, in_group = np.zeros(groups + 1), np.zeros(groups)
    for row in range(start, stop):
        balance, total, tied_x = _concordance(counts[row], x_order, x, y, tree, in_group)
        tied_y = 0.0
        for group in range(groups):
            tied_y += in_group[group] * (in_group[group] - 1) / 2
        pairs = total * (total - 1) / 2
        scale = math.sqrt(max(pairs - tied_x, 0.0)) * math.sqrt(max(pairs - tied_y, 0.0))
        out[row] = balance / scale if scale > 0 else np.nan


@compiled
def tau_a_rows(counts: Any, x_order: Any, x: Any, y: Any, out: Any, start: int, stop: int) -> None:
    """Kendall's tau-a of each resample; ``x_order`` lists the pictures by rising x."""
    groups = y.max() + 1
    tree, in_group = np.zeros(groups + 1), np.zeros(groups)
    for row in range(start, stop):
        balance, total, _ = _concordance(counts[row], x_order, x, y, tree, in_group)
        pairs = total * (total - 1) / 2
        out[row] = balance / pairs if pairs > 0 else np.nan


def _ordered(pair: Pair) -> tuple[Any, Any, Any]:
    """Order of the column with many values, its groups, and those of the one with few.

    Tau is symmetric; the tree is the smaller and faster, the more ties its column has.
    """
    few, many = sorted(
        [pair.truth_groups, pair.prediction_groups], key=lambda group: int(group.max())
    )
    return np.argsort(many, kind="stable"), many, few


def resampled(resamples: Resamples) -> Array:
    """Kendall's tau-b of each resample, ``(B,)``."""
    tau = np.empty(len(resamples))
    resamples.run(kendall_rows, *resamples.pair.once(_ordered), tau)
    return tau


def resampled_tau_a(resamples: Resamples) -> Array:
    """Kendall's tau-a of each resample, ``(B,)``."""
    tau = np.empty(len(resamples))
    resamples.run(tau_a_rows, *resamples.pair.once(_ordered), tau)
    return tau


KENDALL = Metric(
    name="kendall",
    title="Kendall's tau-b",
    better="higher",
    undefined=CONSTANT,
    function=kendall,
    resample=resampled,
    explanation="of all pairs of pictures, the share that predictions and human scores order alike "
    "minus the share that they order differently, with a correction for ties.",
    reference="Kendall (1945), Biometrika 33, 239-251",
)
