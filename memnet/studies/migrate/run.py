"""Taking a study from old MemNet scores to new ones: table, crosswalk, claims, record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet import __version__
from memnet.data.matching import ids_digest
from memnet.errors import MemnetError
from memnet.studies.migrate import methods, record_fields
from memnet.studies.migrate.agreement import agreement
from memnet.studies.migrate.apply import add_columns, column_names, column_prefix, refuse_clash
from memnet.studies.migrate.claims import FEWEST
from memnet.studies.migrate.crosswalk import FEWEST as FEWEST_FOR_MAP
from memnet.studies.migrate.crosswalk import Crosswalk, Limits, fit_crosswalk
from memnet.studies.migrate.new_scores import NewScores, matches
from memnet.studies.migrate.page import write_migrate_page
from memnet.studies.migrate.record import MigrationRecord
from memnet.studies.migrate.study import Study
from memnet.studies.migrate.study_claims import (
    Asked,
    as_json,
    at_floor_remark,
    attenuation,
    claims_of,
    conclusions_of,
)
from memnet.util.arrays import Array
from memnet.util.atomic import write_text
from memnet.util.clock import utc_now
from memnet.util.versions import environment

LEVEL = 0.95
RESMEM = "resmem.published"
CROSSWALK = "crosswalk.json"


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What a migration gives.

    Attributes
    ----------
    table : the study's rows and columns, and the added ones, all text.
    record : everything that the report shows.
    crosswalk : the map that was fitted now, or None.
    complete : whether every row and picture could be used.
    """

    table: pd.DataFrame
    record: MigrationRecord
    crosswalk: Crosswalk | None
    complete: bool


def check(study: Study, model: str, asked: Asked, *, memnet_equivalent: bool = False) -> None:
    """Raise ``MemnetError``, before any picture is scored, for columns that clash or lack."""
    asked.check(study)
    names = column_names(column_prefix(model), model, memnet_equivalent=memnet_equivalent)
    refuse_clash(study, names)


def migrate(
    study: Study,
    new: NewScores,
    *,
    asked: Asked,
    memnet_equivalent: bool = False,
    dataset: str = "",
    resamples: int = 2_000,
    seed: int = 0,
    command: str = "memnet.studies.migrate.run.migrate(...)",
) -> Migration:
    """Redo a study with new scores on the pictures that have both.

    Parameters
    ----------
    study, new : the table with the old scores, and the new scores.
    asked : the claims to redo: outcomes, covariates, group, predictor.
    memnet_equivalent : add the new scores on the scale of the old ones.
    dataset : the data set that the pictures are of, to tell whether a model was trained on it.
    resamples, seed : of the paired bootstrap; the seed also parts the crosswalk's folds.
    command : for the record.

    Raises
    ------
    MemnetError
        if no id matches, fewer than 10 pictures have both scores, a column is missing or would be
        overwritten.
    """
    values = matches(study, new)
    both = np.isfinite(study.old) & np.isfinite(values)
    unmatched = record_fields.unmatched(study, new)
    if (n := int(both.sum())) < FEWEST:
        raise MemnetError(
            f"{n or 'No'} picture(s) of {study.source} have both an old and a new score; below "
            f"{FEWEST} nothing can be estimated. {' '.join([*study.set_aside, *unmatched])}".strip()
        )
    old_values, new_values = study.old[both], values[both]
    ids = [study.pictures[picture] for picture in np.flatnonzero(both)]
    old = record_fields.old_info(study, old_values)
    info = {
        "name": new.called,
        "source": new.source,
        **new.info,
        **record_fields.moments(new_values),
    }
    crosswalk, why_not = _fit(old, info, old_values, new_values, ids, seed)
    added = add_columns(
        study,
        prefix=column_prefix(new.model),
        called=new.called,
        new=values,
        missing=record_fields.why_missing(study, new, values),
        crosswalk=crosswalk,
        memnet_equivalent=memnet_equivalent,
    )
    claims, left_out, unusable = claims_of(
        study, both, values, asked, resamples, seed, LEVEL, new.called
    )
    figures = agreement(old_values, new_values, resamples=resamples, seed=seed, level=LEVEL)
    parts: dict[str, Any] = {
        "study": record_fields.study_info(study),
        "old": old,
        "new": info,
        "pictures": record_fields.pictures(study, new, values, ids),
        "claims": as_json(claims),
        "agreement": {"figures": figures, "n": n},
        "crosswalk": None if crosswalk is None else json.loads(crosswalk.to_json()),
        "settings": {"resamples": resamples, "seed": seed, "level": LEVEL},
    }
    remarks = record_fields.remarks(study, new, n, resamples, added.outside)
    record = MigrationRecord(
        **parts,
        created=utc_now(),
        command=command,
        dataset=dataset,
        conclusions=conclusions_of(claims),
        attenuation=attenuation(claims, new.model),
        crosswalk_reason=why_not,
        added=added.columns,
        points=record_fields.points(old_values, new_values, seed),
        cautions=record_fields.cautions(study, new, values, ids, dataset),
        remarks=[*study.remarks, *remarks, *left_out, *at_floor_remark(claims, resamples)],
        set_aside=[*study.set_aside, *unmatched, *unusable],
        methods=methods.paragraph(**parts),
        environment=environment(),
    )
    complete = not record.set_aside
    return Migration(table=added.table, record=record, crosswalk=crosswalk, complete=complete)


