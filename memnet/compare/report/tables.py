"""The tables of a report, as cells of text: pure functions of the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from memnet.compare.record import Result, RunRecord
from memnet.compare.report.digits import decimals, fixed, result_texts, rounded
from memnet.compare.report.eligible import what_it_predicts, what_truth_is
from memnet.compare.report.table_model import (
    Cell,
    Column,
    Section,
    Table,
    p_value,
    percent,
)
from memnet.compare.report.two_classes import HEADLINE as CLASS_HEADLINE
from memnet.compare.report.two_classes import has_classes, is_left_out
from memnet.data.declared import words_of_declaration
from memnet.stats.metrics import describe, range_names
from memnet.stats.metrics.base import GROUPS
from memnet.stats.noise_matched import TEST_METHOD as LABELS
from memnet.stats.permutation import METHOD as SWAPS

HEADLINE = {
    "spearman": "Spearman's rho",
    "disattenuated_spearman": "rho, disattenuated",
    "mse": "MSE",
    "mse_recalibrated": "MSE, recalibrated",
    "sd_ratio": "SD ratio",
}
"""The metrics of the table "at a glance" and their headings."""

IDEAL = {"higher": "higher", "lower": "lower", "zero": "near 0", "one": "near 1", "": ""}
"""What is better, in a table, by the word of :class:`memnet.stats.metrics.Metric`."""

_ON_ONE_SCALE = ("mse", "sd_ratio")
"""Of those, what means nothing of a model that estimates something else than the human scores."""

_TESTED = ("distribution", "noise-matched")
_RANGE_METRICS = ("mse", "mae", "bias")
_IN_RANGES = {f"{metric}_{name}" for metric in _RANGE_METRICS for name in range_names()}


def ranked(record: RunRecord) -> list[str]:
    """Models by Spearman's rho (AUC for classes), the highest first, those without one last."""
    metric = "auc" if has_classes(record) else "spearman"
    rho = {r.model: r.value for r in record.results if r.metric == metric}

    def key(model: str) -> tuple[bool, float]:
        value = rho.get(model)
        return value is None, -(value or 0.0)

    return sorted(record.words, key=key)


def reasons(record: RunRecord) -> dict[str, str]:
    """Model -> why its contamination is what it is; "" in records that do not say."""
    known = {model["name"]: model.get("contamination_why", "") for model in record.models}
    return {model: known.get(model, "") for model in record.words}


def training_data(model: Mapping[str, Any]) -> str:
    """Say what a model was trained on, who says so, what it estimates, and how if not exactly.

    Data sets, none at all, or nobody knows; with a space before each sentence.
    """
    names = model.get("trained_on", ())
    said = []
    if "trained_on" in model:
        by = words_of_declaration(model)
        said.append(
            "Trained on data that its file does not name"
            if names is None
            else f"Trained on {', '.join(names) or 'no data set'}{f' ({by})' if by else ''}"
        )
        if note := model.get("training_note"):
            said[0] += f" ({note})"
    if before := model.get("pretrained_on"):
        said.append(f"Pretrained on {', '.join(before)}, which is not judged")
    said += filter(None, [what_it_predicts(model), how_exactly(model)])
    return "".join(f" {sentence}." for sentence in said)


def how_exactly(model: Mapping[str, Any]) -> str:
    """Say of scores that were not computed exactly how far they lie from such; "" of others."""
    if "precision" not in model:
        return ""
    found = model.get("deviation_from_exact", {})
    text = f"Computed faster than exactly ({model['precision']})"
    if found.keys() >= {"mean_change", "largest_change", "pictures"}:
        text += (
            f": scores of {found['pictures']:g} calibration pictures lay "
            f"{found['mean_change']:.4f} on average, and {found['largest_change']:.4f} at most, "
            "from the exact ones"
        )
    return text


def level(record: RunRecord) -> str:
    """Coverage of the intervals, ``95 %``."""
    return percent(record.results[0].level) if record.results else ""


def by_name(record: RunRecord) -> dict[tuple[str, str], Result]:
    """Every result by model and metric."""
    return {(result.model, result.metric): result for result in record.results}


