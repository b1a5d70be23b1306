"""The labels that predictions lead one to expect: what noise-matched p values measure from.

If a prediction is the picture's true hit rate, its label is hits / responses with binomial hits.
Over all pictures that gives one discrete distribution, and how far labels lie from it can be
told without any random draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from memnet.util.arrays import Array

_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class ExpectedLabels:
    """The distribution of the labels of N pictures, each ``Binomial(responses, rate) / responses``.

    Attributes
    ----------
    values : float64 ``(D,)``, every label that there can be, rising.
    shares : float64 ``(D,)``, which share of the pictures is expected to have it.
    responses : int ``(N,)``, the answers behind each label.

    Examples
    --------
    >>> expected = ExpectedLabels.of(np.array([0.5, 1.0]), np.array([2, 4]))
    >>> expected.values.tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> expected.shares.round(3).tolist()
    [0.125, 0.0, 0.25, 0.0, 0.625]
    """

    values: Array
    shares: Array
    responses: Any

    @classmethod
    def of(cls, rates: Array, responses: Any) -> ExpectedLabels:
        """Sum the binomial distributions of rates ``(N,)`` in 0 to 1 and responses int ``(N,)``."""
        sizes = np.unique(responses)
        values = np.unique(np.concatenate([np.arange(size + 1) / size for size in sizes]))
        shares = np.zeros(len(values))
        for size in sizes:
            hits = np.arange(size + 1)
            here = rates[responses == size]
            places = np.searchsorted(values, hits / size)
            for part in np.array_split(here, 1 + len(here) * len(hits) // _AT_ONCE):
                shares[places] += np.sum(stats.binom.pmf(hits[:, None], size, part), axis=1)
        return cls(values, shares / len(rates), np.asarray(responses))

    def count(self, hits: Any) -> Any:
        """Count the labels ``hits (B, N) / responses (N,)`` of each value: ``(B, D)``."""
        starts, table = self._places
        places = table[starts + hits]
        rows, width = len(hits), len(self.values)
        places += width * np.arange(rows)[:, None]
        return np.bincount(places.ravel(), minlength=width * rows).reshape(rows, width)

    @cached_property
    def _places(self) -> tuple[Any, Any]:
        """Where the place of each picture's label without a hit stands ``(N,)``; all places."""
        sizes, size = np.unique(self.responses, return_inverse=True)
        tables = [np.searchsorted(self.values, np.arange(each + 1) / each) for each in sizes]
        starts = np.cumsum([0, *map(len, tables[:-1])])
        return starts[size], np.concatenate(tables)

    @cached_property
    def below(self) -> Array:
        """The distribution function at each value, ``(D,)``; 1 at the last."""
        summed = np.cumsum(self.shares)
        below: Array = summed / summed[-1]
        return below

    @cached_property
    def steps(self) -> Array:
        """From each value to the next, ``(D - 1,)``, in score units."""
        return np.diff(self.values)

    def mean(self, columns: Array) -> Array:
        """Return the expected mean of a function of the label, given at each value ``(D, ...)``."""
        mean: Array = self.shares @ columns / self.shares.sum()
        return mean


def gaps(expected: ExpectedLabels, counts: Array) -> Array:
    """Distribution functions of samples minus the expected one, ``(B, D)``.

    Parameters
    ----------
    counts : ``(B, D)``, how many labels of each sample have each of the values.
    """
    gaps: Array = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True) - expected.below
    return gaps


def spread(values: Array, weights: Array) -> Array:
    """Compute the standard deviation of values ``(D,)`` with weights ``(B, D)``: ``(B,)``."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    means = weights @ values
    return np.sqrt(np.maximum(0.0, weights @ values**2 - means**2))
