"""Comparisons of several data sets become one record: every number is copied from its comparison.

What is decided here: which cell is the best of its data set, which pairs of models are one family
of tests, and what is said where two data sets do not count as two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from memnet.compare.record import RunRecord
from memnet.data.contamination import DatasetName, dataset_title
from memnet.stats.dependent_correlations import holm
from memnet.studies.benchmark.record import (
    SEEN,
    BenchmarkCell,
    BenchmarkRecord,
    PairedDifference,
    contenders,
)
from memnet.studies.benchmark.summary import contrast, summarise
from memnet.util.clock import utc_now
from memnet.util.text import printable
from memnet.util.versions import environment

_ABOUT = ("title", "target", "licence", "citation", "source")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One data set of a benchmark.

    Attributes
    ----------
    name : of the data set within the benchmark.
    source : the file of its human scores.
    dataset, target : as they are known without a comparison, "".
    record : the comparison of those models that could be compared; None where none could.
    missing : model -> why it is not in the record.
    report : path of the comparison's page, relative to the benchmark's folder.
    warnings : sentences besides those of the record.
    ids : of the pictures compared; none where they are not at hand.
    """

    name: str
    source: str
    dataset: str = ""
    target: str = ""
    record: RunRecord | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    report: str = ""
    warnings: Sequence[str] = ()
    ids: frozenset[str] = frozenset()


def assemble(
    name: str,
    models: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Comparison],
    *,
    command: str,
) -> BenchmarkRecord:
    """Put comparisons together.

    Parameters
    ----------
    name : the benchmark's title.
    models : a dict each with ``name`` and what is known of it besides, as the record has it.
    comparisons : one for each data set.
    command : what the record says was run.
    """
    names = [model["name"] for model in models]
    cells = [
        cell
        for comparison in comparisons
        for cell in _mark_best([_cell(comparison, model) for model in names])
    ]
    differences = _correct(
        [row for comparison in comparisons for row in _differences(comparison)], cells
    )
    return BenchmarkRecord(
        name=name,
        created=utc_now(),
        command=command,
        datasets=[_dataset(comparison) for comparison in comparisons],
        models=[_model(model, comparisons) for model in models],
        cells=cells,
        differences=differences,
        summaries=summarise(names, cells),
        contrasts=contrast(names, cells, differences),
        warnings=[
            *(warning for comparison in comparisons for warning in comparison.warnings),
            *_not_independent(comparisons),
        ],
        environment=environment(),
    )


def _cell(comparison: Comparison, model: str) -> BenchmarkCell:
    record = comparison.record
    where: dict[str, Any] = {"dataset": comparison.name, "model": model}
    if record is None or model not in record.words:
        missing = comparison.missing.get(model) or "It is not in the comparison of this data set."
        return BenchmarkCell(**where, missing=printable(missing))
    results = {row.metric: row for row in record.results if row.model == model}
    about = next(each for each in record.models if each["name"] == model)
    where |= {
        "report": comparison.report,
        "contamination": record.words[model],
        "why": about.get("contamination_why", ""),
        "declared_by": about.get("declared_by", ""),
    }
    rho = results.get("spearman")
    if rho is None or "classes" in record.truth:
        return BenchmarkCell(
            **where,
            n=record.items["n"],
            missing="The human scores are two classes, which have an AUC and no rho: see there.",
        )
    crossed = model in record.crossed
    disattenuated = results.get("disattenuated_spearman")
    mse = results.get("mse")
    one_scale = not crossed and not _other_scale(record, model)
    return BenchmarkCell(
        **where,
        n=rho.n,
        rho=rho.value,
        interval=rho.interval,
        ceiling=_ceiling(record),
        disattenuated=None if disattenuated is None else disattenuated.value,
        disattenuated_interval=None if disattenuated is None else disattenuated.interval,
        mse=mse.value if mse is not None and one_scale else None,
        crossed=crossed,
    )


def _ceiling(record: RunRecord) -> float | None:
    ceiling: float | None = record.labels["figures"].get("ceiling_spearman", {}).get("value")
    return ceiling


def _other_scale(record: RunRecord, model: str) -> bool:
    """Whether the comparison warns that this model's or the human scores are on another scale."""
    begins = (f"{model} has scores", f"{record.truth['column']} (truth) has scores")
    return any(
        kind == "scale" and sentence.startswith(begins)
        for kind, sentence in zip(record.warning_kinds, record.warnings, strict=False)
    )


