"""Checksums of pictures, of which pictures these are, and which human scores they have."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable

import numpy as np


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


def stored_digest(stored: object) -> str:
    """Sha256 of the bytes of a picture's file; of an array's kind, shape and numbers; else "".

    Parameters
    ----------
    stored : what :func:`memnet.preprocess.decode.read_stored` returned.

    Examples
    --------
    >>> stored_digest(b"abc")[:8]
    'ba7816bf'
    """
    if isinstance(stored, bytes):
        return hashlib.sha256(stored).hexdigest()
    if isinstance(stored, np.ndarray):
        kind = repr((stored.dtype.str, stored.shape)).encode()
        return hashlib.sha256(kind + stored.tobytes()).hexdigest()
    return ""
