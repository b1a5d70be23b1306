"""How many pictures does a study need? Widths of intervals and power of tests, by formula.

All correlations are Spearman's rho with the human scores as they are, noise included; what noise
makes of a correlation says :func:`attenuated`. The variance of Fisher's z of rho is Bonett and
Wright's (2000), ``(1 + rho^2 / 2) / (n - 3)``, and two models' rhos, which share the human scores,
are correlated over samples as Olkin and Siotani (1976) say
(:func:`.dependent_correlations.sampling_correlation`). On jointly normal scores the standard
deviation of a difference is by that formula from 0 to 5 % too large (rho .2 to .85), so that a few
pictures more are asked for than needed; with Pearson's variance, ``1 / (n - 3)``, it would be up to
11 % too small.

Tests are two-sided at 5 %; equivalence is two one-sided tests (TOST) at 5 % each.

References
----------
Bonett, D. G., & Wright, T. A. (2000). Psychometrika, 65, 23-28.
Schuirmann, D. J. (1987). Journal of Pharmacokinetics and Biopharmaceutics, 15, 657-680.
Spearman, C. (1904). American Journal of Psychology, 15, 72-101.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

from memnet.stats.dependent_correlations import sampling_correlation
from memnet.stats.levels import ALPHA, LEVEL

FEWEST, MOST = 4, 10**9
"""The numbers of pictures between which an answer is looked for."""

_Z_TWO = float(special.ndtri(1 - ALPHA / 2))
_Z_ONE = float(special.ndtri(1 - ALPHA))


def attenuated(rho: float, reliability: float) -> float:
    """Correlation with noisy human scores, of that with noise-free ones: ``rho sqrt(reliability)``.

    Spearman (1904); exact for Pearson's r, nearly so for ranks.

    >>> round(attenuated(0.7, 0.75), 3)
    0.606
    """
    return rho * math.sqrt(reliability)


def rho_interval(
    rho: float, pictures: float, *, level: float = LEVEL, pearson: bool = False
) -> tuple[float, float]:
    """Bonett and Wright's interval of Spearman's rho (Fisher's, of Pearson's r).

    Parameters
    ----------
    rho : above -1 and below 1.
    pictures : their number, above 3.
    level : coverage.
    pearson : whether ``rho`` is Pearson's r.

    Examples
    --------
    >>> low, high = rho_interval(0.8699639, 15)
    >>> round(low, 4), round(high, 4)
    (0.5841, 0.9638)
    """
    half = float(special.ndtri((1 + level) / 2)) * math.sqrt(_spread(rho, pearson) / (pictures - 3))
    z = math.atanh(rho)
    return math.tanh(z - half), math.tanh(z + half)


def interval_width(rho: float, pictures: float, *, pearson: bool = False) -> float:
    """Width of the 95 % interval around ``rho``, from end to end.

    >>> round(interval_width(0.6, 1000), 4)
    0.0863
    """
    low, high = rho_interval(rho, pictures, pearson=pearson)
    return high - low


def pictures_for_width(rho: float, width: float, *, pearson: bool = False) -> int:
    """Return the smallest number of pictures whose interval around ``rho`` is no wider.

    >>> pictures_for_width(0.362, 0.25)
    200
    """
    return _fewest(lambda n: interval_width(rho, n, pearson=pearson) <= width)


def power_of_difference(
    rho_a: float,
    rho_b: float,
    between: float,
    pictures: float,
    *,
    tails: int = 2,
    pearson: bool = False,
) -> float:
    """Power of the test whether two models' rhos with the same human scores differ.

    The test is that of the difference of Fisher's z's (Steiger 1980): its standard error under the
    null hypothesis is at the mean of both, as in :func:`.dependent_correlations.steiger`.

    Parameters
    ----------
    rho_a, rho_b : of the two models, above -1 and below 1.
    between : correlation between the two models' scores.
    pictures : their number, above 3.
    tails : 2; 1 for a test of one direction.
    pearson : whether the correlations are Pearson's.

    Examples
    --------
    >>> round(power_of_difference(0.6, 0.55, 0.7, 1000), 2)
    0.67
    """
    mean = (rho_a + rho_b) / 2
    null = _sd_of_difference(mean, mean, between, pearson)
    actual = _sd_of_difference(rho_a, rho_b, between, pearson)
    shift = abs(math.atanh(rho_a) - math.atanh(rho_b)) * math.sqrt(pictures - 3)
    limit = (_Z_TWO if tails == 2 else _Z_ONE) * null
    above = _normal((shift - limit) / actual)
    return above + _normal((-shift - limit) / actual) if tails == 2 else above


def pictures_for_difference(
    rho_a: float,
    rho_b: float,
    between: float,
    power: float,
    *,
    tails: int = 2,
    pearson: bool = False,
) -> int:
    """Return the smallest number of pictures for that power (see :func:`power_of_difference`).

    >>> pictures_for_difference(0.6, 0.55, 0.7, 0.8)
    1361
    """
    return _fewest(
        lambda n: (
            power_of_difference(rho_a, rho_b, between, n, tails=tails, pearson=pearson) >= power
        )
    )


def smallest_difference(rho: float, between: float, pictures: float, power: float) -> float:
    """Return how much less than ``rho`` another model's must be to be found with that power.

    ``between`` and ``power`` as in :func:`power_of_difference`; NaN where no rho that two such
    models can have is so far away.

    >>> round(smallest_difference(0.6, 0.7, 1361, 0.8), 4)
    0.05
    """
    lowest = max(rho * between - math.sqrt((1 - rho**2) * (1 - between**2)), -0.9999)
    if power_of_difference(rho, lowest, between, pictures) < power:
        return math.nan
    return _least(
        lambda d: power_of_difference(rho, rho - d, between, pictures) >= power, rho - lowest
    )


def power_of_equivalence(rho: float, between: float, margin: float, pictures: float) -> float:
    """Power to show that two equally good models are equivalent within ``margin`` (TOST).

    Parameters
    ----------
    rho : of both models.
    between : correlation between their scores.
    margin : rhos that differ by less count as equivalent; above 0.
    pictures : their number, above 3.

    Examples
    --------
    >>> round(power_of_equivalence(0.6, 0.7, 0.05, 1425), 2)
    0.8
    """
    error = (1 - rho**2) * _sd_of_difference(rho, rho, between, False) / math.sqrt(pictures - 3)
    return max(2 * _normal(margin / error - _Z_ONE) - 1, 0.0)


def pictures_for_margin(rho: float, between: float, margin: float, power: float) -> int:
    """Return the smallest number of pictures for that power (see :func:`power_of_equivalence`).

    >>> pictures_for_margin(0.6, 0.7, 0.05, 0.8)
    1425
    """
    return _fewest(lambda n: power_of_equivalence(rho, between, margin, n) >= power)


def smallest_margin(rho: float, between: float, pictures: float, power: float) -> float:
    """Return the smallest margin for that power (see :func:`power_of_equivalence`).

    >>> round(smallest_margin(0.6, 0.7, 1425, 0.8), 4)
    0.05
    """
    error = (1 - rho**2) * _sd_of_difference(rho, rho, between, False) / math.sqrt(pictures - 3)
    return error * (_Z_ONE + float(special.ndtri((1 + power) / 2)))


def _spread(rho: float, pearson: bool) -> float:
    """Variance of Fisher's z, times n - 3."""
    return 1.0 if pearson else 1 + rho**2 / 2


