"""Which pictures: folders, globs, single files and manifests become a list of items.

``image_id`` is the path relative to the folder that was given (with forward slashes on every
platform), the part of a glob's match behind its fixed beginning, the file's name for a single
file, and what a manifest says.
"""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from memnet.data.boxes import BoxColumns
from memnet.data.containers import (
    CONTAINER_SUFFIXES,
    PARQUET_SUFFIX,
    is_container,
    is_table_of_pictures,
    open_containers,
    split_part,
)
from memnet.data.contents import HIDDEN_FOLDERS, HIDDEN_NAMES
from memnet.data.id_pattern import IdPattern
from memnet.data.remote import find_remote, is_address, remote_picture
from memnet.data.videos import take_frames
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import SUFFIXES, Box, Crop, Picture, PictureOrCrop
from memnet.preprocess.members import Member
from memnet.preprocess.video import VIDEO_SUFFIXES
from memnet.util.near_files import leads_into
from memnet.util.text import is_text, without_credentials

MANIFEST_SUFFIXES = (".csv", ".tsv", ".xlsx", ".parquet")


@dataclass(frozen=True)
class Item:
    """One picture to score: its id, the path for the table (or ""), and the picture itself.

    A box of a picture is a :class:`~memnet.preprocess.decode.Crop`: whoever keeps scores by the
    bytes of a file must look at its ``box``, too.
    """

    image_id: str
    path: str
    picture: PictureOrCrop

    @property
    def box(self) -> Box | None:
        """The box that is scored; None for the whole picture."""
        return self.picture.box if isinstance(self.picture, Crop) else None


Extra: TypeAlias = Mapping[str, str]
"""A row of the user's own table: column -> cell, behind memnet's columns in the result."""


class TableRow(NamedTuple):
    """A row that the result has: of which picture, and what stood beside it.

    ``extra`` is None for a picture that no table lists.
    """

    image_id: str
    extra: Extra | None


@dataclass
class Inputs:
    """The pictures that :func:`collect` gathered, and what it passed over.

    Attributes
    ----------
    items : the pictures, each once, in a fixed order (that of the arguments, and sorted within a
        folder).
    rows : the rows of the result: one for each row of a table, also where several name one picture
        (trials of an experiment), and one for each other picture.
    passed_over : files and hidden folders that are no pictures -> their ending, or
        :data:`~memnet.data.contents.HIDDEN_FOLDERS`.
    passed_over_in : container -> how many of what is in it are no pictures, likewise.
    unreadable : folders that could not be listed, and files whose names no table can hold, within a
        given folder, with the reason.
    manifests : the tables that listed pictures.
    notes : sentences on what is to be known of the videos, and on columns of the tables that the
        result calls otherwise.
    part : which part of the pictures these are (:func:`memnet.data.shards.take_part`); empty where
        they are all.
    suffixes : the endings of what is looked for in folders.
    """

    items: list[Item] = field(default_factory=list)
    rows: list[TableRow] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    passed_over_in: dict[str, Counter[str]] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    manifests: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    part: dict[str, Any] = field(default_factory=dict)
    suffixes: tuple[str, ...] = SUFFIXES

    @property
    def table_rows(self) -> list[TableRow]:
        """The rows of the result; one for each picture where no table was read."""
        return self.rows or [TableRow(item.image_id, None) for item in self.items]

    def only(self, ids: Container[str]) -> Inputs:
        """Return the pictures with these ids, and their rows."""
        return replace(
            self,
            items=[item for item in self.items if item.image_id in ids],
            rows=[row for row in self.table_rows if row.image_id in ids],
        )

    def require_files(self, who: str) -> None:
        """Raise ``MemnetError`` where a picture is no file of its own, which ``who`` needs."""
        for item in self.items:
            if isinstance(item.picture, PictureError):
                raise MemnetError(f"{item.image_id}: {item.picture}")
            if isinstance(item.picture, Member):
                raise MemnetError(
                    f"{item.path} is no file of its own, and {who} needs one for each picture: "
                    "unpack them and give the folder."
                )

    def extras_by_id(self) -> dict[str, list[Extra]]:
        """Return what stands beside each picture in the rows of the result."""
        extras: dict[str, list[Extra]] = {}
        for row in self.table_rows:
            extras.setdefault(row.image_id, []).append(row.extra or {})
        return extras

    @property
    def ignored(self) -> Counter[str]:
        """Number of files per ending that are no pictures."""
        return sum(self.passed_over_in.values(), Counter(self.passed_over.values()))

    def pass_over(self, path: Path, kind: str) -> None:
        """Count what is no picture; once, by whatever way it was reached."""
        self.passed_over[os.path.join(os.path.realpath(path.parent), path.name)] = kind

    def pass_over_in(self, container: str, kinds: Counter[str]) -> None:
        """Count what is no picture in a container; once, by whatever name it was given."""
        self.passed_over_in[os.path.realpath(container)] = kinds

    def add(self, other: Inputs) -> None:
        """Add what another argument gave."""
        self.items += other.items
        self.rows += other.table_rows
        self.passed_over |= other.passed_over
        self.passed_over_in |= other.passed_over_in
        self.unreadable += [each for each in other.unreadable if each not in self.unreadable]
        self.manifests += other.manifests
        self.notes += other.notes


