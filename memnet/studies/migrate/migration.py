"""A migration computed: from new scores of the study's pictures, or by a published crosswalk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet import __version__
from memnet.data.digests import ids_digest
from memnet.errors import MemnetError
from memnet.stats.levels import LEVEL
from memnet.studies.cautions import score_cautions
from memnet.studies.migrate import methods
from memnet.studies.migrate.agreement import measure_agreement
from memnet.studies.migrate.answer import open_conclusions, read_out
from memnet.studies.migrate.claims.attenuation import (
    correct_for_attenuation,
    published_validities,
)
from memnet.studies.migrate.claims.compute import FEWEST
from memnet.studies.migrate.claims.conclusions import list_floor_remarks, write_conclusions
from memnet.studies.migrate.claims.request import (
    ClaimRequest,
    claims_as_json,
    compute_requested_claims,
)
from memnet.studies.migrate.crosswalk import Crosswalk
from memnet.studies.migrate.crosswalk_fit import FEWEST as FEWEST_FOR_MAP
from memnet.studies.migrate.crosswalk_fit import Limits, fit_crosswalk
from memnet.studies.migrate.migrated_table import (
    MEMNET_EQUIVALENT,
    add_columns,
    choose_prefix,
    name_columns,
    refuse_clash,
)
from memnet.studies.migrate.new_scores import NewScores, is_resmem, match_new_scores
from memnet.studies.migrate.record import (
    MigrationRecord,
    count_pictures,
    explain_missing,
    explain_unmatched,
    list_cautions,
    list_remarks,
    sample_points,
    summarise_old_scores,
    summarise_scores,
    summarise_study,
)
from memnet.studies.migrate.study import StudyTable
from memnet.util.arrays import Array
from memnet.util.clock import utc_now
from memnet.util.text import shorten_list
from memnet.util.versions import environment


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What a migration gives.

    Attributes
    ----------
    table : the study's rows and columns, and the added ones, all text.
    record : everything that the report shows.
    crosswalk : the map that was fitted now, or None.
    complete : whether every row and picture could be used.
    new : the new scores; None where a crosswalk was applied.
    page : the report that was written, or None.
    """

    table: pd.DataFrame
    record: MigrationRecord
    crosswalk: Crosswalk | None
    complete: bool
    new: NewScores | None = None
    page: Path | None = None

    def __str__(self) -> str:
        """Say what changed and what did not: a line for each claim."""
        n, study = self.record.pictures["n"], self.record.study["source"]
        return "\n".join([f"{n:,} pictures of {study} migrated.", *read_out(self.record)])

    def __repr__(self) -> str:
        """Return the sentences too: a notebook shows them."""
        return str(self)


def check_request(
    study: StudyTable, model: str, request: ClaimRequest, *, memnet_equivalent: bool = False
) -> None:
    """Raise ``MemnetError``, before any picture is scored, for columns that clash or lack."""
    request.check(study)
    request.require_numbers(study)
    names = name_columns(choose_prefix(model), model, memnet_equivalent=memnet_equivalent)
    refuse_clash(study, names)


