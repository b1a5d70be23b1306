"""Which of the user's own tables the rows of a score table are of, as its sidecar says.

What stands beside a score is a row of such a table, a trial: a run replaces those of the tables
that it is given, and no others, and a merge keeps each once.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from memnet.data.inputs import Extra, Inputs
from memnet.errors import MemnetError
from memnet.scoring.score_file import GIVEN_AS, Key, ScoreFile, box_text
from memnet.util.paths import relative_path
from memnet.util.text import model_label

TABLES = "tables"
"""Of a sidecar: a table, as it is seen from the score table's folder -> ``sha256`` of its rows, and
``pictures``, the ids that it lists."""

Sources: TypeAlias = Mapping[str, frozenset[str]]
"""A picture's id -> the tables, by their absolute paths, that list it."""


def declare_tables(table: ScoreFile, inputs: Inputs) -> None:
    """Say of which tables a run's rows are.

    Raises
    ------
    MemnetError
        if rows of a table that is not given would be replaced.
    """
    now: dict[str, dict[str, None]] = {}
    for row in inputs.table_rows:
        if row.table:
            now.setdefault(row.table, {})[row.image_id] = None
    given = {_name(table, path): path for path in now}
    listed = {image_id for ids in now.values() for image_id in ids}
    tables = {}
    for name, about in _recorded(table).items():
        shared = listed.intersection(about["pictures"])
        if shared and name not in given:
            _refuse_to_replace(table, name, inputs, shared)
        gone = [image_id for image_id in about["pictures"] if image_id not in listed]
        tables[name] = {**about, "pictures": gone}
    for name, path in given.items():
        gone = tables[name]["pictures"] if name in tables else []
        tables[name] = {"sha256": inputs.tables[path], "pictures": [*now[path], *gone]}
    table.sidecar[TABLES] = tables


def _refuse_to_replace(table: ScoreFile, name: str, inputs: Inputs, shared: set[str]) -> None:
    row = next(row for row in inputs.table_rows if row.table and row.image_id in shared)
    other = os.path.normpath(_place(table, name))
    both = "" if inputs.boxes else f"give both at once (`memnet score {other} {row.table}`), or "
    raise MemnetError(
        f"{table.out} has the rows of {other}, and {row.table} would replace those of "
        f"{len(shared):,} picture(s) that both list, for example {row.image_id!r}; {both}choose "
        "another --out."
    )


def rows_of_other_models(
    table: ScoreFile, inputs: Inputs, models: Collection[tuple[str, str]]
) -> tuple[list[tuple[Key, Extra]], list[str]]:
    """Return the rows that models of earlier runs have in the tables as they are now.

    Parameters
    ----------
    table : the score table.
    inputs : the pictures of the run.
    models : of the run, each with its variant.

    Returns
    -------
    rows : what stands beside which score now.
    notes : a sentence on each model that scored other boxes: those rows stay as they were.
    """
    boxes = {item.image_id: box_text(item.box) for item in inputs.items if item.box}
    rows: list[tuple[Key, Extra]] = []
    notes = []
    for model in {key[:2]: None for key in table.rows if key[:2] not in models}:
        others = 0
        for row in inputs.table_rows:
            key = (*model, row.image_id)
            if row.extra is None or key not in table.rows:
                continue
            box = table.stamps.get(key, "").split()[2:]
            if box and box != [boxes.get(row.image_id)]:
                others += 1
            else:
                rows.append((key, row.extra))
        if others:
            label = model_label(*model)
            given = table.sidecar["models"].get(label, {}).get(GIVEN_AS, label)
            notes.append(
                f"{others} row(s) of {label} were scored before their boxes changed, and stay as "
                f"they were; score them again with --model {given}, too"
            )
    return rows, notes


def pictures_of(table: ScoreFile, inputs: Inputs) -> set[str]:
    """Return the ids that the tables given list, or listed in earlier runs, and no others do."""
    names = {_name(table, path) for path in inputs.tables}
    given: set[str] = set()
    others: set[str] = set()
    for name, about in _recorded(table).items():
        (given if name in names else others).update(about["pictures"])
    return given - others


