"""`memnet score` as a user runs it: exit codes, messages, resuming, kill -9."""

from __future__ import annotations

import csv
import io
import json
import struct
import sys

import numpy as np
import pandas as pd
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from command import start_memnet, wait_for
from memnet.cli.score import score
from memnet.errors import MemnetError
from memnet.scoring.table import COLUMNS, read_table
from png import png_bomb
from tiny import write_tiny


def test_a_folder_becomes_a_table_with_a_sidecar(memnet_command, make_pictures, tiny_weights):
    folder = make_pictures(5)
    out = folder.parent / "s.csv"
    done = memnet_command("score", folder, "--model", tiny_weights, "--out", out)
    assert done.stdout == ""
    assert "5 scored" in done.stderr
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["image_id"] for row in rows] == [f"{n:05d}.png" for n in range(5)]
    assert all(0 < float(row["score"]) < 1 for row in rows)
    sidecar = json.loads((folder.parent / "s.csv.json").read_text())
    (identity,) = sidecar["models"].values()
    assert len(identity["tensors_sha256"]) == 64
    assert identity["preprocess"]["crop_offsets"] == [[2, 2], [0, 5]]
    assert sidecar["pictures"] == sidecar["rows"] == 5
    assert "torch" in sidecar["environment"]
    assert sidecar["command"].startswith("memnet score")


def test_every_kind_of_file_and_stdout_hold_the_same(memnet_command, make_pictures, tiny_weights):
    folder = make_pictures(3)
    for name in ("s.csv", "s.parquet", "s.xlsx"):
        memnet_command("score", folder, "-m", tiny_weights, "-o", folder.parent / name)
    printed = memnet_command("score", folder, "-m", tiny_weights).stdout
    first, *others = (read_table(folder.parent / name) for name in ("s.csv", "s.parquet", "s.xlsx"))
    for other in others:
        pd.testing.assert_frame_equal(first, other)
    done = memnet_command("score", folder, "-m", tiny_weights, "-o", folder.parent / "s.xlsx")
    assert "0 scored, 3 were scored before" in done.stderr
    assert printed == (folder.parent / "s.csv").read_text()
    assert len(list(csv.reader(io.StringIO(printed)))) == 4


def test_an_excel_file_without_openpyxl_is_refused_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    app = typer.Typer()
    app.command()(score)
    done = CliRunner().invoke(app, ["absent", "-m", "absent.safetensors", "-o", "s.xlsx"])
    assert isinstance(done.exception, MemnetError)
    assert "needs openpyxl" in str(done.exception)


def test_several_models_in_one_run(memnet_command, make_pictures, tmp_path):
    folder = make_pictures(4)
    first = write_tiny(tmp_path / "first.safetensors", seed=1)
    second = write_tiny(tmp_path / "second.safetensors", seed=2)
    out = tmp_path / "s.parquet"
    memnet_command("score", folder, "-m", first, "-m", second, "-o", out)
    table = read_table(out)
    assert table.groupby("model", sort=False).size().tolist() == [4, 4]
    assert table.score.nunique() == 8


def test_a_second_run_scores_nothing_again(memnet_command, make_pictures, tiny_weights, tmp_path):
    folder, out, log = make_pictures(6), tmp_path / "s.csv", tmp_path / "log"
    memnet_command("score", folder, "-m", tiny_weights, "-o", out)
    before = out.read_bytes()
    done = memnet_command("score", folder, "-m", tiny_weights, "-o", out, TINY_LOG=str(log))
    assert "0 scored, 6 were scored before" in done.stderr
    assert not log.exists()
    assert out.read_bytes() == before