def migrate_scores(
    study: StudyTable,
    new: NewScores,
    *,
    request: ClaimRequest,
    known_variant: Mapping[str, Any] | None = None,
    memnet_equivalent: bool = False,
    dataset: str = "",
    resamples: int = 2_000,
    seed: int = 0,
    command: str = "memnet.migrate(...)",
) -> Migration:
    """Redo a study with new scores on the pictures that have both.

    Parameters
    ----------
    study, new : the table with the old scores, and the new scores.
    request : the claims to redo: outcomes, covariates, group, predictor.
    known_variant : which variant made the old scores, of
        :func:`~memnet.studies.migrate.known_variant.know_variant`.
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
    values = match_new_scores(study, new)
    both = np.isfinite(study.old) & np.isfinite(values)
    unmatched = explain_unmatched(study, new)
    if (n := int(both.sum())) < FEWEST:
        raise MemnetError(
            f"{n or 'No'} picture(s) of {study.source} have both an old and a new score; at least "
            f"{FEWEST} are needed. {' '.join([*study.set_aside, *unmatched])}".strip()
        )
    old_values, new_values = study.old[both], values[both]
    ids = [study.pictures[picture] for picture in np.flatnonzero(both)]
    old = summarise_old_scores(study, old_values, known_variant)
    info = {
        "name": new.label,
        "source": new.source,
        "read_as": list(new.assumed),
        **new.info,
        **summarise_scores(new_values),
    }
    crosswalk, why_not = _fit_crosswalk(old, info, old_values, new_values, ids, seed)
    added = add_columns(
        study,
        prefix=choose_prefix(new.model),
        label=new.label,
        new=values,
        missing=explain_missing(study, new, values),
        crosswalk=crosswalk,
        memnet_equivalent=memnet_equivalent,
    )
    claims, left_out, unusable = compute_requested_claims(
        study, both, values, request, resamples, seed, LEVEL, new.label, _validities(new.model)
    )
    statistics = measure_agreement(
        old_values, new_values, resamples=resamples, seed=seed, level=LEVEL
    )
    parts: dict[str, Any] = {
        "study": summarise_study(study),
        "old": old,
        "new": info,
        "pictures": count_pictures(study, new, values, ids),
        "claims": claims_as_json(claims),
        "agreement": {"figures": statistics, "n": n},
        "crosswalk": None if crosswalk is None else json.loads(crosswalk.to_json()),
        "settings": {"resamples": resamples, "seed": seed, "level": LEVEL},
    }
    remarks = list_remarks(study, new, n, resamples, added.outside)
    if memnet_equivalent and crosswalk is None:
        unusable.append(
            f"The column {MEMNET_EQUIVALENT!r} was asked for and is not added, since no crosswalk "
            f"was fitted: {why_not}."
        )
    record = MigrationRecord(
        **parts,
        created=utc_now(),
        command=command,
        dataset=dataset,
        conclusions=write_conclusions(claims),
        attenuation=correct_for_attenuation(claims, new.model),
        crosswalk_reason=why_not,
        added=added.columns,
        points=sample_points(old_values, new_values, seed),
        cautions=list_cautions(study, new, values, ids, dataset),
        remarks=[
            *study.remarks,
            *new.doubts,
            *remarks,
            *left_out,
            *list_floor_remarks(claims, resamples),
        ],
        set_aside=[*study.set_aside, *unmatched, *unusable],
        methods=methods.write_methods(**parts),
        environment=environment(),
    )
    record = replace(record, conclusions=open_conclusions(record))
    complete = not (record.set_aside or (new.inputs is not None and new.inputs.unreadable))
    return Migration(
        table=added.table, record=record, crosswalk=crosswalk, complete=complete, new=new
    )


def _validities(model: str) -> dict[str, float] | None:
    """Return the published validities of both models, None where they are not known."""
    known = published_validities(model)
    if known["reason"]:
        return None
    return {score: known[score][0]["validity"] for score in ("old", "new")}


def _scale_limits(values: Array, *, ends: bool) -> Limits:
    """Return 0 and 1 where the scores' scale ends there: by their model, or as they are clamped."""
    if ends and values.min() >= 0 and values.max() <= 1:
        return 0.0, 1.0
    return None, None


def _fit_crosswalk(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    old_values: Array,
    new_values: Array,
    ids: Sequence[str],
    seed: int,
) -> tuple[Crosswalk | None, str]:
    cited = methods.citations()
    resmem = cited["new"] if is_resmem(new["name"]) else ""
    provenance = {
        "old": {"name": "MemNet", "column": old["name"], "looks": old["looks"]},
        "new": {key: new[key] for key in ("name", "weights_sha256", "preprocess_digest")},
        "pictures": {"n": len(ids), "ids_sha256": ids_digest(ids)},
        "memnet_version": __version__,
        "citations": [cited["old"], *filter(None, [new["citation"] or resmem])],
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
            new_name=methods.RESMEM_SCALE if is_resmem(new["name"]) else str(new["name"]),
            old_limits=_scale_limits(old_values, ends=old["at_0"] + old["at_1"] > 0),
            # ResMem ends in a sigmoid.
            new_limits=_scale_limits(new_values, ends=is_resmem(new["name"])),
            level=LEVEL,
            seed=seed,
            provenance=provenance,
        )
    except MemnetError as error:  # a constant column, or scores that do not rise together
        return None, str(error).removesuffix(".")
    return fitted, ""


