"""Zip and tar files of pictures: what is in them, and how one picture is read."""

from __future__ import annotations

import contextlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from memnet.data.archive_links import Links
from memnet.data.contents import PIPES_AND_DEVICES, Contents, Listing, clean_name
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.members import Container, Member, Stored, keep_open
from memnet.util.sniffing import compression
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
    contents, links = Contents(), Links()
    container = ZipContainer(path)
    listing = Listing(path, contents)
    files: dict[str, zipfile.ZipInfo] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                name, kind = _zip_name(info), stat.S_IFMT(info.external_attr >> 16)
                if info.is_dir() or kind == stat.S_IFDIR:
                    continue
                if kind == stat.S_IFLNK:
                    links.add(name, _zip_link(archive, info), is_symbolic=True)
                is_file = kind in (0, stat.S_IFREG)
                if is_file:
                    files[clean_name(name)] = info
                counted_as = "" if is_file or kind == stat.S_IFLNK else PIPES_AND_DEVICES
                if name := listing.accept(name, counted_as=counted_as):
                    contents.members[name] = Member(container, info.filename, info.file_size)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise _damaged(path, error) from error

    def find(names: set[str]) -> dict[str, Member]:
        there = {name: files[name] for name in names if name in files}
        return {
            name: Member(container, info.filename, info.file_size) for name, info in there.items()
        }

    links.follow(contents, find)
    return contents


_LONGEST_PATH = 4096


def _zip_link(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """Return where a link leads, which is its content; "" where it cannot be read."""
    try:
        with archive.open(info) as file:
            return file.read(_LONGEST_PATH).decode("utf-8", "surrogateescape")
    except (zipfile.BadZipFile, RuntimeError, zlib.error, EOFError):
        return ""


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
    contents, links = Contents(), Links()
    container = TarContainer(path)
    listing = Listing(path, contents)
    end = None
    try:
        with tarfile.open(path, "r:") as archive:
            for info in _infos(archive):
                _list_member(info, container, listing, contents, links)
            end = archive.offset
    except _DAMAGE as error:
        if not contents.members:
            raise _damaged(path, error) from error
        contents.unreadable.append(
            f"{path} breaks off, or is damaged, behind {next(reversed(contents.members))} "
            f"({words_of(error)}); copy it again from its source"
        )
    links.follow(contents, lambda names: _files_in_tar(container, names))
    if end is not None:
        _check_end(path, end, contents)
    return contents


_DAMAGE = (tarfile.TarError, OSError, ValueError, EOFError)
"""What Python's reader raises on a damaged tar file."""


def _list_member(
    info: tarfile.TarInfo,
    container: TarContainer,
    listing: Listing,
    contents: Contents,
    links: Links,
) -> None:
    """Add a member of a tar file to what it holds."""
    is_link = info.islnk() or info.issym()
    is_itself = info.islnk() and clean_name(info.name) == clean_name(info.linkname)
    if info.isdir() or is_itself:  # a file that tar was given twice
        return
    if is_link:
        links.add(info.name, info.linkname, is_symbolic=info.issym())
    counted_as = "" if is_link or info.isreg() else PIPES_AND_DEVICES
    if not (name := listing.accept(info.name, counted_as=counted_as)):
        return
    if info.issparse():
        contents.unreadable.append(
            f"{container.path}: {name} is stored as a sparse file, in pieces; unpack it, and give "
            "the folder"
        )
        return
    contents.members[name] = Member(container, info.offset_data, info.size)


def _files_in_tar(container: TarContainer, names: set[str]) -> dict[str, Member]:
    """Return those of some names that are files of a tar, as far as it can be read."""
    found = {}
    with contextlib.suppress(*_DAMAGE), tarfile.open(container.path, "r:") as archive:
        for info in _infos(archive):
            name = clean_name(info.name)
            if name in names and info.isreg() and not info.issparse():
                found[name] = Member(container, info.offset_data, info.size)
    return found


def _check_end(path: Path, end: int, contents: Contents) -> None:
    """Say where a tar file does not end as it should: Python's reader ends in silence."""
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


_BLOCK = 512


def _infos(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := archive.next()) is not None:
        yield info
        archive.members = []  # type: ignore[attr-defined]  # else it keeps all


def _damaged(path: Path, error: Exception) -> MemnetError:
    if isinstance(error, PermissionError):
        return MemnetError(f"{path} cannot be read: {error.strerror}.")
    with path.open("rb") as file:
        how = compression(file.read(_BLOCK))
    if how:
        return is_compressed(path, how)
    kind = path.suffix.lower().removeprefix(".")
    return MemnetError(
        f"{path} is no {kind} file, or a damaged one ({words_of(error)}); copy it again from its "
        "source."
    )


def is_compressed(path: Path, how: str = "") -> MemnetError:
    """Say that a picture in an archive cannot be read without all that lies before it."""
    return MemnetError(
        f"{path} is compressed as a whole{how and f' ({how})'}, so no picture of it can be read by "
        "itself; unpack it and give the folder, or pack the pictures as .zip or .tar."
    )
