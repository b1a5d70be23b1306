"""What stands below the table "at a glance": what the human scores allow, and who is better.

None of the sentences says more than its numbers and tests bear out; the answer itself is in
:mod:`memnet.compare.report.answer`.
"""

from __future__ import annotations

import math

from memnet.compare.record import Difference, RunRecord
from memnet.compare.report import two_classes
from memnet.compare.report.digits import decimals, fixed, with_interval
from memnet.compare.report.eligible import eligible, what_the_others_lack, what_truth_is
from memnet.compare.report.pairs import (
    corrected_pairs,
    excludes_nought,
    find_pair,
    is_apart,
    is_disputed,
    is_identical,
)
from memnet.compare.report.table_model import p_equals, percent
from memnet.compare.report.tables import by_name, ranked
from memnet.compare.report.threats import no_reliable_scores
from memnet.stats.levels import ALPHA
from memnet.util.text import join_names


def write_findings(record: RunRecord) -> list[str]:
    """Return the sentences below the table "at a glance".

    Of several models, they say which has the highest rho, and whether it is beyond chance that it
    has; then what the human scores allow (reliability and ceiling, with their source). A model that
    was trained on the data set is not called better than another. That a difference is not beyond
    chance is not called equivalence: only the equivalence test is.
    """
    if two_classes.has_classes(record):
        return two_classes.findings(record)
    return [*_ranking(record), *filter(None, [_ceiling_sentence(record)])]


def _ceiling_sentence(record: RunRecord) -> str:
    labels = record.labels
    kind = labels.get("kind")
    if kind == "counts":
        answers = labels["responses"]
        return (
            f"Each human score rests on {answers['lowest']:g} to {answers['highest']:g} answers "
            f"(median {answers['median']:g}). By these counts the scores have a reliability of "
            f"{_value(record, 'reliability_spearman')}: two random halves of the answers agree at "
            f"rho = {_value(record, 'split_half')}, and the Spearman-Brown formula takes that to "
            f"full length. {_reach(record)} (That supposes that other "
            "people answered to each picture. Where the same people saw all of them, this is too "
            "low: the command memnet responses takes the participants into account.)"
        )
    if kind == "participants":
        return (
            f"The human scores rest on the answers of {labels['participants']:,} participants. Two "
            f"random halves of these people agree at rho = {_value(record, 'split_half')}, and "
            "the Spearman-Brown formula takes that to full length, a reliability of "
            f"{_value(record, 'reliability_spearman')}. {_reach(record)}"
        )
    if kind == "published":
        return (
            "The counts behind the human scores are not known. Their reliability is taken as "
            f"published, {_value(record, 'reliability_spearman')} ({labels['source']}), so that "
            "even a perfect predictor could be expected to reach no more than "
            f"rho = {_value(record, 'ceiling_spearman')} with them."
        )
    if kind == "unknown":
        return (
            f"The reliability of the human scores is not known ({labels['reason']}), so nothing is "
            "said about the highest correlation that they allow."
        )
    return ""  # a record of the first schema version


def _reach(record: RunRecord) -> str:
    """Say how high rho can become with scores of which halves were correlated."""
    figures = record.labels["figures"]
    if "ceiling_spearman" in figures and figures["ceiling_spearman"]["value"] is None:
        if figures.get("reliability_spearman", {}).get("value") is None:
            return "So there is no ceiling."
        return (
            "The halves agree no better than chance, so these scores hold no reliable differences "
            "between the pictures, and there is no ceiling."
        )
    if no_reliable_scores(record):
        return (
            "The halves are not shown to agree beyond chance, so what a perfect predictor could "
            f"reach (rho = {_value(record, 'ceiling_spearman')} by these numbers) may as well be "
            "nothing."
        )
    return (
        "Even a perfect predictor could be expected to reach no more than "
        f"rho = {_value(record, 'ceiling_spearman')} with them."
    )


def _value(record: RunRecord, name: str) -> str:
    value = record.labels["figures"].get(name)
    if value is None:
        return "(not in the record)"
    return with_interval(value["value"], value["interval"], bare=True)


