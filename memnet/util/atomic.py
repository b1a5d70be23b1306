"""Files that are written whole or not at all: a reader never finds half of one.

Everything in memnet that writes a whole file does it here. The content is written to a temporary
file in the same folder and flushed to the disk (``fsync``), and only then takes the file's name;
then the folder is flushed, too. So after a crash, a kill or a power cut there is the old file or
the new one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from memnet.errors import MemnetError
from memnet.util.paths import WINDOWS

ADVICE = "free some space there, or choose a folder that can be written"
"""How the sentence about a file that cannot be written ends, unless the writer knows better."""


@contextlib.contextmanager
def replace_file(
    path: Path, *, advice: str = ADVICE, errors: tuple[type[Exception], ...] = ()
) -> Iterator[Path]:
    """Give a temporary path to write to; when the block ends, it becomes ``path``.

    For libraries that write files themselves (Parquet, safetensors, PyTorch). If the block raises,
    what was at ``path`` before stays, and the temporary file is removed. A missing folder is made.

    Parameters
    ----------
    path : the file to write.
    advice : what the user can do where it cannot be written: the end of the error's sentence.
    errors : what the library raises on a full disk, where that is no ``OSError``.

    Yields
    ------
    Path
        of a file that does not exist yet, in the folder of ``path``. Its name ends in ``.part``.

    Raises
    ------
    MemnetError
        if the disk is full or the folder cannot be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with replace_file(Path(folder, "numbers.txt")) as temporary:
    ...         _ = temporary.write_text("1 2 3")
    ...     Path(folder, "numbers.txt").read_text()
    '1 2 3'
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("r+b") as file:  # Windows flushes only what is open for writing
            os.fsync(file.fileno())
        _rename(temporary, path)
        _flush_folder(path.parent)
    except (OSError, *errors) as error:  # type: ignore[misc]  # a tuple of classes all the same
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0]
        if WINDOWS and isinstance(error, PermissionError):
            reason = f"{reason}, or another program has it open"
        raise MemnetError(f"{path} cannot be written ({reason}); {advice}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, *, advice: str = ADVICE) -> None:
    """Write a whole file; raises as :func:`replace_file` does."""
    with replace_file(path, advice=advice) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, *, advice: str = ADVICE) -> None:
    r"""Write a whole text file, UTF-8, its lines ending in ``\n`` on every system.

    Raises as :func:`replace_file` does.
    """
    write_bytes(path, text.encode("utf-8"), advice=advice)


@contextlib.contextmanager
def replace_text(path: Path, *, advice: str = ADVICE) -> Iterator[TextIO]:
    r"""Give a text file to write to in pieces, UTF-8; when the block ends, it becomes ``path``.

    Lines end as they are written, in ``\n``, on every system. Raises as :func:`replace_file` does.
    """
    with (
        replace_file(path, advice=advice) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file


_PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds to wait where Windows refuses a rename."""


def _rename(temporary: Path, path: Path) -> None:
    """Give a whole file its name; on Windows a virus scanner may hold a new one for a moment."""
    for pause in _PAUSES if WINDOWS else ():
        try:
            os.replace(temporary, path)
        except PermissionError:
            time.sleep(pause)
        else:
            return
    os.replace(temporary, path)


def require_writable(folder: Path, *, advice: str = ADVICE) -> None:
    """Refuse a folder that cannot be written, before the work whose results would go there.

    It is tried, since permissions alone do not tell (of a file system that is read-only, say);
    nothing is left behind.

    Raises
    ------
    MemnetError
        if no file can be made there.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    trial = folder / f".{uuid4().hex}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.touch(exist_ok=False)
    except OSError as error:
        reason = error.strerror or error
        raise MemnetError(f"{folder} cannot be written ({reason}); {advice}.") from error
    finally:
        with contextlib.suppress(OSError):
            trial.unlink(missing_ok=True)
            for each in missing:
                each.rmdir()


def _flush_folder(folder: Path) -> None:
    """Put the file's new name on the disk, where the system can flush a folder (not Windows)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
