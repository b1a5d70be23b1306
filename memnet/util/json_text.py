"""Reading JSON of others: what is too deep or too long is an error like any other."""

from __future__ import annotations

import errno
import json
import math
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memnet.util.text import printable

MAX_CHARACTERS = 2**30
"""A sidecar of ten million pictures has fewer."""


def read_json_text(path: Path) -> str:
    """Read a file of JSON as text; raises as :func:`read_json_bytes`, or UnicodeDecodeError."""
    return read_json_bytes(path).decode("utf-8")


def read_json_bytes(path: Path) -> bytes:
    """Read a file of JSON; one that is no regular file or too long is an ``OSError``.

    A device would be read for ever, and of a file of gigabytes nothing could be made.
    """
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):  # of a folder below
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if status.st_size > MAX_CHARACTERS:
        raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes", str(path))
    return path.read_bytes()


def finite_or_none(value: Any) -> Any:
    """Return None for a number that is not finite, which JSON has not, and anything else as it is.

    Examples
    --------
    >>> finite_or_none(0.5), finite_or_none(float("nan")), finite_or_none("a")
    (0.5, None, 'a')
    """
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parse_json(text: str, parse_constant: Callable[[str], Any] | None = None) -> Any:
    """Read JSON as ``json.loads`` does; whatever is wrong with it is a ``ValueError``.

    A byte order mark, as editors on Windows leave it, is passed over.

    Examples
    --------
    >>> parse_json('{"a": [1, 2]}')
    {'a': [1, 2]}
    >>> parse_json("\ufeff1")
    1
    >>> parse_json("image_id,score")
    Traceback (most recent call last):
    ValueError: it is no JSON: Expecting value
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ValueError: it is nested too deeply
    >>> parse_json("1" + "0" * 400)
    Traceback (most recent call last):
    ValueError: it has a whole number of 401 digits
    >>> parse_json('{"n": 1, "n": 2}')
    Traceback (most recent call last):
    ValueError: it has the field 'n' twice
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"it has more than {MAX_CHARACTERS:,} characters")
    try:
        return json.loads(
            text.removeprefix("\ufeff"),
            parse_constant=parse_constant,
            parse_int=_whole_number,
            object_pairs_hook=_fields,
        )
    except json.JSONDecodeError as error:
        place = f" from line {error.lineno}, letter {error.colno}, on" if error.pos else ""
        raise ValueError(f"it is no JSON{place}: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _whole_number(digits: str) -> int:
    """Read a whole number that has a place among 64-bit floats, so that all can reckon with it."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"it has a whole number of {len(digits):,} digits")
    return int(digits)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take no field for another that has its name: a hand put one of them there."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"it has the field {printable(repr(twice), 80)} twice")
    return fields


_MAX_DIGITS = 300
