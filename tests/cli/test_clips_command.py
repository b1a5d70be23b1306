"""`memnet clips` from a score table on disk: files, sentences, exit codes."""

from __future__ import annotations

import pandas as pd
import pytest
from typer import Typer
from typer.testing import CliRunner

from memnet.cli.clips import clips
from memnet.errors import MemnetError
from memnet.scoring.table import Row, to_frame, write_table

app = Typer()
app.command()(clips)


@pytest.fixture
def table(tmp_path):
    def make(*ids: str, failed: str = "", suffix: str = ".csv"):
        rows = [
            Row.failed(image_id=i, path=i, model="m", variant="", reason="damaged")
            if i == failed
            else Row(
                image_id=i,
                path=i,
                model="m",
                variant="",
                score=0.1 + 0.2 * n,
                raw=0.5,
                n_crops=1,
                clamped=False,
                width=9,
                height=9,
                mode="RGB",
                warning="",
            )
            for n, i in enumerate(ids)
        ]
        write_table(to_frame(rows), tmp_path / f"s{suffix}")
        return tmp_path / f"s{suffix}"

    return make


def run(*args: object, check: int = 0):
    done = CliRunner().invoke(app, list(map(str, args)))
    assert done.exit_code == check, done.output
    return done


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_two_tables_are_written_with_every_digit(table, tmp_path, suffix):
    done = run(table("v_1.png", "v_2.png", "w_1.png", suffix=suffix), "--out", tmp_path / "o")
    assert done.stdout == ""
    assert "3 frames of 2 clips ->" in done.stderr
    assert "made for still pictures" in done.stderr
    frames = pd.read_csv(tmp_path / "o" / "frames.csv")
    assert list(frames) == ["clip", "frame", "image_id", "model", "variant", "score"]
    assert frames["score"].tolist() == [0.1, 0.1 + 0.2, 0.1 + 0.4]
    per_clip = pd.read_csv(tmp_path / "o" / "clips.csv")
    assert per_clip["clip"].tolist() == ["v", "w"]
    assert per_clip["frame_of_max"].tolist() == [2, 1]


def test_what_is_set_aside_is_named_and_exits_with_1(table, tmp_path):
    scores = table("v_1.png", "cover.png", "v_3.png", failed="v_3.png")
    done = run(scores, "--out", tmp_path / "o", check=1)
    assert "memnet: cover.png: its name has no number" in done.stderr
    assert "memnet: v_3.png: could not be scored" in done.stderr
    assert "2 frames of 1 clip, 1 set aside" in done.stderr
    assert len(pd.read_csv(tmp_path / "o" / "frames.csv")) == 2


def test_clips_of_one_frame_each_make_the_rule_doubtful(table, tmp_path):
    done = run(table("v_01_720p.png", "v_02_720p.png"), "--out", tmp_path / "o")
    assert "2 clip(s) have one frame only (v_01, v_02)" in done.stderr


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(MemnetError, match="There is no score table"):
        CliRunner().invoke(
            app, [str(tmp_path / "no.csv"), "--out", str(tmp_path)], catch_exceptions=False
        )
