"""The files of a picture cache: whether they are whole, and how they are begun, filled and ended.

:mod:`memnet.reimpl.training.cache` says which files there are. Whatever else is kept beside them
(:mod:`memnet.reimpl.training.frozen_outputs`) is locked, and takes its disk space, in the same way.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from memnet.errors import MemnetError
from memnet.util.atomic import write_bytes, write_text
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.locking import hold_lock
from memnet.util.messages import say

FORMAT = "memnet picture cache"
SCHEMA_VERSION = 1

_ADVICE = "choose another folder with --cache DIR"

_BLOCK_ROWS = 256
_BLOCK_SECONDS = 2.0  # at most so much work is lost to a kill


class CacheFiles:
    """The files of one cache.

    Parameters
    ----------
    folder : of the caches.
    digest : of what decides the pixels.
    shape : ``(N, H, W, 3)``.
    """

    def __init__(self, folder: Path, digest: str, shape: tuple[int, ...]) -> None:
        base = folder / f"pictures-{digest[:16]}"
        self.npy, self.json = base.with_suffix(".npy"), base.with_suffix(".json")
        self.rows, self.lock = base.with_suffix(".rows"), base.with_suffix(".lock")
        self.digest, self.shape = digest, shape
        head = io.BytesIO()
        npy.write_array_header_1_0(head, {"descr": "|u1", "fortran_order": False, "shape": shape})
        self.head = head.getvalue()
        self.row_bytes = int(np.prod(shape[1:]))
        self.bytes = len(self.head) + shape[0] * self.row_bytes

    def complete(self) -> dict[int, str] | None:
        """Return the failed rows of a complete cache, None where there is none."""
        about = self._about()
        if about.get("complete") is not True or not self._whole():
            return None
        failed = about.get("failed", {})
        rows = set(map(str, range(self.shape[0])))
        if not isinstance(failed, dict) or not failed.keys() <= rows:
            return None  # damaged
        return {int(row): str(reason) for row, reason in failed.items()}

    @property
    def what(self) -> str:
        """What sentences call the cache."""
        return f"The picture cache of {self.shape[0]:,} pictures"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; another process that holds it is waited for, and the user told so."""
        with locked(self.lock, self.npy):
            yield

    def prepare(self, about: dict[str, Any]) -> None:
        """Make the files and take the disk space, keeping the rows of an interrupted call."""
        resumed = self._whole() and self._rows_fit()
        if not resumed:
            if self.npy.exists():
                say(f"The picture cache {self.npy} is damaged or cut short; it is built anew.")
            for path in (self.json, self.rows, self.npy):
                path.unlink(missing_ok=True)
        require_space(self.npy, self.what, self.bytes)
        if not resumed:
            make_file(self.npy, self.head, self.bytes)
            write_bytes(self.rows, bytes(self.shape[0]), advice=_ADVICE)
        self._write_about(about | {"complete": False})

    def missing(self) -> np.ndarray[Any, Any]:
        """Return the rows that are not there yet, in order."""
        return np.flatnonzero(np.fromfile(self.rows, dtype=np.uint8) == 0)

    def reopen(self, rows: Iterable[int]) -> None:
        """Take a complete cache for one that lacks some rows."""
        there = np.ones(self.shape[0], dtype=np.uint8)
        there[list(rows)] = 0
        write_bytes(self.rows, there.tobytes(), advice=_ADVICE)

    def finish(self, about: dict[str, Any], failed: dict[int, str]) -> None:
        """Declare the cache complete."""
        self._write_about(about | {"complete": True, "failed": failed})
        self.rows.unlink(missing_ok=True)

    def _about(self) -> dict[str, Any]:
        try:
            content = parse_json(read_json_text(self.json))
        except (OSError, ValueError):
            return {}  # not there or damaged: either way it proves nothing
        fits = isinstance(content, dict) and content.get("digest") == self.digest
        return content if fits else {}

    def _write_about(self, about: dict[str, Any]) -> None:
        known = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "digest": self.digest}
        write_text(self.json, json.dumps(known | about, indent=2) + "\n", advice=_ADVICE)

    def _whole(self) -> bool:
        try:
            with self.npy.open("rb") as file:
                head = file.read(len(self.head))
            return head == self.head and self.npy.stat().st_size == self.bytes
        except OSError:
            return False

    def _rows_fit(self) -> bool:
        return self.rows.is_file() and self.rows.stat().st_size == self.shape[0]


