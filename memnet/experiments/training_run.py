"""What a finished run says for itself: its best validation, and the record of its test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memnet.compare.record import RunRecord
from memnet.reimpl.training.run_folder import TEST, Row

UNFINISHED = ("interrupted", "failed")
"""The words of ``status`` that say that a run did not come to its end."""


def read_test(folder: Path) -> RunRecord | None:
    """Read the record of the run's test part; None where it was not tested."""
    path = Path(folder) / TEST / "record.json"
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
