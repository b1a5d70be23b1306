"""`memnet inspect top`."""

from __future__ import annotations

import json

import pytest

from command import start_memnet, wait_for
from memnet.inspect.top import read
from tiny import write_tiny


@pytest.fixture
def run(memnet_command, mini, make_pictures):
    folder = make_pictures(3)

    def run(*args: object, check: int = 0):
        return memnet_command("inspect", "top", mini, folder, *args, check=check)

    return run


def test_a_table_and_a_record(run, tmp_path):
    layers = ("--layers", "conv5, fc8-euclidean")
    done = run(*layers, "--filters", "0", "-k", "2", "--by", "max", "--out", "found")
    found = read(tmp_path / "found")
    assert [layer["name"] for layer in found.about["layers"]] == ["conv5", "fc8"]
    assert (found.about["k"], found.about["by"], found.pictures) == (2, "max", 3)
    assert len(found.rows) == len((tmp_path / "found" / "top.csv").read_text().splitlines()) - 1
    sides = [(row.side, row.rank) for row in found.rows[:4]]
    assert sides == [("most", 1), ("most", 2), ("least", 1), ("least", 2)]
    assert "3 pictures, layers conv5 (1 filter), fc8 (1 unit), 2 sheets -> found" in done.stderr
    again = run(*layers, "--filters", "0", "-k", "2", "--by", "max", "--out", "found")
    assert "3 pictures" in again.stderr
    refused = run(*layers, "--filters", "0", "-k", "3", "--by", "max", "--out", "found", check=2)
    assert "found has the strongest pictures of a run that was of another kind (different: -k)" in (
        refused.stderr
    )


def test_without_filters_the_first_eight_and_all_on_request(run, tmp_path):
    run("--layers", "conv1,fc8", "--out", "few", "--least")
    sheets = {path.name for path in (tmp_path / "few").glob("*.png")}
    assert sheets == {"conv1.png", "conv1_least.png", "fc8.png", "fc8_least.png"}
    run("--layers", "conv1,fc8", "--filters", "all", "--out", "many")
    few, many = (read(tmp_path / name).about["layers"] for name in ("few", "many"))
    assert [layer["filters"] for layer in few] == [list(range(8)), [0]]
    assert many[0]["filters"] == list(range(many[0]["shape"][0]))


def test_misspelt_layers_and_filters_that_are_not_there(run):
    done = run("--layers", "conv6", "--out", "x", check=2)
    assert "has no layer 'conv6'. Did you mean 'conv" in done.stderr
    done = run("--layers", "conv5", "--filters", "0,5000", "--out", "x", check=2)
    assert "conv5 has no filter 5000: its" in done.stderr
    done = run("--layers", " ,", "--out", "x", check=2)
    assert "--layers names no layer" in done.stderr


def test_a_picture_that_fails_is_named(run, tmp_path):
    (tmp_path / "pictures" / "bad.jpg").write_bytes(b"nothing")
    done = run("--layers", "conv5", "--out", "x", check=1)
    assert "bad.jpg: The file is no picture" in done.stderr
    assert "3 pictures, 1 failed" in done.stderr


@pytest.mark.slow
def test_kill_9_loses_no_more_than_what_was_not_saved(memnet_command, tmp_path, make_pictures):
    model, pictures = write_tiny(tmp_path / "tiny.safetensors"), make_pictures(500)
    words = ["inspect", "top", model, pictures, "--layers", "linear", "--batch-size", "50"]
    memnet_command(*words, "--out", "whole")
    progress, log = tmp_path / "killed" / "progress.npz", tmp_path / "log"
    process = start_memnet(*words, "--out", "killed", cwd=tmp_path, env={"TINY_SLEEP": "0.3"})
    first = []

    def has_saved() -> bool:
        first.extend([progress.stat().st_size] if progress.exists() and not first else [])
        return bool(first) and progress.stat().st_size > first[0]

    wait_for(process, has_saved)
    process.kill()
    process.communicate()
    assert not (tmp_path / "killed" / "top.csv").exists()
    memnet_command(*words, "--out", "killed", TINY_LOG=str(log))
    looked_at = sum(map(int, log.read_text().split()))
    assert looked_at <= 500 - 200 + 1  # the model is tried on one picture first
    for name in ("top.csv", "top.json"):
        there = [(tmp_path / folder / name).read_bytes() for folder in ("whole", "killed")]
        assert there[0] == there[1]
    assert json.loads(there[0])["pictures"] == 500
