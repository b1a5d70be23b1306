"""Measures of balance against NumPy and SciPy apart, and against printed tables.

Printed values (seen there): standardised differences of means and SDs in Table 4 of the European
Journal of Health Economics 20, 375-387 (doi 10.1007/s10198-018-0999-6), and, of R's tableone,
324 against 322 of 656 (SMD .006).
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from memnet.stats.balance import balance, difference_of_shares, standardised_difference


@pytest.fixture
def groups():
    rng = np.random.default_rng(1)
    return rng.normal(0.3, 1, 40), rng.gamma(2, 1, 31)


def _with(mean, sd):
    """Return two values with exactly this mean and SD."""
    return [mean - sd / math.sqrt(2), mean + sd / math.sqrt(2)]


def test_difference_is_by_the_mean_of_both_variances(groups):
    a, b = groups
    pooled = math.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    assert balance(a, b).difference == pytest.approx((a.mean() - b.mean()) / pooled, abs=1e-12)
    # pooling by degrees of freedom (Cohen's d) is another number where groups differ in size
    weighted = math.sqrt((39 * np.var(a, ddof=1) + 30 * np.var(b, ddof=1)) / 69)
    assert abs(balance(a, b).difference - (a.mean() - b.mean()) / weighted) > 1e-3


@pytest.mark.parametrize(
    ("first", "second", "printed"),
    [
        ((0.74, 1.23), (0.92, 1.31), -0.14),
        ((0.31, 0.46), (0.33, 0.47), -0.04),
        ((0.58, 0.49), (0.62, 0.48), -0.08),
    ],
)
def test_differences_are_those_printed(first, second, printed):
    assert standardised_difference(_with(*first), _with(*second)) == pytest.approx(
        printed, abs=0.005
    )


def test_difference_of_shares_is_that_of_tableone():
    assert difference_of_shares(324 / 656, 322 / 656) == pytest.approx(0.006, abs=0.0005)


def test_variance_ratio_and_one_minus_ks_are_numpys_and_scipys(groups):
    a, b = groups
    result = balance(a, b)
    assert result.variance_ratio == pytest.approx(np.var(a, ddof=1) / np.var(b, ddof=1), abs=1e-12)
    every = np.concatenate([a, b])
    steps = [abs((a <= x).mean() - (b <= x).mean()) for x in every]
    assert result.one_minus_ks == pytest.approx(1 - max(steps), abs=1e-12)
    assert result.one_minus_ks == pytest.approx(1 - stats.ks_2samp(a, b).statistic, abs=1e-12)


def test_groups_swapped_change_the_sign_alone(groups):
    a, b = groups
    there, back = balance(a, b), balance(b, a)
    assert there.difference == -back.difference
    assert there.variance_ratio == pytest.approx(1 / back.variance_ratio, rel=1e-12)
    assert there.one_minus_ks == back.one_minus_ks


def test_numbers_do_not_make_groups_less_alike(groups):
    a, b = groups
    once, twentyfold = balance(a, b), balance(np.tile(a, 20), np.tile(b, 20))
    assert twentyfold.difference == pytest.approx(once.difference, rel=0.03)
    assert twentyfold.one_minus_ks == pytest.approx(once.one_minus_ks, abs=1e-12)


def test_without_spread_equal_means_are_alike_and_others_undefined():
    assert standardised_difference([1, 1], [1, 1]) == 0
    assert math.isnan(standardised_difference([1, 1], [2, 2]))
    assert math.isnan(balance([1, 2], [2, 2]).variance_ratio)
    assert difference_of_shares(0, 0) == 0
    assert math.isnan(difference_of_shares(0, 1))


@pytest.mark.parametrize("values", [[1.0], [1.0, math.nan], [[1.0, 2.0]]])
def test_what_cannot_be_compared_is_refused(values):
    with pytest.raises(ValueError, match="two finite values"):
        balance(values, [1.0, 2.0])
