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

_BITS = 22
"""Of a weight, behind the point."""

_PIXELS_WITH_NUMPY = 10_000_000
"""So many are resized with NumPy first, in about the time that importing Numba takes."""

_resized = 0


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
            _pass(result, axis, out)
            result = out
    return result


def _pass(pixels: AnyArray, axis: int, out: AnyArray) -> None:
    """Fill ``out`` with the pixels resized along one axis."""
    global _resized
    first, count, weight = _weights(pixels.shape[axis], out.shape[axis])
    _resized += pixels.size // 3
    if _resized <= _PIXELS_WITH_NUMPY:
        _pass_with_numpy(pixels, axis, first, weight, out)
        return
    from memnet.preprocess.pillow_compiled import resize_columns, resize_rows

    (resize_columns if axis == 0 else resize_rows)(pixels, first, count, weight, _BITS, out)


def expect_many() -> None:
    """Compile with the next picture: there will be many."""
    global _resized
    _resized = _PIXELS_WITH_NUMPY


def columns_come_first(old_hw: tuple[int, int], new_hw: tuple[int, int]) -> bool:
    """Whether Pillow 13 changes the height first, to have less work with the width."""
    rows, columns = (old - new for old, new in zip(old_hw, new_hw, strict=True))
    return rows > 0 and rows > 2 * columns


@lru_cache(maxsize=64)
def _weights(old: int, new: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """First pixels and how many, int64 ``(new,)``, and weights in 2**-22, int32 ``(new, taps)``."""
    first, count, weight = _triangles(old, new)
    return first, count, (0.5 + weight * (1 << _BITS)).astype(np.int32)


def unrounded_weights(old: int, new: int) -> AnyArray:
    """Weights of a pass, unrounded: ``(new, old)`` float64; output = weights @ input."""
    first, count, weight = _triangles(old, new)
    matrix = np.zeros((new, old))
    for row, (start, taps) in enumerate(zip(first, count, strict=True)):
        matrix[row, start : start + taps] = weight[row, :taps]
    return matrix


def _triangles(old: int, new: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """First pixels int64 ``(new,)``, how many, and their weights, float64 ``(new, taps)``.

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
    return first, count, weight


def _pass_with_numpy(
    pixels: AnyArray, axis: int, first: AnyArray, weight: AnyArray, out: AnyArray
) -> None:
    """Fill ``out`` with one pass; whole numbers, so that no order of adding rounds otherwise."""
    along = tuple(-1 if other == axis else 1 for other in range(3))
    sums = np.full(out.shape, 1 << (_BITS - 1), dtype=np.int32)
    for tap in range(weight.shape[1]):
        place = np.minimum(first + tap, pixels.shape[axis] - 1)  # beyond the last its weight is 0
        sums += pixels.take(place, axis=axis) * weight[:, tap].reshape(along)
    out[:] = np.clip(sums >> _BITS, 0, 255)
