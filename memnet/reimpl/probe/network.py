"""The probe as a network: normalise, a frozen backbone, one linear layer.

Its weight file holds the backbone's tensors, too, and a *recipe*: which network they belong to, as
JSON text in a tensor of bytes. So the file alone gives the same scores again; of a backbone of
another library, that library must be installed to build the network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from memnet.errors import MemnetError
from memnet.reimpl.branches import Network, last_layer
from memnet.reimpl.probe.backbone import Recipe
from memnet.reimpl.probe.libraries import build_model
from memnet.weights.networks import network_class

ARCH = "probe"


class Branch(nn.Module):
    """One branch of a network of memnet's, without the rest: pictures in, ``(N, P)`` features out.

    Parameters
    ----------
    network : what is not of the branch is taken from it.
    branch : a key of its ``branches`` that has an output of its own.
    """

    def __init__(self, network: Network, branch: str) -> None:
        super().__init__()
        for name, module in list(network.named_children()):
            if name not in network.branches[branch] and module.state_dict():
                delattr(network, name)
        self.network = network
        self.branch = branch

    def forward(self, pictures: Tensor) -> Tensor:
        return self.network.frozen_output(self.branch, pictures).flatten(1)


class Probe(nn.Module):
    """A ridge regression on the features of a frozen backbone.

    Parameters
    ----------
    recipe : what builds the backbone again.
    backbone : from normalised pictures ``(N, 3, H, W)`` to ``(N, ...)``, P numbers a picture.
    features : P.

    Shapes
    ------
    input: ``(N, 3, H, W)`` float32, RGB, values in [0, 1].
    output: ``(N,)`` float32: the score, of whatever range.
    """

    recipe: Tensor
    pixel_mean: Tensor
    pixel_sd: Tensor

    def __init__(self, recipe: Recipe, backbone: nn.Module, features: int) -> None:
        super().__init__()
        text = json.dumps(dict(recipe), sort_keys=True).encode()
        self.register_buffer("recipe", torch.tensor(list(text), dtype=torch.uint8))
        self.register_buffer("pixel_mean", torch.zeros(3, 1, 1))
        self.register_buffer("pixel_sd", torch.ones(3, 1, 1))
        self.backbone = backbone
        self.linear = nn.Linear(features, 1)

    @classmethod
    def shaped_like(cls, tensors: Mapping[str, Tensor]) -> Probe:
        """Build the network that given tensors (its ``state_dict()``) belong to.

        Raises
        ------
        MemnetError
            if they have no recipe that can be followed, or its library is not installed.
        """
        try:
            recipe = json.loads(bytes(tensors["recipe"].tolist()))
            features = tensors["linear.weight"].shape[1]
        except (KeyError, ValueError, IndexError) as error:
            raise MemnetError(f"The probe does not say what its backbone is ({error}).") from error
        prefix = "backbone."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        return cls(recipe, build_backbone(recipe, own), features)

    def features(self, pictures: Tensor) -> Tensor:
        """Compute the backbone's features, ``(N, P)``."""
        normalised = (pictures - self.pixel_mean) / self.pixel_sd
        features: Tensor = self.backbone(normalised)
        return features.flatten(1)

    def forward(self, pictures: Tensor) -> Tensor:
        return last_layer(self.linear, self.features(pictures)).flatten()


def build_backbone(recipe: Recipe, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build a backbone by its recipe, at the sizes of its tensors; its numbers mean nothing yet.

    Raises
    ------
    MemnetError
        if the network, the branch or the library is unknown, or not installed.
    """
    if "library" in recipe:
        return build_model(recipe)
    kind: Any = network_class(str(recipe["arch"]))
    prefix = "network."
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return Branch(kind.shaped_like(own), str(recipe["branch"]))
