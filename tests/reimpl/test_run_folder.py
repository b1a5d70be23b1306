"""A run's folder: what may lie in it, and what is damaged in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from memnet.errors import MemnetError
from memnet.reimpl.training.config import read_config
from memnet.reimpl.training.run_folder import begin, lock_folder, read_begun
from memnet.reimpl.training.training_set import COLUMNS, TrainingSet


@pytest.fixture
def data():
    rows = [(f"{n}.png", f"/pictures/{n}.png", n / 10, "train") for n in range(4)]
    rows += [(f"{n}.png", f"/pictures/{n}.png", n / 10, "val") for n in range(4, 8)]
    return TrainingSet(
        table=pd.DataFrame(rows, columns=list(COLUMNS)),
        trained_on=("mine:train:a", "mine:val:a"),
        test_name="",
        description={},
    )


def test_a_lock_that_cannot_be_deleted_hides_no_outcome(tmp_path, monkeypatch):
    """Windows deletes no file that is open."""

    def refuse(self, missing_ok=False):
        raise PermissionError(13, "The process cannot access the file")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(MemnetError, match="the outcome"), lock_folder(tmp_path / "run"):
        raise MemnetError("the outcome")


def test_a_folder_in_which_nothing_was_begun_is_taken_back(tmp_path):
    with pytest.raises(MemnetError, match="no picture"), lock_folder(tmp_path / "a" / "run"):
        raise MemnetError("no picture")
    assert not (tmp_path / "a" / "run").exists()


def test_what_kills_and_systems_leave_is_no_other_file(tmp_path, data):
    for name in (".split.csv.0a1b.part", ".DS_Store"):
        (tmp_path / name).write_text("x")
    begin(tmp_path, read_config("memnet"), data)
    assert read_begun(tmp_path)[1].digest() == data.digest()


def test_a_file_of_another_kind_is_left_alone(tmp_path, data):
    (tmp_path / "thesis.docx").write_text("x")
    with pytest.raises(MemnetError, match="holds files that are no training run"):
        begin(tmp_path, read_config("memnet"), data)


@pytest.mark.parametrize(
    "content",
    [
        [],
        3,
        {"trained_on": ["a"]},
        {"trained_on": "a", "test_name": "", "description": {}, "set_aside": []},
        {"trained_on": [1], "test_name": "", "description": {}, "set_aside": []},
    ],
)
def test_data_of_another_shape_are_damaged(tmp_path, data, content):
    begin(tmp_path, read_config("memnet"), data)
    (tmp_path / "data.json").write_text(json.dumps(content))
    with pytest.raises(MemnetError, match=r"is damaged .*data\.json"):
        read_begun(tmp_path)


def test_an_id_with_a_bare_carriage_return_is_read_as_it_was_written(tmp_path, data):
    data.table.loc[0, "image_id"] = "a\rb.png"
    begin(tmp_path, read_config("memnet"), data)
    assert read_begun(tmp_path)[1].table["image_id"][0] == "a\rb.png"
