"""Score tables put together: the shards of a job array become the table of one run."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from memnet.data.inputs import Extra
from memnet.data.score_columns import FAILED
from memnet.data.sidecar import SIDECAR_VERSION, sidecar_path
from memnet.errors import MemnetError
from memnet.scoring.box_kinds import BOXES, boxes_of, refuse_different_boxes
from memnet.scoring.file_versions import check_versions
from memnet.scoring.frame_rates import FPS, rates_of, record_rates, refuse_different_rates
from memnet.scoring.score_file import (
    Key,
    ScoreFile,
    differences,
    journal_path,
    open_scores,
    shard_of,
)
from memnet.scoring.table import Row
from memnet.scoring.table_trials import TABLES, merge_records, merged_trials, sources_of
from memnet.util.clock import utc_now
from memnet.util.table_files import check_table_name
from memnet.util.text import model_label, shorten_list

SAME_SCORE = 1e-6
"""Two rows of a picture are one whose numbers differ by no more: a score may move by so much with
the pictures that stand beside it in its batch."""


@dataclass
class Merged:
    """What a merge did.

    Attributes
    ----------
    rows : of the table written.
    failed : of these, the pictures and models without a score.
    twice : scores that several tables had, kept once.
    notes : sentences on what is missing, or stands in another order than one run would give.
    complete : whether no shard is missing.
    """

    rows: int = 0
    failed: int = 0
    twice: int = 0
    notes: list[str] = field(default_factory=list)
    complete: bool = True


def merge_tables(parts: Sequence[Path], out: Path, *, command: str = "memnet merge") -> Merged:
    """Join score tables of ``memnet score`` with their sidecars.

    Rows stand as one run would have written them where all tables are shards of one list of
    pictures; else by model and id.

    Parameters
    ----------
    parts : the tables, each with the sidecar beside it.
    out : where the joined table goes; one that an earlier merge wrote is replaced.

    Raises
    ------
    MemnetError
        if a table is missing, not finished or has no sidecar; if tables hold scores that a model
        made in different ways, different scores of a picture, or scores of two versions of a
        file; if ``out`` is one of the tables, or holds what no merge wrote.
    """
    check_table_name(out)
    # A table that is named twice, as by a glob, is one.
    parts = list({os.path.realpath(part): part for part in parts}.values())
    if os.path.realpath(out) in map(os.path.realpath, parts):
        raise MemnetError(f"{out} is one of the tables to merge; choose another --out.")
    tables = list(map(_read, parts))
    refuse_different_rates(tables)
    merged = Merged()
    with open_scores(out) as table:
        _refuse_to_replace(table)
        table.rows, table.extras, table.stamps = {}, {}, {}
        models: dict[str, Any] = {}
        refuse_different_boxes(tables, is_one_list=_is_one_list(tables))
        for part in tables:
            _check_identities(models, part, tables)
            models |= part.sidecar["models"]
            _add(table, part, tables, merged)
        _add_trials(table, tables)
        merged.notes += check_versions(tables)
        order = _order(table, tables, list(models), merged)
        merged.notes += (missing := _missing(tables))
        merged.complete = not missing
        merged.notes += [
            f"{part.out} was made with --limit {part.sidecar['limit']}, and may lack pictures"
            for part in tables
            if "limit" in part.sidecar
        ]
        if not _is_one_list(tables):
            merged.notes.append(
                "the shards were not made of one list of pictures (some were added, removed "
                "or moved between the runs): the rows stand by id, and a picture may be in none of "
                "them"
            )
        merged.rows = len(order)
        merged.failed = sum(row.warning.startswith(FAILED) for row in table.rows.values())
        table.sidecar = {
            "sidecar_version": SIDECAR_VERSION,
            "models": models,
            "command": command,
            "finished": None,
            BOXES: boxes_of(tables[0]),
            TABLES: merge_records(table, tables),
            "rows": merged.rows,
            "failed": merged.failed,
            "merged": [_about(part) for part in tables],
        }
        record_rates(table, list(map(rates_of, tables)))
        table.require_room([key for key, _ in order])
        table.write_sidecar()  # first: a merge that is killed here is known as one
        table.sidecar["finished"] = utc_now()
        table.finish([key for key, _ in order], [extra for _, extra in order])
    return merged


def _read(part: Path) -> ScoreFile:
    """Read a finished table."""
    check_table_name(part, reading=True)
    beside = sidecar_path(part)
    if journal_path(part).exists() or (beside.exists() and not part.exists()):
        raise MemnetError(f"{part} is not finished: run its command again, then merge.")
    if not part.exists():
        raise MemnetError(f"There is no table {part}.")
    if not beside.exists():
        raise MemnetError(
            f"{part} has no {beside.name} beside it, which says how its scores were made; copy it "
            "there."
        )
    table = ScoreFile(part)
    if "finished" in table.sidecar and table.sidecar["finished"] is None:
        raise MemnetError(f"{part} is not finished: run its command again, then merge.")
    stated = table.sidecar.get("rows")  # of a run: its pictures, of a merge: its rows
    places = table.sidecar["shard"]["places"] if shard_of(table.sidecar) else []
    short = len(table.order) < len(places) * len(table.sidecar["models"])
    if short or (isinstance(stated, int) and stated not in (len(table.order), len(table.rows))):
        raise MemnetError(
            f"{part} has fewer or more rows than {beside.name} says: copy both again, or run its "
            "command again."
        )
    return table


def _refuse_to_replace(table: ScoreFile) -> None:
    ours = "merged" in table.sidecar and "scored_in_last_run" not in table.sidecar
    if table.journal.exists() or (table.sidecar_path.exists() and not ours):
        raise MemnetError(
            f"{table.out} exists, and no merge wrote it as it is; choose another --out."
        )


def _check_identities(models: dict[str, Any], part: ScoreFile, tables: Sequence[ScoreFile]) -> None:
    for model, identity in part.sidecar["models"].items():
        if changed := differences(models.get(model), identity):
            first = next(table for table in tables if model in table.sidecar["models"])
            raise MemnetError(
                f"{first.out} and {part.out} hold scores of {model} made in different ways "
                f"(different: {', '.join(changed)}); merge only tables made in one way."
            )


def _add(table: ScoreFile, part: ScoreFile, tables: Sequence[ScoreFile], merged: Merged) -> None:
    """Add the rows of a part; a score that is there already is compared and kept once."""
    for key, row in part.rows.items():
        before = table.rows.get(key)
        if before is not None:
            merged.twice += 1
            first = next(each for each in tables if key in each.rows)
            _refuse_another(before, row, first.out, part.out)
        if before is None or (before.score is None and row.score is not None):
            table.rows[key] = row
            table.stamps.pop(key, None)
            if key in part.stamps:
                table.stamps[key] = part.stamps[key]


def _refuse_another(before: Row, row: Row, first: Path, part: Path) -> None:
    if None in (before.score, row.score):  # one that failed may be tried again elsewhere
        return
    for name in ("score", "raw"):
        one, other = getattr(before, name), getattr(row, name)
        if abs(one - other) > SAME_SCORE * max(1, abs(one)):
            raise MemnetError(
                f"{part} has {name} {other} for the picture {row.image_id!r} of "
                f"{model_label(row.model, row.variant)}, and {first} has {one}: these are two "
                "pictures, or its file changed; leave one of the tables out, or score it anew."
            )


def _add_trials(table: ScoreFile, tables: Sequence[ScoreFile]) -> None:
    """Add what stands beside each score: the rows of the user's own tables."""
    parts: dict[Key, list[tuple[frozenset[str], Sequence[Extra]]]] = {}
    for part in tables:
        sources = sources_of(part)
        for key in part.rows:
            of = sources.get(key[2], frozenset())
            parts.setdefault(key, []).append((of, part.beside(key)))
    table.extras = {key: merged_trials(each) for key, each in parts.items()}


