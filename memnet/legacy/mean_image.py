"""The mean image: reading it, and telling which way round it lies.

The original's file holds image rows x image columns x (blue, green, red). MATLAB's later Caffe
convention holds columns x rows, Caffe's own ``.binaryproto`` channels x rows x columns, and people
made every other arrangement. Subtracting a transposed mean costs 17 grey levels RMS and raises no
error, so the arrangement is read off the picture itself: the mean of many photographs is
left-right symmetric, brighter at the top (sky), and redder than blue. What was recognised and put
right is reported; what cannot be told is an error that asks.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memnet.errors import MemnetError
from memnet.legacy.caffe_files import read_binaryproto, something_else
from memnet.preprocess.spec import mean_digest
from memnet.util.arrays import Float32Array
from memnet.util.text import printable

LAYOUTS = tuple(
    f"{axes}-{order}" for axes in ("hwc", "whc", "chw", "cwh") for order in ("bgr", "rgb")
)
"""Arrangements: h image rows, w image columns, c channels; then the order of the channels."""

_CLEAR_RATIO = 4.0  # the original: 19.96 grey levels across one axis, 0.08 across the other
_MOST_NUMBERS = 10_000_000  # the original: 196,608
_CLEAR_LEVELS = 2.0  # the original: 28 from top to bottom, 13 from blue to red


@dataclass(frozen=True)
class MeanImage:
    """A mean image, put right.

    Attributes
    ----------
    values : float32 ``(H, W, 3)``, image rows x columns x BGR, grey levels 0 to 255.
    layout : how it lay in the file, one of :data:`LAYOUTS`.
    report : sentences for the user: what was recognised, what was turned.
    """

    values: Float32Array
    layout: str
    report: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Sha256 of the values (:func:`memnet.preprocess.spec.mean_digest`)."""
        return mean_digest(self.values)


def read_mean_image(
    path: str | Path, *, size_hw: tuple[int, int] = (256, 256), layout: str | None = None
) -> MeanImage:
    """Read a mean image from ``.mat``, ``.npy`` or ``.binaryproto``.

    Parameters
    ----------
    path : the file.
    size_hw : the size that the network's path subtracts at.
    layout : one of :data:`LAYOUTS`; None reads it off the picture.

    Raises
    ------
    MemnetError
        if it cannot be read, has another size, holds no grey levels, or if ``layout`` is None and
        the arrangement cannot be told.
    """
    path = Path(path)
    if layout is not None and layout not in LAYOUTS:
        raise MemnetError(f"--mean-layout {layout!r} must be one of {', '.join(LAYOUTS)}.")
    raw = _read(path)
    image, axes = _channels_last(raw, size_hw, path)
    if not np.isfinite(image).all():
        raise MemnetError(f"{path} holds numbers that are not finite; it is damaged.")
    low, high = float(image.min()), float(image.max())
    if low < 0 or high > 255 or high <= 2:
        raise MemnetError(
            f"{path} holds values from {low:g} to {high:g}; a mean image holds grey levels of "
            "0 to 255."
        )
    if layout is None:
        return _recognised(image, axes, path)
    if (layout[0] == "c") != (axes == "c"):
        raise MemnetError(
            f"{path} has shape {raw.shape}, which cannot be {layout}: its channels come "
            f"{'first' if axes == 'c' else 'last'}."
        )
    turned = image.transpose(1, 0, 2) if layout[:3] in ("whc", "cwh") else image
    turned = turned[:, :, ::-1] if layout.endswith("rgb") else turned
    report = [f"the mean image was read as {layout}, as you said"]
    try:
        recognised = _recognised(image, axes, path).layout
    except MemnetError:
        recognised = layout  # the picture does not tell: that is what the user was asked for
    if recognised != layout:
        report.append(
            f"WARNING: by its picture (symmetric from left to right, bright at the top, redder "
            f"than blue) it lies as {recognised}; a wrong layout changes every score"
        )
    return MeanImage(_tidy(turned), layout, tuple(report))


def _recognised(image: Float32Array, axes: str, path: Path) -> MeanImage:
    """Turn an image the right way round by what it shows."""
    report = []
    upright, reason = _is_upright(image.mean(axis=2))
    if upright is None:
        raise MemnetError(
            f"How {path} lies cannot be recognised ({reason}); say it with --mean-layout "
            f"({', '.join(LAYOUTS)})."
        )
    if not upright:
        image = image.transpose(1, 0, 2)
        report.append(
            "the mean image was transposed (columns x rows, as MATLAB's Caffe keeps pictures "
            "since 2015) and was put right"
        )
    first, middle, last = (float(value) for value in image.mean(axis=(0, 1), dtype=np.float64))
    order = "bgr" if first < last else "rgb"
    if abs(first - last) < _CLEAR_LEVELS:
        raise MemnetError(
            f"The channel order of {path} cannot be recognised (means {first:.1f}, {middle:.1f}, "
            f"{last:.1f}); say it with --mean-layout ({', '.join(LAYOUTS)})."
        )
    if order == "rgb":
        image = image[:, :, ::-1]
        report.append("the mean image's channels were in the order RGB and were put into BGR")
    plain = ("hwc" if upright else "whc") if axes == "" else ("chw" if upright else "cwh")
    if not report:
        report.append(f"the mean image lies as it should ({plain}-{order})")
    return MeanImage(_tidy(image), f"{plain}-{order}", tuple(report))


