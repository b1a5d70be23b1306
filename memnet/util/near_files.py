"""A file that is not there, and one that is and was probably meant."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from memnet.util.file_stamps import containing_file

_REWRITTEN: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("without blanks around it", lambda path: "/".join(map(str.strip, path.split("/")))),
    ("with / for \\", lambda path: path.replace("\\", "/")),
    ("with what its %-codes stand for", unquote),
    ("with the home folder for ~", os.path.expanduser),
)
"""How a path may be meant; each is tried by itself."""

_READ_LOOSELY: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("in another Unicode form", lambda name: unicodedata.normalize("NFC", name)),
    ("in another letter case", str.casefold),
    ("with another ending", lambda name: os.path.splitext(name)[0]),
)


def near_file(path: str | os.PathLike[str]) -> str:
    """Say which file is there and was probably meant, where ``path`` is none; "" where none is.

    Examples
    --------
    >>> near_file(" " + __file__).endswith("near_files.py' is there (without blanks around it).")
    True
    """
    text = os.fspath(path)
    if re.search(r"(?i)(^|[/\\])[a-z][a-z0-9+]+:/", text):
        return " It is an address: `memnet score --allow-addresses` fetches those in a table."
    for how, rewrite in _REWRITTEN:
        other = rewrite(text)
        if other != text and Path(other).is_file():
            return f" But {other!r} is there ({how})."
    if inside := leads_into(text):
        return inside
    folder, name = os.path.split(text)
    names = _names_in(os.path.abspath(folder))
    for how, simplify in _READ_LOOSELY:
        alike = [each for each in names if simplify(each) in (simplify(name), name)]
        if len(alike) == 1:
            return f" But {alike[0]!r} is there ({how}): write it so, letter for letter."
    return ""


def leads_into(path: str) -> str:
    """Say that a path leads into a file, as that of a picture in an archive; "" where it does not.

    Examples
    --------
    >>> leads_into(f"{__file__}/a.jpg").endswith("give that file itself.")
    True
    """
    file = containing_file(path)
    if not file:
        return ""
    return f" It leads into {file}, which is a file and no folder: give that file itself."


@lru_cache(maxsize=8)  # a manifest may miss thousands of files of one folder
def _names_in(folder: str) -> tuple[str, ...]:
    try:
        return tuple(os.listdir(folder))
    except (OSError, ValueError):
        return ()
