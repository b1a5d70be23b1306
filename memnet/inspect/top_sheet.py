"""Contact sheets: the strongest pictures of each filter, and what its strongest unit sees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from memnet.errors import PictureError
from memnet.inspect.top import Top, TopRow
from memnet.preprocess.decode import USUAL_LIMITS, PictureOrCrop, decode
from memnet.scoring.picture_contents import digest_picture
from memnet.util.atomic import replace_file

SIDE = 128
"""Pixels of the square that a picture, or what a unit sees of it, is drawn in."""

COLUMNS = 9
"""Pictures beside each other; more are wrapped."""

LINES = 8
"""Lines of pictures on a page: eight filters with up to nine pictures each."""

_GAP, _MARGIN, _NUMBER, _TITLE = 6, 24, 18, 32
_WIDTH = 2 * _MARGIN + COLUMNS * (SIDE + _GAP) - _GAP
_INK, _FAINT, _OUTLINE = "#222222", "#666666", "#ffd400"


class Sheets(NamedTuple):
    """The sheets that were drawn, and sentences on pictures that could not be."""

    paths: list[Path]
    failed: list[str]


def draw_sheets(
    top: Top, folder: Path, pictures: Mapping[str, PictureOrCrop], *, side: str = "most"
) -> Sheets:
    """Draw a contact sheet of each layer: ``LAYER.png``, further pages ``LAYER_2.png`` ...

    Parameters
    ----------
    top : of :func:`memnet.inspect.top.find_top` or :func:`memnet.inspect.top.read`.
    folder : for the sheets.
    pictures : id -> picture; of those that are missing, the path in ``top`` is tried.
    side : ``"most"`` or ``"least"``; sheets of the latter are called ``LAYER_least.png``.

    Returns
    -------
    Sheets
        A picture that is gone, or is another than it was, has a grey square, and a sentence.
    """
    paths: list[Path] = []
    failed: dict[str, None] = {}
    for layer in top.about["layers"]:
        rows = [row for row in top.rows if (row.layer, row.side) == (layer["name"], side)]
        with_parts = not all(row.sees_all for row in rows)
        name = re.sub(r"[^\w.-]", "_", layer["name"]) or "network"
        name += "" if side == "most" else f"_{side}"
        for page, part in enumerate(_pages(rows), start=1):
            cells = _cells(part, pictures, top.about["exif_orientation"], failed)
            sheet = _draw_page(_heading(top, layer, side, with_parts), part, cells, with_parts)
            path = folder / (f"{name}.png" if page == 1 else f"{name}_{page}.png")
            with replace_file(path) as temporary:
                sheet.save(temporary, format="PNG")
            paths.append(path)
    return Sheets(paths, list(failed))


def open_picture_of(
    row: TopRow, pictures: Mapping[str, PictureOrCrop], exif_orientation: Any
) -> Image.Image:
    """Read the picture of a row.

    Raises
    ------
    PictureError
        if it cannot be read, or is no longer what it was.
    """
    picture = pictures.get(row.image_id, row.path)
    image = decode(picture, exif_orientation=exif_orientation).rgb
    content = digest_picture(picture, USUAL_LIMITS)
    if content is not None and content.key(b"").hex() != row.sha256:
        raise PictureError("It changed since its activations were computed.")
    return image


def outlined(image: Image.Image, row: TopRow, side: int = SIDE) -> Image.Image:
    """Fit a picture into a square, with the receptive field of its strongest unit outlined.

    Where the field is cut by the edge of what the network sees, a dot marks its middle.
    """
    small = _fit(image, side)
    pen = ImageDraw.Draw(small)
    across, down = small.width / row.width, small.height / row.height
    left, top, right, bottom = row.box
    if row.box != (0, 0, row.width, row.height):
        box = [left * across, top * down, right * across - 1, bottom * down - 1]
        # Of a field of few pixels, the outline lies around it.
        box = [min(box[0], box[2] - 3), min(box[1], box[3] - 3), *box[2:]]
        pen.rectangle([box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1], outline="black", width=4)
        pen.rectangle(box, outline=_OUTLINE, width=2)
    if has_dot(row):
        x, y = row.x * across, row.y * down
        pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=_OUTLINE, outline="black")
    return small


def has_dot(row: TopRow) -> bool:
    """Whether the middle of the receptive field is marked: the frame alone does not show it."""
    left, top, right, bottom = row.box
    is_cut = abs(left + right - 2 * row.x) > 2 or abs(top + bottom - 2 * row.y) > 2
    return row.row is not None and (is_cut or row.sees_all)


def seen_part(image: Image.Image, row: TopRow, side: int = SIDE) -> Image.Image:
    """Cut out what the strongest unit sees, fitted into a square."""
    return _fit(image.crop(row.box), side)


def _fit(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    return image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))),
        Image.Resampling.BICUBIC,
    )


def _pages(rows: Sequence[TopRow]) -> Iterator[list[TopRow]]:
    """Divide the rows of a layer: whole filters, and no more than so many lines."""
    page: list[TopRow] = []
    lines = 0
    for _, group in groupby(rows, key=lambda row: row.filter):
        of_filter = list(group)
        more = -(-len(of_filter) // COLUMNS)
        if page and lines + more > LINES:
            yield page
            page, lines = [], 0
        page += of_filter
        lines += more
    yield page


def _cells(
    rows: Sequence[TopRow],
    pictures: Mapping[str, PictureOrCrop],
    exif_orientation: str,
    failed: dict[str, None],
) -> dict[TopRow, tuple[Image.Image, Image.Image]]:
    """Draw each row's picture and part; a picture that several rows show is read once."""
    cells: dict[TopRow, tuple[Image.Image, Image.Image]] = {}
    by_picture = sorted(rows, key=lambda row: row.image_id)
    for image_id, group in groupby(by_picture, key=lambda row: row.image_id):
        of_picture = list(group)
        try:
            image = open_picture_of(of_picture[0], pictures, exif_orientation)
        except PictureError as error:
            failed[f"{image_id} is not shown: {error}"] = None
            grey = Image.new("RGB", (SIDE, SIDE), "#dddddd")
            cells |= {row: (grey, grey) for row in of_picture}
        else:
            cells |= {row: (outlined(image, row), seen_part(image, row)) for row in of_picture}
    return cells


