"""Choices as an integer linear programme, solved to the proved optimum by HiGHS.

A picture i is in group g (``x[i, g]`` = 1) or not (0), and in at most one group. All else that is
asked for are rows ``low <= sum_ig values[i] weights[g] x[i, g] + sum_a extra[a] y[a] <= high``,
with free numbers y. What is maximised is the sum of the chosen gains.

With many candidates, first the same without "whole numbers only" is solved (a linear programme,
seconds), whose shadow prices say of each ``x[i, g]`` what choosing it costs at least. Those that
cost more than the distance between the two programmes' results are in no best choice, so the
integer programme needs the others only. That loses nothing: the result is the best of all.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from memnet.stats.selection.highs import OutOfTime, linear, whole
from memnet.util.arrays import AnyArray, Array

EXACT = 200
"""With so many x at most, the best choice of all is found. (More can take hours for nothing.)"""

_NODES, _MORE = 200, 300
"""How long the first search is, and so many x more than the linear programme's come to it."""

_BATCH = 5000
"""So many places x come first, and are added at a time."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is maximised and under which rows.

    Attributes
    ----------
    gain : ``(N, G)``.
    values, weights, extra : ``(R, N)``, ``(R, G)``, ``(R, A)``: the rows.
    low, high : ``(R,)``.
    extra_gain, extra_low, extra_high : ``(A,)``, of the free numbers.
    extra_whole : ``(A,)``, 1 where the number must be whole.
    """

    gain: Array
    values: Array
    weights: Array
    extra: Array
    low: Array
    high: Array
    extra_gain: Array
    extra_low: Array
    extra_high: Array
    extra_whole: AnyArray


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The group of each picture (-1: none), the free numbers, what was reached, and the bound."""

    group: AnyArray
    extra: Array
    objective: float
    bound: float


def maximise(program: Program, *, seed: int, deadline: float, gap: float) -> Solution | None:
    """Return the best choice, or None where there is none.

    Parameters
    ----------
    program : what is maximised.
    seed : orders the pictures for the solver; which of several equally good choices is found
        depends on that order.
    deadline : :func:`time.monotonic` at which the best so far is returned.

    gap : by how much the objective may miss the bound, where there are more than ``EXACT`` x.

    Raises
    ------
    OutOfTime
        Where there is nothing so far.
    """
    n, groups = program.gain.shape
    random = np.random.default_rng(seed)
    order = random.permutation(n * groups)
    if len(order) <= EXACT:
        return _whole(program, order, deadline)
    relaxed = _relaxed(program, order)
    if relaxed is None:
        return None
    ceiling, cost = relaxed
    best, bound, nodes, wanted = None, ceiling, _NODES, gap
    count = int(np.sum(cost < 1e-9)) + _MORE
    while True:
        width = np.inf if count >= len(cost) else float(np.partition(cost, count)[count])
        kept = random.permutation(np.flatnonzero(cost <= width))
        try:
            share = min(wanted / max(abs(ceiling), 1e-9), 1e6)
            found = _whole(program, kept, deadline, share, nodes)
            if found is None and len(kept) == len(order):
                return None
        except OutOfTime:
            found = None
        if found is not None:
            bound = min(bound, max(found.bound, ceiling - width))
            if best is None or found.objective > best.objective:
                best = found
        late = time.monotonic() > deadline
        if best is not None and (late or bound - best.objective <= wanted):
            return replace(best, bound=max(bound, best.objective))
        if late:
            raise OutOfTime
        # Another order, more x and more time, for a little less.
        count, nodes, wanted = 2 * count, 2 * nodes, 1.5 * wanted


def _relaxed(program: Program, order: AnyArray) -> tuple[float, Array] | None:
    """Solve without "whole numbers only": the optimum, and what each x costs at least.

    Of very many x only the most promising are given to the solver, then those that its shadow
    prices call worth it, until there are none.
    """
    n, groups = program.gain.shape
    size = float(np.abs(program.gain).max(initial=0)) or 1.0
    columns = order
    if len(order) > 20 * _BATCH:
        each = max(_BATCH // groups, 50)
        best = np.argsort(-program.gain, axis=0, kind="stable")[:each]
        columns = np.unique(best * groups + np.arange(groups))
    while True:
        some, rows, low, high, ends = _rows(program, columns)
        gain = np.r_[program.gain.ravel()[columns], program.extra_gain]
        result = linear(gain / size, rows, low, high, ends)
        if result is None:
            if len(columns) == len(order):
                return None
            columns = order
            continue
        own = np.zeros(n)
        own[some] = result.price[: len(some)]
        price = result.price[len(some) :, None]
        # What x costs: its price less its gain, never below 0 at the optimum.
        cost = own[:, None] + program.values.T @ (price * program.weights) - program.gain / size
        cost = cost.ravel()
        missing = np.setdiff1d(np.flatnonzero(cost < -1e-9), columns)
        if len(columns) == len(order) or not len(missing):
            return float(-result.fun * size), np.maximum(cost, 0) * size
        worst = missing[np.argsort(cost[missing], kind="stable")][:_BATCH]
        columns = np.r_[columns, worst]


def _rows(program: Program, columns: AnyArray) -> tuple[AnyArray, Any, Array, Array, Any]:
    """Build all rows for some of the x, and all free numbers after them.

    Returns
    -------
    some, rows, low, high, ends
        The pictures of which there is an x: the first rows say that they are in one group at most.
    """
    groups = program.gain.shape[1]
    picture, group = columns // groups, columns % groups
    some, place = np.unique(picture, return_inverse=True)
    count, a = len(columns), len(program.extra_gain)
    once = sparse.csr_array(
        (np.ones(count), (place, np.arange(count))), shape=(len(some), count + a)
    )
    lines = [
        sparse.csr_array((values[picture] * weights[group])[None, :])
        for values, weights in zip(program.values, program.weights, strict=True)
    ]
    asked = sparse.hstack([sparse.vstack(lines), sparse.csr_array(program.extra)])
    return (
        some,
        sparse.vstack([once, asked]).tocsr(),
        np.r_[np.full(len(some), -np.inf), program.low],
        np.r_[np.ones(len(some)), program.high],
        (np.r_[np.zeros(count), program.extra_low], np.r_[np.ones(count), program.extra_high]),
    )


def _whole(
    program: Program, columns: AnyArray, deadline: float, gap: float = 0, nodes: int = 2**31 - 1
) -> Solution | None:
    """Solve the integer programme with some of the x; None where it is infeasible."""
    n, groups = program.gain.shape
    count = len(columns)
    _, rows, low, high, ends = _rows(program, columns)
    gain = np.r_[program.gain.ravel()[columns], program.extra_gain]
    integer = np.r_[np.ones(count, int), program.extra_whole]
    solved = whole(gain, rows, low, high, ends, integer, deadline, gap, nodes)
    if solved is None:
        return None
    x, bound = solved
    taken = columns[x[:count] > 0.5]
    chosen = np.full(n, -1)
    chosen[taken // groups] = taken % groups
    return Solution(group=chosen, extra=x[count:], objective=float(gain @ x), bound=bound)
