"""The two passes of :mod:`memnet.preprocess.pillow_resize`, compiled: ten times as fast.

``weight`` has ``bits`` behind the point; its first pixels and how many are used: see there. ``out``
is filled.
"""

from __future__ import annotations

import numpy as np

from memnet.util.arrays import AnyArray
from memnet.util.compiling import compiled


@compiled
def resize_rows(
    pixels: AnyArray, first: AnyArray, count: AnyArray, weight: AnyArray, bits: int, out: AnyArray
) -> None:
    """Change the width: each row of ``out`` from the same row of ``pixels``."""
    half = np.int32(1 << (bits - 1))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            red = green = blue = half
            for tap in range(count[column]):
                pixel = first[column] + tap
                red += pixels[row, pixel, 0] * weight[column, tap]
                green += pixels[row, pixel, 1] * weight[column, tap]
                blue += pixels[row, pixel, 2] * weight[column, tap]
            out[row, column, 0] = min(max(red >> bits, 0), 255)
            out[row, column, 1] = min(max(green >> bits, 0), 255)
            out[row, column, 2] = min(max(blue >> bits, 0), 255)


@compiled
def resize_columns(
    pixels: AnyArray, first: AnyArray, count: AnyArray, weight: AnyArray, bits: int, out: AnyArray
) -> None:
    """Change the height: whole rows are weighted and added."""
    lines = pixels.reshape(pixels.shape[0], -1)
    results = out.reshape(out.shape[0], -1)
    sums = np.empty(lines.shape[1], dtype=np.int32)
    for row in range(out.shape[0]):
        sums[:] = 1 << (bits - 1)
        for tap in range(count[row]):
            line, factor = lines[first[row] + tap], weight[row, tap]
            for place in range(len(sums)):
                sums[place] += line[place] * factor
        for place in range(len(sums)):
            results[row, place] = min(max(sums[place] >> bits, 0), 255)
