"""Files that one process works on at a time."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from memnet.errors import MemnetError
from memnet.util.atomic import ADVICE, require_writable
from memnet.util.messages import say

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


@contextlib.contextmanager
def hold_lock(path: Path, *, busy: str, advice: str = ADVICE, wait: bool = False) -> Iterator[None]:
    """Keep other processes out while the block runs.

    The lock's file stays behind, empty: once it is removed, a process that had opened it and one
    that makes it anew would each hold "the" lock. So give it a name that hides it (``.name.lock``).

    Some network file systems have no locks. There the block runs all the same, and a sentence on
    stderr says that nothing keeps a second process out.

    Parameters
    ----------
    path : the lock's file; a missing folder is made.
    busy : the sentence where another process holds the lock.
    wait : say that sentence and wait for the other process, instead of raising.
    advice : what the user can do where the file cannot be written: the end of the error's sentence.

    Raises
    ------
    MemnetError
        if another process holds the lock, or its folder cannot be written.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with hold_lock(Path(folder, ".lock"), busy="Another process is at work there."):
    ...         with hold_lock(Path(folder, ".lock"), busy="Another process is at work there."):
    ...             pass
    Traceback (most recent call last):
    memnet.errors.MemnetError: Another process is at work there.
    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            # On Windows filelock up to 3.29.7 takes a folder without permission for a lock that is
            # held, and would wait for ever (its issue 604).
            require_writable(path.parent, advice=advice)
            if not wait:
                raise MemnetError(busy) from None
            say(busy)
            lock.acquire()
    except (OSError, NotImplementedError) as error:  # the latter is an older filelock's ENOSYS
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            reason = error.strerror or error
            raise MemnetError(f"{path.parent} cannot be written ({reason}); {advice}.") from error
        say(
            f"the file system of {path.parent} has no locks, so nothing keeps a second process "
            "out: see that only one writes there."
        )
    try:
        yield
    finally:
        lock.release()
