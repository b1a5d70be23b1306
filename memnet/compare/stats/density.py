"""What the figures draw: density curves and the points of the scatter plot."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from memnet.compare.stats.metrics import Array

GRID = np.linspace(-0.25, 1.25, 301)
"""Where densities are evaluated: wide enough that the area under a curve of scores is one."""

MOST_POINTS = 2000


def density_on(values: Array, grid: Array) -> Array | None:
    """Gaussian kernel density on the given grid; None for fewer than two distinct values."""
    if len(values) < 2 or np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return None
    curve: Array = stats.gaussian_kde(values)(grid)
    return curve


def grid_for(*samples: Array) -> Array:
    """Choose the grid: [-0.25, 1.25] for scores in [0, 1], else the data's span and a margin."""
    low, high = min(float(s.min()) for s in samples), max(float(s.max()) for s in samples)
    if low >= 0 and high <= 1:
        return GRID
    margin = 0.25 * (high - low)
    return np.linspace(low - margin, high + margin, len(GRID))


def plot_data(truth: Array, prediction: Array, *, seed: int) -> dict[str, Any]:
    """Everything the figures of one model need, as plain JSON types.

    Returns
    -------
    dict
        ``grid``, ``truth_density`` and ``prediction_density`` (lists, or None where undefined),
        ``truth_points`` and ``prediction_points`` (at most 2,000 items, drawn with ``seed``),
        ``n``.
    """
    grid = grid_for(truth, prediction)
    curves = [density_on(values, grid) for values in (truth, prediction)]
    n = len(truth)
    chosen = np.arange(n)
    if n > MOST_POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(n, MOST_POINTS, replace=False))
    return {
        "n": n,
        "grid": _rounded(grid),
        "truth_density": None if curves[0] is None else _rounded(curves[0]),
        "prediction_density": None if curves[1] is None else _rounded(curves[1]),
        "truth_points": _rounded(truth[chosen]),
        "prediction_points": _rounded(prediction[chosen]),
    }


def _rounded(values: Array) -> list[float]:
    """Six digits: more than a picture can show, and the record stays readable."""
    return [round(float(value), 6) for value in values]
