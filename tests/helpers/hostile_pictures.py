"""Pictures that were made to harm whoever opens them, and what is said of each."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

from png import chunk, png_bomb

_PNG = b"\x89PNG\r\n\x1a\n"


def photograph(side: int = 64) -> bytes:
    """A JPEG of noise."""
    pixels = np.random.default_rng(side).integers(256, size=(side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def narrow_bomb() -> bytes:
    """A PNG of 1 x 200,000 pixels: few of them, and a side that resizing needs memory for."""
    header = struct.pack(">IIBBBBB", 1, 200_000, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0" * 200_000)
    return _PNG + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """A PNG of one pixel with 80 MB of text in 80 kB."""
    text = b"Comment\0\0" + zlib.compress(b"\0" * 80_000_000, 9)
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    parts = (b"IHDR", header), (b"zTXt", text), (b"IDAT", pixels), (b"IEND", b"")
    return _PNG + b"".join(chunk(kind, body) for kind, body in parts)


def page_and_picture() -> bytes:
    """A GIF that is a web page with a script as well."""
    buffer = io.BytesIO()
    Image.new("P", (8, 8)).save(buffer, "GIF")
    return buffer.getvalue() + b"<html><script>alert(1)</script></html>"


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

REFUSED = {
    "bomb N x N": (png_bomb, "more than the limit of 100,000,000"),
    "bomb 1 x N": (narrow_bomb, "no side may have more than 65,535"),
    "text bomb": (text_bomb, "The file is damaged"),
    "truncated": (lambda: photograph()[:900], "The file is cut off"),
    "SVG": (lambda: SVG, "The file is an SVG drawing"),
    "0 bytes": (bytes, "The file is empty (0 bytes)"),
    "web page": (lambda: b"<!DOCTYPE html><p>404", "The file is a web page"),
    "noise": (lambda: b"\x00\x01" * 500, "The file is no picture that can be read"),
}
"""Name -> the file, and what is said of it."""
