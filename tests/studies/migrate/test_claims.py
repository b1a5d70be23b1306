from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.stats.oneway import anova_oneway

import migrate_page
from memnet.errors import MemnetError
from memnet.stats.bootstrap import interval_of
from memnet.stats.resampling import Draws
from memnet.studies.migrate.claims import statistics
from memnet.studies.migrate.claims.attenuation import disattenuate
from memnet.studies.migrate.claims.claim import Claim, Estimate
from memnet.studies.migrate.claims.compute import compute_claims
from memnet.studies.migrate.claims.conclusions import (
    classify_claim,
    write_conclusion,
    write_conclusions,
)
from memnet.studies.migrate.claims.statistics import ResampledCorrelations

N = 80
FLAT = "column 'flat' has one value only"
RESAMPLES = 199


def study(n: int = N, seed: int = 0, effect: float = 0.5) -> dict[str, np.ndarray]:
    """Columns with ties, on different scales, of which the outcome is far from symmetric."""
    rng = np.random.default_rng(seed)
    m, *noise = rng.standard_normal((8, n))
    return {
        "old": (0.65 + 0.1 * (m + noise[0])).round(2),
        "new": 0.75 + 0.05 * (m + 0.6 * noise[1]),
        "rating": np.exp(effect * m + noise[2]).round(1),
        "light": (100 + 20 * (0.5 * m + noise[3])).round(),
        "size": 1e6 * (noise[4] - 0.3 * m),
        "people": (noise[5] + 0.5 * m > 0).astype(float),
        "place": np.where(noise[6] + m > 0.3, "indoor", "outdoor"),
        "season": np.array(["spring", "summer", "winter"])[np.searchsorted([-0.5, 0.5], noise[6])],
    }


def claims(columns: dict, **more: object) -> dict[str, Claim]:
    """Every claim by kind, partial ones by their correlation, too."""
    asked = {
        "outcome": {"rating": columns["rating"]},
        "covariates": {name: columns[name] for name in ("light", "size")},
        "predictor": ("people", columns["people"]),
        "group": ("place", columns["place"]),
        "resamples": RESAMPLES,
        "draws_seed": 4,
    }
    found = compute_claims(columns["old"], columns["new"], **(asked | more))
    return {
        claim.kind + (f" {claim.detail['correlation']}" if claim.kind == "partial" else ""): claim
        for claim in found
    }


def fit_of(columns: dict, *names: str) -> object:
    z = {name: stats.zscore(columns[name]) for name in ("rating", *names)}
    design = sm.add_constant(np.column_stack([z[name] for name in names]))
    return sm.OLS(z["rating"], design).fit(cov_type="HC3", use_t=True)


# Against SciPy, statsmodels and formulas --------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "peer"), [("spearman", stats.spearmanr), ("pearson", stats.pearsonr)]
)
def test_correlations_and_their_p_are_scipys(kind, peer):
    columns = study()
    claim = claims(columns)[kind]
    for score, figure, p in (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new)):
        expected = peer(columns[score], columns["rating"])
        assert figure.value == pytest.approx(expected.statistic, abs=1e-14)
        assert p == pytest.approx(expected.pvalue, rel=1e-9)
    assert claim.difference.value == pytest.approx(claim.new.value - claim.old.value, abs=1e-15)


@pytest.mark.parametrize(("kind", "of"), [("spearman", stats.rankdata), ("pearson", np.asarray)])
def test_partial_correlations_are_those_of_the_residuals(kind, of):
    columns = study()
    claim = claims(columns)[f"partial {kind}"]
    given = sm.add_constant(np.column_stack([of(columns[name]) for name in ("light", "size")]))
    left = {n: sm.OLS(of(columns[n]), given).fit().resid for n in ("old", "new", "rating")}
    for score, figure, p in (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new)):
        r = stats.pearsonr(left[score], left["rating"]).statistic
        assert figure.value == pytest.approx(r, abs=1e-12)
        freedom = N - 4  # two for the straight line, two for the covariates
        t = r * np.sqrt(freedom / (1 - r**2))
        assert p == pytest.approx(2 * stats.t.sf(abs(t), freedom), rel=1e-9)


def test_the_coefficient_its_p_and_the_change_of_r_squared_are_those_of_statsmodels():
    columns = study()
    claim = claims(columns)["regression"]
    without = fit_of(columns, "light", "size").rsquared
    for score, figure, p in (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new)):
        peer = fit_of(columns, score, "light", "size")
        assert figure.value == pytest.approx(peer.params[1], abs=1e-12)
        assert p == pytest.approx(peer.pvalues[1], rel=1e-9)
        assert claim.detail["r_squared"][score] == pytest.approx(peer.rsquared, abs=1e-12)
        change = claim.detail["r_squared_change"][score]
        assert change == pytest.approx(peer.rsquared - without, abs=1e-12)


def test_the_control_claim_is_the_predictors_coefficient_beside_each_score_and_beside_none():
    columns = study()
    claim = claims(columns)["control"]
    for score, figure, p in (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new)):
        peer = fit_of(columns, "people", score, "light", "size")
        assert figure.value == pytest.approx(peer.params[1], abs=1e-12)
        assert p == pytest.approx(peer.pvalues[1], rel=1e-9)
    alone, plain = fit_of(columns, "people", "light", "size"), claim.detail["uncontrolled"]
    assert plain["value"] == pytest.approx(alone.params[1], abs=1e-12)
    assert plain["p"] == pytest.approx(alone.pvalues[1], rel=1e-9)
    assert plain["interval"][0] < plain["value"] < plain["interval"][1]


