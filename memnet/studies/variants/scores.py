"""Every variant of the original's scoring path on the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from memnet.data.inputs import Item
from memnet.errors import MemnetError
from memnet.legacy.variants import SERVER, as_variant, variants
from memnet.preprocess.decode import USUAL_LIMITS
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.cached import score_with_cache
from memnet.scoring.lazy_model import LazyModel
from memnet.scoring.scored import Request
from memnet.util.arrays import Array
from memnet.weights.catalogue import find
from memnet.weights.files import WeightHeader

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor


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
    cached : of how many pictures everything was known from the score cache.
    """

    model: str
    image_ids: tuple[str, ...]
    paths: tuple[str, ...]
    outputs: Mapping[str, Array]
    failed: Mapping[str, str] = field(default_factory=dict)
    cached: int = 0

    def raw(self, slug: str) -> Array:
        """Mean over the crops, ``(N,)``."""
        mean: Array = self.outputs[slug].mean(axis=1)
        return mean


def score_variants(
    model: LazyModel | Predictor,
    items: Sequence[Item],
    *,
    slugs: Sequence[str] | None = None,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> VariantScores:
    """Run variants of a MemNet on pictures: each picture is decoded once, each input made once.

    What the score cache has is neither decoded nor computed.

    Parameters
    ----------
    model : a MemNet of Caffe's layout, without a variant.
    items : the pictures.
    slugs : which variants; None for all. ``server`` is always added, first.
    batch_size : pictures per pass through the network.

    Raises
    ------
    MemnetError
        if the weights are no MemNet of the original's layout or were loaded as one variant, a
        slug is unknown, or no picture can be scored.
    """
    model = model if isinstance(model, LazyModel) else LazyModel(model)
    if model.variant:
        raise MemnetError(
            f"All variants are compared, so name the model without one: --model {model.name}."
        )
    original = model.header
    if not isinstance(original, WeightHeader) or original.arch != find("memnet.caffe_lamem").arch:
        raise MemnetError(
            f"{model.name} is not the original (Caffe) MemNet, so it has no variants; leave "
            "out --model, or name a MemNet of Caffe's layout there."
        )
    wanted = list(dict.fromkeys([SERVER, *(variants() if slugs is None else slugs)]))
    headers = {slug: as_variant(original, slug) for slug in wanted}
    # Variants that feed the network the same differ in their output alone.
    inputs = {header.preprocess.digest(): slug for slug, header in reversed(headers.items())}
    ways = [model.as_variant(slug) for slug in inputs.values()]
    requests = [Request(item, tuple(range(len(ways)))) for item in items]
    outputs: dict[str, list[tuple[float, ...]]] = {digest: [] for digest in inputs}
    kept: list[Item] = []
    failed: dict[str, str] = {}
    known = 0
    with tqdm(total=len(items), desc="variants", unit=" pictures", disable=None) as bar:
        for batch in score_with_cache(requests, ways, batch_size=batch_size, limits=USUAL_LIMITS):
            for (item, _), results, from_cache in batch:
                known += from_cache == len(results)
                failure = next((each for each in results if isinstance(each, str)), "")
                if failure:
                    failed[item.image_id] = failure
                    continue
                kept.append(item)
                for made, result in zip(outputs.values(), results, strict=True):
                    assert not isinstance(result, str)
                    made.append(result.outputs)
            bar.update(len(batch))
    if not kept:
        reason = next(iter(failed.values()), "there are none")
        raise MemnetError(f"None of {len(items)} picture(s) can be scored: {reason}")
    by_digest = {digest: np.array(rows, dtype=np.float64) for digest, rows in outputs.items()}
    return VariantScores(
        model=model.name,
        image_ids=tuple(item.image_id for item in kept),
        paths=tuple(item.path for item in kept),
        outputs={slug: by_digest[header.preprocess.digest()] for slug, header in headers.items()},
        failed=failed,
        cached=known,
    )
