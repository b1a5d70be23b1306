"""Maps of where in a picture: planted parts are found, geometry, and the sanity check."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import memnet
from inspected import make_small, make_spec, noise
from map_models import edge_model, part_model
from memnet.inspect.map_geometry import places, seen_by, spread, window_length
from memnet.inspect.maps import MapMaker, MapSettings, compare_maps
from memnet.inspect.randomised import randomised
from memnet.weights.catalogue import find

UPPER_LEFT = (slice(0, 16), slice(0, 16))


def _make(model, picture, method="windows", **settings):
    return MapMaker(model, MapSettings(method, **settings)).make(picture)


def _share(values, rows: slice, columns: slice) -> float:
    """The share of a map's mass that lies in a part of it."""
    values = np.nan_to_num(values.astype(float))
    return np.abs(values[rows, columns]).sum() / np.abs(values).sum()


def _uniform(height: int, width: int, level: int = 255) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


# The part that matters is found


def test_occlusion_and_gradients_find_the_part_that_the_score_depends_on():
    pytest.importorskip("captum")
    model = part_model(*UPPER_LEFT)
    for method, settings in (("occlusion", {"sizes": (0.125,)}), ("gradient", {})):
        made = _make(model, _uniform(60, 90), method, **settings)
        assert made.values.shape == (60, 90), "in the picture's own pixels"
        assert _share(made.values, slice(0, 30), slice(0, 45)) > 0.9, method


def test_windows_find_the_bright_part():
    model = part_model(slice(None), slice(None))  # mean brightness
    picture = _uniform(80, 120, 0)
    picture[40:64, 60:96] = 255
    made = _make(model, picture, sizes=(0.05,))
    assert _share(made.values, slice(40, 64), slice(60, 96)) > 0.9
    assert made.values[52, 78] == pytest.approx(1.0, abs=1e-4)


def test_occlusion_finds_the_part_for_a_function_that_takes_pictures():
    def upper_left(pictures):
        return [np.asarray(each)[:30, :45].mean() / 255 for each in pictures]

    model = memnet.Predictor.from_function("part.v1", upper_left)
    made = _make(model, _uniform(60, 90), "occlusion", sizes=(0.1,))
    assert _share(made.values, slice(0, 30), slice(0, 45)) > 0.9
    assert made.values.max() == pytest.approx((1 - 344 / 3 / 255) / 25, rel=1e-4)


def test_occlusion_is_the_raw_score_that_a_grey_patch_takes():
    # A patch of 4 x 4 of the 16 x 16 pixels that count takes 1/16 of white minus grey.
    made = _make(part_model(*UPPER_LEFT), _uniform(32, 32), "occlusion", sizes=(0.125,))
    assert made.values[8, 8] == pytest.approx((1 - 344 / 3 / 255) / 16, rel=1e-4)


def test_attributions_add_up_to_the_difference_from_grey():
    pytest.importorskip("captum")
    picture = noise(1)[0]
    model = make_small()
    made = _make(model, picture, "gradient")
    grey = np.zeros_like(picture) + np.array([124, 116, 104], np.uint8)
    raw, of_grey = model.score([picture, grey], cache=False).raw
    assert made.completeness.difference == pytest.approx(raw - of_grey, abs=1e-6)
    assert np.nansum(made.values) == pytest.approx(raw - of_grey, abs=1e-5)
    assert made.completeness.holds
    coarse = dataclasses.replace(made.completeness, total=made.completeness.total + 0.02)
    assert not coarse.holds
    assert "take more steps" in dataclasses.replace(made, completeness=coarse).warnings[0]


# Geometry


def test_what_a_centre_crop_cuts_off_is_masked_and_the_rest_lies_where_it_is():
    pytest.importorskip("captum")
    spec = dataclasses.replace(
        make_spec(32), resize_hw=(40, 40), crop_offsets=((4, 4),)
    )  # a tenth of each side is not seen
    model = part_model(slice(0, 8), slice(24, 32), spec)  # the upper right of the crop
    for method, settings in (("occlusion", {"sizes": (0.05,)}), ("gradient", {})):
        made = _make(model, _uniform(100, 50), method, **settings)
        seen = ~np.isnan(made.values)
        assert seen[10:90, 5:45].all(), method
        assert seen.sum() == 80 * 40, method
        assert _share(made.values, slice(10, 30), slice(35, 45)) > 0.9, method
    windows = _make(model, _uniform(100, 50), sizes=(0.4,))
    seen = ~np.isnan(windows.values)  # a tenth of the outer windows of 40 x 20
    assert seen[4:96, 2:48].all()
    assert seen.sum() == 92 * 46
    both = _make(model, _uniform(100, 50), sizes=(0.4, 0.2))
    np.testing.assert_array_equal(np.isnan(both.values), ~seen)


