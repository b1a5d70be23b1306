"""``POST /v1/comparisons``: scores against human scores; the report is kept for some minutes.

One comparison is computed at a time, in a process that is ended if it takes too long. Reports are
kept in memory, at addresses that nobody can guess: who has the address can read the report.
"""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import secrets
import time
from collections import OrderedDict
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pebble import ProcessExpired, ProcessPool
from pydantic import BaseModel, Field

from memnet.web.connection import while_connected
from memnet.web.problems import Problem, responses
from memnet.web.reports import Report, make_report
from memnet.web.room import Room
from memnet.web.schemas import body_schema, read_json

router = APIRouter()

MINUTES = 30
"""How long a report is kept."""

_MOST_KEPT = 16
_MOST_WAITING = 4
_MOST_BYTES = 32_000_000
_MOST_PICTURES = 20_000
_SECONDS = 300
_RETRY_AFTER = 15


class ScoreRow(BaseModel):
    """A picture's score by a model."""

    image_id: str = Field(max_length=10_000, examples=["a.jpg"])
    model: str = Field(max_length=1_000, examples=["resmem.published"])
    score: float | None = Field(allow_inf_nan=False, description="null: there is none")


class NewComparison(BaseModel):
    """Human scores, and what models gave for the same pictures."""

    truth: str = Field(
        min_length=1,
        description="the text of a CSV file with a row per picture",
        examples=["image_id,hit_rate\na.jpg,0.81\nb.jpg,0.62\nc.jpg,0.77\n"],
    )
    truth_column: str = Field(min_length=1, max_length=1_000, examples=["hit_rate"])
    id_column: str = Field(default="", max_length=1_000, description="image_id without it")
    match: Literal["exact", "basename", "stem", "normalised"] = Field(
        default="exact", description="how ids are matched, as by memnet compare --match"
    )
    dataset: str = Field(
        default="", max_length=1_000, description="lamem, memcat ..., to tell contaminated tests"
    )
    target: Literal["", "hit_rate", "false_alarm_rate", "corrected", "d_prime"] = Field(
        default="", description="what the human scores are, where the names do not say it"
    )
    rows: list[ScoreRow] = Field(
        min_length=1,
        examples=[
            [
                {"image_id": name, "model": "resmem.published", "score": score}
                for name, score in (("a.jpg", 0.78), ("b.jpg", 0.66), ("c.jpg", 0.71))
            ]
        ],
    )


class Comparison(BaseModel):
    """Where the report is, and what it says first."""

    url: str = Field(examples=["/v1/comparisons/9ycLKoAVxgr8PLvKXS8zkQ"])
    answer: str = Field(description="the report's first sentence")
    matched: int = Field(description="pictures that were compared", examples=[375])
    notes: list[str] = Field(description="its warnings, such as what did not match")


