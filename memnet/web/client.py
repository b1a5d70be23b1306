"""A client of ``memnet serve``: scores by another machine, with neither weights nor PyTorch here.

>>> from memnet.web.client import Client
>>> client = Client("http://127.0.0.1:8400")
>>> client.url
'http://127.0.0.1:8400'
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests

from memnet.data.score_columns import SCORE_COLUMNS
from memnet.errors import MemnetError
from memnet.util.text import printable
from memnet.web.addresses import check_key, is_loopback
from memnet.web.outgoing import SentPicture, chunks

if TYPE_CHECKING:
    import pandas as pd

_CONNECT_SECONDS, _ANSWER_SECONDS = 10, 600


@dataclass(frozen=True)
class Comparison:
    """What a server says of scores and human scores.

    Attributes
    ----------
    url : where the report is, for some minutes.
    answer : its first sentence.
    matched : pictures that were compared.
    notes : its warnings, such as what did not match.
    html : the report, one page without outside resources.
    """

    url: str
    answer: str
    matched: int
    notes: tuple[str, ...]
    html: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file, ``report.html``; an earlier one is replaced."""
        from memnet.util.atomic import write_text

        write_text(Path(path), self.html)


class Client:
    """Speaks to a server that ``memnet serve`` runs.

    Parameters
    ----------
    url : of the server, such as ``http://127.0.0.1:8400``.
    key : the server's key, where it wants one.
    patience : seconds for which a busy server is asked again and again, as it says when.

    Raises
    ------
    MemnetError
        if the address is none of a web server, or the key cannot be one.
    """

    def __init__(self, url: str, key: str | None = None, *, patience: float = 300) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise MemnetError(f"{printable(url)} is no address of a server; http://HOST:PORT is.")
        self.url, self.patience = url.rstrip("/"), patience
        self._session = requests.Session()
        self._session.auth = _Bearer(check_key(key or ""))
        if is_loopback(parts.hostname):
            self._session.trust_env = False  # a proxy of the network's knows nothing of here

    def models(self) -> list[dict[str, Any]]:
        """Return what the server says of its models: ``label``, ``target``, ``licence`` ...

        Raises
        ------
        MemnetError
            if the server cannot be reached, or refuses.
        """
        models: list[dict[str, Any]] = self._ask("GET", "/v1/models")["models"]
        return models

    def score(
        self, pictures: SentPicture | Iterable[SentPicture], models: str | Sequence[str] = ()
    ) -> pd.DataFrame:
        """Score pictures by the models of the server.

        Pictures are read and sent a few at a time, and are not kept by the server.

        Parameters
        ----------
        pictures : files, folders and encoded bytes, mixed as you like; or a single one.
        models : labels; all models of the server without any.

        Returns
        -------
        DataFrame
            as of :meth:`memnet.Predictor.score`, a row for each picture and model. ``image_id`` is
            the file's name, its path within a folder that was given, or ``item-3`` for the fourth
            thing given. A picture that cannot be read or scored keeps its row.

        Raises
        ------
        MemnetError
            if the server cannot be reached, refuses, or is busy for longer than ``patience``; there
            is no such model; a folder holds no picture.
        """
        import pandas as pd

        about = self._ask("GET", "/v1/models")
        wanted = [models] if isinstance(models, str) else list(models)
        labels = wanted or [model["label"] for model in about["models"]]
        rows: list[dict[str, Any]] = []
        identities: dict[str, Any] = {}
        for chunk in chunks(pictures, about["limits"]):
            sent = [each for each in chunk if not each.failed]
            answers: Iterator[dict[str, Any]] = iter(())
            if sent:
                answered = self._ask(
                    "POST",
                    "/v1/scores",
                    params={"model": wanted},
                    # The server is told no names: the order says which is which.
                    files=[("files", (str(i), each.data)) for i, each in enumerate(sent)],
                )
                answers = iter(answered["pictures"])
                identities |= answered["identities"]
            for each in chunk:
                rows += each.rows(labels, None if each.failed else next(answers))
        table = pd.DataFrame(rows, columns=list(SCORE_COLUMNS)).astype(SCORE_COLUMNS)
        table.attrs["models"] = identities
        return table

    def compare(
        self,
        truth: str | os.PathLike[str] | pd.DataFrame,
        scores: pd.DataFrame,
        *,
        truth_column: str,
        id_column: str = "",
        match: str = "exact",
        dataset: str = "",
        target: str = "",
    ) -> Comparison:
        """Compare scores with human scores, on the server.

        Parameters
        ----------
        truth : a CSV file in UTF-8, or a DataFrame, with a row per picture.
        scores : what :meth:`score` returned, or any table with ``image_id``, ``model`` and
            ``score``.
        truth_column, id_column, match, dataset, target : as of :func:`memnet.compare`.

        Raises
        ------
        MemnetError
            as :func:`memnet.compare`, and where the server cannot be reached or refuses.
        """
        told = self._ask(
            "POST",
            "/v1/comparisons",
            json={
                "truth": _text_of(truth),
                "truth_column": truth_column,
                "id_column": id_column,
                "match": match,
                "dataset": dataset,
                "target": target,
                "rows": _rows_of(scores),
            },
        )
        page = self._send("GET", told["url"])
        return Comparison(
            url=f"{self.url}{told['url']}",
            answer=told["answer"],
            matched=told["matched"],
            notes=tuple(told["notes"]),
            html=page.content.decode(),
        )

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._send(method, path, **options)
        try:
            told: dict[str, Any] = answer.json()
        except requests.JSONDecodeError:
            raise MemnetError(
                f"{self.url} answered with something else than JSON; is it a memnet server?"
            ) from None
        return told

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request, again while the server is busy; errors are sentences."""
        until = time.monotonic() + self.patience
        while True:
            try:
                answer = self._session.request(
                    method,
                    self.url + path,
                    timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                    allow_redirects=False,
                    **options,
                )
            except requests.Timeout as error:
                raise MemnetError(
                    f"{self.url} gave no answer in time; is it a server of memnet?"
                ) from error
            except requests.RequestException as error:
                raise MemnetError(
                    f"{self.url} cannot be reached; does `memnet serve` run there?"
                ) from error
            if answer.status_code < 300:
                return answer
            wait = _seconds(answer.headers.get("Retry-After", ""))
            if answer.status_code != 503 or time.monotonic() + wait > until:
                raise MemnetError(_sentence(answer, self.url))
            time.sleep(wait)


class _Bearer(requests.auth.AuthBase):
    """The server's key; set as ``auth``, so that no netrc file brings another one."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add it to a request."""
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _text_of(truth: str | os.PathLike[str] | pd.DataFrame) -> str:
    if not isinstance(truth, (str, os.PathLike)):
        return truth.to_csv(index=False)
    try:
        return Path(truth).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise MemnetError(
            f"{truth} is no text in UTF-8; save it as CSV in UTF-8, or read it and give the "
            "DataFrame."
        ) from None
    except OSError as error:
        raise MemnetError(f"{truth} cannot be read ({error.strerror}).") from error


