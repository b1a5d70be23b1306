"""Visualisations in a folder: resumed, replaced, named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inspected import make_small
from memnet.errors import MemnetError
from memnet.inspect.recipes import Modern
from memnet.inspect.visualisation_files import NAME, visualise_to
from memnet.inspect.visualise import evaluate, resolve

FEW = Modern(steps=6)


@pytest.fixture
def small():
    return make_small()


def make(folder, model, filters=(0, 1, 2, 3), *, recipe=FEW, seed=0, diversity=1, aim="channel"):
    objective, names = resolve(model, "second", filters, aim)
    return visualise_to(
        folder,
        model,
        objective,
        names,
        recipe=recipe,
        diversity=diversity,
        seed=seed,
        batch_size=2,
    )


def rows_of(folder: Path) -> dict[str, dict]:
    content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    return {row["file"]: row for row in content["pictures"]}


def test_what_is_written_says_how_it_was_made_and_is_what_was_reached(small, tmp_path):
    assert make(tmp_path, small) == []
    rows = rows_of(tmp_path)
    assert list(rows) == [f"second_{number}.png" for number in range(4)]
    objective, _ = resolve(small, "second", [0], "channel")
    for number, (file, row) in enumerate(rows.items()):
        picture = np.asarray(Image.open(tmp_path / file))
        assert picture.shape == (33, 33, 3)
        assert evaluate(objective, picture, number, small.device) == pytest.approx(
            row["reached"], abs=1e-6
        )
        assert row["reached"] > row["start"]
        assert len(row["curve"]) == 6
        made_of = row["made_of"]
        assert (made_of["filter"], made_of["layer"], made_of["seed"]) == (number, "second", 0)
        assert made_of["recipe"]["name"] == "modern"
        assert made_of["recipe"]["steps"] == 6
        assert made_of["model"]["name"] == "random.test"
        assert made_of["model"]["preprocess_digest"]
        assert row["versions"]["torch"]
    text = (tmp_path / NAME).read_text(encoding="utf-8")
    assert sum('"curve": [' in line and "]" in line for line in text.splitlines()) == 4


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_a_run_that_was_cut_short_goes_on_and_ends_as_one_that_was_not(
    small, tmp_path, monkeypatch
):
    make(tmp_path / "whole", small)
    ascend, calls = Modern.ascend, []

    def cut_short(self, *arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return ascend(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Modern, "ascend", cut_short)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path / "cut", small)
    assert list(rows_of(tmp_path / "cut")) == ["second_0.png", "second_1.png"]
    before = (tmp_path / "cut" / "second_0.png").stat().st_mtime_ns
    make(tmp_path / "cut", small)
    assert (tmp_path / "cut" / "second_0.png").stat().st_mtime_ns == before
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_what_is_there_is_made_anew_only_where_it_would_be_another(small, tmp_path, monkeypatch):
    make(tmp_path, small)
    calls = []
    ascend = Modern.ascend
    monkeypatch.setattr(
        Modern, "ascend", lambda *given: calls.append(list(given[2])) or ascend(*given)
    )
    make(tmp_path, small)
    assert calls == []
    (tmp_path / "second_2.png").write_bytes(b"something else")
    make(tmp_path, small)
    assert calls == [[2]]
    before = rows_of(tmp_path)
    make(tmp_path, small, [1], seed=5)
    assert calls == [[2], [1]]
    assert rows_of(tmp_path)["second_1.png"]["made_of"]["seed"] == 5
    assert rows_of(tmp_path)["second_0.png"] == before["second_0.png"]
    make(tmp_path, small, [1], diversity=3)
    assert calls[2:] == [[1, 1, 1]]
    assert {"second_1_0.png", "second_1_1.png", "second_1_2.png"} < set(rows_of(tmp_path))


def test_a_dead_filter_is_named_and_the_others_have_pictures(small, tmp_path):
    with torch.no_grad():
        small.network.second.weight[2] = 0
    for _ in "12":  # the second time it is known
        (sentence,) = make(tmp_path, small)
        assert sentence.startswith("second, filter 2: gradient ascent got no further than the ")
    assert not (tmp_path / "second_2.png").exists()
    assert rows_of(tmp_path)["second_2.png"]["sha256"] is None
    assert (tmp_path / "second_3.png").exists()


def test_another_models_folder_is_refused(small, tmp_path):
    make(tmp_path, small, [0])
    small.name = "other.test"
    with pytest.raises(MemnetError, match=r"holds pictures of random\.test .*choose another --out"):
        make(tmp_path, small, [0])


@pytest.mark.parametrize("content", ["{", '{"pictures": [{"file": 3}]}', '{"pictures": {}}'])
def test_a_damaged_record_is_named(small, tmp_path, content):
    (tmp_path / NAME).write_text(content, encoding="utf-8")
    with pytest.raises(MemnetError, match=rf"{NAME} cannot be read .*choose another --out"):
        make(tmp_path, small)
