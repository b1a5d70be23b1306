"""What threatens an answer: the warnings of a record, the gravest first, and those in short.

A record's warnings are sentences in the order in which they arose. The reader wants first what
can turn the result round: models that estimate something else than the human scores are, human
scores that may be noise alone, categories that say something else
than all pictures, wrong rows and ids, then pictures that a model was trained on, then few pictures,
then noise, then formalities.
:data:`THREATS` knows them by their kinds; what it does not know stands before the formalities.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from memnet.compare.record import RunRecord
from memnet.compare.report.digits import FEWEST, fixed, with_interval

TARGET, LABELS, CATEGORIES, ROWS, SEEN, FEW, NOISE, OTHER, FORM = range(9)
"""What a warning is about, the gravest first."""

_WHOLE = (TARGET, CATEGORIES, FEW)
"""Of these the sentence itself stands under the answer."""

_MANY_LEFT_OUT = 0.1
_TWO_SIDED = 1.96


@dataclass(frozen=True)
class Threat:
    """A kind of warning.

    Attributes
    ----------
    kind : its name in a record, as in :class:`memnet.util.caution.Caution`.
    about : its place in the order, :data:`TARGET` to :data:`FORM`.
    words : a regular expression that its sentences match, for records that have no kinds; "" for
        those of which no such record is.
    short : what stands under the answer itself; "" where the answer bears it.
    """

    kind: str
    about: int
    words: str = ""
    short: str = ""


THREATS = (
    Threat("crossed-target", TARGET),
    Threat("unknown-target", TARGET),
    Threat(
        "target-name",
        TARGET,
        short="What the human scores are and how their column is called differ: see the warnings.",
    ),
    Threat(
        "missing-code",
        ROWS,
        r"may stand for a missing value",
        "Some numbers may be codes for missing values: see the warnings.",
    ),
    Threat("ids", ROWS, r"could each be more than one of|would agree if read more loosely"),
    Threat("left-out", ROWS, r"were left out, since"),
    Threat("set-aside", ROWS, r"row\(s\) of .* were set aside"),
    Threat(
        "two-classes",
        ROWS,
        r"has only two values",
        "The human scores are two classes, not scores: a correlation with them cannot reach 1.",
    ),
    Threat(
        "scale",
        ROWS,
        r"has scores outside \[0, 1\]",
        "Predictions and human scores may not be on one scale: read the ranking, not the errors.",
    ),
    Threat("unknown-dataset", SEEN, r"cannot tell which models were trained on it"),
    Threat(
        "declared-less",
        SEEN,
        short="What was declared of a model contradicts what is known of it: see the warnings.",
    ),
    Threat(
        "declared-unknown",
        SEEN,
        short="What a model is said to be trained on may be misspelt: see the warnings.",
    ),
    Threat("sidecar", SEEN),
    Threat(
        "categories",
        CATEGORIES,
        r"tells categories apart, not pictures within them"
        r"|ranks pictures within a category the other way round"
        r"|^Differences between the categories hide",
    ),
    Threat("few-pictures", FEW, r"^Only \d+ pictures?"),
    Threat(
        "baseline-is-truth",
        ROWS,
        short="The baseline ranks pictures as the human scores do: see the warnings.",
    ),
    Threat("few-of-a-class", FEW),
    Threat("unequal-answers", NOISE, r"numbers of answers are very unequal"),
    Threat("single-answers", NOISE, r"have a single answer"),
    Threat("counts-not-used", NOISE, r"^Hits and responses were not used"),
    Threat("few-resamples", FORM, r"^Only \d+ resamples"),
)

_OTHER = Threat("", OTHER)


def order_warnings(record: RunRecord) -> list[str]:
    """Return all warnings of a record, the gravest first, else in the order of the record."""
    return [sentence for sentence, _ in _ordered(record)]


def short_warnings(record: RunRecord) -> list[tuple[int, str]]:
    """Return what threatens the answer itself: (what it is about, a short line to stand under it).

    Rows that were left out or set aside threaten it where they are many.
    """
    lines = []
    items = record.items
    left, aside, n = items["without_score"], items["set_aside"], items["n"]
    if left > _MANY_LEFT_OUT * (n + left):
        lines.append(
            f"{left:,} of {n + left:,} pictures with a human score are not in this comparison, "
            "since not every model scored them."
        )
    if aside > _MANY_LEFT_OUT * (n + aside):
        lines.append(f"{aside:,} rows of the tables could not be used: see the warnings.")
    about_rows = [(ROWS, line) for line in lines]
    if doubt := no_reliable_scores(record):
        sentence = f"{doubt[0].upper()}{doubt[1:]}: get more answers for each picture."
        about_rows.insert(0, (LABELS, sentence))
    others = [
        (threat.about, sentence if threat.about in _WHOLE else threat.short)
        for sentence, threat in _ordered(record)
        if threat.about in _WHOLE or threat.short
    ]
    return list(dict.fromkeys([*about_rows, *others]))


def sentences_on_targets(record: RunRecord) -> list[str]:
    """Return the warnings of models that estimate something else than the human scores are."""
    return [sentence for sentence, threat in _ordered(record) if threat.about == TARGET]


def no_reliable_scores(record: RunRecord) -> str:
    """Say that the human scores are not shown to differ but by chance; "" where they are.

    By the interval of their reliability, where there is one; else by the halves of the answers:
    without any differences, their mean correlation over many halvings is about normal around 0,
    with a variance of 1 / (2 (n - 1)), half of that of a single halving.
    """
    figures = record.labels.get("figures", {})
    reliability, halves = (figures.get(name) for name in ("reliability_spearman", "split_half"))
    if record.labels.get("kind") not in ("counts", "participants") or not halves:
        return ""
    if halves["value"] is None:
        return ""
    ends = (reliability or {}).get("interval")
    n = record.items["n"]
    chance = _TWO_SIDED / math.sqrt(2 * max(n - 1, 1))
    if (ends[0] > 0) if ends else (halves["value"] > chance):
        return ""
    ends = halves["interval"]
    value = (
        with_interval(halves["value"], ends, bare=True)
        if ends
        else fixed(halves["value"], FEWEST, bare=True)
    )
    return (
        "these human scores are not shown to hold reliable differences between pictures "
        f"(split-half {value})"
    )


def warned_of(record: RunRecord, kinds: Collection[str]) -> bool:
    """Whether a warning of the record is of one of these kinds."""
    return any(threat.kind in kinds for _, threat in _ordered(record))


def _ordered(record: RunRecord) -> list[tuple[str, Threat]]:
    kinds: Sequence[str | None] = record.warning_kinds or [None] * len(record.warnings)
    pairs = [(text, _threat(text, kind)) for text, kind in zip(record.warnings, kinds, strict=True)]
    return sorted(pairs, key=lambda pair: pair[1].about)


def _threat(sentence: str, kind: str | None) -> Threat:
    """Find what a warning is about: by its kind, or, in records without kinds, by its words."""
    for threat in THREATS:
        if kind == threat.kind:
            return threat
        if kind is None and threat.words and re.search(threat.words, sentence):
            return threat
    return _OTHER
