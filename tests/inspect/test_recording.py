"""What is recorded of layers, beside a forward pass written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

import memnet
from inspected import make_model, make_small, make_spec, noise
from memnet.data.inputs import Item
from memnet.inspect.layers import find_layers, layers_of
from memnet.inspect.recording import record
from memnet.preprocess.decode import decode


def items_of(pictures) -> list[Item]:
    return [Item(f"{place}.png", "", picture) for place, picture in enumerate(pictures)]


def whole(layer, output):
    return output


def by_hand(model, pictures) -> tuple[np.ndarray, np.ndarray]:
    """Compute both convolutions' values, ``(N, crops, ...)``, from the weights."""
    first, second = model.network.first, model.network.second
    decoded = [decode(each, exif_orientation="ignore") for each in pictures]
    with torch.no_grad():
        crops = torch.stack([model.preprocess.apply_decoded(each) for each in decoded])
        a = conv2d(crops.flatten(0, 1), first.weight, first.bias, stride=2)
        b = conv2d(torch.relu(a), second.weight, second.bias, padding=1)
    return tuple(each.unflatten(0, crops.shape[:2]).numpy() for each in (a, b))


@pytest.mark.parametrize("batch_size", [2, 8])
def test_values_are_those_before_relu_of_each_picture(batch_size):
    """MemNet's ReLU, and this one's, writes over what the layer gave."""
    model, pictures = make_small(), noise(5)
    layers = find_layers(model, ["second", "first"])
    batches = list(record(model, items_of(pictures), layers, whole, batch_size=batch_size))
    assert [len(batch.items) for batch in batches] == ([2, 2, 1] if batch_size == 2 else [5])
    assert [place for batch in batches for place in batch.places] == list(range(5))
    for name, expected in zip(("first", "second"), by_hand(model, pictures), strict=True):
        got = np.concatenate([batch.values[name] for batch in batches])
        assert expected.min() < 0
        np.testing.assert_allclose(got, expected[:, 0], atol=1e-5)


def test_scores_are_those_of_scoring():
    model, pictures = make_small(crops=3), noise(4)
    (batch,) = record(model, items_of(pictures), layers_of(model), whole)
    np.testing.assert_array_equal(batch.scores, model.score(pictures)["score"])


def test_of_several_crops_the_mean_of_what_is_kept_is_taken():
    """Not what is kept of the mean: the largest value of each crop, and of these the mean."""
    model, pictures = make_small(crops=3), noise(2)
    layers = find_layers(model, ["first"])
    (batch,) = record(model, items_of(pictures), layers, lambda _, x: x.amax(dim=(2, 3)))
    expected, _ = by_hand(model, pictures)
    np.testing.assert_allclose(
        batch.values["first"], expected.max(axis=(3, 4)).mean(axis=1), atol=1e-5
    )


def test_pictures_that_fail_are_named_and_the_others_stay_in_their_places():
    model, pictures = make_small(), noise(6)
    pictures[0] = pictures[1] = pictures[4] = b"no picture"
    layers = find_layers(model, ["first"])
    batches = list(record(model, items_of(pictures), layers, whole, batch_size=2))
    assert [batch.places for batch in batches] == [[], [2, 3], [5]]
    assert batches[0].values == {}
    failed = [each for batch in batches for each in batch.failed]
    assert [(each.place, each.item.image_id) for each in failed] == [
        (0, "0.png"),
        (1, "1.png"),
        (4, "4.png"),
    ]
    expected, _ = by_hand(model, [pictures[place] for place in (2, 3, 5)])
    got = np.concatenate([batch.values["first"] for batch in batches[1:]])
    np.testing.assert_allclose(got, expected[:, 0], atol=1e-5)


def test_a_picture_without_a_finite_score_fails_alone():
    class Sour(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 1)

        def forward(self, x):
            self.conv(x)
            return torch.log(x.amax(dim=(1, 2, 3)))

    black = np.zeros((40, 50, 3), np.uint8)
    model = make_model(Sour(), side=33)
    pictures = [noise(1)[0], black, noise(1)[0]]
    (batch,) = record(model, items_of(pictures), layers_of(model), whole)
    assert batch.places == [0, 2]
    assert len(batch.values["conv"]) == len(batch.scores) == 2
    np.testing.assert_array_equal(batch.values["conv"][0], batch.values["conv"][1])
    (failed,) = batch.failed
    assert failed.place == 1
    assert failed.reason == "The model gave -inf, no finite number."


def test_hooks_are_gone_also_when_it_is_left_early():
    model = make_small()
    for _ in record(model, items_of(noise(4)), layers_of(model), whole, batch_size=1):
        break
    assert not any(module._forward_hooks for module in model.network.modules())


def test_a_layer_that_is_called_twice_has_no_one_value():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return self.conv(self.conv(x)).mean(dim=(1, 2, 3))

    model = memnet.Predictor.from_function("twice.v1", Twice(), preprocess=make_spec(33))
    with pytest.raises(memnet.MemnetError, match="calls its layer conv more than once"):
        list(record(model, items_of(noise(1)), layers_of(model), whole))
