"""The bootstrap by counts equals computing each metric on each resample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_metrics import LIMIT, sample

from memnet.stats import bootstrap, resampling
from memnet.stats.metrics import METRICS, error_parts, mse_recalibrated
from memnet.stats.metrics.cramer_von_mises import CRAMER_VON_MISES, squared_difference
from memnet.stats.metrics.moments import folds_of
from memnet.stats.metrics.predictions import flags
from memnet.stats.resampling import Draws

RESAMPLED = [name for name, metric in METRICS.items() if not metric.not_resampled]
SHARES = ("tied_share", "floor_share", "clamped_share")


def resamples(n: int, count: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return np.stack([generator.integers(n, size=n) for _ in range(count)])


def drawn_metrics(truth, prediction, count, seed, **more):
    plan = Draws(n=len(truth), resamples=count, seed=seed)
    return bootstrap.distributions(truth, {"m": prediction}, plan, **more)["m"]


def on_the_copy(name, truth, prediction, index):
    """What the metric says of the resample written out."""
    if name in SHARES:  # a picture's flag is decided once: in a resample everything is tied
        return flags(prediction)[name][index].mean()
    if name == "mse_recalibrated":  # a picture stays in its fold
        fold = folds_of(len(truth))[1][index]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(error_parts, "folds_of", lambda n: (None, fold))
            return mse_recalibrated(truth[index], prediction[index])
    return METRICS[name].function(truth[index], prediction[index])


@pytest.mark.parametrize(("n", "digits"), [(5, 17), (60, 17), (60, 1), (400, 2)])
def test_each_resample_equals_the_metric_computed_on_it(n, digits):
    truth, prediction = sample(n, seed=n, digits=digits)
    drawn = drawn_metrics(truth, prediction, 40, seed=3)
    for row, index in enumerate(resamples(n, 40, seed=3)):
        for name in RESAMPLED:
            expected = on_the_copy(name, truth, prediction, index)
            limit = LIMIT
            if name == "epps_singleton":  # it inverts a covariance, of five pictures a singular one
                limit = 1e-8 if n == 5 else 1e-11
            near = pytest.approx(expected, abs=limit, rel=limit, nan_ok=True)
            assert drawn[name][row] == near, (name, row)
        squares = squared_difference(truth[index], prediction[index])
        name = CRAMER_VON_MISES.effect_from.name
        assert drawn[name][row] == pytest.approx(squares, abs=LIMIT, rel=LIMIT)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_heavy_ties_and_tiny_samples_agree_too(pairs, seed):
    truth, prediction = (np.array(column, dtype=float) / 4 for column in zip(*pairs, strict=True))
    drawn = drawn_metrics(truth, prediction, 5, seed)
    for row, index in enumerate(resamples(len(pairs), 5, seed)):
        for name in RESAMPLED:
            if name == "epps_singleton":  # near-singular covariances: the inverse has no digits
                continue
            expected = on_the_copy(name, truth, prediction, index)
            near = pytest.approx(expected, abs=1e-10, rel=1e-10, nan_ok=True)
            assert drawn[name][row] == near, name


HARD = {
    "far away": lambda t, p: (t, p + 1e6),
    "per cent against shares": lambda t, p: (t, 100 * p),
    "collapsed": lambda t, p: (t, 0.7 + 1e-7 * p),
    "a port of the same model": lambda t, p: (t, t + 1e-9 * (p - 0.5)),
    "one absurd number": lambda t, p: (t, np.where(np.arange(len(p)) == 3, 1e8, p)),
}


@pytest.mark.parametrize("case", HARD)
def test_scales_that_differ_cost_no_digits(case):
    truth, prediction = HARD[case](*sample(80, seed=5))
    drawn = drawn_metrics(truth, prediction, 30, seed=3)
    names = ["pearson", "mse", "mae", "bias", "sd_ratio", "calibration_slope", "mse_recalibrated"]
    for row, index in enumerate(resamples(80, 30, seed=3)):
        for name in names:
            expected = on_the_copy(name, truth, prediction, index)
            limit = 1e-6 if case in ("collapsed", "one absurd number") else 1e-8  # SciPy's digits
            assert drawn[name][row] == pytest.approx(expected, rel=limit, nan_ok=True), (name, row)
    assert (drawn["mse"] >= 0).all()


def test_what_is_not_resampled_says_why():
    found = bootstrap.intervals(*sample(30), resamples=20, seed=0)
    assert found.keys() == METRICS.keys()
    kept = set(METRICS) - set(RESAMPLED)
    assert kept == {"min_prediction", "max_prediction", "dip"}
    for name in kept:
        assert METRICS[name].not_resampled
        assert found[name] == bootstrap.Interval(None, None, METRICS[name].not_resampled)


@pytest.mark.parametrize("digits", [17, 1])
def test_the_interval_is_that_of_scipys_bootstrap_from_the_same_seed(digits):
    truth, prediction = sample(80, seed=1, digits=digits)
    ours = bootstrap.intervals(truth, prediction, resamples=300, seed=11)
    for name in ("spearman", "kendall", "mse", "wasserstein"):
        peer = stats.bootstrap(
            (truth, prediction),
            METRICS[name].function,
            paired=True,
            vectorized=False,
            n_resamples=300,
            method="percentile",
            rng=np.random.default_rng(11),
        ).confidence_interval
        assert ours[name].ends == pytest.approx([peer.low, peer.high], abs=LIMIT), name


def test_all_models_are_judged_on_the_same_resamples():
    truth, prediction = sample(50)
    plan = Draws(n=50, resamples=30, seed=4)
    both = bootstrap.distributions(truth, {"a": prediction, "b": prediction**2}, plan)
    assert np.abs(both["a"]["spearman"] - both["b"]["spearman"]).max() < LIMIT
    alone = bootstrap.distributions(truth, {"b": prediction**2}, plan)["b"]
    for name, values in alone.items():
        assert np.array_equal(values, both["b"][name], equal_nan=True), name


def test_the_pairs_stay_together():
    truth = np.linspace(0, 1, 50)
    drawn = drawn_metrics(truth, truth, 20, seed=0)
    assert np.allclose(drawn["spearman"], 1.0)
    assert np.all(drawn["mse"] == 0.0)


def test_the_seed_decides_and_the_chunk_size_does_not(monkeypatch):
    truth, prediction = sample(30)
    names = ("spearman", "mse", "ks", "epps_singleton", "kendall")
    first = bootstrap.intervals(truth, prediction, resamples=100, seed=1, only=names)
    monkeypatch.setattr(resampling, "_COUNTS_AT_ONCE", 90)
    again = bootstrap.intervals(truth, prediction, resamples=100, seed=1, only=names)
    other = bootstrap.intervals(truth, prediction, resamples=100, seed=2, only=names)
    assert first.keys() == set(names)
    for name, interval in first.items():
        assert again[name].low == interval.low, name
        assert abs(other[name].low - interval.low) > LIMIT, name


def test_strata_keep_their_sizes_and_clusters_stay_whole():
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    strata = Draws(n=10, resamples=50, seed=0, kind="strata", groups=groups)
    clusters = Draws(n=10, resamples=50, seed=0, kind="clusters", groups=groups)
    for _, counts in strata.chunks():
        assert all(
            (counts[:, groups == g].sum(axis=1) == (groups == g).sum()).all() for g in (0, 1, 2)
        )
        assert (np.diff(counts[:, groups == 2], axis=1) != 0).any()
    for _, counts in clusters.chunks():
        assert all((np.ptp(counts[:, groups == g], axis=1) == 0).all() for g in (0, 1, 2))
        assert len({tuple(row) for row in counts}) > 3
        assert (counts[:, [0, 3, 5]].sum(axis=1) == 3).all()


@pytest.mark.parametrize(("size", "expected"), [(2, 1.422674), (3, 1.225768), (30, 1.013117)])
def test_strata_go_as_much_farther_out_as_they_lose_of_the_variance(size, expected):
    """``t(n - H) / t(n - 1) sqrt((n - 1) / (n - H))``: for pairs 2.000298 / 1.980100 * 1.408309."""
    groups = np.arange(120) // size
    draws = Draws(n=120, resamples=1, seed=0, kind="strata", groups=groups)
    assert draws.widening(0.95) == pytest.approx(expected, abs=5e-6)
    drawn = np.linspace(-1, 1, 1001)
    low, high = bootstrap.interval_of(drawn, 0.95, draws).ends
    out = stats.norm.ppf(0.975) * expected
    assert [low, high] == pytest.approx([-1 + 2 * stats.norm.sf(out), 1 - 2 * stats.norm.sf(out)])


@pytest.mark.parametrize("kind", ["pictures", "clusters", "strata"])
def test_nothing_is_widened_where_pictures_have_one_stratum_or_none(kind):
    groups = np.arange(60) // 2 if kind == "clusters" else np.zeros(60, dtype=int)
    draws = Draws(n=60, resamples=1, seed=0, kind=kind, groups=groups)
    drawn = np.random.default_rng(0).standard_normal(300)
    assert draws.widening(0.95) == 1
    assert draws.freedom == (29 if kind == "clusters" else 59)
    assert bootstrap.interval_of(drawn, 0.95, draws) == bootstrap.interval_of(drawn, 0.95)


def test_intervals_of_pictures_drawn_within_pairs_cover_as_often_as_they_say():
    """Not widened, they cover 84 %: within a pair the variance of the draws is half the right one.

    Of a mean, for which the resamples are those of :meth:`Draws.chunks` times the values.
    """
    groups = np.arange(80) // 2
    draws = Draws(n=80, resamples=2000, seed=0, kind="strata", groups=groups)
    ((_, counts),) = draws.chunks()
    samples = np.random.default_rng(0).standard_normal((1000, 80))
    means = counts @ samples.T / 80
    ends = [bootstrap.interval_of(each, 0.95, draws).ends for each in means.T]
    plain = [bootstrap.interval_of(each, 0.95).ends for each in means.T]
    covered, before = (np.mean([low <= 0 <= high for low, high in each]) for each in (ends, plain))
    assert before < 0.87
    assert 0.925 <= covered <= 0.97


def test_clusters_widen_the_interval_where_pictures_of_a_cluster_are_alike():
    random = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 10)
    shared = random.standard_normal((2, 40))[:, groups]
    truth, prediction = shared + 0.2 * random.standard_normal((2, 400))
    width = {}
    for kind in ("pictures", "clusters"):
        plan = Draws(n=400, resamples=400, seed=0, kind=kind, groups=groups)
        drawn = bootstrap.distributions(truth, {"m": prediction}, plan, only=("spearman",))["m"]
        low, high = bootstrap.interval_of(drawn["spearman"], 0.95).ends
        width[kind] = high - low
    assert width["clusters"] > 2 * width["pictures"]


def test_an_undefined_metric_has_no_interval_but_a_reason():
    truth = np.array([0.2, 0.4, 0.9])
    found = bootstrap.intervals(truth, np.full(3, 0.5), resamples=50, seed=0)
    assert found["spearman"].low is None
    assert "undefined in 100%" in found["spearman"].reason
    assert found["mse"].low is not None


def test_memory_is_linear_in_the_number_of_pictures():
    plan = Draws(n=58_741, resamples=10_000, seed=0)
    _, counts = next(iter(plan.chunks()))
    assert counts.nbytes <= 16_000_000
    assert (counts.sum(axis=1) == 58_741).all()


def test_about_95_percent_of_intervals_cover_the_truth():
    covered = 0
    rho = 0.6
    true_spearman = 6 / np.pi * np.arcsin(rho / 2)
    for seed in range(300):
        random = np.random.default_rng(seed)
        x = random.standard_normal(100)
        y = rho * x + np.sqrt(1 - rho**2) * random.standard_normal(100)
        found = bootstrap.intervals(x, y, resamples=300, seed=seed, only=("spearman",))
        covered += found["spearman"].low <= true_spearman <= found["spearman"].high
    assert 0.90 <= covered / 300 <= 0.98
