"""`memnet merge` of shards between which an archive or a file was replaced."""

from __future__ import annotations

import os
import shutil

import pandas as pd
import pytest

from archives import files_of, write_zip
from tiny import write_tiny


@pytest.fixture
def shard(memnet_command, tiny_weights):
    def shard(part, *words, model=tiny_weights):
        words = ("score", *words, "-m", model, "-o", f"{part}.csv", "--shard", f"{part}/2")
        memnet_command(*words)

    return shard


@pytest.fixture
def merge(memnet_command):
    def merge(*parts, check=0):
        return memnet_command("merge", *parts, "-o", "all.csv", check=check).stderr

    return merge


def set_time(path, seconds) -> None:
    os.utime(path, (seconds, seconds))


@pytest.mark.parametrize("other_model", [False, True])
def test_shards_of_two_versions_of_an_archive_are_refused(
    shard, merge, make_pictures, tiny_weights, tmp_path, other_model
):
    archive = write_zip(tmp_path / "q.zip", files_of(make_pictures(8)))
    size = archive.stat().st_size
    set_time(archive, 1000)
    shard(1, "q.zip")
    write_zip(archive, files_of(make_pictures(8, "other", size=(50, 30))))
    model = write_tiny(tmp_path / "other.safetensors", seed=3) if other_model else tiny_weights
    shard(2, "q.zip", model=model)
    for order in (("1.csv", "2.csv"), ("2.csv", "1.csv")):
        said = merge(*order, check=2)
        assert f"1.csv has scores of q.zip when it had {size:,} bytes" in said or (
            f"and 1.csv when it had {size:,}" in said
        )
        gone = "1.csv is of the version which is no longer there: run shard 1/2 again, then merge"
        assert gone in said
    archive.rename(tmp_path / "away.zip")  # as on another computer
    assert "1.csv is of the version by its time the older: run shard 1/2" in merge(*order, check=2)
    (tmp_path / "away.zip").rename(archive)
    assert not (tmp_path / "all.csv").exists()
    shard(1, "q.zip", model=model)
    merge("1.csv", "2.csv", check=2 if other_model else 0)  # then 1.csv has both models


def test_the_version_that_is_there_now_is_the_right_one_however_old_its_time(
    shard, merge, make_pictures, tmp_path
):
    """As after `cp -p` of an older archive."""
    archive = write_zip(tmp_path / "q.zip", files_of(make_pictures(8)))
    shard(1, "q.zip")
    write_zip(archive, files_of(make_pictures(8, "other", size=(50, 30))))
    set_time(archive, 1000)
    shard(2, "q.zip")
    assert "1.csv is of the version which is no longer there" in merge("1.csv", "2.csv", check=2)


def test_a_table_with_scores_of_two_versions_in_it_is_refused(
    memnet_command, merge, make_pictures, tiny_weights, tmp_path
):
    archive = write_zip(tmp_path / "q.zip", files_of(make_pictures(4)))
    words = ("score", "q.zip", "-m", tiny_weights, "-o", "1.csv")
    memnet_command(*words)
    write_zip(archive, files_of(make_pictures(4, "other", size=(50, 30))))
    memnet_command(*words, "--limit", "2")
    said = merge("1.csv", check=2)
    assert "1.csv has scores of two versions of q.zip" in said
    assert "run its command again with another --out" in said


def test_copies_with_another_time_are_named_and_merged(shard, merge, make_pictures, tmp_path):
    archive = write_zip(tmp_path / "q.zip", files_of(make_pictures(8)))
    shard(1, "q.zip")
    set_time(archive, 1000)
    shard(2, "q.zip")
    said = merge("1.csv", "2.csv")
    assert "q.zip had one size but several times when 1.csv, 2.csv were made" in said
    assert len(pd.read_csv(tmp_path / "all.csv")) == 8


def test_a_plain_file_that_two_models_saw_in_two_versions_is_refused(
    memnet_command, merge, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(3)
    other = write_tiny(tmp_path / "other.safetensors", seed=3)
    memnet_command("score", folder, "-m", tiny_weights, "-o", "1.csv")
    (folder / "00001.png").write_bytes((folder / "00002.png").read_bytes() + b"-")
    memnet_command("score", folder, "-m", other, "-o", "2.csv")
    said = merge("1.csv", "2.csv", check=2)
    assert "00001.png when it had" in said
    assert "1.csv is of the version which is no longer there: run its command again" in said


def test_a_folder_that_is_called_like_an_archive_is_none(shard, merge, make_pictures, tmp_path):
    folder = make_pictures(8, "unpacked.zip")
    for n in range(4):
        (folder / f"{n:05d}.png").write_bytes((folder / f"{n:05d}.png").read_bytes() + bytes(n))
    for part in (1, 2):
        shard(part, "unpacked.zip")
    assert "had one size" not in merge("1.csv", "2.csv")


@pytest.fixture
def two_pictures(make_pictures, tiny_weights, tmp_path):
    """Two folders with other pictures of one name, and what scores each with a model."""
    make_pictures(2, "k")
    make_pictures(2, "q2", size=(50, 30))
    other = write_tiny(tmp_path / "other.safetensors", seed=3)
    return ("k", "-m", tiny_weights), ("q2", "-m", other)


def test_two_pictures_with_one_id_are_refused_also_by_two_models(
    memnet_command, merge, two_pictures, tmp_path
):
    one, two = two_pictures
    memnet_command("score", *one, "-o", "1.csv")
    before = (tmp_path / "1.csv").read_bytes()
    said = memnet_command("score", *two, "-o", "1.csv", check=2).stderr
    assert "1.csv already holds a picture '00000.png', from k" in said
    assert (tmp_path / "1.csv").read_bytes() == before
    memnet_command("score", *two, "-o", "2.csv")
    said = merge("1.csv", "2.csv", check=2)
    assert "1.csv has a score of '00000.png' from k" in said
    assert "these are two pictures with one image_id; score them from their common fold" in said
    assert not (tmp_path / "all.csv").exists()


def test_copies_of_a_picture_at_another_path_are_merged(
    memnet_command, merge, two_pictures, tmp_path
):
    one, two = two_pictures
    memnet_command("score", *one, "-o", "1.csv")
    shutil.copytree(tmp_path / "k", tmp_path / "copied")
    memnet_command("score", "copied", *two[1:], "-o", "2.csv")
    assert "4 row(s) of 2 table(s)" in merge("1.csv", "2.csv")
    set_time(tmp_path / "copied/00001.png", 1000)
    memnet_command("score", "copied", *two[1:], "-o", "2.csv")
    assert "copied/00001.png had one size but several times when 1.csv, 2.csv were made" in merge(
        "1.csv", "2.csv"
    ).replace(os.sep, "/")
