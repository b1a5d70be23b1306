"""Trials become pictures: counts, exclusions by stated rules, files that `memnet compare` reads."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import memnet
from command import run_memnet
from memnet.stats.recognition import Answers, hit_rate, split_half
from memnet.studies.responses.responses import describe

PEOPLE, PICTURES = 24, 30


@pytest.fixture(scope="module")
def trials():
    """A fully crossed old/new design with four vigilance trials each; s3 sleeps, s7 has gone."""
    random = np.random.default_rng(2)
    easy, bias = random.normal(1, 0.8, PICTURES), random.normal(0, 0.8, PEOPLE)
    rows = []
    for person in range(PEOPLE):
        for picture in range(PICTURES):
            for old in (1, 0):
                chance = 1 / (1 + np.exp(-((easy[picture] if old else -1.2) + bias[person])))
                rows.append((f"s{person}", f"{picture:02d}.jpg", old, random.random() < chance, 0))
        rows += [(f"s{person}", f"check{k}.jpg", 1, person != 3 or k == 0, 1) for k in range(4)]
    table = pd.DataFrame(rows, columns=["subject", "image", "old", "said", "check"])
    table["said"] = table["said"].map({True: "old", False: "new"})
    gone = (table["subject"] == "s7") & (table.groupby("subject").cumcount() > 5)
    return table[~gone].reset_index(drop=True)


HOW = {"participant": "subject", "picture": "image", "response": "said", "old": "old"}
STRICT = HOW | {"vigilance": "check", "least_vigilance": 0.5, "least_trials": 20}


def test_counts_are_those_of_pandas(trials):
    found = memnet.responses(trials, **HOW, vigilance="check", halves=5)
    kept = trials[trials["check"] == 0].assign(yes=trials["said"] == "old")
    for old, hits, n in ((1, "hits", "n_old"), (0, "false_alarms", "n_new")):
        rows = kept[kept["old"] == old].groupby("image")["yes"]
        assert found.pictures[hits].tolist() == rows.sum().tolist()
        assert found.pictures[n].tolist() == rows.count().tolist()
    table = found.pictures
    assert (table["hits"] + table["misses"] == table["n_old"]).all()
    assert (table["false_alarms"] + table["correct_rejections"] == table["n_new"]).all()
    assert not table["image_id"].str.startswith("check").any()


def test_participants_are_left_out_by_the_rules_and_named(trials):
    found = memnet.responses(trials, **STRICT, halves=5)
    assert {each["participant"]: each["left_out"] for each in found.record["left_out"]} == {
        "s3": "25% of the vigilance trials right, less than 50%",
        "s7": "6 trials, fewer than 20",
    }
    assert found.record["participants"] == PEOPLE - 2
    assert found.pictures["n_old"].tolist() == [PEOPLE - 2] * PICTURES
    people = found.participants.set_index("participant")
    assert people.loc["s3", "vigilance"] == 0.25
    assert (people["left_out"] != "").sum() == 2
    assert not set(found.answers["participant"]) & {"s3", "s7"}


def test_the_design_is_seen(trials):
    assert memnet.responses(trials, **STRICT, halves=5).record["design"] == {
        "crossed": True,
        "participants_per_picture": [22, 22],
        "pictures_per_participant": [30, 30],
    }
    part = trials[~((trials["subject"] == "s0") & (trials["image"] == "00.jpg"))]
    assert memnet.responses(part, **STRICT, halves=5).record["design"] == {
        "crossed": False,
        "participants_per_picture": [21, 22],
        "pictures_per_participant": [29, 30],
    }


def test_repeats_alone_give_hit_rates_alone(trials):
    old = trials[(trials["old"] == 1) & (trials["check"] == 0)]
    found = memnet.responses(old, participant="subject", picture="image", response="said", halves=5)
    assert list(found.record["split_half"]) == ["hit_rate"]
    assert found.pictures["corrected"].isna().all()


def test_a_rule_that_leaves_nobody_is_refused(trials):
    with pytest.raises(memnet.MemnetError, match=r"all 24 participants.*60 trials, fewer than 99"):
        memnet.responses(trials[trials["check"] == 0], **HOW, least_trials=99, halves=5)
    with pytest.raises(memnet.MemnetError, match="--vigilance"):
        memnet.responses(trials, **HOW, least_vigilance=0.5)


def test_the_folder_is_a_truth_table_for_compare(trials, tmp_path):
    trials.to_csv(tmp_path / "trials.csv", index=False)
    done = run_memnet(
        "responses", tmp_path / "trials.csv", "--participant", "subject", "--picture", "image",
        "--response", "said", "--old", "old", "--vigilance", "check", "--least-vigilance", "0.5",
        "--halves", "20", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "every participant saw" not in done.stdout  # s7 has gone
    assert "d_prime: two halves of the participants agree at rho = " in done.stdout
    assert "s3: 25% of the vigilance trials right, less than 50%" in done.stderr
    record = json.loads((tmp_path / "out" / "responses.json").read_text())
    assert set(record["split_half"]) == {
        *("hit_rate", "false_alarm_rate", "corrected", "d_prime", "a_prime")
    }
    table = pd.read_csv(tmp_path / "out" / "pictures.csv")
    assert list(table.columns) == [
        *("image_id", "hits", "misses", "false_alarms", "correct_rejections", "n_old", "n_new"),
        *("hit_rate", "false_alarm_rate", "corrected", "d_prime", "a_prime"),
    ]
    scores = table[["image_id"]].assign(score=np.linspace(0, 1, len(table)))
    compared = memnet.compare(tmp_path / "out" / "pictures.csv", scores, resamples=50)
    assert compared.truth["column"] == "hit_rate"
    assert compared.dataset == ""  # a file of trials is none, and memnet need not know it
    assert not any("data set" in sentence for sentence in compared.warnings)
    assert compared.labels["kind"] == "participants"
    assert compared.labels["participants"] == PEOPLE - 1  # s3 was left out
    assert len(pd.read_parquet(tmp_path / "out" / "answers.parquet")) == record["trials"]


def made(trials, tmp_path):
    memnet.responses(trials, **STRICT, halves=5, out=tmp_path)
    return tmp_path / "pictures.csv"


def perfect(path):
    """Scores in the order of the pictures' hit rates, with noise."""
    table = pd.read_csv(path)
    noise = np.random.default_rng(0).normal(0, 0.1, len(table))
    return table[["image_id"]].assign(score=table["hit_rate"] + noise)


