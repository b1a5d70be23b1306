"""Videos among the pictures: each becomes the frames that are to be scored.

A frame's ``image_id`` is that of its video, ``@``, and its time in seconds (``film.mp4@0001.500``),
so that frames sort by time; :func:`split_frame_id` takes it apart.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

from memnet.data.inputs import Inputs, Item, TableRow
from memnet.errors import MemnetError
from memnet.preprocess.video import VIDEO_SUFFIXES, Video, VideoFrame, frames_of, read_video


def frame_id(video_id: str, time: Fraction) -> str:
    """Name a frame by its video and time.

    Examples
    --------
    >>> frame_id("film.mp4", Fraction(3, 2))
    'film.mp4@0001.500'
    """
    return f"{video_id}@{float(time):08.3f}"


def split_frame_id(image_id: str) -> tuple[str, float] | None:
    """Return the video and the time in seconds; None for what is no frame of a video.

    Examples
    --------
    >>> split_frame_id("films/a.mp4@0001.500"), split_frame_id("a_0001.png")
    (('films/a.mp4', 1.5), None)
    """
    match = _FRAME_ID.fullmatch(image_id)
    return (match["video"], float(match["time"])) if match else None


_FRAME_ID = re.compile(r"(?P<video>.+)@(?P<time>[0-9]{4,}\.[0-9]{3})", re.DOTALL)


def is_video(path: str) -> bool:
    """Whether a file's ending is that of a video."""
    return os.path.splitext(path)[1].lower() in VIDEO_SUFFIXES


TIME, FRAME = "time", "frame"
"""Columns that frames have in the score table: seconds from the first frame, and its number."""


def take_frames(inputs: Inputs, fps: Fraction | None) -> None:
    """Put the frames of each video in its place among the items and the rows of the result.

    A video that cannot be read is named in ``inputs.unreadable`` where there is something else to
    score, and so is one that breaks off, whose frames are kept.

    Raises
    ------
    MemnetError
        if there is a video and no ``fps``, ``fps`` and no video, or nothing can be scored.
    """
    paths = [item.path for item in inputs.items if is_video(item.path)]
    if fps is None:
        if paths:
            raise MemnetError(
                f"{paths[0]} is a video: `memnet score` takes it with --fps, which says how many "
                "of its frames a second are scored (--fps 2)."
            )
        return
    if not paths:
        raise MemnetError("--fps is for videos, and there is none; leave it out for pictures.")
    items: list[Item] = []
    frames: dict[str, list[tuple[str, dict[str, str]]]] = {}  # a video's id -> its frames' cells
    for item in inputs.items:
        if not is_video(item.path):
            items.append(item)
            continue
        frames[item.image_id] = []
        try:
            video = read_video(item.path)
        except MemnetError as error:
            if len(inputs.items) == 1:
                raise
            inputs.unreadable.append(str(error))
            continue
        inputs.rates[item.image_id] = fps
        for time, number in video.samples(fps):
            name = frame_id(item.image_id, time)
            items.append(replace(item, image_id=name, picture=VideoFrame(video, number)))
            cells = {TIME: repr(float(time)), FRAME: str(number)}
            frames[item.image_id].append((name, cells))
        inputs.notes += [*video.notes, *_note_on_rate(video, fps)]
        if video.breaks_off:
            inputs.unreadable.append(video.breaks_off)
    if not items:
        raise MemnetError(inputs.unreadable[0])
    inputs.items = items
    rows: list[TableRow] = []
    taken: set[str] = set()
    for row in inputs.rows:
        taken |= {TIME, FRAME} & (row.extra or {}).keys()
        others = {
            f"{name}_in_table" if name in (TIME, FRAME) else name: cell
            for name, cell in (row.extra or {}).items()
        }
        if row.image_id not in frames:  # a picture's own time is no frame's
            rows.append(row._replace(extra=None if row.extra is None else others))
            continue
        rows += [
            row._replace(image_id=name, extra=others | cells)
            for name, cells in frames[row.image_id]
        ]
    inputs.rows = rows
    inputs.notes += [
        f"the table's column {name!r} is called '{name}_in_table' in the result, where frames have "
        "a column of that name"
        for name in sorted(taken)
    ]


def _note_on_rate(video: Video, fps: Fraction) -> list[str]:
    rate = len(video.starts) / (video.end or 1)
    if fps <= rate * Fraction(101, 100):
        return []
    return [
        f"{video.path} shows {float(rate):.4g} frames per second, fewer than --fps "
        f"{float(fps):g}: frames are scored several times"
    ]


def decode_frames(items: Iterable[Item]) -> Iterator[Item]:
    """Put a picture in the place of each frame of a video, when its turn comes.

    Frames of one video that follow each other are decoded in one pass from its beginning. In the
    place of one that cannot be decoded stands the :class:`memnet.errors.PictureError` that says
    why; :func:`memnet.preprocess.decode.open_picture` raises it.
    """
    for video, group in itertools.groupby(items, key=_video_of):
        if video is None:
            yield from group
            continue
        frames = list(group)
        pictures = frames_of(video, [_number_of(item) for item in frames])
        for item, picture in zip(frames, pictures, strict=True):
            yield replace(item, picture=picture)


def _video_of(item: Item) -> Video | None:
    return item.picture.video if isinstance(item.picture, VideoFrame) else None


def _number_of(item: Item) -> Any:
    return item.picture.number if isinstance(item.picture, VideoFrame) else None