class Comparisons:
    """Makes reports, one at a time, and keeps the last few.

    Parameters
    ----------
    seconds : after which the making of a report is given up.
    minutes : how long a report is kept.

    Attributes
    ----------
    room : for those that wait.
    """

    def __init__(self, *, seconds: float = _SECONDS, minutes: float = MINUTES) -> None:
        self._seconds, self._minutes = seconds, minutes
        self._kept: OrderedDict[str, tuple[float, Report]] = OrderedDict()
        self.room = Room("comparisons", _MOST_WAITING, _RETRY_AFTER)

    @functools.cached_property
    def _pool(self) -> ProcessPool:
        """A process, started with the first comparison; a new one now and then frees memory."""
        context = multiprocessing.get_context("spawn")
        return ProcessPool(max_workers=1, max_tasks=20, context=context)

    async def make(self, *args: Any, **options: Any) -> tuple[str, Report]:
        """Make a report as :func:`memnet.web.reports.make_report`; return its key, too.

        Raises
        ------
        Problem
            if too many wait (503), or it takes too long or too much (422).
        MemnetError
            as :func:`memnet.compare`.
        """
        try:
            with self.room.place():
                future = self._pool.schedule(
                    make_report, args=args, kwargs=options, timeout=self._seconds
                )
                report = await asyncio.wrap_future(future)
        except asyncio.TimeoutError:
            raise Problem(
                422,
                f"The comparison took longer than {self._seconds:g} seconds; `memnet compare` on "
                "the command line has no such limit.",
            ) from None
        except ProcessExpired:
            raise Problem(
                422,
                "The comparison took more than the server has; use `memnet compare` on the command "
                "line.",
            ) from None
        return self._keep(report), report

    def _keep(self, report: Report) -> str:
        self._forget()
        key = secrets.token_urlsafe(16)
        self._kept[key] = time.monotonic(), report
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return key

    def _forget(self) -> None:
        oldest = time.monotonic() - 60 * self._minutes
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._kept.popitem(last=False)

    def get(self, key: str) -> Report | None:
        """Return a report, None where there is none, or no more."""
        self._forget()
        return self._kept[key][1] if key in self._kept else None

    def stop(self) -> None:
        """End the process, and forget all reports."""
        self._kept.clear()
        if "_pool" in self.__dict__:
            self._pool.stop()  # type: ignore[no-untyped-call]
            self._pool.join()


@router.post(
    "/v1/comparisons",
    summary="Compare scores with human scores",
    status_code=201,
    response_model=Comparison,
    responses=responses(408, 413, 415, 422, 503),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(NewComparison)}},
        }
    },
)
async def post_comparison(request: Request, response: Response) -> dict[str, Any]:
    """Compare as `memnet compare` does, with every model on the same pictures.

    The report is at `url` for some minutes, and for nobody who does not know that address.
    """
    comparisons: Comparisons = request.app.state.comparisons
    comparisons.room.check()  # before anything is read
    asked = await _read(request)
    identities = {model.label: model.identity for model in request.app.state.models}
    making = comparisons.make(
        asked.truth,
        [(row.image_id, row.model, row.score) for row in asked.rows],
        {row.model: identities[row.model] for row in asked.rows if row.model in identities},
        truth_column=asked.truth_column,
        id_column=asked.id_column,
        match=asked.match,
        dataset=asked.dataset,
        target=asked.target,
    )
    key, report = await while_connected(request, making)  # else its process is ended
    url = response.headers["Location"] = f"/v1/comparisons/{key}"
    return {
        "url": url,
        "answer": report.answer,
        "matched": report.matched,
        "notes": report.notes,
    }


async def _read(request: Request) -> NewComparison:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(415, "Send the comparison as application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Problem(
                413,
                f"A comparison may have {_MOST_BYTES:,} bytes; `memnet compare` on the command "
                "line takes more.",
            )
    asked = await asyncio.to_thread(read_json, NewComparison, bytes(body))
    pictures = len({row.image_id for row in asked.rows})
    if pictures > _MOST_PICTURES:
        raise Problem(
            413,
            f"{pictures:,} pictures are compared here, at most {_MOST_PICTURES:,}; `memnet "
            "compare` on the command line takes more.",
        )
    return asked


@router.get(
    "/v1/comparisons/{key}",
    summary="The report of a comparison",
    response_class=Response,
    responses={
        200: {"description": "The report, one HTML page", "content": {"text/html": {}}},
        **responses(404),
    },
)
async def get_comparison(request: Request, key: str) -> Response:
    """Show the report of `memnet compare`, one page that can be saved and printed."""
    comparisons: Comparisons = request.app.state.comparisons
    report = comparisons.get(key)
    if report is None:
        raise Problem(
            404,
            f"There is no such report, or no more: reports are kept for {MINUTES} minutes; compare "
            "again.",
        )
    headers = {"Content-Security-Policy": report.policy}
    return Response(report.html, media_type="text/html", headers=headers)
