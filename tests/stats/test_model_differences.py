"""Differences between models: planted ones are found, absent ones are not, figures are SciPy's."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from test_permutation import all_swaps

from memnet.stats import bootstrap, model_differences, permutation
from memnet.stats.metrics import METRICS
from memnet.stats.resampling import Draws


def compared(truth, predictions, *, resamples=500, margin=0.02, **how):
    draws = Draws(n=len(truth), resamples=resamples, seed=2, **how)
    drawn = bootstrap.distributions(truth, predictions, draws)
    values = {
        model: {name: metric.function(truth, p) for name, metric in METRICS.items()}
        for model, p in predictions.items()
    }
    rows = model_differences.differences(
        truth, predictions, drawn, values, draws, level=0.95, margin=margin
    )
    return {(row["model_a"], row["model_b"], row["metric"]): row for row in rows}


@pytest.fixture(scope="module")
def planted():
    random = np.random.default_rng(0)
    truth = random.beta(6, 2, 800).round(2)
    predictions = {
        f"noise {size}": truth + size * random.standard_normal(800)
        for size in (0.05, 0.1, 0.2, 0.3, 0.5)
    }
    return truth, predictions, compared(truth, predictions)


def test_five_models_are_ranked_as_planted_with_every_difference_found(planted):
    _, predictions, found = planted
    for a, b in combinations(predictions, 2):
        row = found[a, b, "spearman"]
        assert row["value"] > 0
        assert row["interval"][0] > 0
        assert row["p_holm"] < 0.05
        assert row["tests"]["williams"]["p"] < 0.05
        assert row["tests"]["zou"]["low"] > 0
        assert row["equivalent"] is False
        assert found[a, b, "mse"]["value"] < 0
        assert found[a, b, "mse"]["p_holm"] < 0.05


def test_the_difference_is_a_minus_b_and_swapping_them_turns_the_sign(planted):
    truth, predictions, found = planted
    (a, x), (b, y) = list(predictions.items())[:2]
    row = found[a, b, "spearman"]
    rho = [stats.spearmanr(truth, values).statistic for values in (x, y)]
    assert row["value"] == pytest.approx(rho[0] - rho[1], abs=1e-12)
    turned = compared(truth, {b: y, a: x})[b, a, "spearman"]
    assert turned["value"] == pytest.approx(-row["value"], abs=1e-12)
    assert turned["interval"] == pytest.approx([-end for end in row["interval"][::-1]], abs=1e-12)
    assert turned["tests"]["steiger"]["z"] == pytest.approx(-row["tests"]["steiger"]["z"])


def test_corrections_are_over_the_pairs_of_one_metric(planted):
    _, predictions, found = planted
    pairs = list(combinations(predictions, 2))
    raw = np.array([found[a, b, "spearman"]["p_value"] for a, b in pairs])
    assert [found[a, b, "spearman"]["p_bh"] for a, b in pairs] == pytest.approx(
        stats.false_discovery_control(raw)
    )
    assert max(found[a, b, "spearman"]["p_holm"] for a, b in pairs) >= 10 * raw.min()


def _correlation_difference(of):
    """For Spearman the ranks change places and each column is ranked again (of spearmanr)."""
    correlate = stats.spearmanr if of is stats.rankdata else stats.pearsonr

    def statistic(truth, left, right):
        t, x, y = of(truth), _z(of(left)), _z(of(right))
        if of is stats.rankdata:
            x, y = of(left), of(right)
        return lambda swap: abs(
            correlate(t, np.where(swap, y, x)).statistic
            - correlate(t, np.where(swap, x, y)).statistic
        )

    return statistic


def _error_difference(of):
    def statistic(truth, left, right):
        d = of(left - truth) - of(right - truth)
        return lambda swap: abs(np.mean(np.where(swap, -d, d)))

    return statistic


def _z(values):
    return (values - values.mean()) / values.std()


BRUTE = {
    "spearman": _correlation_difference(stats.rankdata),
    "pearson": _correlation_difference(np.asarray),
    "mse": _error_difference(np.square),
    "mae": _error_difference(np.abs),
}


@pytest.mark.parametrize("metric", BRUTE)
def test_each_swap_gives_what_recomputing_on_the_swapped_columns_gives(metric, monkeypatch):
    random = np.random.default_rng(4)
    truth = random.random(9)
    predictions = {"a": (truth + 0.3 * random.random(9)).round(1), "b": 3 * random.random(9)}
    monkeypatch.setattr(permutation, "swaps", lambda *_: iter([all_swaps(9)]))
    test = METRICS[metric].between(truth, *predictions.values())
    ((observed, found),) = permutation.permuted([test], 9, permutations=512, seed=0)
    statistic = BRUTE[metric](truth, *predictions.values())
    assert observed == pytest.approx(statistic(np.zeros(9, dtype=bool)), abs=1e-12)
    expected = [statistic(swap == 1) for swap in all_swaps(9)]
    assert np.allclose(found, expected, atol=1e-12)


def test_another_scale_is_no_difference_in_correlation_but_one_in_error():
    random = np.random.default_rng(1)
    truth = random.random(200)
    prediction = truth + 0.2 * random.standard_normal(200)
    found = compared(truth, {"raw": prediction, "scaled": 2 * prediction - 0.8})
    row = found["raw", "scaled", "pearson"]
    assert row["value"] == pytest.approx(0, abs=1e-12)
    assert row["p_value"] == 1.0
    assert row["equivalent"] is True
    assert row["tests"]["williams"]["t"] is None
    assert found["raw", "scaled", "mse"]["p_value"] < 0.01


def test_no_significance_is_not_equivalence():
    random = np.random.default_rng(3)
    truth = random.random(40)
    found = compared(
        truth, {name: truth + 0.3 * random.standard_normal(40) for name in ("a", "b")}
    )["a", "b", "spearman"]
    assert found["p_value"] > 0.05
    assert found["equivalent"] is False
    assert found["p_equivalence"] > 0.05


def test_equivalence_is_the_90_percent_interval_within_the_margin():
    resampled = np.linspace(-0.0199, 0.0199, 1001)
    inside = model_differences.equivalence(resampled, level=0.95, margin=0.02)
    assert inside["equivalent"] is True
    assert inside["interval_equivalence"] == pytest.approx([-0.0199 * 0.9, 0.0199 * 0.9])
    assert inside["p_equivalence"] == pytest.approx(1 / 1002)
    few = model_differences.equivalence(np.zeros(10), level=0.95, margin=0.02)
    assert few["equivalent"] is False  # ten resamples cannot show anything at 5 %
    shifted = model_differences.equivalence(resampled + 0.01, level=0.95, margin=0.02)
    assert shifted["equivalent"] is False
    assert shifted["p_equivalence"] == pytest.approx(0.25, abs=0.01)


def test_a_constant_model_has_no_correlation_to_differ_in_but_an_error():
    random = np.random.default_rng(3)
    truth = random.random(60)
    found = compared(truth, {"a": truth + 0.1 * random.random(60), "flat": np.full(60, 0.5)})
    row = found["a", "flat", "spearman"]
    for field in ("value", "interval", "p_value", "p_holm", "equivalent"):
        assert row[field] is None, field
    assert "undefined" in row["reason"]
    assert found["a", "flat", "mse"]["interval"][1] < 0


def test_one_model_has_nobody_to_differ_from():
    truth = np.linspace(0, 1, 20)
    assert compared(truth, {"only": truth**2}) == {}


def test_clusters_are_permuted_whole(monkeypatch):
    seen = []
    real = permutation.swaps

    def spy(n, permutations, seed, clusters=None):
        seen.append(clusters)
        return real(n, permutations, seed, clusters)

    monkeypatch.setattr(permutation, "swaps", spy)
    random = np.random.default_rng(3)
    truth = random.random(60)
    groups = np.repeat(np.arange(12), 5)
    compared(truth, {"a": truth**2, "b": random.random(60)}, kind="clusters", groups=groups)
    assert seen[0] is groups


@pytest.mark.parametrize("margin", [0.5, 1.5, 2.0, 2.5])
def test_within_strata_equivalence_goes_with_its_widened_interval(margin):
    """Pairs: the 90 % interval goes 1.645 * 1.408 * 1.671 / 1.658 = 2.334 SD far, not 1.645."""
    groups = np.arange(120) // 2
    draws = Draws(n=120, resamples=1, seed=0, kind="strata", groups=groups)
    resampled = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = model_differences.equivalence(resampled, level=0.95, margin=margin, draws=draws)
    assert found["interval_equivalence"] == pytest.approx([-2.334, 2.334], abs=0.01)
    assert found["equivalent"] == (margin > 2.334)
    plain = model_differences.equivalence(resampled, level=0.95, margin=margin)
    assert plain["equivalent"] == (margin > 1.645)
