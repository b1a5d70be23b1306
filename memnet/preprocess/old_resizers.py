"""The resizers of MemNet's day, those that are not MATLAB's: what old scripts fed the network.

Each is a named primitive with the same signature: an RGB picture and a size in, ``(height, width,
3)`` grey levels 0 to 255 out. How far each lies from the library that it imitates is measured by
``tests/preprocess/test_old_resizers.py`` against the limits of ``docs/precision.md``.

Each is two passes of weights, one along each axis; in 64-bit floats but for OpenCV's on 8-bit
pixels, where the library's whole-number arithmetic is followed. The functions ``..._weights(old,
new)`` return those of one pass, ``(new, old)`` sparse float64: output = weights @ input.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from memnet.preprocess.matlab_resize import along
from memnet.util.arrays import AnyArray

if TYPE_CHECKING:
    from scipy import sparse

Size: TypeAlias = "tuple[int, int]"


def resize_opencv_linear_8bit(picture: Image.Image, size_hw: Size) -> AnyArray:
    """OpenCV's ``cv::resize(..., INTER_LINEAR)`` on 8-bit pixels: not antialiased, fixed point.

    Weights are rounded to 1/2048, intermediate sums lose four bits, and the result is rounded
    (``resize.cpp``, ``HResizeLinear`` and ``VResizeLinear`` for uchar).

    Returns
    -------
    uint8 array of shape ``(height, width, 3)``.
    """
    pixels = np.asarray(picture)
    (top, bottom, w_top, w_bottom), (left, right, w_left, w_right) = (
        _fixed_point_taps(old, new) for old, new in zip(pixels.shape[:2], size_hw, strict=True)
    )
    # Only the columns that are read are widened: all of them would be four times the picture.
    columns = [pixels[:, taps].astype(np.int32) for taps in (left, right)]
    rows = columns[0] * w_left[:, None] + columns[1] * w_right[:, None]  # H x width x 3, in 1/2048
    above = (w_top[:, None, None] * (rows[top] >> 4)) >> 16
    below = (w_bottom[:, None, None] * (rows[bottom] >> 4)) >> 16
    resized: AnyArray = ((above + below + 2) >> 2).astype(np.uint8)
    return resized


def resize_tensorflow1_bilinear(picture: Image.Image, size_hw: Size) -> AnyArray:
    """TensorFlow 1's ``tf.image.resize_images``: not antialiased, pixel centres half a pixel off.

    Output pixel x reads at ``x * old / new``, not at ``(x + 1/2) * old / new - 1/2``
    (``resize_bilinear_op.cc`` without ``half_pixel_centers``).

    Returns
    -------
    float32 array of shape ``(height, width, 3)``.
    """
    return _two_passes(np.asarray(picture), size_hw, tensorflow1_weights)


def resize_skimage_linear(picture: Image.Image, size_hw: Size) -> AnyArray:
    """``caffe.io.resize_image`` with scikit-image before 0.15: order 1, not antialiased.

    Where a picture is enlarged, the taps outside of it read the picture's darkest value
    (``mode="constant"`` after ``caffe.io`` has stretched the values to [0, 1]).

    Returns
    -------
    float32 array of shape ``(height, width, 3)``.
    """
    return _from_the_darkest(picture, size_hw, skimage_weights)


def resize_skimage_linear_antialiased(picture: Image.Image, size_hw: Size) -> AnyArray:
    """``caffe.io.resize_image`` with scikit-image 0.15 or newer: a Gaussian filter comes first.

    Its SD is ``(old / new - 1) / 2`` pixels where the picture shrinks; outside of the picture it
    reads the darkest value, so borders darken.

    Returns
    -------
    float32 array of shape ``(height, width, 3)``.
    """
    return _from_the_darkest(picture, size_hw, skimage_smoothed_weights)


def resize_torch7_bilinear(picture: Image.Image, size_hw: Size) -> AnyArray:
    """Torch7's ``image.scale(picture, width, height)`` on floating-point pixels.

    A dimension that shrinks is averaged over boxes with fractional ends; one that grows is
    interpolated between the corner pixels (``generic/image.c``, ``scaleLinear_rowcol``).

    Returns
    -------
    float32 array of shape ``(height, width, 3)``.
    """
    return _two_passes(np.asarray(picture), size_hw, torch7_weights)


def resize_opencv_linear_float(image: AnyArray, size_hw: Size) -> AnyArray:
    """``cv2.resize`` of a floating-point image, linear: for mean images.

    Parameters
    ----------
    image : float32 ``(H, W, 3)``.

    Returns
    -------
    float32 array of shape ``(height, width, 3)``.
    """
    return _two_passes(image, size_hw, opencv_weights)


def _two_passes(pixels: AnyArray, size_hw: Size, weights: Any) -> AnyArray:
    result = pixels
    for axis in (0, 1):
        if result.shape[axis] != size_hw[axis]:
            result = along(weights(result.shape[axis], size_hw[axis]), result, axis)
    return result.astype(np.float32)


def _from_the_darkest(picture: Image.Image, size_hw: Size, weights: Any) -> AnyArray:
    pixels = np.asarray(picture)
    darkest = int(pixels.min())
    return _two_passes(pixels - np.uint8(darkest), size_hw, weights) + np.float32(darkest)


def _between(left: AnyArray, fraction: AnyArray, old: int) -> sparse.csr_matrix:
    """Weights of linear interpolation; a tap outside the picture has none."""
    from scipy import sparse  # here, as below: other resizers start without it

    rows = np.repeat(np.arange(len(left)), 2)
    columns = np.stack([left, left + 1], axis=1).ravel()
    weight = np.stack([1 - fraction, fraction], axis=1).ravel()
    inside = (columns >= 0) & (columns < old)
    return sparse.coo_matrix(
        (weight[inside], (rows[inside], columns[inside])), shape=(len(left), old)
    ).tocsr()


def _centred(old: int, new: int) -> tuple[AnyArray, AnyArray]:
    """Where each output pixel's centre falls: the pixel to the left, and the way to the next."""
    place = (np.arange(new) + 0.5) * (old / new) - 0.5
    left = np.floor(place).astype(np.int64)
    return left, place - left