def test_the_group_difference_is_hedges_g_of_the_first_label_minus_the_second():
    columns = study()
    claim = claims(columns)["group_difference"]
    assert "indoor minus outdoor" in claim.title
    for score, figure, p in (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new)):
        a, b = (columns[score][columns["place"] == label] for label in ("indoor", "outdoor"))
        pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / (N - 2)
        correction = special.gamma((N - 2) / 2) / (
            np.sqrt((N - 2) / 2) * special.gamma((N - 3) / 2)
        )
        g = correction * (a.mean() - b.mean()) / np.sqrt(pooled)
        assert figure.value == pytest.approx(g, abs=1e-12)
        assert p == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-9)
    sizes = {label: int((columns["place"] == label).sum()) for label in ("indoor", "outdoor")}
    assert claim.detail["groups"] == sizes


def test_more_than_two_groups_are_compared_by_omega_squared_from_welchs_f():
    columns = study()
    claim = claims(columns, group=("season", columns["season"]))["group_difference"]
    assert claim.title == "Omega squared of memorability by season"
    assert claim.test.startswith("Welch's F test")
    for score, figure, p in (("old", claim.old, claim.p_old), ("new", claim.new, claim.p_new)):
        x = columns[score]
        parts = [x[columns["season"] == label] for label in ("spring", "summer", "winter")]
        peer = anova_oneway(parts, use_var="unequal", welch_correction=True)
        f, within = float(peer.statistic), float(peer.df_denom)
        assert p == pytest.approx(peer.pvalue, rel=1e-9)
        assert figure.value == pytest.approx(max(0, 2 * (f - 1) / (2 * (f - 1) + N)), abs=1e-12)
        low, high = figure.interval
        for end, share in ((low, 0.975), (high, 0.025)):
            if end > 0:
                chance = stats.ncf.cdf(f, 2, within, end / (1 - end) * N)
                assert chance == pytest.approx(share, abs=1e-6)
        assert (low == 0) == (stats.f.cdf(f, 2, within) <= 0.975)


def test_of_equal_groups_with_equal_spreads_welchs_omega_squared_is_nearly_the_classical_one():
    """Hays's omega squared, (SS between - (k - 1) MS within) / (SS total + MS within)."""
    random = np.random.default_rng(1)
    x = np.concatenate([random.normal(mean, 1, 100) for mean in (0, 0.4, 0.8)])
    codes = np.repeat([0, 1, 2], 100)
    (claim,) = compute_claims(x, x, outcome={}, group=("g", codes), resamples=100)
    parts = [x[codes == code] for code in range(3)]
    within = sum(((part - part.mean()) ** 2).sum() for part in parts)
    total = ((x - x.mean()) ** 2).sum()
    mean_square = within / 297
    classical = (total - within - 2 * mean_square) / (total + mean_square)
    assert claim.old.value == pytest.approx(classical, abs=0.01)


def test_chance_alone_makes_no_effect_of_many_small_groups():
    """12 groups of 5 without a difference: eta squared is .186 on average, by chance."""
    random = np.random.default_rng(2)
    eta, omega = [], []
    for _ in range(300):
        parts = random.normal(0, 1, (12, 5))
        within = ((parts - parts.mean(axis=1, keepdims=True)) ** 2).sum()
        eta.append(1 - within / ((parts - parts.mean()) ** 2).sum())
        f, _ = statistics.welch(
            parts.mean(axis=1)[None], parts.var(axis=1, ddof=1)[None], np.full(12, 5.0)
        )
        omega.append(float(statistics.omega_squared(f, 12, 60)[0]))
    assert np.mean(eta) == pytest.approx(0.186, abs=0.01)
    assert np.mean(omega) < 0.08  # above 0, since it is cut there
    assert np.mean(np.array(omega) == 0) > 0.4


def test_groups_of_other_sizes_and_spreads_do_not_reject_too_often():
    """n 15, 25, 80 and SD 3, 1, 1: of true null hypotheses the classical F rejects a quarter."""
    random = np.random.default_rng(0)
    welch, classical = [], []
    for _ in range(400):
        parts = [random.normal(0, sd, n) for n, sd in ((15, 3), (25, 1), (80, 1))]
        welch.append(statistics.p_of_groups(parts))
        classical.append(stats.f_oneway(*parts).pvalue)
    assert np.mean(np.array(classical) < 0.05) > 0.18
    assert 0.02 < np.mean(np.array(welch) < 0.05) < 0.085


def test_resamples_are_drawn_within_groups_and_the_interval_is_widened():
    columns = study(n=24)
    claim = claims(columns, resamples=200)["group_difference"]
    labels = np.unique(columns["place"])
    first = columns["place"] == labels[0]
    codes = np.where(first, 0, 1)
    found = []
    for _, counts in Draws(n=24, resamples=200, seed=4, kind="strata", groups=codes).chunks():
        for row in counts:
            assert row[first].sum() == first.sum()
            a, b = (np.repeat(columns["old"][side], row[side]) for side in (first, ~first))
            pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / 22
            found.append((a.mean() - b.mean()) / np.sqrt(pooled))
    correction = special.gamma(11) / (np.sqrt(11) * special.gamma(10.5))
    ends = interval_of(correction * np.array(found), statistics.widened_level(0.95, 24, 22)).ends
    assert claim.old.interval == pytest.approx(ends, abs=1e-9)
    assert "stratified" in claim.method


def test_scores_without_spread_inside_the_groups_have_no_effect_size():
    columns = study()
    columns["old"] = np.where(columns["place"] == "indoor", 0.6, 0.7)
    claim = claims(columns)["group_difference"]
    assert claim.old.value is None
    assert claim.old.reason.startswith("within each group all scores are equal")


