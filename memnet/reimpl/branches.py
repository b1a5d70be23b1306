"""What the networks have in common: named branches, each of which can be frozen by itself.

A branch is a part of a network with an output of its own. Freezing one makes its output a fixed
function of the picture, which is why it can be computed once and handed to :meth:`Network.forward`
ever after (``known``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from memnet.errors import MemnetError, unknown_name
from memnet.reimpl.resnet import ResNet

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
"""The modules of MemNet's convolutional branch, which ResMem and M3M have, too."""


class Network(nn.Module):
    """A network made of branches and a head.

    Attributes
    ----------
    branches : branch -> its modules. Every parameter is in exactly one; ``"head"`` is the one that
        has no output but the network's.
    published_sizes : name of a layer (its output channels) or of a part of a ResNet (blocks of a
        stage, channels per group) -> its size in the published network.
    input_shape : of one picture.
    """

    branches: ClassVar[Mapping[str, tuple[str, ...]]]
    published_sizes: ClassVar[Mapping[str, int]]
    input_shape: ClassVar = (3, 227, 227)

    @classmethod
    def all_sizes(cls, sizes: Mapping[str, int] | None) -> dict[str, int]:
        """Fill in the published sizes.

        Raises
        ------
        MemnetError
            if a name is unknown, or a size is not a positive whole number.
        """
        for name, size in (sizes or {}).items():
            if name not in cls.published_sizes:
                raise unknown_name(f"size of {cls.__name__}", name, cls.published_sizes)
            whole = isinstance(size, int) and not isinstance(size, bool)
            if not whole or not 1 <= size < 2**31:
                raise MemnetError(
                    f"The size {name} is {size!r}; it must be a whole number from 1 to {2**31 - 1}."
                )
        return {**cls.published_sizes, **(sizes or {})}

    @classmethod
    def shaped_like(cls, tensors: Mapping[str, Tensor]) -> Network:
        """Build the network at the sizes of given tensors (its ``state_dict()``)."""
        return cls(sizes=cls.sizes_of(tensors))

    @classmethod
    def sizes_of(cls, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """Read the sizes off given tensors; a layer that is not among them is left out."""
        biases = {name: tensors.get(f"{name}.bias") for name in cls.published_sizes}
        return {name: len(bias) for name, bias in biases.items() if bias is not None}

    def initialise(self, branches: Collection[str]) -> None:
        """Draw the weights of branches anew, as He et al. (2015, doi 10.1109/ICCV.2015.123) do.

        With PyTorch's own drawing the signal shrinks to 0.4 of its size in every layer, and after
        MemNet's eight or ResMem's twelve hardly anything of the picture is left to learn from.
        The ResNets are left alone: they are drawn like this already.
        """
        for name, module in self.named_children():
            if self.branch_of(name) in branches and isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)

    def frozen_output(self, branch: str, pictures: Tensor) -> Tensor:
        """Compute a branch's output, ``(N, ...)``; the head has none of its own."""
        output: Tensor = getattr(self, branch)(pictures)
        return output

    def output_of(
        self, branch: str, pictures: Tensor, known: Mapping[str, Tensor] | None
    ) -> Tensor:
        """Return a branch's output: as it is known, else computed."""
        if known is not None and branch in known:
            return known[branch]
        return self.frozen_output(branch, pictures)

    def branch_of(self, parameter: str) -> str:
        """Name the branch that a module, parameter or buffer belongs to; "" for none."""
        module = parameter.split(".")[0]
        return next((name for name, known in self.branches.items() if module in known), "")

    def freeze(self, branches: tuple[str, ...]) -> None:
        """Stop the training of branches: no gradients, and batch-norm statistics that stay.

        Raises
        ------
        MemnetError
            if there is no such branch, or nothing would be left to train.
        """
        for branch in branches:
            if branch not in self.branches:
                raise unknown_name(f"branch of {type(self).__name__}", branch, self.branches)
        if set(branches) >= set(self.branches):
            raise MemnetError("Every branch is frozen, so nothing would be trained; free one.")
        self._frozen = branches
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(self.branch_of(name) not in branches)
        self.train(self.training)

    _frozen: tuple[str, ...] = ()

    @property
    def frozen(self) -> tuple[str, ...]:
        """The branches that :meth:`freeze` stopped."""
        return self._frozen

    def train(self, mode: bool = True) -> Network:
        """Set the mode; frozen branches stay in evaluation mode, whatever is asked."""
        super().train(mode)
        for branch in self._frozen:
            for module in self.branches[branch]:
                getattr(self, module).eval()
        return self


def last_layer(layer: nn.Linear, x: Tensor) -> Tensor:
    """Apply the layer that gives the score in 32-bit floats, whatever precision comes before it.

    Between 0.5 and 1 there are 128 numbers of 16 bits (bfloat16): scores would be tied by rounding.
    """
    with torch.autocast(x.device.type, enabled=False):
        score: Tensor = layer(x.to(layer.weight.dtype))
    return score


def bottleneck_resnet(sizes: Mapping[str, int], prefix: str, *, dilated: bool = False) -> ResNet:
    """Build a ResNet of bottlenecks; 3, 8, 36, 3 blocks at 64 channels are ResNet-152.

    Parameters
    ----------
    sizes : has ``PREFIX_stage1`` to ``PREFIX_stage4``, the blocks of each stage, and
        ``PREFIX_width``, torchvision's ``width_per_group``: the channels inside the first stage's
        blocks. The outputs of the stages stay 256, 512, 1024 and 2048.
    dilated : whether the last two stages keep their resolution, as in ``fcn_resnet50``.
    """
    blocks = [sizes[f"{prefix}_stage{stage}"] for stage in (1, 2, 3, 4)]
    return ResNet(blocks, width=sizes[f"{prefix}_width"], dilated=dilated)


def resnet_sizes(tensors: Mapping[str, Tensor], module: str, prefix: str) -> dict[str, int]:
    """Read the sizes of :func:`bottleneck_resnet` off the tensors of a module."""
    matches = [re.match(rf"{re.escape(module)}\.layer(\d)\.(\d+)\.", name) for name in tensors]
    pairs = {(int(m[1]), int(m[2])) for m in matches if m}
    blocks = {s: sum(stage == s for stage, _ in pairs) for s in (1, 2, 3, 4)}
    sizes = {f"{prefix}_stage{stage}": count for stage, count in blocks.items() if count}
    first = tensors.get(f"{module}.layer1.0.conv1.weight")
    return sizes if first is None else {**sizes, f"{prefix}_width": len(first)}
