"""Numbers that stand for something else: codes for a missing value, percentages with their sign."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from memnet.data.tables import MISSING_CODES, to_numbers
from memnet.util.arrays import Array
from memnet.util.text import shorten_list

HIGHEST = 100.0
"""No form of a MemNet score is above it: they go from 0 to 1, or to 100 as percentages."""

LOWEST = -1.0
"""No form of a MemNet score is below it."""

_FAR_SCORE, FAR = 3.0, 10.0
"""Robust SDs from the rest beyond which a score, or another number, is taken for such a code."""

_NORMAL = 1.4826  # SDs in the median absolute deviation of a normal column


def missing_codes(values: Array, usable: Any) -> Any:
    """Mark scores that stand for a missing one: usual codes that no score can be, far off.

    Where most scores are what no MemNet score can be, the scale is another, and none is marked.
    """
    there = np.isfinite(values) & usable
    if not there.any() or not LOWEST <= float(np.median(values[there])) <= HIGHEST:
        return np.zeros(len(values), dtype=bool)
    return there & np.isin(values, MISSING_CODES) & _far_from_rest(values, there, _FAR_SCORE)


def suspicious(values: Array, there: Any) -> Any:
    """Mark other numbers that look like such a code: bool, of the rows marked by ``there``."""
    return there & np.isin(values, MISSING_CODES) & _far_from_rest(values, there, FAR)


def _far_from_rest(values: Array, there: Any, sds: float) -> Any:
    """Mark numbers that lie so far from the median of those that are no usual code."""
    rest = values[there & ~np.isin(values, MISSING_CODES)]
    if not len(rest):
        return np.zeros(len(values), dtype=bool)
    middle = np.median(rest)
    spread = _NORMAL * float(np.median(np.abs(rest - middle))) or float(rest.std())
    with np.errstate(invalid="ignore"):
        return np.abs(values - middle) > sds * spread


def taken_for_missing(source: str, column: str, cells: pd.Series, coded: Any) -> list[str]:
    """Name the scores that :func:`missing_codes` marks, by their rows."""
    if not coded.any():
        return []
    values = to_numbers(cells)
    named = shorten_list(f"{values[row]:g} in row {row + 2}" for row in np.flatnonzero(coded))
    taken = "is taken for a missing value" if coded.sum() == 1 else "are taken for missing values"
    return [
        f"{source}: {named} of {column!r} {taken}, as no MemNet score is below {LOWEST:g} or above "
        f"{HIGHEST:g}."
    ]


def percent_signs(cells: pd.Series) -> str:
    """Say how cells with a percent sign are to be written; "" where there is none."""
    text = cells.str.strip()
    signed = text[text.str.fullmatch(r"[+-]?[\d.,]+\s*%")]
    if not len(signed):
        return ""
    digits = signed.iloc[0].removesuffix("%").strip()
    share = to_numbers(pd.Series([digits]))[0] / 100
    return f"; write {digits} % as {share:g} (or {digits}), without the sign"
