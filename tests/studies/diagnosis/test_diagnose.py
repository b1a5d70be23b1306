"""Which variant made a column: on made-up outputs, and with the small network on pictures."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

import diagnosis_page as study
from memnet.errors import MemnetError
from memnet.legacy.variants import twins, variants
from memnet.studies.diagnosis.candidate_fits import (
    TOLD_APART,
    CandidateFits,
    VariantTraits,
    registered_traits,
)
from memnet.studies.diagnosis.decision import decide_variant
from memnet.studies.diagnosis.likelihood import (
    FORMS,
    ObservedColumn,
    fit_all,
    predict_forms,
    related_model_loglik,
)
from memnet.studies.diagnosis.match_criteria import related_rho
from memnet.studies.diagnosis.result import equivalent_words
from memnet.studies.variants.scores import VariantScores

N = 40
IDS = tuple(f"{number:02d}.jpg" for number in range(N))
TRAITS = {
    "plain": VariantTraits("raw"),
    "twin": VariantTraits("scaled-clamped"),
    "near": VariantTraits("raw"),
    "other": VariantTraits("raw"),
    "flat": VariantTraits("raw"),
    "random": VariantTraits("raw", random_crops=True),
}


@pytest.fixture(scope="module")
def made_up() -> VariantScores:
    """Outputs such as a network's: ten crops or one; `near` is 2e-4 from `plain`."""
    random = np.random.default_rng(8)
    picture = random.normal(0.7626, 0.1, size=(N, 1))
    picture[:4] = [[1.0], [1.1], [0.96], [0.3]]  # the last and the first two are clamped
    plain = picture + random.normal(0, 0.05, size=(N, 10))
    outputs = {
        "plain": plain,
        "twin": plain[:, ::-1].copy(),
        "near": plain + random.normal(0, 2e-4, size=(N, 1)),
        "other": picture + random.normal(0, 0.05, size=(N, 1)),
        "flat": 0.9 + random.normal(0, 5e-4, size=(N, 1)),
        "random": 0.7 + random.normal(0, 0.1, size=(N, 1)) + random.normal(0, 0.05, size=(N, 10)),
    }
    return VariantScores(model="made up", image_ids=IDS, paths=IDS, outputs=outputs)


def run(scores: VariantScores, values, form="{!r}"):
    texts = [form.format(float(value)) for value in values]
    return decide_variant(
        study.as_column(scores.image_ids[: len(texts)], texts), scores, traits=TRAITS
    )


def many(count: int) -> VariantScores:
    """Outputs of three unlike variants on more pictures."""
    random = np.random.default_rng(5)
    names = tuple(f"{number:04d}.jpg" for number in range(count))
    picture = random.normal(0.76, 0.08, size=(count, 1))
    outputs = {
        slug: picture + random.normal(0, 0.03, size=(count, 1))
        for slug in ("plain", "other", "near")
    }
    return VariantScores(model="made up", image_ids=names, paths=names, outputs=outputs)


# -- the likelihood ------------------------------------------------------------------------------


def test_the_likelihood_is_that_of_the_normal_distribution_over_rounding_intervals(made_up):
    """Against scipy.stats, at the point that was found, with one wrong and two clamped rows."""
    raw = made_up.raw("plain")
    values = np.round(np.clip((raw - 0.7626) * 2 + 0.65 + 0.004, 0, 1), 2)
    values[3] = 0.11
    column = ObservedColumn.from_values(values, np.full(N, 0.01))
    (prediction,) = [
        one
        for one in predict_forms("plain", made_up.outputs["plain"], random_crops=False)
        if one.form == "scaled-clamped"
    ]
    found = fit_all(column, [prediction])[0]
    latent = (raw - 0.7626) * 2 + 0.65
    noise = stats.norm(latent, found.tau)
    mass = noise.cdf(values + 0.005) - noise.cdf(values - 0.005)
    mass[values == 1] = noise.sf(0.995)[values == 1]
    mass[values == 0] = noise.cdf(0.005)[values == 0]
    expected = np.log(
        (1 - found.outlier_share) * mass + found.outlier_share * column.background
    ).sum()
    assert (values == 1).sum() > 1
    assert found.loglik == pytest.approx(expected, abs=1e-9)
    assert found.outlier_probability.argmax() == 3
    assert found.outlier_probability[3] > 0.99