def _mark_best(cells: Sequence[BenchmarkCell]) -> list[BenchmarkCell]:
    """Mark the highest rho of a data set: of the clean cells, or where none is, of the doubtful.

    A contaminated cell is none of them, nor is one whose model estimates something else.
    """
    pool = contenders(cells)
    highest = max((cell.rho for cell in pool if cell.rho is not None), default=None)
    return [replace(cell, best=cell in pool and cell.rho == highest) for cell in cells]


def _differences(comparison: Comparison) -> list[PairedDifference]:
    record = comparison.record
    if record is None or "classes" in record.truth:
        return []
    return [
        PairedDifference(
            dataset=comparison.name,
            model_a=row.model_a,
            model_b=row.model_b,
            value=row.value,
            interval=row.interval,
            p_value=row.p_value,
            p_holm=None,
            contamination=row.contamination,
        )
        for row in record.differences
        if row.metric == "spearman"
    ]


def _correct(
    rows: Sequence[PairedDifference], cells: Sequence[BenchmarkCell]
) -> list[PairedDifference]:
    """Correct over every pair, of all data sets, of models neither contaminated nor crossed."""
    crossed = {(cell.dataset, cell.model) for cell in cells if cell.crossed}

    def in_family(row: PairedDifference) -> bool:
        pair = {(row.dataset, row.model_a), (row.dataset, row.model_b)}
        return row.contamination != SEEN and not pair & crossed

    p_values = [
        math.nan if row.p_value is None or not in_family(row) else row.p_value for row in rows
    ]
    return [
        replace(row, p_holm=None if math.isnan(p) else float(p))
        for row, p in zip(rows, holm(p_values), strict=True)
    ]


def _dataset(comparison: Comparison) -> dict[str, Any]:
    record = comparison.record
    dataset = comparison.dataset if record is None else record.dataset
    target = comparison.target if record is None else record.truth.get("target", "")
    return {
        "name": comparison.name,
        "title": dataset_title(dataset) or comparison.name,
        "dataset": dataset,
        "target": target or "",
        "n": 0 if record is None else record.items["n"],
        "source": comparison.source,
        "ceiling": None if record is None else _ceiling(record),
        "report": comparison.report,
        "warnings": [] if record is None else list(record.warnings),
        "set_aside": 0 if record is None else record.items["set_aside"],
    }


def _model(given: Mapping[str, Any], comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Describe a model by what its comparisons know of it, then by what is known besides."""
    known = [
        about
        for comparison in comparisons
        if comparison.record is not None
        for about in comparison.record.models
        if about["name"] == given["name"]
    ]

    def first(key: str, nothing: Any) -> Any:
        values = (each.get(key) for each in (*known, given))
        return next((value for value in values if value not in (None, "", [])), nothing)

    trained = (each["trained_on"] for each in (*known, given) if each.get("trained_on") is not None)
    return {
        "name": given["name"],
        **{key: first(key, "") for key in _ABOUT},
        "trained_on": next(trained, None),
        "declared_by": first("declared_by", ""),
        "pretrained_on": list(first("pretrained_on", [])),
    }


def _not_independent(comparisons: Sequence[Comparison]) -> list[str]:
    """Say which data sets are of the same pictures, or may be: a mean takes them for two."""
    sentences = []
    compared = [
        (each.name, each.record, each.ids) for each in comparisons if each.record is not None
    ]
    for (one, a, a_ids), (other, b, b_ids) in combinations(compared, 2):
        known = [DatasetName.parse(each.dataset) for each in (a, b) if each.dataset]
        apart = len(known) == 2 and all(n.known for n in known) and known[0].base != known[1].base
        if a.items["digest"] == b.items["digest"] and not apart:
            sentences.append(
                f"{one} and {other} are the same pictures: a mean over data sets takes them for "
                "two, so its interval is too narrow where both are in it."
            )
        elif a.dataset and DatasetName.parse(a.dataset).names & DatasetName.parse(b.dataset).names:
            sentences.append(
                f"{one} and {other} are parts of one data set, and may share pictures: a mean "
                "over data sets takes them for independent ones."
            )
        elif (shared := len(a_ids & b_ids)) and not apart:
            sentences.append(
                f"{one} and {other} have {shared:,} image ids in common: if these are the same "
                "pictures, a mean over data sets takes them for independent ones."
            )
    return sentences
