"""Every variant of the original's scoring path on the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from memnet.data.pictures import Item
from memnet.errors import MemnetError, PictureError
from memnet.legacy.variants import SERVER, as_variant, variants
from memnet.preprocess.decode import USUAL_LIMITS, Decoded, decode
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.cached import scoring_digest
from memnet.scoring.lazy_model import LazyModel
from memnet.scoring.picture_contents import Content, digest_picture
from memnet.scoring.score_cache import ScoreCache, open_cache
from memnet.scoring.scored import Scored
from memnet.util.arrays import Array
from memnet.util.text import model_label
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
    outputs: dict[str, list[tuple[float, ...]]] = {digest: [] for digest in inputs}
    kept: list[Item] = []
    failed: dict[str, str] = {}
    is_known = model.digest(USUAL_LIMITS) is not None
    with (
        tqdm(total=len(items), desc="variants", unit=" pictures", disable=None) as bar,
        open_cache(is_known) as cache,
    ):
        run = _Run(model, {slug: headers[slug] for slug in inputs.values()}, cache)
        for start in range(0, len(items), batch_size):
            batch = [run.look_up(item) for item in items[start : start + batch_size]]
            for picture in batch:
                if picture.failure:
                    failed[picture.item.image_id] = picture.failure
            batch = [picture for picture in batch if not picture.failure]
            kept += [picture.item for picture in batch]
            for digest, slug in inputs.items():
                run.compute(slug, batch)
                outputs[digest] += [picture.scored[slug].outputs for picture in batch]
            bar.update(len(items[start : start + batch_size]))
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
        cached=run.cached,
    )


@dataclass
class _Picture:
    """A picture, decoded where a variant's scores of it are not known, or why it cannot be."""

    item: Item
    content: Content | None
    scored: dict[str, Scored]
    decoded: Decoded | None = None
    failure: str = ""


class _Run:
    """The variants of a model that feed the network differently, and the score cache."""

    def __init__(
        self, model: LazyModel, headers: Mapping[str, WeightHeader], cache: ScoreCache | None
    ) -> None:
        self.cached = 0
        self._model, self._headers, self._cache = model, headers, cache
        self._digests: dict[str, bytes] = {}
        for slug, header in headers.items():
            if cache and (digest := scoring_digest(header, model.device, USUAL_LIMITS)):
                self._digests[slug] = digest

    def look_up(self, item: Item) -> _Picture:
        """Find what is known of a picture, and decode it unless that is everything."""
        content = digest_picture(item.picture, USUAL_LIMITS) if self._cache else None
        scored: dict[str, Scored] = {}
        if self._cache and content:
            keys = {slug: content.key(digest) for slug, digest in self._digests.items()}
            found = self._cache.find(list(keys.values()))
            scored = {slug: found[key] for slug, key in keys.items() if key in found}
        picture = _Picture(item, content, scored)
        if len(scored) == len(self._headers):
            self.cached += 1
            return picture
        spec = self._headers[SERVER].preprocess
        try:
            picture.decoded = decode(item.picture, exif_orientation=spec.exif_orientation)
        except PictureError as error:
            picture.failure = str(error)
        return picture

    def compute(self, slug: str, pictures: Sequence[_Picture]) -> None:
        """Run one variant on those pictures for which it is not known."""
        unknown = [picture for picture in pictures if slug not in picture.scored]
        if not unknown:
            return
        import torch  # here: where everything is known, its import would take longest

        predictor, header = self._model.load(), self._headers[slug]
        decoded = [picture.decoded for picture in unknown if picture.decoded is not None]
        crops = [
            header.preprocess.apply_decoded(each, mean_image=predictor.mean_image)
            for each in decoded
        ]
        outputs = predictor.forward(torch.stack(crops))
        columns = (outputs, *header.output.apply(outputs))
        rows = zip(*(column.tolist() for column in columns), strict=True)
        label = model_label(self._model.name, slug)
        for picture, source, (each, raw, score, clamped) in zip(
            unknown, decoded, rows, strict=True
        ):
            scored = Scored(
                outputs=tuple(each),
                raw=raw,
                score=score,
                clamped=clamped,
                width=source.width,
                height=source.height,
                mode=source.mode,
                warning="; ".join(source.warnings),
            )
            picture.scored[slug] = scored
            content, digest = picture.content, self._digests.get(slug)
            is_sure = content and content.is_still(picture.item.picture, USUAL_LIMITS)
            if self._cache and content and digest and is_sure and isfinite(raw):
                self._cache.add(content.key(digest), label, scored)
