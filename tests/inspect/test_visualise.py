"""Activation maximisation: planted filters are found again, and nothing else raises them more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from inspected import make_model, make_small
from memnet.data.inputs import Item
from memnet.errors import MemnetError
from memnet.inspect import memory
from memnet.inspect.layers import find_layer, find_layers
from memnet.inspect.objectives import FilterObjective, ScoreObjective
from memnet.inspect.picture_parameters import COLOURS
from memnet.inspect.recipes import Modern, Of2020
from memnet.inspect.recording import record
from memnet.inspect.transforms import transformed
from memnet.inspect.visualise import evaluate, visualise

SIDE = 41
KERNEL = 11


@pytest.fixture(scope="module")
def small():
    return make_small()


def planted_filters() -> np.ndarray:
    """An oriented edge, red minus green, a checkerboard of 3 pixels, and a dead one."""
    rows, columns = np.mgrid[:KERNEL, :KERNEL] - KERNEL // 2
    edge = np.sign(columns - 2 * rows + 0.5)  # steep: no mirror image of it is the same
    checkers = np.where((rows + 6) // 3 % 2 == (columns + 6) // 3 % 2, 1, -1)
    filters = np.zeros((4, 3, KERNEL, KERNEL))
    filters[0], filters[2] = edge, checkers
    filters[1, 0], filters[1, 1] = 1, -1
    return filters / KERNEL**2


@pytest.fixture(scope="module")
def planted():
    network = nn.Sequential(nn.Conv2d(3, 4, KERNEL), nn.ReLU(), nn.Flatten(), nn.LazyLinear(1))
    network(torch.zeros(1, 3, SIDE, SIDE))
    with torch.no_grad():
        network[0].weight.copy_(torch.from_numpy(planted_filters()))
        network[0].bias.zero_()
    return make_model(network, side=SIDE)


def correlation(one, other) -> float:
    return float(np.corrcoef(np.ravel(one), np.ravel(other))[0, 1])


# Planted.


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_planted_filter_is_found_again_in_the_field_of_the_centre(planted, number):
    """The best picture of pixels from 0 to 1 is white where the filter is positive."""
    (made,) = visualise(planted, "0", [number], objective="neuron")
    first = (SIDE - KERNEL) // 2
    patch = made.picture[first : first + KERNEL, first : first + KERNEL].transpose(2, 0, 1)
    known = planted_filters()[number]
    used = known != 0
    assert correlation(patch[used], known[used] > 0) > 0.9
    for mirrored in (known[:, ::-1], known[:, :, ::-1], known[[1, 0, 2]]):
        if not np.array_equal(mirrored, known):
            assert correlation(patch[used], mirrored[used] > 0) < 0.8
    outside = made.picture.copy()
    outside[first : first + KERNEL, first : first + KERNEL] = 128
    assert (outside == 128).all()
    best = np.clip(known, 0, None).sum()
    assert 0.85 * best < made.reached <= best + 1e-6


def test_the_channel_of_a_colour_fills_the_picture(planted):
    (made,) = visualise(planted, "0", [1])
    red, green = made.picture[:, :, 0] / 255, made.picture[:, :, 1] / 255
    inside = (slice(5, -5), slice(5, -5))
    assert correlation([red[inside], green[inside]], [np.ones((31, 31)), np.zeros((31, 31))]) > 0.9


def test_a_dead_filter_is_not_raised(planted):
    dead, alive = visualise(planted, "0", [3, 1], recipe=Modern(steps=4))
    assert not dead.raised
    assert alive.raised


# Against pictures.


def random_pictures(count: int, side: int, real: np.ndarray) -> np.ndarray:
    """Uniform noise, noise with the spectrum and colours of photographs, and shuffled pixels."""
    random = np.random.default_rng(18)
    third = count // 3
    uniform = random.random((count - 2 * third, 3, side, side))
    waves = np.fft.rfft2(random.standard_normal((third, 3, side, side)))
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)
    natural = np.fft.irfft2(waves / np.maximum(np.hypot(rows, columns), 1 / side), s=(side, side))
    natural = np.einsum("ca,nahw->nchw", np.array(COLOURS), natural)
    natural = natural / natural.std(axis=(1, 2, 3), keepdims=True) * 0.25 + 0.5
    shuffled = real[random.integers(len(real), size=third)].reshape(third, 3, -1)
    shuffled = random.permuted(shuffled, axis=2).reshape(third, 3, side, side)
    return np.concatenate([uniform, natural.clip(0, 1), shuffled]).astype(np.float32)


def best_rivals(model, layers, paths) -> list[np.ndarray]:
    """Of each layer, the largest value of each filter among real and 1,000 random pictures."""
    items = [Item(path.name, str(path), path) for path in paths]
    real: dict[str, list[np.ndarray]] = {layer.name: [] for layer in layers}
    for batch in record(model, items, layers, lambda layer, output: output.mean(dim=(2, 3))):
        for name, values in batch.values.items():
            real[name].append(values)
    side = model.preprocess.crop_hw[0]
    inputs = np.concatenate([model.preprocess.apply(path).numpy() for path in paths[:8]])
    random = torch.from_numpy(random_pictures(1000, side, inputs))
    best = []
    for layer in layers:
        objective = FilterObjective(model, layer)
        with torch.no_grad():
            made = [
                objective(random[start : start + 50], [0] * 50)[1].mean(dim=2).numpy()
                for start in range(0, 1000, 50)
            ]
        values = np.concatenate([*real[layer.name], *made])
        assert values.shape == (len(paths) + 1000, layer.filters)
        best.append(values.max(axis=0))
    return best


def check_against_pictures(model, names, filters, paths) -> None:
    """Each visualisation beats all pictures, and another seed's gets as far within 10 %."""
    layers = find_layers(model, names)
    for layer, rivals in zip(layers, best_rivals(model, layers, paths), strict=True):
        made = np.array([each.reached for each in visualise(model, layer, filters)])
        again = np.array([each.reached for each in visualise(model, layer, filters, seed=1)])
        print(f"{layer.name}: {made.round(4)}, {again.round(4)}, rivals {rivals[filters].round(4)}")
        assert (made > rivals[filters]).all()
        assert (again > rivals[filters]).all()
        assert (np.abs(made - again) <= 0.1 * np.maximum(abs(made), abs(again))).all()


