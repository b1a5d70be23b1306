"""MATLAB's ``imresize``, which the original MemNet's pictures went through.

What it does, and others do differently: when it shrinks, the kernel is stretched by 1 / scale
(antialiasing); weights are normalised per output pixel; a tap outside the picture reads the
picture mirrored at its edge (the edge pixel counts twice); the dimension with the smaller scale is
resized first, rows before columns where they are equal; uint8 pictures are rounded and saturated
after each of the two passes, floating-point pictures never.

Worst distance from MATLAB's arithmetic: ``docs/precision.md``. The same arithmetic reproduces
MATLAB R2015b's own output in every pixel of a bicubic 512 x 512 -> 123 x 234 test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from memnet.util.arrays import AnyArray

if TYPE_CHECKING:
    from scipy import sparse

Method: TypeAlias = Literal["bilinear", "bicubic"]

_NUMBERS_AT_ONCE = 100_000  # 0.8 MB of float64: stays in the processor's cache, and in the heap


def resize_like_matlab(
    picture: AnyArray,
    size_hw: tuple[int, int],
    method: Method = "bilinear",
    *,
    single: bool = False,
) -> AnyArray:
    """Resize as MATLAB's ``imresize(picture, [height width], method)``.

    Parameters
    ----------
    picture : ``(H, W)`` or ``(H, W, C)``; uint8 (result: uint8), or floating point (same type).
    size_hw : height and width of the result.
    method : ``"bilinear"`` or ``"bicubic"`` (a = -1/2).
    single : as ``imresize(single(picture), ...)``: nothing is rounded, the result is float32.

    Returns
    -------
    array of shape ``(height, width)`` or ``(height, width, C)`` and the type of ``picture``; a
    bicubic result may leave the range of a floating-point input.

    Raises
    ------
    ValueError
        for another type or an empty picture.
    """
    if picture.dtype != np.uint8 and not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(f"a picture of type {picture.dtype}; give uint8 or floating point")
    if picture.ndim not in (2, 3) or 0 in picture.shape or min(size_hw) < 1:
        raise ValueError(f"cannot resize shape {picture.shape} to {size_hw}")
    result = picture
    rounded = picture.dtype == np.uint8 and not single
    for axis in pass_order(picture.shape[:2], size_hw):
        if picture.shape[axis] == size_hw[axis]:
            continue  # MATLAB skips a dimension that keeps its size
        weights = resize_weights(picture.shape[axis], size_hw[axis], method)
        result = along(weights, result, axis)
        if rounded:
            # MATLAB rounds halves away from zero; what is negative saturates to 0 anyway.
            result = np.clip(np.floor(result + 0.5), 0, 255).astype(np.uint8)
    return result.astype(np.float32 if single else picture.dtype, copy=result is picture)


def pass_order(old_hw: tuple[int, ...], new_hw: tuple[int, int]) -> tuple[int, int]:
    """Return the axes in the order in which MATLAB resizes them: the smaller scale first."""
    scales = [new / old for new, old in zip(new_hw, old_hw, strict=True)]
    return (0, 1) if scales[0] <= scales[1] else (1, 0)


@lru_cache(maxsize=32)
def resize_weights(old: int, new: int, method: Method) -> sparse.csr_matrix:
    """Weights of one pass, ``(new, old)`` sparse float64: output = weights @ input."""
    from scipy import sparse  # here: other resizers start without it

    kernel, width = _KERNELS[method]
    scale = new / old
    stretch = min(scale, 1.0)  # below 1 when shrinking: a wider kernel, the antialiasing
    width = width / stretch
    centre = np.arange(1, new + 1) / scale + 0.5 * (1 - 1 / scale)  # counted from one
    left = np.floor(centre - width / 2)
    taps = math.ceil(width) + 2  # more than enough; superfluous ones get weight 0
    index = left[:, None] + np.arange(taps)  # new x taps
    weight = stretch * kernel(stretch * (centre[:, None] - index))
    weight /= weight.sum(axis=1, keepdims=True)
    mirrored = (index.astype(np.int64) - 1) % (2 * old)  # the picture, then its mirror image
    mirrored = np.where(mirrored < old, mirrored, 2 * old - 1 - mirrored)
    rows = np.repeat(np.arange(new), taps)
    matrix = sparse.coo_matrix((weight.ravel(), (rows, mirrored.ravel())), shape=(new, old))
    return matrix.tocsr()  # adds taps that fall on one pixel


def along(weights: sparse.csr_matrix, picture: AnyArray, axis: int) -> AnyArray:
    """Apply one pass to an axis of ``(H, W)`` or ``(H, W, C)``; the result is float64.

    A strip at a time, so that a large picture costs little memory.
    """
    moved = picture if axis == 0 else picture.swapaxes(0, 1)
    old, lines = moved.shape[:2]
    result = np.empty((weights.shape[0], *moved.shape[1:]))
    step = max(1, _NUMBERS_AT_ONCE * lines // moved.size)
    for start in range(0, lines, step):
        strip = moved[:, start : start + step].astype(np.float64, order="C")
        passed = weights @ strip.reshape(old, -1)
        result[:, start : start + step] = passed.reshape(-1, *strip.shape[1:])
    return result if axis == 0 else result.swapaxes(0, 1)


def _triangle(x: AnyArray) -> AnyArray:
    return np.maximum(0.0, 1.0 - np.abs(x))


def _cubic(x: AnyArray) -> AnyArray:
    """Keys (1981), a = -1/2."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


_KERNELS: dict[str, tuple[Callable[[AnyArray], AnyArray], float]] = {
    "bilinear": (_triangle, 2.0),
    "bicubic": (_cubic, 4.0),
}
