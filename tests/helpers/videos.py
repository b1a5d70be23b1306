"""Small videos with known frames, made by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="needs PyAV; pip install av")


def noise(count: int, *, height: int = 32, width: int = 48, seed: int = 0) -> list[np.ndarray]:
    """Return frames that no two are alike, ``(H, W, 3)`` uint8."""
    random = np.random.default_rng(seed)
    return list(random.integers(0, 256, (count, height, width, 3), dtype=np.uint8))


def grey(level: int, *, height: int = 32, width: int = 48) -> np.ndarray:
    """Return a frame of one grey."""
    return np.full((height, width, 3), level, dtype=np.uint8)


def write_video(
    path: Path,
    frames: Iterable[np.ndarray | object],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    rate: int | Fraction = 25,
    stamps: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **context: object,
) -> Path:
    """Write frames, RGB arrays or frames of PyAV, evenly or at ``stamps`` times ``time_base``.

    The default codec keeps every bit. ``context`` are attributes of the encoder: ``colorspace=1``.
    """
    frames = list(frames)
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        first = frames[0]
        array = isinstance(first, np.ndarray)
        stream.height, stream.width = first.shape[:2] if array else (first.height, first.width)
        stream.pix_fmt = pix_fmt
        unit = time_base or 1 / Fraction(rate)
        stream.codec_context.time_base = unit
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for number, each in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(each) if isinstance(each, np.ndarray) else each
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def flat(rgb: tuple[int, int, int], pix_fmt: str, kr: float, kb: float, full: bool) -> object:
    """Return a frame of one colour by the formulas of BT.601, BT.709 and BT.2020.

    ``kr`` and ``kb`` are the weights of red and blue in luma.
    """
    red, green, blue = (value / 255 for value in rgb)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = (blue - luma) / (2 - 2 * kb), (red - luma) / (2 - 2 * kr)
    ten = "10" in pix_fmt
    one, top = (4, 1023) if ten else (1, 255)
    if full:
        values = [top * luma, *(top * each + 128 * one for each in chroma)]
    else:
        values = [(219 * luma + 16) * one, *((224 * each + 128) * one for each in chroma)]
    frame = av.VideoFrame(64, 48, pix_fmt)
    for plane, value in zip(frame.planes, values, strict=True):
        kind = np.dtype(np.uint16 if ten else np.uint8)
        level = min(top, round(value))
        plane.update(np.full(plane.buffer_size // kind.itemsize, level, kind).tobytes())
    return frame


def write_sound(path: Path, *, seconds: float = 1.0, pictures: Sequence[np.ndarray] = ()) -> Path:
    """Write silence, and pictures that begin half a second after it."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        stream = None
        if pictures:
            stream = container.add_stream("libx264", rate=10)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = "yuv420p"
        for number in range(int(seconds * 8000) // 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 8000, number * 1024
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
        for number, each in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(each)
            frame.pts, frame.time_base = number + 5, Fraction(1, 10)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    return path


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a, b, c, d into the display matrix of an MP4 file (ISO 14496-12, track header)."""
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # version, flags, times, id, duration, layer, volume ...
    assert int.from_bytes(data[start : start + 4], "big") == 65536
    for place, value in zip((0, 4, 12, 16), matrix, strict=True):
        number = (value * 65536) & 0xFFFFFFFF
        data[start + place : start + place + 4] = number.to_bytes(4, "big")
    path.write_bytes(data)
