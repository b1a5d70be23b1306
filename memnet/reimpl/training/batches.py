"""Batches: which pictures, in which order, cut and mirrored how. All of it follows from the seed.

The order of an epoch and what happens to each picture in it are functions of seed, epoch and place
alone. A run that was killed therefore goes on exactly as it would have, and two processes see
together what one would have seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.training.frozen_outputs import centre


@dataclass(frozen=True)
class BatchIndex:
    """One place in an epoch's order: which rows a process takes of which global batch."""

    epoch: int
    number: int
    rows: tuple[int, ...]  # of the whole batch
    share: tuple[int, ...]  # positions in ``rows``
    counts: bool  # False where another process has the same picture


@dataclass(frozen=True, kw_only=True)
class Pictures(Dataset[dict[str, Any]]):
    """Cached pictures and known branch outputs, fetched a batch at a time.

    Attributes
    ----------
    pixels : the picture cache's file, or None where every branch's output is known.
    known : branch -> file with its outputs, in the order of the cache.
    scores : float32, in the order of the cache.
    spec : the preprocessing; its crop is the centre.
    crop, mirror : as in the settings; validation has ``"centre"`` and False.
    seed : of crops and mirroring.
    """

    pixels: Path | None
    known: dict[str, Path]
    scores: np.ndarray[Any, np.dtype[np.float32]]
    spec: PreprocessSpec
    crop: str
    mirror: bool
    seed: int

    def __getitem__(self, index: BatchIndex) -> dict[str, Any]:
        """Return one process's share of a batch.

        Returns
        -------
        dict
            ``pictures`` uint8 ``(n, H, W, 3)`` (no pixels where all is known), ``known`` branch ->
            float32 ``(n, ...)``, ``scores`` float32 ``(n,)``, ``rows`` int64 ``(n,)``, and
            ``batch_size``, of the whole batch over all processes, and ``counts``, whether this
            share does.
        """
        rows = np.array(index.rows, dtype=np.int64)[list(index.share)]
        batch: dict[str, Any] = {
            "known": {name: _rows_of(path, rows) for name, path in self.known.items()},
            "scores": torch.from_numpy(self.scores[rows]),
            "rows": torch.from_numpy(rows),
            "batch_size": len(index.rows),
            "counts": index.counts,
            "pictures": torch.empty(len(rows), 0, 0, 3, dtype=torch.uint8),
        }
        if self.pixels is not None:
            batch["pictures"] = torch.from_numpy(self._crops(index, rows))
        return batch

    def _crops(self, index: BatchIndex, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Cut the pictures; chance is drawn for the whole batch, whatever this process's share."""
        pixels = _open(self.pixels)
        height, width = self.spec.crop_hw
        crops = np.empty((len(rows), height, width, 3), dtype=np.uint8)
        draw = np.random.default_rng([self.seed, index.epoch, index.number])
        spare = (self.spec.resize_hw[0] - height + 1, self.spec.resize_hw[1] - width + 1)
        corners = draw.integers(0, spare, size=(len(index.rows), 2))[list(index.share)]
        mirrored = draw.random(len(index.rows))[list(index.share)] < 0.5
        middle = centre(self.spec)
        for i, row in enumerate(rows):
            where = middle
            if self.crop == "random":
                top, left = corners[i]
                where = slice(top, top + height), slice(left, left + width)
            crop = pixels[row][where]
            crops[i] = crop[:, ::-1] if self.mirror and mirrored[i] else crop
        return crops


class BatchSampler:
    """The places of an epoch, for one process of several.

    A batch is shared out as evenly as can be. A process whose share is empty (a last batch smaller
    than the number of processes) gets one picture that another has, too, and must not count it.
    """

    def __init__(
        self,
        rows: np.ndarray[Any, Any],
        batch_size: int,
        *,
        seed: int | None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        self.rank, self.world = rank, world
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.rows) // self.batch_size)

    def __iter__(self) -> Iterator[BatchIndex]:
        rows = self.rows
        if self.seed is not None:
            rows = np.random.default_rng([self.seed, self.epoch]).permutation(rows)
        for number in range(len(self)):
            chosen = rows[number * self.batch_size : (number + 1) * self.batch_size].tolist()
            share = tuple(range(self.rank, len(chosen), self.world))
            yield BatchIndex(self.epoch, number, tuple(chosen), share or (0,), counts=bool(share))


class Loader:
    """Batches of one process, epoch by epoch; measures how long it was waited for.

    Attributes
    ----------
    waited : seconds spent in waiting for a batch, over all epochs so far.
    """

    def __init__(
        self, pictures: Pictures, order: BatchSampler, *, workers: int, pin_memory: bool, epoch: Any
    ) -> None:
        self._order, self._epoch = order, epoch
        self._loader = DataLoader(
            pictures,
            sampler=order,
            batch_size=None,  # a place is a whole batch
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
            generator=torch.Generator(),  # or it would draw from the one that dropout draws from
        )
        self.waited = 0.0

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._order.epoch = self._epoch()
        since = time.perf_counter()
        for batch in self._loader:
            self.waited += time.perf_counter() - since
            yield batch
            since = time.perf_counter()

    def close(self) -> None:
        """End the processes that fetch batches, as Lightning does for loaders that it knows.

        Left to garbage collection, they would be waited for, 5 s each.
        """
        from lightning.pytorch.utilities.combined_loader import _shutdown_workers_and_reset_iterator

        _shutdown_workers_and_reset_iterator(self._loader)


_opened: dict[Path, Any] = {}


def close_maps() -> None:
    """Let go of all mapped files; whoever maps them again sees what has been written meanwhile."""
    _opened.clear()


def _open(path: Path | None) -> Any:
    """Map a file once per process: a map does not travel between processes, its path does."""
    if path is None:
        raise ValueError("no pixels")
    if path not in _opened:
        _opened[path] = np.load(path, mmap_mode="r")
    return _opened[path]


def _rows_of(path: Path, rows: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(_open(path)[rows]))
