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
    source = {"source": "the table given"}
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
    assert tuple(lines[2:]) == diagnosis.fingerprint.sentences
    json.dumps(diagnosis.to_dict(), allow_nan=False)
    study.to_csv(tmp_path / "old.csv", index=False)
    same = memnet.diagnose(tmp_path / "old.csv", score_column="memnet")
    assert same.to_dict() == diagnosis.to_dict()


def test_a_migration_names_the_column_that_is_not_there(study):
    with pytest.raises(MemnetError, match="'resmem'"):
        memnet.migrate(study, score_column="resmem", new_scores=study[["image_id", "score"]])
