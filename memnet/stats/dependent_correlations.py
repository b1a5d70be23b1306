"""Do two models' correlations with the same truth differ? Four published answers, from r alone.

Both models predict the same pictures, so their correlations ``r_ta`` and ``r_tb`` with the truth
share a variable and are themselves correlated, the more so the higher the correlation ``r_ab``
between the two models' predictions. A test for independent groups ignores this and rejects too
seldom. Here are the tests of Williams (1959), Steiger (1980) and Meng, Rosenthal and Rubin (1992),
and the interval of Zou (2007); and the corrections of Holm (1979) and of Benjamini and Hochberg
(1995) for many pairs of models.

All four are derived for Pearson correlations of jointly normal variables. With Spearman (rank)
correlations put in, they reject 6 to 8 % where 5 % are meant; :mod:`.model_differences` puts in
correlations of normal scores instead.

Every function takes ``(r_ta, r_tb, r_ab, n)`` in this order: correlations from -1 to 1 and the
number of pictures. Where the answer is undefined its values are NaN, without a warning:

- fewer than 4 pictures, or any of the correlations NaN;
- ``|r_ta|`` or ``|r_tb|`` is 1 (Fisher's z is infinite), or ``|r_ab|`` is 1 (identical predictions
  have difference 0 and no sampling error); 1 to within 1e-12 counts as 1, since of 1 - r less
  than four digits would be left;
- no data can have these three correlations together (the correlation matrix has a negative
  determinant, or some ``|r|`` exceeds 1).

Where ``r_ta`` equals ``r_tb`` exactly and the models are not identical, the statistic is 0 and
p is 1. Swapping the models changes the sign and nothing else.

References
----------
Benjamini, Y., & Hochberg, Y. (1995). Journal of the Royal Statistical Society B, 57, 289-300.
Holm, S. (1979). Scandinavian Journal of Statistics, 6, 65-70.
Meng, X.-L., Rosenthal, R., & Rubin, D. B. (1992). Psychological Bulletin, 111, 172-175.
Olkin, I., & Siotani, M. (1976). In S. Ikeda (Ed.), Essays in probability and statistics, 235-251.
Steiger, J. H. (1980). Psychological Bulletin, 87, 245-251.
Williams, E. J. (1959). Journal of the Royal Statistical Society B, 21, 396-399.
Zou, G. Y. (2007). Psychological Methods, 12, 399-413.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from memnet.util.arrays import Array

NAN = float("nan")
_AS_GOOD_AS_ONE = 1e-12  # of 1 - |r|
_ROUNDING = 1e-14  # of the determinant, which rounding of the correlations can push below zero


@dataclass(frozen=True, kw_only=True)
class Williams:
    """Result of :func:`williams`.

    Attributes
    ----------
    difference : r_ta - r_tb.
    t : the statistic, positive where model a correlates more with the truth.
    df : degrees of freedom, n - 3.
    p : two-sided, 0 to 1.
    """

    difference: float
    t: float
    df: int
    p: float


@dataclass(frozen=True, kw_only=True)
class Steiger:
    """Result of :func:`steiger`.

    Attributes
    ----------
    difference : r_ta - r_tb.
    z : the statistic, standard normal under the null hypothesis; positive where model a
        correlates more with the truth.
    p : two-sided, 0 to 1.
    """

    difference: float
    z: float
    p: float


@dataclass(frozen=True, kw_only=True)
class MengRosenthalRubin:
    """Result of :func:`meng_rosenthal_rubin`.

    Attributes
    ----------
    z_difference : Fisher z of r_ta minus Fisher z of r_tb: not a difference of correlations.
    z : the statistic, standard normal under the null hypothesis; positive where model a
        correlates more with the truth.
    p : two-sided, 0 to 1.
    low, high : ends of the interval for ``z_difference``, in units of Fisher's z.
    level : its coverage.
    """

    z_difference: float
    z: float
    p: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, kw_only=True)
class Zou:
    """Result of :func:`zou`.

    Attributes
    ----------
    difference : r_ta - r_tb.
    low, high : ends of the interval for it, -2 to 2.
    level : its coverage.
    """

    difference: float
    low: float
    high: float
    level: float


def williams(r_ta: float, r_tb: float, r_ab: float, n: int) -> Williams:
    """Williams's t for two dependent correlations (Williams 1959; Steiger 1980, equation 7).

    Steiger puts it in place of Hotelling's t, which treats the predictions as fixed. An
    approximation where the correlations are Spearman's.

    Parameters
    ----------
    r_ta, r_tb : correlation of the truth with model a and with model b, -1 to 1.
    r_ab : correlation between the two models' predictions, -1 to 1.
    n : number of pictures.

    Returns
    -------
    Williams
        ``t`` and ``p`` are NaN where undefined (see the module).

    Examples
    --------
    >>> test = williams(0.75, 0.65, 0.6, 100)
    >>> round(test.t, 3), test.df, round(test.p, 4)
    (1.743, 97, 0.0845)
    """
    r_ta, r_tb, r_ab = float(r_ta), float(r_tb), float(r_ab)
    t = p = NAN
    if _defined(r_ta, r_tb, r_ab, n):
        mean = (r_ta + r_tb) / 2
        determinant = _determinant(r_ta, r_tb, r_ab)
        below = 2 * (n - 1) / (n - 3) * determinant + mean**2 * (1 - r_ab) ** 3
        if below > 0:
            t = (r_ta - r_tb) * math.sqrt((n - 1) * (1 + r_ab) / below)
            p = 2 * float(special.stdtr(n - 3, -abs(t)))
    return Williams(difference=r_ta - r_tb, t=t, df=n - 3, p=p)


def steiger(r_ta: float, r_tb: float, r_ab: float, n: int) -> Steiger:
    """Steiger's Z2*, the modification of Dunn and Clark's z by the mean correlation.

    Steiger (1980), equation 14, with the covariance of the two Fisher z's (equation 10) at the
    arithmetic mean of ``r_ta`` and ``r_tb``, which is what the null hypothesis says both are. It
    is ``steiger1980`` of R's cocor; the variant at the back-transformed mean Fisher z is Hittner,
    May and Silver's (2003). An approximation where the correlations are Spearman's.

    Parameters
    ----------
    r_ta, r_tb, r_ab, n : as in :func:`williams`.

    Returns
    -------
    Steiger
        ``z`` and ``p`` are NaN where undefined (see the module).

    Examples
    --------
    >>> test = steiger(0.75, 0.65, 0.6, 100)
    >>> round(test.z, 3), round(test.p, 4)
    (1.729, 0.0838)
    """
    r_ta, r_tb, r_ab = float(r_ta), float(r_tb), float(r_ab)
    z = p = NAN
    if _defined(r_ta, r_tb, r_ab, n):
        square = ((r_ta + r_tb) / 2) ** 2
        # 1 - covariance with (1 - r_ab) taken out, which does not cancel where r_ab is near 1.
        # It is positive, since a possible matrix has square <= (1 + r_ab) / 2.
        rest = (1 - r_ab) * (1 - square * (3 - r_ab) / 2) / (1 - square) ** 2
        z = (math.atanh(r_ta) - math.atanh(r_tb)) * math.sqrt((n - 3) / (2 * rest))
        p = _two_sided(z)
    return Steiger(difference=r_ta - r_tb, z=z, p=p)


def meng_rosenthal_rubin(
    r_ta: float, r_tb: float, r_ab: float, n: int, level: float = 0.95
) -> MengRosenthalRubin:
    """Meng, Rosenthal and Rubin's z and their interval for the difference of the Fisher z's.

    Meng et al. (1992), equations 1 to 4. The interval excludes 0 exactly where p is below
    ``1 - level``. It is not an interval for ``r_ta - r_tb``, as which it is sometimes printed; for
    that see :func:`zou`. An approximation where the correlations are Spearman's.

    Parameters
    ----------
    r_ta, r_tb, r_ab, n : as in :func:`williams`.
    level : coverage of the interval, above 0 and below 1.

    Returns
    -------
    MengRosenthalRubin
        All but ``level`` are NaN where undefined (see the module).

    Raises
    ------
    ValueError
        ``level`` is not between 0 and 1.

    Examples
    --------
    >>> test = meng_rosenthal_rubin(0.75, 0.65, 0.6, 100)
    >>> round(test.z, 3), round(test.low, 3), round(test.high, 3)
    (1.727, -0.027, 0.422)
    """
    r_ta, r_tb, r_ab = float(r_ta), float(r_tb), float(r_ab)
    quantile = _quantile(level)
    difference = z = p = error = NAN
    if _defined(r_ta, r_tb, r_ab, n):
        square = (r_ta**2 + r_tb**2) / 2
        f = min((1 - r_ab) / (2 * (1 - square)), 1.0)
        h = (1 - f * square) / (1 - square)
        error = math.sqrt(2 * (1 - r_ab) * h / (n - 3))
        difference = math.atanh(r_ta) - math.atanh(r_tb)
        z = difference / error
        p = _two_sided(z)
    return MengRosenthalRubin(
        z_difference=difference,
        z=z,
        p=p,
        low=difference - quantile * error,
        high=difference + quantile * error,
        level=level,
    )


def zou(r_ta: float, r_tb: float, r_ab: float, n: int, level: float = 0.95) -> Zou:
    """Zou's interval for the difference of two dependent correlations that share a variable.

    Zou (2007), p. 409: the Fisher intervals of the two correlations, put together with the
    large-sample correlation between them; asymmetric about the difference, as it should be. An
    approximation where the correlations are Spearman's.

    Parameters
    ----------
    r_ta, r_tb, r_ab, n : as in :func:`williams`.
    level : coverage of the interval, above 0 and below 1.

    Returns
    -------
    Zou
        ``low`` and ``high`` are NaN where undefined (see the module).

    Raises
    ------
    ValueError
        ``level`` is not between 0 and 1.

    Examples
    --------
    >>> interval = zou(0.75, 0.65, 0.6, 100)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.013, 0.224)
    """
    r_ta, r_tb, r_ab = float(r_ta), float(r_tb), float(r_ab)
    quantile = _quantile(level)
    low = high = NAN
    if _defined(r_ta, r_tb, r_ab, n):
        between = sampling_correlation(r_ta, r_tb, r_ab)
        half = quantile / math.sqrt(n - 3)
        below_a, above_a = _fisher_distances(r_ta, half)
        below_b, above_b = _fisher_distances(r_tb, half)
        low = r_ta - r_tb - _joined(below_a, above_b, between)
        high = r_ta - r_tb + _joined(above_a, below_b, between)
    return Zou(difference=r_ta - r_tb, low=low, high=high, level=level)


def sampling_correlation(r_ta: float, r_tb: float, r_ab: float) -> float:
    """Correlation, over samples, of two correlations that share a variable (Olkin & Siotani 1976).

    Of large samples; Steiger (1980), equation 3, gives it as a covariance. Two correlations with
    the same truth go up and down together, so their difference varies less than that of
    independent ones.

    Parameters
    ----------
    r_ta, r_tb, r_ab : as in :func:`williams`; ``|r_ta|`` and ``|r_tb|`` below 1.

    Examples
    --------
    >>> round(sampling_correlation(0.6, 0.6, 0.9), 3)
    0.848
    """
    shared = (r_ab - r_ta * r_tb / 2) * (1 - r_ta**2 - r_tb**2 - r_ab**2) + r_ab**3
    return shared / ((1 - r_ta**2) * (1 - r_tb**2))


def holm(p_values: Sequence[float] | Array) -> Array:
    """Holm's step-down adjustment, which holds the chance of any false rejection.

    Parameters
    ----------
    p_values : shape ``(M,)``, 0 to 1. NaN stay NaN and are not counted among the tests.

    Returns
    -------
    Array
        Adjusted p values, float64 ``(M,)`` in the order given.

    Raises
    ------
    ValueError
        Not one-dimensional, or a p value is outside 0 to 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    adjusted = _checked(p_values)
    tested = np.flatnonzero(~np.isnan(adjusted))
    order = tested[np.argsort(adjusted[tested], kind="stable")]
    steps = np.arange(len(order), 0, -1) * adjusted[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float] | Array) -> Array:
    """Benjamini and Hochberg's adjustment, which holds the false discovery rate.

    ``scipy.stats.false_discovery_control``. The rate is proven for independent tests and for
    positively dependent ones; pairs of models that share a model need not be either.

    Parameters
    ----------
    p_values : shape ``(M,)``, 0 to 1. NaN stay NaN and are not counted among the tests.

    Returns
    -------
    Array
        Adjusted p values, float64 ``(M,)`` in the order given.

    Raises
    ------
    ValueError
        Not one-dimensional, or a p value is outside 0 to 1.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    adjusted = _checked(p_values)
    tested = ~np.isnan(adjusted)
    adjusted[tested] = stats.false_discovery_control(adjusted[tested], method="bh")
    return adjusted


def _defined(r_ta: float, r_tb: float, r_ab: float, n: int) -> bool:
    # Written so that NaN fails each comparison.
    return (
        n >= 4
        and all(1 - abs(r) > _AS_GOOD_AS_ONE for r in (r_ta, r_tb, r_ab))
        and _determinant(r_ta, r_tb, r_ab) >= -_ROUNDING
    )


def _determinant(r_ta: float, r_tb: float, r_ab: float) -> float:
    # Of the correlation matrix, by sum and difference of the models instead of
    # 1 + 2 r_ta r_tb r_ab - r_ta^2 - r_tb^2 - r_ab^2, which cancels where r_ab is near 1.
    return (
        (1 - r_ab) * (1 + r_ab)
        - (r_ta + r_tb) ** 2 * (1 - r_ab) / 2
        - (r_ta - r_tb) ** 2 * (1 + r_ab) / 2
    )


def _fisher_distances(r: float, half: float) -> tuple[float, float]:
    """Distance from ``r`` down and up to the ends of its Fisher interval."""
    z = math.atanh(r)
    return r - math.tanh(z - half), math.tanh(z + half) - r


def _joined(a: float, b: float, correlation: float) -> float:
    return math.sqrt(max(a**2 + b**2 - 2 * correlation * a * b, 0.0))


def _two_sided(z: float) -> float:
    return 2 * float(special.ndtr(-abs(z)))


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    return float(-special.ndtri((1 - level) / 2))


def _checked(p_values: Sequence[float] | Array) -> Array:
    values = np.array(p_values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p values must be one-dimensional, not of shape {values.shape}")
    if np.any((values < 0) | (values > 1)):
        raise ValueError("p values must lie from 0 to 1")
    return values
