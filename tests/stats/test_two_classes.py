"""AUC, DeLong's interval and test, and the quarters, against pROC, SciPy and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from memnet.stats.bootstrap import distributions
from memnet.stats.metrics import (
    CLASS_METRICS,
    METRICS,
    auc,
    bottom_quarter,
    delong,
    delong_test,
    metrics_for,
    quarter_difference,
    top_quarter,
)
from memnet.stats.resampling import Draws

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def asah():
    return pd.read_csv(GOLDEN / "asah_ranks.csv").astype(float)


def two_classes(seed, n=60, values=None):
    """Truth and predictions; with few ``values`` the predictions have many ties."""
    generator = np.random.default_rng(seed)
    truth = (generator.random(n) < 0.4).astype(float)
    truth[:2] = 0, 1
    prediction = truth + generator.normal(size=n)
    return truth, prediction if values is None else np.round(prediction * values) / values


@pytest.mark.parametrize("values", [None, 1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_auc_is_mann_whitneys_u_over_the_number_of_pairs(seed, values):
    truth, prediction = two_classes(seed, values=values)
    positive, negative = prediction[truth == 1], prediction[truth == 0]
    u = stats.mannwhitneyu(positive, negative).statistic
    assert auc(truth, prediction) == pytest.approx(u / len(positive) / len(negative), abs=1e-12)
    above = positive[:, None] > negative
    equal = positive[:, None] == negative
    assert auc(truth, prediction) == pytest.approx((above + equal / 2).mean(), abs=1e-12)


@pytest.mark.parametrize("values", [None, 1])
def test_auc_is_that_of_scikit_learn(values):
    metrics = pytest.importorskip("sklearn.metrics")
    truth, prediction = two_classes(5, values=values)
    expected = metrics.roc_auc_score(truth, prediction)
    assert auc(truth, prediction) == pytest.approx(expected, abs=1e-12)


def test_classes_and_predictions_cannot_change_places():
    truth, prediction = two_classes(1)
    assert auc(truth, -prediction) == pytest.approx(1 - auc(truth, prediction), abs=1e-12)
    assert auc(1 - truth, prediction) == pytest.approx(1 - auc(truth, prediction), abs=1e-12)
    with pytest.raises(ValueError, match="human scores have no AUC"):
        auc(prediction, truth)


def test_delongs_interval_is_that_of_proc(asah):
    """``ci.auc`` of pROC's own tests (xrobin/pROC, tests/testthat/test-ci.auc.R)."""
    found = delong(asah["poor"], asah["ndka"])
    expected = [0.501244999271703, 0.611957994579946, 0.722670989888189]
    assert [found.low, found.value, found.high] == pytest.approx(expected, abs=1e-12)
    assert auc(asah["poor"], asah["s100b"]) == pytest.approx(0.7313686, abs=5e-8)
    assert auc(asah["poor"], asah["wfns"]) == pytest.approx(0.8236789, abs=5e-8)


@pytest.mark.parametrize(
    ("a", "b", "z", "p", "low", "high"),
    [
        ("wfns", "s100b", 2.20898359144091, 0.0271757822291882, 0.0104061769564846,
         0.174214419249478),
        ("wfns", "ndka", 2.79777591868904, 0.00514557970691098, 0.0634011709339876,
         0.3600405634833566),
        ("ndka", "s100b", -1.39077002573558, 0.164295175223054, -0.2876917446341914,
         0.0488706064228094),
    ],
)  # fmt: skip
def test_delongs_paired_test_is_that_of_proc(asah, a, b, z, p, low, high):
    """``roc.test`` of pROC's own tests (xrobin/pROC, tests/testthat/test-roc.test.R)."""
    found = delong_test(asah["poor"], asah[a], asah[b])
    expected = {"z": z, "p": p, "low": low, "high": high}
    assert found == pytest.approx(expected, abs=1e-12)
    reverse = delong_test(asah["poor"], asah[b], asah[a])
    assert (reverse["z"], reverse["p"]) == pytest.approx((-z, p), abs=1e-12)


