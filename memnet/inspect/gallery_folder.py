"""A gallery in a folder: its page, and its sheets as PNG and PDF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from memnet.compare.report.style import to_bytes
from memnet.inspect.gallery import Gallery, read_gallery
from memnet.inspect.gallery_page import gallery_page
from memnet.inspect.gallery_pictures import read_pictures
from memnet.inspect.gallery_sheets import draw_gallery_sheets
from memnet.preprocess.decode import PictureOrCrop
from memnet.util.atomic import write_bytes

PAGE = "gallery.html"


class Written(NamedTuple):
    """The gallery, the size of its page in bytes, how many sheets, and what is not shown."""

    gallery: Gallery
    size: int
    sheets: int
    failed: list[str]


def write_gallery(
    top: str | Path,
    visualised: str | Path,
    out: str | Path,
    pictures: Mapping[str, PictureOrCrop] | None = None,
) -> Written:
    """Write ``gallery.html`` and ``sheets/``.

    Parameters
    ----------
    top : folder of ``memnet inspect top`` (:func:`memnet.inspect.top.find_top`).
    visualised : folder of ``memnet inspect visualise``, of the same model.
    out : folder to write to.
    pictures : id -> photograph; of those that are missing, the path in ``top.json`` is tried.

    Returns
    -------
    Written
        A picture that is gone or changed is named in ``failed``, on the page, and not shown.

    Raises
    ------
    MemnetError
        if a folder cannot be read, they are of two models or have no layer in common, or ``out``
        cannot be written.
    """
    gallery = read_gallery(top, visualised)
    shown = read_pictures(gallery, pictures or {})
    page = gallery_page(gallery, shown).encode()
    folder = Path(out)
    write_bytes(folder / PAGE, page)
    sheets = draw_gallery_sheets(gallery, shown)
    for name, figure in sheets.items():
        for kind in ("png", "pdf"):
            write_bytes(folder / "sheets" / f"{name}.{kind}", to_bytes(figure, kind))
    return Written(gallery, len(page), len(sheets), shown.failed)
