"""Backbones by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from memnet.errors import MemnetError, unknown_name
from memnet.reimpl.branches import Network
from memnet.reimpl.probe.backbone import Backbone
from memnet.reimpl.probe.libraries import LIBRARIES, load_model
from memnet.reimpl.probe.network import Branch
from memnet.weights import store
from memnet.weights.catalogue import catalogue
from memnet.weights.files import WeightHeader, read_weights
from memnet.weights.networks import network_class


def find_backbone(name: str) -> Backbone:
    """Load a backbone by name.

    Parameters
    ----------
    name : ``MODEL:BRANCH`` for a branch of a network of memnet's, ``MODEL`` being a name of the
        catalogue or a ``.safetensors`` file that memnet wrote (``"resmem.published:resnet"``);
        or ``LIBRARY:NAME`` (:mod:`memnet.reimpl.probe.libraries`): ``"torchvision:resnet50"``,
        ``"timm:vit_base_patch16_224"``, ``"open_clip:ViT-B-32@laion2b_s34b_b79k"``,
        ``"transformers:facebook/dinov2-base"``.

    Raises
    ------
    MemnetError
        if it is unknown, not at hand, its library is not installed, or it would have to be
        downloaded and ``MEMNET_OFFLINE`` forbids it.
    """
    library, _, rest = name.partition(":")
    if library in LIBRARIES:
        return load_model(library, rest)
    model, _, branch = name.rpartition(":")
    if not model or branch.endswith(".safetensors"):
        model, branch = name, ""
    tensors, header = _read(model)
    kind: Any = network_class(header.arch)
    if not (isinstance(kind, type) and issubclass(kind, Network)):
        raise MemnetError(
            f"{model} is a network ({header.arch}) that has no branches, so that no features can "
            "be taken from it; name another backbone."
        )
    branches = [each for each in kind.branches if each != "head"]
    if branch not in branches:
        each = ", ".join(f"{model}:{known}" for known in branches)
        if not branch:
            raise MemnetError(f"Which branch of {model}? Say {each}.")
        raise unknown_name(f"branch of {model}", branch, branches)
    if header.preprocess.mean_kind != "none":
        raise MemnetError(
            f"{model} is fed pictures less a mean image, which a probe cannot be; name another "
            "backbone."
        )
    return _branch(name, kind, branch, tensors, header)


def _read(model: str) -> tuple[dict[str, Tensor], WeightHeader]:
    if model in catalogue():
        return store.load(catalogue()[model])
    if model.endswith(".safetensors"):
        return read_weights(Path(model).expanduser())
    error = unknown_name("backbone", model, [*catalogue(), *(f"{each}:" for each in LIBRARIES)])
    raise MemnetError(
        f"{error} A backbone is MODEL:BRANCH, as in resmem.published:resnet, or LIBRARY:NAME, as "
        "in torchvision:resnet50."
    )


def _branch(
    name: str, kind: Any, branch: str, tensors: Mapping[str, Tensor], header: WeightHeader
) -> Backbone:
    with torch.device("meta"):
        network = Branch(kind.shaped_like(tensors), branch)
    own = {f"network.{each}": tensor for each, tensor in tensors.items()}
    network.load_state_dict({each: own[each] for each in network.state_dict()}, assign=True)
    return Backbone(
        name=name,
        recipe={"arch": header.arch, "branch": branch},
        network=network.eval().requires_grad_(False),
        spec=header.preprocess,
        trained_on=header.trained_on,
        pretrained_on=header.pretrained_on,
        licence=header.licence,
        licence_notice=header.licence_notice,
        citation=header.citation,
        remark=header.remark,
    )
