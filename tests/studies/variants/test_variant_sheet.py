"""What each variant feeds the network: defects can be seen, and the page of variants is current.

    python tests/studies/variants/test_variant_sheet.py docs/variants.md

writes the table of variants anew, between its markers.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memnet.compare.report.style import to_bytes
from memnet.errors import PictureError
from memnet.legacy.mean_image import read_mean_image
from memnet.legacy.variants import twins, variants
from memnet.preprocess.means import MEANS
from memnet.preprocess.resize import RESIZERS
from memnet.studies.variants.figures import draw_sheet
from memnet.studies.variants.sheet import (
    MEAN_TITLES,
    RESIZER_TITLES,
    describe_inputs,
    flat_mean,
    list_variants,
    prepare_inputs,
)

PAGE = Path(__file__).parents[3] / "docs" / "variants.md"
BEGIN, END = "<!-- variants: begin -->", "<!-- variants: end -->"


def table() -> str:
    """The registry as Markdown."""
    rows = ["| variant | what it does | output | known defect | seen in |", "| --- " * 5 + "|"]
    for each in list_variants():
        marks = [
            text
            for key, text in (
                ("own_weights", "the studies had weights of their own"),
                ("random_crops", "crops at random"),
            )
            if each[key]
        ]
        first = f"`{each['slug']}`: {each['title']}" + "".join(f"; {mark}" for mark in marks)
        cells = (
            first,
            each["inputs"],
            each["output"],
            each["known_defect"] or "none",
            each["source"],
        )
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows)


def with_table(page: str) -> str:
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return between.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


@pytest.fixture(scope="module")
def mean(golden):
    return read_mean_image(golden / "mean" / "synthetic_mean.mat").values


@pytest.fixture
def square(golden, tmp_path):
    """A picture of 227 x 227, which no resizer to 227 changes; not blue everywhere."""
    with Image.open(golden / "images" / "coffee_600x400.png") as picture:
        picture.convert("RGB").crop((200, 50, 427, 277)).save(tmp_path / "square.png")
    return tmp_path / "square.png"


@pytest.fixture
def original(golden, tmp_path):
    """A picture of 256 x 256, which no resizer to 256 changes."""
    with Image.open(golden / "images" / "coffee_600x400.png") as picture:
        picture.convert("RGB").crop((150, 50, 406, 306)).save(tmp_path / "original.png")
    return tmp_path / "original.png"


def by_slug(fed):
    return {slug: one for one in fed for slug in one.slugs}


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_every_variant_is_on_the_sheet_once(original, mean):
    fed = prepare_inputs(original, mean)
    assert sorted(slug for one in fed for slug in one.slugs) == sorted(variants())
    assert [one.slugs for one in fed] == list(dict.fromkeys(twins().values()))
    assert fed[0].slugs[0] == "server"


def test_the_servers_input_read_as_the_servers_is_the_picture(original, mean):
    server = prepare_inputs(original, mean)[0]
    picture = pixels(original)
    np.testing.assert_array_equal(server.first, picture[:227, :227])
    np.testing.assert_array_equal(server.centre, picture[15:242, 15:242])
    assert server.rms == server.rms_server == 0


def test_the_channel_swap_shows_red_as_blue(square):
    swapped = by_slug(prepare_inputs(square, flat_mean()))["pycaffe-no-swap"]
    # The flat mean is that of blue, green, red: a swapped picture is off by its differences, too,
    # but added back in the same order they cancel.
    np.testing.assert_array_equal(swapped.centre, pixels(square)[:, :, ::-1])
    red_minus_blue = pixels(square)[:, :, 0].astype(float) - pixels(square)[:, :, 2]
    np.testing.assert_allclose(swapped.difference[:, :, 0], red_minus_blue, atol=1e-3)
    assert swapped.rms == pytest.approx(np.sqrt(2 / 3 * np.mean(red_minus_blue**2)), rel=1e-4)


def test_the_transposed_mean_shows_as_the_mean_minus_its_transpose(original, mean):
    turned = by_slug(prepare_inputs(original, mean))["matlab-demo-2015-transposed-mean"]
    wanted = (mean - mean.transpose(1, 0, 2))[15:242, 15:242]
    np.testing.assert_allclose(turned.difference, wanted, atol=1e-4)
    assert turned.rms == pytest.approx(np.sqrt(np.mean(wanted.astype(float) ** 2)), rel=1e-5)


def test_a_whole_picture_is_compared_with_the_mean_image_at_its_size(square, mean):
    fed = by_slug(prepare_inputs(square, mean))["pycaffe-channel-mean"]
    for channel in range(3):  # Pillow's antialiased bilinear is MATLAB's but for a border
        at_256 = Image.fromarray(mean[:, :, channel])
        at_227 = np.asarray(at_256.resize((227, 227), Image.Resampling.BILINEAR))
        wanted = at_227 - mean[:, :, channel].mean()
        found = fed.difference[:, :, channel]
        np.testing.assert_allclose(found[6:-6, 6:-6], wanted[6:-6, 6:-6], atol=1e-3)


def test_the_original_mean_misused_is_as_far_off_as_was_published(original, square, shared):
    real = read_mean_image(shared / "golden" / "memnet" / "memnet_mean.mat").values
    turned = by_slug(prepare_inputs(original, real))["matlab-demo-2015-transposed-mean"]
    assert turned.rms == pytest.approx(16.4, abs=0.5)  # the centre crop; 17.3 over the whole image
    at_227 = by_slug(prepare_inputs(square, real))
    assert at_227["neon-classifier"].rms == pytest.approx(12.5, abs=0.1)
    assert at_227["pycaffe-channel-mean"].rms == pytest.approx(11.9, abs=0.1)
    assert at_227["pycaffe-imagenet-mean"].rms == pytest.approx(12.2, abs=0.1)
    assert flat_mean()[0, 0] == pytest.approx(real.mean(axis=(0, 1), dtype=np.float64), abs=1e-4)


def test_a_double_scale_is_blown_out_and_a_scale_of_1_shows_nothing(square):
    found = by_slug(prepare_inputs(square, flat_mean()))
    picture = pixels(square)
    blown = found["video-double-scale"].centre[:, :, ::-1]
    assert (blown[picture > 1] == 255).all()
    grey = found["gray-01"].centre
    assert np.ptp(grey.reshape(-1, 3), axis=0).max() <= 1
    assert (found["scale-01"].centre <= 1).all()  # 0 to 1, minus and plus the same mean


def test_another_place_of_the_crop_shows_only_against_the_servers_own_crop(original, mean):
    shifted = by_slug(prepare_inputs(original, mean))["caffe-train"]
    assert shifted.rms < 1e-3  # 256 x 256: no resize, the same mean
    assert shifted.rms_server > 1
    np.testing.assert_array_equal(shifted.centre, pixels(original)[14:241, 14:241])


def test_a_picture_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "no.png").write_bytes(b"no")
    with pytest.raises(PictureError):
        prepare_inputs(tmp_path / "no.png", flat_mean())


def test_the_sheet_is_drawn_with_a_card_for_each(original, mean):
    fed = prepare_inputs(original, mean)
    figure = draw_sheet(fed, picture="cup $1$.png", mean_note="The mean is synthetic.")
    texts = [text.get_text() for text in figure.texts]
    assert {one.slugs[0] for one in fed} <= set(texts)
    assert any("cup $1$.png" in text for text in texts)
    shown = [image for axes in figure.axes for image in axes.get_images()]
    one_input = sum(one.n_crops == 1 for one in fed)
    assert len(shown) == 3 * len(fed) - one_input
    small = to_bytes(figure, "png")
    with Image.open(io.BytesIO(small)) as drawn:
        assert drawn.width > 1000
    assert to_bytes(figure, "png") == small


def test_every_resizer_and_mean_has_its_words():
    assert RESIZER_TITLES.keys() == RESIZERS.keys()
    assert MEAN_TITLES.keys() == MEANS.keys()


def test_the_list_says_what_the_specs_say():
    found = {row["slug"]: row for row in list_variants()}
    assert list(found) == list(variants())
    server = found["server"]
    assert server["inputs"] == (
        "resized to 256 (MATLAB), 10 crops, centre at 15; BGR 0 to 255; minus the mean image"
    )
    assert server["output"] == "(raw - 0.7626) x 2 + 0.65, clamped"
    assert "matlab-demo-2014" in server["same_inputs"]
    assert found["video-double-scale"]["inputs"].endswith("RGB 0 to 65025; no mean")
    assert "centre crop at 14" in found["caffe-train"]["inputs"]
    assert found["pycaffe-no-swap"]["output"] == "raw"
    assert found["mem-transfer-lua"]["random_crops"]


def test_crops_are_said_to_be_random_only_where_they_were():
    spec = variants()["server"].preprocess
    corners = replace(spec, crop_offsets=((0, 0), (0, 29), (29, 0)), crop_mirrors="none")
    assert "3 crops at (0, 0), (0, 29), (29, 0);" in describe_inputs(corners)
    assert "3 crops at random;" in describe_inputs(corners, random_crops=True)
    assert "crop at (0, 29);" in describe_inputs(replace(corners, crop_offsets=((0, 29),)))
    wide = replace(corners, resize_hw=(256, 300), crop_offsets=((14, 36),))
    assert describe_inputs(wide).startswith(
        "resized to 256 x 300 (MATLAB), centre crop at (14, 36)"
    )


def test_the_page_of_variants_is_current():
    page = PAGE.read_text(encoding="utf-8")
    assert BEGIN in page
    assert with_table(page) == page, f"run: python {Path(__file__).name} docs/variants.md"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_table(target.read_text(encoding="utf-8")), encoding="utf-8")