def test_background_probabilities_of_an_unpiled_column_are_step_over_range():
    column = ObservedColumn.from_values(np.array([0.5, 0.6, 0.9]), np.full(3, 0.01))
    assert column.background == pytest.approx([0.01 / 0.4] * 3)


# -- forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [form.name for form in FORMS])
def test_every_form_is_named_by_its_numbers(made_up, form: str):
    outputs = made_up.outputs["plain"]
    raw = outputs.mean(axis=1)
    scaled = (raw - 0.7626) * 2 + 0.65
    values = {
        "raw": raw,
        "scaled": scaled,
        "scaled-clamped": np.clip(scaled, 0, 1),
        "scaled-clamped-per-crop": np.clip((outputs - 0.7626) * 2 + 0.65, 0, 1).mean(axis=1),
    }[form.removesuffix("-x100")] * (100 if form.endswith("x100") else 1)
    assert scaled.max() > 1
    found = run(made_up, values)
    assert (found.evidence, found.form) == ("exact", form)
    assert {"plain", "twin"} == {found.verdict, *found.equivalent}
    assert found.disagreeing == ()


def test_among_variants_with_the_same_numbers_the_one_that_writes_so_itself_is_named(made_up):
    raw = made_up.raw("plain")
    raw_verdict = run(made_up, raw)
    assert raw_verdict.verdict == raw_verdict.candidates[0].slug == "plain"
    clamped = run(made_up, np.clip((raw - 0.7626) * 2 + 0.65, 0, 1))
    assert clamped.verdict == "twin"
    assert "the same raw outputs" in clamped.equivalent["plain"]
    assert "its own scores are raw" in clamped.equivalent["plain"]


def test_the_form_is_the_variant_s_own_where_nothing_was_clamped(made_up):
    """Unclamped, scaled and scaled-clamped are the same numbers; verdict and table agree."""
    inside = 0.75 + (made_up.outputs["plain"] - 0.75) / 4
    outputs = {"twin": inside, "same": inside, "other": made_up.outputs["other"]}
    traits = {**TRAITS, "same": VariantTraits("scaled-clamped")}
    texts = [f"{value:.4f}" for value in (inside.mean(axis=1) - 0.7626) * 2 + 0.65]
    scores = dataclasses.replace(made_up, outputs=outputs)
    found = decide_variant(study.as_column(IDS, texts), scores, traits=traits)
    assert (found.verdict, found.form) == ("twin", "scaled-clamped")
    forms = {row.slug: row.form for row in found.candidates[:2]}
    assert forms == {"twin": "scaled-clamped", "same": "scaled-clamped"}
    assert found.equivalent == {"same": "the same raw outputs on these pictures"}


# -- digits --------------------------------------------------------------------------------------


def test_what_rounding_hides_cannot_be_told_apart_and_what_it_shows_can(made_up):
    raw = made_up.raw("plain")
    coarse, fine = run(made_up, raw, "{:.2f}"), run(made_up, raw, "{:.5f}")
    assert {coarse.verdict, *coarse.equivalent} == {"plain", "twin", "near"}
    assert {fine.verdict, *fine.equivalent} == {"plain", "twin"}
    assert (coarse.digits, fine.digits) == (2, 5)
    assert fine.margin is not None
    assert fine.margin.slug == "near"
    assert fine.margin.loglik_difference > TOLD_APART
    expected = np.sqrt(np.mean((made_up.raw("near") - raw) ** 2)) / (1e-5 / np.sqrt(12))
    assert fine.margin.residual_ratio == pytest.approx(expected, rel=0.5)


def test_rows_of_few_decimals_among_rows_of_many_are_no_wrong_rows(made_up):
    """Six rows in ten with four decimals, four with two: more than lost zeros explain."""
    texts = [f"{value:.{4 if at % 5 < 3 else 2}f}" for at, value in enumerate(made_up.raw("other"))]
    found = decide_variant(study.as_column(IDS, texts), made_up, traits=TRAITS)
    assert (found.verdict, found.evidence, found.form) == ("other", "exact", "raw")
    assert found.disagreeing == ()
    assert "all 40 rows agree to the last digit written" in found.sentence


