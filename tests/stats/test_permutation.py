"""Swap-permutation tests equal SciPy's and brute force; noise-matching does what it says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats
from test_metrics import sample

from memnet.stats import noise_matched, permutation
from memnet.stats.metrics import METRICS, noise_matched_metrics
from memnet.stats.resampling import Draws
from single_model import distribution_p_values, noise_matched_of

NOISE_MATCHED = [metric.name for metric in noise_matched_metrics()]
DISTANCES = [name for name in NOISE_MATCHED if name != "sd_ratio"]


def all_swaps(n):
    return np.array(list(product([0, 1], repeat=n)), dtype=np.uint8)


def swapped(truth, prediction, swap):
    return np.where(swap == 1, prediction, truth), np.where(swap == 1, truth, prediction)


def exact_p(truth, prediction, statistic):
    observed = statistic(truth, prediction)
    found = [statistic(*swapped(truth, prediction, swap)) for swap in all_swaps(len(truth))]
    return observed, np.array(found)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", DISTANCES)
def test_each_distance_under_each_swap_equals_scipys_on_the_swapped_columns(
    name, tied, monkeypatch
):
    truth, prediction = sample(8, seed=4)
    if tied:
        truth, prediction = (np.round(values * 30) / 30 for values in (truth, prediction))
        assert len({*truth, *prediction}) < 14
    observed, expected = exact_p(truth, prediction, METRICS[name].function)
    kept = {}

    def keep(observed, permuted, unit):
        kept[len(kept)] = permuted

    monkeypatch.setattr(permutation, "swaps", lambda *_: iter([all_swaps(8)]))
    real = permutation.p_value
    monkeypatch.setattr(permutation, "p_value", keep)
    columns = {"other": (truth**2, prediction), "this": (truth, prediction)}
    tested = permutation.swap_tests(columns, permutations=256, seed=0)["this"]
    found = kept[len(tested) + list(tested).index(name)]
    monkeypatch.setattr(permutation, "p_value", real)
    known = np.isfinite(expected)
    assert known.any()
    assert np.allclose(found[known], expected[known], rtol=1e-9, atol=1e-12)
    p = permutation.p_value(observed, found)
    assert p == pytest.approx((np.sum(expected >= observed - 1e-9) + 1) / (len(expected) + 1))


def test_random_swaps_give_scipys_permutation_p():
    truth, prediction = sample(60, seed=9)
    prediction = truth + 0.02 * np.random.default_rng(0).standard_normal(60) + 0.004
    ours = distribution_p_values(truth, prediction, permutations=4000, seed=0)
    peer = stats.permutation_test(
        (truth, prediction),
        stats.wasserstein_distance,
        permutation_type="samples",
        alternative="greater",
        n_resamples=4000,
        vectorized=False,
        rng=np.random.default_rng(1),
    ).pvalue
    assert 0.02 < peer < 0.98
    assert ours["wasserstein"] == pytest.approx(
        peer, abs=4 * np.sqrt(peer * (1 - peer) / 4000) * 1.5
    )


def test_the_sd_ratio_test_ignores_a_shift_and_sees_a_spread():
    random = np.random.default_rng(2)
    truth = random.normal(0.7, 0.1, 300)
    shifted = random.permutation(truth) + 0.2
    narrow = truth.mean() + 0.5 * (truth - truth.mean()) + 0.01 * random.standard_normal(300)
    p = [
        distribution_p_values(truth, other, permutations=999, seed=1) for other in (shifted, narrow)
    ]
    assert p[0]["sd_ratio"] > 0.2
    assert p[0]["ks"] == 0.001
    assert p[1]["sd_ratio"] == 0.001


def test_p_is_never_zero_and_undefined_stays_undefined():
    truth = np.linspace(0.1, 0.9, 40)
    p = distribution_p_values(truth, truth / 10, permutations=99, seed=0)
    assert p["ks"] == 0.01
    same = distribution_p_values(truth, truth, permutations=99, seed=0)
    assert same["ks"] == 1.0
    flat = distribution_p_values(np.full(9, 0.5), np.full(9, 0.5), permutations=9, seed=0)
    assert flat["epps_singleton"] is None
    assert flat["anderson_darling"] is None


def test_clusters_are_swapped_whole():
    clusters = np.repeat(np.arange(5), 4)
    (chunk,) = permutation.swaps(20, 30, seed=0, clusters=clusters)
    assert chunk.shape == (30, 20)
    assert all((np.ptp(chunk[:, clusters == g], axis=1) == 0).all() for g in range(5))
    assert 0.3 < chunk.mean() < 0.7


def test_swaps_do_not_depend_on_the_chunk(monkeypatch):
    whole = np.concatenate(list(permutation.swaps(11, 40, seed=3)))
    monkeypatch.setattr(permutation, "_SWAPS_AT_ONCE", 50)
    assert np.array_equal(whole, np.concatenate(list(permutation.swaps(11, 40, seed=3))))


@pytest.fixture(scope="module")
def people():
    """True hit rates, answers of 36 to 44 people, labels: LaMem's size of noise."""
    random = np.random.default_rng(7)
    p = random.beta(6, 2, 2000)
    responses = random.integers(36, 45, 2000)
    return p, responses, random.binomial(responses, p) / responses


