"""The correlations between a study's columns, in the sample and in every resample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.resampling import Counts, Draws, groups_of
from memnet.util.arrays import Array

_NUMBERS_AT_ONCE = 8_000_000  # 64 MB
_CONSTANT = 1e-12  # a variance below this share of the mean square is rounding

Key: TypeAlias = tuple[str, str]
"""A column: what it is ("score", "outcome", "covariate", "predictor", "group") and its name."""


class Resampled:
    """Correlations between columns, in the sample and in each resample.

    Parameters
    ----------
    columns : key -> float64 ``(n,)``, finite.
    draws : which items each resample draws.
    names : columns that sentences are to call otherwise than ``column 'name'`` -> how.

    Attributes
    ----------
    pearson, spearman : float64 ``(1 + B, p, p)``, the sample first; NaN where a column has one
        value only.
    means : float64 ``(1 + B, p)`` of the columns.
    """

    def __init__(
        self, columns: Mapping[Key, Array], draws: Draws, names: Mapping[Key, str] | None = None
    ) -> None:
        self.columns = columns
        self.names = names or {}
        self.draws = draws
        self.n = draws.n
        self._place = {key: place for place, key in enumerate(columns)}
        table = np.stack(list(columns.values()), axis=1)
        varied = np.ptp(table, axis=0) > 0
        standard = (table - table.mean(axis=0)) / np.where(varied, table.std(axis=0), np.inf)
        groups = [groups_of(column) for column in table.T]
        size = table.shape[1]
        self.pearson = np.empty((1 + draws.resamples, size, size))
        self.spearman = np.empty_like(self.pearson)
        self.means = np.empty((1 + draws.resamples, size))
        for rows, counts in _chunks(draws, size):
            weights = counts.astype(np.float64)
            self.means[rows] = weights @ table / self.n
            self.pearson[rows] = _correlations(standard, weights)
            self.spearman[rows] = _rank_correlations(groups, weights)

    def called(self, key: Key) -> str:
        """Name a column in a sentence."""
        return self.names.get(key, f"column {key[1]!r}")

    def matrix(self, kind: str, keys: Sequence[Key]) -> Array:
        """Return the correlations ``(1 + B, k, k)`` of some columns; kind as the attributes."""
        place = [self._place[key] for key in keys]
        found: Array = getattr(self, kind)[:, place][:, :, place]
        return found

    def mean(self, key: Key) -> Array:
        """Return a column's means, ``(1 + B,)``."""
        found: Array = self.means[:, self._place[key]]
        return found


def resampled(
    columns: Mapping[Key, Array], draws: Draws, names: Mapping[Key, str] | None = None
) -> Resampled:
    """Return the columns' correlations, or raise MemnetError where they do not fit together."""
    found = {key: np.asarray(values, dtype=np.float64) for key, values in columns.items()}
    for (kind, name), values in found.items():
        if values.shape != (draws.n,):
            raise MemnetError(
                f"The {kind} {name!r} has {values.size:,} values for {draws.n:,} items."
            )
        missing = int(np.count_nonzero(~np.isfinite(values)))
        if missing:
            raise MemnetError(
                f"The {kind} {name!r} is missing or infinite for {missing:,} of {draws.n:,} "
                "items; leave them out of all columns."
            )
    return Resampled(found, draws, names)


def _chunks(draws: Draws, columns: int) -> Iterator[tuple[slice, Counts]]:
    """Yield rows of the result and their counts: the sample, then the resamples in pieces."""
    yield slice(0, 1), np.ones((1, draws.n), dtype=np.int32)
    at_once = max(1, _NUMBERS_AT_ONCE // (draws.n * columns))
    for rows, counts in draws.chunks():
        for start in range(0, len(counts), at_once):
            part = counts[start : start + at_once]
            first = 1 + rows.start + start
            yield slice(first, first + len(part)), part


def _correlations(standard: Array, weights: Array) -> Array:
    n, size = standard.shape
    products = (standard[:, :, None] * standard[:, None, :]).reshape(n, size * size)
    squares = (weights @ products / n).reshape(len(weights), size, size)
    means = weights @ standard / n
    return _scaled(squares - means[:, :, None] * means[:, None, :], _diagonal(squares))


def _rank_correlations(groups: list[tuple[Any, Any]], weights: Array) -> Array:
    ranks = np.stack([_midranks(place, weights) for _, place in groups], axis=2)
    products = (ranks * weights[:, :, None]).transpose(0, 2, 1) @ ranks
    return _scaled(products, _diagonal(products))


def _midranks(place: Any, counts: Counts) -> Array:
    """Each item's midrank in each resample ``(B, n)``, minus the mean rank."""
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(place.max() + 1))
    together = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.cumsum(together, axis=1) - (together - 1) / 2 - (counts.shape[1] + 1) / 2
    found: Array = ranks[:, place]
    return found


def _scaled(covariances: Array, squares: Array) -> Array:
    variances = _diagonal(covariances)
    known = variances > _CONSTANT * squares
    sd = np.sqrt(np.where(known, variances, np.nan))
    with np.errstate(invalid="ignore"):
        found: Array = np.clip(covariances / (sd[:, :, None] * sd[:, None, :]), -1, 1)
    return found


def _diagonal(matrices: Array) -> Array:
    found: Array = np.diagonal(matrices, axis1=1, axis2=2)
    return found
