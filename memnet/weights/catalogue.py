"""The catalogue: every known model, read from ``catalogue.toml`` and checked field by field."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memnet.data.contamination import check_trained_on
from memnet.data.targets import HIT_RATE, check_target
from memnet.errors import MemnetError, unknown_name
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.util.resources import packaged_toml
from memnet.weights.digests import tensors_digest
from memnet.weights.entry import WeightEntry, downloads_of_torch
from memnet.weights.files import (
    SourceFile,
    WeightHeader,
    check_table,
    match_tensors,
    new_header,
)
from memnet.weights.networks import network_class
from memnet.weights.timm_names import from_timm

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ModelEntry(WeightEntry):
    """One known model: a weight file that scores.

    Attributes
    ----------
    name : ``arch.tag``, unique.
    arch : which network reads it.
    sha256, bytes : the first digits and 0 where no more were published (the rest is pinned by the
        first file that fits); "" and 0 where nobody has published any and only the user can supply
        the file (:attr:`user_supplied`): ``tensors_sha256``, ``distribution``,
        ``distribution_file`` and ``url`` are empty then.
    tensors_sha256 : of its numbers alone (:func:`memnet.weights.digests.tensors_digest`).
    distribution, distribution_file : the installed Python distribution that carries the file.
    trained_on : names of data sets it may have seen in training.
    split_unpublished : those of ``trained_on`` of which a part was held out, and which part was not
        published: no picture of them is known to have been seen, and none to be unseen.
    training_note : what is known about that.
    preprocess, output : pixels in, scores out.
    target : what the score estimates (:data:`memnet.data.targets.TARGETS`).
    pretrained_on : what parts of it were trained on before for another purpose ("ImageNet").
    names : "timm" where the published tensors have timm's names, and are kept by torchvision's.
    """

    arch: str
    tensors_sha256: str
    distribution: str
    distribution_file: str
    trained_on: tuple[str, ...]
    split_unpublished: tuple[str, ...]
    training_note: str
    preprocess: PreprocessSpec
    output: OutputSpec
    target: str = HIT_RATE
    pretrained_on: tuple[str, ...] = ()
    names: str = ""

    @property
    def copy_state(self) -> str:
        """How a list calls the state in which a copy of the published file is on this machine."""
        return "installed" if self.distribution else super().copy_state

    @property
    def wrong_copy_is_error(self) -> bool:
        """Whether a damaged copy is an error: one that the user installed, not a download."""
        return bool(self.distribution)

    @property
    def user_supplied(self) -> bool:
        """Whether only the user can supply the file, since no checksum of it was published."""
        return not self.sha256

    def local_copy(self) -> Path | None:
        """Locate the published file: in an installed distribution, or among PyTorch's downloads.

        The distribution is not imported.
        """
        if self.user_supplied:
            return None
        if not self.distribution:
            path = downloads_of_torch() / self.file_name
            return path if path.is_file() else None
        try:
            path = Path(str(distribution(self.distribution).locate_file(self.distribution_file)))
        except PackageNotFoundError:
            return None
        return path if path.is_file() else None

    def take_tensors(self, published: object, source: Path) -> dict[str, Tensor]:
        """Compare the numbers with their known checksum, or names and shapes with the network's."""
        tensors: dict[str, Tensor] = published  # type: ignore[assignment]
        if self.pinned_at_import:
            return self._fitting(published, source)
        digest = tensors_digest(tensors)
        if digest != self.tensors_sha256:
            raise MemnetError(f"The numbers in {source} are not those of {self.name} ({digest}).")
        return tensors

    def _fitting(self, published: object, source: Path) -> dict[str, Tensor]:
        """Take the tensors by the network's names; one too many or too few is an error."""
        import torch  # here: what only reads headers starts without it

        tensors = check_table(published, f"{source} is not {self.name}")
        if self.names == "timm":
            tensors = from_timm(tensors, source.name)
        with torch.device("meta"):
            network = network_class(self.arch)()
        match_tensors(tensors, network.state_dict(), source.name)
        return tensors

    def header(self, sha256: str, tensors_sha256: str) -> WeightHeader:
        """Build the stored file's header."""
        name = self.distribution_file or self.file_name
        return new_header(
            name=self.name,
            arch=self.arch,
            sources=(SourceFile(role="weights", name=name, sha256=sha256),),
            tensors_sha256=tensors_sha256,
            licence=self.licence,
            licence_notice=self.licence_notice,
            citation=self.citation,
            trained_on=self.trained_on,
            remark="",
            preprocess=self.preprocess,
            output=self.output,
            target=self.target,
            pretrained_on=self.pretrained_on,
        )

    def is_current(self, header: WeightHeader) -> bool:
        """Whether the header says what the catalogue says, whoever wrote it."""
        digests = (self.sha256, self.tensors_sha256)
        if self.pinned_at_import and header.weights_sha256.startswith(self.sha256):
            digests = (header.weights_sha256, header.tensors_sha256)
        wanted = self.header(*digests)
        return header == replace(wanted, converter=header.converter)

    def check_header(self, header: WeightHeader, path: Path) -> None:
        """Refuse a file that somebody copied to where this model's should lie."""
        if header.name != self.name:
            raise MemnetError(
                f"{path} is not {self.name}: it was made as {header.name!r}. Remove it, and get "
                f"the right one with `{self.obtain}`."
            )
        if self.user_supplied and (other := self.differences(header)):
            raise MemnetError(
                f"{path} is not {self.name}: its {', '.join(other)} differ. Import the right one "
                f"with `{self.obtain}`."
            )
        if self.pinned_at_import:
            other_numbers = not header.weights_sha256.startswith(self.sha256)
        else:
            other_numbers = header.tensors_sha256 != self.tensors_sha256
        if not self.user_supplied and other_numbers:
            raise MemnetError(
                f"{path} does not hold the numbers of {self.name}; delete it and run "
                f"`memnet weights fetch {self.name}`."
            )

    def differences(self, header: WeightHeader) -> list[str]:
        """In what a file differs from this model, but for the numbers of what the user supplied.

        The same numbers, fed other pixels, give other scores.
        """
        specs = [
            {**spec.to_dict(), "mean_sha256": ""} for spec in (header.preprocess, self.preprocess)
        ]
        equal = {
            "network": header.arch == self.arch,
            "preprocessing": specs[0] == specs[1],
            "output": header.output == self.output,
            "target": header.target == self.target,
            "training data": header.trained_on == self.trained_on,
        }
        return [name for name, is_equal in equal.items() if not is_equal]

    def missing(self, home: Path, *, forbidden: bool) -> str:
        """Say how to get the weights, or which files of MIT's to import."""
        if self.user_supplied:
            return (
                f"The weights of {self.name} are not in {home}, and memnet cannot download them: "
                "MIT published them at memorability.csail.mit.edu as memnet.caffemodel, "
                "deploy.prototxt and mean.mat (the page is gone, many laboratories have copies; "
                "the mean image is also memnet_mean.mat in the repository "
                f"LoreGoetschalckx/GANalyze). With the files at hand, run: {self.obtain}"
            )
        if forbidden:
            why = "the network is forbidden (--offline or MEMNET_OFFLINE)"
        else:
            why = f"it is not in {home} and no {self.distribution!r} distribution is installed"
            if not self.distribution:
                why = f"it is neither in {home} nor, as {self.file_name}, in {downloads_of_torch()}"
        size = f" of {self.bytes / 1e6:.0f} MB" if self.bytes else ""
        download = f"`memnet weights fetch {self.name}` (a download{size})"
        file = Path(self.distribution_file).name or self.file_name
        ways = [f"`{self.obtain}`"] if self.distribution else []
        ways += [download] if self.url else []
        ways.append(f"`memnet weights fetch {self.name} --file {file}`")
        return (
            f"The weights of {self.name} are not on this machine: {why}. Get them with "
            f"{', or '.join(ways)}."
        )


