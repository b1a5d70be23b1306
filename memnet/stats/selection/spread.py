"""Pictures that cover the range of the scores evenly."""

from __future__ import annotations

import time

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.selection.exchange import excess, exchange
from memnet.stats.selection.groups import GAP
from memnet.stats.selection.highs import OutOfTime
from memnet.stats.selection.matching import SLACK, CannotBe, Chosen, Matching
from memnet.stats.selection.program import Program, maximise
from memnet.util.arrays import AnyArray, Array

_SECONDS = 60.0

_ROUNDS = 20
"""Solutions at most until correlations are as small as asked for."""


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
    CannotBe
        Where there are fewer than k pictures.
    OutOfTime
        Where no choice was found that keeps the correlations down. There may be one.

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
    if k < 1 or k > len(score):
        whole = (
            0 < len(score) < k and (excess(score, matching, np.arange(len(score))) <= SLACK).all()
        )
        raise CannotBe([], len(score) if whole else 0, proved=bool(whole))
    low, high = score.min(), score.max()
    aims = np.linspace(low, high, k) if k > 1 else np.array([(low + high) / 2])
    tried, bound = _tried(score, aims, matching, seed)
    best = tried[0]
    if (excess(score, matching, best) > SLACK).any():
        found = exchange(score, aims, matching, tried[::-1], seed=seed)
        if found is None:
            raise OutOfTime
        best = found
    objective = -float(np.abs(np.sort(score[best]) - aims).sum())
    return Chosen(groups=(best,), objective=objective, bound=max(bound, objective))


def _tried(
    score: Array, aims: Array, matching: Matching, seed: int
) -> tuple[list[AnyArray], float]:
    """Return the choices of one programme after the other, and the bound, that of the first.

    The first is the nearest one whatever the covariates. Where its correlations are small enough,
    there is no other.
    """
    gain = -np.abs(score[:, None] - aims)
    deadline, bound = time.monotonic() + _SECONDS, np.inf
    tried: list[AnyArray] = []
    less, gap = 1.0, GAP * len(aims) * float(score.std())
    for _ in range(_ROUNDS):
        program = _program(gain, score, matching, tried[-1] if tried else None, less)
        try:
            solution = maximise(program, seed=seed, deadline=deadline, gap=gap)
        except OutOfTime:
            if not tried:
                raise
            break
        if solution is None:
            break
        if not tried:
            bound = solution.bound
        tried.append(np.flatnonzero(solution.group >= 0))
        if (excess(score, matching, tried[-1]) <= SLACK).all():
            break
        less *= 0.985
    return tried, bound


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
        y = score - score[before].mean()
        products = (x * y[:, None]).T
        limits = (
            less
            * matching.tolerances
            * np.sqrt((x[before] ** 2).sum(axis=0) * (y[before] @ y[before]))
        )
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
