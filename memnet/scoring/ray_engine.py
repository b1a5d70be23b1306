"""``memnet score --engine ray``: Ray Data spreads the pictures over a cluster's processes.

Ray starts the workers, feeds them, and gives the pictures of one that died to another. Answers come
back in the pictures' order, each once, to the process that keeps the table.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from memnet.errors import MemnetError
from memnet.scoring.batch_scorer import BatchScorer
from memnet.scoring.cluster_parts import Share, Starts, Worker, cut_up
from memnet.scoring.scored import Answer, Request
from memnet.util.text import words_of


def answers_of(
    scorer: BatchScorer, requests: Sequence[Request], share: Share
) -> Iterator[list[Answer]]:
    """Do what ``scorer.answers(requests)`` does, by the workers of the cluster."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    parts = cut_up(requests, share.workers, scorer.batch_size)
    lasting = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
    starts = ray.remote(**lasting)(Starts).remote()  # its computer may be switched off, too
    data = ray.data.from_items(
        [{"part": pickle.dumps(part)} for part in enumerate(parts)], override_num_blocks=len(parts)
    ).map_batches(
        _RayWorker,
        fn_constructor_args=(scorer, os.getcwd(), starts),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=min(share.workers, len(parts))),
        num_cpus=share.cores,
        num_gpus=share.gpus,
    )
    try:
        for batch in data.iter_batches(batch_size=1, batch_format="pyarrow"):
            result = pickle.loads(batch["result"][0].as_py())
            if isinstance(result, MemnetError):
                raise result
            yield result
    except ray.exceptions.RayError as error:
        raise MemnetError(
            f"Ray stopped ({words_of(error)}); what was finished is kept: run the command again."
        ) from error


class _RayWorker:
    def __init__(self, scorer: BatchScorer, folder: str, starts: Any) -> None:
        import ray

        self.worker = Worker(scorer, folder, lambda part: ray.get(starts.count.remote(part)))

    def __call__(self, batch: Any) -> dict[str, list[bytes]]:
        part = pickle.loads(batch["part"][0].as_py())
        return {"result": [pickle.dumps(self.worker.score(*part))]}
