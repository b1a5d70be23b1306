"""Which variant of MemNet made the old scores: as ``memnet diagnose`` found, or as is stated."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from memnet.errors import MemnetError
from memnet.legacy.variants import find_variant
from memnet.studies.diagnosis.result import RECORD
from memnet.studies.migrate.study import StudyTable
from memnet.util.json_fields import check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.text import printable

_SAME = 1e-9  # relative: a number that was read twice

_SHAPE = {
    "summary": str,
    "source": str,
    "column": str,
    "compared": {"image_ids": [str], "old": [float]},
}


def know_variant(
    study: StudyTable, variant: str, diagnosis: str | os.PathLike[str] | None
) -> dict[str, Any]:
    """Say which variant made a study's old scores; empty where neither says it.

    Parameters
    ----------
    study : the table that is migrated.
    variant : slug that the user states, "" for none.
    diagnosis : ``diagnosis.json`` of ``memnet diagnose --out``, or None.

    Returns
    -------
    dict
        ``slug``, ``known_by`` (``"diagnosis"`` or ``"user"``), ``effect`` (what it did to the
        picture), ``finding`` (the diagnosis in a sentence, "" where there is none).

    Raises
    ------
    MemnetError
        if both are given, the variant is unknown, or the diagnosis cannot be read, names no
        variant, or is of other scores than those of the study.
    """
    if variant and diagnosis is not None:
        raise MemnetError("--variant and --diagnosis say the same thing; give one of them.")
    if diagnosis is not None:
        return _read_diagnosis(study, Path(diagnosis))
    if not variant:
        return {}
    return _known(variant, "user", "")


def _known(slug: str, known_by: str, finding: str) -> dict[str, Any]:
    effect = find_variant(slug).effect
    return {"slug": slug, "known_by": known_by, "effect": effect, "finding": finding}


def _read_diagnosis(study: StudyTable, path: Path) -> dict[str, Any]:
    try:
        record = parse_json(read_json_text(path))
        check_shape(record, {"verdict": (str, None), "evidence": str}, "")
        if record["verdict"] is not None:
            check_shape(record, _SHAPE, "")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise MemnetError(f"{path} is no {RECORD} of memnet diagnose --out ({why}).") from error
    if record["verdict"] is None:
        raise MemnetError(
            f"{path} names no variant (evidence: {printable(record['evidence'])}); leave out "
            "--diagnosis, or state the variant with --variant."
        )
    _check_same_scores(study, record, path)
    return _known(record["verdict"], "diagnosis", record["summary"])


def _check_same_scores(study: StudyTable, record: dict[str, Any], path: Path) -> None:
    """Refuse a diagnosis of other pictures or another column: its scores must be the study's."""
    old = dict(zip(study.pictures, study.old.tolist(), strict=True))
    diagnosed = zip(record["compared"]["image_ids"], record["compared"]["old"], strict=False)
    shared = [(old[image_id], value) for image_id, value in diagnosed if image_id in old]
    where = f"column {record['column']!r} of {printable(Path(record['source']).name)}"
    if not shared:
        raise MemnetError(
            f"{path} is a diagnosis of {where}: none of its pictures is in {study.source}. "
            "Diagnose this table, or leave out --diagnosis."
        )
    here, there = np.array(shared).T
    apart = int((~np.isclose(here, there, rtol=_SAME, atol=0)).sum())
    if apart:
        raise MemnetError(
            f"{path} is a diagnosis of {where}: {apart:,} of the {len(shared):,} pictures that it "
            f"shares with {study.source} have another score in {study.score_column!r}. Diagnose "
            "this column, or leave out --diagnosis."
        )
