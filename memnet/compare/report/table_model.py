"""Tables as cells of text, whatever they become, and how numbers are written.

:mod:`~memnet.compare.report.markdown` writes them for pages, :mod:`~memnet.compare.report.latex`
for papers, :mod:`~memnet.compare.report.terminal` on stdout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

NONE = "none"
_SMALL = 0.01  # four decimals would leave an interval below this with two digits or none


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes
    ----------
    text : the number or the words.
    interval : under the number, in small print; "" for none.
    word : contamination of the number, beside it; "" for none.
    note : a sentence under it, in small print; "" for none.
    link : the file that the text leads to, as a URL relative to the page; "" for none.
    image : the name of a picture over the text; "" for none.
    strong : whether the text is in bold.
    """

    text: str
    interval: str = ""
    word: str = ""
    note: str = ""
    link: str = ""
    image: str = ""
    strong: bool = False


@dataclass(frozen=True)
class Column:
    """What stands over the cells of a column, and what kind of cells they are.

    Attributes
    ----------
    heading : of this column.
    numeric : whether numbers stand in it, set flush right.
    wide : whether long text does.
    group : a heading over this column and its neighbours of the same group; "" for none.
    note : under the heading, in small print; "" for none.
    """

    heading: str
    numeric: bool = False
    wide: bool = False
    group: str = ""
    note: str = ""

    @property
    def full_heading(self) -> str:
        """The heading with that of its group, where there is one line for both."""
        return f"{self.group}, {self.heading}" if self.group else self.heading


def number_columns(*headings: str) -> list[Column]:
    """Return columns of numbers."""
    return [Column(heading, numeric=True) for heading in headings]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a report.

    Attributes
    ----------
    title : its heading, "" where the section's heading will do.
    columns, rows : each row has a cell per column; the first is what the row is about.
    word : contamination of every number in it, for the heading; "" where the cells say it.
    before, after : sentences above and below it.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    word: str = ""
    before: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        """Refuse rows of another length than the head."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{len(row)} cells in a table of {len(self.columns)} columns")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A model's part of the report: its tables, and what is to be known of it."""

    model: str
    word: str
    why: str
    tables: Sequence[Table] = field(default_factory=list)


def number(value: float | None) -> str:
    """Six decimals, or ``undefined``."""
    return "undefined" if value is None else _fixed(value, 6)


def interval(ends: Sequence[float] | None) -> str:
    """``[low, high]`` with four decimals, six where both are below 0.01; or ``none``."""
    if ends is None:
        return NONE
    digits = 6 if max(map(abs, ends)) < _SMALL else 4
    low, high = (_fixed(end, digits) for end in ends)
    return f"[{low}, {high}]"


def short(value: float | None) -> str:
    """Three decimals, for sentences and test statistics."""
    return "undefined" if value is None else _fixed(value, 3)


def p_value(value: float | None) -> str:
    """``.012`` or ``< .001``, as psychologists write it; "" for None."""
    if value is None:
        return ""
    if value < 0.001:
        return "< .001"
    return f"{value:.3f}".removeprefix("0")


def p_equals(value: float) -> str:
    """``p = .012`` or ``p < .001``, for sentences."""
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def percent(level: float) -> str:
    """``95 %`` of 0.95."""
    return f"{100 * level:g} %"


def _fixed(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text
