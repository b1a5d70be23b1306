"""Whether the server is alive, ready to score, and how it fares."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from memnet.web.problems import Problem, responses

router = APIRouter()


class Health(BaseModel):
    """That all is well."""

    status: str = Field(examples=["ok"])


@router.get("/healthz", summary="Is the server alive?", responses=responses())
async def healthz() -> Health:
    """Answer, which shows that the server does."""
    return Health(status="ok")


@router.get("/readyz", summary="Can it score?", responses=responses(503))
async def readyz(request: Request) -> Health:
    """Say whether requests are taken: not before all has started, nor while it shuts down."""
    if not request.app.state.service.is_ready:
        raise Problem(503, "The server starts or shuts down.", retry_after=1)
    return Health(status="ok")
