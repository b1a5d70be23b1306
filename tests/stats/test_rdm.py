"""RDMs are SciPy's and rsatoolbox's; so are their comparisons, on resampled pictures, too."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist, squareform

import rsatoolbox_golden
from memnet.errors import MemnetError
from memnet.stats import rdm_comparison
from memnet.stats.metrics.kendall import tau_a
from memnet.stats.rdm import DISTANCES, compute_rdm, pictures_of, subset_rdm, undefined_pictures
from memnet.stats.rdm_comparison import compare_rdms, mantel, resample_comparison
from memnet.stats.resampling import Draws

GOLDEN = json.loads(rsatoolbox_golden.FILE.read_text(encoding="utf-8"))
LAYERS = {name: np.array(x, dtype=float) for name, x in GOLDEN["features"].items()}
NEEDED = "needs rsatoolbox; pip install rsatoolbox"
RSATOOLBOX = {"spearman": "spearman", "tau-a": "tau_a"}


@pytest.fixture
def random():
    return np.random.default_rng(1)


def layers_of(random, n=40, noise=1.0):
    x = random.normal(size=(n, 12))
    return x, x + noise * random.normal(size=x.shape)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
@pytest.mark.parametrize("distance", DISTANCES)
def test_rdms_are_those_of_scipy(random, distance, dtype, monkeypatch):
    monkeypatch.setattr("memnet.stats.rdm._NUMBERS_AT_ONCE", 30 * 7)  # blocks of seven features
    x = (100 * random.normal(3, 1, size=(30, 50))).astype(dtype)
    ours = compute_rdm(x, distance)
    if distance == "mean-squared":
        theirs = pdist(x.astype(float), "sqeuclidean") / 50
    else:
        theirs = pdist(x.astype(float), distance)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("distance", rsatoolbox_golden.METHODS)
@pytest.mark.parametrize("layer", LAYERS)
def test_rdms_are_those_that_rsatoolbox_wrote(distance, layer):
    theirs = GOLDEN[distance]["rdms"][layer]
    np.testing.assert_allclose(compute_rdm(LAYERS[layer], distance), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("distance", rsatoolbox_golden.METHODS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rdms_are_those_of_rsatoolbox_itself(random, distance, dtype):
    pytest.importorskip("rsatoolbox", reason=NEEDED)
    x = random.normal(2, 3, size=(60, 200)).astype(dtype)
    theirs = rsatoolbox_golden.rdms_of({"x": x.astype(float)}, rsatoolbox_golden.METHODS[distance])
    np.testing.assert_allclose(compute_rdm(x, distance), theirs.get_vectors()[0], atol=1e-6, rtol=0)


def test_the_golden_features_are_those_of_the_script():
    for name, x in rsatoolbox_golden.features().items():
        assert np.array_equal(LAYERS[name], x)


def rounded(distance):
    """The RDMs of the golden layers by rsatoolbox, so that ties are the same on every machine."""
    return [np.array(each) for each in GOLDEN[distance]["rdms"].values()]


@pytest.mark.parametrize("distance", rsatoolbox_golden.METHODS)
def test_comparisons_are_those_that_rsatoolbox_wrote(distance):
    first, second = rounded(distance)
    (found,) = compare_rdms({"a": first, "b": second}, [("a", "b")], resamples=10, permutations=10)
    for theirs, ours in RSATOOLBOX.items():
        assert getattr(found, ours) == pytest.approx(GOLDEN[distance][theirs], abs=1e-12)


@pytest.mark.parametrize("distance", rsatoolbox_golden.METHODS)
def test_resampled_comparisons_are_those_that_rsatoolbox_wrote(distance):
    """The same pictures drawn, copies of a picture left out beside it."""
    draws = Draws(n=14, resamples=5, seed=0)
    ((_, counts),) = draws.chunks()
    drawn = np.array(GOLDEN["drawn"])
    assert [np.bincount(row, minlength=14).tolist() for row in drawn] == counts.tolist()
    for theirs, ours in zip(
        RSATOOLBOX, resample_comparison(*rounded(distance), draws), strict=True
    ):
        np.testing.assert_allclose(ours, GOLDEN[distance]["resampled"][theirs], rtol=0, atol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_comparisons_are_those_of_rsatoolbox_itself(random, ties):
    rsatoolbox = pytest.importorskip("rsatoolbox", reason=NEEDED)
    first, second = (compute_rdm(x) for x in layers_of(random))
    if ties:
        first, second = first.round(1), second.round(2)
    rdms = rsatoolbox.rdm.RDMs(np.array([first, second]))
    (found,) = compare_rdms({"a": first, "b": second}, [("a", "b")], resamples=5, permutations=5)
    rows = np.random.default_rng(3).integers(40, size=(20, 40))
    resampled = resample_comparison(first, second, Draws(n=40, resamples=20, seed=3))
    for (theirs, ours), values in zip(RSATOOLBOX.items(), resampled, strict=True):
        assert getattr(found, ours) == pytest.approx(
            rsatoolbox_golden.compared(rdms, theirs), abs=1e-12
        )
        expected = [
            rsatoolbox_golden.compared(rdms.subsample_pattern("index", row), theirs) for row in rows
        ]
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


def test_chunks_change_no_resample(random, monkeypatch):
    first, second = (compute_rdm(x) for x in layers_of(random, n=12))
    draws = Draws(n=12, resamples=30, seed=2)
    whole = resample_comparison(first, second, draws)
    p = mantel(first, second, permutations=30, seed=2)
    monkeypatch.setattr(rdm_comparison, "_WEIGHTS_AT_ONCE", 66 * 7)
    monkeypatch.setattr(rdm_comparison, "_ORDERS_AT_ONCE", 7)
    assert np.array_equal(whole, resample_comparison(first, second, draws))
    assert p == mantel(first, second, permutations=30, seed=2)


def test_tau_a_is_its_definition_with_ties_in_both():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 6, size=(2, 60)).astype(float)
    above = np.triu_indices(60, 1)
    signs = np.sign(np.subtract.outer(x, x)[above] * np.subtract.outer(y, y)[above])
    assert tau_a(x, y) == pytest.approx(signs.mean(), abs=1e-15)
    assert abs(tau_a(x, y)) < abs(stats.kendalltau(x, y).statistic)
    assert tau_a(x, x) < 1  # of what is tied with itself nothing is known
    assert math.isnan(tau_a(x[:1], y[:1]))


def test_tau_a_takes_n_log_n(random):
    """All pairs of half a million numbers would take an hour."""
    x, y = random.normal(size=(2, 500_000))
    start = time.perf_counter()
    expected = stats.kendalltau(x, y).statistic  # tau-b, the same without ties
    assert tau_a(x, y) == pytest.approx(expected, abs=1e-12)
    assert time.perf_counter() - start < 60


def test_a_constant_picture_is_undefined_under_correlation_and_zeros_under_cosine(random):
    x = random.normal(size=(6, 5)).astype(np.float32)
    x[2], x[4] = 0.1, 0.0  # the mean of five times 0.1 is not exactly it
    under = {name: undefined_pictures(compute_rdm(x, name)).nonzero()[0] for name in DISTANCES}
    assert {name: rows.tolist() for name, rows in under.items()} == {
        "correlation": [2, 4],
        "cosine": [4],
        "euclidean": [],
        "mean-squared": [],
    }
    kept = [0, 1, 3, 5]
    np.testing.assert_allclose(
        subset_rdm(compute_rdm(x), kept), pdist(x[kept].astype(float), "correlation"), atol=1e-12
    )


def test_subsets_keep_the_order_asked_for(random):
    x = random.normal(size=(7, 5))
    order = [6, 0, 3]
    np.testing.assert_allclose(
        squareform(subset_rdm(compute_rdm(x), order)),
        squareform(compute_rdm(x))[np.ix_(order, order)],
    )


def test_identical_pictures_are_at_no_distance_however_far_from_zero():
    """The sum of squares minus twice the product would leave the rounding of the squares."""
    x = np.full((2, 1000), 1e6) + np.linspace(0, 1, 1000)
    assert compute_rdm(x, "euclidean").tolist() == [0.0]
    x[1, 0] += 1e-3
    assert compute_rdm(x, "euclidean")[0] == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize(
    ("features", "distance", "words"),
    [
        (np.zeros((3, 2)), "euclidian", "Did you mean 'euclidean'"),
        (np.zeros(3), "cosine", r"shape \(3,\)"),
        (np.zeros((1, 3)), "cosine", r"two pictures or more"),
        (np.zeros((3, 0)), "cosine", r"shape \(3, 0\)"),
        ([[0.0, 1.0], [np.nan, 2.0]], "cosine", "1 of 2 pictures .* in row 1"),
    ],
)
def test_what_has_no_rdm_is_refused_in_a_sentence(features, distance, words):
    with pytest.raises(MemnetError, match=words):
        compute_rdm(features, distance)


def test_what_cannot_be_compared_is_refused_in_a_sentence():
    with pytest.raises(MemnetError, match="a of 4, b of 3"):
        compare_rdms({"a": np.arange(6.0), "b": np.arange(3.0)}, [("a", "b")])
    with pytest.raises(MemnetError, match="5 numbers are no RDM"):
        pictures_of(np.zeros(5))
    with pytest.raises(MemnetError, match="1 of 3 dissimilarities of a are undefined"):
        compare_rdms({"a": np.array([1, np.nan, 2]), "b": np.arange(3.0)}, [("a", "b")])


def test_an_rdm_without_differences_has_no_rho_and_no_p():
    (found,) = compare_rdms(
        {"a": np.ones(45), "b": np.arange(45.0)}, [("a", "b")], resamples=20, permutations=20
    )
    assert math.isnan(found.spearman)
    assert found.spearman_interval.reason == "undefined in 100% of the resamples"
    assert found.p is None
    assert found.tau_a == 0


def test_the_test_permutes_pictures_not_pairs_of_pictures(random):
    """Under the null, p is uniform; of permuted pairs it would be far below 5 % far too often."""
    small = 0
    for seed in range(200):
        first, second = (compute_rdm(random.normal(size=(12, 2)), "euclidean") for _ in range(2))
        small += mantel(first, second, permutations=99, seed=seed) <= 0.05
    assert 2 <= small <= 20  # 10 expected, SD 3.1


def test_the_test_finds_a_relation_in_one_direction_only(random):
    first, second = (compute_rdm(x) for x in layers_of(random))
    assert mantel(first, second, permutations=199, seed=0) == 1 / 200
    assert mantel(first, -second, permutations=199, seed=0) > 0.9


def coverage(pictures: int, studies: int) -> float:
    """Share of studies whose interval holds rho of the population of pictures."""
    random = np.random.default_rng(5)
    many = [compute_rdm(x, "euclidean") for x in layers_of(random, n=1500)]
    true = stats.spearmanr(*many).statistic
    held = 0
    for seed in range(studies):
        rdms = [compute_rdm(x, "euclidean") for x in layers_of(random, n=pictures)]
        rho, _ = resample_comparison(*rdms, Draws(n=pictures, resamples=500, seed=seed))
        low, high = np.quantile(rho, [0.025, 0.975])
        held += low <= true <= high
    return held / studies


def test_intervals_over_pictures_hold_the_populations_rho_nearly_as_often_as_they_say():
    """Of pairs of pictures, as if these were independent, 63 of 100 would; of 80 pictures, 39."""
    assert coverage(pictures=40, studies=60) > 0.8


@pytest.mark.slow
def test_intervals_over_pictures_hold_the_populations_rho_in_more_studies():
    assert 0.9 < coverage(pictures=80, studies=1000) < 0.98
