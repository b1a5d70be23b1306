"""A random-effects mean: metafor's and statsmodels' figures, and how often its interval holds."""

from __future__ import annotations

import numpy as np
import pytest

from memnet.stats.random_effects import ONE, TWO, random_effects, tau_squared, variance_of

FIVE = [0.52, 0.61, 0.78, 0.44, 0.70], [0.0021, 0.0009, 0.0035, 0.0050, 0.0012]
ALIKE = [0.60, 0.61, 0.62, 0.605], [0.0021, 0.0009, 0.0035, 0.0050]
PAIR = [0.5, 0.8], [0.002, 0.004]

# R 4, metafor 3.8-1: rma(yi, vi, method="PM", test=TEST, control=list(tol=1e-15, maxiter=10000)),
# b, ci.lb, ci.ub, tau2, pval; test "knha" is Hartung and Knapp's, "z" the normal distribution's.
KNHA = {
    "five": (
        0.613436597112962,
        0.450087118634409,
        0.776786075591514,
        0.014895762920539,
        0.000477983896747008,
    ),
    "pair": (0.646666666666667, -1.25879338547099, 2.55212671880432, 0.042, 0.145068828944453),
}
Z_ALIKE = 0.608598774885145, 0.565551389609748, 0.651646160160542, 0.0
KNHA_ALIKE = 0.597391930007272, 0.619805619763019


@pytest.mark.parametrize(("data", "name"), [(FIVE, "five"), (PAIR, "pair")])
def test_mean_interval_and_tau_are_those_of_metafor(data: tuple[list, list], name: str) -> None:
    result = random_effects(*data)

    assert result.tau is not None
    ours = (result.mean, *result.interval, result.tau**2, result.p_value)
    assert np.allclose(ours, KNHA[name], rtol=1e-9, atol=0)


def test_values_alike_by_luck_have_no_narrower_interval_than_the_usual() -> None:
    result = random_effects(*ALIKE)

    assert np.allclose((result.mean, *result.interval, result.tau), Z_ALIKE, rtol=1e-9, atol=1e-12)
    assert result.interval[0] < KNHA_ALIKE[0] < KNHA_ALIKE[1] < result.interval[1]
    assert result.prediction is not None
    assert result.prediction[0] < result.interval[0] < result.interval[1] < result.prediction[1]


def test_it_agrees_with_statsmodels() -> None:
    meta = pytest.importorskip("statsmodels.stats.meta_analysis")
    generator = np.random.default_rng(0)
    for k in (2, 3, 6, 12):
        variances = generator.uniform(0.001, 0.01, k)
        values = 0.6 + 0.2 * generator.standard_normal(k)
        theirs = meta.combine_effects(
            values, variances, method_re="iterated", use_t=True, atol=1e-14, maxiter=10_000
        )

        ours = random_effects(values.tolist(), variances.tolist())

        assert ours.tau is not None
        assert np.isclose(ours.tau**2, theirs.tau2, rtol=1e-8, atol=1e-10)
        assert np.isclose(ours.mean, theirs.mean_effect_re, rtol=1e-8)
        if ours.tau:  # with tau of 0 ours may be the usual interval, which is wider
            assert np.allclose(ours.interval, theirs.conf_int()[3], rtol=1e-7)


def test_generalised_q_is_its_expectation_at_tau() -> None:
    values, variances = map(np.array, FIVE)
    weights = 1 / (variances + tau_squared(values, variances))

    mean = np.average(values, weights=weights)

    assert np.isclose(weights @ (values - mean) ** 2, 4, rtol=1e-9)


def test_prediction_is_wider_than_the_interval_and_needs_three() -> None:
    five, pair = random_effects(*FIVE), random_effects(*PAIR)

    assert five.prediction is not None
    assert five.prediction[0] < five.interval[0] < five.interval[1] < five.prediction[1]
    # m -+ t(3) sqrt(tau2 + se2), Higgins, Thompson & Spiegelhalter 2009, se by Hartung and Knapp
    reach = 3.182446305284263 * np.sqrt(0.014895762920539 + 0.0588340385958813**2)
    assert np.allclose(five.prediction, (KNHA["five"][0] - reach, KNHA["five"][0] + reach))
    assert pair.prediction is None
    assert pair.reason == TWO


def test_one_data_set_has_its_own_interval_and_says_so() -> None:
    result = random_effects([0.6], [variance_of([0.5, 0.7])])

    assert (result.mean, result.tau, result.prediction, result.reason) == (0.6, None, None, ONE)
    assert np.allclose(result.interval, (0.5, 0.7))


def test_p_value_and_interval_agree() -> None:
    generator = np.random.default_rng(1)
    for _ in range(200):
        k = int(generator.integers(1, 6))
        values = generator.normal(0.02, 0.03, k)
        result = random_effects(values.tolist(), [0.0004] * k)
        low, high = result.interval
        assert (result.p_value < 0.05) == (low > 0 or high < 0)


@pytest.mark.parametrize(
    ("values", "variances"),
    [([], []), ([0.5, 0.6], [0.01]), ([0.5, 0.6], [0.01, 0.0]), ([0.5, np.nan], [0.01, 0.01])],
)
def test_what_has_no_mean_is_refused(values: list[float], variances: list[float]) -> None:
    with pytest.raises(ValueError, match="variance above 0"):
        random_effects(values, variances)


@pytest.mark.slow
@pytest.mark.parametrize("k", [3, 5, 8])
@pytest.mark.parametrize("tau", [0.0, 0.1])
def test_interval_of_disattenuated_rho_holds_the_true_mean(k: int, tau: float) -> None:
    """Data sets of 60 to 1,500 pictures, reliability .50 to .85, mean disattenuated rho .75."""
    generator = np.random.default_rng([k, round(100 * tau)])
    held = []
    for _ in range(1_000):
        n = generator.integers(60, 1_500, k)
        ceiling = np.sqrt(generator.uniform(0.5, 0.85, k))
        true = np.clip(0.75 + tau * generator.standard_normal(k), -0.99, 0.99)
        rho = np.arctanh(true * ceiling) + generator.standard_normal(k) * np.sqrt(1.06 / (n - 3))
        top = np.arctanh(ceiling) + generator.standard_normal(k) * 0.35 / np.sqrt(n)
        again = rho + generator.standard_normal((400, k)) * np.sqrt(1.06 / (n - 3))
        tops = top + generator.standard_normal((400, k)) * 0.35 / np.sqrt(n)
        ends = np.quantile(np.tanh(again) / np.tanh(tops), [0.025, 0.975], axis=0).T
        result = random_effects(
            (np.tanh(rho) / np.tanh(top)).tolist(), [variance_of(pair) for pair in ends.tolist()]
        )
        held.append(result.interval[0] <= 0.75 <= result.interval[1])

    assert (0.92 if tau else 0.96) <= np.mean(held) <= 0.995
