"""Tests of dependent correlations against published figures and independent derivations.

Where the published figures come from (seen there, none recomputed):

- "cocor tests": ``tests/testthat/tests.r`` of the R package cocor, which quotes the worked examples
  of Steiger (1980, p. 249), Meng, Rosenthal & Rubin (1992), May & Hittner (1997, Psychological
  Reports 80, 475-480), Zou (2007, p. 409), and the output of the FORTRAN program DEPCOR (Silver,
  Hittner & May 2006, Applied Psychological Measurement 30, 152-153).
- Howell, Statistical Methods for Psychology (6th ed., p. 262), worked by B. Weaver in SPSS:
  https://imaging.mrc-cbu.cam.ac.uk/statswiki/FAQ/Will
- Printed output of cocor (Diedenhofen & Musch 2015, PLoS ONE 10(4): e0121945) on real data: TIMSS
  2011 (Cheng & Hsu, R in the behavioural sciences, chapter 2), the vignette "Comparing
  Correlations" of the R package rmcorr, and ``docs/04-Validity.md`` of lhbikos/ReC_Psychometrics
  (ReCentering Psych Stats). The correlations are printed to four digits there.
"""

from __future__ import annotations

import itertools
import math

import mpmath
import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from memnet.stats import dependent_correlations
from memnet.stats.dependent_correlations import (
    benjamini_hochberg,
    holm,
    meng_rosenthal_rubin,
    steiger,
    williams,
    zou,
)

LIMIT = 1e-12
ALL = [williams, steiger, meng_rosenthal_rubin, zou]


def figures(result) -> dict[str, float]:
    """The figures of a result that are NaN where it is undefined."""
    return {
        name: vars(result)[name] for name in ("t", "z", "p", "low", "high") if hasattr(result, name)
    }


# Published figures, exact inputs ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("r", "n", "t", "p", "half"),
    [
        ((0.3, 0.4, 0.5), 100, -1.0767, 0.2843, 5e-5),  # DEPCOR
        ((0.80, 0.72, 0.89), 26, 1.361, 0.187, 5e-4),  # Howell
        # Steiger (1980), case A. The cocor tests set -.8913 beside Z2*, which is -.8887; it is the
        # t of Williams to all its digits, and psych::r.test runs "Steiger case A" as that test.
        ((0.4, 0.5, 0.1), 103, -0.8913, None, 5e-5),
    ],
)
def test_williams_gives_the_published_figures(r, n, t, p, half):
    result = williams(*r, n)
    assert result.t == pytest.approx(t, abs=half)
    assert result.df == n - 3
    if p is not None:
        assert result.p == pytest.approx(p, abs=half)


def test_steiger_gives_the_published_figures():
    case_a = steiger(0.4, 0.5, 0.1, 103)  # cocor tests, Steiger (1980), case A
    assert case_a.z == pytest.approx(-0.8887185, abs=5e-8)
    depcor = steiger(0.3, 0.4, 0.5, 100)  # DEPCOR
    assert depcor.z == pytest.approx(-1.0718, abs=5e-5)  # Hittner et al.'s variant: -1.0715
    assert depcor.p == pytest.approx(0.2838, abs=5e-5)


def test_meng_rosenthal_rubin_give_their_worked_example():
    result = meng_rosenthal_rubin(0.63, -0.03, -0.19, 15)
    assert result.z == pytest.approx(1.68, abs=5e-3)
    assert result.p / 2 == pytest.approx(0.047, abs=5e-4)  # the paper's p is one-sided
    assert result.low == pytest.approx(-0.129, abs=5e-4)
    # The paper prints 1.671; carried through without rounding it is 1.672 (cocor tests).
    assert result.high == pytest.approx(1.672, abs=5e-4)


def test_meng_rosenthal_rubin_give_the_figures_of_depcor():
    result = meng_rosenthal_rubin(0.3, 0.4, 0.5, 100)
    assert result.z == pytest.approx(-1.0707, abs=5e-5)
    assert result.p == pytest.approx(0.2843, abs=5e-5)