def test_a_model_does_not_differ_from_itself(asah):
    found = delong_test(asah["poor"], asah["wfns"], asah["wfns"])
    assert (found["z"], found["p"], found["low"], found["high"]) == (0.0, 1.0, 0.0, 0.0)


def test_delongs_interval_is_cut_at_one_and_left_out_where_it_has_no_width():
    truth = np.array([0, 0, 0, 1, 1, 1])
    assert delong(truth, np.array([1, 2, 5, 4, 6, 7])).high == 1.0
    apart = delong(truth, np.arange(6.0))
    assert apart.value == 1
    assert np.isnan(apart.low)
    assert "no width" in apart.reason
    single = delong(truth[:4], np.array([1, 4, 2, 3]))
    assert (single.value, single.reason) == (
        pytest.approx(2 / 3), "DeLong's interval needs two pictures of each class"
    )  # fmt: skip
    none = delong(np.zeros(4), np.arange(4.0))
    assert np.isnan(none.value)
    assert none.reason == "all pictures are of one class"


def test_quarters_by_hand():
    truth = np.array([1, 0, 0, 0, 1, 0, 1, 1])
    assert top_quarter(truth, np.arange(8)) == 1
    assert bottom_quarter(truth, np.arange(8)) == 0.5
    assert quarter_difference(truth, np.arange(8)) == 0.5
    # Ten pictures: a quarter is 2.5 of them, the third counts by half.
    ten = np.array([1, 0, 1, 0, 0, 0, 0, 1, 1, 0])
    assert top_quarter(ten, np.arange(10)) == pytest.approx((0 + 1 + 0.5) / 2.5, abs=1e-12)
    assert bottom_quarter(ten, np.arange(10)) == pytest.approx((1 + 0 + 0.5) / 2.5, abs=1e-12)


def test_the_order_of_equal_predictions_does_not_matter_to_the_quarters():
    """A sort would take the first of equal predictions, and with them the order of the table."""
    truth, prediction = two_classes(3, n=41, values=1)
    order = np.argsort(truth)
    for metric in (top_quarter, bottom_quarter, quarter_difference):
        here, there = metric(truth, prediction), metric(truth[order], prediction[order])
        assert here == pytest.approx(there, abs=1e-12)
    assert quarter_difference(truth, np.ones(41)) == 0
    assert top_quarter(truth, np.ones(41)) == pytest.approx(truth.mean(), abs=1e-12)


@pytest.mark.parametrize("values", [None, 1])
@pytest.mark.parametrize("name", list(CLASS_METRICS))
def test_resampled_values_are_those_of_the_drawn_pictures(name, values):
    truth, prediction = two_classes(7, n=30, values=values)
    draws = Draws(n=30, resamples=40, seed=1)
    metric = CLASS_METRICS[name]
    drawn = distributions(truth, {"m": prediction}, draws, only=[name], metrics=CLASS_METRICS)
    (counts,) = [counts for _, counts in draws.chunks()]
    expected = [
        metric.function(np.repeat(truth, row), np.repeat(prediction, row)) for row in counts
    ]
    assert drawn["m"][name] == pytest.approx(expected, abs=1e-12)


def test_a_resample_with_one_class_has_no_auc():
    truth, prediction = np.array([0.0, 0, 0, 1]), np.array([1.0, 2, 3, 4])
    draws = Draws(n=4, resamples=200, seed=0)
    drawn = distributions(
        truth, {"m": prediction}, draws, only=["auc"], metrics=CLASS_METRICS
    )["m"]["auc"]  # fmt: skip
    (counts,) = [counts for _, counts in draws.chunks()]
    one = (counts[:, 3] == 0) | (counts[:, 3] == 4)
    assert one.any()
    assert np.array_equal(np.isnan(drawn), one)


def test_classes_have_no_errors_and_scores_no_auc():
    for_classes = metrics_for(classes=True)
    assert "auc" in for_classes
    assert not {"mse", "mae", "bias", "ks", "wasserstein", "sd_ratio"} & set(for_classes)
    assert "auc" not in metrics_for(classes=False)
    assert list(metrics_for(classes=False)) == list(METRICS)
