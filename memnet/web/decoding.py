"""Processes that decode, each of which may be lost to a hostile picture."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as TooLong
from multiprocessing import forkserver
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from memnet.errors import PictureError
from memnet.web import decode_worker
from memnet.web.decode_worker import Ready, Recipe
from memnet.web.problems import log
from memnet.web.settings import Settings

_T = TypeVar("_T")

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""A lost process is replaced in half a second, by a fork of one that has imported everything."""


class Decoders:
    """A pool of processes; one that is lost is replaced.

    Parameters
    ----------
    recipes : what is made of pictures, by their places.
    settings : how many processes, and what a picture may take.
    """

    def __init__(self, recipes: tuple[Recipe, ...], settings: Settings) -> None:
        self._recipes, self._settings = recipes, settings
        self._pool = self._make_pool()

    async def start(self) -> None:
        """Start all processes, so that the first picture need not wait for them."""
        count = self._settings.decoders
        await asyncio.gather(*(self.run(decode_worker.be_there) for _ in range(count)))

    def stop(self) -> None:
        """End all processes; what they were at is lost."""
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()

    async def get_ready(self, data: bytes, wanted: Sequence[int]) -> Ready:
        """Decode a picture for the recipes at these places; raises ``PictureError``."""
        limits = self._settings.limits.of_a_picture
        answer = await self.run(decode_worker.get_ready, data, tuple(wanted), limits)
        if isinstance(answer, str):
            raise PictureError(answer)
        return answer

    async def run(self, function: Callable[..., _T], *arguments: Any) -> _T:
        """Call a function in one of the processes.

        Parameters
        ----------
        function : of a module, so that it can be found there.
        arguments : such as can be pickled; so must what it returns.

        Raises
        ------
        PictureError
            if it takes too long, or its process ended; whatever it raises itself comes, too.
        """
        seconds = self._settings.limits.decoding_seconds
        try:
            return await asyncio.wrap_future(self._schedule(function, arguments, seconds))
        except (TooLong, asyncio.TimeoutError):
            raise PictureError(
                f"Decoding the picture took more than {seconds:g} seconds and was stopped; save it "
                "anew, or smaller."
            ) from None
        except ProcessExpired:
            raise PictureError(
                "Decoding the picture ended its decoder: the file is damaged, or made to do so; "
                "save it anew."
            ) from None

    def _schedule(self, function: Callable[..., _T], arguments: Any, seconds: float) -> Any:
        try:
            return self._pool.schedule(function, arguments, timeout=seconds)
        except RuntimeError:  # all of them were ended from outside, while none had work
            log.warning("the decoders were lost and are started again")
            self._pool = self._make_pool()
            return self._pool.schedule(function, arguments, timeout=seconds)

    def _make_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._settings.decoders,
            initializer=decode_worker.begin,
            initargs=(self._recipes, self._settings.limits.decoding_bytes),
            context=multiprocessing.get_context(_METHOD),
        )


def start_importing() -> None:
    """Let the process that all decoders come from import what they need, while others work."""
    if _METHOD == "forkserver":
        multiprocessing.get_context(_METHOD).set_forkserver_preload([decode_worker.__name__])
        forkserver.ensure_running()
