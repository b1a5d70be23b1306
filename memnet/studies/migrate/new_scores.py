"""The new scores of a study's pictures: scored now, or read from a table."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.columns import Scores
from memnet.data.inputs import Inputs, Item
from memnet.data.matching import IdMatch, match_ids
from memnet.data.pictures import collect
from memnet.data.score_columns import FAILED
from memnet.data.score_tables import read_scores
from memnet.data.sidecar import refuse_to_add
from memnet.data.tables import TableInput, assumed_of, read_table_any
from memnet.errors import MemnetError
from memnet.scoring.runner import Settings, Summary, score_to_file
from memnet.studies.migrate.claims.compute import FEWEST
from memnet.studies.migrate.study import StudyTable
from memnet.util.text import model_label
from memnet.weights.catalogue import catalogue

_MIGRATION = re.compile(r"\bmemnet[. ](-\S+ )*migrate\b")
"""What the command line of a migration has."""

RESMEM = "resmem.published"

_NEW_TABLE = "the table of new scores"
"""What sentences call a DataFrame of new scores: the study may be one, too."""


def is_resmem(model: str) -> bool:
    """Whether a model is the published ResMem, with any variant; others are of that network only.

    Examples
    --------
    >>> is_resmem("resmem.published"), is_resmem("resmem.mine")
    (True, False)
    """
    return model.split(":")[0] == RESMEM


@dataclass(frozen=True, kw_only=True)
class NewScores:
    """Scores of the new model.

    Attributes
    ----------
    model : its name, ``resmem.published``; the file's stem where neither table nor user says.
    source : the file they stand in.
    where : where ids were looked for, as the user named it: that file, or the pictures.
    by_id : float64 scores indexed by image id: the study's where it has the picture.
    info : ``known_by`` (``"sidecar"``; ``"name"``, by its table; ``"user"``, who stated it; or
        ``"nobody"``), ``title``,
        ``weights_sha256``, ``preprocess_digest``, ``licence``, ``licence_notice``, ``citation``,
        ``trained_on``, ``split_unpublished``, each None where it is not known.
    failed : picture of the study -> why it has no score although it was found.
    inputs : the pictures that were found, where they were scored now, else None.
    items : those of them that the study has rows about.
    summary : what the scoring did, or None.
    rule : by which ids were matched, a key of :data:`memnet.data.matching.MATCH_RULES`.
    assumed : sentences on what their file was taken to be.
    doubts : sentences on scores that are used, and may stand for missing values.
    """

    model: str
    source: str
    where: str
    by_id: pd.Series
    info: dict[str, Any]
    failed: dict[str, str] = field(default_factory=dict)
    inputs: Inputs | None = None
    items: tuple[Item, ...] | None = None
    summary: Summary | None = None
    rule: str = "exact"
    assumed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """What sentences call the model: a file's name is no model's."""
        return f"the model of {self.source}" if self.info["known_by"] == "nobody" else self.model


def read_new_scores(
    table: TableInput, study: StudyTable, *, model: str = "", rule: str = "exact"
) -> NewScores:
    """Read new scores: a table of ``memnet score``, or any with an id and a column ``score``.

    Parameters
    ----------
    table : CSV, TSV, Excel or Parquet, or a DataFrame. The id stands in the study's id column,
        or in ``image_id``.
    model : which one, where the table has several; or its name, where the table has no column
        ``model``. "" where the user did not say.
    rule : of matching ids, a key of :data:`memnet.data.matching.MATCH_RULES`.

    Raises
    ------
    MemnetError
        if a column is missing, an id occurs twice, two ids are one under the rule, no row is
        usable, the table has several models
        and ``model`` is none of them, or it has another.
    """
    frame = read_table_any(table)
    source = _NEW_TABLE if isinstance(table, pd.DataFrame) else Path(table).name
    named = "model" in frame.columns
    name = None if named else model or None  # of a table that names none
    models = read_scores(table, id_column=study.id_column, name=name)
    names = [scores.name for scores in models]
    chosen = models[0]
    if named and (model or len(models) > 1):
        if model not in names:
            raise MemnetError(
                f"{source} has scores of {len(models)} model(s), "
                f"{f'but none of {model}' if model else 'and no model was chosen'}; choose one "
                f"with --model: {', '.join(names)}."
            )
        chosen = models[names.index(model)]
    known_by = "" if named else "user" if model else "nobody"
    failed = _without_score(frame[_rows_of(frame, chosen)], study.id_column, chosen)
    ids = _ids_of_study(study, [*chosen.by_id.index, *failed], source, rule)
    return NewScores(
        model=chosen.name,
        source=source,
        where=source,
        by_id=chosen.by_id.rename(index=ids),
        info=_info(chosen, known_by),
        failed={ids[each]: why for each, why in failed.items() if each in ids},
        rule=rule,
        assumed=tuple(assumed_of(frame)),
        doubts=chosen.doubts,
    )


def score_pictures(
    study: StudyTable,
    images: str | Path,
    out: Path,
    *,
    model: str,
    rule: str = "exact",
    command: str,
) -> NewScores:
    """Score those of the given pictures that the study has rows about.

    Parameters
    ----------
    images : a folder, a glob or a manifest, as ``memnet score`` takes it.
    out : the score table to write; a rerun goes on with it.
    model : a model's name or a .safetensors file.
    rule : of matching ids, a key of :data:`memnet.data.matching.MATCH_RULES`.

    Raises
    ------
    MemnetError
        if fewer than 10 pictures match the study's ids and have an old score, the model cannot be
        loaded, or no picture can be scored.
    """
    refuse_to_add(
        out,
        lambda made_by: made_by == command or bool(_MIGRATION.search(made_by)),
        "give what is in it as --new-scores",
    )
    inputs = collect([images])
    found = [item.image_id for item in inputs.items]
    match_study(study, found, str(images), rule).require_any()
    ids = _ids_of_study(study, found, str(images), rule)
    used = inputs.only(ids)
    _require_enough(study, {ids[item.image_id] for item in used.items}, str(images))
    summary = score_to_file(used, out, Settings(models=[model], command=command))
    models = read_scores(out, id_column="image_id")
    # The folder may have scores of other models, from earlier runs; a file is not called as given.
    scores = next((each for each in models if each.name in summary.labels), models[0])
    failed = {ids[row.image_id]: row.warning.removeprefix(FAILED) for row in summary.failed}
    return NewScores(
        model=scores.name,
        source=out.name,
        where=str(images),
        by_id=scores.by_id[scores.by_id.index.isin(list(ids))].rename(index=ids),
        info=_info(scores),
        failed=failed,
        inputs=inputs,
        items=tuple(used.items),
        summary=summary,
        rule=rule,
    )


def _require_enough(study: StudyTable, found: Collection[str], where: str) -> None:
    """Refuse, before any is scored, too few pictures that have an old score."""
    has_old = dict(zip(study.pictures, np.isfinite(study.old).tolist(), strict=True))
    n = sum(has_old[picture] for picture in found)
    if n < FEWEST:
        raise MemnetError(
            f"{n or 'No'} picture(s) of {where} have an old score in {study.source}; at least "
            f"{FEWEST} are needed. {' '.join(study.set_aside)}".strip()
        )


def ids_of(new: NewScores) -> list[str]:
    """Every id that the study's could have matched: of the pictures found, or of the table."""
    if new.inputs is not None:
        return [item.image_id for item in new.inputs.items]
    return [*new.by_id.index, *new.failed]


