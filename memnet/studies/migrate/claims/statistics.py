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


def as_if_measured_exactly(matrices: Array, place: int, validity: float) -> Array:
    """Correlations with what a column measures, not with the column (Spearman 1904).

    Parameters
    ----------
    matrices : ``(B, k, k)``.
    place : which column measures something with error; the others are taken as exact.
    validity : its correlation with that, above 0 and up to 1. Its errors are supposed to have
        nothing to do with the other columns.
    """
    exact = matrices.copy()
    exact[:, place, :] /= validity
    exact[:, :, place] /= validity
    exact[:, place, place] = 1.0
    return exact


def _solved(matrices: Array) -> Array:
    """Coefficients ``(B, k - 1)`` of column 0 on the others."""
    result = np.full((len(matrices), matrices.shape[1] - 1), np.nan)
    finite = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    among = matrices[finite, 1:, 1:]
    regular = np.linalg.eigvalsh(among)[:, 0] > _SINGULAR
    rows = finite[regular]
    result[rows] = np.linalg.solve(among[regular], matrices[rows, 1:, :1])[..., 0]
    return result


def hedges_g(means: Array, variances: Array, sizes: Array) -> Array:
    """Difference of two groups in pooled SDs, first minus second, ``(B,)``.

    Hedges (1981): Cohen's d times the exact correction for small samples.

    Parameters
    ----------
    means, variances : ``(B, 2)``, the variances with n - 1.
    sizes : ``(2,)``.
    """
    dof = float(sizes.sum() - 2)
    pooled = variances @ (sizes - 1) / dof
    with np.errstate(divide="ignore", invalid="ignore"):
        d = (means[:, 0] - means[:, 1]) / np.sqrt(pooled)
    log_correction = special.gammaln(dof / 2) - special.gammaln((dof - 1) / 2)
    result: Array = np.where(np.isfinite(d), d, np.nan) * (
        np.exp(log_correction) / np.sqrt(dof / 2)
    )
    return result


def welch(means: Array, variances: Array, sizes: Array) -> tuple[Array, Array]:
    """Welch's F of k groups and its second degrees of freedom, each ``(B,)``: Welch (1951).

    NaN where a group has no scatter: it would have all the weight.

    Parameters
    ----------
    means, variances : ``(B, k)``, the variances with n - 1.
    sizes : ``(k,)``.
    """
    groups = len(sizes)
    weights = sizes / np.where(variances > 0, variances, np.nan)
    whole = weights.sum(axis=1)
    centre = (weights * means).sum(axis=1) / whole
    lost = (((1 - weights / whole[:, None]) ** 2) / (sizes - 1)).sum(axis=1)
    f = (weights * (means - centre[:, None]) ** 2).sum(axis=1) / (groups - 1)
    f = f / (1 + 2 * (groups - 2) / (groups**2 - 1) * lost)
    return f, (groups**2 - 1) / (3 * lost)


def omega_squared(f: Array, groups: int, n: int) -> Array:
    """Share of variance between groups, from F: without the part that chance adds; at least 0.

    ``(k - 1) (F - 1) / ((k - 1) (F - 1) + n)`` (Hays 1963), here with Welch's F.
    """
    above = np.maximum(0.0, (groups - 1) * (f - 1))
    result: Array = above / (above + n)
    return result


def resample_groups(
    scores: Mapping[str, Array], members: Sequence[Any], draws: Draws
) -> dict[str, tuple[Array, Array]]:
    """Means and variances (n - 1) of groups, in the sample and in each resample.

    Parameters
    ----------
    scores : name -> ``(n,)``.
    members : for each of k groups, bool ``(n,)``.
    draws : of kind ``"strata"``, so that groups keep their sizes, or ``"clusters"``.

    Returns
    -------
    dict
        name -> means and variances, each ``(1 + B, k)``, the sample first.
    """
    shape = (1 + draws.resamples, len(members))
    found = {name: (np.empty(shape), np.empty(shape)) for name in scores}
    for rows, counts in _chunks(draws, 1):
        for place, inside in enumerate(members):
            weights = counts[:, inside].astype(np.float64)
            size = weights.sum(axis=1)  # of clusters, a resample may have more or fewer, or none
            for name, values in scores.items():
                centre = values[inside].mean()
                own = values[inside] - centre
                with np.errstate(divide="ignore", invalid="ignore"):
                    mean, square = (weights @ np.stack([own, own**2], axis=1)).T / size
                    spread = np.maximum(0.0, square - mean**2) * size / (size - 1)
                tiny = _CONSTANT * float((own**2).mean())
                found[name][0][rows, place] = centre + mean
                found[name][1][rows, place] = np.where(spread <= tiny, 0.0, spread)
    return found


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


