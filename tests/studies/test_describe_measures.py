"""Each measure of a picture, against the libraries used apart, and against known answers."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.fft
import scipy.stats
from PIL import Image

import hostile_pictures
from memnet.data.inputs import Item
from memnet.preprocess.decode import Crop

pytest.importorskip("skimage", reason="needs scikit-image; of the extra 'describe'")
pytest.importorskip("imagehash", reason="needs ImageHash; of the extra 'describe'")

from skimage import color, feature

from memnet.studies.describe import measures
from memnet.studies.describe.measures import describe_item, spectral_slope


def described(path):
    return describe_item(Item(path.name, str(path), path))


def saved(folder, pixels, name="made.png", **how):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(folder / name, **how)
    return folder / name


def slope_apart(grey):
    """The slope by loops: a ring of frequencies at a time, and SciPy's regression."""
    height, width = grey.shape
    side = min(height, width)
    square = grey[(height - side) // 2 :, (width - side) // 2 :][:side, :side]
    ramp = np.sin(np.pi * np.arange(side) / side) ** 2  # a Hann window
    mean = np.average(np.average(square, axis=0, weights=ramp), weights=ramp)
    windowed = (square - mean) * ramp[:, None] * ramp[None, :]
    power = np.abs(np.fft.fftshift(np.fft.fft2(windowed))) ** 2
    y, x = np.indices(power.shape) - side // 2
    radius = np.sqrt(x**2 + y**2)
    tops = [power[abs(radius - f) < 0.5].mean() for f in range(1, side // 2 + 1)]
    return scipy.stats.linregress(np.log10(range(1, side // 2 + 1)), np.log10(tops)).slope


def measures_apart(rgb):
    """Every measure of an H x W x 3 array of bytes, by the libraries' own functions."""
    grey = color.rgb2gray(rgb)
    red, green, blue = (rgb[..., channel].astype(float) for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    y = color.rgb2xyz(rgb.astype(np.float64) / 255)[..., 1]
    counts = np.bincount(np.rint(grey * 255).astype(int).ravel(), minlength=256)
    return {
        "luminance_mean": np.mean(y),
        "luminance_sd": np.sqrt(np.mean((y - np.mean(y)) ** 2)),
        "rms_contrast": np.sqrt(np.mean((grey - np.mean(grey)) ** 2)),
        "colourfulness": np.sqrt(np.var(rg) + np.var(yb))
        + 0.3 * np.sqrt(np.mean(rg) ** 2 + np.mean(yb) ** 2),
        "spectral_slope": slope_apart(grey),
        "edge_density": np.count_nonzero(feature.canny(grey, sigma=1)) / grey.size,
        "entropy": scipy.stats.entropy(counts, base=2),
    }


def hash_apart(image):
    """The perceptual hash: which of the 64 lowest cosine coefficients lie above their median."""
    small = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), dtype=float)
    low = scipy.fft.dctn(small, type=2)[:8, :8]
    bits = "".join("1" if bit else "0" for bit in (low > np.median(low)).ravel())
    return f"{int(bits, 2):016x}"


def require_same(row, rgb):
    for name, value in measures_apart(rgb).items():
        assert row[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name
    assert row["phash"] == hash_apart(Image.fromarray(rgb))


def test_every_measure_of_the_golden_pictures_is_that_of_the_libraries(golden_pictures):
    for path in golden_pictures.values():
        with Image.open(path) as image:
            rgb = np.asarray(image.convert("RGB"))
        row = described(path)
        require_same(row, rgb)
        assert (row["width"], row["height"]) == (rgb.shape[1], rgb.shape[0])
        assert row["aspect"] == rgb.shape[1] / rgb.shape[0]
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row["grey"] == ("grey" in path.name)
        assert row["warning"] == ""


def test_every_measure_of_photographs_is_that_of_the_libraries(shared):
    for path in sorted((shared / "data" / "pictures" / "images").iterdir())[:400:40]:
        with Image.open(path) as image:
            require_same(described(path), np.asarray(image.convert("RGB")))


PAGE = Path(__file__).parents[2] / "docs" / "describe.md"


def test_the_three_examples_on_the_page_are_true(golden_pictures):
    names = ("astronaut_256x256.png", "chelsea_451x300.png", "rocket_portrait_213x320.png")
    rows = [described(golden_pictures[name]) for name in names]
    written = re.findall(
        r"^\| `(\w+)` \| (-?[\d.]+) \| (-?[\d.]+) \| (-?[\d.]+) \|$", PAGE.read_text(), re.M
    )
    assert [name for name, *_ in written] == list(measures.MEASURES)
    for name, *cells in written:
        digits = len(cells[0].partition(".")[2])
        assert [f"{row[name]:.{digits}f}" for row in rows] == cells, name


@pytest.mark.slow
def test_the_figures_of_400_photographs_on_the_page_are_true(shared):
    paths = sorted((shared / "data" / "pictures" / "images").iterdir())[:400]
    table = pd.DataFrame([described(path) for path in paths])
    mean, sd = table[list(measures.MEASURES)].mean(), table[list(measures.MEASURES)].std()
    sentence = " ".join(PAGE.read_text().split())
    for word, name, digits in (
        ("luminance", "luminance_mean", 2),
        ("contrast", "rms_contrast", 2),
        ("colourfulness", "colourfulness", 0),
        ("slope", "spectral_slope", 1),
        ("edge density", "edge_density", 2),
        ("entropy", "entropy", 1),
    ):
        assert f"{word} {mean[name]:.{digits}f} ({sd[name]:.{digits}f})" in sentence


@pytest.mark.parametrize(("height", "width"), [(99, 64), (64, 99), (33, 33), (16, 200)])
def test_every_measure_of_made_pictures_is_that_of_the_libraries(tmp_path, height, width):
    rng = np.random.default_rng(height)
    ramp = np.linspace(0, 120, width)[None, :, None]
    rgb = (ramp + rng.integers(0, 120, (height, width, 3))).astype(np.uint8)
    require_same(described(saved(tmp_path, rgb)), rgb)


def test_a_large_picture_is_shrunk_to_1024_pixels_and_keeps_its_stated_size(tmp_path):
    rng = np.random.default_rng(5)
    image = Image.fromarray(rng.integers(0, 256, (201, 1501, 3), dtype=np.uint8))
    row = described(saved(tmp_path, image))
    assert (row["width"], row["height"]) == (1501, 201)
    require_same(row, np.asarray(image.resize((1024, 137), Image.Resampling.LANCZOS)))


def test_white_has_full_luminance_and_no_contrast(tmp_path):
    row = described(saved(tmp_path, np.full((40, 50, 3), 255, np.uint8)))
    assert row["luminance_mean"] == pytest.approx(1, abs=1e-9)
    zeros = ("luminance_sd", "rms_contrast", "colourfulness", "edge_density", "entropy")
    assert [row[name] for name in zeros] == pytest.approx([0] * 5, abs=1e-9)
    assert row["grey"] is True


@pytest.mark.parametrize("level", [0, 1, 77, 128, 254])
def test_a_flat_picture_has_no_slope_whatever_its_level(tmp_path, level):
    row = described(saved(tmp_path, np.full((64, 64), level, np.uint8)))
    assert math.isnan(row["spectral_slope"])
    assert row["phash"] == ""  # else black and white would be copies of each other
    assert row["warning"] == (
        "no spectral slope: the middle of the picture is flat; no perceptual hash: the picture is "
        "flat"
    )
    # IEC 61966-2-1, by hand: mid grey reflects a fifth of the light, not half of it.
    share = level / 255
    linear = share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
    assert row["luminance_mean"] == pytest.approx(linear, abs=1e-9)


def test_a_checkerboard_is_half_bright_one_bit_and_has_no_slope(tmp_path):
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    row = described(saved(tmp_path, board))
    assert row["luminance_mean"] == pytest.approx(0.5, abs=1e-9)
    assert row["luminance_sd"] == pytest.approx(0.5, abs=1e-9)
    assert row["rms_contrast"] == pytest.approx(0.5, abs=1e-9)
    assert row["entropy"] == pytest.approx(1, abs=1e-9)
    assert math.isnan(row["spectral_slope"])
    assert "pattern" in row["warning"]


def test_colourfulness_of_half_red_half_green_as_by_hand(tmp_path):
    rgb = np.zeros((20, 20, 3), np.uint8)
    rgb[:, :10, 0] = rgb[:, 10:, 1] = 255
    # rg is +-255 (SD 255, mean 0); yb is 127.5 everywhere (SD 0).
    row = described(saved(tmp_path, rgb))
    assert row["colourfulness"] == pytest.approx(255 + 0.3 * 127.5, abs=1e-9)
    assert row["grey"] is False


@pytest.mark.parametrize("exponent", [0, 1, 2, 3])
def test_noise_of_a_known_spectrum_has_its_slope(exponent):
    size = 512
    cycles = np.fft.fftfreq(size, 1 / size)
    radius = np.hypot(cycles[:, None], cycles)
    radius[0, 0] = np.inf
    phase = np.fft.fft2(np.random.default_rng(0).standard_normal((size, size)))
    noise = np.fft.ifft2(radius ** (-exponent / 2) * phase / abs(phase)).real
    levels = np.clip(np.rint(128 + 40 * (noise - noise.mean()) / noise.std()), 0, 255) / 255
    # Amplitudes in the place of powers would give half of it.
    assert spectral_slope(levels)[0] == pytest.approx(-exponent, abs=0.05)


def test_a_bright_middle_adds_nothing_to_the_lowest_frequency():
    """White noise, flat at the border and brighter in the middle of the window by its own mean.

    With the plain mean taken off, what is left of the mean under the window leaks into f = 1.
    """
    rng = np.random.default_rng(2)
    middle = np.full((64, 64), 0.2)
    middle[16:48, 16:48] = 0.8  # the plain mean is 0.35, that under the window 0.60
    levels = middle + 0.01 * rng.standard_normal((64, 64))
    assert spectral_slope(levels)[0] == pytest.approx(slope_apart(levels), abs=1e-9)


def test_photographs_have_the_slope_of_natural_scenes(golden_pictures):
    # Amplitude falls with an exponent of 0.7 to 1.6 (Tolhurst, Tadmor & Chao 1992), so power by 2x.
    slopes = [described(path)["spectral_slope"] for path in golden_pictures.values()]
    assert -3.2 < min(slopes) <= max(slopes) < -1.4


def test_a_square_drawn_by_hand_has_edges_only_around_it(tmp_path):
    drawn = np.zeros((100, 100), np.uint8)
    drawn[30:70, 30:70] = 255
    density = described(saved(tmp_path, drawn))["edge_density"]
    assert 150 / 10_000 < density < 330 / 10_000  # one or two pixels wide, 4 x 40 long


def test_one_pixel_has_size_and_luminance_and_says_what_it_has_not(tmp_path):
    row = described(saved(tmp_path, np.full((1, 1, 3), 255, np.uint8)))
    assert (row["width"], row["height"], row["aspect"]) == (1, 1, 1.0)
    assert row["luminance_mean"] == pytest.approx(1, abs=1e-9)
    assert math.isnan(row["spectral_slope"])
    assert math.isnan(row["edge_density"])
    assert "no spectral slope" in row["warning"]
    assert "no edge density" in row["warning"]


def numbers(row):
    return {
        name: row[name] for name in row if name not in ("image_id", "path", "sha256", "warning")
    }


def test_other_kinds_of_files_are_measured_as_they_are_scored(tmp_path):
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    plain = numbers(described(saved(tmp_path, rgb, "plain.png")))

    with_alpha = Image.fromarray(np.dstack([rgb, rng.integers(0, 256, (40, 50), dtype=np.uint8)]))
    clear = described(saved(tmp_path, with_alpha, "clear.png"))
    assert numbers(clear) == plain
    assert "transparency dropped" in clear["warning"]

    grey = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    eight = described(saved(tmp_path, grey, "eight.png"))
    sixteen = described(saved(tmp_path, grey.astype(np.uint16) * 256 + 130, "sixteen.png"))
    assert numbers(sixteen) == numbers(eight)
    assert eight["grey"] is True
    assert "16-bit" in sixteen["warning"]

    ink = Image.frombytes("CMYK", (50, 40), rng.bytes(40 * 50 * 4))
    printed = described(saved(tmp_path, ink, "printed.tif"))
    require_same(printed, np.asarray(ink.convert("RGB")))
    assert "CMYK" in printed["warning"]

    turned = Image.fromarray(rgb)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned = described(saved(tmp_path, turned, "turned.png", exif=exif))
    assert numbers(turned) == plain  # as the models see it


def test_a_box_is_a_picture_of_its_own_with_the_digest_of_its_file(tmp_path):
    rgb = np.random.default_rng(2).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    path = saved(tmp_path, rgb)
    row = describe_item(Item("made.png#2", str(path), Crop(path, (10, 20, 60, 60))))
    require_same(row, rgb[20:60, 10:60])
    assert (row["width"], row["height"]) == (50, 40)
    assert row["sha256"] == described(path)["sha256"]


def test_a_smaller_copy_of_a_picture_has_nearly_the_same_hash(golden_pictures, tmp_path):
    hashes = []
    for path in golden_pictures.values():
        with Image.open(path) as image:
            half = image.convert("RGB").resize((image.width // 2, image.height // 2))
        one, copy = described(path)["phash"], described(saved(tmp_path, half, "h.jpg"))["phash"]
        assert (int(one, 16) ^ int(copy, 16)).bit_count() <= 6
        hashes.append(int(one, 16))
    assert (hashes[0] ^ hashes[-1]).bit_count() > 12


def test_one_large_picture_is_measured_at_a_time(tmp_path, monkeypatch):
    held = []

    class Lock:
        def __enter__(self):
            held.append(True)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(measures, "one_large", Lock())
    monkeypatch.setattr(measures, "LARGE", 2_000)
    rng = np.random.default_rng(4)
    for side, times in ((40, 0), (50, 1)):
        described(saved(tmp_path, rng.integers(0, 256, (side, side, 3), dtype=np.uint8)))
        assert len(held) == times


@pytest.mark.parametrize("name", sorted(set(hostile_pictures.REFUSED) - {"bomb N x N"}))
def test_a_hostile_picture_is_a_failed_row(tmp_path, name):
    make, sentence = hostile_pictures.REFUSED[name]
    (tmp_path / "bad.png").write_bytes(make())
    warning = described(tmp_path / "bad.png")["warning"]
    assert warning.startswith("failed: ")
    assert sentence in warning


def test_what_is_no_picture_says_why_and_has_no_numbers(tmp_path):
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 and nothing behind it")
    row = described(tmp_path / "cut.jpg")
    assert row["warning"].startswith("failed: ")
    assert "luminance_mean" not in row
    missing = described(tmp_path / "gone.jpg")
    assert missing["warning"] == "failed: There is no such file."
