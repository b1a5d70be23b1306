"""``memnet inspect visualise`` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
        (["linear", "zero"], "'zero' names no filters; write numbers from 0, as in 3,17,40-43."),
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
