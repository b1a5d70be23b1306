"""Truth and predictions as two samples: the distances between their distributions, many times."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from memnet.stats import kernels
from memnet.stats.metrics import anderson_scale, epps_singleton_from
from memnet.stats.resampling import Counts, Workers
from memnet.util.arrays import Array

DISTANCES = ("ks", "cramer_von_mises", "anderson_darling", "wasserstein", "energy")


class Pooled:
    """The numbers of both columns in one order, from which any resample's distances follow.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    """

    def __init__(self, truth: Array, prediction: Array) -> None:
        self.n = n = len(truth)
        pooled = np.concatenate([truth, prediction])
        order = np.argsort(pooled, kind="stable")
        self.item = (order % n).astype(np.int64)
        self.side = (order >= n).astype(np.uint8)
        self.values = np.unique(pooled)
        self.group_end = np.searchsorted(pooled[order], self.values, side="right").astype(np.int64)

    @property
    def units(self) -> dict[str, float]:
        """Size of the distances that are in units of the scores."""
        span = float(np.ptp(self.values))
        return {"wasserstein": span, "energy": math.sqrt(span)}

    def distances(
        self, counts: Counts | None, swaps: Any | None, workers: Workers
    ) -> dict[str, Array]:
        """Distances on resamples, or with pictures' two numbers swapped.

        Parameters
        ----------
        counts : int32 ``(B, N)``, how often each picture counts; None: once.
        swaps : uint8 ``(B, N)``, 1 where truth and prediction change places; None: nowhere.

        Returns
        -------
        dict
            a name of :data:`DISTANCES` -> float64 ``(B,)``.
        """
        if counts is None:
            size = 1 if swaps is None else len(swaps)
            counts = np.broadcast_to(np.ones(self.n, dtype=np.int32), (size, self.n))
        size = len(counts)
        totals = counts.sum(axis=1, dtype=np.int64)
        if swaps is None:
            swaps = np.broadcast_to(np.zeros(self.n, dtype=np.uint8), (size, self.n))
        out = np.empty((size, len(DISTANCES)))
        workers.rows(
            kernels.distance_rows,
            size,
            counts,
            swaps,
            self.item,
            self.side,
            self.group_end,
            self.values,
            out,
        )
        found = {name: out[:, column].copy() for column, name in enumerate(DISTANCES)}
        found["anderson_darling"] = anderson_scale(found["anderson_darling"], totals)
        return found

    def epps_singleton(self, counts: Counts, workers: Workers) -> Array:
        """Epps and Singleton's W2 of each resample, ``(B,)``."""
        size = len(counts)
        harmonics = np.empty((size, 2, 8))
        workers.rows(
            kernels.characteristic_rows,
            size,
            counts,
            self.item,
            self.side,
            self.group_end,
            self.values,
            harmonics,
        )
        return epps_singleton_from(harmonics, counts.sum(axis=1, dtype=np.int64))
