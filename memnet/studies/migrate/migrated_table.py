"""The migrated table: the study's rows and columns as they were, and the columns beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from memnet.errors import MemnetError
from memnet.studies.migrate.crosswalk import Crosswalk
from memnet.studies.migrate.new_scores import is_resmem
from memnet.studies.migrate.study import StudyTable
from memnet.util.arrays import Array

NOTE = "note"
MEMNET_EQUIVALENT = "memnet_equivalent"


@dataclass(frozen=True, kw_only=True)
class MigratedTable:
    """A migrated table and what its new columns are.

    Attributes
    ----------
    table : the study's rows and columns as they were, then the added columns.
    columns : added column -> ``meaning`` and ``n``, how many rows have a value.
    outside : ids of the pictures whose old score lies outside the crosswalk's range.
    """

    table: pd.DataFrame
    columns: dict[str, dict[str, Any]]
    outside: tuple[str, ...]


def choose_prefix(model: str) -> str:
    """Begin the names of the added columns: ``resmem``, or ``new`` unless it is that model."""
    return "resmem" if is_resmem(model) else "new"


def name_columns(
    prefix: str,
    label: str,
    *,
    scored: bool = True,
    mapped: bool = True,
    memnet_equivalent: bool = False,
) -> dict[str, str]:
    """Name the columns that will be added -> what each holds; ``label`` names the model."""
    what = "ResMem" if prefix == "resmem" else label
    names = {}
    if scored:
        names[prefix] = f"score of {what}"
    if mapped:
        names |= {
            f"{prefix}_equivalent": f"the old score on the scale of {what} (equipercentile: the "
            "score with the same percentile rank)",
            f"{prefix}_predicted": f"the expected score of {what} for a picture with this old "
            "score (isotonic regression)",
            f"{prefix}_predicted_low": "lower end of its prediction interval, equally wide for all "
            "scores but cut where the scale ends; it holds on average",
            f"{prefix}_predicted_high": "upper end of its prediction interval",
        }
    if memnet_equivalent:
        names[MEMNET_EQUIVALENT] = (
            f"the score of {what} on the scale of the old scores (equipercentile); it ranks the "
            f"pictures as {what} does"
        )
    names[NOTE] = "why a cell of this row is empty"
    return names


def refuse_clash(study: StudyTable, names: Mapping[str, str]) -> None:
    """Raise ``MemnetError`` where the study has a column of a name that will be added."""
    if clash := [name for name in names if name in study.table.columns]:
        raise MemnetError(
            f"{study.source} already has the column(s) {', '.join(map(repr, clash))}, which memnet "
            "would add; rename them, as no column of the study is overwritten."
        )


def add_columns(
    study: StudyTable,
    *,
    prefix: str,
    label: str,
    new: Array | None,
    missing: Mapping[str, str],
    crosswalk: Crosswalk | None,
    memnet_equivalent: bool,
) -> MigratedTable:
    """Build the migrated table.

    Parameters
    ----------
    prefix : of :func:`choose_prefix`.
    label : what sentences call the new model.
    new : float64 ``(P,)``, NaN where a picture has no new score; None where none were made.
    missing : picture -> why it has no new score.
    crosswalk : from old (forward) to new scores and back; None where there is none.
    memnet_equivalent : add the new scores on the old scale.

    Raises
    ------
    MemnetError
        if the study has a column of the same name.
    """
    names = name_columns(
        prefix,
        label,
        scored=new is not None,
        mapped=crosswalk is not None,
        memnet_equivalent=memnet_equivalent and crosswalk is not None and new is not None,
    )
    refuse_clash(study, names)
    values: dict[str, Array] = {}
    outside = np.zeros(len(study.pictures), dtype=bool)
    if new is not None:
        values[prefix] = new
    if crosswalk is not None:
        mapped = crosswalk.forward.apply(study.old)
        outside = np.asarray(mapped.outside)
        values[f"{prefix}_equivalent"] = mapped.quantile
        values[f"{prefix}_predicted"] = mapped.isotonic
        values[f"{prefix}_predicted_low"] = mapped.low
        values[f"{prefix}_predicted_high"] = mapped.high
        if MEMNET_EQUIVALENT in names and new is not None:
            values[MEMNET_EQUIVALENT] = crosswalk.backward.apply(new).quantile
    cells = {
        name: [_format_cell(value) for value in _spread_over_rows(study, column)]
        for name, column in values.items()
    }
    cells[NOTE] = _write_notes(study, missing, outside, crosswalk)
    table = pd.concat([study.table, pd.DataFrame(cells, index=study.table.index)], axis=1)
    filled = {name: sum(cell != "" for cell in column) for name, column in cells.items()}
    return MigratedTable(
        table=table,
        columns={name: {"meaning": names[name], "n": filled[name]} for name in names},
        outside=tuple(study.pictures[picture] for picture in np.flatnonzero(outside)),
    )


def _spread_over_rows(study: StudyTable, column: Array) -> list[float]:
    rows = np.where(study.place >= 0, column[np.maximum(study.place, 0)], np.nan)
    return [float(value) for value in rows]


def _format_cell(value: float) -> str:
    """Write the shortest decimal that reads back as the same number; nothing for NaN."""
    return "" if np.isnan(value) else repr(value)


def _write_notes(
    study: StudyTable, missing: Mapping[str, str], outside: Any, crosswalk: Crosswalk | None
) -> list[str]:
    reach = ""
    if crosswalk is not None:
        low, high = crosswalk.forward.quantile_x[0], crosswalk.forward.quantile_x[-1]
        reach = f"the old score is outside the crosswalk's range, {low:.6g} to {high:.6g}"
    notes = []
    for note, picture in zip(study.notes, study.place.tolist(), strict=True):
        reasons = [note]
        if picture >= 0:
            reasons.append(missing.get(study.pictures[picture], ""))
            reasons.append(reach if outside[picture] else "")
        notes.append("; ".join(filter(None, reasons)))
    return notes
