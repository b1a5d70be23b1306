"""`memnet bench`: what binds is found, operations are counted right, rates are of the whole."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import torch
from PIL import Image

import memnet
from memnet.data.inputs import Item
from memnet.errors import MemnetError
from memnet.scoring.speed import flop_of, made_pictures, time_model
from memnet.weights.catalogue import find

SPEC = find("resmem.published").preprocess


def model_of(function):
    return memnet.Predictor.from_function("timed.v1", function, preprocess=SPEC)


def slow(crops):
    time.sleep(0.2 * len(crops))
    return crops.mean(dim=(1, 2, 3))


def quick(crops):
    return crops.mean(dim=(1, 2, 3))


def test_a_network_that_waits_binds_and_its_rate_is_what_it_waits():
    speed, peak = time_model(model_of(slow), made_pictures(3), batch_size=2, rounds=1)
    assert speed.bound == "network"
    assert speed.network <= 5  # 0.2 s each
    assert speed.whole <= speed.network * 2  # without the network it would be 20 times as fast
    assert peak > 0


def test_pictures_that_are_hard_to_read_bind_where_the_network_does_next_to_nothing():
    speed, _ = time_model(model_of(quick), made_pictures(4), batch_size=2, rounds=1)
    assert speed.bound == "reading"
    assert speed.reading < speed.network


def test_operations_are_those_of_the_convolution():
    convolution = torch.nn.Conv2d(3, 5, kernel_size=7, bias=False)
    model = model_of(lambda crops: convolution(crops).mean(dim=(1, 2, 3)))
    height, width = SPEC.crop_hw
    # Each output is 7 x 7 x 3 products and as many sums, for 5 channels.
    expected = 2 * 7 * 7 * 3 * 5 * (height - 6) * (width - 6)
    assert flop_of(model, torch.zeros(1, 1, 3, height, width)) == expected


def test_a_function_without_operations_of_torch_has_no_share_of_the_peak():
    model = model_of(lambda crops: np.asarray(crops)[:, 0, 0, 0])
    speed, _ = time_model(model, made_pictures(2), rounds=1)
    assert (speed.gflop, speed.share_of_peak) == (None, None)


def test_pictures_that_cannot_be_read_do_not_count(capsys):
    bad = Item(image_id="bad", path="bad", picture=b"no picture")
    speed, _ = time_model(model_of(slow), [*made_pictures(2), bad], rounds=1)
    assert speed.network <= 5
    assert "1 of 3 pictures cannot be read and do not count, as bad (" in capsys.readouterr().err
    with pytest.raises(MemnetError, match="None of 1 pictures can be read"):
        time_model(model_of(slow), [bad], rounds=1)


def test_made_pictures_are_as_hard_to_decode_as_photographs():
    (item,) = made_pictures(1)
    bits = 8 * len(item.picture) / (1024 * 768)
    assert 0.5 < bits < 4  # a photograph of quality 90 has 1 to 3 bits per pixel
    assert Image.open(io.BytesIO(item.picture)).size == (1024, 768)
