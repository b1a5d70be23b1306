"""How pictures are spread over a cluster: who gets what of it, and what a worker does with a part.

Nothing here knows Ray (:mod:`memnet.scoring.ray_engine` does).
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from memnet.errors import MemnetError
from memnet.scoring.batch_scorer import BatchScorer, without_pillows_warnings
from memnet.scoring.devices import AUTO
from memnet.scoring.scored import Answer, Request

_CORES = 4
"""Of a worker, where nobody says how many workers there shall be."""

_BATCHES = 4
"""How many batches a part has, at most: what a worker that dies takes with it."""

_PARTS = 8
"""How many parts a worker gets, at least: so that all end at about the same time."""

_STARTS = 4
"""How often a part is tried on which workers die."""


class Computer(NamedTuple):
    """What a cluster has in one computer."""

    cores: int
    gpus: int


class Share(NamedTuple):
    """How many workers there are, where their networks run, and what each has of its computer."""

    workers: int
    device: str
    cores: int
    gpus: float


def share_out(computers: Sequence[Computer], workers: int | None, device: str) -> Share:
    """Divide a cluster among workers.

    Parameters
    ----------
    computers : of the cluster.
    workers : how many; None: one for each GPU, or for each four cores of a computer.
    device : ``"auto"`` (GPUs where there are any), ``"cpu"`` or ``"cuda"``.

    Raises
    ------
    MemnetError
        if there is no GPU where one is wanted, there are more workers than cores, or the device is
        another: which of its GPUs a worker gets is the cluster's to say.

    Examples
    --------
    >>> share_out([Computer(16, 0), Computer(8, 0)], None, "auto")
    Share(workers=6, device='cpu', cores=4, gpus=0)
    >>> share_out([Computer(16, 2)], 4, "auto")
    Share(workers=4, device='cuda', cores=4, gpus=0.5)
    """
    if device not in (AUTO, "cpu", "cuda"):
        raise MemnetError(
            f"--device {device} is for one computer; on a cluster it is cpu or cuda, and which of "
            "its GPUs a worker has is for Ray to say."
        )
    gpus = sum(computer.gpus for computer in computers) if device != "cpu" else 0
    if device == "cuda" and not gpus:
        raise MemnetError("The cluster has no GPU that Ray knows of; leave --device out.")
    if gpus:
        wanted = workers or gpus
        on_each = -(-wanted // gpus)  # workers on a GPU, rounded up
        cores = min(each.cores // (each.gpus * on_each) for each in computers if each.gpus)
        if cores:
            return Share(wanted, "cuda", min(_CORES, cores), 1 / on_each)
    else:
        each_has = [computer.cores for computer in computers if computer.cores]
        most = max(each_has, default=0) if workers else min([_CORES, *each_has])
        for cores in range(most, 0, -1):
            room = sum(has // cores for has in each_has)
            if room >= (workers or 1):
                return Share(workers or room, "cpu", cores, 0)
    raise MemnetError(
        f"The cluster has too few cores for {workers or gpus or 1} worker(s) "
        f"({sum(computer.cores for computer in computers)}); give --workers fewer."
    )


def cut_up(requests: Sequence[Request], workers: int, batch_size: int) -> list[Sequence[Request]]:
    """Cut pictures into the parts that travel: of whole batches, at the end of one each.

    So the worker that ends last works for a batch alone.
    """
    batches = max(1, min(_BATCHES, len(requests) // (_PARTS * workers * batch_size)))
    size = batches * batch_size
    large = max(0, len(requests) // size - workers)  # the others' share: a part for each worker
    starts = [*range(0, large * size, size), *range(large * size, len(requests), batch_size)]
    return [
        requests[start:end] for start, end in zip(starts, [*starts[1:], len(requests)], strict=True)
    ]


class Starts:
    """Counts how often each part was begun, by its number."""

    def __init__(self) -> None:
        self._of: Counter[int] = Counter()

    def count(self, number: int) -> int:
        """Count one more, and return how often it was."""
        self._of[number] += 1
        return self._of[number]


class Worker:
    """Scores parts in a process of the cluster.

    Parameters
    ----------
    scorer : what it runs.
    folder : from which relative paths start.
    count_starts : returns how often a part, by its number, was begun by any worker.
    """

    def __init__(
        self, scorer: BatchScorer, folder: str, count_starts: Callable[[int], int]
    ) -> None:
        self.scorer, self.folder, self.count_starts = scorer, folder, count_starts

    def score(self, number: int, requests: Sequence[Request]) -> list[Answer] | MemnetError:
        """Answer a part, or return what ends the run."""
        if self.count_starts(number) > _STARTS:
            return MemnetError(
                f"{_STARTS} workers died over the pictures from {requests[0].item.image_id} to "
                f"{requests[-1].item.image_id}. Their memory may be too small (--workers fewer, or "
                "--max-pixels), or one of these pictures at fault; what was finished is kept."
            )
        try:
            os.chdir(self.folder)
            with without_pillows_warnings():
                return [each for batch in self.scorer.answers(requests) for each in batch]
        except MemnetError as error:
            return error
        except OSError as error:
            return MemnetError(
                f"{socket.gethostname()} cannot open the folder {self.folder} ({error.strerror}): "
                "all computers of a cluster must see the pictures at the same paths."
            )