def test_a_mirrored_crop_is_mirrored_back():
    pytest.importorskip("captum")
    spec = dataclasses.replace(
        make_spec(32), resize_hw=(32, 40), crop_offsets=((0, 0),), crop_mirrors="of-mirrored"
    )
    model = part_model(slice(None), slice(0, 8), spec)
    values = _make(model, _uniform(32, 40), "gradient").values
    for columns in (slice(0, 8), slice(32, 40)):
        assert _share(values, slice(None), columns) == pytest.approx(0.5)


def test_ten_crops_show_the_whole_picture_and_one_in_the_middle_does_not():
    ten = find("memnet.caffe_lamem").preprocess
    assert seen_by(ten, (300, 400)).all()
    middle = seen_by(find("resmem.published").preprocess, (256, 256))
    assert middle.sum() == 227**2
    assert seen_by(None, (3, 4)).all()


def test_windows_reach_from_edge_to_edge():
    for share, stride, count in ((0.5, 0.5, 3), (0.3, 0.5, 6), (0.2, 0.5, 9), (1, 0.5, 1)):
        for length in range(40, 300):
            starts, size = places(length, share, stride), window_length(length, share)
            assert (starts[0], starts[-1]) == (0, length - size)
            assert len(starts) == count, (share, length)
            assert max(np.diff(starts), default=0) <= size * stride + 1
    assert places(1, 0.3, 0.5) == [0]


def test_spreading_keeps_the_total():
    values = np.random.default_rng(0).normal(size=(7, 5))
    for size_hw in ((21, 3), (4, 13), (7, 5)):
        assert spread(values, size_hw).sum() == pytest.approx(values.sum())


# Values


def test_windows_are_the_mean_scores_of_the_cropped_files(tmp_path):
    model, picture = make_small(), noise(1)[0]  # 40 x 50
    total, count = np.zeros((40, 50)), np.zeros((40, 50))
    for top in (0, 10, 20):
        for left in (0, 12, 25):  # steps of 12.5
            file = tmp_path / f"{top}-{left}.png"
            Image.fromarray(picture[top : top + 20, left : left + 25]).save(file)
            total[top : top + 20, left : left + 25] += model.score(file, cache=False).score[0]
            count[top : top + 20, left : left + 25] += 1
    made = _make(model, picture, sizes=(0.5,), stride=0.5)
    np.testing.assert_allclose(made.values, total / count, atol=1e-6)


def test_maps_of_several_sizes_are_averaged():
    model, picture = make_small(), noise(1)[0]
    maps = [_make(model, picture, sizes=sizes).values for sizes in ((0.5,), (0.3,), (0.5, 0.3))]
    np.testing.assert_allclose(maps[2], (maps[0] + maps[1]) / 2, atol=1e-6)


@pytest.mark.parametrize("method", ["windows", "occlusion", "gradient"])
def test_the_batch_size_moves_nothing(method):
    if method == "gradient":
        pytest.importorskip("captum")
    model, picture = make_small(crops=3), noise(1)[0]
    one, other = (_make(model, picture, method, batch_size=size).values for size in (3, 16))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_uniform_picture_has_a_flat_map():
    made = _make(make_small(), _uniform(40, 50, 90))
    assert np.ptp(made.values) < 1e-6
    assert made.values[0, 0] == pytest.approx(made.score, abs=1e-6)
    assert (made.sanity.rho, made.sanity.reason) == (None, "The map is flat.")


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 200)])
def test_a_tiny_picture_has_a_map(size):
    for method in ("windows", "occlusion"):
        assert _make(make_small(), _uniform(*size), method).values.shape == size


