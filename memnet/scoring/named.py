"""What the name or the file of a model says before its numbers are read.

Nothing here imports torch: a run that finds everything done, or a name misspelt, ends at once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from memnet.data.targets import HIT_RATE
from memnet.errors import MemnetError
from memnet.legacy.variants import as_variant, check_slug, check_variant, variant_caution
from memnet.scoring import plugins
from memnet.util.messages import say_once
from memnet.util.text import model_label, printable
from memnet.weights import store
from memnet.weights.catalogue import ModelEntry, catalogue
from memnet.weights.files import WeightHeader, read_header, read_weights
from memnet.weights.known_models import no_such_model

if TYPE_CHECKING:
    from torch import Tensor

    from memnet.scoring.functions import FunctionHeader
    from memnet.scoring.precision.records import Measured

_Header = TypeVar("_Header", WeightHeader, "WeightHeader | FunctionHeader")

_CHECKPOINTS = {".bin", ".ckpt", ".pkl", ".pt", ".pth"}
_OTHERS = {".h5", ".hdf5", ".keras", ".mat", ".npy", ".npz", ".onnx", ".pb", ".prototxt", ".tflite"}
"""Endings of files of weights that memnet imports, and that it does not."""

_MOST_OF_A_REMARK = 1000


@dataclass(frozen=True)
class NamedModel:
    """A model by its header.

    Attributes
    ----------
    name, variant : ``"resmem.published"``, ``""``; what the score table says.
    header : with the preprocessing and output of the variant.
    path : the weight file.
    computing : how its network computes where that is not exact, and how far from it; else None.
    """

    name: str
    variant: str
    header: WeightHeader
    path: Path
    computing: Measured | None = None

    @property
    def label(self) -> str:
        """The name, and the variant behind a colon where there is one."""
        return model_label(self.name, self.variant)

    def identity(self) -> dict[str, Any]:
        """Return what :meth:`memnet.Predictor.identity` does."""
        return identity_of(self.header, self.computing)

    def read(self) -> dict[str, Tensor]:
        """Read the checked tensors; raises ``MemnetError`` as :func:`read_weights`."""
        tensors, header = read_weights(self.path)
        if header.tensors_sha256 != self.header.tensors_sha256:
            raise MemnetError(f"{self.path} was replaced at this moment; run the command again.")
        return tensors


def find_named(
    named: str, exif_orientation: Literal["ignore", "apply"] | None = None
) -> NamedModel:
    """Look a model up, by name or weight file; parameters and errors as of :func:`memnet.load`."""
    model, variant = split_variant(named)
    if named.partition(":")[0] not in catalogue():
        _refuse_other_files(named, model)
    if variant or named.endswith(":"):
        check_slug(variant)
    if model.endswith(".safetensors"):
        path = Path(model)
        header = read_header(path)
        name = _name_of_file(path, header)
    else:
        entry = _entry(model)
        if variant:  # before half a gigabyte is read
            check_variant(entry.name, entry.arch, entry.preprocess, variant)
        path, name = store.fetch(entry), entry.name
        header = read_header(path)
        entry.check_header(header, path)
    if variant:
        header = as_variant(header, variant)
    return NamedModel(name, variant, with_exif(header, exif_orientation), path)


def say_conditions(model: NamedModel) -> None:
    """Say on stderr, once per process, a model's conditions, its remark and what its variant is."""
    say_once(model.header.licence_notice, model.name)
    if remark := printable(model.header.remark, _MOST_OF_A_REMARK):
        say_once(f"{model.name}: {remark}", f"{model.name} (remark)")
    if model.variant and (caution := variant_caution(model.variant)):
        say_once(f"{model.label} is {caution}")


def identity_of(
    header: WeightHeader | FunctionHeader, computing: Measured | None = None
) -> dict[str, Any]:
    """Return everything that decides a score; see :meth:`memnet.Predictor.identity`."""
    spec = header.preprocess
    return {
        "arch": header.arch,
        "weights_sha256": header.weights_sha256,
        "tensors_sha256": header.tensors_sha256,
        "preprocess": None if spec is None else spec.to_dict(),
        "preprocess_digest": "" if spec is None else spec.digest(),
        "output": header.output.to_dict(),
        "trained_on": None if header.trained_on is None else list(header.trained_on),
        "remark": header.remark,
        "licence": header.licence,
        "citation": header.citation,
        **({} if header.target == HIT_RATE else {"target": header.target}),
        **({"pretrained_on": list(header.pretrained_on)} if header.pretrained_on else {}),
        **({} if computing is None else computing.as_identity()),
    }


def _entry(name: str) -> ModelEntry:
    """Look a model of the catalogue up; an unknown name is answered with installed ones, too."""
    known = catalogue()
    if name not in known:
        raise no_such_model("model", name, [*known, *plugins.plugins()])
    return known[name]


def with_exif(header: _Header, exif_orientation: Literal["ignore", "apply"] | None) -> _Header:
    """Let a header say another EXIF orientation; None keeps what it says."""
    if exif_orientation is None:
        return header
    if not isinstance(header, WeightHeader):
        header = dataclasses.replace(header, exif_orientation=exif_orientation)
    if header.preprocess is not None:
        spec = dataclasses.replace(header.preprocess, exif_orientation=exif_orientation)
        header = dataclasses.replace(header, preprocess=spec)
    return header


def _refuse_other_files(named: str, model: str) -> None:
    """Say of what is clearly the path of a file how it can be read, or that it cannot."""
    ending = PurePath(model).suffix.lower()
    if model.endswith(".safetensors"):
        return
    if ending == ".caffemodel":
        raise MemnetError(
            f"{model} must be imported once, with its mean image, before it can score: "
            f"`memnet weights import {model} --mean mean.mat --out FILE.safetensors`."
        )
    for path in (named, model):
        if PurePath(path).suffix.lower() in _CHECKPOINTS:
            raise MemnetError(
                f"{path} is no weight file that memnet reads: those end in .safetensors, and "
                "memnet wrote them. The checkpoint of a PyTorch port of MemNet is imported once: "
                f"`memnet weights import {path} --mean mean.mat --out FILE.safetensors`; for a "
                "network of your own see memnet.save_weights."
            )
        if "/" in path or "\\" in path or PurePath(path).suffix.lower() in _OTHERS:
            raise MemnetError(
                f"{path} is neither the name of a model (see `memnet weights list`) nor a weight "
                "file that memnet reads: those end in .safetensors, and memnet wrote them."
            )


def split_variant(model: str) -> tuple[str, str]:
    """Split ``arch.tag:variant``, or ``FILE.safetensors:variant``; the variant is "" for none."""
    path, ending, variant = model.rpartition(".safetensors:")
    if ending:
        return f"{path}.safetensors", variant
    if model.endswith((".safetensors", ".caffemodel")):
        return model, ""
    name, _, variant = model.partition(":")
    return name, variant


def _name_of_file(path: Path, header: WeightHeader) -> str:
    """Return a catalogue name only where it is sure to be that model, else the path.

    Numbers alone do not make it: fed other pixels, they give other scores.
    """
    entry = catalogue().get(header.name)
    if entry is not None:
        ours = store.stored_path(entry).resolve() == path.resolve()
        ours = ours and not entry.differences(header)
        if ours if entry.user_supplied else entry.is_current(header):
            return entry.name
    return path.as_posix()
