"""What looks wrong in a table of trials, although it can be read: told, and nothing is changed."""

from __future__ import annotations

from typing import Any

from memnet.data.trials import Trials

_NO_DIFFERENCE = 0.1


def find_doubts(read: Trials, used: Any, *, by_correct: bool) -> list[str]:
    """Return a sentence for each thing that the answers give reason to doubt.

    Parameters
    ----------
    read : the trials.
    used : bool ``(T,)``, those that count for a picture.
    by_correct : whether the answers were read of a column that says which were right.
    """
    doubts = []
    if read.doubles:
        doubts.append(
            f"{read.doubles:,} row(s) are the same in every column as an earlier one. They are "
            "kept, since a trial can be repeated: has the table been joined with itself?"
        )
    old, new = used & read.old, used & ~read.old
    if old.any() and new.any():
        hits, false_alarms = float(read.yes[old].mean()), float(read.yes[new].mean())
        doubts += _of_rates(hits, false_alarms, by_correct)
    return doubts


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