def _ranking(record: RunRecord) -> list[str]:
    results = by_name(record)
    rho = {m: results[m, "spearman"] for m in ranked(record) if (m, "spearman") in results}
    order = [model for model, result in rho.items() if result.value is not None]
    sentences = []
    if len(order) > 1:
        sentences += _compare_ranks(record, order)
    missing = [model for model in rho if model not in order]
    if missing and order:
        reason = rho[missing[0]].reason
        sentences.append(f"Not ranked, because rho is undefined ({reason}): {join_names(missing)}.")
    return sentences


def _compare_ranks(record: RunRecord, order: list[str]) -> list[str]:
    word = record.words
    able = eligible(record, order)
    sentences = []
    above = order[: order.index(able[0])] if able else order
    for model in above:
        place = "has the highest rank correlation" if model == order[0] else "is next"
        why = (
            "was trained on this data set"
            if word[model] == "contaminated"
            else f"predicts something else than {what_truth_is(record)}"
        )
        sentences.append(
            f"{model} {place}, {_rho(record, model)}, but cannot be called better, since it {why}."
        )
    if not able:
        return [
            *sentences,
            "Every model was trained on this data set, so no model can be called the best.",
        ]
    first, *others = able
    if not others:
        return [
            *sentences,
            f"{first}, the only one that {what_the_others_lack(record, order)}, reaches "
            f"{_rho(record, first)}.",
        ]
    among = "Among the others, " if len(able) < len(order) else ""
    if {word[model] for model in order if model not in able} == {"contaminated"}:
        among = "Among those not known to be trained on it, "
    sentences.append(
        f"{among}{first} has the highest rank correlation, {_rho(record, first)}, then "
        f"{others[0]}, {_rho(record, others[0])}. {_verdict(record, first, others[0])}"
    )
    return sentences


def _verdict(record: RunRecord, first: str, second: str) -> str:
    """Whether ``first`` is better than ``second`` beyond chance, by interval and permutation."""
    row, sign = find_pair(record, first, second)
    if row is None or row.value is None or row.interval is None or row.p_holm is None:
        return "Whether the difference is beyond chance was not tested."
    low, high = sorted(sign * end for end in row.interval)
    if is_identical(row):
        return "The two rank the pictures alike, so neither is better."
    pairs = corrected_pairs(record)
    holm = f" after Holm's correction over {pairs} pairs" if pairs > 1 else ""
    difference = (
        f"{with_interval(sign * row.value, (low, high), bare=True)} ({percent(row.level)} "
        f"interval; permutation {p_equals(row.p_holm)}{holm})"
    )
    if is_apart(row):
        sentence = f"The difference, {difference}, is beyond chance."
        if row.equivalent:
            sentence += f" It is nevertheless smaller than the margin of {row.margin:g}."
        return sentence
    p = row.p_value
    if excludes_nought(row) and pairs > 1 and p is not None and p < ALPHA:
        sentence = (
            f"The difference, {difference}, would be beyond chance by itself (uncorrected "
            f"{p_equals(p)}), but not among {pairs} pairs, of which one or another "
            "differs by chance."
        )
    elif is_disputed(row):
        sentence = f"Interval and test disagree about the difference, {difference}: no conclusion."
    else:
        sentence = f"The difference, {difference}, is not beyond chance."
    return f"{sentence} {_equivalence(row)}"


def _equivalence(row: Difference) -> str:
    if row.equivalent is None or row.margin is None:
        return "That does not show that the two are equally good."
    inner = f"{percent(2 * row.level - 1)} interval"
    if row.equivalent:
        return (
            f"The two are equivalent within {row.margin:g}: the {inner} of the difference lies "
            "inside that margin."
        )
    sentence = (
        f"That does not show that the two are equally good: the {inner} of the difference reaches "
        f"beyond the margin of {row.margin:g}"
    )
    supported = smallest_margin(row)
    if supported is None:
        return f"{sentence}."
    digits = decimals(supported, row.interval_equivalence)
    margin = fixed(math.ceil(supported * 10**digits) / 10**digits, digits)
    return f"{sentence}. These pictures would show equivalence within {margin} or more."


def smallest_margin(row: Difference) -> float | None:
    """Return the smallest margin within which the two models are shown to be equivalent."""
    if row.interval_equivalence is None:
        return None
    return max(map(abs, row.interval_equivalence))


def _rho(record: RunRecord, model: str) -> str:
    result = by_name(record)[model, "spearman"]
    return f"rho = {with_interval(result.value, result.interval, bare=True)}"
