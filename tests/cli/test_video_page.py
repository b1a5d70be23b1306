"""docs/video.md, run with a film whose frames have known scores: their brightness."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.scoring import plugins
from videos import grey, write_video

PAGE = (Path(__file__).parents[2] / "docs" / "video.md").read_text(encoding="utf-8")
SCORES = [0.2, 0.4, 0.6, 0.4, 0.8, 0.2, 0.2, 0.2, 1.0]
"""Of the frames at 0, 0.5 ... 4 s."""


def bright() -> memnet.Predictor:
    """Score a picture by its brightness."""
    return memnet.Predictor.from_function(
        "bright.v1", lambda pictures: [np.asarray(each).mean() / 255 for each in pictures]
    )


@pytest.fixture
def film(tmp_path, monkeypatch) -> Path:
    """A film of 4.5 s, 10 frames a second; those at no multiple of 0.5 s are of another grey."""
    levels = [round(255 * SCORES[n // 5]) if n % 5 == 0 else 7 for n in range(45)]
    path = write_video(
        tmp_path / "film.mp4",
        [grey(level) for level in levels],
        codec="libx264rgb",
        pix_fmt="rgb24",
        rate=10,
        options={"qp": "0"},
    )
    point = EntryPoint("bright.v1", f"{__name__}:bright", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    return path


def commands(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)[1]
    return [
        ["bright.v1" if word == "resmem.published" else word for word in shlex.split(line)][1:]
        for line in block.splitlines()
    ]


def test_the_two_commands_make_the_events_that_the_page_shows(film, memnet_command, tmp_path):
    score, clips = commands("A regressor for fMRI")
    memnet_command(*score)
    done = memnet_command(*clips)
    assert "3 events -> sub-01_task-film_events.tsv, sub-01_task-film_events.json" in done.stderr
    assert "made for still pictures" in done.stderr
    shown = re.search(r"```\n(onset.*?)```", PAGE, flags=re.DOTALL)[1].splitlines()
    text = (tmp_path / "sub-01_task-film_events.tsv").read_text()
    made = text.splitlines()
    assert made[0] == shown[0]
    for line, expected in zip(made[1:], shown[1:], strict=True):
        for cell, wanted in zip(line.split("\t"), expected.split("\t"), strict=True):
            if wanted in ("video", "n/a"):
                assert cell == wanted
            else:
                assert float(cell) == pytest.approx(float(wanted), abs=1e-12)
    described = json.loads((tmp_path / "sub-01_task-film_events.json").read_text())
    assert list(described) == made[0].split("\t")
    assert "bright.v1" in described["memorability"]["Description"]
    assert "2 s of the video film.mp4" in described["memorability"]["Description"]


def test_the_tables_of_the_page_have_the_figures_worked_out_by_hand(film, memnet_command, tmp_path):
    score, clips = commands("A regressor for fMRI")
    memnet_command(*score)
    memnet_command(*clips)
    frames = pd.read_csv(tmp_path / "clips" / "frames.csv")
    assert list(frames)[:3] == ["clip", "frame", "time"]
    assert frames["time"].tolist() == [k / 2 for k in range(9)]
    assert frames["frame"].tolist() == list(range(0, 45, 5))
    assert frames["score"].tolist() == pytest.approx(SCORES, abs=1e-12)
    windows = pd.read_csv(tmp_path / "clips" / "windows.csv")
    assert windows["onset"].tolist() == [0, 2, 4]
    assert windows["duration"].tolist() == [2, 2, 0.5]
    assert windows["n"].tolist() == [4, 4, 1]
    assert windows["mean"].tolist() == pytest.approx([0.4, 0.35, 1])
    assert windows["peak"].tolist() == pytest.approx([0.6, 0.8, 1])
    assert windows["peak_time"].tolist() == [1, 2, 4]
    assert windows["slope"].tolist() == pytest.approx([0.16, -0.36, np.nan], nan_ok=True)
    (clip,) = pd.read_csv(tmp_path / "clips" / "clips.csv").to_dict("records")
    assert (clip["clip"], clip["n_frames"], clip["missing"]) == ("film.mp4", 9, 0)
    assert clip["frame_of_max"] == 40
    assert np.isnan(clip["step"])


def test_the_python_of_the_page_makes_nilearns_columns(film, memnet_command, tmp_path, monkeypatch):
    for words in commands("A regressor for fMRI"):
        memnet_command(*words)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)[1], names)
    design = names["design"]
    assert list(design) == ["onset", "duration", "trial_type", "modulation"]
    modulated = design[design["trial_type"] == "memorability"]
    assert modulated["modulation"].sum() == pytest.approx(0)
    assert len(modulated) == 3


def test_extracted_frames_get_windows_by_their_rate(film, memnet_command, tmp_path):
    from PIL import Image

    (tmp_path / "out").mkdir()
    for number, score in enumerate(SCORES, start=1):
        Image.fromarray(grey(round(255 * score))).save(tmp_path / "out" / f"film_{number:04d}.png")
    memnet_command("score", "out", "--model", "bright.v1", "--out", "s.csv")
    clips = ("clips", "s.csv", "--out", "c", "--window", "2")
    assert "Windows need the times" in memnet_command(*clips, check=2).stderr
    memnet_command(*clips, "--fps", "2")
    windows = pd.read_csv(tmp_path / "c" / "windows.csv")
    assert windows["mean"].tolist() == pytest.approx([0.4, 0.35, 1])
    (clip,) = pd.read_csv(tmp_path / "c" / "clips.csv").to_dict("records")
    assert (clip["step"], clip["missing"]) == (1, 0)


def test_options_that_need_others_are_refused(film, memnet_command):
    score, _ = commands("A regressor for fMRI")
    memnet_command(*score)
    clips = ("clips", "scores.csv", "--out", "c")
    for words, sentence in [
        (("--events", "e.tsv"), "--events needs --window"),
        (("--events", "e.csv", "--window", "2"), "must end in .tsv"),
        (("--onset", "3"), "--onset is for --events"),
        (("--clip", "film.mp4"), "--clip is for --events"),
        (("--window", "0"), "--window 0 is no length"),
        (("--fps", "2"), "--fps is for frames that were extracted"),
        (("--events", "e.tsv", "--window", "2", "--clip", "b.mp4"), "There is no clip 'b.mp4'"),
        (("--events", "e.tsv", "--window", "2", "--onset", "nan"), "is no time"),
    ]:
        assert sentence in memnet_command(*clips, *words, check=2).stderr
