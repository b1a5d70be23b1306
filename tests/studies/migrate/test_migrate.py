"""A study taken to new scores: nothing is lost, figures are SciPy's, ids are exact."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from memnet.errors import MemnetError
from memnet.studies.migrate.agreement import concordance, measure_agreement
from memnet.studies.migrate.claims.attenuation import published_validities
from memnet.studies.migrate.claims.request import ClaimRequest
from memnet.studies.migrate.crosswalk import read_crosswalk
from memnet.studies.migrate.figures import draw_crosswalk
from memnet.studies.migrate.migrate import write_migration
from memnet.studies.migrate.migrated_table import choose_prefix
from memnet.studies.migrate.migration import apply_crosswalk, check_request, migrate_scores
from memnet.studies.migrate.new_scores import read_new_scores
from memnet.studies.migrate.page import crosswalk_table, write_migrate_page
from memnet.studies.migrate.record import MigrationRecord
from memnet.studies.migrate.study import read_study

N = 60


@pytest.fixture
def planted():
    """Return 60 pictures: both scores follow memorability, the new one more closely."""
    random = np.random.default_rng(6)
    true = random.standard_normal(N)
    old = np.clip(0.65 + 0.1 * (0.6 * true + 0.8 * random.standard_normal(N)), 0, 1)
    new = np.clip(0.7 + 0.08 * (0.8 * true + 0.6 * random.standard_normal(N)), 0, 1)
    return pd.DataFrame(
        {
            "image_id": [f"{place:04d}.jpg" for place in range(N)],
            "memnet": old.round(4),
            "score": new,
            "rating": (0.5 * true + random.standard_normal(N)).round(3),
            "size": random.integers(1, 6, N),
            "kind": random.choice(["indoor", "outdoor"], N),
            "model": "resmem.published",
        }
    )


def write(
    folder, frame, name="study.csv", columns=("image_id", "memnet", "rating", "size", "kind")
):
    path = folder / name
    frame[list(columns)].to_csv(path, index=False)
    return path


@pytest.fixture
def run(tmp_path, planted):
    """Return a function that migrates a study table, by default the planted one."""

    def go(study=None, new=None, *, resamples=200, id_column="image_id", **asked):
        path = write(tmp_path, planted) if study is None else tmp_path / "study.csv"
        if study is not None:
            study.to_csv(path, index=False)
        scores = write(
            tmp_path, planted if new is None else new, "new.csv", ("image_id", "model", "score")
        )
        more = {key: asked.pop(key) for key in ("memnet_equivalent", "dataset") if key in asked}
        table = read_study(path, score_column="memnet", id_column=id_column)
        return migrate_scores(
            table,
            read_new_scores(scores, table),
            request=ClaimRequest(**asked),
            resamples=resamples,
            **more,
        )

    return go


def study_of(planted):
    return planted[["image_id", "memnet", "rating", "size", "kind"]].astype(str)


# Nothing is lost ----------------------------------------------------------------------------------


def test_every_row_and_cell_of_the_study_is_kept_as_it_stands(tmp_path, planted, run):
    study = study_of(planted)
    study["code"] = [f"{place:03d}" for place in range(N)]  # leading zeros
    study["remark"] = 'he said "well, no"; 0,50'
    study.loc[3, "memnet"] = ""
    study.loc[5, "memnet"] = "NA"
    study.loc[7, "rating"] = "0.50"
    done = run(study[::-1])
    write_migration(done, tmp_path / "out")
    back = pd.read_csv(tmp_path / "out" / "migrated.csv", dtype=str, keep_default_na=False)
    columns = list(study.columns)
    assert list(back.columns[: len(columns)]) == columns
    pd.testing.assert_frame_equal(
        back[columns], study[::-1].reset_index(drop=True).astype(back[columns].dtypes)
    )
    row = back.set_index("image_id").loc["0003.jpg"]
    assert row["note"] == "memnet is missing"
    assert float(row["resmem"]) == planted["score"][3]
    assert row["resmem_equivalent"] == row["resmem_predicted_low"] == ""


def test_the_new_scores_stand_in_the_rows_of_their_pictures(planted, run):
    table = run(planted[["image_id", "memnet"]][::-1], planted.sample(frac=1, random_state=1)).table
    assert table["resmem"].astype(float).tolist() == planted["score"][::-1].tolist()
    assert (table["note"] == "").all()


def test_a_column_of_the_study_is_never_overwritten(planted, run):
    study = study_of(planted).assign(resmem="mine")
    with pytest.raises(MemnetError, match=r"already has the column\(s\) 'resmem'"):
        run(study)


def test_a_clash_is_found_before_any_picture_is_scored(tmp_path, planted):
    path = write(tmp_path, planted.assign(note="x"), columns=("image_id", "memnet", "note"))
    study = read_study(path, score_column="memnet")
    with pytest.raises(MemnetError, match="'note'"):
        check_request(study, "resmem.published", ClaimRequest())


def test_another_model_is_not_called_resmem():
    assert choose_prefix("resmem.published") == "resmem"
    assert choose_prefix("vitmem") == choose_prefix("resmem_old") == "new"
    assert choose_prefix("m3m.mine") == choose_prefix("memnet.caffe_lamem:server") == "new"
    assert choose_prefix("resmem.mine") == choose_prefix("resmem_retrained") == "new"


# Scores and scales --------------------------------------------------------------------------------


def test_equivalents_keep_the_order_of_the_scores_they_come_from(planted, run):
    table = run(memnet_equivalent=True).table
    new, old = planted["score"], planted["memnet"]
    equivalent = table["memnet_equivalent"].astype(float)
    assert stats.spearmanr(equivalent, new).statistic == pytest.approx(1, abs=1e-12)
    mapped = table["resmem_equivalent"].astype(float)
    assert stats.spearmanr(mapped, old).statistic == pytest.approx(1, abs=1e-12)
    # Equipercentile: the mapped scores are distributed as the new ones, to a few ties.
    assert stats.ks_2samp(mapped, new).statistic < 0.05
    predicted = table["resmem_predicted"].astype(float)
    assert predicted.std() < 0.8 * mapped.std()  # a regression has less spread
    width = table["resmem_predicted_high"].astype(float) - predicted
    assert width.to_numpy() == pytest.approx(width[0])


def test_a_crosswalk_file_gives_the_same_columns_without_pictures(tmp_path, planted, run):
    done = run()
    write_migration(done, tmp_path / "out")
    study = read_study(tmp_path / "study.csv", score_column="memnet")
    mapped = apply_crosswalk(study, *read_crosswalk(tmp_path / "out" / "crosswalk.json"))
    for column in ("resmem_equivalent", "resmem_predicted", "resmem_predicted_low"):
        assert mapped.table[column].tolist() == done.table[column].tolist()
    assert mapped.complete
    assert "resmem" not in mapped.table.columns  # no new score was made


def test_scores_outside_a_crosswalk_are_left_empty_and_counted(tmp_path, planted, run):
    write_migration(run(), tmp_path / "out")
    further = planted[["image_id", "memnet"]].copy()
    further.loc[[0, 1], "memnet"] = [0.001, 0.999]
    path = write(tmp_path, further, "further.csv", ("image_id", "memnet"))
    done = apply_crosswalk(
        read_study(path, score_column="memnet"),
        *read_crosswalk(tmp_path / "out" / "crosswalk.json"),
    )
    assert not done.complete
    assert done.table["resmem_equivalent"][:2].tolist() == ["", ""]
    assert done.table["note"][0].startswith("the old score is outside the crosswalk's range")
    assert any(
        "2 picture(s)" in said and "0000.jpg, 0001.jpg" in said for said in done.record.set_aside
    )
    write_migration(done, tmp_path / "mapped")
    page = (tmp_path / "mapped" / "report.html").read_text(encoding="utf-8")
    assert "adds no information" in page
    assert done.record.claims == []


def test_a_crosswalk_of_another_form_is_refused_where_nothing_is_in_its_range(
    tmp_path, planted, run
):
    write_migration(run(), tmp_path / "out")
    percent = planted.assign(memnet=planted["memnet"] * 100)
    path = write(tmp_path, percent, "percent.csv", ("image_id", "memnet"))
    study = read_study(path, score_column="memnet")
    with pytest.raises(MemnetError, match="another form of the score"):
        apply_crosswalk(study, *read_crosswalk(tmp_path / "out" / "crosswalk.json"))


def test_the_crosswalk_says_where_it_comes_from(tmp_path, run):
    write_migration(run(), tmp_path / "out")
    provenance = json.loads((tmp_path / "out" / "crosswalk.json").read_text())["provenance"]
    assert provenance["new"]["weights_sha256"].startswith("8e4b8ab0ac338909")
    assert provenance["pictures"]["n"] == N
    assert "non-commercial" in provenance["licence_note"]
    assert any("Khosla" in cited for cited in provenance["citations"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda old: old * 100, "seem to be percentages"),
        (lambda old: old - 0.6, "below 0"),
        (lambda old: old.where(old.index != 4, 250), "above 100"),
        (lambda old: old.where(old.index != 4, 1.3), "above 1"),
    ],
)
def test_scores_outside_the_range_of_any_variant_get_a_sentence(planted, run, change, said):
    record = run(planted.assign(memnet=change(planted["memnet"]))).record
    (sentence,) = (one for one in [*record.remarks, *record.cautions] if said in one)
    assert (
        "are kept and enter every estimate (claims, agreement, crosswalk)" in sentence
        or "percentages" in sentence
    )
    assert record.pictures["n"] == N  # and are kept


@pytest.mark.parametrize("code", [-999, 999, 9999, -9])
def test_a_code_for_a_missing_score_is_set_aside_and_enters_nothing(planted, run, code):
    coded = planted.assign(memnet=planted["memnet"].where(planted.index != 5, code))
    done = run(coded, outcomes=("rating",))
    (said,) = done.record.set_aside
    assert f"{code}.0 in row 7 of 'memnet' is taken as a missing value" in said
    assert done.table["note"][5] == f"memnet is '{code}.0', taken for the code of a missing value"
    rest = planted.drop(index=5)
    expected = stats.pearsonr(rest["memnet"], rest["rating"]).statistic
    assert done.record.claims[1]["old"]["value"] == pytest.approx(expected, abs=1e-12)
    assert done.record.crosswalk["forward"]["n"] == N - 1
    assert done.record.old["highest"] <= 1
    assert float(done.table["memnet"][5]) == code  # the study's cell stays


def test_scores_of_another_scale_that_are_like_a_code_are_kept(planted, run):
    thousandths = (planted["memnet"] * 1000).round().where(planted.index != 5, 999)
    done = run(planted.assign(memnet=thousandths))
    assert done.record.set_aside == []
    assert done.record.pictures["n"] == N


def test_a_code_among_the_outcomes_is_warned_of_and_kept(planted, run):
    coded = planted.assign(rating=planted["rating"].where(planted.index != 5, -999))
    done = run(coded, outcomes=("rating",))
    assert done.complete
    assert done.record.claims[0]["n"] == N
    (said,) = (one for one in done.record.remarks if "-999 in row 7" in one)
    assert "far outside all other numbers" in said
    wide = planted.assign(rating=np.linspace(-999, 999, N))
    remarks = run(wide, outcomes=("rating",)).record.remarks
    assert not [remark for remark in remarks if "far outside" in remark]
    assert any("999 in row 61, outside all other numbers" in remark for remark in remarks)


def test_usual_codes_that_may_be_numbers_are_named_in_all_columns(planted, run):
    coded = planted.assign(size=planted["size"].where(planted.index > 1, 99))
    done = run(coded, outcomes=("size",))
    (said,) = (one for one in done.record.remarks if "99 in row" in one)
    assert said.startswith("Column 'size' has 99 in row 2, 99 in row 3, outside all other numbers.")
    assert done.record.claims[0]["n"] == N  # and is used
    scores = {name: planted[name].where(planted.index != 5, 99) for name in ("memnet", "score")}
    record = run(planted.assign(**scores), planted.assign(**scores)).record
    old, new = (one for one in record.remarks if "99.0 in row" in one)
    assert "memnet has 99.0 in row 7, outside all other numbers (0." in old
    assert "score has 99.0 in row 7, outside all other numbers (0." in new
    assert not [one for one in [*record.cautions, *record.remarks] if "percent" in one.lower()]
    assert record.pictures["n"] == N


def test_scores_from_0_to_1_get_no_such_sentence(run):
    assert not [s for s in run().record.remarks if "below 0" in s or "above" in s]


# Claims -------------------------------------------------------------------------------------------


def test_claims_are_scipys_on_the_pictures(planted, run):
    claims = {claim["kind"]: claim for claim in run(outcomes=("rating",)).record.claims}
    for kind, reference in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        for which, column in (("old", "memnet"), ("new", "score")):
            expected = reference(planted[column], planted["rating"])
            assert claims[kind][which]["value"] == pytest.approx(expected.statistic, abs=1e-12)
            assert claims[kind][f"p_{which}"] == pytest.approx(expected.pvalue, rel=1e-9)
        difference = claims[kind]["new"]["value"] - claims[kind]["old"]["value"]
        assert claims[kind]["difference"]["value"] == pytest.approx(difference, abs=1e-12)


def test_every_kind_of_claim_is_redone(run):
    done = run(
        outcomes=("rating",), covariates=("size",), group="kind", resamples=100
    ).record.claims
    kinds = [claim["kind"] for claim in done]
    assert set(kinds) == {"spearman", "pearson", "partial", "regression", "group_difference"}
    done = run(outcomes=("rating",), predictor="size", resamples=100).record.claims
    assert [claim["kind"] for claim in done][-1] == "control"


def test_rows_of_one_picture_are_averaged_and_counted_once(planted, run):
    random = np.random.default_rng(1)
    trials = planted.loc[planted.index.repeat(3)].sample(frac=1, random_state=2)
    trials["rating"] += random.normal(0, 1, len(trials))
    record = run(trials[["image_id", "memnet", "rating"]], outcomes=("rating",)).record
    mean = trials.groupby("image_id", sort=False)["rating"].mean()
    per_picture = planted.set_index("image_id").loc[mean.index]
    expected = stats.spearmanr(per_picture["score"], mean).statistic
    claim = record.claims[0]
    assert claim["n"] == N
    assert claim["new"]["value"] == pytest.approx(expected, abs=1e-12)
    assert any("180 rows about 60 pictures" in said for said in record.remarks)


def test_a_picture_whose_rows_have_different_scores_is_set_aside_and_named(planted, run):
    study = pd.concat([planted, planted.iloc[:2].assign(memnet=[0.1, planted["memnet"][1]])])
    done = run(study[["image_id", "memnet"]])
    assert done.record.pictures["n"] == N - 1
    assert not done.complete
    (said,) = done.record.set_aside
    assert "1 picture(s) have different scores" in said
    assert "0000.jpg" in said
    assert "0001.jpg" not in said  # the same score twice is one score
    notes = done.table["note"]
    assert notes[0] == notes[N] == "the rows of this picture have different old scores"


def test_empty_outcomes_are_left_out_and_counted(planted, run):
    study = study_of(planted)
    study.loc[[2, 9], "rating"] = ["NA", ""]
    done = run(study, outcomes=("rating",))
    assert done.record.claims[0]["n"] == N - 2
    assert any(
        "2 picture(s)" in said and "0002.jpg, 0009.jpg" in said for said in done.record.remarks
    )
    assert done.complete  # a missing value is no mistake


def test_words_among_the_outcomes_are_named(planted, run):
    study = study_of(planted)
    study.loc[4, "rating"] = "high"
    done = run(study, outcomes=("rating",))
    assert not done.complete
    assert any("row 6, 'high'" in said for said in done.record.set_aside)
    assert done.record.claims[0]["n"] == N - 1


def test_a_group_must_be_a_property_of_the_picture(planted, run):
    study = pd.concat([planted, planted.iloc[:1].assign(kind="else")])
    done = run(study[["image_id", "memnet", "kind"]], group="kind")
    assert done.record.claims[0]["n"] == N - 1
    assert any("more than one group" in said for said in done.record.set_aside)


def test_groups_within_pictures_get_one_sentence_and_no_claim(planted, run):
    trials = pd.concat([planted.assign(kind="before"), planted.assign(kind="after")])
    record = run(trials[["image_id", "memnet", "kind"]], group="kind").record
    assert record.claims == []
    (said,) = (s for s in [*record.set_aside, *record.remarks] if "'kind'" in s)
    assert said == (
        "60 picture(s) have rows of more than one group of column 'kind', so memorability cannot "
        "be compared between them; fit a mixed model to migrated.csv."
    )
    assert not [s for s in [*record.set_aside, *record.remarks] if "no value in kind" in s]


def test_clusters_of_pictures_are_reckoned_with(planted, run):
    study = planted.assign(place=[f"p{row // 6}" for row in range(N)])
    columns = ["image_id", "memnet", "rating", "kind", "place"]
    record = run(study[columns], outcomes=("rating",), group="kind", clusters="place").record
    assert {claim["detail"]["clusters"] for claim in record.claims} == {10}
    assert all("CR2" in claim["test"] for claim in record.claims)
    assert "Pictures came in 10 clusters, which were resampled whole." in record.methods
    study.loc[2, "place"] = ""
    record = run(study[columns], outcomes=("rating",), clusters="place").record
    assert record.claims[0]["n"] == N - 1
    (said,) = (one for one in record.remarks if "no cluster in column 'place'" in one)
    assert "0002.jpg" in said


def test_without_clusters_the_methods_say_what_is_supposed(planted, run):
    record = run(outcomes=("rating",), predictor="size")
    assert "Pictures were taken as independent of one another." in record.record.methods
    assert "The control for memorability is incomplete" in record.record.methods
    (control,) = (claim for claim in record.record.claims if claim["kind"] == "control")
    assert set(control["detail"]["corrected"]) == {"old", "new"}
    assert control["detail"]["corrected"]["new"]["validity"] == pytest.approx(0.67 / 0.67**0.5)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"clusters": "kind"}, "Clusters are for claims"),
        ({"group": "kind", "clusters": "kind"}, "cannot be both groups"),
        ({"outcomes": ("rating",), "clusters": "nowhere"}, "no column 'nowhere'"),
        ({"outcomes": ("rating",), "clusters": "memnet"}, "has the ids or the old scores"),
        ({"outcomes": ("rating",), "clusters": "kind"}, "2 cluster.s. are too few"),
    ],
)
def test_clusters_that_make_no_sense_are_refused(run, asked, said):
    with pytest.raises(MemnetError, match=said):
        run(**asked)


def test_groups_that_may_be_one_or_a_missing_value_are_named(planted, run):
    names = ["indoor", "Indoor", "1", "1.0", "-9"]
    kind = [names[row % len(names)] for row in range(len(planted))]
    record = run(planted.assign(kind=kind)[["image_id", "memnet", "kind"]], group="kind").record
    said = [one for one in record.remarks if "has the group" in one]
    assert said == [
        "Column 'kind' has the groups '1', '1.0', which are compared as several; if they are one, "
        "write them alike.",
        "Column 'kind' has the groups 'Indoor', 'indoor', which are compared as several; if they "
        "are one, write them alike.",
        "Column 'kind' has the group '-9', which is often the code of a missing value, and is "
        "compared like any other; if it is one, empty its cells.",
    ]


def test_a_group_of_one_picture_is_left_out_where_two_groups_remain(planted, run):
    lonely = planted.assign(kind=planted["kind"].where(planted.index != 5, "space"))
    done = run(lonely, group="kind")
    (claim,) = done.record.claims
    assert claim["title"] == "Hedges' g of memorability, indoor minus outdoor (kind)"
    assert claim["n"] == N - 1
    assert not done.complete  # exit code 1
    (said,) = (one for one in done.record.set_aside if "'space'" in one)
    assert "1 group(s) of column 'kind' have one picture only" in said
    assert "0005.jpg" in said


def test_a_measured_variable_is_no_column_of_groups(planted, run):
    numbers = planted.assign(light=np.linspace(0, 1, len(planted)).round(4))
    with pytest.raises(MemnetError, match="different numbers, so it is no column of groups"):
        run(numbers, group="light")
    coded = planted.assign(light=planted.index % 3)
    assert run(coded, group="light").record.claims[0]["n"] == N


@pytest.mark.parametrize(
    ("change", "asked", "said"),
    [
        ({"rating": 3}, {"outcomes": ("rating",)}, "column 'rating' has one value only"),
        ({"memnet": 0.65}, {"outcomes": ("rating",)}, "column 'memnet' has one value only"),
        ({"score": 0.7}, {"outcomes": ("rating",)}, "the score of resmem.published has one value"),
        ({"kind": "animal"}, {"group": "kind"}, "there is one group only, 'animal'"),
        ({"kind": ["a"] * (N - 1) + ["b"]}, {"group": "kind"}, "'b' has one item only"),
    ],
)
def test_a_claim_that_cannot_be_made_names_the_studys_column_and_is_a_failure(
    planted, run, change, asked, said
):
    done = run(planted.assign(**change), planted.assign(**change), **asked)
    assert not done.complete
    assert any("claims are undefined" in one and said in one for one in done.record.set_aside)
    assert "Hedges" not in " ".join(done.record.conclusions)


def test_too_few_pictures_for_a_claim_are_a_failure(planted, run):
    few = planted.assign(rating=planted["rating"].where(planted.index < 9))
    done = run(few, outcomes=("rating",))
    assert not done.complete
    assert any("No claims about rating: 9 picture(s)" in s for s in done.record.set_aside)


def test_an_outcome_unrelated_to_both_scores_is_not_made_an_effect(tmp_path, planted, run):
    design = np.column_stack([np.ones(N), planted["memnet"], planted["score"]])
    noise = np.random.default_rng(3).standard_normal(N)
    planted["rating"] = noise - design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    done = run(outcomes=("rating",), resamples=500)
    (pearson,) = (claim for claim in done.record.claims if claim["kind"] == "pearson")
    assert pearson["verdict"] == "neither"
    assert pearson["new"]["interval"][0] < 0 < pearson["new"]["interval"][1]
    write_migration(done, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Pearson's r of memorability and rating: is significant with neither score." in text
    assert text.count("is significant with") == text.count("is significant with neither score")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"covariates": ("size",)}, "need an outcome"),
        ({"outcomes": ("rating",), "covariates": ("rating",)}, "named twice"),
        ({"outcomes": ("memnet",)}, "cannot be an outcome"),
        ({"outcomes": ("ratings",)}, "Did you mean 'rating'"),
        ({"outcomes": ("kind",)}, "must be numbers: write a category as columns of 0 and 1"),
    ],
)
def test_columns_that_make_no_sense_are_refused(run, asked, said):
    with pytest.raises(MemnetError, match=said):
        run(**asked)


def test_percent_signs_are_refused_with_what_to_write(tmp_path, planted, run):
    signed = planted.assign(memnet=[f"{100 * one:.1f}%" for one in planted["memnet"]])
    signed.loc[0, "memnet"] = "54.4%"
    with pytest.raises(MemnetError, match=r"write 54\.4% as 54\.4 or 0\.544"):
        run(signed)
    signed = planted.assign(rating=[f"{one} %" for one in planted["size"]])
    with pytest.raises(MemnetError, match=r"write \d % as \d or 0\.0\d"):
        run(signed, outcomes=("rating",))


# Ids ----------------------------------------------------------------------------------------------


def test_ids_without_their_ending_do_not_match_and_the_sentence_says_so(planted, run):
    study = planted.assign(image_id=planted["image_id"].str.removesuffix(".jpg"))
    with pytest.raises(MemnetError, match="without file endings"):
        run(study[["image_id", "memnet"]])


def test_ids_that_a_spreadsheet_made_numbers_of_are_recognised(planted, run):
    study = planted.assign(image_id=[str(place) for place in range(100, 100 + N)])
    new = planted.assign(image_id=[f"{place:06d}.jpg" for place in range(100, 100 + N)])
    with pytest.raises(MemnetError, match=r"leading zeros \('100' and '000100\.jpg'\)"):
        run(study[["image_id", "memnet"]], new)


def test_the_good_rows_are_done_where_some_ids_do_not_match(planted, run):
    study = study_of(planted)
    study.loc[:3, "image_id"] = ["0000", "0001", "0002.JPG", "elsewhere.jpg"]
    done = run(study)
    assert done.record.pictures["n"] == N - 4
    assert not done.complete
    said = " ".join(done.record.set_aside)
    assert "4 of 60 pictures" in said
    assert "3 id(s)" in said
    assert "2 without file endings ('0000' and '0000.jpg')" in said
    assert "1 in one letter case ('0002.JPG' and '0002.jpg')" in said
    assert done.table["note"][3] == "no new score: no picture or new score of this id"


def test_one_id_that_could_be_several_pictures_is_named_with_them(planted, run):
    new = pd.concat([planted, planted.iloc[:2].assign(image_id=["a/pic1.jpg", "b/pic1.jpg"])])
    study = pd.concat([planted, planted.iloc[:1].assign(image_id="pic1")])
    done = run(study[["image_id", "memnet"]], new)
    assert any(
        "'pic1' could be 'a/pic1.jpg', 'b/pic1.jpg'" in said for said in done.record.set_aside
    )


def test_a_picture_that_failed_is_not_said_to_lack_a_row(planted, run):
    done = run(new=planted.assign(score=planted["score"].where(planted.index != 8)))
    (said,) = done.record.set_aside
    assert said.startswith("1 picture(s) could not be scored (0008.jpg: its score is missing")
    assert done.table["note"][8].startswith("no new score: its score is missing")


def test_fewer_than_10_pictures_are_refused_with_what_was_left_out(planted, run):
    study = planted[["image_id", "memnet"]].iloc[:12].astype(str)
    study.loc[:3, "memnet"] = ""
    with pytest.raises(MemnetError, match=r"8 picture.*at least 10 are needed.*4 picture"):
        run(study)


def test_fewer_than_30_pictures_give_claims_and_no_crosswalk(tmp_path, planted, run):
    done = run(planted[["image_id", "memnet", "rating"]].iloc[:20], outcomes=("rating",))
    assert done.crosswalk is None
    assert "needs 30 pictures" in done.record.crosswalk_reason
    assert [claim["n"] for claim in done.record.claims] == [20, 20]
    assert "resmem_equivalent" not in done.table.columns
    (tmp_path / "out").mkdir()
    for name in ("crosswalk.json", "migrate.json"):
        (tmp_path / "out" / name).write_text("of an earlier run")
    write_migration(done, tmp_path / "out")
    assert not (tmp_path / "out" / "crosswalk.json").exists()
    assert "No crosswalk was fitted" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_old_scores_that_are_all_equal_give_a_reason_and_no_warning(tmp_path, planted, run):
    done = run(planted.assign(memnet=0.65), outcomes=("rating",))
    assert done.crosswalk is None
    claim = done.record.claims[0]
    assert claim["old"] == {
        "value": None,
        "interval": None,
        "reason": claim["old"]["reason"],
    }
    assert claim["old"]["reason"]
    assert claim["new"]["value"] is not None
    write_migration(done, tmp_path / "out")


def test_a_table_of_several_models_needs_a_name(tmp_path, planted):
    both = pd.concat([planted, planted.assign(model="m3m.mine")])
    path = write(tmp_path, both, "new.csv", ("image_id", "model", "score"))
    study = read_study(write(tmp_path, planted), score_column="memnet")
    with pytest.raises(MemnetError, match=r"resmem\.published, m3m\.mine"):
        read_new_scores(path, study)
    assert read_new_scores(path, study, model="m3m.mine").model == "m3m.mine"


def plain(folder, frame, name="new.csv"):
    return write(folder, frame, name, ("image_id", "score"))


def test_a_plain_table_gets_its_models_name_from_the_user_or_none(tmp_path, planted):
    path = plain(tmp_path, planted)
    study = read_study(write(tmp_path, planted), score_column="memnet")
    stated = read_new_scores(path, study, model="resmem.published")
    assert stated.label == stated.model == "resmem.published"
    done = migrate_scores(study, stated, request=ClaimRequest(), resamples=100)
    assert "resmem" in done.table.columns
    (said,) = (one for one in done.record.remarks if "have no checksums" in one)
    assert "resmem.published was given with --model" in said
    assert done.record.new["weights_sha256"] is None
    assert "the authors stated the model, and this was not checked" in done.record.methods
    unknown = migrate_scores(
        study, read_new_scores(path, study), request=ClaimRequest(), resamples=100
    )
    assert read_new_scores(path, study).model == "new"  # the file's stem
    (said,) = (one for one in unknown.record.remarks if "have no checksums" in one)
    assert "Give its name with --model" in said
    assert "a model that its score table does not name" in unknown.record.methods


def test_a_file_called_new_makes_no_model_called_new(tmp_path, planted):
    study = read_study(write(tmp_path, planted), score_column="memnet")
    done = migrate_scores(
        study,
        read_new_scores(plain(tmp_path, planted), study),
        request=ClaimRequest(outcomes=("rating",)),
        resamples=100,
    )
    assert done.record.new["name"] == "the model of new.csv"
    assert done.record.crosswalk["forward"]["target"] == "the model of new.csv"
    assert done.record.added["new"]["meaning"] == "score of the model of new.csv"
    page = write_migration(done, tmp_path / "out").read_text(encoding="utf-8")
    assert "model new" not in page
    assert "from MemNet to the model of new.csv" in page


def test_another_models_name_than_the_tables_is_refused(tmp_path, planted):
    path = write(tmp_path, planted, "new.csv", ("image_id", "model", "score"))
    study = read_study(write(tmp_path, planted), score_column="memnet")
    with pytest.raises(MemnetError, match=r"none of vitmem.*resmem\.published"):
        read_new_scores(path, study, model="vitmem")


# Tables as people have them -----------------------------------------------------------------------


def test_semicolons_and_decimal_commas_are_read_and_said(tmp_path, planted):
    text = planted[["image_id", "memnet"]].to_csv(index=False, sep=";", decimal=",")
    (tmp_path / "study.csv").write_text(text, encoding="utf-8")
    study = read_study(tmp_path / "study.csv", score_column="memnet")
    assert study.old.tolist() == planted["memnet"].tolist()
    assert any("decimal commas" in said for said in study.remarks)
    assert study.table["memnet"][0] == str(planted["memnet"][0]).replace(".", ",")


def test_a_parquet_study_is_read(tmp_path, planted):
    planted.to_parquet(tmp_path / "study.parquet")
    study = read_study(tmp_path / "study.parquet", score_column="memnet")
    assert study.old.tolist() == planted["memnet"].tolist()


def test_rows_longer_than_the_head_are_refused(tmp_path):
    (tmp_path / "study.csv").write_text("image_id,memnet\na.jpg,0.5,1\nb.jpg,0.6,2\n")
    with pytest.raises(MemnetError, match="more cells than there are names"):
        read_study(tmp_path / "study.csv", score_column="memnet")


def test_rows_without_an_id_are_kept_and_named(planted, run):
    study = study_of(planted)
    study.loc[1, "image_id"] = ""
    done = run(study)
    assert done.table["note"][1] == "image_id is missing"
    assert any("1 row(s) have no image_id (row 3)" in said for said in done.record.set_aside)
    assert len(done.table) == N


# Figures ------------------------------------------------------------------------------------------


def test_concordance_of_a_hand_computed_example():
    # variances 2/3, covariance 2/3, means one apart: 2 * 2/3 / (2/3 + 2/3 + 1) = 4/7
    assert concordance(np.array([1.0, 2, 3]), np.array([2.0, 3, 4])) == pytest.approx(4 / 7)
    assert math.isnan(concordance(np.full(5, 0.5), np.full(5, 0.5)))


def test_limits_of_agreement_are_those_of_bland_and_altman(planted):
    old, new = planted["memnet"].to_numpy(), planted["score"].to_numpy()
    found = measure_agreement(old, new, resamples=200, seed=0, level=0.95)
    difference = new - old
    assert found["mean_difference"]["value"] == pytest.approx(difference.mean())
    limits = [found[name]["value"] for name in ("limit_low", "limit_high")]
    spread = 1.96 * difference.std(ddof=1)
    assert limits == pytest.approx([difference.mean() - spread, difference.mean() + spread])
    low, high = found["concordance"]["interval"]
    assert low < found["concordance"]["value"] < high


def test_values_on_two_scales_are_not_held_against_each_other(planted):
    old, new = planted["memnet"].to_numpy() * 100, planted["score"].to_numpy()
    found = measure_agreement(old, new, resamples=200, seed=0, level=0.95)
    assert found["concordance"]["value"] is None
    assert "different scales" in found["concordance"]["reason"]
    expected = stats.spearmanr(old, new).statistic
    assert found["spearman"]["value"] == pytest.approx(expected, abs=1e-12)


def test_validities_are_the_published_figures_over_the_root_of_reliability():
    found = published_validities("resmem.published")
    assert found["old"][0]["validity"] == pytest.approx(0.565 / math.sqrt(0.67))
    assert found["ratio"] == pytest.approx(0.67 / 0.565)
    assert found["ratios"] == pytest.approx([0.64 / 0.57, 0.68 / 0.565])
    assert {row["printed"] for row in found["new"]} == {"0.67", "0.68", "0.64"}  # none is picked
    assert "no validity" in published_validities("m3m.mine")["reason"]


# Record and pages ---------------------------------------------------------------------------------


def test_the_pages_are_a_pure_function_of_the_record(tmp_path, run):
    done = run(
        outcomes=("rating",), covariates=("size",), group="kind", dataset="lamem", resamples=100
    )
    write_migration(done, tmp_path / "out")
    text = (tmp_path / "out" / "migrate.json").read_text(encoding="utf-8")
    record = MigrationRecord(**json.loads(text))
    assert record == done.record
    write_migrate_page(record, tmp_path / "again")
    for name in ("report.html", "report.md", "claims.csv", "figures/claims.svg"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_the_page_stands_alone_and_says_what_matters(tmp_path, run):
    done = run(outcomes=("rating",), dataset="lamem")
    page = write_migration(done, tmp_path / "out").read_text(encoding="utf-8")
    assert 'src="data:image/svg+xml' in page
    assert page.count("<script") == 1  # which opens what is folded
    assert 'src="http' not in page
    assert "valid for pictures like these" in page
    assert "Better measurement alone" in page
    assert "MemNet may have seen these pictures in training" in page
    assert "resmem.published has seen these pictures in training" in page
    for sentence in done.record.conclusions[1:]:
        assert sentence.split(":")[0] in page


def test_the_footnote_says_each_way_once_and_in_words(tmp_path, run):
    done = run(outcomes=("rating",), covariates=("size",), group="kind")
    write_migration(done, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8").replace("\\", "")
    assert text.count("Intervals: ") == text.count("resamples, seed 0") == 1
    assert "Where groups are compared, pictures are drawn within each group." in text
    assert "spearman, pearson:" not in text
    assert "group_difference" not in text
    tests = "Student's t test that the correlation is 0 (58 degrees of freedom); Student's t test "
    tests += "that the partial correlation is 0 (57 degrees of freedom); t test with "
    assert tests in text
    methods = done.record.methods
    assert tests in methods
    assert "Welch's t test that both groups have the same mean." in methods
    assert "A result was taken as significant if its test rejected at .05 and its" in methods


def test_two_published_values_are_told_apart(tmp_path, run):
    write_migration(run(outcomes=("rating",)), tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8").replace("\\", "")
    _, _, table = text.partition("| Model | Published rho |")
    names = [line.split("|")[1].split("*")[0].strip() for line in table.splitlines()[2:7]]
    assert len(set(names)) == len(names) == 5
    assert "ResMemRetrain (ResNet-152 trained too): Spearman's rho (Table 1)" in names
    assert "MemNet, trained and tested on LaMem without false alarms, mean of 5 splits" in names


def test_two_tables_given_have_two_names(planted):
    study = read_study(planted, score_column="memnet")
    other = planted.assign(image_id="x" + planted["image_id"])
    new = read_new_scores(other[["image_id", "score"]], study)
    with pytest.raises(MemnetError, match="No id of the table given is in the table of new scores"):
        migrate_scores(study, new, request=ClaimRequest())


def test_the_lowest_p_is_marked_in_table_csv_and_words(tmp_path, planted, run):
    opposite = planted.assign(rating=planted["score"] - planted["memnet"])
    done = run(opposite, outcomes=("rating",), resamples=100)
    page = write_migration(done, tmp_path / "out").read_text(encoding="utf-8")
    table = pd.read_csv(tmp_path / "out" / "claims.csv")
    assert (table["p_difference"] == table["p_difference_floor"]).all()
    shown = f"&lt;= {table['p_difference'][0]:.3f}".replace("0.", ".")
    assert shown in page
    assert any("more resamples (--resamples) would show" in one for one in done.record.remarks)
    again = run(outcomes=("rating",), resamples=100).record
    assert not any("(--resamples) would show" in one for one in again.remarks)


def test_which_map_errs_least_is_read_from_the_figures(tmp_path, run):
    record = run().record
    way = record.crosswalk["forward"]
    way |= {"rmse_isotonic": 0.05, "rmse_quantile": 0.06, "rmse_mean": 0.1}
    said = crosswalk_table(record).before
    assert (
        "From MemNet (memnet) to ResMem, the isotonic map has the smallest error (RMSE 0.0500"
        in said
    )
    assert "50 % less than predicting the mean" in said
    way |= {"rmse_quantile": 0.04}
    assert (
        "to ResMem, the equipercentile map has the smallest error" in crosswalk_table(record).before
    )
    way |= {"rmse_mean": 0.03}
    assert "neither map can predict the score of a single picture" in crosswalk_table(record).before


def test_prediction_intervals_end_where_the_scale_does(tmp_path, planted, run):
    high = planted.assign(score=1 / (1 + np.exp(-(planted["score"] - 0.65) / 0.05)))
    done = run(high, high)
    assert done.record.crosswalk["forward"]["target_high"] == 1
    assert done.record.crosswalk["backward"]["target_high"] is None  # old scores are not clamped
    top = done.table["resmem_predicted_high"].astype(float)
    half = done.record.crosswalk["forward"]["half_width"]
    assert (done.table["resmem_predicted"].astype(float) + half > 1).any()
    assert top.max() == 1
    (band,) = draw_crosswalk(done.record).axes[0].collections
    assert band.get_paths()[0].vertices[:, 1].max() == 1
    clamped = planted.assign(memnet=((planted["memnet"] - 0.65) * 4 + 0.65).clip(0, 1))
    assert run(clamped).record.crosswalk["backward"]["target_low"] == 0


def test_the_methods_paragraph_has_versions_checksums_citations_and_licence(tmp_path, run):
    write_migration(run(outcomes=("rating",)), tmp_path / "out")
    text = (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")
    import memnet

    assert f"memnet {memnet.__version__}" in text
    assert "8e4b8ab0ac338909add68a674e9bd4c1602350731abe7f97bc060dc159706a53" in text
    assert "non-commercial use only" in text
    assert "10.1109/ICCV.2015.275" in text
    assert "10.1007/s42113-022-00126-5" in text
    assert "60 of 60 pictures had both" in text
    assert "not corrected for the number of claims (2)" in text


def test_another_model_is_not_called_resmem_nor_said_to_be_run_by_memnet(tmp_path, run, planted):
    write_migration(run(new=planted.assign(model="vitmem")), tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "migrated.csv")
    assert {"new", "new_equivalent", "new_predicted"} <= set(table.columns)
    assert not [name for name in table.columns if name.startswith("resmem")]
    text = (tmp_path / "out" / "methods.txt").read_text(encoding="utf-8")
    assert "the model vitmem" in text
    assert "run by memnet" not in text
    assert "ResMem" not in text


def test_claims_csv_has_every_number_in_full(tmp_path, run):
    done = run(outcomes=("rating",), group="kind")
    write_migration(done, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "claims.csv", dtype=str)
    assert [float(cell) for cell in table["new"]] == [
        claim["new"]["value"] for claim in done.record.claims
    ]
    assert [float(cell) for cell in table["difference_low"]] == [
        claim["difference"]["interval"][0] for claim in done.record.claims
    ]


# What is passed off as nothing else ---------------------------------------------------------------


def test_a_resmem_of_ones_own_is_not_the_published_one(tmp_path, planted, run):
    done = run(new=planted.assign(model="resmem.mine"))
    write_migration(done, tmp_path / "out")
    assert "new" in done.table.columns
    assert "resmem" not in done.table.columns
    methods = done.record.methods
    assert "the model resmem.mine (source not stated)" in methods
    assert "Needell" not in methods
    assert "inferred from the name" not in methods
    assert "it does not record which weights and preprocessing made them" in methods
    assert done.record.crosswalk["forward"]["target"] == "resmem.mine"
    assert not any("Needell" in each for each in done.record.crosswalk["provenance"]["citations"])
    study = read_study(tmp_path / "study.csv", score_column="memnet")
    mapped = apply_crosswalk(study, *read_crosswalk(tmp_path / "out" / "crosswalk.json"))
    assert "new_equivalent" in mapped.table.columns
    assert "Needell" not in mapped.record.methods


def test_the_published_one_is_cited_and_inferred_from_its_name(tmp_path, run):
    done = run()
    write_migration(done, tmp_path / "out")
    assert "weights and preprocessing are inferred from the name" in done.record.methods
    study = read_study(tmp_path / "study.csv", score_column="memnet")
    mapped = apply_crosswalk(study, *read_crosswalk(tmp_path / "out" / "crosswalk.json"))
    assert "resmem_equivalent" in mapped.table.columns
    assert mapped.record.methods.count("10.1007/s42113-022-00126-5") == 1


def test_why_a_picture_failed_is_said_of_the_chosen_model_only(tmp_path, planted):
    frame = planted.assign(variant="", warning="")
    frame.loc[3, "score"], frame.loc[3, "warning"] = np.nan, "failed: the file is cut short"
    other = planted.assign(model="m3m.mine", variant="", warning="")
    path = tmp_path / "new.csv"
    pd.concat([frame, other])[["image_id", "model", "variant", "score", "warning"]].to_csv(
        path, index=False
    )
    study = read_study(write(tmp_path, planted), score_column="memnet")
    new = read_new_scores(path, study, model="resmem.published")
    assert new.failed == {"0003.jpg": "the file is cut short"}
    assert read_new_scores(path, study, model="m3m.mine").failed == {}


# What is asked for and cannot be ------------------------------------------------------------------


def test_a_group_comparison_never_vanishes_without_a_word(planted, run):
    """One picture of mixed groups has no new score; two groups are left, one picture too few."""
    study = study_of(planted[:10]).assign(kind=["a"] * 5 + ["b"] * 4 + ["c"])
    mixed = study_of(planted[10:11]).assign(kind="a")
    study = pd.concat([study, mixed, mixed.assign(kind="b")])
    done = run(study, planted[:10], group="kind")
    assert done.record.claims == []
    assert not done.complete
    said = [one for one in done.record.set_aside if "No claims about kind: 9 picture(s)" in one]
    assert len(said) == 1


def test_scores_on_the_old_scale_that_cannot_be_added_are_a_failure(planted, run):
    done = run(study_of(planted[:12]), memnet_equivalent=True)
    (said,) = done.record.set_aside
    assert said.startswith("The column 'memnet_equivalent' was asked for and is not added, since ")
    assert "a crosswalk needs 30 pictures" in said
    assert not done.complete


def test_a_map_without_a_usable_old_score_says_why(tmp_path, planted, run):
    write_migration(run(), tmp_path / "out")
    rows = pd.concat([planted[:2], planted[:2].assign(memnet=[0.1, 0.2])])
    study = read_study(write(tmp_path, rows, "apart.csv"), score_column="memnet")
    words = "No picture of apart.csv has an old score that can be mapped. .*different scores"
    with pytest.raises(MemnetError, match=words):
        apply_crosswalk(study, *read_crosswalk(tmp_path / "out" / "crosswalk.json"))


def test_a_crosswalk_that_was_never_written_is_said_so(tmp_path, planted, run):
    page = write_migration(run(study_of(planted[:12])), tmp_path / "out")
    with pytest.raises(MemnetError, match=r"There is no crosswalk .*; else its report says why"):
        read_crosswalk(page.with_name("crosswalk.json"))


# Files --------------------------------------------------------------------------------------------


def test_a_second_run_leaves_no_figure_of_the_first(tmp_path, planted, run):
    write_migration(run(outcomes=("rating",)), tmp_path / "out")
    figures = tmp_path / "out" / "figures"
    (figures / "mine.png").touch()
    write_migration(run(study_of(planted[:12])), tmp_path / "out")
    assert sorted(path.name for path in figures.iterdir()) == [
        "mine.png",
        "scores.png",
        "scores.svg",
    ]


def test_what_cannot_be_rendered_leaves_the_last_run_whole(tmp_path, planted, run, monkeypatch):
    write_migration(run(outcomes=("rating",)), tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    second = run(study_of(planted[:12]))
    monkeypatch.setattr("memnet.studies.migrate.page.html_page", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_migration(second, tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


def test_a_crosswalk_of_an_earlier_run_goes_when_another_one_is_applied(tmp_path, planted, run):
    study = read_study(write(tmp_path, study_of(planted), "s.csv"), score_column="memnet")
    for name in ("out", "other"):
        write_migration(run(), tmp_path / name)
    first = tmp_path / "out" / "crosswalk.json"
    write_migration(apply_crosswalk(study, *read_crosswalk(first)), tmp_path / "out")
    assert first.is_file()  # it is the one that was applied
    text = first.read_text(encoding="utf-8")
    first.write_text(text + "\n", encoding="utf-8")
    applied = apply_crosswalk(study, *read_crosswalk(tmp_path / "other" / "crosswalk.json"))
    write_migration(applied, tmp_path / "out")
    assert not first.exists()
    (tmp_path / "mine").mkdir()  # no run was there: somebody put it there
    (tmp_path / "mine" / "crosswalk.json").write_text(text, encoding="utf-8")
    write_migration(applied, tmp_path / "mine")
    assert (tmp_path / "mine" / "crosswalk.json").is_file()


def test_a_bare_carriage_return_stays_in_its_cell(tmp_path, planted, run):
    study = study_of(planted).assign(remark="one\rtwo")
    study.to_csv(tmp_path / "study.csv", index=False, quoting=1)
    table = read_study(tmp_path / "study.csv", score_column="memnet")
    scores = write(tmp_path, planted, "new.csv", ("image_id", "model", "score"))
    done = migrate_scores(
        table, read_new_scores(scores, table), request=ClaimRequest(), resamples=100
    )
    write_migration(done, tmp_path / "out")
    back = pd.read_csv(tmp_path / "out" / "migrated.csv", dtype=str)
    assert len(back) == N
    assert set(back["remark"]) == {"one\rtwo"}


def test_commands_on_the_page_can_be_copied(tmp_path, planted, run):
    study = study_of(planted).rename(columns={"memnet": "old score"})
    study.to_csv(tmp_path / "my study.csv", index=False)
    table = read_study(tmp_path / "my study.csv", score_column="old score")
    scores = write(tmp_path, planted, "new.csv", ("image_id", "model", "score"))
    done = migrate_scores(
        table, read_new_scores(scores, table), request=ClaimRequest(), resamples=100
    )
    write_migration(done, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "memnet diagnose --scores 'my study.csv' --score-column 'old score' --images" in text
    assert "read as UTF-8, comma between cells" in text.replace("\\", "")


def test_commas_that_are_no_decimal_commas_are_not_called_so(planted, run):
    study = study_of(planted)
    assert not any("decimal commas" in one for one in run(study).record.remarks)
    study.loc[3, "memnet"] = "none, alas"
    assert not any("decimal commas" in one for one in run(study).record.remarks)
