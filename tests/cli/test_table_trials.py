"""Trials of several of the user's own tables: none is lost, in one table or in a merge."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from memnet.errors import MemnetError
from memnet.scoring.table_trials import merged_trials
from tiny import write_tiny


@pytest.fixture
def study(make_pictures, tmp_path):
    """Two participants' tables, which share a picture."""
    folder = make_pictures(4)
    for name, rows in (("s1", "0,1\n1,1\n"), ("s2", "1,0\n2,1\n")):
        text = "".join(f"0000{row[0]}.png{row[1:]}\n" for row in rows.split())
        (folder / f"{name}.csv").write_text(f"path,correct\n{text}")
    return folder


@pytest.fixture
def score(memnet_command, tiny_weights):
    def score(*words, check=0):
        words = ("score", *words, "-m", tiny_weights)
        return memnet_command(*words, check=check).stderr

    return score


def trials(path) -> list[tuple[str, int]]:
    table = pd.read_csv(path)
    return list(zip(table["image_id"], table["correct"], strict=True))


def test_rows_of_another_table_are_not_replaced(score, study, tmp_path):
    one, two, out = study / "s1.csv", study / "s2.csv", tmp_path / "s.csv"
    score(one, "-o", out)
    before = out.read_bytes()
    said = score(two, "-o", out, check=2)
    assert (
        f"{out} has the rows of {one}, and {two} would replace those of 1 picture(s) that both "
        f"list, for example '00001.png'; give both at once (`memnet score {one} {two}`), or "
        "choose another --out." in said
    )
    assert out.read_bytes() == before
    score(one, two, "-o", out)
    expected = [("00000.png", 1), ("00001.png", 1), ("00001.png", 0), ("00002.png", 1)]
    assert trials(out) == expected
    assert f"has the rows of {two}, and {one} would" in score(one, "-o", out, check=2)
    score(study, "-o", out)  # a folder has no rows of its own
    assert sorted(trials(out.with_name("s.csv"))[:4]) == sorted(expected)


def test_the_table_that_was_edited_and_others_beside_it_are_scored_also_after_a_move(
    score, study, tmp_path
):
    (study / "out").mkdir()
    score(study / "s1.csv", "-o", study / "out" / "s.csv")
    sidecar = json.loads((study / "out" / "s.csv.json").read_text())
    assert list(sidecar["tables"]) == ["../s1.csv"]
    moved = study.rename(tmp_path / "moved")
    out = moved / "out" / "s.csv"
    out.write_text(out.read_text().replace(str(study), str(moved)))
    (moved / "s1.csv").write_text("path,correct\n00001.png,0\n00003.png,1\n")
    score(moved / "s1.csv", "-o", out)
    # The picture that it no longer lists keeps the row of an earlier run.
    assert trials(out) == [("00001.png", 0), ("00003.png", 1), ("00000.png", 1)]
    assert "s1.csv, and" in score(moved / "s2.csv", "-o", out, check=2)
    (moved / "s3.csv").write_text("path,correct\n00002.png,0\n")
    score(moved / "s3.csv", "-o", out)  # which shares no picture
    assert len(trials(out)) == 4


def test_a_merge_keeps_each_trial_of_two_tables(memnet_command, score, study, tmp_path):
    (study / "s2.csv").write_text("path,correct\n00001.png,1\n00002.png,1\n00001.png,1\n")
    for name in ("s1", "s2"):
        score(study / f"{name}.csv", "-o", f"{name}_scored.csv")
    score(study / "s1.csv", study / "s2.csv", "-o", "both.csv")
    parts = ("s1_scored.csv", "s2_scored.csv")
    memnet_command("merge", *parts, "-o", "all.csv")
    assert sorted(trials(tmp_path / "all.csv")) == sorted(trials(tmp_path / "both.csv"))
    assert len(trials(tmp_path / "all.csv")) == 5
    # What one table has twice is kept once: a shard beside the whole, or a merge beside its part.
    score(study / "s2.csv", "-o", "shard.csv", "--shard", "1/1")
    memnet_command("merge", "all.csv", *parts, "shard.csv", "-o", "again.csv")
    assert len(trials(tmp_path / "again.csv")) == 5
    # And what was merged is known as the tables' own.
    (study / "s4.csv").write_text("path,correct\n00002.png,0\n")
    assert "again.csv has the rows of" in score(study / "s4.csv", "-o", "again.csv", check=2)
    assert "5 rows" in score(study / "s1.csv", study / "s2.csv", "-o", "again.csv")
    (study / "s2.csv").write_text("path,correct\n00001.png,0\n")
    score(study / "s2.csv", "-o", "edited.csv")
    said = memnet_command("merge", *parts, "edited.csv", "-o", "mixed.csv", check=2).stderr
    assert "s2_scored.csv and edited.csv have rows of s2.csv before and after it was" in said
    assert not (tmp_path / "mixed.csv").exists()


