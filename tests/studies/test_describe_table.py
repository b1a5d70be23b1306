"""The table of measures: what is kept, what is done again, and that processes change nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import memnet
from command import run_memnet
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError
from memnet.util.table_files import write_frame

pytest.importorskip("skimage", reason="needs scikit-image; of the extra 'describe'")
pytest.importorskip("imagehash", reason="needs ImageHash; of the extra 'describe'")

from memnet.studies.describe import table as tables


@pytest.fixture
def folder(tmp_path):
    """Six small pictures, the fourth of which is cut off, and what is no picture."""
    made = tmp_path / "pictures"
    made.mkdir()
    rng = np.random.default_rng(3)
    for number in range(6):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(made / f"{number}.png")
    whole = (made / "3.png").read_bytes()
    (made / "3.png").write_bytes(whole[: len(whole) // 2])
    (made / "notes.txt").write_text("no picture")
    return made


def describe(folder, *more, check=1):
    return run_memnet(
        "describe", "pictures", "--out", "c.csv", *more, check=check, cwd=folder.parent
    )


def cells(folder, name="c.csv"):
    return read_table_any(folder.parent / name).set_index("image_id")


def mark(folder, image_id, name="c.csv"):
    """Change a row of the table by hand, to see whether it is kept."""
    frame = tables.to_frame(list(tables.read_described(folder.parent / name).values()))
    frame.loc[frame["image_id"] == image_id, "entropy"] = 42.0
    write_frame(frame, folder.parent / name)


def test_the_table_has_a_row_per_picture_and_a_failed_one_keeps_its_row(folder):
    done = describe(folder)
    frame = cells(folder)
    assert list(frame.index) == [f"{number}.png" for number in range(6)]
    assert ["image_id", *frame.columns] == list(tables.COLUMNS)
    assert frame.loc["3.png", "warning"].startswith("failed: The file is ")
    assert (frame.loc["3.png"].drop(["path", "sha256", "warning"]) == "").all()
    assert frame.loc["4.png", "luminance_mean"] != ""
    assert "ignored 1 file(s) that are no pictures (.txt)" in done.stderr
    assert "3.png: The file is" in done.stderr
    assert "5 measured" in done.stderr
    assert "1 failed" in done.stderr


@pytest.mark.parametrize("name", ["c.csv", "c.parquet", "c.xlsx"])
def test_the_same_command_again_keeps_the_rows_and_tries_the_failed_ones(folder, name):
    run_memnet("describe", "pictures", "--out", name, check=1, cwd=folder.parent)
    before = cells(folder, name)
    mark(folder, "1.png", name)
    shutil.copy(folder / "0.png", folder / "3.png")
    done = run_memnet("describe", "pictures", "--out", name, cwd=folder.parent)
    after = cells(folder, name)
    assert after.loc["1.png", "entropy"] in ("42", "42.0")
    assert after.loc["3.png", "entropy"] == before.loc["0.png", "entropy"]
    assert after.drop(["1.png", "3.png"]).equals(before.drop(["1.png", "3.png"]))
    assert "1 measured" in done.stderr
    assert "5 were measured before" in done.stderr


def test_a_changed_picture_is_measured_again_even_with_the_old_time(folder):
    describe(folder)
    mark(folder, "1.png")
    mark(folder, "2.png")
    stamp = (folder / "1.png").stat()
    shutil.copy(folder / "0.png", folder / "1.png")
    os.utime(folder / "1.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    done = describe(folder)
    frame = cells(folder)
    assert frame.loc["1.png", "entropy"] == frame.loc["0.png", "entropy"]
    assert frame.loc["2.png", "entropy"] == "42.0"
    assert "1 picture(s) changed since they were measured" in done.stderr


def test_a_row_that_a_spreadsheet_changed_is_kept_if_it_is_whole_else_measured_again(folder):
    describe(folder)
    before = cells(folder)
    mark(folder, "1.png")
    mark(folder, "2.png")
    frame = cells(folder).reset_index()
    frame["grey"] = frame["grey"].str.upper()  # as Excel writes it
    frame.loc[frame["image_id"] == "2.png", "rms_contrast"] = ""
    write_frame(frame, folder.parent / "c.csv")
    done = describe(folder)
    assert cells(folder).loc["1.png", "entropy"] == "42.0"
    assert cells(folder).drop("1.png").equals(before.drop("1.png"))
    assert "1 measured" in done.stderr


def test_rows_of_other_pictures_stay_behind_and_it_is_said(folder):
    describe(folder)
    done = run_memnet("describe", "pictures/5.png", "--out", "c.csv", cwd=folder.parent)
    assert list(cells(folder).index) == ["5.png", *(f"{number}.png" for number in range(5))]
    assert "5 row(s) of earlier runs, of other pictures, stay in the table" in done.stderr


def test_another_table_of_that_name_is_left_alone(folder):
    (folder.parent / "c.csv").write_text("image_id,score\na,0.5\n")
    done = describe(folder, check=2)
    assert "is no table of `memnet describe`; choose another --out" in done.stderr
    assert (folder.parent / "c.csv").read_text() == "image_id,score\na,0.5\n"


def test_ids_are_those_of_memnet_score_also_of_a_manifest_and_a_pattern(folder):
    manifest = folder.parent / "list.csv"
    manifest.write_text("file,image_id\npictures/0.png,x\npictures/1.png,y\n")
    run_memnet(
        *("describe", "list.csv", "--path-column", "file", "--out", "c.csv"), cwd=folder.parent
    )
    assert list(cells(folder).index) == ["x", "y"]
    run_memnet(
        *("describe", "pictures", "--id-pattern", r"(\d)\.png", "--out", "d.csv"),
        check=1,
        cwd=folder.parent,
    )
    assert list(cells(folder, "d.csv").index) == list("012345")


def test_pictures_in_a_zip_have_the_digests_of_the_files(folder):
    with zipfile.ZipFile(folder.parent / "all.zip", "w") as packed:
        for number in (0, 1):
            packed.write(folder / f"{number}.png", f"{number}.png")
    run_memnet("describe", "all.zip", "--out", "z.csv", cwd=folder.parent)
    frame = cells(folder, "z.csv")
    describe(folder)
    assert list(frame.index) == ["all.zip/0.png", "all.zip/1.png"]  # as in a score table
    files = cells(folder).loc[["0.png", "1.png"]].set_index(frame.index)
    assert frame.drop(columns="path").equals(files.drop(columns="path"))
    digest = hashlib.sha256((folder / "1.png").read_bytes()).hexdigest()
    assert frame.loc["all.zip/1.png", "sha256"] == digest
    again = run_memnet("describe", "all.zip", "--out", "z.csv", cwd=folder.parent)
    assert "2 were measured before" in again.stderr


def test_a_table_that_is_read_is_not_written_over(folder):
    (folder.parent / "list.csv").write_text("path\npictures/0.png\n")
    done = run_memnet("describe", "list.csv", "--out", "list.csv", check=2, cwd=folder.parent)
    assert "list.csv is read, and would be written over" in done.stderr


def test_a_missing_library_is_named_with_its_extra(monkeypatch, folder):
    monkeypatch.setattr(tables, "find_spec", lambda name: None if name == "imagehash" else name)
    with pytest.raises(MemnetError, match=r'install ImageHash: pip install "memnet-harness\[desc'):
        memnet.describe(folder)
    assert "pip install" in describe(folder, check=2).stderr


def test_python_gives_the_same_typed_table(folder):
    frame = memnet.describe(folder)
    describe(folder)
    assert dict(frame.dtypes.astype(str)) == tables.COLUMNS
    written = tables.to_frame(list(tables.read_described(folder.parent / "c.csv").values()))
    assert list(frame["path"]) == [str(folder / name) for name in frame["image_id"]]
    pd.testing.assert_frame_equal(
        frame.drop(columns="path"), written.drop(columns="path"), check_exact=True
    )


KILLED = """
import os, signal
from memnet.studies.describe import table
table._SECONDS = table._SHARE = 0
rows = table.describe_items
def describe_items(items, count):
    for number, row in enumerate(rows(items, count)):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row
