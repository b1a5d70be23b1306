"""Numbers as people write them: decimal points and commas, thousands, codes for what is missing.

A comma may be a decimal comma (``0,75``) or stand between thousands (``1,071``), and so may a
point. Each cell says what it can be; a cell that can be both is decided by the others of its
column. Where they do not decide it, nobody can know: that is an error, not a guess.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

import numpy as np
import pandas as pd

from memnet.errors import MemnetError
from memnet.util.text import quoted

DECIMAL_COMMA = "memnet.decimal_comma"
"""In ``attrs`` of a table: whether some cell of it can only be read with a decimal comma."""

POINT_COLUMNS = "memnet.point_columns"
"""In ``attrs`` of a table: names of columns with numbers, not text, that have decimals.

Written as text they have a decimal point, so that points of other cells cannot be thousands."""

POINTS_UNSURE = "memnet.points_unsure"
"""In ``attrs`` of a table: whether points may stand between thousands though no comma is there.

So it is in all tables but text with commas between cells, which no program of a country with
decimal commas writes."""

_OTHER = {",": ".", ".": ","}
_DECIMAL, _THOUSANDS = "decimal", "thousands"
_MARK_NAMES = {",": "a comma", ".": "a point"}


def _patterns(mark: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Make the patterns of a mark: before decimals, between thousands for certain, and either."""
    this, other = re.escape(mark), re.escape(_OTHER[mark])
    decimal = rf"[+-]?(?:\d+{this}\d*|{this}\d+)(?:[eE][+-]?\d+)?"
    group = rf"[+-]?[1-9]\d{{0,2}}(?:{this}\d{{3}})"
    certain = rf"{group}{{2,}}|{group}+{other}\d*"
    return re.compile(decimal), re.compile(certain), re.compile(group)


_MARKS = {mark: _patterns(mark) for mark in _OTHER}

_BETWEEN = "'\u2019\u00a0\u2009\u202f"  # Swiss, French, SI; a plain blank may part two numbers
_SPACED = re.compile(rf"[+-]?[1-9]\d{{0,2}}(?:[{_BETWEEN}]\d{{3}})+(?:[.,]\d*)?")
_BLANKED = re.compile(r"[+-]?[1-9]\d{0,2}(?: \d{3})+(?:[.,]\d*)?")
_WHOLE_PART = re.compile(r"[+-]?(\d+)(?:[.,]\d*)?")
_NUMBERS = (float, np.floating, Decimal)  # of which one has decimals or not
_MINUS = re.compile(r"[\u2212\u2013](?=[.,]?\d)")  # APA tables have it, or Word's en dash


def to_numbers(cells: pd.Series, source: str = "") -> np.ndarray:
    """Turn cells into float64 ``(N,)``; what is no finite number becomes NaN.

    Text is rounded to the nearest float64, as Python's ``float()`` does. ``0,75`` has a decimal
    comma, since no group of thousands begins with 0; ``1,071,000`` and ``1,234.5`` have commas
    between thousands, ``1'071`` an apostrophe (or a blank that no key types). ``1,071`` can be
    either, and is read as the other cells of its column are. A typographic minus is one,
    and so is an en dash before a number.

    Parameters
    ----------
    cells : a column of a table; its name is the column's.
    source : what the message calls the table.

    Raises
    ------
    MemnetError
        if a cell can be read in two ways and the others of its column do not say in which.

    Examples
    --------
    >>> to_numbers(pd.Series(["0,629", "1,071", ""])).tolist()
    [0.629, 1.071, nan]
    >>> to_numbers(pd.Series(["1,071", "914", "1,234,567"])).tolist()
    [1071.0, 914.0, 1234567.0]
    >>> to_numbers(pd.Series(["1,071", "914"], name="rt"), "study.csv")
    Traceback (most recent call last):
    memnet.errors.MemnetError: study.csv, column 'rt': '1,071' can be read as 1071 (a comma ...
    """
    if _is_numeric(cells):
        values = cells.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    else:
        texts = with_decimal_points(cells, source).tolist()
        # float() rather than pandas' own parser: it rounds correctly in the last digit.
        values = np.array([_number(text) for text in texts], dtype=np.float64)
    values[~np.isfinite(values)] = np.nan
    return values


