"""The contact sheet: the most and least memorable pictures, and where a model and people disagree.

Which pictures those are stands in the record (:mod:`memnet.compare.extremes`); the pictures
themselves do not, so that a sheet needs them at hand. Its thumbnails are part of the page.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image, ImageDraw

from memnet.compare.extremes import GROUPS
from memnet.compare.record import RunRecord
from memnet.compare.report.markdown import escape_markdown
from memnet.data.matching import match_ids
from memnet.data.pictures import collect
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import PictureOrCrop, decode
from memnet.util.text import shorten_list

_Picture = TypeVar("_Picture")

MOST_BYTES = 440_000
"""JPEG bytes of all thumbnails of a page, where they take a third more: 600 kB at most."""

_SIZES = ((160, 80), (160, 55), (128, 45), (96, 35))
"""Pixels of the longer side and JPEG quality: the first at which all keep within MOST_BYTES."""

_TITLES = {
    "human_highest": "Most memorable to people",
    "human_lowest": "Least memorable to people",
    "model_highest": "Highest predictions of {model}",
    "model_lowest": "Lowest predictions of {model}",
    "too_high": "{model} ranks them higher than people do",
    "too_low": "{model} ranks them lower than people do",
}
_OF_FALSE_ALARMS = {
    "human_highest": "Most often taken for seen",
    "human_lowest": "Least often taken for seen",
}


@dataclass(frozen=True)
class ContactSheet:
    """The thumbnails of a record's extremes.

    Attributes
    ----------
    images : source of an image in the Markdown (``figures/picture_01.jpg``) -> JPEG file.
    sources : id of a picture -> its source in ``images``.
    failed : sentences on pictures that could not be read.
    """

    images: dict[str, bytes] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def shown_ids(record: RunRecord) -> list[str]:
    """Return the ids that a contact sheet of this record shows, each once."""
    groups = record.extremes.get("groups", {})
    ids = (row["image_id"] for name in GROUPS for row in groups.get(name, ()))
    return list(dict.fromkeys(ids))


def make_sheet(record: RunRecord, pictures: Mapping[str, PictureOrCrop]) -> ContactSheet | None:
    """Make the thumbnails of a record.

    Parameters
    ----------
    record : of a comparison.
    pictures : id of a picture -> its file, or what holds it; of ids that are not shown, nothing
        is read.

    Returns
    -------
    ContactSheet or None
        None where none of the pictures that it would show is among them. A picture that is missing
        or cannot be read has a grey placeholder, and a sentence.
    """
    groups = record.extremes.get("groups", {}).values()
    times = Counter(row["image_id"] for rows in groups for row in rows)
    ids = {image_id: times[image_id] for image_id in shown_ids(record)}
    return make_thumbnails(ids, pictures)


def make_thumbnails(
    ids: Mapping[str, int], pictures: Mapping[str, PictureOrCrop]
) -> ContactSheet | None:
    """Make the thumbnails of pictures, small enough for all of them to fit on a page.

    Parameters
    ----------
    ids : of the pictures, in the order of their numbers -> how often the page shows it.
    pictures : as for :func:`make_sheet`, which returns the same.
    """
    if not any(image_id in pictures for image_id in ids):
        return None
    small, failed = {}, []
    for image_id in ids:
        try:
            if image_id not in pictures:
                raise PictureError("There is no picture of this id.")
            small[image_id] = _shrunk(pictures[image_id])
        except PictureError as error:
            small[image_id] = _placeholder()
            failed.append(f"{image_id}: {error}")
    files: dict[str, bytes] = {}
    for side, quality in _SIZES:
        files = {image_id: _jpeg(image, side, quality) for image_id, image in small.items()}
        if sum(ids[image_id] * len(file) for image_id, file in files.items()) <= MOST_BYTES:
            break
    sources = {image_id: f"figures/picture_{n:02d}.jpg" for n, image_id in enumerate(ids, start=1)}
    images = {sources[image_id]: file for image_id, file in files.items()}
    return ContactSheet(images, sources, failed)


def _shrunk(picture: PictureOrCrop) -> Image.Image:
    image = decode(picture, exif_orientation="apply").rgb.copy()
    image.thumbnail((_SIZES[0][0],) * 2)
    return image


def _placeholder() -> Image.Image:
    image = Image.new("RGB", (120, 120), "#dddddd")
    pen = ImageDraw.Draw(image)
    pen.line((30, 30, 90, 90), fill="#888888", width=4)
    pen.line((30, 90, 90, 30), fill="#888888", width=4)
    return image


def _jpeg(image: Image.Image, side: int, quality: int) -> bytes:
    image = image.copy()
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()


def sheet_markdown(record: RunRecord, sheet: ContactSheet | None) -> str:
    """Write a contact sheet as Markdown, "" without one: a heading a group, then its pictures."""
    if sheet is None:
        return ""
    model = record.extremes["model"]
    classes = record.truth.get("classes")
    parts = [
        f"Under each picture its {'class' if classes else 'human score'} and the prediction of "
        f"{escape_markdown(model)}; in the last two groups the pictures whose ranks differ most."
    ]
    titles = _TITLES
    if record.truth.get("target") == "false_alarm_rate":
        titles = titles | _OF_FALSE_ALARMS
    for name in GROUPS:
        rows = record.extremes["groups"].get(name, ())
        if rows:
            title = titles[name].format(model=model)
            parts.append(f"### {escape_markdown(title)}")
            images = (
                f"![{_caption(row, classes)}]({sheet.sources[row['image_id']]})" for row in rows
            )
            parts.append("\n".join(images))
    parts += filter(None, [say_failed(sheet)])
    return "".join(f"{part}\n\n" for part in parts)


def say_failed(sheet: ContactSheet) -> str:
    """Say in Markdown which pictures could not be shown, "" where all could."""
    if not sheet.failed:
        return ""
    count = len(sheet.failed)
    what = "1 picture" if count == 1 else f"{count} pictures"
    return escape_markdown(f"{what} could not be shown. {shorten_list(sheet.failed, 5)}")


def _caption(row: Mapping[str, Any], classes: Mapping[str, Any] | None) -> str:
    """Write a picture's id, its human score or what the user calls its class, its prediction."""
    people = short_score(row["truth"])
    if classes:
        people = str(classes["positive" if row["truth"] == 1 else "negative"])
    texts = map(escape_markdown, (row["image_id"], people, short_score(row["prediction"])))
    # A line ends before "people" or "model", not between the word and its number.
    return "{}: people\N{NO-BREAK SPACE}{}, model\N{NO-BREAK SPACE}{}".format(*texts)


