"""Files that changed: no finished row is lost for it, and none stays among new ones unnamed."""

from __future__ import annotations

import os
import re
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from archives import files_of, write_hdf5, write_zip
from memnet.data.inputs import Item
from memnet.preprocess.video import Video, VideoFrame
from memnet.scoring.outdated import _Listed
from memnet.scoring.table import Row
from tiny import write_tiny


@pytest.fixture
def score(memnet_command, tmp_path):
    """Return a function that scores with the models 1 and 2, or one of them."""
    for seed in (1, 2):
        write_tiny(tmp_path / f"m{seed}.safetensors", seed=seed)

    def score(*words, models=(1,), **options):
        given = [word for each in models for word in ("-m", f"m{each}.safetensors")]
        return memnet_command("score", *words, *given, "-o", "s.csv", **options).stderr

    return score


def touch(path) -> None:
    os.utime(path, ns=(1, 1))


def scores(tmp_path) -> pd.DataFrame:
    return pd.read_csv(tmp_path / "s.csv").set_index(["model", "image_id"])["score"].unstack(0)


def replace_zip(path, files) -> None:
    path.unlink()
    write_zip(path, files)


def test_rows_of_a_model_that_is_not_given_are_named_where_the_archive_was_replaced(
    score, make_pictures, tmp_path
):
    write_zip(tmp_path / "q.zip", files_of(make_pictures(3)))
    score("q.zip", models=(1, 2))
    before = scores(tmp_path)
    replace_zip(tmp_path / "q.zip", files_of(make_pictures(3, "other", size=(50, 30))))
    said = score("q.zip", models=(2,))
    assert (
        "3 row(s) of m1.safetensors were scored before q.zip changed, and stay as they were; "
        "score them again with --model m1.safetensors, too" in said
    )
    after = scores(tmp_path)
    assert (after["m1.safetensors"] == before["m1.safetensors"]).all()
    assert (after["m2.safetensors"] != before["m2.safetensors"]).all()
    assert "3 row(s) of m1.safetensors" in score("q.zip", models=(2,))  # until it is done
    assert "stay as they were" not in score("q.zip", models=(1, 2))
    assert (scores(tmp_path)["m1.safetensors"] != before["m1.safetensors"]).all()


def test_so_are_rows_of_plain_files(score, make_pictures, tmp_path):
    folder = make_pictures(4)
    score(folder, models=(1, 2))
    for name in ("00000.png", "00002.png"):
        (folder / name).write_bytes((folder / "00001.png").read_bytes() + b"-")
    said = score(folder, models=(2,))
    assert re.search(
        r"2 row\(s\) of m1\.safetensors were scored before their files \(\S+00000\.png, "
        r"\S+00002\.png\) changed, and stay as they were; score them again with --model m1\.safe",
        said,
    )
    assert len(pd.read_csv(tmp_path / "s.csv")) == 8


@pytest.mark.parametrize("part", [("--limit", "1"), ("--limit", "3")])
def test_a_try_after_an_archive_was_touched_loses_no_row(score, make_pictures, tmp_path, part):
    write_zip(tmp_path / "q.zip", files_of(make_pictures(4)))
    score("q.zip")
    before = scores(tmp_path)
    touch(tmp_path / "q.zip")
    said = score("q.zip", *part)
    left = 4 - int(part[1])
    assert f"{left} row(s) of m1.safetensors were scored before q.zip changed" in said
    assert "score them again without --limit" in said
    pd.testing.assert_frame_equal(scores(tmp_path), before)
    assert "stay as they were" not in score("q.zip")


def test_a_shard_of_a_replaced_archive_drops_nothing(score, make_pictures, tmp_path):
    files = files_of(make_pictures(12))
    write_zip(tmp_path / "q.zip", files)
    score("q.zip", "--shard", "1/2")
    before = len(scores(tmp_path))
    replace_zip(
        tmp_path / "q.zip", {**dict(list(files.items())[6:]), "new.png": files["00000.png"]}
    )
    said = score("q.zip", "--shard", "1/2")
    assert "were scored before q.zip changed" in said
    assert "or choose another --out" in said
    assert len(scores(tmp_path)) >= before


def test_an_archive_that_is_not_given_this_time_keeps_its_rows(score, make_pictures, tmp_path):
    folder = make_pictures(3)
    write_zip(tmp_path / "q.zip", files_of(folder))
    score("q.zip")
    touch(tmp_path / "q.zip")
    said = score(folder)
    assert "3 row(s) of m1.safetensors were scored before q.zip changed" in said
    assert "give it again as you did for these rows" in said
    assert len(scores(tmp_path)) == 6


def test_so_do_pictures_that_only_have_another_id_now(score, make_pictures, tmp_path):
    write_zip(tmp_path / "q.zip", files_of(make_pictures(2)))
    score("q.zip", "--id-pattern", "q.zip/(.*)")
    touch(tmp_path / "q.zip")
    assert "2 row(s) of m1.safetensors were scored before" in score("q.zip")
    assert len(scores(tmp_path)) == 4


def test_so_does_another_dataset_of_the_file(score, make_pictures, tmp_path):
    import h5py

    path = write_hdf5(tmp_path / "p.h5", files_of(make_pictures(2)))
    with h5py.File(path, "a") as file:
        file["more"] = np.random.default_rng(1).integers(256, size=(3, 20, 30, 3), dtype=np.uint8)
    score("p.h5::images")
    touch(path)
    assert "2 row(s) of m1.safetensors were scored before p.h5 changed" in score("p.h5::more")
    assert len(scores(tmp_path)) == 5


def test_a_frame_is_gone_where_the_film_ends_before_it():
    video = Video("f.mkv", Fraction(1, 25), 0, (0, 1), Fraction(2), False, (), "")
    listed = _Listed([Item("f.mkv@0000.000", "f.mkv", VideoFrame(video, 0))], set())
    for time, gone in (("0001.500", False), ("0002.000", True), ("0007.000", True)):
        row = Row.failed(image_id=f"f.mkv@{time}", path="f.mkv", model="m", variant="", reason="")
        assert listed.lacks("f.mkv", row) is gone


def test_each_of_two_columns_of_pictures_has_rows_of_its_own(score, make_pictures, tmp_path):
    """Else the second column would get the scores of the first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def write(*, count: int) -> None:
        content = list(files_of(make_pictures(6, f"of_{count}")).values())[:count]
        pq.write_table(pa.table({"a": content, "b": content[::-1]}), tmp_path / "t.parquet")

    write(count=4)
    score("t.parquet::a")
    assert "4 scored" in score("t.parquet::b")
    write(count=3)
    said = score("t.parquet::b")
    assert "4 row(s) of m1.safetensors were scored before t.parquet changed" in said
    table = pd.read_csv(tmp_path / "s.csv")
    assert sorted(table.image_id) == [
        *(f"t.parquet/a/{row}" for row in range(4)),
        *(f"t.parquet/b/{row}" for row in range(3)),
    ]
