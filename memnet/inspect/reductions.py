"""What is kept of a layer's output for a picture: all, its mean or maximum, or a projection."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from memnet.errors import unknown_name
from memnet.inspect.layers import Layer
from memnet.inspect.projection import project
from memnet.util.checks import require_whole

REDUCTIONS = ("whole", "mean", "max", "projection")


@dataclass(frozen=True)
class Reduction:
    """How much is kept of a layer's output.

    Attributes
    ----------
    kind : ``"whole"``: all numbers, in the layer's shape; ``"mean"``, ``"max"``: over space (over
        tokens in a transformer), a number for each filter; ``"projection"``: ``size`` numbers, a
        random projection of all (:func:`memnet.inspect.projection.project`). Of a layer that has
        no more than ``size`` numbers, a projection keeps these.
    size, seed : of the projection.

    Examples
    --------
    >>> from torch import nn
    >>> layer = Layer("conv", (), nn.Conv2d(3, 8, 1), "convolution", (8, 30, 30), None)
    >>> [Reduction(kind, size=100).shape(layer) for kind in REDUCTIONS]
    [(8, 30, 30), (8,), (8,), (100,)]
    """

    kind: str = "mean"
    size: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in REDUCTIONS:
            raise unknown_name("reduction", self.kind, REDUCTIONS)
        require_whole("size", self.size, 1)
        require_whole("seed", self.seed, 0)

    def shape(self, layer: Layer) -> tuple[int, ...]:
        """Return the shape of what is kept for one picture."""
        if self.kind == "whole":
            return layer.shape
        if self.kind == "projection":
            return (min(self.size, math.prod(layer.shape)),)
        return (layer.filters,)

    def keep(self, layer: Layer, output: Tensor) -> Tensor:
        """Reduce a layer's output for N crops, ``(N, ...)``, to ``(N, *shape(layer))``."""
        if self.kind == "whole":
            return output
        if self.kind == "projection":
            flat = output.flatten(1)
            if flat.shape[1] <= self.size:
                return flat
            return torch.from_numpy(project(flat.cpu().numpy(), self.size, seed=self.seed))
        space = space_of(layer)
        if not space:
            return output
        return output.mean(dim=space) if self.kind == "mean" else output.amax(dim=space)


def space_of(layer: Layer) -> tuple[int, ...]:
    """Return the axes of a layer's output ``(N, ...)`` that are space: rows and columns, or tokens.

    Examples
    --------
    >>> from torch import nn
    >>> space_of(Layer("conv", (), nn.Conv2d(3, 8, 1), "convolution", (8, 30, 30), None))
    (2, 3)
    >>> space_of(Layer("fc6", (), nn.Linear(9, 8), "dense", (8,), None))
    ()
    """
    if layer.kind == "convolution":
        return (2, 3)
    return tuple(range(1, len(layer.shape)))
