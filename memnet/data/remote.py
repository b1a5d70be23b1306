"""Pictures at addresses: https://, s3://, gs:// and whatever else fsspec reads.

Nothing is fetched but what the user wrote an address of, or allowed a table to name. Pictures are
read when their turn comes.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Hashable
from glob import has_magic
from typing import Any, NamedTuple

from memnet.data.containers import CONTAINER_SUFFIXES
from memnet.data.contents import PIPES_AND_DEVICES, Contents, Listing
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.members import Container, Member, Stored, keep_open, too_long
from memnet.preprocess.video import VIDEO_SUFFIXES
from memnet.util.offline import offline
from memnet.util.text import without_credentials, words_of

_ADDRESS = re.compile(r"((?:[a-z][\w+.-]*::)*[a-z][\w+.-]+://)(.*?)(::.*)?", re.DOTALL | re.I)
"""What it is read by, the path, and what that lies in: zip:// a.jpg ::s3://bucket/x.zip."""

_PACKAGES = {
    **{"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"},
    **{"http": "aiohttp", "https": "aiohttp", "hf": "huggingface_hub"},
    **{"sftp": "paramiko", "ssh": "paramiko"},
}
"""Scheme of an address -> the package that fsspec needs for it."""

_SCHEMES = re.compile(r"(?:(?<=::)|^)[a-z][\w+.-]*(?=://|::)", re.IGNORECASE)

_ON_THIS_MACHINE = ("file", "local", "memory")

_SECONDS = 30
"""Without a byte, after which a web server is given up."""


def is_address(text: str) -> bool:
    """Whether it is an address and no path.

    Examples
    --------
    >>> is_address("s3://bucket/posters/*.jpg"), is_address("posters/*.jpg"), is_address("C:/a.jpg")
    (True, False, False)
    """
    return bool(_ADDRESS.fullmatch(text))


class Found(NamedTuple):
    """A picture at an address."""

    image_id: str
    address: str  # as the table has it: without a user's name and password
    member: Member


def find_remote(address: str) -> tuple[list[Found], Contents]:
    """Find the pictures at an address: of a file, a folder or prefix, or a glob.

    Returns
    -------
    found : sorted by id. An id is the path below the folder, or behind the glob's fixed beginning;
        a single file's is its name.
    contents : what was passed over.

    Raises
    ------
    MemnetError
        if there is nothing, it cannot be listed, or something is missing that reads such addresses.
    """
    match = _ADDRESS.fullmatch(address)
    assert match  # of those who asked is_address
    shown = without_credentials(address)
    scheme, path, outer = match[1], match[2], match[3] or ""
    is_web = scheme.lower().startswith(("http://", "https://"))
    plain = path.split("?")[0] if is_web else path
    is_glob = "*" in plain if is_web else has_magic(plain)
    not_read = (*CONTAINER_SUFFIXES, *VIDEO_SUFFIXES, ".csv", ".tsv", ".xlsx")
    if not is_glob and plain.lower().endswith(not_read):
        if scheme.lower() in ("file://", "local://"):
            raise MemnetError(f"{shown} is on this machine: give its path, {_locate(address)[1]}")
        raise MemnetError(
            f"{shown} is no picture; tables, videos, and files with pictures in them, are read on "
            "this machine: download it"
            + (f" (or name what is in it: zip://**::{shown})." if plain.endswith(".zip") else ".")
        )
    container, place = _locate(address)
    contents = Contents()
    listed = None
    if is_glob or not is_web:  # a page is read when its turn comes, and not asked for before
        listed = _listed(container, place, address, is_glob=is_glob)
    if listed is None:
        name = plain.rstrip("/").rpartition("/")[2]
        return [Found(name, shown, Member(container, place))], contents
    fixed = _fixed_part(plain) if is_glob else path.rstrip("/")
    _, root = _locate(f"{scheme}{fixed}{outer}")
    listing = Listing(shown, contents)
    found = []
    for file, about in sorted(listed.items()):
        inside = file.removeprefix(root.rstrip("/")).lstrip("/")
        counted_as = "" if about.get("type") == "file" else PIPES_AND_DEVICES
        if name := listing.accept(inside, counted_as=counted_as):
            whole = without_credentials(f"{scheme}{fixed}{'/' if fixed else ''}{inside}{outer}")
            contents.members[name] = Member(container, file, about.get("size") or 0)
            found.append(Found(name, whole, contents.members[name]))
    if not found:
        raise MemnetError(f"There is no picture at {shown}.")
    return found, contents


def remote_picture(address: str) -> Member:
    """Return the picture at an address, which nobody has asked for yet.

    Raises
    ------
    MemnetError
        if something is missing that reads such addresses.
    """
    container, place = _locate(address)
    return Member(container, place)


