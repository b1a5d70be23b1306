"""Whether a column has the order of a variant's outputs, whatever its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.stats import rankdata

from memnet.util.arrays import Array

LEFT_OUT = 0.15
"""Share of rows, those whose ranks differ most, that :func:`trimmed_rho` leaves out."""

ENOUGH_TO_TRIM = 30
"""Rows below which evidence by rank leaves none out: any two orders agree without the worst."""

_RELATED = 0.98  # Pearson's r: of models with .97, since they may choose among the variants
_DRAWS = 999


def standard_ranks(values: Array) -> Array:
    """Rank ``(..., N)`` to mean 0 and length 1 (their products are Spearman's rhos).

    Zeros for constant values.
    """
    ranks = rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    standard: Array = ranks / np.where(length > 0, length, 1.0)
    return standard


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


def order_p(raws: Sequence[Array], values: Array, *, shuffles: int = 999, seed: int = 0) -> float:
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
