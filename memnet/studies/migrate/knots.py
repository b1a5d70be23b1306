"""The knots of a crosswalk's two maps: pure functions of two columns of scores."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

from memnet.util.arrays import Array

MOST_KNOTS = 101

Knots: TypeAlias = tuple[Array, Array]


def quantile_knots(x: Array, y: Array) -> Knots:
    """Knots of the equipercentile map from x to y, ``(n,)`` each: the k-th lowest to the k-th.

    Equal x are mapped to the mean of the sorted y that they take up together.
    """
    distinct, counts = np.unique(x, return_counts=True)
    first = np.cumsum(counts) - counts
    return _rising(distinct, np.add.reduceat(np.sort(y), first) / counts, counts)


def isotonic_knots(x: Array, y: Array) -> Knots:
    """Knots of the monotone regression of y on x, ``(n,)`` each, by ``scipy.optimize``."""
    distinct, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=y) / counts
    return _rising(distinct, isotonic_regression(means, weights=counts).x, counts)


def _rising(x: Array, y: Array, counts: Any) -> Knots:
    """Make one knot of each level stretch of y, and leave out knots where there are too many.

    A stretch's knot lies at its mean x, that of the first at its lowest and of the last at its
    highest, so that the map spans the same x. Of many, those at even ranks stay.
    """
    y = np.maximum.accumulate(y)  # means of equal numbers differ in the last digit
    levels, stretch = np.unique(y, return_inverse=True)
    weights = np.bincount(stretch, weights=counts)
    knots = np.bincount(stretch, weights=x * counts) / weights
    knots[0], knots[-1] = x[0], x[-1]
    if len(levels) > MOST_KNOTS:
        shares = np.linspace(0, weights.sum(), MOST_KNOTS)
        kept = np.unique(np.searchsorted(np.cumsum(weights), shares))
        knots, levels = knots[kept], levels[kept]
    return knots, levels
