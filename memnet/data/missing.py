"""What stands for a missing value: cells that hold none, and numbers that are codes for it."""

from __future__ import annotations

import numpy as np

EMPTY_CELLS = ("", ".", "-", "na", "n/a", "n.a.", "nan", "none", "null", "#n/a", "#null!")
"""How a missing value is written, in lower case."""

MISSING_CODES = (-9.0, -99.0, -999.0, -9999.0, 999.0, 9999.0)
"""Numbers that stand for a missing value in many tables; see :func:`find_missing_codes`."""

DOUBTFUL_CODES = (
    *(7.0, 8.0, 9.0, 66.0, 77.0, 88.0, 96.0, 97.0, 98.0, 99.0, 666.0, 777.0, 888.0, 997.0, 998.0),
    *(7777.0, 8888.0, 9998.0, 99999.0, -1.0, -2.0, -7.0, -8.0, -66.0, -77.0, -88.0, -97.0, -98.0),
    *(-666.0, -777.0, -888.0, -997.0, -998.0, -99999.0),
)
"""Further codes, of SPSS and of questionnaires. As many are scores, they are never taken for
missing; see :func:`find_doubtful_codes`."""


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
    column, but not so far that :func:`find_missing_codes` marks them; and those of
    :data:`DOUBTFUL_CODES` that lie outside it by half of its width or more, and further from it
    than its numbers from each other (-2 among -1 to 2 is a rating). They are used as numbers, and
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
    >>> find_doubtful_codes(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 99.0])).tolist()
    [False, False, False, False, False, True]
    """
    coded: np.ndarray = np.isin(values, MISSING_CODES)
    others = ~coded & np.isfinite(values)
    apart: np.ndarray = others & np.isin(values, _codes_apart(np.unique(values[others])))
    others &= ~apart
    if not coded.any() or not others.any():
        return apart
    outside = (values < values[others].min()) | (values > values[others].max())
    doubtful: np.ndarray = apart | (coded & outside & ~find_missing_codes(values))
    return doubtful


def _codes_apart(numbers: np.ndarray) -> np.ndarray:
    """Return the :data:`DOUBTFUL_CODES` at both ends of sorted numbers that lie apart from them."""
    codes = np.array(DOUBTFUL_CODES)
    rest, is_code = numbers, np.isin(numbers, codes)
    if not is_code.any():
        return rest[:0]
    while True:  # without those of one end, the range of the others is narrower
        above = _count_apart(rest, is_code)
        rest, is_code = rest[: len(rest) - above], is_code[: len(rest) - above]
        below = _count_apart(-rest[::-1], is_code[::-1])
        rest, is_code = rest[below:], is_code[below:]
        if not above + below:
            return np.setdiff1d(numbers, rest)


def _count_apart(numbers: np.ndarray, is_code: np.ndarray) -> int:
    """Count the codes apart from all smaller ones of sorted numbers, two of which are others."""
    gaps = np.diff(numbers)
    for first in range(len(numbers) - 1, 1, -1):
        if not is_code[first]:
            return 0
        gap, width = gaps[first - 1], numbers[first - 1] - numbers[0]
        if gap >= width / 2 and gap > gaps[: first - 1].max():
            return len(numbers) - first
    return 0
