"""Backbones: torchvision's published weights, which branches of the paper's networks begin from.

They lie in the store beside the models, converted once to safetensors, and are no models: none of
them says how memorable a picture is.

PyTorch publishes the first eight hexadecimal digits of each file's sha256, in the file's name, and
nothing else; so they are what is checked here, as torch.hub does. Eight digits find a damaged or
mistaken file. They do not stop somebody who makes a file to fit them, which is why names, shapes
and types are checked, too, and why nothing in the file but numbers is ever read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import get_model

from memnet.errors import MemnetError, unknown_name
from memnet.util.resources import packaged_toml
from memnet.weights import store
from memnet.weights.catalogue import find
from memnet.weights.download import download_file
from memnet.weights.files import (
    SourceFile,
    WeightHeader,
    new_header,
    place,
    read_header,
    read_weights,
    tensors_digest,
    write_weights,
)

ARCH = "torchvision backbone"
"""What the stored file's header says instead of a network that scores."""


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """One published file of torchvision's.

    Attributes
    ----------
    name : unique, also among the models.
    title : one line for people.
    url : where it can be downloaded.
    sha256 : the first eight hexadecimal digits of the file's.
    megabytes : its size, roughly.
    model : the network of :func:`torchvision.models.get_model` that has its tensors.
    without : arguments of that function that must be None, or it would download.
    parameters : how many numbers are kept, batch-norm statistics not counted.
    unused : names of the tensors that are not kept.
    licence, licence_notice, citation : as of a model.
    remark : what a user of the weights must know.
    """

    name: str
    title: str
    url: str
    sha256: str
    megabytes: int
    model: str
    without: tuple[str, ...]
    parameters: int
    unused: tuple[str, ...]
    licence: str
    licence_notice: str
    citation: str
    remark: str

    @property
    def bytes(self) -> int:
        """Size of the published file: unknown."""
        return 0

    @property
    def file_name(self) -> str:
        """Name of the published file, in PyTorch's own folder of downloads, too."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def obtain(self) -> str:
        """The command that takes a copy of the file."""
        return f"memnet weights fetch {self.name} --file {self.file_name}"

    def network(self) -> dict[str, Tensor]:
        """Names, shapes and types of the tensors that are kept; they hold no numbers."""
        with torch.device("meta"):
            network = get_model(self.model, **dict.fromkeys(self.without))
        tensors: dict[str, Tensor] = network.state_dict()
        return tensors


@cache
def backbones() -> dict[str, Backbone]:
    """Return every known backbone by name, in the order of the file."""
    tables = packaged_toml("memnet.weights", "backbones.toml")["backbone"]
    entries = [_entry(table) for table in tables]
    return {entry.name: entry for entry in entries}


def find_backbone(name: str) -> Backbone:
    """Look a backbone up; an unknown name raises ``MemnetError`` with the nearest known one."""
    try:
        return backbones()[name]
    except KeyError:
        raise unknown_name("backbone", name, backbones()) from None


def _entry(table: dict[str, Any]) -> Backbone:
    unknown = table.keys() - {field.name for field in fields(Backbone)}
    if unknown:
        raise MemnetError(f"The backbone {table['name']} has unknown fields {unknown}.")
    return Backbone(
        **{**table, "without": tuple(table["without"]), "unused": tuple(table["unused"])}
    )


def stored_backbone(name: str) -> Path:
    """Return where a backbone's converted file lies, or will lie."""
    return store.home() / "weights" / f"{find_backbone(name).name}.safetensors"


def has_backbone(name: str) -> bool:
    """Whether the stored file is there and was made from the published one."""
    entry, path = find_backbone(name), stored_backbone(name)
    if not path.is_file():
        return False
    try:
        return _is_of(entry, read_header(path))
    except MemnetError:
        return False  # of another version, or damaged: it is written anew


def _is_of(entry: Backbone, header: WeightHeader) -> bool:
    """Whether a header names the backbone and its file. Its other sentences may be an older's."""
    return header.name == entry.name and header.weights_sha256.startswith(entry.sha256)


def hub_file(name: str) -> Path | None:
    """Locate a backbone's file in PyTorch's own folder of downloads (``TORCH_HOME``), unchecked."""
    path = _hub() / find_backbone(name).file_name
    return path if path.is_file() else None


def fetch_backbone(name: str, *, file: Path | None = None, download: bool = False) -> Path:
    """Put a backbone into the store, unless it is there, and return its path.

    Sources, in this order: ``file``; PyTorch's own folder of downloads; with ``download`` its url.
    Processes that fetch at once wait for each other; a reader never sees half a file.

    Parameters
    ----------
    name : the backbone's.
    file : the published file, where the user has it already.
    download : whether the network may be used. ``MEMNET_OFFLINE=1`` forbids it all the same.

    Raises
    ------
    MemnetError
        if the name is unknown, there is no source, the digits of the checksum or the tensors'
        names, shapes or types differ, or the store cannot be written.
    """
    entry, path = find_backbone(name), stored_backbone(name)
    if file is None and has_backbone(name):
        return path
    with store.hold(path):
        if file is None and has_backbone(name):  # another process was faster
            return path
        source = file or _good_hub_file(entry)
        if source is not None:
            return _convert(entry, source)
        if download and not store.offline():
            source = download_file(entry, store.home() / "downloads")
            _convert(entry, source)
            source.unlink()  # the converted file makes it superfluous
            return path
    raise MemnetError(_missing(entry, download))