table.describe_items = describe_items
from memnet.data.pictures import collect
from pathlib import Path
table.describe_to_file(collect(["pictures"]), Path("c.csv"))
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL; Windows has none")
def test_what_a_kill_leaves_is_kept_and_gone_on_with(folder):
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=folder.parent, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(cells(folder).index) == ["0.png", "1.png", "2.png"]
    mark(folder, "1.png")
    done = describe(folder)
    assert cells(folder).loc["1.png", "entropy"] == "42.0"
    assert len(cells(folder)) == 6
    assert "2 measured" in done.stderr
    assert "3 were measured before, 1 failed" in done.stderr


UNGUARDED = """
print("the script runs", flush=True)
from memnet.studies.describe import workers
workers.FEW, workers._cores = 1, lambda: 2
import memnet
memnet.describe("pictures").to_pickle("processes.pkl")
"""


@pytest.mark.process
def test_two_processes_give_the_same_rows_and_run_no_script_twice(folder):
    script = folder.parent / "script.py"  # without `if __name__ == "__main__":`
    script.write_text(UNGUARDED)
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=folder.parent,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(memnet.__file__).parents[1])},
    )
    assert done.stdout.count("the script runs") == 1
    frame = pd.read_pickle(folder.parent / "processes.pkl")
    here = memnet.describe(folder)
    assert list(frame["image_id"]) == [f"{number}.png" for number in range(6)]
    pd.testing.assert_frame_equal(
        frame.drop(columns="path"), here.drop(columns="path"), check_exact=True
    )


BROKEN = """
import os, signal
from memnet.studies.describe import measures, workers
workers.FEW, workers._cores = 1, lambda: 2
workers._begin = os._exit  # as a system ends a process whose memory is full
import memnet
memnet.describe("pictures")
"""


@pytest.mark.process
def test_a_process_that_was_ended_is_one_sentence(folder):
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], cwd=folder.parent, capture_output=True, text=True
    )
    assert "MemnetError: A process that measured pictures was ended from outside" in done.stderr


WORKING = """
from memnet.studies.describe import workers
workers.FEW, workers._cores = 1, lambda: 2
import memnet, multiprocessing, threading, time
def tell():
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.01)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
threading.Thread(target=tell, daemon=True).start()
while True:
    memnet.describe("pictures")
    time.sleep(60)
"""


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc; Linux has it")
def test_its_processes_end_when_the_one_that_asked_is_killed(folder):
    many = [folder / f"copy{number}.png" for number in range(2_000)]
    for path in many:
        path.symlink_to(folder / "0.png")
    asking = subprocess.Popen(
        [sys.executable, "-c", WORKING], cwd=folder.parent, stdout=subprocess.PIPE, text=True
    )
    pids = asking.stdout.readline().split()
    time.sleep(2)  # so that they have begun
    asking.kill()
    asking.wait()
    asking.stdout.close()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)
