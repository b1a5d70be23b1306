"""Results that a command may write over: those of the same command, and no others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from memnet.errors import MemnetError
from memnet.util.json_text import parse_json, read_json_text


def keep_other_files(files: Iterable[Path], record: Path, format_: str) -> dict[str, Any] | None:
    """Raise ``MemnetError`` where a file would be written over that the same command did not write.

    Parameters
    ----------
    files : that will be written.
    record : the JSON file that is written with them.
    format_ : what the record says under ``format``.

    Returns
    -------
    dict or None
        what the earlier record says; None where there is nothing yet.
    """
    there = [each for each in (*files, record) if each.exists()]
    if not there:
        return None
    try:
        content = parse_json(read_json_text(record))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get("format") != format_:
        raise MemnetError(f"{there[0]} exists and holds something else; choose another --out.")
    return content
