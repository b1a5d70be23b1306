"""``POST /v1/maps``: where in a picture, as ``memnet inspect map`` shows it.

A map takes dozens of passes through the network. One is made at a time, in a thread beside the one
that scores, so that scores go on.
"""

from __future__ import annotations

import asyncio
import base64
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from PIL import Image
from pydantic import BaseModel, Field

from memnet.inspect.map_figure import describe_values, overlay
from memnet.inspect.maps import MapMaker, MapSettings, PictureMap
from memnet.web.connection import while_connected
from memnet.web.decode_worker import get_pixels
from memnet.web.models import choose
from memnet.web.passing_thread import call_in_passing
from memnet.web.problems import Problem, responses
from memnet.web.room import Room
from memnet.web.schemas import FILE, form_schema
from memnet.web.service import Service
from memnet.web.settings import Settings
from memnet.web.uploads import read_uploads

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

router = APIRouter()

_MOST_WAITING = 3
_MOST_PIXELS = 25_000_000
_SHOWN = 840
"""Pixels on a side of what is sent."""

_RETRY_AFTER = 20


class MapSanity(BaseModel):
    """Whether the map changes when the network's parameters are drawn at random."""

    rho: float | None = Field(
        description="Spearman's, with the map of the random network: above .5 the map shows the "
        "picture rather than the model"
    )
    reason: str = Field(description="why there is none, else empty")


class Map(BaseModel):
    """A map of a picture."""

    png: str = Field(description="the map over the picture, in base64")
    model: str = Field(examples=["resmem.published"])
    method: str = Field(examples=["windows"])
    values: str = Field(
        description="what its values are", examples=["score of the windows round it"]
    )
    lowest: float | None
    highest: float | None
    score: float = Field(description="of the whole picture")
    sanity: MapSanity
    warnings: list[str]


class Maps:
    """Makes maps, one at a time.

    Attributes
    ----------
    room : for those that wait.
    """

    def __init__(self) -> None:
        self.room = Room("maps", _MOST_WAITING, _RETRY_AFTER)
        self._one_by_one = ThreadPoolExecutor(1, thread_name_prefix="memnet-maps")
        self._maker: MapMaker | None = None

    async def make(
        self, predictor: Predictor, settings: MapSettings, pixels: np.ndarray
    ) -> tuple[PictureMap, bytes]:
        """Make a map and the PNG that shows it.

        Raises
        ------
        Problem
            if too many wait (503).
        MemnetError
            as :meth:`memnet.inspect.maps.MapMaker.make`.
        """
        with self.room.place():
            return await asyncio.get_running_loop().run_in_executor(
                self._one_by_one, call_in_passing, self._make, predictor, settings, pixels
            )

    def _make(
        self, predictor: Predictor, settings: MapSettings, pixels: np.ndarray
    ) -> tuple[PictureMap, bytes]:
        maker = self._maker
        if maker is None or (maker.predictor, maker.settings) != (predictor, settings):
            # The last one is kept, with its random network, which takes as long as some passes.
            maker = self._maker = MapMaker(predictor, settings)
        made = maker.make(pixels)
        buffer = io.BytesIO()
        Image.fromarray(overlay(made, settings, _SHOWN)).save(buffer, "PNG")
        return made, buffer.getvalue()

    def stop(self) -> None:
        """Finish what is being made, and end."""
        self._one_by_one.shutdown()


@router.post(
    "/v1/maps",
    summary="Where in a picture?",
    response_model=Map,
    responses=responses(408, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form_schema(FILE)}},
        }
    },
)
async def post_map(
    request: Request,
    model: Annotated[str | None, Query(description="a label; not needed for an only model")] = None,
    method: Annotated[
        Literal["windows", "occlusion"],
        Query(description="the score of each part alone, or what is lost with each part covered"),
    ] = "windows",
) -> dict[str, Any]:
    """Make a map of one picture: its score part by part, with a check against a random network."""
    service: Service = request.app.state.service
    settings: Settings = request.app.state.settings
    maps: Maps = request.app.state.maps
    maps.room.check()  # before anything is read
    uploads, named = await read_uploads(request, replace(settings.limits, files=1))
    places = choose(service.models, [model] if model else named)
    if len(places) > 1:
        raise Problem(422, "This server has several models; say which one by ?model=LABEL.")
    served = service.models[places[0]]
    limits = settings.limits.of_a_picture
    pixels = await service.decoders.run(
        get_pixels,
        uploads[0].data,
        served.predictor.exif_orientation,
        replace(limits, max_pixels=min(limits.max_pixels, _MOST_PIXELS)),
    )
    if isinstance(pixels, str):
        raise Problem(422, pixels)
    how = MapSettings(method, batch_size=settings.batch_size)
    making = maps.make(served.predictor, how, pixels)
    made, png = await while_connected(request, making)  # else it is not begun
    seen = made.shown[np.isfinite(made.shown)]
    return {
        "png": base64.b64encode(png).decode(),
        "model": served.label,
        "method": method,
        "values": describe_values(how),
        "lowest": float(seen.min()) if len(seen) else None,
        "highest": float(seen.max()) if len(seen) else None,
        "score": made.score,
        "sanity": {"rho": made.sanity.rho, "reason": made.sanity.reason},
        "warnings": made.warnings,
    }
