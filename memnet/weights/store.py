"""The store: finds a model's published file, checks it, converts it once, keeps the result.

Layout of the cache (``MEMNET_HOME``, else the platform's cache folder)::

    weights/resmem.published.safetensors      converted once, read ever after
    weights/memnet.caffe_lamem.safetensors    imported by the user
    downloads/resmem.published.part           an unfinished download, resumed by the next one

Nothing here touches the network but :func:`fetch` with ``download=True``.
"""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pooch
import torch
from filelock import FileLock
from torch import Tensor

from memnet.errors import MemnetError
from memnet.util.sniffing import LFS_POINTER, WEB_PAGE, stand_in
from memnet.weights.catalogue import ModelEntry
from memnet.weights.download import Published, download_file
from memnet.weights.files import (
    SourceFile,
    WeightHeader,
    file_digest,
    new_header,
    read_header,
    read_weights,
    tensors_digest,
    write_weights,
)


def home() -> Path:
    """Return the cache folder: ``MEMNET_HOME`` where set, else the platform's cache folder."""
    return Path(os.environ.get("MEMNET_HOME") or pooch.os_cache("memnet")).expanduser()


def offline() -> bool:
    """Whether ``MEMNET_OFFLINE`` forbids the network (any value but empty and 0)."""
    return os.environ.get("MEMNET_OFFLINE", "") not in ("", "0")


def stored_path(entry: ModelEntry) -> Path:
    """Return where a model's converted file lies, or will lie."""
    return home() / "weights" / f"{entry.name}.safetensors"


def is_current(entry: ModelEntry) -> bool:
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
    return header == replace(_header(entry), converter=header.converter)


