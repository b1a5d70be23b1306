"""Several models take turns where memory does not hold all; each scores a picture once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from memnet.scoring.batch_scorer import BatchScorer
from memnet.scoring.named import NamedModel
from memnet.scoring.scored import Answer, Request

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

_WEIGHTS_TOGETHER = 3_000_000_000
"""Bytes of the weight files of models that score together; more models take turns."""


class Turn:
    """Models that score together, and what is asked of them.

    Attributes
    ----------
    scorer : of these models.
    asked : how many pictures, as often as they are named.
    requests : the first of each picture, as trials name one.
    """

    def __init__(self, scorer: BatchScorer, requests: Sequence[Request]) -> None:
        self.scorer, self.asked = scorer, len(requests)
        first: dict[object, Request] = {}
        self._others: dict[str, list[Request]] = {}
        for request in requests:
            item, models = request
            picture = (item.picture, models) if item.path else id(item)
            one = first.setdefault(picture, request)
            if one is not request:
                self._others.setdefault(one.item.image_id, []).append(request)
        self.requests = list(first.values())

    def with_repeats(self, answers: Iterable[Answer]) -> list[Answer]:
        """Put behind each answer those to the other requests of its picture."""
        everything = []
        for answer in answers:
            again = self._others.get(answer.request.item.image_id, ())
            everything += [answer, *(answer._replace(request=request) for request in again)]
        return everything


def in_turns(scorer: BatchScorer, requests: Sequence[Request]) -> Iterator[Turn]:
    """Part a scorer's models into such as memory holds together, in their order.

    The models of the requests are places in the scorer's, and in each turn among the turn's.
    """
    for group in _groups([model for _, model in scorer.found]):
        asked = [
            Request(item, tuple(place - group.start for place in wanted if place in group))
            for item, wanted in requests
        ]
        yield Turn(scorer.only(group), [each for each in asked if each.models])


def _groups(models: Sequence[NamedModel | Predictor]) -> Iterator[range]:
    start, held = 0, 0
    files: set[Path] = set()
    for place, model in enumerate(models):
        if not isinstance(model, NamedModel) or model.path in files:
            continue
        size = os.path.getsize(model.path)
        if files and held + size > _WEIGHTS_TOGETHER:
            yield range(start, place)
            start, held, files = place, 0, set()
        files.add(model.path)
        held += size
    yield range(start, len(models))
