"""The scoring loop: pictures are decoded in threads, the network works batch by batch.

Beside a GPU the next batch is decoded while the network works. On the CPU the two take turns: the
network's threads wait for each other at every layer, so a thread that decodes on one of their cores
holds all of them up, and decoding on all cores first costs half as much (``benchmarks/score.py``).

Memory does not grow with the number of pictures, and little with that of threads: at most two
batches of network inputs exist at a time, a decoded picture of usual size in each thread, and a
single larger one. A model that takes pictures gets those of a batch as they are: its batches end
where they would hold more pixels than :data:`_HELD_PIXELS`, and so do those of a video's frames,
which are decoded one after the other as batches are filled.
"""

from __future__ import annotations

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from memnet.data.pictures import Item
from memnet.data.videos import decode_frames
from memnet.errors import PictureError
from memnet.preprocess.decode import (
    USUAL_LIMITS,
    PictureLimits,
    PictureOrCrop,
    decode,
    file_bytes,
    open_picture,
    pixels_to_unpack,
)
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.scored import Scored, make_row
from memnet.scoring.table import Row
from memnet.util.checks import require_whole

_THREADS = min(4, os.cpu_count() or 1)

_MANY_PIXELS = 25_000_000
"""A picture with more is decoded where no other such is: it can take 16 bytes a pixel."""

_LONG_FILE = 2**26
"""Bytes; a longer file is read and decoded there, too."""

_HELD_PIXELS = 100_000_000
"""What a batch of whole pictures may have together, at 3 bytes each; a single one may have more."""