def with_decimal_points(cells: pd.Series, source: str = "") -> pd.Series:
    """Write the numbers of a column with decimal points and without thousands; other text stays.

    Raises
    ------
    MemnetError
        as :func:`to_numbers`.

    Examples
    --------
    >>> with_decimal_points(pd.Series(["0,629", "1,071", "n.a."])).tolist()
    ['0.629', '1.071', 'n.a.']
    """
    if _is_numeric(cells):
        return cells
    written = [text.strip() for text in as_text(cells)]
    texts = _without_blanks(list(map(_without_spacing, written)))
    if (
        any("," in text or text.count(".") > 1 for text in texts)
        or _in_comma_table(cells)
        or _are_like_thousands(texts, cells)
    ):
        texts = _unify(texts, cells, source)
    elif texts == written:
        return as_text(cells)
    return pd.Series(texts, index=cells.index, name=cells.name, dtype=object)


def _without_spacing(text: str) -> str:
    """Take what can only stand between thousands out of a number; make a minus that of computers.

    Examples
    --------
    >>> _without_spacing("1'071"), _without_spacing("1\u2019071,5"), _without_spacing("1 071")
    ('1071', '1071,5', '1 071')
    """
    if _MINUS.match(text):
        text = "-" + text[1:]
    if text[-1:].isalpha() or not any(mark in text for mark in _BETWEEN):
        return text
    return re.sub(f"[{_BETWEEN}]", "", text) if _SPACED.fullmatch(text) else text


def _without_blanks(texts: list[str]) -> list[str]:
    """Take plain blanks out of ``1 071``, unless it may be two numbers in one cell.

    It is one where the other numbers of the column reach three digits before the decimals, and no
    more.

    Examples
    --------
    >>> _without_blanks(["1 071", "914"]), _without_blanks(["1 071", "0.5"])
    (['1071', '914'], ['1 071', '0.5'])
    """
    if not any(map(_BLANKED.fullmatch, texts)):
        return texts
    digits = [len(match[1]) for match in map(_WHOLE_PART.fullmatch, texts) if match]
    if max(digits, default=0) != len("914"):
        return texts
    return [text.replace(" ", "") if _BLANKED.fullmatch(text) else text for text in texts]


def _is_numeric(cells: pd.Series) -> bool:
    if cells.dtype == object:
        return False
    types = pd.api.types
    other = types.is_bool_dtype(cells) or types.is_complex_dtype(cells)  # float() drops a part
    return types.is_numeric_dtype(cells) and not other


def has_decimal_comma(text: str) -> bool:
    """Whether a cell is a number that can only be read with a decimal comma.

    Examples
    --------
    >>> has_decimal_comma("0,629"), has_decimal_comma("1,071"), has_decimal_comma("a,b")
    (True, False, False)
    """
    decimal, _, either = _MARKS[","]
    text = _without_spacing(text)
    if "," not in text:
        return False
    if _MARKS["."][1].fullmatch(text):  # 1.234,5
        return True
    return bool(decimal.fullmatch(text) and not either.fullmatch(text))


def is_fraction(cell: object) -> bool:
    """Whether a cell is a number, not text, with something behind its decimal point."""
    return isinstance(cell, _NUMBERS) and math.isfinite(cell) and cell % 1 != 0


MIXED_SCALES = "some may be percentages, others not"
"""How :func:`scale_hint` ends where ranks mean nothing either."""


_RATINGS, _COUNTS = 10, 50
"""Whole numbers up to the first may be ratings, and up to the second counts of answers."""


def scale_hint(values: np.ndarray) -> str:
    """Say what scores that are not all from 0 to 1 may be; "" where nobody knows.

    Examples
    --------
    >>> scale_hint(np.array([51.0, 93.0])), scale_hint(np.array([2.0, 7.0]))
    ('they look like percentages: divide by 100', 'they look like ratings, not like shares')
    """
    low, high = float(values.min()), float(values.max())
    above = int((values > 1).sum())
    if low < 0 or high > 100:
        return ""
    if _RATINGS < high <= _COUNTS and bool((values == np.floor(values)).all()):
        return "perhaps they are counts (divide by the number of answers) or percentages"
    if high > 10 and above < 0.9 * len(values):
        return f"{above:,} of {len(values):,} are above 1: {MIXED_SCALES}"
    if high > 10:
        return "they look like percentages: divide by 100"
    if bool((values == np.floor(values)).all()):
        return "they look like ratings, not like shares"
    return ""


def as_text(cells: pd.Series) -> pd.Series:
    """Turn a column into text, a missing value into ``""``; text stays as it is."""
    if isinstance(cells.dtype, pd.StringDtype) and not cells.isna().any():
        return cells
    if cells.dtype == object and all(type(cell) is str for cell in cells.array):
        return cells  # as all columns of text tables are: the way below takes a dozen steps
    if pd.api.types.is_datetime64_dtype(cells):  # days without a time of day, as CSV files have it
        return cells.astype(str).where(cells.notna(), "").astype(object)
    return cells.astype(object).where(cells.notna(), "").astype(str)


