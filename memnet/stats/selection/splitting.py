"""Sets of pictures as alike as can be, for counterbalancing."""

from __future__ import annotations

import time

import numpy as np
from scipy import sparse

from memnet.stats.selection.groups import members
from memnet.stats.selection.highs import whole
from memnet.stats.selection.matching import CannotBe, Chosen
from memnet.util.arrays import AnyArray, Array

_STARTS = 20
"""Local searches at most, from different beginnings."""

_SWAPS = 100_000_000
"""Exchanges looked at, times variables, over all local searches: about ten seconds."""


def split(
    score_and_covariates: Array, sets: int, k: int | None, categories: AnyArray, *, seed: int
) -> Chosen:
    """Split pictures into sets as alike as can be (anticlustering, Papenberg & Klau 2021).

    What is made small is the sum, over sets and variables, of the squared distance of the set's
    mean from the mean of all candidates, in standard deviations, of each variable and of its
    squared deviations (so that the sets' spreads are alike as well, "k-plus", Papenberg 2024).

    Parameters
    ----------
    score_and_covariates : ``(N, V)``.
    sets : 2 or more.
    k : pictures per set. None: every picture is in a set, and sets (and the counts of a category in
        them) differ by at most one picture.
    categories : whole numbers ``(N, E)``. Each category is equally frequent in all sets.
    seed : of the beginnings of the search, which exchanges pictures until no exchange is better.

    Returns
    -------
    Chosen
        ``objective`` is minus the sum that is made small, ``bound`` 0: sets that are alike
        altogether. A choice by exchanges is not proved to be the best.

    Raises
    ------
    CannotBe
        Where there are too few pictures, or too few of the categories.

    Examples
    --------
    >>> values = np.arange(8.0)[:, None]
    >>> chosen = split(values, 2, None, np.zeros((8, 0), int), seed=0)
    >>> sorted(group.tolist() for group in chosen.groups)
    [[0, 3, 5, 6], [1, 2, 4, 7]]
    """
    n = len(score_and_covariates)
    values = _standardised(score_and_covariates)
    random = np.random.default_rng(seed)
    _, cell = _cells(categories)
    budget = _SWAPS
    best, best_sum = None, np.inf
    for _ in range(_STARTS):
        group = _beginning(n, sets, k, categories, random)
        if group is None:
            raise _cannot(n, sets, k, categories, random)
        budget -= _exchange(values, group, sets, cell, random, budget)
        found = _criterion(values, group, sets)
        if found < best_sum - 1e-12:
            best, best_sum = group, found
        if budget <= 0:
            break
    assert best is not None
    return Chosen(groups=members(best, sets), objective=-best_sum, bound=0.0)


def _standardised(values: Array) -> Array:
    """Return the variables and their squared deviations, of mean 0 and SD 1; constants as 0."""

    def standard(x: Array) -> Array:
        size = x.std(axis=0)
        scaled: Array = (x - x.mean(axis=0)) / np.where(size > 1e-12, size, np.inf)
        return scaled

    plain = standard(np.asarray(values, float))
    return np.hstack([plain, standard(plain**2)])


def _criterion(values: Array, group: AnyArray, sets: int) -> float:
    return float(sum((values[group == g].mean(axis=0) ** 2).sum() for g in range(sets)))


def _beginning(
    n: int, sets: int, k: int | None, categories: AnyArray, random: np.random.Generator
) -> AnyArray | None:
    """Draw sets that keep to the counts; None where there are none."""
    if n < sets or (k is not None and (k < 1 or k * sets > n)):
        return None
    cells, cell = _cells(categories)
    counts = _counts(cells, np.bincount(cell, minlength=len(cells)), sets, k, random)
    if counts is None:
        return None
    group = np.full(n, -1)
    for c, row in enumerate(counts):
        places = random.permutation(np.flatnonzero(cell == c))
        group[places[: row.sum()]] = np.repeat(np.arange(sets), row)
    return group


