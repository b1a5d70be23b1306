"""Made data sets and foreign predictors, with the suite that compares them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

SEEN = ["memcat"]
ELSEWHERE = ["lamem:train:1"]
PREDICTORS: dict[str, float] = {"good": 0.75, "weak": 0.35, "cheat": 0.99}
"""Name -> how close its scores are to what people did; ``cheat`` was trained on one of the sets."""


def write_lab(folder: Path, *, pictures: int = 120) -> Path:
    """Write two data sets, a table of each predictor for both, and ``suite.toml``; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(("memcat", "scenes375")):
        random = np.random.default_rng(seed)
        memorable = random.normal(size=pictures)
        responses = random.integers(60, 90, size=pictures)
        hits = random.binomial(responses, 1 / (1 + np.exp(-(1 + 0.7 * memorable))))
        ids = [f"{number:04d}.jpg" for number in range(pictures)]
        table = pd.DataFrame({"image_id": ids, "hits": hits, "responses": responses})
        table["hit_rate"] = hits / responses
        table.to_csv(folder / f"{name}.csv", index=False)
        standard = (table["hit_rate"] - table["hit_rate"].mean()) / table["hit_rate"].std()
        for model, r in PREDICTORS.items():
            noise = np.sqrt(1 - r**2) * random.normal(size=pictures)
            score = 0.7 + 0.05 * (r * standard + noise)
            frame = pd.DataFrame({"image_id": ids, "score": score})
            frame.to_csv(folder / f"{model}_{name}.csv", index=False)
    return write_suite(folder)


def write_suite(
    folder: Path,
    *,
    models: Mapping[str, Mapping[str, object]] | None = None,
    scores: Mapping[str, str] | None = None,
    more: str = "",
) -> Path:
    """Write the suite of :func:`write_lab`, with what is declared of a model, or other tables."""
    declared: dict[str, dict[str, object]] = {
        name: {"trained_on": SEEN if name == "cheat" else ELSEWHERE, "target": "hit_rate"}
        for name in PREDICTORS
    }
    for name, about in (models or {}).items():
        declared[name] = {**declared.get(name, {}), **about}
    lines = ['name = "A lab"', "resamples = 200", more]
    for name, about in declared.items():
        lines += ["[[model]]", f'name = "{name}"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in about.items()]
    for name in ("memcat", "scenes375"):
        lines += ["[[dataset]]", f'name = "{name}"', f'dataset = "{name}"']
        lines += [f'truth = "{name}.csv"', 'truth_column = "hit_rate"']
        lines += ['hits_column = "hits"', 'responses_column = "responses"', "[dataset.scores]"]
        tables = {model: f"{model}_{name}.csv" for model in declared} | dict(scores or {})
        lines += [f'"{model}" = "{table}"' for model, table in tables.items() if table]
    path = folder / "suite.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
