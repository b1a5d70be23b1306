"""A network of a few hundred numbers, and `memnet` with it: tests need no 500 MB to run.

Its score is a fixed function of the picture (a mean of weighted pixels through a sigmoid), so
that another crop, channel order or scale gives another score.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.weights.digests import tensors_digest
from memnet.weights.files import SourceFile, WeightHeader, write_weights
from memnet.weights.networks import register_network

SPEC = PreprocessSpec(
    exif_orientation="ignore",
    resize_kind="pillow-bilinear-8bit",
    resize_hw=(16, 16),
    channel_order="RGB",
    pixel_max=1.0,
    mean_kind="none",
    mean_sha256="",
    crop_hw=(11, 11),
    crop_offsets=((2, 2), (0, 5)),
    crop_mirrors="none",
)
OUTPUT = OutputSpec(crop_reduction="mean", subtract=0.0, multiply=1.0, add=0.0, clamp="none")


class Tiny(nn.Module):
    """``(N, 3, 11, 11)`` -> ``(N,)``.

    ``TINY_SLEEP`` slows each batch down; ``TINY_LOG`` names a file that gets a line with the
    number of pictures of each batch, before it is computed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3 * 11 * 11, 1)

    def forward(self, x: Tensor) -> Tensor:
        if log := os.environ.get("TINY_LOG"):
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(f"{len(x) // len(SPEC.crop_offsets)}\n")
        time.sleep(float(os.environ.get("TINY_SLEEP", "0")))
        return torch.sigmoid(self.linear(x.flatten(1))).flatten()


def register() -> None:
    register_network("tiny", "tiny:Tiny")


def write_tiny(path: Path, seed: int = 7, **changes: object) -> Path:
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        "linear.weight": torch.randn(1, 363, generator=generator) * 0.2,
        "linear.bias": torch.randn(1, generator=generator),
    }
    fields = {
        "name": "tiny.test",
        "arch": "tiny",
        "sources": (
            SourceFile(role="weights", name="made in a test", sha256=tensors_digest(tensors)),
        ),
        "tensors_sha256": tensors_digest(tensors),
        "converter": "a test",
        "licence": "none",
        "licence_notice": "",
        "citation": "none",
        "trained_on": ("nothing",),
        "remark": "",
        "preprocess": SPEC,
        "output": OUTPUT,
    }
    write_weights(path, tensors, WeightHeader(**{**fields, **changes}))
    return path


if __name__ == "__main__":  # `python tests/helpers/tiny.py score ...` is `memnet score ...`
    from memnet.cli import main

    register()
    sys.argv[0] = "memnet"
    main()
