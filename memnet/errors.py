"""The kinds of trouble a user can be told about, each in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MemnetError(Exception):
    """Something the caller can mend; the message says what, where, and what to do."""


class StoppedError(MemnetError):
    """The user stopped what was going on; the message says what is kept."""


class PictureError(MemnetError):
    """One picture cannot be scored. The others still can."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> MemnetError:
    """Build the error for a name that is not there: the nearest one, then all of them."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(known_name) for known_name in names) or "none"
    return MemnetError(f"There is no {kind} {name!r}.{hint} Known: {listed}.")
