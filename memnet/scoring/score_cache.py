"""The score cache: what networks gave for pictures, kept so that nothing is computed twice.

A SQLite file, ``scores.sqlite`` in the folder of :func:`memnet.weights.store.home`. Its keys are
digests of everything that decides a score (:mod:`memnet.scoring.cached`), so that a row is never
out of date: what changes has another key. Each row carries a checksum, so that a damaged one is no
score.

Several processes and threads may use it at once; each commits a second's worth of rows at a time.
It has no write-ahead log, which is not safe on network drives, where clusters have their home
folders, and saves nothing here. Nothing waits for the disk either (``synchronous=OFF``): a process
that is killed harms nothing, and what a power cut leaves is read by the checksums.

A cache never stops a run. One that is locked for long, damaged, read-only or on a full disk is left
out, with one sentence.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from memnet.errors import MemnetError
from memnet.scoring.scored import Scored
from memnet.util.messages import say_once
from memnet.util.text import words_of
from memnet.weights import store

MOST_BYTES = 1_000_000_000
"""A larger cache loses the rows that were not used for longest: some five million stay."""

_WAIT = 3.0
"""Seconds for which another process may hold the file, before this one does without it."""

_PAUSE = 60.0
"""Seconds for which a process leaves a file alone that it could not use: some score one picture a
call, and would wait at each."""

_EVERY = 1.0
"""Seconds between two commits."""

_DAY = 86_400.0
"""A row's last use is known to the day, so that reading hardly ever writes."""

_CHECKSUM = 8

_TABLES = (
    "CREATE TABLE IF NOT EXISTS scores (key BLOB PRIMARY KEY, model TEXT NOT NULL, "
    "used REAL NOT NULL, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS scores_by_use ON scores (used)",
)


_left_alone: dict[Path, float] = {}


def path() -> Path:
    """Return where the cache is, or will be; raises ``MemnetError`` as :func:`.store.home`."""
    return store.home() / "scores.sqlite"


def is_wanted() -> bool:
    """Whether ``MEMNET_NO_CACHE`` leaves the cache in use (empty or 0)."""
    return os.environ.get("MEMNET_NO_CACHE", "") in ("", "0")


class ScoreCache:
    """A cache that is open."""

    def __init__(self, file: Path, most_bytes: int = MOST_BYTES) -> None:
        self._file = file
        self._most_bytes = most_bytes
        self._new: dict[bytes, tuple[str, Scored]] = {}
        self._used: list[bytes] = []
        self._committed = time.monotonic()
        self._writable = True
        self._connection: sqlite3.Connection | None = None
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(file)
        except (sqlite3.Error, OSError) as error:
            self._leave_out(error)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Scored]:
        """Look scores up; one that is not there, or is damaged, is not in the answer."""
        found = {key: self._new[key][1] for key in keys if key in self._new}
        if self._connection is None:
            return found
        others = [key for key in keys if key not in found]
        rows = []
        try:
            for start in range(0, len(others), 500):  # SQLite limits the marks of a statement
                some = others[start : start + 500]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, used, value FROM scores WHERE key IN ({marks})"
                rows += self._connection.execute(query, some).fetchall()
        except sqlite3.Error as error:
            self._leave_out(error)
        old = time.time() - _DAY
        for key, used, value in rows:
            if isinstance(value, bytes) and value == _checked(key, value[_CHECKSUM:]):
                found[key] = Scored.from_bytes(value[_CHECKSUM:])
                if used < old:
                    self._used.append(key)
        return found

    def add(self, key: bytes, model: str, scored: Scored) -> None:
        """Keep a score of the model called ``model``; it is in the file within a second or two."""
        self._new[key] = model, scored
        if time.monotonic() - self._committed > _EVERY:
            self._commit()

    def close(self) -> None:
        """Commit what is new."""
        self._commit()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _commit(self) -> None:
        if self._connection is not None and self._writable and (self._new or self._used):
            try:
                self._write(self._connection)
            except sqlite3.Error as error:
                self._writable = False
                if "locked" in str(error):
                    _leave_alone(self._file)
                if self._new:  # of a shared cache that is read-only, all may be known
                    say_once(f"new scores are not put into {_what(self._file, error)}")
        self._new.clear()
        self._used.clear()
        self._committed = time.monotonic()

    def _write(self, connection: sqlite3.Connection) -> None:
        now = time.time()
        rows = [
            (key, model, now, _checked(key, scored.to_bytes()))
            for key, (model, scored) in self._new.items()
        ]
        with _transaction(connection):
            connection.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?)", rows)
            used = [(now, key) for key in self._used]
            connection.executemany("UPDATE scores SET used = ? WHERE key = ?", used)
            if _bytes(connection) > self._most_bytes:
                oldest = "SELECT key FROM scores ORDER BY used LIMIT ?"
                # More than were added, and never so many that other processes wait long.
                connection.execute(
                    f"DELETE FROM scores WHERE key IN ({oldest})", [2 * len(rows) + 100]
                )

    def _leave_out(self, error: Exception) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        _leave_alone(self._file)
        say_once(f"all is computed, without {_what(self._file, error)}")


@contextlib.contextmanager
def open_cache(wanted: bool = True) -> Iterator[ScoreCache | None]:
    """Open the user's cache while a run lasts; None where it is not wanted, or has no place."""
    cache = None
    if wanted and is_wanted():
        try:
            file = path()
            if time.monotonic() >= _left_alone.get(file, 0.0):
                cache = ScoreCache(file)
        except MemnetError as error:  # neither MEMNET_HOME nor a home folder
            say_once(f"there is no score cache. {error}")
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()


def _leave_alone(file: Path) -> None:
    _left_alone[file] = time.monotonic() + _PAUSE


def connect(file: Path) -> sqlite3.Connection:
    """Open the file, and make its tables where it is new."""
    # One thread at a time uses it, but a run that is left halfway may be closed by another.
    connection = sqlite3.connect(file, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'scores'").fetchone():
            with _transaction(connection):
                for statement in _TABLES:
                    connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled it back itself: a full disk
            connection.execute("ROLLBACK")
        raise


def _bytes(connection: sqlite3.Connection) -> int:
    """Return how many bytes of the file are in use."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def is_damaged(error: Exception) -> bool:
    """Whether an error of SQLite says that the file is no sound database."""
    kinds = sqlite3.DatabaseError, sqlite3.OperationalError
    return isinstance(error, kinds[0]) and not isinstance(error, kinds[1])


def _checked(key: bytes, value: bytes) -> bytes:
    """Put a checksum in front of a value."""
    return hashlib.blake2b(key + value, digest_size=_CHECKSUM).digest() + value


def _what(file: Path, error: Exception) -> str:
    advice = "; `memnet cache clear` removes it" if is_damaged(error) else ""
    return f"the score cache {file} ({words_of(error)}){advice}"
