"""`memnet freeze` as a user runs it: what it writes, what it refuses, what it never replaces."""

from __future__ import annotations

import json
import shlex

import pytest

from memnet.compare.frozen.file import FrozenScores
from memnet.scoring.table import read_table
from tiny import OUTPUT, SPEC, write_tiny


@pytest.fixture
def frozen(memnet_command, make_pictures, tiny_weights, tmp_path):
    """A frozen file of five pictures in two folders, made with relative paths."""
    make_pictures(4, "study/first")
    make_pictures(1, "study/second/deeper")
    out = tmp_path / "study" / "tests" / "frozen.json"
    args = ("--model", tiny_weights.name, "--images", "study/first", "study/second")
    done = memnet_command("freeze", *args, "--out", out)
    assert done.stdout == ""
    assert done.stderr.strip() == f"memnet: 5 frozen, tolerance on other machines 2e-06 -> {out}"
    return out


def test_it_writes_scores_and_everything_they_depend_on(frozen, memnet_command, tmp_path):
    values = json.loads(frozen.read_text())
    assert values["schema_version"] == 1
    assert values["model"] == "../../tiny.safetensors"
    assert values["preprocess"] == SPEC.to_dict()
    assert values["preprocess_digest"] == SPEC.digest()
    assert values["output"] == OUTPUT.to_dict()
    assert values["images"] == ["../first", "../second"]
    assert {"pillow", "torch", "numpy", "cpu", "machine", "threads"} <= values["environment"].keys()
    assert [(p["image_id"], p["path"]) for p in values["pictures"]] == [
        *((f"{n:05d}.png", f"../first/{n:05d}.png") for n in range(4)),
        ("deeper/00000.png", "../second/deeper/00000.png"),
    ]
    assert str(tmp_path) not in frozen.read_text()
    table = tmp_path / "s.parquet"
    memnet_command("score", "study/first", "study/second", "-m", "tiny.safetensors", "-o", table)
    scores = read_table(table)
    assert [p["score"] for p in values["pictures"]] == scores.score.tolist()
    assert [p["raw"] for p in values["pictures"]] == scores.raw.tolist()
    assert [path.name for path in frozen.parent.iterdir()] == ["frozen.json"]


def test_the_recorded_command_makes_the_file_again(frozen, memnet_command):
    before = FrozenScores.read(frozen)
    program, *args = shlex.split(before.command)
    assert program == "memnet"
    frozen.rename(frozen.with_name("old.json"))
    memnet_command(*args, cwd=frozen.parent)
    again = FrozenScores.read(frozen)
    assert again.command == before.command
    assert again.pictures == before.pictures
    assert again.environment == before.environment


def test_frozen_scores_are_replaced_with_force_only(frozen, memnet_command, tmp_path):
    before = frozen.read_bytes()
    write_tiny(tmp_path / "other.safetensors", seed=8)
    args = ("freeze", "-m", "other.safetensors", "--images", "study/first", "-o", frozen)
    done = memnet_command(*args, check=2)
    assert "holds frozen scores of ../../tiny.safetensors already" in done.stderr
    assert frozen.read_bytes() == before
    memnet_command(*args, "--force")
    assert FrozenScores.read(frozen).model == "../../other.safetensors"


def test_any_other_file_is_never_replaced(memnet_command, make_pictures, tiny_weights, tmp_path):
    folder = make_pictures(1)
    (tmp_path / "notes.json").write_text('{"schema_version": 1, "mine": true}')
    args = ("freeze", "-m", tiny_weights, "--images", folder, "--force", "-o")
    done = memnet_command(*args, "notes.json", check=2)
    assert "notes.json is no file of frozen scores" in done.stderr
    assert (tmp_path / "notes.json").read_text() == '{"schema_version": 1, "mine": true}'
    assert "must end in .json" in memnet_command(*args, "frozen.csv", check=2).stderr


def test_a_picture_that_cannot_be_scored_is_named_and_nothing_written(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(3)
    (folder / "text.jpg").write_text("not a picture")
    done = memnet_command(
        "freeze", "-m", tiny_weights, "--images", folder, "-o", "f/frozen.json", check=2
    )
    (sentence,) = done.stderr.strip().splitlines()
    assert "1 of 4 pictures cannot be scored" in sentence
    assert "text.jpg (The file is no picture" in sentence
    assert not (tmp_path / "f").exists()


def test_files_that_are_no_pictures_are_counted(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(1)
    (folder / "readme.txt").write_text("about them")
    done = memnet_command(
        "freeze", "-m", tiny_weights, "--images", folder, "-o", "f.json", "--tolerance", "1e-5"
    )
    assert "ignored 1 file(s) that are no pictures (.txt)" in done.stderr
    assert FrozenScores.read(tmp_path / "f.json").tolerance == 1e-5


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-m", "a.safetensors", "-m", "b.safetensors"), "for one model; --model was given 2"),
        (("--model", "a.safetensors", "b.safetensors"), "for one model; --model was given 2"),
        (("-m", "resmem.publishd"), "Did you mean 'resmem.published'?"),
        (("-m", "none.safetensors"), "There is no weight file none.safetensors"),
    ],
)
def test_a_wrong_model_is_one_sentence(memnet_command, make_pictures, tmp_path, args, words):
    make_pictures(1)
    done = memnet_command("freeze", *args, "--images", "pictures", "-o", "f.json", check=2)
    assert words in done.stderr
    assert not (tmp_path / "f.json").exists()