def test_visualisations_beat_real_and_random_pictures(small, golden_pictures):
    check_against_pictures(small, ["second"], [1, 2, 3], list(golden_pictures.values()))


@pytest.mark.slow
def test_visualisations_of_the_published_model_beat_400_pictures(resmem, shared):
    paths = sorted((shared / "data" / "pictures" / "images").iterdir())
    assert len(paths) == 400
    check_against_pictures(resmem, ["conv2", "conv4", "resnet-13"], [0, 7], paths)


def test_the_score_that_is_reached_is_that_of_the_picture(small):
    (made,) = visualise(small, objective="score", recipe=Modern(steps=20))
    assert made.raised
    assert small.score(made.picture).raw[0] == pytest.approx(made.reached, abs=1e-6)


# Several pictures, seeds.


def test_the_same_seed_gives_the_same_picture_and_others_others(small):
    one, again = (visualise(small, "second", [1, 2], recipe=Modern(steps=8)) for _ in "12")
    for first, second in zip(one, again, strict=True):
        assert np.array_equal(first.picture, second.picture)
        assert (first.curve, first.reached) == (second.curve, second.reached)
    (other, *_) = visualise(small, "second", [1, 2], recipe=Modern(steps=8), seed=1)
    assert not np.array_equal(other.picture, one[0].picture)
    assert len(one[0].curve) == 8
    assert one[0].curve[-1] > one[0].curve[0]


def test_a_picture_has_the_same_noise_whatever_is_in_its_batch(small):
    together = visualise(small, "second", [1, 2], recipe=Modern(steps=1))
    alone = visualise(small, "second", [2], recipe=Modern(steps=1))
    assert abs(together[1].picture.astype(int) - alone[0].picture).max() <= 1


def likeness(model, layer, made) -> float:
    """Mean cosine of the Gram matrices of several pictures."""
    objective = FilterObjective(model, find_layer(model, layer))
    pictures = torch.from_numpy(np.stack([each.picture for each in made])).permute(0, 3, 1, 2) / 255
    active = objective(pictures, [0] * len(made))[1].relu()
    gram = nn.functional.normalize((active @ active.transpose(1, 2)).flatten(1), dim=1)
    return float((gram @ gram.T)[np.triu_indices(len(made), 1)].mean())


