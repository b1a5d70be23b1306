"""Errors of the API: problem details (RFC 9457), one clear sentence each."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from memnet.errors import MemnetError
from memnet.util.text import printable

log = logging.getLogger("memnet.web")

PROBLEM = "application/problem+json"


class Problem(HTTPException):
    """Why a request is not answered as it was meant.

    Parameters
    ----------
    status : of HTTP.
    detail : one sentence: what, where, and what to do.
    retry_after : seconds after which it may be tried again, where that helps.
    headers : more of them.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.retry_after = retry_after
        if retry_after is not None:
            headers = {**(headers or {}), "Retry-After": str(retry_after)}
        super().__init__(status, detail, headers)

    def response(self) -> JSONResponse:
        """Return it as a response."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status_code).phrase,
            "status": self.status_code,
            "detail": self.detail,
        }
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return JSONResponse(
            body, self.status_code, headers=dict(self.headers or {}), media_type=PROBLEM
        )


class ProblemDetails(BaseModel):
    """What every error is, as ``application/problem+json``."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Service Unavailable"])
    status: int = Field(examples=[503])
    detail: str = Field(examples=["200 pictures wait already; try again in 12 seconds."])
    retry_after: int | None = Field(default=None, description="Seconds.", examples=[12])


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the problems of a route for the OpenAPI document."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in sorted({400, 401, 403, 422, *statuses})
    }


def add_handlers(app: FastAPI) -> None:
    """Let an app answer every error with problem details."""

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> JSONResponse:
        if not isinstance(error, Problem):
            detail = _SENTENCES.get(error.status_code, str(error.detail))
            error = Problem(error.status_code, detail, headers=dict(error.headers or {}))
        return error.response()

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return Problem(422, describe(error.errors())).response()

    @app.exception_handler(MemnetError)
    async def of_memnet(request: Request, error: MemnetError) -> JSONResponse:
        return Problem(422, str(error)).response()


def describe(errors: Any) -> str:
    """Say in one sentence what of a request could not be understood."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{printable(where, 100)}: {printable(str(first['msg']), 300)}{more}."


_SENTENCES = {
    404: "There is nothing at this address; /openapi.json lists what there is.",
    405: "This address does not take this method; /openapi.json lists those that it takes.",
}
