"""What the figures draw: densities, points, quantiles, and means of equal parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

from memnet.util.arrays import NARROW, Array

GRID = np.linspace(-0.25, 1.25, 301)
"""Where densities are evaluated: wide enough that the area under a curve of scores is one."""

MOST_POINTS = 2000
QUANTILES = np.linspace(0, 1, 101)


def density_on(values: Array, grid: Array) -> Array | None:
    """Gaussian kernel density on the given grid; None for fewer than two distinct values.

    >>> density_on(np.array([0.5, 0.6, 0.9]), np.array([0.5, 0.7])).round(2).tolist()
    [1.51, 1.44]
    """
    if len(values) < 2 or np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return None
    curve: Array = stats.gaussian_kde(values)(grid)
    return curve


def grid_for(*samples: Array) -> Array:
    """Choose the grid: [-0.25, 1.25] for scores in [0, 1], else the data's span and a margin.

    Scores that all lie within 0.01 have the latter, too.

    >>> grid_for(np.array([0.0, 4.0]))[[0, -1]].tolist()
    [-1.0, 5.0]
    """
    low, high = min(float(s.min()) for s in samples), max(float(s.max()) for s in samples)
    if low >= 0 and high <= 1 and not 0 < high - low < NARROW:
        return GRID
    margin = 0.25 * (high - low)
    return np.linspace(low - margin, high + margin, len(GRID))


def plot_data(
    truth: Array,
    prediction: Array,
    *,
    seed: int,
    noisy: Array | None = None,
    responses: Array | None = None,
) -> dict[str, Any]:
    """Everything the figures of one model need, as plain JSON types.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    seed : draws the points of the scatter plot.
    noisy : predictions with the labels' own sampling noise, where the counts are known.
    responses : answers per picture, where they are known.

    Returns
    -------
    dict
        ``grid``, ``truth_density``, ``prediction_density`` and ``noisy_density`` (lists, or None
        where undefined), ``truth_points`` and ``prediction_points`` (at most 2,000 items),
        ``truth_quantiles`` and ``prediction_quantiles`` (101 each), ``by_prediction`` and
        ``by_truth`` (see :func:`equal_parts`: truth by prediction, residual by truth), ``n``; and
        ``responses_points``, where the points differ in their answers.

    Examples
    --------
    >>> truth = np.linspace(0.1, 0.9, 12)
    >>> data = plot_data(truth, truth / 2, seed=0)
    >>> data["n"], data["truth_quantiles"][50], data["noisy_density"]
    (12, 0.5, None)
    """
    grid = grid_for(truth, prediction)
    curves = [None if v is None else density_on(v, grid) for v in (truth, prediction, noisy)]
    n = len(truth)
    chosen = np.arange(n)
    if n > MOST_POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(n, MOST_POINTS, replace=False))
    names = ("truth_density", "prediction_density", "noisy_density")
    digits = decimals(truth, prediction)
    answers = None if responses is None else [int(number) for number in responses[chosen]]
    return {
        "n": n,
        "grid": _rounded(grid, digits),
        **{
            name: None if curve is None else _rounded(curve, decimals(curve))
            for name, curve in zip(names, curves, strict=True)
        },
        "truth_points": _rounded(truth[chosen], digits),
        "prediction_points": _rounded(prediction[chosen], digits),
        "truth_quantiles": _rounded(np.quantile(truth, QUANTILES), digits),
        "prediction_quantiles": _rounded(np.quantile(prediction, QUANTILES), digits),
        "by_prediction": equal_parts(prediction, truth, digits),
        "by_truth": equal_parts(truth, prediction - truth, digits),
        **({"responses_points": answers} if answers and min(answers) < max(answers) else {}),
    }


def equal_parts(by: Array, values: Array, digits: int = 6) -> list[dict[str, float]]:
    """Cut the pictures into up to ten equally large parts and average each.

    Returns
    -------
    list
        of ``{"x", "y", "low", "high", "n"}``: mean of ``by``, mean of ``values`` with the ends of
        its 95 % t interval, and the number of pictures. Equal values of ``by`` stay together.

    Examples
    --------
    >>> first, second = equal_parts(np.linspace(0, 1, 10), np.linspace(0, 1, 10))
    >>> second["n"], second["x"], second["low"]
    (5, 0.777778, 0.55964)
    """
    parts = min(10, max(1, len(by) // 5))
    edges = np.unique(np.quantile(by, np.linspace(0, 1, parts + 1)[1:-1]))
    part = np.searchsorted(edges, by, side="right")
    rows = []
    for which in np.unique(part):
        inside = part == which
        n = int(inside.sum())
        mean = float(values[inside].mean())
        half = 0.0
        if n > 1:
            half = float(stats.t.ppf(0.975, n - 1) * values[inside].std(ddof=1) / np.sqrt(n))
        row = {"x": float(by[inside].mean()), "y": mean, "low": mean - half, "high": mean + half}
        rows.append({**{key: round(value, digits) for key, value in row.items()}, "n": n})
    return rows


def decimals(*samples: Array) -> int:
    """How many decimals a picture of these numbers needs: six, more where they span little.

    >>> decimals(np.array([0.3, 0.9])), decimals(np.array([0.0, 0.004]), np.array([0.001]))
    (6, 7)
    """
    low, high = min(float(s.min()) for s in samples), max(float(s.max()) for s in samples)
    size = high - low or max(abs(low), abs(high))  # of equal numbers, their own
    return 6 if size >= NARROW or not size else min(4 - math.floor(math.log10(size)), 300)


def _rounded(values: Array, digits: int) -> list[float]:
    """Round to more than a picture can show, so that the record stays readable."""
    return [round(float(value), digits) for value in values]
