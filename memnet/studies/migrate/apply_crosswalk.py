"""A study taken to another scale by a published crosswalk, without pictures."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from memnet.data.matching import ids_digest
from memnet.errors import MemnetError
from memnet.studies.cautions import score_cautions
from memnet.studies.migrate import methods, record_fields
from memnet.studies.migrate.apply import add_columns, column_prefix
from memnet.studies.migrate.crosswalk import Crosswalk
from memnet.studies.migrate.record import MigrationRecord
from memnet.studies.migrate.run import Migration
from memnet.studies.migrate.study import Study
from memnet.util.clock import utc_now
from memnet.util.text import shorten_list
from memnet.util.versions import environment


def read_map(path: Path) -> tuple[Crosswalk, str, str]:
    """Read a crosswalk file: the crosswalk, the file's name and its sha256.

    Raises
    ------
    MemnetError
        if it is missing, damaged or no crosswalk.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MemnetError(f"The crosswalk {path} cannot be read ({error}).") from error
    digest = hashlib.sha256(data).hexdigest()
    return Crosswalk.from_json(text, path.name), path.name, digest


def apply_map(
    study: Study, crosswalk: Crosswalk, source: str, digest: str, *, command: str = ""
) -> Migration:
    """Place a study's old scores on the new scale with a published crosswalk, without pictures.

    Parameters
    ----------
    crosswalk : from :meth:`memnet.studies.migrate.crosswalk.Crosswalk.from_json`.
    source, digest : the crosswalk's file, and its sha256.
    command : for the record.

    Raises
    ------
    MemnetError
        if a column would be overwritten, or no old score is in the crosswalk's range.
    """
    prefix = column_prefix(crosswalk.forward.target)
    added = add_columns(
        study,
        prefix=prefix,
        called=crosswalk.forward.target,
        new=None,
        missing={},
        crosswalk=crosswalk,
        memnet_equivalent=False,
    )
    usable = np.isfinite(study.old)
    beyond = set(added.outside)
    mapped = [study.pictures[p] for p in np.flatnonzero(usable) if study.pictures[p] not in beyond]
    n = len(mapped)
    low, high = crosswalk.forward.quantile_x[0], crosswalk.forward.quantile_x[-1]
    if n == 0:
        raise MemnetError(
            f"No score in {study.score_column!r} of {study.source} is in the range of {source}, "
            f"{low:.6g} to {high:.6g} (here {study.old[usable].min():.6g} to "
            f"{study.old[usable].max():.6g}); the crosswalk is of another form of the score."
        )
    old = record_fields.old_info(study, study.old[usable])
    map_record = json.loads(crosswalk.to_json())
    outside = []
    if added.outside:
        outside.append(
            f"{len(added.outside):,} picture(s) have an old score outside the crosswalk's range, "
            f"{low:.6g} to {high:.6g}, and no mapped score "
            f"({shorten_list(added.outside)}): a crosswalk is "
            "not extrapolated."
        )
    record = MigrationRecord(
        created=utc_now(),
        command=command,
        dataset="",
        study=record_fields.study_info(study),
        old=old,
        new={},
        pictures={
            "n": n,
            "digest": ids_digest(mapped),
            "of_study": len(study.pictures),
            "outside": len(added.outside),
        },
        conclusions=[
            f"{n:,} of {len(study.pictures):,} pictures have a score on the scale of "
            f"{crosswalk.forward.target} now.",
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
            "A crosswalk holds for pictures like those that it was fitted on, and for old scores "
            "made with the same preprocessing; memnet diagnose tells which that was.",
        ],
        set_aside=[*study.set_aside, *outside],
        methods=methods.mapped_paragraph(
            old=old, crosswalk=map_record, source=source, digest=digest
        ),
        settings={},
        environment=environment(),
    )
    complete = not (study.set_aside or outside)
    return Migration(table=added.table, record=record, crosswalk=None, complete=complete)
