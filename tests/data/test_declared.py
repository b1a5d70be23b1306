"""What somebody wrote by hand beside a score table is used, or refused with a sentence."""

from __future__ import annotations

import json

import pytest

from memnet.data.declared import read_declared
from memnet.data.manifest import HIT_RATE, MIXED, label_target
from memnet.data.score_tables import read_scores
from memnet.data.targets import target_in_name
from memnet.errors import MemnetError

ABOUT = {"trained_on": ["memcat:train:1"], "target": "corrected", "pretrained_on": ["CLIP"]}


def table(folder, text="image_id,score\na,0.5\nb,0.6\n", beside=None):
    path = folder / "lab.csv"
    path.write_text(text)
    if beside is not None:
        text = beside if isinstance(beside, str) else json.dumps(beside)
        (folder / "lab.csv.json").write_text(text)
    return path


def test_the_entry_called_like_the_scores_is_theirs_and_else_the_only_one(tmp_path):
    path = table(tmp_path, beside={"models": {"mine": ABOUT}})
    for name, kept in (("mine", ABOUT), (None, ABOUT | {"written_for": "mine"})):
        (scores,) = read_scores(path, id_column="image_id", name=name)
        assert scores.identity == kept
        assert scores.doubts == ()
    # A name that the user gave is not overruled: the table may have columns of several models.
    (scores,) = read_scores(path, id_column="image_id", name="other")
    assert scores.identity is None
    assert "describes mine" in scores.doubts[0]
    assert scores.doubts[0].kind == "sidecar"


def test_an_entry_of_a_table_with_names_is_found_by_its_name_and_missed_aloud(tmp_path):
    text = "image_id,model,score\na,m,0.5\na,n,0.5\n"
    path = table(tmp_path, text, {"models": {"m": ABOUT, "nn": {"target": "d_prime"}}})
    first, second = read_scores(path, id_column="image_id")
    assert first.identity == ABOUT
    assert second.identity is None
    assert "describes nn" in first.doubts[0]


@pytest.mark.parametrize("beside", ["{", '{"model": {}}', '{"models": [1]}'])
def test_a_damaged_file_is_said_and_the_scores_are_kept(tmp_path, beside):
    (scores,) = read_scores(table(tmp_path, beside=beside), id_column="image_id")
    assert len(scores.by_id) == 2
    assert scores.identity is None
    assert "lab.csv.json cannot be read" in scores.doubts[0]


def test_the_manifest_of_human_scores_is_no_damaged_file(tmp_path):
    path = table(tmp_path, beside={"format": "memnet truth table"})
    (scores,) = read_scores(path, id_column="image_id")
    assert scores.doubts == ()


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"trained_on": "memcat"}, r"plain text 'memcat'; write it as \['memcat'\]"),
        ({"trained_on": 7}, "trained_on must be a list"),
        ({"trained_on": ["lamem:trian"]}, "cannot be read"),
        ({"target": "hitrate"}, "Did you mean 'hit_rate'"),
        ({"target": None}, "no target 'None'"),
        ({"pretrained_on": "CLIP"}, "pretrained_on must be a list"),
        ({"licence": 3}, "licence must be text"),
        ({"trained-on": []}, "Did you mean 'trained_on'"),
    ],
)
def test_what_cannot_be_meant_so_is_refused_and_names_file_and_model(tmp_path, about, words):
    path = table(tmp_path, beside={"models": {"mine": about}})
    with pytest.raises(MemnetError, match=words) as error:
        read_scores(path, id_column="image_id")
    assert str(error.value).startswith("lab.csv.json, mine: ")


def test_a_declaration_of_a_model_that_is_not_compared_lists_those_that_are():
    with pytest.raises(
        MemnetError, match=r"Did you mean 'mine'.*Known: 'mine', 'resmem\.published'"
    ):
        read_declared({"mien": ["lamem"]}, ["mine", "resmem.published"])
    with pytest.raises(MemnetError, match="names the training data of each model"):
        read_declared(["lamem"], ["mine"])
    with pytest.raises(MemnetError, match="cannot be read"):
        read_declared({"mine": ["lamem:trian"]}, ["mine"])
    assert read_declared({"mine": None}, ["mine"]) == {}


@pytest.mark.parametrize(
    ("column", "target"),
    [
        ("human_score", "hit_rate"),
        ("d_prime", "d_prime"),
        ("false_alarm_rate", "false_alarm_rate"),
        ("a_prime", ""),
        ("mine", ""),
    ],
)
def test_a_manifest_of_responses_says_what_each_of_its_columns_is(column, target):
    manifest = {"truth_column": "human_score", "label_kind": HIT_RATE, "answers": "a.parquet"}
    assert label_target(manifest, column) == target
    plain = manifest | {"answers": None}  # a table of others may call anything d_prime
    assert label_target(plain, column) == (target if column == "human_score" else "")
    assert label_target({"truth_column": "s", "label_kind": MIXED}, "s") == ""


def test_the_name_of_a_column_hints_at_what_it_holds():
    named = {"HR": "hit_rate", "FA rate": "", "false-alarm-rate": "false_alarm_rate"}
    named |= {"d'": "d_prime", "dprime": "d_prime", "farmer": "", "hrs": ""}
    assert {column: target_in_name(column) for column in named} == named
