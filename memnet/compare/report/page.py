"""A page from its Markdown: one HTML file that stands alone.

Every page is written once, as Markdown that is good to read by itself; :func:`html_page` makes the
HTML of it. What Markdown has no word for follows from how it is written:

- A table can be scrolled sideways. Columns set flush right (``---:``) hold numbers, those set flush
  left (``:---``) long text, and the first cell of a row is its heading. ``*text*`` in a cell stands
  below it in small print, ``*(text)*`` too, where it may be broken over lines. A number in
  brackets, ``(.81)``, does not count like the others, and is set back. A paragraph straight after a
  table is its footnote.
- ``**clean**``, or another word of :data:`memnet.compare.record.CONTAMINATION`, is a badge in a
  cell or heading.
- Images alone in a paragraph are figures; a paragraph in italics after one is its caption. Narrow
  ones stand side by side, so do JPEG files, which are thumbnails; wide ones scroll on a small
  screen.
- A list whose bullets are ``*`` shows its first :data:`SHOWN` items, the others behind a click.
- ``##`` headings get ids, and links to them stand before the first one.
- A paragraph that is all bold is the page's answer, set large.
- A section whose heading is closed, ``## Title ##`` or ``### Title ###``, is folded: it reaches to
  the next heading of its level, opens at a click or a link to it, and stands open in print.
- A quotation is a note beside a coloured rule, a fenced block is text to be copied.

HTML in the Markdown is text, and links lead to files beside the page or within it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from memnet.compare.record import CONTAMINATION
from memnet.compare.report.page_figures import data_uri, with_figures
from memnet.compare.report.page_tokens import raw_html, text_of

SHOWN = 10
"""Items of a list with ``*`` that are shown at once."""

_MANY_COLUMNS = 8
_MANY_SECTIONS = 3
_NUMBER = ' class="num"'
_TOGETHER = re.compile(r"(?<=,) (?=[^\s\]]+\])|(?<=rho) | (?=[%\[<=])|(?<=[<=]) ")
"""Blanks at which no line ends in an answer: within ``rho .49 [.41, .56]``, ``p < .001``."""
_FOLD = '<details class="section"><summary>'

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body{width}>
{body}{script}</body>
</html>
"""

# Newer browsers open what is folded round the target of a link by themselves; none does for print.
_SCRIPT = """\
<script>
const reveal = () => {
  const target = document.getElementById(location.hash.slice(1));
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  if (target) target.scrollIntoView();
};
let folded = [];
addEventListener("hashchange", reveal);
addEventListener("click", (event) => event.target.closest("a[href^='#']") && setTimeout(reveal));
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((part) => { part.open = true; });
});
addEventListener("afterprint", () => folded.forEach((part) => { part.open = false; }));
reveal();
</script>
"""


def html_page(
    markdown: str, *, title: str, images: Mapping[str, bytes] | None = None, wide: bool = False
) -> str:
    r"""Make a page of Markdown: no outside resources, readable in print.

    Parameters
    ----------
    markdown : CommonMark with tables.
    title : of the browser's window.
    images : source of each image in the Markdown -> its SVG, PNG or JPEG file.
    wide : whether the page needs more width than a line of text.

    Returns
    -------
    str
        The page.

    Raises
    ------
    KeyError
        if ``images`` lacks an image.

    Examples
    --------
    >>> text = "# Models\n\n| Model | rho |\n| --- | ---: |\n| mine | 0.5 *[0.4, 0.6]* |\n"
    >>> page = html_page(text, title="a & b")
    >>> "<title>a &amp; b</title>" in page
    True
    >>> '<td class="num"><span class="v">0.5</span> <span class="ci">[0.4, 0.6]</span></td>' in page
    True
    """
    parser = _parser()
    tokens = parser.parse(markdown)
    tokens = _folded(_with_contents(tokens), re.split(r"\r\n?|\n", markdown))
    tokens = with_figures(tokens, images or {})
    _fold_lists(tokens)
    _mark_cells(tokens, images or {})
    style = files(__package__).joinpath("templates", "style.css").read_text(encoding="utf-8")
    body = parser.renderer.render(tokens, parser.options, {})
    return _PAGE.format(
        title=escape(title, quote=False),
        style=style,
        width=' class="wide"' if wide else "",
        body=body,
        script=_SCRIPT if "<details" in body else "",
    )


