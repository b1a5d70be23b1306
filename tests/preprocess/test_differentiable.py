"""Preprocessing of tensors: the published pixels forward, a true gradient backward."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

import references
from memnet.errors import MemnetError
from memnet.preprocess.differentiable import WEIGHTS, preprocess_tensor, rounds_to_8_bits
from memnet.preprocess.means import MEANS
from memnet.preprocess.resize import RESIZERS
from memnet.preprocess.spec import PreprocessSpec, mean_digest
from memnet.weights.catalogue import find
from tiny import SPEC

RESMEM = find("resmem.published").preprocess
ROUNDING = [kind for kind in RESIZERS if kind.endswith("-8bit")]
SIZES = [(61, 47), (9, 40), (16, 16)]
"""Shrunk, one side enlarged, and as it is; a side of 16 with SPEC."""


def levels(size, seed=0):
    return np.random.default_rng(seed).integers(256, size=(*size, 3), dtype=np.uint8)


def as_tensor(pixels, dtype=torch.float32):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(dtype) / 255


def whole(kind):
    """A spec that resizes to 16 x 16 and does nothing else."""
    return dataclasses.replace(
        SPEC, resize_kind=kind, pixel_max=255.0, crop_hw=(16, 16), crop_offsets=((0, 0),)
    )


def test_every_resizer_has_its_weights_and_its_name_says_whether_it_rounds():
    assert WEIGHTS.keys() == RESIZERS.keys()
    for kind, resizer in RESIZERS.items():
        whole_levels = resizer(Image.fromarray(levels((20, 30))), (16, 16)).dtype == np.uint8
        assert rounds_to_8_bits(whole(kind)) == whole_levels, kind


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ROUNDING)
def test_where_the_resizer_rounds_the_pixels_are_the_published_ones_bit_for_bit(kind, size):
    means = {
        "none": (1.0, 255.0),
        "imagenet-torchvision": (1.0,),
        "imagenet-caffe": (255.0,),
        "image": (1.0, 255.0),
    }
    mean = levels((16, 16), seed=9).astype(np.float32)
    pictures = [levels(size, seed) for seed in (1, 2)]
    for order in ("RGB", "BGR"):
        for mirrors in ("none", "appended", "interleaved", "of-mirrored"):
            for mean_kind, pixel_max in [(k, m) for k in means for m in means[k]]:
                image = mean if MEANS[mean_kind].of_image else None
                spec = dataclasses.replace(
                    SPEC,
                    resize_kind=kind,
                    channel_order=order,
                    crop_mirrors=mirrors,
                    pixel_max=pixel_max,
                    mean_kind=mean_kind,
                    mean_sha256="" if image is None else mean_digest(image),
                )
                crops = preprocess_tensor(
                    torch.cat([as_tensor(picture) for picture in pictures]), spec, mean_image=image
                )
                for ours, picture in zip(crops, pictures, strict=True):
                    assert torch.equal(ours, spec.apply(picture, mean_image=image)), spec


def test_resmems_pixels_of_the_golden_pictures_are_the_published_ones_bit_for_bit():
    for name, path in references.golden_pictures().items():
        pixels = torch.from_numpy(references.rgb(path) / np.float32(255)).permute(2, 0, 1)[None]
        assert torch.equal(preprocess_tensor(pixels, RESMEM)[0], RESMEM.apply(path)), name


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [kind for kind in RESIZERS if kind not in ROUNDING])
def test_where_it_does_not_round_they_are_the_same_to_float32_rounding(kind, size):
    for mirrors in ("none", "of-mirrored"):
        spec = dataclasses.replace(
            SPEC, resize_kind=kind, channel_order="GREY", crop_mirrors=mirrors, pixel_max=255.0
        )
        picture = levels(size)
        crops = preprocess_tensor(as_tensor(picture), spec)[0]
        assert (crops - spec.apply(picture)).abs().max() < references.limit("matlab.torch")
        assert torch.equal(crops, preprocess_tensor(as_tensor(picture), spec, exact=False)[0])


@pytest.mark.parametrize("size", SIZES[:2])
@pytest.mark.parametrize("kind", ROUNDING)
def test_without_rounding_it_lies_within_the_rounding_of_two_passes(kind, size):
    picture = as_tensor(levels(size), torch.float64)
    rounded = preprocess_tensor(picture, whole(kind))
    smooth = preprocess_tensor(picture, whole(kind), exact=False)
    assert torch.equal(rounded, rounded.round())
    assert 0.3 < (smooth - rounded).abs().max() <= 1.01  # half a level in each pass
    assert (smooth - rounded).mean().abs() < 0.2  # OpenCV cuts four bits off: 0.11 too low


@pytest.mark.parametrize("size", [*SIZES, (300, 517)])
def test_without_rounding_it_equals_torchs_own_antialiased_filter(size):
    ours, theirs = (as_tensor(levels(size), torch.float64).requires_grad_() for _ in range(2))
    resized = preprocess_tensor(ours, whole("pillow-bilinear-8bit"), exact=False)[:, 0]
    reference = interpolate(
        theirs * 255, (16, 16), mode="bilinear", antialias=True, align_corners=False
    )
    assert (resized - reference).abs().max() < 1e-9
    weights = torch.linspace(-1, 1, resized.numel(), dtype=torch.float64).reshape(resized.shape)
    (resized * weights).sum().backward()
    (reference * weights).sum().backward()
    assert (ours.grad - theirs.grad).abs().max() < 1e-9


@pytest.mark.parametrize("kind", RESIZERS)
def test_without_rounding_the_gradient_is_that_of_finite_differences(kind):
    spec = dataclasses.replace(
        SPEC,
        resize_kind=kind,
        channel_order="GREY" if kind.startswith("skimage") else "BGR",
        crop_mirrors="interleaved",
        mean_kind="imagenet-torchvision",
    )
    generator = torch.Generator().manual_seed(1)
    picture = torch.rand(2, 3, 21, 7, dtype=torch.float64, generator=generator).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: preprocess_tensor(x, spec, exact=False)[..., ::5, ::5], picture
    )


@pytest.mark.parametrize("kind", ROUNDING)
def test_the_gradient_of_the_published_pixels_is_that_without_rounding(kind):
    gradients = []
    for exact in (True, False):
        picture = as_tensor(levels((40, 30))).requires_grad_()
        crops = preprocess_tensor(picture, dataclasses.replace(SPEC, resize_kind=kind), exact=exact)
        (crops * torch.linspace(-1, 1, crops.numel()).reshape(crops.shape)).sum().backward()
        gradients.append(picture.grad)
    assert torch.equal(*gradients)
    assert gradients[0].abs().sum() > 0


def test_published_pixels_are_those_of_the_tensor_in_8_bits():
    """Rounded as ``score`` rounds an array, cut off at black and white."""
    generator = torch.Generator().manual_seed(2)
    picture = torch.rand(1, 3, 30, 40, generator=generator)
    between = preprocess_tensor(picture, SPEC)[0]
    assert torch.equal(between, SPEC.apply(picture[0].permute(1, 2, 0).numpy()))
    beyond = preprocess_tensor(picture * 1.8 - 0.4, SPEC)
    assert torch.equal(beyond, preprocess_tensor((picture * 1.8 - 0.4).clamp(0, 1), SPEC))
    smooth = preprocess_tensor(picture * 1.8 - 0.4, SPEC, exact=False)
    assert not torch.equal(
        smooth, preprocess_tensor((picture * 1.8 - 0.4).clamp(0, 1), SPEC, exact=False)
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("exact", [True, False])
def test_halves_are_computed_in_float32(dtype, exact):
    picture = as_tensor(levels((40, 30))).to(dtype).requires_grad_()
    crops = preprocess_tensor(picture, SPEC, exact=exact)
    assert crops.dtype == torch.float32
    assert torch.equal(crops, preprocess_tensor(picture.detach().float(), SPEC, exact=exact))
    crops.sum().backward()
    assert picture.grad.dtype == dtype
    assert picture.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "pictures",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 1, 8, 8),
        torch.zeros(0, 3, 8, 8),
        torch.zeros(1, 3, 8, 8, dtype=torch.uint8),
    ],
)
def test_a_tensor_that_is_no_picture_is_named(pictures):
    with pytest.raises(MemnetError, match="N x 3 x height x width"):
        preprocess_tensor(pictures, RESMEM)


def test_a_missing_mean_image_is_named():
    spec: PreprocessSpec = find("memnet.caffe_lamem").preprocess
    with pytest.raises(MemnetError, match="subtracts a mean image"):
        preprocess_tensor(torch.zeros(1, 3, 8, 8), spec)