def test_a_column_of_ones_agrees_with_clamped_scores_only(made_up):
    """Not with raw outputs of .9 that would be rounded to 1."""
    flat = {"flat": made_up.outputs["flat"], "high": 1.4 + 0 * made_up.outputs["flat"]}
    scores = dataclasses.replace(made_up, outputs=flat)
    traits = {"flat": VariantTraits("raw"), "high": VariantTraits("raw")}
    found = decide_variant(study.as_column(IDS, ["1"] * N), scores, traits=traits)
    assert (found.evidence, set(found.equivalent)) == ("too little information", {"high"})
    assert {row.slug: row.agree for row in found.candidates} == {"high": 1.0, "flat": 0.0}


# -- rows that are wrong ---------------------------------------------------------------------------


def test_wrong_rows_are_named_and_do_not_change_the_verdict(made_up):
    values = made_up.raw("near").copy()
    values[[2, 11, 30, 35]] = [0.2, 0.95, values[1], 0.5]
    found = run(made_up, values, "{:.4f}")
    assert (found.verdict, found.evidence) == ("near", "exact")
    assert found.disagreeing == ("02.jpg", "11.jpg", "30.jpg", "35.jpg")


# -- other evidence --------------------------------------------------------------------------------


def test_small_noise_is_close_and_not_exact(made_up):
    noise = np.random.default_rng(2).normal(0, 0.003, N)
    found = run(made_up, made_up.raw("other") + noise)
    assert (found.verdict, found.evidence, found.form) == ("other", "close", "raw")
    row = found.candidates[0]
    assert row.residual_sd == pytest.approx(0.003, rel=0.5)


def test_differences_not_half_as_large_again_are_not_told_apart(made_up):
    """However the likelihoods differ: other decoders' differences are no random noise."""
    scores = many(200)
    plain, noise = scores.raw("plain"), np.random.default_rng(2).normal(0, 0.003, size=(3, 200))
    values = plain + noise[0]
    outputs = {  # differences 1.25 and 3.2 times as large as those of `plain`
        "plain": plain[:, None],
        "near": (plain + 0.75 * noise[1])[:, None],
        "other": (plain + 3 * noise[2])[:, None],
    }
    found = run(dataclasses.replace(scores, outputs=outputs), values)
    behind = {row.slug: found.candidates[0].loglik - row.loglik for row in found.candidates}
    assert (found.verdict, found.evidence) == ("plain", "close")
    assert behind["near"] > 2 * TOLD_APART
    assert set(found.equivalent) == {"near"}
    assert "1.5 times" in found.equivalent["near"]
    assert found.margin.slug == "other"


def test_a_straight_line_gives_its_intercept_and_slope(made_up):
    found = run(made_up, 3.5 - 2.25 * made_up.raw("other"))
    assert (found.verdict, found.evidence, found.form) == ("other", "affine", "affine")
    assert found.affine == pytest.approx((3.5, -2.25), abs=1e-4)
    assert "all 40 rows lie on it" in found.sentence
    first, second = found.candidates[:2]
    assert (first.slug, first.form, first.agree) == ("other", "affine", 1.0)
    assert first.loglik > second.loglik


def test_a_close_line_is_not_named_where_another_line_fits_better():
    """`near` is close but for 12 of 60 rows; `plain` explains all of them, and is not close."""
    scores = many(60)
    random = np.random.default_rng(3)
    values = stats.zscore(scores.raw("plain"))
    near = values + random.normal(0, 0.07, 60)
    near[:12] += np.tile([1.0, -1.0], 6)
    outputs = {
        "near": near[:, None],
        "plain": (values + random.normal(0, 0.13, 60))[:, None],
    }
    column = study.as_column(scores.image_ids, [repr(float(v)) for v in 5 + 3 * values])
    fits = CandidateFits(column, outputs, TRAITS, 0)
    assert fits.find_line() is None
    best, next_ = fits.lines
    assert (best.prediction.slug, next_.prediction.slug) == ("plain", "near")
    assert (fits.is_match(best), fits.is_match(next_)) == (False, True)