@pytest.mark.parametrize("column", ["hit_rate", "corrected", "d_prime", "a_prime"])
def test_every_measure_has_a_ceiling_and_an_interval_over_participants(trials, tmp_path, column):
    path = made(trials, tmp_path)
    found = memnet.compare(path, perfect(path), truth_column=column, resamples=200)
    assert found.labels["kind"] == "participants"
    figures = found.labels["figures"]
    low, high = figures["ceiling_spearman"]["interval"]
    assert low < figures["ceiling_spearman"]["value"] < high <= 1
    half = figures["split_half"]["value"]
    assert figures["reliability_spearman"]["value"] == pytest.approx(2 * half / (1 + half))
    assert found.value("disattenuated_spearman") == pytest.approx(
        found.value("spearman") / figures["ceiling_spearman"]["value"]
    )
    wide, narrow = (found.result(name) for name in ("spearman_over_participants", "spearman"))
    assert wide.value == narrow.value
    assert wide.interval[1] - wide.interval[0] > narrow.interval[1] - narrow.interval[0]
    assert (found.value("ks_noise_matched") is None) == (column != "hit_rate")


def test_answers_that_do_not_belong_to_the_table_are_refused(trials, tmp_path):
    path = made(trials, tmp_path)
    answers = tmp_path / "answers.parquet"
    frame = pd.read_parquet(answers)
    frame.assign(yes=~frame["yes"]).to_parquet(answers)
    with pytest.raises(memnet.MemnetError, match="do not give the human scores"):
        memnet.compare(path, perfect(path), resamples=20)
    answers.write_text("no parquet")
    with pytest.raises(memnet.MemnetError, match="cannot be read as the answers"):
        memnet.compare(path, perfect(path), resamples=20)
    answers.unlink()
    with pytest.raises(memnet.MemnetError, match="keep the files of its folder together"):
        memnet.compare(path, perfect(path), resamples=20)


def test_a_selection_of_the_pictures_is_compared_with_its_own_answers(trials, tmp_path):
    path = made(trials, tmp_path)
    few = perfect(path).iloc[::2]
    found = memnet.compare(path, few, resamples=50)
    assert found.items["n"] == PICTURES // 2
    assert found.labels["kind"] == "participants"


