"""What layers give for pictures: one pass through the scoring engine for all of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from memnet.data.inputs import Item
from memnet.errors import MemnetError
from memnet.inspect.layers import Layer, network_of
from memnet.preprocess.decode import USUAL_LIMITS, PictureLimits
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.batch_scorer import without_pillows_warnings
from memnet.scoring.engine import run_batches
from memnet.scoring.functions import AS_IT_IS
from memnet.scoring.predictor import Predictor
from memnet.scoring.scored import Ready, Request, Scored
from memnet.util.arrays import AnyArray, Array

Keep: TypeAlias = Callable[[Layer, Tensor], Tensor]
"""From a layer and its output ``(N, ...)`` for N crops, on the model's device, to a tensor whose
first axis is N: what is kept of it. The network may write over the output afterwards."""


class Failed(NamedTuple):
    """A picture that cannot be read, or for which the model gives no number."""

    place: int
    item: Item
    reason: str


@dataclass(frozen=True)
class Recorded:
    """What layers gave for a batch of pictures.

    Attributes
    ----------
    places : of the pictures that could be read, among all that were given, from 0.
    items : these pictures.
    sizes : their widths and heights in pixels, turned as their EXIF says where that is applied.
    scores : their memorability scores, ``(len(items),)``.
    values : name of a layer -> what was kept, ``(len(items), ...)``; empty where no picture of the
        batch could be read.
    failed : the pictures that could not be read.
    """

    places: list[int]
    items: list[Item]
    sizes: list[tuple[int, int]]
    scores: Array
    values: dict[str, AnyArray]
    failed: list[Failed]


def record(
    predictor: Predictor,
    items: Sequence[Item],
    layers: Sequence[Layer],
    keep: Keep,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    limits: PictureLimits = USUAL_LIMITS,
) -> Iterator[Recorded]:
    """Send pictures through a model once, and keep what some of its layers give.

    Pictures are decoded and prepared, and failures told, as in scoring. Memory does not grow with
    the number of pictures. A terminal shows a progress bar.

    Parameters
    ----------
    predictor : the model.
    items : the pictures, in order.
    layers : of this model, from :func:`memnet.inspect.layers.find_layer`.
    keep : what is kept of a layer's output (:data:`Keep`). Of a model that sees several crops of a
        picture (the original MemNet: ten), the mean over crops is taken of what it returns.
    batch_size : pictures per pass.
    limits : on what is read.

    Yields
    ------
    Recorded
        for each batch, in order.

    Raises
    ------
    MemnetError
        as :func:`memnet.inspect.layers.layers_of`, or if the network calls a layer more than once
        for a picture.
    """
    network_of(predictor)
    watched = _Watched(predictor)
    kept: dict[str, Tensor] = {}
    hooks = [layer.module.register_forward_hook(_keeper(layer, keep, kept)) for layer in layers]
    requests = (Request(item, (0,)) for item in items)
    count = 0
    bar = tqdm(
        total=len(items), desc=predictor.name, unit=" pictures", file=sys.stderr, disable=None
    )
    try:
        with without_pillows_warnings(), bar:
            batches = run_batches([Ready(watched)], requests, batch_size=batch_size, limits=limits)
            for batch in batches:
                pictures = [(answer.request.item, answer.results[0]) for answer in batch]
                del batch  # whose frames of videos would stay while the next ones are decoded
                values = {name: watched.mean_over_crops(each) for name, each in kept.items()}
                yield _recorded(count, pictures, watched.take_scores(), values)
                count += len(pictures)
                bar.update(len(pictures))
                kept.clear()
                del pictures, values
    finally:
        for hook in hooks:
            hook.remove()


class _Watched:
    """A predictor to the scoring engine; whatever went through the network counts as scored."""

    output = AS_IT_IS

    def __init__(self, predictor: Predictor) -> None:
        self.name, self.variant = predictor.name, predictor.variant
        self.device, self.mean_image = predictor.device, predictor.mean_image
        self.preprocess, self.exif_orientation = predictor.preprocess, predictor.exif_orientation
        self._predictor = predictor
        self._outputs = torch.zeros(0, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the network; what it gives is not told, so that no picture fails by it."""
        self._outputs = self._predictor.forward(inputs)
        return torch.zeros_like(self._outputs)

    def forward_pictures(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Never called: a model that takes pictures has no layers."""
        raise NotImplementedError

    def take_scores(self) -> Array:
        """Return the scores of the last batch, once."""
        _, scores, _ = self._predictor.output.apply(self._outputs)
        self._outputs = self._outputs[:0]
        return scores.double().numpy()

    def mean_over_crops(self, values: Tensor) -> AnyArray:
        """Return the mean over each picture's crops of ``(N x crops, ...)``."""
        count, crops = self._outputs.shape
        if crops > 1:
            values = values.reshape(count, crops, *values.shape[1:]).mean(dim=1)
        return values.numpy()


def _keeper(
    layer: Layer, keep: Keep, kept: dict[str, Tensor]
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    """Make the hook of a layer."""

    def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if layer.name in kept:
            raise MemnetError(
                f"The network calls its layer {layer.name} more than once for a picture, so its "
                "value is not one; choose another layer."
            )
        values = keep(layer, output)
        if values.untyped_storage().data_ptr() == output.untyped_storage().data_ptr():
            values = values.clone()  # the network may write over its own, as MemNet's ReLU does
        kept[layer.name] = values.cpu()

    return hook


def _recorded(
    first: int,
    pictures: Sequence[tuple[Item, Scored | str]],
    scores: Array,
    values: dict[str, AnyArray],
) -> Recorded:
    """Put together what is known of a batch; ``scores`` and ``values`` are of those read."""
    places: list[int] = []
    items: list[Item] = []
    sizes: list[tuple[int, int]] = []
    failed: list[Failed] = []
    rows: list[int] = []
    read = 0
    for place, (item, result) in enumerate(pictures, start=first):
        if isinstance(result, str):
            failed.append(Failed(place, item, result))
            continue
        if math.isfinite(scores[read]):
            rows.append(read)
            places.append(place)
            items.append(item)
            sizes.append((result.width, result.height))
        else:
            reason = f"The model gave {scores[read]}, no finite number."
            failed.append(Failed(place, item, reason))
        read += 1
    if len(rows) < read:
        scores, values = scores[rows], {name: each[rows] for name, each in values.items()}
    return Recorded(
        places=places, items=items, sizes=sizes, scores=scores, values=values, failed=failed
    )