# Resamples --------------------------------------------------------------------------------------


def test_every_figure_of_a_resample_is_that_of_the_copied_items():
    """Ranks, means and SDs are the resample's own, not the sample's."""
    columns = study(30)
    names = ("rating", "old", "light", "people")
    keys = [("column", name) for name in names]
    draws = Draws(n=30, resamples=25, seed=2)
    data = ResampledCorrelations({key: columns[key[1]] for key in keys}, draws)
    counts = np.concatenate([chunk for _, chunk in draws.chunks()])
    for row, drawn in enumerate([np.ones(30, dtype=int), *counts]):
        copied = {name: np.repeat(columns[name], drawn) for name in names}
        table = [copied[name] for name in names]
        assert data.pearson[row] == pytest.approx(np.corrcoef(table), abs=1e-12)
        assert data.spearman[row] == pytest.approx(stats.spearmanr(table, axis=1)[0], abs=1e-12)
        fitted = fit_of(copied, "old", "light", "people")
        matrix = data.matrix("pearson", keys)[[row]]
        assert statistics.coefficient(matrix)[0] == pytest.approx(fitted.params[1], abs=1e-10)
        assert statistics.r_squared(matrix)[0] == pytest.approx(fitted.rsquared, abs=1e-10)
        assert data.mean(("column", "light"))[row] == pytest.approx(copied["light"].mean())


def test_the_interval_is_between_widened_percentiles_of_the_same_resamples_for_both_scores():
    columns = study(50)
    claim = claims(columns, resamples=99)["spearman"]
    counts = np.concatenate([c for _, c in Draws(n=50, resamples=99, seed=4).chunks()])
    drawn = {
        score: np.array(
            [
                stats.spearmanr(np.repeat(columns[score], c), np.repeat(columns["rating"], c))[0]
                for c in counts
            ]
        )
        for score in ("old", "new")
    }
    out = stats.t.ppf(0.975, 48) * np.sqrt(50 / 48)
    ends = stats.norm.cdf([-out, out])
    for figure, values in (
        (claim.old, drawn["old"]),
        (claim.new, drawn["new"]),
        (claim.difference, drawn["new"] - drawn["old"]),
    ):
        assert figure.interval == pytest.approx(tuple(np.quantile(values, ends)), abs=1e-12)


def test_a_large_sample_needs_no_widening_and_a_small_one_does():
    assert statistics.widened_level(0.95, 100_000, 99_998) == pytest.approx(0.95, abs=1e-5)
    # t = 2.306 with 8 degrees of freedom, times sqrt(10 / 8), is z = 2.578
    assert statistics.widened_level(0.95, 10, 8) == pytest.approx(0.99007, abs=1e-4)


def test_the_p_of_a_difference_counts_the_smaller_side_twice_and_the_observed_once():
    values = np.concatenate([np.full(4, -1.0), np.full(95, 1.0)])
    z = stats.norm.ppf((4 + 1) / (99 + 1))
    expected = 2 * stats.t.cdf(z * np.sqrt(998 / 1000), 998)
    assert statistics.p_of_difference(values, 1000, 998) == pytest.approx(expected, rel=1e-12)
    assert statistics.p_of_difference(-values, 1000, 998) == pytest.approx(expected, rel=1e-12)
    assert statistics.p_of_difference(np.ones(99), 1000, 998) > 0
    assert statistics.p_of_difference(np.zeros(99), 1000, 998) == 1
    assert statistics.p_of_difference(np.full(99, np.nan), 1000, 998) is None


def test_p_of_the_difference_is_below_05_just_where_its_interval_excludes_zero():
    significant = []
    for seed in range(10):
        columns = study(seed=seed, effect=1.0)
        columns["old"] = columns["old"] + np.random.default_rng(seed).normal(0, 0.25, N)
        for claim in claims(columns, group=None, resamples=1999).values():
            low, high = claim.difference.interval
            if abs(claim.p_difference - 0.05) > 0.005:  # else it is a matter of one resample
                assert (low > 0 or high < 0) == (claim.p_difference < 0.05)
                significant.append(claim.p_difference < 0.05)
    assert 0.1 < np.mean(significant) < 0.9


def test_the_same_scores_on_another_scale_change_nothing_and_are_no_news():
    """Raw and scaled MemNet scores: the differences are rounding, whose sign means nothing."""
    columns = study()
    scaled = columns | {"new": (columns["old"] - 0.7626) * 2 + 0.65}
    for claim in claims(scaled).values():
        assert claim.difference.value == 0
        assert claim.difference.interval == (0, 0)
        assert claim.p_difference == 1
        assert claim.p_new == pytest.approx(claim.p_old, rel=1e-9)


def test_exchanging_the_scores_turns_the_difference_round():
    columns = study()
    there = claims(columns)
    back = claims(columns | {"old": columns["new"], "new": columns["old"]})
    for name, claim in there.items():
        other = back[name]
        assert claim.old == other.new
        assert claim.difference.value == -other.difference.value
        low, high = claim.difference.interval
        assert other.difference.interval == pytest.approx((-high, -low), abs=1e-12)
        assert claim.p_difference == other.p_difference


def test_the_seed_and_nothing_else_moves_the_intervals():
    columns = study()
    assert claims(columns) == claims(columns)
    other = claims(columns, draws_seed=5)["spearman"]
    assert other.old.value == claims(columns)["spearman"].old.value
    assert other.old.interval != claims(columns)["spearman"].old.interval


