"""JSON that is nested 100,000 deep: one sentence, wherever memnet reads it."""

from __future__ import annotations

import os

import pytest

from memnet.compare.frozen.file import FrozenScores
from memnet.compare.record import RunRecord
from memnet.data.manifest import read_manifest
from memnet.data.score_tables import read_scores
from memnet.errors import MemnetError
from memnet.reimpl.training.run_folder import require_run
from memnet.scoring.score_file import open_scores
from memnet.studies.migrate.crosswalk import read_crosswalk
from memnet.util.json_text import parse_json

DEEP = "[" * 100_000 + "]" * 100_000


def open_table(path):
    with open_scores(path):
        pass


@pytest.mark.parametrize(
    ("read", "name", "given"),
    [
        (RunRecord.read, "record.json", "record.json"),
        (read_manifest, "t.csv.json", "t.csv"),
        (open_table, "t.csv.json", "t.csv"),
        (read_crosswalk, "map.json", "map.json"),
        (FrozenScores.read, "frozen.json", "frozen.json"),
        (require_run, "run.json", "."),
    ],
)
def test_a_file_that_is_nested_too_deeply_is_one_sentence(tmp_path, read, name, given):
    (tmp_path / "t.csv").write_text("image_id,score\na,0.5\n")
    (tmp_path / name).write_text(DEEP)
    with pytest.raises(MemnetError, match="nested too deeply"):
        read(tmp_path / given)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such device here")
@pytest.mark.parametrize(
    ("read", "name", "given"),
    [
        (RunRecord.read, "record.json", "record.json"),
        (read_manifest, "t.csv.json", "t.csv"),
        (open_table, "t.csv.json", "t.csv"),
        (FrozenScores.read, "frozen.json", "frozen.json"),
        (require_run, "run.json", "."),
    ],
)
def test_what_never_ends_or_is_too_long_is_not_read(tmp_path, read, name, given):
    (tmp_path / "t.csv").write_text("image_id,score\na,0.5\n")
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(MemnetError, match="it is no regular file"):
        read(tmp_path / given)
    (tmp_path / name).unlink()
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)  # sparse: it takes no space
    with pytest.raises(MemnetError, match=r"it has 1,099,511,627,776 bytes"):
        read(tmp_path / given)


def test_a_sidecar_that_is_nested_too_deeply_says_nothing_of_the_model(tmp_path):
    (tmp_path / "t.csv").write_text("image_id,score\na,0.5\n")
    (tmp_path / "t.csv.json").write_text(DEEP)
    (scores,) = read_scores(tmp_path / "t.csv", id_column="image_id")
    assert scores.identity is None


def test_what_json_itself_refuses_is_a_value_error_too():
    with pytest.raises(ValueError, match=r"^it is no JSON: Expecting value$"):
        parse_json("nothing")
    with pytest.raises(ValueError, match=r"^it is no JSON from line 2, letter 3, on: Expecting"):
        parse_json('{"a":\n  nothing}')
