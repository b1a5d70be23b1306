"""Metrics against SciPy at 1e-12, and their behaviour where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from memnet.compare.stats.metrics import METRICS

LIMIT = 1e-12

PEERS = {
    "spearman": lambda t, p: stats.spearmanr(t, p).statistic,
    "pearson": lambda t, p: stats.pearsonr(t, p).statistic,
    "mse": lambda t, p: sum((a - b) ** 2 for a, b in zip(t, p, strict=True)) / len(t),
    "mae": lambda t, p: sum(abs(a - b) for a, b in zip(t, p, strict=True)) / len(t),
    "bias": lambda t, p: p.mean() - t.mean(),
    "sd_ratio": lambda t, p: np.sqrt(p.var(ddof=1) / t.var(ddof=1)),
    "ks": lambda t, p: stats.ks_2samp(t, p).statistic,
    "wasserstein": lambda t, p: np.mean(np.abs(np.sort(t) - np.sort(p))),
}


def sample(n: int, seed: int = 0, digits: int = 17) -> tuple[np.ndarray, np.ndarray]:
    """Asymmetric data: another mean, spread and order, so that swapped arguments differ."""
    random = np.random.default_rng(seed)
    truth = random.beta(6, 2, n)
    prediction = 0.3 + 0.4 * truth + 0.1 * random.random(n)
    return truth.round(digits), prediction.round(digits)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(("n", "digits"), [(2, 17), (37, 17), (500, 2), (500, 1), (58_741, 3)])
def test_each_metric_equals_its_peer(name, n, digits):
    truth, prediction = sample(n, seed=n, digits=digits)
    assert METRICS[name].function(truth, prediction) == pytest.approx(
        PEERS[name](truth, prediction), abs=LIMIT
    )


def test_every_metric_has_a_peer():
    assert PEERS.keys() == METRICS.keys()


@pytest.mark.parametrize("name", ["bias", "sd_ratio"])
def test_swapped_arguments_are_caught_where_the_order_matters(name):
    truth, prediction = sample(50)
    function = METRICS[name].function
    assert abs(function(truth, prediction) - function(prediction, truth)) > 0.05


def test_bias_is_negative_where_predictions_are_too_low():
    assert METRICS["bias"].function(np.array([0.8, 0.9]), np.array([0.5, 0.6])) == pytest.approx(
        -0.3
    )


def test_sd_ratio_below_one_means_predictions_vary_less():
    truth = np.array([0.2, 0.5, 0.8])
    assert METRICS["sd_ratio"].function(truth, truth / 2) == pytest.approx(0.5, abs=LIMIT)


@pytest.mark.parametrize("name", ["spearman", "pearson"])
def test_constant_predictions_give_nan(name):
    assert np.isnan(METRICS[name].function(np.array([0.1, 0.2, 0.3]), np.full(3, 0.5)))
    assert np.isnan(METRICS[name].function(np.full(3, 0.5), np.array([0.1, 0.2, 0.3])))


@pytest.mark.parametrize("name", ["spearman", "pearson", "sd_ratio"])
def test_one_picture_gives_nan(name):
    assert np.isnan(METRICS[name].function(np.array([0.5]), np.array([0.6])))


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("truth", "prediction"),
    [
        ([0.1, np.nan], [0.1, 0.2]),
        ([0.1, 0.2], [0.1, np.inf]),
        ([0.1, 0.2], [0.1]),
        ([], []),
        ([[0.1, 0.2]], [[0.1, 0.2]]),
    ],
)
def test_missing_numbers_and_wrong_shapes_are_refused(name, truth, prediction):
    with pytest.raises(ValueError, match="truth and prediction"):
        METRICS[name].function(np.array(truth), np.array(prediction))


@given(st.lists(st.integers(0, 20), min_size=3, max_size=40), st.floats(0.1, 5))
@settings(max_examples=50, deadline=None)
def test_spearman_is_unchanged_by_any_rising_scale(values, power):
    truth = np.array(values, dtype=float)
    prediction = np.roll(truth, 1)
    if len(set(values)) == 1:
        return
    scaled = ((prediction + 1) ** power) * 2 + 0.65
    function = METRICS["spearman"].function
    assert function(truth, scaled) == pytest.approx(function(truth, prediction), abs=LIMIT)
