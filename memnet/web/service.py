"""Pictures in, scores out: what every request for scores goes through.

A picture is accepted or refused at once (a bounded queue), looked up in the score cache, decoded in
another process, and scored by the networks in a batch with those of other requests. What is
accepted is finished, unless its client hangs up: then what has not begun of it is dropped.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from memnet.errors import MemnetError, PictureError
from memnet.scoring.engine import way_of
from memnet.scoring.picture_contents import Content
from memnet.scoring.scored import Scored
from memnet.web.batches import Batches
from memnet.web.decode_worker import Recipe, as_tensor
from memnet.web.decoding import Decoders
from memnet.web.known_scores import Known, KnownScores
from memnet.web.metrics import Metrics
from memnet.web.models import ServedModel
from memnet.web.picture_warnings import Warned
from memnet.web.problems import Problem, log
from memnet.web.room import busy
from memnet.web.settings import Settings

_LONGEST_RETRY = 120

_NEWEST = 0.05
"""What the last picture counts in the mean time from one to the next: they come in batches."""


@dataclass(frozen=True)
class Answered:
    """What there is to say of a picture.

    Attributes
    ----------
    sha256 : of its bytes, in hexadecimal digits.
    width, height, mode : of the picture, None and "" where it cannot be read.
    warnings : what to know of it.
    failed : why there are no scores; None where there are.
    results : place of a model -> what it gave.
    """

    sha256: str
    width: int | None = None
    height: int | None = None
    mode: str = ""
    warnings: Sequence[Warned] = ()
    failed: str | None = None
    results: dict[int, Scored] | None = None


@dataclass
class _Group:
    """The pictures of a request; ``left`` is true once nobody waits for them."""

    left: bool = False


class Service:
    """Scores the pictures of all requests.

    Parameters
    ----------
    models : those of the server.
    settings : how it is set up.
    metrics : what is counted.

    Attributes
    ----------
    is_ready : whether requests are taken.
    decoders : the processes that decode.
    """

    def __init__(
        self, models: tuple[ServedModel, ...], settings: Settings, metrics: Metrics
    ) -> None:
        self.models, self._limits, self._metrics = models, settings.limits, metrics
        self.is_ready = False
        self._places, recipes = _recipes(models)
        self.decoders = Decoders(recipes, settings)
        self._size = settings.batch_size
        takes_pictures = any(recipe.preprocess is None for recipe in recipes)
        # As many as a batch wait decoded while another is computed; of whole pictures, few.
        self._room = 2 if takes_pictures else 2 * self._size + settings.decoders
        self._waiting = 0
        self._seconds = 0.5  # from one picture to the next; measured as soon as there are some
        self._last = 0.0
        self._pictures: set[asyncio.Task[Answered]] = set()
        metrics.watch("waiting_pictures", "Pictures accepted and not scored.", lambda: self.waiting)

    async def start(self) -> None:
        """Start what computes."""
        self._in_work = asyncio.Semaphore(self._room)
        self._known = KnownScores(self.models)
        self._batches = Batches(self.models, self._size, self._on_batch)
        await self.decoders.start()
        self.is_ready = True

    async def stop(self) -> None:
        """Finish what was accepted, and end."""
        self.is_ready = False
        await asyncio.gather(*self._pictures, return_exceptions=True)
        loop = asyncio.get_running_loop()
        for close in (self._batches.close, self._known.close, self.decoders.stop):
            await loop.run_in_executor(None, close)

    async def score(self, pictures: Sequence[bytes], places: Sequence[int]) -> list[Answered]:
        """Score pictures by the models at these places, in order.

        Raises
        ------
        Problem
            if too many pictures wait already (503).
        """
        self.check_room(len(pictures))
        if not self._waiting:
            self._last = time.monotonic()
        self._waiting += len(pictures)
        group = _Group()
        try:
            known = await self._known.find(pictures, places)
        except BaseException:
            self._waiting -= len(pictures)
            raise
        tasks = []
        for data, (content, scores) in zip(pictures, known, strict=True):
            task = asyncio.create_task(self._score_one(group, data, content, scores, places))
            task.add_done_callback(self._on_picture)
            self._pictures.add(task)
            tasks.append(task)
        try:
            return list(await asyncio.gather(*map(asyncio.shield, tasks)))
        finally:
            group.left = True

    def check_room(self, more: int = 1) -> None:
        """Refuse pictures where the queue is full, or the server shuts down; raises ``Problem``."""
        if not self.is_ready:
            raise Problem(503, "The server shuts down; try again in a while.", retry_after=10)
        seconds = self._waiting * self._seconds
        too_many = self._waiting + more > self._limits.waiting
        if self._waiting and (too_many or seconds > self._limits.waiting_seconds):
            seconds = min(max(math.ceil(seconds), 1), _LONGEST_RETRY)
            raise busy(self._waiting, "pictures", seconds)

    async def _score_one(
        self, group: _Group, data: bytes, content: Content, known: Known, places: Sequence[int]
    ) -> Answered:
        sha256 = content.sha256.hex()
        missing = [place for place in places if place not in known]
        async with self._in_work:
            if group.left:
                return Answered(sha256, failed="The client has hung up.")
            try:
                with self._batches.expect(), self._metrics.decoding():
                    wanted = sorted({self._places[place] for place in missing})
                    ready = await self.decoders.get_ready(data, wanted)
            except PictureError as error:
                return Answered(sha256, failed=str(error))
            results: dict[int, Scored | str] = dict(known)
            if missing and not group.left:
                inputs = {place: as_tensor(ready.inputs[self._places[place]]) for place in missing}
                try:
                    made = await asyncio.wrap_future(self._batches.submit(inputs))
                except (MemnetError, RuntimeError) as error:
                    log.exception("a network failed")
                    raise Problem(500, f"A network failed ({type(error).__name__}).") from error
                self._known.add(content, made)
                results |= made
        reasons = [result for result in results.values() if isinstance(result, str)]
        return Answered(
            sha256,
            width=ready.width,
            height=ready.height,
            mode=ready.mode,
            warnings=ready.warnings,
            failed=reasons[0] if reasons else None,
            results={at: made for at, made in results.items() if isinstance(made, Scored)},
        )

    def _on_picture(self, task: asyncio.Task[Answered]) -> None:
        self._waiting -= 1
        self._pictures.discard(task)
        now = time.monotonic()
        self._seconds += _NEWEST * (now - self._last - self._seconds)
        self._last = now
        failed = task.cancelled() or task.exception() or task.result().failed
        self._metrics.pictures.labels("failed" if failed else "scored").inc()

    def _on_batch(self, pictures: int, seconds: float) -> None:
        self._metrics.batch_pictures.observe(pictures)
        self._metrics.batch_seconds.observe(seconds)

    @property
    def waiting(self) -> int:
        """Pictures that were accepted and are not answered yet."""
        return self._waiting


def _recipes(models: Sequence[ServedModel]) -> tuple[list[int], tuple[Recipe, ...]]:
    """Return the recipe that each model has, by its place, and all of them, each once."""
    ways: dict[object, int] = {}
    recipes: list[Recipe] = []
    places = []
    for model in models:
        predictor = model.predictor
        way = way_of(predictor)
        if way not in ways:
            ways[way] = len(recipes)
            recipes.append(
                Recipe(predictor.preprocess, predictor.exif_orientation, predictor.mean_image)
            )
        places.append(ways[way])
    return places, tuple(recipes)
