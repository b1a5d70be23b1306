"""How fast this machine scores, and what keeps it from being faster: ``memnet bench``.

Each model's network alone, reading and preparing pictures alone, and the whole are timed in turns,
round by round, since machines are noisy; the medians are kept. How much of the machine a network
uses is said against a large matrix product, timed in the same run.
"""

from __future__ import annotations

import io
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from memnet.data.inputs import Item
from memnet.data.score_columns import FAILED
from memnet.errors import MemnetError
from memnet.scoring.engine import score_items
from memnet.scoring.numeric_environment import scoring_environment
from memnet.scoring.precision import EXACT
from memnet.scoring.predictor import Predictor, load
from memnet.util.clock import utc_now
from memnet.util.messages import say_once

SIDE = 2048
"""Rows and columns of the matrices whose product is the peak: far more than fits a cache."""

_MADE = 24
_MADE_SIZE = (1024, 768)
_QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class ModelSpeed:
    """One model; rates are pictures per second, the medians over rounds.

    Attributes
    ----------
    model : its name.
    precision : that was asked for.
    kind : of computing that it came to on this machine: ``exact``, or see
        :mod:`memnet.scoring.precision.kinds`.
    deviation_from_exact : what was measured of that kind; None for ``exact``.
    whole : reading, preparing and the network, as ``memnet score`` does.
    network : the network alone, on inputs that lie in memory.
    reading : reading, decoding, resizing and cropping alone, with as many threads as scoring has.
    load_seconds : until the model was ready, weights included.
    gflop : 10^9 floating-point operations per picture, by torch's count; None for a function.
    share_of_peak : of the matrix product's operations per second, by the network alone; or None.
        In 16 bits it may be more than 1, since the product is of 32.
    network_share : of the time of the two together, 0 to 1.
    """

    model: str
    precision: str
    kind: str
    deviation_from_exact: dict[str, Any] | None
    whole: float
    network: float
    reading: float
    load_seconds: float
    gflop: float | None
    share_of_peak: float | None
    network_share: float

    @property
    def way(self) -> str:
        """The precision, and what it came to."""
        return EXACT if self.precision == EXACT else f"{self.precision}: {self.kind}"

    @property
    def bound(self) -> str:
        """What binds: the one that takes longer."""
        return "network" if self.network_share >= 0.5 else "reading"