class Scorer(Protocol):
    """What the loop needs of a predictor; :class:`memnet.Predictor` is one."""

    name: str
    variant: str
    device: torch.device
    mean_image: np.ndarray | None

    @property
    def preprocess(self) -> PreprocessSpec | None:
        """What happens to a picture; None: the model takes pictures."""

    @property
    def exif_orientation(self) -> Literal["ignore", "apply"]:
        """What happens to a picture's EXIF orientation."""

    @property
    def output(self) -> OutputSpec:
        """How raw outputs become a score."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Turn crops ``(N, crops, 3, H, W)`` into raw outputs ``(N, crops)``."""

    def forward_pictures(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Turn pictures (PIL, RGB) into raw outputs ``(N, 1)``."""


@dataclass(frozen=True)
class _Prepared:
    """What is left of a picture once it is ready for the network."""

    width: int
    height: int
    mode: str
    warning: str
    content: Tensor | Image.Image  # crops x 3 x H x W, or the picture


def score_items(
    predictor: Scorer,
    items: Iterable[Item],
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    limits: PictureLimits = USUAL_LIMITS,
) -> Iterator[list[Row]]:
    """Score items in order; yields the rows of a batch as soon as they are known.

    A picture that cannot be decoded, or for which the model gives NaN or infinity, becomes a row
    with no score and a warning that begins with ``failed:``; it never stops the others. Every
    score is computed: :func:`memnet.scoring.cached.score_with_cache` computes each once.
    """
    names = predictor.name, predictor.variant
    for batch in run_batches(predictor, items, batch_size=batch_size, limits=limits):
        rows = [make_row(item.image_id, item.path, *names, result) for item, result in batch]
        del batch  # whose frames of videos would stay while the next ones are decoded
        yield rows


def run_batches(
    predictor: Scorer, items: Iterable[Item], *, batch_size: int, limits: PictureLimits
) -> Iterator[list[tuple[Item, Scored | str]]]:
    """Yield each batch's items in order, each with what the model gave or why it has no score."""
    require_whole("batch_size", batch_size, 1)

    def prepare(item: Item) -> _Prepared:
        if file_bytes(item.picture) > _LONG_FILE:
            return one_by_one.submit(unpack, item.picture).result()
        picture = open_picture(item.picture, limits=limits)
        if pixels_to_unpack(picture) > _MANY_PIXELS:
            # Always in the same thread: each keeps for itself some of what it had.
            return one_by_one.submit(unpack, picture).result()
        return unpack(picture)

    def unpack(picture: PictureOrCrop) -> _Prepared:
        spec = predictor.preprocess
        decoded = decode(picture, exif_orientation=predictor.exif_orientation, limits=limits)
        # Only the crops wait for their batch; the full-size picture ends its life here, unless the
        # model takes pictures.
        return _Prepared(
            width=decoded.width,
            height=decoded.height,
            mode=decoded.mode,
            warning="; ".join(decoded.warnings),
            content=decoded.rgb
            if spec is None
            else spec.apply_decoded(decoded, mean_image=predictor.mean_image),
        )

    def pixels_held(picture: PictureOrCrop) -> int:
        return _pixels(picture, limits) if predictor.preprocess is None else _pixels_in(picture)

    batches = _batches(decode_frames(items), batch_size, pixels_held)
    ahead = 0 if predictor.device.type == "cpu" else 1
    with (
        ThreadPoolExecutor(1, thread_name_prefix="memnet-decode-large") as one_by_one,
        ThreadPoolExecutor(_THREADS, thread_name_prefix="memnet-decode") as pool,
    ):
        waiting: deque[list[tuple[Item, Future[_Prepared]]]] = deque()

        def refill() -> None:
            for batch in itertools.islice(batches, 1 + ahead - len(waiting)):
                waiting.append([(item, pool.submit(prepare, item)) for item in batch])

        try:
            refill()
            while waiting:
                results = [(item, _result(future)) for item, future in waiting.popleft()]
                if ahead:
                    refill()
                scored = [_scored(predictor, results)]
                del results  # whose pictures would stay while the next ones are decoded
                yield scored.pop()  # and so would those of its items
                refill()
        finally:
            for _, future in itertools.chain.from_iterable(waiting):
                future.cancel()


def _batches(
    items: Iterable[Item], size: int, pixels_held: Callable[[PictureOrCrop], int]
) -> Iterator[list[Item]]:
    """Yield batches of which memory can hold the pictures side by side."""
    batch: list[Item] = []
    held = 0
    for item in items:
        pixels = pixels_held(item.picture)
        if batch and (len(batch) == size or held + pixels > _HELD_PIXELS):
            yield batch
            batch, held = [], 0
        batch.append(item)
        held += pixels
    if batch:
        yield batch


def _pixels_in(picture: PictureOrCrop) -> int:
    """Return the pixels that are in memory before a picture is decoded: of a video's frame, all."""
    return picture.width * picture.height if isinstance(picture, Image.Image) else 0


def _pixels(picture: PictureOrCrop, limits: PictureLimits) -> int:
    """Return how many pixels a picture says it has; a long file, not read twice, fills a batch."""
    if file_bytes(picture) > _LONG_FILE:
        return _HELD_PIXELS
    try:
        return pixels_to_unpack(open_picture(picture, limits=limits))
    except PictureError:
        return 0  # decoding it says what is wrong


def _result(future: Future[_Prepared]) -> _Prepared | PictureError:
    try:
        return future.result()
    except PictureError as error:
        return error
    except MemoryError:
        return PictureError("The memory does not hold this picture; shrink it.")


def _outputs(predictor: Scorer, inputs: Sequence[Tensor | Image.Image]) -> Tensor:
    """Return the model's raw outputs ``(N, crops)`` for inputs of one kind."""
    tensors = [content for content in inputs if isinstance(content, Tensor)]
    if tensors:
        return predictor.forward(torch.stack(tensors))
    pictures = [content for content in inputs if isinstance(content, Image.Image)]
    return predictor.forward_pictures(pictures)


def _scored(
    predictor: Scorer, results: list[tuple[Item, _Prepared | PictureError]]
) -> list[tuple[Item, Scored | str]]:
    inputs = [result.content for _, result in results if not isinstance(result, PictureError)]
    numbers: Iterator[tuple[list[float], float, float, bool]] = iter(())
    if inputs:
        outputs = _outputs(predictor, inputs)
        columns = (outputs, *predictor.output.apply(outputs))
        numbers = zip(*(column.tolist() for column in columns), strict=True)
    scored: list[tuple[Item, Scored | str]] = []
    for item, result in results:
        if isinstance(result, PictureError):
            scored.append((item, str(result)))
            continue
        crops, raw, score, clamped = next(numbers)
        if not (math.isfinite(raw) and math.isfinite(score)):
            bad = score if math.isfinite(raw) else raw
            scored.append((item, f"The model gave {bad}, no finite number."))
            continue
        made = Scored(
            outputs=tuple(crops),
            raw=raw,
            score=score,
            clamped=clamped,
            width=result.width,
            height=result.height,
            mode=result.mode,
            warning=result.warning,
        )
        scored.append((item, made))
    return scored
