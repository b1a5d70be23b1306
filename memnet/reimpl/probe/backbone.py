"""What a backbone is: a frozen network, what it is fed, and what it has seen itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from memnet.errors import unknown_name
from memnet.preprocess.spec import PreprocessSpec
from memnet.weights.digests import tensors_digest

Recipe = Mapping[str, Any]
"""``{"arch": "resmem", "branch": "resnet"}`` for a network of memnet's; ``{"library": "timm",
"model": "resnet18", ...}`` for one of another library's (:mod:`memnet.reimpl.probe.libraries`)."""

CROPS = ("centre", "five", "ten")
"""How many crops of a picture the features are averaged over: the centre; the corners, too; and
the mirror images of all five."""


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen network whose features are regressed on.

    Attributes
    ----------
    name : as it was asked for: ``"resmem.published:resnet"``, ``"timm:resnet18"``.
    recipe : what builds it again.
    network : with its weights; from normalised pictures to features.
    spec : what happens to a picture, without normalisation.
    pixel_mean, pixel_sd : what RGB values from 0 to 1 are normalised by.
    trained_on : data sets of memorability whose pictures it may have seen; None: unknown.
    pretrained_on : what else it was trained on, in plain words.
    licence, licence_notice, citation : which a probe on it inherits.
    remark : what must be said, "" for nothing.
    """

    name: str
    recipe: Recipe
    network: nn.Module
    spec: PreprocessSpec
    pixel_mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    pixel_sd: tuple[float, ...] = (1.0, 1.0, 1.0)
    trained_on: tuple[str, ...] | None = ()
    pretrained_on: tuple[str, ...] = ()
    licence: str = ""
    licence_notice: str = ""
    citation: str = ""
    remark: str = ""

    def digest(self) -> str:
        """Sha256 of its numbers."""
        return tensors_digest(self.network.state_dict())

    def probe_spec(self, crops: str) -> PreprocessSpec:
        """Return what a picture becomes with so many crops, a word of :data:`CROPS`."""
        return with_crops(self.spec, crops)


def with_crops(spec: PreprocessSpec, crops: str) -> PreprocessSpec:
    """Return a preprocessing with the crops that a word of :data:`CROPS` means.

    >>> from memnet.weights.catalogue import find
    >>> spec = with_crops(find("resmem.published").preprocess, "five")
    >>> spec.crop_offsets
    ((14, 14), (0, 0), (0, 29), (29, 0), (29, 29))
    """
    if crops not in CROPS:
        raise unknown_name("choice of --crops", crops, CROPS)
    down, right = (spec.resize_hw[axis] - spec.crop_hw[axis] for axis in (0, 1))
    corners = ((0, 0), (0, right), (down, 0), (down, right))
    return replace(
        spec,
        crop_offsets=((down // 2, right // 2), *(() if crops == "centre" else corners)),
        crop_mirrors="appended" if crops == "ten" else "none",
    )
