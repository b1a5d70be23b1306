"""The table of measures: a row per picture, kept on disk while it is made, and gone on with."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from memnet.data.inputs import Inputs
from memnet.data.numbers import to_numbers
from memnet.data.pictures import collect
from memnet.data.score_columns import FAILED
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError
from memnet.studies.describe.workers import Row, describe_items
from memnet.util.locking import hold_lock
from memnet.util.table_files import check_rows, check_table_name, write_frame

COLUMNS = {
    "image_id": "object",
    "path": "object",
    "width": "Int64",
    "height": "Int64",
    "aspect": "float64",
    "grey": "boolean",
    "luminance_mean": "float64",
    "luminance_sd": "float64",
    "rms_contrast": "float64",
    "colourfulness": "float64",
    "spectral_slope": "float64",
    "edge_density": "float64",
    "entropy": "float64",
    "sha256": "object",
    "phash": "object",
    "warning": "object",
}
"""Column -> pandas type. Numbers and booleans can be missing: a failed picture has none."""

MAY_LACK = ("spectral_slope", "edge_density")
"""Measures that some pictures do not have."""

_TRUTHS = {"true": True, "false": False}  # Excel writes them in capitals

_SECONDS = 5.0
"""Between two writings of a table that is being made, at least."""

_SHARE = 10
"""How many times as long as the last writing took the work goes on until the next."""


@dataclass
class Summary:
    """What a run did.

    Attributes
    ----------
    described : pictures measured now.
    already : pictures that an earlier run had measured, whose files are the same still.
    changed : pictures measured again because their files changed.
    failed : rows of the pictures that could not be read.
    kept : rows of earlier runs whose pictures were not given this time.
    seconds : of the run.
    """

    described: int = 0
    already: int = 0
    changed: int = 0
    failed: list[Row] = field(default_factory=list)
    kept: int = 0
    seconds: float = 0.0


def describe(pictures: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> pd.DataFrame:
    """Measure what pictures look like: size, light, contrast, colour, detail.

    ``docs/describe.md`` defines each measure with its unit and source. ``memnet describe`` writes
    the same table, and goes on where it was interrupted.

    Parameters
    ----------
    pictures : a folder, file, glob or manifest, or several, as for ``memnet score``.

    Returns
    -------
    pandas.DataFrame
        a row per picture with the columns of :data:`COLUMNS`. A picture that cannot be read has no
        numbers, and its ``warning`` begins with ``failed:``.

    Raises
    ------
    MemnetError
        if nothing is there to be measured, or scikit-image or ImageHash is not installed.

    Examples
    --------
    >>> from PIL import Image
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("RGB", (40, 30), "white").save(Path(folder, "white.png"))
    ...     table = describe(folder)
    >>> table[["image_id", "width", "height", "grey", "luminance_mean"]].round(6).values.tolist()
    [['white.png', 40, 30, True, 1.0]]
    """
    require_libraries()
    several = [pictures] if isinstance(pictures, str | os.PathLike) else list(pictures)
    inputs = collect([os.fspath(each) for each in several])
    with closing(_rows(inputs, {})) as rows:
        return to_frame(list(rows))


def describe_to_file(inputs: Inputs, out: Path) -> Summary:
    """Describe pictures into a table that survives interruption.

    What is finished is on disk every some seconds. The same command again keeps the row of each
    picture whose id is in the table and whose file's bytes are the same; those that failed are
    tried again. Rows of other pictures stay, behind.

    Raises
    ------
    MemnetError
        if the table cannot be written, there is another table of that name, another process writes
        it, or a library is not installed.
    """
    require_libraries()
    check_table_name(out)
    start = time.perf_counter()
    busy = f"Another memnet is writing {out} at this moment; wait for it, or choose another --out."
    with hold_lock(out.with_name(f".{out.name}.lock"), busy=busy):
        before = read_described(out) if out.exists() else {}
        ids = dict.fromkeys(item.image_id for item in inputs.items)
        order = [*ids, *(image_id for image_id in before if image_id not in ids)]
        check_rows(out, len(order))
        summary = Summary(kept=len(order) - len(ids))
        table = dict(before)
        due = time.perf_counter() + _SECONDS
        try:
            with closing(_rows(inputs, before)) as rows:
                for row in rows:
                    _count(row, before.get(row["image_id"]), summary)
                    table[row["image_id"]] = row
                    if time.perf_counter() >= due:
                        due = _write(table, order, out)
        finally:
            _write(table, order, out)
    summary.seconds = time.perf_counter() - start
    return summary


def require_libraries() -> None:
    """Raise ``MemnetError`` where a library of the measures is not installed."""
    for package, name in (("skimage", "scikit-image"), ("imagehash", "ImageHash")):
        if find_spec(package) is None:
            raise MemnetError(
                f'To measure pictures, install {name}: pip install "memnet-harness[describe]".'
            )


def to_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """Build the table with its columns in order and typed."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    texts = [name for name, kind in COLUMNS.items() if kind == "object"]
    frame[texts] = frame[texts].fillna("")
    return frame


def read_described(path: Path) -> dict[str, Row]:
    """Read a table of measures: id -> row.

    Raises
    ------
    MemnetError
        if it is no such table.
    """
    frame = read_table_any(path)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing or len(frame.columns) > len(COLUMNS) or frame["image_id"].duplicated().any():
        raise MemnetError(
            f"{path} is there already and is no table of `memnet describe`; choose another --out."
        )
    columns: dict[str, list[Any]] = {}
    for name, kind in COLUMNS.items():
        cells = frame[name]
        if kind == "object":
            columns[name] = cells.tolist()
        elif kind == "boolean":
            columns[name] = [_TRUTHS.get(cell.strip().lower()) for cell in cells]
        else:
            columns[name] = to_numbers(cells, str(path)).tolist()
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return {row["image_id"]: row for row in rows}


def _rows(inputs: Inputs, before: dict[str, Row]) -> Generator[Row, None, None]:
    """Describe pictures in order, with a bar on a terminal."""
    asked = ((item, _to_keep(before.get(item.image_id))) for item in inputs.items)
    count = len(inputs.items)
    with (
        closing(describe_items(asked, count)) as rows,
        tqdm(total=count, desc="describe", unit=" pictures", file=sys.stderr, disable=None) as bar,
    ):
        for row in rows:
            bar.update()
            yield row


def _to_keep(row: Row | None) -> Row | None:
    """Return the row of an earlier run if it is whole; a spreadsheet may have changed it since."""
    if row is None or row["warning"].startswith(FAILED):
        return None
    always = (row[name] for name in COLUMNS if name not in MAY_LACK)
    return row if not any(cell is None or cell != cell for cell in always) else None


def _count(row: Row, before: Row | None, summary: Summary) -> None:
    if row["warning"].startswith(FAILED):
        summary.failed.append(row)
    elif _to_keep(before) is None:
        summary.described += 1
    elif before is not None and before["sha256"] == row["sha256"]:
        summary.already += 1
    else:
        summary.described += 1
        summary.changed += 1


def _write(table: dict[str, Row], order: Sequence[str], out: Path) -> float:
    """Write what is there in order; return when to write again."""
    start = time.perf_counter()
    write_frame(to_frame([table[each] for each in order if each in table]), out)
    end = time.perf_counter()
    return end + max(_SECONDS, _SHARE * (end - start))
