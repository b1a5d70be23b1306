"""What goes into a paper: results in APA style, a paragraph on the methods, the checksums.

Every number is of the record or follows from its numbers alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from memnet.compare.record import Result, RunRecord
from memnet.compare.report import two_classes
from memnet.compare.report.answer import (
    NOT_ON_ONE_SCALE,
    models_of_the_answer,
)
from memnet.compare.report.categories import has_categories, partial_correlation
from memnet.compare.report.digits import fixed, rounded
from memnet.compare.report.eligible import what_truth_is
from memnet.compare.report.pairs import corrected_pairs, find_pair, is_apart, is_identical
from memnet.compare.report.table_model import p_equals
from memnet.compare.report.tables import by_name, how_exactly, ranked
from memnet.compare.report.threats import no_reliable_scores, warned_of
from memnet.data.contamination import dataset_title
from memnet.data.targets import target_words
from memnet.util.text import join_names

_SEEN = {
    "contaminated": "{} was trained on this data set.",
    "possibly": "Whether {} was trained on these pictures is not certain.",
    "unknown": "Whether {} was trained on these pictures is not known.",
    "clean": "",
}
_NO_MEMORABILITY = ("false_alarm_rate", "d_prime")
_VERSIONS = {"python": "Python", "numpy": "NumPy", "scipy": "SciPy"}
_FEWEST_FOR_P = 10
_MEMORABILITY = re.compile(r"(^|[^a-z])hit|memorab|^human_score$|^corrected$|^$")
"""Names of columns that hold how well pictures are remembered, in lower case."""


def results_text(record: RunRecord) -> str:
    """Write a sentence in APA style for each model, the highest rho first, and for the first pair.

    A p value stands where each picture was drawn on its own and there are at least 10; it is that
    of the t approximation of rho.
    """
    if two_classes.has_classes(record):
        return two_classes.results_text(record)
    sentences = []
    targets = {model["name"]: model.get("target", "") for model in record.models}
    for model in ranked(record):
        result = by_name(record).get((model, "spearman"))
        if result is None:
            continue
        sentences += [_of_model(record, result), _SEEN[result.contamination].format(model)]
        if model in record.crossed:
            what = target_words(targets[model])
            sentences.append(f"{model} predicts {what}, not {what_truth_is(record)}.")
    return " ".join(filter(None, [*sentences, _of_pair(record)]))


def methods_text(record: RunRecord) -> str:
    """Write what was compared, how intervals and tests were made, the ceiling and the versions."""
    n = record.items["n"]
    title = dataset_title(record.dataset)
    what = what_truth_is(record)
    versions = record.environment
    parts = [
        f"Predictions of {join_names(list(record.words))} were compared with the human scores "
        f"({record.truth['column']}{f': {what}' if what else ''}) of {_count(n)}"
        f"{f' of {title}' if title else ''} with memnet "
        f"{versions.get('memnet', '(version not recorded)')}.",
        *map(_precision, record.models),
        *map(_intervals, [r for r in record.results if r.resamples][:1]),
        two_classes.methods_text(record)
        or f"Agreement is Spearman's rank correlation{_p_method(record)}.",
        _categories(record),
        _differences(record),
        _ceiling(record),
    ]
    named = [f"{name} {versions[key]}" for key, name in _VERSIONS.items() if key in versions]
    if named:
        parts.append(f"Software: {', '.join(named)}.")
    return " ".join(filter(None, parts))


def checksums_text(record: RunRecord) -> str:
    """List the checksums (sha256) of what was compared, one a line."""
    truth = record.truth
    lines = {"pictures": record.items["digest"]}
    if record.results and record.results[0].manifest:
        lines["pictures and human scores"] = record.results[0].manifest
    if truth["sha256"]:
        lines[f"file of the human scores, {truth['source']}"] = truth["sha256"]
    for source in (truth.get("manifest") or {}).get("sources", []):
        lines[f"its source, {source['file']}"] = source["sha256"]
    for model in record.models:
        if model.get("weights_sha256"):
            lines[f"weights of {model['name']}"] = model["weights_sha256"]
        if model.get("preprocess_digest"):
            lines[f"preprocessing of {model['name']}"] = model["preprocess_digest"]
    return "\n".join(f"{name}: {digest}" for name, digest in lines.items())


def _count(n: int) -> str:
    return f"{n:,} picture{'s' if n != 1 else ''}"


def _cover(level: float) -> str:
    return f"{100 * level:g}%"  # APA: without a space


def _ci(value: float, ends: list[float] | None, level: float, *, bare: bool) -> str:
    """Return ``.49, 95% CI [.41, .56]``."""
    text, between = rounded(value, ends, bare=bare)
    return f"{text}, {_cover(level)} CI {between}" if ends else text


def _of_model(record: RunRecord, result: Result) -> str:
    model = result.model
    truth = _what_was_predicted(record)
    if result.value is None:
        why = f" ({result.reason})" if result.reason else ""
        return f"The rank correlation of {model}'s predictions with {truth} is undefined{why}."
    p = _p_of_rho(record, result)
    text = f"{_correlated(result, p, truth)} rs"
    text += f"({result.n - 2}) = " if result.n > 2 else " = "
    text += _ci(result.value, result.interval, result.level, bare=True)
    text += f", {p_equals(p)}" if p is not None else ""
    share = by_name(record).get((model, "disattenuated_spearman"))
    ceiling = (record.labels.get("figures", {}).get("ceiling_spearman") or {}).get("value")
    shown = result.value > 0 and not _reaches_nought(result)
    shown = shown and not no_reliable_scores(record)
    if share is not None and share.value is not None and ceiling and shown:
        percent = f"{100 * share.value:.0f}%"
        text += f", {percent} of the noise ceiling of {fixed(ceiling, 2, bare=True)}"
    partial = partial_correlation(record, model)
    return f"{text}{f'; {partial}' if partial else ''}{_bias(record, model)}."


def _correlated(result: Result, p: float | None, truth: str) -> str:
    """Say no more than interval and p both show; where they differ, whether is left open."""
    whose = f"{result.model}'s predictions"
    null = _reaches_nought(result)
    if p is not None:
        insignificant = p >= 1 - result.level
        if result.interval is not None and null != insignificant:
            return f"The rank correlation of {whose} with {truth} was"
        if insignificant:
            return f"{whose} did not correlate significantly with {truth},"
    if null:
        return f"No correlation of {whose} with {truth} was shown,"
    negatively = " negatively" if (result.value or 0) < 0 else ""
    return f"{whose} correlated{negatively} with {truth},"


def _reaches_nought(result: Result) -> bool:
    return result.interval is not None and result.interval[0] <= 0 <= result.interval[1]


def _what_was_predicted(record: RunRecord) -> str:
    """Return "memorability" where the column's name says that, else the name."""
    column = record.truth["column"]
    if record.truth.get("target") in _NO_MEMORABILITY:
        return what_truth_is(record)
    if _MEMORABILITY.search(column.casefold()):
        return "memorability"
    return f"the human scores ({column})"


