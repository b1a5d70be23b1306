"""A full-size MemNet with weights made by a recipe, and `.caffemodel` files of any kind.

The recipe is that of the reference run of BVLC Caffe 1.0: `numpy.random.RandomState(2015)`, layer
by layer, weight before bias, scaled by sqrt(2 / fan_in).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from memnet.legacy.architecture import LAYERS, ORIGINAL_WIDTHS, expected_shapes
from memnet.legacy.caffe_schema import message_class

V1_TYPES = {
    "Convolution": 4,
    "Dropout": 6,
    "InnerProduct": 14,
    "LRN": 15,
    "Pooling": 17,
    "ReLU": 18,
}


def recipe(seed: int = 2015) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, array) for every parameter of the full-size network, in the recipe's order."""
    random = np.random.RandomState(seed)
    for name, shape in expected_shapes(ORIGINAL_WIDTHS).items():
        last = name.startswith("fc8")
        if name.endswith("bias"):
            if last:
                yield name, np.full(shape, 0.9004, dtype=np.float32)
            else:
                yield name, (random.standard_normal(shape) * 0.01).astype(np.float32)
            continue
        scale = 9.02e-05 if last else np.sqrt(2 / np.prod(shape[1:]))
        yield name, (random.standard_normal(shape) * scale).astype(np.float32)


def small_arrays(seed: int = 5, **widths: int) -> dict[str, np.ndarray]:
    """Random parameters of a network of MemNet's shape, a few hundred numbers a layer."""
    width = dict(zip(ORIGINAL_WIDTHS, (4, 4, 4, 4, 2, 3, 3, 1), strict=True)) | widths
    random = np.random.RandomState(seed)
    return {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in expected_shapes(width).items()
    }


def net_message(arrays: dict[str, np.ndarray], generation: str = "V1", kind: str = "<f4") -> Any:
    """Build the NetParameter message of a MemNet with these numbers."""
    net = message_class("NetParameter")(name="MadeUp")
    for layer in LAYERS:
        message = (net.layers if generation == "V1" else net.layer).add(name=layer.name)
        message.type = V1_TYPES[layer.type] if generation == "V1" else layer.type
        message.bottom.append(layer.bottom)
        message.top.append(layer.top)
        p = layer.parameters
        if layer.type == "Convolution":
            message.convolution_param.num_output = len(arrays[f"{layer.name}.bias"])
            message.convolution_param.kernel_size.append(p["kernel"][0])
            message.convolution_param.stride.append(p["stride"][0])
            message.convolution_param.pad.append(p["pad"][0])
            message.convolution_param.group = p["group"]
        elif layer.type == "Pooling":
            message.pooling_param.kernel_size, message.pooling_param.stride = 3, 2
        elif layer.type == "LRN":
            message.lrn_param.local_size, message.lrn_param.alpha = 5, 1e-4
        elif layer.type == "InnerProduct":
            message.inner_product_param.num_output = len(arrays[f"{layer.name}.bias"])
        for part in ("weight", "bias"):
            if f"{layer.name}.{part}" in arrays:
                add_blob(message, arrays[f"{layer.name}.{part}"], generation, kind)
    return net


def add_blob(message: Any, array: np.ndarray, generation: str, kind: str = "<f4") -> Any:
    blob = message.blobs.add()
    if generation == "V1":
        padded = (1,) * (4 - array.ndim) + array.shape
        blob.num, blob.channels, blob.height, blob.width = padded
    else:
        blob.shape.dim.extend(array.shape)
    runs = blob.data if kind == "<f4" else blob.double_data
    runs.append(array.astype(kind).tobytes())
    return blob


def write_recipe(path: Path, generation: str = "V1") -> Path:
    """Write the full-size network (227 MB)."""
    path.write_bytes(net_message(dict(recipe()), generation).SerializeToString())
    return path
