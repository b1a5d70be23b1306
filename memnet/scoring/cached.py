"""Scoring by way of the score cache: only what is not known yet is decoded and computed.

**What a score is filed under**: the sha256 of the picture's file, and :func:`scoring_digest`, which
covers the weights' numbers, the network, preprocessing and output scaling, the kind of device,
memnet's own code for pictures and networks, the versions of what it computes with, and the limits
of a picture. Not the processor, its threads or the batch: they move a score by less than 1e-6.

**What is not kept**: failures, so that they are tried again; arrays, PIL pictures and frames of
videos, which are decoded before they come here; models whose code memnet does not know (functions,
networks that :func:`memnet.register_network` added, a ``Predictor`` whose ``network`` was touched).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from memnet.preprocess.decode import PictureLimits
from memnet.scoring.numeric_environment import code_digest, software
from memnet.scoring.picture_contents import Content, digest_picture
from memnet.scoring.precision import EXACT
from memnet.scoring.score_cache import ScoreCache, is_wanted, open_cache
from memnet.scoring.scored import Answer, Model, Request, Scored
from memnet.util.checks import require_whole
from memnet.util.text import model_label
from memnet.util.versions import version
from memnet.weights.files import WeightHeader
from memnet.weights.networks import is_own

if TYPE_CHECKING:
    from memnet.scoring.functions import FunctionHeader

_THREADS = min(4, os.cpu_count() or 1)

_MOST_WAITING = 1000
"""Rows that are known and wait for one that is being computed; then a batch is ended early."""

_DEVICES = ("cpu", "cuda", "mps")
"""Another is refused where the model is read, or does what nobody has measured."""

_LIBRARIES = {"probe": ("timm", "open_clip_torch", "transformers")}
"""Architecture -> libraries besides torch and torchvision that its networks may come from."""


def scoring_digest(
    header: WeightHeader | FunctionHeader,
    device: str,
    limits: PictureLimits,
    computing: str = EXACT,
) -> bytes | None:
    """Return a digest of everything that decides a score but the picture; None: it is not known.

    Parameters
    ----------
    header : of the model, with the preprocessing and output of its variant.
    device : where the network runs: ``"cpu"``, ``"cuda:1"``; only its kind matters.
    limits : of a picture; within them it has this score, beyond them none.
    computing : see :func:`memnet.scoring.precision.records.computing_of`.
    """
    kind = device.partition(":")[0]
    if not isinstance(header, WeightHeader) or not is_own(header.arch) or kind not in _DEVICES:
        return None
    torch = sys.modules.get("torch")  # where nobody has imported it, nobody has changed it
    if torch is not None and (torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled(kind)):
        return None
    decides: dict[str, Any] = {
        "tensors": header.tensors_sha256,
        "arch": header.arch,
        "preprocess": header.preprocess.to_dict(),
        "output": header.output.to_dict(),
        "limits": asdict(limits),
        "device": kind,
        "precision": computing,
        "float32 precision": torch.get_float32_matmul_precision() if torch else "highest",
        "libraries": [version(name) for name in _LIBRARIES.get(header.arch, ())],
        "software": {k: v for k, v in software().items() if k not in ("python", "pandas")},
        "code": code_digest(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).digest()


class CachedModel(Model, Protocol):
    """A model whose scores may be known; :class:`memnet.scoring.lazy_model.LazyModel` is one."""

    def digest(self, limits: PictureLimits) -> bytes | None:
        """Return its :func:`scoring_digest`; None: all of its scores are computed."""


@dataclass
class _Cell:
    """A model's score of a picture: known, or being computed, here or for an earlier picture."""

    key: bytes | None = None
    result: Scored | str | None = None
    computed: bool = False
    earlier: _Cell | None = None

    @property
    def known(self) -> Scored | str | None:
        return self.result if self.earlier is None else self.earlier.result


@dataclass
class _Place:
    """An answer to be; ``cells`` has one for each of the request's models, by its place."""

    request: Request
    content: Content | None
    cells: dict[int, _Cell]

    def is_still(self, limits: PictureLimits) -> bool:
        return self.content is not None and self.content.is_still(self.request.item.picture, limits)


