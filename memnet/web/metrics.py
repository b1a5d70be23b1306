"""What is counted, for Prometheus: ``GET /metrics``. No name of a file or of a client is in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    exposition,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter()


class Metrics:
    """The counters of a server.

    Attributes
    ----------
    requests : by route and status.
    pictures : by result: scored, failed.
    batch_pictures, batch_seconds : of each pass through the networks.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "memnet_requests", "Requests.", ["route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "memnet_request_seconds", "Seconds to an answer.", ["route"], registry=self.registry
        )
        self.pictures = Counter("memnet_pictures", "Pictures.", ["result"], registry=self.registry)
        self.batch_pictures = Histogram(
            "memnet_batch_pictures",
            "Pictures of a batch.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=self.registry,
        )
        self.batch_seconds = Histogram(
            "memnet_batch_seconds", "Seconds of the networks for a batch.", registry=self.registry
        )
        self._decoding = Histogram(
            "memnet_decoding_seconds", "Seconds to decode a picture.", registry=self.registry
        )

    def decoding(self) -> AbstractContextManager[object]:
        """Time the decoding of a picture."""
        return self._decoding.time()

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Let a value be read whenever the metrics are."""
        Gauge(f"memnet_{name}", what, registry=self.registry).set_function(value)


class Counted:
    """Counts and times requests by the pattern of their route, not by what was asked.

    Parameters
    ----------
    app : what answers.
    metrics : where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = "none"  # the client hung up

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(route, status).inc()
            self._metrics.request_seconds.labels(route).observe(time.monotonic() - began)


@router.get("/metrics", summary="Counters, for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Say how many requests and pictures there were, how long they took, and how many wait."""
    found: Metrics = request.app.state.metrics
    return Response(generate_latest(found.registry), media_type=exposition.CONTENT_TYPE_LATEST)
