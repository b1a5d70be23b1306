"""Choosing: what each kind promises, and what is said where it cannot be kept."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

import memnet
from made_pictures import COVARIATES, difference, made_table
from memnet.errors import MemnetError
from memnet.stats.selection import CannotBe, OutOfTime, choose_groups
from memnet.studies.select.check import check_selection
from memnet.studies.select.lists import make_lists
from memnet.studies.select.result import selection_table

TABLE = made_table()


@pytest.fixture(autouse=True)
def quick(quick_report):
    """Draw no report here: test_select_report.py does."""


@pytest.fixture(scope="module")
def matched():
    return memnet.select(
        TABLE, score="score", k=20, match=COVARIATES, exact="category", seed=1, lists=2
    )


def test_a_median_split_leaves_differences_and_the_choice_does_not(matched):
    median = TABLE["score"].median()
    split = TABLE.assign(group=np.where(TABLE["score"] > median, "high", "low"))
    assert max(abs(difference(split, name)) for name in COVARIATES) > 0.3
    chosen = selection_table(matched)
    assert max(abs(difference(chosen, name)) for name in COVARIATES) < 0.1
    counts = pd.crosstab(chosen["group"], chosen["category"])
    assert (counts.loc["high"] == counts.loc["low"]).all()
    assert chosen["group"].value_counts().to_dict() == {"high": 20, "low": 20}
    assert chosen["image_id"].is_unique
    means = chosen.groupby("group")["score"].mean()
    whole = split.groupby("group")["score"].mean()
    assert means["high"] - means["low"] > whole["high"] - whole["low"]
    assert matched.objective == pytest.approx(matched.bound, rel=1e-2)


def test_without_matching_the_extremes_are_the_highest_and_the_lowest():
    chosen = memnet.select(TABLE, score="score", k=7)
    order = TABLE.sort_values("score")["image_id"].tolist()
    assert set(chosen.ids["low"]) == set(order[:7])
    assert set(chosen.ids["high"]) == set(order[-7:])


def test_several_predictors_are_all_high_or_all_low():
    """The mean of two predictors would take a picture that one calls high and the other low."""
    table = pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "one": [9.0, 3.0, 2.0, -2.0, -3.0, -9.0],
            "two": [-3.0, 3.0, 2.0, -2.0, -3.0, 3.0],
        }
    )
    chosen = memnet.select(table, score=["one", "two"], k=2)
    assert chosen.ids == {"high": ["b", "c"], "low": ["d", "e"]}


def test_levels():
    chosen = memnet.select(TABLE, score="score", k=6, levels=[0.6, 0.7, 0.8], match=["light"])
    assert list(chosen.groups) == ["level-1", "level-2", "level-3"]
    table = selection_table(chosen)
    assert (table["score"] - table["level"]).abs().max() < 0.03
    assert table["level"].unique().tolist() == [0.6, 0.7, 0.8]
    assert abs(difference(table, "light", "level-1", "level-3")) < 0.1


def test_a_spread_covers_the_range_and_covariates_do_not_follow():
    chosen = memnet.select(TABLE, score="score", k=20, kind="spread", match=["light"])
    table = selection_table(chosen)
    aims = np.linspace(TABLE["score"].min(), TABLE["score"].max(), 20)
    assert np.abs(np.sort(table["score"]) - aims).max() < 0.06
    assert abs(np.corrcoef(table["score"], table["light"])[0, 1]) <= 0.1 + 1e-9
    assert abs(np.corrcoef(TABLE["score"], TABLE["light"])[0, 1]) > 0.3


def test_pairs_are_alike_in_all_but_the_score():
    chosen = memnet.select(
        TABLE,
        score="score",
        k=10,
        kind="pairs",
        match={"light": 0.3, "edges": None},
        exact="category",
    )
    table = selection_table(chosen)
    assert table["pair"].tolist() == [n for n in range(1, 11) for _ in range(2)]
    high, low = (table[table["group"] == name].reset_index() for name in ("high", "low"))
    assert (high["score"] > low["score"]).all()
    assert (high["category"] == low["category"]).all()
    for name, tolerance in (("light", 0.3), ("edges", 0.5)):
        apart = (high[name] - low[name]).abs() / TABLE[name].std(ddof=1)
        assert apart.max() <= tolerance + 1e-9


def test_sets_of_some_pictures_have_the_categories_of_all():
    """Drawn at random among what keeps equal counts, whole categories were left out."""
    table = TABLE.assign(kind=np.repeat(list("abcd"), [40, 30, 20, 10]))
    chosen = memnet.select(table, score="score", k=10, kind="split", sets=4, exact="kind")
    counts = pd.crosstab(selection_table(chosen)["group"], selection_table(chosen)["kind"])
    assert counts.to_numpy().tolist() == [[4, 3, 2, 1]] * 4


def test_where_all_scores_are_equal_nothing_is_high():
    with pytest.raises(MemnetError, match="All 100 candidates have the same score"):
        memnet.select(TABLE.assign(score=0.5), score="score", k=5)


def test_it_is_said_where_the_best_was_not_proved(monkeypatch):
    from memnet.studies.select import run

    def near(gain, k, matching, *, seed):
        found = choose_groups(gain, k, matching, seed=seed)
        return dataclasses.replace(found, bound=found.objective + 0.4)

    monkeypatch.setattr(run, "choose_groups", near)
    (note,) = memnet.select(TABLE, score="score", k=10).notes
    assert note.endswith("another may be better by 0.02 SD of the score per picture at most.")


def test_a_split_uses_all_and_its_sets_are_alike():
    chosen = memnet.select(
        TABLE, score="score", kind="split", sets=4, match=COVARIATES, exact="category"
    )
    table = selection_table(chosen)
    assert sorted(table["image_id"]) == sorted(TABLE["image_id"])
    assert table["group"].value_counts().to_dict() == {f"set-{n}": 25 for n in range(1, 5)}
    for name in ("score", *COVARIATES):
        assert abs(difference(table, name, "set-1", "set-4")) < 0.1
    counts = pd.crosstab(table["group"], table["category"])
    assert (counts.max() - counts.min() <= 1).all()


# What cannot be.


def test_what_stands_in_the_way_is_named_with_what_can_be():
    kinds = TABLE.assign(kind=[f"{n}" if n > 3 else "many" for n in range(len(TABLE))])
    sentence = r"2 high and 2 low .* is kind \(equal counts\).*"
    with pytest.raises(MemnetError, match=sentence):
        memnet.select(kinds.iloc[2:], score="score", k=2, match=["light"], exact="kind")
    # One picture of another size must be in one of the groups, where all pictures are needed.
    table = TABLE.assign(size=[1000, *[1] * (len(TABLE) - 1)])
    sentence = r"way is size \(within 0.1 SD\).* At most 49 pictures per group are possible"
    with pytest.raises(MemnetError, match=sentence):
        memnet.select(table, score="score", k=50, match=["size", "light"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"k": 51}, r"102 pictures are asked for \(2 x 51\), and there are 100"),
        ({"k": None}, r"Say how many pictures are wanted \(--k\)"),
        ({"k": 0}, r"k is 0; it must be a whole number, 1 or more"),
        ({"kind": "extreme"}, r"no kind of selection 'extreme'\. Did you mean 'extremes'\?"),
        ({"kind": "levels"}, r"--kind levels needs the levels"),
        ({"kind": "pairs", "levels": [1, 2]}, r"--levels are not for --kind pairs"),
        ({"levels": [0.5]}, r"two different levels or more"),
        ({"match": {"light": 0}}, r"tolerance of 'light' is 0; it must be above 0"),
        ({"match": {"light": np.inf}}, r"above 0 and finite"),
        ({"lists": 500, "k": 3}, r"6 pictures are chosen; take 6 lists or fewer"),
        ({"kind": "pairs", "score": ["score", "light"]}, r"--kind pairs takes one score"),
        ({"kind": "split", "k": None, "sets": 200}, r"100 picture\(s\) cannot make 200 sets"),
        ({"lists": 0}, r"lists is 0"),
        ({"sets": 3}, r"--sets is for --kind split"),
        ({"kind": "spread", "exact": "category"}, r"[Aa] spread is one group"),
        ({"include": "score > 0.85", "k": 20}, r"others are left out"),
    ],
)
def test_impossible_requests_are_one_sentence(settings, sentence):
    with pytest.raises(MemnetError, match=sentence):
        memnet.select(TABLE, **{"score": "score", "k": 5, **settings})


def test_no_pairs_are_one_sentence():
    """Five pictures of each kind make two pairs, where each picture has one of its kind only."""
    table = TABLE.iloc[:12].assign(kind=[f"{number // 2}" for number in range(12)])
    with pytest.raises(MemnetError, match=r"6 pairs .* light \(within 0.01 SD\)"):
        memnet.select(table, score="score", k=6, kind="pairs", match={"light": 0.01}, exact="kind")


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (OutOfTime(), r"in the time allowed; there may be one\. Choose fewer"),
        (CannotBe([0, 1], 0, 9), r"Each of these .* light \(.*, edges \(.* Fewer are not possible"),
        (
            CannotBe([0, 1], 0, 9),
            r"9 are possible \(--k 9\)\. Or .*\(--match COLUMN:0\.2\)\. Or match",
        ),
        (
            CannotBe([0], 3, 0, proved=False),
            r"there is a choice\. 3 pictures per group are possible",
        ),
        (CannotBe([], 0, 0, proved=False, all_tried=False), r"among \d+\. Fewer may be possible"),
        (CannotBe([], 3, 0), "No one of them alone .* several do together. At most 3 pictures per"),
    ],
)
def test_every_reason_is_a_sentence(monkeypatch, reason, sentence):
    def refuse(*_, **__):
        raise reason

    monkeypatch.setattr("memnet.studies.select.run.choose_groups", refuse)
    with pytest.raises(MemnetError, match=sentence):
        memnet.select(TABLE, score="score", k=5, match=["light", "edges"])


def test_levels_that_no_score_has_are_said():
    chosen = memnet.select(TABLE, score="score", k=2, levels=[0.6, 60, 80])
    assert "No picture has a score of 60 or 80: the candidates' run from 0.4" in chosen.notes[-1]


def test_ties_are_said_and_settled_by_the_seed():
    table = pd.DataFrame({"image_id": list("abcdefgh"), "score": [9, 9, 9, 9, 5, 5, 1, 0]})
    chosen = [memnet.select(table, score="score", k=2, seed=seed) for seed in range(8)]
    assert all(
        "4 pictures are equally far at the border of high" in each.notes[0] for each in chosen
    )
    assert len({tuple(each.ids["high"]) for each in chosen}) > 1
    again = memnet.select(table, score="score", k=2, seed=3)
    assert again.ids == chosen[3].ids


def test_a_covariate_that_is_the_same_everywhere_is_said():
    chosen = memnet.select(TABLE.assign(same=3), score="score", k=3, match=["same"])
    assert "All candidates have the same same: there was nothing to match." in chosen.notes


# Lists.


@pytest.mark.parametrize("count", [1, 2, 3])
def test_lists_are_counterbalanced(matched, count):
    lists = make_lists(matched, count)
    ids = sorted(selection_table(matched)["image_id"])
    assert [sorted(each["image_id"]) for each in lists] == [ids] * count
    assert len({tuple(each["image_id"]) for each in lists}) == count  # an order each
    assert all(name.isidentifier() for each in lists for name in each.columns)
    if count == 1:
        assert "role" not in lists[0]
        return
    new = pd.concat([each[each["role"] == "new"] for each in lists])
    assert sorted(new["image_id"]) == ids  # each picture is new once
    sizes = [each[each["role"] == "new"].groupby("group").size() for each in lists]
    assert all(set(size) <= {20 // count, 20 // count + 1} for size in sizes)


def test_the_pictures_of_a_pair_have_one_role():
    chosen = memnet.select(TABLE, score="score", k=9, kind="pairs")
    for trials in make_lists(chosen, 2):
        assert (trials.groupby("pair")["role"].nunique() == 1).all()


def test_columns_of_lists_are_names_of_python():
    table = TABLE.rename(columns={"score": "my.score", "category": "group"}).assign(
        **{"class": TABLE["category"], "2nd": TABLE["light"]}
    )
    chosen = memnet.select(table, score=["my.score", "2nd"], k=5, exact=["group", "class"])
    (trials,) = make_lists(chosen, 1)
    assert trials.columns.tolist() == [
        *("stimulus", "image_id", "group", "my_score", "_2nd", "group_2", "_class"),
    ]
    assert "group_in_table" in selection_table(chosen)


# Files.


@pytest.fixture
def written(tmp_path):
    TABLE[["image_id", "score"]].to_csv(tmp_path / "scores.csv", index=False)
    TABLE.drop(columns="score").to_csv(tmp_path / "more.csv", index=False)
    memnet.select(
        tmp_path / "scores.csv",
        others=[tmp_path / "more.csv"],
        score="score",
        k=10,
        match=["light"],
        exact="category",
        out=tmp_path / "out",
    )
    return tmp_path


def test_the_record_has_what_a_methods_section_needs(written):
    record = json.loads((written / "out" / "selection.json").read_text())
    assert record["format"] == "memnet selection"
    assert record["options"]["match"] == {"light": 0.1}
    assert record["groups"] == {"high": 10, "low": 10}
    assert [each["file"] for each in record["tables"]] == ["../scores.csv", "../more.csv"]
    assert len(record["tables"][0]["sha256"]) == 64
    assert record["objective"] <= record["bound"] + 1e-6
    assert record["environment"]["memnet"] == memnet.__version__


def test_nothing_is_written_over_but_earlier_results(written):
    out = written / "out"
    settings = {"score": "score", "k": 3, "lists": 1, "out": out}
    memnet.select(TABLE, **settings)
    assert [each.name for each in (out / "lists").iterdir()] == ["list-1.csv"]
    (out / "selection.json").write_text("{}")
    with pytest.raises(MemnetError, match=r"exists and holds something else"):
        memnet.select(TABLE, **settings)
    with pytest.raises(MemnetError, match="is read, and would be written over"):
        memnet.select(out / "selection.csv", **settings)


def test_the_same_request_gives_the_same_files(written):
    files = [p for p in (written / "out").rglob("*.csv")]
    before = {path: path.read_bytes() for path in files}
    memnet.select(
        written / "scores.csv",
        others=[written / "more.csv"],
        score="score",
        k=10,
        match=["light"],
        exact="category",
        out=written / "out",
    )
    assert {path: path.read_bytes() for path in files} == before


# Whether it still holds.


def fails(written):
    return check_selection(written / "out" / "selection.csv").fails


def test_scores_and_covariates_are_checked_one_by_one(written):
    checked = check_selection(written / "out" / "selection.csv")
    assert checked.fails == []  # what cannot be checked may hold
    assert "no digest was recorded" in checked.open[0]
    chosen = pd.read_csv(written / "out" / "selection.csv")
    first, second = chosen["image_id"][:2]
    scores = pd.read_csv(written / "scores.csv", dtype=str).set_index("image_id")
    scores.loc[first, "score"] = "0.123"
    scores.loc[second, "score"] = str(float(scores.loc[second, "score"]) + 1e-9)
    scores.to_csv(written / "scores.csv")
    (sentence,) = fails(written)
    assert f"'score' of 1 picture(s) is not what it was: {first}" in sentence
    assert "is '0.123'" in sentence
    (written / "more.csv").unlink()
    assert "cannot be checked: There is no file" in fails(written)[-1]


def test_scores_of_another_model_do_not_hold(tmp_path):
    scores = TABLE[["image_id", "score"]].assign(model="m", variant="")
    scores.to_csv(tmp_path / "scores.csv", index=False)
    for number in (1, 2):
        models = {"m": {"arch": "a", "weights_sha256": f"{number}"}}
        sidecar = json.dumps({"sidecar_version": 2, "models": models})
        (tmp_path / "scores.csv.json").write_text(sidecar)
        if number == 1:
            memnet.select(tmp_path / "scores.csv", k=3, out=tmp_path / "out")
            assert "are the same" in check_selection(tmp_path / "out").holds[-1]
    assert "The scores of m are of another model now (weights_sha256)." in fails(tmp_path)


def test_a_selection_that_was_edited_does_not_hold(written):
    file = written / "out" / "selection.csv"
    file.write_text(file.read_text().replace("high", "low", 1))
    assert any("itself was changed" in sentence for sentence in fails(written))


def test_a_picture_that_changed_or_went_is_named(make_pictures, tmp_path):
    folder = make_pictures(6, "pictures")
    names = sorted(each.name for each in folder.iterdir())
    table = pd.DataFrame({"image_id": names, "score": range(6)})
    table.to_csv(tmp_path / "scores.csv", index=False)
    out = tmp_path / "out"
    memnet.select(tmp_path / "scores.csv", score="score", k=2, images=folder, out=out)
    assert check_selection(out).fails == []
    (folder / names[0]).write_bytes((folder / names[2]).read_bytes())
    (folder / names[5]).unlink()
    checked = check_selection(out, images=folder)
    assert checked.pictures == 4
    assert checked.fails == [
        f"1 picture(s) are other files now: {names[0]}.",
        f"1 picture(s) were not found: {names[5]}.",
    ]


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format": "other"}', '{"format": "memnet selection"}']
)
def test_a_record_that_cannot_be_read_is_one_sentence(written, content):
    (written / "out" / "selection.json").write_text(content)
    with pytest.raises(MemnetError, match=r"selection\.json cannot be read"):
        fails(written)
    (written / "out" / "selection.json").unlink()
    with pytest.raises(MemnetError, match=r"--check needs selection\.json beside"):
        fails(written)
