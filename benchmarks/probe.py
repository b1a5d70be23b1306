"""Time of a probe whose features lie on the disk: everything from the pictures to the page.

``python benchmarks/probe.py``: 10,000 small pictures with 2,048 features each. The backbone is a
random projection, since what is measured is not its speed: the first run computes the features, the
second finds them, fits 5 nested folds with 33 penalties, draws the learning curve, bootstraps, and
writes weight file, held-out scores, report and page.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import nn

from memnet.experiments import probe
from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.probe.backbone import Backbone
from memnet.reimpl.training.training_set import TrainingSet

SIDE = 16


def projection(features: int) -> Backbone:
    torch.manual_seed(0)
    spec = PreprocessSpec(
        exif_orientation="ignore",
        resize_kind="pillow-bilinear-8bit",
        resize_hw=(SIDE, SIDE),
        channel_order="RGB",
        pixel_max=1.0,
        mean_kind="none",
        mean_sha256="",
        crop_hw=(SIDE, SIDE),
        crop_offsets=((0, 0),),
        crop_mirrors="none",
    )
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, features), nn.ReLU())
    return Backbone(
        name="random projection", recipe={}, network=network.requires_grad_(False), spec=spec
    )


def pictures(folder: Path, count: int) -> TrainingSet:
    random = np.random.default_rng(0)
    weights = random.normal(size=(SIDE, SIDE, 3))
    rows = []
    for number in range(count):
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        path = folder / f"{number:06d}.png"
        Image.fromarray(pixels).save(path, compress_level=1)
        signal = float((weights * (pixels / 255 - 0.5)).sum()) / 16
        score = float(np.clip(0.75 + 0.1 * (signal + random.normal()), 0, 1))
        rows.append((path.name, str(path), score, "train" if number % 5 else "val"))
    table = pd.DataFrame(rows, columns=["image_id", "path", "score", "part"])
    return TrainingSet(
        table=table, trained_on=("made:train:a", "made:val:a"), test_name="", description={}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=2_048)
    given = parser.parse_args()
    backbone = projection(given.features)
    with (
        tempfile.TemporaryDirectory() as scratch,
        mock.patch.object(probe, "find_backbone", return_value=backbone),
    ):
        folder = Path(scratch)
        data = pictures(folder, given.pictures)
        settings = probe.ProbeSettings(backbone=backbone.name)
        for name in ("first", "again"):
            start = time.perf_counter()
            record = probe.train_probe(
                settings, data, folder / f"out-{name}", cache=folder / "cache", device="cpu"
            )
            seconds = {k: round(v, 1) for k, v in record["seconds"].items()}
            seconds["all together"] = round(time.perf_counter() - start, 1)
            print(json.dumps({"run": name, "cores": os.cpu_count(), **seconds}))
        rho = record["held_out"]["rho"]
        print(json.dumps({"rho": round(rho, 3), "pictures": given.pictures}))
