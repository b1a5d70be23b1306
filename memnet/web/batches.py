"""The one thread that runs the networks, on pictures of all requests together.

A batch begins when it is full, when nothing else is being decoded, or when its first picture has
waited for :data:`MOST_WAIT`. So a picture that is alone never waits, and under load nothing is lost
by waiting: while the networks pause, the processes that decode have all cores.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from memnet.scoring.engine import Prepared, score_prepared
from memnet.scoring.scored import Scored
from memnet.web.models import ServedModel

MOST_WAIT = 0.1
"""Seconds for which a picture waits so that others can join its batch."""


@dataclass(frozen=True)
class Job:
    """A picture for the networks.

    Attributes
    ----------
    inputs : place of a model -> what it is fed.
    result : place of a model -> what it gave, or why that is no score.
    since : when the picture was ready.
    """

    inputs: dict[int, Prepared]
    result: Future[dict[int, Scored | str]] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


class Batches:
    """Runs the networks.

    Parameters
    ----------
    models : those of the server.
    size : pictures per batch, at most.
    on_batch : is told how many pictures a batch had, and how many seconds it took.
    """

    def __init__(
        self, models: Sequence[ServedModel], size: int, on_batch: Callable[[int, float], None]
    ) -> None:
        self._models, self._size, self._on_batch = models, size, on_batch
        self._jobs: deque[Job] = deque()
        self._coming = 0
        self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="memnet-networks", daemon=True)
        self._thread.start()

    @contextmanager
    def expect(self) -> Iterator[None]:
        """Say that a picture is on its way, while it is being decoded."""
        self._count_coming(1)
        try:
            yield
        finally:
            self._count_coming(-1)

    def submit(self, inputs: dict[int, Prepared]) -> Future[dict[int, Scored | str]]:
        """Queue a picture for the models at these places."""
        job = Job(inputs)
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        return job.result

    def close(self) -> None:
        """Finish what was queued, and end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _count_coming(self, more: int) -> None:
        with self._changed:
            self._coming += more
            self._changed.notify()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            wanted = [job for job in batch if job.result.set_running_or_notify_cancel()]
            if wanted:
                began = time.monotonic()
                self._score(wanted)
                self._on_batch(len(wanted), time.monotonic() - began)

    def _next(self) -> list[Job] | None:
        """Wait for a batch; None is the end."""
        with self._changed:
            while not self._jobs and not self._is_closed:
                self._changed.wait()
            while self._jobs and len(self._jobs) < self._size and self._coming:
                left = self._jobs[0].since + MOST_WAIT - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            batch = [self._jobs.popleft() for _ in range(min(self._size, len(self._jobs)))]
            return batch or None

    def _score(self, batch: Sequence[Job]) -> None:
        results: list[dict[int, Scored | str]] = [{} for _ in batch]
        try:
            for place, model in enumerate(self._models):
                asked = [number for number, job in enumerate(batch) if place in job.inputs]
                if asked:
                    inputs = [batch[number].inputs[place] for number in asked]
                    scored = score_prepared(model.predictor, inputs)
                    for number, each in zip(asked, scored, strict=True):
                        results[number][place] = each
        except Exception as error:  # of a network, or the memory: those who wait are told
            for job in batch:
                job.result.set_exception(error)
        else:
            for job, result in zip(batch, results, strict=True):
                job.result.set_result(result)
