"""What a model's score can estimate about a picture, and what a column of human scores can be."""

from __future__ import annotations

import re

from memnet.errors import unknown_name

HIT_RATE = "hit_rate"
TARGETS = {
    HIT_RATE: "hit rate",
    "false_alarm_rate": "false-alarm rate",
    "corrected": "corrected recognition",
    "d_prime": "d'",
}
"""Name -> what reports call it: share of people who recognise the picture; share who take it for
seen though it is new; the first less the second; and d' of signal detection. Models and files that
name none estimate the hit rate."""


def check_target(target: str) -> str:
    """Return a target's name; an unknown one raises ``MemnetError``."""
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS, target_in_name(target))
    return target


def target_words(target: str) -> str:
    """Say what a column of such scores holds: "hit rates".

    Examples
    --------
    >>> target_words("false_alarm_rate"), target_words("d_prime")
    ('false-alarm rates', "d'")
    """
    words = TARGETS[target]
    return f"{words}s" if words.endswith("rate") else words


def target_in_name(column: str) -> str:
    """Return the target that the name of a column speaks of, "" for none: a hint, no proof.

    Examples
    --------
    >>> target_in_name("HR"), target_in_name("False alarms"), target_in_name("score")
    ('hit_rate', 'false_alarm_rate', '')
    """
    plain = re.sub(r"[^a-z]", "", column.replace("d'", "dprime").lower())
    return next((target for target, names in _NAMES.items() if plain in names), "")


_NAMES = {
    HIT_RATE: ("hr", "hits", "hitrate", "hitrates"),
    "false_alarm_rate": ("far", "fa", "falsealarm", "falsealarms", "falsealarmrate"),
    "corrected": ("corrected", "correctedrecognition", "correctedhitrate"),
    "d_prime": ("dprime",),
}
"""How columns are called, in small letters without anything between them."""
