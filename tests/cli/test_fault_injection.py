"""What can go wrong in the middle of `memnet score`: afterwards every row is there once and right.

Each test lets something happen after the first batch, runs the command again, and compares the
table with that of a run to which nothing happened.
"""

from __future__ import annotations

import errno
import os
import random
import time
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from command import start_memnet, wait_for
from memnet.compare import comparison
from memnet.scoring import engine, predictor
from memnet.scoring.lazy_model import LazyModel
from memnet.scoring.score_file import ScoreFile
from memnet.scoring.table import read_table

PICTURES = 24
KINDS = ["s.csv", "s.parquet"]


@pytest.fixture
def folder(make_pictures):
    return make_pictures(PICTURES)


@pytest.fixture
def score(memnet_command, folder, tiny_weights):
    def run(out, check=0):
        return memnet_command("score", folder, "-m", tiny_weights, "-o", out, check=check)

    return run


def after_the_first_batch(monkeypatch, happen):
    """Call a function once, when the rows of the first batch are on disk."""
    append, calls = ScoreFile.append, []

    def and_then(self, rows):
        append(self, rows)
        calls.append(1)
        if len(calls) == 1:
            happen()

    monkeypatch.setattr(ScoreFile, "append", and_then)


def require_equal(out, fresh):
    """The same pictures, each once, with the same scores (batches may fall elsewhere)."""
    tables = [read_table(path).set_index("image_id") for path in (out, fresh)]
    assert not any(table.index.duplicated().any() for table in tables)
    pd.testing.assert_series_equal(tables[0]["score"], tables[1]["score"], rtol=0, atol=1e-6)
    assert tables[0]["warning"].equals(tables[1]["warning"])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("what", ["deleted", "truncated", "replaced", "set back"])
def test_a_picture_that_changes_during_the_run(what, name, score, folder, tmp_path, monkeypatch):
    victim = folder / f"{PICTURES - 1:05d}.png"
    other = Image.open(folder / "00000.png").rotate(180)

    def happen():
        if what == "deleted":
            victim.unlink()
        elif what == "truncated":
            victim.write_bytes(victim.read_bytes()[:100])
        else:
            other.save(victim)
        if what == "set back":  # as by a clock that was wrong
            os.utime(victim, (1, 1))

    with monkeypatch.context() as patch:
        after_the_first_batch(patch, happen)
        failed = what in ("deleted", "truncated")
        done = score(tmp_path / name, check=1 if failed else 0)
    table = read_table(tmp_path / name).set_index("image_id")
    assert len(table) == PICTURES
    if failed:
        reason = {"deleted": "no such file", "truncated": "cut off"}[what]
        assert reason in table.warning[victim.name]
        assert victim.name in done.stderr
        assert table.score.notna().sum() == PICTURES - 1
        other.save(victim)  # mended by the user
    again = score(tmp_path / name)
    assert "1 scored" in again.stderr  # and no more than that one
    score(tmp_path / f"fresh-{name}")
    require_equal(tmp_path / name, tmp_path / f"fresh-{name}")


@pytest.mark.parametrize("name", KINDS)
def test_a_decoding_thread_that_raises_keeps_what_was_finished(
    name, score, folder, tmp_path, monkeypatch
):
    open_picture = engine.open_picture

    def broken(picture, **options):
        if str(picture).endswith("00020.png"):
            raise RuntimeError("a fault of our own")
        return open_picture(picture, **options)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "open_picture", broken)
        done = score(tmp_path / name, check=3)
    assert "RuntimeError" in done.stderr
    assert len((tmp_path / f"{name}.partial").read_text().splitlines()) == 16  # two batches
    assert "16 were scored before" in score(tmp_path / name).stderr
    score(tmp_path / f"fresh-{name}")
    require_equal(tmp_path / name, tmp_path / f"fresh-{name}")


@pytest.mark.parametrize("name", KINDS)
def test_a_disk_that_is_full_keeps_what_was_finished(name, score, tmp_path, monkeypatch):
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(1)
        if len(calls) > 5:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        done = score(tmp_path / name, check=2)
    assert "No space left on device" in done.stderr
    score(tmp_path / name)
    score(tmp_path / f"fresh-{name}")
    require_equal(tmp_path / name, tmp_path / f"fresh-{name}")