def _order(
    table: ScoreFile, tables: Sequence[ScoreFile], models: Sequence[str], merged: Merged
) -> list[tuple[Key, Extra]]:
    """Return the rows of the result: as one run would have written them, else by model and id."""
    rank = {model: place for place, model in enumerate(models)}
    if not merged.twice and (placed := _placed(tables)) is not None:
        placed.sort(key=lambda row: (rank[model_label(*row[1][:2])], row[0]))
        return [(key, extra) for _, key, extra in placed]
    keys = sorted(table.rows, key=lambda key: (rank[model_label(*key[:2])], key))
    return [(key, extra) for key in keys for extra in table.extras[key]]


def _placed(tables: Sequence[ScoreFile]) -> list[tuple[int, Key, Extra]] | None:
    """Return each row with its place in the one list that all tables are shards of; None if not."""
    if any(shard_of(table.sidecar) is None for table in tables) or not _is_one_list(tables):
        return None
    placed = []
    for table in tables:
        places = table.sidecar["shard"]["places"]
        seen: Counter[Key] = Counter()
        for _, keys in itertools.groupby(table.order, key=lambda key: key[:2]):
            rows = list(keys)
            if len(rows) != len(places):  # rows of earlier runs stand among them
                return None
            for place, key in zip(places, rows, strict=True):
                placed.append((place, key, table.beside(key)[seen[key]]))
                seen[key] += 1
    return placed


def _is_one_list(tables: Sequence[ScoreFile]) -> bool:
    """Whether all shards are of one list of pictures, in as many parts."""
    shards = [table.sidecar["shard"] for table in tables if shard_of(table.sidecar)]
    return len({(shard["of"], shard["list_sha256"]) for shard in shards}) <= 1


def _missing(tables: Sequence[ScoreFile]) -> list[str]:
    """Return a sentence for each shard of a model that is missing."""
    shards: dict[str, set[tuple[int, int]]] = {}
    for table in tables:
        if shard := shard_of(table.sidecar):
            for model in table.sidecar["models"]:
                shards.setdefault(model, set()).add(shard)
    missing: dict[tuple[int, int], list[str]] = {}
    for model, there in shards.items():
        for of in sorted({of for _, of in there}):
            for part in range(1, of + 1):
                if (part, of) not in there:
                    missing.setdefault((part, of), []).append(model)
    return [
        f"shard {part}/{of}{'' if len(models) == len(shards) else f' of {shorten_list(models)}'} "
        f"is missing: run it (--shard {part}/{of}) and merge again"
        for (part, of), models in sorted(missing.items())
    ]


def _about(part: ScoreFile) -> dict[str, Any]:
    """Return what stays on record of a part: how and when it was made."""
    left_out = ("sidecar_version", "models", "files", "shard", FPS, BOXES, TABLES)
    about = {name: value for name, value in part.sidecar.items() if name not in left_out}
    if shard := shard_of(part.sidecar):
        about["shard"] = {"part": shard[0], "of": shard[1]}
    return {"table": part.out.name, **about}
