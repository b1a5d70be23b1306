"""What a training run left in its folder: ``run.json``, ``curves.csv`` and the test's record."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memnet.compare.record import RunRecord
from memnet.errors import MemnetError

FORMAT = "memnet training run"
SCHEMA_VERSION = 1

UNFINISHED = ("interrupted", "failed")
"""The words of ``status`` that say that a run did not come to its end."""

Row = Mapping[str, float | None]
"""A validation: a column of ``curves.csv`` -> its number, None where it is undefined."""


def read_run(folder: Path) -> dict[str, Any]:
    """Read the ``run.json`` of a run folder.

    Raises
    ------
    MemnetError
        if there is none, or it is not what memnet wrote.
    """
    path = Path(folder) / "run.json"
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MemnetError(
            f"{folder} is no folder of a training run: there is no run.json in it."
        ) from error
    except OSError as error:
        raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise MemnetError(f"{path} is damaged ({error}); train again or take a copy.") from error
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise MemnetError(f"{path} was not written by a training of memnet.")
    if run.get("schema_version") != SCHEMA_VERSION:
        raise MemnetError(
            f"{path} has schema version {run.get('schema_version')}, this memnet reads "
            f"{SCHEMA_VERSION}; update memnet."
        )
    return run


def read_curves(folder: Path) -> list[dict[str, float | None]]:
    """Read the ``curves.csv`` of a run folder; no row where nothing was validated yet.

    Returns
    -------
    list of dict
        a row per validation; None for an empty cell and for what is no finite number (a
        correlation with constant predictions, a loss that overflowed).

    Raises
    ------
    MemnetError
        if it cannot be read, or a cell holds something else.
    """
    path = Path(folder) / "curves.csv"
    rows = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"line {reader.line_num} has not as many cells as the head")
                rows.append({name: _number(cell) for name, cell in row.items()})
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
    except (ValueError, csv.Error) as error:
        raise MemnetError(f"{path} is damaged ({error}).") from error
    return rows


def read_test(folder: Path) -> RunRecord | None:
    """Read the record of the run's test part; None where it was not tested."""
    path = Path(folder) / "test" / "record.json"
    return RunRecord.read(path) if path.exists() else None


def tested_model(record: RunRecord, run: Mapping[str, Any]) -> str | None:
    """Return the run's own model in the record of its test; None where that is not known.

    ``run["model"]`` names it where the record holds other models beside it.
    """
    names = list(dict.fromkeys(result.model for result in record.results))
    if run.get("model") in names:
        return str(run["model"])
    return names[0] if len(names) == 1 else None


def known(curves: Sequence[Row], column: str) -> list[float]:
    """Return the defined numbers of a column."""
    return [value for row in curves if (value := row.get(column)) is not None]


def best_row(curves: Sequence[Row]) -> Row | None:
    """Return the validation with the highest rank correlation, the first of equals.

    The one before any training does not count: its weights are not what a run is for.
    """
    rows = [row for row in curves if row.get("val_spearman") is not None and row.get("step")]
    return max(rows, key=lambda row: row["val_spearman"] or 0.0, default=None)


def finite(value: object) -> float | None:
    """Return a number as it is, and None for anything else (also for NaN)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _number(cell: str) -> float | None:
    return finite(float(cell)) if cell.strip() else None