def write_migration(migration: Migration, folder: Path) -> Path:
    """Write everything into a folder: table, record, crosswalk, methods, report.

    Returns
    -------
    Path
        of ``report.html``. Beside it lie ``report.md``, ``figures/``, ``migrated.csv``,
        ``migrate.json``, ``claims.csv``, ``methods.txt``, and ``crosswalk.json`` where one was
        fitted.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    write_text(folder / "migrated.csv", migration.table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "migrate.json", migration.record.to_json())
    write_text(folder / "methods.txt", migration.record.methods)
    if migration.crosswalk is not None:
        write_text(folder / CROSSWALK, migration.crosswalk.to_json())
    elif migration.record.new:  # of an earlier run, with other scores
        (folder / CROSSWALK).unlink(missing_ok=True)
    return write_migrate_page(migration.record, folder)


def _limits(values: Array, *, ends: bool) -> Limits:
    """Return 0 and 1 where the scores' scale ends there: by their model, or as they are clamped."""
    if ends and values.min() >= 0 and values.max() <= 1:
        return 0.0, 1.0
    return None, None


def _fit(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_values: Array,
    new_values: Array,
    ids: Sequence[str],
    seed: int,
) -> tuple[Crosswalk | None, str]:
    cited = methods.citations()
    provenance = {
        "old": {"name": "MemNet", "column": old["name"], "looks": old["looks"]},
        "new": {key: new[key] for key in ("name", "weights_sha256", "preprocess_digest")},
        "pictures": {"n": len(ids), "ids_sha256": ids_digest(ids)},
        "memnet_version": __version__,
        "citations": [cited["old"], new["citation"] or cited["new"]],
        "licence_note": new["licence_notice"] or "",
        "valid_for": "these pictures and others like them; old scores of this preprocessing",
    }
    if len(ids) < FEWEST_FOR_MAP:
        return None, (
            f"a crosswalk needs {FEWEST_FOR_MAP} pictures with both scores, and there are "
            f"{len(ids)}"
        )
    try:
        fitted = fit_crosswalk(
            old_values,
            new_values,
            old_name=f"MemNet ({old['name']})",
            new_name="ResMem" if new["name"] == RESMEM else str(new["name"]),
            old_limits=_limits(old_values, ends=old["at_0"] + old["at_1"] > 0),
            new_limits=_limits(new_values, ends=new["name"] == RESMEM),  # it ends in a sigmoid
            level=LEVEL,
            seed=seed,
            provenance=provenance,
        )
    except MemnetError as error:  # a constant column, or scores that do not rise together
        return None, str(error).removesuffix(".")
    return fitted, ""