def p_of_clustered_coefficient(
    outcome: Array, predictors: Sequence[Array], clusters: Any
) -> float | None:
    """Two-sided p of the first predictor's coefficient, where items of a cluster resemble others.

    Bell and McCaffrey's (2002) standard error, "CR2", with the degrees of freedom of
    Satterthwaite's approximation. It holds with few clusters of unequal sizes, where the usual
    cluster-robust errors are too small (Pustejovsky & Tipton 2018). None where undefined.

    Parameters
    ----------
    outcome, predictors : ``(n,)`` each.
    clusters : int ``(n,)``, 0 to G - 1.
    """
    x = np.column_stack([np.ones_like(outcome), *(_standard(column) for column in predictors)])
    n, size = x.shape
    q, r = np.linalg.qr(x)
    if n <= size or np.abs(np.diagonal(r)).min() < _SINGULAR * np.sqrt(n):
        return None
    y = _standard(outcome)
    inverse = np.linalg.solve(r, q.T)
    residuals = y - x @ (inverse @ y)
    bread = np.linalg.solve(r, np.linalg.solve(r, np.eye(size)).T)  # (X'X)^-1
    count = int(clusters.max()) + 1
    error, influences = 0.0, np.zeros((n, count))
    for cluster in range(count):
        inside = clusters == cluster
        values, vectors = np.linalg.eigh(np.eye(int(inside.sum())) - q[inside] @ q[inside].T)
        root = np.where(values > _SINGULAR, 1 / np.sqrt(np.maximum(values, _SINGULAR)), 0.0)
        adjusted = (vectors * root) @ (vectors.T @ (x[inside] @ bread[:, 1]))
        error += float(adjusted @ residuals[inside]) ** 2
        influences[inside, cluster] = adjusted
        influences[:, cluster] -= q @ (q[inside].T @ adjusted)
    products = influences.T @ influences
    freedom = float(np.trace(products) ** 2 / (products**2).sum()) if products.any() else 0.0
    if not error > 0 or not freedom > 0:
        return None
    estimate = float(inverse[1] @ y)
    return float(2 * special.stdtr(freedom, -abs(estimate) / np.sqrt(error)))


def _standard(values: Array) -> Array:
    spread = values.std() if np.ptp(values) > 0 else np.inf
    result: Array = (values - values.mean()) / spread
    return result


def p_of_groups(samples: Sequence[Array]) -> float | None:
    """Two-sided p that all groups have one mean, whatever their variances: Welch (1951).

    Of two groups it is that of Welch's t. Where groups differ in size and spread, the classical F
    test rejects several times too often, or hardly ever. None where a group has no scatter.

    Examples
    --------
    >>> groups = [np.array([3.0, 4, 5, 6]), np.array([6.0, 8, 10, 12]), np.array([1.0, 1, 2])]
    >>> round(p_of_groups(groups), 6)  # in R: oneway.test(values ~ group)
    0.004129
    """
    if len(samples) < 2 or any(len(sample) < 2 for sample in samples):
        return None
    sizes = np.array([len(sample) for sample in samples], dtype=np.float64)
    means = np.array([[sample.mean() for sample in samples]])
    variances = np.array([[sample.var(ddof=1) if np.ptp(sample) else 0 for sample in samples]])
    if len(samples) == 2:
        if not variances.any():
            return None
        (m1, m2), (s1, s2) = means[0], np.sqrt(variances[0])
        return float(
            stats.ttest_ind_from_stats(m1, s1, sizes[0], m2, s2, sizes[1], equal_var=False).pvalue
        )
    f, within = (float(each[0]) for each in welch(means, variances, sizes))
    return float(special.fdtrc(len(samples) - 1, within, f)) if np.isfinite(f) else None


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


def omega_squared_interval(
    f: float, within: float, groups: int, n: int, level: float
) -> tuple[float, float]:
    """Interval of the share of variance between groups, from the noncentral F (Steiger 2004).

    A share of variance cannot be negative, so resamples all lie above zero, and their percentiles
    exclude a true zero. This interval begins at zero where the F test finds nothing.

    Parameters
    ----------
    f, within : of :func:`welch`.
    groups, n : number of groups and of items.
    """
    first = groups - 1
    if not np.isfinite(f):
        return np.nan, np.nan

    def end(chance: float) -> float:
        def beyond(noncentrality: float) -> float:
            return float(special.ncfdtr(first, within, noncentrality, f)) - chance

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
            self.means[rows] = weights @ table / weights.sum(axis=1, keepdims=True)
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


def check_columns(columns: Mapping[Key, Array], n: int) -> dict[Key, Array]:
    """Return columns of n items as float64, or raise MemnetError where they do not fit together."""
    checked = {key: np.asarray(values, dtype=np.float64) for key, values in columns.items()}
    for (kind, name), values in checked.items():
        if values.shape != (n,):
            raise MemnetError(f"The {kind} {name!r} has {values.size:,} values for {n:,} items.")
        missing = int(np.count_nonzero(~np.isfinite(values)))
        if missing:
            raise MemnetError(
                f"The {kind} {name!r} is missing or infinite for {missing:,} of {n:,} items; leave "
                "them out of all columns."
            )
    return checked


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
    total = weights.sum(axis=1, keepdims=True)  # whole clusters make resamples of other sizes
    squares = (weights @ products / total).reshape(len(weights), size, size)
    means = weights @ standard / total
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
    total = counts.sum(axis=1, keepdims=True)
    ranks = np.cumsum(together, axis=1) - (together - 1) / 2 - (total + 1) / 2
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
