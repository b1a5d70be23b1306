"""Which pictures: folders, globs, single files and manifests become a list of items.

``image_id`` is the path relative to the folder that was given (with forward slashes on every
platform), the part of a glob's match behind its fixed beginning, the file's name for a single
file, and what a manifest says.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from glob import has_magic
from pathlib import Path

from memnet.data.boxes import BoxColumns
from memnet.data.containers import PARQUET_SUFFIX, open_containers, split_part
from memnet.data.folders import add_folder, add_glob, why_no_text
from memnet.data.id_pattern import IdPattern
from memnet.data.inputs import Inputs, Item, TableRow
from memnet.data.listed_pictures import (
    MANIFEST_SUFFIXES,
    PATH_COLUMN,
    ManifestOptions,
    add_manifest,
    holds_pictures,
    is_manifest,
)
from memnet.data.remote import find_remote, is_address
from memnet.data.videos import take_frames
from memnet.errors import MemnetError
from memnet.preprocess.decode import SUFFIXES
from memnet.preprocess.video import VIDEO_SUFFIXES
from memnet.util.near_files import leads_into
from memnet.util.text import is_text


def collect(
    pictures: Sequence[str | Path],
    *,
    path_column: str = PATH_COLUMN,
    id_pattern: str = "",
    boxes: BoxColumns | None = None,
    fps: Fraction | None = None,
    addresses: bool = False,
) -> Inputs:
    """Find the pictures that the user named.

    Parameters
    ----------
    pictures : folders (searched recursively), globs, files, or manifests (tables: CSV, TSV, Excel,
        Parquet) with a column ``path`` (relative to the manifest) and, if wanted, ``image_id``.
        Archives, and Parquet and HDF5 files that hold pictures, become what is in them;
        ``FILE::PART`` says which column or dataset has them.
    path_column : the column of the manifests that has the paths.
    id_pattern : a regular expression that finds each picture's id in its path (with forward
        slashes): what its group ``id`` matches, or its only group.
    boxes : the columns of the manifests that have a box of each row's picture, to be scored
        instead of the whole. Unless a column ``image_id`` has another id for each row, ids get
        ``#`` and the row's number behind them, as a spreadsheet counts it.
    fps : how many frames a second of videos become pictures; without it, videos in folders are
        passed over, and one that is named is refused.
    addresses : whether a manifest may name pictures elsewhere (``https://...``, ``s3://...``). One
        in ``pictures`` itself, of a file, a folder or a glob, is always read.

    Raises
    ------
    MemnetError
        if a thing is not there, a folder cannot be read or holds no picture, two pictures
        would get one ``image_id``, or ``id_pattern`` is no such pattern or finds no id in a path.
    """
    if boxes and fps:
        raise MemnetError(
            f"{boxes} and --fps do not go together: boxes are of pictures, not of videos' frames."
        )
    find_id = IdPattern(id_pattern) if id_pattern else None
    suffixes = SUFFIXES if fps is None else (*SUFFIXES, *VIDEO_SUFFIXES)
    options = ManifestOptions(path_column, boxes, addresses)
    inputs = Inputs(suffixes=suffixes, boxes=str(boxes or ""))
    for picture in pictures:
        inputs.add(_collect_one(picture, suffixes, find_id, options))
    option = f"--path-column {path_column}" if path_column != PATH_COLUMN else boxes
    if option and not inputs.manifests:
        files = [split_part(str(picture))[0] for picture in pictures]
        if pictured := next((f for f in files if f.lower().endswith(PARQUET_SUFFIX)), ""):
            raise MemnetError(
                f"{option} is for a table with the paths of pictures, and {pictured} holds the "
                "pictures themselves: write them as files, and a table of their paths beside them."
            )
        raise MemnetError(
            f"{option} is for a manifest ({', '.join(MANIFEST_SUFFIXES)}), and none was given."
        )
    inputs.items = _drop_repeats(inputs.items)
    inputs.rows = _one_row_each(inputs.rows)
    if inputs.unreadable and not inputs.items:
        raise MemnetError(inputs.unreadable[0])
    take_frames(inputs, fps)
    _refuse_shared_ids(inputs.items)
    return inputs


def _collect_one(
    picture: str | Path,
    suffixes: tuple[str, ...],
    find_id: IdPattern | None,
    options: ManifestOptions,
) -> Inputs:
    """Find the pictures of one argument."""
    if not str(picture):  # of a shell's variable that is not set; a Path of it is the folder
        raise MemnetError("The name of a picture is empty; the folder itself is written '.'.")
    picture, part = split_part(str(picture))
    path = Path(picture)
    inputs = Inputs(suffixes=suffixes)
    if is_address(picture):
        found, contents = find_remote(picture)
        inputs.items = [Item(each.image_id, each.address, each.member) for each in found]
        inputs.passed_over_in[picture] = contents.passed_over
        inputs.unreadable += contents.unreadable
    elif path.is_dir():
        add_folder(path, inputs)
    elif is_manifest(path) and not part and not holds_pictures(path, options.path_column):
        add_manifest(path, options, find_id, inputs)
        return inputs
    elif not is_text(str(path)):
        raise MemnetError(f"{str(path)!a}: {why_no_text()}.")
    elif path.exists():
        inputs.items.append(Item(path.name, str(path), path))
    elif has_magic(picture):
        add_glob(picture, inputs)
    else:
        raise MemnetError(f"There is no file or folder {picture}.{leads_into(picture)}")
    extras = open_containers(inputs, part)
    if find_id:
        inputs.items = [replace(item, image_id=find_id(item.path)) for item in inputs.items]
    if extras:
        rows = zip(inputs.items, extras, strict=True)
        inputs.rows = [TableRow(item.image_id, extra) for item, extra in rows]
    return inputs


def _one_row_each(rows: list[TableRow]) -> list[TableRow]:
    """Give a picture that no table lists one row, however often it was named."""
    seen = {row.image_id for row in rows if row.extra is not None}
    kept = []
    for row in rows:
        if row.extra is not None or row.image_id not in seen:
            kept.append(row)
            seen.add(row.image_id)
    return kept


def _drop_repeats(items: list[Item]) -> list[Item]:
    """Drop a picture that was named twice: the same file, or box of it, under the same id."""
    return list(
        {(item.image_id, os.path.realpath(item.path), item.box): item for item in items}.values()
    )


def _refuse_shared_ids(items: list[Item]) -> None:
    counts = Counter(item.image_id for item in items)
    repeats = len(items) - len(counts)
    if repeats:
        image_id = next(image_id for image_id, count in counts.items() if count > 1)
        places = [item.path or "one without a path" for item in items if item.image_id == image_id]
        advice = "give their common folder, or a manifest with an image_id for each"
        if places[0] == places[1]:
            advice = "give the tables a column image_id that differs in all their rows"
        raise MemnetError(
            f"{repeats:,} picture(s) would share an image_id with another, for example "
            f"{image_id!r}: {places[0]} and {places[1]}; {advice}."
        )
