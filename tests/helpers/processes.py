"""Two processes for simulations that take minutes."""

from __future__ import annotations

import multiprocessing
import os
import unittest.mock
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

PROCESSES = 2


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """Two processes, each on one core, where the library's threads do not fight over cores."""
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for place in range(PROCESSES):
        cores.put(known[place % len(known)] if known else None)
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with (
        unittest.mock.patch.dict(os.environ, variables),
        ProcessPoolExecutor(
            PROCESSES, mp_context=context, initializer=_pin, initargs=(cores,)
        ) as pool,
    ):
        yield pool


def _pin(cores: Any) -> None:
    core = cores.get()
    if core is not None:
        os.sched_setaffinity(0, {core})
