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
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

from PIL import Image

from memnet.errors import MemnetError, PictureError
from memnet.preprocess.video_frames import FrameConverter, notes_on_frame
from memnet.util.text import words_of

VIDEO_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob"),
    *(".m2ts", ".mts", ".wmv", ".flv", ".ogv", ".3gp"),
)
"""The file endings that count as videos, in lower case."""

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,mpegvideo,h264,hevc"
)
"""What FFmpeg may take a file for: not for a playlist, which makes it open other files."""

MOST_FRAMES_A_SECOND = 1000
"""Times are told apart by milliseconds."""

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
    with _opened(path) as (container, stream):
        packets, reached, error = _packets(container, stream)
        rate = stream.average_rate or stream.guessed_rate
        if not packets:
            raise MemnetError(f"{path} has no frames; copy it again from its source.")
        by_order = container.format.name == "avi" and stream.codec_context.has_b_frames
        notes = _notes_on_streams(container, stream)
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
        declared = _declared_end(container)
    whole = sorted(stamp for stamp in stamps if stamp is not None)
    starts = tuple(stamp - whole[0] for stamp in whole)
    last = packets[stamps.index(whole[-1])][2] or _usual_step(starts, rate, tick)
    broken = ""
    if error or (declared is not None and declared - reached > _MISSED):
        broken = f"{path} breaks off at {float(reached):.2f} s" + (
            f"; its header says {float(declared):.2f} s"
            if declared is not None and declared > reached
            else f" ({error})"
        )
    video = Video(
        path=path,
        tick=tick,
        origin=whole[0],
        starts=starts,
        end=(starts[-1] + last) * tick,
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
    with _opened(video.path) as (container, stream):
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

    number = 0
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
            continue
        for frame in frames:
            if video.by_order:
                if number < len(video.starts):
                    yield video.starts[number], frame
            elif frame.pts is not None:
                yield frame.pts - video.origin, frame
            number += 1
        if packet is None:
            return


@contextmanager
def _opened(path: str) -> Iterator[tuple[Any, Any]]:
    """Open a video and find its stream of pictures; cover art of a sound file is none."""
    try:
        import av
    except ImportError as error:
        raise MemnetError(
            f'{path} is a video; to read videos, install PyAV: pip install "memnet-harness[video]".'
        ) from error
    if not os.path.isfile(path):
        raise MemnetError(f"There is no file {path}.")
    try:
        # "file:" and the list: a name with a colon is no address, and a playlist opens no others.
        container = av.open(
            f"file:{path}", container_options={"format_whitelist": _CONTAINERS}, mode="r"
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MemnetError(
            f"{path} is no video that FFmpeg can read ({_reason(error)}); a recording that broke "
            "off may lack its index, which the program that made it may be able to repair."
        ) from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & _COVER:
            what = "only sound" if container.streams.audio else "no pictures"
            raise MemnetError(f"{path} has {what}, so there is no frame to score.")
        if stream.codec_context is None:
            raise MemnetError(
                f"{path} is coded in a way that this FFmpeg cannot decode; convert it to H.264."
            )
        yield container, stream


_COVER = 0x400
"""FFmpeg's AV_DISPOSITION_ATTACHED_PIC."""


def _reason(error: Exception) -> str:
    return words_of(Exception(getattr(error, "strerror", None) or error))


def _packets(
    container: Any, stream: Any
) -> tuple[list[tuple[int | None, int | None, int]], Fraction, str]:
    """Read the whole file: stamps and duration of each frame, how far it goes, what is wrong.

    How far it goes is the end of its longest stream in seconds, as its header counts.
    """
    from av import FFmpegError

    found: list[tuple[int | None, int | None, int]] = []
    reached, error = Fraction(0), ""
    packets = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError as failure:
            error = _reason(failure)
            break
        if packet is None:
            break
        if not packet.size or packet.is_discard:  # the end of a stream; cut off by an edit list
            continue
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None:
            reached = max(reached, (stamp + (packet.duration or 0)) * packet.time_base)
        if packet.stream.index == stream.index and not _is_hidden(packet, stream):
            found.append((packet.pts, packet.dts, packet.duration or 0))
    return found, reached - _start(container), error


def _is_hidden(packet: Any, stream: Any) -> bool:
    """Whether it is a frame of VP8 that only others refer to (RFC 6386, 9.1: show_frame)."""
    return stream.codec_context.name in ("vp8", "libvpx") and not bytes(packet)[0] & 0x10


def _start(container: Any) -> Fraction:
    return Fraction(container.start_time or 0, 1_000_000)


def _declared_end(container: Any) -> Fraction | None:
    """Return how long its header says it is; None where it does not, and FFmpeg estimates it."""
    estimated = container.format.name in ("mpeg", "mpegts", "mpegvideo", "h264", "hevc")
    if estimated or not container.duration:
        return None
    return Fraction(container.duration, 1_000_000)


def _usual_step(starts: Sequence[int], rate: Fraction | None, tick: Fraction) -> int:
    """How long the last frame is shown, in ticks, where the file does not say it."""
    steps = sorted(after - before for before, after in itertools.pairwise(starts))
    if steps:
        return steps[len(steps) // 2]
    return round(1 / Fraction(rate) / tick) if rate else 1


def _notes_on_streams(container: Any, stream: Any) -> list[str]:
    notes = []
    path = container.name.removeprefix("file:")
    videos = [each for each in container.streams.video if not each.disposition & _COVER]
    if len(videos) > 1:
        notes.append(f"{path} has {len(videos)} streams of pictures; number {stream.index} is used")
    if stream.start_time is not None and container.start_time is not None:
        late = stream.start_time * stream.time_base - _start(container)
        if late >= _LATE:
            notes.append(
                f"the pictures of {path} begin {float(late):.3f} s after its sound; times count "
                "from the first picture"
            )
    return notes


_LATE = Fraction(1, 10)
"""Seconds; coders of sound begin a few hundredths earlier than the pictures."""


def _with_notes(video: Video, notes: list[str]) -> Video:
    """Add what its first frame tells; raises ``MemnetError`` if no frame can be decoded."""
    with _opened(video.path) as (container, stream):
        for _, frame in _decoded(container, stream, video):
            ratio = stream.sample_aspect_ratio
            return replace(video, notes=(*notes, *notes_on_frame(video.path, frame, ratio)))
    raise MemnetError(
        f"None of the {len(video.starts):,} frames of {video.path} can be decoded; copy it again "
        "from its source, or convert it to H.264."
    )