def test_several_pictures_of_a_filter_are_unlike_each_other():
    """Of a filter that answers to edges of two orientations."""
    first, second = nn.Conv2d(3, 2, KERNEL), nn.Conv2d(2, 3, 1)
    edge = planted_filters()[0]
    with torch.no_grad():
        first.weight.copy_(torch.from_numpy(np.stack([edge, edge[:, :, ::-1]])))
        second.weight.copy_(torch.tensor([[1, 1], [1, 0], [0, 1]])[:, :, None, None])
        first.bias.zero_()
        second.bias.zero_()
    model = make_model(nn.Sequential(first, nn.ReLU(), second, Mean()), side=SIDE)
    alike = visualise(model, "2", [0], diversity=3, recipe=Modern(diversity=0.0))
    diverse = visualise(model, "2", [0], diversity=3)
    assert [each.number for each in diverse] == [0, 1, 2]
    assert likeness(model, "2", diverse) < likeness(model, "2", alike) - 0.1
    assert min(each.reached for each in diverse) > alike[0].start


class Mean(nn.Module):
    """``(N, ...)`` -> ``(N,)``."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).mean(dim=1)


# The recipe of 2020.


def test_the_recipe_of_2020_has_the_published_sizes_and_cuts_off(planted):
    (made,) = visualise(planted, "0", [0], recipe=Of2020(octaves=2))
    assert made.picture.shape == (96, 96, 3)  # 67, 80, 96
    assert len(made.curve) == 72
    sides = [67]
    for _ in range(Of2020().octaves):
        sides.append(int(sides[-1] * Of2020().enlarge))
    assert sides[-1] == 1213
    # All that is above white stays white; wrapped around it would be black.
    (red,) = visualise(planted, "0", [1], recipe=Of2020(octaves=3))
    inside = red.picture[20:-20, 20:-20].reshape(-1, 3)
    assert inside[:, 0].min() > 180
    assert inside[:, 1].max() < 150
    assert red.raised


def test_the_recipe_of_2020_starts_from_grey_noise(planted):
    """Of 150 to 180: so red minus green is 0 of 255, within the noise."""
    (made,) = visualise(planted, "0", [1], recipe=Of2020(octaves=1, steps=1))
    assert made.start == pytest.approx(0, abs=0.01)
    levels = made.picture[5:-5, 5:-5]
    assert 148 <= levels.min() < levels.max() <= 184


# Parts.


def test_a_transform_of_nothing_is_the_picture_itself_and_a_shift_is_whole():
    picture = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(1))
    drawn = torch.Generator().manual_seed(2)
    same = transformed(picture, [drawn], jitter=0, degrees=0, scale=0)
    assert (same - picture).abs().max() < 1e-5
    down, right = (torch.rand(4, generator=torch.Generator().manual_seed(3)) * 2 - 1)[:2].tolist()
    shifted = transformed(picture, [torch.Generator().manual_seed(3)], jitter=5, degrees=0, scale=0)
    rolled = picture.roll((-round(5 * down), -round(5 * right)), dims=(2, 3))
    assert (shifted - rolled)[:, :, 5:-5, 5:-5].abs().max() < 1e-5


def test_only_the_network_up_to_the_layer_is_computed(small):
    reached = []
    hook = small.network.second.register_forward_hook(lambda *_: reached.append(1))
    try:
        visualise(small, "first", [0], recipe=Modern(steps=2))
    finally:
        hook.remove()
    assert reached == [1]  # by the search for layers, and never again


def test_the_centre_unit_sees_the_centre(small):
    """The gradient of the neuron objective lies in the field of the layer's middle unit."""
    layer = find_layer(small, "first")
    picture = torch.rand(1, 3, 33, 33).requires_grad_()
    FilterObjective(small, layer, "neuron")(picture, [2])[0].sum().backward()
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten().tolist()
    assert (rows[0], rows[-1]) == (14, 18)


