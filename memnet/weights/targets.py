"""What a model's score can estimate about a picture."""

from __future__ import annotations

from memnet.errors import unknown_name

HIT_RATE = "hit_rate"
TARGETS = (HIT_RATE, "false_alarm_rate", "corrected", "d_prime")
"""Share of people who recognise the picture; share who take it for seen though it is new; their
difference; and d' of signal detection. Models and files that name none estimate the hit rate."""


def check_target(target: str) -> str:
    """Return a target's name; an unknown one raises ``MemnetError``."""
    if target not in TARGETS:
        raise unknown_name("target", target, TARGETS)
    return target
