"""What is said to the user beside the data: on stderr. And streams that are closed."""

from __future__ import annotations

import contextlib
import os
import sys

from memnet.util.text import printable

_LONGEST = 10_000

_said: set[str] = set()


def say(sentence: str) -> None:
    """Print one sentence to stderr; control characters of names in it are written as escapes.

    Where stderr is closed, or a file on a full disk, nobody can be told; the work goes on.
    """
    if sys.stderr is not None:  # print() would take stdout instead
        with contextlib.suppress(OSError):
            print(f"memnet: {printable(sentence, _LONGEST)}", file=sys.stderr)


def say_once(sentence: str, about: str = "") -> None:
    """Say a sentence once per process, or whichever comes first of those about one thing."""
    if sentence and (about or sentence) not in _said:
        _said.add(about or sentence)
        say(sentence)


def open_closed_streams() -> None:
    """Put the null device where stdin, stdout or stderr is closed, as below some daemons.

    Else the next file to be opened would get the stream's number, and whatever a library of C
    prints would be written into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # it stays


def stdout_is_closed() -> bool:
    """Whether stdout was closed when the program began."""
    return sys.stdout is None or getattr(sys.stdout, "name", "") == os.devnull