@pytest.mark.parametrize(
    ("r_ta", "r_tb", "column"),
    [
        # The paper prints 2.24 for 2.245 (cocor tests).
        (0.5, 0.2, [1.62, 1.70, 1.80, 1.91, 2.06, 2.245, 2.50, 2.87, 3.50]),
        (0.7, 0.4, [2.03, 2.10, 2.20, 2.32, 2.47, 2.66, 2.94, 3.35, 4.05]),
    ],
)
def test_meng_rosenthal_rubin_give_the_table_of_may_and_hittner(r_ta, r_tb, column):
    for tenths, z in enumerate(column):
        assert meng_rosenthal_rubin(r_ta, r_tb, tenths / 10, 50).z == pytest.approx(z, abs=5e-3)


def test_zou_gives_his_worked_example():
    result = zou(0.396, 0.179, 0.088, 66)
    assert result.difference == pytest.approx(0.217, abs=LIMIT)
    assert result.low == pytest.approx(-0.093, abs=5e-4)
    assert result.high == pytest.approx(0.517, abs=5e-4)


# Published output, inputs rounded to four digits --------------------------------------------------

PRINTED = {
    "TIMSS 2011": {  # r_ta is printed with seven digits elsewhere on the page
        "r": (0.7245044, 0.7108, 0.8972),
        "half": (5e-8, 5e-5, 5e-5),
        "n": 15549,
        "williams": 5.5544,
        "steiger": 5.5498,
        "meng": 5.5496,
        "meng interval": (0.0182, 0.0381),
        "zou": (0.0088, 0.0185),
    },
    "rmcorr": {  # r_ta is printed with seven digits elsewhere on the page
        "r": (0.8065821, 0.2383, 0.2255),
        "half": (5e-8, 5e-5, 5e-5),
        "n": 177,
        "williams": 9.3823,
        "steiger": 8.5460,
        "meng": 8.3907,
        "meng interval": (0.6700, 1.0784),
        "zou": (0.4288, 0.7139),
    },
    "victimization": {
        "r": (-0.1741, 0.2015, 0.3734),
        "half": (5e-5, 5e-5, 5e-5),
        "n": 646,
        "williams": -9.0340,
        "steiger": -8.6124,
        "meng": -8.5080,
        "meng interval": (-0.4678, -0.2926),
        "zou": (-0.4568, -0.2921),
    },
    "climate": {
        "r": (0.1724, 0.1795, 0.5387),
        "half": (5e-5, 5e-5, 5e-5),
        "n": 646,
        "williams": -0.1909,
        "steiger": -0.1909,
        "meng": -0.1909,
        "meng interval": (-0.0825, 0.0678),
        "zou": (-0.0798, 0.0656),
    },
}


@pytest.mark.parametrize("source", PRINTED)
def test_printed_output_lies_within_what_its_rounded_inputs_allow(source):
    printed = PRINTED[source]

    def check(name, value, figure):
        corners = [
            figure(
                *(
                    r + sign * half
                    for r, sign, half in zip(printed["r"], signs, printed["half"], strict=True)
                )
            )
            for signs in itertools.product((-1, 1), repeat=3)
        ]
        assert min(corners) - 5e-5 <= value <= max(corners) + 5e-5, name
        assert max(corners) - min(corners) < 0.03 * max(abs(value), 0.2), f"{name}: no test at all"

    n = printed["n"]
    check("williams", printed["williams"], lambda *r: williams(*r, n).t)
    check("steiger", printed["steiger"], lambda *r: steiger(*r, n).z)
    check("meng", printed["meng"], lambda *r: meng_rosenthal_rubin(*r, n).z)
    for i, end in enumerate(("low", "high")):
        check(
            f"meng {end}",
            printed["meng interval"][i],
            lambda *r, e=end: getattr(meng_rosenthal_rubin(*r, n), e),
        )
        check(f"zou {end}", printed["zou"][i], lambda *r, e=end: getattr(zou(*r, n), e))


# Independent derivations --------------------------------------------------------------------------


