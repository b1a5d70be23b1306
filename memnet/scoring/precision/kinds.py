"""Kinds of computing that are faster than exact, made of any network by walking its modules.

A kind is made beside the exact network: what it does not change, both share, so that the exact
one stays what it is and no number is held twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from memnet.scoring.numeric_environment import UNKNOWN
from memnet.scoring.precision import onnx_runtime
from memnet.scoring.precision.sharing import UnsuitableError, sharing_copy


@dataclass(frozen=True)
class Kind:
    """A kind of computing.

    Attributes
    ----------
    name : what tables and messages call it.
    make : from the exact network and an input ``(1, 3, H, W)`` to the faster network; raises
        :class:`UnsuitableError`.
    is_possible : whether a device (``"cpu"``, ``"cuda"``) with a processor's instructions can.
    """

    name: str
    make: Callable[[nn.Module, Tensor], nn.Module]
    is_possible: Callable[[str, str], bool]


def find_kind(name: str) -> Kind:
    """Look a kind up by its name."""
    return next(kind for kind in KINDS if kind.name == name)


def fold_batch_norms(network: nn.Module, example: Tensor) -> tuple[nn.Module, list[nn.Conv2d]]:
    """Multiply each batch norm that reads a convolution's output into the convolution.

    Which does is seen by running the network once: so it is found whatever the network calls its
    parts, and however it calls them.

    Returns
    -------
    tuple
        the network (which shares all other parts with the given one), and the convolutions.

    Raises
    ------
    UnsuitableError
        if there is no such batch norm.
    """
    network = sharing_copy(network)
    made: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # the tensors live on, and so keep their ids
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    calls: list[nn.Module] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(module)
        if isinstance(module, nn.Conv2d):
            made[id(output)] = module, output
        elif isinstance(module, nn.BatchNorm2d) and id(inputs[0]) in made:
            pairs.append((made[id(inputs[0])][0], module))

    watched = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.BatchNorm2d)]
    hooks = [module.register_forward_hook(look) for module in watched]
    with torch.no_grad():
        network(example)
    for hook in hooks:
        hook.remove()
    folded = []
    for conv, norm in pairs:
        if calls.count(conv) == calls.count(norm) == 1:
            one = fuse_conv_bn_eval(conv, norm).requires_grad_(False)
            _replace(network, {conv: one, norm: nn.Identity()})
            folded.append(one)
    if not folded:
        raise UnsuitableError("it has no convolution with a batch norm behind it")
    layout = _layout_of(example)
    for conv in folded:
        conv.to(memory_format=layout)
    return network, folded


def _folded(network: nn.Module, example: Tensor) -> nn.Module:
    return fold_batch_norms(network, example)[0]


def _bfloat16_between_norms(network: nn.Module, example: Tensor) -> nn.Module:
    """Only what a batch norm followed: the signal there was held to one size in training."""
    return _Bfloat16(*fold_batch_norms(network, example))


def _bfloat16(network: nn.Module, example: Tensor) -> nn.Module:
    """All but the layer that gives the score.

    Between 0.5 and 1 there are 128 numbers of 16 bits: scores would be tied by rounding.
    """
    try:
        folded, _ = fold_batch_norms(network, example)
    except UnsuitableError:
        folded = sharing_copy(network)
    most = [each for each in _products(folded) if getattr(each, "out_features", None) != 1]
    return _Bfloat16(folded, most)


class _Bfloat16(nn.Module):
    """A network some of whose convolutions and dense layers are in 16-bit floats (bfloat16).

    torch's autocast chooses what else is; the weights are rounded once, here, not at each call.
    """

    def __init__(self, network: nn.Module, rounded: Sequence[nn.Module]) -> None:
        super().__init__()
        for module in _products(network):
            if module in rounded:
                for name, numbers in list(module.named_parameters(recurse=False)):
                    setattr(module, name, nn.Parameter(numbers.bfloat16(), requires_grad=False))
            else:
                _keep_in_float32(module)
        self.network = network

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            outputs: Tensor = self.network(inputs)
        return outputs


def _keep_in_float32(module: nn.Module) -> None:
    exact = module.forward

    def forward(inputs: Tensor) -> Tensor:
        with torch.autocast(inputs.device.type, enabled=False):
            outputs: Tensor = exact(inputs.float())
        return outputs

    module.forward = forward  # of this one; its class and the network it came from know nothing


def _products(network: nn.Module) -> list[nn.Module]:
    return [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.Linear)]


def _replace(network: nn.Module, others: dict[nn.Module, nn.Module]) -> None:
    for module in list(network.modules()):
        for name, child in module.named_children():
            if child in others:
                setattr(module, name, others[child])


def _layout_of(example: Tensor) -> torch.memory_format:
    is_last = example.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if is_last else torch.contiguous_format


def _any_device(device: str, instructions: str) -> bool:
    return True


def _has_bfloat16(device: str, instructions: str) -> bool:
    """Whether a device multiplies 16-bit floats; of a processor nobody knows, it is tried."""
    if device != "cpu" or instructions == UNKNOWN:
        return device in ("cpu", "cuda")
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(instructions.split()))


KINDS = (
    Kind("float32, batch norms folded", _folded, _any_device),
    Kind(onnx_runtime.NAME, onnx_runtime.make, onnx_runtime.is_possible),
    Kind("bfloat16 between batch norms", _bfloat16_between_norms, _has_bfloat16),
    Kind("bfloat16", _bfloat16, _has_bfloat16),
)
"""Slowest first where the processor has all of them."""
