"""The scoring loop: each picture is decoded once for all models, networks work batch by batch.

Beside a GPU the next batch is decoded while the networks work. On the CPU the two take turns: a
network's threads wait for each other at every layer, so a thread that decodes on one of their cores
holds all of them up, and decoding on all cores first costs half as much (``benchmarks/score.py``).

Models that make the same network inputs of a picture (variants that differ in their output) share
them. Memory does not grow with the number of pictures, and little with that of threads and models:
at most two batches exist at a time, which end where their network inputs and whole pictures would
take more than :data:`_HELD_BYTES`; a decoded picture of usual size in each thread, and a single
larger one. A model that takes pictures gets those of a batch as they are. A video's frames are
decoded one after the other as batches are filled.
"""

from __future__ import annotations

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from memnet.data.inputs import Item
from memnet.data.videos import decode_frames
from memnet.errors import PictureError
from memnet.preprocess.decode import (
    USUAL_LIMITS,
    Decoded,
    PictureLimits,
    PictureOrCrop,
    decode,
    file_bytes,
    open_picture,
    pixels_to_unpack,
)
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.scored import Answer, Model, Ready, Request, Scored
from memnet.scoring.table import Row
from memnet.util.checks import require_whole

_THREADS = min(4, os.cpu_count() or 1)

_MANY_PIXELS = 25_000_000
"""A picture with more is decoded where no other such is: it can take 16 bytes a pixel."""

_LONG_FILE = 2**26
"""Bytes; a longer file is read and decoded there, too."""

_HELD_BYTES = 300_000_000
"""What the inputs and whole pictures of a batch may take together; a single picture may take more:
48 pictures' ten crops of MemNet, or 100 million pixels."""


class Preparation(Protocol):
    """What happens to a picture before a network sees it; a :class:`Scorer` is one, too."""

    @property
    def preprocess(self) -> PreprocessSpec | None:
        """Resizing, mean and crops; None: the model takes pictures."""

    @property
    def exif_orientation(self) -> Literal["ignore", "apply"]:
        """What happens to a picture's EXIF orientation."""

    @property
    def mean_image(self) -> np.ndarray | None:
        """What is subtracted, if the preprocessing subtracts a picture."""


class Scorer(Preparation, Protocol):
    """What the loop needs of a predictor; :class:`memnet.Predictor` is one."""

    name: str
    variant: str
    device: torch.device

    @property
    def output(self) -> OutputSpec:
        """How raw outputs become a score."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Turn crops ``(N, crops, 3, H, W)`` into raw outputs ``(N, crops)``."""

    def forward_pictures(self, pictures: Sequence[Image.Image]) -> Tensor:
        """Turn pictures (PIL, RGB) into raw outputs ``(N, 1)``."""


Way: TypeAlias = "tuple[str, str, int]"
"""What is done to a picture: EXIF policy, digest of the preprocessing, identity of the mean image.

Models with equal ways get the same input.
"""

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Prepared:
    """What is left of a picture once it is ready for the networks."""

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
    models = [Ready(predictor)]
    requests = (Request(item, (0,)) for item in items)
    for batch in run_batches(models, requests, batch_size=batch_size, limits=limits):
        rows = [row for answer in batch for row in answer.rows(models)]
        del batch  # whose frames of videos would stay while the next ones are decoded
        yield rows


def run_batches(
    models: Sequence[Model], requests: Iterable[Request], *, batch_size: int, limits: PictureLimits
) -> Iterator[list[Answer]]:
    """Yield each batch's answers, in the order of the requests.

    Models that no request asks for are not loaded.
    """
    require_whole("batch_size", batch_size, 1)
    ways: dict[int, Way] = {}
    scorers: dict[Way, Scorer] = {}  # one of those that prepare pictures so

    def get_ready(batch: Sequence[Request]) -> None:
        for place in sorted({place for request in batch for place in request.models}):
            scorer = models[place].load()
            ways[place] = way_of(scorer)
            scorers.setdefault(ways[place], scorer)

    def make_inputs(request: Request) -> dict[Way, Prepared]:
        picture = request.item.picture
        if file_bytes(picture) > _LONG_FILE:
            return one_by_one.submit(unpack, picture, request.models).result()
        opened = open_picture(picture, limits=limits)
        if pixels_to_unpack(opened) > _MANY_PIXELS:
            # Always in the same thread: each keeps for itself some of what it had.
            return one_by_one.submit(unpack, opened, request.models).result()
        return unpack(opened, request.models)

    def unpack(picture: PictureOrCrop, wanted: Sequence[int]) -> dict[Way, Prepared]:
        # Only the crops wait for their batch; the full-size picture ends its life here, unless a
        # model takes pictures.
        preparations = {ways[place]: scorers[ways[place]] for place in wanted}
        return prepare(decode_for(picture, preparations.values(), limits), preparations)

    def bytes_held(request: Request) -> int:
        return _bytes_held(
            request.item.picture, [models[place] for place in request.models], limits
        )

    batches = _batches(_with_frames(requests), batch_size, bytes_held)
    with (
        ThreadPoolExecutor(1, thread_name_prefix="memnet-decode-large") as one_by_one,
        ThreadPoolExecutor(_THREADS, thread_name_prefix="memnet-decode") as pool,
    ):
        waiting: deque[list[tuple[Request, Future[dict[Way, Prepared]]]]] = deque()

        def refill(ahead: int) -> None:
            for batch in itertools.islice(batches, 1 + ahead - len(waiting)):
                get_ready(batch)
                waiting.append([(request, pool.submit(make_inputs, request)) for request in batch])

        try:
            refill(0)
            while waiting:
                results = [(request, _result(future)) for request, future in waiting.popleft()]
                if any(scorer.device.type != "cpu" for scorer in scorers.values()):
                    refill(1)
                answers = [_answers(models, ways, results)]
                del results  # whose pictures would stay while the next ones are decoded
                yield answers.pop()  # and so would those of its items
                refill(0)
        finally:
            for _, future in itertools.chain.from_iterable(waiting):
                future.cancel()


