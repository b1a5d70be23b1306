"""What ``memnet select`` writes: the chosen pictures, how they were chosen, lists of trials."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.tables import TableInput, split_sheet
from memnet.errors import MemnetError
from memnet.studies.select.lists import make_lists
from memnet.studies.select.selection import Selection
from memnet.util.atomic import write_text
from memnet.util.csv_text import to_csv_text
from memnet.util.earlier_results import keep_other_files
from memnet.util.json_text import finite_or_none
from memnet.util.paths import is_same, relative_path
from memnet.util.versions import environment

FORMAT = "memnet selection"
VERSION = 1
TABLE, RECORD, LISTS = "selection.csv", "selection.json", "lists"
OWN_COLUMNS = ("image_id", "path", "group", "pair", "level", "sha256")


def require_own(folder: Path, tables: Sequence[TableInput]) -> None:
    """Raise ``MemnetError`` where something else than an earlier selection would be replaced."""
    files = [folder / TABLE, folder / "report.html", folder / "report.md"]
    files += sorted((folder / LISTS).glob("list-*.csv"))
    for table in tables:
        if isinstance(table, str | os.PathLike):
            for file in files:
                if is_same(file, split_sheet(table)[0]):
                    raise MemnetError(
                        f"{file} is read, and would be written over; choose another --out."
                    )
    keep_other_files(files, folder / RECORD, FORMAT)


def write_selection(selection: Selection, folder: Path) -> None:
    """Write all but the report; the record comes first, by which the folder is known as ours."""
    table = to_csv_text(selection_table(selection))
    record = make_record(selection, folder)
    record["selection_sha256"] = hashlib.sha256(table.encode()).hexdigest()
    write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    write_text(folder / TABLE, table)
    trials = make_lists(selection, selection.options["lists"])
    for number, each in enumerate(trials, 1):
        write_text(folder / LISTS / f"list-{number}.csv", to_csv_text(each))
    for old in (folder / LISTS).glob("list-*.csv"):  # of an earlier selection with more lists
        if old.stem.removeprefix("list-").isdigit() and int(old.stem[5:]) > len(trials):
            old.unlink()


def selection_table(selection: Selection) -> pd.DataFrame:
    """Return a row per chosen picture: group by group, pairs one after another."""
    candidates, settings = selection.candidates, selection.settings
    places = np.concatenate(list(selection.groups.values()))
    table: dict[str, Any] = {
        "image_id": [candidates.ids[place] for place in places],
        "path": [candidates.paths[place] for place in places],
        "group": [name for name, rows in selection.groups.items() for _ in rows],
    }
    if settings.kind == "pairs":
        table["pair"] = [n for rows in selection.groups.values() for n in range(1, len(rows) + 1)]
    if settings.kind == "levels":
        per_group = zip(settings.levels, selection.groups.values(), strict=True)
        table["level"] = [level for level, rows in per_group for _ in rows]
    for names, values in (
        (candidates.score_names, candidates.scores),
        (candidates.covariate_names, candidates.covariates),
        (candidates.category_names, candidates.categories),
    ):
        for at, name in enumerate(names):
            table[column_of(name)] = values[places, at]
    table["sha256"] = [candidates.sha256[place] for place in places]
    frame = pd.DataFrame(table)
    if settings.kind == "pairs":
        frame = frame.sort_values(["pair", "group"], kind="stable", ignore_index=True)
    return frame


def column_of(name: str) -> str:
    """Return what a column of the user's tables is called beside those of the selection."""
    return f"{name}_in_table" if name in OWN_COLUMNS else name


def make_record(selection: Selection, folder: Path) -> dict[str, Any]:
    """Return what ``selection.json`` holds."""
    candidates = selection.candidates
    tables = [
        {**each, "file": relative_path(each["file"], folder).as_posix() if each["file"] else ""}
        for each in candidates.tables
    ]
    record: dict[str, Any] = _finite(
        {
            "format": FORMAT,
            "version": VERSION,
            "created": selection.created,
            "command": selection.command,
            "options": selection.options,
            "seed": selection.settings.seed,
            "candidates": len(candidates.ids),
            "groups": {name: len(places) for name, places in selection.groups.items()},
            "objective": selection.objective,
            "bound": selection.bound,
            "models": candidates.identities,
            "tables": tables,
            "left_out": candidates.left_out,
            "notes": [*candidates.notes, *selection.notes],
            "balance": selection.balance,
            "expected": selection.expected,
            "environment": environment(),
        }
    )
    return record


def _finite(value: Any) -> Any:
    """Make of a value what JSON holds: None for what is not finite."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return _finite(asdict(value))
    if isinstance(value, np.generic):
        value = value.item()
    return finite_or_none(value)
