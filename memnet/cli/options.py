"""What is said of options that several commands have."""

from __future__ import annotations

import enum


class Precision(str, enum.Enum):
    """How exactly a network computes (:data:`memnet.scoring.precision.PRECISIONS`)."""

    exact = "exact"
    fast = "fast"
    max = "max"


MATCH_HELP = (
    "How ids are matched: exact, basename (file names), stem (without endings), or normalised "
    "(besides in one letter case and Unicode form, %20 and no-break spaces as spaces)."
)
PICTURES_HELP = (
    "Folder, glob or manifest with the pictures: the most and least memorable ones, and the "
    "largest disagreements, are shown in the report."
)
