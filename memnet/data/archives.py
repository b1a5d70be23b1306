"""Zip and tar files of pictures: what is in them, and how one picture is read."""

from __future__ import annotations

import contextlib
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from memnet.data.contents import Contents, Listing
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.members import Container, Member, Stored, keep_open
from memnet.util.text import words_of


class ZipContainer(Container):
    """A zip file; a place is a member's name as it stands there."""

    def read_stored(self, place: str, size: int, max_bytes: int) -> Stored:
        """Unpack a member, which has ``size`` bytes at most whatever its content says."""
        archive = keep_open(self, lambda: zipfile.ZipFile(self.path))
        if archive.getinfo(place).flag_bits & _ENCRYPTED:
            raise PictureError(
                f"It is encrypted; unpack {self.path} with its password and give the folder."
            )
        with archive.open(place) as file:
            return file.read(size)


_ENCRYPTED, _UTF8 = 0x1, 0x800
"""Bits of a member's flags: section 4.4.4 of the format's description, APPNOTE.TXT."""


class TarContainer(Container):
    """A tar file; a place is where a member's content begins."""

    def read_stored(self, place: int, size: int, max_bytes: int) -> Stored:
        """Read a member's content."""
        with open(self.path, "rb") as file:
            file.seek(place)
            content = file.read(size)
        if len(content) < size:
            raise PictureError(f"{self.path} breaks off in it; copy it again from its source.")
        return content


def list_zip(path: Path) -> Contents:
    """List the pictures in a zip file, in the order of its directory.

    Raises
    ------
    MemnetError
        if it is no zip file, or two of its members have one name.
    """
    contents = Contents()
    container = ZipContainer(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise _damaged(path, error) from error
    listing = Listing(path, contents)
    for info in infos:
        if info.is_dir():
            continue
        special = stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG)
        if name := listing.accept(_zip_name(info), is_special=special):
            contents.members[name] = Member(container, info.filename, info.file_size)
    return contents


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name; some programs write UTF-8 and do not say so."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        with contextlib.suppress(UnicodeError):  # it is as the format says, then
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def list_tar(path: Path) -> Contents:
    """List the pictures in a tar file, in its order; parameters and errors as :func:`list_zip`.

    Of one that breaks off, or is damaged in the middle, the pictures before that are kept.
    """
    contents = Contents()
    container = TarContainer(path)
    listing = Listing(path, contents)
    try:
        with tarfile.open(path, "r:") as archive:
            for info in _infos(archive):
                special = not info.isreg() or info.issparse()
                if not info.isdir() and (name := listing.accept(info.name, is_special=special)):
                    contents.members[name] = Member(container, info.offset_data, info.size)
            end = archive.offset
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        if not contents.members:
            raise _damaged(path, error) from error
        contents.unreadable.append(
            f"{path} breaks off, or is damaged, behind {next(reversed(contents.members))} "
            f"({words_of(error)}); copy it again from its source"
        )
        return contents
    with path.open("rb") as file:
        file.seek(end)
        rest = file.read(_BLOCK)
    if rest.strip(b"\0"):
        contents.unreadable.append(
            f"{path} is damaged at byte {end:,}; what lies behind it was not read: copy it again "
            "from its source"
        )
    elif len(rest) < _BLOCK:
        contents.notes.append(
            f"{path} lacks the empty block that ends a tar file: if it was cut off, pictures are "
            "missing"
        )
    return contents


_BLOCK = 512


def _infos(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := archive.next()) is not None:
        yield info
        archive.members = []  # type: ignore[attr-defined]  # else it keeps all


def _damaged(path: Path, error: Exception) -> MemnetError:
    if isinstance(error, PermissionError):
        return MemnetError(f"{path} cannot be read: {error.strerror}.")
    kind = path.suffix.lower().removeprefix(".")
    return MemnetError(
        f"{path} is no {kind} file, or a damaged one ({words_of(error)}); copy it again from its "
        "source."
    )
