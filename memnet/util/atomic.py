"""Text files that are written whole or not at all: a reader never finds half of one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from uuid import uuid4

from memnet.errors import MemnetError


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename; a missing folder is made.

    Raises
    ------
    MemnetError
        if the disk is full or the folder cannot be written; what was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    except OSError as error:
        raise MemnetError(f"{path} cannot be written ({error}).") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
