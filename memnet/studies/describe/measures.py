"""What a picture looks like, in numbers: light, contrast, colour, detail. One picture at a time.

Everything but the size is measured on the picture as 8-bit sRGB, decoded as ``memnet score`` does,
whose longer side is shrunk to :data:`LONGEST_SIDE` pixels where it is longer. ``docs/describe.md``
explains each measure to a reader who does not program.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import imagehash
import numpy as np
from PIL import Image
from scipy.fft import fft2
from scipy.signal.windows import hann
from skimage.color import rgb2gray, rgb2xyz
from skimage.feature import canny
from skimage.measure import shannon_entropy

from memnet.data.digests import stored_digest
from memnet.data.inputs import Item
from memnet.data.score_columns import FAILED
from memnet.errors import LimitError, PictureError
from memnet.preprocess.decode import (
    Crop,
    Decoded,
    decode,
    open_picture,
    pixels_to_unpack,
    read_stored,
)
from memnet.studies.cautions import look_at
from memnet.util.arrays import AnyArray, Array

LONGEST_SIDE = 1024
"""Pixels of the longer side to which larger pictures are shrunk."""

SMALLEST_SQUARE = 16
"""Pixels of a side below which a picture has too few spatial frequencies for a slope."""

MEASURES = (
    "luminance_mean",
    "luminance_sd",
    "rms_contrast",
    "colourfulness",
    "spectral_slope",
    "edge_density",
    "entropy",
)
"""The measures of the pixels, in the order of the table's columns."""

_ROUNDING = 1e-24
"""Share of a picture's power below which what the Fourier transform gives is rounding alone."""

CANNY_SIGMA = 1.0
"""Pixels by which the picture is smoothed before edges are looked for."""


LARGE = 25_000_000
"""Pixels above which a picture is large: several processes measure one of these at a time."""

one_large: AbstractContextManager[Any] = nullcontext()
"""Held while a large picture is measured; where there are several processes, a lock of them all."""


