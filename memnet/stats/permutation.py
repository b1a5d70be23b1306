"""Swap-permutation tests: truth and prediction, or two models, change places picture by picture.

Predictions and human scores belong to the same pictures, so the two-sample tests' own p values,
which suppose independent samples, do not hold. If it made no difference which of a picture's two
numbers is called what, each of the 2 ** N swaps would be as likely as the one observed; p is the
share of random swaps with a statistic at least as large (Phipson & Smyth 2010: the observed one
counts, so p is never 0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from memnet.stats.metrics import epps_singleton_from, waves
from memnet.stats.resampling import Workers, progress
from memnet.stats.two_sample import Pooled
from memnet.util.arrays import Array

METHOD = "swap permutation"

_SWAPS_AT_ONCE = 2_000_000
_ROUNDING = 1e-12


def swaps(n: int, permutations: int, seed: int, clusters: Any | None = None) -> Iterator[Any]:
    """Yield uint8 ``(B, N)`` of 0 and 1, in all ``permutations`` rows; whole clusters at a time."""
    generator = np.random.default_rng([seed, 1])
    bar = progress("permutations", permutations)
    units = n if clusters is None else int(clusters.max()) + 1
    at_once = max(1, _SWAPS_AT_ONCE // n)
    for start in range(0, permutations, at_once):
        size = min(at_once, permutations - start)
        drawn = np.empty((size, units), dtype=np.uint8)
        for row in drawn:  # row by row, so that the chunk size cannot change a draw
            row[:] = np.unpackbits(
                np.frombuffer(generator.bytes((units + 7) // 8), dtype=np.uint8), count=units
            )
        yield drawn if clusters is None else np.ascontiguousarray(drawn[:, clusters])
        bar.update(size)
    bar.close()


def p_value(observed: float, permuted: Array, unit: float = 1.0) -> float | None:
    """Share of the swaps whose statistic reaches the observed one, which counts, too.

    ``unit`` is the size of the numbers that the statistic is made of: what differs by 1e-12 of it
    is a tie.
    """
    if not np.isfinite(observed):
        return None
    reached = np.count_nonzero(permuted >= observed - _ROUNDING * max(unit, abs(observed)))
    return float((reached + 1) / (len(permuted) + 1))


def swap_tests(
    columns: Mapping[str, tuple[Array, Array]],
    *,
    permutations: int,
    seed: int,
    clusters: Any | None = None,
) -> dict[str, dict[str, float | None]]:
    """P values of the distances between two distributions, of several pairs on the same swaps.

    Parameters
    ----------
    columns : name -> truth and prediction, each float64 ``(N,)``, finite.
    permutations, seed : how many swaps, and of which generator.
    clusters : int ``(N,)``: pictures that are swapped together; None: each on its own.

    Returns
    -------
    dict
        name -> metric -> p, None where the statistic is undefined. That of ``sd_ratio`` swaps the
        deviations from each column's mean and is two-sided.
    """
    if not columns:
        return {}
    pooled = {name: Pooled(*pair) for name, pair in columns.items()}
    moved, left, right = (
        np.concatenate(parts, axis=-1)
        for parts in zip(*(_linear(*columns[name], pooled[name]) for name in columns), strict=True)
    )
    n = len(moved)
    found: dict[str, list[dict[str, Array]]] = {name: [] for name in columns}
    nothing = np.zeros((1, n), dtype=np.uint8)
    with Workers() as workers:
        for chunk in chain([nothing], swaps(n, permutations, seed, clusters)):
            sums = chunk.astype(np.float64) @ moved  # a swap changes sums linearly
            for number, (name, both) in enumerate(pooled.items()):
                at = slice(number * _SUMS, (number + 1) * _SUMS)
                statistics = _from_sums(
                    (left[at] + sums[:, at]) / n, (right[at] - sums[:, at]) / n, n
                )
                found[name].append(statistics | both.distances(None, chunk, workers))
    return {
        name: {
            metric: p_value(
                float(parts[0][metric][0]),
                np.concatenate([part[metric] for part in parts[1:]]),
                unit=pooled[name].units.get(metric, 1.0),
            )
            for metric in parts[0]
        }
        for name, parts in found.items()
    }


def distribution_p_values(truth: Array, prediction: Array, **how: Any) -> dict[str, float | None]:
    """Do :func:`swap_tests` of one pair of columns."""
    return swap_tests({"": (truth, prediction)}, **how)[""]


_SUMS = 10


def _linear(truth: Array, prediction: Array, pooled: Pooled) -> tuple[Array, Array, Array]:
    """Return what a swap adds to sums: ``(N, 10)``, and the two columns' own sums ``(10,)``.

    Columns: deviation and its square (for the SDs), and the eight harmonics of Epps and Singleton,
    whose unit, the pooled quartile range, no swap changes.
    """
    quartiles = np.subtract(*np.percentile(np.concatenate([truth, prediction]), [75, 25]))
    centre = pooled.values[len(pooled.values) // 2]
    columns = []
    for values in (truth, prediction):
        deviation = values - values.mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            angle = 0.4 * (values - centre) / (quartiles / 2)
        angle = np.where(np.isfinite(angle), angle, np.nan)
        sums = np.stack([deviation, deviation**2], axis=1)
        columns.append(np.concatenate([sums, waves(angle)], axis=1))
    x, y = columns
    return y - x, x.sum(axis=0), y.sum(axis=0)


def _from_sums(mean_x: Array, mean_y: Array, n: int) -> dict[str, Array]:
    """Statistics of the swapped columns from their means, each ``(B, 10)``."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread_x = mean_x[:, 1] - mean_x[:, 0] ** 2
        spread_y = mean_y[:, 1] - mean_y[:, 0] ** 2
        ratio = np.abs(np.log(spread_y) - np.log(spread_x))
    harmonics = np.stack([mean_x[:, 2:], mean_y[:, 2:]], axis=1)
    return {
        "sd_ratio": ratio,
        "epps_singleton": epps_singleton_from(harmonics, np.full(len(mean_x), n)),
    }
