"""Export of the original's network to ONNX, every blob under its name in Caffe."""

from __future__ import annotations

import copy
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from memnet.errors import MemnetError
from memnet.legacy.architecture import LAYERS
from memnet.legacy.network import MemNetCaffe
from memnet.util.atomic import replace_file

BLOBS = tuple(dict.fromkeys(("data", *(layer.top for layer in LAYERS))))
"""The network's blobs in order, the input ``data`` first."""


def export_onnx(network: MemNetCaffe, out: str | Path) -> None:
    """Export our network to ONNX: input ``data`` N x 3 x 227 x 227 (N is free), outputs all blobs.

    MemnetError is raised if onnx or onnxscript is not installed, or the file cannot be written.
    """
    onnx, _ = _needed("onnx"), _needed("onnxscript")
    with replace_file(Path(out)) as temporary:
        torch.onnx.export(
            _EveryBlob(copy.deepcopy(network).cpu()).eval(),  # the caller's stays in training mode
            (torch.zeros(2, 3, 227, 227),),
            str(temporary),
            input_names=["data"],
            output_names=list(BLOBS[1:]),
            dynamic_shapes={"data": {0: torch.export.Dim("N")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        onnx.checker.check_model(str(temporary), full_check=True)


class _EveryBlob(nn.Module):
    """MemNet that returns its blobs as a tuple, which is what ONNX can hold."""

    def __init__(self, network: MemNetCaffe) -> None:
        super().__init__()
        self.network = network

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        blobs = self.network.blobs(data)
        return tuple(blobs[name] for name in BLOBS[1:])


def _needed(package: str) -> Any:
    if find_spec(package) is None:
        raise MemnetError(f"{package} is not installed; `pip install {package}` installs it.")
    return import_module(package)
