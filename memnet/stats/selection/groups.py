"""Groups of k pictures that are worth most and alike in their means and categories."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import permutations

import numpy as np

from memnet.stats.selection.highs import OutOfTime
from memnet.stats.selection.matching import CannotBe, Chosen, Matching, tightened
from memnet.stats.selection.program import Program, Solution, maximise
from memnet.util.arrays import AnyArray, Array

ROUNDS = 40
"""Solutions at most until the groups keep what is promised of their standardised differences."""

GAP = 0.004
"""Where there are many candidates, a choice is good enough whose pictures are on average this close
to the bound, in standard deviations of what a picture is worth."""

SPREADS = 2.0
"""So many times larger the sum of squares about the candidates' mean may be in one group than in
another (Rubin 2001, of variances)."""

SPREADS_FROM = 10
"""Pictures per group from which this is asked for: the variance of fewer is mostly chance."""

_REASON_SECONDS = 8.0
"""For each question why a choice cannot be made."""


def choose_groups(
    gain: Array, k: int, matching: Matching, *, seed: int, seconds: float = 60.0
) -> Chosen:
    """Choose k pictures for each group, so that they are worth most and the groups alike.

    Every two groups' means differ by at most the tolerance, in standard deviations of the
    candidates and in pooled ones of the two groups; each category of each exact column is equally
    frequent in all groups; no picture is in two groups. From :data:`SPREADS_FROM` pictures per
    group on, each covariate's sum of squares about the candidates' mean is at most
    :data:`SPREADS` times that of another group, where such a choice can be found.

    Parameters
    ----------
    gain : float64 ``(N, G)``, what a picture is worth in each group: of high and low scores ``[z,
        -z]``, of levels minus the distance of the score from the level.
    k : pictures per group.
    matching : what the groups must be alike in.
    seed : settles which of several equally good choices is made.
    seconds : after which the best so far is returned, with its bound. Only then can the choice
        differ from run to run.

    Returns
    -------
    Chosen
        ``bound`` is for means within the tolerance in standard deviations of the candidates (and
        spreads alike, where they are). Where
        the chosen vary less than the candidates, the groups had to be still more alike, and
        ``objective`` can be below it.

    Raises
    ------
    CannotBe
        Where there is no choice with means within the tolerance in standard deviations of the
        candidates.
    OutOfTime
        Where there is, or may be, but none was found whose pooled standard deviations allow it.

    Examples
    --------
    >>> z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    >>> chosen = choose_groups(np.c_[z, -z], 2, Matching.nothing(5), seed=0)
    >>> [group.tolist() for group in chosen.groups], chosen.objective
    ([[3, 4], [0, 1]], 6.0)
    """
    deadline, chosen = time.monotonic() + seconds, None
    if k >= SPREADS_FROM and matching.covariates.shape[1]:
        # Alike spreads are wished for: they never make a choice impossible.
        with suppress(OutOfTime):
            chosen = _choose(gain, k, matching, seed, seconds / 2, spreads=SPREADS)
    if chosen is None:
        chosen = _choose(gain, k, matching, seed, deadline - time.monotonic())
    if chosen is None:
        raise _cannot(gain.shape, k, matching, seed)
    return chosen


def _choose(
    gain: Array,
    k: int,
    matching: Matching,
    seed: int,
    seconds: float,
    best: bool = True,
    spreads: float = np.inf,
) -> Chosen | None:
    """As :func:`choose_groups`, or any choice; None where it is proved that there is none."""
    n, count = gain.shape
    if k * count > n or k < 1:
        return None
    deadline = time.monotonic() + seconds
    tolerances, bound = matching.tolerances, np.inf
    gap = GAP * k * float(gain.std(axis=0).sum()) if best else np.inf
    for _ in range(ROUNDS):
        program = group_program(gain, matching, tolerances, (k, k), spreads=spreads)
        solution = maximise(program, seed=seed, deadline=deadline, gap=gap)
        if solution is None:
            if tolerances is matching.tolerances:
                return None
            break  # only the lowered tolerances, which are one way of many, allow none
        bound = solution.bound if np.isinf(bound) else bound
        groups = members(solution.group, count)
        following = tightened(groups, matching, tolerances)
        if following is None:
            worth = float(sum(gain[group, g].sum() for g, group in enumerate(groups)))
            return Chosen(groups=groups, objective=worth, bound=max(bound, worth))
        tolerances = following
    raise OutOfTime


def members(group: AnyArray, count: int) -> tuple[AnyArray, ...]:
    """Return the places of each group's pictures."""
    return tuple(np.flatnonzero(group == g) for g in range(count))


