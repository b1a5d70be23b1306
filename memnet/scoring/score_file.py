"""A score table on disk that survives kill -9 and is continued by the next run.

While a run lasts, finished rows are appended to ``OUT.partial`` (a JSON line each, synced to disk
batch by batch). At the end they are merged with what ``OUT`` held and ``OUT`` is replaced at once.
``OUT.json`` says with which weights and preprocessing each model scored, so that a later run
cannot mix two kinds of scores in one table; and what size and time each picture's file had, so that
a picture that was replaced is scored again.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from memnet.data.score_columns import FAILED
from memnet.data.sidecar import SIDECAR_VERSION, read_sidecar, sidecar_path
from memnet.errors import MemnetError
from memnet.preprocess.decode import Box
from memnet.scoring.sinks import write_rows
from memnet.scoring.table import Row, read_rows_and_extras
from memnet.util.atomic import replace_text
from memnet.util.file_stamps import stamp_container, stamp_file
from memnet.util.json_fields import Shape, check_known, check_shape
from memnet.util.json_text import parse_json
from memnet.util.locking import hold_lock
from memnet.util.paths import is_same
from memnet.util.table_files import check_rows, check_table_name
from memnet.util.text import model_label, words_of

Key: TypeAlias = tuple[str, str, str]
"""Of a score: model, variant, picture."""


class ScoreFile:
    """One score table, its journal and its sidecar. Use :func:`open_scores` to get one.

    A picture has one score of a model, in :attr:`rows`. The table on disk may have several rows of
    it, one for each row of the user's own table that names it: :attr:`extras` holds what stands
    beside the score in each of them, and :attr:`order` the rows as they stood when it was read.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.journal = journal_path(out)
        self.sidecar_path = sidecar_path(out)
        self.rows: dict[Key, Row] = {}
        self.order: list[Key] = []
        self.extras: dict[Key, list[Mapping[str, str]]] = {}
        self.changed: set[str] = set()
        self.stamps: dict[Key, str] = {}
        self.sidecar: dict[str, Any] = {"sidecar_version": SIDECAR_VERSION, "models": {}}
        if self.sidecar_path.exists():
            self.sidecar = self._read_sidecar()
        else:
            for file in (out, self.journal):
                if file.exists():
                    raise MemnetError(
                        f"{file} exists and {self.sidecar_path.name}, which says how it was made, "
                        "does not; choose another --out, or move it away."
                    )
        if out.exists():
            rows, extras = read_rows_and_extras(out)
            self.order = [row.key for row in rows]
            self.rows = dict(zip(self.order, rows, strict=True))
            if any(extras) or len(self.rows) < len(rows):
                for key, extra in zip(self.order, extras, strict=True):
                    self.extras.setdefault(key, []).append(extra)
            stamps = self.sidecar.get("files", {})
            for key in self.rows:
                if stamp := stamps.get(model_label(*key[:2]), {}).get(key[2]):
                    self.stamps[key] = stamp
            if stamps:  # the same, with the texts that the rows have
                self.sidecar["files"] = self._files(self.rows)
        for row in self._read_journal():
            self.rows[row.key] = row
        self._models = {key[:2] for key in self.rows}

    def is_done(self, key: Key, path: str, box: Box | None = None) -> bool:
        """Whether a picture, or a box of it, has its score.

        One that failed is tried again, and one whose file has another size or time than when it
        was scored, or whose box is another, which :attr:`changed` then names. Of rows that older
        versions wrote neither is known.

        Raises
        ------
        MemnetError
            if the table holds this id from another place: then it is another picture. What
            another model scored may be a copy, of one size and time.
        """
        for model in self._models:
            row = self.rows.get((*model, key[2]))
            if row is None or row.path == path or row.warning.startswith(FAILED):
                continue
            is_copy = model != key[:2] and self.stamps.get(row.key) == _stamp(path, box)
            if not is_copy and not _is_one_place(row.path, path):
                raise MemnetError(
                    f"{self.out} already holds a picture {row.image_id!r}, from {row.path}, and "
                    f"now {path} would get the same image_id; choose another --out."
                )
        row = self.rows.get(key)
        if row is None or row.warning.startswith(FAILED):
            return False
        known = self.stamps.get(key)
        if known is not None and known != _stamp(path, box):
            self.changed.add(row.image_id)
            return False
        return True

    def begin(self, key: Key, path: str, box: Box | None = None) -> None:
        """Remember the file that a picture is scored from, before it is opened."""
        if stamp := _stamp(path, box):
            self.stamps[key] = stamp
        else:
            self.stamps.pop(key, None)

    def drop(self, keys: Iterable[Key]) -> None:
        """Take rows out of the table."""
        for key in keys:
            for kept in (self.rows, self.extras, self.stamps):
                kept.pop(key, None)

    def declare(self, model: str, identity: dict[str, Any]) -> None:
        """Say how a model scores; an earlier, different way in this table is an error.

        A copy of a weight file is no other way, whatever it is called.
        """
        if changed := differences(self.sidecar["models"].get(model), identity):
            raise MemnetError(
                f"{self.out} holds scores of {model} made another way (different: "
                f"{', '.join(changed)}); choose another --out."
            )
        self.sidecar["models"][model] = identity

    def declare_part(self, part: dict[str, Any]) -> None:
        """Say which part of the pictures the run is of; a table is of one shard, or of all."""
        before, now = (shard_of(about) for about in (self.sidecar, part))
        if self.sidecar["models"] and before != now:
            raise MemnetError(
                f"{self.out} holds {_shard_name(before)}, and this run is of {_shard_name(now)}; "
                "give each shard an --out of its own, and put them together by `memnet merge`."
            )
        for name in ("shard", "limit"):
            self.sidecar.pop(name, None)
        self.sidecar |= part

    def require_room(self, order: Sequence[Key]) -> None:
        """Raise ``MemnetError`` where the table's kind of file cannot hold these rows, too."""
        kept = sum(len(self.beside(key)) for key in self.rows.keys() - set(order))
        check_rows(self.out, len(order) + kept)

    def beside(self, key: Key) -> list[Mapping[str, str]]:
        """Return what stood beside a picture's score in each row of an earlier run; one if none."""
        return self.extras.get(key, [{}])

    def append(self, rows: Iterable[Row]) -> None:
        """Put finished rows on disk before returning."""
        rows = list(rows)
        text = "".join(
            json.dumps({**row.as_dict(), _FILE: self.stamps.get(row.key)}, allow_nan=True) + "\n"
            for row in rows
        )
        try:
            with self.journal.open("a", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise MemnetError(
                f"{self.journal} cannot be written ({error.strerror}); what was finished is "
                "kept, free some space and run the same command again."
            ) from error
        self.rows.update({row.key: row for row in rows})
        self._models |= {row.key[:2] for row in rows}

    def finish(
        self, order: Sequence[Key], extras: Iterable[Mapping[str, str] | None] | None = None
    ) -> None:
        """Replace the table: rows in ``order`` first, then those of earlier runs.

        ``extras`` are what stands beside the scores, for each of ``order``: for None, what stood
        there before.
        """
        rows, beside = [], []
        wanted: Iterable[tuple[Key, Mapping[str, str] | None]]
        wanted = zip(order, extras or itertools.repeat(None), strict=False)
        given = set(order)
        kept = [(key, None) for key in self.rows if key not in given]
        for key, extra in itertools.chain(wanted, kept):
            if key in self.rows:
                each = self.beside(key) if extra is None else [extra]
                rows += [self.rows[key]] * len(each)
                beside += each
        write_rows(rows, self.out, beside)
        self.sidecar["files"] = self._files(dict.fromkeys(row.key for row in rows))
        self.write_sidecar()
        self.journal.unlink(missing_ok=True)

    def _files(self, keys: Iterable[Key]) -> dict[str, dict[str, str]]:
        """Return the stamps as the sidecar has them: model -> picture -> stamp."""
        files: dict[str, dict[str, str]] = {}
        for key in keys:
            if key in self.stamps:
                files.setdefault(model_label(*key[:2]), {})[key[2]] = self.stamps[key]
        return files

    def write_sidecar(self) -> None:
        """Write the sidecar atomically."""
        with replace_text(self.sidecar_path) as file:
            json.dump(self.sidecar, file, indent=1, allow_nan=False)
            file.write("\n")

    def _read_sidecar(self) -> dict[str, Any]:
        try:
            sidecar = read_sidecar(self.out)
            check_shape(sidecar, _SHARD, "")
        except (OSError, ValueError) as error:
            raise MemnetError(
                f"{self.sidecar_path} cannot be read as what `memnet score` writes beside a table "
                f"({words_of(error)}); choose another --out."
            ) from error
        if sidecar.get("sidecar_version") != SIDECAR_VERSION:
            raise MemnetError(
                f"{self.sidecar_path} was written by another version of memnet; choose another "
                "--out."
            )
        return sidecar

    def _read_journal(self) -> Iterator[Row]:
        """Yield the journal's rows; a last line that a kill cut short is taken off the file."""
        if not self.journal.exists():
            return
        size = 0
        with self.journal.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    os.truncate(self.journal, size)
                    return
                size += len(line)
                yield self._read_line(number, line)

    def _read_line(self, number: int, line: bytes) -> Row:
        try:
            fields = parse_json(line.decode("utf-8"))
            check_shape(fields, _LINE, "")
            stamp = fields.pop(_FILE, None)
            check_known(fields, Row, "")
            row = Row.read(fields)
        except ValueError as error:
            raise MemnetError(
                f"{self.journal}, line {number}, is damaged ({words_of(error)}); remove that "
                "line and run the same command again."
            ) from error
        if stamp:
            self.stamps[row.key] = stamp
        else:
            self.stamps.pop(row.key, None)
        return row


def differences(before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """Return in what the identities of a model differ that its scores come from."""
    if before is None:
        return []
    return sorted(
        name
        for name in before.keys() | now.keys()
        if name not in _NOT_DECIDING and before.get(name) != now.get(name)
    )


def shard_of(sidecar: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return which shard a table is, ``(2, 3)`` of the second of three; None for none."""
    shard = sidecar.get("shard")
    return (shard["part"], shard["of"]) if shard else None


_SHARD: Shape = {
    "shard?": {"part": int, "of": int, "list_sha256": str, "places": [int]},
    "limit?": int,
    "fps?": {str: [str]},
    "boxes?": str,
    "tables?": {str: {"sha256": str, "pictures": [str]}},
}
"""What a sidecar may say of a part of the pictures, of rates of videos, of boxes and of tables."""


def journal_path(out: Path) -> Path:
    """Return where a run keeps finished rows until its table is written."""
    return out.with_name(out.name + ".partial")


def _shard_name(shard: tuple[int, int] | None) -> str:
    return "all pictures" if shard is None else f"shard {shard[0]}/{shard[1]}"


def _is_one_place(one: str, other: str) -> bool:
    """Whether two paths are one; of a file that is gone, as far as their letters tell."""
    return os.path.realpath(one) == os.path.realpath(other) or is_same(one, other)


GIVEN_AS = "given_as"
"""Key of a model's identity: the name or file it was given as, if it is called otherwise."""

_NOT_DECIDING = (GIVEN_AS, "pretrained_on", "deviation_from_exact")
"""What an identity may say otherwise: older tables do not name what a network was pretrained on,
and how far a kind of computing lies from the exact one is measured anew on each machine."""

_LONGEST_NAME = 200
_FILE = "file"
"""Key of a journal's line: size and time of the picture's file."""

_LINE: Shape = {
    **dict.fromkeys(("image_id", "path", "model", "variant", "mode", "warning"), str),
    **dict.fromkeys(("score", "raw"), (float, None)),
    **dict.fromkeys(("n_crops", "width", "height"), (int, None)),
    "clamped": (bool, None),
    f"{_FILE}?": (str, None),
}
"""A journal's line: a :class:`Row`, and the stamp of its file."""


def _stamp(path: str, box: Box | None) -> str:
    """Say what a picture's file, or the one that it lies in, is like now, and the box of it.

    "" for what is in no file.
    """
    stamp = stamp_file(path) or stamp_container(path)
    if stamp is None or box is None:
        return str(stamp or "")
    return f"{stamp} {box_text(box)}"


def box_text(box: Box) -> str:
    """Write a box as the stamp of a row ends."""
    return ",".join(map(repr, box))


@contextmanager
def open_scores(out: Path) -> Iterator[ScoreFile]:
    """Open a score table for one writer.

    Raises
    ------
    MemnetError
        if another process writes it, its folder cannot be written, or what lies there is not a
        score table.
    """
    check_table_name(out)
    if (length := len(os.fsencode(out.name))) > _LONGEST_NAME:
        raise MemnetError(
            f"The name of --out has {length} bytes; {_LONGEST_NAME} is the most, since files "
            "beside it have longer names."
        )
    busy = f"Another memnet is writing {out} at this moment; wait for it, or choose another --out."
    with hold_lock(out.with_name(f".{out.name}.lock"), busy=busy):
        yield ScoreFile(out)
