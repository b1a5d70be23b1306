"""The store: finds a published file, checks it, converts it once, keeps the result.

Models and backbones alike: what differs they say themselves (:mod:`memnet.weights.entry`).

Layout of the cache (``MEMNET_HOME``, else the platform's cache folder)::

    weights/resmem.published.safetensors      converted once, read ever after
    weights/memnet.caffe_lamem.safetensors    imported by the user
    downloads/resmem.published.part           an unfinished download, resumed by the next one
    training/                                 what training makes of its pictures
    scores.sqlite                             the score cache (memnet.scoring.score_cache)
    precision/                                what fast and max were measured to be here

Nothing here touches the network but :func:`fetch` with ``download=True``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from memnet.errors import MemnetError
from memnet.util.locking import hold_lock
from memnet.util.messages import say
from memnet.util.offline import offline
from memnet.util.sniffing import LFS_POINTER, WEB_PAGE, stand_in
from memnet.weights.digests import file_digest, tensors_digest
from memnet.weights.entry import WeightEntry
from memnet.weights.files import WeightHeader, read_header, read_weights, write_weights
from memnet.weights.torch_files import load_numbers

if TYPE_CHECKING:
    from torch import Tensor


def home() -> Path:
    """Return the cache folder: ``MEMNET_HOME`` where set, else the platform's cache folder.

    Raises
    ------
    MemnetError
        if there is neither ``MEMNET_HOME`` nor a home folder, as in some containers.
    """
    try:
        return Path(os.environ.get("MEMNET_HOME") or user_cache_path("memnet")).expanduser()
    except (RuntimeError, KeyError, OSError):
        raise MemnetError(
            "This user has no home folder to keep weights in: set the environment variable "
            "MEMNET_HOME to a folder."
        ) from None


def stored_path(entry: WeightEntry) -> Path:
    """Return where the converted file of a model or backbone lies, or will lie."""
    return home() / "weights" / f"{entry.name}.safetensors"


def is_current(entry: WeightEntry) -> bool:
    """Whether the stored file is there and its header says what the catalogue says."""
    path = stored_path(entry)
    if not path.is_file():
        return False
    if entry.user_supplied:
        return True  # it cannot be written anew: what is wrong with it is said when it is read
    try:
        header = read_header(path)
    except MemnetError:
        return False  # of another version, or damaged: it is written anew
    return entry.is_current(header)


def problem(entry: WeightEntry) -> str:
    """Say what is wrong with the header of a stored file; "" for nothing, or where there is none.

    What it holds is not read: that is :func:`verify`.
    """
    path = stored_path(entry)
    try:
        if path.is_file():
            read_header(path)
    except MemnetError as error:
        return str(error)
    return ""


def fetch(entry: WeightEntry, *, file: Path | None = None, download: bool = False) -> Path:
    """Put a model or backbone into the store, unless it is there, and return its path.

    Sources, in this order: ``file``; the stored file itself, where only the words of its header are
    old; a copy on this machine (a model's in an installed distribution, a backbone's in PyTorch's
    folder of downloads); with ``download`` its url.
    Processes that fetch at once wait for each other; a reader never sees half a file.

    Parameters
    ----------
    entry : the model or backbone.
    file : the published file, where the user has it already.
    download : whether the network may be used. ``MEMNET_OFFLINE=1`` forbids it all the same.

    Raises
    ------
    MemnetError
        if there is no source, a checksum differs (of a backbone also the tensors' names, shapes or
        types), or the store cannot be written.
    """
    path = stored_path(entry)
    if file is None and is_current(entry):
        return path
    if entry.user_supplied and file is not None:
        raise MemnetError(
            f"{entry.name} needs its mean image, too: run `memnet weights import {file} --mean "
            "mean.mat`."
        )
    if entry.user_supplied:
        raise MemnetError(entry.missing(home(), forbidden=False))
    busy = f"Another process is writing {path}; waiting for it ..."
    advice = "set MEMNET_HOME to a folder that can"
    with hold_lock(Path(f"{path}.lock"), busy=busy, advice=advice, wait=True):
        if file is None and is_current(entry):  # another process was faster
            return path
        if file is None and _says_it_anew(entry, path):
            return path
        source = file or _usable_copy(entry)
        if source is not None:
            return _convert(entry, source)
        if download and entry.url and not offline():
            from memnet.weights.download import download_file  # here: its libraries take time

            source = download_file(entry, home() / "downloads")
            _convert(entry, source)
            source.unlink()  # hundreds of MB that the converted file makes superfluous
            return path
    raise MemnetError(entry.missing(home(), forbidden=download and offline()))


def fetch_verified(entry: WeightEntry, *, file: Path | None = None, download: bool = False) -> Path:
    """Put an entry into the store as :func:`fetch` does; damaged numbers are written anew."""
    path = fetch(entry, file=file, download=download)
    try:
        return verify(entry)
    except MemnetError as error:
        if entry.user_supplied:
            raise
        say(f"{error} Writing it anew ...")
    path.unlink()
    return fetch(entry, file=file, download=download)


def load(entry: WeightEntry) -> tuple[dict[str, Tensor], WeightHeader]:
    """Return checked tensors and header, without using the network; raises as :func:`fetch`."""
    return _read(entry, fetch(entry))


def verify(entry: WeightEntry) -> Path:
    """Check the stored numbers against their checksum; returns the path or raises."""
    path = stored_path(entry)
    if entry.user_supplied and not path.exists():
        raise MemnetError(entry.missing(home(), forbidden=False))
    _read(entry, path)
    return path


def _read(entry: WeightEntry, path: Path) -> tuple[dict[str, Tensor], WeightHeader]:
    tensors, header = read_weights(path)
    entry.check_header(header, path)
    return tensors, header


def _usable_copy(entry: WeightEntry) -> Path | None:
    """Return the copy on this machine; one that may be damaged is told of and passed over."""
    path = entry.local_copy()
    if path is not None and not entry.wrong_copy_is_error:
        try:
            check_source(entry, path)
        except MemnetError as error:
            say(f"{error} It is passed over.")
            return None
    return path


def _convert(entry: WeightEntry, source: Path) -> Path:
    """Check a published file and write it to the store as safetensors."""
    digest = check_source(entry, source)
    _check_pinned(entry, source, digest)
    tensors = entry.take_tensors(read_published(source), source)
    path = stored_path(entry)
    clear_left(path)
    write_weights(path, tensors, entry.header(digest, tensors_digest(tensors)))
    return path


def recognise(file: Path, known: Iterable[WeightEntry]) -> WeightEntry:
    """Tell by its sha256 which published file a file is.

    Raises
    ------
    MemnetError
        if it cannot be read, or is none of them.
    """
    try:
        digest = file_digest(file)
    except OSError as error:
        raise MemnetError(f"{file} cannot be read ({error.strerror}).") from error
    published = [entry for entry in known if entry.sha256]
    for entry in published:
        if digest.startswith(entry.sha256):
            return entry
    if file.suffix == ".safetensors":
        raise MemnetError(
            f"{file} is none of the published files, which are no .safetensors; one that memnet "
            f"wrote needs no import: --model {file}."
        )
    for entry in published:
        if entry.sha256 in file.name or (entry.url and entry.url.rpartition("/")[2] == file.name):
            raise MemnetError(
                f"{file} is called like the published file of {entry.name}, whose sha256 begins "
                f"with {entry.sha256}, but its own is {digest}: it was damaged on the way, or is "
                "another file; get it again."
            )
    names = ", ".join(entry.name for entry in published)
    raise MemnetError(
        f"{file} is no published file of a model that memnet knows ({names}): its sha256 is "
        f"{digest}. A file of the original MemNet needs its mean image, too: --mean mean.mat."
    )


def _check_pinned(entry: WeightEntry, source: Path, digest: str) -> None:
    """Refuse another file than the first one, where only its first digits were published."""
    path = stored_path(entry)
    if not entry.pinned_at_import or not path.is_file():
        return
    try:
        first = read_header(path).weights_sha256
    except MemnetError:
        return  # damaged: written anew, and pinned by that
    if first != digest:
        raise MemnetError(
            f"{source} begins with the published digits {entry.sha256}, but is not the file that "
            f"{entry.name} was first made from: its sha256 is {digest} instead of {first}. Ask "
            f"whoever published it; to take this one all the same, delete {path} first."
        )


def _says_it_anew(entry: WeightEntry, path: Path) -> bool:
    """Give a stored file with the right numbers the header of today; False where it has not them.

    A correction in the catalogue costs nobody a second download.
    """
    try:
        tensors, header = _read(entry, path)
    except MemnetError:
        return False  # missing, damaged, or another: its source is looked for
    renewed = entry.header(header.weights_sha256, header.tensors_sha256)
    if not entry.is_current(renewed):  # another published file is meant now
        return False
    write_weights(path, tensors, renewed)
    return True


def read_published(source: Path) -> object:
    """Read a published PyTorch file, and nothing in it but numbers."""
    say(f"converting {source} once ...")
    return load_numbers(source, "download or copy it again", verified=True)


def clear_left(path: Path) -> None:
    """Remove what a killed process left of a stored file that it was writing."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        left.unlink(missing_ok=True)


def check_source(entry: WeightEntry, source: Path) -> str:
    """Compare a published file with its known size and sha256, before it is read; returns that."""
    try:
        size = source.stat().st_size
        if not (
            source.is_file() or source.is_dir()
        ):  # a pipe would be waited for, a device read for ever
            raise MemnetError(f"{source} is no file; give the published file of {entry.name}.")
        with source.open("rb") as file:
            kind = stand_in(file.read(200))
    except OSError as error:
        raise MemnetError(f"{source} cannot be read ({error.strerror}).") from error
    what = f"{size:,} bytes instead of {entry.bytes:,}"
    if kind == LFS_POINTER:
        what = "it is a git-LFS pointer; run `git lfs pull` where it came from"
    elif kind == WEB_PAGE:
        what = "it is a web page, perhaps an error message, saved under that name"
    elif size == (entry.bytes or size):
        digest = file_digest(source)
        if digest.startswith(entry.sha256):
            return digest
        what = f"its sha256 is {digest} instead of {entry.sha256}"
    raise MemnetError(f"{source} is not the published file of {entry.name}: {what}.")
