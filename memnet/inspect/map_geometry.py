"""Where a network input lies in the picture that it was made of."""

from __future__ import annotations

import math

import numpy as np

from memnet.preprocess.spec import PreprocessSpec
from memnet.util.arrays import AnyArray, Array

_NO_AREA = 1e-9  # of a pixel: rounding


def places(length: int, share: float, stride: float) -> list[int]:
    """Return where windows along one side begin: evenly, the last at the far end.

    Their number does not depend on the pixels of the side, unless it has too few for them.

    Parameters
    ----------
    length : pixels of the side.
    share : what a window takes of it (:func:`window_length`).
    stride : the farthest that neighbours may be apart, as a share of the window.

    Examples
    --------
    >>> places(100, 0.4, 0.5)
    [0, 20, 40, 60]
    """
    count = windows_along(share, stride)
    starts = np.linspace(0, length - window_length(length, share), count)
    return list(dict.fromkeys(np.rint(starts).astype(int).tolist()))


def windows_along(share: float, stride: float) -> int:
    """Return how many windows there are along a side with pixels enough; see :func:`places`."""
    return math.ceil(round((1 - share) / (share * stride), 9)) + 1


def window_length(length: int, share: float) -> int:
    """Return the pixels of a window along a side of so many, at least 1."""
    return max(1, round(share * length))


def seen_by(spec: PreprocessSpec | None, size_hw: tuple[int, int]) -> AnyArray:
    """Mark the pixels of a picture that at least one of the network's crops shows.

    Parameters
    ----------
    spec : the preprocessing; None (the model takes pictures): all are seen.
    size_hw : height and width of the picture.

    Returns
    -------
    array
        bool, ``(height, width)``: whether a part of a pixel lies in a crop.
    """
    if spec is None:
        return np.ones(size_hw, bool)
    height, width = spec.crop_hw
    seen = np.zeros(spec.resize_hw, bool)
    for _, mirrored, (row, column) in spec.cuts():
        first = spec.resize_hw[1] - width - column if mirrored else column
        seen[row : row + height, first : first + width] = True
    marked: AnyArray = spread(seen.astype(float), size_hw) > _NO_AREA
    return marked


def spread(values: Array, size_hw: tuple[int, int]) -> Array:
    """Bring sums over the pixels of one frame into another frame of the same picture.

    Each value is shared out by area, so that the total stays the same.

    Parameters
    ----------
    values : ``(height, width)``.
    size_hw : of the new frame.

    Examples
    --------
    >>> spread(np.array([[1.0, 2.0]]), (1, 4)).tolist()
    [[0.5, 0.5, 1.0, 1.0]]
    """
    rows, columns = (_shares(old, new) for old, new in zip(values.shape, size_hw, strict=True))
    result: Array = rows @ values @ columns.T
    return result


def stretch(values: Array, size_hw: tuple[int, int]) -> Array:
    """Bring values into another frame of the same picture: each pixel gets the mean over its area.

    Parameters are those of :func:`spread`.

    Examples
    --------
    >>> stretch(np.array([[1.0, 2.0]]), (2, 3)).tolist()
    [[1.0, 1.5, 2.0], [1.0, 1.5, 2.0]]
    """
    return spread(values, size_hw) / spread(np.ones_like(values), size_hw)


def _shares(old: int, new: int) -> Array:
    """Return ``(new, old)``: the share of each old pixel that lies in each new one."""
    ends = np.arange(new + 1) * old / new
    first, last = ends[:-1, None], ends[1:, None]
    pixels = np.arange(old)
    shares: Array = np.clip(np.minimum(last, pixels + 1) - np.maximum(first, pixels), 0, None)
    return shares
