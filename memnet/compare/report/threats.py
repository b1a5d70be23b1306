"""What threatens an answer: the warnings of a record, the gravest first, and those in short.

A record's warnings are sentences in the order in which they arose. The reader wants first what
can turn the result round: categories that say something else than all pictures, wrong rows and ids,
then pictures that a model was trained on, then few pictures, then noise, then formalities.
:data:`THREATS` knows them by their words; what it does not know stands before the formalities.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from memnet.compare.record import RunRecord

CATEGORIES, ROWS, SEEN, FEW, NOISE, OTHER, FORM = range(7)
"""What a warning is about, the gravest first."""

_WHOLE = (CATEGORIES, FEW)
"""Of these the sentence itself stands under the answer."""

_MANY_LEFT_OUT = 0.1


@dataclass(frozen=True)
class Threat:
    """A kind of warning.

    Attributes
    ----------
    words : a regular expression that its sentences match.
    about : its place in the order, :data:`CATEGORIES` to :data:`FORM`.
    short : what stands under the answer itself; "" where the answer bears it.
    """

    words: str
    about: int
    short: str = ""


TWO_CLASSES = r"has only two values"
SCALE = r"has scores outside \[0, 1\]"

THREATS = (
    Threat(
        r"may stand for a missing value",
        ROWS,
        "Some numbers may be codes for missing values: see the warnings.",
    ),
    Threat(r"could each be more than one of", ROWS),
    Threat(r"would agree if read more loosely", ROWS),
    Threat(r"were left out, since", ROWS),
    Threat(r"row\(s\) of .* were set aside", ROWS),
    Threat(
        TWO_CLASSES,
        ROWS,
        "The human scores are two classes, not scores: a correlation with them cannot reach 1.",
    ),
    Threat(
        SCALE,
        ROWS,
        "Predictions and human scores may not be on one scale: read the ranking, not the errors.",
    ),
    Threat(r"cannot tell which models were trained on it", SEEN),
    Threat(r"tells categories apart, not pictures within them", CATEGORIES),
    Threat(r"ranks pictures within a category the other way round", CATEGORIES),
    Threat(r"^Differences between the categories hide", CATEGORIES),
    Threat(r"^Only \d+ pictures?", FEW),
    Threat(r"numbers of answers are very unequal", NOISE),
    Threat(r"have a single answer", NOISE),
    Threat(r"^Hits and responses were not used", NOISE),
    Threat(r"^Only \d+ resamples", FORM),
)


def order_warnings(record: RunRecord) -> list[str]:
    """Return all warnings of a record, the gravest first, else in the order of the record."""
    return sorted(record.warnings, key=lambda sentence: _threat(sentence).about)


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
    threats = [(sentence, _threat(sentence)) for sentence in order_warnings(record)]
    others = [
        (threat.about, sentence if threat.about in _WHOLE else threat.short)
        for sentence, threat in threats
        if threat.about in _WHOLE or threat.short
    ]
    return list(dict.fromkeys([*about_rows, *others]))


def warned_of(record: RunRecord, words: str) -> bool:
    """Whether a warning of the record matches the regular expression."""
    return any(re.search(words, sentence) for sentence in record.warnings)


def _threat(sentence: str) -> Threat:
    for threat in THREATS:
        if re.search(threat.words, sentence):
            return threat
    return Threat("", OTHER)