def installed_file(entry: ModelEntry) -> Path | None:
    """Locate the published file in an installed distribution, which is not imported."""
    if entry.user_supplied:
        return None
    try:
        path = Path(str(distribution(entry.distribution).locate_file(entry.distribution_file)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def fetch(entry: ModelEntry, *, file: Path | None = None, download: bool = False) -> Path:
    """Put a model into the store, unless it is there, and return its path.

    Sources, in this order: ``file``; an installed distribution; with ``download`` its url.
    Processes that fetch at once wait for each other; a reader never sees half a file.

    Parameters
    ----------
    entry : the model.
    file : the published file, where the user has it already.
    download : whether the network may be used. ``MEMNET_OFFLINE=1`` forbids it all the same.

    Raises
    ------
    MemnetError
        if there is no source, a checksum differs, or the store cannot be written.
    """
    if file is None and is_current(entry):
        return stored_path(entry)
    if entry.user_supplied and file is not None:
        raise MemnetError(
            f"{entry.name} needs its mean image, too: run `memnet weights import {file} --mean "
            "mean.mat`."
        )
    if entry.user_supplied:
        raise MemnetError(_not_imported(entry))
    with hold(stored_path(entry)):
        if file is None and is_current(entry):  # another process was faster
            return stored_path(entry)
        source = file or installed_file(entry)
        if source is not None:
            return _convert(entry, source)
        if download and not offline():
            source = download_file(entry, home() / "downloads")
            path = _convert(entry, source)
            source.unlink()  # 500 MB that the converted file makes superfluous
            return path
    raise MemnetError(_missing(entry, download))


def fetch_verified(entry: ModelEntry, *, file: Path | None = None, download: bool = False) -> Path:
    """Put a model into the store as :func:`fetch` does; numbers damaged there are written anew."""
    path = fetch(entry, file=file, download=download)
    try:
        return verify(entry)
    except MemnetError as error:
        if entry.user_supplied:
            raise
        print(f"memnet: {error} Writing it anew ...", file=sys.stderr)
    path.unlink()
    return fetch(entry, file=file, download=download)


def hold(path: Path) -> AbstractContextManager[object]:
    """Make the folder of a stored file and take the file's lock, or say why that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(f"{path}.lock").acquire()
    except OSError as error:
        raise MemnetError(
            f"The cache folder {home()} cannot be written ({error.strerror}); set MEMNET_HOME "
            "to a folder that can."
        ) from error


def load(entry: ModelEntry) -> tuple[dict[str, Tensor], WeightHeader]:
    """Return a model's checked tensors and header, without using the network."""
    tensors, header = read_weights(fetch(entry))
    _check_name(entry, header)
    return tensors, header


def verify(entry: ModelEntry) -> Path:
    """Check the stored numbers against the catalogue; returns the path or raises."""
    path = stored_path(entry)
    if entry.user_supplied and not path.exists():
        raise MemnetError(_not_imported(entry))
    _, header = read_weights(path)
    _check_name(entry, header)
    if not entry.user_supplied and header.tensors_sha256 != entry.tensors_sha256:
        raise MemnetError(
            f"{path} does not hold the numbers of {entry.name}; delete it and run "
            f"`memnet weights fetch {entry.name}`."
        )
    return path


def _check_name(entry: ModelEntry, header: WeightHeader) -> None:
    """Refuse a file that somebody copied to where another model's should lie."""
    if header.name != entry.name:
        raise MemnetError(
            f"{stored_path(entry)} is not {entry.name}: it was made as {header.name!r}. Remove it, "
            f"and get the right one with `{entry.obtain}`."
        )


def _convert(entry: ModelEntry, source: Path) -> Path:
    """Check a published file and write it to the store as safetensors."""
    check_source(entry, source)
    tensors = read_published(source)
    digest = tensors_digest(tensors)
    if digest != entry.tensors_sha256:
        raise MemnetError(f"The numbers in {source} are not those of {entry.name} ({digest}).")
    path = stored_path(entry)
    clear_left(path)
    write_weights(path, tensors, _header(entry))
    return path


def read_published(source: Path) -> dict[str, Tensor]:
    """Read a published PyTorch file, and nothing in it but numbers."""
    print(f"memnet: converting {source} once ...", file=sys.stderr)
    try:
        tensors: dict[str, Tensor] = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError) as error:
        raise MemnetError(f"{source} cannot be read as weights ({error}).") from error
    return tensors


def clear_left(path: Path) -> None:
    """Remove what a killed process left of a stored file that it was writing."""
    for left in path.parent.glob(f".{path.name}.*.part"):
        left.unlink(missing_ok=True)


def _header(entry: ModelEntry) -> WeightHeader:
    """Build the header of a model's converted file from the catalogue."""
    source = SourceFile(role="weights", name=entry.distribution_file, sha256=entry.sha256)
    return new_header(
        name=entry.name,
        arch=entry.arch,
        sources=(source,),
        tensors_sha256=entry.tensors_sha256,
        licence=entry.licence,
        licence_notice=entry.licence_notice,
        citation=entry.citation,
        trained_on=entry.trained_on,
        remark="",
        preprocess=entry.preprocess,
        output=entry.output,
        target=entry.target,
    )


def check_source(entry: Published, source: Path) -> str:
    """Compare a published file with its known size and sha256, before it is read; returns that."""
    try:
        size = source.stat().st_size
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


def _missing(entry: ModelEntry, download: bool) -> str:
    if download:
        why = "the network is forbidden (--offline or MEMNET_OFFLINE)"
    else:
        why = f"it is not in {home()} and no {entry.distribution!r} distribution is installed"
    return (
        f"The weights of {entry.name} are not at hand: {why}. Get them with `{entry.obtain}`, or "
        f"`memnet weights fetch {entry.name}` (a download of {entry.bytes / 1e6:.0f} MB), or "
        f"`memnet weights fetch {entry.name} --file {Path(entry.distribution_file).name}`."
    )


def _not_imported(entry: ModelEntry) -> str:
    return (
        f"The weights of {entry.name} are not in {home()}, and memnet cannot download them: MIT "
        "published them at memorability.csail.mit.edu as memnet.caffemodel, deploy.prototxt and "
        "mean.mat (the page is gone, many laboratories have copies; the mean image is also "
        "memnet_mean.mat in the repository LoreGoetschalckx/GANalyze). With the files at hand, "
        f"run: {entry.obtain}"
    )
