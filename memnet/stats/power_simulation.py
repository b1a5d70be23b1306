"""The same by simulation: studies are drawn and judged, and what they show is counted.

Scores are jointly normal before they are ranked. Each study judges its own rho and difference with
a standard error from its own ranks (the influence of each picture, :func:`rho_and_influence`),
which supposes neither normal scores nor the formulas of :mod:`memnet.stats.power` that are checked
with it; it comes near the bootstrap's of a comparison, at a hundredth of its time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.stats import rankdata

from memnet.stats.levels import ALPHA, LEVEL
from memnet.util.arrays import Array

STUDIES = 2_000
"""How many studies are simulated unless another number is asked for."""

_CHUNK = 2_000_000  # numbers at a time
_Z_TWO = float(special.ndtri(1 - ALPHA / 2))
_Z_ONE = float(special.ndtri(1 - ALPHA))
_Z_LEVEL = float(special.ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """What simulated studies showed.

    Attributes
    ----------
    studies : their number.
    coverage : share of the 95 % intervals of rho that held the population's rho.
    width : mean width of these intervals.
    found : share of the studies in which the two models' rhos differed significantly.
    equivalent : share of the studies that showed equivalence; None where no margin was given.
    """

    studies: int
    coverage: float
    width: float
    found: float
    equivalent: float | None

    def error(self, share: float) -> float:
        """Return the standard error of one of the shares.

        Where all or none of the studies are counted, as if one were not.
        """
        share = min(max(share, 1 / self.studies), 1 - 1 / self.studies)
        return math.sqrt(share * (1 - share) / self.studies)


def normal_correlation(rho: float) -> float:
    """Return Pearson's r of two normal scores whose Spearman's rho is given: ``2 sin(pi rho / 6)``.

    >>> round(normal_correlation(0.6), 3)
    0.618
    """
    return 2 * math.sin(math.pi * rho / 6)


def correlation_matrix(rho_a: float, rho_b: float, between: float, reliability: float) -> Array:
    """Return Pearson's correlations of human scores, model a and model b, ``(3, 3)``.

    Parameters
    ----------
    rho_a, rho_b : Spearman's rho of the models with noise-free human scores.
    between : Spearman's rho of the two models' scores.
    reliability : of the human scores, which lowers the first two correlations.

    Raises
    ------
    ValueError
        if no three scores correlate like this.

    Examples
    --------
    >>> correlation_matrix(0.6, 0.5, 0.7, 1.0).round(3)[0].tolist()
    [1.0, 0.618, 0.518]
    """
    a, b, ab = map(normal_correlation, (rho_a, rho_b, between))
    matrix = np.array([[1, a, b], [a, 1, ab], [b, ab, 1]])
    if np.linalg.eigvalsh(matrix)[0] < 1e-9:
        raise ValueError("no three scores correlate like this")
    matrix[0, 1:] *= math.sqrt(reliability)
    matrix[1:, 0] *= math.sqrt(reliability)
    return matrix


def rho_and_influence(truth: Array, prediction: Array) -> tuple[Array, Array]:
    """Spearman's rho of each study, and each picture's influence on it.

    The standard error of rho is the root mean square of the influences by ``sqrt(n)``; that of a
    difference of two rhos, the same of the differences of their influences.

    Parameters
    ----------
    truth, prediction : float64 ``(S, N)``, a row per study, without ties.

    Returns
    -------
    tuple
        ``(S,)`` and ``(S, N)``.

    Examples
    --------
    >>> rho, influence = rho_and_influence(np.array([[1.0, 2, 3, 4]]), np.array([[1.0, 2, 4, 3]]))
    >>> round(float(rho[0]), 3), bool(abs(influence.mean()) < 1e-12)
    (0.8, True)
    """
    n = truth.shape[1]
    x, y = (rankdata(values, axis=1) for values in (truth, prediction))
    u, v = ((ranks - (n + 1) / 2) / n for ranks in (x, y))
    rho: Array = 12 * np.mean(u * v, axis=1) * n**2 / (n**2 - 1)
    # A picture's own product, and how it moves the ranks of all pictures above it.
    influence: Array = 12 * (u * v + _mean_above(x, v) + _mean_above(y, u))
    influence -= influence.mean(axis=1, keepdims=True)
    return rho, influence


def _mean_above(ranks: Array, other: Array) -> Array:
    """Sum ``other`` over the pictures of rank as high or higher, by their number in all."""
    order = np.argsort(ranks, axis=1)
    ordered = np.take_along_axis(other, order, axis=1)
    sums: Array = np.cumsum(ordered[:, ::-1], axis=1)[:, ::-1] / ranks.shape[1]
    placed: Array = np.empty_like(sums)
    np.put_along_axis(placed, order, sums, axis=1)
    return placed


def simulate(
    rho_a: float,
    rho_b: float,
    between: float,
    pictures: int,
    *,
    reliability: float = 1.0,
    margin: float | None = None,
    studies: int = STUDIES,
    seed: int = 0,
) -> Simulated:
    """Draw studies of two models and count what they show.

    Parameters
    ----------
    rho_a, rho_b, between, reliability : as in :func:`correlation_matrix`.
    pictures : of each study.
    margin : of equivalence; None for no test of it.
    studies : their number.
    seed : of ``numpy.random.default_rng``.

    Examples
    --------
    >>> done = simulate(0.6, 0.5, 0.7, 200, studies=500, seed=1)
    >>> round(done.coverage, 2), round(done.found, 2)
    (0.93, 0.54)
    """
    matrix = correlation_matrix(rho_a, rho_b, between, reliability)
    rho = 6 / math.pi * math.asin(matrix[0, 1] / 2)
    rng, root = np.random.default_rng(seed), np.linalg.cholesky(matrix)
    held = found = equivalent = 0
    width = 0.0
    rows = max(_CHUNK // (3 * pictures), 1)
    for start in range(0, studies, rows):
        shape = min(rows, studies - start), pictures, 3
        scores = rng.standard_normal(shape) @ root.T
        (a, on_a), (b, on_b) = (
            rho_and_influence(scores[:, :, 0], scores[:, :, model]) for model in (1, 2)
        )
        half = _Z_LEVEL * _error(on_a) / (1 - a**2)
        low, high = (np.tanh(np.arctanh(a) + sign * half) for sign in (-1, 1))
        held += int(np.sum((low <= rho) & (rho <= high)))
        width += float(np.sum(high - low))
        apart, error = np.abs(a - b), _error(on_a - on_b)
        found += int(np.sum(apart > _Z_TWO * error))
        equivalent += int(np.sum(apart + _Z_ONE * error < (margin or 0)))
    return Simulated(
        studies=studies,
        coverage=held / studies,
        width=width / studies,
        found=found / studies,
        equivalent=None if margin is None else equivalent / studies,
    )


def _error(influence: Array) -> Array:
    """Return the standard error that influences ``(S, N)`` give, ``(S,)``."""
    error: Array = np.sqrt(np.mean(influence**2, axis=1) / influence.shape[1])
    return error