def test_the_network_sees_the_part_of_the_mean_image_in_the_centre(mini):
    import memnet
    from memnet.preprocess.differentiable import network_input

    model = memnet.load(mini, device="cpu")
    spec, mean = model.preprocess, model.mean_image
    height, width = spec.crop_hw
    black = network_input(torch.zeros(1, 3, height, width), spec, mean_image=mean)
    row, column = (
        (whole - part) // 2 for whole, part in zip(mean.shape, spec.crop_hw, strict=False)
    )
    wanted = -mean[row : row + height, column : column + width].transpose(2, 0, 1)
    assert np.array_equal(black[0].numpy(), wanted)
    colour = torch.tensor([0.2, 0.4, 0.6])[None, :, None, None].expand(1, 3, height, width)
    change = network_input(colour, spec, mean_image=mean) - black
    assert change[0, :, 0, 0].tolist() == pytest.approx([153, 102, 51], abs=1e-3)  # BGR
    larger = network_input(torch.zeros(1, 3, 300, 300), spec, mean_image=mean)
    assert larger[0, :, 0, 0].numpy() == pytest.approx(-mean.mean(axis=(0, 1)), abs=1e-3)


class Tokens(nn.Module):
    """``(N, 3, 8, 8)`` -> ``(N,)``, by a dense layer for each of 4 pieces of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.each = nn.Linear(3 * 16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pieces = nn.functional.unfold(x, 4, stride=4).transpose(1, 2)  # N x 4 x 48
        return self.each(pieces).mean(dim=(1, 2))


def test_a_unit_of_a_transformer_is_averaged_over_its_tokens():
    model = make_model(Tokens(), side=8)
    layer = find_layer(model, "each")
    assert layer.shape == (4, 5)
    pictures = torch.rand(2, 3, 8, 8)
    values, outputs = FilterObjective(model, layer)(pictures, [1, 4])
    pieces = nn.functional.unfold(pictures, 4, stride=4).transpose(1, 2)
    wanted = model.network.each(pieces).mean(dim=1)
    assert values.tolist() == pytest.approx([wanted[0, 1].item(), wanted[1, 4].item()], abs=1e-6)
    assert outputs.shape == (2, 5, 4)
    with pytest.raises(MemnetError, match=r"a unit for each of 4 pieces .*--objective channel"):
        FilterObjective(model, layer, "neuron")


# Bad input.


@pytest.mark.parametrize(
    ("layer", "filters", "more", "sentence"),
    [
        ("second", [4], {}, r"second has no filter 4: its 4 filters are 0 to 3\."),
        ("second", [-1], {}, r"has no filter -1"),
        ("second", [], {}, r"No filter of second is named; give 0 to 3\."),
        ("secnd", [0], {}, r"no layer 'secnd'\. Did you mean 'second'"),
        (None, [0], {}, r"Which layer\?"),
        ("second", [0], {"objective": "score"}, r"of the whole network: name no layer"),
        ("second", [0], {"objective": "unit"}, r"no objective 'unit'.*'channel', 'neuron'"),
        ("score", [0], {"recipe": Of2020()}, r"The recipe of 2020 is for convolutions"),
    ],
)
def test_bad_input_is_one_clear_sentence(small, layer, filters, more, sentence):
    with pytest.raises(MemnetError, match=sentence):
        visualise(small, layer, filters, **more)


def test_what_does_not_fit_the_memory_is_said_before(small, monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda device: 2**25)
    sentence = (
        r"4 pictures of 1,011 x 1,011 pixels needs about \d+\.\d GB .* 0\.0 GB are free: its last "
        r"octave is 1,011 x 1,011 pixels; use fewer --octaves\."
    )
    with pytest.raises(MemnetError, match=sentence):
        visualise(small, "second", [0, 1, 2, 3], recipe=Of2020())
    assert visualise(small, "second", [0], recipe=Of2020(octaves=1, steps=1))
    monkeypatch.setattr(memory, "free_memory", lambda device: 2**13)
    with pytest.raises(MemnetError, match=r"33 x 33 pixels .*: use a smaller --batch-size\."):
        visualise(small, "second", [0], recipe=Modern(steps=1))


def test_a_score_has_no_unit_in_the_centre_to_look_for(small):
    assert ScoreObjective(small).seen().all()
    value = evaluate(ScoreObjective(small), np.zeros((33, 33, 3), np.uint8), 0, small.device)
    assert value == pytest.approx(small.score(np.zeros((33, 33, 3), np.uint8)).raw[0], abs=1e-6)
