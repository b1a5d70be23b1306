"""The record of a migration, ``migrate.json``: everything that its pages show, as plain JSON.

:class:`MigrationRecord` is the record; the functions below it fill its fields: counts, digests, how
the scores look, what was left out and why.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from memnet.data.digests import ids_digest
from memnet.data.matching import MATCH_RULES
from memnet.studies.cautions import inspect_pictures, score_cautions, training_cautions
from memnet.studies.diagnosis.fingerprint import fingerprint
from memnet.studies.migrate.crosswalk_fit import FEWEST as FEWEST_FOR_MAP
from memnet.studies.migrate.new_scores import NewScores, ids_of, match_study
from memnet.studies.migrate.study import StudyTable
from memnet.util.arrays import Array
from memnet.util.text import shorten_list
from memnet.weights.catalogue import find

SCHEMA = "memnet.migration"
SCHEMA_VERSION = 1

MOST_POINTS = 2_000
"""Points that a plot shows; more would be a blot."""

OLD_MODEL = "memnet.caffe_lamem"
_FEW_RESAMPLES = 1_000


@dataclass(frozen=True, kw_only=True)
class MigrationRecord:
    """A study taken to new scores. What was not computed is None, with a reason beside it.

    Attributes
    ----------
    created : when, UTC, ISO 8601.
    command : the command line or call.
    dataset : name of the data set, "" where it was not said.
    study : ``source``, ``sha256``, ``rows``, ``columns``, ``pictures``, ``id_column``,
        ``score_column``, ``rows_per_picture`` (lowest, median, highest), ``read_as``: what its file
        was taken to be.
    old, new : the two scores: ``name`` and ``n``, ``mean``, ``sd``, ``lowest``, ``highest``; of the
        old ones ``at_0``, ``at_1`` (shares), ``looks``, sentences on how the column looks, and,
        where it is known, ``variant`` (see :func:`~.known_variant.know_variant`); of
        the new ones what is known of the model, and ``read_as``. ``new`` is empty where a crosswalk
        was applied.
    pictures : ``n`` with both scores, ``join_rule``, by which ids were matched, ``digest`` of the
        ids, and counts of what was left out.
    conclusions : sentences: what changed and what did not.
    claims : a dict per claim, of :class:`memnet.studies.migrate.claims.claim.Claim`.
    attenuation : of :func:`~.attenuation.correct_for_attenuation`: ``reliability``, ``old``,
        ``new``, ``ratio``, ``ratios``, ``assumption``, ``caveat``, ``claims``, ``reason``.
    agreement : of old and new: ``figures``, statistic -> ``{"value", "interval", "reason"}``.
    crosswalk : ``forward`` and ``backward`` as in ``crosswalk.json`` and its ``provenance``; None
        with ``crosswalk_reason``.
    added : each column that ``migrated.csv`` has beside the study's -> ``meaning`` and ``n``.
    points : old and new scores to be drawn, at most :data:`MOST_POINTS`.
    cautions, remarks, set_aside : sentences: about pictures and scores; about how the results are
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


def explain_unmatched(study: StudyTable, new: NewScores) -> list[str]:
    """Say which of the study's pictures have no new score, and which ids nearly agree."""
    there = set(new.by_id.index)
    without = [
        image_id
        for image_id in study.pictures
        if image_id not in there and image_id not in new.failed
    ]
    messages = []
    if new.failed:
        named = shorten_list((f"{image_id}: {why}" for image_id, why in new.failed.items()), 3)
        messages.append(f"{len(new.failed):,} picture(s) could not be scored ({named}).")
    if without:
        messages.append(
            f"{len(without):,} of {len(study.pictures):,} pictures of {study.source} have no new "
            f"score, because {new.where} does not have their ids ({shorten_list(without)})."
        )
    return [*messages, *match_study(study, ids_of(new), new.where, new.rule).sentences()]


def explain_missing(study: StudyTable, new: NewScores, values: Array) -> dict[str, str]:
    """Why each picture without a new score has none."""
    reasons = {}
    for picture in np.flatnonzero(np.isnan(values)):
        image_id = study.pictures[picture]
        why = new.failed.get(image_id, "no picture or new score of this id")
        reasons[image_id] = f"no new score: {why}"
    return reasons


def summarise_study(study: StudyTable) -> dict[str, Any]:
    """Describe the table."""
    rows = study.rows_per_picture
    return {
        "source": study.source,
        "sha256": study.sha256,
        "rows": len(study.table),
        "columns": len(study.table.columns),
        "pictures": len(study.pictures),
        "id_column": study.id_column,
        "score_column": study.score_column,
        "rows_per_picture": [int(rows.min()), float(np.median(rows)), int(rows.max())],
        "read_as": list(study.assumed),
    }


