"""When a candidate's fit counts as exact, and when as close."""

from __future__ import annotations

import numpy as np

from memnet.studies.diagnosis.likelihood import Column, Fit
from memnet.util.arrays import Array

MOSTLY = 0.65
"""Share of rows that must be the variant's; the others may be wrong."""

_MOSTLY_REDRAWN = 0.8  # the same, where crops drawn at random explain much of the differences
_EXACT = 0.98  # share of the variant's rows that must agree to the last digit
_CLOSE = 0.1  # largest noise of a close fit, in SDs
_CLOSE_REDRAWN = 0.25  # the same, beside what crops drawn at random anew explain
_LEAN = 3.0  # largest mean difference in standard errors, where crops were drawn at random anew
_REDRAWN = 0.6  # largest noise that such crops may explain, in SDs


def agree(column: Column, found: Fit) -> np.ndarray:
    """Whether each row is the prediction to the last digit written, bool ``(N,)``."""
    off = np.abs(column.values - found.prediction.written)
    within: np.ndarray = off <= column.steps / 2 + 4 * found.prediction.floor
    return within


def theirs(found: Fit) -> np.ndarray:
    """Whether each row is more likely the variant's than not, bool ``(N,)``."""
    likely: np.ndarray = found.doubt < 0.5
    return likely


def is_exact(column: Column, found: Fit) -> bool:
    """Whether most rows are the variant's, and those agree to the last digit."""
    rows = theirs(found)
    return bool(
        rows.mean() >= MOSTLY
        and agree(column, found)[rows].mean() >= _EXACT
        and not found.prediction.redrawn
    )


def is_close(column: Column, found: Fit) -> bool:
    """Whether most rows are the variant's but for a noise much smaller than their spread."""
    rows, redrawn = theirs(found), found.prediction.redrawn
    if rows.mean() < (_MOSTLY_REDRAWN if redrawn else MOSTLY):
        return False
    spread = min(float(np.std(found.prediction.written[rows])), float(np.std(column.values[rows])))
    if found.tau > (_CLOSE_REDRAWN if redrawn else _CLOSE) * spread:
        return False
    if redrawn and abs(_lean(column, found)) > _LEAN:
        return False
    return _root_mean_square(found.prediction.spread[rows]) <= _REDRAWN * spread


def _lean(column: Column, found: Fit) -> float:
    """Mean difference in standard errors: other crops lie above as often as below."""
    prediction = found.prediction
    free = (column.values > prediction.low) & (column.values < prediction.high)
    rows = theirs(found) & free
    if not rows.any():
        return 0.0
    off = (column.values - prediction.latent) / np.hypot(found.tau, prediction.spread)
    return float(off[rows].mean() * np.sqrt(rows.sum()))


def noise(column: Column, found: Fit) -> float:
    """Scale of the differences by the fit, at least that of rounding."""
    rounding = float(np.median(column.steps)) / np.sqrt(12)
    spread = _root_mean_square(found.prediction.spread)
    return float(np.sqrt(found.tau**2 + rounding**2 + spread**2))


def residual(column: Column, found: Fit) -> float:
    """SD of the differences, taken from their median: wrong rows hardly count."""
    off = np.abs(column.values - found.prediction.written)
    return float(1.4826 * np.median(off))


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))