def test_a_wider_level_gives_a_wider_interval():
    narrow, wide = (claims(study(), level=level)["pearson"].new for level in (0.8, 0.95))
    assert wide.interval[0] < narrow.interval[0] < narrow.interval[1] < wide.interval[1]


# What is asked, and what is undefined -----------------------------------------------------------


def test_only_what_the_columns_allow_is_claimed():
    columns = study()
    plain = claims(columns, covariates=None, predictor=None, group=None)
    assert list(plain) == ["spearman", "pearson"]
    assert list(claims(columns, outcome={}, predictor=None)) == ["group_difference"]
    two = compute_claims(
        columns["old"],
        columns["new"],
        outcome={"rating": columns["rating"], "light": columns["light"]},
        resamples=99,
    )
    assert [claim.outcome for claim in two] == ["rating", "rating", "light", "light"]


def test_claims_are_plain_json():
    for claim in claims(study()).values():
        text = json.dumps(asdict(claim), allow_nan=False)
        assert json.loads(text)["detail"]["level"] == 0.95


def test_a_constant_outcome_is_undefined_with_its_reason_and_the_others_stay():
    columns = study()
    found = compute_claims(
        columns["old"],
        columns["new"],
        outcome={"flat": np.full(N, 0.1), "rating": columns["rating"]},
        covariates={"light": columns["light"]},
        predictor=("people", columns["people"]),
        resamples=99,
    )
    for claim in found:
        if claim.outcome == "flat":
            assert claim.old == Estimate(value=None, interval=None, reason=FLAT)
            assert (claim.p_old, claim.p_new, claim.p_difference) == (None, None, None)
            assert claim.difference.value is None
            assert write_conclusion(claim).endswith(f"nothing can be said, because {FLAT}.")
        else:
            assert claim.new.interval is not None


def test_a_constant_score_leaves_the_other_score_defined():
    columns = study() | {"old": np.full(N, 0.65)}
    found = claims(columns)
    for claim in found.values():
        if claim.kind != "control":
            assert claim.old.value is None
            assert claim.old.reason == "the old score has one value only"
            assert claim.new.value is not None
            assert claim.difference.reason == "the old score has one value only"
            assert classify_claim(claim) == "undefined"


def test_covariates_that_determine_each_other_are_named():
    columns = study()
    twice = {"light": columns["light"], "lux": 3 * columns["light"] + 1}
    claim = claims(columns, covariates=twice, predictor=None)["regression"]
    assert claim.old.value is None
    assert claim.old.reason == (
        "the old score and column 'rating' and column 'light' and column 'lux' determine one "
        "another: one of them follows from the rest"
    )
    assert claim.p_old is None
    assert claim.detail["r_squared_change"] == {"old": None, "new": None}


def test_too_many_covariates_for_the_items_are_refused_in_their_claims_alone():
    columns = study(12)
    many = {f"c{k}": np.random.default_rng(k).standard_normal(12) for k in range(10)}
    found = claims(columns, covariates=many, predictor=None, group=None)
    assert found["regression"].new.reason == "12 items are too few for 12 columns"
    assert found["spearman"].new.value is not None


def test_resamples_that_leave_a_figure_undefined_are_counted_and_take_the_interval_away():
    columns = study(40)
    rare = np.zeros(40)
    rare[3] = 1.0
    claim = claims(columns, outcome={"rare": rare}, covariates=None, group=None)["spearman"]
    counts = np.concatenate([c for _, c in Draws(n=40, resamples=RESAMPLES, seed=4).chunks()])
    without = int((counts[:, 3] == 0).sum())
    assert 50 < without < 100
    assert claim.detail["undefined_resamples"] == dict.fromkeys(
        ("old", "new", "difference"), without
    )
    assert claim.old.value is not None
    assert claim.old.interval is None
    assert claim.old.reason == f"undefined in {without / RESAMPLES:.0%} of the resamples"
    assert claim.p_difference is None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["a"] * N, "there is one group only, 'a'"),
        (["a"] * (N - 1) + ["b"], "'b' has one item only"),
        (["a"] * (N - 2) + ["b", "c"], "'b' and 'c' each have one item only"),
        (range(N), "there are 80 groups; at most 20 are compared"),
    ],
)
def test_groups_that_cannot_be_compared_say_why(labels, said):
    claim = claims(study(), group=("kind", labels))["group_difference"]
    reason = f"groups are compared by column 'kind', and {said}"
    assert claim.old == Estimate(value=None, interval=None, reason=reason)
    assert (claim.p_old, claim.p_difference) == (None, None)
    assert claim.title == "Difference of memorability between the groups of kind"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: {k: v[:9] for k, v in c.items()}, "9 items are too few .* 10 are needed"),
        (lambda c: c | {"light": c["light"][:-1]}, "covariate 'light' has 79 values for 80"),
        (lambda c: c | {"new": c["new"][:-1]}, "score 'new' has 79 values for 80"),
        (lambda c: c | {"rating": np.where(c["rating"] > 2, np.nan, 1)}, "outcome 'rating' is mis"),
        (lambda c: c | {"people": np.full(N, np.inf)}, "predictor 'people' is missing or infinite"),
        (lambda c: c | {"place": c["place"][:-1]}, "group 'place' has 79 labels for 80 items"),
    ],
)
def test_columns_that_do_not_fit_are_refused_by_name(change, said):
    with pytest.raises(MemnetError, match=said) as error:
        claims(change(study()))
    assert str(error.value).endswith(".")


def test_ten_items_are_enough():
    found = claims(study(10), covariates={"light": study(10)["light"]}, group=None)
    assert found["spearman"].old.value is not None
    assert found["control"].n == 10


