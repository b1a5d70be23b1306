"""The files of videos: which are opened, their time stamps, and what their headers tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

from memnet.errors import MemnetError
from memnet.util.text import words_of

_CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg,mpegvideo,h264,hevc"
)
"""What FFmpeg may take a file for: not for a playlist, which makes it open other files."""


@contextmanager
def open_video(path: str) -> Iterator[tuple[Any, Any]]:
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
        if stream is None or _is_cover(stream):
            what = "only sound" if container.streams.audio else "no pictures"
            raise MemnetError(f"{path} has {what}, so there is no frame to score.")
        if stream.codec_context is None:
            raise MemnetError(
                f"{path} is coded in a way that this FFmpeg cannot decode; convert it to H.264."
            )
        yield container, stream


def _is_cover(stream: Any) -> bool:
    """Whether it is the cover art of a file of sound (AV_DISPOSITION_ATTACHED_PIC)."""
    return bool(stream.disposition.value & 0x400)


def _reason(error: Exception) -> str:
    return words_of(Exception(getattr(error, "strerror", None) or error))


def read_packets(
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


def declared_end(container: Any) -> Fraction | None:
    """Return how long its header says it is, from where its clock begins.

    None where it does not say so, and FFmpeg estimates it.
    """
    estimated = container.format.name in ("mpeg", "mpegts", "mpegvideo", "h264", "hevc")
    if estimated or not container.duration:
        return None
    duration = Fraction(container.duration, 1_000_000)
    # Matroska's and ASF's writers state the end, also of a film whose clock does not begin at 0.
    from_zero = container.format.name in ("matroska,webm", "asf")
    return duration - max(_start(container), Fraction(0)) if from_zero else duration


def notes_on_streams(container: Any, stream: Any) -> list[str]:
    """Say what is to be known of a file with several streams."""
    notes = []
    path = container.name.removeprefix("file:")
    videos = [each for each in container.streams.video if not _is_cover(each)]
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