@pytest.mark.parametrize("name", ["s.csv", "s.parquet"])
def test_a_picture_that_was_replaced_is_scored_again_by_every_model(
    memnet_command, make_pictures, tmp_path, name
):
    """The same name, other pixels: its old score would be of a picture that is gone."""
    folder, out = make_pictures(4), tmp_path / name
    weights = [write_tiny(tmp_path / f"{each}.safetensors", seed=each) for each in (1, 2)]
    both = [word for path in weights for word in ("-m", path)]
    memnet_command("score", folder, *both, "-o", out)
    first = min(folder.iterdir())
    before = read_table(out).set_index(["model", "image_id"])["score"]
    Image.fromarray(np.full((40, 50, 3), 255, np.uint8)).save(first)
    done = memnet_command("score", folder, "-m", weights[0], "-o", out)
    assert "1 picture(s) changed since they were scored, and were scored again" in done.stderr
    assert "1 scored" in done.stderr
    memnet_command("score", folder, *both, "-o", out)  # the other model's turn comes, too
    after = read_table(out).set_index(["model", "image_id"])["score"]
    fresh = tmp_path / f"fresh-{name}"
    memnet_command("score", folder, *both, "-o", fresh)
    pd.testing.assert_series_equal(
        after, read_table(fresh).set_index(["model", "image_id"])["score"]
    )
    changed = (after != before).groupby("image_id").all()
    assert changed[changed].index.tolist() == [first.name]
    done = memnet_command("score", folder, *both, "-o", out)
    assert "changed" not in done.stderr
    assert "8 were scored before" in done.stderr


def test_new_pictures_are_added_to_a_table(memnet_command, make_pictures, tiny_weights, tmp_path):
    folder, out, log = make_pictures(6), tmp_path / "s.csv", tmp_path / "log"
    (folder / "00003.png").rename(tmp_path / "later.png")
    memnet_command("score", folder, "-m", tiny_weights, "-o", out)
    (tmp_path / "later.png").rename(folder / "00003.png")
    memnet_command("score", folder, "-m", tiny_weights, "-o", out, TINY_LOG=str(log))
    assert log.read_text() == "1\n"
    assert read_table(out).image_id.tolist() == [f"{n:05d}.png" for n in range(6)]


def test_other_weights_do_not_mix_into_a_table(memnet_command, make_pictures, tmp_path):
    folder, out = make_pictures(2), tmp_path / "s.csv"
    path = write_tiny(tmp_path / "m.safetensors", seed=1)
    memnet_command("score", folder, "-m", path, "-o", out)
    write_tiny(path, seed=2)
    done = memnet_command("score", folder, "-m", path, "-o", out, check=2)
    assert "made another way (different: tensors_sha256, weights_sha256)" in done.stderr
    done = memnet_command("score", folder, "-m", path, "-o", out, "--exif", "apply", check=2)
    assert "preprocess" in done.stderr


@pytest.mark.process
@pytest.mark.parametrize("name", ["s.csv", "s.parquet"])
def test_kill_9_in_the_middle_loses_and_repeats_nothing(
    memnet_command, make_pictures, tiny_weights, tmp_path, name
):
    folder, out, log = make_pictures(300), tmp_path / name, tmp_path / "log"
    process = start_memnet(
        *("score", folder, "-m", tiny_weights, "-o", out),
        cwd=tmp_path,
        env={"TINY_SLEEP": "0.05", "TINY_LOG": str(log)},
    )
    journal = tmp_path / f"{name}.partial"
    wait_for(process, lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 80)
    process.kill()
    process.communicate()
    finished = journal.read_bytes().count(b"\n")
    assert 80 <= finished < 300
    assert not out.exists()

    done = memnet_command(
        "score", folder, "-m", tiny_weights, "-o", out, TINY_LOG=str(log), TINY_SLEEP="0"
    )
    table = read_table(out)
    assert table.image_id.tolist() == [f"{n:05d}.png" for n in range(300)]
    assert table.score.notna().all()
    assert f"{finished} were scored before" in done.stderr
    computed = sum(int(line) for line in log.read_text().split())
    assert 300 <= computed <= 300 + 8  # at most the batch in hand was computed twice
    assert not journal.exists()

    fresh = tmp_path / f"fresh-{name}"
    memnet_command("score", folder, "-m", tiny_weights, "-o", fresh)
    # The batches fall elsewhere after a resumption, hence not to the last bit.
    assert (read_table(fresh).score - table.score).abs().max() < 1e-6


