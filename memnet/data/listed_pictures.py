"""Pictures that a manifest lists: a table with a column of their paths."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from memnet.data.boxes import BoxColumns
from memnet.data.containers import PARQUET_SUFFIX, is_table_of_pictures
from memnet.data.id_pattern import IdPattern
from memnet.data.inputs import Inputs, Item, TableRow
from memnet.data.remote import is_address, remote_picture
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import Box, Crop, Picture
from memnet.util.text import without_credentials

MANIFEST_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".parquet")

PATH_COLUMN = "path"
"""The column of a manifest with the pictures' paths."""


@dataclass(frozen=True)
class ManifestOptions:
    """How manifests are read; :func:`memnet.data.pictures.collect` says what each means."""

    path_column: str
    boxes: BoxColumns | None
    addresses: bool


def is_manifest(path: Path) -> bool:
    """Whether it is a table, or a sheet of one (``study.xlsx#Pictures``)."""
    file = path.with_name(re.sub(r"(?i)(\.xlsx)#.*", r"\1", path.name)) if path.name else path
    return file.suffix.lower() in MANIFEST_SUFFIXES and file.exists()


def holds_pictures(table: Path, path_column: str) -> bool:
    """Whether a table is to be opened for the pictures in it."""
    is_parquet = table.suffix.lower() == PARQUET_SUFFIX
    return is_parquet and path_column == PATH_COLUMN and is_table_of_pictures(table)


def add_manifest(
    manifest: Path, options: ManifestOptions, find_id: IdPattern | None, inputs: Inputs
) -> None:
    """Add the pictures that a manifest lists, and a row of the result for each of its own.

    Raises
    ------
    MemnetError
        if it cannot be read, has not the columns, ``find_id`` finds no id in a path, or none of its
        pictures can be read since a package is missing.
    """
    # Here: folders are searched without pandas, whose import takes as long as a picture's score.
    from memnet.data.picture_tables import read_picture_table

    listed, notes = read_picture_table(
        manifest, options.path_column, with_ids=find_id is None, box_columns=options.boxes
    )
    inputs.manifests.append(manifest)
    inputs.notes += notes
    items: dict[tuple[str, str, Box | None], Item] = {}  # a picture of many trials is made once
    rows = hashlib.sha256()
    for each in listed:
        key = (each.path, each.image_id + each.suffix, each.box)
        if key not in items:
            path, picture = _listed_picture(manifest, each.path, options.addresses)
            image_id = (find_id(path) if find_id else each.image_id) + each.suffix
            items[key] = Item(image_id, path, Crop(picture, each.box) if each.box else picture)
        inputs.rows.append(TableRow(items[key].image_id, each.extra, str(manifest)))
        rows.update(f"{items[key].image_id}\t{each}\n".encode())
    inputs.tables[str(manifest)] = rows.hexdigest()
    _refuse_where_no_address_can_be_read(items.values())
    inputs.items += items.values()


def _listed_picture(manifest: Path, cell: str, addresses: bool) -> tuple[str, Picture]:
    """Return a picture that a manifest lists, and its path for the table.

    What cannot be read says so when it is decoded: one cell costs its own row.
    """
    if not cell:
        return "", PictureError("The table has no path here.")
    shown = without_credentials(cell)
    if not (addresses and is_address(cell)):
        path = str(manifest.parent / shown)
        return path, path
    try:
        return shown, remote_picture(cell)
    except MemnetError as error:  # the package that reads such addresses is missing
        return shown, PictureError(str(error))


def _refuse_where_no_address_can_be_read(items: Collection[Item]) -> None:
    """Say what is missing once, and not for each of ten thousand films."""
    listed = [item.picture for item in items if item.path]
    pictures = [each.picture if isinstance(each, Crop) else each for each in listed]
    if pictures and all(isinstance(each, PictureError) for each in pictures):
        raise MemnetError(str(pictures[0]))
