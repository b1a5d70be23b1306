"""Weight files: safetensors with everything that a score depends on inside the header.

The header's ``memnet`` entry is one JSON string (:class:`WeightHeader`). A file without it does
not load, since nobody could say what its network expects to be fed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from memnet import __version__
from memnet.data.contamination import check_trained_on
from memnet.data.targets import HIT_RATE, check_target
from memnet.errors import MemnetError
from memnet.preprocess.spec import OutputSpec, PreprocessSpec, mean_digest
from memnet.util.arrays import Float32Array
from memnet.util.atomic import replace_file
from memnet.util.json_fields import NAME, Shape, Text, check_known, check_shape
from memnet.util.json_text import parse_json
from memnet.util.sniffing import LFS_POINTER, WEB_PAGE, stand_in
from memnet.util.text import printable, shorten_list
from memnet.weights.digests import stored_digest, tensors_digest
from memnet.weights.networks import network_class
from memnet.weights.torch_files import check_dense

if TYPE_CHECKING:
    from torch import Tensor, nn

HEADER_VERSION = 2

MEAN_IMAGE = "mean_image"
"""Name of the tensor that holds the mean image, where the preprocessing subtracts one."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file that a weight file was made from.

    Attributes
    ----------
    role : ``"weights"``, ``"mean"`` or ``"deploy"``.
    name : its name, without folders.
    sha256 : of its bytes.
    note : how it was read, where there was a choice (the layout of a mean image), else "".
    """

    role: str
    name: str
    sha256: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class WeightHeader:
    """What a weight file says about itself.

    Attributes
    ----------
    name, arch : catalogue name (or one's own) and the network that reads it.
    sources : every file that the numbers came from.
    tensors_sha256 : of the numbers (see :func:`memnet.weights.digests.tensors_digest`).
    converter : name and version of the program that wrote this file.
    licence, licence_notice, citation : see :class:`~memnet.weights.catalogue.ModelEntry`.
    trained_on : names of data sets it may have seen in training; None where nobody knows.
    remark : what a reader of its scores must know, "" for nothing.
    preprocess, output : pixels in, scores out.
    target : what the score estimates, a key of :data:`memnet.data.targets.TARGETS`.
    pretrained_on : what parts of the network were trained on for another purpose before
        ("ImageNet"), in plain words; () for nothing that is known.
    """

    name: str
    arch: str
    sources: tuple[SourceFile, ...]
    tensors_sha256: str
    converter: str
    licence: str
    licence_notice: str
    citation: str
    trained_on: tuple[str, ...] | None
    remark: str
    preprocess: PreprocessSpec
    output: OutputSpec
    target: str = HIT_RATE
    pretrained_on: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            check_shape(vars(self), _TEXTS, "")
            check_shape([vars(source) for source in self.sources], [_SOURCE], "sources")
        except ValueError as error:
            raise MemnetError(f"{error}.") from error
        if all(source.role != "weights" for source in self.sources):
            raise MemnetError("sources names no file of weights (role 'weights').")

    @property
    def weights_sha256(self) -> str:
        """Sha256 of the file that the weights came from."""
        return next(source.sha256 for source in self.sources if source.role == "weights")

    def to_json(self) -> str:
        """Return the header as one JSON string."""
        values = {"header_version": HEADER_VERSION, **asdict(self)}
        if self.target == HIT_RATE:
            del values["target"]  # as in files from before there were others
        if not self.pretrained_on:
            del values["pretrained_on"]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> WeightHeader:
        """Rebuild a header; one of another version raises ``MemnetError``."""
        if len(text) > _MOST_OF_A_HEADER:
            raise ValueError(
                f"it has {len(text):,} letters, and {_MOST_OF_A_HEADER:,} are the most"
            )
        values = parse_json(text)
        if not isinstance(values, dict):
            raise ValueError("it is no table of fields")
        version = values.pop("header_version", None)
        if type(version) is not int or version != HEADER_VERSION:
            raise MemnetError(
                f"The file's header has version {printable(repr(version), 80)}, this memnet reads "
                f"{HEADER_VERSION}; fetch or import the weights again."
            )
        check_shape(values, _HEADER, "")
        check_known(values, cls, "")
        for place, source in enumerate(values["sources"]):
            check_known(source, SourceFile, f"sources[{place}]")
        values["sources"] = tuple(SourceFile(**source) for source in values["sources"])
        values["trained_on"] = check_trained_on(values["trained_on"])
        values["preprocess"] = PreprocessSpec.from_dict(values["preprocess"])
        values["output"] = OutputSpec.from_dict(values["output"])
        check_target(values.get("target", HIT_RATE))
        values["pretrained_on"] = tuple(values.get("pretrained_on", ()))
        return cls(**values)


_TEXTS: Shape = {
    **dict.fromkeys(("name", "arch", "tensors_sha256", "converter"), NAME),
    **dict.fromkeys(("licence", "licence_notice", "citation", "remark"), Text(10_000)),
    "target?": NAME,
}
"""The texts of a header, and how long each may be: they reach rows, reports and terminals."""

_SOURCE: Shape = {**dict.fromkeys(("role", "name", "sha256"), NAME), "note?": NAME}
_HEADER: Shape = {
    **_TEXTS,
    "sources": [_SOURCE],
    "trained_on": ([NAME], None),
    "pretrained_on?": [NAME],
    "preprocess": {},
    "output": {},
}
_MOST_OF_A_HEADER = 5_000_000
"""Letters; those that memnet writes have 2,000."""


def new_header(**fields: Any) -> WeightHeader:
    """Build the header of a file that this memnet writes: fills in who the converter was."""
    return WeightHeader(converter=f"memnet {__version__}", **fields)


def write_weights(path: Path, tensors: Mapping[str, Tensor], header: WeightHeader) -> None:
    """Write a weight file atomically: temporary file, read back, compared, renamed.

    A reader therefore finds a complete file or none, whatever happens in between.

    Raises
    ------
    MemnetError
        if a tensor holds NaN or infinity, the disk is full, the folder cannot be written, or a
        tensor reads back differently.
    """
    import torch  # here: what only reads headers starts without it
    from safetensors.torch import save_file

    for name, tensor in tensors.items():
        check_dense(tensor, name, str(path))
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise MemnetError(
                f"{path} is not written: {name} holds numbers that are not finite (NaN or "
                "infinity), and so would every score; look at how the network was trained."
            )
    advice = (
        "free some space there, or choose a folder that can be written (for the store: MEMNET_HOME)"
    )
    with replace_file(path, advice=advice, errors=(SafetensorError,)) as temporary:
        save_file(
            _apart(tensors),
            temporary,
            metadata={"format": "pt", "memnet": header.to_json()},
        )
        written = _read_tensors(temporary)
        for name, tensor in tensors.items():
            if not torch.equal(written[name], tensor):
                raise MemnetError(f"{name} read back from {temporary} differs; check the disk.")
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # as any other file: a laboratory shares its store


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give each tensor memory of its own: layers that share their weights are written twice."""
    apart: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().contiguous()
        place = own.untyped_storage().data_ptr()
        apart[name] = own.clone() if place in taken else own
        taken.add(place)
    return apart


def save_weights(
    path: str | Path,
    network: nn.Module,
    *,
    arch: str,
    preprocess: PreprocessSpec,
    output: OutputSpec,
    trained_on: Iterable[str] | None,
    name: str = "",
    target: str = HIT_RATE,
    pretrained_on: Iterable[str] = (),
    mean_image: Float32Array | None = None,
    licence: str = "the author's own",
    licence_notice: str = "",
    citation: str = "",
    remark: str = "",
    overwrite: bool = False,
) -> WeightHeader:
    """Write a network's weights as a file that ``memnet.load`` and ``memnet score`` take.

    Parameters
    ----------
    path : the file, which ends in ``.safetensors``.
    network : its ``state_dict()`` is written.
    arch : the name under which the network's class was registered
        (:func:`memnet.register_network`).
    preprocess, output : what the network expects to be fed, and how its outputs become a score.
    trained_on : names of the data sets whose pictures it may have seen in training, as
        :mod:`memnet.data.contamination` explains (``"lamem:train:1"``); () for none; None where
        nobody knows.
    name : ``arch.tag``; without it ``arch`` and the file's name.
    target : what the score estimates: ``hit_rate``, ``false_alarm_rate``, ``corrected`` or
        ``d_prime``.
    pretrained_on : what parts of the network were trained on before for another purpose, in plain
        words (``["ImageNet"]``): shown beside ``trained_on``, and never judged.
    mean_image : float32 ``(H, W, 3)``, where the preprocessing subtracts one.
    licence, licence_notice, citation, remark : what a user of the scores must know.
    overwrite : replace the file if there is one already.

    Returns
    -------
    WeightHeader
        what the file says about itself.

    Raises
    ------
    MemnetError
        if the ending or the target is another, no network was registered for ``arch``,
        ``trained_on`` cannot be read, the mean image is not the one that the preprocessing names,
        or the file is there already or cannot be written.

    Examples
    --------
    A network that scores a picture by how green its middle is:

    >>> import tempfile, torch, memnet
    >>> class Green(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.weight = torch.nn.Parameter(torch.tensor([0.0, 1.0, 0.0]))
    ...     def forward(self, crops):  # (N, 3, H, W) -> (N,)
    ...         return crops.mean(dim=(2, 3)) @ self.weight
    >>> memnet.register_network("green", Green)
    >>> preprocess = memnet.PreprocessSpec(
    ...     exif_orientation="ignore", resize_kind="pillow-bilinear-8bit", resize_hw=(256, 256),
    ...     channel_order="RGB", pixel_max=1.0, mean_kind="none", mean_sha256="",
    ...     crop_hw=(224, 224), crop_offsets=((16, 16),), crop_mirrors="none")
    >>> output = memnet.OutputSpec(
    ...     crop_reduction="mean", subtract=0.0, multiply=1.0, add=0.0, clamp="none")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     header = memnet.save_weights(
    ...         f"{folder}/green.safetensors", Green(), arch="green", preprocess=preprocess,
    ...         output=output, trained_on=())
    ...     model = memnet.load(f"{folder}/green.safetensors", device="cpu")
    >>> header.name
    'green.green'
    >>> import numpy as np
    >>> float(model.score(np.full((300, 300, 3), 0.2)).score[0].round(3))
    0.2
    """
    import torch

    path = Path(path)
    if path.suffix != ".safetensors":
        raise MemnetError(f"{path} must end in .safetensors.")
    if os.path.exists(path) and not overwrite:
        raise MemnetError(f"{path} exists; choose another name, or say overwrite=True.")
    network_class(arch)  # the file could not be loaded without
    tensors = {key: tensor.detach().cpu() for key, tensor in network.state_dict().items()}
    if mean_image is not None:
        tensors[MEAN_IMAGE] = torch.from_numpy(np.ascontiguousarray(mean_image, dtype=np.float32))
    if preprocess.mean_sha256 != ("" if mean_image is None else mean_digest(mean_image)):
        raise MemnetError("mean_image is not the mean image that preprocess.mean_sha256 names.")
    digest = tensors_digest(tensors)
    header = new_header(
        name=name or f"{arch}.{path.stem}",
        arch=arch,
        sources=(SourceFile(role="weights", name=path.name, sha256=digest),),
        tensors_sha256=digest,
        licence=licence,
        licence_notice=licence_notice,
        citation=citation,
        trained_on=check_trained_on(trained_on),
        remark=remark,
        preprocess=preprocess,
        output=output,
        target=check_target(target),
        pretrained_on=tuple(pretrained_on),
    )
    write_weights(path, tensors, header)
    return header


def read_header(path: Path) -> WeightHeader:
    """Read what a weight file says about itself, not its numbers; raises as `read_weights`."""
    # Of os.path, not of Path, which raises for a name that is too long; a pipe would be waited for.
    if os.path.exists(path) and not os.path.isfile(path):
        raise MemnetError(f"{path} is not a safetensors file but a folder or a device.")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise MemnetError(f"There is no weight file {path}.") from None
    except (SafetensorError, OSError) as error:
        raise MemnetError(f"{path} is not a safetensors file: {_what(path, error)}.") from error
    if "memnet" not in metadata:
        raise MemnetError(
            f"{path} says nothing about its preprocessing (no 'memnet' entry in its header), so "
            "no score from it could be trusted; import the original weights with memnet."
        )
    try:
        return WeightHeader.from_json(metadata["memnet"])
    except MemnetError as error:
        raise MemnetError(f"{path}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = printable(str(error), 200)
        raise MemnetError(f"The header of {path} is damaged ({reason}); make it again.") from error


def _what(path: Path, error: Exception) -> str:
    """Say what a file is instead, or what is wrong with it, and what to do."""
    try:
        with path.open("rb") as file:
            start = file.read(200)
    except OSError as trouble:
        return f"it cannot be read ({trouble.strerror})"
    if not start:
        return "it is empty (0 bytes); make or copy it again"
    if (kind := stand_in(start)) == LFS_POINTER:
        return "it is a git-LFS pointer; run `git lfs pull` where it came from"
    if kind == WEB_PAGE:
        return "it is a web page, perhaps an error message saved under that name"
    if start.startswith((b"PK\x03\x04", b"\x80\x02")):
        return "it is a PyTorch file; `memnet weights import` reads those of MemNet's ports"
    reason = " ".join(str(error).split()).removeprefix("Error while deserializing header: ")
    return f"{printable(reason)}; make or copy it again"


def read_weights(path: Path) -> tuple[dict[str, Tensor], WeightHeader]:
    """Read a weight file and check its numbers against the checksum in its header.

    Raises
    ------
    MemnetError
        if it is missing, no safetensors file, without a memnet header, or its numbers changed.
    """
    header = read_header(path)
    with ThreadPoolExecutor(1) as beside:  # torch is imported meanwhile, where it was not before
        waiting = beside.submit(stored_digest, path)
        tensors = _read_tensors(path)
        try:
            digest = waiting.result()
        except KeyError:  # of a type that only networks from outside have
            digest = tensors_digest(tensors)
    if digest != header.tensors_sha256:
        raise MemnetError(
            f"The numbers in {path} do not match their checksum: the file is damaged; "
            "delete it and fetch or import the weights again."
        )
    mean = tensors.get(MEAN_IMAGE)
    plain = mean is None or (str(mean.dtype) == "torch.float32" and mean.ndim == 3)
    if not plain or header.preprocess.mean_sha256 != (
        "" if mean is None else mean_digest(mean.numpy())
    ):
        raise MemnetError(
            f"{path} does not hold the mean image that its preprocessing names; import it again."
        )
    try:
        header.preprocess.subtracted(None if mean is None else mean.numpy())
    except (MemnetError, ValueError) as error:  # now, not at the first picture
        height, width = header.preprocess.resize_hw
        have = "none" if mean is None else " x ".join(map(str, mean.shape))
        raise MemnetError(
            f"{path}: the mean image is {have}, and the preprocessing subtracts it from pictures "
            f"of {height} x {width}; import it again."
        ) from error
    return tensors, header


def _read_tensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # of types that this torch does not have, for one
        reason = printable(str(error), 200)
        raise MemnetError(f"The numbers in {path} cannot be read ({reason}).") from error


def check_table(published: object, what: str) -> dict[str, Tensor]:
    """Return what a published file holds as a table of tensors.

    Raises
    ------
    MemnetError
        that begins with ``what`` if it holds anything else.
    """
    import torch  # here: what only reads headers starts without it

    if not (
        isinstance(published, Mapping)
        and all(isinstance(tensor, torch.Tensor) for tensor in published.values())
    ):
        raise MemnetError(f"{what}: it is not a table of tensors.")
    return {name: tensor.detach() for name, tensor in published.items()}


def match_tensors(tensors: Mapping[str, Tensor], targets: Mapping[str, Any], where: str) -> None:
    """Compare two tables of names, shapes and types, emptying both; what is left is an error.

    Parameters
    ----------
    tensors : name -> tensor, from the file.
    targets : name -> parameter or buffer of the network (its ``state_dict()``).
    where : the file's name, for the message.
    """
    spare, unfilled = dict(tensors), dict(targets)
    for name in list(unfilled):
        if name in spare:
            tensor, target = spare.pop(name), unfilled.pop(name)
            check_dense(tensor, name, where)
            have, want = tuple(tensor.shape), tuple(target.shape)
            if have != want:
                raise MemnetError(f"{where}: {name} has shape {have}, the network wants {want}.")
            if tensor.dtype != target.dtype:
                raise MemnetError(
                    f"{where}: {name} has type {tensor.dtype}, the network wants {target.dtype}."
                )
    if spare or unfilled:
        raise MemnetError(
            f"{where}: no place in the network for {_names(spare)}; "
            f"nothing in the file for {_names(unfilled)}."
        )


def _names(tensors: Mapping[str, Any]) -> str:
    return shorten_list(printable(name, 80) for name in sorted(tensors)) or "none"