@pytest.fixture(params=["below a file", "a file system that is read-only"])
def unwritable(request, tmp_path, monkeypatch):
    """A folder that nobody can write into, root neither."""
    if request.param == "below a file":
        (tmp_path / "file").touch()
        return tmp_path / "file" / "below"
    folder, open_file = tmp_path / "read-only", os.open
    folder.mkdir()

    def refuse(path, flags, *args, **kwargs):
        if folder in Path(path).parents and flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fspath(path))
        return open_file(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    return folder


def never(*_, **__):
    raise AssertionError("it was begun all the same")


@pytest.mark.parametrize("name", KINDS)
def test_an_output_that_cannot_be_written_is_refused_before_pictures_are_scored(
    name, unwritable, memnet_command, folder, tiny_weights, monkeypatch
):
    monkeypatch.setattr(LazyModel, "load", never)
    out = unwritable / name
    done = memnet_command("score", folder, "-m", tiny_weights, "-o", out, check=2)
    (said,) = done.stderr.splitlines()
    assert said.startswith(f"memnet: {unwritable} cannot be written (")


@pytest.mark.parametrize("given", ["scores", "pictures"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_computed(
    given, unwritable, memnet_command, folder, tiny_weights, tmp_path, monkeypatch
):
    monkeypatch.setattr(LazyModel, "load", never)
    monkeypatch.setattr(comparison, "compare_scores", never)
    table = tmp_path / "human.csv"
    table.write_text("image_id,human,score\na,0.5,0.6\n", encoding="utf-8")
    words = ["compare", "--truth", table, "--truth-column", "human", "--out", unwritable]
    words += (
        ["--scores", table] if given == "scores" else ["--images", folder, "--model", tiny_weights]
    )
    (said,) = memnet_command(*words, check=2).stderr.splitlines()
    assert said.startswith(f"memnet: {unwritable} cannot be written (")


def test_a_demo_that_cannot_be_written_is_refused_before_anything_is_computed(
    unwritable, memnet_command, monkeypatch
):
    monkeypatch.setattr(predictor, "load", never)
    monkeypatch.setattr(comparison, "compare_scores", never)
    (said,) = memnet_command("demo", "--out", unwritable, check=2).stderr.splitlines()
    assert said.startswith(f"memnet: {unwritable} cannot be written (")


def test_a_second_run_on_one_output_is_refused_in_the_middle(
    score, memnet_command, folder, tiny_weights, tmp_path, monkeypatch
):
    said = []

    def happen():
        args = ("score", folder, "-m", tiny_weights, "-o", tmp_path / "s.csv")
        said.append(memnet_command(*args, check=2).stderr)

    with monkeypatch.context() as patch:
        after_the_first_batch(patch, happen)
        score(tmp_path / "s.csv")
    assert "Another memnet is writing" in said[0]
    score(tmp_path / "fresh.csv")
    require_equal(tmp_path / "s.csv", tmp_path / "fresh.csv")


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize("name", KINDS)
def test_twenty_kills_at_random_moments_lose_and_repeat_nothing(
    name, make_pictures, tiny_weights, memnet_command, tmp_path
):
    """One run after another is killed, each a little further; the last one is let finish."""
    pictures = make_pictures(400, "many")
    out, log = tmp_path / name, tmp_path / "log"
    journal = tmp_path / f"{name}.partial"
    moments, kills = random.Random(14), 0
    args = ("score", pictures, "-m", tiny_weights, "-o", out, "--batch-size", 4)

    def rows():
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    while kills < 20:
        before = rows()
        env = {"TINY_SLEEP": "0.1", "TINY_LOG": str(log)}
        process = start_memnet(*args, cwd=tmp_path, env=env)
        wait_for(process, lambda at=before: rows() > at)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.communicate()
        kills += 1
        assert not out.exists()
    assert rows() < 400
    memnet_command(*args, TINY_LOG=str(log), TINY_SLEEP="0")
    fresh = tmp_path / f"fresh-{name}"
    memnet_command("score", pictures, "-m", tiny_weights, "-o", fresh)
    require_equal(out, fresh)
    computed = sum(int(line) for line in log.read_text().split())
    assert 400 <= computed <= 400 + 20 * 4  # at most a batch a kill was computed twice