def triples(count=200, seed=3):
    """Possible (r_ta, r_tb, r_ab, n): correlations of small random samples."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        mixing = random.standard_normal((3, 3))
        r = np.corrcoef(mixing @ random.standard_normal((3, int(random.integers(8, 60)))))
        yield float(r[0, 1]), float(r[0, 2]), float(r[1, 2]), int(random.integers(4, 20_000))


def covariance(r, jk, hm):
    """n times the large-sample covariance of two correlations of any variables (Steiger eq. 2)."""
    j, k = jk
    h, m = hm
    return (
        (r[j, h] - r[j, k] * r[k, h]) * (r[k, m] - r[k, h] * r[h, m])
        + (r[j, m] - r[j, h] * r[h, m]) * (r[k, h] - r[k, j] * r[j, h])
        + (r[j, h] - r[j, m] * r[m, h]) * (r[k, m] - r[k, j] * r[j, m])
        + (r[j, m] - r[j, k] * r[k, m]) * (r[k, h] - r[k, m] * r[m, h])
    ) / 2


def matrix(r_ta, r_tb, r_ab):
    return mpmath.matrix([[1, r_ta, r_tb], [r_ta, 1, r_ab], [r_tb, r_ab, 1]])


def normal_p(z):
    return mpmath.erfc(abs(z) / mpmath.sqrt(2))


QUANTILE = "1.95996398454005423552459443052055152795555"  # of the normal distribution at 0.975


def close(value, expected):
    return value == pytest.approx(float(expected), rel=LIMIT, abs=LIMIT)


def test_williams_equals_the_determinant_form_in_fifty_digits():
    with mpmath.workdps(50):
        for a, b, q, n in triples(60):
            x, y, w = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(q)
            below = 2 * mpmath.mpf(n - 1) / (n - 3) * mpmath.det(matrix(x, y, w))
            below += ((x + y) / 2) ** 2 * (1 - w) ** 3
            t = (x - y) * mpmath.sqrt((n - 1) * (1 + w) / below)
            df = mpmath.mpf(n - 3)
            p = mpmath.betainc(df / 2, 0.5, 0, df / (df + t * t), regularized=True)
            result = williams(a, b, q, n)
            assert close(result.t, t)
            assert close(result.p, p)


def test_williams_follows_from_least_squares_on_the_data():
    # Hotelling's t is the t of "both models have the same weight" in the regression of the truth
    # on both standardised predictions; Williams's t adds a term to its squared standard error.
    random = np.random.default_rng(11)
    for n in (6, 20, 150):
        data = random.standard_normal((n, 3)) @ random.standard_normal((3, 3))
        t, a, b = ((data - data.mean(0)) / data.std(0)).T
        design = np.column_stack([a, b])
        weights, squares, *_ = np.linalg.lstsq(design, t, rcond=None)
        contrast = np.array([1.0, -1.0])
        variance = squares[0] / (n - 3) * contrast @ np.linalg.inv(design.T @ design) @ contrast
        hotelling = contrast @ weights / math.sqrt(variance)
        r_ta, r_tb, r_ab = t @ a / n, t @ b / n, a @ b / n
        extra = ((r_ta + r_tb) / 2 / (r_ta - r_tb)) ** 2 * (1 - r_ab) ** 3 / ((n - 1) * (1 + r_ab))
        expected = math.copysign((1 / hotelling**2 + extra) ** -0.5, hotelling)
        assert williams(r_ta, r_tb, r_ab, n).t == pytest.approx(expected, rel=1e-10)


def test_steiger_equals_the_general_covariance_at_the_mean_in_fifty_digits():
    with mpmath.workdps(50):
        for a, b, q, n in triples():
            x, y, w = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(q)
            mean = (x + y) / 2
            c = covariance(matrix(mean, mean, w), (0, 1), (0, 2)) / (1 - mean**2) ** 2
            z = (mpmath.atanh(x) - mpmath.atanh(y)) * mpmath.sqrt(n - 3) / mpmath.sqrt(2 - 2 * c)
            result = steiger(a, b, q, n)
            assert close(result.z, z)
            assert close(result.p, normal_p(z))


def test_meng_rosenthal_rubin_equal_the_other_form_of_h_in_fifty_digits():
    cut = 0
    with mpmath.workdps(50):
        for a, b, q, n in triples():
            x, y, w = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(q)
            square = (x * x + y * y) / 2
            f = (1 - w) / (2 * (1 - square))
            cut += f > 1
            h = 1 + square / (1 - square) * (1 - min(f, mpmath.mpf(1)))
            error = mpmath.sqrt(2 * (1 - w) * h / (n - 3))
            difference = mpmath.log((1 + x) * (1 - y) / ((1 - x) * (1 + y))) / 2
            result = meng_rosenthal_rubin(a, b, q, n)
            assert close(result.z_difference, difference)
            assert close(result.z, difference / error)
            assert close(result.p, normal_p(difference / error))
            assert close(result.low, difference - mpmath.mpf(QUANTILE) * error)
            assert close(result.high, difference + mpmath.mpf(QUANTILE) * error)
    assert cut > 5, "no triple tests the limit on f"


def test_zou_equals_the_general_covariance_in_fifty_digits():
    with mpmath.workdps(50):
        for a, b, q, n in triples():
            x, y, w = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(q)
            c = covariance(matrix(x, y, w), (0, 1), (0, 2)) / ((1 - x**2) * (1 - y**2))
            half = mpmath.mpf(QUANTILE) / mpmath.sqrt(n - 3)
            l1, u1 = (mpmath.tanh(mpmath.atanh(x) + s * half) for s in (-1, 1))
            l2, u2 = (mpmath.tanh(mpmath.atanh(y) + s * half) for s in (-1, 1))
            down, up = (x - l1, u2 - y), (u1 - x, y - l2)
            low, high = (mpmath.sqrt(e**2 + g**2 - 2 * c * e * g) for e, g in (down, up))
            result = zou(a, b, q, n)
            assert close(result.low, x - y - low)
            assert close(result.high, x - y + high)


# Properties ---------------------------------------------------------------------------------------


def test_swapping_the_models_changes_the_sign_and_nothing_else():
    for a, b, q, n in triples():
        assert williams(b, a, q, n).t == -williams(a, b, q, n).t
        assert williams(b, a, q, n).p == williams(a, b, q, n).p
        assert steiger(b, a, q, n).z == -steiger(a, b, q, n).z
        assert steiger(b, a, q, n).p == steiger(a, b, q, n).p
        here, there = meng_rosenthal_rubin(a, b, q, n), meng_rosenthal_rubin(b, a, q, n)
        assert (there.z, there.p) == (-here.z, here.p)
        assert (there.low, there.high) == (-here.high, -here.low)
        one, other = zou(a, b, q, n), zou(b, a, q, n)
        assert (other.low, other.high) == pytest.approx((-one.high, -one.low), abs=LIMIT)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_interval_of_zou_contains_the_difference_and_grows_with_the_level(level):
    for a, b, q, n in triples():
        result = zou(a, b, q, n, level=level)
        wider = zou(a, b, q, n, level=(1 + level) / 2)
        assert -2 <= wider.low < result.low < result.difference < result.high < wider.high <= 2
        assert result.difference == a - b
        assert result.level == level


@pytest.mark.parametrize("level", [0.90, 0.95, 0.99])
def test_the_interval_of_meng_rosenthal_rubin_excludes_0_exactly_where_they_reject(level):
    rejected = 0
    for a, b, q, n in triples(1000):
        result = meng_rosenthal_rubin(a, b, q, min(n, 60), level=level)
        outside = result.low > 0 or result.high < 0
        assert outside == (result.p < 1 - level)
        rejected += outside
    assert 100 < rejected < 900


def test_equal_correlations_of_different_models_give_statistic_0_and_p_1():
    for r, q in [(0.5, 0.6), (-0.3, 0.2), (0.0, 0.0), (0.9, 0.999)]:
        assert (williams(r, r, q, 40).t, williams(r, r, q, 40).p) == (0, 1)
        assert (steiger(r, r, q, 40).z, steiger(r, r, q, 40).p) == (0, 1)
        result = meng_rosenthal_rubin(r, r, q, 40)
        assert (result.z, result.p, result.low) == (0, 1, -result.high)
        assert zou(r, r, q, 40).low < 0 < zou(r, r, q, 40).high


UNDEFINED = {
    "three pictures": (0.5, 0.4, 0.6, 3),
    "no pictures": (0.5, 0.4, 0.6, 0),
    "r_ta is 1": (1.0, 0.4, 0.4, 50),
    "r_tb is -1": (0.4, -1.0, -0.4, 50),
    "both are 1": (1.0, 1.0, 1.0, 50),
    "identical predictions": (0.5, 0.5, 1.0, 50),
    "mirrored predictions": (0.5, -0.5, -1.0, 50),
    "r_ta is NaN": (math.nan, 0.4, 0.6, 50),
    "r_tb is NaN": (0.5, math.nan, 0.6, 50),
    "r_ab is NaN": (0.5, 0.4, math.nan, 50),
    "r_ab is infinite": (0.5, 0.4, math.inf, 50),
    "impossible: negative determinant": (0.9, -0.9, 0.9, 50),
    "impossible: same predictions, other correlation": (0.5, 0.4, 1.0, 50),
    "impossible: nearly the same predictions": (0.5, 0.4, 1 - 1e-6, 50),
    "impossible: the same to ten digits": (0.5, 0.4999, 1 - 1e-10, 50),
    "impossible: above 1": (0.5, 1.2, 0.6, 50),
}


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("kind", [float, np.float64])
@pytest.mark.parametrize("case", UNDEFINED)
def test_what_is_undefined_is_nan_without_a_warning(function, kind, case):
    *r, n = UNDEFINED[case]
    with np.errstate(all="raise"):
        result = function(*map(kind, r), n)
    found = figures(result)
    assert found
    assert all(math.isnan(value) for value in found.values()), result


def test_identical_predictions_have_difference_0():
    assert zou(0.5, 0.5, 1.0, 50).difference == 0
    assert williams(0.5, 0.5, 1.0, 50).difference == 0


@pytest.mark.parametrize("function", ALL)
def test_predictions_identical_to_rounding_get_no_statistic(function):
    # np.corrcoef of a column with a linear function of itself is 1 only to rounding; a statistic
    # from it would be the quotient of two rounding errors.
    random = np.random.default_rng(5)
    for _ in range(200):
        truth, a = random.standard_normal((2, 30))
        r = np.corrcoef([truth, a, 3 * a + 0.1])
        assert abs(r[1, 2] - 1) < 1e-14
        result = function(r[0, 1], r[0, 2], r[1, 2], 30)
        assert all(math.isnan(value) for value in figures(result).values()), result


@pytest.mark.parametrize("function", ALL)
def test_four_pictures_and_nearly_identical_predictions_still_have_an_answer(function):
    for r, digits in itertools.product([-0.9, 0.0, 0.3, 0.97], range(1, 12)):
        result = function(r, r, 1 - 10.0**-digits, 4)
        assert all(math.isfinite(value) for value in figures(result).values()), result


@pytest.mark.parametrize("function", ALL)
def test_a_truth_that_is_a_mixture_of_both_models_is_possible(function):
    # The determinant is 0 and computed as 0 only to rounding, half of the time below it.
    random = np.random.default_rng(6)
    below = 0
    for _ in range(200):
        a, b = random.standard_normal((2, 30))
        r = np.corrcoef([a + 2 * b, a, b])
        below += dependent_correlations._determinant(r[0, 1], r[0, 2], r[1, 2]) < 0
        result = function(r[0, 1], r[0, 2], r[1, 2], 30)
        assert all(math.isfinite(value) for value in figures(result).values()), result
    assert below > 20


def test_williams_has_no_answer_where_its_standard_error_is_0():
    # The truth is a - b to a factor: no residual, and the mean correlation is 0.
    assert math.isnan(williams(0.5, -0.5, 0.5, 20).t)
    assert math.isnan(williams(0.5, -0.5, 0.5, 20).p)


@pytest.mark.parametrize("function", [meng_rosenthal_rubin, zou])
@pytest.mark.parametrize("level", [0, 1, 95, math.nan])
def test_a_level_that_is_none_is_refused(function, level):
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        function(0.5, 0.4, 0.6, 50, level=level)


# Corrections --------------------------------------------------------------------------------------

CORRECTIONS = [(holm, "holm"), (benjamini_hochberg, "fdr_bh")]


def p_values(size, seed):
    """P values with ties, a 0 and a 1 among them."""
    random = np.random.default_rng(seed)
    values = random.beta(0.3, 1.5, size).round(seed % 4 + 1)
    values[0], values[-1] = 0.0, 1.0
    return random.permutation(values)


@pytest.mark.parametrize(("function", "name"), CORRECTIONS)
@pytest.mark.parametrize("size", [1, 2, 3, 10, 45, 1000])
def test_corrections_equal_those_of_statsmodels(function, name, size):
    for seed in range(2):  # statsmodels collects garbage at each call, which takes its time here
        values = p_values(size, seed)
        expected = multipletests(values, method=name)[1]
        np.testing.assert_allclose(function(values), expected, rtol=0, atol=LIMIT)


@pytest.mark.parametrize(("function", "name"), CORRECTIONS)
def test_nan_stay_and_are_not_counted(function, name):
    values = p_values(30, 1)
    mixed = np.full(50, math.nan)
    places = np.sort(np.random.default_rng(2).choice(50, 30, replace=False))
    mixed[places] = values
    before = mixed.copy()
    adjusted = function(mixed)
    assert np.isnan(np.delete(adjusted, places)).all()
    np.testing.assert_allclose(
        adjusted[places], multipletests(values, method=name)[1], rtol=0, atol=LIMIT
    )
    np.testing.assert_array_equal(mixed, before)


@pytest.mark.parametrize("function", [holm, benjamini_hochberg])
def test_corrections_of_nothing_are_nothing(function):
    assert function([]).shape == (0,)
    assert np.isnan(function([math.nan, math.nan])).all()
    assert function([0.04]).tolist() == [0.04]


@pytest.mark.parametrize("function", [holm, benjamini_hochberg])
@pytest.mark.parametrize("values", [[0.1, 1.5], [-0.1], [[0.1, 0.2], [0.3, 0.4]], 0.1])
def test_corrections_refuse_what_is_no_row_of_p_values(function, values):
    with pytest.raises(ValueError, match="p values must"):
        function(values)


# Simulation ---------------------------------------------------------------------------------------


def simulated(r_ta, r_tb, r_ab, n, count, seed):
    """Sample correlations (count, 3) of normal data with the given population correlations."""
    factor = np.linalg.cholesky(np.array([[1, r_ta, r_tb], [r_ta, 1, r_ab], [r_tb, r_ab, 1]]))
    data = np.random.default_rng(seed).standard_normal((count, n, 3)) @ factor.T
    data -= data.mean(1, keepdims=True)
    data /= np.sqrt((data**2).sum(1, keepdims=True))
    products = np.einsum("cni,cnj->cij", data, data)
    return products[:, [0, 0, 1], [1, 2, 2]].tolist()


REJECTIONS = {
    "williams": lambda *r: williams(*r).p < 0.05,
    "steiger": lambda *r: steiger(*r).p < 0.05,
    "meng_rosenthal_rubin": lambda *r: meng_rosenthal_rubin(*r).p < 0.05,
    "zou": lambda *r: not zou(*r).low <= 0 <= zou(*r).high,
}


@pytest.mark.parametrize("name", REJECTIONS)
@pytest.mark.parametrize("r", [0.5, 0.0])
def test_a_true_null_hypothesis_is_rejected_in_5_per_cent(name, r):
    samples = simulated(r, r, 0.6, 100, 4000, seed=21)
    rate = np.mean([REJECTIONS[name](*sample, 100) for sample in samples])
    assert 0.03 < rate < 0.07


@pytest.mark.parametrize("name", REJECTIONS)
def test_a_clear_difference_is_found(name):
    samples = simulated(0.7, 0.45, 0.6, 100, 1000, seed=22)
    assert np.mean([REJECTIONS[name](*sample, 100) for sample in samples]) > 0.9


def test_the_interval_of_zou_covers_the_true_difference_in_95_per_cent():
    intervals = [zou(*sample, 100) for sample in simulated(0.7, 0.45, 0.6, 100, 4000, seed=23)]
    below = np.mean([interval.high < 0.25 for interval in intervals])
    above = np.mean([interval.low > 0.25 for interval in intervals])
    assert 0.93 < 1 - below - above < 0.97
    assert max(below, above) < 0.04