def _with_frames(requests: Iterable[Request]) -> Iterator[Request]:
    """Put pictures in the place of frames of videos, when their turn comes."""
    asked, again = itertools.tee(requests)
    for item, request in zip(decode_frames(each.item for each in asked), again, strict=True):
        yield request._replace(item=item)


def way_of(scorer: Preparation) -> Way:
    """Return what is done to a picture for a model."""
    spec = scorer.preprocess
    return scorer.exif_orientation, "" if spec is None else spec.digest(), id(scorer.mean_image)


def decode_for(
    picture: PictureOrCrop, preparations: Iterable[Preparation], limits: PictureLimits
) -> dict[str, Decoded]:
    """Decode a picture, once for each EXIF policy that is wanted; raises ``PictureError``."""
    policies = dict.fromkeys(each.exif_orientation for each in preparations)
    return {exif: decode(picture, exif_orientation=exif, limits=limits) for exif in policies}


def prepare(
    decoded: Mapping[str, Decoded], preparations: Mapping[_Key, Preparation]
) -> dict[_Key, Prepared]:
    """Make what each preparation feeds its network, of a picture decoded by each EXIF policy."""
    made: dict[_Key, Prepared] = {}
    for key, preparation in preparations.items():
        source, spec = decoded[preparation.exif_orientation], preparation.preprocess
        content: Tensor | Image.Image = source.rgb
        if spec is not None:
            content = spec.apply_decoded(source, mean_image=preparation.mean_image)
        made[key] = Prepared(
            width=source.width,
            height=source.height,
            mode=source.mode,
            warning="; ".join(source.warnings),
            content=content,
        )
    return made


def _batches(
    requests: Iterable[Request], size: int, bytes_held: Callable[[Request], int]
) -> Iterator[list[Request]]:
    """Yield batches of which memory can hold the pictures and inputs side by side."""
    batch: list[Request] = []
    held = 0
    for request in requests:
        more = bytes_held(request)
        if batch and (len(batch) == size or held + more > _HELD_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(request)
        held += more
    if batch:
        yield batch


def _bytes_held(picture: PictureOrCrop, models: Sequence[Model], limits: PictureLimits) -> int:
    """Return what memory holds of a picture while it waits for its batch."""
    specs = {model.preprocess for model in models}
    inputs = sum(
        4 * 3 * spec.n_crops * spec.crop_hw[0] * spec.crop_hw[1]
        for spec in specs
        if spec is not None
    )
    pixels = _pixels(picture, limits) if None in specs else _pixels_in(picture)
    return inputs + 3 * pixels


def _pixels_in(picture: PictureOrCrop) -> int:
    """Return the pixels that are in memory before a picture is decoded: of a video's frame, all."""
    return picture.width * picture.height if isinstance(picture, Image.Image) else 0


def _pixels(picture: PictureOrCrop, limits: PictureLimits) -> int:
    """Return how many pixels a picture says it has; a long file, not read twice, fills a batch."""
    if file_bytes(picture) > _LONG_FILE:
        return _HELD_BYTES // 3
    try:
        return pixels_to_unpack(open_picture(picture, limits=limits))
    except PictureError:
        return 0  # decoding it says what is wrong


def _result(future: Future[dict[Way, Prepared]]) -> dict[Way, Prepared] | PictureError:
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


def _answers(
    models: Sequence[Model],
    ways: Mapping[int, Way],
    prepared: Sequence[tuple[Request, dict[Way, Prepared] | PictureError]],
) -> list[Answer]:
    """Run each model on the pictures of a batch that ask for it."""
    answers: list[dict[int, Scored | str]] = [
        dict.fromkeys(request.models, str(result)) if isinstance(result, PictureError) else {}
        for request, result in prepared
    ]
    for place in sorted({place for request, _ in prepared for place in request.models}):
        asked = [
            (answer, result[ways[place]])
            for answer, (request, result) in zip(answers, prepared, strict=True)
            if place in request.models and not isinstance(result, PictureError)
        ]
        if asked:
            scored = score_prepared(models[place].load(), [each for _, each in asked])
            for (answer, _), result in zip(asked, scored, strict=True):
                answer[place] = result
    return [
        Answer(request, tuple(answer[place] for place in request.models))
        for answer, (request, _) in zip(answers, prepared, strict=True)
    ]


def score_prepared(scorer: Scorer, prepared: Sequence[Prepared]) -> list[Scored | str]:
    """Return what a model gives for pictures, or why that is no score."""
    outputs = _outputs(scorer, [each.content for each in prepared])
    columns = (outputs, *scorer.output.apply(outputs))
    scored: list[Scored | str] = []
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for source, (crops, raw, score, clamped) in zip(prepared, rows, strict=True):
        if not (math.isfinite(raw) and math.isfinite(score)):
            bad = score if math.isfinite(raw) else raw
            scored.append(f"The model gave {bad}, no finite number.")
            continue
        made = Scored(
            outputs=tuple(crops),
            raw=raw,
            score=score,
            clamped=clamped,
            width=source.width,
            height=source.height,
            mode=source.mode,
            warning=source.warning,
        )
        scored.append(made)
    return scored
