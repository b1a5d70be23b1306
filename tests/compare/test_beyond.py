"""What models add to a baseline: in a comparison, its record, report and tables."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.compare.baseline import read_baseline
from memnet.compare.record import RunRecord
from memnet.compare.report.files import safe_files, table_files
from memnet.compare.report.increments import NOISY, increment_sentences, increment_table
from memnet.compare.report.render import markdown, write_report
from memnet.data import tables
from memnet.errors import MemnetError
from memnet.stats.increment import increments
from memnet.stats.resampling import Draws

RNG = np.random.default_rng(2)
IDS = [f"{number:03d}.jpg" for number in range(100)]
TRUE = RNG.normal(size=100)
TABLE = pd.DataFrame(
    {
        "image_id": IDS,
        "hit_rate": 0.7 + 0.1 * TRUE + 0.05 * RNG.normal(size=100),
        "brightness": 100 + 20 * RNG.normal(size=100),
        "contrast": 50 + 5 * RNG.normal(size=100),
    }
)
SCORES = pd.concat(
    [
        pd.DataFrame({"image_id": IDS, "model": name, "score": values})
        for name, values in {
            "good": 0.7 + 0.1 * TRUE,
            "noise": RNG.random(100),
            "other": 0.7 + 0.1 * TRUE + 0.1 * RNG.normal(size=100),
        }.items()
    ]
)


def compare(beyond, truth=TABLE, **more):
    return memnet.compare(
        truth, SCORES, truth_column="hit_rate", beyond=beyond, resamples=60, **more
    )


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return compare(["brightness", "contrast"])


def test_columns_of_the_truth_are_one_baseline_for_every_model(record):
    assert [row.model for row in record.increments] == ["good", "noise", "other"]
    assert {tuple(row.baseline) for row in record.increments} == {("brightness", "contrast")}
    expected = increments(
        TABLE["hit_rate"].to_numpy(),
        {name: TABLE[name].to_numpy() for name in ("brightness", "contrast")},
        {"good": 0.7 + 0.1 * TRUE},
        Draws(n=100, resamples=60, seed=record.increments[0].seed),
        level=0.95,
    )[0]
    good = record.increments[0]
    assert good.increment == pytest.approx(expected["increment"], abs=1e-12)
    assert good.semipartial_interval == pytest.approx(expected["semipartial_interval"], abs=1e-12)
    assert (good.n, good.level, good.contamination) == (100, 0.95, "unknown")


def test_a_model_can_be_the_baseline_for_the_others():
    beyond = compare("good")
    assert [row.model for row in beyond.increments] == ["noise", "other"]
    assert beyond.increments[0].baseline == ["good"]


def test_everything_else_of_the_record_is_as_without_a_baseline(record):
    plain = compare([])
    assert plain.increments == []
    assert plain.results == record.results
    assert plain.differences == record.differences
    assert increment_table(plain) is None
    assert "Beyond the baseline" not in markdown(plain)
    assert "increments.csv" not in table_files(plain)


def test_the_record_is_read_again_and_old_ones_have_no_increments(record):
    assert RunRecord.from_json(record.to_json()) == record
    plain = json.loads(record.to_json())
    plain["increments"][0]["baseline"] = [7]
    with pytest.raises(memnet.MemnetError, match=r"increments\[0\]\.baseline\[0\] is 7"):
        RunRecord.from_json(json.dumps(plain))
    del plain["increments"]
    assert RunRecord.from_json(json.dumps(plain)).increments == []


def test_the_report_says_who_adds_and_what_that_does_not_show(record):
    good, noise, _ = increment_sentences(record)
    assert good.startswith("good adds to brightness and contrast: R² rises from .")
    assert "F(1, 96) = " in good
    assert "p < .001 after correction; partial rho is ." in good
    assert noise.startswith("noise is not shown to add to brightness and contrast: ")
    text = markdown(record)
    assert "## Beyond the baseline" in text
    assert NOISY[:60] in text
    first = text[: text.index("## In words")]
    assert f"{good[: good.index(', F(')]}. noise is not shown to add to " in first


def test_the_csv_has_every_number_in_full(record):
    rows = list(csv.DictReader(io.StringIO(table_files(record)["increments.csv"])))
    assert rows[0]["baseline"] == "brightness; contrast"
    assert float(rows[0]["increment"]) == record.increments[0].increment
    assert float(rows[0]["partial_rho_low"]) == record.increments[0].partial_rho_interval[0]
    assert "increments.spreadsheet.csv" in safe_files(record)


def test_the_csv_of_an_earlier_comparison_is_removed(record, tmp_path):
    write_report(record, tmp_path)
    assert (tmp_path / "tables" / "increments.csv").is_file()
    write_report(compare([]), tmp_path)
    assert not (tmp_path / "tables" / "increments.csv").exists()


def test_the_table_of_a_baseline_is_read_once(tmp_path, monkeypatch):
    TABLE.to_csv(tmp_path / "people.csv", index=False)
    read, read_file = [], tables.read_table_any
    monkeypatch.setattr(tables, "read_table_any", lambda path: read.append(path) or read_file(path))
    columns, _ = read_baseline(
        ["brightness", "contrast"],
        tmp_path / "people.csv",
        {"good": TRUE},
        truth_column="hit_rate",
        id_column="image_id",
        ids=IDS,
    )
    assert list(columns) == ["brightness", "contrast"]
    assert read == [tmp_path / "people.csv"]


@pytest.mark.parametrize(
    ("beyond", "sentence"),
    [
        (["no such"], r"--beyond no such is neither a model of this comparison \(good, noise"),
        (["good", "noise", "other"], "none is left to be added"),
        (["hit_rate"], "hit_rate are the human scores themselves"),
        (["hits"], "--beyond hits is a column of counts of the human scores, which are made of it"),
        (["n"], "--beyond n is a column of counts of the human scores"),
        (["brightness", "twice"], "a column is the same for all pictures, or follows from"),
        (["gap"], r"a number in column 'gap' for every picture compared, and 2 have none \(003"),
        (["noise", "both"], "--beyond both is both a model and a column"),
    ],
)
def test_baselines_that_cannot_be_are_refused(beyond, sentence):
    truth = TABLE.assign(twice=2 * TABLE["brightness"] + 1, gap=TABLE["contrast"], both=1.0)
    truth["n"], truth["hits"] = 50, (50 * truth["hit_rate"]).round().clip(0, 50).astype(int)
    counts = {"hits_column": "hits", "responses_column": "n"}
    truth.loc[[3, 5], "gap"] = np.nan
    scores = pd.concat([SCORES, SCORES[SCORES["model"] == "good"].assign(model="both")])
    with pytest.raises(memnet.MemnetError, match=sentence):
        memnet.compare(
            truth,
            scores if "both" in beyond else SCORES,
            truth_column="hit_rate",
            beyond=beyond,
            resamples=20,
            **counts,
        )


def test_a_model_that_follows_from_the_baseline_is_said_to_add_nothing():
    good = SCORES[SCORES.model == "good"][["image_id", "score"]]
    again = good.assign(score=2 * good.score - 0.7)
    record = memnet.compare(
        TABLE, {"x": good, "y": again}, truth_column="hit_rate", beyond="x", resamples=60
    )
    assert increment_sentences(record) == ["What y adds to x is nothing: y follows from x."]


@pytest.mark.parametrize("name", ["hits", "misses", "n"])
def test_counts_behind_the_human_scores_are_no_baseline_though_nobody_named_them(name):
    n = RNG.integers(30, 60, len(IDS))
    hits = RNG.binomial(n, 0.7)
    truth = TABLE.assign(hit_rate=hits / n, hits=hits, n=n, misses=n - hits)
    with pytest.raises(MemnetError, match=f"--beyond {name} is a column of counts of the human"):
        compare(name, truth)


def test_whole_numbers_that_do_not_make_the_human_scores_may_be_a_baseline():
    truth = TABLE.assign(people=RNG.integers(0, 9, len(IDS)), size=RNG.integers(20, 40, len(IDS)))
    assert compare("people", truth).increments


def test_a_baseline_that_ranks_as_the_human_scores_do_is_cautioned_of():
    record = compare("squared", TABLE.assign(squared=TABLE.hit_rate**3))
    place = record.warning_kinds.index("baseline-is-truth")
    assert record.warnings[place].startswith("squared, in the baseline, ranks the pictures as the")
    assert "baseline-is-truth" not in compare("brightness").warning_kinds
