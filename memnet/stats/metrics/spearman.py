"""Spearman's rank correlation, the one of the whole package."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special, stats

from memnet.stats.metrics.base import (
    CONSTANT,
    Metric,
    Resamples,
    Swaps,
    SwapStatistic,
    correlation,
    standardised,
)
from memnet.stats.resampling import groups_of
from memnet.util.arrays import Array
from memnet.util.compiling import compiled


def spearman(truth: Array, prediction: Array) -> float:
    """Spearman's rank correlation (midranks for ties), ``scipy.stats.spearmanr``; -1 to 1.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.

    Returns
    -------
    float
        NaN where either is constant.

    Examples
    --------
    >>> round(spearman([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.8
    """
    return correlation(truth, prediction, stats.spearmanr)


def spearman_matrix(columns: Array) -> Array:
    """Spearman's rho between every two of several columns.

    Parameters
    ----------
    columns : ``(K, N)``, none of them constant.

    Returns
    -------
    Array
        ``(K, K)``, symmetric, 1 on the diagonal.

    Examples
    --------
    >>> spearman_matrix([[0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]]).round(3).tolist()
    [[1.0, 0.8], [0.8, 1.0]]
    """
    ranks = np.array([stats.rankdata(column) for column in columns])
    rho = np.atleast_2d(np.corrcoef(ranks))
    np.fill_diagonal(rho, 1.0)
    symmetric: Array = np.clip((rho + rho.T) / 2, -1, 1)
    return symmetric


def standard_ranks(values: Array) -> Array:
    """Midranks of ``(..., N)`` with mean 0 and length 1: their products are Spearman's rhos.

    Zeros for constant values.

    Examples
    --------
    >>> a, b = standard_ranks(np.array([[0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]]))
    >>> round(float(a @ b), 3)
    0.8
    """
    ranks = stats.rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    standard: Array = ranks / np.where(length > 0, length, 1.0)
    return standard


def normal_scores(values: Array) -> Array:
    """Return normal quantiles of the midranks, ``ndtri((rank - 0.5) / n)`` (Hazen's).

    Examples
    --------
    >>> normal_scores(np.array([0.1, 0.9, 0.5])).round(3).tolist()
    [-0.967, 0.967, 0.0]
    """
    scores: Array = special.ndtri((stats.rankdata(values) - 0.5) / len(values))
    return scores


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


def resampled(resamples: Resamples) -> Array:
    """Spearman's rho of each resample, ``(B,)``."""
    rho = np.empty(len(resamples))
    pair = resamples.pair
    resamples.run(spearman_rows, pair.truth_groups, pair.prediction_groups, rho)
    return rho


def swapped_models(truth: Array, a: Array, b: Array) -> SwapStatistic:
    """|difference of the two rhos|: the models' ranks change places, and each is ranked anew."""
    target = standardised(stats.rankdata(truth)) / np.sqrt(len(truth))
    distinct, place = groups_of(np.concatenate([stats.rankdata(a), stats.rankdata(b)]))
    first, second = place[: len(a)], place[len(a) :]

    def difference(swaps: Swaps, _: Array) -> Array:
        rho = np.empty(len(swaps))
        args = (swaps.chunk, target, first, second, len(distinct), rho)
        swaps.workers.rows(swapped_spearman_rows, len(swaps), *args)
        return rho

    return SwapStatistic(evaluate=difference)


SPEARMAN = Metric(
    name="spearman",
    title="Spearman's rho",
    better="higher",
    undefined=CONSTANT,
    function=spearman,
    resample=resampled,
    between_models=True,
    swap_models=swapped_models,
    correlate=normal_scores,
    explanation="do predictions and human scores put the pictures in the same order? 1: exactly "
    "so, 0: the two orders have nothing to do with each other. No rising scale changes it.",
    reference="Spearman (1904), American Journal of Psychology 15, 72-101",
)
