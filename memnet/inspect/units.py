"""Every unit's correlation with a score of the pictures: of people's memory, or predicted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.columns import read_column
from memnet.data.digests import ids_digest
from memnet.data.sidecar import sidecar_path
from memnet.data.tables import TableInput
from memnet.errors import MemnetError
from memnet.inspect import activations as files
from memnet.inspect.common_pictures import find_common, without_failed
from memnet.stats.levels import ALPHA
from memnet.stats.unit_correlations import (
    FEWEST_FOR_P,
    UnitCorrelations,
    check_score,
    correct_together,
    correlate_units,
)
from memnet.util.arrays import AnyArray, Array
from memnet.util.atomic import write_text
from memnet.util.earlier_results import keep_other_files
from memnet.util.table_files import check_table_name, write_frame
from memnet.util.text import shorten_list
from memnet.util.versions import environment
from memnet.weights.digests import file_digest

FORMAT = "memnet unit correlations"
"""What the file beside the table says that it is about."""

CONSTANT = "constant"
"""The note on a unit that is the same for all pictures."""


@dataclass(frozen=True, kw_only=True)
class UnitTable:
    """Correlations of units with a score.

    Attributes
    ----------
    units : a row per unit: its layer, its number, and its place (``row`` and ``column``, or
        ``token``) where a layer was kept with its space; ``n``; Spearman's rho and Pearson's r,
        with p and with p adjusted over all units of all layers by the false discovery rate
        (``_fdr``); ``note``.
    layers : a row per layer: how many units it has, how many of them are constant, and how many go
        up (``positive``) and down (``negative``) with the score, in all and those whose adjusted p
        of Spearman's rho is below .05 (``significant_...``).
    record : how this was computed, for a JSON file.
    """

    units: pd.DataFrame
    layers: pd.DataFrame
    record: dict[str, Any]


def correlate_with_score(
    activations: Path,
    truth: TableInput,
    *,
    truth_column: str,
    id_column: str = "image_id",
    match: str = "exact",
    out: Path | None = None,
    command: str = "",
) -> UnitTable:
    """Correlate every unit of every layer with a score of the pictures.

    Parameters
    ----------
    activations : a file of `memnet inspect activations`.
    truth : a table with a score per picture: human scores, or a table of `memnet score`.
    truth_column, id_column : its columns with the scores and the pictures' ids.
    match : how ids are matched, a key of :data:`memnet.data.matching.MATCH_RULES`.
    out : where to write ``units`` (.csv, .parquet or .xlsx); the record goes beside it, under the
        same name with ``.json`` added.
    command : for the record.

    Raises
    ------
    MemnetError
        if a file cannot be read or written, ``out`` is there and is no such table, no id matches,
        fewer than three pictures are left, or the score is the same for all of them.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> ids, values = ["a", "b", "c", "d"], np.array([[1, 9], [2, 8], [3, 9], [4, 6]], np.float32)
    >>> truth = pd.DataFrame({"image_id": ids, "hit_rate": [0.4, 0.5, 0.7, 0.9]})
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "net.npz"), image_id=np.array(ids), fc6=values)
    ...     found = correlate_with_score(Path(folder, "net.npz"), truth, truth_column="hit_rate")
    >>> found.units[["layer", "unit", "spearman"]].round(2).to_numpy().tolist()
    [['fc6', 0, 1.0], ['fc6', 1, -0.63]]
    """
    if out is not None:
        check_table_name(out)
        keep_other_files([out], sidecar_path(out), FORMAT)
    ids, layers, failed = without_failed(*files.read(activations))
    scores = read_column(truth, column=truth_column, id_column=id_column)
    if str(activations) == scores.source:
        raise MemnetError(f"{activations} is given as activations and as the table of scores.")
    usable = f"the usable scores of {scores.source}"
    common = find_common(
        {str(activations): ids, usable: scores.by_id.index.tolist()},
        match,
        advice="Is --id-column right?",
    )
    score = scores.by_id.to_numpy(dtype=np.float64)[common.rows[usable]]
    check_score(score)
    rows = common.rows[str(activations)]
    found = {name: _correlate(name, values[rows], score) for name, values in layers.items()}
    units = _unit_rows(found, {name: values.shape[1:] for name, values in layers.items()})
    units.insert(list(units).index("spearman"), "n", len(score))
    table = UnitTable(
        units=units,
        layers=_layer_rows(units),
        record={
            "format": FORMAT,
            "command": command,
            "activations": {
                "file": str(activations),
                "sha256": file_digest(activations),
                "set_aside": failed,
            },
            "score": {
                "file": scores.source,
                "column": truth_column,
                "id_column": id_column,
                "read_as": list(scores.assumed),
                "set_aside": list(scores.set_aside),
                "doubts": list(scores.doubts),
            },
            "match": match,
            "n": len(score),
            "ids_sha256": ids_digest(common.ids),
            "notes": [
                *common.sentences,
                *_constant_sentences(units),
                *_without_p(len(score)),
            ],
            "method": "Spearman and Pearson, two-sided p by Student's t with n - 2 degrees of "
            f"freedom (none of fewer than {FEWEST_FOR_P} pictures); Benjamini-Hochberg over all "
            "units of all layers that are not constant",
            "alpha": ALPHA,
            "layers": [],
            "environment": environment(),
        },
    )
    table.record["layers"] = table.layers.to_dict("records")
    if out is not None:
        write_frame(units, out)
        text = json.dumps(table.record, indent=1, ensure_ascii=False)
        write_text(sidecar_path(out), f"{text}\n")
    return table


def _correlate(layer: str, values: AnyArray, score: Array) -> UnitCorrelations:
    try:
        return correlate_units(values.reshape(len(values), -1), score)
    except MemnetError as error:
        raise MemnetError(f"Layer {layer}: {error}") from error


def _unit_rows(
    found: dict[str, UnitCorrelations], shapes: dict[str, tuple[int, ...]]
) -> pd.DataFrame:
    """Make a row per unit; p values are corrected over all of them at once."""
    adjusted = {
        kind: correct_together([getattr(each, f"{kind}_p") for each in found.values()])
        for kind in ("spearman", "pearson")
    }
    tables = []
    for place, (layer, each) in enumerate(found.items()):
        columns: dict[str, Any] = {"layer": layer, **_places(shapes[layer])}
        for kind in adjusted:
            columns[kind] = getattr(each, kind)
            columns[f"{kind}_p"] = getattr(each, f"{kind}_p")
            columns[f"{kind}_p_fdr"] = adjusted[kind][place]
        columns["note"] = np.where(each.constant, CONSTANT, "")
        tables.append(pd.DataFrame(columns))
    units = pd.concat(tables, ignore_index=True)
    space = [name for name in ("row", "column", "token") if name in units]  # of some layers
    units = units.astype(dict.fromkeys(space, "Int64"))
    first = ["layer", "unit", *space]
    return units[[*first, *(name for name in units if name not in first)]]


def _places(shape: tuple[int, ...]) -> dict[str, AnyArray]:
    """Return the units' numbers, and where in space each is if it was kept with its space."""
    axes = {2: ("token", "unit"), 3: ("unit", "row", "column")}.get(len(shape), ("unit",))
    sizes = shape if len(axes) == len(shape) else (math.prod(shape),)
    places = np.unravel_index(np.arange(math.prod(shape)), sizes)
    return dict(zip(axes, places, strict=True))


