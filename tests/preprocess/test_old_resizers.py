"""The resizers of MemNet's day against the libraries they imitate."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

import old_libraries
import references
from memnet.preprocess.resize import RESIZERS
from variant_ladder import resizers_ladder


def line(values: list[int]) -> Image.Image:
    """A picture one pixel high."""
    return Image.fromarray(np.array(values, dtype=np.uint8)[None, :, None].repeat(3, axis=2))


def resized(kind: str, values: list[int], width: int) -> list[float]:
    return RESIZERS[kind](line(values), (1, width))[0, :, 0].tolist()


def test_each_resizer_equals_its_library_within_its_limit():
    found = resizers_ladder()
    assert references.too_far(found) == []
    assert {one.rung for one in found} == {
        name for name in references.rungs() if name.startswith("resize.")
    }


def test_the_reference_files_say_how_they_were_made():
    assert "Pillow 12" in old_libraries.PILLOW.read_text(encoding="utf-8")
    assert "TensorFlow 2" in str(np.load(old_libraries.TENSORFLOW)["certificate"])


@pytest.mark.parametrize("kind", RESIZERS)
def test_a_picture_of_the_right_size_stays_as_it_is(kind):
    pixels = np.random.default_rng(1).integers(256, size=(16, 24, 3), dtype=np.uint8)
    assert np.array_equal(RESIZERS[kind](Image.fromarray(pixels), (16, 24)), pixels)


@pytest.mark.parametrize("kind", RESIZERS)
def test_a_resizer_does_not_confuse_rows_and_columns_or_colours(kind):
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:20, :, 0] = 200  # upper half red
    pixels[:, 40:, 2] = 100  # right third blue
    small = RESIZERS[kind](Image.fromarray(pixels), (20, 12))
    assert small.shape == (20, 12, 3)
    assert small[4:6, 3:6, 0].mean() == pytest.approx(200, abs=1)
    assert small[14:16, 3:6].max() <= 1
    assert small[10:, 9:11, 2].mean() == pytest.approx(100, abs=1)


def test_torch7_averages_boxes_with_fractional_ends():
    # 5 -> 2: boxes of 2.5 pixels; (10 + 20 + 30 / 2) / 2.5 and (30 / 2 + 40 + 90) / 2.5
    assert resized("torch7-bilinear-float", [10, 20, 30, 40, 90], 2) == pytest.approx([18, 58])


def test_torch7_enlarges_from_corner_to_corner():
    assert resized("torch7-bilinear-float", [0, 90], 4) == pytest.approx([0, 30, 60, 90])


def test_tensorflow_1_reads_half_a_pixel_too_far_left():
    assert resized("tensorflow1-bilinear-float", [0, 100], 4) == [0, 50, 100, 100]


def test_skimage_darkens_the_border_of_an_enlarged_picture():
    # The outermost centre lies a quarter pixel outside: 3/4 of the pixel, 1/4 of the darkest value.
    assert resized("skimage-linear-float", [40, 240], 4) == pytest.approx([40, 90, 190, 190])


def test_opencvs_resize_widens_only_the_pixels_that_it_reads():
    """All of them would be 2.4 GB at the limit of a picture's size."""
    picture = Image.new("RGB", (65_000, 100))
    tracemalloc.start()
    try:
        RESIZERS["opencv-linear-8bit"](picture, (227, 227))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # the picture has 20 MB, and Pillow hands it over in two copies