def at_a_glance(record: RunRecord) -> Table:
    """Lay out the headline values of all models, the best rho first."""
    results = by_name(record)
    why = reasons(record)
    headings = CLASS_HEADLINE if has_classes(record) else HEADLINE
    sort = f"Sorted by {'AUC' if has_classes(record) else 'rho'}. "
    names = [name for name in headings if any((m, name) in results for m in why)]
    about = {model["name"]: model for model in record.models}
    rows = []
    for model in ranked(record):
        crossed = model in record.crossed
        what = f" {what_it_predicts(about[model])}, not {what_truth_is(record)}." if crossed else ""
        cells = [Cell(model, word=record.words[model], note=f"{why[model]}{what}".strip())]
        for name in names:
            result = results.get((model, name))
            cell = Cell("") if result is None else value_cell(result, results.values())
            if crossed and name in _ON_ONE_SCALE:
                cell = replace(cell, note="means nothing here")
            cells.append(cell)
        rows.append(cells)
    return Table(
        title="",
        columns=[Column("Model"), *(Column(headings[name], numeric=True) for name in names)],
        rows=rows,
        after=f"{sort if len(rows) > 1 else ''}Under each value its {level(record)} "
        "interval; under each model whether it may have seen these pictures. "
        f"{_undefined(record, names)}".rstrip(),
    )


def _undefined(record: RunRecord, names: Sequence[str]) -> str:
    """Say why values at a glance are undefined, each reason once."""
    results = by_name(record)
    why: dict[tuple[str, str], list[str]] = {}
    for model in ranked(record):
        for name in names:
            result = results.get((model, name))
            rho = results.get((model, "spearman"))
            follows = name == "disattenuated_spearman" and rho is not None and rho.value is None
            if result is not None and result.value is None and not follows:
                title = (CLASS_HEADLINE | HEADLINE)[name]
                why.setdefault((title, result.reason), []).append(model)
    return " ".join(
        f"{title} is undefined for {', '.join(models)}: {reason}."
        for (title, reason), models in why.items()
    )


def value_cell(result: Result, table: Iterable[Result] = (), *, word: bool = False) -> Cell:
    """Put value and interval in one cell, with the contamination if asked.

    ``table`` are the results that stand in one table with it, see :func:`.digits.result_texts`.
    """
    value, between = result_texts(result, table)
    return Cell(
        value,
        interval=between if result.interval else "",
        word=result.contamination if word else "",
    )


def sections(record: RunRecord) -> list[Section]:
    """Lay out every value of every model, by group, in the order of the record."""
    why = reasons(record)
    return [
        Section(model=model, word=word, why=why[model], tables=_model_tables(record, model))
        for model, word in record.words.items()
    ]


def _model_tables(record: RunRecord, model: str) -> list[Table]:
    groups: dict[str, list[Result]] = {group: [] for group in GROUPS}
    for result in record.results:
        if result.model == model and not is_left_out(record, result):
            groups[describe(result.metric).group].append(result)
    tables = []
    for group, results in groups.items():
        inside = [result for result in results if result.metric in _IN_RANGES]
        others = [result for result in results if result.metric not in _IN_RANGES]
        if inside:
            tables.append(_ranges(inside))
        if others:  # a metric of one's own may be in the group of the ranges, too
            table = _group(group, others)
            tables.append(replace(table, title=f"{table.title}, more") if inside else table)
    return tables


def _group(group: str, results: Sequence[Result]) -> Table:
    word = results[0].contamination
    why = {result.reason for result in results}
    before = _sentence(group, {result.metric: result for result in results})
    if any(result.p_holm is not None for result in results):
        before += " Holm's p is corrected over the tests of this table."
    if len(why) == 1 and all(result.value is None for result in results):
        names = ", ".join(describe(result.metric).title for result in results)
        return Table(
            title=GROUPS[group],
            columns=[],
            rows=[],
            before=f"Undefined: {why.pop()}. Not computed: {names}.",
            word=word,
        )
    tested = group in _TESTED and any(result.p_value is not None for result in results)
    columns = [
        Column("Measure"),
        Column("Value", numeric=True),
        Column(f"{percent(results[0].level)} interval", numeric=True),
    ]
    corrected = tested and any(result.p_holm is not None for result in results)
    if tested:
        columns += [
            Column("Effect size", numeric=True),
            Column(f"{percent(results[0].level)} interval", numeric=True),
            Column("p", numeric=True),
        ]
    if corrected:
        columns.append(Column("p, Holm", numeric=True))
    ideal = any(describe(result.metric).better for result in results)
    if ideal:
        columns.append(Column("Better"))
    rows = []
    for result in results:
        metric = describe(result.metric)
        cells = [
            Cell(metric.title, note=_remark(result)),
            *map(Cell, result_texts(result, results)),
        ]
        if tested:
            cells += _effect(result)
        if corrected:
            cells.append(Cell(p_value(result.p_holm)))
        rows.append([*cells, Cell(IDEAL[metric.better])] if ideal else cells)
    return Table(title=GROUPS[group], columns=columns, rows=rows, before=before, word=word)


