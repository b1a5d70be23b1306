"""Pictures of a gallery, small enough that a page of them can be opened."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from itertools import groupby
from typing import Any, NamedTuple

from PIL import Image

from memnet.errors import PictureError
from memnet.inspect.gallery import Gallery
from memnet.inspect.top_sheet import open_picture_of
from memnet.preprocess.decode import PictureOrCrop

SIDES = (384, 320, 256, 192, 128)
"""Pixels of a photograph's longer side: the first for which all together are no more than
:data:`MOST_BYTES`."""

MOST_BYTES = 8_500_000
"""Of all photographs together, as JPEG. A page has a third more: its letters hold six bits."""

MADE_SIDE = 384
"""Pixels of the longer side of a made picture, at most."""

_SMALL = 96  # a made picture of fewer pixels is kept as it is


class Photograph(NamedTuple):
    """A photograph: its size in pixels, and JPEG files of it by the length of their longer side."""

    width: int
    height: int
    files: dict[int, bytes]


class Made(NamedTuple):
    """A made picture: its size in pixels as shown, its file, and whether pixels are to be seen."""

    width: int
    height: int
    data: bytes
    is_small: bool


class GalleryPictures(NamedTuple):
    """Photographs by id, made pictures by file, and sentences on those that are not there."""

    photographs: dict[str, Photograph]
    made: dict[str, Made]
    failed: list[str]

    @property
    def side(self) -> int:
        """How large photographs are on a page (:data:`SIDES`)."""
        for side in SIDES:
            if sum(len(each.files[side]) for each in self.photographs.values()) <= MOST_BYTES:
                return side
        return SIDES[-1]


def read_pictures(gallery: Gallery, pictures: Mapping[str, PictureOrCrop]) -> GalleryPictures:
    """Read and shrink every picture of a gallery, each once.

    Parameters
    ----------
    gallery : whose pictures.
    pictures : id -> photograph; of those that are missing, the path in ``top.json`` is tried.

    Returns
    -------
    GalleryPictures
        A picture that is gone, or is another than it was, is named in ``failed``.
    """
    filters = [each for layer in gallery.layers for each in layer.filters]
    failed = []
    photographs = {}
    rows = sorted((row for each in filters for row in each.most + each.least), key=_id_of)
    for image_id, of_picture in groupby(rows, key=_id_of):
        row = next(of_picture)
        try:
            image = open_picture_of(row, pictures, gallery.top.about["exif_orientation"])
        except PictureError as error:
            failed.append(f"{image_id} is not shown: {error}")
        else:
            files = {side: _jpeg(_shrunk(image, side), 80) for side in SIDES}
            photographs[image_id] = Photograph(image.width, image.height, files)
    made = {}
    for picture in (picture for each in filters for picture in each.made):
        if picture["sha256"] is None:
            continue
        try:
            made[picture["file"]] = _read_made(gallery, picture)
        except (OSError, ValueError) as error:
            failed.append(f"{picture['file']} is not shown: {error}")
    return GalleryPictures(photographs, made, failed)


def _id_of(row: Any) -> str:
    return str(row.image_id)


def _read_made(gallery: Gallery, row: Mapping[str, Any]) -> Made:
    data = (gallery.made_in / row["file"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != row["sha256"]:
        raise ValueError("The file changed since it was made.")
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if row["box"] is not None and row["made_of"]["recipe"]["name"] == "modern":
        image = image.crop(row["box"])  # what lies outside is grey
    image = _shrunk(image, MADE_SIDE)
    is_small = max(image.size) <= _SMALL
    return Made(*image.size, _png(image) if is_small else _jpeg(image, 88), is_small)


def _shrunk(image: Image.Image, side: int) -> Image.Image:
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image if scale == 1 else image.resize(size, Image.Resampling.LANCZOS)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    # Not optimised: for that Pillow sets a buffer aside that noise does not fit into.
    image.save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
