"""Our 8-bit bilinear resize against Pillow's own, of version 13 and of those before."""

from __future__ import annotations

import numpy as np
import PIL
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from memnet.preprocess import pillow_resize
from memnet.preprocess.pillow_resize import columns_come_first
from memnet.preprocess.resize import resize_pillow12_bilinear_8bit, resize_pillow_bilinear_8bit

VERSION = int(PIL.__version__.partition(".")[0])
LENGTHS = st.integers(1, 700)
SIDES = st.sampled_from([1, 2, 7, 64, 224, 227, 256, 300])
BILINEAR = Image.Resampling.BILINEAR


@pytest.fixture(params=["NumPy", "compiled"], autouse=True)
def way(request, monkeypatch):
    """The first pictures of a run are resized with NumPy, the others with compiled loops."""
    limit = 10**12 if request.param == "NumPy" else 0
    monkeypatch.setattr(pillow_resize, "_PIXELS_WITH_NUMPY", limit)


def noise(height: int, width: int) -> Image.Image:
    """A picture in which every rounding shows."""
    random = np.random.default_rng(height * 1000 + width)
    return Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(height=LENGTHS, width=LENGTHS, new_height=SIDES, new_width=SIDES)
def test_equals_the_installed_pillow_in_every_bit(height, width, new_height, new_width):
    resize = resize_pillow_bilinear_8bit if VERSION >= 13 else resize_pillow12_bilinear_8bit
    picture = noise(height, width)
    expected = np.asarray(picture.resize((new_width, new_height), BILINEAR))
    assert np.array_equal(resize(picture, (new_height, new_width)), expected)


@pytest.mark.parametrize("hw", [(1, 60_000), (60_000, 1), (2000, 300), (300, 2000), (256, 256)])
def test_extreme_shapes_equal_pillow_pass_by_pass(hw):
    """One pass at a time every Pillow computes the same, so this holds whichever is installed."""
    picture = noise(*hw)
    for columns_first, resize in (
        (False, resize_pillow12_bilinear_8bit),
        (columns_come_first(hw, (256, 256)), resize_pillow_bilinear_8bit),
    ):
        between = (picture.width, 256) if columns_first else (256, picture.height)
        expected = picture.resize(between, BILINEAR).resize((256, 256), BILINEAR)
        assert np.array_equal(resize(picture, (256, 256)), np.asarray(expected))


def test_the_two_versions_differ_only_where_the_height_shrinks_by_more_than_twice_as_much():
    for hw in ((480, 640), (640, 480), (766, 511)):  # 766 - 256 is twice 511 - 256
        new, old = (
            resize(noise(*hw), (256, 256))
            for resize in (resize_pillow_bilinear_8bit, resize_pillow12_bilinear_8bit)
        )
        assert np.array_equal(new, old), hw
    new, old = (
        resize(noise(1000, 300), (256, 256)).astype(int)
        for resize in (resize_pillow_bilinear_8bit, resize_pillow12_bilinear_8bit)
    )
    assert 0.1 < (new != old).mean() < 0.3
    assert np.abs(new - old).max() == 1
