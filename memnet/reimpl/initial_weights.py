"""Where training begins: each branch of a network from random numbers or from known weights.

Sources
-------
Needell & Bainbridge (2022), doi 10.1007/s42113-022-00126-5: ResMem's ResNet-152 as ImageNet left
it, M3M's FCN as COCO left it, all else random.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from memnet.errors import MemnetError, unknown_name
from memnet.reimpl.branches import Network
from memnet.weights import store
from memnet.weights.backbones import find_backbone
from memnet.weights.catalogue import catalogue
from memnet.weights.digests import tensors_digest
from memnet.weights.files import WeightHeader, read_weights

RANDOM = "random"

BACKBONES = {
    "imagenet": ("resnet", "torchvision.resnet152_imagenet1k_v1"),
    "coco": ("segmentation", "torchvision.fcn_resnet50_coco_voc_v1"),
}
"""Word -> the one branch that can start from it, and the backbone it means."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """Where one branch began.

    Attributes
    ----------
    branch : of the network.
    source : ``"random"``, ``"imagenet"``, ``"coco"``, a model's name or the path of a weight file.
    sha256 : of the numbers it was given, under the network's own names
        (:func:`memnet.weights.digests.tensors_digest`); "" for random ones. A branch that stays
        frozen keeps it.
    trained_on : names of data sets of memorability whose pictures those weights may have seen; ()
        for none, None where nobody knows.
    licence, licence_notice, citation : of those weights; what is trained from them is bound by the
        same terms. "" for random numbers.
    warning : a sentence that must be said, "" for nothing.
    """

    branch: str
    source: str
    sha256: str
    trained_on: tuple[str, ...] | None
    licence: str
    licence_notice: str
    citation: str
    warning: str


@dataclass(frozen=True, kw_only=True)
class _Weights:
    """What a source holds, under the names of a network."""

    tensors: Mapping[str, Tensor]
    trained_on: tuple[str, ...] | None
    licence: str
    licence_notice: str
    citation: str
    header: WeightHeader | None = None


def start_network(network: Network, sources: Mapping[str, str]) -> list[Start]:
    """Fill a network's branches, in place. Nothing is changed where anything is wrong.

    Parameters
    ----------
    network : as PyTorch initialised it.
    sources : branch -> source, for every branch: ``"random"`` leaves it as it is; ``"imagenet"``
        (``resnet`` alone) and ``"coco"`` (``segmentation`` alone) are torchvision's published
        weights (:mod:`memnet.weights.backbones`); a model's name (``"resmem.published"``) or the
        path of a ``.safetensors`` file that memnet wrote gives the branch of the same name there.

    Returns
    -------
    list of Start
        one per branch, in the network's order.

    Raises
    ------
    MemnetError
        if a branch is unknown or has no source, a source is unknown, not at hand or damaged, or its
        tensors are not exactly those of the branch: the same names, shapes and types. Nothing is
        downloaded.
    """
    for branch in sources:
        if branch not in network.branches:
            raise unknown_name(f"branch of {type(network).__name__}", branch, network.branches)
    if missing := [branch for branch in network.branches if branch not in sources]:
        raise MemnetError(
            f"Nothing says where the {' and the '.join(missing)} of {type(network).__name__} "
            f"should begin; say {RANDOM!r}, a model's name or a weight file."
        )
    read: dict[str, _Weights] = {}  # each source once: two branches may come from one file
    values: dict[str, Tensor] = {}
    made = []
    for branch in network.branches:
        source = sources[branch]
        if source == RANDOM:
            made.append(_random(branch))
            continue
        _check_word(branch, source)
        if source not in read:
            read[source] = _read(network, branch, source)
        weights = read[source]
        tensors = _tensors_of(network, branch, weights.tensors, source)
        values |= tensors
        made.append(
            Start(
                branch=branch,
                source=source,
                sha256=tensors_digest(tensors),
                trained_on=weights.trained_on,
                licence=weights.licence,
                licence_notice=weights.licence_notice,
                citation=weights.citation,
                warning=_other_inputs(branch, source, weights.header),
            )
        )
    targets = network.state_dict()
    with torch.no_grad():
        for name, tensor in values.items():
            targets[name].copy_(tensor)
    return made


def _random(branch: str) -> Start:
    warning = ""
    if branch in [of for of, _ in BACKBONES.values()]:
        warning = (
            f"The {branch} branch begins from random numbers: it knows nothing about pictures yet, "
            "and where it is frozen it never will."
        )
    return Start(
        branch=branch,
        source=RANDOM,
        sha256="",
        trained_on=(),
        licence="",
        licence_notice="",
        citation="",
        warning=warning,
    )


def _check_word(branch: str, source: str) -> None:
    """Refuse ImageNet's and COCO's weights for a branch that is another network."""
    if source in BACKBONES and BACKBONES[source][0] != branch:
        of, backbone = BACKBONES[source]
        raise MemnetError(
            f"{source!r} ({backbone}) can start a {of} branch only, not {branch!r}; say "
            f"{RANDOM!r}, a model's name or a weight file there."
        )


def _read(network: Network, branch: str, source: str) -> _Weights:
    """Read a source once, under the network's names."""
    if source in BACKBONES:
        return _backbone(network, branch, source)
    if source in catalogue():
        tensors, header = store.load(catalogue()[source])
    elif source.endswith(".safetensors"):
        tensors, header = read_weights(Path(source).expanduser())
    else:
        words = [RANDOM, *(word for word, (of, _) in BACKBONES.items() if of == branch)]
        error = unknown_name(f"start of the {branch} branch", source, [*words, *catalogue()])
        raise MemnetError(f"{error} Or give the path of a .safetensors file that memnet wrote.")
    return _Weights(
        tensors=tensors,
        trained_on=header.trained_on,
        licence=header.licence,
        licence_notice=header.licence_notice,
        citation=header.citation,
        header=header,
    )


