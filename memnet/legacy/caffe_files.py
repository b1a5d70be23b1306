"""Reading Caffe's files: ``.caffemodel``, ``.binaryproto``, ``.prototxt``, old and new format.

Old networks ("V1") keep their layers in the field ``layers``, with enum types and blobs of four
dimensions; new ones ("V2") in ``layer``, with string types and blobs of any shape. Both become one
:class:`CaffeNet`. How blobs are read follows ``Blob::FromProto`` (``src/caffe/blob.cpp`` of BVLC
Caffe 1.0): legacy dimensions win over ``shape``, ``double_data`` over ``data``.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from memnet.errors import MemnetError
from memnet.legacy.caffe_schema import message_class
from memnet.legacy.protobuf_check import check_wire
from memnet.util.arrays import Float32Array
from memnet.util.sniffing import LFS_POINTER, WEB_PAGE, stand_in
from memnet.util.text import printable, words_of

_MOST_BYTES = 2**31 - 1  # what protobuf can hold, and therefore Caffe
_MOST_TEXT_BYTES = 1_000_000  # MemNet's has 3,000; the parser takes seconds for each million
_MOST_DIMENSIONS = 32  # of a blob (kMaxBlobAxes in blob.hpp)
_MOST_LETTERS = 200  # of a layer's name

_RAW_DATA = 12  # the field's number in NVIDIA's caffe.proto; BVLC's has none of that number

# V1 enum value -> V2 type, as UpgradeV1LayerType in src/caffe/util/upgrade_proto.cpp.
_V2_TYPES = {
    "ACCURACY": "Accuracy",
    "CONVOLUTION": "Convolution",
    "DATA": "Data",
    "DROPOUT": "Dropout",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "HDF5_DATA": "HDF5Data",
    "IMAGE_DATA": "ImageData",
    "INNER_PRODUCT": "InnerProduct",
    "LRN": "LRN",
    "MEMORY_DATA": "MemoryData",
    "POOLING": "Pooling",
    "RELU": "ReLU",
    "SILENCE": "Silence",
    "SPLIT": "Split",
    "WINDOW_DATA": "WindowData",
}


@dataclass(frozen=True)
class CaffeLayer:
    """One layer of a network.

    Attributes
    ----------
    name, type : its name, and its V2 type (``"Convolution"``); a V1 type that is not translated
        stays as it is (``"SIGMOID"``).
    bottoms, tops : names of the blobs that it reads and writes.
    message : the protobuf message, for its parameters; its ``blobs`` are empty.
    blobs : its learnt numbers, float32, of the shapes in the file.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Any
    blobs: tuple[Float32Array, ...]


@dataclass(frozen=True)
class CaffeNet:
    """A network as a file holds it.

    Attributes
    ----------
    name, source : the network's name; the file's.
    generation : ``"V1"`` or ``"V2"``.
    layers : in the file's order.
    input_shape : of the first input, () where the file does not say.
    """

    name: str
    source: str
    generation: str
    layers: tuple[CaffeLayer, ...]
    input_shape: tuple[int, ...] = field(default=())


def read_caffemodel(path: str | Path) -> CaffeNet:
    """Read a ``.caffemodel``: layers with their learnt numbers.

    Raises
    ------
    MemnetError
        if the file is missing, damaged, something else, or holds a blob whose shape and number
        of values disagree.
    """
    net = _parse(Path(path), "NetParameter", "a .caffemodel")
    return _net(net, Path(path).name, "a .caffemodel")


def read_prototxt(path: str | Path) -> CaffeNet:
    """Read a ``.prototxt``: the layers' types and parameters, without numbers.

    Raises
    ------
    MemnetError
        if the file is missing or no network definition, or has a field that is not understood;
        the sentence names its line.
    """
    path = Path(path)
    data = _bytes(path, "a .prototxt", most=_MOST_TEXT_BYTES)
    net = message_class("NetParameter")()
    text = _text(data, path)
    try:
        with warnings.catch_warnings():  # the parser warns of a wrong escape, and reads on
            warnings.simplefilter("error", DeprecationWarning)
            text_format.Parse(text, net)
    except (text_format.ParseError, DeprecationWarning, RecursionError, ValueError) as error:
        reason = printable(" ".join(str(error).split()), 300)
        where = "line " if isinstance(error, text_format.ParseError) else ""
        raise MemnetError(
            f"{path} is no network definition that can be understood ({where}{reason}); "
            "give the deploy.prototxt that belongs to the weights."
        ) from error
    return _net(net, path.name, "a .prototxt")


