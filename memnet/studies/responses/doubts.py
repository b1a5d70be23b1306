"""What looks wrong in a table of trials, although it can be read: told, and nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

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
    doubts = _of_swap(read, codebook)
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
