"""What the score cache holds, and how it is emptied: for ``memnet cache``."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from memnet.errors import MemnetError, unknown_name
from memnet.scoring.score_cache import connect, is_damaged, path
from memnet.util.text import words_of


@dataclass(frozen=True)
class Contents:
    """What a score cache holds.

    Attributes
    ----------
    file : where it is, or will be.
    bytes : of the file; 0 where there is none.
    scores : model -> how many scores it has of it, most first. A model is called as in the table
        that it was first scored for.
    """

    file: Path
    bytes: int
    scores: dict[str, int]


def read_contents() -> Contents:
    """Count the scores in the cache; raises ``MemnetError`` if it is damaged or cannot be read."""
    file = path()
    if not file.exists():
        return Contents(file, 0, {})
    query = "SELECT model, count(*) FROM scores GROUP BY model ORDER BY count(*) DESC, model"
    with _opened(file) as connection:
        scores = dict(connection.execute(query).fetchall())
    return Contents(file, file.stat().st_size, scores)


def clear(model: str | None = None) -> int:
    """Forget the scores of a model and its variants, or all of them, and give the space back.

    A file that is damaged is removed, if all are to be forgotten.

    Returns
    -------
    int
        how many scores were forgotten.

    Raises
    ------
    MemnetError
        if there is no score of the model, or the file is in use or cannot be written.
    """
    file = path()
    if model is not None and not model.strip():
        raise MemnetError("--model names no model; leave it out to forget all scores.")
    if not model and _is_damaged(file):
        for each in (file, file.with_name(f"{file.name}-journal")):
            with contextlib.suppress(FileNotFoundError):
                _remove(each)
        return 0
    scores = read_contents().scores
    if not scores:
        return 0
    labels = [label for label in scores if not model or f"{label}:".startswith(f"{model}:")]
    if not labels:
        raise unknown_name("model in the score cache", str(model), scores)
    with _opened(file) as connection:
        connection.executemany("DELETE FROM scores WHERE model = ?", [[each] for each in labels])
        connection.execute("VACUUM")
    return sum(scores[label] for label in labels)


def _is_damaged(file: Path) -> bool:
    if not file.exists():
        return False
    try:
        with contextlib.closing(connect(file)) as connection:
            (answer,) = connection.execute("PRAGMA quick_check").fetchone()
            return bool(answer != "ok")
    except sqlite3.Error as error:
        return is_damaged(error)


def _remove(file: Path) -> None:
    try:
        os.unlink(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise MemnetError(f"{file} cannot be removed ({error.strerror}).") from error


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    try:
        with contextlib.closing(connect(file)) as connection:
            yield connection
    except (sqlite3.Error, OSError) as error:
        advice = "where another program holds it, try again later; else remove it"
        if is_damaged(error):
            advice = "`memnet cache clear` removes it"
        elif "readonly" in str(error):
            advice = "you may not write it, and whoever may can clear it"
        raise MemnetError(
            f"The score cache {file} cannot be used ({words_of(error)}); {advice}."
        ) from error
