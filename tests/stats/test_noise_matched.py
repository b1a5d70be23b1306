"""The noise-matched test: exact, and the same from every seed but for the number of its draws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats

from memnet.stats.metrics import METRICS, noise_matched_metrics
from memnet.stats.metrics.epps_singleton import waves
from memnet.stats.metrics.expected import ExpectedLabels
from memnet.stats.noise_matched import label_p_values
from memnet.stats.resampling import Draws

TESTED = [metric.name for metric in noise_matched_metrics()]


@pytest.fixture(scope="module")
def few():
    """Rates, responses of unequal size, and the distribution of labels by brute force."""
    random = np.random.default_rng(3)
    rates, responses = random.uniform(0.2, 0.95, 7), np.array([2, 3, 3, 4, 6, 6, 6])
    shares = {}
    for rate, size in zip(rates, responses, strict=True):
        for hits in range(size + 1):
            label = hits / size
            shares[label] = shares.get(label, 0) + stats.binom.pmf(hits, size, rate) / 7
    return rates, responses, np.array(sorted(shares)), np.array([shares[v] for v in sorted(shares)])


def test_the_expected_labels_are_the_sum_of_the_binomials(few):
    rates, responses, values, shares = few
    expected = ExpectedLabels.of(rates, responses)
    assert np.array_equal(expected.values, values)
    assert np.allclose(expected.shares, shares, rtol=1e-13)
    assert expected.below[-1] == 1
    assert expected.count(np.array([[1, 3, 0, 2, 3, 6, 3]])).tolist() == [
        [sum(v == label for label in (0.5, 1, 0, 0.5, 0.5, 1, 0.5)) for v in values]
    ]


def test_each_distance_is_that_of_two_weighted_samples(few):
    rates, responses, values, shares = few
    labels = np.array([1, 3, 0, 2, 3, 6, 3]) / responses
    counts = np.array([[np.sum(labels == value) for value in values]])
    expected = ExpectedLabels.of(rates, responses)
    found = {name: float(METRICS[name].from_expected(expected, counts)[0]) for name in TESTED}
    gaps = [np.mean(labels <= value) - shares[values <= value].sum() for value in values]
    below = [shares[values <= value].sum() for value in values]
    mean = np.average(values, weights=shares)
    sd = np.sqrt(np.average((values - mean) ** 2, weights=shares))
    wanted = {
        "ks": max(map(abs, gaps)),
        "cramer_von_mises": sum(s * g**2 for s, g in zip(shares, gaps, strict=True)),
        "anderson_darling": sum(
            s * g**2 / (f * (1 - f))
            for s, g, f in zip(shares[:-1], gaps[:-1], below[:-1], strict=True)
        ),
        "wasserstein": stats.wasserstein_distance(labels, values, None, shares),
        "energy": stats.energy_distance(labels, values, None, shares),
        "sd_ratio": abs(np.log(labels.std() / sd)),
    }
    low, high = (values[np.searchsorted(below, at)] for at in (0.25, 0.75))
    points = waves(0.4 * (values - low) / ((high - low) / 2))[:, :4]
    own = waves(0.4 * (labels - low) / ((high - low) / 2))[:, :4]
    covariance = np.cov(points.T, aweights=shares, ddof=0)
    off = own.mean(axis=0) - np.average(points, axis=0, weights=shares)
    wanted["epps_singleton"] = off @ np.linalg.solve(covariance, off)
    assert set(wanted) == set(TESTED)
    for name, value in wanted.items():
        assert found[name] == pytest.approx(value, rel=1e-9), name


def test_p_is_the_share_of_all_possible_labels_that_lie_as_far_off(few):
    """All 3 * 4 * 4 * 5 labels of four pictures, each with its probability."""
    rates, responses = (column[:4] for column in few[:2])
    observed = np.array([0, 0, 3, 1])
    expected = ExpectedLabels.of(rates, responses)
    everything = np.array(list(product(*(range(size + 1) for size in responses))))
    chances = stats.binom.pmf(everything, responses, rates).prod(axis=1)
    assert chances.sum() == pytest.approx(1)
    draws = Draws(n=4, resamples=10_000, seed=0)
    found = label_p_values(observed / responses, rates, responses, draws)
    for name in ("ks", "cramer_von_mises", "anderson_darling", "wasserstein", "energy"):
        measure = METRICS[name].from_expected
        here = measure(expected, expected.count(observed[None]))[0]
        far = measure(expected, expected.count(everything)) >= here - 1e-12
        p = chances[far].sum()
        assert 0.01 < p < 0.99, name
        assert found[name] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 2000)), name


def test_p_does_not_depend_on_the_seed():
    """Of the first of 100 noisy draws it ran from .03 to .74 over ten seeds for one data set."""
    random = np.random.default_rng(7)
    rates, responses = random.beta(6, 2, 300), random.integers(36, 45, 300)
    labels = random.binomial(responses, rates) / responses
    near = np.clip(rates + random.normal(0.004, 0.02, 300), 0, 1)
    found = [
        label_p_values(labels, near, responses, Draws(n=300, resamples=10_000, seed=seed))
        for seed in range(10)
    ]
    between = [name for name in TESTED if 0.02 < found[0][name] < 0.98]
    assert len(between) >= 4
    for name in between:
        p = np.array([each[name] for each in found])
        assert np.ptp(p) < 6 * np.sqrt(p.mean() * (1 - p.mean()) / 2000), name


def test_half_of_all_labels_lie_at_one_value_and_the_quartiles_coincide():
    rates, responses = np.full(40, 0.999), np.full(40, 3)
    found = label_p_values(np.ones(40), rates, responses, Draws(n=40, resamples=50, seed=0))
    assert found["epps_singleton"] is None
    assert found["ks"] > 0.5