def _text(data: bytes, path: Path) -> str:
    """Read a text as editors on Windows leave it, too: with a byte order mark, or in Latin-1.

    What is not ASCII can only matter in a comment: MemNet's names are compared letter by letter.
    """
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    encoding = next((name for mark, name in marks.items() if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if any(ord(letter) < 32 and not letter.isspace() for letter in text):
        raise MemnetError(f"{path} is no text and so no .prototxt; is it the .caffemodel itself?")
    return text


def read_binaryproto(path: str | Path) -> Float32Array:
    """Read a ``.binaryproto`` (a mean image): float32, of the shape in the file.

    Raises
    ------
    MemnetError
        as :func:`read_caffemodel`.
    """
    blob = _parse(Path(path), "BlobProto", "a .binaryproto")
    return _array(blob, f"{path}")


def _parse(path: Path, message: str, what: str) -> Any:
    data = _bytes(path, what)
    parsed = message_class(message)()
    check_wire(memoryview(data), parsed.DESCRIPTOR, str(path))
    try:
        parsed.ParseFromString(data)
    except DecodeError as error:
        raise MemnetError(
            f"{path} is damaged ({words_of(error)}); copy or download it again."
        ) from error
    return parsed


def _bytes(path: Path, what: str, most: int = _MOST_BYTES) -> bytes:
    try:
        if not path.is_file():
            problem = "is a pipe or a device" if path.exists() else "does not exist"
            problem = "is a folder" if path.is_dir() else problem
            raise MemnetError(f"{path} {problem}; {what} file is needed.")
        size = path.stat().st_size
        if size > most:
            raise MemnetError(f"{path} has {size:,} bytes, more than {what} can have ({most:,}).")
        data = path.read_bytes()
    except OSError as error:
        raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
    if other := something_else(data, what):
        raise MemnetError(f"{path} is not {what} but {other}.")
    return data


def something_else(data: bytes, what: str) -> str:
    """Name what a file is whose first bytes (400 or more) give it away, else ""."""
    kind = stand_in(data)
    if not data:
        return "empty (0 bytes); copy or download it again"
    if kind == LFS_POINTER:
        return "a git-LFS pointer; run `git lfs pull` where it came from"
    if kind == WEB_PAGE or data.lstrip().startswith(b"<?xml"):
        return "a web page, perhaps an error message saved under that name; download it again"
    known = {
        b"\x89HDF": "an HDF5 file; save it in Caffe's binary format",
        b"PK\x03\x04": "a zip archive (a PyTorch checkpoint, perhaps)",
        b"\x1f\x8b": "a gzip archive; unpack it first",
        b"MATLAB": "a MATLAB file",
        b"\x93NUMPY": "a NumPy file",
        b"\x80\x02": "a Python pickle",
    }
    for magic, name in known.items():
        if data.startswith(magic):
            return name
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in data[:400])
    if what != "a .prototxt" and printable == len(data[:400]):
        return f"a text file (it begins with {data[:30].decode('ascii')!r})"
    return ""


def _net(net: Any, source: str, what: str) -> CaffeNet:
    if len(net.layers) and len(net.layer):
        raise MemnetError(
            f"{source} has both old (layers) and new (layer) entries; Caffe would ignore one kind, "
            "so it cannot be said which network this is."
        )
    if not len(net.layers) and not len(net.layer):
        raise MemnetError(f"{source} holds no layers and so no network; is it {what} at all?")
    old = len(net.layers) > 0
    layers = tuple(_layer(message, old, source) for message in (net.layers if old else net.layer))
    shape = tuple(net.input_shape[0].dim) if len(net.input_shape) else tuple(net.input_dim)
    return CaffeNet(
        name=net.name,
        source=source,
        generation="V1" if old else "V2",
        layers=layers,
        input_shape=shape,
    )


def _layer(message: Any, old: bool, source: str) -> CaffeLayer:
    kind = message.type
    if old:
        values = message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
        kind = _V2_TYPES.get(values[kind].name, values[kind].name)
    for name in (message.name, kind, *message.bottom, *message.top):
        if not name.isprintable() or len(name) > _MOST_LETTERS:
            layer, shown = (printable(repr(text), 80) for text in (message.name, name))
            raise MemnetError(f"{source} is damaged: the layer {layer} has the name {shown} in it.")
    blobs = tuple(
        _array(blob, f"{source}, layer {message.name!r}, blob {index}")
        for index, blob in enumerate(message.blobs)
    )
    message.ClearField("blobs")
    return CaffeLayer(message.name, kind, tuple(message.bottom), tuple(message.top), message, blobs)


def _array(blob: Any, where: str) -> Float32Array:
    """Turn a blob into an array; the values are viewed, not copied, where they are float32."""
    if blob.HasField("num") or blob.HasField("channels") or blob.HasField("height"):
        shape = [blob.num, blob.channels, blob.height, blob.width]
    else:
        shape = list(blob.shape.dim)
    kind, runs = ("<f8", blob.double_data) if len(blob.double_data) else ("<f4", blob.data)
    data = runs[0] if len(runs) == 1 else b"".join(runs)
    if not data and any(unknown.field_number == _RAW_DATA for unknown in UnknownFieldSet(blob)):
        raise MemnetError(
            f"{where} keeps its numbers in raw_data, as NVIDIA's Caffe does, which memnet does not "
            "read; save the network with BVLC's Caffe, or with NVIDIA's in the old format (the "
            "solver's store_blobs_in_old_format)."
        )
    if any(size < 0 for size in shape):
        raise MemnetError(f"{where} has a negative dimension ({_by(shape)}): the file is damaged.")
    if len(shape) > _MOST_DIMENSIONS:
        raise MemnetError(
            f"{where} has {len(shape):,} dimensions, and Caffe knows {_MOST_DIMENSIONS}: the file "
            "is damaged."
        )
    width = np.dtype(kind).itemsize
    if len(data) % width or len(data) // width != math.prod(shape):
        raise MemnetError(
            f"{where} says it is {_by(shape)} = {math.prod(shape):,} numbers, and holds "
            f"{len(data):,} bytes, which is {len(data) / width:,.10g} numbers: the file is damaged."
        )
    with np.errstate(over="ignore"):  # a double beyond float32 becomes infinite, and is refused
        values = np.frombuffer(data, dtype=kind).astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise MemnetError(f"{where} holds numbers that are not finite: the file is damaged.")
    return values.reshape(shape)


def _by(shape: list[int]) -> str:
    return " x ".join(map(str, shape)) or "of no shape"
