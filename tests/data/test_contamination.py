"""Contamination: the four words, the names of data sets, and LaMem's overlapping splits."""

from __future__ import annotations

from itertools import permutations

import pytest

from memnet.data.contamination import (
    MEANINGS,
    DatasetName,
    check_trained_on,
    dataset_title,
    judge_contamination,
)
from memnet.data.datasets import known_datasets
from memnet.errors import MemnetError
from memnet.weights.catalogue import find


def contamination(trained_on, dataset, **more) -> str:
    return judge_contamination(trained_on, dataset, **more).word


def word(model: str, dataset: str) -> str:
    entry = find(model)
    return contamination(entry.trained_on, dataset, split_unpublished=entry.split_unpublished)


@pytest.mark.parametrize(
    "dataset",
    ["lamem", "LaMem", "memcat", "lamem+memcat", "memcat+lamem", "lamem:test:1", "memcat:test"],
)
def test_the_published_resmem_saw_nearly_all_of_lamem_and_memcat(dataset):
    assert word("resmem.published", dataset) == "contaminated"


@pytest.mark.parametrize(
    "dataset", ["lamem", "LAMEM", "lamem+memcat", "lamem:test:1", "lamem:val:5", "lamem:test"]
)
def test_the_original_memnet_possibly_saw_any_picture_of_lamem(dataset):
    assert word("memnet.caffe_lamem", dataset) == "possibly"


@pytest.mark.parametrize("part", ["lamem:train:1", "lamem:train", "lamem+memcat:train:seed2022"])
def test_the_original_memnet_surely_saw_most_of_any_training_part(part):
    """Two training parts of 45,000 of 58,741 pictures share at least 31,259."""
    assert word("memnet.caffe_lamem", part) == "contaminated"


@pytest.mark.parametrize(
    ("model", "dataset", "wanted"),
    [
        ("memnet.caffe_lamem", "memcat", "clean"),
        ("memnet.caffe_lamem", "scenes375", "clean"),
        ("resmem.published", "scenes375", "clean"),
        ("resmem.published", "my-faces", "possibly"),
        ("resmem.published", "", "unknown"),
        ("resmem.published", "  ", "unknown"),
    ],
)
def test_other_data_sets_are_clean_where_memnet_knows_them(model, dataset, wanted):
    assert word(model, dataset) == wanted


def test_models_whose_training_data_nobody_knows_are_unknown_on_anything():
    assert contamination(None, "lamem") == "unknown"
    assert contamination(None, "my-faces") == "unknown"


@pytest.mark.parametrize(
    ("trained_on", "dataset", "wanted"),
    [
        # another part of the same split
        (["lamem:train:1"], "lamem:test:1", "clean"),
        (["lamem:train:1"], "LaMem:Test:1", "clean"),
        (["lamem:train:1", "lamem:val:1"], "lamem:test:1", "clean"),
        (["lamem+memcat:train:seed2022"], "lamem+memcat:test:seed2022", "clean"),
        (["memcat+lamem:train:seed2022"], "lamem+memcat:test:seed2022", "clean"),
        (["my-faces:train:1"], "my-faces:test:1", "clean"),
        # the same part
        (["lamem:train:1"], "lamem:train:1", "contaminated"),
        (["lamem:train:1", "lamem:val:1"], "lamem:val:1", "contaminated"),
        # the validation part alone, where it was not used
        (["lamem:train:1"], "lamem:val:1", "clean"),
        # another split
        (["lamem:train:1"], "lamem:test:2", "contaminated"),
        (["lamem:train:2"], "lamem:val:1", "contaminated"),
        (["lamem:train:1"], "lamem:train:2", "contaminated"),
        (["lamem+memcat:train:seed2022"], "lamem+memcat:test:seed1", "contaminated"),
        # another cut through the same pictures
        (["lamem+memcat:train:seed2022"], "lamem:test:1", "contaminated"),
        (["lamem+memcat:train:seed2022"], "memcat", "contaminated"),
        (["lamem:train:1"], "lamem+memcat:test:seed2022", "contaminated"),
        (["lamem:train:1"], "lamem+memcat:test:1", "contaminated"),
        (["memcat:train:1"], "lamem+memcat", "contaminated"),
        # the tested part is not said
        (["lamem:train:1"], "lamem", "possibly"),
        (["lamem:train:1"], "lamem:test", "possibly"),
        (["lamem+memcat:train:seed2022"], "lamem+memcat", "possibly"),
        # the trained split is not said
        (["lamem:train"], "lamem:test:1", "possibly"),
        (["lamem:train"], "lamem", "possibly"),
        (["lamem:train"], "lamem+memcat", "possibly"),
        # the worst of several counts, whatever their order
        (["lamem:train:1", "lamem:train:2"], "lamem:test:1", "contaminated"),
        (["lamem:train:2", "lamem:train:1"], "lamem:test:1", "contaminated"),
        (["lamem:train:1", "lamem"], "lamem:test:1", "contaminated"),
        (["lamem:train:1", "memcat"], "lamem:test:1", "clean"),
        (["my-faces:train:1", "lamem"], "my-faces:test:1", "possibly"),
        # whole data sets, and mixtures
        (["lamem+memcat"], "memcat", "contaminated"),
        (["memcat"], "lamem+memcat:test:seed2022", "contaminated"),
        (["memcat"], "lamem:test:1", "clean"),
        (["scenes375"], "lamem+memcat", "clean"),
        (["memcat"], "lamem+my-faces", "possibly"),
        (["my-faces"], "my-faces", "contaminated"),
        ([], "lamem", "clean"),
        ([], "my-faces", "clean"),
        ([], "lamem+my-faces:test:1", "clean"),
        ([], "", "clean"),
    ],
)
def test_parts_and_splits_decide(trained_on, dataset, wanted):
    assert contamination(trained_on, dataset) == wanted


