"""A weight file of ResMem at small sizes with random numbers: a backbone for tests."""

from __future__ import annotations

from pathlib import Path

import torch

from memnet.reimpl.resmem import ResMem
from memnet.weights.catalogue import find
from memnet.weights.files import save_weights
from planted import SMALL


def write_backbone(path: Path, *, trained_on: tuple[str, ...] | None = (), seed: int = 3) -> Path:
    """Write it; features of the branch `resnet` are 1000, those of `convolutions` 1152."""
    torch.manual_seed(seed)
    network = ResMem(sizes={k: v for k, v in SMALL.items() if k in ResMem.published_sizes})
    network.initialise(["convolutions"])
    published = find("resmem.published")
    save_weights(
        path,
        network.eval(),
        arch="resmem",
        preprocess=published.preprocess,
        output=published.output,
        trained_on=trained_on,
        pretrained_on=["nothing at all"],
        licence="a licence",
        licence_notice="A notice of the backbone.",
    )
    return path
