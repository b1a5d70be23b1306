"""The record of a migration, ``migrate.json``: everything that its pages show, as plain JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from memnet.errors import MemnetError

SCHEMA = "memnet.migration"
SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class MigrationRecord:
    """A study taken to new scores. What was not computed is None, with a reason beside it.

    Attributes
    ----------
    created : when, UTC, ISO 8601.
    command : the command line or call.
    dataset : name of the data set, "" where it was not said.
    study : ``source``, ``sha256``, ``rows``, ``columns``, ``pictures``, ``id_column``,
        ``score_column``, ``rows_per_picture`` (lowest, median, highest).
    old, new : the two scores: ``name`` and ``n``, ``mean``, ``sd``, ``lowest``, ``highest``; of the
        old ones ``at_0``, ``at_1`` (shares) and ``looks``, sentences on how the column looks; of
        the new ones what is known of the model. ``new`` is empty where a crosswalk was applied.
    pictures : ``n`` with both scores, ``digest`` of their ids, and counts of what was left out.
    conclusions : sentences: what changed and what did not.
    claims : a dict per claim, of :class:`memnet.studies.migrate.claims.Claim`.
    attenuation : ``validities`` with their sources, ``ratio``, ``claims``, ``reason``.
    agreement : of old and new: ``figures``, name -> ``{"value", "interval", "reason"}``.
    crosswalk : ``forward`` and ``backward`` as in ``crosswalk.json`` and its ``provenance``; None
        with ``crosswalk_reason``.
    added : each column that ``migrated.csv`` has beside the study's -> ``meaning`` and ``n``.
    points : old and new scores to be drawn, at most :data:`MOST_POINTS`.
    cautions, remarks, set_aside : sentences: about pictures and scores; about how the figures are
        to be read; about rows and pictures that were left out.
    methods : the paragraph for a methods section.
    settings : ``resamples``, ``seed``, ``level``.
    environment : versions.
    """

    created: str
    command: str
    dataset: str
    study: dict[str, Any]
    old: dict[str, Any]
    new: dict[str, Any]
    pictures: dict[str, Any]
    conclusions: list[str]
    claims: list[dict[str, Any]]
    attenuation: dict[str, Any]
    agreement: dict[str, Any]
    crosswalk: dict[str, Any] | None
    crosswalk_reason: str
    added: dict[str, dict[str, Any]]
    points: dict[str, list[float]]
    cautions: list[str]
    remarks: list[str]
    set_aside: list[str]
    methods: str
    settings: dict[str, Any]
    environment: dict[str, str]
    schema: str = field(default=SCHEMA)
    schema_version: int = field(default=SCHEMA_VERSION)

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity."""
        return json.dumps(asdict(self), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: Path) -> MigrationRecord:
        """Read a ``migrate.json``.

        Raises
        ------
        MemnetError
            if it cannot be read, is no record of a migration, or one of another version.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MemnetError(f"{path} cannot be read ({error}).") from error
        if not isinstance(values, dict) or values.get("schema") != SCHEMA:
            raise MemnetError(f"{path} is no record of a migration.")
        if values.get("schema_version") != SCHEMA_VERSION:
            raise MemnetError(
                f"{path} has schema version {values.get('schema_version')!r}, and this memnet "
                f"reads {SCHEMA_VERSION}."
            )
        if set(values) != {each.name for each in fields(cls)}:
            raise MemnetError(f"{path} is damaged: it has not the fields of a migration.")
        return cls(**values)


MOST_POINTS = 2_000
"""A figure of more points shows a blot."""
