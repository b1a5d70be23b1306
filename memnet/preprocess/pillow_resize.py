"""Pillow's 8-bit bilinear resize in our own arithmetic, so that no installed Pillow moves a score.

Antialiased, fixed point: each of the two passes multiplies pixels by weights that are rounded to
2**-22 and rounds its sums to whole grey levels (``Resample.c``: ``precompute_coeffs``,
``normalize_coeffs_8bpc``, ``_ImagingResampleHorizontal_8bpc``). Up to version 12 Pillow always
resized along rows first; version 13 resizes along columns first where the height loses more than
twice as many pixels as the width (``ImagingResampleInner``), which rounds otherwise in some pixels.

Equal in every bit to both: ``tests/preprocess/test_pillow_resize.py``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from memnet.util.arrays import AnyArray
from memnet.util.compiling import compiled

_BITS = 22
_HALF = 1 << (_BITS - 1)


def resize_8bit(pixels: AnyArray, size_hw: tuple[int, int], *, columns_first: bool) -> AnyArray:
    """Resize an RGB picture.

    Parameters
    ----------
    pixels : uint8 ``(H, W, 3)``.
    size_hw : height and width of the result.
    columns_first : whether heights are changed before widths.

    Returns
    -------
    uint8 array of shape ``(height, width, 3)``.

    Examples
    --------
    >>> resize_8bit(np.full((4, 6, 3), 7, np.uint8), (2, 2), columns_first=False).tolist()[0][0]
    [7, 7, 7]
    """
    result = np.ascontiguousarray(pixels)
    for axis in (0, 1) if columns_first else (1, 0):
        old, new = result.shape[axis], size_hw[axis]
        if old != new:  # Pillow leaves a pass out that would change nothing
            shape = (new, result.shape[1], 3) if axis == 0 else (result.shape[0], new, 3)
            out = np.empty(shape, dtype=np.uint8)
            (_resize_columns if axis == 0 else _resize_rows)(result, *_weights(old, new), out)
            result = out
    return result


def columns_come_first(old_hw: tuple[int, int], new_hw: tuple[int, int]) -> bool:
    """Whether Pillow 13 changes the height first, to have less work with the width."""
    rows, columns = (old - new for old, new in zip(old_hw, new_hw, strict=True))
    return rows > 0 and rows > 2 * columns


@lru_cache(maxsize=64)
def _weights(old: int, new: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """First pixels int64 ``(new,)``, how many, and their weights in 2**-22, int32 ``(new, taps)``.

    The sums run from left to right, as in C; NumPy's own would round otherwise.
    """
    scale = old / new
    reach = max(scale, 1.0)
    centre = (np.arange(new) + 0.5) * scale
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    count = np.minimum((centre + reach + 0.5).astype(np.int64), old) - first
    weight, total = np.zeros((new, count.max())), np.zeros(new)
    for tap in range(weight.shape[1]):
        triangle = np.maximum(0.0, 1.0 - np.abs((tap + first - centre + 0.5) * (1.0 / reach)))
        weight[:, tap] = np.where(tap < count, triangle, 0.0)
        total += weight[:, tap]
    weight /= total[:, None]
    return first, count, (0.5 + weight * (1 << _BITS)).astype(np.int32)


@compiled
def _resize_rows(
    pixels: AnyArray, first: AnyArray, count: AnyArray, weight: AnyArray, out: AnyArray
) -> None:
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            red = green = blue = np.int32(_HALF)
            for tap in range(count[column]):
                pixel = first[column] + tap
                red += pixels[row, pixel, 0] * weight[column, tap]
                green += pixels[row, pixel, 1] * weight[column, tap]
                blue += pixels[row, pixel, 2] * weight[column, tap]
            out[row, column, 0] = min(max(red >> _BITS, 0), 255)
            out[row, column, 1] = min(max(green >> _BITS, 0), 255)
            out[row, column, 2] = min(max(blue >> _BITS, 0), 255)


@compiled
def _resize_columns(
    pixels: AnyArray, first: AnyArray, count: AnyArray, weight: AnyArray, out: AnyArray
) -> None:
    lines = pixels.reshape(pixels.shape[0], -1)
    results = out.reshape(out.shape[0], -1)
    sums = np.empty(lines.shape[1], dtype=np.int32)
    for row in range(out.shape[0]):
        sums[:] = _HALF
        for tap in range(count[row]):
            line, factor = lines[first[row] + tap], weight[row, tap]
            for place in range(len(sums)):
                sums[place] += line[place] * factor
        for place in range(len(sums)):
            results[row, place] = min(max(sums[place] >> _BITS, 0), 255)
