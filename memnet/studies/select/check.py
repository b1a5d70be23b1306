"""``memnet select --check``: whether an earlier selection still holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from memnet.data.numbers import to_numbers
from memnet.data.pictures import collect
from memnet.data.tables import read_table_any
from memnet.errors import MemnetError, PictureError
from memnet.preprocess.decode import PictureOrCrop
from memnet.studies.select.candidates import digest_of_picture
from memnet.studies.select.reading import read_pictures
from memnet.studies.select.result import FORMAT, RECORD, TABLE, VERSION, column_of
from memnet.util.json_fields import check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.text import quoted, shorten_list, words_of
from memnet.weights.digests import file_digest

SAME = 1e-6
"""Numbers that differ by less, relative to their size (to 1 where they are smaller), are the same:
another computer's scores differ from yours in the seventh digit."""

_SHAPE = {
    "version": int,
    "selection_sha256": str,
    "options": {"id_column": str, "score": [str], "match": {str: float}, "exact": [str]},
    "tables": [{"file": str, "sha256": str}],
    "models": {str: {}},
}
_DECIDES = ("weights_sha256", "tensors_sha256", "preprocess_digest", "output")
"""Fields of a model's identity that decide its scores."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What became of a selection.

    Attributes
    ----------
    pictures : how many were chosen.
    holds : sentences on what is still as it was.
    fails : sentences on what is not, or is not there.
    open : sentences on what could not be checked, and may hold or not.
    """

    pictures: int
    holds: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)


def check_selection(
    selection: str | os.PathLike[str], images: str | os.PathLike[str] | None = None
) -> Checked:
    """Check whether pictures, scores and covariates of a selection are still what they were.

    Parameters
    ----------
    selection : ``selection.csv`` of ``memnet select``, beside which ``selection.json`` lies.
    images : the pictures; without them, they are looked for by the column ``path``.

    Raises
    ------
    MemnetError
        if one of the two files is not there or cannot be read.
    """
    path = Path(selection)
    path = path / TABLE if path.is_dir() else path
    record = _read_record(path.with_name(RECORD))
    chosen = read_table_any(path)
    missing = [name for name in ("image_id", "path", "group", "sha256") if name not in chosen]
    if missing:
        raise MemnetError(f"{path} is no selection: it has no column {missing[0]!r}.")
    checked = Checked(pictures=len(chosen))
    if file_digest(path) != record["selection_sha256"]:
        checked.fails.append(
            f"{path} itself was changed since `memnet select` wrote it, by hand, or by a "
            "spreadsheet that saved it."
        )
    _check_pictures(chosen, images, path.parent, checked)
    _check_values(chosen, record, path.parent, checked)
    return checked


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = parse_json(read_json_text(path))
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ValueError("it is no record of `memnet select`")
        check_shape(record, _SHAPE, "")
    except FileNotFoundError:
        raise MemnetError(
            f"There is no {path}: --check needs selection.json beside selection.csv."
        ) from None
    except (OSError, ValueError) as error:
        raise MemnetError(f"{path} cannot be read ({words_of(error)}).") from error
    if record["version"] > VERSION:
        raise MemnetError(f"{path} was written by a newer memnet; update memnet to check it.")
    return record


def _check_pictures(
    chosen: pd.DataFrame, images: str | os.PathLike[str] | None, folder: Path, checked: Checked
) -> None:
    """Compare the digest of every picture."""
    files: Mapping[str, PictureOrCrop]
    if images is not None:
        files = {item.image_id: item.picture for item in collect([os.fspath(images)]).items}
    else:
        # Paths are seen from where the pictures were chosen: here, or above the selection.
        bases = ["", *map(str, folder.resolve().parents), str(folder)]
        pairs = zip(chosen["image_id"], chosen["path"], strict=True)
        found = {image_id: _find(path, bases) for image_id, path in pairs}
        files = {image_id: path for image_id, path in found.items() if path}
    same, changed, gone, unknown = 0, [], [], []
    for image_id, digest in zip(chosen["image_id"], chosen["sha256"], strict=True):
        if not digest:
            unknown.append(image_id)
        elif image_id not in files:
            gone.append(image_id)
        else:
            try:
                now = digest_of_picture(files[image_id])
            except PictureError:
                gone.append(image_id)
                continue
            same += now == digest
            changed += [image_id] if now != digest else []
    if same:
        checked.holds.append(f"{same:,} picture(s) are the same files.")
    if changed:
        checked.fails.append(
            f"{len(changed):,} picture(s) are other files now: {shorten_list(changed, 20)}."
        )
    if gone:
        advice = "" if images is not None else " (--images says where they are)"
        checked.fails.append(
            f"{len(gone):,} picture(s) were not found{advice}: {shorten_list(gone, 20)}."
        )
    if unknown:
        checked.open.append(
            f"{len(unknown):,} picture(s) cannot be checked, since no digest was recorded: choose "
            "with --images, or with the covariates of `memnet describe`."
        )


def _find(path: str, bases: list[str]) -> str:
    """Return the path of a file below the first folder that has it, "" where none does."""
    places = (os.path.join(base, path) for base in bases)
    return next((place for place in places if path and os.path.isfile(place)), "")


def _check_values(
    chosen: pd.DataFrame, record: dict[str, Any], folder: Path, checked: Checked
) -> None:
    """Compare scores, covariates and categories with the tables that they came from."""
    tables = [os.path.normpath(folder / each["file"]) for each in record["tables"] if each["file"]]
    options = record["options"]
    numbers, words = [*options["score"], *options["match"]], list(options["exact"])
    what = "scores, covariates and categories" if len(numbers) + len(words) > 1 else "scores"
    if len(tables) < len(record["tables"]):
        checked.open.append(
            f"The {what} cannot be checked: they came from a table in memory, not from a file."
        )
        return
    try:
        now = read_pictures(
            tables[0], tables[1:], id_column=options["id_column"], used=[*numbers, *words]
        )
    except MemnetError as error:
        checked.fails.append(f"The {what} cannot be checked: {error}")
        return
    wrong: list[str] = []
    for column in (*numbers, *words):
        own = column_of(column)
        if column not in now.frame.columns or own not in chosen.columns:
            wrong.append(f"The column {column!r} is no longer there.")
            continue
        cells = now.frame[column].reindex(chosen["image_id"]).fillna("")
        differ = (
            _differ(chosen[own], cells)
            if column in numbers
            else (chosen[own].str.strip().to_numpy() != cells.str.strip().to_numpy())
        )
        if differ.any():
            first = int(np.flatnonzero(differ)[0])
            wrong.append(
                f"{column!r} of {int(differ.sum()):,} picture(s) is not what it was: "
                f"{shorten_list(chosen['image_id'][differ], 20)} (the first was "
                f"{quoted(chosen[own].iloc[first])} and is {quoted(cells.iloc[first])})."
            )
    for name, then in record["models"].items():
        about = now.models.get(name, {})
        other = [key for key in _DECIDES if key in then and then[key] != about.get(key)]
        if other:
            wrong.append(f"The scores of {name} are of another model now ({', '.join(other)}).")
    checked.fails.extend(wrong)
    if not wrong:
        files = shorten_list([os.path.basename(table) for table in tables])
        checked.holds.append(f"Their {what} in {files} are the same.")


def _differ(then: pd.Series, now: pd.Series) -> Any:
    a, b = to_numbers(then), to_numbers(now)
    return ~(np.abs(a - b) <= SAME * np.maximum(1.0, np.abs(a)))
