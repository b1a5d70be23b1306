"""`memnet score` of pictures inside files: the same scores as of the same pictures in a folder."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pandas as pd
import pytest

from archives import files_of, write_hdf5, write_parquet, write_tar, write_zip
from command import start_memnet, wait_for
from folder_server import FolderServer

WRITERS = {
    "pictures.zip": write_zip,
    "pictures.tar": write_tar,
    "pictures.parquet": write_parquet,
    "pictures.hdf5": write_hdf5,
}


def ids_in(name: str, files: list[str]) -> list[str]:
    """The ids of pictures in a container: HDF5 has no names for them."""
    if name.endswith("hdf5"):
        files = [f"images/{row:0{len(str(len(files) - 1))}d}" for row in range(len(files))]
    return [f"{name}/{file}" for file in files]


@pytest.fixture(params=WRITERS)
def name(request) -> str:
    return request.param


@pytest.fixture
def pack(name, tmp_path):
    """Return a function that writes a folder's pictures, or some files, into the container."""

    def pack(files) -> Path:
        files = files_of(files) if isinstance(files, Path) else files
        gc.collect()  # HDF5 writes no file that this process still has open
        return WRITERS[name](tmp_path / name, files)

    return pack


@pytest.fixture
def score(memnet_command, tiny_weights):
    def score(*words, out="s.csv", **options):
        return memnet_command("score", *words, "-m", tiny_weights, "-o", out, **options)

    return score


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"image_id": str})


def test_scores_are_those_of_the_folder_bit_for_bit(score, pack, name, make_pictures, tmp_path):
    folder = make_pictures(20)
    pack(folder)
    score(name)
    score(folder, out="f.csv")
    inside, outside = read(tmp_path / "s.csv"), read(tmp_path / "f.csv")
    assert inside.image_id.tolist() == ids_in(name, outside.image_id.tolist())
    assert inside.path.tolist() == inside.image_id.tolist()
    same = ["score", "raw", "n_crops", "clamped", "width", "height", "mode", "warning"]
    pd.testing.assert_frame_equal(inside[same], outside[same], check_exact=True)


def test_a_picture_in_a_folder_and_in_a_container_is_scored_once(
    memnet_command, mini, home, pack, name, make_pictures, tmp_path
):
    folder = make_pictures(3)
    pack(folder)
    memnet_command("score", folder, "-m", mini, "-o", "f.csv")
    done = memnet_command("score", name, "-m", mini, "-o", "s.csv")
    assert "3 of them from the score cache" in done.stderr
    assert read(tmp_path / "s.csv").score.tolist() == read(tmp_path / "f.csv").score.tolist()


def test_shards_limits_and_ids_are_as_of_files(
    score, pack, name, make_pictures, memnet_command, tmp_path
):
    folder = make_pictures(10)
    pack(folder)
    ids = ("--id-pattern", rf"{name}/(?:images/)?(.*?)(?:\.png)?$")
    score(name, *ids)
    score(name, *ids, "--limit", 3, out="l.csv")
    whole = read(tmp_path / "s.csv")
    assert list(map(int, whole.image_id)) == list(range(10))
    assert read(tmp_path / "l.csv").image_id.tolist() == whole.image_id.tolist()[:3]
    for part in (1, 2):
        score(name, *ids, "--shard", f"{part}/2", out=f"{part}.csv")
    memnet_command("merge", "1.csv", "2.csv", "-o", "m.csv")
    assert read(tmp_path / "m.csv").image_id.tolist() == whole.image_id.tolist()


def test_a_damaged_picture_is_a_failed_row_and_is_tried_again(
    score, pack, name, make_pictures, tmp_path
):
    files = files_of(make_pictures(3))
    whole = dict(files)
    files["00001.png"] = b"no picture"
    pack(files)
    done = score(name, check=1)
    assert f"{ids_in(name, list(files))[1]}: The file is no picture" in done.stderr
    assert read(tmp_path / "s.csv").score.isna().tolist() == [False, True, False]
    pack(whole)
    done = score(name)
    assert "2 picture(s) changed since they were scored" in done.stderr  # the third had no score
    assert read(tmp_path / "s.csv").score.notna().all()


def test_of_a_container_that_was_replaced_all_is_scored_again_and_what_is_gone_is_dropped(
    score, pack, name, make_pictures, tmp_path
):
    first, second = files_of(make_pictures(3)), files_of(make_pictures(4, "other"))
    path = pack(first)
    score(name)
    path.unlink()
    pack({"00000.png": second["00003.png"], "new.png": first["00000.png"]})
    done = score(name)
    changed = 2 if name.endswith("hdf5") else 1  # there, the second has the id of another
    assert f"{changed} picture(s) changed since they were scored, and were scored" in done.stderr
    assert (
        f"{3 - changed} row(s) of frames, boxes or pictures that a video, table or archive"
        in done.stderr
    )
    table = read(tmp_path / "s.csv")
    assert table.image_id.tolist() == ids_in(name, ["00000.png", "new.png"])
    score(name, out="n.csv")
    assert table.score.tolist() == read(tmp_path / "n.csv").score.tolist()


def test_rows_of_a_container_that_is_not_given_this_time_stay(
    score, pack, name, make_pictures, tmp_path
):
    folder = make_pictures(3)
    pack(folder)
    score(name)
    done = score(folder)
    assert "3 row(s) of earlier runs, of other pictures or models, stay" in done.stderr
    done = score(name)
    assert "3 were scored before" in done.stderr
    assert len(read(tmp_path / "s.csv")) == 6


