"""What a benchmark says in a few sentences: which model ranks best on pictures it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memnet.compare.report.digits import fixed, with_interval
from memnet.compare.report.table_model import p_equals
from memnet.data.targets import TARGETS
from memnet.stats.levels import ALPHA
from memnet.studies.benchmark.record import (
    BenchmarkCell,
    BenchmarkRecord,
    ModelContrast,
    ModelSummary,
    contenders,
    counts,
)
from memnet.util.text import join_names

SHOWN = 3
"""Models that the answer names before it counts the others."""
MAYBE = {"possibly": "possibly contaminated", "unknown": "contamination unknown"}
"""The words that do not speak for themselves in a sentence."""


def crossing(record: BenchmarkRecord, cell: BenchmarkCell) -> str:
    """Say what a crossed model estimates and what it is compared with; "" for one that is not."""
    if not cell.crossed:
        return ""
    model = next(each for each in record.models if each["name"] == cell.model)
    dataset = next(each for each in record.datasets if each["name"] == cell.dataset)
    theirs, ours = (TARGETS.get(each["target"], "") for each in (model, dataset))
    if not theirs or not ours:
        return "estimates something else"
    return f"estimates {theirs}, compared with {ours}"


def sorted_summaries(record: BenchmarkRecord) -> list[ModelSummary]:
    """Return the summaries, the highest mean first, those without one last."""
    return sorted(record.summaries, key=lambda each: (each.mean is None, -(each.mean or 0.0)))


def write_answer(record: BenchmarkRecord) -> str:
    """Say which model ranks pictures best on clean data, or why that cannot be said."""
    known = [each for each in sorted_summaries(record) if each.mean is not None]
    if not known:
        return _no_answer(record)
    several = [each for each in known if len(each.datasets) > 1]
    if not several:
        return _of_single_datasets(record, known)
    first, rest = several[0], several[1:]
    text = f"On clean data {_lead(record, first, [each.model for each in rest])}"
    if singles := [each for each in known if each not in several]:
        named = [f"{each.model} ({_value(each)} on {each.datasets[0]})" for each in singles]
        has = "has a single clean data set" if len(singles) == 1 else "have one clean data set each"
        text += f" {_listed(named)} {has}, which says nothing of others."
    if nowhere := [each.model for each in record.summaries if each.mean is None]:
        text += f" No clean data set with a known ceiling: {_listed(nowhere)}."
    return text


def _lead(record: BenchmarkRecord, first: ModelSummary, others: Sequence[str]) -> str:
    """Name the model with the highest mean, and from which others it is told apart."""
    value = f"mean disattenuated rho {_value(first)} over {len(first.datasets)} data sets"
    if not others:
        return f"only {first.model} has more than one data set: {value}."
    rows = [turned(row, first.model) for row in record.contrasts if first.model in _pair(row)]
    rows = sorted((row for row in rows if row.model_b in others), key=lambda r: _order(r, others))
    above = [row for row in rows if _is_apart(row)]
    level = [row for row in rows if len(row.datasets) > 1 and row not in above]
    single = [row for row in rows if len(row.datasets) == 1]
    unknown = [name for name in others if name not in {row.model_b for row in rows if row.datasets}]
    best = "ranks pictures best" if len(above) == len(others) else "has the highest mean"
    text = f"{first.model} {best}: {value}."
    if level:
        text += f" Where both are clean, it is not distinguishable from {_named(level)}."
    if above:
        text += f" It is beyond chance above {_listed([row.model_b for row in above])}."
    if single:
        text += f" It shares only one clean data set with {_named(single)}."
    if unknown:
        text += (
            f" It shares no clean data set with {_listed(unknown)}, so they are not compared: "
            "means over different data sets do not compare models."
        )
    return text


def _of_single_datasets(record: BenchmarkRecord, known: Sequence[ModelSummary]) -> str:
    """Answer where no model has a second clean data set: data set by data set."""
    datasets = list(dict.fromkeys(each.datasets[0] for each in known))
    found = [dataset_answer(record, name) for name in datasets[:SHOWN]]
    if len(record.datasets) == 1:
        return f"{found[0]} One data set says nothing of others."
    return (
        "No model has more than one clean data set with a known ceiling, so no mean is taken. "
        f"{' '.join(found)}"
    )


def write_findings(record: BenchmarkRecord) -> list[str]:
    """Say for each data set which model ranks its pictures best, of those that count."""
    return [dataset_answer(record, each["name"]) for each in record.datasets]


def dataset_answer(record: BenchmarkRecord, dataset: str) -> str:
    """Say which model ranks a data set's pictures best, of those that count."""
    every = [cell for cell in record.cells if cell.dataset == dataset]
    cells = contenders(every)
    if not cells:
        return f"{dataset}: no model has a number that counts."
    best = max(cells, key=lambda cell: cell.rho or 0.0)
    word, value = _doubt(best), _rho(best)
    if best.ceiling is not None:
        value += f" (ceiling {fixed(best.ceiling, 2, bare=True)})"
    rivals = [cell.model for cell in cells if cell is not best]
    level = [model for model in rivals if not _is_above(record, dataset, best.model, model)]
    if not rivals:
        alone = len(list(filter(counts, every))) == 1
        only = "number that counts is that" if alone else "number known to be clean is that"
        text = f"{dataset}: the only {only} of {best.model}{word}, rho {value}"
    elif not level:
        others = "the other" if len(rivals) == 1 else f"the {len(rivals)} others"
        text = (
            f"{dataset}: {best.model}{word} ranks best, rho {value}, beyond chance above {others}"
        )
    else:
        text = (
            f"{dataset}: {best.model}{word} has the highest rho, {value}, not distinguishable from "
            f"{_listed(level)}"
        )
    higher = [cell for cell in every if counts(cell) and (cell.rho or 0.0) > (best.rho or 0.0)]
    if higher:
        named = [f"{each.model}{_doubt(each)}, rho {_rho(each)}" for each in higher]
        text += f". Higher, but not known to be unseen: {_listed(named)}"
    return f"{text}."


