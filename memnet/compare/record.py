"""The record of a comparison. Tables, figures and reports are pure functions of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memnet.errors import MemnetError

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Result:
    """One number, with everything needed to judge it.

    Attributes
    ----------
    model, variant, dataset : who was tested on what ("" where the data set was not named).
    metric : a name of :data:`memnet.compare.stats.metrics.METRICS`.
    value : float64, or None where undefined; ``reason`` then says why.
    n : number of pictures.
    interval : [low, high], or None; ``reason`` then says why.
    level : coverage of the interval.
    method, resamples, seed : how the interval was made.
    contamination : ``clean``, ``possibly``, ``contaminated`` or ``unknown``.
    reason : why something is None, else "".
    """

    model: str
    variant: str
    dataset: str
    metric: str
    value: float | None
    n: int
    interval: list[float] | None
    level: float
    method: str
    resamples: int
    seed: int
    contamination: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A whole comparison.

    Attributes
    ----------
    schema_version : of this layout.
    created : when, UTC, ISO 8601.
    command : the command line or call.
    dataset : name of the data set, "".
    truth : where the human scores came from, their column, sha256, n, mean, sd, lowest, highest.
    models : one dict per model: name, variant, source, rows, weights, specs, training data.
    items : n, digest of the ids, the rule of the join, counts and examples of what was left out.
    results : every number.
    plots : model -> what its figures draw.
    warnings : sentences for the reader.
    environment : versions.
    """

    created: str
    command: str
    dataset: str
    truth: dict[str, Any]
    models: list[dict[str, Any]]
    items: dict[str, Any]
    results: list[Result]
    plots: dict[str, Any]
    warnings: list[str]
    environment: dict[str, str]
    schema_version: int = field(default=SCHEMA_VERSION)

    def value(self, metric: str, model: str | None = None) -> float | None:
        """Return one figure; ``model`` may be left out where there is only one."""
        return self.result(metric, model).value

    def result(self, metric: str, model: str | None = None) -> Result:
        """Return one result; raises ``KeyError`` where there is none or more than one."""
        found = [r for r in self.results if r.metric == metric and model in (None, r.model)]
        if len(found) != 1:
            raise KeyError(f"{len(found)} results for metric {metric!r}, model {model!r}")
        return found[0]

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity; keys in a fixed order."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> RunRecord:
        """Rebuild a record from :meth:`to_json`.

        Raises
        ------
        MemnetError
            if it is no record, or one of a version that this memnet does not read.
        """
        try:
            values: Mapping[str, Any] = json.loads(text)
            version = values["schema_version"]
        except (ValueError, KeyError, TypeError) as error:
            raise MemnetError(f"This is no record of a comparison ({error}).") from error
        if version != SCHEMA_VERSION:
            raise MemnetError(
                f"The record has schema version {version}, this memnet reads {SCHEMA_VERSION}; "
                "update memnet."
            )
        try:
            return cls(**{**values, "results": [Result(**row) for row in values["results"]]})
        except (TypeError, KeyError) as error:
            raise MemnetError(f"The record is damaged ({error}).") from error

    @classmethod
    def read(cls, path: str | Path) -> RunRecord:
        """Read a ``record.json``."""
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
