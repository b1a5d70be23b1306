"""Pictures with human scores as a training set: any table, LaMem, MemCat, and their mixture.

Where a split is drawn, a picture's place depends on its id and the seed alone
(:mod:`memnet.data.splits`).

The names of the parts are those of :mod:`memnet.data.contamination`. What could not be used is
named: rows in ``set_aside``, all else in ``description["notes"]``.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.columns import read_column, read_extras
from memnet.data.contamination import DatasetName
from memnet.data.datasets import PARTS
from memnet.data.lamem import picture_paths, read_lamem
from memnet.data.manifest import HIT_RATE, ID_COLUMN, TRUTH_COLUMN, digest_of, read_manifest
from memnet.data.matching import MATCH_RULES, match_ids
from memnet.data.memcat import read_memcat
from memnet.data.missing import find_doubtful_codes
from memnet.data.mixture import HELD_OUT, read_mixture
from memnet.data.numbers import scale_hint
from memnet.data.pictures import collect
from memnet.data.splits import SEED, draw_parts, read_parts, split_digest
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError
from memnet.reimpl.training.training_set import COLUMNS, TrainingSet
from memnet.util.text import shorten_list

LAMEM_VAL = 3_741
"""Pictures in each of LaMem's own validation parts. The mixture's is given the same number: our
choice, since Needell & Bainbridge (2022) do not say how large theirs was."""

Given = str | os.PathLike[str]


def from_table(
    truth: Given,
    images: Given,
    *,
    truth_column: str = "",
    id_column: str = "",
    split_column: str = "",
    val: float = 0.2,
    test: float = 0.2,
    strata_column: str = "",
    match: str = "exact",
    seed: int = SEED,
    dataset: str = "",
) -> TrainingSet:
    """Build a training set of a table of human scores and a folder of pictures.

    Rows and pictures belong together when the row's id is the picture's path relative to the
    folder, letter for letter, as everywhere in memnet; or by a looser rule, where one is chosen.
    The pictures keep the ids of the table.

    Parameters
    ----------
    truth : CSV, TSV, Excel or Parquet; a table of ``memnet dataset`` says by its manifest what its
        columns and the data set are.
    images : the folder, searched recursively.
    truth_column : the human scores, 0 to 1.
    id_column : the pictures' ids, ``image_id`` by default.
    split_column : says which part each picture belongs to, in the words of
        :data:`memnet.data.splits.PART_WORDS`. Where it never says
        ``val``, the validation part is drawn from the training part. Without it, all is drawn.
    val, test : a share (float between 0 and 1) or a number of pictures (1 or more); ``test=0``
        makes no test part. Both are of the pictures that have a score.
    strata_column : every value of it is represented in each part in proportion; the parts' totals
        are exact all the same (largest remainders).
    match : how ids are matched with the pictures' paths, a key of
        :data:`memnet.data.matching.MATCH_RULES`.
    seed : of the draw.
    dataset : name of the data set, as for ``memnet compare --dataset``; by default that of the
        manifest, or one made of the table's file name (``table-NAME`` where that is the name of a
        known data set, since a file's name declares nothing).

    Raises
    ------
    MemnetError
        if a column is missing, an id occurs twice, a score is outside 0 to 1, no row has a
        picture, two ids are one under the rule, a part is called otherwise, or the parts leave
        too few pictures.
    """
    path, folder = Path(truth), Path(images)
    known = read_manifest(path) or {}
    id_column = id_column or known.get("id_column") or ID_COLUMN
    truth_column = truth_column or known.get("truth_column") or ""
    frame = read_table_any(path)
    if not truth_column:
        raise MemnetError(
            f"Which column of {path} has the human scores? Give --truth-column, one of "
            f"{', '.join(frame.columns)}."
        )
    source = str(path)
    human = read_column(
        frame, column=truth_column, id_column=id_column, name=truth_column, source=source
    )
    _require_scale(human.by_id, f"{path}, column {truth_column!r},")
    inputs = collect([folder])
    inputs.require_files("training")
    paths = {item.image_id: item.path for item in inputs.items}
    matched = match_ids(
        human.by_id.index.tolist(),
        list(paths),
        left_name=source,
        right_name=f"the pictures below {folder}",
        rule=match,
    )
    matched.require_any()
    notes = [f"The folder could not be read: {each}." for each in inputs.unreadable]
    notes += [*human.doubts, *filter(None, [matched.note]), *matched.sentences()]
    partners = matched.partners
    pictures = {partners.get(found, found): path for found, path in paths.items()}
    usable = human.by_id[matched.positions >= 0]
    missing = [
        f"{source}, {each}: there is no such picture below {folder}" for each in matched.left_only
    ]
    ids = usable.index.tolist()
    wanted = {"split": split_column, "stratum": strata_column}
    extras = read_extras(
        frame,
        {role: column for role, column in wanted.items() if column},
        id_column=id_column,
        ids=ids,
        source=source,
    )
    rows = pd.DataFrame({"image_id": ids, "score": usable.to_numpy(np.float64)})
    rows["part"] = read_parts(extras["split"], source, split_column) if split_column else "train"
    strata = extras["stratum"].to_numpy() if strata_column else None
    drawn_test = 0 if split_column else test
    drawn_val = 0 if (rows["part"] == "val").any() else val
    draw_parts(rows, drawn_val, drawn_test, seed, strata)
    rule = f"the parts that column {split_column!r} names" if split_column else ""
    if drawn_val:
        within = f", within each {strata_column!r}" if strata_column else ""
        drawn = "the validation part" if split_column else "the parts"
        rule += f"{'; ' if rule else ''}{drawn} drawn by the sha256 of '{seed}:ID'{within}"
    tag = f"seed{seed}" if drawn_val else "given"
    return _training_set(
        rows,
        pictures,
        base=_dataset_base(dataset, known.get("dataset") or "", path),
        split=f"{tag}-{split_digest(rows)[:8]}",
        description={
            "source": "table",
            "rule": rule,
            "label_column": truth_column,
            "label_kind": known.get("label_kind"),
            "seed": seed if drawn_val else None,
            "images": str(folder),
            "join_rule": MATCH_RULES[match].meaning,
            "sources": _file_digests([path]),
            "pictures_without_score": _pictures_without_score(pictures, human.by_id.index),
            "notes": notes,
        },
        set_aside=(*human.set_aside, *missing),
    )


def from_lamem(folder: Given, *, split: int) -> TrainingSet:
    """Build a training set of one official split of LaMem (Khosla et al. 2015).

    Parameters
    ----------
    folder : with ``splits/`` and ``images/``, as LaMem's archive has them.
    split : 1 to 5; parts and labels are those of this split and no other.

    Raises
    ------
    MemnetError
        if a split file is missing or damaged, its parts overlap, or there are no pictures.
    """
    root = Path(folder)
    truths = {part: read_lamem(root, split=split, part=part) for part in PARTS}
    rows = pd.concat([_ids_and_scores(truth.table, part) for part, truth in truths.items()])
    if (repeated := rows["image_id"][rows["image_id"].duplicated()]).size:
        raise MemnetError(
            f"{len(repeated)} picture(s) are in more than one part of LaMem's split {split} in "
            f"{root}: {shorten_list(repeated)}; the parts must not overlap."
        )
    names = rows["image_id"].tolist()
    paths = picture_paths(root, names)
    pictures = {name: str(path) for name, path in paths.items() if path.is_file()}
    notes: list[str] = []
    kept, missing = _keep_rows_with_pictures(rows, pictures, f"LaMem's split {split}", paths, notes)
    return _training_set(
        kept,
        pictures,
        base="lamem",
        split=str(split),
        description={
            "source": "lamem",
            "rule": f"the train, val and test parts of LaMem's official split {split}",
            "label_kind": HIT_RATE,
            "split": split,
            "images": str(root / "images"),
            "sources": [each for t in truths.values() for each in t.manifest["sources"]],
            "notes": notes,
        },
        set_aside=missing,
    )


def from_memcat(
    file: Given,
    images: Given,
    *,
    label: str,
    val: float = 0.2,
    test: float = 0.2,
    seed: int = SEED,
) -> TrainingSet:
    """Build a training set of MemCat (Goetschalckx & Wagemans 2019), drawn within its categories.

    The split is drawn among all pictures of the file before any is found to be missing, so that it
    is the same on every machine.

    Parameters
    ----------
    file : ``memcat_image_data.csv`` as published.
    images : a folder with the pictures, at any depth; they are found by their file names.
    label : ``"wo-fa"`` (hit rate) or ``"w-fa"`` (corrected for false alarms).
    val, test, seed : as for :func:`from_table`.

    Raises
    ------
    MemnetError
        if the file is not MemCat's, a picture's name is there twice, or there are no pictures.
    """
    truth = read_memcat(file, label=label)
    rows = _ids_and_scores(truth.table, "train")
    draw_parts(rows, val, test, seed, truth.table["category"].to_numpy())
    split = f"seed{seed}-{split_digest(rows)[:8]}"
    pictures = _find_by_name(Path(images), rows["image_id"])
    notes: list[str] = []
    places = {name: Path(images) for name in rows["image_id"]}
    kept, missing = _keep_rows_with_pictures(rows, pictures, "MemCat", places, notes)
    return _training_set(
        kept,
        pictures,
        base="memcat",
        split=split,
        description={
            "source": "memcat",
            "rule": f"drawn within each category by the sha256 of '{seed}:ID'",
            "label_column": truth.manifest["label_column"],
            "label_kind": truth.manifest["label_kind"],
            "seed": seed,
            "images": str(images),
            "sources": truth.manifest["sources"],
            "notes": notes,
        },
        set_aside=missing,
    )


def from_mixture(
    lamem_folder: Given,
    memcat_file: Given,
    images: Given,
    *,
    split: int,
    label: str,
    held_out: int = HELD_OUT,
    seed: int = SEED,
    val: float = LAMEM_VAL,
) -> TrainingSet:
    """Build a training set of LaMem and MemCat together, as Needell & Bainbridge (2022) mix them.

    The test part is that of :func:`memnet.data.mixture.read_mixture`, under the same name as
    ``memnet compare`` gives it. The names do not tell the validation part's size, since training
    and validation together are the same pictures whatever it is.

    Parameters
    ----------
    lamem_folder : with ``splits/`` and ``images/``.
    memcat_file, label : as for :func:`from_memcat`.
    images : a folder with MemCat's pictures, at any depth.
    split : whose labels LaMem's pictures get, 1 to 5.
    held_out : pictures in the test part.
    seed : of both draws.
    val : pictures in the validation part, drawn from those not held out; or their share.

    Raises
    ------
    MemnetError
        as :func:`from_lamem` and :func:`from_memcat`.
    """
    truths = {
        part: read_mixture(
            lamem_folder,
            memcat_file,
            split=split,
            label=label,
            part=part,
            held_out=held_out,
            seed=seed,
        )
        for part in ("train", "test")
    }
    rows = pd.concat(
        [_ids_and_scores(t.table, part) for part, t in truths.items()], ignore_index=True
    )
    draw_parts(rows, val, 0, seed, None)
    root = Path(lamem_folder)
    names = {prefix: _without_prefix(rows["image_id"], prefix) for prefix in ("lamem/", "memcat/")}
    of_lamem = picture_paths(root, names["lamem/"])
    of_memcat = _find_by_name(Path(images), names["memcat/"])
    places = {f"lamem/{name}": path for name, path in of_lamem.items()}
    pictures = {each: str(path) for each, path in places.items() if path.is_file()}
    pictures |= {f"memcat/{name}": path for name, path in of_memcat.items()}
    places |= {f"memcat/{name}": Path(images) for name in names["memcat/"]}
    notes: list[str] = []
    kept, missing = _keep_rows_with_pictures(rows, pictures, "the mixture", places, notes)
    manifest = truths["test"].manifest
    return _training_set(
        kept,
        pictures,
        base="lamem+memcat",
        split=f"seed{seed}-held{held_out}-lamem{split}",
        description={
            "source": "lamem+memcat",
            "rule": f"{manifest['rule']}; the {(rows['part'] == 'val').sum()} lowest of the others "
            "are the validation part",
            "label_column": manifest["label_column"],
            "label_kind": manifest["label_kind"],
            "split": split,
            "held_out": held_out,
            "seed": seed,
            "images": [str(root / "images"), str(images)],
            "sources": manifest["sources"],
            "notes": notes,
        },
        set_aside=missing,
    )


def _training_set(
    rows: pd.DataFrame,
    pictures: Mapping[str, str],
    *,
    base: str,
    split: str,
    description: dict[str, Any],
    set_aside: Iterable[str],
) -> TrainingSet:
    order = {part: number for number, part in enumerate(PARTS)}
    table = rows.assign(
        path=[pictures[image_id] for image_id in rows["image_id"]],
        place=rows["part"].map(order),
    )
    table = table.sort_values(["place", "image_id"], ignore_index=True)[list(COLUMNS)]
    return TrainingSet(
        table=table,
        trained_on=(f"{base}:train:{split}", f"{base}:val:{split}"),
        test_name=f"{base}:test:{split}" if (table["part"] == "test").any() else "",
        description=description,
        set_aside=tuple(set_aside),
    )


def _ids_and_scores(table: pd.DataFrame, part: str) -> pd.DataFrame:
    """Take ids and scores of a truth table."""
    return pd.DataFrame(
        {"image_id": table[ID_COLUMN], "score": table[TRUTH_COLUMN], "part": part}
    ).reset_index(drop=True)


def _without_prefix(ids: pd.Series, prefix: str) -> list[str]:
    return [each.removeprefix(prefix) for each in ids if each.startswith(prefix)]


def _dataset_base(given: str, known: str, path: Path) -> str:
    """Settle the data set's name: the manifest's, the given one, or one made of the file's name."""
    if not given and not known:
        name = re.sub(r"[^a-z0-9_.-]+", "-", path.stem.lower()).strip("-.") or "pictures"
        return f"table-{name}" if DatasetName.parse(name).known else name
    if ":" in given or (given and not all(each.strip() for each in given.split("+"))):
        raise MemnetError(
            f"--dataset {given!r} must be a data set's name alone, since its parts are named here: "
            "leave out everything from the colon on."
        )
    base = DatasetName.parse(given or known).base
    if known and base != DatasetName.parse(known).base:
        raise MemnetError(
            f"The table's manifest says that the data set is {known}, and --dataset {given}; leave "
            "--dataset out, or delete the manifest if the table is your own."
        )
    if base == "lamem":
        raise MemnetError(
            "LaMem has official splits, and labels that differ between them: train on it with "
            "--lamem FOLDER --split K, or give a table of your own without --dataset."
        )
    return base