def test_a_straight_line_is_found_among_wrong_rows(made_up):
    values = 10 + 4 * made_up.raw("other")
    values[:4] = [20, 3, 0, 14.9]
    found = run(made_up, values)
    assert (found.verdict, found.evidence) == ("other", "affine")
    assert found.affine == pytest.approx((10, 4), abs=1e-3)
    assert set(found.disagreeing) == set(IDS[:4])


def test_a_third_of_wrong_rows_at_the_top_of_a_long_column_changes_nothing():
    """Of a long column some rows are drawn; the first of them would all be wrong here."""
    scores = many(1000)
    order = np.arange(1000)
    order[:300] = np.random.default_rng(1).permutation(300)
    values = scores.raw("plain")[order]
    exact, line = run(scores, values), run(scores, 3 * values - 1)
    assert (exact.verdict, exact.evidence) == ("plain", "exact")
    assert (line.verdict, line.evidence) == ("plain", "affine")
    assert line.affine == pytest.approx((-1, 3), abs=1e-4)
    assert set(exact.disagreeing) <= set(scores.image_ids[:300])


def test_the_same_order_alone_is_evidence_by_rank(made_up):
    found = run(made_up, stats.rankdata(made_up.raw("other")) ** 3)
    assert (found.verdict, found.evidence, found.form) == ("other", "rank", "rank")
    assert "has the order of other (Spearman's rho 1.0000), but not its numbers" in found.sentence
    assert {row.form for row in found.candidates} == {"rank"}
    rhos = [abs(row.rho) for row in found.candidates]
    assert rhos[0] == pytest.approx(1.0)
    assert rhos[1] == pytest.approx(
        max(
            abs(stats.spearmanr(made_up.raw(slug), made_up.raw("other"))[0])
            for slug in made_up.outputs
            if slug != "other"
        )
    )


def test_nearly_the_same_order_gives_the_untrimmed_rho_too(made_up):
    values = stats.rankdata(made_up.raw("other")) ** 3
    values[[0, 1, 2]] = [9e4, 1.0, 50.0]
    found = run(made_up, values)
    whole = stats.spearmanr(made_up.raw("other"), values)[0]
    assert (found.verdict, found.evidence) == ("other", "rank")
    assert whole < 0.97
    assert (
        f"nearly the order of other (Spearman's rho {whole:.4f}; 1.0000 without" in found.sentence
    )


def test_of_fewer_than_thirty_rows_none_is_left_out_of_the_order():
    scores = many(28)
    values = stats.rankdata(scores.raw("plain")) ** 3
    order = values.argsort()
    values[order[[1, 14, 26]]] = values[order[[26, 1, 14]]]
    found = run(scores, values)
    assert (found.verdict, found.evidence) == (None, "none")
    values.sort()
    assert run(scores, values[scores.raw("plain").argsort().argsort()]).evidence == "rank"


def test_a_related_model_s_rho_is_too_high_among_few_pictures_and_never_one_among_many():
    assert related_rho(10, 0.0) == pytest.approx(1.0)
    assert 0.97 < related_rho(60, 0.0) < 0.995
    assert 0.99 < related_rho(60, 0.15) < 1 - 1e-4


def test_crops_drawn_anew_are_recognised_by_how_little_they_scatter(made_up):
    """The old study's ten crops were others; the spread of ours says how far they may lie."""
    random = np.random.default_rng(4)
    anew = {}
    for crop_sd in (0.02, 0.05):
        crops = random.normal(0, crop_sd, size=(N, 10))
        outputs = made_up.raw("random")[:, None] + crops - crops.mean(axis=1, keepdims=True)
        scores = dataclasses.replace(made_up, outputs={**made_up.outputs, "random": outputs})
        scatter = outputs.std(axis=1, ddof=1) * np.sqrt(2 / 10) * random.normal(size=N)
        anew[crop_sd] = run(scores, scores.raw("random") + scatter)
    near, far = anew.values()
    assert (near.verdict, near.evidence) == ("random", "close")
    assert "whose crops are random" in near.sentence
    # A fifth of the spread: a model that is merely related would explain the column as well.
    assert (far.verdict, far.evidence) == (None, "too little information")
    assert set(far.equivalent) == {"random"}
    assert "another model with correlated scores" in far.sentence
    same = run(made_up, made_up.raw("random"))
    assert (same.verdict, same.evidence) == ("random", "exact")


