"""Text and tables as Markdown, whatever characters they hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from memnet.compare.report.table_model import Cell, Column, Table

_HARMLESS = re.compile(r"\[[^\[\]]*\](?![(\[])")  # such as an interval
_LINKS = re.compile(r"[\[\]]")
_TARGET = re.compile(r"\[.*\]:")


def escape_markdown(text: object) -> str:
    r"""Text that Markdown shows as it is, also in a table: no markup, no HTML, no new line.

    Examples
    --------
    >>> escape_markdown("a_b | *c* [0.1, 0.2]")
    'a_b \\| \\*c\\* [0.1, 0.2]'
    """
    plain = " ".join(str(text).split())
    plain = re.sub(r"([\\`*|~$])", r"\\\1", plain)
    if _LINKS.search(_HARMLESS.sub("", plain)) or _TARGET.match(plain):
        plain = re.sub(r"([\[\]])", r"\\\1", plain)
    plain = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", plain)  # within a word it is no markup
    plain = re.sub(r"&(?=#?\w+;)", "&amp;", plain)
    plain = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", plain)
    plain = re.sub(r"(?<=\s)(#+)$", r"\\\1", plain)  # else it would close a heading
    return re.sub(r"^(>|[#+=-]+(?=\s|$)|\d+[.)](?=\s|$))", _escape_start, plain)


def _escape_start(match: re.Match[str]) -> str:
    """Escape what begins a quotation, a heading, a list or a rule."""
    mark = match[0]
    return f"{mark[:-1]}\\{mark[-1:]}" if mark[0].isdigit() else f"\\{mark}"


def markdown_code(text: object) -> str:
    """Text as Markdown code, fenced by more backticks than it holds."""
    plain = " ".join(str(text).split())
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    space = " " if longest else ""
    fence = "`" * (longest + 1)
    return f"{fence}{space}{plain}{space}{fence}"


def markdown_block(text: str) -> str:
    """Text to be copied, line by line as it is, fenced by more backticks than it holds."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.rstrip()}\n{fence}\n"


def markdown_list(sentences: Iterable[object], *, title: str = "", folded: bool = True) -> str:
    """Sentences as a list.

    Parameters
    ----------
    sentences : of the list; without any the result is "".
    title : if given, the list is quoted under it, as a note.
    folded : whether an HTML page shows the first ones only and the others behind a click.
    """
    lines = [f"{'*' if folded else '-'} {escape_markdown(sentence)}" for sentence in sentences]
    if not lines:
        return ""
    if title:
        lines = [f"> **{escape_markdown(title)}**", ">", *(f"> {line}" for line in lines)]
    return "\n".join(lines) + "\n\n"


def markdown_figures(names: Iterable[str], captions: Mapping[str, str]) -> str:
    """Figures of ``figures/``, each with its caption, which is also read where it is not seen."""
    texts = {name: escape_markdown(captions[name]) for name in names}
    return "".join(f"![{text}](figures/{name}.png)\n\n*{text}*\n\n" for name, text in texts.items())


def markdown_table(table: Table, *, words: bool = True) -> str:
    """Write a table under its title, its small print in italics (see :func:`.page.html_page`).

    Parameters
    ----------
    words : whether the words for contamination are shown; where they stand nearby, once is enough.

    Examples
    --------
    >>> from memnet.compare.report.table_model import Column
    >>> columns = [Column("Model"), Column("rho", numeric=True)]
    >>> row = [Cell("mine"), Cell("0.5", interval="[0.4, 0.6]", word="clean")]
    >>> print(markdown_table(Table(title="", columns=columns, rows=[row])))
    | Model | rho |
    | --- | ---: |
    | mine | 0.5 *[0.4, 0.6]* **clean** |
    <BLANKLINE>
    <BLANKLINE>
    """
    parts = []
    if table.title:
        word = f" **{table.word}**" if table.word and words else ""
        parts.append(f"### {escape_markdown(table.title)}{word}")
    if table.before:
        parts.append(escape_markdown(table.before))
    if table.columns:
        rules = ["---:" if c.numeric else ":---" if c.wide else "---" for c in table.columns]
        lines = [[_heading(column) for column in table.columns], rules]
        lines += [[_cell(cell, words) for cell in row] for row in table.rows]
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    if table.after:
        parts.append(escape_markdown(table.after))
    return "".join(f"{part}\n\n" for part in parts)


def _heading(column: Column) -> str:
    heading = escape_markdown(column.full_heading)
    return f"{heading} *({escape_markdown(column.note)})*" if column.note else heading


def _cell(cell: Cell, words: bool) -> str:
    text = escape_markdown(cell.text)
    text = f"[{text}]({cell.link})" if cell.link else text
    parts = [
        f"![]({cell.image})" if cell.image else "",
        f"**{text}**" if cell.strong else text,
        f"*{escape_markdown(cell.interval)}*" if cell.interval else "",
        f"**{cell.word}**" if cell.word and words else "",
        f"*({escape_markdown(cell.note)})*" if cell.note else "",
    ]
    return " ".join(filter(None, parts))
