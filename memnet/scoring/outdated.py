"""Rows of earlier runs whose files changed since: those of what is gone go, the others are named.

So do boxes that the user's table no longer has.

A row of what a run scores is not among them: it is scored again. Nothing tells whether a file of
another size or time holds other pictures, so a row goes only where the run listed the whole file,
and the file no longer has that picture.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping

from memnet.data.containers import HDF5_SUFFIXES
from memnet.data.inputs import Inputs, Item
from memnet.data.videos import split_frame_id
from memnet.preprocess.members import Member
from memnet.preprocess.video import VideoFrame
from memnet.scoring.score_file import GIVEN_AS, Key, ScoreFile
from memnet.scoring.table import Row
from memnet.scoring.table_trials import pictures_of
from memnet.util.file_stamps import containing_file, stamp_file
from memnet.util.text import model_label, shorten_list


def settle_outdated(
    table: ScoreFile, inputs: Inputs, order: Iterable[Key], models: Collection[tuple[str, str]]
) -> tuple[int, list[str]]:
    """Drop the rows of pictures, frames and boxes that are gone from a changed file or table.

    The others whose files changed are named.

    Parameters
    ----------
    table : after the run.
    inputs : the pictures of the run. Of a part of them (``--limit``, ``--shard``), or where some
        could not be read, nobody knows what is gone, and nothing is dropped; but a shard of a
        table lists all boxes that belong into it.
    order : the rows of the run.
    models : of the run, each with its variant. The boxes of a table are those of all models.

    Returns
    -------
    dropped : how many rows were taken out of the table.
    notes : a sentence on the rows of each model and file that stay though the file changed.
    """
    made = set(order)
    outdated = _outdated(table, made)
    gone: set[Key] = set()
    if inputs.boxes and "limit" not in inputs.part:
        listed_before = pictures_of(table, inputs)
        gone_boxes = listed_before - {item.image_id for item in inputs.items}
        gone = {key for key in table.rows if key[2] in gone_boxes}
    if outdated and not inputs.part and not inputs.unreadable:
        listed = _Listed(inputs.items, set(map(os.path.realpath, outdated.values())))
        gone |= {
            key
            for key, file in outdated.items()
            if key[:2] in models and listed.lacks(file, table.rows[key])
        }
    notes = _notes(
        table, {key: outdated[key] for key in outdated if key not in gone}, inputs, models
    )
    table.drop(gone)
    return len(gone), notes


def _outdated(table: ScoreFile, made: Collection[Key]) -> dict[Key, str]:
    """Return the rows of earlier runs whose file is there and not what it was, and that file."""
    files: dict[str, str] = {}  # of a folder -> the file that it is or lies in, "" if none
    now: dict[str, str] = {}
    outdated = {}
    for key, row in table.rows.items():
        known = table.stamps.get(key)
        if key in made or known is None:
            continue
        folder = os.path.dirname(row.path)
        if folder not in files:
            files[folder] = containing_file(f"{folder}/-") if folder else ""
        file = files[folder] or row.path
        if file not in now:
            now[file] = str(stamp_file(file) or "")
        if now[file] and not f"{known} ".startswith(f"{now[file]} "):  # a box follows
            outdated[key] = file
    return outdated


class _Listed:
    """What a run found in containers and videos: all that is in them, or in datasets of them."""

    def __init__(self, items: Iterable[Item], files: Collection[str]) -> None:
        self._names: dict[str, set[str]] = {}
        self._datasets: dict[str, set[str]] = {}
        self._ends: dict[str, float] = {}
        real: dict[str, str] = {}
        for item in items:
            if isinstance(item.picture, VideoFrame):
                video = item.picture.video
                self._ends[os.path.realpath(video.path)] = float(video.end)
            elif isinstance(item.picture, Member):
                container = item.picture.container
                file = real.setdefault(container.path, os.path.realpath(container.path))
                if file in files:
                    name = item.path[len(container.path) + 1 :]
                    self._names.setdefault(file, set()).add(name)
                    self._datasets.setdefault(file, set()).add(container.part)

    def lacks(self, file: str, row: Row) -> bool:
        """Whether what a row is of is no longer in its file; False where nobody looked."""
        frame, real = split_frame_id(row.image_id), os.path.realpath(file)
        if frame and real in self._ends:
            return frame[1] >= self._ends[real]
        name = row.path[len(file) + 1 :]
        if real not in self._names or name in self._names[real]:
            return False
        if file.lower().endswith(HDF5_SUFFIXES):  # of which each dataset is given by itself
            return name.rpartition("/")[0] in self._datasets[real]
        columns = {part.removesuffix(".bytes") for part in self._datasets[real]}
        if all(each.partition("/")[0] in columns for each in self._names[real]):
            return name.partition("/")[0] in columns  # and so is each of several columns
        return True


def _notes(
    table: ScoreFile,
    outdated: Mapping[Key, str],
    inputs: Inputs,
    models: Collection[tuple[str, str]],
) -> list[str]:
    paths: dict[tuple[tuple[str, str], str], list[str]] = {}
    for key, file in outdated.items():
        path = table.rows[key].path
        is_own = file == path and not split_frame_id(key[2])
        paths.setdefault((key[:2], "" if is_own else file), []).append(path)
    notes = []
    for (model, file), rows in paths.items():
        label = model_label(*model)
        if model not in models:
            given = table.sidecar["models"].get(label, {}).get(GIVEN_AS, label)
            what_to_do = f"score them again with --model {given}, too"
        elif "limit" in inputs.part:
            what_to_do = "score them again without --limit"
        else:
            it = "it" if file else "them"
            what_to_do = f"give {it} again as you did for these rows, or choose another --out"
        changed = file or f"their files ({shorten_list(rows, 3)})"
        notes.append(
            f"{len(rows)} row(s) of {label} were scored before {changed} changed, and stay as "
            f"they were; {what_to_do}"
        )
    return notes