def group_program(
    gain: Array,
    matching: Matching,
    tolerances: Array,
    k: tuple[int, int],
    toward: int = 0,
    spreads: float = np.inf,
) -> Program:
    """Write down the programme; ``k`` from and to, ``toward`` 1 for the largest k, -1 the smallest.

    ``spreads``: how many times larger a sum of squares may be in one group than in another.

    The free numbers are k, then for each covariate the smallest of the groups' sums, then for each
    category its count in a group.
    """
    n, count = gain.shape
    covariates = matching.covariates.shape[1]
    kinds = [
        (column == kind).astype(float)
        for column in matching.categories.T
        for kind in np.unique(column)
    ]
    numbers = 1 + covariates + len(kinds)
    values, weights, extra, low, high = [], [], [], [], []

    def row(
        of: Array, group: Array, numbers_of: dict[int, float], least: float, most: float
    ) -> None:
        values.append(of)
        weights.append(group)
        line = np.zeros(numbers)
        for place, factor in numbers_of.items():
            line[place] = factor
        extra.append(line)
        low.append(least)
        high.append(most)

    centred = matching.covariates - matching.covariates.mean(axis=0)
    for g, other in permutations(np.eye(count), 2) if np.isfinite(spreads) else ():
        for x in centred.T:
            row(x**2, g - spreads * other, {}, -np.inf, 0)
    for g in np.eye(count):
        row(np.ones(n), g, {0: -1.0}, 0, 0)
        for c in range(covariates):
            # Sums about the candidates' mean stay small, and so exact, for the solver.
            x = centred[:, c]
            row(x, g, {1 + c: -1.0}, 0, np.inf)
            row(x, g, {1 + c: -1.0, 0: -float(tolerances[c])}, -np.inf, 0)
        for place, kind in enumerate(kinds):
            row(kind, g, {1 + covariates + place: -1.0}, 0, 0)
    return Program(
        gain=gain,
        values=np.array(values),
        weights=np.array(weights),
        extra=np.array(extra),
        low=np.array(low, float),
        high=np.array(high, float),
        extra_gain=np.r_[float(toward), np.zeros(numbers - 1)],
        extra_low=np.r_[float(k[0]), np.full(numbers - 1, -np.inf)],
        extra_high=np.r_[float(k[1]), np.full(numbers - 1, np.inf)],
        extra_whole=np.r_[1, np.zeros(numbers - 1, int)],
    )


def _cannot(shape: tuple[int, ...], k: int, matching: Matching, seed: int) -> CannotBe:
    """Find out why there is no choice of k."""
    n, count = shape
    # Any choice will do; chance says which, so that the solver does not weigh all of them.
    any_gain = np.random.default_rng(seed).random((n, count))

    def possible(fewer: int, asked: Matching) -> bool | None:
        """None: not known."""
        try:
            chosen = _choose(any_gain, fewer, asked, seed, _REASON_SECONDS, best=False)
        except OutOfTime:
            return None
        return chosen is not None

    alone = [possible(k, matching.without(place)) for place in range(len(matching))]
    binding = [place for place, does in enumerate(alone) if does]
    # Categories alone allow so many; where covariates do as well, there is nothing to search for.
    most, proved = min(k - 1, n // count), True
    for column in matching.categories.T:
        most = min(most, int((np.unique(column, return_counts=True)[1] // count).sum()))
    if most > 0 and not possible(most, matching):
        found, proved = _nearest(any_gain / (2 * n), matching, (1, most), 1, seed)
        if not found and not proved:  # too many to be searched in time: one that is surely possible
            tried = (most * share // 10 for share in (9, 5, 2, 1))
            found = next((fewer for fewer in tried if possible(fewer, matching)), 0)
        most = found
    more, _ = _nearest(any_gain / (2 * n), matching, (max(k + 1, 1), n // count), -1, seed)
    return CannotBe(binding, max(most, 0), more, proved=proved, all_tried=None not in alone)


def _nearest(
    small: Array, matching: Matching, k: tuple[int, int], toward: int, seed: int
) -> tuple[int, bool]:
    """Return the largest (``toward`` 1) or smallest possible k in a range; 0: none found.

    And whether it is proved that there is no larger (smaller) one.
    """
    if k[0] > k[1]:
        return 0, True
    deadline = time.monotonic() + _REASON_SECONDS
    tolerances, limit = matching.tolerances, np.inf
    for _ in range(ROUNDS):
        try:
            solution: Solution | None = maximise(
                group_program(small, matching, tolerances, k, toward),
                seed=seed,
                deadline=deadline,
                gap=0.5,
            )
        except OutOfTime:
            return 0, False
        if solution is None:
            return 0, tolerances is matching.tolerances
        # The gains add up to less than 0.5, so the bound tells which k could still be.
        limit = solution.bound if np.isinf(limit) else limit
        groups = members(solution.group, small.shape[1])
        following = tightened(groups, matching, tolerances)
        if following is None:
            return len(groups[0]), limit < toward * len(groups[0]) + 1
        tolerances = following
    return 0, False
