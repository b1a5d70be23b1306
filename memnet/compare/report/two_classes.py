"""What a report says where the human scores are two classes: AUC in place of rho."""

from __future__ import annotations

from memnet.compare.record import Result, RunRecord
from memnet.compare.report.categories import (
    contradiction,
    contradictions,
    partial_correlation,
)
from memnet.compare.report.digits import result_texts, rounded, with_interval
from memnet.compare.report.eligible import eligible
from memnet.compare.report.pairs import find_pair, is_apart, is_disputed, is_identical
from memnet.compare.report.table_model import Cell, Column, Table, p_equals, percent
from memnet.stats.metrics import CLASS_METRICS, describe
from memnet.util.text import quoted

METRIC = "auc"
HEADLINE = {"auc": "AUC", "quarter_difference": "Top minus bottom quarter"}
"""The metrics of the table "at a glance" and their headings."""


def has_classes(record: RunRecord) -> bool:
    """Whether the human scores of a record are two classes."""
    return "classes" in record.truth


def write_answer(record: RunRecord) -> str:
    """Return the answer: how well the model tells the classes apart, or which one does best.

    A model that was trained on the data set is not called better than another.
    """
    order = _ranked(record)
    if not order:
        return f"There is no answer: the AUC is undefined ({_results(record)[0].reason})."
    unseen = _eligible(record, order)
    first, *others = unseen or order
    if not others:
        inside = contradiction(record, first.model)
        return f"{_chance(first)}{f'; but {inside}' if inside else ''}."
    if not unseen:
        listed = ", ".join(f"{result.model} {_auc(result)}" for result in order)
        return (
            "Every model was trained on this data set, so none can be called the best for other "
            f"pictures: AUC of {listed}.{contradictions(record, [r.model for r in order])}"
        )
    inside = contradictions(record, [first.model, others[0].model])
    wrong = [r.model for r in others if r.interval is not None and r.interval[1] < 0.5]
    too = ""
    if wrong:
        ranks = f"{' and '.join(wrong)} rank{'s' if len(wrong) == 1 else ''}"
        too = f" {ranks} them the wrong way round (reversed scores?)."
    return f"{_chance(first)}. {_verdict(record, first, others[0])}{too}{inside}"


def findings(record: RunRecord) -> list[str]:
    """Return the sentence below the table "at a glance": which classes there are."""
    return [_counted(record)]


def results_text(record: RunRecord) -> str:
    """Write a sentence in APA style for each model, the highest AUC first, and on the first two."""
    order = _ranked(record)
    sentences = []
    for result in order:
        text = rounded(result.value, result.interval, bare=True)
        ends = f", {percent(result.level)} CI {text[1]}" if result.interval else ""
        partial = partial_correlation(record, result.model)
        sentences.append(
            f"{result.model} had an AUC of {text[0]}{ends}{f'; {partial}' if partial else ''}."
        )
    unseen = _eligible(record, order)
    if len(unseen) > 1:
        sentences.append(_verdict(record, *unseen[:2]))
    return " ".join(sentences)


def methods_text(record: RunRecord) -> str:
    """Say how classes were compared; "" for scores."""
    if not has_classes(record):
        return ""
    classes = record.truth["classes"]
    by = {result.method for result in _results(record)}
    intervals = " with DeLong's intervals" if "DeLong" in by else ""
    return (
        f"Agreement is the area under the ROC curve (AUC){intervals}, with "
        f"{quoted(classes['positive'])} as the memorable class ({classes['positives']:,} of "
        f"{classes['positives'] + classes['negatives']:,} pictures)."
    )


def _results(record: RunRecord, metric: str = METRIC) -> list[Result]:
    return [result for result in record.results if result.metric == metric]


def _ranked(record: RunRecord) -> list[Result]:
    defined = [result for result in _results(record) if result.value is not None]
    return sorted(defined, key=lambda result: -(result.value or 0.0))


def _eligible(record: RunRecord, results: list[Result]) -> list[Result]:
    able = eligible(record, [result.model for result in results])
    return [result for result in results if result.model in able]


def _counted(record: RunRecord) -> str:
    classes = record.truth["classes"]
    return (
        f"The human scores are two classes: {classes['positives']:,} pictures are "
        f"{quoted(classes['positive'])} (taken for the memorable ones) and "
        f"{classes['negatives']:,} are {quoted(classes['negative'])}."
    )


