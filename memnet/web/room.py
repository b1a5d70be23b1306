"""How much may wait at a time: what is more is answered with 503, and when to try again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from memnet.web.problems import Problem


def busy(waiting: int, what: str, seconds: int) -> Problem:
    """Say that too many wait already."""
    return Problem(
        503, f"{waiting} {what} wait already; try again in {seconds} seconds.", retry_after=seconds
    )


class Room:
    """Room for some few, of which one is made at a time.

    Parameters
    ----------
    what : they are, for a sentence.
    most : that may wait, with the one that is being made.
    seconds : after which one that is refused may be tried again.
    """

    def __init__(self, what: str, most: int, seconds: int) -> None:
        self._what, self._most, self._seconds = what, most, seconds
        self._waiting = 0

    def check(self) -> None:
        """Raise :class:`.problems.Problem` where there is no room."""
        if self._waiting >= self._most:
            raise busy(self._waiting, self._what, self._seconds)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place while one waits and is made; raises as :meth:`check`."""
        self.check()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