def _in_comma_table(cells: pd.Series) -> bool:
    return bool(cells.attrs.get(DECIMAL_COMMA))


def _are_like_thousands(texts: list[str], cells: pd.Series) -> bool:
    """Whether points look like those between thousands: ``1.071`` beside ``914``, and no ``0.5``.

    That is where every cell with a point has groups of three digits, and whole numbers without one
    end below 1,000, some of two or three digits. Beside ``7`` alone, ``1.071`` is a rating's mean.
    """
    if not cells.attrs.get(POINTS_UNSURE) or _has_decimals(cells):
        return False
    decimal, _, either = _MARKS["."]
    pointed = (text for text in texts if "." in text and decimal.fullmatch(text))
    first = next(pointed, "")
    if not either.fullmatch(first) or not all(map(either.fullmatch, pointed)):
        return False
    whole = (text.lstrip("+-") for text in texts)
    return max((len(text) for text in whole if text.isdecimal()), default=0) in (2, 3)


def _has_decimals(cells: pd.Series) -> bool:
    """Whether some cells are numbers, not text, with something behind the decimal point."""
    return cells.name in cells.attrs.get(POINT_COLUMNS, ()) or any(map(is_fraction, cells))


def _unify(texts: list[str], cells: pd.Series, source: str) -> list[str]:
    """Write every number with a decimal point and without thousands, as far as that is known."""
    seen: dict[str, set[str]] = {mark: set() for mark in _MARKS}  # what marks are for certain
    for text in texts:
        for mark, (decimal, thousands, either) in _MARKS.items():
            if thousands.fullmatch(text):
                seen[mark].add(_THOUSANDS)
                if _OTHER[mark] in text:
                    seen[_OTHER[mark]].add(_DECIMAL)
            elif decimal.fullmatch(text) and not either.fullmatch(text):
                seen[mark].add(_DECIMAL)
    if _has_decimals(cells):
        seen["."].add(_DECIMAL)
    for mark, uses in seen.items():
        if len(uses) == 2:
            raise _both(mark, texts, cells, source)
    commas_are_decimal = _DECIMAL in seen[","] or _in_comma_table(cells)
    if not (commas_are_decimal or _THOUSANDS in seen["."] or _are_like_thousands(texts, cells)):
        seen["."].add(_DECIMAL)  # as computers write numbers
    return [_with_point(text, seen, cells, source) for text in texts]


def _with_point(text: str, seen: dict[str, set[str]], cells: pd.Series, source: str) -> str:
    for mark, (decimal, thousands, either) in _MARKS.items():
        if thousands.fullmatch(text):
            return text.replace(mark, "").replace(_OTHER[mark], ".")
        if either.fullmatch(text):
            if len(seen[mark]) != 1:
                raise _two_readings(text, mark, cells, source)
            return text.replace(mark, "" if _THOUSANDS in seen[mark] else ".")
        if decimal.fullmatch(text):
            return text.replace(mark, ".")
    return text


def _both(mark: str, texts: list[str], cells: pd.Series, source: str) -> MemnetError:
    decimal, thousands, either = _MARKS[mark]
    between = next(text for text in texts if thousands.fullmatch(text))
    before = next(
        (
            quoted(text)
            for text in texts
            if _MARKS[_OTHER[mark]][1].fullmatch(text)
            or (decimal.fullmatch(text) and not either.fullmatch(text))
        ),
        "cells that are numbers, not text",
    )
    return MemnetError(
        f"{_where(cells, source)}: {_MARK_NAMES[mark]} stands between thousands in "
        f"{quoted(between)} and before decimals in {before}; write its numbers without anything "
        "between thousands and with a decimal point."
    )


def _where(cells: pd.Series, source: str) -> str:
    named = [source, f"column {quoted(str(cells.name))}" if cells.name else ""]
    return ", ".join(filter(None, named)) or "A column"


def _two_readings(text: str, mark: str, cells: pd.Series, source: str) -> MemnetError:
    name = _MARK_NAMES[mark]
    elsewhere = ""
    if mark == "." and _in_comma_table(cells) and not any("," in each for each in as_text(cells)):
        elsewhere = " (other columns of the table have decimal commas)"
    return MemnetError(
        f"{_where(cells, source)}: {text!r} can be read as {text.replace(mark, '')} ({name} "
        f"between thousands) or as {text.replace(mark, '.')} ({name} before the decimals), and the "
        f"other cells of the column do not say which{elsewhere}; write its numbers without "
        "anything between thousands and with a decimal point."
    )


def _number(cell: str) -> float:
    try:
        return math.nan if "_" in cell else float(cell)  # float() takes 0_5 for 5
    except ValueError:
        return math.nan