def summarise_old_scores(
    study: StudyTable, values: Array, known_variant: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe the old scores: statistics, how the column looks, what made it if it is known."""
    known = {"variant": dict(known_variant)} if known_variant else {}
    return {
        "name": study.score_column,
        **summarise_scores(values),
        "at_0": float(np.mean(values == 0)),
        "at_1": float(np.mean(values == 1)),
        "looks": list(fingerprint(study.texts).sentences),
        **known,
    }


def summarise_scores(values: Array) -> dict[str, Any]:
    """Describe scores by n, mean, SD (n - 1), lowest and highest."""
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "lowest": float(values.min()),
        "highest": float(values.max()),
    }


def list_cautions(
    study: StudyTable, new: NewScores, values: Array, ids: Sequence[str], dataset: str
) -> list[str]:
    """Look for pictures and scores that a memorability model says little about."""
    original = find(OLD_MODEL)
    names = study.pictures
    cautions = [] if new.items is None else inspect_pictures(new.items)
    cautions += score_cautions(study.old, f"{study.score_column} (old)", ids=names)
    cautions += score_cautions(values, new.label, ids=names)
    cautions += training_cautions(
        ids,
        "MemNet",
        trained_on=original.trained_on,
        dataset=dataset,
        split_unpublished=original.split_unpublished,
    )
    if new.info["trained_on"] is not None:
        cautions += training_cautions(
            ids,
            new.label,
            trained_on=new.info["trained_on"],
            dataset=dataset,
            split_unpublished=new.info["split_unpublished"] or (),
        )
    return [caution.sentence for caution in cautions]


def list_remarks(
    study: StudyTable, new: NewScores, n: int, resamples: int, outside: Sequence[str]
) -> list[str]:
    """List what readers must know before they read the results."""
    messages = []
    rows = study.rows_per_picture
    if rows.max() > 1:
        messages.append(
            f"The table has {len(study.table):,} rows about {len(study.pictures):,} pictures "
            f"({rows.min():,} to {rows.max():,} rows each). Outcomes and other columns are "
            "averaged over a picture's rows, and every claim is about pictures; for a claim about "
            "trials or participants fit your own (mixed) model to migrated.csv."
        )
    if n < FEWEST_FOR_MAP:
        messages.append(f"Only {n} pictures have both scores: intervals are wide and imprecise.")
    if resamples < _FEW_RESAMPLES:
        messages.append(f"Only {resamples:,} resamples: intervals and p values are imprecise.")
    if outside:
        messages.append(
            f"{len(outside):,} picture(s) without a new score have an old score outside the range "
            f"of the crosswalk's fit, so they are not mapped ({shorten_list(outside)})."
        )
    known = {
        "name": f"{new.source} does not record which weights and preprocessing made its scores: "
        f"the model, {new.model}, is known only by its name.",
        "user": f"{new.source} does not name its model; {new.model} was given with --model and "
        "could not be checked, so crosswalk and methods paragraph have no checksums of the model.",
        "nobody": f"{new.source} does not name its model: all its scores are taken as those of one "
        "model, and crosswalk and methods paragraph have no checksums of it. Give its name with "
        "--model.",
    }
    messages += [known[by] for by in [new.info["known_by"]] if by in known]
    unused = int((~new.by_id.index.isin(study.pictures)).sum())
    if unused and new.items is None:
        messages.append(f"{unused:,} new score(s) are of pictures that are not in the study.")
    return messages


def count_pictures(
    study: StudyTable, new: NewScores, values: Array, ids: Sequence[str]
) -> dict[str, Any]:
    """Count the pictures: with both scores, without one, and new scores of other pictures."""
    return {
        "n": len(ids),
        "join_rule": MATCH_RULES[new.rule].meaning,
        "digest": ids_digest(ids),
        "of_study": len(study.pictures),
        "without_old": int(np.isnan(study.old).sum()),
        "without_new": int(np.isnan(values).sum()),
        "new_only": int((~new.by_id.index.isin(study.pictures)).sum()),
    }


def sample_points(old: Array, new: Array, seed: int) -> dict[str, list[float]]:
    """Choose which points a plot shows: all, or a seeded sample."""
    chosen = np.arange(len(old))
    if len(old) > MOST_POINTS:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(old))[:MOST_POINTS])
    return {"old": old[chosen].tolist(), "new": new[chosen].tolist()}