def _heading(top: Top, layer: Mapping[str, Any], side: str, with_parts: bool) -> list[str]:
    """Say what a sheet shows: a title and a sentence or two."""
    others = f" ({', '.join(layer['other_names'])})" if layer["other_names"] else ""
    over_space = {"mean": "mean over space", "max": "maximum over space"}[top.about["by"]]
    what = over_space if len(layer["shape"]) > 1 else "value"
    order = "highest" if side == "most" else "lowest"
    field = layer["receptive_field"]
    title = f"{top.about['model']}, {layer['name']}{others}"
    sentence = (
        f"The pictures of {top.pictures:,} with the {order} {what} of each filter, which stands "
        "below them. "
    )
    crops = top.about["crops"]
    if crops > 1:
        sentence += f"The network sees {crops} crops of a picture; outlined is "
        sentence += (
            "what the strongest unit of all crops sees; the same enlarged below. "
            if with_parts and field
            else "the one in which the filter's strongest unit is. "
        )
    elif with_parts and field:
        sentence += (
            f"Outlined: what the filter's strongest unit sees, {field['size']} x {field['size']} "
            "pixels of the network's input; the same enlarged below. "
        )
    elif field:
        sentence += (
            "Outlined: what the network sees of them. A unit sees all of it "
            f"({field['size']} x {field['size']} pixels of the network's input, padding and all); "
            "the dot is the middle of what the filter's strongest unit sees."
        )
    else:
        sentence += "Outlined: what the network sees of them, and each unit."
    count = top.pictures
    if count < top.about["k"]:
        sentence += f" There are {count:,} pictures, and {top.about['k']:,} were asked for."
    return [title, " ".join(sentence.split())]


def _draw_page(
    heading: Sequence[str],
    rows: Sequence[TopRow],
    cells: Mapping[TopRow, tuple[Image.Image, Image.Image]],
    with_parts: bool,
) -> Image.Image:
    strips = [_draw_heading(*heading)]
    for number, group in groupby(rows, key=lambda row: row.filter):
        of_filter = list(group)
        for start in range(0, len(of_filter), COLUMNS):
            line = of_filter[start : start + COLUMNS]
            label = f"filter {number}" if start == 0 else ""
            strips.append(_draw_line(line, cells, with_parts, label))
    page = Image.new("RGB", (_WIDTH, sum(strip.height for strip in strips) + _MARGIN), "white")
    y = 0
    for strip in strips:
        page.paste(strip, (0, y))
        y += strip.height
    return page


def _draw_heading(title: str, sentence: str) -> Image.Image:
    lines = _wrapped(sentence, _text())
    strip = Image.new("RGB", (_WIDTH, _MARGIN + 30 + 20 * len(lines)), "white")
    pen = ImageDraw.Draw(strip)
    pen.text((_MARGIN, _MARGIN), title, fill=_INK, font=ImageFont.load_default(20))
    for place, words in enumerate(lines):
        pen.text((_MARGIN, _MARGIN + 30 + 20 * place), words, fill=_FAINT, font=_text())
    return strip


def _draw_line(
    rows: Sequence[TopRow],
    cells: Mapping[TopRow, tuple[Image.Image, Image.Image]],
    with_parts: bool,
    label: str,
) -> Image.Image:
    """Draw pictures beside each other: their activations, and below what the units see of them."""
    above = max(cells[row][0].height for row in rows)
    below = max(cells[row][1].height for row in rows) + _GAP if with_parts else 0
    bottom = _TITLE + above  # of the pictures, which stand on what lies below them
    strip = Image.new("RGB", (_WIDTH, bottom + below + _NUMBER + 2 * _GAP), "white")
    pen = ImageDraw.Draw(strip)
    pen.text((_MARGIN, 10), label, fill=_INK, font=_text())
    for column, row in enumerate(rows):
        whole, part = cells[row]
        middle = _MARGIN + column * (SIDE + _GAP) + SIDE // 2
        strip.paste(whole, (middle - whole.width // 2, bottom - whole.height))
        if with_parts:
            strip.paste(part, (middle - part.width // 2, bottom + _GAP))
        number = (middle, bottom + _GAP + (part.height + _GAP if with_parts else 0))
        pen.text(number, f"{row.activation:.3g}", fill=_FAINT, font=_text(), anchor="ma")
    return strip


def _text() -> Any:
    return ImageFont.load_default(14)


def _wrapped(sentence: str, font: Any) -> list[str]:
    lines = [""]
    for word in sentence.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > _WIDTH - 2 * _MARGIN:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
