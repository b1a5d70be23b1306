"""Whether a file is still what it was: told by its size and times, without reading it."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple


class FileStamp(NamedTuple):
    """What changes when a file does.

    As text it is size and time of change (``"1024 1764412345678901234"``), which a copy that keeps
    times has, too; the rest tells files of this machine apart.

    Attributes
    ----------
    size : in bytes.
    modified_ns, changed_ns : when its content, and its content or name, last changed, in ns.
    inode, device : which file of which disk it is.
    """

    size: int
    modified_ns: int
    changed_ns: int
    inode: int
    device: int

    def __str__(self) -> str:
        return f"{self.size} {self.modified_ns}"


def stamp_file(path: str | os.PathLike[str]) -> FileStamp | None:
    """Return the stamp of a file; None for what is none, or is not there.

    Examples
    --------
    >>> stamp_file(__file__).size == os.path.getsize(__file__), stamp_file(os.curdir)
    (True, None)
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(
        size=status.st_size,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
        inode=status.st_ino,
        device=status.st_dev,
    )


def containing_file(path: str) -> str:
    """Return the file that a path leads into, as ``pictures.zip/a.jpg`` does.

    "" for a path that is a file or folder itself, and for one that leads into none.

    Examples
    --------
    >>> containing_file(f"{__file__}/a/b.jpg") == __file__, containing_file(__file__)
    (True, '')
    """
    if os.path.exists(path):
        return ""
    while (folder := os.path.dirname(path)) not in ("", path):
        path = folder
        if os.path.exists(path):
            return path if os.path.isfile(path) else ""
    return ""


def stamp_container(path: str) -> FileStamp | None:
    """Return the stamp of the :func:`containing_file` of a path; None where there is none.

    Examples
    --------
    >>> stamp_container(f"{__file__}/a/b.jpg") == stamp_file(__file__), stamp_container(__file__)
    (True, None)
    """
    file = containing_file(path)
    return stamp_file(file) if file else None