class _Renderer(RendererHTML):
    """Write tokens as HTML, with the classes of ``style.css``.

    ``env`` holds where the renderer is: ``head``, whether the next cell is its row's first.
    """

    def paragraph_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        before = tokens[idx - 1] if idx else None
        if before is not None and before.type == "table_close":
            tokens[idx].attrSet("class", "small")
        if not tokens[idx].level and _is_strong(tokens[idx + 1]):
            tokens[idx].attrSet("class", "lead")
            for token in tokens[idx + 1].children or []:
                token.content = _TOGETHER.sub("\N{NO-BREAK SPACE}", token.content)
        elif before is not None and (before.type, before.tag) == ("heading_close", "h1"):
            tokens[idx].attrSet("class", "sub")
        return self.renderToken(tokens, idx, options, env)

    def table_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        columns = 0
        while tokens[idx].type != "thead_close":
            columns += tokens[idx].type == "th_open"
            idx += 1
        wide = ' class="wide"' if columns > _MANY_COLUMNS else ""
        return f'<div class="scroll"><table{wide}>\n'

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return "</table></div>\n"

    def tr_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        env["head"] = True
        return "<tr>\n"

    def th_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return f'<th scope="col"{_class_of(tokens[idx])}>'

    def td_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return '<th scope="row">' if env["head"] else f"<td{_class_of(tokens[idx])}>"

    def td_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        head, env["head"] = env["head"], False
        return "</th>\n" if head else "</td>\n"

    def blockquote_open(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return '<div class="note">\n'

    def blockquote_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return "</div>\n"

    def fence(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return f'<pre class="copy">{escape(tokens[idx].content, quote=False)}</pre>\n'


@cache
def _parser() -> MarkdownIt:
    plain = {"html": False, "xhtmlOut": False}
    parser = MarkdownIt("commonmark", plain, renderer_cls=_Renderer).enable("table")
    parser.validateLink = _is_relative  # type: ignore[method-assign]
    return parser


def _is_relative(url: str) -> bool:
    return not re.match(r"\s*([a-z][a-z0-9+.-]*:|//)", url, re.IGNORECASE)


def _is_strong(inside: Token) -> bool:
    """Whether a text is one bold run from end to end."""
    kinds = [token.type for token in inside.children or [] if token.type != "text" or token.content]
    return (
        kinds[:1] == ["strong_open"]
        and kinds[-1] == "strong_close"
        and kinds.count("strong_open") == 1
    )


def _class_of(cell: Token) -> str:
    style = str(cell.attrGet("style") or "")
    if style == "text-align:right":
        return _NUMBER
    return ' class="long"' if style == "text-align:left" else ""


def _with_contents(tokens: Sequence[Token]) -> list[Token]:
    """Give the headings of sections their ids; put links to them before the first, unless few."""
    links: dict[str, str] = {}
    for heading, inside in pairwise(tokens):
        if not _is_section(heading):
            continue
        title = text_of(_without_badge(inside.children or []))
        stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        name, count = stem, 2
        while name in links:
            name, count = f"{stem}-{count}", count + 1
        heading.attrSet("id", name)
        links[name] = f'<a href="#{name}">{escape(title, quote=False)}</a>'
    if len(links) < _MANY_SECTIONS:
        return list(tokens)
    first = next(place for place, token in enumerate(tokens) if _is_section(token))
    contents = raw_html(f'<p class="contents">{" · ".join(links.values())}</p>\n')
    return [*tokens[:first], contents, *tokens[first:]]


def _is_section(token: Token) -> bool:
    return (token.type, token.tag) == ("heading_open", "h2")


def _folded(tokens: Sequence[Token], lines: Sequence[str]) -> list[Token]:
    """Put the sections under closed headings, ``## Title ##``, behind a click.

    The id moves into what is folded: there a browser that is led to it opens the section.
    """
    done: list[Token] = []
    open_levels: list[str] = []
    for token in tokens:
        if token.type == "heading_open" and not token.level:
            while open_levels and open_levels[-1] >= token.tag:
                open_levels.pop()
                done.append(raw_html("</div></details>\n"))
            if _is_closed_heading(token, lines):
                open_levels.append(token.tag)
                done += [raw_html(_FOLD), token]
                continue
        done.append(token)
        if token.type == "heading_close" and [t.content for t in done[-4:-3]] == [_FOLD]:
            name = done[-3].attrs.pop("id", None)
            target = f' id="{name}"' if name else ""
            done.append(raw_html(f"</summary><div{target}>\n"))
    return [*done, *(raw_html("</div></details>\n") for _ in open_levels)]


def _is_closed_heading(heading: Token, lines: Sequence[str]) -> bool:
    if heading.tag not in ("h2", "h3") or heading.map is None:
        return False
    return lines[heading.map[0]].rstrip().endswith(f" {heading.markup}")


def _without_badge(children: Sequence[Token]) -> list[Token]:
    kept = [token for token in children if token.type != "text" or token.content]
    if len(kept) > 3 and _is_badge(kept, len(kept) - 3):
        del kept[-3:]
    return kept


def _is_badge(children: Sequence[Token], at: int) -> bool:
    return (
        [token.type for token in children[at : at + 3]] == ["strong_open", "text", "strong_close"]
    ) and children[at + 1].content in CONTAMINATION


def _fold_lists(tokens: list[Token]) -> None:
    """Put what a list with ``*`` has too many of behind a click."""
    places = [
        place
        for place, token in enumerate(tokens)
        if token.type == "bullet_list_open" and token.markup == "*"
    ]
    for start in reversed(places):
        level = tokens[start].level
        end = next(
            place
            for place in range(start, len(tokens))
            if tokens[place].type == "bullet_list_close" and tokens[place].level == level
        )
        items = [
            place
            for place in range(start, end)
            if tokens[place].type == "list_item_open" and tokens[place].level == level + 1
        ]
        if len(items) > SHOWN:
            more = len(items) - SHOWN
            tokens.insert(end + 1, raw_html("</details>"))
            tokens.insert(
                items[SHOWN], raw_html(f"</ul>\n<details><summary>{more} more</summary><ul>")
            )


def _mark_cells(tokens: Sequence[Token], images: Mapping[str, bytes]) -> None:
    """Give small print, badges and images in cells and headings their HTML."""
    for outer, token in pairwise(tokens):
        cell = outer.type in ("td_open", "th_open")
        if token.type != "inline" or not token.children:
            continue
        children: list[Token] = []
        place = 0
        while place < len(token.children):
            child = token.children[place]
            if (cell or outer.type == "heading_open") and _is_badge(token.children, place):
                word = token.children[place + 1].content
                html = f'<span class="word {word}">{word}</span>'
                children.append(raw_html(html))
                place += 3
                continue
            if child.type == "image":
                source = data_uri(images[str(child.attrGet("src"))])
                alt = escape(text_of(child.children or []))
                html = f'<img src="{source}" alt="{alt}">'
                child = raw_html(html)
            if cell and child.type in ("em_open", "em_close"):
                child.tag = "span"
                if child.type == "em_open":
                    child.attrSet("class", _small_print(token.children, place))
            if not children and child.type == "text" and _class_of(outer) == _NUMBER:
                child.content = child.content.rstrip()
                space = " " if place + 1 < len(token.children) else ""
                kind = "v back" if re.fullmatch(r"\(.+\)", child.content) else "v"
                children += [raw_html(f'<span class="{kind}">'), child, raw_html(f"</span>{space}")]
            else:
                children.append(child)
            place += 1
        token.children = children


def _small_print(children: Sequence[Token], place: int) -> str:
    """Take the brackets off a note; return the class of what stands in italics in a cell."""
    end = next(at for at in range(place, len(children)) if children[at].type == "em_close")
    first, last = children[place + 1], children[end - 1]
    if not (first.content.startswith("(") and last.content.endswith(")")):
        return "ci"
    first.content = first.content[1:]
    last.content = last.content[:-1]
    return "small"
