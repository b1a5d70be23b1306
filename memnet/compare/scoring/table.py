"""The score table: one row per picture and model, as CSV or Parquet."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

import pandas as pd

from memnet.errors import MemnetError

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
    return [Row(**record) for record in plain[list(COLUMNS)].to_dict("records")]


def check_suffix(path: Path) -> None:
    """Refuse an output whose ending is neither ``.csv`` nor ``.parquet``."""
    if path.suffix not in (".csv", ".parquet"):
        raise MemnetError(f"--out {path} must end in .csv or .parquet.")


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table atomically: a reader finds the old file or the new one, never half of one."""
    check_suffix(path)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.part")
    try:
        if path.suffix == ".csv":
            frame.to_csv(temporary, index=False)
        else:
            frame.to_parquet(temporary, index=False)
        os.replace(temporary, path)
    except OSError as error:
        raise MemnetError(f"{path} cannot be written ({error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: Path) -> pd.DataFrame:
    """Read a score table that memnet wrote.

    Raises
    ------
    MemnetError
        if it is no such table: the columns differ or the file cannot be parsed.
    """
    check_suffix(path)
    text = [name for name, kind in COLUMNS.items() if kind == "object"]
    try:
        if path.suffix == ".csv":
            frame = pd.read_csv(
                path, dtype=COLUMNS, keep_default_na=False, na_values={
                    name: [""] for name in COLUMNS if name not in text
                }, float_precision="round_trip",
            )
        else:
            frame = pd.read_parquet(path)
            frame = frame.astype(COLUMNS)
    except (ValueError, KeyError, OSError) as error:
        raise MemnetError(f"{path} is no score table of memnet ({error}).") from error
    if list(frame.columns) != list(COLUMNS):
        raise MemnetError(
            f"{path} is no score table of memnet: its columns are {', '.join(frame.columns)}."
        )
    return frame