def score_with_cache(
    requests: Iterable[Request],
    models: Sequence[CachedModel],
    *,
    cache: bool = True,
    batch_size: int,
    limits: PictureLimits,
) -> Iterator[list[Answer]]:
    """Score pictures in order, each decoded once, by the models that each request asks for.

    Parameters
    ----------
    requests : the pictures, and which of the models score each.
    models : those; one that no request needs is not loaded.
    cache : whether scores may come from the user's cache, and are put there, if they allow it.
    batch_size, limits : as of :func:`memnet.scoring.engine.score_items`.
    """
    require_whole("batch_size", batch_size, 1)
    cache = cache and is_wanted()
    digests = [model.digest(limits) if cache else None for model in models]
    with open_cache(any(digests)) as known:
        if known is not None:
            yield from _Run(models, digests, known, batch_size, limits).answers(requests)
            return
    from memnet.scoring.engine import run_batches

    yield from run_batches(models, requests, batch_size=batch_size, limits=limits)


class _Run:
    """Requests in order, from the first whose answer is not out yet."""

    def __init__(
        self,
        models: Sequence[CachedModel],
        digests: Sequence[bytes | None],
        cache: ScoreCache,
        batch_size: int,
        limits: PictureLimits,
    ) -> None:
        self._models, self._digests, self._cache = models, digests, cache
        self._batch_size, self._limits = batch_size, limits
        self._places: deque[_Place] = deque()
        self._asked: deque[tuple[_Place, tuple[int, ...]]] = deque()  # and not answered yet
        self._computing: dict[bytes, _Cell] = {}  # what of them has a key

    def answers(self, requests: Iterable[Request]) -> Iterator[list[Answer]]:
        """Look everything up, and compute what is not known; yields what is ready, in order."""
        places = self._look_up(requests)
        while True:
            unknown = self._unknown(places)
            if (first := next(unknown, None)) is not None:
                from memnet.scoring.engine import run_batches  # torch: what is known needs none

                queue = itertools.chain([first], unknown)
                for batch in run_batches(
                    self._models, queue, batch_size=self._batch_size, limits=self._limits
                ):
                    results = [answer.results for answer in batch]
                    del batch  # whose frames of videos would stay while the next ones are decoded
                    for each in results:
                        self._keep(each)
                    if made := self._ready():
                        yield made
            if made := self._ready():
                yield made
            elif first is None:
                return

    def _look_up(self, requests: Iterable[Request]) -> Iterator[_Place]:
        """Digest pictures in threads, so many at a time, and find what is known of them."""
        queue = iter(requests)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="memnet-digest") as pool:
            while some := list(itertools.islice(queue, self._batch_size)):
                places = list(pool.map(self._place, some))
                cells = [cell for place in places for cell in place.cells.values() if cell.key]
                found = self._cache.find([cell.key for cell in cells if cell.key])
                for cell in cells:
                    cell.result = found.get(cell.key) if cell.key else None
                yield from places

    def _place(self, request: Request) -> _Place:
        content = digest_picture(request.item.picture, self._limits)
        cells = {}
        for model in request.models:
            digest = self._digests[model]
            cells[model] = _Cell(content.key(digest) if content and digest else None)
        return _Place(request, content, cells)

    def _unknown(self, places: Iterator[_Place]) -> Iterator[Request]:
        """Line places up and yield what is to be computed of them.

        It ends where the places do, and where so many known ones wait that they should come out.
        """
        for place in places:
            self._places.append(place)
            unknown = [cell for cell in place.cells.values() if cell.result is None]
            meanwhile = self._cache.find([cell.key for cell in unknown if cell.key])
            for cell in unknown:
                if cell.key:
                    cell.result = meanwhile.get(cell.key)
                    cell.earlier = self._computing.get(cell.key)
                    if cell.known is None and cell.earlier is None:
                        self._computing[cell.key] = cell
            asked = tuple(
                model
                for model, cell in place.cells.items()
                if cell.result is None and cell.earlier is None
            )
            if asked:
                self._asked.append((place, asked))
                yield Request(place.request.item, asked)
            if len(self._places) >= len(self._asked) + _MOST_WAITING:
                return

    def _keep(self, results: Sequence[Scored | str]) -> None:
        """Take the answer to the first request that was asked and not answered yet."""
        place, models = self._asked.popleft()
        is_sure = place.is_still(self._limits)
        for number, result in zip(models, results, strict=True):
            cell, model = place.cells[number], self._models[number]
            cell.result, cell.computed = result, True
            if cell.key:
                del self._computing[cell.key]
                if isinstance(result, Scored) and is_sure:
                    self._cache.add(cell.key, model_label(model.name, model.variant), result)

    def _ready(self) -> list[Answer]:
        made = []
        while self._places:
            cells = self._places[0].cells.values()
            results = tuple(cell.known for cell in cells if cell.known is not None)
            if len(results) < len(cells):
                break
            taken = sum(isinstance(cell.known, Scored) and not cell.computed for cell in cells)
            made.append(Answer(self._places.popleft().request, results, known=taken))
        return made
