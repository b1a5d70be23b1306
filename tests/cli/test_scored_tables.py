"""A user's table as the source of `memnet score`: its columns, its trials, ids from paths."""

from __future__ import annotations

import csv
import io
import shutil

import pandas as pd
import pytest

from command import start_memnet, wait_for
from memnet.data.id_pattern import IdPattern
from memnet.data.pictures import collect
from memnet.data.score_tables import read_scores
from memnet.data.shards import Shard
from memnet.errors import MemnetError
from memnet.scoring.table import COLUMNS, read_table

TRIALS = """\
subject,file,rating,answer
01,00002.png,"3,5",=1+1
01,00000.png,,old
02,00002.png,4.0,new
02,00001.png,1e3,"a
b"
"""


@pytest.fixture
def study(make_pictures):
    """Four trials of three pictures, one of them shown twice."""
    path = make_pictures(3) / "study.csv"
    path.write_text(TRIALS, encoding="utf-8", newline="")
    return path


@pytest.fixture
def once(memnet_command, study, tiny_weights):
    """The scores of the folder's pictures, by id."""
    out = tiny_weights.parent / "folder.csv"
    memnet_command("score", study.parent, "-m", tiny_weights, "-o", out)
    return read_table(out).set_index("image_id")["score"]


def read(path):
    if path.suffix == ".csv":
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_excel(path, dtype=str)
    return frame.fillna("") if path.suffix == ".xlsx" else frame


@pytest.mark.parametrize("name", ["s.csv", "s.parquet", "s.xlsx"])
def test_every_row_of_a_table_keeps_its_row_and_its_cells(
    memnet_command, study, tiny_weights, tmp_path, name, once
):
    out, log = tmp_path / name, tmp_path / "log"
    args = ("score", study, "--path-column", "file", "-m", tiny_weights, "-o", out)
    done = memnet_command(*args, TINY_LOG=str(log))
    assert log.read_text() == "3\n"  # each picture was computed once
    assert "3 scored" in done.stderr
    assert f"(4 rows of 3 pictures) -> {out}" in done.stderr
    table, wanted = read(out), list(csv.DictReader(io.StringIO(TRIALS, newline="")))
    assert list(table) == [*COLUMNS, "subject", "file", "rating", "answer"]
    assert table[list(wanted[0])].to_dict("records") == wanted
    assert table["image_id"].tolist() == [row["file"] for row in wanted]
    expected = once[table["image_id"]].tolist()
    assert table["score"].astype(float).tolist() == pytest.approx(expected, abs=1e-6)

    before = out.read_bytes() if name != "s.xlsx" else b""
    log.unlink()
    done = memnet_command(*args, TINY_LOG=str(log))
    assert "0 scored, 3 were scored before" in done.stderr
    assert not log.exists()
    assert name == "s.xlsx" or out.read_bytes() == before
    pd.testing.assert_frame_equal(read(out), table)


def test_stdout_and_the_copy_for_spreadsheets_have_the_columns_too(
    memnet_command, study, tiny_weights, tmp_path
):
    args = ("score", study, "--path-column", "file", "-m", tiny_weights)
    memnet_command(*args, "-o", tmp_path / "s.csv", "--spreadsheet-safe")
    assert memnet_command(*args).stdout == (tmp_path / "s.csv").read_text(encoding="utf-8")
    copy = read(tmp_path / "s.spreadsheet.csv")
    assert copy["answer"].tolist() == ["'=1+1", "old", "new", "a\nb"]
    done = memnet_command(*args, "-o", tmp_path / "s.parquet", "--spreadsheet-safe")
    assert "s.parquet.spreadsheet.csv" in done.stderr  # not over that of s.csv


def test_two_models_have_all_rows_each(memnet_command, study, tiny_weights, tmp_path):
    other = shutil.copy(tiny_weights, tmp_path / "other.safetensors")
    out = tmp_path / "s.csv"
    memnet_command(
        *("score", study, "--path-column", "file", "-m", tiny_weights, "-m", other, "-o", out)
    )
    table = read(out)
    assert len(table) == 8
    assert table["subject"].tolist() == ["01", "01", "02", "02"] * 2
    assert table["model"].nunique() == 2


