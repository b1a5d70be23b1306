"""Choices of pictures, against all possible ones of small problems."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from memnet.stats.selection import (
    CannotBe,
    Matching,
    choose_groups,
    choose_pairs,
    choose_spread,
    split,
)


def _problem(seed, n=9, covariates=1, kinds=2, tolerance=0.4):
    random = np.random.default_rng(seed)
    score = random.normal(size=n)
    x = random.normal(size=(n, covariates)) + 0.5 * score[:, None]
    return score, Matching(
        covariates=x / x.std(axis=0) if covariates else x,
        tolerances=np.full(covariates, tolerance),
        categories=random.integers(0, kinds, (n, 1)) if kinds else np.zeros((n, 0), int),
    )


def _alike(groups, matching, pooled=True):
    """Whether groups keep to tolerances (with the chosen's SD, too) and counts."""
    for a, b in combinations(groups, 2):
        for c, tolerance in enumerate(matching.tolerances):
            x, y = matching.covariates[a, c], matching.covariates[b, c]
            sd = np.sqrt((np.var(x, ddof=1) + np.var(y, ddof=1)) / 2) if len(x) > 1 else 1
            if abs(np.mean(x) - np.mean(y)) > tolerance * (min(1, sd) if pooled else 1) + 1e-8:
                return False
        for column in matching.categories.T:
            if sorted(column[a]) != sorted(column[b]):
                return False
    return True


def _every(n, k, groups):
    """Every way to choose groups of k out of n."""

    def rest(left, chosen):
        if len(chosen) == groups:
            yield chosen
            return
        for group in combinations(left, k):
            yield from rest([i for i in left if i not in group], [*chosen, list(group)])

    yield from rest(list(range(n)), [])


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize(("k", "count", "n"), [(2, 2, 9), (3, 2, 8), (2, 3, 7), (1, 2, 8)])
def test_no_other_groups_are_better(seed, k, count, n):
    """Compared with all choices; the proved bound is that without the chosen's own SD."""
    score, matching = _problem(seed, n, covariates=seed % 3, kinds=seed % 2 * 2)
    gain = np.c_[score, -score] if count == 2 else -np.abs(score[:, None] - [-1, 0, 1])
    best = {True: -np.inf, False: -np.inf}
    for groups in _every(n, k, count):
        worth = sum(gain[group, g].sum() for g, group in enumerate(groups))
        for pooled in best:
            if worth > best[pooled] and _alike(groups, matching, pooled):
                best[pooled] = worth
    try:
        chosen = choose_groups(gain, k, matching, seed=0)
    except CannotBe:
        assert best[True] == -np.inf
        return
    assert _alike(chosen.groups, matching)
    assert chosen.bound == pytest.approx(best[False], abs=1e-6)
    assert chosen.objective <= best[True] + 1e-6


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_no_other_pairs_are_better(seed, k):
    score, matching = _problem(seed, 9, covariates=seed % 3, kinds=seed % 2 * 2, tolerance=0.8)

    def fits(a, b):
        near = np.abs(matching.covariates[a] - matching.covariates[b]) <= matching.tolerances
        return near.all() and (matching.categories[a] == matching.categories[b]).all()

    def best(left, count):
        if count == 0:
            return 0.0
        found = -np.inf
        for at, a in enumerate(left):
            for b in left[at + 1 :]:
                if fits(a, b):
                    rest = [i for i in left[at + 1 :] if i != b]
                    found = max(found, abs(score[a] - score[b]) + best(rest, count - 1))
        return found

    most = best(list(range(9)), k)
    if most == -np.inf:
        with pytest.raises(CannotBe) as told:
            choose_pairs(score, k, matching, seed=0)
        possible = [c for c in range(1, k) if best(list(range(9)), c) > -np.inf]
        assert told.value.most == max(possible, default=0)
        return
    chosen = choose_pairs(score, k, matching, seed=0)
    high, low = chosen.groups
    assert len({*high, *low}) == 2 * k
    assert all(fits(a, b) and score[a] >= score[b] for a, b in zip(high, low, strict=True))
    assert chosen.objective == pytest.approx(most, abs=1e-9) == chosen.bound


@pytest.mark.parametrize("seed", range(10))
def test_no_other_spread_is_nearer(seed):
    score, matching = _problem(seed, 10, covariates=0, kinds=0)
    aims = np.linspace(score.min(), score.max(), 5)
    best = min(np.abs(np.sort(score[list(c)]) - aims).sum() for c in combinations(range(10), 5))
    chosen = choose_spread(score, 5, matching, seed=0)
    assert -chosen.objective == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_no_other_halves_are_more_alike(seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(10, 2))
    z = (values - values.mean(0)) / values.std(0)
    squares = z**2
    z = np.c_[z, (squares - squares.mean(0)) / squares.std(0)]
    best = min(
        (z[list(a)].mean(0) ** 2).sum() + (np.delete(z, list(a), axis=0).mean(0) ** 2).sum()
        for a in combinations(range(10), 5)
    )
    chosen = split(values, 2, None, np.zeros((10, 0), int), seed=0)
    assert sorted(np.concatenate(chosen.groups)) == list(range(10))
    assert -chosen.objective == pytest.approx(best, abs=1e-9)