def _doubt(cell: BenchmarkCell) -> str:
    return "" if cell.contamination == "clean" else f" ({MAYBE[cell.contamination]})"


def _rho(cell: BenchmarkCell) -> str:
    return with_interval(cell.rho, cell.interval, bare=True)


def _no_answer(record: BenchmarkRecord) -> str:
    cells = [cell for cell in record.cells if cell.rho is not None and not cell.missing]
    text = "There is no answer: "
    if not cells:
        return f"{text}no model has a defined rank correlation on any of these data sets."
    if all(cell.contamination == "contaminated" for cell in cells):
        return (
            f"{text}every model was trained on the pictures that it is compared on here, so no "
            "number says how it ranks other pictures."
        )
    clean = [cell for cell in cells if cell.contamination == "clean" and not cell.crossed]
    if not clean:
        return (
            f"{text}no model is known to be clean on any of these data sets for what it "
            "estimates, so no number says how it ranks pictures that it has not seen."
        )
    return (
        f"{text}where models are clean, the reliability of the human scores is not known, and "
        "without it no mean over data sets is taken. Each data set has its own answer below."
    )


def _value(summary: ModelSummary) -> str:
    return with_interval(summary.mean, summary.interval)


def _order(row: ModelContrast, others: Sequence[str]) -> int:
    return others.index(row.model_b)


def _named(rows: Sequence[ModelContrast]) -> str:
    named = [f"{row.model_b} ({_difference(row)})" for row in rows[:SHOWN]]
    left = len(rows) - len(named)
    return join_names([*named, *([f"{left} more"] if left else [])])


def _difference(row: ModelContrast) -> str:
    value = with_interval(row.mean, row.interval)
    p = "" if row.p_holm is None else f", {p_equals(row.p_holm)}"
    count = len(row.datasets)
    return f"difference {value}{p}, {row.datasets[0] if count == 1 else f'{count} data sets'}"


def _listed(models: Sequence[str]) -> str:
    left = len(models) - SHOWN
    return join_names([*models[:SHOWN], *([f"{left} more"] if left > 0 else [])])


def _pair(row: ModelContrast) -> tuple[str, str]:
    return row.model_a, row.model_b


def turned(row: ModelContrast, first: str) -> ModelContrast:
    """Return a contrast as that of ``first`` minus the other."""
    if row.model_a == first:
        return row
    ends = None if row.interval is None else [-row.interval[1], -row.interval[0]]
    mean = None if row.mean is None else -row.mean
    return replace(row, model_a=row.model_b, model_b=row.model_a, mean=mean, interval=ends)


def _is_apart(row: ModelContrast) -> bool:
    """Whether the first of two models is above the other beyond chance, over several data sets."""
    return (
        row.p_holm is not None
        and row.p_holm < ALPHA
        and row.interval is not None
        and row.interval[0] > 0
    )


def _is_above(record: BenchmarkRecord, dataset: str, first: str, other: str) -> bool:
    for row in record.differences:
        if row.dataset == dataset and {row.model_a, row.model_b} == {first, other}:
            if row.interval is None or row.p_holm is None:
                return False
            low, high = row.interval
            above = low > 0 if row.model_a == first else high < 0
            return above and row.p_holm < ALPHA
    return False
