"""Made-up records of benchmarks, for tests of the page and to look at it."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from memnet.studies.benchmark.record import BenchmarkCell, BenchmarkRecord, PairedDifference
from memnet.studies.benchmark.summary import contrast, summarise

NOT_AT_HAND = "the pictures are not at hand"
_CLEAN: dict[str, Any] = {
    "contamination": "clean",
    "why": "these pictures are not among those that it was trained on",
}


def make_record(
    models: int, datasets: int, *, names: list[str] | None = None, plant: bool = True
) -> BenchmarkRecord:
    """Make a record; ``plant`` has contaminated, doubtful, crossed and missing cells in it.

    The last model is the highest everywhere: planted, it was trained on the first data set and
    estimates false alarms on the last.
    """
    generator = np.random.default_rng([models, datasets])
    called = names or [f"model{place}.published" for place in range(1, models + 1)]
    sets = [f"dataset{place}" for place in range(1, datasets + 1)]
    level = np.linspace(0.5, 0.8, models)
    cells = []
    for across, dataset in enumerate(sets):
        n = int(generator.integers(200, 3_000))
        top = float(generator.uniform(0.72, 0.9))
        for down, model in enumerate(called):
            rho = float(top * (level[down] + 0.04 * generator.standard_normal()))
            half = 2 * (1 - rho**2) / math.sqrt(n)
            cells.append(
                BenchmarkCell(
                    dataset=dataset,
                    model=model,
                    n=n,
                    rho=rho,
                    interval=[rho - half, rho + half],
                    ceiling=top,
                    disattenuated=rho / top,
                    disattenuated_interval=[rho / top - 1.1 * half, rho / top + 1.1 * half],
                    mse=0.01,
                    report=f"{dataset}/report.html",
                    **_CLEAN | _planted(down - models, across, across == datasets - 1, plant),
                )
            )
    return of_cells(cells, called, sets)


def _planted(from_last: int, across: int, last: bool, plant: bool) -> dict[str, Any]:
    if not plant:
        return {}
    if from_last == -1 and across == 0:
        return {"contamination": "contaminated", "why": "trained on dataset1"}
    if from_last == -1 and last:
        return {"crossed": True}
    if from_last == -2 and last:
        return {"missing": NOT_AT_HAND}
    if from_last == -3 and across == 1:
        return {"contamination": "possibly", "why": "the part that was tested was not named"}
    return {}


def of_cells(cells: list[BenchmarkCell], models: list[str], datasets: list[str]) -> BenchmarkRecord:
    """Make the rest of a record that belongs to these cells."""
    tidy = []
    for cell in (_tidied(each) for each in cells):
        kind = {"dataset": cell.dataset, "model": cell.model}
        other = {"contamination": cell.contamination, "why": cell.why}
        tidy.append(BenchmarkCell(**kind, **other, missing=cell.missing) if cell.missing else cell)
    cells = [replace(cell, best=_is_best(cell, tidy)) for cell in tidy]
    rows = [row for dataset in datasets for row in _differences(cells, models, dataset)]
    return BenchmarkRecord(
        name="A made-up benchmark",
        created="2026-11-28T21:14:07+00:00",
        command="memnet benchmark suite.toml --out results",
        datasets=[
            {
                "name": name,
                "title": name.capitalize(),
                "dataset": name,
                "target": "hit_rate",
                "n": max(cell.n for cell in cells if cell.dataset == name),
                "source": f"{name}.csv, column hit_rate",
                "ceiling": next((c.ceiling for c in cells if c.dataset == name), None),
                "report": f"{name}/report.html",
                "warnings": [],
            }
            for name in datasets
        ],
        models=[
            {
                "name": name,
                "title": f"Model {place}",
                "target": "false_alarm_rate" if place == len(models) > 1 else "hit_rate",
                "trained_on": ["dataset1"] if place == len(models) else ["lamem:train:1"],
                "declared_by": "--trained-on" if place == 2 else "",
                "pretrained_on": ["ImageNet"],
                "licence": "MIT",
                "citation": "Somebody & Someone (2020), A journal 1, 1-10",
                "source": "a weight file",
            }
            for place, name in enumerate(models, start=1)
        ],
        cells=cells,
        differences=rows,
        summaries=summarise(models, cells),
        contrasts=contrast(models, cells, rows),
        warnings=["Only 1000 resamples: intervals and p values are imprecise."],
        environment={"memnet": "0.1.0", "python": "3.11.4"},
    )


def _tidied(cell: BenchmarkCell) -> BenchmarkCell:
    """Give a cell without a number no interval either."""
    if cell.rho is None:
        return replace(cell, interval=None, disattenuated=None, disattenuated_interval=None)
    return cell


def _is_best(cell: BenchmarkCell, cells: list[BenchmarkCell]) -> bool:
    those = [
        each.rho
        for each in cells
        if each.dataset == cell.dataset
        and each.rho is not None
        and each.contamination != "contaminated"
        and not each.crossed
    ]
    eligible = cell.contamination != "contaminated" and not cell.crossed
    return eligible and cell.rho is not None and cell.rho == max(those)


def _differences(
    cells: list[BenchmarkCell], models: list[str], dataset: str
) -> list[PairedDifference]:
    rows = []
    known = {cell.model: cell for cell in cells if cell.dataset == dataset and cell.rho is not None}
    for a, b in combinations(models, 2):
        if a in known and b in known:
            value = (known[a].rho or 0.0) - (known[b].rho or 0.0)
            half = 1.6 / math.sqrt(known[a].n)
            seen = "contaminated" in (known[a].contamination, known[b].contamination)
            p = min(1.0, 2 * math.exp(-8 * (value / half) ** 2))
            rows.append(
                PairedDifference(
                    dataset=dataset,
                    model_a=a,
                    model_b=b,
                    value=value,
                    interval=[value - half, value + half],
                    p_value=p,
                    p_holm=None if seen else min(1.0, 5 * p),
                    contamination="contaminated" if seen else "clean",
                )
            )
    return rows
