"""Weight files whose numbers were compared with the checksum in them, on this machine.

A run that finds every score in the cache reads no weights, and takes a file at its word for what
its numbers are. So a file is read once when it is new here, or has changed. There is a note for
each place where a file lay; it says what the file was like then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from memnet.errors import MemnetError
from memnet.util.atomic import write_text
from memnet.util.file_stamps import FileStamp, stamp_file
from memnet.weights import store


class PlacedStamp(NamedTuple):
    """A file's place, and what changes when it does."""

    place: str
    stamp: FileStamp

    @property
    def note(self) -> Path:
        """Where it is noted; raises ``MemnetError`` where there is no home folder."""
        name = hashlib.sha256(self.place.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        return store.home() / "verified" / name

    @property
    def text(self) -> str:
        """What is noted."""
        return " ".join(map(repr, self.stamp)) + "\n"


def stamp_of(file: Path) -> PlacedStamp | None:
    """Return a file's place and stamp; None where there is none."""
    stamp = stamp_file(file)
    return PlacedStamp(os.path.realpath(file), stamp) if stamp else None


def is_verified(stamped: PlacedStamp | None) -> bool:
    """Whether the file was read and found sound as it is now."""
    try:
        return stamped is not None and stamped.note.read_text("utf-8") == stamped.text
    except (MemnetError, OSError, ValueError):  # no home folder, no note, or half of one
        return False


def remember(stamped: PlacedStamp | None) -> None:
    """Remember that a file was read and found sound; where that cannot be, it is read again."""
    if stamped is not None:
        with contextlib.suppress(MemnetError, OSError):
            write_text(stamped.note, stamped.text)
