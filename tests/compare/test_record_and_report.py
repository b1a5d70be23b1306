"""The record is strict JSON, says why something is undefined, and can be read again."""

from __future__ import annotations

import json
import os

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.compare.record import SCHEMA_VERSION, RunRecord
from memnet.stats.metrics import METRICS, derived_metrics


@pytest.fixture(scope="module")
def record() -> RunRecord:
    random = np.random.default_rng(0)
    ids = [f"{number:03d}.jpg" for number in range(120)]
    truth = random.beta(6, 2, 120)
    tables = [
        pd.DataFrame({"image_id": ids, "score": scores, "model": model})
        for model, scores in {
            "resmem.published": 0.4 + 0.5 * truth,
            "my <model>": random.random(120),
            "constant": np.full(120, 0.5),
        }.items()
    ]
    return memnet.compare(
        pd.DataFrame({"image_id": ids, "hit_rate": truth}),
        tables,
        truth_column="hit_rate",
        dataset="memcat",
        resamples=200,
    )


def test_there_is_one_result_per_model_and_metric(record):
    found = [(result.model, result.metric) for result in record.results]
    assert len(set(found)) == len(found) == 3 * len({*METRICS, *derived_metrics()})
    of_all = [result for result in record.results if "_truth_" not in result.metric]
    assert {result.n for result in of_all} == {120}


def test_the_ranges_of_the_truth_hold_every_picture_once(record):
    inside = [r.n for r in record.results if r.metric.startswith("mse_truth_")]
    assert sum(inside) == 3 * 120


def test_undefined_is_null_with_a_reason_and_never_nan(record):
    result = record.result("spearman", "constant")
    assert result.value is None
    assert result.interval is None
    assert "all equal" in result.reason
    assert all(result.reason for result in record.results if result.value is None)

    def refuse(constant):
        raise AssertionError(f"{constant} in the JSON")

    plain = json.loads(record.to_json(), parse_constant=refuse)
    assert plain["schema_version"] == SCHEMA_VERSION == 2
    wanted = {"model", "variant", "dataset", "metric", "value", "n", "interval", "method", "seed"}
    assert wanted | {"contamination", "manifest"} <= plain["results"][0].keys()


def test_contamination_stands_in_every_result(record):
    words = {(result.model, result.contamination) for result in record.results}
    assert words == {
        ("resmem.published", "contaminated"),
        ("my <model>", "unknown"),
        ("constant", "unknown"),
    }


@pytest.mark.parametrize(
    ("dataset", "word"),
    [
        ("memcat", "contaminated"),
        ("LaMem", "contaminated"),
        ("scenes375", "clean"),
        ("my-faces", "possibly"),
        ("", "unknown"),
    ],
)
def test_contamination_is_decided_by_data_set(dataset, word):
    table = pd.DataFrame({"image_id": list("abc"), "score": [0.1, 0.2, 0.4]})
    found = memnet.compare(
        table.rename(columns={"score": "truth"}),
        table.assign(model="resmem.published"),
        truth_column="truth",
        dataset=dataset,
        resamples=10,
    )
    assert {result.contamination for result in found.results} == {word}


def test_a_record_is_the_same_after_it_was_saved_and_read(record):
    again = RunRecord.from_json(record.to_json())
    assert again == record
    assert again.to_json() == record.to_json()


def test_a_record_of_the_first_version_is_brought_to_this_one(golden):
    old = json.loads((golden / "record_v1.json").read_text())
    record = RunRecord.read(golden / "record_v1.json")
    assert old["schema_version"] == 1
    assert record.schema_version == SCHEMA_VERSION
    assert [r.value for r in record.results] == [row["value"] for row in old["results"]]
    assert record.differences == []
    assert RunRecord.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}', '{"schema_version": 2}'],
)
def test_what_is_no_record_is_refused(text):
    with pytest.raises(memnet.MemnetError):
        RunRecord.from_json(text)


def test_a_table_given_as_a_record_is_said_to_be_none(tmp_path):
    (tmp_path / "t.csv").write_text("image_id,score\na,0.5\n")
    with pytest.raises(memnet.MemnetError, match=r"t\.csv is not the record .*\(it is no JSON: "):
        RunRecord.read(tmp_path / "t.csv")