def _file_digests(paths: Iterable[Path]) -> list[dict[str, str]]:
    return [{"file": path.name, "sha256": digest_of(path)} for path in paths]


def _require_scale(scores: pd.Series, what: str) -> None:
    """Raise ``MemnetError`` where a score is outside 0 to 1."""
    bad = (scores < 0) | (scores > 1)
    if not bad.any():
        return
    plain = scores[~find_doubtful_codes(scores.to_numpy())]
    hint = scale_hint(plain.to_numpy()) or "rescale them"
    if plain.between(0, 1).all():
        hint = "if such a number stands for a missing value, empty the cell"
    elif plain.min() < 0 and plain.max() <= 1:
        hint = "a rate corrected for false alarms may be below 0: set those to 0, or leave them out"
    examples = [f"{image_id} {score:g}" for image_id, score in scores[bad].iloc[:4].items()]
    raise MemnetError(
        f"{what} has {bad.sum():,} score(s) outside 0 to 1, where networks learn hit rates "
        f"({shorten_list(examples, 3)}); {hint}."
    )


def _pictures_without_score(pictures: Mapping[str, str], ids: pd.Index) -> dict[str, Any]:
    """Count the pictures that no usable row is about, and name the first twenty."""
    without = sorted(set(pictures) - set(ids))
    return {"count": len(without), "examples": without[:20]}