def test_a_coefficient_without_an_error_has_no_p():
    alone = np.zeros(20)
    alone[0] = 1.0
    y = np.random.default_rng(0).standard_normal(20)
    assert statistics.p_of_coefficient(y, [alone]) is None
    assert statistics.p_of_coefficient(y, [np.full(20, 0.1)]) is None
    assert statistics.p_of_coefficient(np.full(20, 0.1), [y]) is None


# Sentences --------------------------------------------------------------------------------------


def made(old: float, new: float, p_old: float, p_new: float, p_difference: float | None) -> Claim:
    def figure(value: float) -> Estimate:
        return Estimate(value=value, interval=(value - 0.15, value + 0.15), reason="")

    difference = figure(new - old)
    if p_difference is None:
        difference = replace(difference, interval=None, reason="undefined in 30% of the resamples")
    return Claim(
        kind="spearman",
        title="Spearman's rho of memorability and rating",
        outcome="rating",
        n=100,
        old=figure(old),
        new=figure(new),
        difference=difference,
        p_old=p_old,
        p_new=p_new,
        p_difference=p_difference,
        p_difference_floor=None if p_difference is None else 0.002,
        test="",
        method="",
        detail={},
    )


CASES = {
    "holds": made(0.3, 0.35, 0.01, 0.002, 0.4),
    "stronger": made(-0.3, -0.5, 0.01, 0.0001, 0.01),
    "weaker": made(0.5, 0.3, 0.0001, 0.01, 0.01),
    "reversed": made(0.3, -0.3, 0.01, 0.01, 0.0004),
    "old only": made(0.2, 0.14, 0.049, 0.0503, 0.8),
    "new only": made(0.1, 0.3, 0.3, 0.002, 0.03),
    "neither": made(0.1, 0.15, 0.3, 0.14, 0.6),
}

SENTENCES = {
    "holds": "holds. It is 0.30 [0.15, 0.45], p = 0.010, with the old score and 0.35 [0.20, 0.50], "
    "p = 0.002, with the new score. No difference is shown (0.05 [-0.10, 0.20], p = 0.40).",
    "stronger": "holds, and is stronger with the new score. It is -0.30 [-0.45, -0.15], p = 0.010, "
    "with the old score and -0.50 [-0.65, -0.35], p < 0.001, with the new score. "
    "The difference is -0.20 [-0.35, -0.05], p = 0.010.",
    "weaker": "holds, and is weaker with the new score. It is 0.50 [0.35, 0.65], p < 0.001, with "
    "the old score and 0.30 [0.15, 0.45], p = 0.010, with the new score. "
    "The difference is -0.20 [-0.35, -0.05], p = 0.010.",
    "reversed": "changes its sign. It is 0.30 [0.15, 0.45], p = 0.010, with the "
    "old score and -0.30 [-0.45, -0.15], p = 0.010, with the new score. "
    "The two scores differ here, by -0.60 [-0.75, -0.45], p < 0.001.",
    "old only": "is significant with the old score only. It is 0.20 [0.05, 0.35], p = 0.049, with "
    "the old score and 0.14 [-0.01, 0.29], p = 0.050, with the new score. The difference between "
    "the two scores (-0.06 [-0.21, 0.09], p = 0.80) is itself not significant, so this is no "
    "evidence that they disagree.",
    "new only": "is significant with the new score only. It is 0.10 [-0.05, 0.25], p = 0.30, with "
    "the old score and 0.30 [0.15, 0.45], p = 0.002, with the new score. The two scores differ "
    "here, by 0.20 [0.05, 0.35], p = 0.030. A second analysis of the same items is no "
    "independent confirmation.",
    "neither": "is significant with neither score. It is 0.10 [-0.05, 0.25], p = 0.30, with the "
    "old score and 0.15 [0.00, 0.30], p = 0.14, with the new score. Values within these intervals "
    "are neither shown nor ruled out.",
}


@pytest.mark.parametrize("word", CASES)
def test_each_case_has_its_word_and_its_sentence(word):
    assert classify_claim(CASES[word]) == word
    assert write_conclusion(CASES[word]) == (
        f"Spearman's rho of memorability and rating: {SENTENCES[word]}"
    )


def test_a_difference_without_an_effect_in_either_is_no_effect():
    apart = Estimate(value=0.05, interval=(0.01, 0.09), reason="")
    claim = replace(CASES["neither"], difference=apart, p_difference=0.01)
    assert classify_claim(claim) == "neither"
    assert write_conclusion(claim).endswith("but this shows no effect with either score.")
    assert "holds" not in write_conclusion(claim)


def test_a_difference_that_could_not_be_tested_is_no_difference():
    claim = made(0.3, 0.5, 0.01, 0.001, None)
    assert classify_claim(claim) == "holds"
    assert write_conclusion(claim).endswith(
        "The difference between the two scores could not be tested, because undefined in 30% of "
        "the resamples."
    )


def test_alpha_is_the_level_of_every_test():
    claim = made(0.3, 0.5, 0.008, 0.001, 0.02)
    assert [classify_claim(claim, alpha) for alpha in (0.05, 0.01, 0.005, 0.0005)] == [
        "stronger",
        "holds",
        "new only",
        "neither",
    ]


