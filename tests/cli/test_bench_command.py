"""`memnet bench` as a user runs it."""

from __future__ import annotations

import json

from command import run_memnet
from small_backbone import write_backbone


def test_the_command_prints_a_row_for_each_model_and_writes_the_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b")):
        write_backbone(tmp_path / f"{name}.safetensors", seed=number)
    done = run_memnet(
        "bench", "-m", "a.safetensors", "-m", "b.safetensors", "--rounds", "1", "--out", "b.json"
    )
    assert "a.safetensors: 10,000 pictures take about" in done.stdout
    found = json.loads((tmp_path / "b.json").read_text())
    assert [row["model"] for row in found["models"]] == ["a.safetensors", "b.safetensors"]
    assert all(row["bound"] in ("network", "reading") for row in found["models"])
    assert found["environment"]["threads"]


def test_what_cannot_be_timed_is_one_sentence(memnet_command):
    done = memnet_command("bench", "--out", "b.txt", check=2)
    assert "must end in .json" in done.stderr


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_timed(
    memnet_command, tmp_path
):
    (tmp_path / "file").write_text("")
    done = memnet_command("bench", "--out", "file/b.json", check=2)
    assert "file cannot be written" in done.stderr
    assert "timing" not in done.stderr


def test_what_is_no_earlier_bench_is_not_replaced(memnet_command, tmp_path):
    (tmp_path / "s.csv.json").write_text("{}")
    done = memnet_command("bench", "--out", "s.csv.json", check=2)
    assert "holds something else" in done.stderr
    assert (tmp_path / "s.csv.json").read_text() == "{}"
