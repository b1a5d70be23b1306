"""Choices of pictures, against all possible ones of small problems."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from memnet.errors import MemnetError
from memnet.stats.selection import (
    CannotBe,
    Matching,
    OutOfTime,
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
    """Compared with all choices; the proved bound is that without the chosen's own SD.

    Called impossible is only what is impossible without that SD, too.
    """
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
    except CannotBe as told:
        assert best[False] == -np.inf
        for fewer in range(k - 1, told.most if told.proved else k, -1):
            assert not any(_alike(g, matching) for g in _every(n, fewer, count))
        return
    except OutOfTime:
        assert best[False] > -np.inf
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

    def apart(a, b):
        high, low = (a, b) if score[a] > score[b] else (b, a)
        return matching.covariates[high] - matching.covariates[low]

    def best(left, count, leaning=0.0, of=None):
        of = of or count
        if count == 0:
            return 0.0 if np.all(np.abs(leaning) <= 0.1 * of + 1e-8) else -np.inf
        found = -np.inf
        for at, a in enumerate(left):
            for b in left[at + 1 :]:
                if fits(a, b):
                    rest = [i for i in left[at + 1 :] if i != b]
                    more = best(rest, count - 1, leaning + apart(a, b), of)
                    found = max(found, abs(score[a] - score[b]) + more)
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
    assert chosen.bound == pytest.approx(most, abs=1e-6)
    assert np.all(np.abs(sum(map(apart, high, low))) <= 0.1 * k + 1e-8)
    if not matching.covariates.shape[1]:
        assert chosen.objective == pytest.approx(most, abs=1e-9)
    # Below it, there are pairs whose means are alike in SDs of the chosen, too.
    assert chosen.objective <= most + 1e-9


@pytest.mark.parametrize("r", [0.6, 0.8])
def test_pairs_do_not_lean_one_way(r):
    """A covariate that follows the score is higher in most pairs, each within its tolerance."""
    random = np.random.default_rng(3)
    score = random.normal(size=400)
    x = r * score + np.sqrt(1 - r**2) * random.normal(size=400)
    matching = Matching(
        covariates=(x / x.std(ddof=1))[:, None],
        tolerances=np.array([0.5]),
        categories=np.zeros((400, 0), int),
    )
    chosen = choose_pairs(score, 40, matching, seed=0)
    high, low = (matching.covariates[places, 0] for places in chosen.groups)
    assert np.abs(high - low).max() <= 0.5 + 1e-8
    smd = (high.mean() - low.mean()) / np.sqrt((high.var(ddof=1) + low.var(ddof=1)) / 2)
    assert abs(smd) <= 0.1 + 1e-6  # without the limit .25 and .37
    assert chosen.bound - chosen.objective < 0.02 * chosen.bound


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


@pytest.mark.parametrize("seed", range(3))
def test_many_candidates(seed):
    """Too many to look at all choices: what was promised holds, near the proved bound."""
    score, matching = _problem(seed, 300, covariates=2, kinds=4, tolerance=0.1)
    gain = np.c_[score, -score]
    chosen = choose_groups(gain, 20, matching, seed=seed)
    high, low = chosen.groups
    assert len({*high, *low}) == 40
    assert _alike(chosen.groups, matching)
    assert 0 <= chosen.bound - chosen.objective <= 0.02 * chosen.bound
    assert chosen.objective == pytest.approx(score[high].sum() - score[low].sum())
    again = choose_groups(gain, 20, matching, seed=seed)
    assert [g.tolist() for g in again.groups] == [g.tolist() for g in chosen.groups]


def _squares(groups, x):
    return [((x[group] - x.mean()) ** 2).sum() for group in groups]


@pytest.mark.parametrize("levels", [False, True])
def test_spreads_of_groups_are_alike(levels):
    """A covariate that varies the more the higher the score: means alike, variances not."""
    random = np.random.default_rng(5)
    score = random.normal(size=300)
    x = np.exp(0.8 * score) * random.normal(size=300)
    matching = Matching(
        covariates=(x / x.std(ddof=1))[:, None],
        tolerances=np.array([0.1]),
        categories=np.zeros((300, 0), int),
    )
    gain = -np.abs(score[:, None] - [-1, 0, 1]) if levels else np.c_[score, -score]
    chosen = choose_groups(gain, 20, matching, seed=0)
    assert _alike(chosen.groups, matching)
    squares = _squares(chosen.groups, matching.covariates[:, 0])
    assert max(squares) <= 2 * min(squares) * (1 + 1e-6)
    if not levels:
        by_score = [np.argsort(-score)[:20], np.argsort(score)[:20]]
        squares = _squares(by_score, matching.covariates[:, 0])
        assert max(squares) > 10 * min(squares)


@pytest.mark.parametrize("seed", range(20))
def test_no_other_groups_of_alike_spreads_are_better(seed, monkeypatch):
    """Compared with all choices, asked for from three pictures on."""
    monkeypatch.setattr("memnet.stats.selection.groups.SPREADS_FROM", 3)
    score, matching = _problem(seed, 8, covariates=1, kinds=0)
    x, gain, best = matching.covariates[:, 0], np.c_[score, -score], {True: -np.inf, False: -np.inf}
    for groups in _every(8, 3, 2):
        squares = _squares(groups, x)
        if _alike(groups, matching, pooled=False):
            worth = sum(gain[group, g].sum() for g, group in enumerate(groups))
            best[False] = max(best[False], worth)
            if max(squares) <= 2 * min(squares) + 1e-9:
                best[True] = max(best[True], worth)
    try:
        chosen = choose_groups(gain, 3, matching, seed=0)
    except CannotBe:
        assert best[False] == -np.inf
        return
    except OutOfTime:
        assert best[False] > -np.inf
        return
    squares = _squares(chosen.groups, x)
    alike = max(squares) <= 2 * min(squares) * (1 + 1e-6)
    assert chosen.bound == pytest.approx(best[alike], abs=1e-6)


def test_spreads_that_cannot_be_alike_forbid_nothing():
    """Twenty pictures, all of them to be chosen: the ten of a high score vary more."""
    x = np.array([-3.0, 3.0] * 5 + [-1.0, 1.0] * 5)
    score = np.r_[np.full(10, 2.0), np.arange(10) / 10]
    gain = np.c_[np.where(x**2 > 1, score, -50), np.where(x**2 > 1, -50, -score)]
    matching = Matching(
        covariates=(x / x.std(ddof=1))[:, None],
        tolerances=np.array([0.1]),
        categories=np.zeros((20, 0), int),
    )
    split_alike = choose_groups(gain, 10, matching, seed=0)
    assert max(_squares(split_alike.groups, x)) <= 2 * min(_squares(split_alike.groups, x))
    # One group has both pictures that are far out: 50 times the squares, whatever is chosen.
    x[:] = [-50, 50] + [0] * 18
    lonely = replace(matching, covariates=x[:, None], tolerances=np.array([0.1]))
    chosen = choose_groups(np.c_[score, -score], 10, lonely, seed=0)
    assert {0, 1} <= set(chosen.groups[0]) or {0, 1} <= set(chosen.groups[1])


def test_the_order_of_the_rows_does_not_matter():
    score, matching = _problem(1, 12, covariates=1, kinds=2)
    order = np.random.default_rng(0).permutation(12)
    moved = Matching(
        covariates=matching.covariates[order],
        tolerances=matching.tolerances,
        categories=matching.categories[order],
    )
    chosen = choose_groups(np.c_[score, -score], 3, matching, seed=0)
    again = choose_groups(np.c_[score, -score][order], 3, moved, seed=0)
    assert [sorted(order[g]) for g in again.groups] == [g.tolist() for g in chosen.groups]


def test_ties_are_settled_by_the_seed():
    """Ten pictures of one score: any of them may be chosen, and the sum is the same."""
    score = np.array([0.0] * 10 + [1.0] * 10)
    all_chosen = [
        choose_groups(np.c_[score, -score], 2, Matching.nothing(20), seed=seed) for seed in range(9)
    ]
    assert {chosen.objective for chosen in all_chosen} == {2.0}
    assert len({tuple(chosen.groups[0]) for chosen in all_chosen}) > 1


def test_a_constant_covariate_asks_for_nothing():
    score, matching = _problem(3, 12, covariates=1, kinds=0)
    flat = Matching(
        covariates=np.c_[matching.covariates, np.ones(12)],
        tolerances=np.array([0.4, 0.0]),
        categories=matching.categories,
    )
    gain = np.c_[score, -score]
    with_flat = choose_groups(gain, 3, flat, seed=0)
    assert with_flat.objective == choose_groups(gain, 3, matching, seed=0).objective


def test_the_category_that_forbids_it():
    """Three pictures of each of two kinds: two groups of 3 would need halves of a picture."""
    score = np.arange(6.0)
    matching = Matching(
        covariates=np.zeros((6, 1)),
        tolerances=np.array([0.1]),
        categories=np.array([[0, 0, 0, 1, 1, 1]]).T,
    )
    with pytest.raises(CannotBe) as told:
        choose_groups(np.c_[score, -score], 3, matching, seed=0)
    assert (told.value.binding, told.value.most, told.value.more) == ([1], 2, 0)
    with pytest.raises(CannotBe) as told:
        split(score[:, None], 2, 3, matching.categories, seed=0)
    assert (told.value.binding, told.value.most) == ([0], 2)


def test_the_covariate_that_forbids_it():
    """All sizes differ by more than the tolerance; without the size, anything goes."""
    score = np.array([0.3, 0.1, 0.2, 0.4])
    matching = Matching(
        covariates=np.c_[np.zeros(4), 2.0 ** np.arange(4)],
        tolerances=np.array([0.1, 0.1]),
        categories=np.zeros((4, 0), int),
    )
    with pytest.raises(CannotBe) as told:
        choose_groups(np.c_[score, -score], 2, matching, seed=0)
    assert (told.value.binding, told.value.most) == ([1], 0)
    with pytest.raises(CannotBe) as told:
        choose_pairs(score, 1, matching, seed=0)
    assert (told.value.binding, told.value.most) == ([1], 0)


@pytest.mark.parametrize("k", [0, 2, 5])
def test_more_than_there_are(k):
    score = np.array([0.1, 0.2])
    for choose in (choose_pairs, choose_spread):
        if k == 2 and choose is choose_spread:
            continue
        with pytest.raises(CannotBe) as told:
            choose(score, k, Matching.nothing(2), seed=0)
        assert told.value.binding == []
    with pytest.raises(CannotBe) as told:
        choose_groups(np.c_[score, -score], k, Matching.nothing(2), seed=0)
    assert told.value.most == (1 if k else 0)


def test_two_pictures():
    score = np.array([0.1, 0.2])
    nothing = Matching.nothing(2)
    for groups in (
        choose_groups(np.c_[score, -score], 1, nothing, seed=0).groups,
        choose_pairs(score, 1, nothing, seed=0).groups,
    ):
        assert [group.tolist() for group in groups] == [[1], [0]]
    assert choose_spread(score, 2, nothing, seed=0).groups[0].tolist() == [0, 1]
    halves = split(score[:, None], 2, None, nothing.categories, seed=0).groups
    assert sorted(np.concatenate(halves)) == [0, 1]


def test_a_spread_that_a_covariate_does_not_follow():
    score, matching = _problem(0, 80, covariates=2, kinds=0, tolerance=0.1)
    chosen = choose_spread(score, 12, matching, seed=0)
    (places,) = chosen.groups
    assert len(set(places)) == 12
    r = np.corrcoef(np.c_[score, matching.covariates][places].T)[0, 1:]
    assert (np.abs(r) <= 0.1 + 1e-8).all()
    assert chosen.objective <= chosen.bound
    aims = np.linspace(score.min(), score.max(), 12)
    assert -chosen.objective == pytest.approx(np.abs(np.sort(score[places]) - aims).sum(), abs=1e-6)
    alone = choose_spread(score, 12, Matching.nothing(80), seed=0)
    assert alone.objective == alone.bound == pytest.approx(chosen.bound)


def _uncorrelated(score, matching, places):
    r = np.corrcoef(np.c_[score, matching.covariates][list(places)].T)[0, 1:]
    return (np.abs(r) <= matching.tolerances + 1e-8).all()


def test_a_spread_that_is_possible_is_found():
    """Of 60 small problems with covariates that follow the score, none possible is given up."""
    distances = []
    for seed in range(60):
        n, k = 11, 4 + seed % 2
        score, matching = _problem(seed, n, covariates=1 + seed // 2 % 2, kinds=0, tolerance=0.1)
        aims = np.linspace(score.min(), score.max(), k)
        fitting = [c for c in combinations(range(n), k) if _uncorrelated(score, matching, c)]
        try:
            (places,) = choose_spread(score, k, matching, seed=0).groups
        except OutOfTime:
            assert not fitting
            continue
        assert len(set(places)) == k
        assert _uncorrelated(score, matching, places)
        reached, *all_of_them = (
            np.abs(np.sort(score[list(c)]) - aims).sum() for c in [places, *fitting]
        )
        distances.append(reached - min(all_of_them))
    assert len(distances) > 30
    assert np.mean(np.array(distances) < 1e-6) > 0.85


def test_a_spread_of_pictures_whose_covariate_follows_the_score():
    """Six of 30 with r = .8: the programme alone, which limits r only nearly, finds none."""
    random = np.random.default_rng(0)
    score = random.normal(size=30)
    x = 0.8 * score + 0.6 * random.normal(size=30)
    matching = Matching(
        covariates=(x / x.std(ddof=1))[:, None],
        tolerances=np.array([0.1]),
        categories=np.zeros((30, 0), int),
    )
    (places,) = choose_spread(score / score.std(ddof=1), 6, matching, seed=0).groups
    assert _uncorrelated(score, matching, places)


def test_a_spread_has_no_categories():
    score, matching = _problem(0, 9, covariates=0, kinds=2)
    with pytest.raises(MemnetError, match="A spread is one group"):
        choose_spread(score, 3, matching, seed=0)


@pytest.mark.parametrize("sets", [2, 3])
def test_sets_keep_to_their_counts(sets):
    random = np.random.default_rng(0)
    values, kinds = random.normal(size=(50, 3)), random.integers(0, 3, (50, 2))
    groups = split(values, sets, None, kinds, seed=0).groups
    assert sorted(np.concatenate(groups)) == list(range(50))
    assert np.ptp([len(group) for group in groups]) <= 1
    for column in kinds.T:
        counts = np.array([np.bincount(column[group], minlength=3) for group in groups])
        assert (np.ptp(counts, axis=0) <= 1).all()
    means = np.array([values[group].mean(axis=0) for group in groups])
    assert np.ptp(means, axis=0).max() < 0.2  # of chance sets about 0.4
    equal = split(values, sets, 10, kinds, seed=0).groups
    for column in kinds.T:
        counts = np.array([np.bincount(column[group], minlength=3) for group in equal])
        assert (counts == counts[0]).all()
        assert counts.sum() == 10 * sets
