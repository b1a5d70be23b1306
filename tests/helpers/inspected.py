"""Models to look inside of: networks of memnet's at their published depth, with random numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import memnet
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.weights.files import SourceFile, WeightHeader

FEW = {"resnet_width": 4, "fc6": 8, "fc7": 8, "fc8": 8, "fc9": 8, "fc10": 8, "fc11": 8}
"""Sizes of a ResMem that is as deep as the published one, and quick."""


def make_spec(side: int = 227, crops: int = 1) -> PreprocessSpec:
    """Return a preprocessing with so many crops of this size."""
    return PreprocessSpec(
        exif_orientation="ignore",
        resize_kind="pillow-bilinear-8bit",
        resize_hw=(side + crops - 1, side + crops - 1),
        channel_order="RGB",
        pixel_max=1.0,
        mean_kind="none",
        mean_sha256="",
        crop_hw=(side, side),
        crop_offsets=tuple((place, place) for place in range(crops)),
        crop_mirrors="none",
    )


def make_model(network: nn.Module, *, side: int = 227, crops: int = 1) -> memnet.Predictor:
    """Make a predictor of a network."""
    header = WeightHeader(
        name="random.test",
        arch="resmem",
        sources=(SourceFile(role="weights", name="made in a test", sha256="0" * 64),),
        tensors_sha256="0" * 64,
        converter="a test",
        licence="none",
        licence_notice="",
        citation="none",
        trained_on=("nothing",),
        remark="",
        preprocess=make_spec(side, crops),
        output=OutputSpec(crop_reduction="mean", subtract=0, multiply=1, add=0, clamp="none"),
    )
    return memnet.Predictor("random.test", network, header)


class Small(nn.Module):
    """``(N, 3, 33, 33)`` -> ``(N,)``: two convolutions with an in-place ReLU behind each."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 5, stride=2)
        self.second = nn.Conv2d(6, 4, 3, padding=1)
        self.score = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu_(self.first(x))  # N x 6 x 15 x 15
        x = torch.relu_(self.second(x))  # N x 4 x 15 x 15
        return torch.sigmoid(self.score(x.mean(dim=(2, 3)))).flatten()


def make_small(crops: int = 1) -> memnet.Predictor:
    """Make a predictor of :class:`Small`, the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(18)
        return make_model(Small(), side=33, crops=crops)


def noise(count: int, seed: int = 0) -> list[np.ndarray]:
    """Return pictures of random pixels, all of one size."""
    random = np.random.default_rng(seed)
    return list(random.integers(256, size=(count, 40, 50, 3), dtype=np.uint8))
