"""Tables as LaTeX (packages ``booktabs`` and, for the long ones, ``longtable``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from memnet.compare.report.table_model import Cell, Column, Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",  # the old font encoding has other characters in these three places
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def escape(text: str) -> str:
    """Text that LaTeX prints as it is; line breaks and control characters become spaces."""
    plain = re.sub(r"[\x00-\x1f\x7f\s]+", " ", text)
    return "".join(_SPECIAL.get(character, character) for character in plain)


def tabular(table: Table, *, long: bool = False) -> str:
    """Render a table; a cell's interval and word stand under its number.

    Parameters
    ----------
    table : the sentences above and below it go under it, and the notes of its cells are left out.
    long : as a ``longtable``, which breaks over pages, under the table's title.
    """
    if not table.columns:
        return rf"\par\noindent\textbf{{{escape(table.title)}}} {escape(table.before)}" + "\n"
    kind = "longtable" if long else "tabular"
    letters = "".join(
        "r" if column.numeric else r"p{0.18\linewidth}" if column.wide else "l"
        for column in table.columns
    )
    head = " & ".join(escape(column.heading) for column in table.columns)
    body = [" & ".join(map(_cell, row, table.columns)) + r" \\" for row in table.rows]
    notes = [note for note in (table.before, table.after) if note]
    lines = [
        rf"\begin{{{kind}}}{{{letters}}}",
        *([_title(table)] if long and table.title else []),
        r"\toprule",
        *_groups(table.columns),
        rf"{head} \\",
        r"\midrule",
        *([r"\endhead"] if long else []),
        *body,
        r"\bottomrule",
        rf"\end{{{kind}}}",
        *([r"\par"] if notes and not long else []),
        *map(footnote, notes),
        "",
    ]
    return "\n".join(lines)


def footnote(text: str) -> str:
    """Write a paragraph in small print."""
    return rf"{{\footnotesize {escape(text)}\par}}"


def _groups(columns: Sequence[Column]) -> list[str]:
    """Write the line of headings over several columns, and the rules under them."""
    if not any(column.group for column in columns):
        return []
    cells, rules, start = [], [], 1
    for group, members in groupby(columns, key=lambda column: column.group):
        count = len(list(members))
        if group:
            cells.append(rf"\multicolumn{{{count}}}{{c}}{{{escape(group)}}}")
            rules.append(rf"\cmidrule(lr){{{start}-{start + count - 1}}}")
        else:
            cells += [""] * count
        start += count
    return [" & ".join(cells).rstrip() + r" \\", "".join(rules)]


def _cell(cell: Cell, column: Column) -> str:
    """Stack number, interval and word: side by side they would not fit a page."""
    lines = (cell.text, cell.interval, cell.word)
    parts = [_guarded(escape(part)) for part in lines if part]
    if len(parts) < 2:
        return "".join(parts)
    letter = "r" if column.numeric else "l"
    stacked = r" \\ ".join(parts)
    return rf"\begin{{tabular}}[t]{{@{{}}{letter}@{{}}}}{stacked}\end{{tabular}}"


def _guarded(text: str) -> str:
    return rf"{{{text}}}" if text.startswith(("[", "*")) else text  # else it belongs to the \\


def _title(table: Table) -> str:
    text = escape(f"{table.title} ({table.word})" if table.word else table.title)
    return rf"\multicolumn{{{len(table.columns)}}}{{l}}{{\textbf{{{text}}}}} \\"