def test_trials_with_ids_of_their_own_are_scored_once_a_picture(
    memnet_command, study, tiny_weights, tmp_path, once
):
    trials = "image_id,path\n" + "".join(
        f"trial-{n},{picture:05d}.png\n" for n, picture in enumerate([2, 0, 2, 2, 1, 0])
    )
    study.write_text(trials)
    log, out = tmp_path / "log", tmp_path / "s.csv"
    memnet_command("score", study, "-m", tiny_weights, "-o", out, "-b", 2, TINY_LOG=str(log))
    assert log.read_text().split() == ["2", "1"]
    table = read_table(out)
    assert table["image_id"].tolist() == [f"trial-{n}" for n in range(6)]
    expected = once[[f"{n:05d}.png" for n in (2, 0, 2, 2, 1, 0)]]
    assert table["score"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)
    printed = memnet_command("score", study, "-m", tiny_weights, "-b", 2).stdout
    assert printed == out.read_text()


def test_columns_called_as_those_of_memnet_get_another_name_and_that_is_said(
    memnet_command, study, tiny_weights, tmp_path
):
    study.write_text("image_id,path,score,score_in_table,model,note,note\na,00000.png,1,2,3,4,5\n")
    out = tmp_path / "s.csv"
    done = memnet_command("score", study, "-m", tiny_weights, "-o", out)
    assert f"{study}: its column 'score' is called 'score_in_table_2' in the result" in done.stderr
    assert "its column 'note' is called 'note_2' in the result\n" in done.stderr
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert [row[name] for name in ("score_in_table_2", "score_in_table")] == ["1", "2"]
    assert [row[name] for name in ("model_in_table", "note", "note_2")] == ["3", "4", "5"]
    assert 0 < float(row["score"]) < 1
    assert row["image_id"] == "a"
    assert (
        "0 scored, 1 were scored before"
        in memnet_command(*("score", study, "-m", tiny_weights, "-o", out)).stderr
    )


def test_rows_of_an_earlier_table_keep_their_columns(memnet_command, study, tiny_weights, tmp_path):
    out = tmp_path / "s.csv"
    memnet_command("score", study, "--path-column", "file", "-m", tiny_weights, "-o", out)
    before = read(out)
    # A folder has no columns: what stood there stays, also beside pictures that it has.
    memnet_command("score", study.parent, "-m", tiny_weights, "-o", out)
    pd.testing.assert_frame_equal(
        read(out).sort_values(["image_id", "subject"], ignore_index=True),
        before.sort_values(["image_id", "subject"], ignore_index=True),
    )
    # The table as it is now replaces the rows of the pictures that it names, and of no others.
    study.write_text("path,mood\n00002.png,fine\n")
    memnet_command("score", study, "-m", tiny_weights, "-o", out)
    after = read(out)
    assert after["image_id"].tolist() == ["00002.png", "00000.png", "00001.png"]
    assert after["mood"].tolist() == ["fine", "", ""]
    assert after["subject"].tolist() == ["", "01", "02"]


