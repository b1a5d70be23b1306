"""What a record says of a study and its scores: counts, digests, what was left out and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from memnet.data.matching import ids_digest
from memnet.studies.cautions import look_at, score_cautions, training_cautions
from memnet.studies.diagnosis.fingerprint import fingerprint
from memnet.studies.migrate.crosswalk import FEWEST as FEWEST_FOR_MAP
from memnet.studies.migrate.new_scores import NewScores, ids_of, loosely
from memnet.studies.migrate.record import MOST_POINTS
from memnet.studies.migrate.study import Study
from memnet.util.arrays import Array
from memnet.util.text import shorten_list
from memnet.weights.catalogue import find

OLD_MODEL = "memnet.caffe_lamem"
_FEW_RESAMPLES = 1_000


def unmatched(study: Study, new: NewScores) -> list[str]:
    """Say which of the study's pictures have no new score, and which ids nearly agree."""
    there = set(new.by_id.index)
    without = [
        image_id
        for image_id in study.pictures
        if image_id not in there and image_id not in new.failed
    ]
    said = []
    if new.failed:
        named = shorten_list((f"{image_id}: {why}" for image_id, why in new.failed.items()), 3)
        said.append(f"{len(new.failed):,} picture(s) could not be scored ({named}).")
    if without:
        said.append(
            f"{len(without):,} of {len(study.pictures):,} pictures of {study.source} have no new "
            f"score, as no id in {new.where} is the same ({shorten_list(without)})."
        )
    known = set(study.pictures)
    unused = [image_id for image_id in ids_of(new) if image_id not in known]
    return [*said, *loosely(study, without, unused, new.where)]


def why_missing(study: Study, new: NewScores, values: Array) -> dict[str, str]:
    """Why each picture without a new score has none."""
    found = {}
    for picture in np.flatnonzero(np.isnan(values)):
        image_id = study.pictures[picture]
        why = new.failed.get(image_id, "no picture or new score of this id")
        found[image_id] = f"no new score: {why}"
    return found


def study_info(study: Study) -> dict[str, Any]:
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
    }


def old_info(study: Study, values: Array) -> dict[str, Any]:
    """Describe the old scores: figures, and how the column looks."""
    return {
        "name": study.score_column,
        **moments(values),
        "at_0": float(np.mean(values == 0)),
        "at_1": float(np.mean(values == 1)),
        "looks": list(fingerprint(study.texts).sentences),
    }


def moments(values: Array) -> dict[str, Any]:
    """Describe scores by n, mean, SD (n - 1), lowest and highest."""
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        "lowest": float(values.min()),
        "highest": float(values.max()),
    }


def cautions(
    study: Study, new: NewScores, values: Array, ids: Sequence[str], dataset: str
) -> list[str]:
    """Look for pictures and scores that a memorability model says little about."""
    original = find(OLD_MODEL)
    names = study.pictures
    found = [] if new.items is None else look_at(new.items)
    found += score_cautions(study.old, f"{study.score_column} (old)", ids=names)
    found += score_cautions(values, new.called, ids=names)
    found += training_cautions(
        ids,
        "MemNet",
        trained_on=original.trained_on,
        dataset=dataset,
        split_unpublished=original.split_unpublished,
    )
    if new.info["trained_on"] is not None:
        found += training_cautions(
            ids,
            new.called,
            trained_on=new.info["trained_on"],
            dataset=dataset,
            split_unpublished=new.info["split_unpublished"] or (),
        )
    return [caution.sentence for caution in found]


def remarks(
    study: Study, new: NewScores, n: int, resamples: int, outside: Sequence[str]
) -> list[str]:
    """Say what is to be known before the figures are read."""
    said = []
    rows = study.rows_per_picture
    if rows.max() > 1:
        said.append(
            f"The table has {len(study.table):,} rows about {len(study.pictures):,} pictures "
            f"({rows.min():,} to {rows.max():,} rows each). Outcomes and other columns are "
            "averaged over a picture's rows, and every claim is about pictures; for a claim about "
            "trials or participants fit your own (mixed) model to migrated.csv."
        )
    if n < FEWEST_FOR_MAP:
        said.append(f"Only {n} pictures have both scores: intervals are wide, and rough.")
    if resamples < _FEW_RESAMPLES:
        said.append(f"Only {resamples:,} resamples: intervals and p values are rough.")
    if outside:
        said.append(
            f"{len(outside):,} picture(s) without a new score have an old score outside "
            f"those that the crosswalk was fitted on, and are not mapped ({shorten_list(outside)})."
        )
    known = {
        "name": f"{new.source} does not prove which weights and preprocessing made its scores: the "
        f"model, {new.model}, is known by its name.",
        "user": f"{new.source} does not name its model, {new.model} is what --model says: "
        "crosswalk and methods paragraph carry no checked identity of the model.",
        "nobody": f"{new.source} does not name its model: its scores are taken for those of one "
        "model, and crosswalk and methods paragraph carry no checked identity of it. State its "
        "name with --model.",
    }
    said += [known[by] for by in [new.info["known_by"]] if by in known]
    unused = int((~new.by_id.index.isin(study.pictures)).sum())
    if unused and new.items is None:
        said.append(f"{unused:,} new score(s) are of pictures that the study does not have.")
    return said


def pictures(study: Study, new: NewScores, values: Array, ids: Sequence[str]) -> dict[str, Any]:
    """Count the pictures: with both scores, without one, and new scores of other pictures."""
    return {
        "n": len(ids),
        "digest": ids_digest(ids),
        "of_study": len(study.pictures),
        "without_old": int(np.isnan(study.old).sum()),
        "without_new": int(np.isnan(values).sum()),
        "new_only": int((~new.by_id.index.isin(study.pictures)).sum()),
    }


def points(old: Array, new: Array, seed: int) -> dict[str, list[float]]:
    """Choose which points a figure shows: all, or a seeded sample."""
    chosen = np.arange(len(old))
    if len(old) > MOST_POINTS:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(old))[:MOST_POINTS])
    return {"old": old[chosen].tolist(), "new": new[chosen].tolist()}
