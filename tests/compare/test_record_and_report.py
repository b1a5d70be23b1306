"""The record is strict JSON, says why something is undefined, and can be read again."""

from __future__ import annotations

import json

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
