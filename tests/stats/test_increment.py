"""Increments of R squared and partial rank correlations, against other ways to compute them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from memnet.stats.bootstrap import interval_of
from memnet.stats.increment import increments, left_by_others
from memnet.stats.resampling import Draws

LIMIT = 1e-12


def sample(n=60, seed=0, columns=2):
    rng = np.random.default_rng(seed)
    baseline = {f"z{k}": rng.normal(3, 2, n) for k in range(columns)}
    model = 0.5 * baseline["z0"] + rng.normal(size=n)
    truth = 0.1 * sum(baseline.values()) + 0.2 * model + rng.normal(size=n)
    return np.round(truth, 1), baseline, np.round(model, 1)


def r2(truth, columns):
    """Least squares on the numbers as they are, an algorithm of another kind."""
    design = np.column_stack([np.ones(len(truth)), *columns])
    left = truth - design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    return 1 - np.sum(left**2) / np.sum((truth - truth.mean()) ** 2)


def residuals(values, columns):
    design = np.column_stack([np.ones(len(values)), *columns])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def only(truth, baseline, model, resamples=20, **draws):
    drawn = Draws(n=len(truth), resamples=resamples, seed=1, **draws)
    (row,) = increments(truth, baseline, {"m": model}, drawn, level=0.95)
    return row


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_values_are_those_of_least_squares(columns):
    truth, baseline, model = sample(columns=columns)
    z = list(baseline.values())
    row = only(truth, baseline, model)
    before, after = r2(truth, z), r2(truth, [*z, model])
    assert row["r2_baseline"] == pytest.approx(before, abs=LIMIT)
    assert row["r2_both"] == pytest.approx(after, abs=LIMIT)
    assert row["increment"] == pytest.approx(after - before, abs=LIMIT)
    left = residuals(model, z)
    assert row["semipartial"] == pytest.approx(np.corrcoef(truth, left)[0, 1], abs=LIMIT)
    df = 60 - columns - 2
    assert row["df"] == df
    f = (after - before) / (1 - after) * df
    assert row["f"] == pytest.approx(f, rel=1e-11)
    assert row["p_value"] == pytest.approx(stats.f.sf(f, 1, df), rel=1e-10)
    adjusted = [1 - (1 - r) * 59 / (59 - k) for r, k in ((before, columns), (after, columns + 1))]
    assert row["increment_adjusted"] == pytest.approx(adjusted[1] - adjusted[0], abs=LIMIT)
    ranked = [stats.rankdata(c) for c in (truth, model, *z)]
    expected = np.corrcoef(residuals(ranked[0], ranked[2:]), residuals(ranked[1], ranked[2:]))
    assert row["partial_rho"] == pytest.approx(expected[0, 1], abs=LIMIT)


def test_values_are_those_of_statsmodels():
    api = pytest.importorskip("statsmodels.api")
    truth, baseline, model = sample()
    base = api.OLS(truth, api.add_constant(np.column_stack(list(baseline.values())))).fit()
    both = api.OLS(truth, api.add_constant(np.column_stack([*baseline.values(), model]))).fit()
    f, p, _ = both.compare_f_test(base)
    row = only(truth, baseline, model)
    assert row["increment"] == pytest.approx(both.rsquared - base.rsquared, abs=LIMIT)
    expected = both.rsquared_adj - base.rsquared_adj
    assert row["increment_adjusted"] == pytest.approx(expected, abs=LIMIT)
    assert (row["f"], row["p_value"]) == (pytest.approx(f, rel=1e-10), pytest.approx(p, rel=1e-9))


@pytest.mark.parametrize("kind", ["pictures", "strata", "clusters"])
def test_intervals_are_those_of_computing_each_resample(kind):
    truth, baseline, model = sample()
    groups = np.arange(60) % 12
    draws = Draws(
        n=60,
        resamples=50,
        seed=1,
        kind=kind,
        groups=None if kind == "pictures" else groups,
    )
    (row,) = increments(truth, baseline, {"m": model}, draws, level=0.9)
    semipartial, partial = [], []
    for _, counts in draws.chunks():
        for count in counts:
            drawn = np.repeat(np.arange(60), count)
            y, x, *z = (c[drawn] for c in (truth, model, *baseline.values()))
            semipartial.append(np.corrcoef(y, residuals(x, z))[0, 1])
            y, x, *z = (stats.rankdata(c) for c in (y, x, *z))
            partial.append(np.corrcoef(residuals(y, z), residuals(x, z))[0, 1])
    ends = np.array(interval_of(np.array(semipartial), 0.9, draws).ends)
    assert row["semipartial_interval"] == pytest.approx(ends, abs=LIMIT)
    assert row["partial_rho_interval"] == pytest.approx(
        interval_of(np.array(partial), 0.9, draws).ends, abs=LIMIT
    )
    squares = [0.0 if ends[0] < 0 < ends[1] else min(ends**2), max(ends**2)]
    assert row["increment_interval"] == pytest.approx(squares, abs=LIMIT)


def test_the_order_of_magnitude_of_a_column_changes_nothing():
    truth, baseline, model = sample()
    plain = only(truth, baseline, model)
    scaled = only(truth, {k: 1e6 + 1e-3 * z for k, z in baseline.items()}, 1e9 * model)
    for name in ("increment", "semipartial", "partial_rho"):
        assert scaled[name] == pytest.approx(plain[name], abs=1e-6)


def test_a_model_by_itself_adds_what_its_own_correlation_says():
    """What is left after a baseline is not the difference of two squared correlations."""
    truth, baseline, model = sample(columns=1)
    row = only(truth, baseline, model)
    z = baseline["z0"]
    naive = np.corrcoef(truth, model)[0, 1] ** 2 - np.corrcoef(truth, z)[0, 1] ** 2
    assert abs(row["increment"] - naive) > 0.01


def test_an_interval_of_an_increment_that_may_be_nothing_begins_at_0():
    rng = np.random.default_rng(4)
    truth, base, model = rng.normal(size=(3, 80))
    row = only(truth, {"z": base}, model, resamples=200)
    assert row["semipartial_interval"][0] < 0 < row["semipartial_interval"][1]
    assert row["increment_interval"][0] == 0.0


def test_several_models_are_added_each_by_itself_and_corrected_together():
    truth, baseline, model = sample()
    rng = np.random.default_rng(8)
    other = truth + rng.normal(size=60)
    draws = Draws(n=60, resamples=30, seed=1)
    both = increments(truth, baseline, {"m": model, "o": other}, draws, level=0.95)
    alone = only(truth, baseline, model, resamples=30)
    assert {k: v for k, v in both[0].items() if k != "p_holm"} == {
        k: v for k, v in alone.items() if k != "p_holm"
    }
    raw = [row["p_value"] for row in both]
    assert max(row["p_holm"] for row in both) == pytest.approx(max(2 * min(raw), max(raw)))


def test_what_follows_from_the_baseline_adds_nothing_that_is_defined():
    truth, baseline, _ = sample()
    row = only(truth, baseline, 2 * baseline["z0"] - baseline["z1"] + 1)
    assert row["increment"] is row["increment_interval"] is row["p_value"] is None
    assert "follow from the baseline" in row["reason"]
    constant = only(truth, baseline, np.full(60, 0.5))
    assert constant["semipartial"] is constant["partial_rho"] is None


def test_clusters_leave_the_f_test_out():
    truth, baseline, model = sample()
    row = only(truth, baseline, model, kind="clusters", groups=np.arange(60) % 12)
    assert row["f"] is row["p_value"] is row["p_holm"] is None
    assert row["increment"] > 0


def test_too_few_pictures_and_useless_baselines():
    row = only(np.array([1.0, 2, 4]), {"z": np.array([1.0, 3, 2])}, np.array([2.0, 1, 1]))
    assert row["reason"] == "there are too few pictures for so many columns"
    truth, baseline, model = sample()
    for column in (sum(baseline.values()), np.ones(60)):
        row = only(truth, baseline | {"more": column}, model)
        assert row["r2_baseline"] is row["increment"] is row["p_value"] is None
        assert row["reason"] == "a column of the baseline is constant, or follows from the others"
    assert left_by_others([np.ones(5)]) == 0
    assert left_by_others([baseline["z0"]]) == pytest.approx(1)
    assert left_by_others(list(baseline.values())) > 0.9


# By simulation (docs/statistics.md) ---------------------------------------------------------------


def rejections(n, studies, population, seed):
    """Shares of studies whose F test rejects, and whose interval holds the population's value."""
    rng = np.random.default_rng(seed)
    rejected = held = 0
    for study in range(studies):
        truth, base, model, value = population(rng, n)
        draws = Draws(n=n, resamples=199, seed=study)
        (row,) = increments(truth, {"b": base}, {"m": model}, draws, level=0.95)
        rejected += row["p_value"] <= 0.05
        low, high = row["semipartial_interval"]
        held += low <= value <= high
    return rejected / studies, held / studies