def _auc(result: Result) -> str:
    return with_interval(result.value, result.interval, bare=True)


def _chance(result: Result) -> str:
    """Say what an AUC is, and whether it is beyond chance, by its interval; without a full stop."""
    share = percent(round(result.value or 0.0, 2))
    sentence = (
        f"Of two pictures of different classes, {result.model} ranks the memorable one first in "
        f"{share} of cases (AUC {_auc(result)}"
    )
    if result.interval is None:
        why = f", without an interval: {result.reason}" if result.reason else ""
        return f"{sentence}{why})"
    low, high = result.interval
    if low > 0.5:
        return f"{sentence}; chance is .50)"
    if high < 0.5:
        return f"{sentence}; chance is .50): it ranks them the wrong way round (reversed scores?)"
    return f"{sentence}), which is not shown to be better than chance, .50"


def _verdict(record: RunRecord, first: Result, second: Result) -> str:
    """Say whether the first of two models has a higher AUC, beyond chance."""
    against = f"{second.model}, AUC {_auc(second)}"
    row, sign = find_pair(record, first.model, second.model, METRIC)
    if row is None or row.value is None or row.interval is None or row.p_holm is None:
        return f"Whether it differs from {against}, beyond chance was not tested."
    if is_identical(row):
        return (
            f"{second.model} ranks them identically, AUC {_auc(second)}: one may be a copy of the "
            "other."
        )
    ends = sorted(sign * end for end in row.interval)
    test = row.tests.get("delong") or {}
    by = f"permutation {p_equals(row.p_holm)}"
    if test.get("p") is not None:
        by += f", DeLong {p_equals(test['p'])}"
    difference = f"{with_interval(sign * row.value, ends, bare=True)}; {by}"
    if is_apart(row):
        return f"{first.model} has a higher AUC than {against} (difference {difference})."
    if is_disputed(row):
        return (
            f"Interval and test disagree on whether {first.model} differs from {against} "
            f"(difference {difference})."
        )
    return (
        f"{first.model} is not shown to have a higher AUC than {against} (difference "
        f"{difference}); nor are the two shown to be equally good."
    )


def left_out() -> str:
    """Say what is not given for classes, and why."""
    return (
        "Left out, since a class is no score: errors and calibration (a prediction of 0.7 is not "
        "wrong by 0.3 about a picture of the class 1), distributions (the truth has two values, "
        "the predictions many), noise and ceilings (they need the answers behind a score), and "
        "published values, which are about scores. Correlations are given with each model; they "
        "cannot reach 1 with so many ties."
    )


def is_left_out(record: RunRecord, result: Result) -> bool:
    """Whether a number is undefined because it means nothing against classes."""
    return (
        has_classes(record)
        and result.value is None
        and result.metric not in CLASS_METRICS
        and (describe(result.metric).needs_scores or _is_derived(result))
    )


def _is_derived(result: Result) -> bool:
    return describe(result.metric).group in ("ceiling", "noise-matched", "error parts")


def table(record: RunRecord) -> Table:
    """Lay out the measures for classes of all models, the highest AUC first."""
    by_model = {
        model: {r.metric: r for r in record.results if r.model == model} for model in record.words
    }
    order = [r.model for r in _ranked(record)]
    order += [model for model in by_model if model not in order]
    columns = [Column("Model")]
    columns += [Column(metric.title, numeric=True) for metric in CLASS_METRICS.values()]
    rows = []
    for model in order:
        cells = [Cell(model)]
        for name in CLASS_METRICS:
            result = by_model[model].get(name)
            cells.append(Cell("") if result is None else _cell(result))
        rows.append(cells)
    return Table(
        title="",
        columns=columns,
        rows=rows,
        before="AUC: the probability that a picture of the memorable class has a higher prediction "
        "than one of the other class; 0.5 is chance. Quarters: the share of the memorable class "
        "among the quarter of the pictures with the highest, and with the lowest predictions.",
        after=left_out(),
    )


def _cell(result: Result) -> Cell:
    value, ends = result_texts(result)
    return Cell(value, interval=ends if result.interval else "", note=result.reason)
