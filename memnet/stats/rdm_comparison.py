"""How alike are two RDMs? Spearman's rho and Kendall's tau-a, with intervals and a test.

Both compare the orders of the dissimilarities alone (Nili et al. 2014, PLoS Computational Biology
10, e1003553), since a brain's dissimilarities need not be proportional to a layer's.

The numbers of an RDM are no independent observations: each picture is part of N - 1 of them. So
pictures are resampled, not pairs of pictures:

- the interval is a percentile bootstrap over pictures. A resample has the dissimilarities of the
  pictures drawn, those of a picture drawn twice to all others twice; a picture and its own copy
  have the dissimilarity 0 in every RDM and are left out. It is what rsatoolbox's
  ``bootstrap_sample_pattern`` and ``eval_bootstrap_pattern`` do (tested on the same draws).
- the test permutes which picture is which in one of the two RDMs (Mantel 1967, Cancer Research 27,
  209-220): p is the share of permutations whose rho is as high as the one observed or higher,
  which counts, too. One-sided: an RDM that orders pictures the other way is no evidence for a
  relation.

Both take the two RDMs as they are. That a brain's RDM would come out otherwise with other
participants is not part of either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import squareform

from memnet.errors import MemnetError
from memnet.stats.bootstrap import Interval, interval_of
from memnet.stats.levels import LEVEL
from memnet.stats.metrics.base import Pair, Resamples
from memnet.stats.metrics.kendall import resampled_tau_a, tau_a
from memnet.stats.metrics.spearman import resampled, spearman, standard_ranks
from memnet.stats.permutation import p_value
from memnet.stats.rdm import pictures_of
from memnet.stats.resampling import Draws, Workers, progress
from memnet.util.arrays import Array
from memnet.util.compiling import compiled

_WEIGHTS_AT_ONCE = 4_000_000
_ORDERS_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class RdmComparison:
    """How alike two RDMs are.

    Attributes
    ----------
    first, second : their names.
    n : number of pictures.
    spearman, tau_a : -1 to 1; NaN where undefined (every dissimilarity of one is the same, for
        Spearman's rho).
    spearman_interval, tau_a_interval : of the bootstrap over pictures.
    p : of the Mantel test with Spearman's rho, one-sided; None where rho is undefined.
    """

    first: str
    second: str
    n: int
    spearman: float
    spearman_interval: Interval
    tau_a: float
    tau_a_interval: Interval
    p: float | None


def compare_rdms(
    rdms: Mapping[str, Array],
    pairs: Sequence[tuple[str, str]],
    *,
    resamples: int = 1_000,
    permutations: int = 1_000,
    seed: int = 0,
    level: float = LEVEL,
) -> list[RdmComparison]:
    """Compare RDMs of the same pictures two by two, all on the same resamples and permutations.

    Parameters
    ----------
    rdms : name -> ``(N (N - 1) / 2,)``, finite, the same pictures in the same order.
    pairs : the names of the two, for each comparison.
    resamples, permutations, seed : how many, and of which generator.
    level : coverage of the intervals, 0 to 1.

    Raises
    ------
    MemnetError
        if the RDMs are not of one number of pictures, or are not finite.

    Examples
    --------
    >>> from memnet.stats.rdm import compute_rdm
    >>> random = np.random.default_rng(0)
    >>> x = random.normal(size=(20, 5))
    >>> rdms = {"layer": compute_rdm(x), "brain": compute_rdm(x + random.normal(size=x.shape))}
    >>> (found,) = compare_rdms(rdms, [("layer", "brain")])
    >>> found.n, round(found.spearman, 2), round(found.tau_a, 2), round(found.p, 3)
    (20, 0.43, 0.3, 0.001)
    """
    n = _pictures_of_all(rdms)
    draws = Draws(n=n, resamples=resamples, seed=seed)
    prepared = [Pair(rdms[first], rdms[second]) for first, second in pairs]
    drawn = _resampled(prepared, draws)
    tests = _mantel(prepared, n, permutations, seed)
    return [
        RdmComparison(
            first=first,
            second=second,
            n=n,
            spearman=spearman(pair.truth, pair.prediction),
            spearman_interval=interval_of(rho, level),
            tau_a=tau_a(pair.truth, pair.prediction),
            tau_a_interval=interval_of(tau, level),
            p=p,
        )
        for (first, second), pair, (rho, tau), p in zip(pairs, prepared, drawn, tests, strict=True)
    ]


def resample_comparison(first: Array, second: Array, draws: Draws) -> tuple[Array, Array]:
    """Compute Spearman's rho and Kendall's tau-a of two RDMs on resamples of their pictures.

    Parameters
    ----------
    first, second : ``(N (N - 1) / 2,)``, finite.
    draws : of N pictures.

    Returns
    -------
    tuple
        rho and tau-a, each float64 ``(resamples,)``; NaN where undefined.
    """
    (drawn,) = _resampled([Pair(first, second)], draws)
    return drawn


def mantel(first: Array, second: Array, *, permutations: int, seed: int) -> float | None:
    """Test whether two RDMs are related: permute which picture is which in one of them.

    Parameters
    ----------
    first, second : ``(N (N - 1) / 2,)``, finite.
    permutations, seed : how many, and of which generator.

    Returns
    -------
    float
        p with Spearman's rho, one-sided, never below 1 / (permutations + 1); None where rho is
        undefined.

    Examples
    --------
    >>> rdm = np.arange(45.0)  # of ten pictures
    >>> mantel(rdm, rdm, permutations=999, seed=0)
    0.001
    """
    n = _pictures_of_all({"first": first, "second": second})
    return _mantel([Pair(first, second)], n, permutations, seed)[0]


def _pictures_of_all(rdms: Mapping[str, Array]) -> int:
    sizes = {name: pictures_of(rdm) for name, rdm in rdms.items()}
    if len(set(sizes.values())) != 1:
        sized = ", ".join(f"{name} of {size:,}" for name, size in sizes.items())
        raise MemnetError(f"RDMs of different numbers of pictures cannot be compared: {sized}.")
    for name, rdm in rdms.items():
        if not np.isfinite(rdm).all():
            raise MemnetError(
                f"{np.count_nonzero(~np.isfinite(rdm)):,} of {len(rdm):,} dissimilarities of "
                f"{name} are undefined; leave the pictures out that have none."
            )
    return next(iter(sizes.values()))


def _resampled(pairs: Sequence[Pair], draws: Draws) -> list[tuple[Array, Array]]:
    """Resample pictures; a pair of pictures is there as often as the one times the other."""
    first, second = np.triu_indices(draws.n, 1)
    at_once = max(1, _WEIGHTS_AT_ONCE // len(first))
    drawn = [(np.empty(draws.resamples), np.empty(draws.resamples)) for _ in pairs]
    with Workers() as workers:
        for rows, counts in draws.chunks():
            for start in range(0, len(counts), at_once):
                some = counts[start : start + at_once]
                weights = some[:, first] * some[:, second]
                place = slice(rows.start + start, rows.start + start + len(some))
                for pair, (rho, tau) in zip(pairs, drawn, strict=True):
                    resamples = Resamples(pair, weights, workers)
                    rho[place] = resampled(resamples)
                    tau[place] = resampled_tau_a(resamples)
    return drawn


@compiled
def _permuted_rows(orders: Any, first: Any, second: Any, out: Any, start: int, stop: int) -> None:
    """Sum of products of two matrices' upper triangles, the pictures of the second permuted."""
    for row in range(start, stop):
        total = 0.0
        for i in range(orders.shape[1]):
            for j in range(i + 1, orders.shape[1]):
                total += first[i, j] * second[orders[row, i], orders[row, j]]
        out[row] = total


def _mantel(pairs: Sequence[Pair], n: int, permutations: int, seed: int) -> list[float | None]:
    """P values; a permutation of pictures leaves the ranks of the dissimilarities as they are."""
    generator = np.random.default_rng([seed, 7])
    ranks = [
        [squareform(standard_ranks(each)) for each in (pair.truth, pair.prediction)]
        for pair in pairs
    ]
    permuted = np.empty((len(pairs), permutations))
    with Workers() as workers, progress("permutations", permutations) as bar:
        for start in range(0, permutations, _ORDERS_AT_ONCE):
            size = min(_ORDERS_AT_ONCE, permutations - start)
            orders = np.array([generator.permutation(n) for _ in range(size)])
            for both, values in zip(ranks, permuted, strict=True):
                workers.rows(_permuted_rows, size, orders, *both, values[start : start + size])
            bar.update(size)
    return [
        p_value(spearman(pair.truth, pair.prediction), values)
        for pair, values in zip(pairs, permuted, strict=True)
    ]