def _sd_of_difference(rho_a: float, rho_b: float, between: float, pearson: bool) -> float:
    """Return the SD of the difference of two Fisher's z's, times ``sqrt(n - 3)``."""
    a, b = (math.sqrt(_spread(rho, pearson)) for rho in (rho_a, rho_b))
    shared = sampling_correlation(rho_a, rho_b, between)
    return math.sqrt(max((a - b) ** 2 + 2 * (1 - shared) * a * b, 1e-300))


def _normal(z: float) -> float:
    return float(special.ndtr(z))


def _fewest(enough: Callable[[int], bool]) -> int:
    """Return the smallest number of pictures that is enough.

    Raises
    ------
    ValueError
        if not even :data:`MOST` are.
    """
    if not enough(MOST):
        raise ValueError(f"more than {MOST:,} pictures are needed")
    low, high = FEWEST - 1, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _least(enough: Callable[[float], bool], high: float) -> float:
    """Return the smallest size above 0 that is enough, where ``high`` is."""
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def participants_for_groups(
    difference: float, sd_items: float, mean: float, k: int, power: float = 0.8
) -> int | None:
    """Return how many people must see each picture for two groups of pictures to differ.

    The test is Welch's t test over pictures, two-sided at 5 %, of the share of people who
    remembered each picture. That share varies between the pictures of a group (``sd_items``) and by
    chance: its binomial variance is ``p (1 - p) / people``. More people make only the second
    smaller. The power is that of the noncentral t distribution with Welch's degrees of freedom at
    the expected variances.

    Parameters
    ----------
    difference : of the groups' expected shares, above 0.
    sd_items : SD of the pictures' true shares within a group, 0 or more.
    mean : share over both groups, between 0 and 1; so are both groups' own.
    k : pictures per group, 2 or more.
    power : share of the studies that shall find the difference, above 0.05 and below 1.

    Returns
    -------
    int or None
        None where no number of people suffices: more pictures are needed.

    Raises
    ------
    ValueError
        if a number is out of its range.

    Examples
    --------
    >>> participants_for_groups(0.1, 0.08, 0.75, 20)
    32
    >>> participants_for_groups(0.02, 0.08, 0.75, 20) is None
    True
    """
    shares = (mean - difference / 2, mean + difference / 2)
    fits = difference > 0 and sd_items >= 0 and k >= 2 and ALPHA < power < 1
    if not fits or not 0 < shares[0] < shares[1] < 1:
        raise ValueError("difference, sd_items, mean, k or power is out of its range")

    def power_with(people: float) -> float:
        noise = (max(p * (1 - p) - sd_items**2, 0.0) / people for p in shares)
        errors = [(sd_items**2 + each) / k for each in noise]
        return _power_of_welch(difference, errors[0], errors[1], k)

    if power_with(math.inf) < power:
        return None
    high = 1
    while power_with(high) < power:
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_with(middle) >= power else (middle, high)
    return high


def _power_of_welch(difference: float, error_a: float, error_b: float, k: int) -> float:
    """Power of Welch's test, of groups of ``k`` whose means have these squared errors."""
    total = error_a + error_b
    if total == 0:
        return 1.0
    df = total**2 * (k - 1) / (error_a**2 + error_b**2)
    limit = float(special.stdtrit(df, 1 - ALPHA / 2))
    shift = difference / math.sqrt(total)
    return 1 - float(special.nctdtr(df, shift, limit)) + float(special.nctdtr(df, shift, -limit))
