"""Pictures that cover the range of the scores evenly."""

from __future__ import annotations

import time

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.selection.groups import GAP
from memnet.stats.selection.highs import OutOfTime
from memnet.stats.selection.matching import SLACK, CannotBe, Chosen, Matching
from memnet.stats.selection.program import Program, maximise
from memnet.util.arrays import AnyArray, Array

_SECONDS = 60.0

_ROUNDS = 20
"""Solutions at most until correlations are as small as asked for."""

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
    """As :func:`choose_spread`; None where there is no such choice."""
    if k < 1 or k > len(score):
        return None
    low, high = score.min(), score.max()
    aims = np.linspace(low, high, k) if k > 1 else np.array([(low + high) / 2])
    gain = -np.abs(score[:, None] - aims)
    deadline, bound = time.monotonic() + _SECONDS, np.inf
    chosen, less = None, 1.0
    for _ in range(_ROUNDS):
        program = _program(gain, score, matching, chosen, less)
        solution = maximise(program, seed=seed, deadline=deadline, gap=GAP * k * float(score.std()))
        if solution is None:
            break
        if chosen is None:
            bound = solution.bound
        chosen = np.flatnonzero(solution.group >= 0)
        products, sizes = _covariances(score, matching, chosen)
        if k < 3 or (np.abs(products) <= matching.tolerances * sizes + SLACK).all():
            objective = min(solution.objective, bound)
            return Chosen(groups=(chosen,), objective=objective, bound=bound)
        less *= 0.985
    if chosen is None:
        return None
    raise OutOfTime


def _covariances(score: Array, matching: Matching, chosen: AnyArray) -> tuple[Array, Array]:
    """Return each covariate's sum of products with the score, and the largest that it could be."""
    x = matching.covariates[chosen] - matching.covariates[chosen].mean(axis=0)
    y = score[chosen] - score[chosen].mean()
    products: Array = x.T @ y
    sizes: Array = np.sqrt((x**2).sum(axis=0) * (y @ y))
    return products, sizes


def _program(
    gain: Array, score: Array, matching: Matching, before: AnyArray | None, less: float
) -> Program:
    """Write down the programme: a group of one picture for each score aimed at.

    A correlation is not linear in the choice, but nearly so near another choice: it is limited with
    the means and standard deviations of those chosen ``before`` (the first time not at all).
    """
    n, k = gain.shape
    products, limits = np.zeros((0, n)), np.zeros(0)
    if before is not None:
        x = matching.covariates - matching.covariates[before].mean(axis=0)
        products = (x * (score - score[before].mean())[:, None]).T
        limits = less * matching.tolerances * _covariances(score, matching, before)[1]
    return Program(
        gain=gain,
        values=np.r_[np.ones((k, n)), products],
        weights=np.r_[np.eye(k), np.ones((len(limits), k))],
        extra=np.zeros((k + len(limits), 0)),
        low=np.r_[np.ones(k), -limits],
        high=np.r_[np.ones(k), limits],
        extra_gain=np.zeros(0),
        extra_low=np.zeros(0),
        extra_high=np.zeros(0),
        extra_whole=np.zeros(0, int),
    )