def test_a_perfect_predictor_fails_the_plain_test_and_passes_the_noise_matched_one(people):
    p, responses, labels = people
    plain = distribution_p_values(labels, p, permutations=499, seed=0)
    found = noise_matched_of(labels, p, responses, Draws(n=2000, resamples=499, seed=0))
    assert METRICS["sd_ratio"].function(labels, p) < 0.96
    assert plain["anderson_darling"] == 0.002
    assert plain["sd_ratio"] == 0.002
    assert found.values["sd_ratio"] == pytest.approx(1, abs=0.03)
    assert all(found.p_values[name] > 0.01 for name in NOISE_MATCHED)
    assert set(found.resampled) == set(found.values) >= set(NOISE_MATCHED)


def test_a_shrunken_predictor_fails_the_noise_matched_test(people):
    p, responses, labels = people
    shrunken = p.mean() + 0.5 * (p - p.mean())
    found = noise_matched_of(labels, shrunken, responses, Draws(n=2000, resamples=499, seed=0))
    assert found.values["sd_ratio"] < 0.85
    assert found.p_values["sd_ratio"] == 0.002


def test_the_noise_matched_value_is_the_mean_over_draws_of_scipys_statistic(people):
    p, responses, labels = (column[:150] for column in people)
    found = noise_matched_of(labels, p, responses, Draws(n=150, resamples=30, seed=5))
    generator = np.random.default_rng([5, 2])
    several = [
        generator.binomial(responses, p) / responses for _ in range(noise_matched.NOISY_DRAWS)
    ]
    for name in NOISE_MATCHED:
        expected = np.mean([METRICS[name].function(labels, one) for one in several])
        assert found.values[name] == pytest.approx(expected, rel=1e-9), name
    # Resample b uses draw b * 100 // 30, on the pictures that the bootstrap draws.
    index = np.random.default_rng(5).integers(150, size=(30, 150))[29]
    for name in NOISE_MATCHED:
        expected = METRICS[name].function(labels[index], several[29 * 100 // 30][index])
        assert found.resampled[name][29] == pytest.approx(expected, rel=1e-9), name


def test_predictions_outside_0_and_1_are_moved_to_the_ends_before_sampling():
    generator = np.random.default_rng(0)
    drawn = noise_matched.noisy(np.array([-0.2, 1.3, 0.5]), np.array([40, 40, 40]), generator)
    assert drawn[0] == 0
    assert drawn[1] == 1
    assert 0.1 < drawn[2] < 0.9


def test_a_swap_without_a_value_counts_as_one_that_reaches_the_observed():
    """Half of 100 swaps are undefined: p is above one half, not 1 / 101."""
    swapped = np.where(np.arange(100) % 2, np.nan, 0.1)
    assert permutation.p_value(0.5, swapped) == pytest.approx(51 / 101)
    assert permutation.p_value(0.1, swapped) == 1
    assert permutation.p_value(np.nan, swapped) is None
