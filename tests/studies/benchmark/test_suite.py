"""A suite is read as it was meant, and what cannot be meant is one sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from memnet.errors import MemnetError
from memnet.studies.benchmark.suite import carried_suites, read_suite

DOCS = Path(__file__).parents[3] / "docs"
SMALL = 'models = ["resmem.published"]\n[[dataset]]\nname = "a"\ntruth = "a.csv"\n'


@pytest.fixture
def read(tmp_path):
    def read_text(text: str):
        (tmp_path / "suite.toml").write_text(text, encoding="utf-8")
        return read_suite(tmp_path / "suite.toml")

    return read_text


def test_every_suite_of_the_documents_is_read(read):
    blocks = re.findall(r"```toml\n(.*?)```", (DOCS / "benchmark.md").read_text(), flags=re.DOTALL)
    assert len(blocks) == 6
    suites = [read(block) for block in blocks]
    names = [dataset.name for suite in suites for dataset in suite.datasets]
    for known in ("scenes", "MemCat", "MemCat, false alarms", "THINGS", "FIGRIM"):
        assert known in names


@pytest.mark.parametrize("name", list(carried_suites()))
def test_the_suites_that_memnet_carries_need_no_pictures_and_have_all_their_tables(name):
    suite = read_suite(name)
    for dataset in suite.datasets:
        assert not dataset.pictures
        assert Path(dataset.truth).is_file()
        assert set(dataset.scores) == {model.name for model in suite.models}
        assert all(Path(file).is_file() for file, _ in dataset.scores.values())


def test_paths_are_relative_to_the_file_and_to_the_home_folder(read, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    odd = "odd:name.csv" if os.name == "posix" else "odd.csv"
    (tmp_path / odd).write_text("image_id,score\n")
    suite = read(
        'models = ["runs/a.safetensors:server"]\n'
        '[[model]]\nname = "b"\nweights = "~/b.safetensors"\n'
        '[[dataset]]\nname = "a"\ntruth = "~/a.xlsx#Sheet 1"\npictures = ["p", "q/*.png"]\n'
        '[dataset.scores]\n"runs/a.safetensors:server" = "s.csv:mine"\n'
        f'b = "{odd}"\n'
    )
    a, b = suite.models
    assert a.weights == f"{tmp_path / 'runs' / 'a.safetensors:server'}"
    assert b.weights == f"{tmp_path / 'home' / 'b.safetensors'}"
    (dataset,) = suite.datasets
    assert dataset.truth == f"{tmp_path / 'home' / 'a.xlsx#Sheet 1'}"
    assert dataset.pictures == (f"{tmp_path / 'p'}", f"{tmp_path / 'q' / '*.png'}")
    assert dataset.scores == {
        "runs/a.safetensors:server": (f"{tmp_path / 's.csv'}", "mine"),
        "b": (str(tmp_path / odd), ""),
    }


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("models", "modles", "no setting of a suite 'modles'. Did you mean 'models'?"),
        ("truth =", "thruth =", "no setting of a [[dataset]] 'thruth'. Did you mean 'truth'?"),
        ('truth = "a.csv"', "truth = 3", "dataset[0].truth is 3, which must be text"),
        ('name = "a"\n', "", "dataset[0] has no name"),
        ("[[dataset]]", "[dataset]", "dataset must be a table; write [[dataset]]"),
        ('["resmem.published"]', "[]", "it names no model"),
        ('["resmem.published"]', '["a", "a"]', "two models are called 'a'"),
        ('"a.csv"', '"package:scenes37"', "Did you mean 'package:scenes375'?"),
        ('"a.csv"', '"a.csv"\nmatch = "stems"', "Did you mean 'stem'?"),
        ('"a.csv"', '"a.csv"\ntarget = "hitrate"', "Did you mean 'hit_rate'?"),
        ('"a.csv"', '"a.csv"\ndataset = "lamem:tset"', "data set 'a': The data set 'lamem:tset'"),
        (
            '"a.csv"',
            '"a.csv"\n[dataset.scores]\n"resmem.publisht" = "b.csv"',
            "data set 'a': Its [dataset.scores] has a table of 'resmem.publisht', which is",
        ),
        (
            '"a.csv"',
            '"a.csv"\n[[dataset]]\nname = "A"\ntruth = "b.csv"',
            "two data sets are called 'a'",
        ),
        (
            "[[dataset]]",
            '[[model]]\nname = "b"\ntrained_on = "lamem"\n[[dataset]]',
            "must be a list",
        ),
        (
            "[[dataset]]",
            '[[model]]\nname = "b"\ntrained_on = ["lamem:x"]\n[[dataset]]',
            "model 'b': The data set 'lamem:x' cannot be read",
        ),
        ("models = [", "resamples = 0\nmodels = [", "resamples is 0"),
        ("models = [", "margin = 5\nmodels = [", "margin is 5"),
        ("[[dataset]]", "[[dataset", "is no TOML"),
    ],
)
def test_what_is_misspelt_is_one_sentence(read, old, new, words):
    assert read(SMALL).models
    with pytest.raises(MemnetError, match=re.escape(words)) as caught:
        read(SMALL.replace(old, new, 1))
    assert "suite.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("scenes37", "Did you mean 'scenes375'?"), ("a/b.toml", r"There is no file a/b\.toml")],
)
def test_a_suite_that_is_not_there_is_one_sentence(name, words):
    with pytest.raises(MemnetError, match=words):
        read_suite(name)
