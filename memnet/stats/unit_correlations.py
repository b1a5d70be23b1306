"""Which units of a layer go up and down with a score of the pictures, and which by chance.

Khosla et al. (2015), section 4.4, correlate the units of MemNet with memorability. A layer has
hundreds of units, so some correlate by chance alone: the p values of all units are corrected
together, by the false discovery rate (Benjamini & Hochberg 1995, Journal of the Royal Statistical
Society B 57, 289-300).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from memnet.errors import MemnetError
from memnet.stats.dependent_correlations import benjamini_hochberg
from memnet.stats.metrics.spearman import standard_ranks
from memnet.util.arrays import AnyArray, Array

FEWEST_FOR_P = 10
"""Pictures: of fewer, Student's t is far off (of three, rho is 1 or -1 one time in three)."""

_NUMBERS_AT_ONCE = 4_000_000  # 32 MB of float64, whatever the number of units


@dataclass(frozen=True, kw_only=True)
class UnitCorrelations:
    """Correlations of P units with a score; NaN for a unit that is the same for all pictures.

    Attributes
    ----------
    spearman, pearson : float64 ``(P,)``, -1 to 1; ``scipy.stats.spearmanr`` and ``pearsonr``.
    spearman_p, pearson_p : float64 ``(P,)``, 0 to 1, two-sided, uncorrected; NaN of fewer pictures
        than :data:`FEWEST_FOR_P`.
    constant : bool ``(P,)``, the units that are the same for all pictures.
    """

    spearman: Array
    spearman_p: Array
    pearson: Array
    pearson_p: Array
    constant: AnyArray


def correlate_units(units: AnyArray, score: Array) -> UnitCorrelations:
    """Correlate every unit with a score of the pictures.

    Parameters
    ----------
    units : ``(N, P)``, a row per picture, finite; of any type of number. It is read in blocks of
        units.
    score : ``(N,)``, finite: memorability, of people or predicted.

    Returns
    -------
    UnitCorrelations

    Raises
    ------
    MemnetError
        if there are fewer than three pictures, a unit is not finite, or the score is the same for
        all pictures.

    Examples
    --------
    >>> units = np.array([[0.0, 5.0, 1.0], [1.0, 5.0, 0.5], [2.0, 5.0, 0.7], [9.0, 5.0, 0.1]])
    >>> found = correlate_units(units, np.array([0.4, 0.6, 0.7, 0.8]))
    >>> found.spearman.round(3).tolist(), found.constant.tolist()
    ([1.0, nan, -0.8], [False, True, False])
    """
    n, count = units.shape
    check_score(score)
    ranks, deviations = standard_ranks(score), _standardised(score[None])[0]
    spearman, pearson = np.empty(count), np.empty(count)
    constant = np.empty(count, dtype=bool)
    width = max(1, _NUMBERS_AT_ONCE // n)
    for start in range(0, count, width):
        part = slice(start, start + width)
        block = np.ascontiguousarray(units[:, part].T, dtype=np.float64)
        if not np.isfinite(block).all():
            unit = start + int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            raise MemnetError(f"Unit {unit} is not finite for some pictures.")
        constant[part] = np.ptp(block, axis=1) == 0
        spearman[part] = standard_ranks(block) @ ranks
        pearson[part] = _standardised(block) @ deviations
    for each in (spearman, pearson):
        np.clip(each, -1, 1, out=each)
        each[constant] = np.nan
    return UnitCorrelations(
        spearman=spearman,
        spearman_p=_p_values(spearman, n),
        pearson=pearson,
        pearson_p=_p_values(pearson, n),
        constant=constant,
    )


def check_score(score: Array) -> None:
    """Raise ``MemnetError`` where no unit can correlate with a score ``(N,)``.

    It is of fewer than three pictures, or the same for all.
    """
    if len(score) < 3:
        raise MemnetError(
            f"A score of {len(score)} picture(s) is too few to correlate units with; three are the "
            f"least, and p values need {FEWEST_FOR_P}."
        )
    if np.ptp(score) == 0:
        raise MemnetError(
            f"The score is {score[0]:g} for each of the {len(score):,} pictures, so nothing "
            "correlates with it."
        )


def correct_together(p_values: list[Array]) -> list[Array]:
    """Correct the p values of all layers' units at once, by the false discovery rate.

    Parameters
    ----------
    p_values : for each layer ``(P,)``; NaN of a constant unit is no test.

    Returns
    -------
    list
        for each layer the adjusted p values ``(P,)``: of the units below .05, 5 % or fewer are
        expected to be there by chance.

    Examples
    --------
    >>> correct_together([np.array([0.01, np.nan]), np.array([0.04])])
    [array([0.02,  nan]), array([0.04])]
    """
    ends = np.cumsum([len(each) for each in p_values])[:-1]
    return np.split(benjamini_hochberg(np.concatenate(p_values)), ends)


def _standardised(rows: Array) -> Array:
    """Rows with mean 0 and length 1; zeros where all are the same."""
    deviations = rows - rows.mean(axis=1, keepdims=True)
    length = np.sqrt(np.einsum("pn,pn->p", deviations, deviations))[:, None]
    standardised: Array = deviations / np.where(length > 0, length, 1.0)
    return standardised


def _p_values(r: Array, n: int) -> Array:
    """Two-sided, by Student's t with n - 2 degrees of freedom; as SciPy's for both correlations."""
    if n < FEWEST_FOR_P:
        return np.full_like(r, np.nan)
    with np.errstate(divide="ignore"):  # of r = 1, whose t is infinite
        t = r * np.sqrt((n - 2) / ((1 - r) * (1 + r)))
    p: Array = 2 * special.stdtr(n - 2, -np.abs(t))
    return p
