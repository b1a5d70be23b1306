"""What stands for a missing value: cells that hold none, and numbers that are codes for it."""

from __future__ import annotations

import numpy as np

EMPTY_CELLS = ("", ".", "-", "na", "n/a", "n.a.", "nan", "none", "null", "#n/a", "#null!")
"""How a missing value is written, in lower case."""

MISSING_CODES = (-9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0)
"""Numbers that stand for a missing value in many tables; see :func:`find_missing_codes`."""


def find_missing_codes(values: np.ndarray) -> np.ndarray:
    """Mark numbers that stand for a missing value.

    The rule, for every column of scores that memnet reads: a number is taken for missing where it
    is one of :data:`MISSING_CODES` and lies outside the range of all other numbers of the column
    by more than the width of that range; or is -99 or less where no other is negative. (Where the
    others are all equal, their size stands for the width.) A response time of 999 ms among others
    from 400 to 900 is therefore kept, and one of -99 ms is not; nor is -9 taken for a code among
    corrected hit rates in per cent.

    Parameters
    ----------
    values : float64 ``(N,)``, NaN where there is no number.

    Returns
    -------
    bool ``(N,)``

    Examples
    --------
    >>> find_missing_codes(np.array([0.5, 0.9, -999.0])).tolist()
    [False, False, True]
    >>> find_missing_codes(np.array([400.0, 900.0, 999.0, -99.0])).tolist()
    [False, False, False, True]
    """
    coded: np.ndarray = np.isin(values, MISSING_CODES)
    if not coded.any():
        return coded
    others = values[~coded & np.isfinite(values)]
    if not len(others):
        return coded
    low, high = others.min(), others.max()
    width = high - low or abs(high)
    far = (values < low - width) | (values > high + width)
    missing: np.ndarray = coded & (far | ((values <= -99) & (low >= 0)))
    return missing


def find_doubtful_codes(values: np.ndarray) -> np.ndarray:
    """Mark numbers that may stand for a missing value, or be numbers: nobody can know.

    They are those of :data:`MISSING_CODES` that lie outside the range of all other numbers of the
    column, but not so far that :func:`find_missing_codes` marks them. They are used as numbers, and
    whoever uses them says so.

    Parameters
    ----------
    values : float64 ``(N,)``, NaN where there is no number.

    Returns
    -------
    bool ``(N,)``

    Examples
    --------
    >>> find_doubtful_codes(np.array([0.0, 10.0, -9.0])).tolist()
    [False, False, True]
    """
    coded: np.ndarray = np.isin(values, MISSING_CODES)
    others = values[~coded & np.isfinite(values)]
    if not coded.any() or not len(others):
        return np.zeros(len(values), dtype=bool)
    outside = (values < others.min()) | (values > others.max())
    doubtful: np.ndarray = coded & outside & ~find_missing_codes(values)
    return doubtful