def _rows_of(scores: pd.DataFrame) -> list[dict[str, Any]]:
    for column in ("image_id", "model", "score"):
        if column not in scores:
            raise MemnetError(
                f"The table of scores has no column {column!r}; it needs image_id, model and score."
            )
    variants = scores["variant"] if "variant" in scores else [""] * len(scores)
    return [
        {
            "image_id": str(image_id),
            "model": f"{model}:{variant}" if variant else str(model),
            "score": score if math.isfinite(score) else None,
        }
        for image_id, model, variant, score in zip(
            scores["image_id"],
            scores["model"],
            variants,
            scores["score"].astype(float),
            strict=True,
        )
    ]


def _seconds(retry_after: str) -> float:
    """How long to wait; a date, which memnet never sends, counts as a short while."""
    return min(max(float(retry_after), 0.1), 60.0) if retry_after.isdecimal() else 2.0


def _sentence(answer: requests.Response, url: str) -> str:
    """Return the sentence of a problem (RFC 9457), or one of our own where there is none."""
    try:
        detail = answer.json()["detail"]
    except (requests.JSONDecodeError, KeyError, TypeError):
        detail = None
    if isinstance(detail, str) and detail:
        return printable(detail)
    return f"{url} answered with the error {answer.status_code}; is it a server of memnet?"
