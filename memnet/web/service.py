"""Pictures in, scores out: what every request for scores goes through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from memnet.data.inputs import Item
from memnet.scoring.cached import score_with_cache
from memnet.scoring.scored import Ready, Request, Scored
from memnet.web.models import ServedModel
from memnet.web.settings import Settings


class Service:
    """Scores the pictures of all requests.

    Parameters
    ----------
    models : those of the server.
    settings : how it is set up.

    Attributes
    ----------
    is_ready : whether requests are taken.
    """

    def __init__(self, models: tuple[ServedModel, ...], settings: Settings) -> None:
        self.models, self._settings = models, settings
        self.is_ready = False

    async def start(self) -> None:
        """Start what computes."""
        self._thread = ThreadPoolExecutor(1)
        self.is_ready = True

    async def stop(self) -> None:
        """Finish what was accepted, and end."""
        self.is_ready = False
        self._thread.shutdown()

    async def score(
        self, pictures: Sequence[bytes], places: Sequence[int]
    ) -> list[tuple[Scored | str, ...]]:
        """Score pictures by the models at these places; of each, a result for each of them."""

        def score() -> list[tuple[Scored | str, ...]]:
            models = [
                Ready(self.models[place].predictor, self.models[place].digest) for place in places
            ]
            requests = [
                Request(Item(str(index), "", data), tuple(range(len(models))))
                for index, data in enumerate(pictures)
            ]
            batches = score_with_cache(
                requests,
                models,
                batch_size=self._settings.batch_size,
                limits=self._settings.limits.of_a_picture,
            )
            return [answer.results for batch in batches for answer in batch]

        return await asyncio.get_running_loop().run_in_executor(self._thread, score)
