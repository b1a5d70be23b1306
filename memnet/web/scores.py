"""``POST /v1/scores``: pictures in, what each model gives for each, in the order of the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from memnet.data.human_scores import percentiles
from memnet.web.connection import while_connected
from memnet.web.models import ServedModel, choose
from memnet.web.problems import responses
from memnet.web.schemas import FILE, body_schema, form_schema
from memnet.web.service import Answered, Service
from memnet.web.settings import Settings
from memnet.web.uploads import PicturesInJson, read_uploads

router = APIRouter()


class PictureWarning(BaseModel):
    """What to know before a picture's scores are used."""

    kind: str = Field(description="grey, tiny, faces, rotated or decoding", examples=["grey"])
    sentence: str


class Score(BaseModel):
    """What a model gives for a picture."""

    model: str = Field(examples=["resmem.published"])
    score: float = Field(examples=[0.7254])
    raw: float = Field(description="before scaling and clamping", examples=[0.7254])
    n_crops: int = Field(examples=[1])
    clamped: bool
    percentiles: dict[str, float] = Field(
        description="share of a data set's human scores that lie below, in per cent",
        examples=[{"lamem": 63.2}],
    )


class PictureScores(BaseModel):
    """A picture and its scores; one that cannot be read has none, and says why."""

    index: int = Field(description="place among the files of the request, from 0", examples=[0])
    name: str = Field(description="the file's name, made printable", examples=["a.jpg"])
    sha256: str = Field(description="of the file")
    width: int | None
    height: int | None
    mode: str = Field(description="as stored: RGB, L, CMYK ...", examples=["RGB"])
    failed: str | None = Field(description="why there are no scores, in one sentence")
    warnings: list[PictureWarning]
    scores: list[Score]


class Scores(BaseModel):
    """The pictures of a request in their order, and what decides the scores of each model."""

    pictures: list[PictureScores]
    identities: dict[str, dict[str, Any]]


_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": form_schema({"type": "array", "minItems": 1, "items": FILE})
        },
        "application/json": {
            "schema": body_schema(PicturesInJson),
            "example": {
                "pictures": [{"name": "dot.gif", "data": "R0lGODlhAQABAAAAACwAAAAAAQABAAA="}],
                "models": ["resmem.published"],
            },
        },
    },
}


@router.post(
    "/v1/scores",
    summary="Score pictures",
    response_model=Scores,
    responses=responses(408, 413, 415, 422, 503),
    openapi_extra={"requestBody": _BODY},
)
async def post_scores(
    request: Request,
    model: Annotated[
        list[str] | None, Query(description="labels of /v1/models; without it, all")
    ] = None,
) -> dict[str, Any]:
    """Score pictures by models of this server: files of a form, or base64 within JSON.

    A picture that cannot be read says why and stops no other. Nothing of them is kept but the
    score, under a checksum, in the server's score cache.
    """
    settings: Settings = request.app.state.settings
    service: Service = request.app.state.service
    service.check_room()  # before anything is read
    uploads, named = await read_uploads(request, settings.limits)
    places = choose(service.models, model or named)
    data = [upload.data for upload in uploads]
    answers = await while_connected(request, service.score(data, places))
    models = {place: service.models[place] for place in places}
    return {
        "pictures": [
            _picture(index, upload.name, models, answered)
            for index, (upload, answered) in enumerate(zip(uploads, answers, strict=True))
        ],
        "identities": {each.label: each.identity for each in models.values()},
    }


def _picture(
    index: int, name: str, models: Mapping[int, ServedModel], answered: Answered
) -> dict[str, Any]:
    return {
        "index": index,
        "name": name,
        "sha256": answered.sha256,
        "width": answered.width,
        "height": answered.height,
        "mode": answered.mode,
        "failed": answered.failed,
        "warnings": [warned._asdict() for warned in answered.warnings],
        "scores": [
            {
                "model": model.label,
                "score": result.score,
                "raw": result.raw,
                "n_crops": len(result.outputs),
                "clamped": result.clamped,
                "percentiles": percentiles(result.score, model.predictor.target),
            }
            for place, model in models.items()
            if (result := (answered.results or {}).get(place)) is not None
        ],
    }