def sources_of(table: ScoreFile) -> Sources:
    """Return which tables list each picture."""
    sources: dict[str, frozenset[str]] = {}
    for name, about in _recorded(table).items():
        place = frozenset([os.path.realpath(_place(table, name))])
        for image_id in about["pictures"]:
            sources[image_id] = sources[image_id] | place if image_id in sources else place
    return sources


def merged_trials(parts: Sequence[tuple[frozenset[str], Sequence[Extra]]]) -> list[Extra]:
    """Join what stands beside a picture's score in several score tables.

    Parameters
    ----------
    parts : of each, the user's tables that list the picture, and its rows. Rows of one table, which
        several have, count once; equal rows of two tables are two trials.

    Raises
    ------
    MemnetError
        if two parts have rows of one table, and each of further ones, too.

    Examples
    --------
    >>> one, other = frozenset(["u1.csv"]), frozenset(["u2.csv"])
    >>> len(merged_trials([(one, [{"correct": "1"}]), (other, [{"correct": "1"}])]))
    2
    >>> len(merged_trials([(one, [{"correct": "1"}]), (one, [{"correct": "1"}])]))
    1
    """
    groups: list[tuple[frozenset[str], list[Extra]]] = []
    for tables, rows in parts:
        same = [group for group in groups if group[0] & tables or group[0] == tables]
        for each, _ in same:
            if not (each <= tables or tables <= each):
                raise MemnetError(
                    f"Rows of {os.path.basename(min(each & tables))} are in two of the tables to "
                    "merge, and each has rows of other tables beside them: which are the same "
                    "cannot be told. Score all these tables in one run."
                )
        groups = [group for group in groups if group not in same]
        there = [row for _, each in same for row in each]
        groups.append((tables.union(*(each for each, _ in same)), _united(there, rows)))
    listed = [row for tables, rows in groups if tables for row in rows]
    return listed or groups[0][1]  # what no table lists, as of a folder, is no trial


def _united(one: Sequence[Extra], other: Sequence[Extra]) -> list[Extra]:
    """Join rows of one table; a row that both have counts once."""
    united, left = list(one), list(one)
    for extra in other:
        if extra in left:
            left.remove(extra)
        else:
            united.append(extra)
    return united


def merge_records(out: ScoreFile, parts: Sequence[ScoreFile]) -> dict[str, Any]:
    """Return what the sidecar of a merged table says of the user's tables.

    Raises
    ------
    MemnetError
        if a table changed between two runs that scored pictures of it.
    """
    merged: dict[str, Any] = {}
    versions: dict[str, list[tuple[ScoreFile, Mapping[str, Any]]]] = {}
    for part in parts:
        for name, about in _recorded(part).items():
            path = _place(part, name)
            for earlier, before in versions.setdefault(os.path.realpath(path), []):
                _refuse_two_versions(path, (earlier, before), (part, about))
            versions[os.path.realpath(path)].append((part, about))
            place = _name(out, path)
            known = merged[place]["pictures"] if place in merged else []
            pictures = list(dict.fromkeys([*known, *about["pictures"]]))
            merged[place] = {**about, "pictures": pictures}
    return merged


def _refuse_two_versions(
    path: str,
    one: tuple[ScoreFile, Mapping[str, Any]],
    other: tuple[ScoreFile, Mapping[str, Any]],
) -> None:
    if one[1]["sha256"] == other[1]["sha256"]:
        return
    if shared := set(one[1]["pictures"]).intersection(other[1]["pictures"]):
        raise MemnetError(
            f"{one[0].out} and {other[0].out} have rows of {os.path.basename(path)} before and "
            f"after it was changed, of {len(shared):,} picture(s) that both have: run the command "
            "of the older again, then merge. (Two tables of one path: score them in one run.)"
        )


def _recorded(table: ScoreFile) -> dict[str, Any]:
    """Return what the sidecar says, of the pictures that are in the table."""
    ids = {key[2] for key in table.rows}
    return {
        name: {**about, "pictures": [each for each in about["pictures"] if each in ids]}
        for name, about in table.sidecar.get(TABLES, {}).items()
    }


def _name(table: ScoreFile, path: str) -> str:
    folder = os.path.realpath(table.out.parent)
    return relative_path(os.path.realpath(path), folder).as_posix()


def _place(table: ScoreFile, name: str) -> str:
    return os.path.join(table.out.parent, name)