def short_score(score: float) -> str:
    """Write a score under a picture: two decimals, or three digits where they would hide it."""
    text = f"{score:.2f}" if 0.005 <= abs(score) < 10 or not score else f"{score:.3g}"
    return text.replace("-", "−")


def find_pictures(
    ids: Sequence[str], folders: Iterable[str | os.PathLike[str]], rule: str
) -> dict[str, PictureOrCrop]:
    """Find pictures by their ids in folders, globs or manifests.

    Ids are matched by ``rule``; where that finds none, by file name, then by file name without
    ending, if those are unambiguous.

    Raises
    ------
    MemnetError
        as :func:`memnet.data.pictures.collect`.
    """
    items = collect([os.fspath(folder) for folder in folders]).items
    return _matched(ids, {item.image_id: item.picture for item in items}, rule)


def pictures_of_tables(
    ids: Sequence[str], tables: Iterable[Path], rule: str, *, id_column: str
) -> dict[str, Path]:
    """Find pictures by the column ``path`` of tables, as ``memnet score`` writes it.

    A path is taken as it is written, else from its table's folder; what is no file is left out.
    """
    found: dict[str, Path] = {}
    for table in tables:
        try:
            frame = read_table_any(table)
        except MemnetError:  # what is wrong with it was said when it was compared
            continue
        column = id_column if id_column in frame else "image_id"
        if column in frame and "path" in frame:
            paths = dict(zip(frame[column], frame["path"], strict=True))
            for image_id, path in _matched(ids, paths, rule).items():
                for file in (table.parent / path, Path(path)):
                    if os.path.isfile(file):  # False for a name that no file can have
                        found[image_id] = file
    return found


def _matched(ids: Sequence[str], paths: Mapping[str, _Picture], rule: str) -> dict[str, _Picture]:
    for each in dict.fromkeys((rule, "basename", "stem")):
        try:
            match = match_ids(ids, list(paths), left_name="", right_name="", rule=each)
        except MemnetError:  # ambiguous
            continue
        if match.matched:
            return {image_id: paths[there] for there, image_id in match.partners.items()}
    return {}
