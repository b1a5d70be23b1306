"""LaMem and MemCat together: Needell & Bainbridge (2022), doi 10.1007/s42113-022-00126-5."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from memnet.data.datasets import PARTS, require_choice
from memnet.data.lamem import SPLITS, read_split, split_file
from memnet.data.manifest import (
    HIT_RATE,
    ID_COLUMN,
    MIXED,
    TRUTH_COLUMN,
    FilePath,
    Truth,
    digest_of,
    new_manifest,
    truth_columns,
)
from memnet.data.memcat import read_memcat_table
from memnet.data.splits import SEED, held_out_ids
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

HELD_OUT = 5_000
"""How many pictures Needell & Bainbridge (2022) held out."""


def read_mixture(
    lamem_folder: FilePath,
    memcat_file: FilePath,
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
    memcat_file, label : as for :func:`~memnet.data.memcat.read_memcat`.
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
        as :func:`~memnet.data.lamem.read_lamem` and
        :func:`~memnet.data.memcat.read_memcat`; if a picture is in two parts of the split; if
        ``held_out`` leaves nothing on one side.
    """
    require_choice("part", part, ("test", "train"))
    require_choice("split", split, SPLITS)
    folder = Path(lamem_folder)
    parts = {name: read_split(folder, split, name) for name in PARTS}
    sources = {
        path: digest_of(path) for path in (split_file(folder, split, name) for name in PARTS)
    }
    scores = pd.concat(list(parts.values()))
    if scores.index.has_duplicates:
        repeated = scores.index[scores.index.duplicated()]
        raise MemnetError(
            f"{len(repeated)} picture(s) are in more than one part of LaMem's split {split} in "
            f"{folder}: {shorten_list(repeated)}; the parts must not overlap."
        )
    first = truth_columns(scores).assign(dataset="lamem", category="")
    second, column, sources[Path(memcat_file)] = read_memcat_table(Path(memcat_file), label)
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
