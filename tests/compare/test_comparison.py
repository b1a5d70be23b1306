"""A whole comparison: what the record holds, from the real data and from the hard cases."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import memnet
from memnet.compare.record import SCHEMA_VERSION, RunRecord
from memnet.data.digests import manifest_digest
from memnet.data.memcat import read_memcat
from memnet.errors import MemnetError
from memnet.stats.metrics import METRICS, derived_metrics, noise_matched_metrics
from memnet.stats.metrics.cramer_von_mises import squared_difference


def people(n=150, seed=0):
    """Labels of about 80 people each, with their counts and a category."""
    random = np.random.default_rng(seed)
    p = random.beta(6, 2, n)
    responses = random.integers(70, 90, n)
    hits = random.binomial(responses, p)
    table = pd.DataFrame(
        {
            "image_id": [f"{k:03d}.jpg" for k in range(n)],
            "hit_rate": hits / responses,
            "corrected": (hits - random.binomial(responses, 0.1)) / responses,
            "hits": hits,
            "n": responses,
            "category": random.choice(["animal", "food", "sport"], n),
            "scene": random.integers(12, size=n).astype(str),
        }
    )
    return p, table


def predicted(table, values, model="mine"):
    return pd.DataFrame({"image_id": table["image_id"], "score": values, "model": model})


COUNTS = {"hits_column": "hits", "responses_column": "n"}


@pytest.fixture(scope="module")
def record():
    p, table = people()
    return memnet.compare(
        table,
        [
            predicted(table, 0.2 + 0.7 * p, "resmem.published"),
            predicted(table, np.random.default_rng(1).random(150), "random"),
        ],
        truth_column="hit_rate",
        dataset="memcat",
        resamples=200,
        **COUNTS,
    )


def test_every_figure_is_there_once_per_model_with_its_ancestry(record):
    names = [(r.model, r.metric) for r in record.results]
    assert len(set(names)) == len(names) == 2 * len({**METRICS, **derived_metrics()})
    (digest,) = {r.manifest for r in record.results}
    _, table = people()
    assert digest == manifest_digest(table["image_id"], table["hit_rate"])
    for result in record.results:
        assert result.value is not None or result.reason, result.metric
        assert result.interval is not None or result.reason, result.metric
        assert result.seed == 20220101
    words = {r.model: r.contamination for r in record.results}
    assert words == {"resmem.published": "contaminated", "random": "unknown"}


def test_each_distance_has_an_effect_size_or_is_one_and_a_paired_p(record):
    for name in [metric.name for metric in noise_matched_metrics()]:
        for metric in (name, f"{name}_noise_matched"):
            result = record.result(metric, "random")
            assert 0 < result.p_value <= 1
            drawn = metric.endswith("_noise_matched")
            how = "binomial draws of the human scores" if drawn else "swap permutation"
            assert result.p_method == how
    result = record.result("cramer_von_mises", "random")
    low, high = result.effect_interval
    assert low <= result.effect_size <= high
    truth, prediction = people()[1]["hit_rate"], np.random.default_rng(1).random(150)
    squares = squared_difference(truth, prediction)
    assert result.effect_size == pytest.approx(np.sqrt(2 * squares / 150), abs=1e-12)
    assert record.result("ks", "random").effect_size is None  # a distance already


def test_the_parts_of_the_mse_and_its_floor_add_up(record):
    value = {r.metric: r.value for r in record.results if r.model == "random"}
    parts = ("mse_bias", "mse_variance", "mse_correlation")
    assert sum(value[name] for name in parts) == pytest.approx(value["mse"], abs=1e-12)
    parts = ("mse_label_noise", "mse_above_noise")
    assert sum(value[name] for name in parts) == pytest.approx(value["mse"], abs=1e-12)


def test_disattenuation_divides_by_the_ceiling(record):
    top = record.labels["figures"]["ceiling_spearman"]
    value = record.value("spearman", "random") / top["value"]
    assert record.value("disattenuated_spearman", "random") == pytest.approx(value)
    assert top["interval"][0] < top["value"] < top["interval"][1]
    assert record.labels["kind"] == "counts"
    assert record.labels["responses"]["lowest"] >= 70


def test_differences_carry_the_worse_word(record):
    (row,) = [d for d in record.differences if d.metric == "spearman"]
    assert (row.model_a, row.model_b) == ("resmem.published", "random")
    assert row.contamination == "contaminated"
    assert row.value == pytest.approx(
        record.value("spearman", "resmem.published") - record.value("spearman", "random")
    )
    assert row.resamples == 200
    assert row.n == 150


def test_a_record_survives_json_whole(record):
    again = RunRecord.from_json(record.to_json())
    assert again == record
    assert json.loads(record.to_json())["schema_version"] == SCHEMA_VERSION == 2


def test_labels_that_are_no_hit_rates_have_no_binomial_noise():
    p, table = people()
    found = memnet.compare(
        table, predicted(table, p), truth_column="corrected", resamples=20, **COUNTS
    )
    for name in ("ks_noise_matched", "mse_label_noise", "disattenuated_spearman"):
        assert found.value(name) is None
        assert "not hits / responses" in found.result(name).reason
    assert any("not hits / responses" in sentence for sentence in found.warnings)
    rounded = table.assign(hit_rate=table["hit_rate"].round(2))
    found = memnet.compare(
        rounded, predicted(table, p), truth_column="hit_rate", resamples=20, **COUNTS
    )
    assert found.labels["kind"] == "counts"


def test_lamem_has_no_counts_and_its_published_reliability_is_used_with_its_source():
    p, table = people()
    found = memnet.compare(
        table, predicted(table, p), truth_column="hit_rate", dataset="lamem:test:1", resamples=50
    )
    assert found.labels["kind"] == "published"
    assert found.labels["figures"]["ceiling_spearman"]["value"] == pytest.approx(np.sqrt(0.67))
    assert "Khosla" in found.labels["source"]
    ratio = found.value("disattenuated_spearman") / found.value("spearman")
    assert ratio == pytest.approx(1 / np.sqrt(0.67))
    assert found.value("mse_label_noise") == pytest.approx(0.33 * table["hit_rate"].var(ddof=0))
    assert found.value("ks_noise_matched") is None


def test_without_counts_or_data_set_the_ceiling_is_null_with_a_reason():
    p, table = people()
    found = memnet.compare(table, predicted(table, p), truth_column="hit_rate", resamples=20)
    assert found.labels["kind"] == "unknown"
    assert found.value("disattenuated_spearman") is None
    assert "no columns with hits" in found.result("disattenuated_spearman").reason


def test_a_reliability_is_not_borrowed_for_labels_that_it_was_not_published_for(tmp_path, shared):
    p, table = people()
    how = {"truth_column": "hit_rate", "resamples": 20}
    for dataset in ("memcat", "lamem", "lamem:train:1"):
        found = memnet.compare(table, predicted(table, p), dataset=dataset, **how)
        assert found.labels["kind"] == "unknown", dataset
    assert "name split and part, as in lamem:test:1" in found.labels["reason"]
    truth = read_memcat(shared / "data" / "human_scores" / "memcat_image_data.csv", label="w-fa")
    truth.write(tmp_path / "truth.csv")
    part = truth.table.iloc[::50]
    found = memnet.compare(
        tmp_path / "truth.csv", predicted(part, part["human_score"] ** 2), resamples=20
    )
    assert found.labels["kind"] == "counts"  # the false alarms are there, too
    assert not [
        row for row in found.published if row["metric"] == "split_half" and row["comparable"]
    ]


@pytest.mark.parametrize("digits", [15, 2])
def test_rounded_labels_are_matched_by_their_counts(digits):
    """Unrounded, equal shares of equal counts are ties; rounding would shift every step."""
    p, table = people(800)
    table["n"] = 40
    table["hits"] = np.random.default_rng(0).binomial(40, p)
    exact = table.assign(hit_rate=table["hits"] / 40)
    rounded = table.assign(hit_rate=(table["hits"] / 40).round(digits) + 1e-16)
    found = [
        memnet.compare(t, predicted(t, p), truth_column="hit_rate", resamples=99, **COUNTS)
        for t in (exact, rounded)
    ]
    for name in ("ks_noise_matched", "cramer_von_mises_noise_matched"):
        assert found[0].value(name) == found[1].value(name)
        assert found[0].result(name).p_value == found[1].result(name).p_value > 0.01


def test_predictions_that_are_no_shares_are_not_matched_for_noise():
    p, table = people()
    found = memnet.compare(
        table,
        [predicted(table, 100 * p, "per cent"), predicted(table, p)],
        truth_column="hit_rate",
        resamples=20,
        **COUNTS,
    )
    assert found.value("ks_noise_matched", "per cent") is None
    assert "lie outside 0 to 1" in found.result("ks_noise_matched", "per cent").reason
    assert found.value("ks_noise_matched", "mine") is not None


def test_labels_without_any_reliability_have_no_ceiling_and_say_why():
    random = np.random.default_rng(3)
    _, table = people(60)
    table["n"] = 8
    table["hits"] = 4 + random.integers(0, 2, 60)  # less spread than chance alone would give
    table["hit_rate"] = table["hits"] / table["n"]
    found = memnet.compare(
        table, predicted(table, random.random(60)), truth_column="hit_rate", resamples=50, **COUNTS
    )
    assert found.labels["figures"]["ceiling_pearson"]["value"] is None
    assert found.value("disattenuated_pearson") is None
    assert "at or below zero" in found.result("disattenuated_pearson").reason


def test_a_perfect_predictor_has_the_label_noise_as_its_error_and_nothing_above():
    p, table = people(4000)
    found = memnet.compare(
        table,
        [predicted(table, p, "perfect"), predicted(table, np.full(4000, p.mean()), "flat")],
        truth_column="hit_rate",
        resamples=200,
        **COUNTS,
    )
    low, high = found.result("mse_above_noise", "perfect").interval
    assert low < 0 < high
    assert found.value("mse_above_noise", "flat") == pytest.approx(p.var(), rel=0.1)
    assert found.value("mse_correlation", "perfect") < found.value("mse_label_noise", "perfect")


def test_absurd_numbers_are_refused():
    p, table = people(20)
    with pytest.raises(memnet.MemnetError, match="mine has a score of 1e\\+200"):
        memnet.compare(table, predicted(table, p * 0 + 1e200), truth_column="hit_rate")


def test_few_resamples_are_pointed_out():
    p, table = people(20)
    found = memnet.compare(table, predicted(table, p), truth_column="hit_rate", resamples=40)
    assert any("Only 40 resamples" in sentence for sentence in found.warnings)


def test_the_cramer_von_mises_effect_is_that_of_the_distribution_functions_where_60_percent_tie():
    """By hand: the functions differ by -.4 (twice), -.2, 0, .2, .4, .6 and 0 (three times at 1).

    Hit rates of 0 and 1 have no sampling noise, so the noise-matched effect is the same.
    """
    truth = pd.DataFrame(
        {
            "image_id": list("abcde"),
            "hit_rate": [0.2, 0.4, 0.6, 0.8, 0.9],
            "hits": [2, 4, 6, 8, 9],
            "n": [10] * 5,
        }
    )
    scores = pd.DataFrame({"image_id": list("abcde"), "score": [0.0, 0.0, 1.0, 1.0, 1.0]})
    record = memnet.compare(
        truth,
        scores,
        truth_column="hit_rate",
        hits_column="hits",
        responses_column="n",
        resamples=199,
    )
    squares = 2 * 0.4**2 + 0.2**2 + 0 + 0.2**2 + 0.4**2 + 0.6**2 + 3 * 0
    for name in ("cramer_von_mises", "cramer_von_mises_noise_matched"):
        result = record.result(name)
        assert result.effect_size == pytest.approx((squares / 10) ** 0.5, abs=1e-12)  # .303
        low, high = result.effect_interval
        assert 0 <= low < result.effect_size < high <= 1
        by_midranks = (2 * result.value / 5) ** 0.5
        assert by_midranks > result.effect_size + 0.04  # what the statistic itself would give


def test_effect_sizes_of_clusters_come_from_each_resamples_own_size():
    p, table = people(400)
    table["scene"] = np.sort(np.random.default_rng(0).integers(0, 400, 400) ** 2 // 12000).astype(
        str
    )
    found = memnet.compare(
        table,
        predicted(table, 0.5 + 0.3 * p),
        truth_column="hit_rate",
        clusters_column="scene",
        resamples=400,
    )
    result = found.result("cramer_von_mises")
    ends = [np.sqrt(2 * end / 400) for end in result.interval]
    low, high = result.effect_interval
    assert ends[0] < low < result.effect_size < high < ends[1]
    assert all(row.tests == {} for row in found.differences)


def test_a_data_set_that_contradicts_the_manifest_is_refused(tmp_path, shared):
    """Else a model trained on MemCat would be called clean on its own pictures."""
    file = shared / "data" / "human_scores" / "memcat_image_data.csv"
    truth = read_memcat(file, label="wo-fa")
    truth.write(tmp_path / "truth.csv")
    part = truth.table.iloc[::50]
    scores = predicted(part, part["human_score"], "resmem.published")
    with pytest.raises(memnet.MemnetError, match="manifest says that the data set is memcat"):
        memnet.compare(tmp_path / "truth.csv", scores, dataset="scenes375", resamples=20)
    found = memnet.compare(tmp_path / "truth.csv", scores, dataset="MemCat", resamples=20)
    assert found.result("spearman").contamination == "contaminated"


def test_a_data_set_that_nobody_knows_is_pointed_out_and_an_impossible_split_refused():
    p, table = people(30)
    how = {"truth_column": "hit_rate", "resamples": 20}
    found = memnet.compare(table, predicted(table, p), dataset="memcta", **how)
    assert any("does not know the data set memcta" in sentence for sentence in found.warnings)
    with pytest.raises(memnet.MemnetError, match="splits 1 to 5"):
        memnet.compare(table, predicted(table, p), dataset="lamem:test:9", **how)


DAMAGE = {
    "no results": lambda r: r.update(results=[], differences=[]),
    "which is not among its models": lambda r: r["models"].pop(),
    "is no contamination": lambda r: r["results"][0].update(contamination="<b>clean</b>"),
    "n is -3": lambda r: r["results"][0].update(n=-3),
    "value is 'high', which must be a number": lambda r: r["results"][0].update(value="high"),
    "the interval is": lambda r: r["results"][0].update(interval=[0.5, 0.4]),
}


@pytest.mark.parametrize("words", DAMAGE)
def test_a_record_that_no_comparison_wrote_is_called_damaged(record, words):
    values = json.loads(record.to_json())
    DAMAGE[words](values)
    with pytest.raises(memnet.MemnetError, match=f"damaged .*{words}"):
        RunRecord.from_json(json.dumps(values))


def test_one_picture_has_no_interval():
    p, table = people(1)
    found = memnet.compare(table, predicted(table, p), truth_column="hit_rate", resamples=20)
    assert found.value("mse") is not None
    assert found.result("mse").interval is None
    assert found.result("mse").reason == "there is only one picture"


def test_strata_and_clusters_are_named_and_move_the_interval():
    p, table = people()
    how = {"truth_column": "hit_rate", "resamples": 100}
    found = {
        kind: memnet.compare(table, predicted(table, p), **how, **columns)
        for kind, columns in {
            "pictures": {},
            "strata": {"strata_column": "category"},
            "clusters": {"clusters_column": "scene"},
        }.items()
    }
    assert len({tuple(r.result("spearman").interval) for r in found.values()}) == 3
    assert found["strata"].resampling == {"kind": "strata", "column": "category", "groups": 3}
    assert "whole clusters" in found["clusters"].result("spearman").method
    assert len({r.value("spearman") for r in found.values()}) == 1


REFUSED = {
    "few clusters": ({"clusters_column": "category"}, "fewer than 10"),
    "both": ({"clusters_column": "scene", "strata_column": "category"}, "not both"),
    "hits alone": ({"hits_column": "hits"}, "go together"),
    "no such column": ({"strata_column": "categry"}, "Did you mean 'category'"),
    "swapped counts": ({"hits_column": "n", "responses_column": "hits"}, "may be swapped"),
    "margin": ({"margin": 0}, "between 0 and 2"),
    "resamples": ({"resamples": 0}, "a whole number, 1 or more"),
    "seed": ({"seed": -1}, "0 or more"),
    "no column": ({"truth_column": ""}, "--truth-column"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_meaning_is_refused_in_one_sentence(case):
    more, words = REFUSED[case]
    p, table = people()
    with pytest.raises(memnet.MemnetError, match=words):
        memnet.compare(table, predicted(table, p), **{"truth_column": "hit_rate", **more})


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_handful_of_pictures_gives_nulls_with_reasons_and_a_warning(n):
    p, table = people(n)
    found = memnet.compare(
        table,
        [predicted(table, p), predicted(table, p[::-1], "other")],
        truth_column="hit_rate",
        resamples=50,
        **COUNTS,
    )
    assert json.loads(found.to_json())
    assert any("nothing can be concluded" in sentence for sentence in found.warnings)
    if n == 1:
        assert found.value("spearman", "mine") is None
        assert found.result("spearman", "mine").reason


def test_percentages_keep_ranks_and_say_so():
    p, table = people()
    percent = table.assign(hit_rate=table["hit_rate"] * 100)
    found = memnet.compare(
        percent, predicted(table, p), truth_column="hit_rate", resamples=20, **COUNTS
    )
    plain = memnet.compare(table, predicted(table, p), truth_column="hit_rate", resamples=20)
    assert found.value("spearman") == plain.value("spearman")
    assert any("divide by 100" in sentence for sentence in found.warnings)


def test_a_table_of_memnet_dataset_needs_no_further_words(tmp_path, shared):
    truth = read_memcat(shared / "data" / "human_scores" / "memcat_image_data.csv", label="wo-fa")
    truth.write(tmp_path / "truth.csv")
    table = truth.table.iloc[::20]
    scores = predicted(table, table["human_score"].to_numpy() ** 2, "resmem.published")
    found = memnet.compare(tmp_path / "truth.csv", scores, resamples=50)
    assert found.dataset == "memcat"
    assert found.truth["manifest"]["label_column"] == "memorability_wo_fa_correction"
    assert found.labels["kind"] == "counts"
    assert found.result("spearman").contamination == "contaminated"
    assert found.items["n"] == 500


def test_resmem_on_its_own_training_pictures_is_called_contaminated(shared):
    """FACTS, section 6: 0.8173 and 0.00466 are what nobody may take for generalisation."""
    scores = pd.read_csv(shared / "golden" / "resmem_pictures400.csv")
    found = memnet.compare(
        shared / "data" / "pictures" / "human_scores.csv",
        scores.assign(model="resmem.published"),
        truth_column="hit_rate",
        dataset="memcat",
        strata_column="category",
        resamples=500,
        **COUNTS,
    )
    assert found.value("spearman") == pytest.approx(0.8173, abs=5e-5)
    assert found.value("mse") == pytest.approx(0.00466, abs=5e-6)
    assert {r.contamination for r in found.results} == {"contaminated"}
    assert found.value("min_prediction") == pytest.approx(0.413, abs=5e-4)
    assert found.labels["figures"]["split_half"]["value"] == pytest.approx(0.78, abs=0.01)
    published = {(row["metric"], row["text"]): row for row in found.published}
    best = published["mse", "as low as 0.0047"]
    assert best["comparable"] is False
    assert {"0.67", "0.68"} <= {text for metric, text in published if metric == "spearman"}


def test_the_375_scenes_give_the_published_figures():
    from importlib.resources import as_file, files

    with as_file(files("memnet.samples") / "scenes375.csv") as path:
        table = pd.read_csv(path)
        assert (table["responses"] == table["hits"] + table["misses"]).all()
        found = memnet.compare(
            path,
            path,
            truth_column="hit_rate",
            dataset="scenes375",
            hits_column="hits",
            responses_column="responses",
            resamples=100,
        )
    assert found.value("spearman") == pytest.approx(0.489051, abs=5e-7)
    assert found.value("pearson") == pytest.approx(0.497368, abs=5e-7)
    assert found.value("mse") == pytest.approx(0.025008, abs=5e-7)
    assert found.value("ks") == pytest.approx(0.4293, abs=5e-5)
    assert found.value("min_prediction") == pytest.approx(0.412849, abs=5e-7)
    tau = stats.kendalltau(table["hit_rate"], table["score"]).statistic
    assert found.value("kendall") == pytest.approx(tau, abs=1e-12)
    assert {r.contamination for r in found.results} == {"clean"}


def test_five_perturbed_copies_are_ranked_and_told_apart():
    random = np.random.default_rng(0)
    p, table = people(600)
    sizes = (0.3, 0.05, 0.5, 0.1, 0.2)
    tables = [
        predicted(table, p + size * random.standard_normal(600), f"noise {size}") for size in sizes
    ]
    found = memnet.compare(table, tables, truth_column="hit_rate", resamples=500, **COUNTS)
    rho = {r.model: r.value for r in found.results if r.metric == "spearman"}
    assert sorted(rho, key=rho.get, reverse=True) == [f"noise {size}" for size in sorted(sizes)]
    rows = [d for d in found.differences if d.metric == "spearman"]
    assert len(rows) == 10
    for row in rows:
        better = float(row.model_a.split()[1]) < float(row.model_b.split()[1])
        assert (row.value > 0) == better
        assert row.p_holm < 0.05
        assert row.interval[0] * row.interval[1] > 0


def test_a_record_of_schema_1_is_read_with_its_figures(golden):
    old = RunRecord.read(golden / "record_v1.json")
    assert old.schema_version == SCHEMA_VERSION
    assert old.value("spearman") == pytest.approx(0.489051, abs=5e-7)
    assert old.result("ks").interval is not None
    assert old.differences == []
    assert RunRecord.from_json(old.to_json()) == old


def test_a_truth_is_compared_as_its_file_is(tmp_path):
    p, people_table = people(40)
    people_table.loc[3, "hit_rate"] = 1.5
    human = memnet.read_column(people_table, column="hit_rate", within=(0, 1))
    truth = memnet.Truth.from_scores(human, dataset="memcat", part="all")
    truth.write(tmp_path / "truth.csv")
    scores = predicted(people_table, p, "resmem.published")
    given = memnet.compare(truth, scores, resamples=100)
    read = memnet.compare(tmp_path / "truth.csv", scores, resamples=100)
    assert given.results == read.results
    assert given.dataset == read.dataset == "memcat"
    assert given.truth["manifest"] == read.truth["manifest"] == truth.manifest
    assert given.truth["source"] == "the table given"
    sentence = "the table given, row 3 (003.jpg): hit_rate is 1.5, not within 0 to 1"
    assert given.items["set_aside_examples"] == [sentence]
    assert given.truth["rows"] == 40


def test_data_frames_get_names_by_a_dict():
    p, human = people(30)
    unnamed = predicted(human, p).drop(columns="model")
    record = memnet.compare(
        human, {"a": unnamed, "b": unnamed}, truth_column="hit_rate", resamples=100
    )
    assert [model["name"] for model in record.models] == ["a", "b"]


def test_counts_that_do_not_give_a_few_scores_are_named_with_their_rows():
    p, table = people()
    table.loc[7, "hits"] += 9
    found = memnet.compare(
        table, predicted(table, p), truth_column="hit_rate", resamples=20, **COUNTS
    )
    (said,) = [one for one in found.warnings if one.startswith("Hits and responses were not used")]
    wrong = f"007.jpg ({table['hits'][7]} of {table['n'][7]}, and a score of "
    assert "1 of 150 human scores are not hits / responses" in said
    assert wrong in said
    assert "mend or leave out" in said


def test_a_picture_with_a_single_answer_is_named():
    p, table = people()
    table.loc[3, ["hits", "n", "hit_rate"]] = 1, 1, 1.0
    found = memnet.compare(
        table, predicted(table, p), truth_column="hit_rate", resamples=20, **COUNTS
    )
    assert found.labels["kind"] == "unknown"
    assert any("single answer" in said and "003.jpg" in said for said in found.warnings)


@pytest.mark.parametrize(("few", "warned"), [(3, True), (10, True), (20, False), (60, False)])
def test_very_unequal_numbers_of_answers_are_warned_of(few, warned):
    """With half of the labels of 3 answers and half of 60, the ceiling of .604 should be .534."""
    random = np.random.default_rng(0)
    n = np.where(np.arange(200) % 2, few, 60)
    p = random.beta(6, 2, 200)
    hits = random.binomial(n, p)
    table = pd.DataFrame(
        {"image_id": np.arange(200).astype(str), "hit_rate": hits / n, "hits": hits, "n": n}
    )
    found = memnet.compare(
        table, predicted(table, p), truth_column="hit_rate", resamples=20, **COUNTS
    )
    said = [one for one in found.warnings if "very unequal" in one]
    assert bool(said) == warned
    assert not warned or f"a tenth of the pictures have {few} or fewer, a tenth 60" in said[0]


@pytest.mark.parametrize(("n", "words"), [(9, "nothing"), (10, "off by .3"), (29, "off by .3")])
def test_below_thirty_pictures_there_is_a_word_of_warning(n, words):
    p, table = people(n)
    found = memnet.compare(table, predicted(table, p), truth_column="hit_rate", resamples=20)
    (said,) = [one for one in found.warnings if one.startswith(f"Only {n} picture")]
    assert words in said


def test_from_thirty_pictures_on_there_is_none():
    p, table = people(30)
    found = memnet.compare(table, predicted(table, p), truth_column="hit_rate", resamples=20)
    assert not [said for said in found.warnings if said.startswith("Only 30 picture")]


def test_corrected_labels_have_a_ceiling_where_their_false_alarms_are_known():
    """Of true corrected hit rates, the correlation with the labels is the ceiling, nearly."""
    random = np.random.default_rng(5)
    n, size = 3000, np.full(3000, 60)
    hit, false = random.beta(6, 3, n), random.beta(2, 8, n)
    hits, alarms = random.binomial(size, hit), random.binomial(size, false)
    table = pd.DataFrame(
        {"image_id": np.arange(n).astype(str), "corrected": (hits - alarms) / size}
    ).assign(hits=hits, n=size, fa=alarms)
    asked = {"truth_column": "corrected", "false_alarms_column": "fa", **COUNTS}
    found = memnet.compare(table, predicted(table, hit - false), resamples=100, **asked)
    ceiling = found.labels["figures"]["ceiling_spearman"]["value"]
    assert found.labels["kind"] == "counts"
    assert ceiling == pytest.approx(found.value("spearman"), abs=0.02)
    assert found.value("disattenuated_spearman") == pytest.approx(1, abs=0.02)
    true_noise = np.mean((hit * (1 - hit) + false * (1 - false)) / 60)
    assert found.value("mse_label_noise") == pytest.approx(true_noise, rel=0.03)
    assert found.value("ks_noise_matched") is None
    assert "no shares of answers" in found.result("ks_noise_matched").reason
    assert not [said for said in found.warnings if "not used" in said]
    with pytest.raises(memnet.MemnetError, match="need hits and responses"):
        memnet.compare(
            table, predicted(table, hit), truth_column="corrected", false_alarms_column="fa"
        )


def test_each_warning_has_its_kind_in_the_record():
    ids = [f"{number:02d}.jpg" for number in range(20)]
    truth = pd.DataFrame({"image_id": ids, "hit_rate": np.linspace(0.4, 0.9, 20)})
    truth.loc[19, "hit_rate"] = -999
    scores = pd.DataFrame({"image_id": [*ids[:18], "x.jpg"], "score": np.linspace(3, 90, 19)})
    found = memnet.compare(truth, scores, truth_column="hit_rate", dataset="memcta", resamples=20)
    assert found.warning_kinds == [
        "scale",
        "set-aside",
        "left-out",
        "left-out",
        "few-pictures",
        "unknown-dataset",
        "few-resamples",
    ]
    assert [type(sentence) for sentence in found.warnings] == [str] * 7
    assert RunRecord.from_json(found.to_json()) == found
    with pytest.raises(memnet.MemnetError, match="7 warnings and 1 warning_kinds"):
        RunRecord.from_json(replace(found, warning_kinds=["scale"]).to_json())


def _twelve() -> tuple[pd.DataFrame, pd.DataFrame]:
    ids, value = [f"{k}.jpg" for k in range(12)], np.linspace(0.3, 0.9, 12)
    truth = pd.DataFrame({"image_id": ids, "hit_rate": value, "class": 1 + (value > 0.6)})
    return truth, pd.DataFrame({"image_id": ids, "score": value[::-1] ** 2})


def test_a_class_may_be_a_number_and_a_column_none():
    truth, scores = _twelve()
    record = memnet.compare(
        truth, scores, truth_column="class", positive=2, strata_column=None, resamples=50
    )
    assert record.truth["classes"]["positive"] == "2"


@pytest.mark.parametrize("kind", [pd.Series, np.ndarray])
def test_scores_without_ids_are_refused_by_name(kind):
    truth, scores = _twelve()
    given = scores.score if kind is pd.Series else scores.score.to_numpy()
    with pytest.raises(MemnetError, match=f"are a {kind.__name__}, .*columns image_id and score"):
        memnet.compare(truth, given, truth_column="hit_rate")


def test_a_comparison_is_printed_in_words():
    truth, scores = _twelve()
    record = memnet.compare(truth, {"x": scores}, truth_column="hit_rate", resamples=50)
    first, model, *warnings, last = str(record).splitlines()
    assert first == "12 pictures with hit_rate and predictions."
    assert model == "x: rho -1.00 [-1.00, -1.00]."
    assert warnings == record.warnings
    assert last == "The answer in words: memnet.write_report(record, folder)."
    assert repr(record) == str(record)
