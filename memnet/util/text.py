"""Small pieces of the sentences that memnet writes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_LONGEST_LIST = 1_000
"""Characters of a list that a sentence holds; the first value stands there whatever it takes."""


def abridged(text: str, limit: int = 200) -> str:
    r"""Fit a text of others into a sentence: :func:`printable`, and no longer than ``limit``.

    What is left out of it is its middle: both ends of an id or a path tell it from others.

    Examples
    --------
    >>> abridged("a.jpg"), abridged("0123456789", 4), abridged("a\nb")
    ('a.jpg', '01...89', 'a\\x0ab')
    """
    return printable(_cut(text, limit))


def quoted(text: str) -> str:
    """Quote what stands in a cell of a table for a sentence; see :func:`abridged`."""
    return repr(_cut(text, 200))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}...{text[-(limit // 2) :]}"


def shorten_list(values: Iterable[object], most: int = 5) -> str:
    """List the first few values for a message.

    Parameters
    ----------
    values : what to list; each is written as ``str`` does, and :func:`abridged`.
    most : how many are written out, or fewer if they are long.

    Examples
    --------
    >>> shorten_list(["a.jpg", "b.jpg", "c.jpg"], 2)
    'a.jpg, b.jpg and 1 more'
    """
    texts = [str(value) for value in values]
    shown: list[str] = []
    for text in map(abridged, texts[:most]):
        if shown and sum(map(len, shown)) + len(text) > _LONGEST_LIST:
            break
        shown.append(text)
    left = len(texts) - len(shown)
    return ", ".join(shown) + (f" and {left} more" if left else "")


def join_names(names: Sequence[str], last: str = "and") -> str:
    """Write names as a sentence lists them.

    Examples
    --------
    >>> join_names(["a", "b", "c"]), join_names(["a", "b"], "or")
    ('a, b and c', 'a or b')
    """
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def printable(text: str, limit: int = 500) -> str:
    r"""Make a text of others fit for a terminal: one line, no control characters, not too long.

    A terminal would obey an escape sequence in the name of a file or the remark of a weight file,
    and a line break or a change of the direction of writing can pass one sentence off as another.

    Parameters
    ----------
    text : what somebody else wrote.
    limit : the most characters of it that are written out; how many were left out is said.

    Examples
    --------
    >>> printable("a\x1b[31m.jpg")
    'a\\x1b[31m.jpg'
    >>> printable("abcdefgh", 3)
    'abc... (5 more characters)'
    """
    shown = "".join(_escaped(character) for character in text[:limit])
    more = len(text) - limit
    return shown if more <= 0 else f"{shown}... ({more:,} more characters)"


def is_text(name: str) -> bool:
    r"""Whether a name can be written; the bytes of others travel as lone surrogates.

    Examples
    --------
    >>> is_text("a.jpg"), is_text("a\udcff.jpg")
    (True, False)
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def words_of(error: Exception) -> str:
    r"""Return what an error says, which may hold texts of others, fit for a sentence.

    Examples
    --------
    >>> words_of(ValueError("there is no\nfield"))
    'there is no\\x0afield'
    """
    return without_credentials(printable(str(error)))


_CREDENTIALS = re.compile(
    r"(https?://)[^\s/?#]*@|([a-z][\w+.-]*://)[^\s/?#:]*:[^\s/?#]*@", re.IGNORECASE
)


def without_credentials(text: str) -> str:
    """Take names and passwords of users out of the addresses in a text.

    A bucket of ``abfs://bucket@account`` is none, and a query may be part of a picture's address.

    Examples
    --------
    >>> without_credentials("https://user:secret@example.org/a.jpg?size=full")
    'https://example.org/a.jpg?size=full'
    """
    return _CREDENTIALS.sub(r"\1\2", text)


def model_label(model: str, variant: str) -> str:
    """Name a model as tables, sidecars and reports do: with its variant behind a colon.

    Examples
    --------
    >>> model_label("memnet.caffe_lamem", "web-api"), model_label("resmem.published", "")
    ('memnet.caffe_lamem:web-api', 'resmem.published')
    """
    return f"{model}:{variant}" if variant else model


def split_label(label: str) -> tuple[str, str]:
    """Return model and variant of what :func:`model_label` wrote.

    Examples
    --------
    >>> split_label("memnet.caffe_lamem:web-api"), split_label("resmem.published")
    (('memnet.caffe_lamem', 'web-api'), ('resmem.published', ''))
    """
    match = re.fullmatch(r"(.+):([a-z0-9-]+)", label)
    return (match[1], match[2]) if match else (label, "")


_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}
"""Control characters, bytes of a name that is no UTF-8, ends of lines and paragraphs."""

_DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def _escaped(character: str) -> str:
    unseen = unicodedata.category(character) in _UNSEEN
    if not unseen and unicodedata.bidirectional(character) not in _DIRECTIONS:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as Python reads names of files
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
