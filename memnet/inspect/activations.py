"""Activations of layers for analysis: RDMs, encoding models, correlations with memorability."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from memnet.data.digests import ids_digest
from memnet.data.inputs import Item
from memnet.data.sidecar import sidecar_path
from memnet.errors import MemnetError
from memnet.inspect.activation_files import RowFile, check_name, read_arrays, write_arrays
from memnet.inspect.layers import Layer
from memnet.inspect.recording import Failed, record
from memnet.inspect.reductions import Reduction
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import Float32Array
from memnet.util.atomic import replace_file, write_text
from memnet.util.clock import utc_now
from memnet.util.earlier_results import keep_other_files
from memnet.util.json_text import parse_json
from memnet.util.versions import environment

FORMAT = "memnet activations"
"""What the file beside the activations says that it is about."""

MOST_BYTES = 20e9
"""No larger files are written."""

_WHAT_MADE_IT = ("model", "identity", "reduce", "layers")


@dataclass
class Activations:
    """Activations of some layers for some pictures.

    Attributes
    ----------
    ids : of the pictures, in order.
    layers : name of a layer -> float32 ``(pictures, ...)``. The row of a picture that could not be
        read is NaN.
    failed : id of such a picture -> why.
    """

    ids: list[str]
    layers: dict[str, Float32Array]
    failed: dict[str, str] = field(default_factory=dict)


def compute(
    predictor: Predictor,
    items: Sequence[Item],
    layers: Sequence[Layer],
    reduction: Reduction,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> Activations:
    """Compute activations in memory; parameters as of :func:`write`.

    Examples
    --------
    >>> import memnet, torch
    >>> from memnet.inspect.layers import find_layers
    >>> from memnet.weights.catalogue import find
    >>> network = torch.nn.Sequential(
    ...     torch.nn.Conv2d(3, 8, 5), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    ...     torch.nn.Linear(8, 1),
    ... )
    >>> model = memnet.Predictor.from_function(
    ...     "mine.v1", network, preprocess=find("resmem.published").preprocess
    ... )
    >>> grey = Item("grey.png", "", np.full((40, 60, 3), 128, np.uint8))
    >>> activations = compute(model, [grey], find_layers(model, ["0"]), Reduction("mean"))
    >>> activations.ids, activations.layers["0"].shape
    (['grey.png'], (1, 8))
    """
    names = [layer.name for layer in layers]
    parts: dict[str, list[Float32Array]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    for rows, bad in _rows(predictor, items, layers, reduction, batch_size):
        for name in names:
            parts[name].append(rows[name])
        failed |= {each.item.image_id: each.reason for each in bad}
    joined = {name: np.concatenate(parts[name]) for name in names}
    return Activations([item.image_id for item in items], joined, failed)


def write(
    predictor: Predictor,
    items: Sequence[Item],
    layers: Sequence[Layer],
    out: Path,
    reduction: Reduction,
    *,
    batch_size: int = DEFAULT_BATCH_SIZE,
    command: str = "",
) -> dict[str, str]:
    """Compute activations into a file, with a JSON file beside it that says how they were made.

    Memory does not grow with the number of pictures: rows are kept in files beside ``out`` until
    all are known, so the disk needs room for twice the file.

    Parameters
    ----------
    predictor : the model.
    items : the pictures; each has a row, in this order.
    layers : from :func:`memnet.inspect.layers.find_layers`.
    out : ends in ``.npz``, ``.safetensors``, ``.h5``, ``.hdf5`` or ``.parquet``
        (:mod:`memnet.inspect.activation_files`).
    reduction : what is kept of a layer's output.
    batch_size : pictures per pass.
    command : what the file beside ``out`` says of how it was made.

    Returns
    -------
    dict
        id -> reason of each picture that could not be read; its rows are NaN.

    Raises
    ------
    MemnetError
        if there are no pictures or layers, the file would be larger than :data:`MOST_BYTES`, ends
        otherwise or cannot be written, or it is there and is something else: another model's, of
        other layers, or reduced in another way.
    """
    check_name(out)
    if not items:
        raise MemnetError("There are no pictures, so there are no activations.")
    if not layers:
        raise MemnetError("No layer is named; `memnet inspect layers MODEL` lists them.")
    shapes = {layer.name: reduction.shape(layer) for layer in layers}
    _check_size(len(items), shapes)
    about = _about(predictor, layers, reduction)
    _check_same(out, about)
    failed: dict[str, str] = {}
    with (
        replace_file(out) as temporary,
        TemporaryDirectory(dir=out.parent, prefix=".rows-") as rows,
    ):
        files = {name: Path(rows, str(place)) for place, name in enumerate(shapes)}
        with ExitStack() as stack:
            opened = {name: stack.enter_context(path.open("wb")) for name, path in files.items()}
            for values, bad in _rows(predictor, items, layers, reduction, batch_size):
                for name, file in opened.items():
                    file.write(values[name].tobytes())
                failed |= {each.item.image_id: each.reason for each in bad}
        stored = {
            name: RowFile(files[name], (len(items), *shape)) for name, shape in shapes.items()
        }
        write_arrays(temporary, out.suffix.lower(), [item.image_id for item in items], stored)
    about |= {
        "command": command,
        "created": utc_now(),
        "device": str(predictor.device),
        "pictures": len(items),
        "picture_ids_sha256": ids_digest(item.image_id for item in items),
        "failed": failed,
        "environment": environment(),
    }
    write_text(sidecar_path(out), json.dumps(about, indent=1) + "\n")
    return failed


def read(path: str | Path) -> tuple[list[str], dict[str, Float32Array]]:
    """Read a file that :func:`write` or ``memnet inspect activations`` wrote.

    Returns
    -------
    tuple
        ids of the pictures, and name of a layer -> float32 ``(pictures, ...)``.

    Raises
    ------
    MemnetError
        if it cannot be read, or is no such file.
    """
    path = Path(path)
    check_name(path)
    if not path.exists():
        raise MemnetError(f"There is no file {path}.")
    try:
        return read_arrays(path)
    except Exception as error:  # each kind's library has its own
        raise MemnetError(
            f"{path} cannot be read as activations ({type(error).__name__}: "
            f"{' '.join(str(error).split())[:200]}); `memnet inspect activations` makes such files."
        ) from error


def _rows(
    predictor: Predictor,
    items: Sequence[Item],
    layers: Sequence[Layer],
    reduction: Reduction,
    batch_size: int,
) -> Iterator[tuple[dict[str, Float32Array], list[Failed]]]:
    """Yield what is kept of each batch's pictures, in order, and those of them that failed."""
    first = 0
    for batch in record(predictor, items, layers, reduction.keep, batch_size=batch_size):
        count = len(batch.items) + len(batch.failed)
        rows = {}
        for layer in layers:
            kept = np.full((count, *reduction.shape(layer)), np.nan, np.float32)
            if batch.items:
                kept[[place - first for place in batch.places]] = batch.values[layer.name]
            rows[layer.name] = kept
        first += count
        yield rows, batch.failed


