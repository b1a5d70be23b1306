"""What is subtracted from a resized picture, each way by its name.

A mean image lies beside the weights as the original's does: rows x columns x blue, green, red, 0
to 255. Some scripts used it otherwise, and others did not use it at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.preprocess.old_resizers import resize_opencv_linear_float
from memnet.util.arrays import Float32Array


@dataclass(frozen=True)
class Mean:
    """One way to centre a picture.

    Attributes
    ----------
    subtract : ``(mean image or None, (height, width))`` -> float32 that is subtracted from ``(H,
        W, 3)``, in the order of the channels as they are then, whatever they are.
    of_image : whether it needs the mean image.
    divide : by what the three channels are divided afterwards.
    """

    subtract: Callable[[Any, tuple[int, int]], Float32Array]
    of_image: bool = True
    divide: tuple[float, float, float] = (1.0, 1.0, 1.0)


def _transposed(image: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    return image.transpose(1, 0, 2)


def _reversed_and_resized(image: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    resized: Float32Array = resize_opencv_linear_float(image[:, :, ::-1], size_hw)
    return resized


def _of_channels(image: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    channels: Float32Array = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return channels


def _of_everything(image: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    return np.full(3, image.mean(dtype=np.float64), dtype=np.float32)


def _constant(*values: float) -> Mean:
    return Mean(lambda image, size_hw: np.array(values, dtype=np.float32), of_image=False)


MEANS: dict[str, Mean] = {
    "none": _constant(0.0, 0.0, 0.0),
    "image": Mean(lambda image, size_hw: image),
    # Rows and columns swapped: mean.mat in the demo of 2015, which expected it turned.
    "image-transposed": Mean(_transposed),
    # mean[:, :, ::-1] through cv2.resize, subtracted from pictures that are BGR.
    "image-channels-reversed-opencv": Mean(_reversed_and_resized),
    # mean.mean(1).mean(1): three numbers, in the image's order: blue, green, red.
    "image-channel-means": Mean(_of_channels),
    # One grey level, the mean over everything.
    "image-scalar-mean": Mean(_of_everything),
    # ilsvrc_2012_mean.npy of BVLC Caffe, averaged: blue, green, red.
    "imagenet-caffe": _constant(104.00698793, 116.66876762, 122.67891434),
    # keras.applications.imagenet_utils, mode "caffe": blue, green, red.
    "imagenet-keras": _constant(103.939, 116.779, 123.68),
    # torchvision's normalisation of RGB values from 0 to 1.
    "imagenet-torchvision": Mean(
        lambda image, size_hw: np.array([0.485, 0.456, 0.406], dtype=np.float32),
        of_image=False,
        divide=(0.229, 0.224, 0.225),
    ),
}
"""Every way by the name that a :class:`~memnet.preprocess.spec.PreprocessSpec` calls it."""
