"""Pictures that cover the range of the scores evenly."""

from __future__ import annotations

import time

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.selection.groups import ROUNDS
from memnet.stats.selection.highs import OutOfTime
from memnet.stats.selection.matching import SLACK, CannotBe, Chosen, Matching
from memnet.stats.selection.program import Program, maximise
from memnet.util.arrays import AnyArray, Array

_SECONDS = 60.0
_FEWER = 20
"""So many smaller k are tried where k cannot be done."""


def choose_spread(score: Array, k: int, matching: Matching, *, seed: int) -> Chosen:
    """Choose k pictures, nearest to k evenly spaced scores, that covariates do not follow.

    The scores aimed at run in k equal steps from the candidates' lowest to their highest score;
    what is made small is the sum of the distances to them.

    Parameters
    ----------
    score : ``(N,)``.
    k : pictures in all.
    matching : ``tolerances`` are the largest size of Pearson's correlation of each covariate with
        the score among the chosen. One group has nothing to match exactly: no ``categories``.
    seed : settles which of several equally good choices is made.

    Returns
    -------
    Chosen
        One group. ``objective`` is minus the sum of the distances; ``bound`` is that of the nearest
        pictures whatever their covariates, so that a choice that had to keep a correlation down can
        be the best one and still be below it.

    Raises
    ------
    CannotBe, OutOfTime
        As :func:`choose_groups`.

    Examples
    --------
    >>> score = np.array([0.0, 0.1, 0.45, 0.5, 0.9, 1.0])
    >>> choose_spread(score, 3, Matching.nothing(6), seed=0).groups[0].tolist()
    [0, 3, 5]
    """
    if matching.categories.shape[1]:
        raise MemnetError(
            "A spread is one group, so there is nothing to match exactly: "
            "choose within each category instead."
        )
    chosen = _choose(score, k, matching, seed)
    if chosen is None:
        binding = [
            place
            for place in range(len(matching))
            if _possible(score, k, matching.without(place), seed)
        ]
        below = range(min(k - 1, len(score)), max(min(k, len(score) + 1) - 1 - _FEWER, 0), -1)
        most = next((fewer for fewer in below if _possible(score, fewer, matching, seed)), 0)
        raise CannotBe(binding, most)
    return chosen


def _possible(score: Array, k: int, matching: Matching, seed: int) -> bool:
    try:
        return _choose(score, k, matching, seed) is not None
    except OutOfTime:
        return False


def _choose(score: Array, k: int, matching: Matching, seed: int) -> Chosen | None:
    n = len(score)
    if k < 1 or k > n:
        return None
    aims = np.linspace(score.min(), score.max(), k) if k > 1 else np.array([np.ptp(score) / 2])
    if k == 1:
        aims += score.min()
    gain = -np.abs(score[:, None] - aims)
    limits = np.full(len(matching.tolerances), np.inf)
    deadline, bound = time.monotonic() + _SECONDS, np.inf
    for _ in range(ROUNDS):
        solution = maximise(
            _program(gain, score, aims, matching, limits), seed=seed, deadline=deadline
        )
        if solution is None:
            return None
        bound = min(bound, solution.bound) if np.isinf(bound) else bound
        chosen = np.flatnonzero(solution.group >= 0)
        following = _tightened(score, chosen, aims, matching, limits)
        if following is None:
            return Chosen(groups=(chosen,), objective=solution.objective, bound=bound)
        limits = following
    return None


def _tightened(
    score: Array, chosen: AnyArray, aims: Array, matching: Matching, limits: Array
) -> Array | None:
    """Return limits of the covariances to solve again with; None: the correlations are kept."""
    following, kept = limits.copy(), True
    y = score[chosen] - score[chosen].mean()
    for c, tolerance in enumerate(matching.tolerances):
        x = matching.covariates[chosen, c] - matching.covariates[chosen, c].mean()
        size = np.sqrt((x @ x) * (y @ y))
        if abs(x @ y) > tolerance * size + SLACK:
            kept = False
            following[c] = min(0.99 * limits[c], 0.999 * tolerance * size)
    return None if kept else following


def _program(gain: Array, score: Array, aims: Array, matching: Matching, limits: Array) -> Program:
    """Write down the programme: a group of one picture for each score aimed at."""
    n, k = gain.shape
    limited = np.flatnonzero(np.isfinite(limits))
    x = matching.covariates[:, limited]
    products = ((x - x.mean(axis=0)) * (score - aims.mean())[:, None]).T
    return Program(
        gain=gain,
        values=np.r_[np.ones((k, n)), products],
        weights=np.r_[np.eye(k), np.ones((len(limited), k))],
        extra=np.zeros((k + len(limited), 0)),
        low=np.r_[np.ones(k), -limits[limited]],
        high=np.r_[np.ones(k), limits[limited]],
        extra_gain=np.zeros(0),
        extra_low=np.zeros(0),
        extra_high=np.zeros(0),
        extra_whole=np.zeros(0, int),
    )