def test_an_unpublished_split_softens_only_the_data_set_that_it_names():
    assert contamination(["lamem", "memcat"], "lamem", split_unpublished=["lamem"]) == "possibly"
    mixed = contamination(["lamem", "memcat"], "lamem+memcat", split_unpublished=["lamem"])
    assert mixed == "contaminated"
    named = contamination(["lamem:train:1"], "lamem:test:1", split_unpublished=["lamem:train:1"])
    assert named == "clean"


def test_lamem_splits_overlap_as_the_rules_assume(shared):
    """Parts of one split share nothing; test and training parts of two splits share 76 to 77 %."""
    parts = {
        (part, split): {
            line.split()[0]
            for line in (shared / "data" / "lamem_splits" / f"{part}_{split}.txt")
            .read_text(encoding="utf-8")
            .splitlines()
            if line.strip()
        }
        for part in ("train", "val", "test")
        for split in range(1, 6)
    }
    for split in range(1, 6):
        for one, other in permutations(("train", "val", "test"), 2):
            assert not parts[one, split] & parts[other, split]
            used, tested = [f"lamem:{one}:{split}"], f"lamem:{other}:{split}"
            assert contamination(used, tested) == "clean"
    for one, other in permutations(range(1, 6), 2):
        seen = len(parts["test", one] & parts["train", other]) / len(parts["test", one])
        assert 0.76 <= seen < 0.78
        assert parts["val", one] & parts["train", other]
        assert contamination([f"lamem:train:{other}"], f"lamem:test:{one}") == "contaminated"


@pytest.mark.parametrize(
    "name",
    ["lamem:", "lamem:trian:1", "lamem:train:", "lamem:train:1:2", "lamem:1", "memcat+x:half"],
)
def test_a_known_data_set_with_an_unknown_part_is_refused(name):
    with pytest.raises(MemnetError, match=r"train, val, test and the split, as in .*:test:1"):
        contamination(["lamem"], name)


def test_a_colon_in_the_name_of_a_data_set_of_ones_own_is_no_part():
    assert DatasetName.parse("study:3").base == "study:3"
    assert contamination(["lamem"], "study:3") == "possibly"
    assert contamination(["study:3"], "study:3") == "contaminated"


def test_names_are_read_back_as_they_are_written():
    for text in ("lamem", "lamem:test", "lamem:test:1", "lamem+memcat:train:seed2022"):
        assert str(DatasetName.parse(text)) == text
    assert str(DatasetName.parse("MemCat+LaMem:Val:Seed7")) == "lamem+memcat:val:seed7"


def test_titles_name_part_and_split():
    assert dataset_title("lamem:test:1") == "LaMem (Khosla et al. 2015), test part of split 1"
    assert dataset_title("LaMem") == known_datasets()["lamem"].title
    assert dataset_title("memcat+lamem:val") == (
        "the mixture of Needell & Bainbridge (2022), validation part"
    )
    assert dataset_title("My-Faces") == "My-Faces"
    assert dataset_title("") == ""


@pytest.mark.parametrize(
    ("trained_on", "dataset", "why"),
    [
        (["lamem"], "", "was not named"),
        (None, "lamem", "Nobody knows"),
        (["lamem"], "lamem", "was trained on lamem."),
        (["lamem:train"], "lamem", "a part of lamem; which part was not published."),
        (["lamem:train:1"], "lamem", "name it, as in lamem:test:1"),
        (["lamem:train:1"], "lamem:test:1", "shares no picture with lamem:test:1."),
        (["lamem:train:1"], "lamem:test:2", "parts of two splits share pictures"),
        (["lamem:train:1"], "lamem:train:2", "share most of their pictures"),
        (["lamem"], "memcat", "was not trained on memcat."),
        (["lamem"], "my-faces", "does not know the data set my-faces"),
    ],
)
def test_every_verdict_says_why(trained_on, dataset, why):
    verdict = judge_contamination(trained_on, dataset)
    assert why in verdict.why
    assert verdict.why.endswith(".")
    assert verdict.word in MEANINGS


def test_possibly_is_explained_by_each_of_its_reasons():
    meaning = MEANINGS["possibly"]
    for reason in ("does not know the data set", "not published", "was not named"):
        assert reason in meaning


def test_an_unknown_training_set_may_hold_any_picture():
    """A model trained on one's own table of MemCat's pictures is not clean on MemCat."""
    verdict = judge_contamination(["human:train:a", "human:val:a"], "memcat")
    assert verdict.word == "possibly"
    assert "trained on human, which memnet does not know" in verdict.why
    assert judge_contamination(["human:train:a", "human:val:a"], "human:test:a").word == "clean"
    assert (
        judge_contamination(["human:train:a", "human:val:a", "memcat"], "memcat").word
        == "contaminated"
    )


def test_what_a_model_was_trained_on_is_a_list_of_names():
    assert check_trained_on(["lamem:train:1", "my-faces"]) == ("lamem:train:1", "my-faces")
    assert check_trained_on(()) == ()
    assert check_trained_on(None) is None


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("lamem", r"plain text 'lamem'; write it as \['lamem'\]"),
        (["lamem:trian:1"], "after 'lamem' comes nothing, or train, val, test"),
        ([""], "has '', which is no name of a data set"),
        ([1], "has 1, which is no name of a data set"),
    ],
)
def test_what_is_no_list_of_names_is_refused_with_the_right_spelling(names, sentence):
    with pytest.raises(MemnetError, match=sentence):
        check_trained_on(names)
    with pytest.raises(MemnetError, match=sentence):  # of a score table's sidecar
        judge_contamination(names, "memcat")