def _is_upright(grey: Float32Array) -> tuple[bool | None, str]:
    """Tell whether rows are image rows; None, with the reason, where the picture does not say."""
    across = float(np.abs(grey - grey[:, ::-1]).mean())  # small: left-right symmetric
    down = float(np.abs(grey - grey[::-1]).mean())  # large: sky above, ground below
    if max(across, down) < _CLEAR_LEVELS:
        return None, "it is nearly the same everywhere"
    if max(across, down) < _CLEAR_RATIO * min(across, down):
        return None, (
            f"it differs from its mirror images by {across:.1f} (left-right) and {down:.1f} "
            "(top-bottom) grey levels, where one should be small"
        )
    upright = down > across
    rows = (grey if upright else grey.T).mean(axis=1)
    quarter = len(rows) // 4
    if rows[:quarter].mean() < rows[-quarter:].mean():
        return None, "it is brighter at the bottom than at the top"
    return upright, ""


def _channels_last(raw: Any, size_hw: tuple[int, int], path: Path) -> tuple[Float32Array, str]:
    """Bring the channels to the end; the second value is "c" where they came first."""
    shape = tuple(size for size in raw.shape if size != 1)
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is refused
        if shape == (*size_hw, 3):
            return raw.reshape(shape).astype(np.float32), ""
        if shape == (3, *size_hw):
            return raw.reshape(shape).astype(np.float32).transpose(1, 2, 0), "c"
    height, width = size_hw
    raise MemnetError(
        f"{path} has shape {' x '.join(map(str, raw.shape))}; the mean image must be "
        f"{height} x {width} x 3 or 3 x {height} x {width}."
    )


def _tidy(image: Float32Array) -> Float32Array:
    return np.ascontiguousarray(image, dtype=np.float32)


def _read(path: Path) -> Any:
    if not os.path.isfile(path):
        raise MemnetError(f"There is no mean image {path}.")
    with path.open("rb") as file:
        other = something_else(file.read(400), "a mean image")
    if other and not other.startswith(("a MATLAB", "a NumPy")):
        raise MemnetError(f"{path} is not a mean image but {other}.")
    readers = {".mat": _read_mat, ".npy": _read_npy, ".binaryproto": read_binaryproto}
    if path.suffix.lower() not in readers:
        raise MemnetError(
            f"The mean image {path} must end in .mat, .npy or .binaryproto, which says how to "
            "read it."
        )
    return readers[path.suffix.lower()](path)


def _read_npy(path: Path) -> Any:
    try:
        array = np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged header raises several kinds, a huge shape MemoryError
        reason = printable(str(error).split("\n")[0], 200)  # behind it stands unsafe advice
        raise MemnetError(f"{path} cannot be read as a NumPy array ({reason}).") from error
    return _numbers(array, path)


def _read_mat(path: Path) -> Any:
    from scipy.io import loadmat, whosmat

    try:
        images = {name: shape for name, shape, _ in whosmat(path) if len(shape) == 3}
        if any(math.prod(shape) > _MOST_NUMBERS for shape in images.values()):
            raise ValueError(f"an image in it has more than {_MOST_NUMBERS:,} numbers")
        content = loadmat(path, variable_names=list(images))  # nothing else is unpacked
    except NotImplementedError:
        raise MemnetError(
            f"{path} is a MATLAB 7.3 file; save it again with `save('-v7', ...)`."
        ) from None
    except Exception as error:  # SciPy raises a dozen kinds on damaged files
        reason = printable(" ".join(str(error).split()), 200)
        raise MemnetError(f"{path} cannot be read as a MATLAB file ({reason}).") from error
    if len(images) != 1:
        named = ", ".join(images) or "none"
        raise MemnetError(
            f"{path} must hold one image of three dimensions (the original calls it image_mean); "
            f"found: {named}."
        )
    return _numbers(content[next(iter(images))], path)


def _numbers(array: Any, path: Path) -> Any:
    if array.dtype.kind not in "fui":
        raise MemnetError(f"{path} holds {array.dtype} and no numbers.")
    return array
