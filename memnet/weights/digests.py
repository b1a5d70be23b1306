"""Checksums: of files as they were published, and of the numbers of a network.

That of the numbers does not depend on what they are kept in, so a published file and every
conversion of it agree.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

_PIECE = 1 << 22
"""Bytes that are digested at once. Python's lock is free meanwhile, and taken again for each."""

_TORCH_TYPES = {
    "F64": "torch.float64",
    "F32": "torch.float32",
    "F16": "torch.float16",
    "BF16": "torch.bfloat16",
    "I64": "torch.int64",
    "I32": "torch.int32",
    "I16": "torch.int16",
    "I8": "torch.int8",
    "U8": "torch.uint8",
    "BOOL": "torch.bool",
}
"""How safetensors and torch call the same type of number."""


class _Numbers(NamedTuple):
    """A tensor for its digest."""

    name: str
    type: str  # as torch writes it
    shape: tuple[int, ...]
    data: memoryview  # little-endian


def file_digest(path: Path) -> str:
    """Sha256 of a file, read in pieces of 4 MB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Sha256 over name, type, shape and little-endian bytes of every tensor, in name order."""
    import torch  # here: what only reads headers starts without it

    def numbers(name: str) -> _Numbers:
        tensor = tensors[name].detach().contiguous().cpu()
        data = tensor.reshape(-1).view(torch.uint8).numpy().data
        return _Numbers(name, str(tensor.dtype), tuple(tensor.shape), data)

    return _digest(map(numbers, sorted(tensors)))


def stored_digest(path: Path) -> str:
    """Say what :func:`tensors_digest` says of the tensors in a safetensors file, without torch.

    A thread can do it while torch is being imported. The file's structure is not checked:
    safetensors does that where it is opened.

    Raises
    ------
    KeyError
        if there is a tensor of a type that no network of ours has.
    """
    content = np.memmap(path, mode="r")
    (length,) = struct.unpack("<Q", content[:8].tobytes())
    tensors = json.loads(content[8 : 8 + length].tobytes())
    tensors.pop("__metadata__", None)
    data = content[8 + length :]

    def numbers(name: str) -> _Numbers:
        about = tensors[name]
        first, end = about["data_offsets"]
        kind, shape = _TORCH_TYPES[about["dtype"]], tuple(about["shape"])
        return _Numbers(name, kind, shape, data[first:end].data)

    return _digest(map(numbers, sorted(tensors)))


def _digest(tensors: Iterable[_Numbers]) -> str:
    digest = hashlib.sha256()
    waiting = bytearray()  # small ones are digested together
    for tensor in tensors:
        waiting += f"{tensor.name}\0{tensor.type}\0{tensor.shape}\0".encode()
        if len(tensor.data) < _PIECE:
            waiting += tensor.data
        if len(tensor.data) >= _PIECE or len(waiting) >= _PIECE:
            digest.update(waiting)
            waiting = bytearray()
        if len(tensor.data) >= _PIECE:
            digest.update(tensor.data)
    digest.update(waiting)
    return digest.hexdigest()