def copy_of_the_baseline(rng, n):
    """The model is the baseline with more noise: it adds nothing."""
    base = rng.normal(size=n)
    return 0.7 * base + 0.7 * rng.normal(size=n), base, base + 0.7 * rng.normal(size=n), 0.0


def both_measure_the_same(rng, n):
    """Baseline and model measure what people remember, each with noise: reliability .67."""
    true, error_a, error_b = rng.normal(size=(3, n))
    return true + rng.normal(size=n), true + 0.7 * error_a, true + 0.7 * error_b, 0.2570


def test_a_noisier_copy_of_the_baseline_adds_nothing():
    rejected, held = rejections(100, 300, copy_of_the_baseline, 1)
    assert rejected == pytest.approx(0.05, abs=0.04)
    assert held == pytest.approx(0.94, abs=0.05)


def test_a_noisy_baseline_lets_a_model_of_the_same_thing_add():
    """The well-known trap: "it adds" although both measure one thing."""
    rejected, _ = rejections(200, 60, both_measure_the_same, 2)
    assert rejected > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 1_000])
def test_error_rates_and_coverage(n):
    rejected, held = rejections(n, 2_000, copy_of_the_baseline, n)
    assert 0.04 <= rejected <= 0.06
    assert 0.93 <= held <= 0.97
    assert rejections(n, 2_000, both_measure_the_same, n)[0] > 0.8