class RowWriter:
    """Writes rows, and marks them once they are on the disk.

    Plain writes, not a memory map: a full disk is then an error that can be told, and no signal
    that ends the process, and pages that were written do not count as memory of the process.
    """

    def __init__(self, files: CacheFiles) -> None:
        self._files = files
        self._written: list[int] = []
        self._marked_at = time.monotonic()

    def __enter__(self) -> RowWriter:
        self._pixels: BinaryIO = self._files.npy.open("r+b")
        self._rows: BinaryIO = self._files.rows.open("r+b")
        return self

    def __exit__(self, *_: object) -> None:
        with self._rows, self._pixels:
            self._commit()  # whatever ended the loop, what was done is kept

    def write(self, row: int, pixels: np.ndarray[Any, Any], *, mark: bool = True) -> None:
        """Write one row, uint8 ``(H, W, 3)``; with ``mark`` it counts as done once flushed."""
        self._pixels.seek(len(self._files.head) + row * self._files.row_bytes)
        self._pixels.write(np.ascontiguousarray(pixels).data)
        if mark:
            self._written.append(row)
        waited = time.monotonic() - self._marked_at
        if len(self._written) >= _BLOCK_ROWS or waited >= _BLOCK_SECONDS:
            self._commit()

    def _commit(self) -> None:
        self._pixels.flush()
        os.fsync(self._pixels.fileno())
        for row in self._written:
            self._rows.seek(row)
            self._rows.write(b"\x01")
        self._rows.flush()
        self._written.clear()
        self._marked_at = time.monotonic()


def locked(lock_file: Path, path: Path) -> AbstractContextManager[None]:
    """Hold the lock of a file that is filled; see :func:`memnet.util.locking.hold_lock`."""
    busy = f"Another process is filling {path}; waiting for it ..."
    return hold_lock(lock_file, busy=busy, advice=_ADVICE, wait=True)


def require_space(path: Path, what: str, size: int) -> None:
    """Raise ``MemnetError`` where the disk has less room than a file of this size still needs."""
    taken = 0
    if path.exists():
        content = path.stat()
        # A file with holes is as long as a full one; its blocks say what it really has.
        taken = min(getattr(content, "st_blocks", 0) * 512 or content.st_size, content.st_size)
    need, free = size - taken, shutil.disk_usage(path.parent).free
    if need > free:
        raise MemnetError(
            f"{what} needs {_gb(need)} in {path.parent}, where {_gb(free)} are free; make room, or "
            "choose a folder on another disk with --cache DIR."
        )


def make_file(path: Path, head: bytes, size: int) -> None:
    """Write a file's head and take the disk space of all of it; a disk that is full keeps none."""
    try:
        with path.open("wb") as file:
            file.write(head)
            _allocate(file, size)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _allocate(file: BinaryIO, size: int) -> None:
    """Take the disk space now, so that a disk that fills up is noticed before the work."""
    file.flush()
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    file.truncate(size)


def unwritable(path: Path, what: str, size: int, error: OSError) -> MemnetError:
    """Build the error for a disk that is full or cannot be written.

    Parameters
    ----------
    path : the file that is filled.
    what : what sentences call it, with a capital letter.
    size : of the whole file, in bytes.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MemnetError(
            f"The disk of {path.parent} is full (or your quota of it): {what[0].lower()}{what[1:]} "
            f"needs {_gb(size)}, and {_gb(shutil.disk_usage(path.parent).free)} are free; make "
            "room and run it again (what was done is kept), or choose a folder on another disk "
            "with --cache DIR."
        )
    return MemnetError(
        f"{what}, {path}, cannot be written ({error.strerror or error}); choose another folder "
        "with --cache DIR."
    )


def _gb(size: int) -> str:
    return f"{size / 1e9:.3g} GB"
