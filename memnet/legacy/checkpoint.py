"""Checkpoints of the public PyTorch ports of MemNet: tensors ``conv1.weight`` ... ``fc8.bias``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.legacy.architecture import LEARNT, expected_shapes, stripped
from memnet.util.text import printable, shorten_list
from memnet.weights.torch_files import check_dense, load_numbers

_MAGIC = (b"PK\x03\x04", b"\x80")  # of torch.save's zip archives, and of its older pickles
_PREFIXES = ("module.", "model.", "network.")  # of DataParallel, of Lightning
_TABLES = ("state_dict", "model_state_dict", "model")


def is_checkpoint(path: Path) -> bool:
    """Tell by its first bytes whether a file was written by ``torch.save``."""
    try:
        if not path.is_file():
            return False  # as below; a pipe would be waited for
        with path.open("rb") as file:
            return file.read(8).startswith(_MAGIC)
    except OSError:
        return False  # the reader of Caffe's files says what is wrong


def read_port_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a port's checkpoint without running code from it.

    Returns
    -------
    dict
        the float32 tensors by Caffe's layer names (``conv1.weight`` ... ``fc8-euclidean.bias``).

    Raises
    ------
    MemnetError
        if it holds more than tensors, or its names or shapes are not MemNet's.
    """
    content = load_numbers(
        path,
        "save its state_dict alone, with the torch that made it: torch.save(net.state_dict(), ...)",
    )
    for name in _TABLES:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise MemnetError(f"{path} holds no table of tensors (a state dict).")
    spare = _by_plain_names(content, path)
    names = {name: name.split("-")[0] for name in LEARNT}
    missing = [
        f"{port}.{kind}"
        for port in names.values()
        for kind in ("weight", "bias")
        if f"{port}.{kind}" not in spare
    ]
    if missing:
        raise MemnetError(
            f"{path}: nothing in the file for {', '.join(missing)}; it has "
            f"{_names(spare) or 'nothing'}."
        )
    tensors = {}
    widths = {name: spare[f"{port}.bias"].numel() for name, port in names.items()}
    for target, shape in expected_shapes(widths).items():
        name, kind = target.rsplit(".", 1)
        tensor = spare.pop(f"{names[name]}.{kind}")
        if stripped(tuple(tensor.shape)) != stripped(shape):
            raise MemnetError(
                f"{path}: {names[name]}.{kind} is {tuple(tensor.shape)}, MemNet's is {shape}."
            )
        numbers = tensor.detach().reshape(shape).to(torch.float32).contiguous()
        if not torch.isfinite(numbers).all():  # a 64-bit number may be so only before the cast
            raise MemnetError(
                f"{path}: {names[name]}.{kind} holds numbers that are not finite as 32-bit floats."
            )
        tensors[target] = numbers
    if spare:
        raise MemnetError(f"{path}: no place in MemNet for {_names(sorted(spare))}.")
    return tensors


def _by_plain_names(content: Mapping[object, Tensor], path: Path) -> dict[str, Tensor]:
    """Take wrappers' prefixes off the names, and check what kinds of tensors they are."""
    size = path.stat().st_size
    origins: dict[str, str] = {}
    for key, tensor in content.items():
        plain, name = _plain(str(key)), printable(str(key), 80)
        if plain in origins:
            raise MemnetError(
                f"{path} has {printable(plain, 80)} twice, as {origins[plain]} and as {name}, and "
                "which one is meant cannot be told; save the network's own state_dict alone."
            )
        origins[plain] = name
        check_dense(tensor, name, str(path), most_bytes=size)
        if not tensor.is_floating_point():
            kind = str(tensor.dtype).removeprefix("torch.")
            raise MemnetError(
                f"{path}: {name} has type {kind}; a network's weights are real floating-point "
                "numbers."
            )
    return {_plain(str(name)): tensor for name, tensor in content.items()}


def _names(names: Iterable[str]) -> str:
    return shorten_list((printable(name, 80) for name in names), 6)


def _plain(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name