def match_new_scores(study: StudyTable, new: NewScores) -> Any:
    """Return the new score of each picture of the study, float64 ``(P,)``, NaN where none.

    Raises
    ------
    MemnetError
        if no id agrees.
    """
    match = match_study(study, list(new.by_id.index), new.source, new.rule)
    match.require_any()
    values = new.by_id.to_numpy(dtype=np.float64)
    return np.where(match.positions >= 0, values[np.maximum(match.positions, 0)], np.nan)


def match_study(study: StudyTable, ids: Sequence[str], where: str, rule: str = "exact") -> IdMatch:
    """Match the study's pictures with other ids; ``where`` is what sentences call those."""
    return match_ids(study.pictures, ids, left_name=study.source, right_name=where, rule=rule)


def _ids_of_study(study: StudyTable, ids: Sequence[str], where: str, rule: str) -> dict[str, str]:
    """Return id -> the study's id of the same picture, for those that the study has."""
    return match_study(study, ids, where, rule).partners


def _info(scores: Scores, known_by: str = "") -> dict[str, Any]:
    """Tell what is known of the model: by its table's sidecar, else by its name.

    ``known_by`` is ``"user"`` or ``"nobody"`` where the table has no column with its name: then
    nothing is said of weights and preprocessing.
    """
    entry = None if known_by == "nobody" else catalogue().get(scores.name.split(":")[0])
    fields = ("title", "licence", "licence_notice", "citation", "trained_on", "split_unpublished")
    info: dict[str, Any] = dict.fromkeys((*fields, "weights_sha256", "preprocess_digest"))
    info["known_by"] = known_by or "name"
    if entry is not None:
        info |= {name: getattr(entry, name) for name in fields}
    if entry is not None and not known_by:
        info |= {
            "known_by": "name",
            "weights_sha256": entry.sha256 or None,
            "preprocess_digest": entry.preprocess.digest(),
        }
    if scores.identity:
        copied = ("weights_sha256", "preprocess_digest", "licence", "citation", "trained_on")
        info |= {name: scores.identity.get(name) for name in copied} | {"known_by": "sidecar"}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in info.items()}


def _rows_of(frame: pd.DataFrame, scores: Scores) -> Any:
    """Which rows of a table are of one model: all of a table that names none."""
    if "model" not in frame.columns:
        return np.ones(len(frame), dtype=bool)
    variants = frame["variant"] if "variant" in frame.columns else [""] * len(frame)
    labels = map(model_label, frame["model"], variants)
    return np.array([label == scores.name for label in labels], dtype=bool)


def _without_score(rows: pd.DataFrame, id_column: str, scores: Scores) -> dict[str, str]:
    """Why pictures that a model's rows name have no score in them."""
    column = id_column if id_column in rows.columns else "image_id"
    rows = rows[~rows[column].isin(scores.by_id.index) & (rows[column].str.strip() != "")]
    warnings = rows["warning"] if "warning" in rows.columns else [""] * len(rows)
    return {
        str(image_id): str(warning).removeprefix(FAILED) or "its score is missing or not a number"
        for image_id, warning in zip(rows[column], warnings, strict=True)
    }
