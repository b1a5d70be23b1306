"""The score table on disk: continued, never mixed, never lost."""

from __future__ import annotations

import json
import os
import re

import pytest

from memnet.errors import MemnetError
from memnet.scoring.score_file import SIDECAR_VERSION, ScoreFile, open_scores
from memnet.scoring.table import Row, read_table
from memnet.util import workbook


def row(image_id: str, score: float | None = 0.5, model: str = "m", path: str = "") -> Row:
    if score is None:
        return Row.failed(image_id=image_id, path=path, model=model, variant="", reason="why")
    return Row(
        image_id=image_id,
        path=path,
        model=model,
        variant="",
        score=score,
        raw=score,
        n_crops=1,
        clamped=False,
        width=1,
        height=1,
        mode="RGB",
        warning="",
    )


IDENTITY = {"tensors_sha256": "a", "preprocess_digest": "b"}


def start(out):
    with open_scores(out) as table:
        table.declare("m", IDENTITY)
        table.write_sidecar()
    return ScoreFile(out)


@pytest.mark.parametrize("name", ["s.csv", "s.parquet", "s.xlsx"])
def test_rows_survive_without_finish_and_end_in_the_table(tmp_path, name):
    start(tmp_path / name).append([row("a"), row("b", 0.25)])
    with open_scores(tmp_path / name) as table:
        assert table.is_done(("m", "", "a"), "")
        assert not table.is_done(("m", "", "c"), "")
        table.append([row("c", 0.75)])
        table.finish([("m", "", "c"), ("m", "", "a"), ("m", "", "b")])
    found = read_table(tmp_path / name)
    assert found.image_id.tolist() == ["c", "a", "b"]
    assert found.score.tolist() == [0.75, 0.5, 0.25]
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {name, name + ".json", f".{name}.lock"}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_cut_short_by_a_kill_is_dropped_and_no_other(tmp_path, cut):
    table = start(tmp_path / "s.csv")
    table.append([row("a"), row("b")])
    data = table.journal.read_bytes()
    table.journal.write_bytes(data[:-cut])
    again = ScoreFile(tmp_path / "s.csv")
    assert set(again.rows) == {("m", "", "a")}
    again.append([row("b", 0.9)])
    assert ScoreFile(tmp_path / "s.csv").rows["m", "", "b"].score == 0.9


def test_failed_pictures_are_tried_again_and_replaced(tmp_path):
    table = start(tmp_path / "s.csv")
    table.append([row("a", None)])
    table.finish([("m", "", "a")])
    again = ScoreFile(tmp_path / "s.csv")
    assert not again.is_done(("m", "", "a"), "")
    again.append([row("a", 0.5)])
    again.finish([("m", "", "a")])
    assert read_table(tmp_path / "s.csv").score.tolist() == [0.5]


def test_rows_of_earlier_runs_are_kept(tmp_path):
    table = start(tmp_path / "s.csv")
    table.append([row("a"), row("b")])
    table.finish([("m", "", "a"), ("m", "", "b")])
    again = ScoreFile(tmp_path / "s.csv")
    again.append([row("c")])
    again.finish([("m", "", "c")])
    assert read_table(tmp_path / "s.csv").image_id.tolist() == ["c", "a", "b"]


def test_scores_made_another_way_are_not_mixed_in(tmp_path):
    start(tmp_path / "s.csv")
    with open_scores(tmp_path / "s.csv") as table:
        table.declare("m", dict(IDENTITY))
        with pytest.raises(MemnetError, match=r"another way \(different: preprocess_digest\)"):
            table.declare("m", {**IDENTITY, "preprocess_digest": "c"})


def test_a_path_that_is_written_in_another_way_leads_to_the_same_picture(tmp_path):
    """As `PICTURES/a.png` does where a file system ignores letter case; here, as a hard link."""
    (tmp_path / "a.png").write_bytes(b"x")
    os.link(tmp_path / "a.png", tmp_path / "A.PNG")
    table = start(tmp_path / "s.csv")
    table.append([row("a", path=str(tmp_path / "a.png"))])
    assert table.is_done(("m", "", "a"), str(tmp_path / "A.PNG"))


def test_the_same_id_from_another_place_is_another_picture(tmp_path):
    table = start(tmp_path / "s.csv")
    table.append([row("a", path="one/a")])
    assert table.is_done(("m", "", "a"), "one/a")
    with pytest.raises(MemnetError, match="from one/a, and now two/a"):
        table.is_done(("m", "", "a"), "two/a")


