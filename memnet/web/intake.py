"""How much may come in: the body of each request is counted and timed while it streams in.

All bodies together have a limit, too, so that memory does not grow with the number of clients. What
a request brought counts until it is answered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memnet.web.metrics import Metrics
from memnet.web.problems import Problem
from memnet.web.settings import Limits

SLOWEST = 50_000
"""Bytes per second that a body must come with, in every span of ``Limits.body_seconds``."""

_RETRY_AFTER = 5


class Intake:
    """Limits the bodies of requests; see the head of this file.

    Parameters
    ----------
    app : what reads them.
    limits : of one body, of all together, and of time.
    is_open : whether the server still takes requests; one that comes in halfway is refused.
    metrics : what is counted.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, is_open: Callable[[], bool], metrics: Metrics
    ) -> None:
        self._app, self._limits, self._is_open = app, limits, is_open
        self._held = 0
        metrics.watch("held_bytes", "Bytes of requests not answered yet.", lambda: self._held)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body is read by way of the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(self._limits.body_seconds)

        async def receive_some() -> Message:
            if body.is_whole:  # the app waits for the client to hang up
                return await receive()
            message = await body.next(receive)
            size = len(message.get("body", b""))
            self._check(body.came, size)
            self._held += size
            body.held += size
            return message

        try:
            length = Headers(scope=scope).get("content-length", "0")
            self._check(int(length) if length.isdigit() else 0, 0)
        except Problem as problem:
            await problem.response()(scope, receive, send)
            return
        try:
            await self._app(scope, receive_some, send)
        finally:
            self._held -= body.held

    def _check(self, of_one: int, more: int) -> None:
        if of_one > self._limits.bytes:
            raise Problem(
                413,
                f"A request may have {self._limits.bytes:,} bytes; send the pictures in several.",
            )
        if more and not self._is_open():
            raise Problem(503, "The server shuts down; try again in a while.", retry_after=10)
        if self._held + more > self._limits.bytes_together:
            raise Problem(
                503,
                f"The server holds {self._held:,} bytes of other requests; try again in "
                f"{_RETRY_AFTER} seconds.",
                retry_after=_RETRY_AFTER,
            )


class _Body:
    """A body as it comes in: how much of it, and whether it comes fast enough."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._began = time.monotonic()
        self._in_span = 0
        self.came = self.held = 0
        self.is_whole = False

    async def next(self, receive: Receive) -> Message:
        """Wait for the next piece; raises :class:`Problem` (408) where that takes too long."""
        left = self._began + self._span - time.monotonic()
        if left <= 0 and self._in_span >= SLOWEST * self._span:
            self._began, self._in_span, left = time.monotonic(), 0, self._span
        try:
            message = await asyncio.wait_for(receive(), max(left, 0.0))
        except asyncio.TimeoutError:
            raise Problem(
                408,
                f"The request came too slowly: {self._in_span:,} bytes of it in "
                f"{self._span:g} seconds.",
                headers={"Connection": "close"},
            ) from None
        size = len(message.get("body", b""))
        self.came += size
        self._in_span += size
        self.is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message
