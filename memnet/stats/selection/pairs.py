"""Pairs of pictures alike in everything but the score."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from memnet.stats.selection.groups import GAP
from memnet.stats.selection.highs import OutOfTime, linear, whole
from memnet.stats.selection.matching import SLACK, CannotBe, Chosen, Matching, tightened
from memnet.stats.selection.program import EXACT
from memnet.util.arrays import AnyArray, Array

LEAN = 0.1
"""How far apart the means of the higher and of the lower pictures may be, in SDs of the candidates,
in a covariate. Else all pairs could differ the same way, each within its tolerance."""

_ROUNDS = 10
"""Solutions at most until the means keep to that in SDs of the chosen, too."""

_SECONDS = 60.0
_PAIRS = 200
"""So many possible pairs for each pair wanted come first, those of the greatest differences."""

_MOST_PAIRS = 3_200_000
"""More possible pairs than these are never looked at together."""


def choose_pairs(score: Array, k: int, matching: Matching, *, seed: int) -> Chosen:
    """Choose k pairs of pictures that are alike, with the greatest differences of scores.

    The pictures of a pair differ by at most the tolerance in each covariate, and are of one
    category in each exact column; no picture is in two pairs. In each covariate the means of the
    higher and of the lower pictures differ by at most :data:`LEAN` standard deviations of the
    candidates (and of the chosen, where that can be found). What is made large is the sum of the
    differences (an optimal matching, Rosenbaum 1989, of pictures alike, for the largest
    difference).

    Parameters
    ----------
    score : ``(N,)``.
    k : number of pairs.
    matching : what the pictures of a pair must be alike in.
    seed : settles which of several equally good choices is made.

    Returns
    -------
    Chosen
        Two groups, the higher and the lower picture of each pair, the greatest difference first.

    Raises
    ------
    CannotBe, OutOfTime
        As :func:`choose_groups`. ``most`` is proved where there are at most 3.2 million possible
        pairs.

    Notes
    -----
    All possible pairs of 10,000 pictures do not fit into memory. Those of the greatest differences
    are used, and the price of one pair more says whether any other could be in a better choice;
    only then more are used. The choice is the best of all whatever was left out, if ``bound`` is
    ``objective``.

    Examples
    --------
    >>> score, size = np.array([0.1, 0.2, 0.8, 0.9]), np.array([[0.0], [5.0], [0.1], [5.0]])
    >>> none = np.zeros((4, 0), int)
    >>> alike = Matching(covariates=size, tolerances=np.array([0.5]), categories=none)
    >>> [group.tolist() for group in choose_pairs(score, 2, alike, seed=0).groups]
    [[2, 3], [0, 1]]
    """
    chosen = _choose(score, k, matching, seed)
    if chosen is None:
        binding, all_tried = [], True
        for place in range(len(matching)):
            try:
                if _choose(score, k, matching.without(place), seed) is not None:
                    binding.append(place)
            except OutOfTime:
                all_tried = False
        most, proved = _most(score, matching, k - 1)
        raise CannotBe(binding, most, proved=proved, all_tried=all_tried)
    return chosen


def _choose(score: Array, k: int, matching: Matching, seed: int) -> Chosen | None:
    n = len(score)
    if k < 1 or 2 * k > n:
        return None
    deadline = time.monotonic() + _SECONDS
    order = np.random.default_rng(seed).permutation(n)
    means = replace(matching, tolerances=np.full(len(matching.tolerances), LEAN))
    lean, chosen = means.tolerances, None
    for _ in range(_ROUNDS):
        try:
            found = _largest_sum(score, k, matching, lean, order, deadline)
        except OutOfTime:
            if chosen is None:
                raise
            break
        if found is None:
            break
        chosen = found if chosen is None else replace(found, bound=chosen.bound)
        following = tightened(chosen.groups, means, lean)
        if following is None or time.monotonic() > deadline:
            break
        lean = following
    return chosen


def _largest_sum(
    score: Array, k: int, matching: Matching, lean: Array, order: AnyArray, deadline: float
) -> Chosen | None:
    """Return the best pairs whose means are at most ``lean`` apart; None where there are none."""
    limit = _PAIRS * k
    # Means alike make the last bit of the proof slow, where there are many pairs.
    good_enough = GAP * k * float(score.std()) if len(lean) else 0.0
    while True:
        high, low, least = possible_pairs(score, matching, order, limit)
        gap = good_enough if len(high) > EXACT else 0.0
        solved = _best(score, high, low, k, matching, lean, least, deadline, gap)
        proved = solved is not None and solved[2] <= solved[1] + gap + SLACK
        if least == -np.inf or proved or limit >= _MOST_PAIRS or time.monotonic() > deadline:
            break
        limit *= 4
    if solved is None:
        if least > -np.inf:
            raise OutOfTime
        return None
    taken, objective, bound = solved
    taken = taken[np.argsort(score[low[taken]] - score[high[taken]], kind="stable")]
    return Chosen(groups=(high[taken], low[taken]), objective=objective, bound=bound)


def possible_pairs(
    score: Array, matching: Matching, order: AnyArray, limit: int
) -> tuple[AnyArray, AnyArray, float]:
    """Find the pairs that are alike: those of the greatest differences, at most ``limit``.

    Returns
    -------
    high, low, least
        The pictures of each pair, and the difference that no pair left out exceeds; minus infinity
        where none is left out.
    """
    ranked = order[np.argsort(score[order], kind="stable")]
    s, x, kinds = score[ranked], matching.covariates[ranked], matching.categories[ranked]
    highs, lows, held, least = [], [], 0, -np.inf
    for i in range(len(s) - 1):
        # From the lowest score on, partners from the highest on: soon most are not worth a look.
        first = max(i + 1, int(np.searchsorted(s, s[i] + least, side="right")))
        if first >= len(s):
            continue
        alike = np.ones(len(s) - first, bool)
        for c, tolerance in enumerate(matching.tolerances):
            alike &= np.abs(x[first:, c] - x[i, c]) <= tolerance + SLACK
        for e in range(kinds.shape[1]):
            alike &= kinds[first:, e] == kinds[i, e]
        found = first + np.flatnonzero(alike)
        highs.append(found)
        lows.append(np.full(len(found), i))
        held += len(found)
        if held > 2 * limit:
            highs, lows, held, least = _largest(s, highs, lows, limit)
    if held > limit:
        highs, lows, held, least = _largest(s, highs, lows, limit)
    none = np.zeros(0, int)
    high, low = np.concatenate([none, *highs]), np.concatenate([none, *lows])
    return ranked[high], ranked[low], least


def _largest(
    s: Array, highs: list[AnyArray], lows: list[AnyArray], limit: int
) -> tuple[list[AnyArray], list[AnyArray], int, float]:
    high, low = np.concatenate(highs), np.concatenate(lows)
    kept = np.argsort(s[low] - s[high], kind="stable")[:limit]
    return [high[kept]], [low[kept]], limit, float(s[high[kept[-1]]] - s[low[kept[-1]]])


def _best(
    score: Array,
    high: AnyArray,
    low: AnyArray,
    k: int,
    matching: Matching,
    lean: Array,
    least: float,
    deadline: float,
    gap: float,
) -> tuple[AnyArray, float, float] | None:
    """Return the best k disjoint pairs, their worth, and a bound; None where there are not k."""
    worth, n = score[high] - score[low], len(score)
    if len(worth) < k:
        return None
    apart = (matching.covariates[high] - matching.covariates[low]).T
    count, size = len(worth), float(np.abs(worth).max(initial=0)) or 1.0
    in_pairs = _in_pairs(high, low, n)
    in_pairs = in_pairs[np.flatnonzero(np.diff(in_pairs.indptr))]
    # Picture by picture at most one pair, k in all, and no covariate that leans one way.
    rows = sparse.vstack([in_pairs, sparse.csr_array(np.r_[np.ones((1, count)), apart])]).tocsr()
    pictures = in_pairs.shape[0]
    least_in = np.r_[np.full(pictures, -np.inf), k, -k * lean - SLACK]
    most_in = np.r_[np.ones(pictures), k, k * lean + SLACK]
    relaxed = linear(worth / size, rows, least_in, most_in, (0.0, np.inf))
    if relaxed is None:
        return None
    ceiling = -relaxed.fun * size
    # A pair left out may lean the other way, by its tolerance at most, and be worth so much more.
    leaning = np.abs(relaxed.price[pictures + 1 :]) @ (matching.tolerances + SLACK)
    price = float(relaxed.price[pictures] - leaning) * size
    cost = np.maximum(rows.T @ relaxed.price - worth / size, 0) * size
    width = max(float(np.sort(cost)[min(2 * k + 400, count) - 1]), 1e-9)
    while True:
        kept = np.flatnonzero(cost <= width)
        solved = whole(
            worth[kept],
            rows[:, kept],
            least_in,
            most_in,
            (0, 1),
            np.ones(len(kept), int),
            deadline,
            min(gap / max(abs(ceiling), 1e-9), 1e6),
        )
        if solved is None:
            if len(kept) == count:
                return None
            width = max(8 * width, float(np.sort(cost)[min(4 * len(kept), count - 1)]))
            continue
        taken = kept[np.flatnonzero(solved[0] > 0.5)]
        objective = float(worth[taken].sum())
        if ceiling - objective <= width or time.monotonic() > deadline or len(kept) == count:
            break
        width = (ceiling - objective) * (1 + 1e-6)
    bound = solved[1]
    if len(kept) < count:
        bound = max(bound, ceiling - width)
    if least > -np.inf:
        bound = max(bound, ceiling + least - price if least <= price else np.inf)
    return taken, objective, bound


def _in_pairs(high: AnyArray, low: AnyArray, n: int) -> Any:
    """Return ``(n, pairs)``: 1 where a picture is in a pair."""
    pairs = np.arange(len(high))
    places = np.r_[high, low], np.r_[pairs, pairs]
    return sparse.csr_array((np.ones(2 * len(high)), places), shape=(n, len(high)))


def _most(score: Array, matching: Matching, below: int) -> tuple[int, bool]:
    """Return the largest possible number of pairs up to ``below``, and whether it is proved."""
    n = len(score)
    high, low, least = possible_pairs(score, matching, np.arange(n), _MOST_PAIRS)
    count, all_of_them = len(high), least == -np.inf
    if not count or below < 1:
        return 0, True
    in_pairs = _in_pairs(high, low, n)
    apart = (matching.covariates[high] - matching.covariates[low]).T
    # The sum of what is apart is at most LEAN times the number of pairs, one way and the other.
    lines = np.r_[np.ones((1, count)), apart - LEAN, -apart - LEAN]
    try:
        solved = whole(
            np.ones(count),
            sparse.vstack([in_pairs, sparse.csr_array(lines)]),
            np.full(n + len(lines), -np.inf),
            np.r_[np.ones(n), below, np.full(len(lines) - 1, SLACK)],
            (0, 1),
            np.ones(count, int),
            time.monotonic() + _SECONDS,
        )
    except OutOfTime:
        return 0, False
    if solved is None:
        return 0, all_of_them
    most = round(float(solved[0].sum()))
    return most, all_of_them and solved[1] < most + 1 - SLACK
