"""Which pictures a training set has: matching rows with files, and naming what does not match."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from memnet.data.id_suggestions import near_misses, nearest_rule
from memnet.data.lamem import PARTS
from memnet.data.pictures import collect
from memnet.errors import MemnetError
from memnet.util.text import shorten_list


def require_scale(scores: pd.Series, what: str) -> None:
    """Raise ``MemnetError`` where a score is outside 0 to 1."""
    bad = (scores < 0) | (scores > 1)
    if not bad.any():
        return
    if scores.min() >= 0 and scores.max() <= 100 and scores.median() > 1:
        hint = "they look like percentages: divide by 100"
    elif scores.min() < 0 and scores.max() <= 1:
        hint = "a rate corrected for false alarms may be below 0: set those to 0, or leave them out"
    else:
        hint = "rescale them"
    examples = [f"{image_id} {score:g}" for image_id, score in scores[bad].iloc[:4].items()]
    raise MemnetError(
        f"{what} has {bad.sum():,} score(s) outside 0 to 1, where networks learn hit rates "
        f"({shorten_list(examples, 3)}); {hint}."
    )


def match_pictures(
    scores: pd.Series, pictures: Mapping[str, str], source: str, folder: Path, notes: list[str]
) -> tuple[pd.Series, list[str]]:
    """Keep the rows that have a picture; returns them and a sentence per row without one."""
    here = scores.index.isin(list(pictures))
    if not here.any():
        how, shared = nearest_rule(scores.index, pictures)
        hint = (
            f"{shared:,} would agree {how}: change the column, or give another folder"
            if shared
            else "is --id-column right?"
        )
        raise MemnetError(
            f"No id of {source} is the path of a picture below {folder}: they must agree letter "
            f"for letter, and here they look like {scores.index[0]!r} and "
            f"{next(iter(pictures))!r}; {hint}."
        )
    lone = scores.index[~here].tolist()
    for how, count, left, right in near_misses(lone, sorted(set(pictures) - set(scores.index))):
        notes.append(
            f"{count:,} id(s) without a picture would agree with one {how} ({left!r} and "
            f"{right!r}); change the column if they are the same pictures."
        )
    return scores[here], [
        f"{source}, {image_id}: there is no such picture below {folder}" for image_id in lone
    ]


def without_score(pictures: Mapping[str, str], ids: pd.Index) -> dict[str, Any]:
    """Count the pictures that no usable row is about, and name the first twenty."""
    lone = sorted(set(pictures) - set(ids))
    return {"count": len(lone), "examples": lone[:20]}


def find_by_name(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Find pictures by file name anywhere below a folder."""
    wanted, found = set(names), defaultdict(list)
    for item in collect([folder]).items:
        name = os.path.basename(item.path)
        if name in wanted:
            found[name].append(item.path)
    if not found:
        raise MemnetError(
            f"None of MemCat's {len(wanted):,} pictures is below {folder} "
            f"({shorten_list(sorted(wanted))})."
        )
    if twice := {name: paths for name, paths in found.items() if len(paths) > 1}:
        name, paths = next(iter(sorted(twice.items())))
        raise MemnetError(
            f"{len(twice):,} picture(s) are more than once below {folder}, for example {name} at "
            f"{shorten_list(sorted(paths), 2)}; leave one of each, or give the folder that has "
            "them once."
        )
    return {name: paths[0] for name, paths in found.items()}


def keep_those_with_pictures(
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
                "there, so figures on it are not those of the whole part."
            )
    return rows[here], [
        f"{image_id}: there is no such picture ({places[image_id]})"
        for image_id in rows["image_id"][~here]
    ]