def test_a_table_without_columns_has_trials_too(memnet_command, score, study, tmp_path):
    (study / "plain.csv").write_text("path\n00000.png\n00000.png\n00001.png\n")
    for name in ("1.csv", "2.csv"):
        score(study / "plain.csv", "-o", name)
    memnet_command("merge", "1.csv", "2.csv", "-o", "all.csv")
    assert pd.read_csv(tmp_path / "all.csv")["image_id"].tolist() == [
        *("00000.png", "00000.png", "00001.png")
    ]


def test_rows_of_a_folder_are_no_trials_and_those_that_cannot_be_told_are_refused():
    folder, (a, b, c) = frozenset(), ({"n": "1"}, {"n": "2"}, {"n": "1"})
    one, two = frozenset(["t"]), frozenset(["t", "u"])
    assert merged_trials([(folder, [{}]), (one, [a]), (folder, [{}])]) == [a]
    assert merged_trials([(folder, [{}]), (folder, [{}])]) == [{}]
    assert merged_trials([(one, [a]), (two, [a, b]), (one, [a])]) == [a, b]
    assert merged_trials([(one, [a]), (frozenset(["u"]), [c]), (two, [a, c])]) == [a, c]
    with pytest.raises(MemnetError, match="Rows of t are in two of the tables to merge, and each"):
        merged_trials([(two, [a, b]), (frozenset(["t", "v"]), [b, c])])


def test_a_box_that_the_table_no_longer_has_goes(score, study, tmp_path):
    table, out = study / "boxes.csv", tmp_path / "b.csv"
    rows = ["00000.png,9,9,1", "00000.png,12,9,2", "00000.png,15,9,3", "00001.png,9,9,4"]

    def run(kept, *words, file=table, check=0):
        file.write_text("\n".join(["path,x,y,correct", *kept]) + "\n")
        return score(file, "--centre-columns", "x,y,8,8", "-o", out, *words, check=check)

    run(rows)
    said = run(rows[:1] + rows[2:], "--limit", "2")
    assert "taken out" not in said  # of a try nobody knows what is behind it
    assert len(trials(out)) == 4
    said = run(rows[:1] + rows[2:])
    assert "2 row(s) of frames, boxes or pictures that a video, table or archive, changed" in said
    assert trials(out) == [("00000.png#2", 1), ("00000.png#3", 3), ("00001.png#4", 4)]
    # Another table's boxes stay, and are not taken for those of this one.
    said = run(["00002.png,9,9,5", "00002.png,12,9,6"], file=study / "more.csv")
    assert "3 row(s) of earlier runs" in said
    assert "choose another --out" in run(rows[:1], file=study / "other.csv", check=2)
    run(rows[:1])
    assert [trial for _, trial in trials(out)] == [1, 5, 6]


@pytest.fixture
def two_models(memnet_command, tiny_weights, tmp_path):
    """A function that scores with the first model, the second, or both, into s.csv."""
    models = [tiny_weights, write_tiny(tmp_path / "other.safetensors", seed=3)]

    def score(*words, of):
        given = [word for place in of for word in ("-m", models[place])]
        return memnet_command("score", *words, *given, "-o", tmp_path / "s.csv").stderr

    return score


def test_the_rows_of_all_models_are_those_of_the_table_as_it_is_now(two_models, study, tmp_path):
    two_models(study / "s1.csv", of=(0,))
    (study / "s1.csv").write_text("path,mood\n00001.png,x\n00000.png,y\n00001.png,z\n")
    two_models(study / "s1.csv", of=(1,))
    table = pd.read_csv(tmp_path / "s.csv")
    assert "correct" not in table
    assert table["mood"].tolist() == ["x", "y", "z"] * 2
    assert table["model"].nunique() == 2
    assert table.groupby(["model", "image_id"])["score"].nunique().tolist() == [1, 1, 1, 1]


def test_boxes_that_another_model_scored_before_they_changed_are_named(two_models, study, tmp_path):
    rows = ["00000.png,9,9,1", "00000.png,12,9,2", "00000.png,15,9,3"]

    def run(kept, of):
        (study / "b.csv").write_text("\n".join(["path,x,y,correct", *kept]) + "\n")
        return two_models(study / "b.csv", "--centre-columns", "x,y,8,8", of=of)

    run(rows, (0,))
    said = run([rows[0], rows[2]], (1,))
    assert "1 row(s) of frames, boxes or pictures" in said  # the last of the first model
    assert re.search(
        r"1 row\(s\) of \S*tiny\.safetensors were scored before their boxes changed, and stay as "
        r"they were; score them again with --model \S*tiny\.safetensors, too",
        said,
    )
    assert [trial for _, trial in trials(tmp_path / "s.csv")] == [1, 3, 1, 2]
    assert "boxes changed" not in run([rows[0], rows[2]], (0, 1))
    assert [trial for _, trial in trials(tmp_path / "s.csv")] == [1, 3, 1, 3]