def _check_size(count: int, shapes: dict[str, tuple[int, ...]]) -> None:
    size = 4 * count * sum(map(math.prod, shapes.values()))
    if size > MOST_BYTES:
        raise MemnetError(
            f"{len(shapes)} layer(s) of {count:,} pictures would be {size / 1e9:,.0f} GB, and no "
            f"file over {MOST_BYTES / 1e9:.0f} GB is written: take mean, max or projection, fewer "
            "layers, or the pictures in parts."
        )


def _about(predictor: Predictor, layers: Sequence[Layer], reduction: Reduction) -> dict[str, Any]:
    reduce: dict[str, Any] = {"kind": reduction.kind}
    if reduction.kind == "projection":
        reduce |= {"size": reduction.size, "seed": reduction.seed}
    spec = predictor.preprocess
    assert spec is not None
    return {
        "format": FORMAT,
        "model": predictor.label,
        "identity": predictor.identity(),
        "reduce": reduce,
        "crops_averaged": spec.n_crops,
        "layers": {
            layer.name: {
                "other_names": list(layer.aliases),
                "kind": layer.kind,
                "output_shape": list(layer.shape),
                "shape": list(reduction.shape(layer)),
            }
            for layer in layers
        },
    }


def _check_same(out: Path, about: dict[str, Any]) -> None:
    """Refuse to write over anything but what the same command made."""
    before = keep_other_files([out], sidecar_path(out), FORMAT)
    if before is None:
        return
    now = parse_json(json.dumps(about))
    other = [name for name in _WHAT_MADE_IT if before.get(name) != now[name]]
    if other:
        raise MemnetError(
            f"{out} holds activations of {before.get('model')} made another way (different: "
            f"{', '.join(other)}); choose another --out."
        )