PATH_COLUMN = "path"
"""The column of a manifest with the pictures' paths."""


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
    inputs = Inputs(suffixes=suffixes)
    for picture in pictures:
        inputs.add(_collect_one(picture, path_column, find_id, boxes, suffixes, addresses))
    option = f"--path-column {path_column}" if path_column != PATH_COLUMN else boxes
    if option and not inputs.manifests:
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
    path_column: str,
    find_id: IdPattern | None,
    boxes: BoxColumns | None,
    suffixes: tuple[str, ...],
    addresses: bool,
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
        _add_folder(path, inputs)
        if not inputs.items and not inputs.unreadable:
            raise MemnetError(
                f"The folder {path} holds no pictures ({_describe_ignored(inputs.ignored)}); "
                f"looked for {', '.join(suffixes)}.{_hint(inputs)}"
            )
    elif _is_manifest(path) and not part and not _holds_pictures(path, path_column):
        _add_manifest(path, path_column, find_id, boxes, addresses, inputs)
        return inputs
    elif not is_text(str(path)):
        raise MemnetError(f"{str(path)!a}: {_why_no_text()}.")
    elif path.exists():
        inputs.items.append(Item(path.name, str(path), path))
    elif has_magic(picture):
        _add_glob(picture, inputs)
    else:
        raise MemnetError(f"There is no file or folder {picture}.{leads_into(picture)}")
    extras = open_containers(inputs, part)
    if find_id:
        inputs.items = [replace(item, image_id=find_id(item.path)) for item in inputs.items]
    if extras:
        rows = zip(inputs.items, extras, strict=True)
        inputs.rows = [TableRow(item.image_id, extra) for item, extra in rows]
    return inputs


def _add_folder(root: Path, inputs: Inputs) -> None:
    def failed(error: OSError) -> None:
        if Path(error.filename) == root:
            raise MemnetError(f"The folder {root} cannot be read: {error.strerror}.") from error
        inputs.unreadable.append(f"{error.filename}: {error.strerror}")

    paths: list[Path] = []
    entered: set[tuple[int, int]] = set()
    # Folders first, then links to folders that were not entered: links to each other end, and a
    # picture has the id of its own folder.
    to_enter = [root]
    while to_enter:
        start, links = to_enter.pop(0), []
        for folder, subfolders, names in os.walk(start, onerror=failed):
            if identity := _identity(Path(folder)):
                entered.add(identity)
            for name in sorted(subfolders):
                if name.startswith(HIDDEN_NAMES):
                    inputs.pass_over(Path(folder, name), HIDDEN_FOLDERS)
                    subfolders.remove(name)
                elif Path(folder, name).is_symlink():
                    links.append(Path(folder, name))
                elif _identity(Path(folder, name)) in entered:  # through a link to a parent
                    subfolders.remove(name)
            for name in names:
                if name.startswith("."):
                    inputs.pass_over(Path(folder, name), "hidden files")
                elif _is_picture(Path(folder, name), inputs):
                    paths.append(Path(folder, name))
        to_enter += links
        to_enter = [link for link in to_enter if _identity(link) not in entered]
    # The text, not the Path: those of a million pictures would take 400 MB.
    items = [Item(path.relative_to(root).as_posix(), at := str(path), at) for path in paths]
    inputs.items.extend(sorted(items, key=lambda item: item.image_id))


