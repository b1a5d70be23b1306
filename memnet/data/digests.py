"""Checksums of which pictures these are, and which human scores they have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable


def ids_digest(ids: Iterable[str]) -> str:
    """Sha256 over the sorted ids, a newline between them: which pictures these are."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def manifest_digest(ids: Iterable[str], labels: Iterable[float]) -> str:
    """Sha256 of which pictures have which human scores, whatever their order.

    It is taken over the lines ``id<TAB>score``, each ended by a newline, in the order of the ids'
    code points. A score is written as the shortest decimal that reads back as the same float64
    (Python's ``repr``), so the digest is the same on every machine. A picture without a score (NaN)
    has no line: its cell is empty in the table.
    """
    pairs = sorted(
        (image_id, label)
        for image_id, label in zip(ids, map(float, labels), strict=True)
        if not math.isnan(label)
    )
    lines = "".join(f"{image_id}\t{label!r}\n" for image_id, label in pairs)
    return hashlib.sha256(lines.encode()).hexdigest()
