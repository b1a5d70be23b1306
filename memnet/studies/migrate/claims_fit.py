"""What a study claims, as functions of the correlations between its columns; and the tests.

A correlation, a partial correlation, a standardised coefficient, a share of variance and a
difference between two groups in SDs all follow from one matrix: the correlations between the
columns (of their ranks, where the claim is about ranks). So that matrix is computed once for the
sample and for every resample (:mod:`.resampled`), and every claim comes from the same resamples.
Statistics take matrices ``(B, k, k)``, return ``(B,)``, and are NaN where undefined.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize, special, stats

from memnet.util.arrays import Array

_SINGULAR = 1e-10  # lowest eigenvalue of a correlation matrix that can be inverted


def coefficient(matrices: Array) -> Array:
    """Standardised coefficient of column 1 on column 0 in a regression on columns 1, 2, ..."""
    found: Array = _solved(matrices)[:, 0]
    return found


def r_squared(matrices: Array) -> Array:
    """Share of the variance of column 0 that a regression on the others explains, 0 to 1."""
    found: Array = np.clip((_solved(matrices) * matrices[:, 1:, 0]).sum(axis=1), 0, 1)
    return found


def partial(matrices: Array) -> Array:
    """Partial correlation of columns 0 and 1 given the others (the residuals' correlation)."""
    exchanged = matrices[:, [1, 0, *range(2, matrices.shape[1])]]
    exchanged = exchanged[:, :, [1, 0, *range(2, matrices.shape[1])]]
    forth, back = coefficient(matrices), coefficient(exchanged)
    product = np.sqrt(np.clip(forth * back, 0, 1))  # of the two regressions on each other
    found: Array = np.sign(forth) * product
    return found


def _solved(matrices: Array) -> Array:
    """Coefficients ``(B, k - 1)`` of column 0 on the others."""
    found = np.full((len(matrices), matrices.shape[1] - 1), np.nan)
    finite = np.flatnonzero(np.isfinite(matrices).all(axis=(1, 2)))
    among = matrices[finite, 1:, 1:]
    regular = np.linalg.eigvalsh(among)[:, 0] > _SINGULAR
    rows = finite[regular]
    found[rows] = np.linalg.solve(among[regular], matrices[rows, 1:, :1])[..., 0]
    return found


def hedges_g(correlation: Array, share: Array, n: int) -> Array:
    """Difference of two groups in pooled SDs, from the correlation with membership.

    Hedges (1981): Cohen's d times the exact correction for small samples.

    Parameters
    ----------
    correlation : ``(B,)``, of the score with being in the first group (0 or 1).
    share : ``(B,)``, of the items that are.
    n : number of items.
    """
    freedom = n - 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = correlation * np.sqrt(freedom / (1 - correlation**2))
        d = t / np.sqrt(n * share * (1 - share))
    log_correction = special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)
    found: Array = np.where(np.isfinite(d), d, np.nan) * (
        np.exp(log_correction) / np.sqrt(freedom / 2)
    )
    return found


# Tests ------------------------------------------------------------------------------------------


def p_of_correlation(r: float, freedom: int) -> float | None:
    """Two-sided p of a correlation by Student's t with ``freedom`` degrees of freedom."""
    if not np.isfinite(r) or freedom < 1:
        return None
    if abs(r) >= 1:
        return 0.0
    return float(2 * special.stdtr(freedom, -abs(r) * np.sqrt(freedom / (1 - r * r))))


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
    found: Array = (values - values.mean()) / spread
    return found


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


def widened(level: float, n: int, freedom: int) -> float:
    """Level at which percentiles of resamples hold ``level`` in a small sample.

    Resamples scatter less than samples do, by ``sqrt(freedom / n)`` in a regression with so many
    residual degrees of freedom, and are read as if that scatter were known. Hesterberg's (2015)
    expanded percentile interval goes as much farther out as Student's t with an unbiased error.
    """
    out = special.stdtrit(freedom, (1 + level) / 2) * np.sqrt(n / freedom)
    return float(1 - 2 * special.ndtr(-out))


def p_of_difference(resampled: Array, n: int, freedom: int) -> float | None:
    """Two-sided bootstrap p of a difference: twice the smaller share on one side of zero.

    It goes with the interval at the :func:`widened` level: below ``1 - level`` where that interval
    excludes zero, to within a resample. The observed difference counts as one, so p is never 0.
    """
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return None
    side = min(np.count_nonzero(known <= 0), np.count_nonzero(known >= 0))
    out = special.ndtri(min(0.5, (side + 1) / (len(known) + 1)))
    return float(2 * special.stdtr(freedom, out * np.sqrt(freedom / n)))


def lowest_p_of_difference(resamples: int, n: int, freedom: int) -> float:
    """Return what :func:`p_of_difference` gives where all resamples lie on one side of zero."""
    out = special.ndtri(1 / (resamples + 1))
    return float(2 * special.stdtr(freedom, out * np.sqrt(freedom / n)))


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
        found = float(optimize.brentq(beyond, 0.0, top, xtol=1e-10))
        return found / (found + n)

    return end((1 + level) / 2), end((1 - level) / 2)