# -- none of these ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{!r}", "{:.2f}"])
def test_shuffled_scores_and_noise_are_none_of_these(made_up, form: str):
    random = np.random.default_rng(6)
    for values in (
        random.permutation(made_up.raw("plain")),
        random.normal(0.76, 0.1, N),
        made_up.raw("plain") + random.normal(0, 0.06, N),  # related, as human scores are
    ):
        found = run(made_up, values, form)
        assert (found.verdict, found.evidence, found.equivalent) == (None, "none", {})


def test_a_column_that_hardly_varies_is_too_little_information(made_up):
    rounded = run(made_up, made_up.raw("flat"), "{:.2f}")
    assert (rounded.verdict, rounded.evidence) == (None, "too little information")
    assert "flat" in rounded.equivalent
    constant = run(made_up, np.ones(N))
    assert (constant.verdict, constant.evidence, constant.p) == (
        None,
        "too little information",
        None,
    )
    fine = run(made_up, made_up.raw("flat"), "{:.5f}")
    assert (fine.verdict, fine.evidence) == ("flat", "exact")


def test_a_related_model_s_likelihood_is_that_of_the_normal_distribution(made_up):
    """Against scipy.stats and numpy.polyfit, at the least noise: the column is a variant's own."""
    raw = made_up.raw("other")
    column = ObservedColumn.from_values(np.round(raw, 2), np.full(N, 0.01))
    slope, intercept = np.polyfit(raw, column.values, 1)
    noise = stats.norm(intercept + slope * raw, max(0.3 * slope * raw.std(), 0.25 * raw.std()))
    mass = noise.cdf(column.values + 0.005) - noise.cdf(column.values - 0.005)
    loglik = np.log(0.998 * mass + 0.002 * column.background).sum()
    assert related_model_loglik(column, [raw]) == pytest.approx(loglik, abs=0.05)
    assert related_model_loglik(column, [raw, made_up.raw("plain")]) == related_model_loglik(
        column, [raw]
    )
    assert related_model_loglik(column, [np.ones(N)]) == -np.inf


@pytest.mark.parametrize(("count", "form"), [(10, "{:.1f}"), (30, "{:.1f}"), (12, "{!r}")])
def test_another_model_that_is_related_to_a_variant_is_not_named_after_it(count: int, form: str):
    """Correlated .9 to .97, with the same mean and SD; the shuffled columns say p < .01."""
    random = np.random.default_rng(9)
    evidence = []
    for _ in range(8):
        scores = many(count)
        raw = scores.raw("plain")
        for r in (0.9, 0.95, 0.97):
            noise = raw.std() * random.normal(size=count)
            values = raw.mean() + r * (raw - raw.mean()) + np.sqrt(1 - r**2) * noise
            evidence.append(run(scores, values, form).evidence)
    assert set(evidence) <= {"none", "too little information"}
    assert run(scores, raw, "{:.3f}").evidence == "exact"
    if form == "{:.1f}":
        assert "too little information" in evidence


def test_a_related_model_may_have_wrong_rows_as_the_candidates_may():
    """By hand: the line without the wrong rows, its least noise, and a share of wrong rows."""
    raw = many(60).raw("plain")
    random = np.random.default_rng(4)
    values = np.round(raw + 0.2 * raw.std() * random.normal(size=60), 2)
    values[::10] = [0.02, 0.08, 0.13, 0.21, 0.31, 0.36]
    column = ObservedColumn.from_values(values, np.full(60, 0.01))
    good = np.arange(60) % 10 > 0
    slope, intercept = np.polyfit(raw[good], values[good], 1)
    least = max(0.3 * slope * raw[good].std(), 0.25 * values[good].std())
    noise = stats.norm(intercept + slope * raw, least)
    mass = noise.cdf(values + 0.005) - noise.cdf(values - 0.005)
    by_hand = np.log(0.9 * mass + 0.1 * column.background).sum()
    assert related_model_loglik(column, [raw]) == pytest.approx(by_hand, abs=0.5)


