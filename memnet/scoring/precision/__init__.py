"""How exactly a network computes: exact by default, faster where the user asks for it.

``exact`` is the network as its authors wrote it, in 32-bit floats. ``fast`` and ``max`` are
the fastest of several *kinds* of computing (:mod:`.kinds`) whose scores stay within the limits
below. Which kind that is, and how far its scores lie from the exact ones, is measured once per
machine and model (:mod:`.measuring`), kept (:mod:`.records`) and recorded beside the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from memnet.errors import unknown_name

EXACT = "exact"


@dataclass(frozen=True)
class Limits:
    """How far scores may lie from the exact ones, over the calibration pictures.

    Attributes
    ----------
    mean : of the absolute changes of a score.
    largest : of them; None: a single picture's is not limited.
    spearman : the least rank correlation with the exact scores.
    """

    mean: float
    largest: float | None
    spearman: float


LIMITS: Mapping[str, Limits] = {
    "fast": Limits(mean=0.002, largest=0.02, spearman=0.999),
    "max": Limits(mean=0.002, largest=None, spearman=0.999),
}
"""The score of a picture that 40 people saw has a standard error of some .07, of 80 of .05."""

PRECISIONS = (EXACT, *LIMITS)


def check_precision(name: str) -> str:
    """Return the name; raises ``MemnetError`` where there is no such precision."""
    if name not in PRECISIONS:
        raise unknown_name("precision", name, PRECISIONS)
    return name