def apply_crosswalk(
    study: StudyTable,
    crosswalk: Crosswalk,
    source: str,
    digest: str,
    *,
    known_variant: Mapping[str, Any] | None = None,
    command: str = "",
) -> Migration:
    """Place a study's old scores on the new scale with a published crosswalk, without pictures.

    Parameters
    ----------
    crosswalk : from :func:`memnet.studies.migrate.crosswalk.read_crosswalk`.
    source, digest : the crosswalk's file, and its sha256.
    known_variant : which variant made the old scores.
    command : for the record.

    Raises
    ------
    MemnetError
        if a column would be overwritten, or no old score is in the crosswalk's range.
    """
    usable = np.isfinite(study.old)
    if not usable.any():
        raise MemnetError(
            f"No picture of {study.source} has an old score that can be mapped. "
            f"{' '.join(study.set_aside)}".strip()
        )
    map_record = json.loads(crosswalk.to_json())
    prefix = choose_prefix(methods.new_model_of(map_record))
    added = add_columns(
        study,
        prefix=prefix,
        label=crosswalk.forward.target,
        new=None,
        missing={},
        crosswalk=crosswalk,
        memnet_equivalent=False,
    )
    beyond = set(added.outside)
    mapped = [study.pictures[p] for p in np.flatnonzero(usable) if study.pictures[p] not in beyond]
    n = len(mapped)
    low, high = crosswalk.forward.quantile_x[0], crosswalk.forward.quantile_x[-1]
    if n == 0:
        raise MemnetError(
            f"No score in {study.score_column!r} of {study.source} is in the range of {source}, "
            f"{low:.6g} to {high:.6g} (here {study.old[usable].min():.6g} to "
            f"{study.old[usable].max():.6g}); the crosswalk was made for another form of the score."
        )
    old = summarise_old_scores(study, study.old[usable], known_variant)
    outside = []
    if added.outside:
        outside.append(
            f"{len(added.outside):,} picture(s) have an old score outside the crosswalk's range, "
            f"{low:.6g} to {high:.6g}, and no mapped score ({shorten_list(added.outside)}): a "
            "crosswalk is not extrapolated."
        )
    record = MigrationRecord(
        created=utc_now(),
        command=command,
        dataset="",
        study=summarise_study(study),
        old=old,
        new={},
        pictures={
            "n": n,
            "digest": ids_digest(mapped),
            "of_study": len(study.pictures),
            "outside": len(added.outside),
        },
        conclusions=[
            f"{n:,} of {len(study.pictures):,} pictures now have a score on the scale of "
            f"{crosswalk.forward.target}.",
            "A crosswalk changes the scale and adds no information: whatever the study found with "
            "ranks of the old scores stays as it was. To see what changes with "
            f"{crosswalk.forward.target}, give the pictures or their new scores.",
        ],
        claims=[],
        attenuation={"reason": "no new scores"},
        agreement={"figures": {}, "n": 0},
        crosswalk=map_record | {"source": source, "sha256": digest},
        crosswalk_reason="",
        added=added.columns,
        points={"old": [], "new": []},
        cautions=[c.sentence for c in score_cautions(study.old, study.score_column)],
        remarks=[
            *study.remarks,
            "A crosswalk is valid for pictures like those of its fit, and for old scores made with "
            "the same preprocessing; memnet diagnose finds out which preprocessing that was.",
        ],
        set_aside=[*study.set_aside, *outside],
        methods=methods.write_crosswalk_methods(
            old=old, crosswalk=map_record, source=source, digest=digest
        ),
        settings={},
        environment=environment(),
    )
    complete = not (study.set_aside or outside)
    return Migration(table=added.table, record=record, crosswalk=None, complete=complete)