def describe_item(item: Item, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Describe one picture: a row of the table.

    Parameters
    ----------
    item : the picture. A box of a picture is described as a picture of its own.
    known : the row of an earlier run, which is returned where the file's bytes are still the same.

    Returns
    -------
    dict
        by column of :data:`memnet.studies.describe.table.COLUMNS`. Of a picture that cannot be
        read, ``warning`` says why, after ``failed:``, and the numbers are missing.
    """
    row: dict[str, Any] = {"image_id": item.image_id, "path": item.path}
    picture, box = item.picture, item.box
    if isinstance(picture, Crop):
        picture = picture.picture
    try:
        stored = read_stored(picture)
        row["sha256"] = stored_digest(stored)
        if known is not None and box is None and known.get("sha256") == row["sha256"] != "":
            return {**known, **row}
        opened = open_picture(stored if box is None else Crop(stored, box))
        with one_large if pixels_to_unpack(opened) > LARGE else nullcontext():
            decoded = decode(opened, exif_orientation="ignore")
            measured, notes = measure(decoded)
    except LimitError as error:  # there is no option here that would raise it
        return {**row, "warning": f"{FAILED}{error.where_fixed}"}
    except PictureError as error:
        return {**row, "warning": f"{FAILED}{error}"}
    except MemoryError:
        return {**row, "warning": f"{FAILED}The memory does not hold this picture; shrink it."}
    return {**row, **measured, "warning": "; ".join([*decoded.warnings, *notes])}


def measure(decoded: Decoded) -> tuple[dict[str, Any], list[str]]:
    """Measure a decoded picture.

    Returns
    -------
    dict, list of str
        the values by column, NaN or "" where a measure is not defined; and why, a note each.
    """
    small = shrink(decoded.rgb)
    rgb = np.asarray(small)  # H x W x 3, uint8
    grey_levels = rgb2gray(rgb)  # H x W, 0 to 1
    luminance = relative_luminance(rgb)
    slope, no_slope = spectral_slope(grey_levels)
    edges, no_edges = edge_density(grey_levels)
    perceptual_hash, no_hash = str(imagehash.phash(small)), ""
    if not np.ptp(grey_levels):  # all flat pictures would have one hash, and seem to be copies
        perceptual_hash, no_hash = "", "no perceptual hash: the picture is flat"
    numbers = {
        "width": decoded.width,
        "height": decoded.height,
        "aspect": decoded.width / decoded.height,
        "grey": look_at(decoded).grey,
        "luminance_mean": float(luminance.mean()),
        "luminance_sd": float(luminance.std()),
        "rms_contrast": float(grey_levels.std()),
        "colourfulness": colourfulness(rgb),
        "spectral_slope": slope,
        "edge_density": edges,
        "entropy": float(shannon_entropy(np.rint(grey_levels * 255).astype(np.uint8))),
        "phash": perceptual_hash,
    }
    return numbers, [note for note in (no_slope, no_edges, no_hash) if note]


def shrink(rgb: Image.Image) -> Image.Image:
    """Shrink a picture to a longer side of :data:`LONGEST_SIDE` pixels, by Pillow's Lanczos filter.

    A smaller picture is returned as it is. The shorter side is rounded to whole pixels, and has at
    least one.

    Examples
    --------
    >>> shrink(Image.new("RGB", (3000, 2000))).size, shrink(Image.new("RGB", (30, 20))).size
    ((1024, 683), (30, 20))
    """
    longer = max(rgb.size)
    if longer <= LONGEST_SIDE:
        return rgb
    width, height = (max(1, round(side * LONGEST_SIDE / longer)) for side in rgb.size)
    return rgb.resize((width, height), Image.Resampling.LANCZOS)


@lru_cache(maxsize=1)
def _luminance_of_levels() -> Array:
    """Luminance that each level of each channel adds, 3 x 256: Y is a sum over the channels."""
    levels = np.zeros((3, 256, 3), dtype=np.uint8)
    for channel in range(3):
        levels[channel, :, channel] = np.arange(256)
    return np.asarray(rgb2xyz(levels)[..., 1], dtype=np.float64)


def relative_luminance(rgb: AnyArray) -> Array:
    """Return the relative luminance of each pixel: Y of linear sRGB (IEC 61966-2-1), 0 to 1.

    It is what ``skimage.color.rgb2xyz`` gives, looked up for the 256 levels of each channel, which
    takes a fifth of the time.

    Examples
    --------
    >>> relative_luminance(np.array([[[255, 255, 255], [0, 0, 0]]], dtype=np.uint8)).round(6)
    array([[1., 0.]])
    """
    red, green, blue = _luminance_of_levels()
    return np.asarray(red[rgb[..., 0]] + green[rgb[..., 1]] + blue[rgb[..., 2]])


def colourfulness(rgb: AnyArray) -> float:
    """Return the third measure of Hasler and Suesstrunk (2003), of levels 0 to 255.

    With ``rg = R - G`` and ``yb = (R + G) / 2 - B``: the root of the sum of their variances, plus
    0.3 times the root of the sum of their squared means. The authors' people called 15 slightly, 45
    averagely and 109 extremely colourful.

    Examples
    --------
    >>> colourfulness(np.full((4, 4, 3), 128, dtype=np.uint8))
    0.0
    """
    red, green, blue = np.moveaxis(rgb.astype(np.float64), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())


def spectral_slope(grey_levels: Array) -> tuple[float, str]:
    """Return the slope of log power over log spatial frequency (Field 1987), about -2 of scenes.

    Of the largest centred square, N x N: its mean, each pixel weighted by a Hann window, is taken
    off (so that nothing of it leaks into the lowest frequency), the window applied, and the
    power of the Fourier transform averaged over all directions at each whole frequency, 1 to N/2
    cycles per picture (a frequency belongs to the nearest whole one). The slope is that of the
    least-squares line through log10 power over log10 frequency.

    Returns
    -------
    float, str
        NaN, and why, where the square is smaller than :data:`SMALLEST_SQUARE` pixels, flat, or
        without power at some frequency.
    """
    height, width = grey_levels.shape
    side = min(height, width)
    if side < SMALLEST_SQUARE:
        return math.nan, f"no spectral slope: a side of less than {SMALLEST_SQUARE} pixels"
    top, left = (height - side) // 2, (width - side) // 2
    square = grey_levels[top : top + side, left : left + side]
    if not np.ptp(square):
        return math.nan, "no spectral slope: the middle of the picture is flat"
    window, places = _window_and_frequencies(side)
    mean = (square * window).sum() / window.sum()
    power = np.abs(fft2((square - mean) * window)) ** 2
    frequencies = np.arange(1, side // 2 + 1)
    sums = np.bincount(places, weights=power.ravel())[frequencies]
    mean_power = sums / np.bincount(places)[frequencies]
    if (mean_power <= _ROUNDING * power.sum()).any():
        return math.nan, "no spectral slope: no power at some frequencies, as in a pattern"
    return float(np.polyfit(np.log10(frequencies), np.log10(mean_power), 1)[0]), ""


@lru_cache(maxsize=4)
def _window_and_frequencies(side: int) -> tuple[Array, AnyArray]:
    """Return the window, and of each place of a transform the nearest whole frequency."""
    window = hann(side, sym=False)
    cycles = np.fft.fftfreq(side, 1 / side)
    radius = np.hypot(cycles[:, np.newaxis], cycles)
    return np.outer(window, window), np.rint(radius).astype(np.int64).ravel()


def edge_density(grey_levels: Array) -> tuple[float, str]:
    """Return the share of the pixels that Canny's (1986) detector marks as edges, 0 to 1.

    scikit-image's, with its own thresholds (0.1 and 0.2 of the range) after smoothing by
    :data:`CANNY_SIGMA`. It marks none at the border, so that a picture without an inside has no
    density.
    """
    if min(grey_levels.shape) < 3:
        return math.nan, "no edge density: a side of less than 3 pixels"
    return float(canny(grey_levels, sigma=CANNY_SIGMA).mean()), ""