def _why_no_text() -> str:
    """Say why no table can hold a name: the file's fault, or that of a locale like ``C``."""
    encoding = sys.getfilesystemencoding()
    if encoding != "utf-8":
        return (
            f"Python reads names of files as {encoding} here, which has not all letters of this "
            "one; set the environment variable PYTHONUTF8=1"
        )
    return "the name is not UTF-8, so no table can hold it; rename the file"


def _identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode of a folder; None where it cannot be asked."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _add_glob(pattern: str, inputs: Inputs) -> None:
    fixed = Path()
    for part in Path(pattern).parts[:-1]:
        if has_magic(part):
            break
        fixed /= part
    for path in map(Path, sorted(glob(pattern, recursive=True))):
        inside = path.relative_to(fixed)
        hidden = [
            folder
            for folder in inside.parents
            if folder.name.startswith(HIDDEN_NAMES) and not _is_written(folder.name, pattern)
        ]
        if hidden:
            # the outermost, as in a folder
            inputs.pass_over(fixed / hidden[-1], HIDDEN_FOLDERS)
        elif path.is_file() and (is_container(pattern) or _is_picture(path, inputs)):
            inputs.items.append(Item(inside.as_posix(), at := str(path), at))
    if not inputs.items and not inputs.unreadable:
        hint = leads_into(pattern) or _hint(inputs)
        raise MemnetError(f"Nothing that is a picture matches {pattern}.{hint}")


def _is_written(name: str, pattern: str) -> bool:
    """Whether a glob names a hidden folder itself; ``*`` never stands for a name with a dot."""
    return name.startswith(".") or name in Path(pattern).parts


def _is_picture(path: Path, inputs: Inputs) -> bool:
    """Whether a file that was found is a picture to score; what is not is counted or named."""
    suffix = path.suffix.lower()
    if suffix not in inputs.suffixes:
        inputs.pass_over(path, suffix or "no ending")
    elif not is_text(str(path)):
        inputs.unreadable.append(f"{str(path)!a}: {_why_no_text()}")
    else:
        return True
    return False


def _is_manifest(path: Path) -> bool:
    """Whether it is a table, or a sheet of one (``study.xlsx#Pictures``)."""
    file = path.with_name(re.sub(r"(?i)(\.xlsx)#.*", r"\1", path.name)) if path.name else path
    return file.suffix.lower() in MANIFEST_SUFFIXES and file.exists()


def _holds_pictures(table: Path, path_column: str) -> bool:
    """Whether a table is to be opened for the pictures in it."""
    is_parquet = table.suffix.lower() == PARQUET_SUFFIX
    return is_parquet and path_column == PATH_COLUMN and is_table_of_pictures(table)


def _add_manifest(
    manifest: Path,
    path_column: str,
    find_id: IdPattern | None,
    boxes: BoxColumns | None,
    addresses: bool,
    inputs: Inputs,
) -> None:
    # Here: folders are searched without pandas, whose import takes as long as a picture's score.
    from memnet.data.picture_tables import read_picture_table

    listed, notes = read_picture_table(
        manifest, path_column, with_ids=find_id is None, box_columns=boxes
    )
    inputs.manifests.append(manifest)
    inputs.notes += notes
    items: dict[tuple[str, str, Box | None], Item] = {}  # a picture of many trials is made once
    for each in listed:
        key = (each.path, each.image_id + each.suffix, each.box)
        if key not in items:
            path, picture = _listed_picture(manifest, each.path, addresses)
            image_id = (find_id(path) if find_id else each.image_id) + each.suffix
            items[key] = Item(image_id, path, Crop(picture, each.box) if each.box else picture)
        inputs.rows.append(TableRow(items[key].image_id, each.extra))
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
        raise MemnetError(
            f"{repeats:,} picture(s) would share an image_id with another, for example "
            f"{image_id!r}: {places[0]} and {places[1]}; give their common folder, or a manifest "
            "with an image_id for each."
        )


def _describe_ignored(ignored: Counter[str]) -> str:
    if not ignored:
        return "it is empty"
    return "only " + ", ".join(f"{count} x {suffix}" for suffix, count in sorted(ignored.items()))


def _hint(inputs: Inputs) -> str:
    if inputs.ignored.keys() & set(VIDEO_SUFFIXES):
        return " Videos are scored where --fps says how many frames a second."
    if containers := sorted(inputs.ignored.keys() & set(CONTAINER_SUFFIXES)):
        return (
            f" The pictures in a {containers[0]} are scored where the file itself is named, or a "
            f"glob that ends so: '*{containers[0]}'."
        )
    return ""
