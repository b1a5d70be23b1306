"""The original MemNet's scoring path as it was used in the wild: data, in ``variants.toml``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from memnet.errors import MemnetError, unknown_name
from memnet.preprocess.means import MEANS
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.util.resources import packaged_toml
from memnet.weights.catalogue import find
from memnet.weights.files import WeightHeader

SERVER = "server"
"""The original path, which is what a model's name without a variant means, too."""

PILLOW_12 = "pillow-12"
"""A variant that is not MemNet's: of any model whose pictures Pillow resizes (``resize_kind``
``pillow-bilinear-8bit``), with the resize of Pillow up to version 12, as published scores had."""

_PILLOW, _PILLOW_UP_TO_12 = "pillow-bilinear-8bit", "pillow12-bilinear-8bit"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way in which MemNet's weights were used.

    Attributes
    ----------
    slug : its name, as in ``memnet.caffe_lamem:SLUG``.
    title : what it is, in a line.
    source : where it was seen.
    known_defect : what it does otherwise than the original, "" for nothing.
    effect : what it did to the picture, in a plain sentence for its users.
    use_for : what it may be used for.
    preprocess : what happens to a picture, with the original's mean image; see :meth:`spec_for`.
    output : how outputs become a score.
    own_weights : whether the studies that used it had retrained weights, which are not MIT's.
    random_crops : whether the crops were drawn at random anew for each picture.
    """

    slug: str
    title: str
    source: str
    known_defect: str
    effect: str
    use_for: str
    preprocess: PreprocessSpec
    output: OutputSpec
    own_weights: bool
    random_crops: bool

    def spec_for(self, mean_sha256: str) -> PreprocessSpec:
        """Return the preprocessing with the mean image of that checksum."""
        needed = MEANS[self.preprocess.mean_kind].of_image
        return replace(self.preprocess, mean_sha256=mean_sha256 if needed else "")


@cache
def variants() -> dict[str, Variant]:
    """Return every variant by its slug, ``server`` first."""
    mean_sha256 = find("memnet.caffe_lamem").preprocess.mean_sha256
    known: dict[str, Variant] = {}
    for entry in packaged_toml("memnet.legacy", "variants.toml")["variant"]:
        variant = _variant(entry, mean_sha256)
        if variant.slug in known:
            raise MemnetError(f"variants.toml has {variant.slug!r} twice.")
        known[variant.slug] = variant
    return known


def find_variant(slug: str) -> Variant:
    """Return a variant; an unknown slug raises ``MemnetError`` with the nearest and all of them."""
    if slug not in variants():
        raise unknown_name("variant", slug, variants())
    return variants()[slug]


def check_slug(slug: str) -> None:
    """Refuse a variant that no model has, with the nearest and all of them."""
    if slug != PILLOW_12 and slug not in variants():
        raise unknown_name("variant", slug, [*variants(), PILLOW_12])


def check_variant(model: str, arch: str, preprocess: PreprocessSpec | None, slug: str) -> None:
    """Refuse an unknown variant, and one that this model does not have.

    A MemNet of Caffe's layout has those of :func:`variants`; a model whose pictures Pillow resizes
    has :data:`PILLOW_12`.
    """
    check_slug(slug)
    if slug == PILLOW_12:
        if preprocess is None or preprocess.resize_kind != _PILLOW:
            raise MemnetError(
                f"{model} does not resize pictures as Pillow does, so that Pillow's version makes "
                f"no difference; leave out `:{slug}`."
            )
    elif arch != find("memnet.caffe_lamem").arch:
        raise MemnetError(
            f"{model} is not the original (Caffe) MemNet, so it has no variant {slug!r}; leave out "
            f"`:{slug}`."
        )


def variant_caution(slug: str) -> str:
    """Say what a variant is for and does otherwise than the original; "" for nothing."""
    if slug == PILLOW_12:
        return "for comparison with scores that were made with Pillow up to version 12"
    variant = find_variant(slug)
    return f"for {variant.use_for}: {variant.known_defect}" if variant.known_defect else ""


def as_variant(header: WeightHeader, slug: str) -> WeightHeader:
    """Return a model's header with the preprocessing and output of a variant.

    Raises
    ------
    MemnetError
        if there is no such variant, or the model does not have it.
    """
    check_variant(header.name, header.arch, header.preprocess, slug)
    if slug == PILLOW_12:
        resized = replace(header.preprocess, resize_kind=_PILLOW_UP_TO_12)
        return replace(header, preprocess=resized)
    variant = find_variant(slug)
    return replace(
        header,
        preprocess=variant.spec_for(header.preprocess.mean_sha256),
        output=variant.output,
    )


def twins(slugs: Iterable[str] | None = None) -> dict[str, tuple[str, ...]]:
    """Group variants that feed the network the same inputs.

    Returns
    -------
    dict
        slug -> all slugs (itself among them) with the same preprocessing up to the order of the
        crops, in the registry's order. Their raw outputs agree to rounding; only what was done
        with the outputs can tell them apart.
    """
    named = variants() if slugs is None else {slug: find_variant(slug) for slug in slugs}
    keys = {slug: _inputs(variant.preprocess) for slug, variant in named.items()}
    return {slug: tuple(other for other in named if keys[other] == keys[slug]) for slug in named}


def _inputs(spec: PreprocessSpec) -> str:
    mirrors = "appended" if spec.crop_mirrors == "interleaved" else spec.crop_mirrors
    offsets = tuple(sorted(spec.crop_offsets))
    return replace(spec, crop_offsets=offsets, crop_mirrors=mirrors).digest()


def _variant(entry: dict[str, Any], mean_sha256: str) -> Variant:
    of_image = MEANS[entry["preprocess"]["mean_kind"]].of_image
    spec = {**entry.pop("preprocess"), "mean_sha256": mean_sha256 if of_image else ""}
    return Variant(
        preprocess=PreprocessSpec.from_dict(spec),
        output=OutputSpec.from_dict(entry.pop("output")),
        **entry,
    )