def _remark(result: Result) -> str:
    """Why something is missing, and how p was computed where the table's words do not say it."""
    method = "" if result.p_method.startswith((SWAPS, LABELS)) else result.p_method
    by = f"p {'by ' if result.p_value is not None else ''}{method}" if method else ""
    return "; ".join(filter(None, [result.reason, by]))


def _effect(result: Result) -> list[Cell]:
    title = describe(result.metric).effect_title
    if result.effect_size is None:
        same = result.value is not None and not title
        size = [Cell("the value" if same else ""), Cell("")]
    else:
        size = [*map(Cell, rounded(result.effect_size, result.effect_interval))]
    return [*size, Cell(p_value(result.p_value) or "not tested")]


def _sentence(group: str, results: dict[str, Result]) -> str:
    """Say how the values of a group are to be read."""
    if group == "error parts":
        return _error_parts(results)
    if group == "distribution" and any(
        r.p_value is not None for name, r in results.items() if name != "dip"
    ):
        return (
            "Do predictions and human scores have one distribution? p answers whether they "
            "differ at all, which with many pictures they nearly always do; the effect size, with "
            "its interval, says by how much. Without an effect size, the value is itself one."
        )
    if group == "noise-matched":
        return (
            "The same, after the predictions were given the sampling noise of the human scores, "
            "so that a perfect predictor comes as near to the ideal as chance allows. p answers "
            "whether the human scores could be those of people whose true rates are the "
            "predictions."
        )
    if group == "ceiling":
        return "Correlations divided by the highest that these human scores allow."
    return ""


def _error_parts(results: dict[str, Result]) -> str:
    known = {name: result.value for name, result in results.items() if result.value is not None}
    parts = ("mse_bias", "mse_variance", "mse_correlation")
    if not all(name in known for name in parts):
        return ""
    # One number of decimals for all, or the sum would not come out.
    digits = max(decimals(known[name], results[name].interval) for name in parts)
    bias, variance, correlation = (fixed(known[name], digits) for name in parts)
    text = (
        f"The parts add up: MSE {fixed(sum(known[name] for name in parts), digits)} = squared bias "
        f"{bias} + variance mismatch {variance} + (1 - r) part {correlation}."
    )
    if "mse_label_noise" in known and "mse_above_noise" in known:
        noise, above = known["mse_label_noise"], known["mse_above_noise"]
        text += (
            f" The human scores' own noise is {fixed(noise, digits)}: predictions that were the "
            "true scores would have that MSE. "
        )
        text += (
            f"{fixed(above, digits)} lies above it."
            if above >= 0
            else f"This MSE is {fixed(-above, digits)} below it, as can happen on training "
            "pictures."
        )
    return text


def _ranges(results: Sequence[Result]) -> Table:
    by_metric = {result.metric: result for result in results}
    rows = []
    for name in range_names():
        cells = [by_metric.get(f"{metric}_{name}") for metric in _RANGE_METRICS]
        there = [result for result in cells if result is not None]
        if not there:
            continue
        title = name.replace("truth_", "").replace("_", " ")
        rows.append(
            [
                Cell(title, note=there[0].reason if there[0].n == 0 else ""),
                Cell(f"{there[0].n:,}"),
                *(Cell("") if r is None else value_cell(r) for r in cells),
            ]
        )
    return Table(
        title=GROUPS["ranges"],
        columns=[
            Column("Human score"),
            Column("n", numeric=True),
            *(Column(describe(metric).title, numeric=True) for metric in _RANGE_METRICS),
        ],
        rows=rows,
        before="A range includes its lower end. Even a perfect predictor has a bias upwards in the "
        "lowest and downwards in the highest range, since pictures get there partly by the noise "
        "of their human scores.",
        word=results[0].contamination,
    )