def test_columns_survive_a_run_that_ended_in_the_middle(
    memnet_command, study, tiny_weights, tmp_path, monkeypatch
):
    from memnet.scoring.score_file import ScoreFile

    out = tmp_path / "s.csv"
    args = ("score", study, "--path-column", "file", "-m", tiny_weights, "-b", 1, "-o", out)

    def killed(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(ScoreFile, "finish", killed)
    memnet_command(*args, check=130)
    monkeypatch.undo()
    assert not out.exists()
    assert "0 scored, 3 were scored before" in memnet_command(*args).stderr
    assert read(out)["answer"].tolist() == ["=1+1", "old", "new", "a\nb"]


def test_a_table_of_trials_has_one_score_a_picture_for_a_comparison(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    folder = make_pictures(12)
    trials = [f"{n:05d}.png,{subject}\n" for subject in (1, 2) for n in range(12)]
    (folder / "trials.csv").write_text("path,subject\n" + "".join(trials))
    for source, name in ((folder / "trials.csv", "trials.csv"), (folder, "folder.csv")):
        memnet_command("score", source, "-m", tiny_weights, "-o", tmp_path / name)
    trials, pictures = (
        read_scores(tmp_path / name, id_column="image_id")[0].by_id
        for name in ("trials.csv", "folder.csv")
    )
    pd.testing.assert_series_equal(trials, pictures)


def test_a_picture_both_in_a_table_and_in_a_folder_has_the_rows_of_the_table(
    memnet_command, study, tiny_weights, tmp_path
):
    out = tmp_path / "s.csv"
    memnet_command(
        *("score", study.parent, study, "--path-column", "file", "-m", tiny_weights, "-o", out)
    )
    assert read(out)["subject"].tolist() == ["01", "01", "02", "02"]


def test_ids_are_made_of_paths(memnet_command, study, tiny_weights, tmp_path):
    """`img/things/a.jpg` is how a table of trials calls what lies in the folder `things`."""
    out = tmp_path / "s.csv"
    args = ("-m", tiny_weights, "-o", out, "--id-pattern", r"pictures/0*(\d+)\.png$")
    memnet_command("score", "pictures", *args)
    assert read(out)["image_id"].tolist() == ["0", "1", "2"]
    assert "3 were scored before" in memnet_command("score", "pictures", *args).stderr

    study.write_text("path,image_id\n00001.png,x\n00000.png,y\n00001.png,z\n")
    out.unlink()
    (tmp_path / "s.csv.json").unlink()
    memnet_command("score", study, *args)
    table = read(out)
    assert table["image_id"].tolist() == ["1", "0", "1"]
    assert table["image_id_in_table"].tolist() == ["x", "y", "z"]


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        (r"0*(\d+)\.jpg", r"finds no id in .*00000\.png; mend the pattern"),
        (r"(x?)0000", r"finds no id in .*00000\.png"),
        (r"(pic)tures", r"2 picture\(s\) would share an image_id with another, for example 'pic'"),
        (r"\d+", r"has 0 groups, and the id is what one group matches"),
        (r"(\d)(\d)", r"has 2 groups"),
        (r"(\d", r"is no regular expression \(missing \), unterminated"),
    ],
)
def test_a_pattern_that_makes_no_ids_is_refused(study, pattern, sentence):
    with pytest.raises(MemnetError, match=sentence):
        collect([study.parent], id_pattern=pattern)


def test_a_group_called_id_stands_among_others():
    assert IdPattern(r"(session|run)(\d)/(?P<id>\w+)")("run1/cat.png") == "cat"


@pytest.mark.process
def test_kill_9_in_the_middle_of_a_table_of_trials_loses_and_repeats_no_row(
    memnet_command, make_pictures, tiny_weights, tmp_path
):
    trials = [(f"{n * 7 % 120:05d}.png", str(n)) for n in range(300)]
    table, out = make_pictures(120) / "trials.csv", tmp_path / "s.csv"
    table.write_text("path,trial\n" + "".join(f"{path},{trial}\n" for path, trial in trials))
    args = ("score", table, "-m", tiny_weights, "-o", out, "--shard", "1/2")
    process = start_memnet(*args, cwd=tmp_path, env={"TINY_SLEEP": "0.1"})
    journal = tmp_path / "s.csv.partial"
    wait_for(process, lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 16)
    process.kill()
    process.communicate()
    assert not out.exists()
    done = memnet_command(*args, TINY_SLEEP="0")
    assert "were scored before" in done.stderr
    found = read(out)
    kept = [(path, trial) for path, trial in trials if Shard(1, 2).holds(path)]
    assert list(zip(found["image_id"], found["trial"], strict=True)) == kept
    assert (found["score"] != "").all()
