"""Weight files whose numbers were compared with the checksum in them, on this machine.

A run that finds every score in the cache reads no weights, and takes a file at its word for what
its numbers are. So a file is read once when it is new here, or has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from memnet.errors import MemnetError
from memnet.util.atomic import write_text
from memnet.weights import store


def stamp_of(file: Path) -> str:
    """Return what changes when a file does: its place, size and times; "" where it has none."""
    try:
        status = os.stat(file)
    except OSError:
        return ""
    place = os.path.realpath(file)
    return f"{place} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def is_verified(stamp: str) -> bool:
    """Whether the file was read and found sound as it is now."""
    try:
        return bool(stamp) and _note(stamp).is_file()
    except MemnetError:  # no home folder
        return False


def remember(stamp: str) -> None:
    """Remember that a file was read and found sound; where that cannot be, it is read again."""
    with contextlib.suppress(MemnetError, OSError):
        write_text(_note(stamp), stamp + "\n")


def _note(stamp: str) -> Path:
    name = hashlib.sha256(stamp.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return store.home() / "verified" / name