@pytest.mark.parametrize("column", ["hit_rate", "false_alarm_rate", "corrected", "d_prime"])
def test_pictures_without_a_measure_are_left_out_by_name(trials, tmp_path, column):
    """Pictures 0 to 4 were never old, 25 to 29 never new: cells of theirs are empty."""
    number = trials["image"].str.extract(r"^(\d+)", expand=False).fillna("10").astype(int)
    never = ((number < 5) & (trials["old"] == 1)) | ((number >= 25) & (trials["old"] == 0))
    path = made(trials[~never], tmp_path)
    scores = perfect(path).assign(score=np.linspace(0, 1, PICTURES))
    found = memnet.compare(path, scores, truth_column=column, resamples=50)
    lacks = {"hit_rate": [0], "false_alarm_rate": [25]}.get(column, [0, 25])
    assert found.items["n"] == PICTURES - 5 * len(lacks)
    assert found.labels["kind"] == "participants"
    assert found.labels["figures"]["split_half"]["value"] is not None
    (said,) = (each for each in found.warnings if "set aside" in each)
    assert said.startswith(f"{5 * len(lacks)} row(s) of {column} were set aside: ")
    assert f"({lacks[0]:02d}.jpg): {column} is missing" in said


def test_an_altered_table_names_the_command_that_wrote_it(trials, tmp_path):
    path = made(trials, tmp_path)
    table = pd.read_csv(path)
    table.assign(hit_rate=table["hit_rate"].where(table.index > 0)).to_csv(path, index=False)
    with pytest.raises(memnet.MemnetError) as caught:
        memnet.compare(path, table.assign(score=0.5), resamples=20)
    assert "altered after `memnet responses` wrote it" in str(caught.value)
    assert "run the command again, or delete pictures.csv.json" in str(caught.value)


def test_rates_that_an_inverted_coding_makes_are_doubted(trials):
    right = memnet.responses(trials, **HOW, halves=2)
    assert right.record["doubts"] == []
    inverted = memnet.responses(trials, **HOW, yes=["new"], halves=2)
    (doubt,) = inverted.record["doubts"]
    assert doubt.startswith("Old pictures are called old less often (")
    assert doubt.endswith("are --yes, --response and --old right?")
    assert doubt in str(inverted)
    twice = memnet.responses(pd.concat([trials, trials.iloc[:3]]), **HOW, halves=2)
    assert twice.record["doubts"][0].startswith("3 row(s) are the same in every column")