def _bias(record: RunRecord, model: str) -> str:
    bias = by_name(record).get((model, "bias"))
    if bias is None or bias.value is None or bias.interval is None:
        return ""
    if model in record.crossed or warned_of(record, NOT_ON_ONE_SCALE):
        return ""
    return f"; their mean error was {_ci(bias.value, bias.interval, bias.level, bare=False)}"


def _p_of_rho(record: RunRecord, result: Result) -> float | None:
    """Return the two-sided p of rho by the t approximation; None where it would not hold."""
    from scipy.special import stdtr

    if result.value is None or result.n < _FEWEST_FOR_P:
        return None
    if record.resampling.get("kind", "pictures") != "pictures":
        return None
    df, rest = result.n - 2, 1 - result.value**2
    if rest <= 0:
        return 0.0
    return float(2 * stdtr(df, -abs(result.value) * math.sqrt(df / rest)))


def _p_method(record: RunRecord) -> str:
    rho = [result for result in record.results if result.metric == "spearman"]
    tested = any(_p_of_rho(record, result) is not None for result in rho)
    return ", with p values by the t approximation (df = n - 2)" if tested else ""


def _of_pair(record: RunRecord) -> str:
    models = models_of_the_answer(record)
    if len(models) < 2:
        return ""
    row, sign = find_pair(record, *models)
    if row is None or row.value is None or row.interval is None or row.p_holm is None:
        return ""
    ends = sorted(sign * end for end in row.interval)
    pairs = corrected_pairs(record)
    holm = f", Holm-corrected over {pairs} pairs" if pairs > 1 else ""
    numbers = f"{_ci(sign * row.value, ends, row.level, bare=True)}, {p_equals(row.p_holm)}"
    test = f"(paired permutation test{holm})"
    first, second = models
    if is_identical(row):
        return f"{first} and {second} ranked the pictures identically."
    if is_apart(row):
        return f"{first}'s correlation was higher than {second}'s by {numbers} {test}."
    return (
        f"The correlations of {first} and {second} did not differ significantly, difference = "
        f"{numbers} {test}."
    )


def _precision(model: Mapping[str, Any]) -> str:
    said = how_exactly(model)
    return f"Scores of {model['name']} were {said[0].lower()}{said[1:]}." if said else ""


def _intervals(result: Result) -> str:
    return (
        f"Confidence intervals ({_cover(result.level)}) are from the {result.method} with "
        f"{result.resamples:,} resamples (seed {result.seed})."
    )


def _categories(record: RunRecord) -> str:
    if not has_categories(record):
        return ""
    column = record.categories["column"]
    return (
        f"Partial rank correlations hold {column} constant: the mean rank of a picture's group was "
        "taken off both of its ranks."
    )


def _differences(record: RunRecord) -> str:
    rows = [row for row in record.differences if row.metric == "spearman"]
    if not rows:
        return ""
    pairs = corrected_pairs(record)
    holm = f", with Holm's correction over {pairs} pairs" if pairs > 1 else ""
    return (
        f"Models were compared by swap-permutation tests ({rows[0].resamples:,} permutations; "
        f"paired bootstrap intervals){holm}."
    )


def _ceiling(record: RunRecord) -> str:
    labels = record.labels
    halves = "corrected by the Spearman-Brown formula"
    how = {
        "counts": f"by random halves of the answers, {halves}",
        "participants": f"by random halves of the participants, {halves}",
        "published": f"as published ({labels.get('source')})",
    }.get(labels.get("kind", ""))
    ceiling = labels.get("figures", {}).get("ceiling_spearman")
    if how is None or (ceiling is not None and ceiling["value"] is None):
        return ""
    return f"The noise ceiling is the square root of the human scores' reliability, {how}."
