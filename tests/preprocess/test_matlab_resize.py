"""MATLAB's resize: its arithmetic by hand, its reference, its properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import references
from memnet.preprocess.differentiable import preprocess_tensor, resize_like_matlab_torch
from memnet.preprocess.matlab_resize import pass_order, resize_like_matlab, resize_weights
from memnet.weights.catalogue import find

PORTRAIT = "rocket_portrait_213x320.png"


def test_the_reference_is_met():
    found = references.resized()
    print(found)
    assert references.too_far([found]) == []


def test_the_whole_reference_is_met(shared):
    found = references.resized(shared / "golden" / "resized_256_matlab_bilinear.npz")
    print(found)
    assert references.too_far([found]) == []


def test_halving_weighs_four_pixels_and_mirrors_the_border():
    """Triangle stretched by two: 1/8, 3/8, 3/8, 1/8; the first tap mirrors pixel 1 itself."""
    weights = resize_weights(8, 4, "bilinear").toarray()
    assert weights[1].tolist() == pytest.approx([0, 1 / 8, 3 / 8, 3 / 8, 1 / 8, 0, 0, 0])
    assert weights[0].tolist() == pytest.approx([4 / 8, 3 / 8, 1 / 8, 0, 0, 0, 0, 0])


def test_doubling_interpolates_without_widening():
    weights = resize_weights(4, 8, "bilinear").toarray()
    assert weights[3].tolist() == pytest.approx([0, 3 / 4, 1 / 4, 0])
    assert weights[0].tolist() == pytest.approx([1, 0, 0, 0])


def test_bicubic_is_keys_with_a_half():
    weights = resize_weights(4, 8, "bicubic").toarray()
    assert weights[3].tolist() == pytest.approx([-0.0703125, 0.8671875, 0.2265625, -0.0234375])


def test_uint8_is_rounded_between_the_passes_and_floating_point_never():
    """2 x 4 -> 1 x 2: rows first. Column sums give .5, which uint8 rounds up before the columns."""
    picture = np.array([[0, 0, 1, 1], [1, 1, 2, 2]], dtype=np.uint8)
    exact = resize_like_matlab(picture.astype(np.float64), (1, 2))
    assert exact[0] == pytest.approx([0.625, 1.375])
    assert resize_like_matlab(picture, (1, 2)).tolist() == [[1, 2]]  # of [1, 1, 2, 2], not of .625
    single = resize_like_matlab(picture, (1, 2), single=True)
    assert single.dtype == np.float32
    assert single[0] == pytest.approx([0.625, 1.375])
    assert np.floor(exact + 0.5).tolist() == [[1, 1]]


def test_the_smaller_scale_comes_first():
    assert pass_order((640, 427), (256, 256)) == (0, 1)
    assert pass_order((427, 640), (256, 256)) == (1, 0)
    assert pass_order((300, 300), (256, 256)) == (0, 1)
    tall = np.random.default_rng(0).integers(256, size=(61, 37), dtype=np.uint8)
    rows_first = resize_like_matlab(resize_like_matlab(tall, (11, 37)), (11, 13))
    columns_first = resize_like_matlab(resize_like_matlab(tall, (61, 13)), (11, 13))
    assert np.array_equal(resize_like_matlab(tall, (11, 13)), rows_first)
    assert not np.array_equal(rows_first, columns_first)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@given(old=st.integers(1, 90), new=st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_weights_sum_to_one_and_are_symmetric(method, old, new):
    weights = resize_weights(old, new, method).toarray()
    assert weights.shape == (new, old)
    assert weights.sum(axis=1) == pytest.approx(np.ones(new), abs=1e-12)
    assert np.allclose(weights, weights[::-1, ::-1], atol=1e-12)  # MATLAB has no preferred side


@pytest.mark.parametrize("size", [(480, 360), (97, 641), (1203, 400)])
def test_inside_it_equals_pillow_on_floats_and_only_the_border_differs(size):
    """Pillow cuts its kernel off at the border where MATLAB mirrors the picture."""
    picture = np.random.default_rng(1).uniform(0, 255, size=size).astype(np.float32)
    ours = resize_like_matlab(picture, (256, 256))
    theirs = np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BILINEAR))
    difference = np.abs(ours - theirs)
    assert difference[6:-6, 6:-6].max() < 1e-3
    assert difference.max() > 0.1


def test_antialiasing_keeps_a_checkerboard_grey():
    board = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.float32)
    grey = resize_like_matlab(board, (256, 256))
    assert np.abs(grey[1:-1, 1:-1] - 127.5).max() < 1e-3


def test_types_shapes_and_sizes_are_kept():
    for dtype in (np.uint8, np.float32, np.float64):
        picture = np.ones((7, 5, 3), dtype=dtype)
        assert resize_like_matlab(picture, (4, 9)).dtype == dtype
        assert resize_like_matlab(picture, (4, 9)).shape == (4, 9, 3)
        same = resize_like_matlab(picture, (7, 5))
        assert np.array_equal(same, picture)
        assert same is not picture
    assert resize_like_matlab(np.ones((7, 5)), (4, 9)).shape == (4, 9)


@pytest.mark.parametrize(
    "picture", [np.ones((3, 3), np.int32), np.ones(3), np.ones((0, 3)), np.ones((2, 2, 2, 2))]
)
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(ValueError, match=r"picture|resize"):
        resize_like_matlab(picture, (4, 4))


def test_a_large_picture_in_strips_equals_the_same_picture_at_once(monkeypatch):
    picture = np.random.default_rng(2).uniform(0, 255, size=(310, 210, 3))
    whole = resize_like_matlab(picture, (256, 256))
    monkeypatch.setattr("memnet.preprocess.matlab_resize._NUMBERS_AT_ONCE", 4_000)
    assert np.array_equal(resize_like_matlab(picture, (256, 256)), whole)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(300, 451), (64, 97), (256, 300)])
def test_the_torch_operations_compute_the_same_in_float64(method, size):
    picture = np.random.default_rng(3).uniform(0, 255, size=(*size, 3))
    planes = torch.from_numpy(picture).permute(2, 0, 1)
    theirs = resize_like_matlab_torch(planes, (256, 256), method).permute(1, 2, 0).numpy()
    assert np.abs(theirs - resize_like_matlab(picture, (256, 256), method)).max() < 1e-9


def test_the_torch_operations_in_float32_stay_within_the_limit():
    found = references.resized_by_torch()
    assert references.too_far([found]) == []


def test_the_differentiable_path_gives_the_same_crops_and_true_gradients():
    spec = find("memnet.caffe_lamem").preprocess
    mean = np.random.default_rng(4).uniform(90, 130, size=(256, 256, 3)).astype(np.float32)
    path = references.golden_pictures()[PORTRAIT]
    pixels = torch.from_numpy(references.rgb(path) / 255.0).permute(2, 0, 1)[None]
    crops = preprocess_tensor(pixels, spec, mean_image=mean)[0]
    assert crops.shape == (10, 3, 227, 227)
    assert (crops - spec.apply(path, mean_image=mean)).abs().max() < references.limit(
        "matlab.torch"
    )

    small = torch.rand(1, 3, 9, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: preprocess_tensor(x, spec, mean_image=mean)[:, ::4, :, ::90, ::90], small
    )
