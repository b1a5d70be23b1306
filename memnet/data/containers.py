"""Files that hold pictures, among the pictures: each becomes what is in it.

The ``image_id`` of a picture in a container is that of the container, ``/``, and its name there:
``pictures.zip/faces/a.jpg``. Its path is made likewise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from memnet.data.archives import is_compressed, list_tar, list_zip
from memnet.data.contents import Contents
from memnet.data.inputs import Extra, Inputs, Item
from memnet.errors import MemnetError
from memnet.preprocess.decode import SUFFIXES
from memnet.preprocess.members import Member
from memnet.util.text import words_of

_ARCHIVES: dict[str, Callable[[Path], Contents]] = {".zip": list_zip, ".tar": list_tar}

PARQUET_SUFFIX, HDF5_SUFFIXES = ".parquet", (".hdf5", ".h5", ".hdf", ".mat")

CONTAINER_SUFFIXES = (*_ARCHIVES, PARQUET_SUFFIX, *HDF5_SUFFIXES)

COMPRESSED_SUFFIXES = (
    *(".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz", ".tar.zst", ".tzst"),
    *(".7z", ".rar"),
)
"""Of archives in which a picture cannot be read without all that lies before it."""


def is_container(path: str) -> bool:
    """Whether a file's ending is that of a container."""
    return path.lower().endswith((*CONTAINER_SUFFIXES, *COMPRESSED_SUFFIXES))


def split_part(picture: str) -> tuple[str, str]:
    """Split ``FILE::PART``, a column of a Parquet file or a dataset of an HDF5 file.

    Examples
    --------
    >>> split_part("nsd/nsd_stimuli.hdf5::imgBrick"), split_part("a.jpg")
    (('nsd/nsd_stimuli.hdf5', 'imgBrick'), ('a.jpg', ''))
    """
    file, separator, part = picture.rpartition("::")
    has_parts = file.lower().endswith((PARQUET_SUFFIX, *HDF5_SUFFIXES))
    return (file, part) if separator and has_parts else (picture, "")


def is_table_of_pictures(path: Path) -> bool:
    """Whether a Parquet file holds pictures, and not the paths of some."""
    from memnet.data.parquet_columns import picture_columns, read_schema

    try:
        return "path" not in read_schema(path).names and bool(picture_columns(path))
    except MemnetError:  # who reads it as a table says what is wrong
        return False


def open_containers(inputs: Inputs, part: str = "") -> list[Extra | None]:
    """Put the pictures in each container in its place among the items.

    A container that cannot be read is named in ``inputs.unreadable``.

    Parameters
    ----------
    inputs : what was found.
    part : which column or dataset holds the pictures; "" for the only one.

    Returns
    -------
    list
        what stands beside each item in its container; empty where nothing stands there.
    """
    items: list[Item] = []
    extras: list[Extra | None] = []
    for item in inputs.items:
        if isinstance(item.picture, Member) or not is_container(item.path):
            items.append(item)
            extras.append(None)
            continue
        try:
            contents = _list(Path(item.path), part)
        except MemnetError as error:
            inputs.unreadable.append(str(error))
            continue
        items += [
            replace(item, image_id=f"{item.image_id}/{name}", path=f"{item.path}/{name}", picture=p)
            for name, p in contents.members.items()
        ]
        extras += contents.extras or [None] * len(contents.members)
        inputs.pass_over_in(item.path, contents.passed_over)
        inputs.unreadable += contents.unreadable
        inputs.notes += contents.notes
    inputs.items = items
    return extras if any(extra is not None for extra in extras) else []


def _list(path: Path, part: str) -> Contents:
    if path.name.lower().endswith(COMPRESSED_SUFFIXES):
        raise is_compressed(path)
    try:
        contents = _contents(path, part)
    except (MemnetError, MemoryError):
        raise
    except Exception as error:  # readers raise a dozen kinds on damaged files
        raise MemnetError(
            f"{path} is probably damaged, and cannot be read ({words_of(error)}); copy it again."
        ) from error
    if not contents.members:
        others = ", ".join(f"{n} x {kind}" for kind, n in sorted(contents.passed_over.items()))
        reason = "; ".join(contents.unreadable) or (f"only {others}" if others else "it is empty")
        raise MemnetError(f"{path} holds no pictures ({reason}); looked for {', '.join(SUFFIXES)}.")
    return contents


def _contents(path: Path, part: str) -> Contents:
    suffix = path.suffix.lower()
    if suffix in _ARCHIVES:
        return _ARCHIVES[suffix](path)
    if suffix in HDF5_SUFFIXES:
        from memnet.data.hdf5_pictures import list_hdf5  # here: few have such files

        return list_hdf5(path, part)
    from memnet.data.parquet_pictures import list_parquet  # pandas, as for all tables

    return list_parquet(path, part)
