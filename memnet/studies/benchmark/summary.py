"""Every model over the data sets that are clean for it, and every two models over those they share.

What is averaged is disattenuated rho: rho itself is lower where the human scores are noisier, so a
mean of it would be about the data sets. Cells that are not clean, and those where the model
estimates something else than people gave, are left out, each with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from memnet.stats.dependent_correlations import holm
from memnet.stats.random_effects import RandomEffects, random_effects, variance_of
from memnet.studies.benchmark.record import (
    BenchmarkCell,
    ModelContrast,
    ModelSummary,
    PairedDifference,
)

NO_CLEAN = "on no data set of this benchmark is the model clean, with a known ceiling"


def why_left_out(cell: BenchmarkCell) -> str:
    """Say why a cell is in no mean over data sets; "" for one that is.

    Examples
    --------
    >>> why_left_out(BenchmarkCell(dataset="lamem", model="mine", missing="it has no scores"))
    'no number: it has no scores'
    """
    if cell.missing:
        return f"no number: {cell.missing}"
    if cell.contamination != "clean":
        return f"{cell.contamination}: {cell.why}" if cell.why else cell.contamination
    if cell.crossed:
        return "the model estimates something else than these human scores are"
    if cell.rho is None:
        return "rho is undefined"
    if cell.disattenuated is None:
        return "the reliability of the human scores is not known"
    ends = cell.disattenuated_interval
    if ends is None or not ends[0] < ends[1]:
        return "disattenuated rho has no interval there, which its weight comes from"
    return ""


def summarise(models: Sequence[str], cells: Sequence[BenchmarkCell]) -> list[ModelSummary]:
    """Take the mean of each model over its clean data sets.

    Examples
    --------
    >>> clean = {"model": "mine", "contamination": "clean"}
    >>> cells = [
    ...     BenchmarkCell(dataset=name, rho=0.5, disattenuated=value,
    ...                   disattenuated_interval=[value - 0.05, value + 0.05], **clean)
    ...     for name, value in {"a": 0.6, "b": 0.7, "c": 0.65}.items()
    ... ]
    >>> [mine] = summarise(["mine"], cells)
    >>> round(mine.mean, 2), mine.datasets
    (0.65, ['a', 'b', 'c'])
    """
    return [_summary(model, [cell for cell in cells if cell.model == model]) for model in models]


def contrast(
    models: Sequence[str], cells: Sequence[BenchmarkCell], differences: Sequence[PairedDifference]
) -> list[ModelContrast]:
    """Compare every two models over the data sets on which both are clean.

    A difference of disattenuated rho, and its interval, are those of rho on the same pictures
    (``differences``) divided by the ceiling, which both models share and which is taken as exact.
    """
    clean = {(cell.dataset, cell.model): cell for cell in cells if not why_left_out(cell)}
    pairs = {}
    for row in differences:
        pairs[row.dataset, row.model_a, row.model_b] = row
        pairs[row.dataset, row.model_b, row.model_a] = _turned(row)
    found = [
        _contrast(a, b, list(dict.fromkeys(cell.dataset for cell in cells)), clean, pairs)
        for a, b in combinations(models, 2)
    ]
    p_values = [math.nan if each.p_value is None else each.p_value for each in found]
    return [
        replace(each, p_holm=None if math.isnan(p) else float(p))
        for each, p in zip(found, holm(p_values), strict=True)
    ]


def _summary(model: str, cells: Sequence[BenchmarkCell]) -> ModelSummary:
    left_out = {cell.dataset: why for cell in cells if (why := why_left_out(cell))}
    used = [cell for cell in cells if cell.dataset not in left_out]
    datasets = [cell.dataset for cell in used]
    intervals = [cell.disattenuated_interval or [] for cell in used]
    values = [cell.disattenuated or 0.0 for cell in used]
    result = _mean(values, intervals)
    if result is None:
        return ModelSummary(
            model=model,
            datasets=[],
            left_out=left_out,
            mean=None,
            interval=None,
            tau=None,
            prediction=None,
            reason=NO_CLEAN,
        )
    one = len(used) == 1
    return ModelSummary(
        model=model,
        datasets=datasets,
        left_out=left_out,
        mean=values[0] if one else result.mean,
        interval=list(intervals[0]) if one else _within(result.interval, 1.0, result.mean),
        tau=result.tau,
        prediction=_within(result.prediction, 1.0, result.mean) if result.prediction else None,
        reason=result.reason,
    )


def _contrast(
    a: str,
    b: str,
    datasets: Sequence[str],
    clean: Mapping[tuple[str, str], BenchmarkCell],
    pairs: Mapping[tuple[str, str, str], PairedDifference],
) -> ModelContrast:
    used, values, intervals = [], [], []
    for name in datasets:
        row, cell = pairs.get((name, a, b)), clean.get((name, a))
        if row is None or cell is None or (name, b) not in clean or not cell.ceiling:
            continue
        if row.value is None or row.interval is None or not row.interval[0] < row.interval[1]:
            continue
        used.append(name)
        values.append(row.value / cell.ceiling)
        intervals.append([end / cell.ceiling for end in row.interval])
    result = _mean(values, intervals)
    one = len(used) == 1
    p_value = None if result is None or one else result.p_value
    return ModelContrast(
        model_a=a,
        model_b=b,
        datasets=used,
        mean=None if result is None else values[0] if one else result.mean,
        interval=None
        if result is None
        else list(intervals[0])
        if one
        else _within(result.interval, 2.0, result.mean),
        p_value=p_value,
        p_holm=None,
        reason="on no data set are both models clean and their difference known"
        if result is None
        else result.reason,
    )


def _mean(values: Sequence[float], intervals: Sequence[Sequence[float]]) -> RandomEffects | None:
    if not values:
        return None
    return random_effects(values, [variance_of(ends) for ends in intervals])


def _within(ends: Sequence[float], most: float, mean: float) -> list[float]:
    """Cut an interval where no true value can be; a mean beyond that by chance stays inside."""
    low, high = ends
    return [max(low, min(-most, mean)), min(high, max(most, mean))]


def _turned(row: PairedDifference) -> PairedDifference:
    ends = None if row.interval is None else [-row.interval[1], -row.interval[0]]
    value = None if row.value is None else -row.value
    return replace(row, model_a=row.model_b, model_b=row.model_a, value=value, interval=ends)
