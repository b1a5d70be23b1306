"""Videos: which frame is shown at what time, and that frame as 8-bit RGB.

Time 0 is the first frame of the video. The frame shown at a time is the last one whose time stamp
is not later; time stamps are what the container says, which need not be evenly spaced. Some round
them to milliseconds (Matroska), so half a millisecond, or half of a finer unit, is allowed for.
Nothing is made up: of a frame that cannot be decoded the neighbour is not taken instead.

A video is read once from end to end for its time stamps (:func:`read_video`), without decoding, and
decoded in order from its beginning for the frames themselves (:func:`frames_of`), one at a time.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from PIL import Image

from memnet.errors import MemnetError, PictureError
from memnet.preprocess.video_files import (
    declared_end,
    notes_on_streams,
    open_video,
    read_packets,
)
from memnet.preprocess.video_frames import FrameConverter, notes_on_frame

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob"),
    *(".m2ts", ".mts", ".wmv", ".flv", ".ogv", ".3gp"),
)
"""The file endings that count as videos, in lower case."""

MOST_FRAMES_A_SECOND = 1000
"""Times are told apart by milliseconds."""

_LONGEST = 24 * 3600
"""Seconds; damaged time stamps reach over years, and each would have its frames."""

_COARSEST_ROUNDING = Fraction(1, 1000)
"""Seconds; a coarser unit is one in which the video's times are whole numbers (AVI: frames)."""

_MISSED = Fraction(1, 2)
"""Seconds by which a video may end before its header says so; sound is often a little longer."""


class Sample(NamedTuple):
    """A frame to score: the time asked for in seconds, and the number of the frame shown then."""

    time: Fraction
    frame: int


@dataclass(frozen=True, eq=False)
class Video:
    """When which frame of a video is shown.

    Attributes
    ----------
    path : of the file.
    tick : the unit of its time stamps, in seconds.
    origin : the time stamp of the first frame.
    starts : the time stamp of each frame, less ``origin``, ascending.
    end : when the last frame ceases to be shown, in seconds.
    by_order : whether the frames' own time stamps are those of the order in which they are stored
        (AVI), so that the n-th frame decoded has the n-th of ``starts``.
    notes : what is to be known about its colours, pixels and times, a sentence each.
    breaks_off : why it is not whole, "" where it seems to be.
    """

    path: str
    tick: Fraction
    origin: int
    starts: tuple[int, ...]
    end: Fraction
    by_order: bool
    notes: tuple[str, ...]
    breaks_off: str

    def samples(self, fps: Fraction) -> list[Sample]:
        """Return the frame shown at each time k / fps.

        Examples
        --------
        >>> starts, end = (0, 400, 800), Fraction(6, 5)
        >>> video = Video("a.mp4", Fraction(1, 1000), 0, starts, end, False, (), "")
        >>> [(float(sample.time), sample.frame) for sample in video.samples(Fraction(2))]
        [(0.0, 0), (0.5, 1), (1.0, 2)]
        """
        rounding = min(self.tick, _COARSEST_ROUNDING)
        count = max(1, math.ceil((self.end - rounding) * fps))
        return [Sample(k / fps, self._shown_at(k / fps + rounding / 2)) for k in range(count)]

    def _shown_at(self, time: Fraction) -> int:
        return bisect.bisect_right(self.starts, time / self.tick) - 1


@dataclass(frozen=True)
class VideoFrame:
    """A frame that is not decoded yet: :func:`frames_of` does that, in order."""

    video: Video
    number: int


def parse_fps(text: str) -> Fraction:
    """Read a rate: ``2``, ``0.5``, ``29.97`` or ``30000/1001`` frames per second.

    Raises
    ------
    MemnetError
        if it is no number above 0, or more than :data:`MOST_FRAMES_A_SECOND`.
    """
    try:
        fps = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise MemnetError(
            f"--fps {text!r} is no number; write 2, 0.5, 29.97 or 30000/1001 (frames per second)."
        ) from None
    if not 0 < fps <= MOST_FRAMES_A_SECOND:
        raise MemnetError(
            f"--fps {text} must be above 0 and at most {MOST_FRAMES_A_SECOND} frames per second."
        )
    return fps