def _find_by_name(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Find pictures by file name anywhere below a folder."""
    wanted, paths_of = set(names), defaultdict(list)
    inputs = collect([folder])
    inputs.require_files("training")
    for item in inputs.items:
        name = os.path.basename(item.path)
        if name in wanted:
            paths_of[name].append(item.path)
    if not paths_of:
        raise MemnetError(
            f"None of MemCat's {len(wanted):,} pictures is below {folder} "
            f"({shorten_list(sorted(wanted))})."
        )
    if repeated := {name: paths for name, paths in paths_of.items() if len(paths) > 1}:
        name, paths = next(iter(sorted(repeated.items())))
        raise MemnetError(
            f"{len(repeated):,} picture(s) are more than once below {folder}, for example {name} "
            f"at {shorten_list(sorted(paths), 2)}; leave one of each, or give the folder that has "
            "them once."
        )
    return {name: paths[0] for name, paths in paths_of.items()}


def _keep_rows_with_pictures(
    rows: pd.DataFrame,
    pictures: Mapping[str, str],
    what: str,
    places: Mapping[str, Path],
    notes: list[str],
) -> tuple[pd.DataFrame, list[str]]:
    """Keep the rows that have a picture; the others get a sentence each, and the parts a note."""
    here = rows["image_id"].isin(list(pictures))
    for part in PARTS:
        whole = rows["part"] == part
        if lacking := int((whole & ~here).sum()):
            notes.append(
                f"{lacking:,} of the {whole.sum():,} pictures in the {part} part of {what} are not "
                "there, so values on it are not those of the whole part."
            )
    return rows[here], [
        f"{image_id}: there is no such picture ({places[image_id]})"
        for image_id in rows["image_id"][~here]
    ]
