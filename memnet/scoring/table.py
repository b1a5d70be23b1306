"""The score table: one row per picture and model, as CSV, Parquet or Excel file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from memnet.data.sidecar import SIDECAR_VERSION, sidecar_path
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError
from memnet.util.atomic import write_text
from memnet.util.table_files import check_table, check_table_name, write_frame

COLUMNS = {
    "image_id": "object",
    "path": "object",
    "model": "object",
    "variant": "object",
    "score": "float64",
    "raw": "float64",
    "n_crops": "Int64",
    "clamped": "boolean",
    "width": "Int64",
    "height": "Int64",
    "mode": "object",
    "warning": "object",
}
"""Column -> pandas type. Integers and booleans can be missing: a failed picture has none."""

FAILED = "failed: "
"""How the warning of a picture begins that could not be scored."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture scored by one model.

    Attributes
    ----------
    image_id : path relative to the folder given, or the file's name.
    path : as the user gave it, "" for a picture that was no file.
    model, variant : who scored it.
    score : 0 to 1, or None where it failed.
    raw : mean of the network's outputs over the crops, before scaling and clamping.
    n_crops : crops averaged.
    clamped : whether the score was moved to stay in [0, 1].
    width, height : size in pixels.
    mode : as stored (``RGB``, ``L``, ``CMYK`` ...).
    warning : what was done to it that the user should know, or ``failed: why``.
    """

    image_id: str
    path: str
    model: str
    variant: str
    score: float | None
    raw: float | None
    n_crops: int | None
    clamped: bool | None
    width: int | None
    height: int | None
    mode: str
    warning: str

    @classmethod
    def failed(cls, *, image_id: str, path: str, model: str, variant: str, reason: str) -> Row:
        """Build the row of a picture that could not be scored."""
        return cls(
            image_id=image_id,
            path=path,
            model=model,
            variant=variant,
            score=None,
            raw=None,
            n_crops=None,
            clamped=None,
            width=None,
            height=None,
            mode="",
            warning=FAILED + reason,
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """What may stand in a table once: model, variant, picture."""
        return self.model, self.variant, self.image_id


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """Build the table with its columns in order and typed."""
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    return frame.astype(COLUMNS)


def from_frame(frame: pd.DataFrame) -> list[Row]:
    """Turn a table back into rows."""
    plain = frame.astype(object).where(frame.notna(), None)
    records: list[dict[str, Any]] = plain[list(COLUMNS)].to_dict("records")  # type: ignore[assignment]
    return [Row(**record) for record in records]


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a score table atomically: a reader finds the old file or the new one, whole.

    A table of :meth:`memnet.Predictor.score` knows how its models score and what they were trained
    on: that is written beside it, as ``path`` + ``.json``. ``DataFrame.to_csv`` loses it.

    Parameters
    ----------
    frame : what :meth:`memnet.Predictor.score` returned.
    path : ends in ``.csv``, ``.parquet`` or ``.xlsx`` (with the extra ``excel``); a file that is
        there is replaced.

    Raises
    ------
    MemnetError
        if the ending is another, the file cannot be written, or the table does not fit into it.

    Examples
    --------
    >>> import tempfile, memnet, numpy as np
    >>> model = memnet.Predictor.from_function("grey.v1", lambda pictures: [0.5] * len(pictures))
    >>> table = model.score(np.zeros((20, 30, 3), dtype=np.uint8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     memnet.write_table(table, f"{folder}/scores.csv")
    ...     sorted(file.name for file in Path(folder).iterdir())
    ['scores.csv', 'scores.csv.json']
    """
    path = Path(path)
    check_table(frame, path)
    if models := frame.attrs.get("models"):
        sidecar = {"sidecar_version": SIDECAR_VERSION, "models": models}
        text = json.dumps(sidecar, indent=1, allow_nan=False)
        write_text(sidecar_path(path), text + "\n")
        frame = frame.copy(deep=False)
        frame.attrs = {}  # else Parquet would hold it, too
    write_frame(frame, path)


def read_table(path: Path) -> pd.DataFrame:
    """Read a score table that memnet wrote.

    Raises
    ------
    MemnetError
        if it is no such table: the columns differ or the file cannot be parsed.
    """
    check_table_name(path)
    try:
        if path.suffix.lower() == ".csv":
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
        elif path.suffix.lower() == ".xlsx":
            cells = read_table_any(path)
            frame = pd.DataFrame(cells.to_numpy(dtype=object), columns=list(cells.columns))
        else:
            frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise MemnetError(f"{path} is no score table of memnet ({error}).") from error
    if list(frame.columns) != list(COLUMNS):
        raise MemnetError(
            f"{path} is no score table of memnet: its columns are {', '.join(frame.columns)}; "
            "`memnet score --out` writes one."
        )
    try:
        return frame.assign(**{name: _typed(frame[name], kind) for name, kind in COLUMNS.items()})
    except (ValueError, TypeError, KeyError) as error:
        raise MemnetError(f"{path} is a damaged score table ({error}).") from error


def _typed(cells: pd.Series, kind: str) -> pd.Series:
    """Give a column its type back. ``float()`` reads a score exactly as it was written."""
    if kind == "object" or not pd.api.types.is_string_dtype(cells):
        return cells.astype(kind)  # type: ignore[call-overload,no-any-return]
    convert: dict[str, Any] = {"float64": float, "Int64": int, "boolean": _BOOLEANS.__getitem__}
    missing = float("nan") if kind == "float64" else pd.NA
    values = [convert[kind](cell) if cell else missing for cell in cells]
    return pd.Series(values, index=cells.index, dtype=kind)


_BOOLEANS = {"True": True, "False": False}
