"""Settings: the paper's presets, files, changes, and one sentence for what is wrong."""

from __future__ import annotations

import pytest

from memnet.errors import MemnetError
from memnet.reimpl.training.config import PRESETS, read_config


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_have_the_papers_settings(preset):
    config = read_config(preset)
    assert (config.learning_rate, config.momentum, config.epochs) == (1e-5, 0.9, 20)
    assert config.dropout == 0.5
    assert config.batch_size == 32


def test_frozen_or_retrained_is_a_matter_of_settings():
    frozen, retrained = read_config("resmem"), read_config("resmem-retrain")
    assert frozen.arch == retrained.arch == "resmem"
    assert (frozen.freeze, retrained.freeze) == (("resnet",), ())
    assert frozen.starts == retrained.starts
    assert frozen.starts["resnet"] == "imagenet"


def test_m3m_keeps_its_fcn_and_trains_its_resnet():
    config = read_config("m3m")
    assert config.freeze == ("segmentation",)
    assert config.starts["segmentation"] == "coco"


def test_only_the_originals_layout_is_shown_random_crops_and_mirror_images():
    assert {p: (read_config(p).crop, read_config(p).mirror) for p in PRESETS} == {
        **dict.fromkeys(PRESETS, ("centre", False)),
        "memnet96": ("random", True),
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_reads_the_same(preset, tmp_path):
    config = read_config(preset, changes={"sizes": {"fc6": 64}, "learning_rate": 3.3e-7})
    (tmp_path / "config.toml").write_text(config.to_toml())
    assert read_config(file=tmp_path / "config.toml") == config


def test_the_last_word_counts_and_tables_are_merged(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('learning_rate = 0.1\nmomentum = 0.5\nstarts = { resnet = "random" }\n')
    config = read_config("resmem", file, {"momentum": 0.7, "sizes": {"fc7": 8}})
    assert (config.learning_rate, config.momentum) == (0.1, 0.7)
    assert config.starts == {"resnet": "random", "convolutions": "random", "head": "random"}
    assert config.sizes == {"fc7": 8}


@pytest.mark.parametrize(
    ("preset", "changes", "words"),
    [
        ("resnem", {}, "resmem"),
        ("", {}, "missing; name a preset"),
        ("resmem", {"lerning_rate": 1.0}, "learning_rate"),
        ("resmem", {"learning_rate": 0.0}, "above 0"),
        ("resmem", {"learning_rate": float("nan")}, "above 0"),
        ("resmem", {"learning_rate": "fast"}, "a number"),
        ("resmem", {"momentum": 1.0}, "below 1"),
        ("resmem", {"epochs": 2.5}, "a whole number"),
        ("resmem", {"epochs": True}, "a whole number"),
        ("resmem", {"crop": "corner"}, "centre or random"),
        ("resmem", {"precision": "64"}, "32 or bf16 or 16"),
        ("resmem", {"freeze": ("resnett",)}, "resnet"),
        ("resmem", {"freeze": ("resnet", "convolutions", "head")}, "nothing would be trained"),
        ("resmem", {"mirror": True}, "never change"),
        ("resmem", {"crop": "random"}, "never change"),
        ("resmem", {"freeze": ("head",)}, "has no output"),
        ("memnet", {"starts": {"resnet": "random"}}, "branch of memnet48"),
        ("memnet", {"arch": "resmem"}, "does not say where resnet"),
        ("memnet", {"arch": "alexnet"}, "architecture"),
        ("memnet", {"sizes": {"fc12": 3}}, "fc12"),
        ("memnet", {"sizes": {"fc7": 10**30}}, "fc7 is 1000.*from 1 to 2147483647"),
        ("memnet", {"learning_rate": 10**400}, "learning_rate is a whole number of 401 digits"),
        ("memnet", {"batch_size": 10**400}, "batch_size is 1000.*from 1 to 2147483647"),
        ("memnet", {"weight_decay": float("inf")}, "0 or more and finite"),
    ],
)
def test_what_is_wrong_is_said(preset, changes, words):
    with pytest.raises(MemnetError, match=words):
        read_config(preset, changes=changes)


def test_a_file_that_is_no_toml_or_is_not_there_is_said(tmp_path):
    (tmp_path / "a.toml").write_text("learning_rate 3")
    with pytest.raises(MemnetError, match=r"a\.toml is no TOML"):
        read_config("resmem", tmp_path / "a.toml")
    with pytest.raises(MemnetError, match="There is no file"):
        read_config("resmem", tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("freeze = " + "[" * 5000, "is no TOML: it is nested too deeply"),
        ("epochs = 1" + "0" * 5000, "is no TOML: "),
        ("learning_rate = 1" + "0" * 400, "a whole number of 401 digits, too large"),
    ],
)
def test_toml_that_no_setting_can_hold_is_one_sentence(tmp_path, text, words):
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(MemnetError, match=words):
        read_config("resmem", tmp_path / "a.toml")


def test_sizes_beyond_what_pytorch_can_count_are_one_sentence():
    config = read_config("memnet", changes={"sizes": {"fc6": 2**31 - 1, "fc7": 2**31 - 1}})
    with pytest.raises(MemnetError, match="cannot be built"):
        config.build()


def test_advice_names_a_larger_learning_rate_only_where_it_is_larger():
    few = {"epochs": 1, "batch_size": 32}
    low = read_config("memnet", changes={**few, "learning_rate": 1e-5}).advice(64)
    assert "2 step(s) with a learning rate of 1e-05 will change little" in low
    assert "such as --learning-rate 0.001" in low
    high = read_config("memnet", changes={**few, "learning_rate": 0.001}).advice(64)
    assert "will change little" in high
    assert "such as" not in high
