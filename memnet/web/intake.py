"""How much may come in: the body of each request is counted and timed while it streams in.

All bodies together have a limit, too, so that memory does not grow with the number of clients. What
a request brought counts until it is answered.
"""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memnet.web.problems import Problem
from memnet.web.settings import Limits

SLOWEST = 50_000
"""Bytes per second that a body must come with on average, once its first seconds are over."""

_RETRY_AFTER = 5


class Intake:
    """Limits the bodies of requests; see the head of this file.

    Parameters
    ----------
    app : what reads them.
    limits : of one body, of all together, and of time.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app, self._limits = app, limits
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body is read by way of the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        came, whole = 0, False

        async def receive_some() -> Message:
            nonlocal came, whole
            if whole:  # the app waits for the client to hang up
                return await receive()
            left = self._limits.body_seconds + came / SLOWEST - (time.monotonic() - began)
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.0))
            except asyncio.TimeoutError:
                raise Problem(
                    408,
                    f"The request came too slowly: {came:,} bytes in "
                    f"{time.monotonic() - began:.0f} seconds.",
                    headers={"Connection": "close"},
                ) from None
            if message["type"] == "http.request":
                size = len(message.get("body", b""))
                self._check(came + size, size)
                came += size
                self._held += size
                whole = not message.get("more_body", False)
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
            self._held -= came

    def _check(self, of_one: int, more: int) -> None:
        if of_one > self._limits.bytes:
            raise Problem(
                413,
                f"A request may have {self._limits.bytes:,} bytes; send the pictures in several.",
            )
        if self._held + more > self._limits.bytes_together:
            raise Problem(
                503,
                f"The server holds {self._held:,} bytes of other requests; try again in "
                f"{_RETRY_AFTER} seconds.",
                retry_after=_RETRY_AFTER,
            )
