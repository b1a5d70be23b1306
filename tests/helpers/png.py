"""PNG files that Pillow would not write."""

from __future__ import annotations

import struct
import zlib


def chunk(kind: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def _file(header: bytes, pixels: bytes) -> bytes:
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def png_rgb16(rows: list[list[tuple[int, int, int]]]) -> bytes:
    """A 16-bit colour PNG."""
    raw = b"".join(b"\0" + b"".join(struct.pack(">3H", *p) for p in row) for row in rows)
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 16, 2, 0, 0, 0)
    return _file(header, zlib.compress(raw))


def png_bomb() -> bytes:
    """A PNG of 20,000 x 20,000 black pixels in 50 kB."""
    rows = zlib.compressobj(9)
    raw = b"".join(rows.compress(b"\0" * 2501) for _ in range(20_000)) + rows.flush()
    return _file(struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0), raw)
