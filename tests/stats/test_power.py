"""Planned pictures against published sample sizes, an independent derivation, and simulation.

Published figures (seen there, none recomputed):

- statpsych (Bonett's own R package, manual of 1.6.0): ``size.ci.spear(.05, .362, .25)`` is 200,
  ``size.ci.cor(.05, .362, 0, .25)`` is 188, and the interval of ``ci.spear``;
- G*Power 3.1 (Faul, Erdfelder, Buchner & Lang 2009, p. 1152): correlations .4 and .2 that share a
  variable, .5 between the others, one-sided at 5 %, power .8: 144.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from memnet.stats import power as formulas
from memnet.stats.dependent_correlations import steiger
from memnet.stats.power import (
    attenuated,
    interval_width,
    pictures_for_difference,
    pictures_for_margin,
    pictures_for_width,
    power_of_difference,
    power_of_equivalence,
    rho_interval,
    smallest_difference,
    smallest_margin,
)
from memnet.stats.power_simulation import correlation_matrix, rho_and_influence, simulate


def test_pictures_for_a_width_are_bonetts_own():
    assert pictures_for_width(0.362, 0.25) == 200
    assert pictures_for_width(0.362, 0.25, pearson=True) == 188


def test_the_interval_is_bonetts_own():
    low, high = rho_interval(0.8699639, 15)
    assert low == pytest.approx(0.5840951, abs=5e-7)
    assert high == pytest.approx(0.9638297, abs=5e-7)


@pytest.mark.parametrize("rho", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("width", [0.1, 0.2, 0.3])
def test_pictures_for_a_width_are_bonett_and_wrights_two_stages(rho, width):
    """Their equations: a first number, whose interval's width then corrects it."""
    quantile = norm.ppf(0.975)
    first = math.ceil(4 * (1 + rho**2 / 2) * (1 - rho**2) ** 2 * (quantile / width) ** 2 + 3)
    second = math.ceil((first - 3) * (interval_width(rho, first) / width) ** 2 + 3)
    assert abs(pictures_for_width(rho, width) - second) <= 2
    n = pictures_for_width(rho, width)
    assert interval_width(rho, n) <= width < interval_width(rho, n - 1)


def test_pictures_for_a_difference_are_gpowers():
    """G*Power puts the null hypothesis at the first correlation, Steiger's test at the mean."""
    null, actual = (formulas._sd_of_difference(0.4, b, 0.5, True) for b in (0.4, 0.2))
    apart = math.atanh(0.4) - math.atanh(0.2)
    n = ((norm.ppf(0.95) * null + norm.ppf(0.8) * actual) / apart) ** 2 + 3
    assert math.ceil(n) == 144
    ours = pictures_for_difference(0.4, 0.2, 0.5, 0.8, tails=1, pearson=True)
    assert abs(ours - 144) <= 0.04 * 144


def test_a_difference_is_found_where_steigers_test_finds_it():
    """With a power of a half, the expected difference lies exactly at the test's limit."""
    n = pictures_for_difference(0.6, 0.5, 0.7, 0.5, pearson=True)
    assert steiger(0.6, 0.5, 0.7, n).p <= 0.0501
    assert steiger(0.6, 0.5, 0.7, n - 1).p > 0.05


def test_correlations_that_share_the_human_scores_need_far_fewer_pictures():
    """Taken for independent, as by a formula for two groups: 3,277 instead of 480."""
    spread = 2 * (1 + 0.6**2 / 2)
    apart = math.atanh(0.6) - math.atanh(0.55)
    independent = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 * spread / apart**2 + 3
    assert independent > 6 * pictures_for_difference(0.6, 0.55, 0.9, 0.8)
    by_likeness = [pictures_for_difference(0.6, 0.55, r, 0.8) for r in (0.5, 0.7, 0.9)]
    assert by_likeness == sorted(by_likeness, reverse=True)


def test_noisy_human_scores_need_more_pictures():
    seen = [attenuated(rho, 0.5) for rho in (0.7, 0.6)]
    assert seen == pytest.approx([0.7 * 0.5**0.5, 0.6 * 0.5**0.5], abs=1e-15)
    assert pictures_for_difference(*seen, 0.7, 0.8) > 2 * pictures_for_difference(
        0.7, 0.6, 0.7, 0.8
    )


