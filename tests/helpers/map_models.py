"""Models whose score is known to depend on one part of a picture, or on no parameter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import memnet
from inspected import make_spec
from memnet.preprocess.spec import PreprocessSpec


class Part(nn.Module):
    """The mean brightness of some rows and columns of the input, as a dense layer has learnt it."""

    def __init__(self, rows: slice, columns: slice, hw: tuple[int, int]) -> None:
        super().__init__()
        weights = torch.zeros(3, *hw)
        weights[:, rows, columns] = 1.0
        self.dense = nn.Linear(weights.numel(), 1)
        with torch.no_grad():
            self.dense.weight.copy_(weights.reshape(1, -1) / weights.sum())
            self.dense.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.flatten(1)).flatten()


class Edges(nn.Module):
    """How much neighbouring pixels differ: nothing was learnt, and nothing can be drawn anew."""

    def forward(self, x: Tensor) -> Tensor:
        return (x[..., 1:] - x[..., :-1]).abs().mean(dim=(1, 2, 3))


def part_model(rows: slice, columns: slice, spec: PreprocessSpec | None = None) -> memnet.Predictor:
    spec = spec or make_spec(32)
    network = Part(rows, columns, spec.crop_hw)
    return memnet.Predictor.from_function("part.v1", network, preprocess=spec)


def edge_model() -> memnet.Predictor:
    return memnet.Predictor.from_function("edges.v1", Edges(), preprocess=make_spec(32))