@lru_cache(maxsize=32)
def tensorflow1_weights(old: int, new: int) -> sparse.csr_matrix:
    """Of :func:`resize_tensorflow1_bilinear`."""
    place = np.arange(new, dtype=np.float32) * np.float32(old / new)
    left = place.astype(np.int64)
    fraction = (place - left.astype(np.float32)).astype(np.float64)
    fraction[left + 1 >= old] = 0  # the last pixel again
    return _between(left, fraction, old)


@lru_cache(maxsize=32)
def skimage_weights(old: int, new: int) -> sparse.csr_matrix:
    """Of :func:`resize_skimage_linear`."""
    return _between(*_centred(old, new), old)


@lru_cache(maxsize=32)
def skimage_smoothed_weights(old: int, new: int) -> sparse.csr_matrix:
    """Of :func:`resize_skimage_linear_antialiased`."""
    from scipy import sparse

    sd = max(0.0, (old / new - 1) / 2)
    if sd == 0:
        return skimage_weights(old, new)
    reach = int(4 * sd + 0.5)  # scipy.ndimage.gaussian_filter, truncate=4
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sd) ** 2)
    kernel /= kernel.sum()
    inside = np.abs(offsets) < old
    smooth = sparse.diags(kernel[inside].tolist(), offsets[inside].tolist(), shape=(old, old))
    both: sparse.csr_matrix = (skimage_weights(old, new) @ smooth).tocsr()
    return both


@lru_cache(maxsize=32)
def torch7_weights(old: int, new: int) -> sparse.csr_matrix:
    """Of :func:`resize_torch7_bilinear`."""
    from scipy import sparse

    if new > old:
        place = np.arange(new) * ((old - 1) / (new - 1))
        left = np.minimum(place.astype(np.int64), max(old - 2, 0))
        return _between(left, place - left, old)
    edges = np.arange(new + 1) * (old / new)
    pixels = np.arange(old)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    covered = np.maximum(covered, 0.0)
    return sparse.csr_matrix(covered / covered.sum(axis=1, keepdims=True))


def _opencv_taps(old: int, new: int) -> tuple[AnyArray, AnyArray]:
    """As :func:`_centred`, in 32-bit floats, and never outside the picture."""
    place = ((np.arange(new) + 0.5) * (old / new) - 0.5).astype(np.float32)
    left = np.floor(place).astype(np.int64)
    fraction = (place - left).astype(np.float32)
    fraction[(left < 0) | (left >= old - 1)] = 0
    return np.clip(left, 0, old - 1), fraction


@lru_cache(maxsize=32)
def opencv_weights(old: int, new: int) -> sparse.csr_matrix:
    """Of :func:`resize_opencv_linear_float`."""
    left, fraction = _opencv_taps(old, new)
    return _between(left, fraction.astype(np.float64), old)


def _fixed_point_taps(old: int, new: int) -> tuple[AnyArray, AnyArray, AnyArray, AnyArray]:
    left, fraction = _opencv_taps(old, new)
    right = np.minimum(left + 1, old - 1)
    unit = np.float32(2048)
    before = np.rint((np.float32(1) - fraction) * unit).astype(np.int32)
    return left, right, before, np.rint(fraction * unit).astype(np.int32)
