"""`memnet score film.mp4 --fps 2`: rows, ids and times of frames, resuming, what is refused."""

from __future__ import annotations

import json
import weakref
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import memnet
from memnet.data.pictures import collect
from memnet.errors import MemnetError
from memnet.preprocess import video_frames
from memnet.scoring import engine
from memnet.scoring.table import read_table
from videos import grey, noise, write_video


def test_frames_have_the_scores_of_the_same_pictures_in_files(
    memnet_command, tiny_weights, tmp_path
):
    frames = noise(50)
    write_video(tmp_path / "film.mkv", frames)
    done = memnet_command("score", "film.mkv", "-m", tiny_weights, "--fps", "2", "-o", "f.csv")
    assert "4 scored" in done.stderr
    table = pd.read_csv(tmp_path / "f.csv")
    assert table.image_id.tolist() == [f"film.mkv@{t}" for t in ("0000.000", "0000.500")] + [
        f"film.mkv@{t}" for t in ("0001.000", "0001.500")
    ]
    assert table.time.tolist() == [0, 0.5, 1, 1.5]
    assert table.frame.tolist() == [0, 12, 25, 37]
    assert table.path.unique() == ["film.mkv"]
    assert table.width.unique() == [48]
    assert table["mode"].unique() == ["RGB"]
    (tmp_path / "files").mkdir()
    for number in table.frame:
        Image.fromarray(frames[number]).save(tmp_path / "files" / f"{number:03d}.png")
    memnet_command("score", "files", "-m", tiny_weights, "-o", "p.csv")
    assert table.score.tolist() == pd.read_csv(tmp_path / "p.csv").score.tolist()


def test_a_run_goes_on_where_frames_are_missing(memnet_command, tiny_weights, tmp_path):
    write_video(tmp_path / "film.mkv", noise(50))
    common = ("score", "film.mkv", "-m", tiny_weights, "-o", "f.csv", "--fps")
    memnet_command(*common, "1")
    done = memnet_command(*common, "2")
    assert "2 scored" in done.stderr
    assert "2 were scored before" in done.stderr
    twice = pd.read_csv(tmp_path / "f.csv")
    memnet_command(*common[:-2], "whole.csv", "--fps", "2")
    pd.testing.assert_frame_equal(twice, pd.read_csv(tmp_path / "whole.csv"))


def test_a_rate_whose_times_are_others_is_refused_and_a_multiple_is_not(
    memnet_command, tiny_weights, tmp_path
):
    write_video(tmp_path / "film.mkv", noise(50))
    write_video(tmp_path / "other.mkv", noise(25))
    common = ("-m", tiny_weights, "-o", "f.csv", "--fps")
    memnet_command("score", "film.mkv", *common, "2")
    before = (tmp_path / "f.csv").read_bytes()
    done = memnet_command("score", "film.mkv", *common, "3", check=2)
    assert "has frames of film.mkv at --fps 2, and this run is at --fps 3" in done.stderr
    assert "a multiple of 2, or another --out" in done.stderr
    assert (tmp_path / "f.csv").read_bytes() == before
    memnet_command("score", "other.mkv", *common, "3")  # its own frames are evenly spaced
    memnet_command("score", "film.mkv", *common, "6")
    memnet_command("score", "film.mkv", *common, "1")
    memnet_command("score", "film.mkv", *common, "4", check=2)
    rates = json.loads((tmp_path / "f.csv.json").read_text())["fps"]
    assert rates == {r: ["film.mkv"] for r in "126"} | {"3": ["other.mkv"]}


def test_shards_of_different_rates_are_not_merged_and_clips_of_a_part_says_so(
    memnet_command, tiny_weights, tmp_path
):
    write_video(tmp_path / "film.mkv", noise(50))
    common = ("score", "film.mkv", "-m", tiny_weights, "--fps")
    memnet_command(*common, "8", "--shard", "1/2", "-o", "1.csv")
    memnet_command(*common, "4", "--shard", "2/2", "-o", "2.csv")
    done = memnet_command("merge", "1.csv", "2.csv", "-o", "s.csv", check=2)
    assert "1.csv has frames of film.mkv at --fps 8, and 2.csv at --fps 4" in done.stderr
    done = memnet_command("clips", "1.csv", "-o", "c")
    assert "1.csv is shard 1/2 alone" in done.stderr
    memnet_command(*common, "8", "--shard", "2/2", "-o", "2.csv")  # which has those of 4 already
    memnet_command("merge", "1.csv", "2.csv", "-o", "s.csv")
    assert read_table(tmp_path / "s.csv").image_id.nunique() == 16
    assert "alone" not in memnet_command("clips", "s.csv", "-o", "c").stderr
    memnet_command(*common, "4", "--limit", "3", "-o", "few.csv")
    assert "made with --limit 3" in memnet_command("clips", "few.csv", "-o", "c").stderr