def test_a_column_of_right_answers_is_doubted_as_one_of_answers():
    old = np.tile([1, 0], 50)
    right = np.arange(100) % 10 > 1  # 8 of 10 of both kinds
    table = pd.DataFrame(
        {"subject": np.arange(100) // 10, "image": np.arange(100) % 7, "old": old, "right": right}
    )
    how = {"participant": "subject", "picture": "image", "old": "old", "halves": 2}
    (doubt,) = memnet.responses(table, **how, response="right").record["doubts"][-1:]
    assert "New pictures are called old nearly as often (80.0%) as old ones (80.0%)" in doubt
    assert not any(
        "called old" in said
        for said in memnet.responses(table, **how, correct="right").record["doubts"]
    )


def test_no_file_of_others_is_written_over(trials, tmp_path):
    mine = tmp_path / "participants.csv"
    mine.write_text("subject,age\ns1,30\n")
    with pytest.raises(
        memnet.MemnetError, match=r"participants\.csv exists and was not written by"
    ):
        made(trials, tmp_path)
    assert mine.read_text() == "subject,age\ns1,30\n"
    path = made(trials, tmp_path / "out")
    assert made(trials, tmp_path / "out") == path  # one's own are replaced
    how = {"participant": "participant", "picture": "image_id", "response": "yes", "old": "old"}
    with pytest.raises(memnet.MemnetError, match=r"answers\.parquet is read, and would be written"):
        memnet.responses(path.with_name("answers.parquet"), **how, out=path.parent, halves=2)


def test_a_column_that_is_called_after_both_is_no_sign(trials):
    called = trials.rename(columns={"image": "subject_image", "subject": "ImageRater"})
    how = HOW | {"participant": "ImageRater", "picture": "subject_image"}
    assert memnet.responses(called, **how, halves=2).record["doubts"] == []


SWAPPED = {"participant": "image", "picture": "subject"}


def test_files_of_pictures_are_no_participants(trials):
    said = (
        r"column 'image', given as --participant, holds files of pictures \(such as '00.jpg'\), "
        r"and column 'subject', given as --picture, none \(such as 's0'\): swap the two"
    )
    with pytest.raises(memnet.MemnetError, match=said):
        memnet.responses(trials, **HOW | SWAPPED, halves=2)


def test_columns_that_seem_swapped_are_doubted(trials):
    """Without file names it cannot be known, so the table is made, and shows its ids."""
    bare = trials.assign(image=trials["image"].str.removesuffix(".jpg"))
    found = memnet.responses(bare, **HOW | SWAPPED, halves=2)
    assert found.record["doubts"][0] == (
        "Column 'image' was read as the participants (such as '00'), and 'subject' as the pictures "
        "(such as 's0'): are --participant and --picture swapped?"
    )
    assert "34 participants (such as '00') with 24 pictures (such as 's0')" in str(found)
    some = pd.concat([bare, trials.iloc[:1]])
    (doubt,) = memnet.responses(some, **HOW | SWAPPED, halves=2).record["doubts"][:1]
    assert doubt.startswith("1 of 35 participants have the name of a picture's file (such as '00.")


@pytest.mark.parametrize(
    ("response", "old", "doubted"),
    [
        ("is_old", "said_old", True),
        ("is_old", "x", True),
        ("x", "resp", True),
        ("said_old", "is_old", False),
        ("old", "repeat", False),
        ("response", "correct_response", False),
        ("said", "condition", False),
    ],
)
def test_answers_and_what_was_old_that_seem_swapped_are_doubted(trials, response, old, doubted):
    called = trials.rename(columns={"said": response, "old": old})
    how = HOW | {"response": response, "old": old}
    found = memnet.responses(called, **how, halves=2)
    assert [
        f"By their names, column {response!r} was read as the answers, and {old!r} as what was "
        "old: are --response and --old swapped?"
    ] * doubted == found.record["doubts"]


def test_answers_that_never_differ_within_a_picture_are_doubted(trials):
    number = trials["image"].str.extract(r"(\d+)", expand=False).astype(int)
    table = trials.assign(a=(number % 2), b=(trials["said"] == "old").astype(int))
    said = memnet.responses(table, **HOW | {"response": "a", "old": "b"}, halves=2).record["doubts"]
    assert said[0].startswith("All trials with a picture have the same answer, while pictures are")
    right = memnet.responses(table, **HOW | {"response": "b", "old": "a"}, halves=2)
    assert not any("same answer" in each for each in right.record["doubts"])


def test_ids_in_two_letter_cases_are_doubted(trials):
    odd = trials.copy()
    odd.loc[odd["image"] == "00.jpg", "image"] = ["00.JPG", " 00.jpg "] * (PEOPLE - 1) + [
        "00.jpg"
    ] * 2
    found = memnet.responses(odd, **HOW, halves=2)
    assert len(found.pictures) == len(memnet.responses(trials, **HOW, halves=2).pictures) + 1
    (doubt,) = found.record["doubts"]
    assert doubt.startswith(
        "2 ids of pictures are the same but for letter case, blanks or the form"
    )
    assert "(such as '00.JPG' and '00.jpg')" in doubt


def test_rows_that_are_left_out_are_not_called_repeated(trials):
    numbered = trials.assign(image=trials["image"].where(trials.index % 5 > 0, ""))
    found = memnet.responses(numbered, **HOW, halves=2)
    assert "have no id in column 'image' and are left out" in found.record["set_aside"][0]
    assert found.record["doubts"] == []


@pytest.mark.parametrize("yes", [2, [2], 2.0, "2", ["2"], np.array([2])])
def test_numbers_are_fine_values(trials, yes):
    keys = trials.assign(said=trials["said"].map({"old": 2, "new": 1}))[
        ["subject", "image", "said"]
    ]
    how = {"participant": "subject", "picture": "image", "response": "said"}
    found = memnet.responses(keys, **how, yes=yes, halves=2)
    assert found.answers["yes"].sum() == (trials["said"] == "old").sum()


def test_a_column_named_by_a_number_is_refused_with_advice(trials):
    with pytest.raises(memnet.MemnetError, match="has no column '0'"):
        memnet.responses(trials, **HOW | {"participant": 0}, halves=2)


def test_an_empty_answer_means_one_of_two_things(trials):
    with pytest.raises(memnet.MemnetError, match="empty is 'maybe'; an empty answer means 'no'"):
        memnet.responses(trials, **HOW, empty="maybe", halves=2)


def test_a_few_pictures_for_many_people_are_no_swap():
    """Six pictures for 300 people are a design like any other."""
    table = pd.DataFrame({"p": np.repeat(np.arange(300), 6), "item": list("abcdef") * 300})
    table["said"] = np.random.default_rng(0).integers(0, 2, len(table))
    found = memnet.responses(table, participant="p", picture="item", response="said", halves=2)
    assert found.record["doubts"] == []
    assert describe(found.record)[0].startswith(
        "1,800 trials of 300 participants (such as '0') with 6 pictures (such as 'a'); every part"
    )


def said_of(participants=9, **half):
    design = {"crossed": False, "participants_per_picture": [1, 1]}
    record = {"trials": 8, "participants": participants, "pictures": 4, "design": design}
    record |= {"left_out": [], "examples": {"participant": "s1", "picture": "a.jpg"}}
    known = {"spearman": 0.07, "spearman_brown": 0.131, "halves": 9, "pictures": 240, "reason": ""}
    known |= {"by_chance": 0.106}
    return describe(record | {"split_half": {"hit_rate": known | half}})


@pytest.mark.parametrize("spearman", [0.07, 0.006, -0.001, -0.3])
def test_halves_that_agree_no_better_than_chance_are_called_so(spearman):
    said = said_of(spearman=spearman)[-1]
    assert said == (
        "hit_rate: not shown to hold reliable differences between the pictures: two halves of the "
        f"participants agree at rho = {spearman:.3f} (mean of 9 halvings), and chance alone gives "
        "up to 0.106 with 240 pictures."
    )
    assert said_of(spearman=0.107)[-1].endswith("; Spearman-Brown gives 0.131 for all of them.")


def test_few_participants_give_no_verdict():
    assert said_of(3, spearman=0.9)[-1].endswith(
        "; 3 participants are too few to say whether this measure holds reliable differences "
        "between the pictures."
    )
    first, second = said_of(1, spearman=None, reason="one participant cannot be halved")
    assert first == (
        "8 trials of 1 participant (such as 's1') with 4 pictures (such as 'a.jpg'); each picture "
        "was seen by 1 participant."
    )
    assert second.endswith(
        "no split-half correlation is defined: one participant cannot be halved."
    )


@pytest.mark.parametrize("always", ["old", "new", "right"])
def test_answers_that_do_not_vary_have_no_reliability(always, tmp_path):
    """d' then differs by how often a picture was shown, since its correction does."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(np.argwhere(random.random((20, 30)) < 0.7), columns=["p", "image"])
    table["old"] = (random.random(len(table)) < np.linspace(0.2, 0.8, 30)[table["image"]]) * 1
    table["said"] = table["old"] if always == "right" else int(always == "old")
    how = {"participant": "p", "picture": "image", "response": "said", "old": "old"}
    found = memnet.responses(table, **how, halves=20, out=tmp_path)
    assert found.pictures["d_prime"].nunique() > 1
    for half in found.record["split_half"].values():
        assert (half["spearman"], half["reason"]) == (None, "the answers do not vary")
    scores = found.pictures[["image_id"]].assign(score=random.random(30))
    path = tmp_path / "pictures.csv"
    compared = memnet.compare(path, scores, truth_column="d_prime", resamples=20)
    assert (compared.labels["kind"], compared.labels["reason"]) == (
        "unknown",
        "the answers do not vary",
    )


def test_the_bound_of_chance_is_that_of_one_halving():
    random = np.random.default_rng(0)
    who, what = np.indices((10, 101)).reshape(2, -1)
    yes = random.random(len(who)) < 0.6
    half = split_half(Answers(who, what, yes | True, yes, (10, 101)), hit_rate, halves=10)
    assert half.by_chance == pytest.approx(0.1645, abs=1e-4)  # 1.645 / 10


def test_the_report_says_on_whom_the_ceiling_rests(trials, tmp_path):
    path = made(trials, tmp_path)
    found = memnet.compare(path, perfect(path), resamples=50)
    memnet.write_report(found, tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert f"the answers of {PEOPLE - 2} participants. Two random halves of these people" in text
    assert "other participants, too" in text
