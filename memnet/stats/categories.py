"""Rho within and between categories: whether a model tells pictures apart, or categories only.

A model that knows only that people remember faces better than landscapes has a rank correlation
with human scores over both, and none within either (Simpson 1951). Here rho is taken apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special, stats

from memnet.stats.metrics.base import Pair, checked
from memnet.stats.metrics.spearman import midranks, spearman_rows
from memnet.stats.resampling import Counts, Draws, Workers
from memnet.util.arrays import Array
from memnet.util.compiling import compiled

WITHIN = "within"
"""Name of rho with the category held constant among the resampled values."""

_NOTHING_LEFT = 1e-10  # of the ranks' variance: what rounding leaves of none


def within_rho(truth: Array, prediction: Array, groups: Any) -> float:
    """Spearman's rho with the category held constant; -1 to 1.

    The partial rank correlation given the category: midranks over all pictures, each minus the
    mean rank of its category, correlated (Pearson). It is the partial Spearman correlation (Conover
    1999, Practical Nonparametric Statistics, section 5.4) with a dummy variable for each category,
    and 0 where the two columns are independent within every category, whatever the categories do.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    groups : int ``(N,)``, each picture's category, 0 to G - 1.

    Returns
    -------
    float
        NaN where truth or prediction is constant within every category.

    Examples
    --------
    >>> truth, prediction = [1, 2, 3, 11, 12, 13], [3, 2, 1, 13, 12, 11]
    >>> round(within_rho(truth, prediction, [0, 0, 0, 1, 1, 1]), 3)
    -1.0
    >>> round(within_rho(truth, prediction, [0] * 6), 3)  # one category: rho itself
    0.543
    """
    x, y = (_residuals(ranks, groups) for ranks in _ranks(truth, prediction))
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(np.clip(x @ y / scale, -1, 1)) if scale > 0 else float("nan")


def between_share(truth: Array, prediction: Array, groups: Any) -> float:
    """Share of rho that comes from differences between the categories.

    Of the covariance of the two columns' midranks, that of the categories' mean ranks: the rest is
    the covariance within categories, and both add up to rho's. Below 0 where the two go opposite
    ways, above 1 where rho within categories has the other sign.

    Returns
    -------
    float
        NaN where rho is 0 or undefined.

    Examples
    --------
    >>> truth, prediction = [1, 2, 3, 11, 12, 13], [3, 2, 1, 13, 12, 11]
    >>> round(between_share(truth, prediction, [0, 0, 0, 1, 1, 1]), 3)
    1.421
    """
    x, y = _ranks(truth, prediction)
    total = float(x @ y)
    if total == 0:
        return float("nan")
    return 1 - float(_residuals(x, groups) @ _residuals(y, groups)) / total


def _ranks(truth: Array, prediction: Array) -> tuple[Array, Array]:
    """Midranks of both columns, with mean 0."""
    columns = checked(truth, prediction)
    x, y = (stats.rankdata(column) - (len(column) + 1) / 2 for column in columns)
    return x, y


def _residuals(ranks: Array, groups: Any) -> Array:
    """Each rank minus the mean of its category; exactly 0 where a category has one rank."""
    groups = np.asarray(groups)
    sizes = np.bincount(groups)
    with np.errstate(invalid="ignore"):
        means = np.bincount(groups, ranks) / sizes
    residuals: Array = ranks - means[groups]
    residuals[np.abs(residuals) < _NOTHING_LEFT * len(ranks)] = 0
    return residuals


def cochran_q(rhos: Sequence[float], sizes: Sequence[int]) -> dict[str, float]:
    """Cochran's Q, which tests whether categories differ in rho by more than chance.

    On Fisher's z of each rho, whose variance is 1.06 / (n - 3) for Spearman's (Fieller, Hartley &
    Pearson 1957, Biometrika 44, 470-481); Q is chi-squared with k - 1 degrees of freedom where all
    are one (Cochran 1954, Biometrics 10, 101-129).

    Parameters
    ----------
    rhos, sizes : of each category, ``(K,)``; sizes are above 3.

    Returns
    -------
    dict
        ``q``, ``df``, ``p``; NaN where fewer than two rhos lie between -1 and 1.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in cochran_q([0.2, 0.6], [53, 103]).items()}
    {'q': 7.5631, 'df': 1, 'p': 0.006}
    """
    rho, n = np.asarray(rhos, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
    usable = np.abs(rho) < 1
    rho, n = rho[usable], n[usable]
    if len(rho) < 2:
        return dict.fromkeys(("q", "df", "p"), float("nan"))
    z, weight = np.arctanh(rho), (n - 3) / 1.06
    q = float(weight @ (z - weight @ z / weight.sum()) ** 2)
    df = len(rho) - 1
    return {"q": q, "df": df, "p": float(special.chdtrc(df, q))}


@compiled
def within_rows(
    counts: Any, x: Any, y: Any, groups: Any, size: int, out: Any, start: int, stop: int
) -> None:
    """Rho with the category held constant of each resample; ``x`` and ``y`` as for rho."""
    group_x, group_y = np.zeros(x.max() + 1), np.zeros(y.max() + 1)
    rank_x, rank_y = np.empty_like(group_x), np.empty_like(group_y)
    sums = np.empty((size, 3))
    for row in range(start, stop):
        group_x[:] = 0
        group_y[:] = 0
        for item in range(x.size):
            group_x[x[item]] += counts[row, item]
            group_y[y[item]] += counts[row, item]
        total_x, total_y = midranks(group_x, rank_x), midranks(group_y, rank_y)
        sums[:] = 0
        cross = 0.0
        for item in range(x.size):
            weight = counts[row, item]
            a, b = rank_x[x[item]], rank_y[y[item]]
            cross += weight * a * b
            sums[groups[item], 0] += weight
            sums[groups[item], 1] += weight * a
            sums[groups[item], 2] += weight * b
        within_x, within_y = total_x, total_y
        for group in range(size):
            n = sums[group, 0]
            if n > 0:
                within_x -= sums[group, 1] * sums[group, 1] / n
                within_y -= sums[group, 2] * sums[group, 2] / n
                cross -= sums[group, 1] * sums[group, 2] / n
        if within_x > _NOTHING_LEFT * total_x and within_y > _NOTHING_LEFT * total_y:
            out[row] = cross / (math.sqrt(within_x) * math.sqrt(within_y))
        else:
            out[row] = np.nan


class ResampledRhos:
    """Rho with the category held constant, and rho within categories, on every resample.

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    draws : with groups, the categories.
    categories : those whose own rho is wanted.

    Attributes
    ----------
    draws : as given.
    rhos : model -> :data:`WITHIN` or a category -> float64 ``(resamples,)``, NaN where undefined;
        filled by :meth:`add`.
    """

    def __init__(
        self,
        truth: Array,
        predictions: Mapping[str, Array],
        draws: Draws,
        categories: Sequence[int],
    ) -> None:
        assert draws.groups is not None
        self.draws = draws
        self._groups = np.asarray(draws.groups, dtype=np.int64)
        self._size = int(self._groups.max()) + 1
        self._inside = {each: np.flatnonzero(self._groups == each) for each in categories}
        self._pairs = {model: Pair(truth, values) for model, values in predictions.items()}
        self._parts = {
            (model, category): Pair(truth[rows], values[rows])
            for model, values in predictions.items()
            for category, rows in self._inside.items()
        }
        self.rhos: dict[str, dict[Any, Array]] = {
            model: {name: np.empty(draws.resamples) for name in (WITHIN, *categories)}
            for model in predictions
        }

    def add(self, rows: slice, counts: Counts, workers: Workers) -> None:
        """Compute those of some resamples: ``rows``, with the counts of :meth:`Draws.chunks`."""
        for model, pair in self._pairs.items():
            args = pair.truth_groups, pair.prediction_groups, self._groups, self._size
            out = self.rhos[model][WITHIN][rows]
            workers.rows(within_rows, len(counts), counts, *args, out)
        for category, members in self._inside.items():
            drawn = np.ascontiguousarray(counts[:, members])
            for model in self._pairs:
                part = self._parts[model, category]
                columns = part.truth_groups, part.prediction_groups
                out = self.rhos[model][category][rows]
                workers.rows(spearman_rows, len(drawn), drawn, *columns, out)


def resampled_rhos(
    truth: Array, predictions: Mapping[str, Array], draws: Draws, categories: Sequence[int]
) -> dict[str, dict[Any, Array]]:
    """Compute the rhos of :class:`ResampledRhos` on resamples drawn for nothing else.

    Examples
    --------
    >>> truth, groups = np.array([1.0, 2, 3, 4, 5, 6]), np.array([0, 0, 0, 1, 1, 1])
    >>> draws = Draws(n=6, resamples=2, seed=1, kind="strata", groups=groups)
    >>> drawn = resampled_rhos(truth, {"mine": truth}, draws, [1])
    >>> drawn["mine"][WITHIN].round(3).tolist(), drawn["mine"][1].round(3).tolist()
    ([1.0, 1.0], [1.0, 1.0])
    """
    resampled = ResampledRhos(truth, predictions, draws, categories)
    with Workers() as workers:
        for rows, counts in draws.chunks():
            resampled.add(rows, counts, workers)
    return resampled.rhos
