"""The two specs: nothing has a default, everything has one meaning."""

from __future__ import annotations

import dataclasses

import numpy as np
import PIL
import pytest
import torch
from PIL import Image

from memnet.errors import MemnetError
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.weights.catalogue import find

RESMEM = find("resmem.published").preprocess


def random_picture(width: int, height: int) -> Image.Image:
    random = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(random.integers(256, size=(height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("cls", [PreprocessSpec, OutputSpec])
def test_no_field_has_a_default(cls):
    for field in dataclasses.fields(cls):
        assert field.default is dataclasses.MISSING, field.name
        assert field.default_factory is dataclasses.MISSING, field.name
        assert field.kw_only


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(PreprocessSpec)])
def test_an_omitted_field_is_an_error(name):
    values = RESMEM.to_dict()
    del values[name]
    with pytest.raises(MemnetError, match=name):
        PreprocessSpec.from_dict(values)


def test_an_unknown_field_is_an_error():
    with pytest.raises(MemnetError, match="mean_std"):
        PreprocessSpec.from_dict({**RESMEM.to_dict(), "mean_std": 1})


def test_a_spec_survives_json_and_its_digest_is_pinned():
    assert PreprocessSpec.from_dict(RESMEM.to_dict()) == RESMEM
    assert RESMEM.digest() == "6545adef042092d075e34b981e50d1afa19f3fc0cbf1c09ab1b1f929558367f4"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("exif_orientation", "maybe"),
        ("resize_kind", "bilinear"),
        ("channel_order", "GBR"),
        ("mean_kind", "imagenet"),
        ("mean_sha256", "ab" * 32),
        ("crop_mirrors", "each"),
        ("crop_offsets", ()),
        ("crop_offsets", ((30, 0),)),
        ("crop_offsets", ((0, -1),)),
        ("crop_offsets", (0, 15)),
        ("crop_offsets", ((0.5, 0),)),
        ("resize_hw", 256),
        ("resize_hw", (256, 0)),
        ("crop_hw", (227.0, 227.0)),
        ("pixel_max", "1"),
        ("pixel_max", float("nan")),
        ("pixel_max", 0.0),
        ("pixel_max", float("inf")),
        pytest.param("pixel_max", 10**400, id="pixel_max-huge"),
        ("mean_sha256", 5),
        ("resize_kind", ["pillow-bilinear-8bit"]),
        ("crop_offsets", "15"),
        ("crop_offsets", 5),
        ("resize_hw", (10**6, 10**6)),
        ("crop_hw", 227),
        pytest.param("crop_offsets", ((1, 2),) * 200_000, id="crop_offsets-200,000"),
    ],
)
def test_a_value_without_meaning_is_refused(field, value):
    with pytest.raises(MemnetError, match=field) as caught:
        dataclasses.replace(RESMEM, **{field: value})
    assert len(str(caught.value)) < 600


def test_a_few_huge_crops_are_refused():
    with pytest.raises(MemnetError, match=r"crop_offsets makes 4 crops of \(2000, 2000\)"):
        dataclasses.replace(
            RESMEM, resize_hw=(2000, 2000), crop_hw=(2000, 2000), crop_offsets=((0, 0),) * 4
        )


def test_equal_specs_have_equal_digests_whatever_the_types_of_their_numbers():
    spec = dataclasses.replace(RESMEM, pixel_max=255.0, crop_offsets=((15, 14), (0, 3)))
    for other in (
        dataclasses.replace(spec, pixel_max=255),
        dataclasses.replace(spec, pixel_max=np.float32(255), resize_hw=[*spec.resize_hw]),
        dataclasses.replace(
            spec,
            crop_hw=tuple(np.array(spec.crop_hw)),
            crop_offsets=[[np.int64(15), 14], np.array([0, 3]).tolist()],
        ),
    ):
        assert other == spec
        assert hash(other) == hash(spec)
        assert other.digest() == spec.digest()
        assert type(other.pixel_max) is float
        assert type(other.crop_offsets[0][0]) is int
    output = find("resmem.published").output
    assert type(dataclasses.replace(output, add=np.float32(0.5)).to_dict()["add"]) is float


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.65", None, True])
def test_a_scaling_that_is_no_number_is_refused(value):
    fields = {"crop_reduction": "mean", "subtract": 0.0, "multiply": 1.0, "add": 0.0}
    with pytest.raises(MemnetError, match=r"add is .*finite number"):
        OutputSpec(**{**fields, "clamp": "none", "add": value})


def test_another_spec_has_another_digest():
    digests = {
        dataclasses.replace(RESMEM, **change).digest()
        for change in (
            {},
            {"exif_orientation": "apply"},
            {"channel_order": "BGR"},
            {"pixel_max": 255.0},
            {"crop_offsets": ((15, 15),)},
        )
    }
    assert len(digests) == 5


@pytest.mark.parametrize(
    "size", [(256, 256), (300, 200), (97, 641), (1, 1), (255, 257), (227, 227), (1203, 37)]
)
def test_resmem_pixels_equal_torchvisions_bit_for_bit(size):
    transforms = pytest.importorskip("torchvision.transforms")
    published = transforms.Compose(
        (transforms.Resize((256, 256)), transforms.CenterCrop(227), transforms.ToTensor())
    )
    picture = random_picture(*size)
    # With an older Pillow torchvision gives what the variant `pillow-12` gives.
    old = int(PIL.__version__.partition(".")[0]) < 13
    kind = "pillow12-bilinear-8bit" if old else RESMEM.resize_kind
    ours = dataclasses.replace(RESMEM, resize_kind=kind).apply(picture)
    assert ours.shape == (1, 3, 227, 227)
    assert ours.dtype == torch.float32
    assert torch.equal(ours[0], published(picture))


def test_the_centre_crop_starts_at_14_not_15():
    picture = random_picture(256, 256)
    expected = np.asarray(picture)[14:241, 14:241].transpose(2, 0, 1)
    assert np.array_equal(RESMEM.apply(picture)[0].numpy(), expected.astype(np.float32) / 255)


def test_bgr_and_255_and_two_crops():
    spec = dataclasses.replace(
        RESMEM,
        channel_order="BGR",
        pixel_max=255.0,
        crop_hw=(2, 3),
        crop_offsets=((0, 0), (5, 7)),
    )
    picture = random_picture(256, 256)
    crops = spec.apply(picture).numpy()
    pixels = np.asarray(picture)
    assert crops.shape == (2, 3, 2, 3)
    assert np.array_equal(crops[1, 0], pixels[5:7, 7:10, 2])  # first channel: blue


def test_output_is_averaged_then_scaled_then_clamped():
    spec = OutputSpec(crop_reduction="mean", subtract=0.7626, multiply=2.0, add=0.65, clamp="0-1")
    outputs = torch.tensor([[0.5, 1.3], [0.7, 0.8], [0.0, 0.1]], dtype=torch.float64)
    raw, score, clamped = spec.apply(outputs)
    assert raw.tolist() == pytest.approx([0.9, 0.75, 0.05])
    # Clamped crop by crop the first would be (0.1248 + 1) / 2.
    assert score.tolist() == pytest.approx([0.9248, 0.6248, 0.0])
    assert clamped.tolist() == [False, False, True]
