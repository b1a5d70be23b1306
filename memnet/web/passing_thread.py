"""Work with PyTorch in a thread that ends with it.

Each thread that computes with PyTorch keeps helpers of its own (an OpenMP team). Once all helpers
are more than the cores, GNU's OpenMP lets them sleep between any two operations, and waking them
takes a fifth of the time of a picture. So nothing may keep helpers but the thread of the networks.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


def call_in_passing(function: Callable[..., _T], *arguments: Any) -> _T:
    """Call a function in a thread of its own, and wait for it."""
    with ThreadPoolExecutor(1, thread_name_prefix="memnet-passing") as thread:
        return thread.submit(function, *arguments).result()
