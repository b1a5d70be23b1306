"""MemCat's published table: Goetschalckx & Wagemans (2019), PeerJ 7:e8169.

It has two labels, with and without a correction for false alarms, which rank the pictures
differently (Spearman 0.904): the label is always named, never assumed.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from memnet.data.columns import read_column, read_extras
from memnet.data.datasets import require_choice
from memnet.data.manifest import (
    CORRECTED,
    HIT_RATE,
    ID_COLUMN,
    TRUTH_COLUMN,
    FilePath,
    Truth,
    digest_of,
    new_manifest,
    truth_columns,
)
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

LABELS = {
    "wo-fa": "memorability_wo_fa_correction",
    "w-fa": "memorability_w_fa_correction",
}
"""The two labels of MemCat: hits / responses, and (hits - false alarms) / responses."""

_ROUNDING = 1e-9  # the labels are printed to 15 digits


def read_memcat(file: FilePath, *, label: str) -> Truth:
    """Build the truth table of MemCat, all 10,000 pictures.

    Parameters
    ----------
    file : ``memcat_image_data.csv`` as published.
    label : ``"wo-fa"`` (hit rate) or ``"w-fa"`` (corrected for false alarms).

    Returns
    -------
    Truth
        with the columns ``hits``, ``false_alarms``, ``n_resp``, ``category``, ``subcategory``.

    Raises
    ------
    MemnetError
        if the file is no such table, a cell is unusable, or its counts do not give its labels.
    """
    table, column, sha256 = read_memcat_table(Path(file), label)
    manifest = new_manifest(
        table,
        dataset="memcat",
        part="all",
        label_column=column,
        label_kind=HIT_RATE if label == "wo-fa" else CORRECTED,
        rule=f"every picture of MemCat, labelled by {column}",
        hits_column="hits",
        responses_column="n_resp",
        false_alarms_column="false_alarms",
        category_column="category",
        sources={Path(file): sha256},
    )
    return Truth(table=table, manifest=manifest)


def read_memcat_table(path: Path, label: str) -> tuple[pd.DataFrame, str, str]:
    """Read MemCat's file; returns the table, the column of its label, and the file's sha256."""
    require_choice("label", label, tuple(LABELS))
    column = LABELS[label]
    truth = read_column(path, column=column, id_column="image_file", name=column)
    if truth.set_aside:
        raise MemnetError(
            f"{len(truth.set_aside)} row(s) of MemCat's file are unusable: "
            f"{shorten_list(truth.set_aside, 3)}."
        )
    table = truth_columns(truth.by_id)
    extras = read_extras(
        path,
        {
            "hits": "H",
            "false_alarms": "FA",
            "responses": "n_resp",
            "category": "category",
            "subcategory": "subcategory",
        },
        id_column="image_file",
        ids=table[ID_COLUMN].tolist(),
    ).rename(columns={"responses": "n_resp"})
    table = pd.concat([table, extras.reset_index(drop=True)], axis=1)
    hits = table["hits"] - (table["false_alarms"] if label == "w-fa" else 0)
    differing = (hits / table["n_resp"] - table[TRUTH_COLUMN]).abs() > _ROUNDING
    if differing.any():
        rule = "H / n_resp" if label == "wo-fa" else "(H - FA) / n_resp"
        raise MemnetError(
            f"{path}: {column} is not {rule} for {differing.sum():,} picture(s), "
            f"{shorten_list(table[ID_COLUMN][differing])}; the file is not MemCat's as published."
        )
    return table, column, digest_of(path)
