"""MemNet's layers as a table, and the comparison of a Caffe network with it, field by field.

Source: ``deploy.prototxt`` of the original (Khosla et al. 2015, doi 10.1109/ICCV.2015.275).
Nothing that could change a score is passed over: a layer or parameter that differs, is missing, or
is not understood is an error that names layer, field and value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from memnet.errors import MemnetError
from memnet.legacy.caffe_files import CaffeLayer, CaffeNet
from memnet.legacy.protobuf_check import is_repeated
from memnet.util.text import printable


@dataclass(frozen=True)
class Layer:
    """One layer as the original has it: name, type, blob read, blob written, parameters."""

    name: str
    type: str
    bottom: str
    top: str
    parameters: Mapping[str, Any]


def _conv(name: str, bottom: str, kernel: int, *, pad: int, stride: int, group: int) -> Layer:
    parameters = {
        "kernel": (kernel, kernel),
        "pad": (pad, pad),
        "stride": (stride, stride),
        "group": group,
        "dilation": (1, 1),
        "bias_term": True,
        "axis": 1,
    }
    return Layer(name, "Convolution", bottom, name, parameters)


def _pool(name: str, bottom: str) -> Layer:
    parameters = {
        "pool": "MAX",
        "kernel": (3, 3),
        "pad": (0, 0),
        "stride": (2, 2),
        "global_pooling": False,
    }
    return Layer(name, "Pooling", bottom, name, parameters)


def _lrn(name: str, bottom: str) -> Layer:
    parameters = {
        "local_size": 5,
        "alpha": 1e-4,
        "beta": 0.75,
        "k": 1.0,
        "norm_region": "ACROSS_CHANNELS",
    }
    return Layer(name, "LRN", bottom, name, parameters)


def _dense(name: str, bottom: str) -> Layer:
    parameters = {"bias_term": True, "axis": 1, "transpose": False}
    return Layer(name, "InnerProduct", bottom, name, parameters)


def _relu(name: str, blob: str) -> Layer:
    return Layer(name, "ReLU", blob, blob, {"negative_slope": 0.0})


def _drop(name: str, blob: str) -> Layer:
    return Layer(name, "Dropout", blob, blob, {"dropout_ratio": 0.5})


LAYERS = (
    _conv("conv1", "data", 11, pad=0, stride=4, group=1),
    _relu("relu1", "conv1"),
    _pool("pool1", "conv1"),
    _lrn("norm1", "pool1"),
    _conv("conv2", "norm1", 5, pad=2, stride=1, group=2),
    _relu("relu2", "conv2"),
    _pool("pool2", "conv2"),
    _lrn("norm2", "pool2"),
    _conv("conv3", "norm2", 3, pad=1, stride=1, group=1),
    _relu("relu3", "conv3"),
    _conv("conv4", "conv3", 3, pad=1, stride=1, group=2),
    _relu("relu4", "conv4"),
    _conv("conv5", "conv4", 3, pad=1, stride=1, group=2),
    _relu("relu5", "conv5"),
    _pool("pool5", "conv5"),
    _dense("fc6", "pool5"),
    _relu("relu6", "fc6"),
    _drop("drop6", "fc6"),
    _dense("fc7", "fc6"),
    _relu("relu7", "fc7"),
    _drop("drop7", "fc7"),
    _dense("fc8-euclidean", "fc7"),
)
"""The original's layers in order. Caffe's ReLU and dropout write over the blob they read."""

LEARNT = tuple(layer.name for layer in LAYERS if layer.type in ("Convolution", "InnerProduct"))
"""The layers with weights, in order; each has a weight and a bias."""

ORIGINAL_WIDTHS = {
    "conv1": 96,
    "conv2": 256,
    "conv3": 384,
    "conv4": 384,
    "conv5": 256,
    "fc6": 4096,
    "fc7": 4096,
    "fc8-euclidean": 1,
}
"""Output channels of each learnt layer in MIT's network."""

# Types that a training file adds around the network and that no score passes through.
_AROUND = {
    "Accuracy",
    "Data",
    "EuclideanLoss",
    "HDF5Data",
    "ImageData",
    "Input",
    "MemoryData",
    "Silence",
    "Split",
    "WindowData",
}

_PARAMETERS = {
    "Convolution": "convolution_param",
    "Pooling": "pooling_param",
    "LRN": "lrn_param",
    "InnerProduct": "inner_product_param",
    "ReLU": "relu_param",
    "Dropout": "dropout_param",
}


