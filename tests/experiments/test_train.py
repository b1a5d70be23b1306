"""A finished run is tested once, and what came of its test stands in run.json."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from memnet.errors import MemnetError
from memnet.experiments import table1_train, test_part, train
from memnet.reimpl.training.run_folder import read_run
from memnet.reimpl.training.training_set import COLUMNS, TrainingSet
from memnet.scoring.table import Row, to_frame, write_table
from training_runs import run_json, write_run


@pytest.fixture
def data():
    parts = ["train"] * 3 + ["val"] * 2 + ["test"] * 4
    rows = [(f"{n}.png", f"pictures/{n}.png", n / 10, part) for n, part in enumerate(parts)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return TrainingSet(
        table=table, trained_on=("mine:train",), test_name="mine:test", description={}
    )


@pytest.fixture
def outcome(monkeypatch):
    """What the test is made to end in: a list of sentences, or an error's text."""
    outcomes, calls = [], []

    def test(out, data, device, command):
        calls.append(command)
        if isinstance(found := outcomes.pop(0), str):
            raise MemnetError(found)
        (out / "test").mkdir(exist_ok=True)
        (out / "test" / "record.json").write_text("{}")
        return found

    monkeypatch.setattr(train, "test", test)
    monkeypatch.setattr(train, "write_run_page", lambda out: None)
    outcomes_and_calls = outcomes, calls
    return outcomes_and_calls


def finished(folder, **more):
    run = run_json(failed_pictures=2, warnings=["2 pictures were left out"], **more)
    return write_run(folder, run), run


def test_a_test_part_that_cannot_be_judged_is_no_unread_picture_however_often(
    tmp_path, data, outcome
):
    out, run = finished(tmp_path / "run", test=None)
    outcome[0].extend(["no picture can be read", "the disk is full", ["8.png: it is empty"]])
    for why in ("no picture can be read", "the disk is full"):
        run = train.finish(out, data, run, "cpu")
        assert run["failed_pictures"] == 2
        assert run["data"]["counts"]["test"] == 4
        assert run["test"] == {"unread": [], "why_not": why}
        told = f"The test part could not be judged: {why}"
        assert run["warnings"] == ["2 pictures were left out", told]
        assert read_run(out) == run
    for _ in range(2):  # judged at last, and then no more
        run = train.finish(out, data, run, "cpu")
        assert run["failed_pictures"] == 3
        assert run["data"]["counts"]["test"] == 3
        assert run["warnings"] == ["2 pictures were left out", "8.png: it is empty"]
    assert outcome[0] == []


def test_a_test_that_was_killed_before_run_json_knew_of_it_is_done_again(tmp_path, data, outcome):
    out, run = finished(tmp_path / "run", test=None)
    (out / "test").mkdir()
    (out / "test" / "record.json").write_text("{}")
    outcome[0].append([])
    run = train.finish(out, data, run, "cpu", "memnet train --out run")
    assert run["test"] == {"unread": [], "why_not": ""}
    assert outcome[1] == ["memnet train --out run"]


def test_a_run_of_before_is_tested_where_its_record_is_there_and_piled_up_sentences_go(
    tmp_path, data, outcome
):
    out, run = finished(tmp_path / "run")
    told = "The test part could not be judged: no picture"
    run = {**run, "failed_pictures": 4, "warnings": [*run["warnings"], told, told]}
    outcome[0].append([])
    now = train.finish(out, data, run, "cpu")
    assert (now["failed_pictures"], now["warnings"]) == (2, ["2 pictures were left out"])
    assert outcome[1] == [run["command"]]
    old = {key: value for key, value in now.items() if key != "test"}
    assert train.finish(out, data, old, "cpu") == old


def scored(folder, models):
    size = {"width": 9, "height": 9, "n_crops": 1, "clamped": False}
    about = {"image_id": "a.png", "path": "a.png", "model": "best", "variant": "", "mode": "RGB"}
    table = to_frame([Row(**about, **size, score=0.5, raw=0.5, warning="")])
    table.attrs["models"] = models
    folder.mkdir(parents=True)
    write_table(table, folder / "scores.parquet")
    return folder / "scores.parquet"


def test_a_score_table_is_copied_under_another_name_with_what_is_known_of_its_model(tmp_path):
    source = scored(tmp_path / "test", {"best": {"trained_on": ["lamem"]}})
    target = table1_train._renamed(source, "MemNet", tmp_path / "to" / "scores")
    assert pd.read_parquet(target)["model"].tolist() == ["MemNet"]
    sidecar = json.loads(target.with_name("MemNet.parquet.json").read_text())
    assert sidecar["models"] == {"MemNet": {"trained_on": ["lamem"]}}


def test_a_score_table_without_one_known_model_is_refused_in_a_sentence(tmp_path):
    source = scored(tmp_path / "test", {"best": {}, "other": {}})
    with pytest.raises(MemnetError, match=r"scores of 2 models \(best, other\), where there must"):
        table1_train._renamed(source, "MemNet", tmp_path / "to")
    source.with_name("scores.parquet.json").unlink()
    with pytest.raises(MemnetError, match=r"says how scores\.parquet was made, cannot be read"):
        table1_train._renamed(source, "MemNet", tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_the_report_of_the_test_names_the_command_that_was_run(tmp_path, data, monkeypatch):
    told = {}

    class Summary:
        failed = ()

    monkeypatch.setattr(test_part, "score_to_file", lambda inputs, scores, settings: Summary())
    monkeypatch.setattr(
        test_part, "compare_scores", lambda truth, scores, **more: told.update(more)
    )
    monkeypatch.setattr(test_part, "write_report", lambda record, folder: None)
    assert train.test(tmp_path, data, "cpu", "memnet train --out run") == []
    assert told["command"] == "memnet train --out run"
    assert told["dataset"] == "mine:test"
