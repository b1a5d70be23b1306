"""Are two groups of pictures alike in something? Differences that do not grow with their number.

A p value is the wrong measure here: it says whether pictures were drawn from one population, which
chosen pictures were not, and with few pictures it is large however unlike the groups are (Imai,
King, & Stuart, 2008). What counts is how far apart the groups are.

References
----------
Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline covariates
between treatment groups in propensity-score matched samples. Statistics in Medicine, 28, 3083-3107.
Imai, K., King, G., & Stuart, E. A. (2008). Misunderstandings between experimentalists and
observationalists about causal inference. Journal of the Royal Statistical Society A, 171, 481-502.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import ks_2samp

from memnet.util.arrays import AnyArray


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How two groups differ in one covariate.

    Attributes
    ----------
    mean_a, mean_b, sd_a, sd_b : of the two groups, in the covariate's own unit; SDs with n - 1.
    difference : standardised, a minus b; see :func:`standardised_difference`.
    variance_ratio : variance of a by that of b; 1 where they are equal, NaN where b has none.
    one_minus_ks : 1 minus the Kolmogorov-Smirnov distance: 1 where both groups have the same
        distribution, 0 where all of one group lie above all of the other.
    """

    mean_a: float
    mean_b: float
    sd_a: float
    sd_b: float
    difference: float
    variance_ratio: float
    one_minus_ks: float


def balance(a: AnyArray, b: AnyArray) -> Balance:
    """Compare two groups in one covariate.

    Parameters
    ----------
    a, b : its values in the groups, ``(N,)`` and ``(M,)``, at least two each, all finite.

    Raises
    ------
    ValueError
        if a group has fewer than two values, or one that is not finite.

    Examples
    --------
    >>> alike = balance([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    >>> alike.difference, alike.variance_ratio, round(alike.one_minus_ks, 3)
    (-1.0, 1.0, 0.667)
    """
    first, second = (np.asarray(values, dtype=np.float64) for values in (a, b))
    for values in (first, second):
        if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
            raise ValueError("each group needs two finite values or more")
    var_a, var_b = float(first.var(ddof=1)), float(second.var(ddof=1))
    return Balance(
        mean_a=float(first.mean()),
        mean_b=float(second.mean()),
        sd_a=math.sqrt(var_a),
        sd_b=math.sqrt(var_b),
        difference=_standardised(float(first.mean() - second.mean()), (var_a + var_b) / 2),
        variance_ratio=var_a / var_b if var_b else math.nan,
        one_minus_ks=1 - float(ks_2samp(first, second, method="asymp").statistic),
    )


def standardised_difference(a: AnyArray, b: AnyArray) -> float:
    """Difference of two means by the pooled SD, ``sqrt((sd_a^2 + sd_b^2) / 2)`` (Austin, 2009).

    0 where the means are equal, also without any spread; NaN where they differ and nothing spreads.

    Parameters
    ----------
    a, b : as in :func:`balance`, which raises the same.

    Examples
    --------
    >>> standardised_difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    -1.0
    """
    return balance(a, b).difference


def difference_of_shares(p: float, q: float) -> float:
    """Standardise the difference of two shares: by ``sqrt((p (1 - p) + q (1 - q)) / 2)``.

    Austin (2009); for a category's share of each group's pictures, 0 to 1. 0 where both are equal,
    NaN for 0 against 1.

    Examples
    --------
    >>> round(difference_of_shares(0.5, 0.4), 4)
    0.202
    """
    return _standardised(p - q, (p * (1 - p) + q * (1 - q)) / 2)


def _standardised(difference: float, variance: float) -> float:
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variance) if variance else math.nan
