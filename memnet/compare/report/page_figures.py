"""The figures of a page: inside it, captioned, and side by side where they are narrow."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape

from markdown_it.token import Token

from memnet.compare.report.page_tokens import raw_html, text_of

_NARROW = 302
"""Points; a figure that is no wider can be read on a telephone, and two beside each other."""
_LEAST = 7 / 8
"""A figure is shrunk no further: its letters of 8 points are never smaller than 7."""
_PNG_DPI = 200  # of to_bytes()


def with_figures(tokens: Sequence[Token], images: Mapping[str, bytes]) -> list[Token]:
    """Replace paragraphs that are images by figures, those of one kind after each other grouped."""
    done: list[Token] = []
    figures: list[tuple[str, str]] = []
    place = 0
    while place < len(tokens):
        inside = tokens[place + 1].children or [] if tokens[place].type == "paragraph_open" else []
        if inside and all(token.type in ("image", "softbreak") for token in inside):
            caption = _text_of_caption(tokens[place + 3 : place + 6])
            for image in (token for token in inside if token.type == "image"):
                figures.append(_figure(image, images, caption))
            place += 6 if caption else 3
            continue
        done += _grouped(figures)
        figures = []
        done.append(tokens[place])
        place += 1
    return [*done, *_grouped(figures)]


def _text_of_caption(tokens: Sequence[Token]) -> str:
    """Return the text of a paragraph that is all in italics, else ""."""
    inside = tokens[1].children or [] if tokens and tokens[0].type == "paragraph_open" else []
    if len(inside) < 3 or (inside[0].type, inside[-1].type) != ("em_open", "em_close"):
        return ""
    return text_of(inside) if sum(token.type == "em_open" for token in inside) == 1 else ""


def _figure(image: Token, images: Mapping[str, bytes], caption: str) -> tuple[str, str]:
    """Return a figure, and its kind: ``thumbnail``, ``narrow`` or ``wide``.

    A wide one is shrunk as far as its letters can be read, then scrolls.
    """
    data = images[str(image.attrGet("src"))]
    alt = escape(text_of(image.children or []))
    text = escape(caption, quote=False) or alt
    figcaption = f"\n<figcaption>{text}</figcaption>" if text else ""
    width = _points(data)
    html = f'<img src="{data_uri(data)}" alt="{alt}"'
    if width is None or width <= _NARROW:
        kind = "thumbnail" if width is None else "narrow"
        return f"<figure>{html}>{figcaption}</figure>", kind
    html = f'<div class="scroll">{html} style="min-width: {_LEAST * width:.0f}pt"></div>'
    return f"<figure>{html}{figcaption}</figure>", "wide"


def _points(image: bytes) -> float | None:
    """Width of an SVG or PNG figure; None of a JPEG file, a picture's thumbnail."""
    if image.startswith(b"\x89PNG"):
        return int.from_bytes(image[16:20], "big") * 72 / _PNG_DPI
    width = re.search(rb'<svg[^>]* width="([0-9.]+)pt"', image[:2000])
    return None if width is None else float(width[1])


def _grouped(figures: Sequence[tuple[str, str]]) -> list[Token]:
    """Put figures that follow each other side by side, where all are narrow or thumbnails."""
    if not figures:
        return []
    kinds = {kind for _, kind in figures}
    beside = {"thumbnail": " thumbnails", "narrow": ""}.get(kinds.pop() if len(kinds) == 1 else "")
    if beside is None or (not beside and len(figures) == 1):
        beside = " shared"
    html = "\n".join(figure for figure, _ in figures)
    return [raw_html(f'<div class="figures{beside}">\n{html}\n</div>')]


def data_uri(image: bytes) -> str:
    """Return an SVG, PNG or JPEG file as a URI that holds it."""
    kind = "svg+xml"
    if image.startswith(b"\x89PNG"):
        kind = "png"
    elif image.startswith(b"\xff\xd8"):
        kind = "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
