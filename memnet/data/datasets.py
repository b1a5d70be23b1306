"""The data sets of the field as one truth table each: LaMem, MemCat, and their mixture.

- LaMem: Khosla, Raju, Torralba & Oliva (2015), ICCV, doi 10.1109/ICCV.2015.275. Its five official
  splits give one picture different labels, since training labels come from one half of the workers
  and test labels from the other (their section 4.1). A table therefore comes from one split.
- MemCat: Goetschalckx & Wagemans (2019), PeerJ 7:e8169. It has two labels, with and without a
  correction for false alarms, which rank the pictures differently (Spearman 0.904): the label is
  always named, never assumed.
- The mixture with 5,000 held out: Needell & Bainbridge (2022), doi 10.1007/s42113-022-00126-5.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd

from memnet.data.columns import read_column, read_extras
from memnet.data.lamem import PARTS, SPLITS, read_split, split_file
from memnet.data.manifest import (
    CORRECTED,
    HIT_RATE,
    ID_COLUMN,
    MIXED,
    TRUTH_COLUMN,
    Truth,
    digest_of,
    new_manifest,
)
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

MEMCAT_LABELS = {
    "wo-fa": "memorability_wo_fa_correction",
    "w-fa": "memorability_w_fa_correction",
}
"""The two labels of MemCat: hits / responses, and (hits - false alarms) / responses."""

HELD_OUT = 5_000
SEED = 2022

_ROUNDING = 1e-9  # MemCat's labels are printed to 15 digits

Folder = str | os.PathLike[str]


def lamem(folder: Folder, *, split: int, part: str = "test") -> Truth:
    """Build the truth table of one part of one official split of LaMem.

    Parameters
    ----------
    folder : LaMem's folder with ``splits/``, or the folder with the split files themselves.
    split : 1 to 5. Results are given per split, with their mean, as Khosla et al. (2015) do.
    part : ``"test"`` (10,000 pictures), ``"val"`` (3,741) or ``"train"`` (45,000).

    Raises
    ------
    MemnetError
        if the split, the part or the file does not exist, or the file is damaged.
    """
    _one_of("part", part, PARTS)
    _one_of("split", split, SPLITS)
    scores = read_split(Path(folder), split, part)
    path = split_file(Path(folder), split, part)
    table = _table(scores)
    manifest = new_manifest(
        table,
        dataset="lamem",
        part=part,
        split=split,
        label_kind=HIT_RATE,
        rule=f"the pictures and labels of LaMem's {path.name}, and of no other split",
        sources={path: digest_of(path)},
    )
    return Truth(table=table, manifest=manifest)


def memcat(file: Folder, *, label: str) -> Truth:
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
    table, column, sha256 = _read_memcat(Path(file), label)
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


def mixture(
    lamem_folder: Folder,
    memcat_file: Folder,
    *,
    split: int,
    label: str,
    part: str = "test",
    held_out: int = HELD_OUT,
    seed: int = SEED,
) -> Truth:
    """Build the truth table of LaMem and MemCat together, with some pictures held out.

    The mixture is that of Needell & Bainbridge (2022): 58,741 + 10,000 pictures, 5,000 held out.
    Theirs was drawn without a seed (and from a list of LaMem's labels that is not part of its
    release), so nobody can hold out the same 5,000; this draw is the same for everybody.

    A picture's id is ``lamem/`` or ``memcat/`` and its file name. The held-out pictures are the
    first ``held_out`` by sha256 of ``"{seed}:{id}"``, which depends neither on the order of the
    files nor on any library's random numbers.

    Parameters
    ----------
    lamem_folder, split : LaMem's labels come from the train, val and test file of this one split.
    memcat_file, label : as for :func:`memcat`.
    part : ``"test"``, the pictures held out, or ``"train"``, all others.
    held_out : how many to hold out, of both data sets together.
    seed : of the draw.

    Returns
    -------
    Truth
        with the columns ``dataset`` and ``category`` (of MemCat; empty for LaMem, which has none).

    Raises
    ------
    MemnetError
        as :func:`lamem` and :func:`memcat`; if a picture is in two parts of the split; if
        ``held_out`` leaves nothing on one side.
    """
    _one_of("part", part, ("test", "train"))
    _one_of("split", split, SPLITS)
    folder = Path(lamem_folder)
    parts = {name: read_split(folder, split, name) for name in PARTS}
    sources = {
        path: digest_of(path) for path in (split_file(folder, split, name) for name in PARTS)
    }
    scores = pd.concat(list(parts.values()))
    if scores.index.has_duplicates:
        twice = scores.index[scores.index.duplicated()]
        raise MemnetError(
            f"{len(twice)} picture(s) are in more than one part of LaMem's split {split} in "
            f"{folder}: {shorten_list(twice)}; the parts must not overlap."
        )
    first = _table(scores).assign(dataset="lamem", category="")
    second, column, sources[Path(memcat_file)] = _read_memcat(Path(memcat_file), label)
    both = pd.concat([first, second.assign(dataset="memcat")], ignore_index=True)
    both = both[[ID_COLUMN, TRUTH_COLUMN, "dataset", "category"]]
    both[ID_COLUMN] = both["dataset"] + "/" + both[ID_COLUMN]
    if not 0 < held_out < len(both):
        raise MemnetError(
            f"--held-out {held_out} must be from 1 to {len(both) - 1:,}: there are {len(both):,} "
            "pictures."
        )
    chosen = held_out_ids(both[ID_COLUMN].tolist(), held_out, seed)
    table = both[both[ID_COLUMN].isin(chosen) == (part == "test")]
    table = table.sort_values(ID_COLUMN, ignore_index=True)
    manifest = new_manifest(
        table,
        dataset="lamem+memcat",
        part=part,
        split=split,
        label_column=column,
        label_kind=HIT_RATE if label == "wo-fa" else MIXED,
        held_out=held_out,
        seed=seed,
        rule=(
            f"the {held_out} pictures with the lowest sha256 of '{seed}:ID' are held out; LaMem's "
            f"labels are those of split {split}, MemCat's are {column}"
        ),
        counts={name: int((table["dataset"] == name).sum()) for name in ("lamem", "memcat")},
        category_column="dataset",
        sources=sources,
    )
    return Truth(table=table, manifest=manifest)


def held_out_ids(ids: list[str], count: int, seed: int) -> set[str]:
    """Choose ``count`` of the ids: those with the lowest sha256 of ``"{seed}:{id}"``."""
    return set(sorted(ids, key=lambda i: hashlib.sha256(f"{seed}:{i}".encode()).digest())[:count])


def _table(scores: pd.Series) -> pd.DataFrame:
    """Build the two columns that every table has, in the order of the ids."""
    scores = scores.sort_index()
    return pd.DataFrame({ID_COLUMN: scores.index, TRUTH_COLUMN: scores.to_numpy(np.float64)})


def _read_memcat(path: Path, label: str) -> tuple[pd.DataFrame, str, str]:
    """Read MemCat's file; returns the table, the column of its label, and the file's sha256."""
    _one_of("label", label, tuple(MEMCAT_LABELS))
    column = MEMCAT_LABELS[label]
    truth = read_column(path, column=column, id_column="image_file", name=column)
    if truth.set_aside:
        raise MemnetError(
            f"{len(truth.set_aside)} row(s) of MemCat's file are unusable: "
            f"{shorten_list(truth.set_aside, 3)}."
        )
    table = _table(truth.by_id)
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
    wrong = (hits / table["n_resp"] - table[TRUTH_COLUMN]).abs() > _ROUNDING
    if wrong.any():
        rule = "H / n_resp" if label == "wo-fa" else "(H - FA) / n_resp"
        raise MemnetError(
            f"{path}: {column} is not {rule} for {wrong.sum():,} picture(s), "
            f"{shorten_list(table[ID_COLUMN][wrong])}; the file is not MemCat's as published."
        )
    return table, column, digest_of(path)


def _one_of(name: str, given: object, allowed: tuple[object, ...]) -> None:
    if given not in allowed:
        raise MemnetError(f"--{name} is {given!r}; it must be {' or '.join(map(str, allowed))}.")
