"""What callers give, checked with a sentence: what it is called, what it is, what it must be."""

from __future__ import annotations

import numbers
from collections.abc import Iterable

from memnet.errors import MemnetError


def require_whole(name: str, value: object, lowest: int) -> None:
    """Raise ``MemnetError`` unless a value is a whole number from ``lowest`` on.

    Examples
    --------
    >>> require_whole("resamples", 200, 100)
    >>> require_whole("seed", -1, 0)
    Traceback (most recent call last):
    memnet.errors.MemnetError: seed is -1; it must be a whole number, 0 or more.
    """
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or value < lowest:  # type: ignore[operator]  # a whole number by now
        raise MemnetError(f"{name} is {value!r}; it must be a whole number, {lowest} or more.")


def as_names(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return names as a tuple; one text is one name, not its letters.

    Examples
    --------
    >>> as_names("rating"), as_names(["rating", "liking"])
    (('rating',), ('rating', 'liking'))
    """
    return (given,) if isinstance(given, str) else tuple(given)
