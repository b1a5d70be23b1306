"""When a fit counts as exact, when as close, and when a column merely has a variant's order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from memnet.stats.metrics.spearman import standard_ranks
from memnet.studies.diagnosis.likelihood import Fit, ObservedColumn
from memnet.util.arrays import Array

MOSTLY = 0.65
"""Share of rows that must be the variant's; the others may be wrong."""

_MOSTLY_REDRAWN = 0.8  # the same, where crops drawn at random explain much of the differences
_EXACT = 0.98  # share of the variant's rows that must agree to the last digit
_CLOSE = 0.1  # largest noise of a close fit, in SDs
_CLOSE_REDRAWN = 0.25  # the same, beside what crops drawn at random anew explain
_LARGEST_DEVIATION = (
    3.0  # largest mean difference in standard errors, where crops were drawn at random anew
)
_REDRAWN = 0.6  # largest noise that such crops may explain, in SDs


def agreeing_rows(column: ObservedColumn, fit: Fit) -> np.ndarray:
    """Whether each row is the prediction to the last digit written, bool ``(N,)``."""
    off = np.abs(column.values - fit.prediction.written)
    within: np.ndarray = off <= column.steps / 2 + 4 * fit.prediction.floor
    return within


def inliers(fit: Fit) -> np.ndarray:
    """Whether each row is more likely the variant's than not, bool ``(N,)``."""
    likely: np.ndarray = fit.outlier_probability < 0.5
    return likely


def is_exact(column: ObservedColumn, fit: Fit) -> bool:
    """Whether most rows are the variant's, and those agree to the last digit."""
    rows = inliers(fit)
    return bool(
        rows.mean() >= MOSTLY
        and agreeing_rows(column, fit)[rows].mean() >= _EXACT
        and not fit.prediction.redrawn
    )


def is_close(column: ObservedColumn, fit: Fit) -> bool:
    """Whether most rows are the variant's but for a noise much smaller than their spread."""
    rows, redrawn = inliers(fit), fit.prediction.redrawn
    if rows.mean() < (_MOSTLY_REDRAWN if redrawn else MOSTLY):
        return False
    spread = min(float(np.std(fit.prediction.written[rows])), float(np.std(column.values[rows])))
    if fit.tau > (_CLOSE_REDRAWN if redrawn else _CLOSE) * spread:
        return False
    if redrawn and abs(_mean_deviation(column, fit)) > _LARGEST_DEVIATION:
        return False
    return _root_mean_square(fit.prediction.spread[rows]) <= _REDRAWN * spread


def _mean_deviation(column: ObservedColumn, fit: Fit) -> float:
    """Mean difference in standard errors: other crops lie above as often as below."""
    prediction = fit.prediction
    free = (column.values > prediction.low) & (column.values < prediction.high)
    rows = inliers(fit) & free
    if not rows.any():
        return 0.0
    off = (column.values - prediction.latent) / np.hypot(fit.tau, prediction.spread)
    return float(off[rows].mean() * np.sqrt(rows.sum()))


def noise_scale(column: ObservedColumn, fit: Fit) -> float:
    """Scale of the differences by the fit, at least that of rounding."""
    rounding = float(np.median(column.steps)) / np.sqrt(12)
    spread = _root_mean_square(fit.prediction.spread)
    return float(np.sqrt(fit.tau**2 + rounding**2 + spread**2))


def residual_sd(column: ObservedColumn, fit: Fit) -> float:
    """SD of the differences, taken from their median: wrong rows hardly count."""
    off = np.abs(column.values - fit.prediction.written)
    return float(1.4826 * np.median(off))


def _root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


# The order of the pictures ----------------------------------------------------------------------

LEFT_OUT = 0.15
"""Share of rows, those whose ranks differ most, that :func:`trimmed_rho` leaves out."""

ENOUGH_TO_TRIM = 30
"""Rows below which evidence by rank leaves none out: any two orders agree without the worst."""

_RELATED = 0.98  # Pearson's r: of models with .97, since they may choose among the variants
_DRAWS = 999


def trimmed_rho(x: Array, y: Array, left_out: float = LEFT_OUT) -> float:
    """Spearman's rho without the rows whose ranks differ most; 0 where it is undefined."""
    a, b = standard_ranks(x), standard_ranks(y)
    sign = -1.0 if a @ b < 0 else 1.0
    kept = np.argsort(np.abs(a - sign * b), kind="stable")
    kept = kept[: len(x) - int(left_out * len(x))]
    return float(standard_ranks(x[kept]) @ standard_ranks(y[kept]))


@cache
def related_rho(n: int, left_out: float) -> float:
    """Highest rho, so trimmed, of another model with ``n`` pictures.

    The largest of 999 draws of two normal variables that are correlated .98.
    """
    random = np.random.default_rng(0)
    x, noise = random.normal(size=(2, _DRAWS, n))
    y = _RELATED * x + np.sqrt(1 - _RELATED**2) * noise
    return max(trimmed_rho(a, b, left_out) for a, b in zip(x, y, strict=True))


def rank_shuffle_p(
    raws: Sequence[Array], values: Array, *, shuffles: int = 999, seed: int = 0
) -> float:
    """Share of shuffled columns whose order is as like that of some variant.

    Parameters
    ----------
    raws : raw outputs of each variant, each ``(N,)``.
    values : the column, ``(N,)``.
    shuffles, seed : how often its rows are shuffled, and the seed.

    Returns
    -------
    float
        ``(1 + as good) / (1 + shuffles)``; the statistic is the largest absolute Spearman's rho.
    """
    y = standard_ranks(values)
    x = standard_ranks(np.array(raws))
    random = np.random.default_rng(seed)
    shuffled = random.permuted(np.tile(y, (shuffles, 1)), axis=1)
    highest = np.abs(x @ shuffled.T).max(axis=0)
    return float((1 + np.sum(highest >= np.abs(x @ y).max() - 1e-12)) / (1 + shuffles))