def test_a_grey_picture_has_a_map():
    grey = np.random.default_rng(0).integers(256, size=(30, 20), dtype=np.uint8)
    for method in ("windows", "occlusion"):
        assert np.isfinite(_make(make_small(), grey, method).values).all()


# The sanity check


def test_the_map_of_what_was_learnt_changes_with_the_parameters():
    made = _make(part_model(*UPPER_LEFT), _uniform(60, 90), "occlusion")
    assert abs(made.sanity.rho) < 0.5
    assert made.warnings == []


def test_a_map_that_no_parameter_decides_is_warned_of():
    picture = noise(1)[0]
    picture[:, 25:] = 100
    made = _make(edge_model(), picture, "occlusion")
    assert made.sanity.rho == pytest.approx(1.0)
    assert made.warnings == [
        "The map correlates 1.00 with that of a network with random parameters: it may show the "
        "picture rather than what the model has learnt."
    ]


def test_a_map_that_turns_over_is_warned_of_too():
    slope = np.arange(600.0).reshape(20, 30)
    assert "correlates -1.00" in compare_maps(slope, -slope).warning


def test_random_parameters_are_seeded_and_leave_the_model_alone():
    model = make_small()
    before = model.network.first.weight.clone()
    weights = [randomised(model, seed).network.first.weight for seed in (1, 1, 2)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(model.network.first.weight, before)
    assert not torch.equal(weights[0], before)


def test_random_parameters_let_a_deep_network_tell_pictures_apart():
    layers = [
        layer
        for _ in range(30)
        for layer in (torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
    ]
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 1),
        *layers,
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 1),
    )
    model = memnet.Predictor.from_function("deep.v1", network, preprocess=make_spec(32))
    scores = randomised(model).score(noise(3), cache=False).score
    assert np.ptp(scores) > 1e-3


def test_a_clamp_does_not_make_the_random_network_s_map_flat(mini, golden_pictures):
    # The original MemNet's scores are (raw - 0.7626) * 2 + 0.65 in [0, 1]: 0 for raw ones round 0.
    model = memnet.load(mini, device="cpu")
    assert model.output.clamp == "0-1"
    made = _make(model, min(golden_pictures.values()), sizes=(0.5,))
    assert made.sanity.rho is not None
    assert np.isfinite(made.values).all(), "ten crops see everything"


# What cannot be


def test_a_function_of_pictures_has_no_gradients():
    pytest.importorskip("captum")
    model = memnet.Predictor.from_function("mine.v1", lambda pictures: [0.5] * len(pictures))
    with pytest.raises(memnet.MemnetError, match="is a function of pictures, not of tensors"):
        _make(model, noise(1)[0], "gradient")
    made = _make(model, noise(1)[0])
    assert "cannot look inside" in made.sanity.reason


def test_captum_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(memnet.MemnetError, match=r"memnet-harness\[inspect\]"):
        _make(make_small(), noise(1)[0], "gradient")


def test_a_picture_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(memnet.errors.PictureError):
        _make(make_small(), tmp_path / "a.jpg")


def test_a_model_that_gives_no_number_is_one_sentence():
    model = part_model(*UPPER_LEFT)
    with torch.no_grad():
        model.network.function.dense.bias.fill_(float("nan"))
    for method in ("windows", "occlusion"):
        with pytest.raises(memnet.errors.PictureError, match="no finite number"):
            _make(model, noise(1)[0], method)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"method": "window"},
            "There is no method of making maps 'window'. Did you mean 'windows'",
        ),
        ({"sizes": (0,)}, "size of windows is 0; it must be a share of the picture's width"),
        ({"sizes": (1.5,)}, "size of windows is 1.5"),
        ({"sizes": (float("nan"),)}, "size of windows is nan"),
        ({"stride": 0}, "stride is 0; it must be a share of a window"),
        ({"stride": 1.1}, "stride is 1.1"),
        ({"method": "gradient", "stride": 0.5}, "gradient has no stride"),
        ({"method": "gradient", "sizes": (0.1, 0.2)}, "gradient takes one size"),
        ({"steps": 1}, "steps is 1"),
    ],
)
def test_settings_that_cannot_be(settings, sentence):
    with pytest.raises(memnet.MemnetError, match=sentence):
        MapSettings(**settings)
