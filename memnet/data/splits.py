"""Cutting a training set into parts: by a column, or drawn by id and seed alone.

The test part are the ids with the lowest sha256 of ``"{seed}:{id}"``
(:func:`held_out_ids`), the validation part are the next ones, and
training gets the rest. So neither the order of files nor a library's random numbers matter, and
the test part stays the same whatever the size of the validation part.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.datasets import PARTS
from memnet.errors import MemnetError
from memnet.util.text import shorten_list

SEED = 2022
"""Of every draw where the user gives none."""

PART_WORDS = {part: part for part in PARTS} | {"validation": "val", "valid": "val", "dev": "val"}
"""How a column may call the parts, in any letter case."""


def read_parts(words: pd.Series, source: str, column: str) -> list[str]:
    """Translate what a column calls the parts; an unknown word is a ``MemnetError``."""
    plain = words.str.strip().str.lower()
    if (unknown := words[~plain.isin(list(PART_WORDS))]).size:
        raise MemnetError(
            f"{source}, column {column!r}, calls {len(unknown):,} picture(s) otherwise than "
            f"{', '.join(PART_WORDS)}: "
            f"{shorten_list(dict.fromkeys(map(repr, unknown)))}; rename them, or leave "
            "those rows out."
        )
    return [PART_WORDS[word] for word in plain]


def held_out_ids(ids: list[str], count: int, seed: int) -> set[str]:
    """Choose ``count`` of the ids: those with the lowest sha256 of ``"{seed}:{id}"``."""
    return set(sorted(ids, key=lambda i: hashlib.sha256(f"{seed}:{i}".encode()).digest())[:count])


def draw_parts(
    rows: pd.DataFrame, val: float, test: float, seed: int, strata: np.ndarray[Any, Any] | None
) -> None:
    """Move training rows into the test and validation parts, in place.

    Parameters
    ----------
    rows : N rows with ``image_id`` and ``part``; rows of other parts stay where they are.
    val, test : a share of the training rows, or a number of them; 0 moves none.
    seed : of the draw.
    strata : ``(N,)``, a group per row: each gets its share of each part, and the totals are exact
        all the same.
    """
    pool = np.flatnonzero(rows["part"] == "train")
    counts = {"test": _count("test", test, len(pool)), "val": _count("val", val, len(pool))}
    if sum(counts.values()) >= len(pool) > 0:
        raise MemnetError(
            f"--val {val} and --test {test} leave nothing of {len(pool):,} pictures to train on; "
            "make them smaller."
        )
    ids, parts = rows["image_id"].to_numpy(dtype=object), rows["part"].to_numpy(dtype=object)
    members: dict[str, list[str]] = defaultdict(list)
    for row in pool:
        members["" if strata is None else str(strata[row])].append(ids[row])
    chosen: dict[str, str] = {}
    for part, count in counts.items():
        shares = _shares({name: len(each) for name, each in members.items()}, count)
        for name, each in members.items():
            taken = held_out_ids(each, shares[name], seed)
            chosen |= dict.fromkeys(taken, part)
            members[name] = [image_id for image_id in each if image_id not in taken]
    rows["part"] = [chosen.get(each, part) for each, part in zip(ids, parts, strict=True)]


def _count(name: str, given: float, total: int) -> int:
    """Turn a share or a number of pictures into a number of pictures."""
    whole = given == int(given) if math.isfinite(given) else False
    if whole and given >= 0 and (isinstance(given, int) or given != 1):  # 1.0: all, or one?
        return int(given)
    if not 0 < given < 1:
        raise MemnetError(
            f"--{name} is {given}; it must be a share between 0 and 1 (0.2), or a whole number of "
            "pictures (100)."
        )
    count = int(given * total + 0.5)
    if total and not count:
        raise MemnetError(f"--{name} {given} of {total:,} pictures is none; make it larger.")
    return count


def _shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Divide ``count`` in proportion to the sizes by largest remainders; ties go by name."""
    total = sum(sizes.values())
    shares = {name: count * size // total for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: (-(count * sizes[name] % total), name))
    for name in by_remainder[: count - sum(shares.values())]:
        shares[name] += 1
    return shares


def draw_folds(
    ids: Sequence[str], count: int, seed: int, groups: Sequence[str] | None = None
) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Cut pictures into folds of about one size, by id and seed alone.

    Parameters
    ----------
    ids : N of them.
    count : folds, K; with fewer groups than that, each group is one.
    seed : of the draw; it plays no part where there are groups.
    groups : N names; a group stays whole, the largest goes first into the smallest fold.

    Returns
    -------
    int array ``(N,)``, 0 to K - 1.

    Raises
    ------
    MemnetError
        if there are fewer than three folds, or fewer pictures or groups than that.

    Examples
    --------
    >>> draw_folds(["a", "b", "c", "d", "e"], 3, 1, ["x", "y", "y", "z", "x"]).tolist()
    [0, 1, 1, 2, 0]
    """
    if count < 3:
        raise MemnetError(f"--folds is {count}; it must be 3 or more.")
    if groups is None:
        if len(ids) < 2 * count:
            raise MemnetError(
                f"{len(ids):,} pictures are too few for {count} folds of two or more; give more "
                "pictures, or fewer folds."
            )
        order = sorted(
            range(len(ids)), key=lambda row: hashlib.sha256(f"{seed}:{ids[row]}".encode()).digest()
        )
        folds = np.empty(len(ids), dtype=np.intp)
        folds[order] = np.arange(len(ids)) % count
        return folds
    sizes = Counter(groups)
    if len(sizes) < 3:
        raise MemnetError(
            f"The groups are {len(sizes)} ({shorten_list(sizes)}); folds of whole groups need 3 "
            "or more of them."
        )
    filled = [0] * min(count, len(sizes))
    place: dict[str, int] = {}
    for group in sorted(sizes, key=lambda group: (-sizes[group], group)):
        place[group] = filled.index(min(filled))
        filled[place[group]] += sizes[group]
    return np.array([place[group] for group in groups], dtype=np.intp)


def split_digest(rows: pd.DataFrame) -> str:
    """Sha256 of which picture is in which part, whatever the order of the rows."""
    lines = sorted(f"{row.image_id}\0{row.part}\n" for row in rows.itertuples(index=False))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
