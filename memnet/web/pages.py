"""The page: static files of the package, and nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

from memnet.web.samples import ADDRESS, FOLDER
from memnet.web.settings import Settings

_PAGE = Path(__file__).parent / "page"


def add_page(app: FastAPI, settings: Settings) -> None:
    """Let an app serve the page at ``/``, its files below ``/page``, and samples for a demo."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    if settings.demo:
        app.mount(ADDRESS, StaticFiles(directory=FOLDER))
    app.mount("/page", StaticFiles(directory=_PAGE))
