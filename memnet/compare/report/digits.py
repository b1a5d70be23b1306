"""How many digits a report shows: as many as the interval warrants.

The records and the CSV tables keep every digit; what people read is rounded here. The last digit's
unit is at most a fifth of the interval's width, so that rounding moves no end by more than a tenth
of it: 0.49 [0.41, 0.56], 0.412 [0.397, 0.427].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from memnet.compare.record import Result
from memnet.compare.report.table_model import NONE
from memnet.stats.metrics import CLASS_METRICS

FEWEST, MOST = 2, 6
"""Decimals of a number."""

_PARTS = 5
_SIGNIFICANT = 3
COMPARED = (("mse", "mse_recalibrated"),)
"""Metrics that are read against each other: the second says how much of the first is scale."""

_NEVER_ABOVE_ONE = ("spearman", "pearson", "kendall", *CLASS_METRICS)


def decimals(value: float | None, ends: Sequence[float] | None) -> int:
    """Return the decimals of a value with its interval; without one, three significant digits.

    An end that is not 0 is not rounded to 0, so that it shows on which side of it the end lies.

    Examples
    --------
    >>> decimals(0.489, (0.4058, 0.5640)), decimals(0.0123, (0.0101, 0.0145)), decimals(0.5, None)
    (2, 4, 3)
    >>> decimals(0.12, (-0.003, 0.24))
    3
    """
    if ends is None or ends[0] == ends[1]:
        size = abs(value or 0.0)
        digits = _SIGNIFICANT - 1 - math.floor(math.log10(size)) if size else _SIGNIFICANT
        return min(max(digits, FEWEST), MOST)
    digits = math.ceil(-math.log10((ends[1] - ends[0]) / _PARTS))
    digits = min(max(digits, FEWEST), MOST)
    while digits < MOST and any(end and not round(end, digits) for end in ends):
        digits += 1
    return digits


def fixed(value: float, digits: int, *, bare: bool = False) -> str:
    """Write a number with so many decimals, no negative nought; ``bare`` without the nought.

    Examples
    --------
    >>> fixed(0.489, 2), fixed(-0.489, 2, bare=True), fixed(-0.0001, 2), fixed(1.0, 2, bare=True)
    ('0.49', '-.49', '0.00', '1.00')
    """
    text = f"{value:.{digits}f}"
    if not float(text):
        text = text.removeprefix("-")
    if bare and text.lstrip("-").startswith("0."):
        text = text.replace("0.", ".", 1)
    return text


def rounded(
    value: float | None,
    ends: Sequence[float] | None,
    *,
    bare: bool = False,
    digits: int | None = None,
) -> tuple[str, str]:
    """Return a value and its interval as text, ``undefined`` and ``none`` where there is none.

    ``digits`` are the decimals, where others than its own interval warrants (:func:`decimals`).

    Examples
    --------
    >>> rounded(0.48905, (0.40582, 0.56399), bare=True)
    ('.49', '[.41, .56]')
    >>> rounded(None, None)
    ('undefined', 'none')
    """
    digits = decimals(value, ends) if digits is None else digits
    text = "undefined" if value is None else fixed(value, digits, bare=bare)
    if ends is None:
        return text, NONE
    low, high = (fixed(end, digits, bare=bare) for end in ends)
    return text, f"[{low}, {high}]"


def with_interval(value: float | None, ends: Sequence[float] | None, *, bare: bool = False) -> str:
    """Return ``.49 [.41, .56]``, the value alone without an interval."""
    text, between = rounded(value, ends, bare=bare)
    return text if ends is None or value is None else f"{text} {between}"


def is_bare(metric: str) -> bool:
    """Whether a metric cannot exceed 1, so that psychologists write it without the first nought."""
    return metric in _NEVER_ABOVE_ONE


def compared_with(metric: str) -> tuple[str, ...]:
    """Return the metrics of :data:`COMPARED` that one is read against, itself among them.

    >>> compared_with("mse"), compared_with("mae")
    (('mse', 'mse_recalibrated'), ('mae',))
    """
    return next((names for names in COMPARED if metric in names), (metric,))


def result_texts(result: Result, table: Iterable[Result] = ()) -> tuple[str, str]:
    """Return value and interval of a result as text, ``undefined`` and ``none`` for none.

    ``table`` are the results in one table with it. Of a model, what is compared there with each
    other (:data:`COMPARED`) has one number of decimals: the most that any of their intervals
    warrants, so that rounding still moves no end by more than a tenth of the interval.
    """
    others = compared_with(result.metric)
    those = [
        each
        for each in (result, *table)
        if each.model == result.model and each.metric in others and each.value is not None
    ]
    digits = max((decimals(each.value, each.interval) for each in those), default=None)
    bare = is_bare(result.metric)
    return rounded(result.value, result.interval, bare=bare, digits=digits)
