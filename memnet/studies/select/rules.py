"""Which pictures can be chosen: ``width >= 400``, ``category = animal``, ``city = Bern | Rome``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.missing import EMPTY_CELLS
from memnet.data.numbers import to_numbers
from memnet.errors import MemnetError
from memnet.util.arrays import AnyArray
from memnet.util.text import quoted

_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RULE = re.compile(r"\s*('[^']+'|\"[^\"]+\"|.+?)\s*(!=|<=|>=|==|=|<|>)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Rule:
    """A rule, taken apart.

    Attributes
    ----------
    text : as it was written.
    column, sign, value : what is compared with what.
    """

    text: str
    column: str
    sign: str
    value: str

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read ``COLUMN SIGN VALUE``; both may stand in quotation marks.

        Raises
        ------
        MemnetError
            if it is no rule.

        Examples
        --------
        >>> Rule.parse("width >= 400")
        Rule(text='width >= 400', column='width', sign='>=', value='400')
        """
        match = _RULE.fullmatch(text)
        if not match:
            raise MemnetError(
                f"The rule {quoted(text)} cannot be read: write a column, one of "
                f"{', '.join(_SIGNS)}, and a value, as in 'width >= 400' or 'category = animal'."
            )
        column, sign, value = match.groups()
        rule = cls(text, _bare(column), "=" if sign == "==" else sign, _bare(value))
        if sign not in ("=", "==", "!=") and np.isnan(rule.number):
            raise MemnetError(
                f"The rule {quoted(text)} compares with {quoted(rule.value)}, which is no number; "
                f"{sign} needs one, and words take = or !=."
            )
        return rule

    @property
    def values(self) -> list[str]:
        """The values that ``animal | food`` names."""
        return [_bare(each.strip()) for each in self.value.split("|")]

    @property
    def number(self) -> float:
        """The value as a number, NaN where it is none."""
        return float(to_numbers(pd.Series([self.value], dtype=object), f"The rule {self.text}")[0])

    def apply(self, cells: pd.Series, source: str) -> tuple[AnyArray, AnyArray]:
        """Say for which pictures the rule holds, and for which nobody can tell.

        Numbers are compared as numbers where the value and all cells are; else text, letter for
        letter. Of an empty cell nobody can tell, unless the rule asks for it (``category =``).

        Returns
        -------
        (bool ``(N,)``, bool ``(N,)``)
            holds, and unknown; never both.

        Raises
        ------
        MemnetError
            if < or its kind is to compare a column without numbers.
        """
        texts = cells.str.strip()
        empty = texts.str.lower().isin(EMPTY_CELLS).to_numpy(dtype=bool)
        if self.value == "":
            return (empty if self.sign == "=" else ~empty), np.zeros(len(cells), dtype=bool)
        number = self.number
        values = np.full(len(cells), np.nan)
        if np.isfinite(number):
            values = to_numbers(cells, source)
        if self.sign not in ("=", "!="):
            if not np.isfinite(values).any():
                raise MemnetError(
                    f"The rule {quoted(self.text)} needs numbers, and column {self.column!r} of "
                    f"{source} has none."
                )
            unknown = np.isnan(values)
            return _SIGNS[self.sign](values, number) & ~unknown, unknown
        if np.isfinite(number) and np.isfinite(values[~empty]).all():
            holds = _SIGNS[self.sign](values, number)
        else:
            among = texts.isin([self.value, *self.values]).to_numpy(dtype=bool)
            holds = among if self.sign == "=" else ~among
        return holds & ~empty, empty

    def hint(self, cells: pd.Series) -> str:
        """Name the value that was probably meant, where a rule fits no picture."""
        known = sorted({text for text in cells.str.strip() if text})
        near = [each for each in known if each.casefold() == self.value.casefold()]
        near = near or get_close_matches(self.value, known, n=1)
        if self.value in known:
            return " Several rules must all hold; one of several values is 'COLUMN = a | b'."
        return f" Did you mean {quoted(near[0])}?" if near and self.sign in ("=", "!=") else ""


def _bare(text: str) -> str:
    quotes = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quotes else text
