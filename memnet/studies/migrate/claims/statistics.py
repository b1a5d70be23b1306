"""What a study claims, as functions of the correlations between its columns; and the tests.

A correlation, a partial correlation, a standardised coefficient, a share of variance and a
difference between two groups in SDs all follow from one matrix: the correlations between the
columns (of their ranks, where the claim is about ranks). So that matrix is computed once for the
sample and for every resample (:class:`ResampledCorrelations`), and every claim comes from the
same resamples. Statistics take matrices ``(B, k, k)``, return ``(B,)``, and are NaN where
undefined.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from scipy import optimize, special, stats

from memnet.errors import MemnetError
from memnet.stats.resampling import Counts, Draws, groups_of
from memnet.util.arrays import Array

_SINGULAR = 1e-10  # lowest eigenvalue of a correlation matrix that can be inverted


def coefficient(matrices: Array) -> Array:
    """Standardised coefficient of column 1 on column 0 in a regression on columns 1, 2, ..."""
    result: Array = _solved(matrices)[:, 0]
    return result


def r_squared(matrices: Array) -> Array:
    """Share of the variance of column 0 that a regression on the others explains, 0 to 1."""
    result: Array = np.clip((_solved(matrices) * matrices[:, 1:, 0]).sum(axis=1), 0, 1)
    return result


def partial_correlation(matrices: Array) -> Array:
    """Partial correlation of columns 0 and 1 given the others (the residuals' correlation)."""
    exchanged = matrices[:, [1, 0, *range(2, matrices.shape[1])]]
    exchanged = exchanged[:, :, [1, 0, *range(2, matrices.shape[1])]]
    forth, back = coefficient(matrices), coefficient(exchanged)
    product = np.sqrt(np.clip(forth * back, 0, 1))  # of the two regressions on each other
    result: Array = np.sign(forth) * product
    return result


def _solved(matrices: Array) -> Array:
    """Coefficients ``(B, k - 1)`` of column 0 on the others."""
    result = np.full((len(matrices), matrices.shape[1] - 1), np.nan)
    finite = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    among = matrices[finite, 1:, 1:]
    regular = np.linalg.eigvalsh(among)[:, 0] > _SINGULAR
    rows = finite[regular]
    result[rows] = np.linalg.solve(among[regular], matrices[rows, 1:, :1])[..., 0]
    return result


def hedges_g(correlation: Array, share: Array, n: int) -> Array:
    """Difference of two groups in pooled SDs, from the correlation with membership.

    Hedges (1981): Cohen's d times the exact correction for small samples.

    Parameters
    ----------
    correlation : ``(B,)``, of the score with being in the first group (0 or 1).
    share : ``(B,)``, of the items that are.
    n : number of items.
    """
    dof = n - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = correlation * np.sqrt(dof / (1 - correlation**2))
        d = t / np.sqrt(n * share * (1 - share))
    log_correction = special.gammaln(dof / 2) - special.gammaln((dof - 1) / 2)
    result: Array = np.where(np.isfinite(d), d, np.nan) * (
        np.exp(log_correction) / np.sqrt(dof / 2)
    )
    return result


# Tests ------------------------------------------------------------------------------------------


def p_of_correlation(r: float, dof: int) -> float | None:
    """Two-sided p of a correlation by Student's t with ``dof`` degrees of freedom."""
    if not np.isfinite(r) or dof < 1:
        return None
    if abs(r) >= 1:
        return 0.0
    return float(2 * special.stdtr(dof, -abs(r) * np.sqrt(dof / (1 - r * r))))


def p_of_coefficient(outcome: Array, predictors: Sequence[Array]) -> float | None:
    """Two-sided p of the first predictor's coefficient, with HC3 standard errors.

    MacKinnon and White's (1985) jackknife-like errors hold where the scatter about the line differs
    between items, as the bootstrap interval does; Long and Ervin (2000) advise them for samples
    below 250. Student's t with ``n - k - 1`` degrees of freedom. None where undefined.
    """
    x = np.column_stack([np.ones_like(outcome), *(_standard(column) for column in predictors)])
    n, size = x.shape
    if n <= size:
        return None
    q, r = np.linalg.qr(x)
    if np.abs(np.diagonal(r)).min() < _SINGULAR * np.sqrt(n):
        return None
    inverse = np.linalg.solve(r, q.T)  # (k + 1) x n: the coefficients are inverse @ outcome
    leverage = (q**2).sum(axis=1)
    if leverage.max() > 1 - _SINGULAR:
        return None
    y = _standard(outcome)
    estimate = inverse @ y
    scaled = (y - x @ estimate) / (1 - leverage)
    error = float(np.sqrt((inverse[1] ** 2 * scaled**2).sum()))
    if not error > 0:
        return None
    return float(2 * special.stdtr(n - size, -abs(estimate[1]) / error))


def _standard(values: Array) -> Array:
    spread = values.std() if np.ptp(values) > 0 else np.inf
    result: Array = (values - values.mean()) / spread
    return result


def p_of_groups(samples: Sequence[Array]) -> float | None:
    """Two-sided p: Welch's t for two groups, the F test of one-way analysis for more."""
    if len(samples) < 2 or any(len(sample) < 2 for sample in samples):
        return None
    if all(np.ptp(sample) == 0 for sample in samples):
        return None
    if len(samples) > 2:
        return float(stats.f_oneway(*samples).pvalue)
    means, sds = zip(*((sample.mean(), sample.std(ddof=1)) for sample in samples), strict=True)
    (m1, m2), (s1, s2), (n1, n2) = means, sds, (len(sample) for sample in samples)
    return float(stats.ttest_ind_from_stats(m1, s1, n1, m2, s2, n2, equal_var=False).pvalue)


def widened_level(level: float, n: int, dof: int) -> float:
    """Level at which percentiles of resamples hold ``level`` in a small sample.

    Resamples scatter less than samples do, by ``sqrt(dof / n)`` in a regression with so many
    residual degrees of freedom (dof), and are read as if that scatter were known. Hesterberg's
    (2015) expanded percentile interval goes as much farther out as Student's t with an unbiased
    error.
    """
    out = special.stdtrit(dof, (1 + level) / 2) * np.sqrt(n / dof)
    return float(1 - 2 * special.ndtr(-out))


def p_of_difference(resampled: Array, n: int, dof: int) -> float | None:
    """Two-sided bootstrap p of a difference: twice the smaller share on one side of zero.

    It goes with the interval at the :func:`widened_level`: below ``1 - level`` where that interval
    excludes zero, to within a resample. The observed difference counts as one, so p is never 0.
    """
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return None
    side = min(np.count_nonzero(known <= 0), np.count_nonzero(known >= 0))
    out = special.ndtri(min(0.5, (side + 1) / (len(known) + 1)))
    return float(2 * special.stdtr(dof, out * np.sqrt(dof / n)))


def lowest_p_of_difference(resamples: int, n: int, dof: int) -> float:
    """Return what :func:`p_of_difference` gives where all resamples lie on one side of zero."""
    out = special.ndtri(1 / (resamples + 1))
    return float(2 * special.stdtr(dof, out * np.sqrt(dof / n)))


def eta_squared_interval(eta: float, groups: int, n: int, level: float) -> tuple[float, float]:
    """Interval of eta squared from the noncentral F distribution (Steiger 2004).

    A share of variance cannot be negative, so resamples all lie above zero, and their percentiles
    exclude a true zero. This interval begins at zero where the F test finds nothing.
    """
    first, second = groups - 1, n - groups
    if eta >= 1:
        return 1.0, 1.0
    f = eta / first / ((1 - eta) / second)

    def end(chance: float) -> float:
        def beyond(noncentrality: float) -> float:
            return float(special.ncfdtr(first, second, noncentrality, f)) - chance

        if beyond(0.0) <= 0:
            return 0.0
        top = 2.0 * first * f + 20.0
        while beyond(top) > 0:
            top *= 2
        result = float(optimize.brentq(beyond, 0.0, top, xtol=1e-10))
        return result / (result + n)

    return end((1 + level) / 2), end((1 - level) / 2)


_NUMBERS_AT_ONCE = 8_000_000  # 64 MB
_CONSTANT = 1e-12  # a variance below this share of the mean square is rounding

Key: TypeAlias = tuple[str, str]
"""A column: what it is ("score", "outcome", "covariate", "predictor", "group") and its name."""


class ResampledCorrelations:
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

    def label(self, key: Key) -> str:
        """Name a column in a sentence."""
        return self.names.get(key, f"column {key[1]!r}")

    def matrix(self, kind: str, keys: Sequence[Key]) -> Array:
        """Return the correlations ``(1 + B, k, k)`` of some columns; kind as the attributes."""
        place = [self._place[key] for key in keys]
        result: Array = getattr(self, kind)[:, place][:, :, place]
        return result

    def mean(self, key: Key) -> Array:
        """Return a column's means, ``(1 + B,)``."""
        result: Array = self.means[:, self._place[key]]
        return result


def resample_correlations(
    columns: Mapping[Key, Array], draws: Draws, names: Mapping[Key, str] | None = None
) -> ResampledCorrelations:
    """Return the columns' correlations, or raise MemnetError where they do not fit together."""
    checked = {key: np.asarray(values, dtype=np.float64) for key, values in columns.items()}
    for (kind, name), values in checked.items():
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
    return ResampledCorrelations(checked, draws, names)


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
    first_items = np.searchsorted(place[order], np.arange(place.max() + 1))
    together = np.add.reduceat(counts[:, order], first_items, axis=1)
    ranks = np.cumsum(together, axis=1) - (together - 1) / 2 - (counts.shape[1] + 1) / 2
    result: Array = ranks[:, place]
    return result


def _scaled(covariances: Array, squares: Array) -> Array:
    variances = _diagonal(covariances)
    known = variances > _CONSTANT * squares
    sd = np.sqrt(np.where(known, variances, np.nan))
    with np.errstate(invalid="ignore"):
        result: Array = np.clip(covariances / (sd[:, :, None] * sd[:, None, :]), -1, 1)
    return result


def _diagonal(matrices: Array) -> Array:
    result: Array = np.diagonal(matrices, axis1=1, axis2=2)
    return result