def _layer_rows(units: pd.DataFrame) -> pd.DataFrame:
    significant = units["spearman_p_fdr"] < ALPHA
    flags = pd.DataFrame(
        {
            "layer": units["layer"],
            "units": 1,
            CONSTANT: units["note"] == CONSTANT,
            "positive": units["spearman"] > 0,
            "negative": units["spearman"] < 0,
            "significant_positive": significant & (units["spearman"] > 0),
            "significant_negative": significant & (units["spearman"] < 0),
        }
    )
    return flags.groupby("layer", sort=False).sum().astype(int).reset_index()


def _without_p(n: int) -> list[str]:
    if n >= FEWEST_FOR_P:
        return []
    return [
        f"Of {n} pictures no p values are given, since Student's t is no guide to so few: "
        f"{FEWEST_FOR_P} are needed, and a hundred are better."
    ]


def _constant_sentences(units: pd.DataFrame) -> list[str]:
    sentences = []
    for layer, rows in units[units["note"] == CONSTANT].groupby("layer", sort=False):
        total = int((units["layer"] == layer).sum())
        numbers = shorten_list(dict.fromkeys(rows["unit"].tolist()))
        sentences.append(
            f"{len(rows):,} of {total:,} units of layer {layer} are the same for all pictures, so "
            f"they correlate with nothing and are not among the tests: {numbers}."
        )
    return sentences
