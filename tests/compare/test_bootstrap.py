"""The bootstrap by counts equals computing each metric on each resample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from memnet.compare.stats import bootstrap
from memnet.compare.stats.metrics import METRICS
from test_metrics import LIMIT, PEERS, sample


def resamples(n: int, count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([generator.integers(n, size=n) for _ in range(count)])


@pytest.mark.parametrize(("n", "digits"), [(5, 17), (60, 17), (60, 1), (400, 2)])
def test_each_resample_equals_the_metric_computed_on_it(n, digits):
    truth, prediction = sample(n, seed=n, digits=digits)
    drawn = bootstrap.distributions(truth, prediction, resamples=40, seed=3)
    for row, index in enumerate(resamples(n, 40, seed=3)):
        for name, metric in METRICS.items():
            expected = metric.function(truth[index], prediction[index])
            assert drawn[name][row] == pytest.approx(expected, abs=LIMIT, nan_ok=True), name


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_heavy_ties_and_tiny_samples_agree_too(pairs, seed):
    truth, prediction = (np.array(column, dtype=float) / 4 for column in zip(*pairs, strict=True))
    drawn = bootstrap.distributions(truth, prediction, resamples=5, seed=seed)
    for row, index in enumerate(resamples(len(pairs), 5, seed)):
        for name, metric in METRICS.items():
            expected = metric.function(truth[index], prediction[index])
            assert drawn[name][row] == pytest.approx(expected, abs=1e-10, nan_ok=True), name


def test_the_interval_is_scipys_percentile_interval_on_the_same_resamples():
    truth, prediction = sample(80, seed=1)
    ours = bootstrap.intervals(truth, prediction, resamples=300, seed=11)["spearman"]

    values = [PEERS["spearman"](truth[i], prediction[i]) for i in resamples(80, 300, seed=11)]
    low, high = np.percentile(values, [2.5, 97.5])
    assert (ours.low, ours.high) == (pytest.approx(low, abs=LIMIT), pytest.approx(high, abs=LIMIT))

    peer = stats.bootstrap(
        (truth, prediction),
        lambda t, p: stats.spearmanr(t, p).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert ours.low == pytest.approx(peer.low, abs=0.02)  # other resamples, same interval
    assert ours.high == pytest.approx(peer.high, abs=0.02)


def test_the_pairs_stay_together():
    truth = np.linspace(0, 1, 50)
    drawn = bootstrap.distributions(truth, truth, resamples=20, seed=0)
    assert np.allclose(drawn["spearman"], 1.0)
    assert np.all(drawn["mse"] == 0.0)


def test_the_seed_decides_and_the_chunk_size_does_not(monkeypatch):
    truth, prediction = sample(30)
    first = bootstrap.intervals(truth, prediction, resamples=100, seed=1)
    monkeypatch.setattr(bootstrap, "_NUMBERS_AT_ONCE", 90)
    again = bootstrap.intervals(truth, prediction, resamples=100, seed=1)
    other = bootstrap.intervals(truth, prediction, resamples=100, seed=2)
    for name, interval in first.items():
        assert again[name].low == pytest.approx(interval.low, abs=LIMIT), name
        assert abs(other[name].low - interval.low) > LIMIT, name


def test_an_undefined_metric_has_no_interval_but_a_reason():
    truth = np.array([0.2, 0.4, 0.9])
    found = bootstrap.intervals(truth, np.full(3, 0.5), resamples=50, seed=0)
    assert found["spearman"].low is None
    assert "undefined in 100%" in found["spearman"].reason
    assert found["mse"].low is not None


def test_about_95_percent_of_intervals_cover_the_truth():
    covered = 0
    rho = 0.6
    true_spearman = 6 / np.pi * np.arcsin(rho / 2)
    for seed in range(300):
        random = np.random.default_rng(seed)
        x = random.standard_normal(100)
        y = rho * x + np.sqrt(1 - rho**2) * random.standard_normal(100)
        interval = bootstrap.intervals(x, y, resamples=300, seed=seed)["spearman"]
        covered += interval.low <= true_spearman <= interval.high
    assert 0.90 <= covered / 300 <= 0.98