def test_what_a_number_of_pictures_gives_is_what_needs_it():
    n = pictures_for_difference(0.6, 0.52, 0.7, 0.9)
    assert smallest_difference(0.6, 0.7, n, 0.9) == pytest.approx(0.08, abs=2e-4)
    assert (
        power_of_difference(0.6, 0.52, 0.7, n - 1) < 0.9 <= power_of_difference(0.6, 0.52, 0.7, n)
    )
    n = pictures_for_margin(0.6, 0.7, 0.04, 0.9)
    assert smallest_margin(0.6, 0.7, n, 0.9) == pytest.approx(0.04, abs=1e-4)
    assert (
        power_of_equivalence(0.6, 0.7, 0.04, n - 1) < 0.9 <= power_of_equivalence(0.6, 0.7, 0.04, n)
    )


def test_without_a_difference_the_test_rejects_as_often_as_it_should():
    assert power_of_difference(0.5, 0.5, 0.6, 300) == pytest.approx(0.05, abs=1e-12)


def test_few_pictures_show_no_equivalence_and_perhaps_no_difference():
    assert power_of_equivalence(0.6, 0.7, 0.02, 50) == 0
    assert math.isnan(smallest_difference(0.6, 0.9, 5, 0.99))


def test_what_no_study_can_show_is_refused():
    with pytest.raises(ValueError, match="more than 1,000,000,000 pictures"):
        pictures_for_width(0.5, 1e-9)


# Simulation ---------------------------------------------------------------------------------------


def test_rho_of_a_simulated_study_is_scipys():
    rng = np.random.default_rng(0)
    truth, prediction = rng.standard_normal((2, 3, 50))
    rho, _ = rho_and_influence(truth, prediction)
    expected = [spearmanr(*pair).statistic for pair in zip(truth, prediction, strict=True)]
    assert rho == pytest.approx(expected, abs=1e-12)


def test_the_influence_of_a_picture_is_what_leaving_it_out_does():
    """The jackknife: n - 1 times the change of rho, to terms of 1 / n."""
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(400)
    prediction = truth + rng.standard_normal(400)
    rho, influence = rho_and_influence(truth[None], prediction[None])
    left_out = [
        spearmanr(np.delete(truth, i), np.delete(prediction, i)).statistic for i in range(400)
    ]
    assert influence[0] == pytest.approx(399 * (rho[0] - left_out), abs=0.03)


def test_noise_lowers_the_correlations_with_the_human_scores_alone():
    noisy, plain = (correlation_matrix(0.6, 0.5, 0.7, r) for r in (0.49, 1.0))
    assert noisy[0, 1:] == pytest.approx(0.7 * plain[0, 1:], abs=1e-15)
    assert noisy[1, 2] == plain[1, 2]
    with pytest.raises(ValueError, match="no three scores"):
        correlation_matrix(0.9, 0.8, 0.1, 1.0)


def test_simulated_studies_of_one_seed_are_the_same():
    first, again, other = (simulate(0.6, 0.5, 0.7, 50, studies=40, seed=s) for s in (1, 1, 2))
    assert first == again != other


def test_a_small_simulation_agrees_with_the_formulas():
    n = pictures_for_difference(0.6, 0.4, 0.7, 0.8)
    done = simulate(0.6, 0.4, 0.7, n, studies=1_000, seed=3)
    assert done.found == pytest.approx(0.8, abs=0.06)
    assert done.coverage == pytest.approx(0.95, abs=0.025)
    assert done.width == pytest.approx(interval_width(0.6, n), rel=0.05)
    assert done.error(0.8) == pytest.approx((0.8 * 0.2 / 1_000) ** 0.5, abs=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rho", "difference", "between"), [(0.3, 0.1, 0.5), (0.6, 0.1, 0.7), (0.8, 0.05, 0.8)]
)
def test_simulated_studies_of_the_planned_size_find_what_was_planned(rho, difference, between):
    """Rather more often: the formulas err to that side, by up to 4 points."""
    n = pictures_for_difference(rho, rho - difference, between, 0.8)
    assert 0.785 <= simulate(rho, rho - difference, between, n, studies=4_000).found <= 0.85
    n = pictures_for_margin(rho, between, 0.05, 0.8)
    done = simulate(rho, rho, between, n, margin=0.05, studies=4_000)
    assert 0.785 <= done.equivalent <= 0.86
    assert 0.04 <= done.found <= 0.06
    assert 0.93 <= done.coverage <= 0.96
    # Two models at the margin are called equivalent in 5 % of the studies at most.
    at_margin = simulate(rho, rho - 0.05, between, n, margin=0.05, studies=4_000)
    assert at_margin.equivalent <= 0.06
