"""Pictures to measure with: made ones, which every machine makes alike and nobody has to fetch.

Hills below a sky and trunks in a wood, which networks find forgettable as people do, and shapes on
a ground, which they do not: so scores spread as they do over photographs. Were they all alike, a
change that matters to no photograph would upset their ranks. How far both kinds of pictures agree
in what they find is in ``docs/precision.md``.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from memnet.util.arrays import Array

PICTURES = 128
"""Enough for ranks: of few pictures, a single pair that changes places moves rho below 0.999."""

_WIDTH, _HEIGHT = 320, 240
_SEED = 17
_ROUGHNESS = {1: 6.0, 3: 8.0, 10: 10.0, 40: 14.0}
"""Of a ground: grain in pixels -> grey levels."""


def make_pictures(count: int) -> list[Image.Image]:
    """Make pictures (RGB); the first of more are the same ones."""
    return [_make(number) for number in range(count)]


def _make(number: int) -> Image.Image:
    draw = np.random.default_rng([_SEED, number])
    return (_hills, _shapes, _trunks, _shapes)[number % 4](draw)


def _hills(draw: np.random.Generator) -> Image.Image:
    sky = draw.uniform((120, 150, 190), (200, 210, 245)) * draw.uniform(0.6, 1)
    pixels = sky + np.linspace(-1, 1, _HEIGHT)[:, None, None] * draw.uniform(0, 40)
    pixels = pixels + 6 * _noise(draw, 50).mean(axis=-1, keepdims=True)
    near = draw.uniform((30, 50, 20), (110, 120, 70))
    horizon, ridges = draw.uniform(0.25, 0.6) * _HEIGHT, draw.integers(1, 5)
    for ridge in range(ridges):
        share = (ridge + 1) / ridges
        line = horizon + (0.9 * _HEIGHT - horizon) * ridge / ridges + _skyline(draw)
        below = np.arange(_HEIGHT)[:, None] > line
        hill = 0.8 * (1 - share) * sky + share * (near + _ground(draw))
        pixels = np.where(below[..., None], hill, pixels)
    return _picture(pixels).filter(ImageFilter.GaussianBlur(0.6))


def _skyline(draw: np.random.Generator) -> Array:
    """Return the heights of a ridge: ever finer bends of ever smaller size."""
    shrink, heights = draw.uniform(0.45, 0.7), np.zeros(_WIDTH)
    for level in range(1, 9):
        bends = draw.normal(size=2**level + 1) * shrink**level
        heights += np.interp(np.linspace(0, 2**level, _WIDTH), np.arange(2**level + 1), bends)
    return heights * draw.uniform(8, 45)


def _trunks(draw: np.random.Generator) -> Image.Image:
    green = draw.uniform((40, 60, 20), (110, 130, 60))
    wood = _picture(green + 2.2 * _ground(draw))
    pencil = ImageDraw.Draw(wood)
    for _ in range(draw.integers(4, 30)):
        x, width = draw.uniform(0, _WIDTH), int(draw.integers(2, 14))
        ends = (x, draw.uniform(-10, 60), x + draw.uniform(-12, 12), draw.uniform(140, _HEIGHT))
        pencil.line(ends, fill=_colour(draw.uniform(30, 90) * np.array([1.1, 1, 0.8])), width=width)
    return _picture(np.asarray(wood) + 0.6 * _ground(draw))


def _shapes(draw: np.random.Generator) -> Image.Image:
    base, contrast, hues = draw.uniform(20, 200, 3), draw.uniform(30, 110), draw.uniform(0.3, 1.5)
    picture = _picture(base + draw.uniform(0, 1) * _ground(draw))
    pencil = ImageDraw.Draw(picture)
    for _ in range(draw.choice([4, 20, 80, 200])):
        middle = draw.uniform((0, 0), (_WIDTH, _HEIGHT))
        radii = 3 / (1 - draw.uniform(0, 0.97)) * draw.uniform(0.4, 1, 2)
        box = (*(middle - radii), *(middle + radii))
        colour = _colour(base + contrast * (draw.normal() + hues * draw.normal(size=3)))
        kind = draw.integers(0, 3)
        if kind == 0:
            pencil.ellipse(box, fill=colour)
        elif kind == 1:
            pencil.rectangle(box, fill=colour)
        else:
            corners = middle + radii * draw.uniform(-1, 1, (4, 2))
            pencil.polygon([(x, y) for x, y in corners.tolist()], fill=colour)
    return _picture(np.asarray(picture) + draw.uniform(0, 0.6) * _ground(draw))


def _ground(draw: np.random.Generator) -> Array:
    """Return what makes a surface uneven, ``(height, width, 3)``: more in light than in colour."""
    rough: Array = sum(
        (size * _noise(draw, grain) for grain, size in _ROUGHNESS.items()),
        start=np.zeros((_HEIGHT, _WIDTH, 3)),
    )
    light: Array = rough.mean(axis=-1, keepdims=True)
    return light + 0.3 * rough


def _noise(draw: np.random.Generator, grain: int) -> Array:
    """Return smooth noise of SD 1 or less, ``(height, width, 3)``."""
    few = draw.normal(size=(3, _HEIGHT // grain + 2, _WIDTH // grain + 2)).astype(np.float32)
    size = (_WIDTH, _HEIGHT)
    return np.stack(
        [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BICUBIC)) for each in few],
        axis=-1,
    )


def _picture(pixels: Array) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _colour(levels: Array) -> tuple[int, int, int]:
    red, green, blue = levels.clip(0, 255).astype(int).tolist()
    return red, green, blue
