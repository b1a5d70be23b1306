"""Holm's correction over the claims of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memnet.stats.dependent_correlations import holm
from memnet.studies.migrate.claims.claim import Claim


def correct_claims(claims: Sequence[Claim]) -> list[Claim]:
    """Add Holm's p over all claims of a study, with the old score and with the new apart.

    Each score is a study of its own, so that the claims with one of them are a family. Holm's
    method bounds the chance that any of them is found where none is true, whatever the claims have
    to do with one another.
    """
    corrected = {
        score: holm(
            [np.nan if p is None else p for p in (getattr(c, f"p_{score}") for c in claims)]
        )
        for score in ("old", "new")
    }
    return [
        replace(
            claim,
            p_old_holm=_or_none(corrected["old"][place]),
            p_new_holm=_or_none(corrected["new"][place]),
        )
        for place, claim in enumerate(claims)
    ]


def _or_none(p: float) -> float | None:
    return None if np.isnan(p) else float(p)
