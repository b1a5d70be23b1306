"""``memnet inspect visualise`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memnet.inspect.visualisation_files import NAME


def rows_of(folder: Path) -> dict[str, dict]:
    content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    return {row["file"]: row for row in content["pictures"]}


def test_the_command_makes_pictures_of_a_unit_and_of_the_score(
    memnet_command, tiny_weights, tmp_path
):
    out = tmp_path / "made"
    command = ("inspect", "visualise", tiny_weights, "--out", out, "--steps", 5)
    done = memnet_command(*command, "linear", "0")
    assert f"1 picture(s) -> {out}" in done.stderr
    done = memnet_command(*command, "linear", "0")
    assert f"1 of 1 filter(s) have their pictures in {out} already" in done.stderr
    memnet_command(*command, "--objective", "score")
    rows = rows_of(out)
    assert list(rows) == ["score.png", "linear_0.png"]
    assert (rows["score.png"]["width"], rows["linear_0.png"]["width"]) == (16, 11)
    scored = memnet_command("score", out / "score.png", "--model", tiny_weights).stdout
    raw = float(scored.splitlines()[1].split(",")[scored.splitlines()[0].split(",").index("raw")])
    assert raw == pytest.approx(rows["score.png"]["reached"], abs=1e-6)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["linear", "1"], "linear has no filter 1: its 1 filters are 0 to 0."),
        (["linear", "0-999999999"], "linear has no filter 999999999"),
        (
            ["linear", "zero"],
            "'zero' names no filters; write numbers from 0, as in 3,17,40-43, or all.",
        ),
        (["linaer", "0"], "Did you mean 'linear'?"),
        (["linear"], "Name a layer and its filters"),
        ([], "Name a layer and its filters"),
        (["linear", "0", "--octaves", "3"], "--octaves is for --recipe 2020."),
        (["linear", "0", "--recipe", "2020"], "The recipe of 2020 is for convolutions"),
        (["linear", "0", "--objective", "score"], "name no layer"),
    ],
)
def test_bad_words_are_answered_in_one_sentence(
    memnet_command, tiny_weights, tmp_path, words, sentence
):
    command = ("inspect", "visualise", tiny_weights, *words, "--out", tmp_path / "made")
    done = memnet_command(*command, check=2)
    assert sentence in done.stderr
    assert done.stderr.count("memnet: ") == 1
    assert not list((tmp_path / "made").glob("[!.]*"))


def test_the_command_finds_neighbours_and_prints_what_the_files_score(
    memnet_command, tiny_weights, tmp_path
):
    picture = tmp_path / "photo.png"
    grey = np.random.default_rng(2).integers(90, 160, size=(30, 40), dtype=np.uint8)
    Image.fromarray(grey).save(picture)
    out = tmp_path / "near"
    command = ("inspect", "visualise", tiny_weights, "--objective", "score", "--from", picture)
    done = memnet_command(*command, "--within", 4, "--out", out)
    assert f"{picture} is grey; its neighbours may have colours." in done.stderr
    record = json.loads((out / "neighbours.json").read_text(encoding="utf-8"))
    for name in ("start", "most", "least"):
        assert record[name]["file"] in done.stdout
        assert f"{record[name]['raw']:.4f}" in done.stdout
    assert record["most"]["score"] > record["score"] > record["least"]["score"]
    assert {path.name for path in out.iterdir()} == {
        "neighbours.json",
        "photo_start.png",
        "photo_most.png",
        "photo_least.png",
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--from", "a.png"], "--from PICTURE and --within LEVELS belong together"),
        (["--within", "2"], "--from PICTURE and --within LEVELS belong together"),
        (["--from", "a.png", "--within", "0"], "The distance is 0; it must be above 0"),
        (["--from", "a.png", "--within", "-3"], "The distance is -3; it must be above 0"),
        (["--from", "a.png", "--within", "2"], "a.png"),
        (["--from", "a.png", "--within", "2", "--diversity", "2"], "it takes no layer"),
    ],
)
def test_bad_neighbours_are_answered_in_one_sentence(
    memnet_command, tiny_weights, tmp_path, words, sentence
):
    command = ("inspect", "visualise", tiny_weights, "--objective", "score", *words)
    done = memnet_command(*command, "--out", tmp_path / "made", check=2)
    assert sentence in done.stderr
    assert done.stderr.count("memnet: ") == 1