def read_video(path: str | os.PathLike[str]) -> Video:
    """Read the time stamps of a video, without decoding it.

    Raises
    ------
    MemnetError
        in one sentence: PyAV is not installed, it is no video, it has no pictures, or none of them
        can be decoded.
    """
    path = os.fspath(path)
    with open_video(path) as (container, stream):
        packets, reached, error = read_packets(container, stream)
        rate = stream.average_rate or stream.guessed_rate
        if not packets:
            raise MemnetError(f"{path} has no frames; copy it again from its source.")
        by_order = container.format.name == "avi" and stream.codec_context.has_b_frames
        notes = notes_on_streams(container, stream)
        tick = stream.time_base
        stamps = [pts for pts, _, _ in packets]
        if None in stamps:
            by_order = True
            stamps = [dts for _, dts, _ in packets]
        if None in stamps:
            if not rate:
                raise MemnetError(
                    f"{path} has no time stamps and does not say how many frames a second it has, "
                    "so nobody can tell when a frame is shown; convert it to MP4."
                )
            tick = 1 / Fraction(rate)
            stamps = list(range(len(packets)))
            notes.append(
                f"{path} has no time stamps; its {len(packets):,} frames are taken to follow each "
                f"other at {float(rate):g} per second"
            )
        declared = declared_end(container)
    whole = sorted(stamp for stamp in stamps if stamp is not None)
    starts = tuple(stamp - whole[0] for stamp in whole)
    last = packets[stamps.index(whole[-1])][2] or _usual_step(starts, rate, tick)
    end = (starts[-1] + last) * tick
    if end > _LONGEST:
        raise MemnetError(
            f"{path} is damaged: by its time stamps it goes on for {float(end) / 3600:,.0f} hours, "
            "and a day is the most; copy it again from its source."
        )
    broken = ""
    if error or (declared is not None and declared - reached > _MISSED):
        broken = f"{path} breaks off at {float(reached):.2f} s" + (
            f"; its header says {float(declared):.2f} s"
            if declared is not None and declared > reached
            else f" ({error})"
        )
    notes += _note_on_gap(path, starts, tick)
    video = Video(
        path=path,
        tick=tick,
        origin=whole[0],
        starts=starts,
        end=end,
        by_order=by_order,
        notes=(),
        breaks_off=broken,
    )
    return _with_notes(video, notes)


def frames_of(video: Video, numbers: Sequence[int]) -> Iterator[Image.Image | PictureError]:
    """Decode frames, in order, one at a time.

    Parameters
    ----------
    numbers : of the frames, ascending; a number may stand there several times.

    Yields
    ------
    For each number a picture of mode ``RGB``, turned as the video says it is to be shown, or what
    makes it unusable.
    """
    converter = FrameConverter()
    with contextlib.ExitStack() as stack:
        try:
            container, stream = stack.enter_context(open_video(video.path))
        except MemnetError as error:  # it was there when its frames were listed
            yield from (PictureError(str(error)) for _ in numbers)
            return
        stream.thread_type = "AUTO"
        decoded = _decoded(container, stream, video)
        start, frame = next(decoded, _END)
        for number in numbers:
            wanted = video.starts[number]
            while start < wanted:
                start, frame = next(decoded, _END)
            if start != wanted or frame.is_corrupt:
                yield PictureError(
                    f"Frame {number:,} of the video (at {float(wanted * video.tick):.3f} s) is "
                    "damaged or missing; copy the file again from its source."
                )
            else:
                yield converter.to_rgb(frame)


_END: tuple[float, Any] = (math.inf, None)


def _decoded(container: Any, stream: Any, video: Video) -> Iterator[tuple[float, Any]]:
    """Yield each frame that can be decoded, with its time in ticks from the first."""
    from av import FFmpegError

    number, intact = 0, True
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = stream.decode(packet)  # None, at the end, asks for what is left
        except FFmpegError:
            if video.by_order:  # from here on nobody knows which frame is which
                return
            if packet is None:
                return
            intact = False
            continue
        for frame in frames:
            # Frames behind a damaged one are drawn over it, up to the next that stands alone.
            intact = not frame.is_corrupt and (intact or frame.key_frame)
            if video.by_order:
                if number < len(video.starts):
                    yield video.starts[number], frame
            elif frame.pts is not None and intact:
                yield frame.pts - video.origin, frame
            number += 1
        if packet is None:
            return


def _usual_step(starts: Sequence[int], rate: Fraction | None, tick: Fraction) -> int:
    """How long the last frame is shown, in ticks, where the file does not say it."""
    steps = sorted(after - before for before, after in itertools.pairwise(starts))
    if steps:
        return steps[len(steps) // 2]
    return round(1 / Fraction(rate) / tick) if rate else 1


def _note_on_gap(path: str, starts: Sequence[int], tick: Fraction) -> list[str]:
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    longest = max(gaps, default=0) * tick
    if longest < _LONG_GAP:
        return []
    return [
        f"frame {gaps.index(max(gaps)):,} of {path} is shown for {float(longest):,.0f} s by its "
        "time stamps; where that is not so, they are damaged: convert the file to MP4"
    ]


_LONG_GAP = 60
"""Seconds."""


def _with_notes(video: Video, notes: list[str]) -> Video:
    """Add what its first frame tells; raises ``MemnetError`` if no frame can be decoded."""
    with open_video(video.path) as (container, stream):
        for _, frame in _decoded(container, stream, video):
            ratio = stream.sample_aspect_ratio
            return replace(video, notes=(*notes, *notes_on_frame(video.path, frame, ratio)))
    raise MemnetError(
        f"None of the {len(video.starts):,} frames of {video.path} can be decoded; copy it again "
        "from its source, or convert it to H.264."
    )
