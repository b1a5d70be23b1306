"""The most and the least memorable neighbour of a picture: within a distance, for one model.

Projected gradient ascent on the raw score. How to steer pictures by hand: ``docs/gradients.md``.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from memnet.errors import MemnetError, PictureError
from memnet.inspect.objectives import ScoreObjective
from memnet.inspect.visualisation_files import png
from memnet.preprocess.decode import Picture, decode
from memnet.preprocess.resize import RESIZERS
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import AnyArray, Float32Array, UInt8Array
from memnet.util.atomic import require_writable, write_bytes, write_text
from memnet.util.paths import is_same
from memnet.util.versions import environment

STEPS = 40
"""Steps of the ascent; each is an eighth of the distance long at first, and shorter at the end."""

NAME = "neighbours.json"


@dataclass(frozen=True)
class Neighbour:
    """A picture near another one.

    Attributes
    ----------
    picture : ``(height, width, 3)``, 8 bits, of the size to which the model resizes pictures.
    distance : from the picture that it was made of, at that size: root mean square difference in
        grey levels over the pixels that the network sees.
    raw, score : of the 8-bit picture.
    unrounded : raw score before it was rounded to 8 bits.
    """

    picture: UInt8Array = field(repr=False)
    distance: float
    raw: float
    score: float
    unrounded: float


@dataclass(frozen=True)
class Neighbours:
    """What :func:`neighbours` finds.

    Attributes
    ----------
    start : the picture itself at the size to which the model resizes pictures; its distance is 0.
    most, least : the neighbours with the highest and the lowest raw score that were found.
    is_grey : whether the picture has no colours; its neighbours may.
    """

    start: Neighbour
    most: Neighbour
    least: Neighbour
    is_grey: bool


def neighbours(
    predictor: Predictor, picture: Picture, within: float, *, steps: int = STEPS
) -> Neighbours:
    """Find the most and the least memorable picture within a distance of a picture.

    The ascent follows the raw score, which is not clamped, and finds a local optimum. The 8-bit
    pictures keep within the distance: where rounding would exceed it, the change is made smaller.

    Parameters
    ----------
    predictor : a model whose network memnet can look into.
    picture : see :func:`memnet.preprocess.decode.decode`.
    within : distance in grey levels, above 0; see :class:`Neighbour`.
    steps : of the ascent.

    Raises
    ------
    MemnetError
        if the distance is not above 0, the picture cannot be read, the model gives no gradients,
        or its score does not change with the picture.

    Examples
    --------
    >>> import memnet
    >>> from memnet.weights.catalogue import find
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 227 * 227, 1))
    >>> model = memnet.Predictor.from_function(
    ...     "mine.v1", network, preprocess=find("resmem.published").preprocess
    ... )
    >>> found = neighbours(model, np.full((300, 300, 3), 128, np.uint8), within=4)
    >>> found.least.raw < found.start.raw < found.most.raw
    True
    >>> 3.5 < found.most.distance <= 4
    True
    """
    require_distance(within)
    objective = ScoreObjective(predictor)
    spec = predictor.preprocess
    assert spec is not None
    rgb = decode(picture, exif_orientation=spec.exif_orientation).rgb
    resized: AnyArray = np.asarray(RESIZERS[spec.resize_kind](rgb, spec.resize_hw))
    levels = resized.round().clip(0, 255).astype(np.uint8)
    seen = objective.seen().numpy()
    ends = _ascend(objective, levels, seen, within, steps, predictor.device)
    found = [
        _neighbour(predictor, levels, _rounded(levels, end, seen, within), seen, unrounded)
        for end, unrounded in ends
    ]
    with torch.no_grad():
        pixels = torch.from_numpy(levels.copy()).permute(2, 0, 1)[None].to(predictor.device)
        unrounded = float(objective(pixels.float() / 255, [0])[0].item())
    return Neighbours(
        start=_neighbour(predictor, levels, levels, seen, unrounded),
        most=found[0],
        least=found[1],
        is_grey=bool((levels == levels[:, :, :1]).all()),
    )


def require_distance(within: float) -> None:
    """Raise ``MemnetError`` for what is no distance: above 0, at most 255 grey levels."""
    if not 0 < within <= 255:
        raise MemnetError(
            f"The distance is {within:g}; it must be above 0 and at most 255 grey levels."
        )


def write_neighbours(
    folder: Path, predictor: Predictor, path: Path, within: float, *, steps: int = STEPS
) -> tuple[Neighbours, dict[str, Any]]:
    """Write the neighbours of a picture as PNG files, and what is known of them.

    Parameters
    ----------
    folder : where to: ``STEM_most.png``, ``STEM_least.png``, ``STEM_start.png`` and
        ``neighbours.json``.
    predictor, within, steps : as for :func:`neighbours`.
    path : of the picture.

    Returns
    -------
    found, record
        the record as in ``neighbours.json``: its scores are those of the written files.

    Raises
    ------
    MemnetError
        as :func:`neighbours`, or if the folder cannot be written or a file would be written over
        the picture.
    """
    files = {each: folder / f"{path.stem}_{each}.png" for each in ("start", "most", "least")}
    if any(is_same(path, file) for file in files.values()):
        raise MemnetError(f"{path} would be written over; choose another --out.")
    require_writable(folder)
    try:
        found = neighbours(predictor, path, within, steps=steps)
    except PictureError as error:
        raise MemnetError(f"{path}: {error}") from error
    for each, file in files.items():
        write_bytes(file, png(getattr(found, each).picture))
    scored = predictor.score([path, *files.values()], cache=False)
    record: dict[str, Any] = {
        "picture": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "score": float(scored.score[0]),
        "raw": float(scored.raw[0]),
        "within": within,
        "steps": steps,
        "model": {"name": predictor.label, **predictor.identity()},
        "device": str(predictor.device),
        "versions": environment(),
    }
    for number, (each, file) in enumerate(files.items(), 1):
        neighbour = getattr(found, each)
        record[each] = {
            "file": file.name,
            "distance": neighbour.distance,
            "score": float(scored.score[number]),
            "raw": float(scored.raw[number]),
            "raw_before_rounding": neighbour.unrounded,
        }
    write_text(folder / NAME, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return found, record


def _ascend(
    objective: ScoreObjective,
    levels: UInt8Array,
    seen: AnyArray,
    within: float,
    steps: int,
    device: torch.device,
) -> list[tuple[Float32Array, float]]:
    """Raise and lower the score; returns grey levels and the raw score for either."""
    start = torch.from_numpy(levels.copy()).permute(2, 0, 1)[None].float().to(device) / 255
    where = torch.from_numpy(seen).to(device)
    radius = within / 255
    direction = torch.tensor([1.0, -1.0], device=device)[:, None, None, None]
    pictures = start.repeat(2, 1, 1, 1)
    best, best_raw = pictures.clone(), torch.full((2,), -math.inf, device=device)
    bar = tqdm(
        range(steps + 1), desc="neighbours", unit=" steps", delay=2, disable=None, file=sys.stderr
    )
    for step in bar:
        pictures = pictures.detach().requires_grad_()
        raw, _ = objective(pictures, [0, 0])
        signed = raw.detach() * direction.flatten()
        better = (signed > best_raw)[:, None, None, None]
        best = torch.where(better, pictures.detach(), best)
        best_raw = torch.maximum(best_raw, signed)
        (gradient,) = torch.autograd.grad(raw.sum(), pictures)
        size = _rms(gradient, where)
        if step == 0 and not (size > 0).all():
            raise MemnetError(
                "The score does not change with the picture (its gradient is zero there), so it "
                "has no more and no less memorable neighbours."
            )
        length = radius / 8 * (1 - step / (steps + 1))
        moved = pictures.detach() + direction * gradient / size.clamp(min=1e-30) * length
        away = (moved - start) * where
        away = away * (radius / _rms(away, where).clamp(min=1e-30)).clamp(max=1)
        pictures = (start + away).clamp(0, 1)  # nearer to the start, if anything
    ends = (best * 255).permute(0, 2, 3, 1).cpu().numpy()
    return [
        (end, float(value)) for end, value in zip(ends, best_raw * direction.flatten(), strict=True)
    ]


def _rms(change: Tensor, where: Tensor) -> Tensor:
    """Return the root mean square over channels and seen pixels, ``(N, 1, 1, 1)``."""
    squares = (change**2 * where).sum(dim=(1, 2, 3), keepdim=True)
    return (squares / (3 * where.sum())).sqrt()


def _distance(one: AnyArray, other: AnyArray, seen: AnyArray) -> float:
    return float(np.sqrt(np.mean((one.astype(float) - other)[seen] ** 2)))


def _rounded(levels: UInt8Array, end: Float32Array, seen: AnyArray, within: float) -> UInt8Array:
    """Round to 8 bits the longest way towards the end that keeps within the distance."""
    away = end - levels

    def at(share: float) -> UInt8Array:
        return (levels + (away * share).round()).clip(0, 255).astype(np.uint8)

    if _distance(at(1.0), levels, seen) <= within:
        return at(1.0)
    low, high = 0.0, 1.0
    for _ in range(20):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _distance(at(middle), levels, seen) <= within else (low, middle)
        )
    return at(low)


def _neighbour(
    predictor: Predictor,
    start: UInt8Array,
    levels: UInt8Array,
    seen: AnyArray,
    unrounded: float,
) -> Neighbour:
    row = predictor.score([levels], cache=False).iloc[0]
    return Neighbour(
        picture=levels,
        distance=_distance(levels, start, seen),
        raw=float(row.raw),
        score=float(row.score),
        unrounded=unrounded,
    )
