"""What a migration says first: what becomes of the conclusions, and what threatens them.

The sentences of :mod:`.claims.conclusions` each say all that there is to a claim, and their
cautions again and again. A page says each caution once, here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from memnet.compare.report.digits import decimals, rounded
from memnet.compare.report.table_model import p_equals
from memnet.studies.migrate.agreement import rise_together
from memnet.studies.migrate.by_variable import say_by_variable, scores_differ
from memnet.studies.migrate.crosswalk_fit import FEWEST as FEWEST_FOR_MAP
from memnet.studies.migrate.methods import say_unrelated
from memnet.studies.migrate.new_scores import is_resmem
from memnet.studies.migrate.record import MigrationRecord

SHOWN_WITH = {
    "holds": "both scores",
    "stronger": "both, stronger",
    "weaker": "both, weaker",
    "reversed": "both, opposite signs",
    "old only": "the old only",
    "new only": "the new only",
    "neither": "neither score",
    "undefined": "undefined",
}
"""With which score a claim is significant, by its ``verdict``, in a cell of a table."""

_REPEATED = (
    re.compile(r", so this is no evidence that they disagree"),
    re.compile(r" Values within these intervals are neither shown nor ruled out\."),
    re.compile(r" A second analysis of the same items is no independent confirmation\."),
    re.compile(r", the lowest that these resamples can give"),
    re.compile(
        r" A score measures memorability with error, and controls for .*? not that of .*?\."
    ),
)


_ABOUT_FLOOR = re.compile(r"In [\d,]+ of [\d,]+ claims the p of the difference is the lowest")
"""How :func:`~memnet.studies.migrate.claims.conclusions.list_floor_remarks` begins."""


def write_answer(record: MigrationRecord) -> str:
    """Say in a sentence or two what happens to the study's conclusions with the new score."""
    if not record.new:
        return " ".join(record.conclusions)
    if apart := say_if_apart(record):
        return apart
    if not record.claims:
        return "No claim was redone: none was requested, or too few pictures have values for one."
    return say_by_variable(record.claims, name_of_new(record))


def say_agreement(record: MigrationRecord) -> str:
    """Say how old and new scores go together; "" where the answer itself says it."""
    if not record.new or not record.agreement.get("figures") or say_if_apart(record):
        return ""
    return (
        f"Between the old and the new scores, {_rho(record)} on {record.agreement['n']:,} pictures."
    )


def write_next_step(record: MigrationRecord) -> str:
    """Say what to do with the answer; "" where the answer itself says what to check first."""
    if not record.new or not record.claims or say_if_apart(record):
        return ""
    text = (
        "What to do next: report each claim with both scores and their difference (results and "
        "methods to paste are below)."
    )
    if any(
        claim["verdict"] in ("old only", "new only") and not scores_differ(claim)
        for claim in record.claims
    ):
        text += (
            " Where only one score is significant and no difference between the two is shown, the "
            "claim stays open: write neither that a result vanished nor that one appeared."
        )
    if any(claim["verdict"] == "neither" for claim in record.claims):
        text += " What is significant with neither score is not refuted."
    return text


def name_of_new(record: MigrationRecord) -> str:
    """Name the new model in a sentence."""
    name = str(record.new.get("name") or "")
    if is_resmem(name):
        return "ResMem"
    return "the new score" if record.new.get("known_by") == "nobody" else name


COMPUTED_ALL_THE_SAME = (
    "What follows was computed all the same. It says nothing about the study's claims until that "
    "is clear, and is not to be reported before."
)


def say_if_apart(record: MigrationRecord) -> str:
    """Say where old and new scores are not shown to rise together: then no claim is redone."""
    if not record.new or rise_together(record.agreement):
        return ""
    column, name, n = record.old["name"], name_of_new(record), record.agreement["n"]
    rho = record.agreement["figures"]["spearman"]
    against = rho["interval"] is not None and rho["interval"][1] < 0
    text = "The two score columns are not shown to measure the same thing"
    check = few = ""
    if against:
        text = "The two score columns run against each other"
        check = "Is one of them reversed, so that a high number means forgettable? "
    if n < FEWEST_FOR_MAP and not against:
        few = f" If all is right, {n:,} pictures may be too few to show it."
    return (
        f"{text}: {_rho(record)} between {column} and {name} on {n:,} pictures. So nothing can be "
        f"said about the study's claims yet. Check first: {check}Does each row have the two scores "
        f"of one picture? Is {column} the column of MemNet's scores, and which variant made them "
        f"(memnet diagnose)?{few}"
    )


def _rho(record: MigrationRecord) -> str:
    """Write the rank correlation of old and new scores, with its interval."""
    rho = record.agreement["figures"]["spearman"]
    if rho["value"] is None:
        return f"Spearman's rho is undefined ({rho['reason']})"
    ends = rho["interval"]
    if ends is None:
        return f"Spearman's rho is {rho['value']:.2f}, without an interval ({rho['reason']}),"
    level = 100 * record.settings["level"]
    return f"Spearman's rho is {rho['value']:.2f}, {level:g} % CI [{ends[0]:.2f}, {ends[1]:.2f}],"


def open_conclusions(record: MigrationRecord) -> list[str]:
    """Put before the conclusions, where the scores are apart, that they are none."""
    apart = say_if_apart(record)
    if not apart:
        return record.conclusions
    return [apart, *([COMPUTED_ALL_THE_SAME] if record.claims else []), *record.conclusions]


def list_warnings(record: MigrationRecord) -> list[str]:
    """List what threatens the answer, each once: what was left out, the pictures, the rest.

    Where the scores are apart, how exact a p value is does not matter yet.
    """
    warnings = list(dict.fromkeys([*record.set_aside, *record.cautions, *record.remarks]))
    if say_if_apart(record):
        warnings = [each for each in warnings if not _ABOUT_FLOOR.match(each)]
    return warnings