def expected_shapes(widths: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter, by ``layer.weight`` and ``layer.bias``, for given widths.

    A weight of a convolution is ``(out, in / group, kernel, kernel)``, of an inner product
    ``(out, in)``; pool5 leaves 6 x 6 numbers per channel.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    channels = 3
    for layer in LAYERS:
        if layer.name not in LEARNT:
            continue
        out = widths[layer.name]
        if layer.type == "Convolution":
            shape = (out, channels // layer.parameters["group"], *layer.parameters["kernel"])
        else:
            shape = (out, channels * 36 if layer.name == "fc6" else channels)
        shapes[f"{layer.name}.weight"] = shape
        shapes[f"{layer.name}.bias"] = (out,)
        channels = out
    return shapes


def stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Drop leading ones: old Caffe pads every shape to four dimensions with them."""
    shape = tuple(shape)
    while shape and shape[0] == 1:
        shape = shape[1:]
    return shape


def check_layers(net: CaffeNet) -> tuple[str, ...]:
    """Compare a network's layers with MemNet's.

    Returns
    -------
    tuple of str
        names of layers whose parameters the file does not give (a stripped ``.caffemodel``).

    Raises
    ------
    MemnetError
        naming layer, field and value that differ.
    """
    spare = [layer for layer in net.layers if layer.type not in _AROUND]
    expected = {layer.name: layer for layer in LAYERS}
    for layer in spare:
        if layer.name not in expected:
            raise MemnetError(
                f"{net.source}: layer {layer.name!r} (type {layer.type}) has no place in MemNet; "
                f"MemNet's layers are {', '.join(expected)}."
            )
    layers: dict[str, CaffeLayer] = {}
    for layer in spare:
        if layer.name in layers:
            raise MemnetError(f"{net.source}: layer {layer.name!r} stands there twice.")
        layers[layer.name] = layer
    missing = [name for name in expected if name not in layers]
    if missing:
        raise MemnetError(f"{net.source}: MemNet's layer(s) {', '.join(missing)} are missing.")
    if [layer.name for layer in spare] != list(expected):
        raise MemnetError(
            f"{net.source}: the layers stand in another order than MemNet's: "
            f"{', '.join(layer.name for layer in spare)}."
        )
    silent = [name for name, want in expected.items() if not _same(layers[name], want, net.source)]
    for layer in net.layers:
        rewritten = [top for top in layer.tops if layer.type in _AROUND and top in expected]
        if rewritten:
            raise MemnetError(
                f"{net.source}: layer {layer.name!r} (type {layer.type}) writes over blob "
                f"{rewritten[0]!r}, which in MemNet only its own layer does."
            )
    return tuple(silent)


def check_input(net: CaffeNet) -> None:
    """Compare the input of a deploy file with N x 3 x 227 x 227; silent where it states none."""
    shape = net.input_shape
    for layer in net.layers:
        if layer.type == "Input" and len(layer.message.input_param.shape):
            shape = tuple(layer.message.input_param.shape[0].dim)
    if shape and tuple(shape[1:]) != (3, 227, 227):
        raise MemnetError(
            f"{net.source}: the input is {' x '.join(map(str, shape))}, MemNet's is "
            "10 x 3 x 227 x 227."
        )


def _same(layer: CaffeLayer, want: Layer, source: str) -> bool:
    """Compare one layer; False where the file gives no parameters for it to compare."""
    facts = {
        "type": (layer.type, want.type),
        "bottom": (list(layer.bottoms), [want.bottom]),
        "top": (list(layer.tops), [want.top]),
    }
    for field, (have, wanted) in facts.items():
        if have != wanted:
            shown = printable(str(have), 200)
            raise MemnetError(
                f"{source}: layer {layer.name!r} has {field} {shown}, MemNet's has {wanted}."
            )
    name = _PARAMETERS[want.type]
    _refuse_unknown(layer.message, f"{source}: layer {layer.name!r}")
    _refuse_other_kinds(layer, name, source)
    message = getattr(layer.message, name)
    _refuse_unknown(message, f"{source}: layer {layer.name!r}, {name}")
    given = layer.message.HasField(name)
    if not given and want.type not in ("ReLU", "Dropout"):
        return False
    for field, wanted in want.parameters.items():
        have = _parameter(message, field)
        equal = (
            math.isclose(have, wanted, rel_tol=1e-6)
            if isinstance(wanted, float)
            else have == wanted
        )
        if not equal and field != "dropout_ratio":  # dropout does nothing when scoring
            raise MemnetError(
                f"{source}: layer {layer.name!r} has {field} {have}, MemNet's has {wanted}."
            )
    return True


def _parameter(message: Any, field: str) -> Any:
    """Read one parameter the way Caffe does; sizes become (height, width)."""
    if field in ("kernel", "pad", "stride", "dilation"):
        return _pair(message, field)
    value = getattr(message, field)
    kind = message.DESCRIPTOR.fields_by_name[field].enum_type
    return kind.values_by_number[value].name if kind is not None else value


def _pair(message: Any, field: str) -> tuple[int, int]:
    fields = message.DESCRIPTOR.fields_by_name
    square, high, wide = ("kernel_size" if field == "kernel" else field), f"{field}_h", f"{field}_w"
    if high in fields and (message.HasField(high) or message.HasField(wide)):
        return getattr(message, high), getattr(message, wide)
    value = getattr(message, square)
    if not is_repeated(fields[square]):
        return value, value
    sizes = list(value) or [0 if field == "pad" else 1]
    return (sizes[0], sizes[-1]) if len(sizes) <= 2 else (-1, -1)


def _refuse_unknown(message: Any, where: str) -> None:
    numbers = sorted({unknown.field_number for unknown in UnknownFieldSet(message)})
    if numbers:
        raise MemnetError(
            f"{where} has field(s) number {', '.join(map(str, numbers))}, which Caffe's MemNet "
            "layers do not have and which may change the score."
        )


def _refuse_other_kinds(layer: CaffeLayer, name: str, source: str) -> None:
    other = [
        field.name
        for field, _ in layer.message.ListFields()
        if field.name.endswith("_param")
        and field.name not in (name, "loss_param", "transform_param")
    ]
    if other:
        raise MemnetError(
            f"{source}: layer {layer.name!r} (type {layer.type}) carries {other[0]}, which does "
            "not belong to its type."
        )
