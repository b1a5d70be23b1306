"""Backbones: torchvision's published weights, which branches of the paper's networks begin from.

They lie in the store beside the models, converted once to safetensors, and are no models: none of
them says how memorable a picture is.

PyTorch publishes the first eight hexadecimal digits of each file's sha256, in the file's name, and
nothing else; so they are what is checked here, as torch.hub does. Eight digits find a damaged or
mistaken file. They do not stop somebody who makes a file to fit them, which is why names, shapes
and types are checked, too, and why nothing in the file but numbers is ever read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models import get_model

from memnet.errors import MemnetError, unknown_name
from memnet.util.messages import say
from memnet.util.resources import packaged_toml
from memnet.weights.catalogue import find
from memnet.weights.entry import WeightEntry, downloads_of_torch
from memnet.weights.files import SourceFile, WeightHeader, check_table, match_tensors, new_header

ARCH = "torchvision backbone"
"""What the stored file's header says instead of a network that scores."""


@dataclass(frozen=True, kw_only=True)
class Backbone(WeightEntry):
    """One published file of torchvision's.

    Attributes
    ----------
    sha256 : the first eight hexadecimal digits of the file's.
    megabytes : its size, roughly; ``bytes`` is not published.
    model : the network of :func:`torchvision.models.get_model` that has its tensors.
    without : arguments of that function that must be None, or it would download.
    parameters : how many numbers are kept, batch-norm statistics not counted.
    unused : names of the tensors that are not kept.
    remark : what a user of the weights must know.
    """

    bytes: int = field(init=False, default=0)
    obtain: str = field(init=False)
    megabytes: int
    model: str
    without: tuple[str, ...]
    parameters: int
    unused: tuple[str, ...]
    remark: str

    def __post_init__(self) -> None:
        obtain = f"memnet weights fetch {self.name} --file {self.file_name}"
        object.__setattr__(self, "obtain", obtain)  # the way of a frozen dataclass

    def network(self) -> dict[str, Tensor]:
        """Names, shapes and types of the tensors that are kept; they hold no numbers."""
        with torch.device("meta"):
            network = get_model(self.model, **dict.fromkeys(self.without))
        tensors: dict[str, Tensor] = network.state_dict()
        return tensors

    def local_copy(self) -> Path | None:
        """Locate the file in PyTorch's own folder of downloads (``TORCH_HOME``), unchecked."""
        path = downloads_of_torch() / self.file_name
        return path if path.is_file() else None

    def take_tensors(self, published: object, source: Path) -> dict[str, Tensor]:
        """Take the tensors that the network has; any other that is not unused is an error."""
        table = check_table(published, f"{source} is not {self.name}")
        tensors = {name: tensor for name, tensor in table.items() if name not in self.unused}
        if unused := len(table) - len(tensors):
            say(f"{unused} tensors of {source.name} are not used")
        network = self.network()
        for name, target in network.items():
            # Files from before PyTorch 0.4.1 have no such counters. Where PyTorch loads one, they
            # begin at 0; with a fixed momentum, as here, nothing depends on them.
            if name.endswith(".num_batches_tracked") and name not in tensors:
                tensors[name] = torch.zeros(target.shape, dtype=target.dtype)
        match_tensors(tensors, network, str(source))
        return tensors

    def header(self, sha256: str, tensors_sha256: str) -> WeightHeader:
        """Build the stored file's header. It must name pixels: those that ResMem is fed."""
        resmem = find("resmem.published")
        return new_header(
            name=self.name,
            arch=ARCH,
            sources=(SourceFile(role="weights", name=self.file_name, sha256=sha256),),
            tensors_sha256=tensors_sha256,
            licence=self.licence,
            licence_notice=self.licence_notice,
            citation=self.citation,
            trained_on=(),  # of the data sets of memorability: none
            remark=self.remark,
            preprocess=resmem.preprocess,
            output=resmem.output,
        )

    def is_current(self, header: WeightHeader) -> bool:
        """Whether it names the backbone and its file. Its sentences may be of an older memnet."""
        return header.name == self.name and header.weights_sha256.startswith(self.sha256)

    def check_header(self, header: WeightHeader, path: Path) -> None:
        """Refuse a file of another name, or made from another file."""
        if not self.is_current(header):
            raise MemnetError(
                f"{path} is not {self.name}: it was made as {header.name!r} from "
                f"{header.sources[0].name!r}. Remove it, and run "
                f"`memnet weights fetch {self.name}`."
            )

    def missing(self, home: Path, *, forbidden: bool) -> str:
        """Say how to get the weights."""
        if forbidden:
            why = "the network is forbidden (--offline or MEMNET_OFFLINE)"
        else:
            why = f"they are neither in {home} nor, as {self.file_name}, in {downloads_of_torch()}"
        return (
            f"The weights of {self.name} are not on this machine: {why}. Get them with `memnet "
            f"weights fetch {self.name}` (a download of {self.megabytes} MB), or, if you have "
            f"a copy of the file, with `{self.obtain}`."
        )


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
    unknown = table.keys() - {known.name for known in fields(Backbone) if known.init}
    if unknown:
        raise MemnetError(f"The backbone {table['name']} has unknown fields {unknown}.")
    return Backbone(
        **{**table, "without": tuple(table["without"]), "unused": tuple(table["unused"])}
    )