def test_a_test_and_an_interval_that_disagree_show_nothing_and_the_sentence_says_so():
    """As of 12 pictures: r = .63, p = .029, and an interval that holds 0."""
    wide = Estimate(value=0.63, interval=(-0.17, 0.93), reason="")
    claim = replace(made(0.63, 0.4, 0.029, 0.002, 0.4), old=wide)
    assert classify_claim(claim) == "new only"
    assert write_conclusion(claim).endswith(
        "With the old score its test and its interval disagree, as two different approximations "
        "can where p is near .05, so it does not count as significant."
    )
    assert classify_claim(replace(claim, new=wide)) == "neither"
    assert "With both scores its test and its interval" in write_conclusion(
        replace(claim, new=wide)
    )
    # The other way round: the interval excludes 0, the test does not reject.
    claim = made(0.3, 0.4, 0.06, 0.002, 0.4)
    assert classify_claim(claim) == "new only"
    assert "With the old score its test and its interval disagree" in write_conclusion(claim)
    assert "disagree, as" not in write_conclusion(made(0.3, 0.4, 0.04, 0.002, 0.4))


def test_omega_squared_counts_only_where_its_two_sided_interval_leaves_0_too():
    """F(2, 77) = 3.36 has p = .04; Steiger's 95 % interval then begins at 0."""
    f = 3.36
    p = stats.f.sf(f, 2, 77)
    assert 0.025 < p < 0.05
    found = Estimate(
        value=2 * (f - 1) / (2 * (f - 1) + 80),
        interval=statistics.omega_squared_interval(f, 77, 3, 80, 0.95),
        reason="",
    )
    claim = replace(
        made(0.06, 0.06, p, p, 1.0), old=found, new=found, detail={"statistic": "omega squared"}
    )
    assert classify_claim(claim) == "neither"
    assert "as the interval has two sides and the test has one" in write_conclusion(claim)
    assert "approximations" not in write_conclusion(claim)


def test_a_figure_without_an_interval_is_not_shown_by_its_test_alone():
    none = Estimate(value=0.5, interval=None, reason="undefined in 30% of the resamples")
    claim = replace(made(0.5, 0.4, 0.001, 0.002, None), old=none)
    assert classify_claim(claim) == "new only"
    assert "With the old score it has no interval, so it does not count" in write_conclusion(claim)


