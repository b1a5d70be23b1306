"""The variant that made the old scores: stated, or as `memnet diagnose` found; and what is said."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

import memnet
from memnet.errors import MemnetError
from memnet.studies.migrate.methods import split_methods

N = 40


@pytest.fixture(scope="module")
def study():
    random = np.random.default_rng(2)
    old = random.uniform(0.4, 0.9, N).round(4)
    return pd.DataFrame(
        {"image_id": [f"{i:02d}.jpg" for i in range(N)], "memnet": old, "other": old + 0.1}
    )


@pytest.fixture(scope="module")
def new(study):
    noise = np.random.default_rng(3).normal(0, 0.03, N)
    score = (study["memnet"] * 0.7 + 0.2 + noise).clip(0, 1)
    model = ["resmem.published"] * N
    return pd.DataFrame({"image_id": study["image_id"], "score": score, "model": model})


def migrate(study, new, column="memnet", **more):
    return memnet.migrate(study, score_column=column, new_scores=new, resamples=100, **more)


def diagnosis(path, study, **changed):
    """Write what `memnet diagnose --out` writes, as far as it is read."""
    record = {
        "verdict": "pycaffe-no-swap",
        "evidence": "exact",
        "summary": "This is pycaffe-no-swap (raw outputs): all 20 rows agree to 4 decimals.",
        "source": "data/old.csv",
        "column": "memnet",
        "compared": {
            "image_ids": study["image_id"][:20].tolist(),
            "old": study["memnet"][:20].tolist(),
        },
    }
    path.write_text(json.dumps(record | changed), encoding="utf-8")
    return path


def test_a_diagnosis_is_taken_over_into_record_methods_and_page(tmp_path, study, new):
    file = diagnosis(tmp_path / "diagnosis.json", study)
    done = migrate(study, new, diagnosis=file, out=tmp_path / "out")
    assert done.record.old["variant"]["slug"] == "pycaffe-no-swap"
    said = (
        "made by the variant pycaffe-no-swap of its preprocessing, as memnet diagnose found from "
        "the pictures (This is pycaffe-no-swap (raw outputs): all 20 rows agree to 4 decimals): "
        "red and blue were exchanged;"
    )
    assert said in split_methods(done.record.methods)["In full"]
    assert "2015, variant pycaffe-no-swap)" in split_methods(done.record.methods)["In short"]
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Red and blue were exchanged" in page
    assert "By the look of the numbers alone" not in page


def test_a_stated_variant_is_said_to_be_stated(tmp_path, study, new):
    done = migrate(study, new, variant="gray-01")
    assert (
        "made by the variant gray-01 of its preprocessing, as the authors state: colour was removed"
        in done.record.methods
    )
    with pytest.raises(MemnetError, match="server"):
        migrate(study, new, variant="sever")
    file = diagnosis(tmp_path / "diagnosis.json", study)
    with pytest.raises(MemnetError, match="give one of them"):
        migrate(study, new, variant="server", diagnosis=file)


def test_a_diagnosis_of_another_column_or_other_pictures_is_refused(tmp_path, study, new):
    file = diagnosis(tmp_path / "diagnosis.json", study)
    said = (
        r"is a diagnosis of column 'memnet' of old\.csv: 20 of the 20 pictures that it shares with "
        r".* have another score in 'other'\. Diagnose this column, or leave out --diagnosis\."
    )
    with pytest.raises(MemnetError, match=said):
        migrate(study, new, "other", diagnosis=file)
    elsewhere = study.assign(image_id=[f"x{i}.jpg" for i in range(N)])
    file = diagnosis(tmp_path / "elsewhere.json", elsewhere)
    with pytest.raises(MemnetError, match="none of its pictures is in"):
        migrate(study, new, diagnosis=file)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"verdict": None, "evidence": "none"}, r"names no variant \(evidence: none\)"),
        ({"compared": None}, "is no diagnosis.json of memnet diagnose"),
        ({"compared": {"image_ids": ["00.jpg"], "old": ["a"]}}, "which must be a number"),
        ({"verdict": 3}, "which must be text or null"),
        ({"verdict": "unheard-of"}, "unheard-of"),
    ],
)
def test_what_is_no_usable_diagnosis_is_refused_in_words(tmp_path, study, new, changed, said):
    file = diagnosis(tmp_path / "diagnosis.json", study, **changed)
    with pytest.raises(MemnetError, match=said):
        migrate(study, new, diagnosis=file)


def test_a_file_that_is_not_there_or_no_json_is_refused_in_words(tmp_path, study, new):
    with pytest.raises(MemnetError, match="No such file"):
        migrate(study, new, diagnosis=tmp_path / "none.json")
    (tmp_path / "table.json").write_text("image_id,score\n", encoding="utf-8")
    with pytest.raises(MemnetError, match="it is no JSON"):
        migrate(study, new, diagnosis=tmp_path / "table.json")


def test_checksums_stand_apart_and_there_is_nothing_to_fill_in(study, new):
    for scores in (new, new.drop(columns="model")):
        parts = split_methods(migrate(study, scores).record.methods)
        assert list(parts) == ["In short", "In full", "Checksums", "References"]
        assert re.search("[0-9a-f]{64}", parts["Checksums"])
        for part in ("In short", "In full"):
            assert not re.search("[0-9a-f]{64}", parts[part])
            assert not re.search(r"\[[a-z ]+here", parts[part])
        assert "how their pictures were prepared is not recorded" in parts["In full"]
        assert len(parts["In short"]) < len(parts["In full"]) / 2
