"""Paths and command lines as every system writes them."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

WINDOWS = os.name == "nt"


def relative_path(path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Return a path as it is seen from a folder; on Windows, from another drive, the absolute one.

    Examples
    --------
    >>> relative_path("runs/one/report.html", "runs/search").as_posix()
    '../one/report.html'
    """
    try:
        return Path(os.path.relpath(path, folder))
    except ValueError:  # no path leads from one drive to another
        return Path(os.path.abspath(path))


def is_same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether two paths lead to one file, however they are written: also in other letter case.

    Examples
    --------
    >>> is_same(os.curdir, os.getcwd())
    True
    """
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is not there, or can be none
        return False


def command_text(words: Iterable[str]) -> str:
    """Write a command line that can be copied into the shell of this system.

    Examples
    --------
    >>> command_text(["memnet", "score", "my pictures"]).replace('"', "'")
    "memnet score 'my pictures'"
    """
    return subprocess.list2cmdline(list(words)) if WINDOWS else shlex.join(words)