def test_somebody_elses_file_is_never_overwritten(tmp_path):
    out = tmp_path / "s.csv"
    out.write_text("my,data\n1,2\n")
    with pytest.raises(MemnetError, match=r"s\.csv\.json, which says how it was made, does not"):
        ScoreFile(out)
    (tmp_path / "s.csv.json").write_text(
        json.dumps({"sidecar_version": SIDECAR_VERSION, "models": {}})
    )
    with pytest.raises(MemnetError, match="no score table of memnet: its columns are my, data"):
        ScoreFile(out)
    assert out.read_text() == "my,data\n1,2\n"


def test_two_writers_at_once_are_refused(tmp_path):
    def open_once(name):
        with open_scores(tmp_path / name):
            return name

    with open_scores(tmp_path / "s.csv"):
        with pytest.raises(MemnetError, match="Another memnet is writing"):
            open_once("s.csv")
        assert open_once("other.csv")
    assert open_once("s.csv")


def test_a_journal_of_which_nobody_knows_how_it_was_made_is_not_gone_on_with(tmp_path):
    table = start(tmp_path / "s.csv")
    table.append([row("a")])
    table.sidecar_path.unlink()
    with pytest.raises(MemnetError, match=r"s\.csv\.partial exists and s\.csv\.json, which says"):
        ScoreFile(tmp_path / "s.csv")
    assert table.journal.exists()


@pytest.mark.parametrize("line", [b"\xff{}", b"[1]", b"3", b'{"image_id": 7}', b"{}"])
def test_a_damaged_line_of_a_journal_is_named(tmp_path, line):
    table = start(tmp_path / "s.csv")
    table.append([row("a")])
    with table.journal.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(MemnetError, match=r"s\.csv\.partial, line 2, is damaged"):
        ScoreFile(tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_id": 7}, "image_id is 7, which must be text"),
        ({"score": "0.5"}, "score is '0.5', which must be a number or null"),
        ({"clamped": 1}, "clamped is 1, which must be true or false or null"),
        ({"a\nb": 1}, r"it has the unknown field 'a\nb'"),
    ],
)
def test_a_line_of_a_journal_with_something_else_in_it_is_named(tmp_path, changes, reason):
    table = start(tmp_path / "s.csv")
    table.append([row("a")])
    fields = json.loads(table.journal.read_text())
    table.journal.write_text(json.dumps(fields | changes) + "\n")
    with pytest.raises(MemnetError, match=re.escape(f"line 1, is damaged ({reason})")):
        ScoreFile(tmp_path / "s.csv")


KINDS = [
    '{"sidecar_version": 2, "models": []}',
    '{"sidecar_version": 2, "models": {"m": 1}}',
    '{"sidecar_version": 2, "models": {}, "files": []}',
    '{"sidecar_version": 2, "models": {}, "files": {"m": "x"}}',
]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"sidecar_version": 9, "models": {}}', "\xff", *KINDS]
)
def test_a_damaged_sidecar_is_said(tmp_path, text):
    (tmp_path / "s.csv.json").write_text(text)
    with pytest.raises(MemnetError, match=r"s\.csv\.json"):
        ScoreFile(tmp_path / "s.csv")


def test_only_csv_parquet_and_xlsx(tmp_path):
    with pytest.raises(MemnetError, match=r"\.parquet or \.xlsx"), open_scores(tmp_path / "s.ods"):
        pass


def test_more_rows_than_a_sheet_holds_lose_none_that_are_there(tmp_path, monkeypatch):
    start(tmp_path / "s.xlsx").append([row("a"), row("b")])
    monkeypatch.setattr(workbook, "ROWS", 3)  # two below the names
    with open_scores(tmp_path / "s.xlsx") as table:
        table.require_room([("m", "", "b")])
        with pytest.raises(MemnetError, match=r"would get 3 rows.* ends in \.csv"):
            table.require_room([("m", "", "b"), ("m", "", "c")])
        table.append([row("c")])  # whoever did not ask
        with pytest.raises(MemnetError, match="would get 3 rows"):
            table.finish([])
    assert sorted(key[2] for key in ScoreFile(tmp_path / "s.xlsx").rows) == ["a", "b", "c"]


def test_a_full_disk_is_said_and_what_was_finished_is_kept(tmp_path, monkeypatch):
    table = start(tmp_path / "s.csv")
    table.append([row("a")])

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(MemnetError, match=r"No space left on device\); what was finished"):
        table.append([row("b")])
    monkeypatch.undo()
    assert ("m", "", "a") in ScoreFile(tmp_path / "s.csv").rows


def test_a_name_that_leaves_no_room_for_its_journal_is_refused_at_once(tmp_path):
    long = tmp_path / ("n" * 240 + ".csv")
    with pytest.raises(MemnetError, match="has 244 bytes; 200 is the most"), open_scores(long):
        pass
    with open_scores(tmp_path / ("n" * 196 + ".csv")) as table:
        table.finish([])