def _fixed_part(path: str) -> str:
    """Return the folders before a glob's first one with a wildcard."""
    parts = path.split("/")
    first = next(place for place, part in enumerate(parts) if has_magic(part))
    return "/".join(parts[:first])


def _listed(
    container: RemoteContainer, place: str, address: str, *, is_glob: bool
) -> dict[str, dict[str, Any]] | None:
    """Return path -> what is known of each file; None where the address is one file's."""
    files = container.files
    try:
        if is_glob:
            found = files.glob(place, detail=True)
            return {path: about for path, about in found.items() if about.get("type") == "file"}
        if place and files.isfile(place):
            return None
        listed: dict[str, dict[str, Any]] = files.find(place, detail=True)
    except Exception as error:  # each file system has kinds of its own
        shown = without_credentials(address)
        raise MemnetError(f"{shown} cannot be listed ({_words(error)}).") from error
    return listed


def _locate(address: str) -> tuple[RemoteContainer, str]:
    """Return what reads an address, and the path there."""
    from fsspec.core import url_to_fs  # comes with torch

    address = _SCHEMES.sub(lambda scheme: scheme[0].lower(), address)  # HTTPS:// is https://
    shown = without_credentials(address)
    scheme = address.partition("://")[0].rpartition("::")[2]
    innermost = address.rpartition("::")[2].partition("://")[0]
    if offline() and innermost not in _ON_THIS_MACHINE:
        raise MemnetError(
            f"{shown} is not on this machine, and the network is forbidden (--offline or "
            "MEMNET_OFFLINE)."
        )
    options = {}
    if scheme in ("http", "https"):
        options = {"client_kwargs": {"timeout": _web_timeout(address)}}
    try:
        files, place = url_to_fs(address, **options)
    except ImportError as error:
        package = next((_PACKAGES[each] for each in (scheme, innermost) if each in _PACKAGES), "")
        raise MemnetError(
            f"{shown} cannot be read ({words_of(error)})"
            + (f"; pip install {package}" if package else ".")
        ) from error
    except Exception as error:  # an unknown scheme; a zip file that is none
        raise MemnetError(f"{shown} cannot be read ({_words(error)}).") from error
    return RemoteContainer(files, scheme), place


def _web_timeout(address: str) -> Any:
    try:
        from aiohttp import ClientTimeout
    except ImportError as error:
        raise MemnetError(
            f"{without_credentials(address)} cannot be read without aiohttp: pip install "
            '"memnet-harness[remote]".'
        ) from error
    return ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=_SECONDS)


def _words(error: Exception) -> str:
    return words_of(error) or type(error).__name__


class RemoteContainer(Container):
    """A file system of fsspec; a place is a path in it.

    Bytes that were read stay for a while: a picture is digested, then decoded, and fetched once.
    """

    def __init__(self, files: Any, scheme: str) -> None:
        self.files = files
        self.path = f"{scheme}://"
        self.stamp = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteContainer) and self.files == other.files

    def __hash__(self) -> int:
        return hash(self.files)

    def check(self) -> None:
        """Nobody can tell whether what is elsewhere has changed."""

    def state(self, place: str) -> Hashable:
        """Return the digest of what was read last; None before."""
        content = self._kept.get(place)
        return None if content is None else hashlib.sha256(content).digest()

    @property
    def _kept(self) -> _Kept:
        return keep_open(self, _Kept)

    def read_stored(self, place: str, size: int, max_bytes: int) -> Stored:
        """Fetch a file, and no more of it than is allowed."""
        kept = self._kept
        content = kept.get(place)
        if content is not None and len(content) <= max_bytes:
            return content
        try:
            with self.files.open(place, "rb", cache_type="none") as file:
                if (getattr(file, "size", 0) or 0) > max_bytes:
                    raise too_long(file.size, max_bytes)
                content = file.read(max_bytes + 1)
        except FileNotFoundError as error:
            why = error.__cause__ or error.__context__  # of the web: whatever went wrong
            because = f" ({words_of(why)})" if isinstance(why, Exception) else ""
            raise PictureError(
                f"There is nothing that can be read at this address{because}."
            ) from error
        except PermissionError as error:
            raise PictureError(f"This address may not be read ({_words(error)}).") from error
        if len(content) > max_bytes:
            raise too_long(len(content), max_bytes)
        stored = bytes(content)
        kept.add(place, stored)
        return stored


_KEPT_BYTES = 2**27


class _Kept:
    """The files that were read last."""

    def __init__(self) -> None:
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, place: str) -> bytes | None:
        with self._lock:
            return self._contents.get(place)

    def add(self, place: str, content: bytes) -> None:
        with self._lock:
            self._bytes += len(content) - len(self._contents.pop(place, b""))
            self._contents[place] = content
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._contents.popitem(last=False)[1])