def test_videos_in_tables_and_folders_keep_what_stands_beside_them(
    memnet_command, tiny_weights, tmp_path
):
    (tmp_path / "films").mkdir()
    write_video(tmp_path / "films" / "a.mkv", noise(25))
    write_video(tmp_path / "films" / "b.mkv", noise(50))
    Image.fromarray(noise(1)[0]).save(tmp_path / "films" / "c.png")
    (tmp_path / "films" / "bad.mp4").write_bytes(b"nothing")
    (tmp_path / "study.csv").write_text(
        "path,image_id,mood,time\nfilms/b.mkv,B,glad,noon\nfilms/c.png,C,sad,dusk\n"
    )
    common = ("-m", tiny_weights, "--fps", "1", "-o")
    done = memnet_command("score", "study.csv", *common, "s.csv")
    assert "column 'time' is called 'time_in_table'" in done.stderr
    table = pd.read_csv(tmp_path / "s.csv", keep_default_na=False)
    assert table.image_id.tolist() == ["B@0000.000", "B@0001.000", "C"]
    assert table.mood.tolist() == ["glad", "glad", "sad"]
    assert table.time_in_table.tolist() == ["noon", "noon", "dusk"]
    assert table.time.tolist() == ["0.0", "1.0", ""]  # the picture has no time in a video
    assert table.frame.tolist()[:2] == ["0", "25"]
    done = memnet_command("score", "films", *common, "f.csv", check=1)
    assert "not read: " in done.stderr
    assert "bad.mp4 is no video" in done.stderr
    ids = read_table(tmp_path / "f.csv").image_id.tolist()
    assert ids == ["a.mkv@0000.000", "b.mkv@0000.000", "b.mkv@0001.000", "c.png"]


def test_a_video_that_breaks_off_keeps_its_frames_and_exits_with_1(
    memnet_command, tiny_weights, tmp_path
):
    path = write_video(tmp_path / "film.mkv", noise(100))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = memnet_command(
        "score", "film.mkv", "-m", tiny_weights, "--fps", "1", "-o", "f.csv", check=1
    )
    assert "breaks off at" in done.stderr
    assert read_table(tmp_path / "f.csv").score.notna().all()


def test_more_frames_than_the_video_shows_are_scored_and_named(tmp_path):
    write_video(tmp_path / "film.mkv", noise(5), rate=5)
    inputs = collect([tmp_path / "film.mkv"], fps=Fraction(10))
    assert [item.picture.number for item in inputs.items] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    (note,) = inputs.notes
    assert "shows 5 frames per second, fewer than --fps 10" in note


def test_what_needs_fps_and_what_does_not_is_said(tmp_path):
    video = write_video(tmp_path / "film.mkv", noise(5))
    with pytest.raises(MemnetError, match=r"takes it with --fps"):
        collect([video])
    with pytest.raises(MemnetError, match=r"\(only 1 x \.mkv\).*--fps"):
        collect([tmp_path])
    Image.fromarray(noise(1)[0]).save(tmp_path / "c.png")
    assert collect([tmp_path]).ignored == {".mkv": 1}
    with pytest.raises(MemnetError, match=r"--fps is for videos"):
        collect([tmp_path / "c.png"], fps=Fraction(1))


@pytest.mark.parametrize(("held_bytes", "batch"), [(3 * 10**8, 4), (3 * (3 * 32 * 48), 3)])
def test_no_more_frames_are_in_memory_than_two_batches_hold(
    tmp_path, monkeypatch, held_bytes, batch
):
    """However long the film is, and however large its frames."""
    write_video(tmp_path / "film.mkv", [grey(level) for level in range(100)])
    monkeypatch.setattr(engine, "_HELD_BYTES", held_bytes)
    alive: list[weakref.ref] = []
    counts = []
    original = video_frames.FrameConverter.to_rgb

    def noted(self, frame):
        picture = original(self, frame)
        alive.append(weakref.ref(picture))
        counts.append(sum(each() is not None for each in alive))
        return picture

    monkeypatch.setattr(video_frames.FrameConverter, "to_rgb", noted)
    model = memnet.Predictor.from_function(
        "bright.v1", lambda pictures: [np.asarray(each).mean() / 255 for each in pictures]
    )
    items = collect([tmp_path / "film.mkv"], fps=Fraction(25)).items
    rows = [row for batch in engine.score_items(model, items, batch_size=4) for row in batch]
    assert [round(255 * row.score) for row in rows] == list(range(100))
    assert max(counts) <= 2 * batch + 1  # and the next one


def test_a_film_that_was_replaced_leaves_no_old_frames_among_the_new(
    memnet_command, tiny_weights, tmp_path
):
    write_video(tmp_path / "film.mkv", noise(75))
    options = ("score", "film.mkv", "-m", tiny_weights, "-o", "s.csv", "--fps")
    memnet_command(*options, "1")
    write_video(tmp_path / "film.mkv", noise(30, seed=5))
    done = memnet_command(*options, "2")
    assert (
        "1 row(s) of frames, boxes or pictures that a video, table or archive" in done.stderr
    )  # that at 2 s
    table = pd.read_csv(tmp_path / "s.csv")
    assert table.time.tolist() == [0, 0.5, 1]
    memnet_command("score", "film.mkv", "-m", tiny_weights, "--fps", "2", "-o", "new.csv")
    assert table.score.tolist() == pd.read_csv(tmp_path / "new.csv").score.tolist()


def test_a_film_of_one_frame_has_no_known_length(memnet_command, tiny_weights, tmp_path):
    write_video(tmp_path / "film.mkv", noise(1))
    memnet_command("score", "film.mkv", "-m", tiny_weights, "--fps", "2", "-o", "s.csv")
    memnet_command("clips", "s.csv", "-o", "c", "--window", "100", "--events", "a_events.tsv")
    _, event = (tmp_path / "a_events.tsv").read_text().splitlines()
    assert event.split("\t")[:2] == ["0", "n/a"]
    done = memnet_command("clips", "film.mkv", "-o", "c", check=2)
    assert "film.mkv is no score table: those end in .csv" in done.stderr
