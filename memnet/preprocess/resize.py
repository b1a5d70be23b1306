"""The resizers, each a named primitive: what it imitates and how closely stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from memnet.preprocess.matlab_resize import resize_like_matlab
from memnet.preprocess.old_resizers import (
    resize_opencv_linear_8bit,
    resize_skimage_linear,
    resize_skimage_linear_antialiased,
    resize_tensorflow1_bilinear,
    resize_torch7_bilinear,
)

Resizer: TypeAlias = Callable[[Image.Image, "tuple[int, int]"], "np.ndarray[Any, Any]"]


def resize_pillow_bilinear_8bit(
    picture: Image.Image, size_hw: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """Pillow 13's bilinear filter on 8-bit pixels: antialiased, rounded after each of two passes.

    Bit-equal to ``torchvision.transforms.Resize(size_hw)`` on a PIL picture with Pillow 13, which
    is what the ``resmem`` package applies (tested against both), whichever Pillow is installed.

    Returns
    -------
    uint8 array of shape ``(height, width, 3)``.
    """
    # Here: lists of models and variants need the names of the resizers, and no compiled loops.
    from memnet.preprocess.pillow_resize import columns_come_first, resize_8bit

    first = columns_come_first((picture.height, picture.width), size_hw)
    return resize_8bit(np.asarray(picture), size_hw, columns_first=first)


def resize_pillow12_bilinear_8bit(
    picture: Image.Image, size_hw: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """Pillow's bilinear filter on 8-bit pixels up to version 12: the width always comes first.

    Where it differs from :func:`resize_pillow_bilinear_8bit` (pictures much higher than wide), it
    does in some pixels, by a grey level.

    Returns
    -------
    uint8 array of shape ``(height, width, 3)``.
    """
    from memnet.preprocess.pillow_resize import resize_8bit

    return resize_8bit(np.asarray(picture), size_hw, columns_first=False)


def resize_matlab_bilinear_float(
    picture: Image.Image, size_hw: tuple[int, int]
) -> np.ndarray[Any, Any]:
    """MATLAB's ``imresize(single(picture), size_hw, 'bilinear')``: antialiased, never rounded.

    See :func:`memnet.preprocess.matlab_resize.resize_like_matlab`.

    Returns
    -------
    float32 array of shape ``(height, width, 3)``, grey levels 0 to 255.
    """
    return resize_like_matlab(np.asarray(picture), size_hw, "bilinear", single=True)


RESIZERS: dict[str, Resizer] = {
    "pillow-bilinear-8bit": resize_pillow_bilinear_8bit,
    "pillow12-bilinear-8bit": resize_pillow12_bilinear_8bit,
    "matlab-bilinear-float": resize_matlab_bilinear_float,
    "opencv-linear-8bit": resize_opencv_linear_8bit,
    "tensorflow1-bilinear-float": resize_tensorflow1_bilinear,
    "skimage-linear-float": resize_skimage_linear,
    "skimage-linear-antialiased-float": resize_skimage_linear_antialiased,
    "torch7-bilinear-float": resize_torch7_bilinear,
}
"""Every resizer by the name that a :class:`~memnet.preprocess.spec.PreprocessSpec` calls it."""