def test_bad_pictures_are_listed_and_the_good_ones_kept(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder, out = make_pictures(4), tmp_path / "s.csv"
    Image.open(folder / "00001.png").resize((300, 300)).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:2000])
    (folder / "text.jpg").write_text("not a picture")
    (folder / "zero.png").write_bytes(b"")
    (folder / "bomb.png").write_bytes(png_bomb())
    done = memnet_command("score", folder, "-m", tiny_weights, "-o", out, check=1)
    table = read_table(out).set_index("image_id")
    assert len(table) == 8
    assert table.score.notna().sum() == 4
    for name, words in {
        "cut.jpg": "cut off",
        "text.jpg": "no picture that can be read",
        "zero.png": "empty (0 bytes)",
        "bomb.png": "20000 x 20000 pixels, more than the limit of 200,000,000",
    }.items():
        assert words in table.warning[name]
        assert sum(name in line for line in done.stderr.splitlines()) == 1
    assert "4 scored" in done.stderr
    assert "4 failed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.filterwarnings("error:Tag data larger than file")
def test_warnings_of_pillow_that_name_no_picture_are_not_shown(
    memnet_command, tiny_weights, tmp_path
):
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "TIFF", tiffinfo={270: "x" * 40})
    field, longer = (struct.pack("<HHI", 270, 2, count) for count in (41, 2**31))
    data = image.getvalue()
    assert field in data
    (tmp_path / "a.tif").write_bytes(data.replace(field, longer))
    done = memnet_command("score", tmp_path / "a.tif", "-m", tiny_weights)
    assert "1 scored" in done.stderr
    assert "Warning" not in done.stderr


def test_a_mended_picture_is_scored_by_the_next_run(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder, out, log = make_pictures(3), tmp_path / "s.csv", tmp_path / "log"
    good = (folder / "00001.png").read_bytes()
    (folder / "00001.png").write_bytes(b"")
    memnet_command("score", folder, "-m", tiny_weights, "-o", out, check=1)
    (folder / "00001.png").write_bytes(good)
    memnet_command("score", folder, "-m", tiny_weights, "-o", out, TINY_LOG=str(log))
    assert read_table(out).score.notna().all()
    assert log.read_text() == "1\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("absent", "-m", "tiny.safetensors"), "There is no file or folder absent"),
        (("empty", "-m", "tiny.safetensors"), "holds no pictures"),
        (("pictures", "-m", "resmem.publishd"), "Did you mean 'resmem.published'"),
        (("pictures", "-m", "tiny.safetensors", "-o", "s.txt"), "must end in .csv, .parquet or"),
        (("pictures", "-m", "tiny.safetensors", "--device", "gpu"), "There is no device 'gpu'"),
    ],
)
def test_usage_errors_are_one_sentence_and_exit_code_2(
    memnet_command, make_pictures, tiny_weights, tmp_path, args, words
):
    make_pictures(1)
    (tmp_path / "empty").mkdir()
    done = memnet_command("score", *args, check=2)
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert sum(line.startswith("memnet: ") for line in done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "args", [("pictures",), ("pictures", "-m", "x", "--bogus"), ("pictures", "-m", "x", "-b", "0")]
)
def test_unknown_and_missing_options_exit_with_2(memnet_command, args):
    memnet_command("score", *args, check=2)


def test_debug_shows_the_traceback(memnet_command):
    done = memnet_command("--debug", "score", "absent", "-m", "x", check=2)
    assert "Traceback" in done.stderr


def test_a_fault_of_our_own_is_one_sentence_and_a_file_with_the_traceback(
    memnet_command, make_pictures, tiny_weights, tmp_path, monkeypatch
):
    folder, out = make_pictures(4), tmp_path / "s.csv"
    memnet_command("score", folder, "-m", tiny_weights, "-o", out)
    before = out.read_bytes()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def surprise(*args, **options):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("memnet.scoring.runner.score_to_file", surprise)
    done = memnet_command("score", folder, "-m", tiny_weights, "-o", out, check=3)
    (line,) = done.stderr.splitlines()
    assert "a fault of memnet's own (ZeroDivisionError: division by zero); what was" in line
    (file,) = tmp_path.glob("memnet-traceback-*.txt")
    assert str(file) in line
    assert "in surprise" in file.read_text()
    assert out.read_bytes() == before
    done = memnet_command("--debug", "score", folder, "-m", tiny_weights, "-o", out, check=3)
    assert "in surprise" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no such names on Windows")
