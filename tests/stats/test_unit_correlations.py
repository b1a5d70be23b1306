"""Correlations of units are SciPy's, unit by unit; the false discovery rate holds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from memnet.errors import MemnetError
from memnet.stats import unit_correlations
from memnet.stats.unit_correlations import correct_together, correlate_units


@pytest.fixture
def random():
    return np.random.default_rng(4)


@pytest.mark.parametrize("n", [10, 80])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_correlations_and_p_values_are_those_of_scipy(random, n, dtype, monkeypatch):
    monkeypatch.setattr(unit_correlations, "_NUMBERS_AT_ONCE", n * 7)  # blocks of seven units
    score = random.normal(size=n).round(1)  # with ties
    units = random.normal(3, 1, size=(n, 40))
    units[:, :10] += score[:, None] * random.uniform(-2, 2, size=10)
    units[:, 10:15] = units[:, 10:15].round()
    units = (units * 10 ** random.uniform(-3, 3, size=40)).astype(dtype)

    found = correlate_units(units, score)

    for name, function in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        theirs = [function(unit, score) for unit in units.T.astype(float)]
        r = [each.statistic for each in theirs]
        np.testing.assert_allclose(getattr(found, name), r, rtol=0, atol=1e-12)
        p = [each.pvalue for each in theirs]
        np.testing.assert_allclose(getattr(found, f"{name}_p"), p, rtol=1e-9, atol=1e-12)


def test_a_perfect_unit_has_p_zero_and_a_constant_one_none(random):
    score = random.normal(size=20)
    units = np.array([score, -(score**3), np.full(20, 0.1, np.float32)]).T
    found = correlate_units(units, score)
    assert found.spearman.tolist()[:2] == pytest.approx([1, -1], abs=1e-15)
    assert found.spearman_p.tolist()[:2] == pytest.approx([0, 0], abs=1e-100)
    assert found.constant.tolist() == [False, False, True]
    for values in (found.spearman, found.spearman_p, found.pearson, found.pearson_p):
        assert np.isnan(values).tolist() == [False, False, True]


def test_all_units_are_corrected_together_but_for_constant_ones():
    layers = [np.array([0.001, np.nan, 0.2]), np.array([0.02, 0.03])]
    first, second = correct_together(layers)
    together = stats.false_discovery_control([0.001, 0.2, 0.02, 0.03])
    assert first.tolist() == pytest.approx([together[0], np.nan, together[1]], nan_ok=True)
    assert second.tolist() == pytest.approx(together[2:])


@pytest.mark.parametrize(
    ("units", "score", "words"),
    [
        (np.zeros((2, 3)), np.arange(2.0), "2 picture.s. is too few to correlate units with"),
        (np.eye(4), np.full(4, 0.5), "0.5 for each of the 4 pictures"),
        (np.array([[0, 1], [1, np.inf], [2, 3]]), np.arange(3.0), "Unit 1 is not finite"),
    ],
)
def test_what_cannot_be_correlated_is_refused_in_a_sentence(units, score, words):
    with pytest.raises(MemnetError, match=words):
        correlate_units(units, score)


def false_discoveries(related: int, studies: int, units: int = 200, n: int = 60) -> tuple:
    """Share of the units found that are not related, and of studies that find such; means.

    The units share factors, as those of a layer do.
    """
    random = np.random.default_rng(related)
    shares = []
    plain = 0
    for _ in range(studies):
        score = random.normal(size=n)
        layer = random.normal(size=(n, units)) + random.normal(size=(n, 3)) @ random.normal(
            size=(3, units)
        )
        layer[:, :related] += 1.5 * score[:, None]
        found = correlate_units(layer, score)
        (adjusted,) = correct_together([found.spearman_p])
        below = adjusted < 0.05
        shares.append(below[related:].sum() / max(1, below.sum()))
        plain += (found.spearman_p[related:] < 0.05).any()
    return np.mean(shares), plain / studies


@pytest.mark.parametrize(("related", "bound"), [(0, 0.05), (40, 0.05 * 160 / 200)])
def test_the_share_of_false_discoveries_is_controlled(related, bound):
    """Without correction, nearly every study finds units that are not related."""
    share, uncorrected = false_discoveries(related, studies=200)
    assert share <= bound + 0.03
    assert uncorrected > 0.8


@pytest.mark.slow
@pytest.mark.parametrize(("related", "bound"), [(0, 0.05), (40, 0.05 * 160 / 200)])
def test_the_share_of_false_discoveries_is_controlled_in_more_studies(related, bound):
    share, _ = false_discoveries(related, studies=4000, units=500)
    assert share <= bound + 0.008


def test_a_few_pictures_have_no_p_values(random):
    """Of three, every third unit has rho 1 or -1 by chance, whose p by Student's t is 0."""
    for n, known in ((3, False), (9, False), (10, True)):
        found = correlate_units(random.normal(size=(n, 30)), random.normal(size=n))
        assert np.isfinite(found.spearman).all()
        assert np.isfinite(found.spearman_p).all() == np.isfinite(found.pearson_p).all() == known
