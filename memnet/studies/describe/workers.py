"""Pictures measured on all cores, each core in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from memnet.data.inputs import Item
from memnet.errors import MemnetError

FEW = 48
"""Pictures up to which no process is started: that takes as long as measuring them."""

_AHEAD = 4
"""Pictures per process that are asked for before the first of them is fetched."""

_MOST = 61
"""Processes, of which Python can wait for no more on Windows."""

Row = dict[str, Any]
"""A picture's row of the table, by column."""


def describe_items(
    items: Iterable[tuple[Item, Row | None]], count: int
) -> Generator[Row, None, None]:
    """Describe pictures in order; each with the row that an earlier run made of it, or None.

    Only paths and numbers travel between the processes, and only a few pictures are asked for
    ahead, so that memory does not grow with the number of pictures.

    Parameters
    ----------
    count : how many there are.

    Raises
    ------
    MemnetError
        if a process is ended from outside, as a system does whose memory is full.
    """
    from memnet.studies.describe.measures import describe_item

    processes = min(_cores(), 1 + count // FEW, _MOST)
    if multiprocessing.current_process().daemon:  # such a process may start no others
        processes = 1
    if processes == 1:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"PIL\.")  # they name no picture
            for item, known in items:
                yield describe_item(item, known)
        return
    context = multiprocessing.get_context("spawn")  # threads of this process may hold locks
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_begin, initargs=(context.Lock(),)
    )
    waiting: deque[Future[Row]] = deque()
    try:
        for item, known in items:
            with _main_module_hidden():
                waiting.append(pool.submit(describe_item, item, known))
            if len(waiting) >= _AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise MemnetError(
            "A process that measured pictures was ended from outside, as happens where memory is "
            "full; what was finished is kept: close other programs and run the same command again."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def _begin(one_large: Any) -> None:
    """Prepare a process that measures."""
    from memnet.studies.describe import measures

    measures.one_large = one_large
    warnings.filterwarnings("ignore", module=r"PIL\.")  # they name no picture
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asked
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the process that asked was killed: nobody else would end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _main_module_hidden() -> Iterator[None]:
    """Keep a new process from running the user's script again, which it needs nothing of.

    Python runs the script in each new process, and one without ``if __name__ == "__main__":``
    would start processes without end, if Python did not refuse that with an error.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
