"""What every known weight file has, a model's and a backbone's, and what the store asks of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memnet.weights.files import WeightHeader

if TYPE_CHECKING:
    from torch import Tensor


_SHA256_DIGITS = 64


def downloads_of_torch() -> Path:
    """Return PyTorch's own folder of downloaded weights (``TORCH_HOME``)."""
    import torch  # here: what only reads headers starts without it

    return Path(torch.hub.get_dir()) / "checkpoints"


@dataclass(frozen=True, kw_only=True)
class WeightEntry(ABC):
    """One published file of weights. :mod:`memnet.weights.store` fetches and keeps it.

    Attributes
    ----------
    name : unique among models and backbones; names the stored file, too.
    title : one line for people.
    url : where it can be downloaded.
    sha256 : of the file as published; its first digits, where no more were published.
    bytes : its size; 0 where it was not published.
    obtain : the command that gets it without a download; where the user must supply it, how.
    licence, licence_notice : name of the licence; the sentence said when it loads.
    citation : what to cite.
    """

    name: str
    title: str
    url: str
    sha256: str
    bytes: int
    obtain: str
    licence: str
    licence_notice: str
    citation: str

    @property
    def copy_state(self) -> str:
        """How a list calls the state in which a copy of the published file is on this machine."""
        return "downloaded by PyTorch"

    @property
    def wrong_copy_is_error(self) -> bool:
        """Whether a damaged copy on this machine is an error, or is passed over."""
        return False

    @property
    def file_name(self) -> str:
        """Name of the published file, in PyTorch's own folder of downloads, too."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def pinned_at_import(self) -> bool:
        """Whether only the first digits of the file's sha256 were published.

        The first file that fits them is kept, and no other is taken after it.
        """
        return 0 < len(self.sha256) < _SHA256_DIGITS

    @property
    def user_supplied(self) -> bool:
        """Whether only the user can supply the file, since no checksum of it was published."""
        return False

    @abstractmethod
    def local_copy(self) -> Path | None:
        """Locate a copy of the published file on this machine; it is not read."""

    @abstractmethod
    def take_tensors(self, published: object, source: Path) -> dict[str, Tensor]:
        """Check what the published file holds; returns what is kept of it."""

    @abstractmethod
    def header(self, sha256: str, tensors_sha256: str) -> WeightHeader:
        """Build the stored file's header, from the checksums of published file and numbers."""

    @abstractmethod
    def is_current(self, header: WeightHeader) -> bool:
        """Whether a stored file with this header need not be written anew."""

    @abstractmethod
    def check_header(self, header: WeightHeader, path: Path) -> None:
        """Refuse a stored file that is another one, or holds other numbers."""

    @abstractmethod
    def missing(self, home: Path, *, forbidden: bool) -> str:
        """Say that the weights are not in the store, why, and how to get them.

        ``forbidden`` says whether a download was wanted and the network may not be used.
        """
