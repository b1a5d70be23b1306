"""Which pictures each resample draws, and the threads that share the work on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from scipy import special
from tqdm import tqdm

from memnet.util.arrays import Array
from memnet.util.compiling import compiled

Counts = Any  # "np.ndarray[tuple[int, int], np.dtype[np.int32]]", which kernels take untyped

_COUNTS_AT_ONCE = 2_000_000  # 8 MB of counts: memory is linear in the number of pictures

FEWEST_CLUSTERS = 10
"""With fewer, resampling whole clusters says little (five categories give 126 different draws)."""


@compiled
def count_draws(drawn: Any, counts: Any) -> None:
    """Add to ``counts`` how often each picture was drawn."""
    for picture in drawn:
        counts[picture] += 1


@compiled
def mean_rows(counts: Any, columns: Any, means: Any, start: int, stop: int) -> None:
    """Mean of each column ``(N, F)`` on each resample, into ``means[row]`` ``(F,)``."""
    for row in range(start, stop):
        means[row] = 0
        total = 0.0
        for item in range(columns.shape[0]):
            weight = counts[row, item]
            if weight > 0:
                total += weight
                for column in range(columns.shape[1]):
                    means[row, column] += weight * columns[item, column]
        means[row] /= total


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How the bootstrap draws.

    Examples
    --------
    >>> draws = Draws(n=4, resamples=2, seed=0)
    >>> [counts.tolist() for _, counts in draws.chunks()]
    [[[0, 1, 2, 1], [3, 1, 0, 0]]]

    Attributes
    ----------
    n : number of pictures.
    resamples, seed : how many, and of ``numpy.random.default_rng``.
    kind : ``"pictures"``, each on its own; ``"strata"``, each within its group, so that every
        group keeps its size; ``"clusters"``, whole groups at a time.
    groups : int ``(n,)``, each picture's group, 0 to G - 1; None for ``"pictures"``.
    """

    n: int
    resamples: int
    seed: int
    kind: Literal["pictures", "strata", "clusters"] = "pictures"
    groups: np.ndarray[Any, np.dtype[np.intp]] | None = None

    @property
    def clusters(self) -> np.ndarray[Any, np.dtype[np.intp]] | None:
        """The groups, where they are drawn whole; else None."""
        return self.groups if self.kind == "clusters" else None

    @property
    def units(self) -> int:
        """How many are drawn: pictures, or clusters."""
        return self.n if self.clusters is None else int(self.clusters.max()) + 1

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the drawn units' spread: each stratum takes one for its mean."""
        return self.units - (len(self._members()) or 1)

    def widening(self, level: float) -> float:
        """How much farther out than percentiles of the resamples an interval goes, at a level.

        Drawn within a stratum, k pictures have (k - 1) / k of the variance that such pictures have,
        and those of H strata (n - H) / n in all, a stratum of one picture none. So an interval goes
        as much farther out as Hesterberg's (2015, The American Statistician 69, 371-386) expanded
        percentile interval, ``t(n - H) sqrt(n / (n - H))``, does with n - H degrees of freedom for
        the n - 1 without strata. 1 there, and where no picture has another in its stratum.

        >>> groups = np.arange(120) // 2
        >>> round(Draws(n=120, resamples=1, seed=0, kind="strata", groups=groups).widening(0.95), 4)
        1.4227
        """
        if self.kind != "strata" or not 0 < self.freedom < self.n - 1:
            return 1.0
        t, usual = special.stdtrit([self.freedom, self.n - 1], (1 + level) / 2)
        return float(t / usual * np.sqrt((self.n - 1) / self.freedom))

    @property
    def method(self) -> str:
        """The words for the record."""
        how = {
            "pictures": "",
            "strata": ", stratified",
            "clusters": ", whole clusters",
        }[self.kind]
        return f"paired percentile bootstrap{how}"

    def chunks(self) -> Iterator[tuple[slice, Counts]]:
        """Yield ``(rows, counts)``: int32 ``(len(rows), n)``, how often each picture is drawn.

        Pictures of one kind are those that ``numpy.random.default_rng(seed).integers(n, size=n)``
        draws row by row, so SciPy's bootstrap draws the same from the same seed.
        """
        with (
            ThreadPoolExecutor(1) as drawing,  # the next chunk, while this one is worked on
            progress("resamples", self.resamples) as bar,
        ):
            source = self._drawn()
            ready = drawing.submit(next, source, None)
            while (chunk := ready.result()) is not None:
                ready = drawing.submit(next, source, None)
                yield chunk
                bar.update(len(chunk[1]))

    def _drawn(self) -> Iterator[tuple[slice, Counts]]:
        generator = np.random.default_rng(self.seed)
        at_once = max(1, _COUNTS_AT_ONCE // self.n)
        members = self._members()
        for start in range(0, self.resamples, at_once):
            rows = slice(start, min(start + at_once, self.resamples))
            counts = np.zeros((rows.stop - rows.start, self.n), dtype=np.int32)
            for row in counts:
                if self.kind == "strata":
                    for inside in members:
                        drawn = generator.integers(len(inside), size=len(inside))
                        row[inside] = np.bincount(drawn, minlength=len(inside))
                elif self.kind == "clusters":
                    assert self.groups is not None
                    size = int(self.groups.max()) + 1
                    drawn = generator.integers(size, size=size)
                    row[:] = np.bincount(drawn, minlength=size)[self.groups]
                else:
                    count_draws(generator.integers(self.n, size=self.n), row)
            yield rows, counts

    def _members(self) -> list[Any]:
        if self.kind != "strata":
            return []
        assert self.groups is not None
        return [np.flatnonzero(self.groups == g) for g in range(int(self.groups.max()) + 1)]


def progress(what: str, total: int) -> Any:
    """Return a bar on stderr, for what takes more than two seconds; silent off a terminal."""
    return tqdm(desc=what, total=total, leave=False, delay=2, disable=None)


class Workers:
    """Threads over the rows of a chunk: the kernels release the interpreter's lock."""

    def __init__(self) -> None:
        try:
            cores = len(os.sched_getaffinity(0))
        except AttributeError:  # not on macOS and Windows
            cores = os.cpu_count() or 1
        self.count = max(1, min(cores, 16))
        self._pool = ThreadPoolExecutor(self.count)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def rows(self, kernel: Callable[..., None], rows: int, *args: Any) -> None:
        """Call ``kernel(*args, start, stop)`` on equal parts of the rows and wait."""
        edges = np.linspace(0, rows, min(self.count, rows) + 1).astype(int).tolist()
        running = [self._pool.submit(kernel, *args, start, stop) for start, stop in pairwise(edges)]
        for part in running:
            part.result()


def resampled_means(
    columns: Mapping[str, Array], counts: Counts, workers: Workers
) -> dict[str, Array]:
    """Average columns over resamples.

    Parameters
    ----------
    columns : name -> float64 ``(N,)``.
    counts : int32 ``(B, N)``, how often each resample has each picture.
    workers : the threads that share the rows.

    Returns
    -------
    dict
        name -> float64 ``(B,)``.

    Examples
    --------
    >>> with Workers() as workers:
    ...     means = resampled_means({"x": np.array([0.0, 3.0])}, np.array([[1, 2]]), workers)
    >>> means["x"].tolist()
    [2.0]
    """
    means = np.empty((len(counts), len(columns)))
    table = np.stack(list(columns.values()), axis=1)
    workers.rows(mean_rows, len(counts), counts, table, means)
    return {name: means[:, place].copy() for place, name in enumerate(columns)}


def groups_of(values: Array) -> tuple[Any, Any]:
    """Return the distinct values in order and each item's place among them (int64).

    >>> groups_of(np.array([0.5, 0.2, 0.5]))[1].tolist()
    [1, 0, 1]
    """
    distinct, place = np.unique(values, return_inverse=True)
    return distinct, place.astype(np.int64)
