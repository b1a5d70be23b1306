"""Compiling inner loops with Numba: those of resampling, and of resizing pictures.

In resampling, a resample is a vector of counts (how often each picture was drawn), so nothing is
copied or sorted again: ranks, moments and distribution functions follow from counts and orders that
were made once. A kernel fills the rows ``start`` to ``stop`` of its output, one row a resample;
rows are independent, so that threads may share the work. Each kernel stands in the file of its
metric, and tests compare it with SciPy on the copied resample.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function, **options: Any) -> _Function:
    """Compile with Numba, without the interpreter's lock, and keep the result on disk.

    Where neither the package's folder nor the home folder can be written, the user has no home, or
    the disk is full, it is compiled anew in each process.

    Examples
    --------
    >>> @compiled
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    try:
        _require_home()
        fast: Any = numba.njit(nogil=True, cache=True, **options)(function)
        fast._cache = _Cache(fast._cache)
    except RuntimeError:  # no folder for the cache
        fast = numba.njit(nogil=True, **options)(function)
    return cast(_Function, fast)


def _require_home() -> None:
    """Raise where Numba would make a folder with the name ``~`` in the working folder."""
    named = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if not named and os.path.expanduser("~") == "~":  # as for a user that a container does not know
        raise RuntimeError("there is no home folder")


class _Cache:
    """Numba's cache of one function; a full disk, or a file cut short by a crash, stops nothing."""

    def __init__(self, cache: Any) -> None:
        self._numbas = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numbas, name)

    def load_overload(self, *args: Any) -> Any:
        """Return what was compiled before, or None."""
        try:
            return self._numbas.load_overload(*args)
        except Exception:  # a damaged file may raise anything; it is written anew
            with contextlib.suppress(OSError):
                self._numbas.flush()
            return None

    def save_overload(self, *args: Any) -> None:
        """Keep what was compiled, where it can be kept."""
        with contextlib.suppress(OSError):
            self._numbas.save_overload(*args)


def compiled_for_sums(function: _Function) -> _Function:
    """Compile, allowing sums in another order: several at a time. NaN and infinity stay exact."""
    return compiled(function, fastmath={"reassoc", "contract"})