def _cells(categories: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Return the combinations of categories that occur, and which one each picture is."""
    if not categories.shape[1]:
        return np.zeros((1, 0), int), np.zeros(len(categories), int)
    cells, cell = np.unique(categories, axis=0, return_inverse=True)
    return cells, cell.ravel()


def _counts(
    cells: AnyArray, there: AnyArray, sets: int, k: int | None, random: np.random.Generator
) -> AnyArray | None:
    """Draw how many pictures of each cell are in each set, ``(cells, sets)``; None: impossible.

    With k, every category is equally frequent in all sets, and as frequent as among the candidates
    (as nearly as whole pictures allow); without, all pictures are used and sets and categories in
    them differ by one picture (where three or more columns forbid it, by more).
    """
    kinds = [np.ones(len(cells))]
    kinds += [(column == kind).astype(float) for column in cells.T for kind in np.unique(column)]
    here = sparse.kron(sparse.eye_array(len(cells)), np.ones((1, sets)))
    of_kinds = sparse.kron(np.array(kinds), sparse.eye_array(sets))
    same = sparse.kron(sparse.eye_array(len(kinds)), np.ones((sets, 1)))
    count = len(cells) * sets
    fair = np.repeat(there / there.sum() * (k or 0), sets)  # pictures of each cell in each set
    for uneven in range(1 if k is None else 0, int(there.max()) + 2):
        least = [0.0 if k is None else k, *np.zeros(len(kinds) - 1)]
        most = [np.inf if k is None else k, *np.full(len(kinds) - 1, np.inf)]
        solved = whole(
            np.r_[random.random(count), np.zeros(len(kinds))],
            sparse.vstack(
                [
                    sparse.hstack([here, sparse.csr_array((len(cells), len(kinds)))]),
                    sparse.hstack([of_kinds, -same]),
                ]
            ),
            np.r_[there if k is None else 0 * there, np.zeros(len(kinds) * sets)],
            np.r_[there, np.full(len(kinds) * sets, 0 if k is not None else uneven)],
            (
                np.r_[np.zeros(count) if k is None else (np.floor(fair) - uneven).clip(0), least],
                np.r_[np.full(count, np.inf) if k is None else np.ceil(fair) + uneven, most],
            ),
            np.ones(count + len(kinds), int),
            time.monotonic() + 20,
        )
        if solved is not None:
            return solved[0][:count].astype(int).reshape(len(cells), sets)
    return None


def _exchange(
    values: Array,
    group: AnyArray,
    sets: int,
    cell: AnyArray,
    random: np.random.Generator,
    budget: int,
) -> int:
    """Exchange pictures of one cell between sets (and the rest) until none is better; in place.

    Returns how many exchanges were looked at, times variables.
    """
    size = np.bincount(group[group >= 0], minlength=sets).astype(float)
    sums = np.array([values[group == g].sum(axis=0) for g in range(sets)])
    mates = [np.flatnonzero(cell == c) for c in range(cell.max() + 1)]
    spent, quiet, n = 0, 0, len(values)
    while quiet < n and spent < budget:
        for i in random.permutation(n):
            if group[i] < 0:
                quiet += 1
                continue
            a = group[i]
            others = mates[cell[i]]
            others = others[group[others] != a]
            if not len(others):
                quiet += 1
                continue
            moved = values[others] - values[i]
            spent += moved.size
            b = group[others]
            change = ((2 * sums[a] + moved) * moved).sum(axis=1) / size[a] ** 2
            inside = b >= 0
            of, by = b[inside], moved[inside]
            change[inside] += ((by - 2 * sums[of]) * by).sum(axis=1) / size[of] ** 2
            j = int(np.argmin(change))
            if change[j] < -1e-12:
                other = others[j]
                sums[a] += moved[j]
                if b[j] >= 0:
                    sums[b[j]] -= moved[j]
                group[i], group[other] = b[j], a
                quiet = 0
            else:
                quiet += 1
            if quiet >= n or spent >= budget:
                break
    return spent


def _cannot(
    n: int, sets: int, k: int | None, categories: AnyArray, random: np.random.Generator
) -> CannotBe:
    """Find out which exact column is to blame, and the largest k."""
    binding = [
        e
        for e in range(categories.shape[1])
        if _beginning(n, sets, k, np.delete(categories, e, axis=1), random) is not None
    ]
    most = 0
    if k is not None:
        fewer = range(min(k - 1, n // sets), 0, -1)
        most = next((f for f in fewer if _beginning(n, sets, f, categories, random) is not None), 0)
    return CannotBe(binding, most)
