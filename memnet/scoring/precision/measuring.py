"""How fast each kind of computing is beside the exact one, and how far its scores lie from it.

Exact network and kinds take turns, batch by batch, over the calibration pictures: what slows the
machine down for a while slows all of them, and each batch's ratio of times is its own.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.scoring.numeric_environment import scoring_environment
from memnet.scoring.precision.calibration import PICTURES, make_pictures
from memnet.scoring.precision.kinds import KINDS, Kind
from memnet.scoring.precision.records import Measured
from memnet.scoring.precision.sharing import UnsuitableError
from memnet.stats.metrics.spearman import spearman
from memnet.util.json_text import finite_or_none

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

_BATCH = 8

_MUCH_SLOWER = 1.5
"""A kind whose second batch takes so many times the exact one's time is given up: the processor
does by many steps what others do by one."""


def measure(
    predictor: Predictor, machine: str = "", kinds: Sequence[Kind] = KINDS
) -> list[Measured]:
    """Measure every kind of computing that the machine and the network can do.

    Parameters
    ----------
    predictor : the exact one.
    machine : see :class:`Measured`.
    kinds : those to try.
    """
    spec = predictor.preprocess
    assert spec is not None
    rivals = _possible(predictor, kinds)
    pictures = make_pictures(PICTURES)
    scores: dict[str, list[Tensor]] = {name: [] for name in rivals}
    ratios: dict[str, list[float]] = {name: [] for name in rivals}
    exact: list[Tensor] = []
    for start in range(0, len(pictures) if rivals else 0, _BATCH):
        some = pictures[start : start + _BATCH]
        crops = [spec.apply(picture, mean_image=predictor.mean_image) for picture in some]
        inputs = torch.stack(crops)
        own, scored = _timed(predictor, inputs)
        exact.append(scored)
        for name, rival in list(rivals.items()):
            try:
                seconds, scored = _timed(rival, inputs)
            except MemnetError:  # the network has a part that cannot do it
                del rivals[name]
                continue
            scores[name].append(scored)
            if start:  # the first also plans and allocates
                ratios[name].append(own / seconds)
            if start == _BATCH and seconds > _MUCH_SLOWER * own:
                del rivals[name]
    return [
        _compare(name, torch.cat(exact), torch.cat(scores[name]), ratios[name], machine)
        for name in rivals
    ]


def _possible(predictor: Predictor, kinds: Sequence[Kind]) -> dict[str, Predictor]:
    instructions = scoring_environment(predictor.device)["cpu instructions"]
    found = {}
    for kind in kinds:
        if kind.is_possible(predictor.device.type, instructions):
            try:
                found[kind.name] = predictor.with_network(kind.make)
            except (UnsuitableError, RuntimeError):  # nothing to change, or no way to run it
                continue
    return found


def _timed(predictor: Predictor, inputs: Tensor) -> tuple[float, Tensor]:
    """Return seconds and scores; a GPU is done when its outputs are on the CPU."""
    began = time.perf_counter()
    outputs = predictor.forward(inputs)
    seconds = time.perf_counter() - began
    _, score, _ = predictor.output.apply(outputs)
    return seconds, score.double()


def _compare(
    kind: str, exact: Tensor, scores: Tensor, ratios: Sequence[float], machine: str
) -> Measured:
    changes = (scores - exact).abs()
    rho = spearman(exact.numpy(), scores.numpy()) if scores.isfinite().all() else np.nan
    return Measured(
        kind=kind,
        speed=round(statistics.median(ratios), 3),
        mean_change=float(changes.mean().nan_to_num(nan=torch.inf)),
        largest_change=float(changes.max().nan_to_num(nan=torch.inf)),
        spearman=finite_or_none(rho),
        pictures=len(exact),
        machine=machine,
    )