def _backbone(network: Network, branch: str, source: str) -> _Weights:
    entry = find_backbone(BACKBONES[source][1])
    try:
        published, _ = store.load(entry)
    except MemnetError as error:
        raise MemnetError(
            f"{error} Or let the {branch} branch begin from another file that has it"
            + (", such as 'resmem.published'." if branch == "resnet" else ".")
        ) from error
    (module,) = network.branches[branch]
    return _Weights(
        tensors={f"{module}.{name}": tensor for name, tensor in published.items()},
        trained_on=(),
        licence=entry.licence,
        licence_notice=entry.licence_notice,
        citation=entry.citation,
    )


def _tensors_of(
    network: Network, branch: str, tensors: Mapping[str, Tensor], source: str
) -> dict[str, Tensor]:
    """Take a branch's tensors, buffers too; they must be those of the network, all of them."""
    modules = network.branches[branch]
    wanted = {n: t for n, t in network.state_dict().items() if n.split(".")[0] in modules}
    own = {n: t for n, t in tensors.items() if n.split(".")[0] in modules}
    cannot = f"{source} cannot start the {branch} branch of {type(network).__name__}:"
    for name, target in wanted.items():
        if name not in own:
            continue
        have, want = tuple(own[name].shape), tuple(target.shape)
        if have != want:
            raise MemnetError(f"{cannot} {name} has shape {have} there, the network wants {want}.")
        if own[name].dtype != target.dtype:
            raise MemnetError(
                f"{cannot} {name} has type {own[name].dtype} there, the network wants "
                f"{target.dtype}."
            )
    for name in wanted:
        if name not in own:
            missing = len(wanted.keys() - own.keys())
            raise MemnetError(
                f"{cannot} {name} is not there ({missing} of the branch's {len(wanted)} tensors "
                "are missing)."
            )
    for name in own:
        if name not in wanted:
            raise MemnetError(f"{cannot} the network has no place for {name}, which is there.")
    return own


def _other_inputs(branch: str, source: str, header: WeightHeader | None) -> str:
    """Say so where weights come from a network that was fed other pixels than ours is."""
    if header is None:
        return ""
    spec = header.preprocess
    if (spec.channel_order, spec.pixel_max, spec.mean_kind) == ("RGB", 1.0, "none"):
        return ""
    less = "" if spec.mean_kind == "none" else " less a mean image"
    return (
        f"The {branch} branch begins from {source}, whose network was fed {spec.channel_order} "
        f"pixels from 0 to {spec.pixel_max:g}{less}; here the network is fed RGB pixels from 0 to "
        "1, so until it is trained the branch computes nothing of use."
    )
