"""The score cache, as the server uses it: what is known of pictures, and what is found out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from memnet.preprocess.decode import USUAL_LIMITS
from memnet.scoring.picture_contents import Content, digest_picture
from memnet.scoring.score_cache import open_cache
from memnet.scoring.scored import Scored
from memnet.web.models import ServedModel

Known = dict[int, Scored]
"""Place of a model -> its score of a picture."""


class KnownScores:
    """Looks scores up and keeps them, in a thread of its own, since the file may be in use.

    Parameters
    ----------
    models : those of the server.
    """

    def __init__(self, models: Sequence[ServedModel]) -> None:
        self._models = models
        self._in_use = any(model.digest for model in models)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memnet-cache")

    async def find(
        self, pictures: Sequence[bytes], places: Sequence[int]
    ) -> list[tuple[Content, Known]]:
        """Digest pictures, and find what these models gave for them."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._find, pictures, places)

    def add(self, content: Content, results: Mapping[int, Scored | str]) -> None:
        """Keep what models gave for a picture; failures are tried again another time."""
        self._thread.submit(self._add, content, results)

    def close(self) -> None:
        """Keep what was added, and end."""
        self._thread.shutdown()

    def _find(
        self, pictures: Sequence[bytes], places: Sequence[int]
    ) -> list[tuple[Content, Known]]:
        contents = [content for data in pictures if (content := _digest(data))]
        found: list[Known] = [{} for _ in contents]
        with open_cache(self._in_use) as cache:
            for place in places if cache else ():
                if digest := self._models[place].digest:
                    keys = [content.key(digest) for content in contents]
                    scores = cache.find(keys) if cache else {}
                    for known, key in zip(found, keys, strict=True):
                        if key in scores:
                            known[place] = scores[key]
        return list(zip(contents, found, strict=True))

    def _add(self, content: Content, results: Mapping[int, Scored | str]) -> None:
        with open_cache(self._in_use) as cache:
            for place, result in results.items():
                model = self._models[place]
                if cache and model.digest and isinstance(result, Scored):
                    cache.add(content.key(model.digest), model.predictor.label, result)


def _digest(data: bytes) -> Content:
    content = digest_picture(data, USUAL_LIMITS)
    assert content is not None  # bytes can always be read
    return content
