"""Visualisations in a folder: a PNG for each, and ``visualisations.json`` about all of them."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from memnet.errors import MemnetError
from memnet.inspect.objectives import Objective
from memnet.inspect.recipes import Recipe
from memnet.inspect.visualise import Visualisation, batches
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import UInt8Array
from memnet.util.atomic import write_bytes, write_text
from memnet.util.json_fields import check_shape
from memnet.util.json_text import finite_or_none, parse_json, read_json_text
from memnet.util.locking import hold_lock
from memnet.util.messages import say
from memnet.util.text import words_of
from memnet.util.versions import environment

NAME = "visualisations.json"

_SHAPE = {
    "pictures": [
        {
            "file": str,
            "sha256": (str, None),
            "reached": (float, None),
            "box": (None, [int]),
            "made_of": {
                "model": {"name": str},
                "layer": (str, None),
                "filter": int,
                "objective": str,
                "recipe": {"name": str},
                "seed": int,
            },
            "versions": {"memnet": str},
        }
    ]
}


def visualise_to(
    folder: Path,
    predictor: Predictor,
    objective: Objective,
    filters: Sequence[int],
    *,
    recipe: Recipe,
    diversity: int,
    seed: int,
    batch_size: int,
) -> list[str]:
    """Make the pictures that are not there yet, and write them batch by batch.

    A picture that is there and was made in the same way of the same model is not computed again;
    one that was made otherwise is replaced. A kill loses the batch that is being computed.

    Parameters
    ----------
    folder : where to.
    predictor, objective, filters : as of :func:`memnet.inspect.visualise.resolve`.
    recipe, diversity, seed, batch_size : as for :func:`memnet.inspect.visualise.visualise`.

    Returns
    -------
    list of str
        a sentence for each filter whose objective the ascent did not raise: it has no picture.

    Raises
    ------
    MemnetError
        if the folder holds another model's pictures, another process works there, it cannot be
        read or written, or as :func:`memnet.inspect.visualise.visualise`.
    """
    identity = predictor.identity()
    common = {
        "layer": objective.layer_name,
        "objective": objective.aim,
        "recipe": {"name": recipe.name, **dataclasses.asdict(recipe)},
        "pictures_of_a_filter": diversity,
        "seed": seed,
        "model": {"name": predictor.label, **identity},
    }
    wanted: dict[tuple[int, int], tuple[str, dict[str, Any]]] = {}
    for name in filters:
        for number in range(diversity):
            file = _file_name(objective, name, number if diversity > 1 else None)
            wanted[name, number] = file, common | {"filter": name, "number": number}
    busy = f"Another process writes visualisations into {folder}; wait for it."
    with hold_lock(folder / ".visualisations.lock", busy=busy):
        rows = read(folder)
        for row in rows.values():
            if row["made_of"]["model"] != common["model"]:
                raise MemnetError(
                    f"{folder} holds pictures of {row['made_of']['model']['name']} (its "
                    f"weights or preprocessing differ from {predictor.label}'s, or its name); "
                    "choose another --out."
                )
        # Of a function nobody can know whether it is the one of before.
        todo = set(filters)
        if identity["weights_sha256"] or identity["tensors_sha256"]:
            todo = {
                name
                for (name, _), (file, made_of) in wanted.items()
                if not _is_there(folder, rows.get(file), made_of)
            }
        if done := len(filters) - len(todo):
            say(f"{done} of {len(filters)} filter(s) have their pictures in {folder} already")
        now = [each for each in wanted if each[0] in todo]
        for batch in batches(predictor, objective, now, recipe, seed, batch_size):
            for made in batch:
                file, made_of = wanted[made.filter, made.number]
                data = png(made.picture) if made.raised else None
                if data is not None:
                    write_bytes(folder / file, data)
                rows[file] = {
                    **_row(file, data, made, made_of),
                    "box": objective.box,
                    "device": str(predictor.device),
                }
            _write(folder, rows)
        made_now = [rows[file] for file, _ in wanted.values()]
    return [
        f"{row['made_of']['layer'] or 'score'}, filter {row['made_of']['filter']}: gradient ascent "
        f"got no further than the {row['start']} of its noise, so there is no picture"
        for row in made_now
        if row["sha256"] is None
    ]


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Read what is known of the pictures in a folder: name of the file -> its row.

    Raises
    ------
    MemnetError
        if ``visualisations.json`` is there and cannot be read.
    """
    file = folder / NAME
    if not file.exists():
        return {}
    try:
        content = parse_json(read_json_text(file))
        check_shape(content, _SHAPE, "")
    except (OSError, ValueError) as error:
        raise MemnetError(
            f"{file} cannot be read ({words_of(error)}); choose another --out."
        ) from error
    return {row["file"]: row for row in content["pictures"]}


def png(picture: UInt8Array) -> bytes:
    """Return a picture ``(height, width, 3)`` as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def _file_name(objective: Objective, name: int, number: int | None) -> str:
    parts = ["score"] if objective.layer_name is None else [objective.layer_name, str(name)]
    stem = "_".join(parts + ([] if number is None else [str(number)]))
    return re.sub(r"[^\w.-]", "-", stem) + ".png"


def _row(
    file: str, data: bytes | None, made: Visualisation, made_of: dict[str, Any]
) -> dict[str, Any]:
    height, width = made.picture.shape[:2]
    return {
        "file": file,
        "sha256": None if data is None else hashlib.sha256(data).hexdigest(),
        "width": width,
        "height": height,
        "start": finite_or_none(made.start),
        "reached": finite_or_none(made.reached),
        "curve": [finite_or_none(float(f"{value:.6g}")) for value in made.curve],
        "made_of": made_of,
        "versions": environment(),
    }


def _is_there(folder: Path, row: dict[str, Any] | None, made_of: dict[str, Any]) -> bool:
    """Whether a picture was made in the same way before, and is as it was written."""
    if row is None or row["made_of"] != made_of:
        return False
    if row["sha256"] is None:
        return True
    try:
        data = (folder / row["file"]).read_bytes()
    except OSError:
        return False
    return bool(row["sha256"] == hashlib.sha256(data).hexdigest())


def _write(folder: Path, rows: dict[str, dict[str, Any]]) -> None:
    ordered = sorted(
        rows.values(),
        key=lambda row: (str(row["made_of"]["layer"]), row["made_of"]["filter"], row["file"]),
    )
    text = json.dumps({"pictures": ordered}, indent=1, ensure_ascii=False, allow_nan=False)
    # A curve is one line, not one for each step.
    text = re.sub(r"\[[-+\d.,e\s]+\]", lambda match: " ".join(match[0].split()), text)
    write_text(folder / NAME, text + "\n")