@dataclass(frozen=True, kw_only=True)
class BenchRecord:
    """What was measured on a machine.

    Attributes
    ----------
    created : when, UTC.
    peak_gflops : 10^9 operations per second of a 32-bit matrix product of 2,048 rows, the best of
        all rounds.
    start_seconds : until Python has imported what scoring needs.
    pictures, picture_kind : how many, and what they are.
    batch_size, rounds : how it was measured.
    models : one for each model and precision.
    environment : versions, processor, threads.
    """

    created: str
    peak_gflops: float
    start_seconds: float
    pictures: int
    picture_kind: str
    batch_size: int
    rounds: int
    models: list[ModelSpeed]
    environment: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; each model says what binds it."""
        values = asdict(self)
        for row, model in zip(values["models"], self.models, strict=True):
            row["bound"] = model.bound
        return values


def measure(
    models: Sequence[str],
    items: Sequence[Item] = (),
    *,
    device: str = "auto",
    batch_size: int = 8,
    precisions: Sequence[str] = (EXACT,),
    rounds: int = 5,
    say_model: Callable[[str], None] = lambda name: None,
) -> BenchRecord:
    """Time models on this machine.

    Parameters
    ----------
    models : names or weight files, as :func:`memnet.load` takes them.
    items : pictures; none for 24 made ones, JPEG files of 1024 x 768 pixels in memory.
    device, batch_size, precisions : as for ``memnet score``.
    rounds : how often each is timed; the medians are kept.
    say_model : is told each model before it is timed.

    Raises
    ------
    MemnetError
        if a model cannot be loaded, or none of the pictures can be read.
    """
    kind = "given" if items else "made: JPEG, 1024 x 768"
    items = list(items) or made_pictures()
    if not models:
        raise MemnetError("Which models? Give one or more.")
    start_seconds, found, peaks = _start_seconds(), [], []
    target = torch.device("cpu")
    ways = itertools.product(dict.fromkeys(models), dict.fromkeys(precisions))
    for name, precision in ways:
        say_model(name if precision == EXACT else f"{name}, {precision}")
        if precision != EXACT:
            load(name, device=device, precision=precision)  # measured here, if it never was
        began = time.perf_counter()
        predictor = load(name, device=device, precision=precision)
        load_seconds = time.perf_counter() - began
        target = predictor.device
        row, peak = time_model(
            predictor, items, batch_size=batch_size, rounds=rounds, load_seconds=load_seconds
        )
        row = replace(row, precision=precision)
        found.append(row)
        peaks.append(peak)
    return BenchRecord(
        created=utc_now(),
        peak_gflops=max(peaks),
        start_seconds=start_seconds,
        pictures=len(items),
        picture_kind=kind,
        batch_size=batch_size,
        rounds=rounds,
        models=found,
        environment=scoring_environment(target),
    )


def made_pictures(count: int = _MADE, seed: int = 0) -> list[Item]:
    """Make JPEG files in memory that are about as hard to decode as photographs.

    Sums of noise at several scales: a photograph's power falls with frequency, too, while white
    noise would make files many times as long.
    """
    rng = np.random.default_rng(seed)
    width, height = _MADE_SIZE
    items = []
    for number in range(count):
        pixels = np.zeros((height, width, 3))
        for scale in (4, 16, 64, 256):
            small = rng.normal(size=(height // scale + 2, width // scale + 2, 3)).clip(-3, 3)
            levels = ((small + 3) / 6 * 255).astype(np.uint8)
            pixels += np.asarray(Image.fromarray(levels).resize(_MADE_SIZE), dtype=float) / 4
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG", quality=_QUALITY)
        name = f"made-{number:02d}.jpg"
        items.append(Item(image_id=name, path=name, picture=buffer.getvalue()))
    return items


def flop_of(predictor: Predictor, inputs: Tensor) -> float | None:
    """Count a network's floating-point operations for one picture ``(1, crops, 3, H, W)``.

    None where torch sees none, as of a function that computes elsewhere.
    """
    with FlopCounterMode(display=False) as counter:
        predictor.forward(inputs)
    total = counter.get_total_flops()
    return float(total) if total else None


def time_model(
    predictor: Predictor,
    items: Sequence[Item],
    *,
    batch_size: int = 8,
    rounds: int = 5,
    load_seconds: float = 0.0,
) -> tuple[ModelSpeed, float]:
    """Time a model in turns with a matrix product; returns the product's GFLOP/s, too.

    A product of matrices of N rows takes N^3 multiplications and as many additions.
    """
    if predictor.preprocess is None:
        raise MemnetError(
            f"{predictor.name} is a function of pictures: its network cannot be timed alone."
        )
    ready = _Ready(predictor)
    rows = [row for part in score_items(ready, items, batch_size=batch_size) for row in part]
    bad = [row for row in rows if row.warning.startswith(FAILED)]
    if len(bad) == len(rows):
        raise MemnetError(f"None of {len(rows):,} pictures can be read ({bad[0].warning}).")
    if bad:
        say_once(
            f"{len(bad):,} of {len(rows):,} pictures cannot be read and do not count, as "
            f"{bad[0].path or bad[0].image_id} ({bad[0].warning.removeprefix(FAILED)})"
        )
    inputs = list(ready.inputs)
    ready.keep = False
    predictor.forward(inputs[0])  # the first call also plans and allocates
    flop = flop_of(predictor, inputs[0][:1])
    left, right = (torch.rand(SIDE, SIDE, device=predictor.device) for _ in range(2))
    _ = left @ right
    scored, times = len(rows) - len(bad), np.zeros((rounds, 4))
    for row in times:
        row[0] = _timed(lambda: left @ right, predictor.device)
        row[1] = _timed(lambda: [predictor.forward(part) for part in inputs], predictor.device)
        row[2] = _timed(lambda: list(score_items(ready, items, batch_size=batch_size)))
        row[3] = _timed(lambda: list(score_items(predictor, items, batch_size=batch_size)))
    product, network, reading, whole = (statistics.median(column) for column in times.T.tolist())
    work = 2 * SIDE**3
    share = None if flop is None else flop * scored / network / (work / product)
    return ModelSpeed(
        model=predictor.label,
        precision=EXACT,
        kind=EXACT if predictor.computing is None else predictor.computing.kind,
        deviation_from_exact=None
        if predictor.computing is None
        else predictor.computing.as_identity()["deviation_from_exact"],
        whole=scored / whole,
        network=scored / network,
        reading=scored / reading,
        load_seconds=load_seconds,
        gflop=None if flop is None else flop / 1e9,
        share_of_peak=share,
        network_share=network / (network + reading),
    ), work / float(times[:, 0].min()) / 1e9


class _Ready:
    """A model whose network takes no time: what is left is reading and preparing pictures."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.inputs: list[Tensor] = []
        self.keep = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._predictor, name)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.keep:
            self.inputs.append(inputs)
        return torch.zeros(inputs.shape[:2])


def _timed(call: Callable[[], Any], device: torch.device | None = None) -> float:
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    call()
    if device is not None and device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def _start_seconds() -> float:
    """Time a new Python that imports what scoring needs."""
    command = [sys.executable, "-c", "import memnet.scoring.predictor"]
    return _timed(lambda: subprocess.run(command, check=True, capture_output=True))