def verify_backbone(name: str) -> Path:
    """Check the stored numbers against their checksum; returns the path or raises."""
    _read(find_backbone(name), stored_backbone(name))
    return stored_backbone(name)


def fetch_verified_backbone(name: str, *, file: Path | None = None, download: bool = False) -> Path:
    """Fetch as :func:`fetch_backbone` does; numbers damaged in the store are written anew."""
    path = fetch_backbone(name, file=file, download=download)
    try:
        return verify_backbone(name)
    except MemnetError as error:
        print(f"memnet: {error} Writing it anew ...", file=sys.stderr)
    path.unlink()
    return fetch_backbone(name, file=file, download=download)


def load_backbone(name: str) -> dict[str, Tensor]:
    """Return a backbone's checked tensors by torchvision's names, without using the network.

    Raises
    ------
    MemnetError
        as :func:`fetch_backbone`, or if the stored numbers are damaged.
    """
    return _read(find_backbone(name), fetch_backbone(name))


def _read(entry: Backbone, path: Path) -> dict[str, Tensor]:
    tensors, header = read_weights(path)
    if not _is_of(entry, header):
        raise MemnetError(
            f"{path} is not {entry.name}: it was made as {header.name!r} from "
            f"{header.sources[0].name!r}. Remove it, and run `memnet weights fetch {entry.name}`."
        )
    return tensors


def _convert(entry: Backbone, source: Path) -> Path:
    """Check a published file and write what is kept of it to the store as safetensors."""
    digest = store.check_source(entry, source)
    tensors = _kept(entry, store.read_published(source), source)
    path = stored_backbone(entry.name)
    store.clear_left(path)
    write_weights(path, tensors, _header(entry, digest, tensors_digest(tensors)))
    return path


def _kept(entry: Backbone, published: object, source: Path) -> dict[str, Tensor]:
    """Take the tensors that the network has; any other that is not in `unused` is an error."""
    if not (
        isinstance(published, Mapping)
        and all(isinstance(tensor, Tensor) for tensor in published.values())
    ):
        raise MemnetError(f"{source} is not a table of tensors, so it is not {entry.name}.")
    tensors = {name: t.detach() for name, t in published.items() if name not in entry.unused}
    if unused := len(published) - len(tensors):
        print(f"memnet: {unused} tensors of {source.name} are not used", file=sys.stderr)
    network = entry.network()
    for name, target in network.items():
        # Files from before PyTorch 0.4.1 have no such counters. Where PyTorch loads one, they begin
        # at 0; with a fixed momentum, as here, nothing depends on them.
        if name.endswith(".num_batches_tracked") and name not in tensors:
            tensors[name] = torch.zeros(target.shape, dtype=target.dtype)
    place(tensors, network, str(source))
    for name, target in network.items():
        if tensors[name].dtype != target.dtype:
            raise MemnetError(
                f"{source}: {name} has type {tensors[name].dtype}, the network wants "
                f"{target.dtype}."
            )
    return tensors


def _header(entry: Backbone, sha256: str, numbers: str) -> WeightHeader:
    resmem = find("resmem.published")  # a header names pixels: those that ResMem feeds its backbone
    return new_header(
        name=entry.name,
        arch=ARCH,
        sources=(SourceFile(role="weights", name=entry.file_name, sha256=sha256),),
        tensors_sha256=numbers,
        licence=entry.licence,
        licence_notice=entry.licence_notice,
        citation=entry.citation,
        trained_on=(),  # of the data sets of memorability: none
        remark=entry.remark,
        preprocess=resmem.preprocess,
        output=resmem.output,
    )


def _good_hub_file(entry: Backbone) -> Path | None:
    """Return the file in PyTorch's folder where it is the right one, and say so where it is not."""
    path = hub_file(entry.name)
    if path is not None:
        try:
            store.check_source(entry, path)
        except MemnetError as error:
            print(f"memnet: {error} It is passed over.", file=sys.stderr)
            return None
    return path


def _hub() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


def _missing(entry: Backbone, download: bool) -> str:
    if download:
        why = "the network is forbidden (--offline or MEMNET_OFFLINE)"
    else:
        why = f"they are neither in {store.home()} nor, as {entry.file_name}, in {_hub()}"
    return (
        f"The weights of {entry.name} are not at hand: {why}. Get them with `memnet weights fetch "
        f"{entry.name}` (a download of {entry.megabytes} MB), or, where a copy of the file is at "
        f"hand, with `{entry.obtain}`."
    )
