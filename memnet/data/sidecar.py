"""The file beside a table that says how it was made: ``scores.csv.json`` beside ``scores.csv``.

Of a score table it holds, for each model, what made its scores (weights, preprocessing, training
data), or what somebody wrote down about it (:mod:`memnet.data.declared`). What lies beside a truth
table is its manifest (:mod:`memnet.data.manifest`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from memnet.errors import MemnetError
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.text import printable

SIDECAR_VERSION = 2
"""Of a score table's sidecar."""

TRUTH_FORMAT = "memnet truth table"
"""What the manifest of human scores says that it is."""


def sidecar_path(table: Path) -> Path:
    """Return where the file beside a table is.

    Examples
    --------
    >>> sidecar_path(Path("scores.csv")).name
    'scores.csv.json'
    """
    return table.parent / f"{table.name}.json"  # also where an empty path means a folder


def read_sidecar(table: Path) -> dict[str, Any]:
    """Read a score table's sidecar, of whatever version.

    Returns
    -------
    dict
        ``models`` is model -> how it scores; ``files``, where it is there, model -> picture ->
        size and time of its file.

    Raises
    ------
    OSError, ValueError
        if it cannot be read, or is no sidecar by its kinds of values.
    """
    sidecar = parse_json(read_json_text(sidecar_path(table)))
    if not isinstance(sidecar, dict) or "models" not in sidecar:
        raise ValueError('it has no "models"')
    for name in ("models", "files"):
        parts = sidecar.get(name, {})
        if not (isinstance(parts, dict) and all(isinstance(t, dict) for t in parts.values())):
            raise ValueError(f'"{name}" is no table')
    return sidecar


def is_truth_manifest(table: Path) -> bool:
    """Whether what lies beside a table is the manifest of human scores."""
    try:
        content = parse_json(read_json_text(sidecar_path(table)))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == TRUTH_FORMAT


def refuse_to_add(table: Path, is_ours: Callable[[str], bool], advice: str) -> None:
    """Refuse to add rows to a score table that another command made.

    Parameters
    ----------
    table : the score table; where it has no sidecar, nothing is refused here.
    is_ours : tells by a command line whether it is one that may be gone on with.
    advice : the end of the sentence.

    Raises
    ------
    MemnetError
        if its sidecar names another command, or none.
    """
    try:
        made_by = str(read_sidecar(table).get("command", ""))
    except (OSError, ValueError):  # nothing is there, or what is refused where it is gone on with
        return
    if not is_ours(made_by):
        how = f"by `{printable(made_by, 200)}`" if made_by else "in another way"
        raise MemnetError(
            f"{table} was made {how}, and rows would be added to it; choose another --out, or "
            f"{advice}."
        )
