"""The page of a gallery: one HTML file, each picture in it once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from memnet.compare.report.page_figures import data_uri
from memnet.inspect.gallery import Gallery, GalleryFilter, GalleryLayer, short
from memnet.inspect.gallery_pictures import GalleryPictures
from memnet.inspect.top import TopRow
from memnet.inspect.top_sheet import has_dot


class _Cell(NamedTuple):
    """A picture on the page, or a part of one.

    ``name`` is the id of the picture, None where it is not shown; ``view`` what is seen of it:
    left and upper edge, width and height; ``box`` and ``dot`` are drawn over it.
    """

    name: str | None
    view: tuple[int, int, int, int]
    alt: str
    caption: str
    box: dict[str, int] | None = None
    dot: tuple[float, float] | None = None


def gallery_page(gallery: Gallery, pictures: GalleryPictures) -> str:
    """Write the page of a gallery.

    Parameters
    ----------
    gallery, pictures : from :func:`memnet.inspect.gallery.read_gallery` and
        :func:`memnet.inspect.gallery_pictures.read_pictures`.

    Returns
    -------
    str
        HTML without outside resources. The same gallery gives the same text.
    """
    names: dict[tuple[str, str], str] = {}
    stored = []
    side = pictures.side
    for image_id, photograph in pictures.photographs.items():
        names["photograph", image_id] = name = f"p{len(names)}"
        uri = data_uri(photograph.files[side])
        stored.append((name, photograph.width, photograph.height, uri, False))
    for file, made in pictures.made.items():
        names["made", file] = name = f"p{len(names)}"
        stored.append((name, made.width, made.height, data_uri(made.data), made.is_small))
    style = files("memnet.compare.report").joinpath("templates", "style.css")
    context = {
        "gallery": gallery,
        "style": style.read_text(encoding="utf-8"),
        "stored": stored,
        "layers": [
            (layer, [_filter_cells(layer, each, pictures, names) for each in layer.filters])
            for layer in gallery.layers
        ],
        "failed": pictures.failed,
        "side": side,
    }
    text: str = _template().render(**context)
    return text


@cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("memnet.inspect", "templates"),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("gallery.html.j2")


def _filter_cells(
    layer: GalleryLayer,
    shown: GalleryFilter,
    pictures: GalleryPictures,
    names: dict[tuple[str, str], str],
) -> dict[str, Any]:
    """Return what the template shows of a filter: the groups of its pictures."""
    where = f"{layer.title}, filter {shown.number}"
    made = [
        _made_cell(row, where, pictures, names) for row in shown.made if row["sha256"] is not None
    ]
    most = [_photograph_cell(row, where, names) for row in shown.most]
    parts = []
    if not all(row.sees_all for row in shown.most):
        parts = [_part_cell(row, where, names) for row in shown.most]
    least = [_photograph_cell(row, where, names) for row in shown.least]
    return {"filter": shown, "made": made, "most": most, "parts": parts, "least": least}


def _made_cell(
    row: Any, where: str, pictures: GalleryPictures, names: dict[tuple[str, str], str]
) -> _Cell:
    reached = "" if row["reached"] is None else short(row["reached"])
    alt = f"{where}: picture made for it, {row['file']}, reached {reached}"
    made = pictures.made.get(row["file"])
    if made is None:
        return _Cell(None, (0, 0, 1, 1), alt, reached)
    return _Cell(names["made", row["file"]], (0, 0, made.width, made.height), alt, reached)


def _photograph_cell(row: TopRow, where: str, names: dict[tuple[str, str], str]) -> _Cell:
    end = {"most": "strongest", "least": "weakest"}[row.side]
    value = short(row.activation)
    alt = f"{where}: number {row.rank} of the {end}, {row.image_id}, activation {value}"
    left, top, right, bottom = row.box
    box = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return _Cell(
        names.get(("photograph", row.image_id)),
        (0, 0, row.width, row.height),
        alt,
        value,
        None if row.box == (0, 0, row.width, row.height) else box,
        (round(row.x, 1), round(row.y, 1)) if has_dot(row) else None,
    )


def _part_cell(row: TopRow, where: str, names: dict[tuple[str, str], str]) -> _Cell:
    left, top, right, bottom = row.box
    alt = f"{where}: what its strongest unit sees of {row.image_id}, number {row.rank}"
    view = (left, top, right - left, bottom - top)
    # The number, too, so that each part stands beside its photograph.
    return _Cell(names.get(("photograph", row.image_id)), view, alt, short(row.activation))
