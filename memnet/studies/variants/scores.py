"""Every variant of the original's scoring path on the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from tqdm import tqdm

from memnet.data.pictures import Item
from memnet.errors import MemnetError, PictureError
from memnet.legacy.variants import SERVER, as_variant, variants
from memnet.preprocess.decode import decode
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import Array
from memnet.weights.catalogue import find
from memnet.weights.files import WeightHeader


@dataclass(frozen=True, kw_only=True)
class VariantScores:
    """Raw outputs of each variant on ``N`` pictures.

    Attributes
    ----------
    model : whose weights, as the user named them.
    image_ids, paths : of the pictures that could be scored, ``N`` each, in order.
    outputs : slug -> float64 ``(N, crops)``: the network's output for every crop, unscaled. In the
        order of the registry; ``server`` is always among them.
    failed : image id -> why the picture could not be scored.
    """

    model: str
    image_ids: tuple[str, ...]
    paths: tuple[str, ...]
    outputs: Mapping[str, Array]
    failed: Mapping[str, str] = field(default_factory=dict)

    def raw(self, slug: str) -> Array:
        """Mean over the crops, ``(N,)``."""
        mean: Array = self.outputs[slug].mean(axis=1)
        return mean


def score_variants(
    predictor: Predictor,
    items: Sequence[Item],
    *,
    slugs: Sequence[str] | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> VariantScores:
    """Run variants of a MemNet on pictures: each picture is decoded once, each input made once.

    Parameters
    ----------
    predictor : a MemNet of Caffe's layout, loaded without a variant.
    items : the pictures.
    slugs : which variants; None for all. ``server`` is always added, first.
    batch_size : pictures per pass through the network.

    Raises
    ------
    MemnetError
        if the weights are no MemNet of the original's layout or were loaded as one variant, a
        slug is unknown, or no picture can be scored.
    """
    if predictor.variant:
        raise MemnetError(
            f"All variants are compared, so name the model without one: --model {predictor.name}."
        )
    original = predictor.header
    if not isinstance(original, WeightHeader) or original.arch != find("memnet.caffe_lamem").arch:
        raise MemnetError(
            f"{predictor.name} is not the original (Caffe) MemNet, so it has no variants; leave "
            "out --model, or name a MemNet of Caffe's layout there."
        )
    wanted = list(dict.fromkeys([SERVER, *(variants() if slugs is None else slugs)]))
    headers = {slug: as_variant(original, slug) for slug in wanted}
    specs = {header.preprocess.digest(): header.preprocess for header in headers.values()}
    outputs: dict[str, list[Array]] = {digest: [] for digest in specs}
    kept: list[Item] = []
    failed: dict[str, str] = {}
    spec = original.preprocess
    with tqdm(total=len(items), desc="variants", unit=" pictures", disable=None) as bar:
        for start in range(0, len(items), batch_size):
            batch = []
            for item in items[start : start + batch_size]:
                try:
                    decoded = decode(item.picture, exif_orientation=spec.exif_orientation)
                except PictureError as error:
                    failed[item.image_id] = str(error)
                    continue
                kept.append(item)
                batch.append(decoded)
            for digest, variant in specs.items() if batch else ():
                crops = [
                    variant.apply_decoded(picture, mean_image=predictor.mean_image)
                    for picture in batch
                ]
                outputs[digest].append(predictor.forward(torch.stack(crops)).double().numpy())
            bar.update(len(items[start : start + batch_size]))
    if not kept:
        reason = next(iter(failed.values()), "there are none")
        raise MemnetError(f"None of {len(items)} picture(s) can be scored: {reason}")
    by_digest = {digest: np.concatenate(parts) for digest, parts in outputs.items()}
    return VariantScores(
        model=predictor.name,
        image_ids=tuple(item.image_id for item in kept),
        paths=tuple(item.path for item in kept),
        outputs={slug: by_digest[header.preprocess.digest()] for slug, header in headers.items()},
        failed=failed,
    )
