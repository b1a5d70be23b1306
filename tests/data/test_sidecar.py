"""The file beside a score table has one reader; each caller says what is wrong in its way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memnet.data.score_tables import read_scores
from memnet.data.sidecar import read_sidecar, sidecar_path
from memnet.errors import MemnetError
from memnet.scoring.score_file import ScoreFile


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], 'it has no "models"'),
        ({"sidecar_version": 2}, 'it has no "models"'),
        ({"sidecar_version": 2, "models": {"m": 7}}, '"models" is no table'),
        ({"sidecar_version": 2, "models": {}, "files": []}, '"files" is no table'),
    ],
)
def test_what_is_no_sidecar_is_none_to_every_reader(tmp_path, content, words):
    table = tmp_path / "s.csv"
    table.write_text("image_id,model,score\na,m,0.5\n")
    sidecar_path(table).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=words):
        read_sidecar(table)
    with pytest.raises(MemnetError, match=words):
        ScoreFile(table)
    (scores,) = read_scores(table, id_column="image_id")
    assert scores.identity is None


def test_a_sidecar_is_read_under_its_models_label(tmp_path):
    table = tmp_path / "s.csv"
    table.write_text("image_id,model,variant,score\na,m,v,0.5\na,m,,0.6\n")
    about = {"m:v": {"licence": "one"}, "m": {"licence": "two"}}
    sidecar_path(table).write_text(json.dumps({"sidecar_version": 2, "models": about}))
    found = {scores.name: scores.identity for scores in read_scores(table, id_column="image_id")}
    assert found == about


def test_an_empty_path_has_its_sidecar_in_the_folder():
    assert sidecar_path(Path("")).name == ".json"  # what is read says that it is a folder
