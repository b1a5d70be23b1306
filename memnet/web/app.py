"""The application: its routes, and what every request goes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from memnet import __version__
from memnet.web import comparisons, distributions, health, maps, metrics, models, scores
from memnet.web.decoding import start_importing
from memnet.web.guard import Guard
from memnet.web.intake import Intake
from memnet.web.pages import add_page
from memnet.web.passing_thread import call_in_passing
from memnet.web.problems import ProblemDetails, add_handlers
from memnet.web.service import Service
from memnet.web.settings import Settings

ROUTERS = (
    health.router,
    metrics.router,
    models.router,
    distributions.router,
    scores.router,
    maps.router,
    comparisons.router,
)
"""A route of its own is an ``APIRouter`` in a file of its own, and stands here."""


def make_app(settings: Settings) -> FastAPI:
    """Load the models and build the application (ASGI).

    Routes find ``settings``, ``models`` (:class:`.models.ServedModel`), ``service``
    (:class:`.service.Service`), ``maps`` (:class:`.maps.Maps`), ``comparisons``
    (:class:`.comparisons.Comparisons`) and ``metrics`` (:class:`.metrics.Metrics`) in
    ``request.app.state``.

    Raises
    ------
    MemnetError
        as :func:`memnet.load`, for any of the models.
    """
    start_importing()  # beside reading the weights
    loaded = call_in_passing(models.load_models, settings)
    counted = metrics.Metrics()
    service = Service(loaded, settings, counted)
    map_thread, reports = maps.Maps(), comparisons.Comparisons()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()
        map_thread.stop()
        reports.stop()

    app = FastAPI(
        title="memnet",
        version=__version__,
        description="How memorable are pictures? Nothing that is sent is stored or sent on.",
        lifespan=lifespan,
        docs_url=None,  # their scripts come from elsewhere
        redoc_url=None,
    )
    app.state.settings, app.state.models, app.state.service = settings, loaded, service
    app.state.maps, app.state.comparisons = map_thread, reports
    app.state.metrics = counted
    add_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    add_page(app, settings)
    app.add_middleware(
        Intake, limits=settings.limits, is_open=lambda: service.is_ready, metrics=counted
    )
    app.add_middleware(Guard, settings=settings)
    app.add_middleware(metrics.Counted, metrics=counted)  # the last one added is the outermost
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Let the OpenAPI document know the schema of problems, which no route returns by itself."""
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault("ProblemDetails", ProblemDetails.model_json_schema())
        return document

    app.openapi = with_problems  # type: ignore[method-assign]
