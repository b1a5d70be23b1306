"""An independent witness of the original MemNet by way of ONNX, and the comparison of blobs.

:func:`caffe_to_onnx` shares no arithmetic with our network: caffe2onnx 2.0.1 (Valery Asiryan,
BSD-3, https://github.com/asiryan/caffe-onnx) translates Caffe's layers, onnxruntime or onnx2torch
computes them. It was written for the onnx and protobuf of 2019; here it runs unchanged, on messages
that we have read. It puts out every
blob under its name in Caffe: a witness that is off is reported with its first wrong layer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from itertools import groupby, zip_longest
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch

from memnet.errors import MemnetError, unknown_name
from memnet.legacy.architecture import LAYERS, check_layers
from memnet.legacy.caffe_files import CaffeLayer, CaffeNet, read_caffemodel, read_prototxt
from memnet.legacy.caffe_schema import message_class
from memnet.legacy.onnx_route import BLOBS
from memnet.util.arrays import AnyArray

# What onnx 1.6 wrote, for which caffe2onnx was made. From opset 12 on, Dropout has no attribute
# "ratio", and the ONNX checker refuses caffe2onnx's node.
_OPSET, _IR_VERSION = 11, 6

_CAFFE2ONNX = "caffe2onnx"
_PIP = {_CAFFE2ONNX: "--no-deps caffe2onnx==2.0.1"}  # its own dependency is onnx 1.6 of 2019


def caffe_to_onnx(caffemodel: str | Path, deploy: str | Path, out: str | Path) -> None:
    """Translate MemNet's Caffe files to ONNX with caffe2onnx, and check the result.

    The graph is caffe2onnx's, node for node. Changed are names: every blob is an output, called as
    in Caffe, and the input is ``data``. The batch has the size that the deploy file states.

    Parameters
    ----------
    caffemodel : the weights, old or new format, training snapshots too.
    deploy : the network definition, with the shape of its input.
    out : the ONNX file to write.

    Raises
    ------
    MemnetError
        if caffe2onnx or onnx is not installed, or the files are no MemNet's, do not belong
        together, or lack the shape of the input.
    """
    onnx = _needed("onnx")
    weights, definition = read_caffemodel(caffemodel), read_prototxt(deploy)
    check_layers(weights)
    if unsaid := check_layers(definition):
        raise MemnetError(f"{deploy} gives no parameters for layer(s) {', '.join(unsaid)}.")
    net, learnt = _as_caffe2onnx_reads_it(definition), _as_caffe2onnx_reads_it(weights)
    net.input, net.input_dim = ["data"], _input_shape(definition)
    # It pads with the lowest float64, which becomes minus infinity in float32: right for a maximum.
    with _caffe2onnx() as converter, redirect_stdout(StringIO()), np.errstate(over="ignore"):
        model = converter.Caffe2Onnx(net, learnt, definition.name or "MemNet").createOnnxModel()
    model.ir_version, model.opset_import[0].version = _IR_VERSION, _OPSET
    _name_as_caffe(model.graph)
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise MemnetError(
            f"{caffemodel} and {deploy} make no valid ONNX graph, so they do not belong together "
            f"({' '.join(str(error).split())[:300]})."
        ) from error
    onnx.save(model, str(out))


def blobs_by_onnxruntime(path: str | Path, crops: AnyArray) -> dict[str, AnyArray]:
    """Run a file of :func:`caffe_to_onnx` or of our export with onnxruntime, on the CPU.

    ``crops`` is ``(N, 3, H, W)`` float32, BGR minus the mean; returned are the blobs by name,
    ``data`` included, float32. MemnetError is raised if onnxruntime is not installed.
    """
    runtime = _needed("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return {"data": crops, **dict(zip(names, session.run(names, {"data": crops}), strict=True))}


def blobs_by_onnx2torch(path: str | Path, crops: AnyArray) -> dict[str, AnyArray]:
    """Run a file of :func:`caffe_to_onnx` with onnx2torch; as :func:`blobs_by_onnxruntime`."""
    model = _needed("onnx").load(str(path))
    module = _needed("onnx2torch").convert(model).eval()
    with torch.inference_mode():
        values = module(torch.from_numpy(crops))
    names = [output.name for output in model.graph.output]
    return {"data": crops, **{n: v.numpy() for n, v in zip(names, values, strict=True)}}


def distances(
    reference: Mapping[str, AnyArray], witness: Mapping[str, AnyArray]
) -> dict[str, float]:
    """Measure how far a witness is off, for every blob that both have, in the network's order.

    The measure is the largest absolute difference over the root mean square of the reference's
    blob; infinite where shapes differ or a number is not finite. MemnetError is raised if a name is
    none of MemNet's blobs, or the two have none in common but the input.
    """
    for name in (*reference, *witness):
        if name not in BLOBS:
            raise unknown_name("blob", name, BLOBS)
    shared = [name for name in BLOBS if name in reference and name in witness]
    if not set(shared) - {"data"}:
        raise MemnetError("The witness and the reference have no blob in common.")
    return {name: _distance(reference[name], witness[name]) for name in shared}


def _distance(reference: AnyArray, witness: AnyArray) -> float:
    want, have = np.asarray(reference, np.float64), np.asarray(witness, np.float64)
    if want.shape != have.shape or not (np.isfinite(want).all() and np.isfinite(have).all()):
        return float("inf")
    worst, scale = float(np.abs(have - want).max()), float(np.sqrt(np.square(want).mean()))
    return worst / scale if scale else (float("inf") if worst else 0.0)


def first_disagreement(
    reference: Mapping[str, AnyArray], witness: Mapping[str, AnyArray], limit: float
) -> tuple[str, float] | None:
    """Find the first blob, in the network's order, at which a witness is off by more than a limit.

    Parameters
    ----------
    reference, witness : blobs by their names in Caffe, of equal shapes.
    limit : largest distance allowed, as :func:`distances` measures it (and raises errors).

    Returns
    -------
    (str, float) or None
        the blob, which has its layer's name, and its distance; None where all agree.
    """
    measured = distances(reference, witness)
    return next(((name, off) for name, off in measured.items() if off > limit), None)


def require_agreement(
    who: str, reference: Mapping[str, AnyArray], witness: Mapping[str, AnyArray], limit: float
) -> None:
    """Raise MemnetError, naming the witness and its first wrong layer, unless all blobs agree."""
    if found := first_disagreement(reference, witness, limit):
        raise MemnetError(
            f"{who} disagrees, first at layer {found[0]!r}: off by {found[1]:.3g} of the blob's "
            f"root mean square, allowed are {limit:.3g}."
        )


def _needed(package: str) -> Any:
    if find_spec(package) is None:
        by = f"pip install {_PIP.get(package, package)}"
        raise MemnetError(f"{package} is not installed; `{by}` installs it.")
    return import_module(package)


@contextmanager
def _caffe2onnx() -> Iterator[Any]:
    """Import caffe2onnx's converter for the length of a ``with``, and leave no module behind.

    Its generated protobuf code cannot be imported with protobuf 4 or later ("Descriptors cannot be
    created directly"). All that the converter takes from it are numbers of V1 layer types.
    """
    kinds = message_class("V1LayerParameter").DESCRIPTOR.fields_by_name["type"].enum_type
    stub: Any = ModuleType(f"{_CAFFE2ONNX}.proto.caffe_upsample_pb2")
    # UPSAMPLE is no type of BVLC Caffe's; it has this number in caffe2onnx's schema.
    numbers = {value.name: value.number for value in kinds.values} | {"UPSAMPLE": 40}
    stub.V1LayerParameter = SimpleNamespace(**numbers)
    before = _taken_out(_CAFFE2ONNX)
    try:
        _needed(_CAFFE2ONNX)
        sys.modules[stub.__name__] = stub
        converter: Any = import_module(f"{_CAFFE2ONNX}.src.caffe2onnx")
        helper = vars(import_module("onnx.helper")) | {"make_tensor": _make_tensor}
        converter.helper = SimpleNamespace(**helper)
        yield converter
    finally:
        _taken_out(_CAFFE2ONNX)
        sys.modules.update(before)


def _taken_out(package: str) -> dict[str, ModuleType]:
    names = [name for name in sys.modules if name.partition(".")[0] == package]
    return {name: sys.modules.pop(name) for name in names}


def _make_tensor(name: str, kind: int, dims: Sequence[int], values: Any) -> Any:
    """Do what ``onnx.helper.make_tensor`` does, without a loop over 57 million numbers."""
    from onnx import helper, numpy_helper

    array = np.asarray(values, dtype=helper.tensor_dtype_to_np_dtype(kind))
    # ONNX wants Pad's value as a scalar; caffe2onnx makes a list of one, which onnx2torch refuses.
    dims = () if name.endswith("_constant_value") else dims
    return numpy_helper.from_array(array.reshape(dims), name)


def _as_caffe2onnx_reads_it(net: CaffeNet) -> SimpleNamespace:
    """Shape a network like the new-format message that caffe2onnx expects; only MemNet's layers."""
    own = {layer.name for layer in LAYERS}
    layers = [_layer_for_caffe2onnx(layer) for layer in net.layers if layer.name in own]
    return SimpleNamespace(layer=layers, layers=[])


def _layer_for_caffe2onnx(layer: CaffeLayer) -> SimpleNamespace:
    shapes = [SimpleNamespace(dim=list(blob.shape)) for blob in layer.blobs]
    flat = [blob.reshape(-1) for blob in layer.blobs]
    kinds = ("convolution", "pooling", "lrn", "inner_product", "relu", "dropout")
    parameters = {f"{kind}_param": getattr(layer.message, f"{kind}_param") for kind in kinds}
    pooling = parameters["pooling_param"]
    fields = {field.name: getattr(pooling, field.name) for field in pooling.DESCRIPTOR.fields}
    # A field of later Caffe than 1.0; 0 is upwards, the only way that 1.0 knows.
    parameters["pooling_param"] = SimpleNamespace(**fields, round_mode=0)
    return SimpleNamespace(
        name=layer.name,
        type=layer.type,
        bottom=list(layer.bottoms),
        top=list(layer.tops),
        blobs=[SimpleNamespace(shape=s, data=d) for s, d in zip(shapes, flat, strict=True)],
        **parameters,
    )


def _input_shape(definition: CaffeNet) -> list[int]:
    shape = list(definition.input_shape)
    for layer in definition.layers:
        if layer.type == "Input" and len(layer.message.input_param.shape):
            shape = list(layer.message.input_param.shape[0].dim)
    if len(shape) != 4:
        raise MemnetError(f"{definition.source} does not state the four sizes of its input.")
    return shape


def _name_as_caffe(graph: Any) -> None:
    """Give tensors Caffe's blob names, make them outputs, and keep the weights out of the inputs.

    caffe2onnx calls a tensor after its layer. Where Caffe's ReLU and dropout write over a blob, the
    last of them holds what the blob holds in the end, and the earlier ones get names of their own.
    """
    names = {"input": "data"}
    for blob, group in groupby(LAYERS, key=lambda layer: layer.top):
        writers = [layer.name for layer in group]
        for writer, following in zip_longest(writers, writers[1:]):
            names[writer] = blob if following is None else f"{blob}_before_{following}"
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    tensors = [*graph.input, *graph.value_info, *graph.output]
    known = {names.get(tensor.name, tensor.name): tensor for tensor in tensors}
    for name, tensor in known.items():
        tensor.name = name
    del graph.input[:], graph.value_info[:], graph.output[:]
    graph.input.append(known["data"])
    graph.output.extend(known[blob] for blob in BLOBS[1:])
