"""Corrections for the several tests of one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memnet.compare.record import Result
from memnet.stats.dependent_correlations import holm
from memnet.stats.metrics import describe


def correct_p_values(results: Sequence[Result]) -> list[Result]:
    """Add to each p value of one model the one that Holm's method makes of it.

    Corrected over the tests of one group, which are those of one table: the distribution tests are
    a family, the noise-matched ones another, since they ask another question.

    Parameters
    ----------
    results : of one model.
    """
    p_values = np.array([np.nan if r.p_value is None else r.p_value for r in results])
    groups = np.array([describe(result.metric).group for result in results])
    corrected = np.full(len(results), np.nan)
    for group in np.unique(groups):
        corrected[groups == group] = holm(p_values[groups == group])
    return [
        result if np.isnan(p) else replace(result, p_holm=float(p))
        for result, p in zip(results, corrected, strict=True)
    ]