def test_a_container_that_is_replaced_during_the_run_fails_and_is_scored_by_the_next(
    score, pack, name, make_pictures, tmp_path, monkeypatch
):
    from memnet.scoring.score_file import ScoreFile

    other = files_of(make_pictures(24, "other"))
    path = pack(make_pictures(24))
    append = ScoreFile.append

    def and_replace(self, rows):
        append(self, rows)
        path.unlink(missing_ok=True)
        pack(other)
        os.utime(path, (1, 1))

    with monkeypatch.context() as patch:
        patch.setattr(ScoreFile, "append", and_replace)
        done = score(name, "-b", 4, check=1)
    assert "changed while its pictures were being scored" in done.stderr
    score(name)
    score(name, out="n.csv")
    assert read(tmp_path / "s.csv").score.tolist() == read(tmp_path / "n.csv").score.tolist()


@pytest.mark.process
@pytest.mark.parametrize("name", ["pictures.zip", "pictures.parquet"])
def test_kill_9_in_the_middle_loses_and_repeats_nothing(
    score, pack, name, make_pictures, tiny_weights, tmp_path
):
    pack(make_pictures(200))
    log = tmp_path / "log"
    process = start_memnet(
        *("score", name, "-m", tiny_weights, "-o", "s.csv"),
        cwd=tmp_path,
        env={"TINY_SLEEP": "0.05", "TINY_LOG": str(log)},
    )
    journal = tmp_path / "s.csv.partial"
    wait_for(process, lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 60)
    process.kill()
    process.communicate()
    assert journal.read_bytes().count(b"\n") < 200
    done = score(name, TINY_LOG=str(log), TINY_SLEEP="0")
    table = read(tmp_path / "s.csv")
    assert table.image_id.tolist() == ids_in(name, [f"{n:05d}.png" for n in range(200)])
    assert table.score.notna().all()
    assert "were scored before" in done.stderr
    assert 200 <= sum(map(int, log.read_text().split())) <= 208


@pytest.mark.parametrize("name", ["pictures.zip", "pictures.hdf5"])
def test_other_commands_take_containers_too(
    pack, name, make_pictures, memnet_command, tiny_weights, tmp_path
):
    """`compare` scores them and shows them; what needs files says so."""
    folder = make_pictures(12, size=(40, 30))
    pack(folder)
    ids = [Path(each).name for each in ids_in(name, [f"{n:05d}.png" for n in range(12)])]
    rates = pd.DataFrame({"image_id": ids})
    rates["hit_rate"] = [0.5 + n / 30 for n in range(12)]
    rates.to_csv(tmp_path / "human.csv", index=False)
    model = ("--model", tiny_weights)
    done = memnet_command(
        *("compare", "--truth", "human.csv", "--images", name, *model, "--match", "basename"),
        *("--truth-column", "hit_rate", "--out", "report", "--pictures", name),
    )
    assert "12 pictures compared" in done.stderr
    assert "thumbnails of 12 pictures" in done.stderr
    done = memnet_command(
        "freeze", *model, "--images", name, "--out", "f.json", "--device", "cpu", check=2
    )
    assert "is no file of its own, and a frozen file needs one for each picture" in done.stderr


def test_sensitivity_of_pictures_in_a_zip_file_is_that_of_the_folder(
    memnet_command, mini, quick_figures, make_pictures, tmp_path
):
    folder = make_pictures(3, size=(60, 50))
    write_zip(tmp_path / "p.zip", files_of(folder))
    for source, out in (("p.zip", "inside"), (folder, "outside")):
        memnet_command("sensitivity", source, "--model", mini, "--out", out)
    inside, outside = (read(tmp_path / out / "variants.csv") for out in ("inside", "outside"))
    assert inside.image_id[0] == "p.zip/00000.png"
    pd.testing.assert_frame_equal(
        inside.drop(columns="image_id"), outside.drop(columns="image_id"), check_exact=True
    )


def test_pictures_at_addresses_have_the_scores_of_their_files(score, make_pictures, tmp_path):
    folder = make_pictures(20)
    with FolderServer(folder) as web:
        table = pd.DataFrame({"url": [f"{web.url}/{n:05d}.png" for n in range(20)]})
        table.to_csv(tmp_path / "t.csv", index=False)
        options = ("t.csv", "--path-column", "url", "--allow-addresses")
        (folder / "00003.png").rename(folder / "x.png")
        done = score(*options, check=1)
        assert f"{web.url}/00003.png: There is nothing that can be read at this" in done.stderr
        assert "the paths of" not in done.stderr
        (folder / "x.png").rename(folder / "00003.png")
        done = score(*options)
        assert "19 were scored before" in done.stderr
        score(*options, out="n.csv")
        score(folder, out="f.csv")
    inside, outside = read(tmp_path / "n.csv"), read(tmp_path / "f.csv")
    assert inside.score.tolist() == outside.score.tolist()
    assert inside.url.tolist() == inside.image_id.tolist() == table.url.tolist()
    assert read(tmp_path / "s.csv").score.notna().all()


def test_a_picture_at_an_address_is_fetched_once(memnet_command, mini, home, make_pictures):
    """It is digested for the score cache, and decoded, and on the next run found."""
    folder = make_pictures(3)
    with FolderServer(folder) as web:
        addresses = [f"{web.url}/{n:05d}.png" for n in range(3)]
        memnet_command("score", *addresses, "-m", mini, "-o", "s.csv")
        assert len(web.asked) == 3
        done = memnet_command("score", *addresses, "-m", mini, "-o", "t.csv")
        assert "3 of them from the score cache" in done.stderr
        done = memnet_command("score", folder, "-m", mini, "-o", "f.csv")
        assert "3 of them from the score cache" in done.stderr