def test_the_lowest_p_of_a_difference_is_not_printed_as_an_exact_one():
    claim = made(0.3, 0.6, 0.01, 0.001, 0.002)
    assert "p <= 0.002, the lowest that these resamples can give" in write_conclusion(claim)
    assert "p = 0.002." in write_conclusion(replace(claim, p_difference_floor=0.001))
    (apart,) = compute_claims(
        np.arange(100.0) % 7,
        np.arange(100.0),
        outcome={},
        group=("half", np.arange(100) // 50),
        resamples=199,
    )
    out = stats.norm.ppf(1 / 200) * np.sqrt(98 / 100)
    assert apart.p_difference == pytest.approx(2 * stats.t.cdf(out, 98), rel=1e-12)
    assert apart.p_difference == apart.p_difference_floor
    assert claims(study(effect=0))["spearman"].p_difference > apart.p_difference_floor


def test_the_tally_says_in_how_many_claims_the_difference_is_shown():
    new_only, untested = CASES["new only"], made(0.3, 0.5, 0.01, 0.001, None)
    not_apart = made(0.1, 0.3, 0.3, 0.002, 0.2)
    not_apart = replace(not_apart, difference=Estimate(value=0.2, interval=(-0.1, 0.5), reason=""))
    (tally, *said) = write_conclusions([new_only, not_apart, not_apart, CASES["old only"]])
    assert "3 significant with the new score only, in 1 of them with a difference shown" in tally
    assert "1 significant with the old score only, with no difference shown" in tally
    assert len(said) == 4
    tally = write_conclusions([not_apart] * 5)[0]
    assert "5 significant with the new score only, in none of them with a difference" in tally
    tally = write_conclusions([untested, CASES["holds"], CASES["holds"]])[0]
    assert "3 significant with both scores, in none of them with a difference shown, in 1" in tally
    assert "in 1 of them with a difference that could not be tested" in tally
    assert "difference shown" not in write_conclusions([untested, CASES["stronger"]])[0]


def test_a_control_is_told_beside_the_figure_without_it_and_what_it_leaves():
    plain = {"value": 0.41, "interval": [0.2, 0.6], "reason": "", "p": 0.0001}
    detail = {"uncontrolled": plain, "predictor": "people"}
    claim = replace(CASES["old only"], kind="control", detail=detail)
    assert write_conclusion(claim).endswith(
        "Without controlling for memorability it is 0.41 [0.20, 0.60], p < 0.001. A score measures "
        "memorability with error, and controls for a part of it only: what is left may still be "
        "memorability's own, not that of people."
    )
    corrected = {
        "old": {"validity": 0.69, "value": 0.02, "interval": [-0.2, 0.3], "reason": ""},
        "new": {"validity": 0.82, "value": -0.01, "interval": [-0.2, 0.2], "reason": ""},
    }
    claim = replace(claim, detail=detail | {"corrected": corrected})
    assert write_conclusion(claim).endswith(
        "With memorability itself held constant, by the published validities, it would be 0.02 "
        "[-0.20, 0.30] with the old score (validity 0.69) and -0.01 [-0.20, 0.20] with the new "
        "score (validity 0.82)."
    )


def confounded(random, n=120):
    """No direct effect of x: memorability (validities .69, .82) makes both x and the outcome."""
    m = random.standard_normal(n)

    def noisy(validity):
        return validity * m + np.sqrt(1 - validity**2) * random.standard_normal(n)

    return noisy(0.69), noisy(0.82), noisy(0.6), noisy(0.5)


def test_controlling_for_a_noisy_score_leaves_confounding_and_the_corrected_coefficient_none():
    """In a large study: the coefficient that remains is that of the formula, and corrected 0."""
    old, new, x, outcome = confounded(np.random.default_rng(3), 40_000)
    (_, _, claim) = compute_claims(
        old,
        new,
        outcome={"outcome": outcome},
        predictor=("x", x),
        validities={"old": 0.69, "new": 0.82},
        resamples=100,
    )
    for estimate, validity in ((claim.old, 0.69), (claim.new, 0.82)):
        r_x, r_y = 0.6 * validity, 0.5 * validity
        assert estimate.value == pytest.approx((0.3 - r_x * r_y) / (1 - r_x**2), abs=0.015)
        assert estimate.value > 0.08
    for score, validity in (("old", 0.69), ("new", 0.82)):
        found = claim.detail["corrected"][score]
        assert found["validity"] == validity
        assert found["value"] == pytest.approx(0, abs=0.02)
        assert found["interval"][0] < found["value"] < found["interval"][1]


def test_a_validity_that_the_correlations_rule_out_gives_no_coefficient():
    columns = study()
    (*_, claim) = compute_claims(
        columns["old"],
        columns["new"],
        outcome={"rating": columns["rating"]},
        predictor=("old again", columns["old"]),
        validities={"old": 0.5, "new": 0.5},
        resamples=100,
    )
    found = claim.detail["corrected"]["old"]
    assert found["value"] is None
    assert "impossible" in found["reason"]


# Clusters ---------------------------------------------------------------------------------------


def in_clusters(random, clusters=8, size=15, icc=0.3):
    """Two columns that have nothing to do with each other, each alike within clusters."""
    codes = np.repeat(np.arange(clusters), size)
    x, y = (
        np.sqrt(icc) * random.standard_normal(clusters)[codes]
        + np.sqrt(1 - icc) * random.standard_normal(clusters * size)
        for _ in range(2)
    )
    return x, y, codes


def test_with_few_clusters_nothing_is_found_too_often():
    """8 clusters of 15, ICC .3: a t test of r rejects 18 to 21 % of true null hypotheses."""
    plain, robust = [], []
    for seed in range(400):
        x, y, codes = in_clusters(np.random.default_rng(seed))
        plain.append(stats.pearsonr(x, y).pvalue)
        robust.append(statistics.p_of_clustered_coefficient(y, [x], codes))
    assert np.mean(np.array(plain) < 0.05) > 0.14
    assert 0.02 < np.mean(np.array(robust) < 0.05) < 0.085


def test_clusters_of_one_item_are_no_clusters():
    """CR2 is HC2 then, and its freedom near n - 2: p agrees with statsmodels' HC2."""
    columns = study()
    fit = fit_of(columns, "old").model.fit(cov_type="HC2", use_t=True)
    p = statistics.p_of_clustered_coefficient(columns["rating"], [columns["old"]], np.arange(N))
    assert p == pytest.approx(fit.pvalues[1], rel=0.35)


def test_bell_and_mccaffreys_error_is_that_of_its_definition():
    x, y, codes = in_clusters(np.random.default_rng(1), clusters=6, size=5)
    codes[3:8] = 0  # of unequal sizes
    codes = np.unique(codes, return_inverse=True)[1]
    z = (x - x.mean()) / x.std()
    design, target = np.column_stack([np.ones(30), z]), (y - y.mean()) / y.std()
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    residuals = target - hat @ target
    meat, influence = np.zeros((2, 2)), []
    for code in np.unique(codes):
        inside = codes == code
        values, vectors = np.linalg.eigh(np.eye(inside.sum()) - hat[np.ix_(inside, inside)])
        adjust = vectors @ np.diag(values**-0.5) @ vectors.T
        score = design[inside].T @ adjust @ residuals[inside]
        meat += np.outer(score, score)
        influence.append(
            (np.eye(30) - hat)[:, inside] @ adjust @ design[inside] @ bread @ np.array([0, 1])
        )
    error = np.sqrt((bread @ meat @ bread)[1, 1])
    products = np.array(influence) @ np.array(influence).T
    freedom = np.trace(products) ** 2 / (products**2).sum()
    expected = 2 * stats.t.sf(abs((bread @ design.T @ target)[1]) / error, freedom)
    assert statistics.p_of_clustered_coefficient(y, [x], codes) == pytest.approx(expected)


def test_every_claim_reckons_with_clusters():
    x, y, codes = in_clusters(np.random.default_rng(5))
    more = np.random.default_rng(6).standard_normal((3, 120))
    found = compute_claims(
        x,
        x + more[0],
        outcome={"y": y},
        covariates={"c": more[1]},
        predictor=("p", more[2]),
        group=("half", (codes > 3).astype(int)),
        clusters=codes,
        resamples=200,
    )
    for claim in found:
        assert claim.detail["clusters"] == 8
        assert claim.detail["freedom"] < 7
        assert "CR2" in claim.test
        assert "whole clusters" in claim.method
    kinds = {claim.kind: claim for claim in found}
    assert kinds["pearson"].p_old == pytest.approx(
        statistics.p_of_clustered_coefficient(y, [x], codes)
    )
    ranked = [stats.rankdata(y), [stats.rankdata(x)], codes]
    assert kinds["spearman"].p_old == pytest.approx(statistics.p_of_clustered_coefficient(*ranked))
    free = compute_claims(x, x + more[0], outcome={"y": y}, resamples=200)[1]
    narrow, wide = (np.ptp(claim.old.interval) for claim in (free, kinds["pearson"]))
    assert wide > narrow


def test_resamples_of_clusters_of_unequal_sizes_are_those_of_the_copied_items():
    random = np.random.default_rng(0)
    codes = np.repeat(np.arange(6), [3, 9, 4, 6, 2, 6])
    columns = {("column", name): random.standard_normal(30).round(1) for name in "ab"}
    draws = Draws(n=30, resamples=20, seed=2, kind="clusters", groups=codes)
    data = ResampledCorrelations(columns, draws)
    counts = np.concatenate([chunk for _, chunk in draws.chunks()])
    assert len({int(row.sum()) for row in counts}) > 5
    for row, drawn in enumerate(counts, start=1):
        a, b = (np.repeat(values, drawn) for values in columns.values())
        assert data.pearson[row, 0, 1] == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
        assert data.spearman[row, 0, 1] == pytest.approx(stats.spearmanr(a, b)[0], abs=1e-12)
        assert data.means[row] == pytest.approx([a.mean(), b.mean()])


@pytest.mark.parametrize(
    ("clusters", "said"),
    [([0, 1, 2, 3] * 20, "4 cluster.s. are too few"), ([0] * 79, "79 labels of clusters for 80")],
)
def test_clusters_that_cannot_be_resampled_are_refused(clusters, said):
    columns = study()
    with pytest.raises(MemnetError, match=said):
        compute_claims(
            columns["old"], columns["new"], outcome={"r": columns["rating"]}, clusters=clusters
        )


def test_disattenuation_divides_by_the_validity_and_says_what_measurement_alone_would_do():
    old = Estimate(value=0.3, interval=(0.1, 0.5), reason="")
    new = Estimate(value=-0.4, interval=(-0.9, -0.1), reason="")
    found = disattenuate(
        old, new, validity_old=0.565 / np.sqrt(0.67), validity_new=0.67 / np.sqrt(0.67)
    )
    assert found["old"]["value"] == pytest.approx(0.434621, abs=1e-6)
    assert found["old"]["interval"] == pytest.approx([0.144874, 0.724368], abs=1e-6)
    assert found["old"]["reason"] == ""
    assert found["ratio"] == pytest.approx(0.67 / 0.565)
    assert found["expected_new"] == pytest.approx(0.3 * 0.67 / 0.565)
    assert found["new"]["interval"] == pytest.approx([-1, -0.122169], abs=1e-6)
    assert found["new"]["reason"] == "the interval is cut at -1 and 1"


def test_a_correlation_beyond_one_is_given_with_a_reason_and_not_clipped():
    high = Estimate(value=0.8, interval=(0.7, 0.9), reason="")
    none = Estimate(value=None, interval=None, reason="rating has one value only")
    found = disattenuate(high, none, validity_old=0.69, validity_new=0.82)
    assert found["old"]["value"] == pytest.approx(0.8 / 0.69)
    assert found["old"]["interval"] == [1.0, 1.0]
    assert "1.16 is more than a correlation can be" in found["old"]["reason"]
    assert found["new"] == {
        "value": None,
        "interval": None,
        "reason": "rating has one value only",
    }


def test_disattenuation_finds_the_planted_correlation_with_true_memorability_from_both_scores():
    planted = migrate_page.POPULATIONS["effect"]
    r = migrate_page.true_values("effect")["r"]
    old, new = (Estimate(value=value, interval=None, reason="") for value in r)
    valid = {"validity_old": planted.validity_old, "validity_new": planted.validity_new}
    found = disattenuate(old, new, **valid)
    assert found["old"]["value"] == pytest.approx(planted.effect, abs=1e-12)
    assert found["new"]["value"] == pytest.approx(planted.effect, abs=1e-12)
    assert found["expected_new"] == pytest.approx(r[1], abs=1e-12)


@pytest.mark.parametrize("validity", [0.0, -0.5, 1.01, float("nan")])
def test_a_validity_that_is_no_correlation_is_refused(validity):
    figure = Estimate(value=0.3, interval=None, reason="")
    with pytest.raises(MemnetError, match="validity of the new score"):
        disattenuate(figure, figure, validity_old=0.7, validity_new=validity)


# Planted studies (the slow test has many more) --------------------------------------------------


def test_true_values_by_formula_and_by_counting_agree():
    planted = migrate_page.POPULATIONS["effect"]
    counted = migrate_page.from_large_sample(planted, 100_000)
    for name, pair in migrate_page.from_formulas(planted).items():
        assert pair == pytest.approx(counted[name], abs=0.015), name


def test_planted_effects_are_covered_and_planted_nulls_stay_nulls():
    found = {
        population: [
            migrate_page.simulate_once(population, seed, resamples=199) for seed in range(40)
        ]
        for population in ("effect", "no effect")
    }
    covered = {
        population: np.mean(
            [share for row in rows for (_, what), share in row.items() if what.startswith("covers")]
        )
        for population, rows in found.items()
    }
    assert covered["effect"] == pytest.approx(0.95, abs=0.03)
    assert covered["no effect"] == pytest.approx(0.95, abs=0.03)
    claimed = [
        share
        for row in found["no effect"]
        for (_, what), share in row.items()
        if what.startswith(("rejects", "concludes"))
    ]
    assert 0.01 < np.mean(claimed) < 0.09


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-0.0031, "-0.003"), (0.004, "0.004"), (0.0, "0.00"), (-0.0, "0.00"), (0.25, "0.25")],
)
def test_an_intervals_end_shows_on_which_side_of_zero_it_lies(value, shown):
    """An interval from 0.00 beside p = .055 seemed not to hold 0."""
    claim = made(0.2, 0.5, 0.055, 0.001, 0.4)
    claim = replace(claim, old=replace(claim.old, interval=(value, 0.4)))
    assert f"0.20 [{shown}, 0.40]" in write_conclusion(claim)
