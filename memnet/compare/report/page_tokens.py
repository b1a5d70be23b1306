"""Tokens of Markdown, as :mod:`memnet.compare.report.page` reads and makes them."""

from __future__ import annotations

from collections.abc import Iterable

from markdown_it.token import Token


def raw_html(html: str) -> Token:
    """Return a token that is written as it is."""
    return Token("html_inline", "", 0, content=html)


def text_of(children: Iterable[Token]) -> str:
    """Return what is read of an inline token, without its markup."""
    return "".join(
        " " if token.type in ("softbreak", "hardbreak") else token.content for token in children
    ).strip()
