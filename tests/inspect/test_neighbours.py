"""Neighbours of a picture: how near they are, and what they really score."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import memnet
from inspected import make_small, make_spec
from memnet.errors import MemnetError
from memnet.inspect.neighbours import neighbours, write_neighbours


@pytest.fixture(scope="module")
def small():
    return make_small()


@pytest.fixture(scope="module")
def photo(golden_pictures):
    return golden_pictures["astronaut_256x256.png"]


def linear_model(weights: np.ndarray, side: int = 33, crop: int = 21) -> memnet.Predictor:
    """Score: the mean of weighted pixels of the middle, which is all that the network sees."""

    class Weighted(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x * torch.from_numpy(weights).to(x)).mean(dim=(1, 2, 3))

    spec = make_spec(crop).to_dict()
    first = (side - crop) // 2
    spec |= {"resize_hw": [side, side], "crop_offsets": [[first, first]]}
    spec = memnet.PreprocessSpec.from_dict(
        {name: tuple(map(tuple, v)) if name == "crop_offsets" else v for name, v in spec.items()}
    )
    return memnet.Predictor.from_function("weighted.v1", Weighted(), preprocess=spec)


@pytest.mark.parametrize("within", [1.0, 4.0, 20.0])
def test_the_best_neighbours_of_a_linear_score_are_found(within):
    """They lie along the weights, at the distance; away from black and white."""
    weights = np.random.default_rng(1).standard_normal((3, 21, 21))
    model = linear_model(weights)
    grey = np.full((33, 33, 3), 128, np.uint8)
    found = neighbours(model, grey, within)
    best = within / 255 * np.sqrt(np.mean(weights**2))  # by Cauchy and Schwarz
    gain, loss = found.most.raw - found.start.raw, found.start.raw - found.least.raw
    assert best * (0.85 if within == 1 else 0.97) < gain <= best * 1.0001
    assert best * (0.85 if within == 1 else 0.97) < loss <= best * 1.0001
    for one in (found.most, found.least):
        change = one.picture.astype(float) - grey
        seen = change[6:27, 6:27]
        assert one.distance == pytest.approx(np.sqrt(np.mean(seen**2)))
        assert 0.9 * within < one.distance <= within
        change[6:27, 6:27] = 0
        assert not change.any()  # the network does not see it
    assert found.is_grey


def test_black_and_white_are_kept_and_the_distance_holds_all_the_same():
    model = linear_model(np.ones((3, 21, 21)))
    found = neighbours(model, np.full((33, 33, 3), 250, np.uint8), 20.0)
    assert found.most.picture.max() == 255
    assert found.most.distance <= 20
    assert found.least.distance > 19


def test_the_scores_are_those_of_the_written_files(small, photo, tmp_path):
    found, record = write_neighbours(tmp_path, small, photo, 3.0)
    assert record == json.loads((tmp_path / "neighbours.json").read_text(encoding="utf-8"))
    assert record["score"] == pytest.approx(small.score(photo).score[0], abs=1e-9)
    start = np.asarray(Image.open(tmp_path / record["start"]["file"])).astype(float)
    for name in ("most", "least"):
        row = record[name]
        path = tmp_path / row["file"]
        assert row["score"] == pytest.approx(small.score(path).score[0], abs=1e-6)
        change = np.asarray(Image.open(path)) - start
        assert row["distance"] == pytest.approx(np.sqrt(np.mean(change**2)))
        assert 0 < row["distance"] <= 3
        assert row["raw"] == pytest.approx(getattr(found, name).raw, abs=1e-6)
        assert row["raw_before_rounding"] != row["raw"]
    assert record["least"]["raw"] < record["start"]["raw"] < record["most"]["raw"]
    assert record["start"]["raw"] == pytest.approx(record["start"]["raw_before_rounding"], abs=1e-6)
    assert not found.is_grey


def test_farther_neighbours_are_more_extreme_and_the_same_every_time(small, photo):
    near, far, again = (neighbours(small, photo, within) for within in (1.0, 8.0, 8.0))
    assert far.least.raw < near.least.raw < near.most.raw < far.most.raw
    assert np.array_equal(far.most.picture, again.most.picture)


@pytest.mark.slow
def test_neighbours_of_the_published_model(resmem, photo):
    found = neighbours(resmem, photo, 2.0, steps=15)
    for one in (found.start, found.most, found.least):
        print(f"{one.distance:.3f} levels: raw {one.raw:.4f}, unrounded {one.unrounded:.4f}")
    assert found.most.score > found.start.score + 0.05
    assert found.least.score < found.start.score - 0.05


@pytest.mark.parametrize("within", [0.0, -1.0, 256.0, float("nan")])
def test_no_distance_is_refused(small, photo, within):
    with pytest.raises(MemnetError, match=r"The distance is .*; it must be above 0 and at most"):
        neighbours(small, photo, within)


def test_a_score_that_does_not_change_has_no_neighbours():
    model = linear_model(np.zeros((3, 21, 21)))
    with pytest.raises(MemnetError, match=r"The score does not change with the picture"):
        neighbours(model, np.full((33, 33, 3), 128, np.uint8), 2.0)
