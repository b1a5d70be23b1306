"""Made-up folders of training runs, as a training leaves them."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import memnet
from memnet.compare.record import RunRecord

COLUMNS = (
    "epoch",
    "step",
    "train_loss",
    "val_loss",
    "val_spearman",
    "seconds",
    "pictures_per_second",
    "waiting_share",
    "learning_rate",
)
RHO = (0.02, 0.31, None, 0.612, 0.58)
"""Validation rank correlations of the usual run; the third is undefined."""


def rows(rho: Sequence[float | None] = RHO, *, steps: int = 10) -> list[dict[str, float | None]]:
    """Validations after 0, 1, 2 ... epochs of so many steps."""
    made: list[dict[str, float | None]] = []
    for epoch, value in enumerate(rho):
        made.append(
            {
                "epoch": float(epoch),
                "step": float(epoch * steps),
                "train_loss": None if epoch == 0 else 0.05 / epoch,
                "val_loss": 0.06 / (epoch + 1),
                "val_spearman": value,
                "seconds": 30.5 * epoch,
                "pictures_per_second": 98.4,
                "waiting_share": 0.031,
                "learning_rate": 1e-5,
            }
        )
    return made


_ARCHS = {"memnet": "memnet48", "memnet96": "memnet96", "m3m": "m3m"}


def run_json(**more: Any) -> dict[str, Any]:
    """The ``run.json`` of a ResMem whose backbone began from weights that had seen MemCat."""
    return {
        "format": "memnet training run",
        "schema_version": 1,
        "preset": "resmem",
        "arch": _ARCHS.get(more.get("preset", ""), "resmem"),
        "config": {
            "learning_rate": 1e-5,
            "batch_size": 32,
            "epochs": 20,
            "mirror": False,
            "sizes": {},
            "starts": {"resnet": "resmem.published", "head": "random"},
            "freeze": ["resnet"],
        },
        "starts": {
            "resnet": {
                "branch": "resnet",
                "source": "resmem.published",
                "sha256": "8e4b8ab0ac33",
                "trained_on": ["lamem", "memcat"],
                "licence": "non-commercial",
                "licence_notice": "For non-commercial use only (University of Chicago).",
                "citation": "Needell & Bainbridge (2022)",
                "warning": "",
            },
            "convolutions": "random",
            "head": {"source": "random", "trained_on": [], "licence": ""},
        },
        "frozen": ["resnet"],
        "parameters": {"trained": 71_496_001, "all": 131_688_809},
        "data": {
            "digest": "d" * 64,
            "counts": {"train": 300, "val": 100, "test": 120},
            "description": {"rule": "by category", "seed": 2022},
            "trained_on": ["memcat:train:seed2022", "memcat:val:seed2022"],
            "test_name": "memcat:test:seed2022",
            "contamination": "contaminated",
            "contamination_why": "Its resnet began from weights that were trained on memcat.",
        },
        "status": "stopped early",
        "message": "",
        "best": {"epoch": 3.0, "step": 30, "val_spearman": 0.612, "val_loss": 0.015},
        "seconds": 122.04,
        "preparation_seconds": 61.0,
        "device": "CPU (a <made-up> processor)",
        "pictures_per_second": 98.4,
        "waiting_share": 0.031,
        "precision": "32",
        "warnings": [],
        "command": "memnet train --preset resmem",
        "environment": {"memnet": "0.1.0", "torch": "2.5"},
        "memnet_version": "0.1.0",
    } | more


def write_run(
    folder: Path,
    run: dict[str, Any] | None = None,
    curves: Sequence[dict[str, float | None]] | None = None,
    test: RunRecord | None = None,
) -> Path:
    """Write a run folder; ``curves`` [] for a run that was never validated."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(run or run_json()), encoding="utf-8")
    with (folder / "curves.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows() if curves is None else curves)
    (folder / "best.safetensors").write_bytes(b"")
    if test is not None:
        (folder / "test").mkdir(exist_ok=True)
        (folder / "test" / "record.json").write_text(test.to_json(), encoding="utf-8")
        (folder / "test" / "report.html").write_text("<p>the test</p>", encoding="utf-8")
    return folder


def made_up_test(
    *, seed: int = 1, dataset: str = "my-scenes", models: Sequence[str] = ("best",), n: int = 120
) -> RunRecord:
    """Compare made-up predictions with made-up human scores; another seed is other pictures."""
    random = np.random.default_rng(seed)
    ids = [f"{seed}-{place:03d}.jpg" for place in range(n)]
    score = random.beta(6, 2, n)
    tables = [
        pd.DataFrame({"image_id": ids, "model": name, "score": score + random.normal(0, 0.1, n)})
        for name in models
    ]
    return memnet.compare(
        pd.DataFrame({"image_id": ids, "human_score": score}),
        tables,
        truth_column="human_score",
        dataset=dataset,
        resamples=200,
    )
