"""A planted problem: pictures whose score is a known function of what they show.

Each shows one disc on a grey, noisy ground. The score grows with the disc's radius and with how
red it is; where it lies, the brightness of the ground and the noise have nothing to do with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from memnet.reimpl.training.config import TrainConfig, network_class, read_config
from memnet.reimpl.training.training_set import TrainingSet

SMALL = {
    "resnet_stage1": 1,
    "resnet_stage2": 1,
    "resnet_stage3": 1,
    "resnet_stage4": 1,
    "resnet_width": 8,
    "conv1": 16,
    "conv2": 32,
    "conv3": 32,
    "conv4": 32,
    "conv5": 32,
    "fc6": 128,
    "fc7": 64,
    "fc8": 64,
    "fc9": 64,
    "fc10": 32,
    "fc11": 32,
    "fcn_stage1": 1,
    "fcn_stage2": 1,
    "fcn_stage3": 1,
    "fcn_stage4": 1,
    "fcn_width": 8,
    "segment1": 8,
    "segment2": 8,
    "segment3": 8,
}
"""Sizes at which a step of 16 pictures takes a tenth of a second."""

TINY = {name: size if size == 1 else size // 4 for name, size in SMALL.items()}
"""Sizes for tests that ask what training does, not how well it learns."""


def planted_set(folder: Path, *, train: int, val: int, test: int = 0, seed: int = 1) -> TrainingSet:
    """Draw the pictures into a folder and return them with their scores."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    rows = []
    parts = ["train"] * train + ["val"] * val + ["test"] * test
    across, down = np.meshgrid(np.arange(256), np.arange(256))
    for number, part in enumerate(parts):
        radius, red = draw.uniform(15, 80), draw.uniform(0, 1)
        x, y = draw.uniform(80, 176, size=2)
        pixels = np.full((256, 256, 3), draw.uniform(60, 160)) + draw.normal(0, 12, (256, 256, 3))
        disc = (across - x) ** 2 + (down - y) ** 2 < radius**2
        pixels[disc] = np.array([60 + 195 * red, 60, 255 - 195 * red])
        name = f"{number:04d}.png"
        picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        picture.save(folder / name, compress_level=1)
        score = 0.3 + 0.6 * (0.5 * red + 0.5 * (radius - 15) / 65)
        rows.append((name, str(folder / name), score, part))
    return TrainingSet(
        table=pd.DataFrame(rows, columns=["image_id", "path", "score", "part"]),
        trained_on=("planted:train:a", "planted:val:a"),
        test_name="planted:test:a" if test else "",
        description={"rule": "a disc's radius and colour"},
    )


def small_config(preset: str, reduced: Mapping[str, int] = SMALL, **changes: object) -> TrainConfig:
    """Settings at reduced sizes, every branch from random numbers."""
    known = read_config(preset)
    sizes = {k: v for k, v in reduced.items() if k in network_class(known.arch).published_sizes}
    starts = dict.fromkeys(known.starts, "random")
    return read_config(preset, changes={"sizes": sizes, "starts": starts, **changes})
