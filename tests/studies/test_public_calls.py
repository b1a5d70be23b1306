"""Old studies from Python: ``memnet.diagnose`` and ``memnet.migrate`` do what the commands do."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.errors import MemnetError


@pytest.fixture
def study():
    """Forty pictures with an old score, a new one and a rating."""
    rng = np.random.default_rng(8)
    true = rng.standard_normal(40)
    return pd.DataFrame(
        {
            "image_id": [f"{number:05d}.png" for number in range(40)],
            "memnet": (0.65 + 0.1 * (true + rng.standard_normal(40))).round(4),
            "score": 0.7 + 0.05 * (true + rng.standard_normal(40)),
            "rating": true + rng.standard_normal(40),
        }
    )


def test_migrate_gives_the_same_from_files_and_from_data_frames(study, tmp_path):
    old, new = study[["image_id", "memnet", "rating"]], study[["image_id", "score"]]
    old.to_csv(tmp_path / "study.csv", index=False)
    new.to_csv(tmp_path / "new_scores.csv", index=False)
    options = {"score_column": "memnet", "outcomes": ["rating"], "resamples": 100}
    frames = memnet.migrate(old, new_scores=new, **options)
    files = memnet.migrate(
        tmp_path / "study.csv", new_scores=tmp_path / "new_scores.csv", **options
    )
    assert frames.record.claims == files.record.claims
    assert files.record.study["read_as"] == ["UTF-8, comma between cells"]
    assert files.record.new["read_as"] == ["UTF-8, comma between cells"]
    source = {"source": "the table given", "read_as": []}
    assert frames.record.study == files.record.study | source
    pd.testing.assert_frame_equal(frames.table, files.table)
    assert frames.page is None


def test_migrate_writes_what_the_command_writes_only_where_it_is_told(study, tmp_path):
    out = tmp_path / "out"
    migration = memnet.migrate(
        study[["image_id", "memnet"]],
        score_column="memnet",
        new_scores=study[["image_id", "score"]],
        resamples=100,
        out=out,
    )
    assert migration.page == out / "report.html"
    assert (out / "migrated.csv").is_file()
    mapped = memnet.migrate(
        study[["image_id", "memnet"]], score_column="memnet", crosswalk=out / "crosswalk.json"
    )
    assert list(mapped.table["new_equivalent"]) == list(migration.table["new_equivalent"])


def test_a_migration_prints_as_sentences(study):
    migration = memnet.migrate(
        study[["image_id", "memnet", "rating"]],
        score_column="memnet",
        new_scores=study[["image_id", "score"]],
        outcomes=["rating"],
        resamples=100,
    )
    first, *conclusions = str(migration).splitlines()
    assert first == "40 pictures of the table given migrated."
    assert conclusions == migration.record.conclusions
    assert repr(migration) == str(migration)


def test_migrate_wants_one_source_of_new_scores(study):
    with pytest.raises(MemnetError, match="Give one of these"):
        memnet.migrate(study, score_column="memnet")
    with pytest.raises(MemnetError, match="--images and --new-scores were given"):
        memnet.migrate(study, score_column="memnet", images="stimuli", new_scores=study)


def test_diagnose_without_pictures_is_a_first_guess(study, tmp_path):
    diagnosis = memnet.diagnose(study, score_column="memnet")
    assert (diagnosis.verdict, diagnosis.evidence, diagnosis.n) == (None, "no pictures", 40)
    lines = str(diagnosis).splitlines()
    assert lines[0] == "Verdict: open (no pictures)."
    facts = diagnosis.fingerprint.facts
    assert tuple(lines[2:]) == facts
    guess = diagnosis.fingerprint.sentences[len(facts) :]
    assert lines[1].startswith(" ".join(guess))
    assert lines[1].endswith("only the pictures show which variant it was.")
    json.dumps(diagnosis.to_dict(), allow_nan=False)
    study.to_csv(tmp_path / "old.csv", index=False)
    same = memnet.diagnose(tmp_path / "old.csv", score_column="memnet")
    assert same.read_as == ("UTF-8, comma between cells",)
    assert same.next_command.endswith("--score-column memnet --images FOLDER")
    same = memnet.diagnose(tmp_path / "old.csv", score_column="memnet", out=tmp_path / "page")
    page = (tmp_path / "page" / "diagnosis.md").read_text(encoding="utf-8")
    assert "Next, give the pictures" in page
    assert same.next_command in page
    assert "see fingerprint" not in page
    assert "The verdict in full" not in page
    told = {"read_as": list(same.read_as), "source": str(tmp_path / "old.csv")}
    assert same.to_dict() == diagnosis.to_dict() | told


def test_a_migration_names_the_column_that_is_not_there(study):
    with pytest.raises(MemnetError, match="'resmem'"):
        memnet.migrate(study, score_column="resmem", new_scores=study[["image_id", "score"]])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("resamples", 0, "resamples is 0; it must be a whole number, 100 or more"),
        ("resamples", -5, "resamples is -5"),
        ("resamples", 1, "resamples is 1;"),
        ("resamples", 200.5, r"resamples is 200\.5"),
        ("seed", -1, "seed is -1; it must be a whole number, 0 or more"),
    ],
)
def test_numbers_that_no_migration_can_use_are_one_sentence(study, name, value, words):
    with pytest.raises(MemnetError, match=words):
        memnet.migrate(
            study[["image_id", "memnet"]],
            score_column="memnet",
            new_scores=study[["image_id", "score"]],
            **{name: value},
        )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("sample", -1, "sample is -1; it must be a whole number, 10 or more"),
        ("sample", 9, "sample is 9"),
        ("seed", -1, "seed is -1"),
    ],
)
def test_numbers_that_no_diagnosis_can_use_are_one_sentence(study, name, value, words):
    with pytest.raises(MemnetError, match=words):
        memnet.diagnose(study, score_column="memnet", **{name: value})


def test_a_text_is_one_column_and_not_its_letters(study):
    migration = memnet.migrate(
        study[["image_id", "memnet", "rating"]],
        score_column="memnet",
        new_scores=study[["image_id", "score"]],
        outcomes="rating",
        resamples=100,
    )
    assert {claim["outcome"] for claim in migration.record.claims} == {"rating"}


def test_a_table_of_numbers_has_the_digest_of_its_csv_on_every_system(study, monkeypatch):
    import hashlib
    import os

    monkeypatch.setattr(os, "linesep", "\r\n")
    frame = study[["image_id", "memnet"]]
    migration = memnet.migrate(
        frame, score_column="memnet", new_scores=study[["image_id", "score"]], resamples=100
    )
    text = frame.to_csv(index=False, lineterminator="\n")
    assert migration.record.study["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_ids_match_by_file_name_where_that_is_asked_for(study):
    asked = {"score_column": "memnet", "resamples": 100, "memnet_equivalent": True}
    elsewhere = study.assign(image_id="stimuli/" + study["image_id"])
    new = elsewhere[["image_id", "score"]]
    old = study[["image_id", "memnet"]]
    with pytest.raises(MemnetError, match="With --match basename, 40 would match"):
        memnet.migrate(old, new_scores=new, **asked)
    found = memnet.migrate(old, new_scores=new, match="basename", **asked)
    exact = memnet.migrate(old, new_scores=study[["image_id", "score"]], **asked)
    assert found.complete
    pd.testing.assert_frame_equal(found.table, exact.table)
    rule = "the file names at the end of the ids are equal, whatever folders they are in"
    assert found.record.pictures == exact.record.pictures | {"join_rule": rule}
    assert f"matched by the pictures' identifiers ({rule}); 40 of 40" in found.record.methods
    assert "matched by the pictures' identifiers; 40 of 40" in exact.record.methods


def test_ids_that_could_be_two_pictures_under_the_rule_are_refused(study):
    old = study[["image_id", "memnet"]]
    twice = pd.concat([study, study.assign(image_id="b/" + study["image_id"])])
    with pytest.raises(MemnetError, match=r"--match basename takes .* for one picture"):
        memnet.migrate(
            old,
            score_column="memnet",
            new_scores=twice[["image_id", "score"]],
            match="basename",
        )
    new = study[["image_id", "score"]]
    with pytest.raises(MemnetError, match="rule of matching"):
        memnet.migrate(old, score_column="memnet", new_scores=new, match="nearly")
