"""How many people show two groups of pictures to differ: limits, and simulated studies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower

from memnet.stats.power import participants_for_groups

CASES = [(0.07, 0.10, 0.76, 40), (0.12, 0.08, 0.60, 16), (0.05, 0.06, 0.85, 60)]


def test_with_pictures_that_do_not_differ_people_alone_count():
    # p (1 - p) / n is then the variance of a picture; statsmodels solves for the same n
    difference, mean, k = 0.04, 0.6, 50
    people = participants_for_groups(difference, 0.0, mean, k)
    variance = np.mean([p * (1 - p) for p in (mean - difference / 2, mean + difference / 2)])

    def power(n):
        effect = difference / np.sqrt(variance / n)
        return TTestIndPower().power(effect, k, 0.05)

    assert power(people) >= 0.8 > power(people - 1) - 0.002  # Welch's df, not the pooled


@pytest.mark.parametrize("case", CASES)
def test_the_answer_grows_with_power_and_shrinks_with_the_difference(case):
    difference, sd, mean, k = case
    people = participants_for_groups(*case)
    assert participants_for_groups(*case, power=0.85) > people
    assert participants_for_groups(1.3 * difference, sd, mean, k) < people
    assert participants_for_groups(difference, sd, mean, 2 * k) < people


def test_no_number_of_people_replaces_pictures():
    # infinitely many people leave the pictures' own spread: statsmodels' power is then the most
    most = TTestIndPower().power(0.04 / 0.1, 40, 0.05)
    assert most < 0.8
    assert participants_for_groups(0.04, 0.1, 0.75, 40) is None
    assert participants_for_groups(0.04, 0.1, 0.75, 40, power=most - 0.01) is not None


@pytest.mark.parametrize(
    "case", [(0, 0.1, 0.7, 20), (0.1, -1, 0.7, 20), (0.1, 0.1, 0.98, 20), (0.1, 0.1, 0.7, 1)]
)
def test_what_cannot_be_is_refused(case):
    with pytest.raises(ValueError, match="out of its range"):
        participants_for_groups(*case)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_simulated_studies_find_the_difference_as_often(case):
    """10,000 studies: pictures' true shares from beta distributions, people's answers binomial."""
    difference, sd, mean, k = case
    people = participants_for_groups(*case)
    rng = np.random.default_rng(20260)
    seen = []
    for share in (mean + difference / 2, mean - difference / 2):
        size = share * (1 - share) / sd**2 - 1  # a + b of the beta distribution
        truth = rng.beta(share * size, (1 - share) * size, (10_000, k))
        seen.append(rng.binomial(people, truth) / people)
    p = stats.ttest_ind(*seen, axis=1, equal_var=False).pvalue
    above = seen[0].mean(axis=1) > seen[1].mean(axis=1)
    found = np.mean((p < 0.05) & above)
    assert found == pytest.approx(0.8, abs=0.02)