def test_equivalents_are_grouped_by_reason():
    reasons = {"a": "fits nearly as well", "b": "the same", "c": "fits nearly as well"}
    assert equivalent_words(reasons) == (
        " It cannot be told apart from 3 others (a, c: fits nearly as well; b: the same)."
    )
    assert equivalent_words({}) == ""


def test_fewer_than_ten_rows_with_a_picture_are_an_error(made_up):
    column = study.as_column([*IDS[:9], "unknown.jpg"], ["0.5"] * 10)
    with pytest.raises(MemnetError, match="9 usable row"):
        decide_variant(column, made_up, traits=TRAITS)


def test_the_result_is_plain_json_and_the_same_again(made_up):
    values = np.round(made_up.raw("other"), 4)
    first, second = run(made_up, values).to_dict(), run(made_up, values).to_dict()
    assert json.loads(json.dumps(first, allow_nan=False)) == json.loads(json.dumps(second))
    assert {"verdict", "equivalent", "form", "evidence", "margin"} <= set(first)
    assert isinstance(first["equivalent"], list)


# -- the real variants, small network --------------------------------------------------------------


@pytest.fixture(scope="module")
def thirty(tmp_path_factory) -> study.Pool:
    folder = tmp_path_factory.mktemp("diagnose")
    found = study.pictures(folder / "pictures", study.PICTURES)
    return study.pool(study.small_network(folder), found)


FEW = [study.KINDS[number] for number in (6, 12, 13)]
"""A kind of each sort: rounded, with wrong rows, shuffled."""


@pytest.fixture(scope="module", params=["few", pytest.param("all", marks=pytest.mark.slow)])
def one_draw(thirty, request) -> list[study.Outcome]:
    kinds = FEW if request.param == "few" else study.KINDS
    found = list(study.outcomes(thirty, np.random.default_rng(0), kinds))
    assert len(found) == len(variants()) * len(kinds)
    return found


def test_every_variant_is_in_the_registry_s_traits():
    assert list(registered_traits()) == list(variants())
    assert registered_traits()["server"].own_form == "scaled-clamped"
    assert registered_traits()["pretorched-x"].own_form == "scaled-clamped-per-crop"


def test_the_variant_that_made_a_column_is_named_or_in_its_class(one_draw):
    wrong = [
        (one.truth, one.kind.name, one.diagnosis.evidence, one.diagnosis.verdict)
        for one in one_draw
        if one.kind.rows != "shuffled" and one.truth not in one.told
    ]
    assert not wrong


def test_from_four_decimals_only_variants_with_the_same_inputs_stay_together(one_draw):
    same = twins()
    too_wide = [
        (one.truth, one.kind.name, sorted(one.told - set(same[one.truth])))
        for one in one_draw
        if one.kind.rows != "shuffled"
        and one.kind.form == "raw"
        and one.kind.exact
        and one.diagnosis.verdict is not None
        and not one.told <= set(same[one.truth])
    ]
    assert not too_wide
    named = [one for one in one_draw if one.kind.name == "raw, 4 decimals"]
    assert sum(one.diagnosis.verdict is not None for one in named) >= len(named) - 1


def test_shuffled_columns_get_no_verdict(one_draw):
    shuffled = [one for one in one_draw if one.kind.rows == "shuffled"]
    assert len(shuffled) >= len(variants())
    assert [one.diagnosis.verdict for one in shuffled] == [None] * len(shuffled)


def test_the_corrupted_rows_are_among_those_named(thirty):
    random = np.random.default_rng(1)
    outputs = thirty.scores.outputs["caffe-train"]
    texts = study.write(outputs, study.Kind("", "raw", 6), random)
    wrong = [4, 17, 22]
    for row in wrong:
        texts[row] = "0.123456"
    found = decide_variant(study.as_column(thirty.scores.image_ids, texts), thirty.scores)
    assert found.verdict == "caffe-train"
    assert set(found.disagreeing) == {thirty.scores.image_ids[row] for row in wrong}
