"""Contact sheets of a gallery as figures, after figures 13 to 15 of Needell & Bainbridge (2022)."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from memnet.compare.report.style import (
    POINTS_PER_INCH,
    SIZE,
    SMALL,
    height_of,
    styled,
    wrapped,
)
from memnet.inspect.gallery import Gallery, GalleryFilter, GalleryLayer, short
from memnet.inspect.gallery_pictures import SIDES, GalleryPictures
from memnet.inspect.top_sheet import outlined

COLUMNS = 8
"""Filters of a layer on a sheet; more are not drawn."""

_CELL = 128  # pixels of a photograph in a 3 x 3 grid
_GAP = 8
_MADE = 3 * _CELL + 2 * _GAP
_EDGE, _BETWEEN = 0.15, 0.12  # inches


class _Cell(NamedTuple):
    picture: Image.Image
    caption: str


def draw_gallery_sheets(gallery: Gallery, pictures: GalleryPictures) -> dict[str, Figure]:
    """Draw the sheets of a gallery, of the first :data:`COLUMNS` filters of each layer.

    ``layers``, after figure 13: the made pictures alone, a row for each layer. For each layer
    ``LAYER_strongest``, after figure 14: each made picture beside its filter's nine strongest
    photographs, 3 x 3; and ``LAYER_filters``, after figure 15: its made pictures alone, larger.
    Layers without made pictures are on no sheet of these alone.

    Returns
    -------
    dict
        name -> figure.
    """
    with styled():
        layers = [layer for layer in gallery.layers if _has_made(layer, pictures)]
        figures = {}
        if layers:
            figures["layers"] = _of_layers(gallery, layers, pictures)
        for layer in gallery.layers:
            name = re.sub(r"[^\w.-]", "_", layer.name) or "network"
            if layer in layers:
                figures[f"{name}_filters"] = _of_filters(gallery, layer, pictures)
            figures[f"{name}_strongest"] = _of_strongest(gallery, layer, pictures)
    return figures


def _has_made(layer: GalleryLayer, pictures: GalleryPictures) -> bool:
    shown = layer.filters[:COLUMNS]
    return any(row["file"] in pictures.made for each in shown for row in each.made)


def _of_layers(
    gallery: Gallery, layers: Sequence[GalleryLayer], pictures: GalleryPictures
) -> Figure:
    rows = [
        [_Cell(_made(each, pictures), f"filter {each.number}") for each in layer.filters[:COLUMNS]]
        for layer in layers
    ]
    labels = [layer.title for layer in layers]
    return _sheet(f"{gallery.model}: pictures made for filters", rows, labels, width=1.1)


def _of_filters(gallery: Gallery, layer: GalleryLayer, pictures: GalleryPictures) -> Figure:
    cells = [
        _Cell(_made(each, pictures), f"filter {each.number}") for each in layer.filters[:COLUMNS]
    ]
    title = f"{gallery.model}, {layer.title}: pictures made for filters"
    return _sheet(title, _in_rows(cells, 4), width=1.9)


def _of_strongest(gallery: Gallery, layer: GalleryLayer, pictures: GalleryPictures) -> Figure:
    cells = [
        _Cell(_beside_strongest(each, pictures), _numbers(each)) for each in layer.filters[:COLUMNS]
    ]
    title = (
        f"{gallery.model}, {layer.title}: pictures made for filters, each beside the strongest of "
        f"{gallery.top.pictures:,} photographs"
    )
    return _sheet(title, _in_rows(cells, 2), width=3.9)


def _in_rows(cells: Sequence[_Cell], columns: int) -> list[list[_Cell]]:
    return [list(cells[start : start + columns]) for start in range(0, len(cells), columns)]


def _numbers(shown: GalleryFilter) -> str:
    made = "" if shown.reached is None else f": made {short(shown.reached)}"
    if not shown.most:
        return f"filter {shown.number}{made}"
    values = [short(row.activation) for row in (shown.most[0], shown.most[:9][-1])]
    return f"filter {shown.number}{made}; photographs {values[0]} to {values[1]}"


def _made(shown: GalleryFilter, pictures: GalleryPictures) -> Image.Image:
    """Return the made picture that reached most, or a grey square."""
    there = [row for row in shown.made if row["file"] in pictures.made]
    if not there:
        return Image.new("RGB", (_MADE, _MADE), "#dddddd")
    best = max(there, key=lambda row: -np.inf if row["reached"] is None else row["reached"])
    made = pictures.made[best["file"]]
    kind = Image.Resampling.NEAREST if made.is_small else Image.Resampling.BICUBIC
    return Image.open(io.BytesIO(made.data)).resize((_MADE, _MADE), kind)


def _beside_strongest(shown: GalleryFilter, pictures: GalleryPictures) -> Image.Image:
    block = Image.new("RGB", (2 * _MADE + _GAP, _MADE), "white")
    block.paste(_made(shown, pictures), (0, 0))
    for place, row in enumerate(shown.most[:9]):
        down, across = divmod(place, 3)
        photograph = pictures.photographs.get(row.image_id)
        if photograph is None:
            small = Image.new("RGB", (_CELL, _CELL), "#dddddd")
        else:
            whole = Image.open(io.BytesIO(photograph.files[SIDES[0]]))
            small = outlined(whole, row, _CELL)
        left = _MADE + _GAP + across * (_CELL + _GAP) + (_CELL - small.width) // 2
        block.paste(small, (left, down * (_CELL + _GAP) + (_CELL - small.height) // 2))
    return block


def _sheet(
    title: str, rows: Sequence[Sequence[_Cell]], labels: Sequence[str] = (), *, width: float
) -> Figure:
    """Lay pictures out in rows, with a title, captions below them, and labels above the rows.

    ``width`` of a picture is in inches; all are of one shape.
    """
    first = rows[0][0].picture
    height = width * first.height / first.width
    columns = max(map(len, rows))
    across = max(2 * _EDGE + columns * (width + _BETWEEN) - _BETWEEN, 3.6)
    points = (across - 2 * _EDGE) * POINTS_PER_INCH
    text = wrapped(title, points, SIZE)
    names = [wrapped(label, points, SMALL) for label in labels] or [""] * len(rows)
    line = 1.4 * SMALL / POINTS_PER_INCH
    captions = [
        max(wrapped(cell.caption, width * POINTS_PER_INCH, SMALL).count("\n") + 1 for cell in row)
        for row in rows
    ]
    top = _EDGE + height_of(text) / POINTS_PER_INCH + 0.1
    down = top + sum(
        (height_of(name, SMALL) / POINTS_PER_INCH + 0.04 if name else 0)
        + height
        + lines * line
        + 0.1
        for name, lines in zip(names, captions, strict=True)
    )
    figure = Figure(figsize=(across, down))
    figure.text(_EDGE / across, 1 - _EDGE / down, text, va="top", fontsize=SIZE)
    y = top
    for row, name, lines in zip(rows, names, captions, strict=True):
        if name:
            figure.text(_EDGE / across, 1 - y / down, name, va="top", fontsize=SMALL)
            y += height_of(name, SMALL) / POINTS_PER_INCH + 0.04
        for column, cell in enumerate(row):
            x = _EDGE + column * (width + _BETWEEN)
            place = (x / across, 1 - (y + height) / down, width / across, height / down)
            axes = figure.add_axes(place)
            axes.imshow(np.asarray(cell.picture), interpolation="none", aspect="auto")
            axes.set_axis_off()
            caption = wrapped(cell.caption, width * POINTS_PER_INCH, SMALL)
            figure.text(
                (x + width / 2) / across,
                1 - (y + height + 0.03) / down,
                caption,
                va="top",
                ha="center",
                fontsize=SMALL,
            )
        y += height + lines * line + 0.1
    return figure
