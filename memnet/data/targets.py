"""What a model's score can estimate about a picture, and what a column of human scores can be."""

from __future__ import annotations

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
        raise unknown_name("target", target, TARGETS)
    return target
