"""Swap-permutation tests: truth and prediction, or two models, change places picture by picture.

Predictions and human scores belong to the same pictures, so the two-sample tests' own p values,
which suppose independent samples, do not hold. If it made no difference which of a picture's two
numbers is called what, each of the 2 ** N swaps would be as likely as the one observed; p is the
share of random swaps with a statistic at least as large (Phipson & Smyth 2010: the observed one
counts, so p is never 0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import numpy as np

from memnet.stats.metrics import METRICS, Metric, Pair, Swaps, SwapStatistic, name_failure
from memnet.stats.resampling import Workers, progress
from memnet.util.arrays import Array

METHOD = "swap permutation"

_SWAPS_AT_ONCE = 2_000_000
_ROUNDING = 1e-12


def swaps(n: int, permutations: int, seed: int, clusters: Any | None = None) -> Iterator[Any]:
    """Yield uint8 ``(B, N)`` of 0 and 1, in all ``permutations`` rows; whole clusters at a time.

    >>> [chunk.tolist() for chunk in swaps(3, 2, seed=0)]
    [[[0, 0, 1], [1, 1, 1]]]
    """
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
    is a tie. A swap whose statistic is undefined (NaN) counts as one that reaches it: it is no
    evidence against chance, and p errs on the side of too large.

    >>> p_value(0.5, np.array([0.1, 0.5, 0.7]))
    0.75
    >>> p_value(0.5, np.array([0.1, np.nan, 0.7]))
    0.75
    """
    if not np.isfinite(observed):
        return None
    below = permuted < observed - _ROUNDING * max(unit, abs(observed))
    reached = len(permuted) - np.count_nonzero(below)
    return float((reached + 1) / (len(permuted) + 1))


def named_statistic(metric: str, model: str, make: Callable[[], SwapStatistic]) -> SwapStatistic:
    """Make a statistic; whatever it raises, now or on the swaps, names the metric and the model."""
    named = name_failure(metric, model)
    statistic = named(make)()
    return replace(statistic, evaluate=named(statistic.evaluate))


def permuted(
    statistics: Sequence[SwapStatistic],
    n: int,
    *,
    permutations: int,
    seed: int,
    clusters: Any | None = None,
) -> list[tuple[float, Array]]:
    """Compute statistics of n pictures as they are, and under random swaps, the same for all.

    Parameters
    ----------
    statistics : what the metrics give (:attr:`Metric.swap`, :meth:`Metric.between`).
    n, permutations, seed : pictures; how many swaps, and of which generator.
    clusters : int ``(N,)``: pictures that are swapped together; None: each on its own.

    Returns
    -------
    list
        for each statistic its value, and float64 ``(permutations,)``.
    """
    ends = np.cumsum([0, *(0 if s.columns is None else s.columns.shape[1] for s in statistics)])
    columns = [s.columns for s in statistics if s.columns is not None]
    summed = np.concatenate(columns, axis=1) if columns else np.empty((n, 0))
    values: list[list[Array]] = [[] for _ in statistics]
    nothing = np.zeros((1, n), dtype=np.uint8)
    with Workers() as workers:
        for chunk in chain([nothing], swaps(n, permutations, seed, clusters)):
            sums = (chunk.astype(np.float64) @ summed).T  # a swap changes sums linearly
            these = Swaps(chunk, workers)
            for place, statistic in enumerate(statistics):
                part = sums[ends[place] : ends[place + 1]]
                values[place].append(statistic.evaluate(these, part))
    return [(float(parts[0][0]), np.concatenate(parts[1:])) for parts in values]


def swap_tests(
    columns: Mapping[str, tuple[Array, Array]],
    *,
    permutations: int,
    seed: int,
    clusters: Any | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> dict[str, dict[str, float | None]]:
    """P values of the distances between two distributions, of several pairs on the same swaps.

    Parameters
    ----------
    columns : name -> truth and prediction, each float64 ``(N,)``, finite.
    permutations, seed : how many swaps, and of which generator.
    clusters : int ``(N,)``: pictures that are swapped together; None: each on its own.
    metrics : of these, those with a swap test; :data:`~memnet.stats.metrics.METRICS`.

    Returns
    -------
    dict
        name -> metric -> p, None where the statistic is undefined; of the metrics that have a
        swap test. That of ``sd_ratio`` swaps the deviations from each column's mean and is
        two-sided.

    Examples
    --------
    >>> truth = np.linspace(0.1, 0.9, 40)
    >>> tests = swap_tests({"mine": (truth, truth / 10)}, permutations=99, seed=0)
    >>> tests["mine"]["ks"]
    0.01
    """
    if not columns:
        return {}
    tested = [
        (name, metric.name, named_statistic(metric.name, name, partial(metric.swap, pair)))
        for name, pair in ((name, Pair(*both)) for name, both in columns.items())
        for metric in (METRICS if metrics is None else metrics).values()
        if metric.swap is not None
    ]
    if not tested:
        return {name: {} for name in columns}
    n = len(next(iter(columns.values()))[0])
    results = permuted(
        [statistic for *_, statistic in tested],
        n,
        permutations=permutations,
        seed=seed,
        clusters=clusters,
    )
    p_values: dict[str, dict[str, float | None]] = {name: {} for name in columns}
    for (name, metric, statistic), (observed, swapped) in zip(tested, results, strict=True):
        p_values[name][metric] = p_value(observed, swapped, unit=statistic.unit)
    return p_values