@cache
def catalogue() -> dict[str, ModelEntry]:
    """Return every known model by name, in the order of the file."""
    tables = packaged_toml("memnet.weights", "catalogue.toml")["model"]
    entries = [_entry(table) for table in tables]
    names = [entry.name for entry in entries]
    if len(set(names)) != len(names):
        raise MemnetError(f"The catalogue names a model twice: {sorted(names)}.")
    return {entry.name: entry for entry in entries}


def find(name: str) -> ModelEntry:
    """Look a model up; an unknown name raises ``MemnetError`` with the nearest known one."""
    try:
        return catalogue()[name]
    except KeyError:
        raise unknown_name("model", name, catalogue()) from None


def _entry(table: dict[str, Any]) -> ModelEntry:
    values = {
        **table,
        "trained_on": check_trained_on(table["trained_on"]),
        "split_unpublished": tuple(table["split_unpublished"]),
        "pretrained_on": tuple(table.get("pretrained_on", ())),
        "preprocess": PreprocessSpec.from_dict(table["preprocess"]),
        "output": OutputSpec.from_dict(table["output"]),
    }
    unknown = values.keys() - {field.name for field in fields(ModelEntry)}
    if unknown:
        raise MemnetError(f"The catalogue entry {table['name']} has unknown fields {unknown}.")
    check_target(values.get("target", HIT_RATE))
    if strange := set(values["split_unpublished"]) - set(values["trained_on"]):
        raise MemnetError(
            f"The catalogue entry {table['name']} has {strange} in split_unpublished, and not in "
            "trained_on."
        )
    return ModelEntry(**values)