def damaged(record, path, value):
    """The text of a record with another value at a place: keys, one after the other."""
    plain = json.loads(record.to_json())
    here = plain
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = value
    return json.dumps(plain)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("items",), {}, "items has no n"),
        (("environment",), None, "environment is None, which must be a set of named fields"),
        (("environment",), [1], "environment is [1], which must be a set of named fields"),
        (("labels", "figures"), [], "labels.figures is [], which must be a set of named fields"),
        (("labels",), {"kind": "counts"}, "labels lacks kind, source, reason or figures"),
        (("truth",), {}, "truth has no source"),
        (("models", 0), {"name": "x", "source": "y"}, "models[0] has no rows"),
        (
            ("models", 0, "trained_on"),
            "lamem",
            "trained_on is 'lamem', which must be a list or null",
        ),
        (("plots",), [], "plots is [], which must be a set of named fields"),
        (("plots", "constant", "grid"), [0.0, 1.0], "has 2 numbers in grid and 301 in"),
        (("plots", "constant", "truth_points"), [0.5], "has 1 numbers in truth_points and 120 in"),
        (("results", 0, "level"), "x", "results[0].level is 'x', which must be a number"),
        (("results", 0, "level"), 95, "resmem.published, spearman: the level is 95"),
        (("results", 0, "n"), True, "results[0].n is True, which must be a whole number"),
        (("results", 0, "interval"), ["a", "b"], "results[0].interval[0] is 'a'"),
        (
            ("results", 0, "effect_interval"),
            [1],
            "effect_interval is [1], which must be a list of 2 or null",
        ),
        (("results", 0, "model"), "a" * 501, "which must be text of at most 500 letters"),
        (("results", 0, "model"), "nobody", "results has the model 'nobody', which is not among"),
        (("results", 0, "more"), 1, "results[0] has the unknown field 'more'"),
        (("differences", 0, "tests"), {"zou": []}, "differences[0].tests.zou is []"),
        (("published",), [{}], "published[0] has no model"),
        (("resampling",), None, "resampling is None"),
        (("dataset",), "\ud800", r"dataset is '\ud800', with half a character"),
        (("warnings",), ["fine", 3], "warnings[1] is 3, which must be text"),
    ],
)
def test_a_damaged_record_is_refused_and_the_field_named(record, path, value, sentence):
    with pytest.raises(memnet.MemnetError) as caught:
        RunRecord.from_json(damaged(record, path, value))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("The record is damaged (")


def test_numbers_that_no_record_can_hold_are_refused_wherever_they_stand(record):
    text = record.to_json().replace('"manifest": null', '"manifest": {"n": 1e999}')
    with pytest.raises(memnet.MemnetError, match="damaged"):
        RunRecord.from_json(text)


def test_a_comparison_of_nothing_is_refused():
    truth = pd.DataFrame({"image_id": list("abc"), "hit_rate": [0.1, 0.2, 0.4]})
    for nothing in ([], {}):
        with pytest.raises(memnet.MemnetError, match="There are no scores to compare"):
            memnet.compare(truth, nothing, truth_column="hit_rate")


def test_scores_beyond_all_size_are_refused_of_a_model_named_like_the_truth_column():
    truth = pd.DataFrame({"image_id": list("abc"), "hit_rate": [1e101, 0.2, 0.4]})
    scores = pd.DataFrame({"image_id": list("abc"), "score": [0.1, 0.2, 0.4], "model": "hit_rate"})
    with pytest.raises(memnet.MemnetError, match="hit_rate has a score of 1e"):
        memnet.compare(truth, scores, truth_column="hit_rate", resamples=10)


def test_a_name_without_end_is_refused_before_anything_is_computed():
    truth = pd.DataFrame({"image_id": list("abc"), "hit_rate": [0.1, 0.2, 0.4]})
    scores = pd.DataFrame({"image_id": list("abc"), "score": [0.1, 0.2, 0.4], "model": "m" * 501})
    with pytest.raises(memnet.MemnetError, match="name of a model has 501 letters"):
        memnet.compare(truth, scores, truth_column="hit_rate", resamples=10)


def test_only_a_published_ceiling_is_said_to_be_one(record):
    assert record.labels["kind"] == "unknown"
    methods = {r.method for r in record.results if r.metric.startswith("disattenuated")}
    assert methods == {"paired percentile bootstrap"}


def test_names_with_bytes_that_are_no_letters_are_escaped(tmp_path):
    """A file's name may hold any byte, and reaches Python as half a letter."""
    truth = pd.DataFrame({"image_id": list("abc"), "hit_rate": [0.1, 0.2, 0.4]})
    file = tmp_path / os.fsdecode(b"s\xff.csv")
    try:
        truth.rename(columns={"hit_rate": "score"}).to_csv(file, index=False)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    command = f"memnet compare --scores {file.name}"
    made = memnet.compare(truth, file, truth_column="hit_rate", resamples=10, command=command)
    assert made.words == {"s\\xff": "unknown"}
    assert made.models[0]["source"] == "s\\udcff.csv"
    assert made.command == "memnet compare --scores s\\udcff.csv"
    assert RunRecord.from_json(made.to_json()) == made


def test_what_a_damaged_record_says_of_itself_stays_one_line(record):
    values = json.loads(record.to_json())
    values["results"][0] |= {"metric": "a\nb\x1b[2J", "interval": [0.9, 0.1]}
    with pytest.raises(memnet.MemnetError) as error:
        RunRecord.from_json(json.dumps(values))
    assert r"a\x0ab\x1b[2J: the interval is [0.9, 0.1]" in str(error.value)
    assert "\n" not in str(error.value)
