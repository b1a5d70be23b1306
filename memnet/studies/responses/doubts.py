"""What looks wrong in a table of trials, although it can be read: told, and nothing is changed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np

from memnet.data.trials import Codebook, Trials
from memnet.errors import MemnetError
from memnet.preprocess.decode import SUFFIXES
from memnet.util.text import quoted

_NO_DIFFERENCE = 0.1

_PICTURE_WORDS = {
    *("image", "img", "picture", "pic", "photo", "photograph", "stimulus", "stimuli", "stim"),
    "filename",
}
_PERSON_WORDS = {"participant", "subject", "worker", "observer", "rater", "respondent"}
_TRUTH_WORDS = {"old", "repeat", "repeated", "target", "repetition", "foil", "lure"}
_ANSWER_WORDS = {
    *("said", "response", "resp", "answer", "answered", "key", "pressed", "press", "judged"),
    *("judgment", "judgement", "choice", "called"),
}
_RIGHT_WORDS = {"correct", "right", "expected", "true"}
"""What people call the columns, in the singular."""


def refuse_swapped(read: Trials, codebook: Codebook) -> None:
    """Raise ``MemnetError`` where the participants are files of pictures, and the pictures none."""
    people = _picture_files(read.participants)
    if len(people) == len(read.participants) and not _picture_files(read.pictures):
        raise MemnetError(
            f"{read.source}: column {codebook.participant!r}, given as --participant, holds files "
            f"of pictures (such as {quoted(people[0])}), and column {codebook.picture!r}, given as "
            f"--picture, none (such as {quoted(read.pictures[0])}): swap the two."
        )


def find_doubts(read: Trials, used: Any, codebook: Codebook) -> list[str]:
    """Return a sentence for each thing that the answers give reason to doubt.

    Parameters
    ----------
    read : the trials.
    used : bool ``(T,)``, those that count for a picture.
    codebook : what its columns were taken for.
    """
    doubts = _of_swap(read, codebook) + _of_answers_for_truth(read, codebook)
    for ids, noun in ((read.pictures, "picture"), (read.participants, "participant")):
        doubts += _of_spelling(ids, noun)
    if read.doubles:
        doubts.append(
            f"{read.doubles:,} row(s) are the same in every column as an earlier one. They are "
            "kept, since a trial can be repeated: has the table been joined with itself?"
        )
    old, new = used & read.old, used & ~read.old
    if old.any() and new.any():
        hits, false_alarms = float(read.yes[old].mean()), float(read.yes[new].mean())
        doubts += _of_rates(hits, false_alarms, bool(codebook.correct))
    return doubts


def _of_swap(read: Trials, codebook: Codebook) -> list[str]:
    """Doubt columns whose ids, or whose names, are those of the other."""
    if people := _picture_files(read.participants):
        return [
            f"{len(people):,} of {len(read.participants):,} participants have the name of a "
            f"picture's file (such as {quoted(people[0])}): are --participant and --picture right?"
        ]
    if _is_called(codebook.participant, _PICTURE_WORDS, but_not=_PERSON_WORDS) or _is_called(
        codebook.picture, _PERSON_WORDS, but_not=_PICTURE_WORDS
    ):
        return [
            f"Column {codebook.participant!r} was read as the participants (such as "
            f"{quoted(read.participants[0])}), and {codebook.picture!r} as the pictures (such as "
            f"{quoted(read.pictures[0])}): are --participant and --picture swapped?"
        ]
    return []


def _of_answers_for_truth(read: Trials, codebook: Codebook) -> list[str]:
    """Doubt a column of answers that seems to say what was old, by its name or by what it holds."""
    if not (codebook.response and codebook.old):
        return []
    columns = f"column {codebook.response!r} was read as the answers, and {codebook.old!r} as"
    ask = "are --response and --old swapped?"
    # the right answer ("correct_response") is what the picture was
    answers = _is_called(codebook.old, _ANSWER_WORDS, but_not=_RIGHT_WORDS)
    truths = _is_called(codebook.response, _TRUTH_WORDS, but_not=_ANSWER_WORDS)
    if answers and not _is_called(codebook.response, _ANSWER_WORDS, but_not=_RIGHT_WORDS):
        return [f"By their names, {columns} what was old: {ask}"]
    if truths and not _is_called(codebook.old, _TRUTH_WORDS, but_not=_ANSWER_WORDS):
        return [f"By their names, {columns} what was old: {ask}"]
    if _same_within_pictures(read, read.yes) and not _same_within_pictures(read, read.old):
        return [
            f"All trials with a picture have the same answer, while pictures are old in some and "
            f"new in others; {columns} what was old: {ask}"
        ]
    return []


def _same_within_pictures(read: Trials, values: Any) -> bool:
    """Whether a column varies, but not within any picture, of several with several trials."""
    trials = np.bincount(read.what)
    yes = np.bincount(read.what, weights=values)
    several = trials > 1
    return bool(
        several.sum() > 2
        and 0 < yes.sum() < trials.sum()
        and ((yes == 0) | (yes == trials))[several].all()
    )


def _of_spelling(ids: Sequence[str], noun: str) -> list[str]:
    """Doubt ids that are the same but for letter case, Unicode form, or blanks that do not show."""
    spelled: dict[str, list[str]] = {}
    for each in ids:
        bare = unicodedata.normalize("NFC", each).strip("\u200b\ufeff \xa0").casefold()
        spelled.setdefault(bare, []).append(each)
    twins = [each for each in spelled.values() if len(each) > 1]
    if not twins:
        return []
    return [
        f"{sum(map(len, twins)):,} ids of {noun}s are the same but for letter case, blanks or the "
        f"form of their letters (such as {quoted(twins[0][0])} and {quoted(twins[0][1])}), and are "
        f"counted apart: if they are one {noun}, write them alike."
    ]


def _picture_files(ids: Sequence[str]) -> list[str]:
    return [each for each in ids if each.lower().endswith(SUFFIXES)]


def _is_called(column: str, words: set[str], *, but_not: set[str]) -> bool:
    """Whether a column is called so: ``ImageID`` and ``old_images`` are, ``subject_image`` not."""
    parts = {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", column)}
    parts |= {part.removesuffix("s") for part in parts}
    return bool(parts & words) and not parts & but_not


def _of_rates(hits: float, false_alarms: float, by_correct: bool) -> list[str]:
    """Doubt rates that an inverted coding or a column of right answers would give."""
    if hits < false_alarms:
        named = "--correct" if by_correct else "--response"
        return [
            f"Old pictures are called old less often ({hits:.1%}) than new ones "
            f"({false_alarms:.1%}): are --yes, {named} and --old right?"
        ]
    # few people call most new pictures old, but most are right in most trials of both kinds
    if not by_correct and false_alarms > 0.5 and hits - false_alarms < _NO_DIFFERENCE:
        return [
            f"New pictures are called old nearly as often ({false_alarms:.1%}) as old ones "
            f"({hits:.1%}): if the column says which answers were right, name it with --correct."
        ]
    return []
