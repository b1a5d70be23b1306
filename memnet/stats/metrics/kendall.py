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
def _concordance(weights: Any, order: Any, x: Any, y: Any) -> tuple[float, float, float, float]:
    """Pairs ordered alike minus pairs ordered differently, with a Fenwick tree over y's groups.

    Items stand by rising ``x``; each is there ``weights[order]`` times. Returns also how many pairs
    there are, how many are tied in x, and how many in y.
    """
    # Those that are there, side by side and with no gaps in y, so that the tree fits into a cache.
    group = np.zeros(y.max() + 1, np.int32)
    weight = np.empty(x.size, np.int32)
    of_x, of_y = np.empty(x.size, np.int32), np.empty(x.size, np.int32)
    items = 0
    for place in range(x.size):
        weight[items], of_x[items], of_y[items] = weights[order[place]], x[place], y[place]
        if weight[items] > 0:
            group[y[place]] = 1
            items += 1
    groups = 0
    for place in range(group.size):
        groups += group[place]
        group[place] = groups
    tree, in_group = np.zeros(groups + 1, np.int32), np.zeros(groups + 1, np.int32)
    balance, tied_x, before = 0.0, 0.0, 0.0
    first = 0
    while first < items:
        last = first
        size = 0.0
        while last < items and of_x[last] == of_x[first]:
            below, position = 0, group[of_y[last]] - 1
            while position > 0:
                below += tree[position]
                position -= position & -position
            balance += weight[last] * (2.0 * below + in_group[group[of_y[last]]] - before)
            size += weight[last]
            last += 1
        for place in range(first, last):
            position = group[of_y[place]]
            in_group[position] += weight[place]
            while position <= groups:
                tree[position] += weight[place]
                position += position & -position
        before += size
        tied_x += size * (size - 1) / 2
        first = last
    tied_y = 0.0
    for place in range(in_group.size):
        tied_y += in_group[place] * (in_group[place] - 1.0) / 2
    return balance, before * (before - 1) / 2, tied_x, tied_y


@compiled
def kendall_rows(counts: Any, order: Any, x: Any, y: Any, out: Any, start: int, stop: int) -> None:
    """Kendall's tau-b of each resample, of items that stand by rising x (``order``)."""
    for row in range(start, stop):
        balance, pairs, tied_x, tied_y = _concordance(counts[row], order, x, y)
        scale = math.sqrt(max(pairs - tied_x, 0.0)) * math.sqrt(max(pairs - tied_y, 0.0))
        out[row] = balance / scale if scale > 0 else np.nan


@compiled
def tau_a_rows(counts: Any, order: Any, x: Any, y: Any, out: Any, start: int, stop: int) -> None:
    """Kendall's tau-a of each resample, of items that stand by rising x (``order``)."""
    for row in range(start, stop):
        balance, pairs, _, _ = _concordance(counts[row], order, x, y)
        out[row] = balance / pairs if pairs > 0 else np.nan


def _ordered(pair: Pair) -> tuple[Any, Any, Any]:
    """Order of the column with many values, its groups in it, and those of the one with few.

    Tau is symmetric; the tree is the smaller and faster, the more ties its column has.
    """
    few, many = sorted(
        [pair.truth_groups, pair.prediction_groups], key=lambda group: int(group.max())
    )
    order = np.argsort(many, kind="stable")
    return order.astype(np.int32), many[order].astype(np.int32), few[order].astype(np.int32)


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