def shorten_warnings(warnings: Sequence[str]) -> list[str]:
    """Return the first sentence of each warning, which says what it is.

    Examples
    --------
    >>> shorten_warnings(["3 rows of study.csv have no id. They are left out."])
    ['3 rows of study.csv have no id.']
    """
    return [re.split(r"(?<=[.?)]) (?=[A-Z])", warning, maxsplit=1)[0] for warning in warnings]


def list_reading_notes(record: MigrationRecord) -> list[str]:
    """Say once how the table is to be read, as far as its claims need it."""
    claims = record.claims
    words = {claim["verdict"] for claim in claims}
    notes = []
    if words & {"old only", "new only"}:
        notes.append(
            "Significant with one score only is no evidence that the two disagree: that is what "
            "the difference and its p are for."
        )
    if "new only" in words:
        notes.append(
            "A second analysis of the same pictures is no independent confirmation of the first."
        )
    if "neither" in words:
        notes.append(
            "What is significant with neither score is not ruled out: every value within the "
            "intervals is possible."
        )
    predictors = {c["detail"]["predictor"] for c in claims if c["kind"] == "control"}
    if predictors:
        notes.append(
            "A score measures memorability with error, and controls for a part of it only: what is "
            f"left of {', '.join(sorted(predictors))} may still be memorability's own."
        )
    if len(claims) > 1:
        notes.append("Claims about one outcome are not independent of one another.")
    return notes


def write_sentences(record: MigrationRecord) -> list[str]:
    """Return the conclusion of each claim without the cautions that stand beside the table.

    Where the scores are apart, no sentence says what becomes of its claim.
    """
    sentences = record.conclusions[len(record.conclusions) - len(record.claims) :]
    if say_if_apart(record):
        pairs = zip(record.claims, sentences, strict=True)
        sentences = [_without_verdict(claim["title"], sentence) for claim, sentence in pairs]
    for pattern in _REPEATED:
        sentences = [pattern.sub("", sentence) for sentence in sentences]
    return sentences


def _without_verdict(title: str, sentence: str) -> str:
    """Leave the numbers of a conclusion: "rho of a and b: holds. It is ..." is no longer "holds".

    Examples
    --------
    >>> _without_verdict("rho of a and b", "rho of a and b: holds. It is 0.30, p < 0.001, ...")
    'rho of a and b: it is 0.30, p < 0.001, ...'
    """
    _, found, numbers = sentence.removeprefix(f"{title}: ").partition(". It is ")
    return f"{title}: it is {numbers}" if found else sentence


def read_out(record: MigrationRecord) -> list[str]:
    """Return the conclusions; where the scores are apart, without what becomes of each claim."""
    apart = say_if_apart(record)
    if not apart or not record.claims:
        return record.conclusions
    return [apart, COMPUTED_ALL_THE_SAME, *write_sentences(record)]


_WITHOUT_ZERO = ("rho", "r", "omega squared")  # what cannot be beyond 1
_FEWEST = 2


def claim_texts(claim: Mapping[str, Any], which: str) -> tuple[str, str]:
    """Write ``"old"``, ``"new"`` or ``"difference"`` of a claim and its interval, as text.

    The three of a claim have one number of decimals, the most that any of their intervals
    warrants, and no nought before the point where no value can be beyond 1.

    Examples
    --------
    >>> old, new = {"value": 0.579, "interval": [0.507, 0.644]}, {"value": 0.489, "interval": None}
    >>> claim = {"old": old, "new": new, "difference": new, "detail": {"statistic": "rho"}}
    >>> claim_texts(claim, "old"), claim_texts(claim, "new")
    (('.58', '[.51, .64]'), ('.49', 'none'))
    """
    estimates = [claim[each] for each in ("old", "new", "difference")]
    digits = max(
        (decimals(each["value"], each["interval"]) for each in estimates if each["interval"]),
        default=_FEWEST,
    )
    found = claim[which]
    bare = claim["detail"]["statistic"] in _WITHOUT_ZERO
    return rounded(found["value"], found["interval"], bare=bare, digits=digits)


def write_results(record: MigrationRecord) -> str:
    """Write the results as the APA's manual has it, a sentence a claim, to be pasted.

    Where the scores are apart there are none, but the sentence that says why.
    """
    if unrelated := say_unrelated(record.agreement):
        return unrelated
    return "\n".join(_result(record, claim) for claim in record.claims)


def _result(record: MigrationRecord, claim: Mapping[str, Any]) -> str:
    statistic = claim["detail"]["statistic"]
    level = f"{100 * record.settings['level']:g} % CI"

    def write(which: str, p: float | None, symbol: str) -> str:
        estimate = claim[which]
        if estimate["value"] is None:
            return f"undefined ({estimate['reason']})"
        value, ends = claim_texts(claim, which)
        between = f", {level} {ends}" if estimate["interval"] else ""
        tested = "" if p is None else f", {p_equals(p)}"
        return f"{symbol} = {value}{between}{tested}"

    p, floor = claim["p_difference"], claim["p_difference_floor"]
    apart = write("difference", p, "difference")
    if p is not None and p <= floor:  # no lower p can come of these resamples
        apart = apart.replace("p = ", "p <= ")
    return (
        f"{claim['title']} (n = {claim['n']:,}): with {name_of_new(record)} "
        f"{write('new', claim['p_new'], statistic)}; with MemNet "
        f"{write('old', claim['p_old'], statistic)}; {apart}."
    )
