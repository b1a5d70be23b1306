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


class LimitError(PictureError):
    """A picture is beyond a limit that whoever scores may raise.

    Attributes
    ----------
    where_fixed : the message for those who cannot raise it, such as a server's clients.
    """

    def __init__(self, message: str, where_fixed: str = "") -> None:
        super().__init__(message)
        self.where_fixed = where_fixed


_LONGEST = 200
"""Letters of a name that a message shows, and that are compared with known ones."""


def unknown_name(kind: str, name: str, known: Iterable[str], meant: str = "") -> MemnetError:
    """Build the error for a name that is not there: the nearest one, then all of them.

    ``meant`` is the one that it stands for in other people's spelling, "" where none is known.
    """
    names = list(known)
    begun = [known_name for known_name in names if known_name.startswith(f"{name}.")]
    near = [meant] if meant else begun or get_close_matches(name[:_LONGEST], names, n=1)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    listed = ", ".join(repr(known_name) for known_name in names) or "none"
    shown = repr(name[:_LONGEST]) + ("..." if len(name) > _LONGEST else "")
    return MemnetError(f"There is no {kind} {shown}.{hint} Known: {listed}.")