def test_a_carriage_return_in_a_name_is_read_back(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder, out = make_pictures(2), tmp_path / "s.csv"
    (folder / "00000.png").rename(folder / "a\rb.png")
    memnet_command("score", folder, "-m", tiny_weights, "-o", out)
    assert read_table(out).image_id.tolist() == ["00001.png", "a\rb.png"]
    done = memnet_command("score", folder, "-m", tiny_weights, "-o", out)
    assert "2 were scored before" in done.stderr


@pytest.mark.parametrize(
    ("option", "limit", "words"),
    [
        ("--max-pixels", 100, "more than the limit of 100"),
        ("--max-side", 20, "no side may have more than 20"),
        ("--max-bytes", 99, "bytes, more than the limit of 99"),
    ],
)
def test_the_limits_of_a_picture_are_options(
    memnet_command, make_pictures, tiny_weights, option, limit, words
):
    done = memnet_command("score", make_pictures(1), "-m", tiny_weights, option, limit, check=1)
    assert words in done.stderr
    assert option in done.stderr


def test_one_model_under_two_names_is_scored_once(memnet_command, make_pictures, tiny_weights):
    out = tiny_weights.parent / "scores.csv"
    elsewhere = tiny_weights.parent / "." / tiny_weights.name
    memnet_command(
        *("score", make_pictures(3), "--model", tiny_weights, "--model", elsewhere, "--out", out)
    )
    assert len(pd.read_csv(out)) == 3


def test_rows_of_pictures_that_are_gone_stay_and_are_counted(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder, out = make_pictures(4), tmp_path / "scores.csv"
    memnet_command("score", folder, "--model", tiny_weights, "--out", out)
    before = json.loads((tmp_path / "scores.csv.json").read_text())
    (folder / "00001.png").unlink()
    done = memnet_command("score", folder, "--model", tiny_weights, "--out", out)
    assert "1 row(s) of earlier runs" in done.stderr
    assert len(pd.read_csv(out)) == 4
    after = json.loads((tmp_path / "scores.csv.json").read_text())
    assert after["started"] == before["started"]  # nothing was scored: the first run made them all
    assert after["device"] == "cpu"


def test_the_same_folder_spelt_otherwise_goes_on(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder, out = make_pictures(3), tmp_path / "scores.csv"
    memnet_command("score", folder, "--model", tiny_weights, "--out", out)
    other = folder.parent / "." / ".." / folder.parent.name / folder.name
    done = memnet_command("score", str(other), "--model", tiny_weights, "--out", out)
    assert "3 were scored before" in done.stderr


def test_a_manifest_without_pictures_is_an_error(memnet_command, tiny_weights, tmp_path):
    (tmp_path / "list.csv").write_text("image_id,path\n")
    done = memnet_command("score", tmp_path / "list.csv", "--model", tiny_weights, check=2)
    assert "lists no pictures" in done.stderr


def test_where_the_missing_files_of_a_manifest_were_looked_for_is_said(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    manifest = make_pictures(1) / "list.csv"
    manifest.write_text("path\n00000.png\n")
    args = ("--model", tiny_weights)
    where = f"the paths of {manifest} are looked for from its folder, {manifest.parent}\n"
    assert where not in memnet_command("score", manifest, *args).stderr
    manifest.write_text("path\n00000.png\npictures/00000.png\n")
    assert where in memnet_command("score", manifest, *args, check=1).stderr


def test_a_copy_for_spreadsheets_has_no_formulas(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    (make_pictures(1) / "00000.png").rename(tmp_path / "=1+1.png")
    args = ("score", "./=1+1.png", "-m", tiny_weights, "--spreadsheet-safe")
    done = memnet_command(*args, "--out", "s.csv")
    assert "a copy for spreadsheets -> s.spreadsheet.csv" in done.stderr
    assert read_table(tmp_path / "s.csv")["image_id"].tolist() == ["=1+1.png"]
    assert read_table(tmp_path / "s.spreadsheet.csv")["image_id"].tolist() == ["'=1+1.png"]
    (row,) = csv.DictReader(io.StringIO(memnet_command(*args).stdout))
    assert row["image_id"] == "'=1+1.png"
    assert "1 were scored before" in memnet_command(*args, "--out", "s.csv").stderr
