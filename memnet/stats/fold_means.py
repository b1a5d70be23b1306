"""The mean over folds of a rank correlation: what one regression gets on pictures it has not seen.

Predictions of several folds come from several regressions, whose levels differ: where the pictures
of a fold are remembered better than most, the regression that did not see them has a lower mean
than the others. Pooled over folds that alone makes rho negative where nothing can be predicted
(Parker, Guenter & Bedo 2007, BMC Bioinformatics 8, 326), so rho is taken within each fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.stats.bootstrap import Interval, interval_of
from memnet.stats.categories import resampled_rhos
from memnet.stats.metrics.spearman import spearman
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array

LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class FoldMean:
    """Spearman's rho over folds.

    Attributes
    ----------
    value, interval : the mean of the folds' rhos, each counting alike; NaN where one is undefined.
    folds : rho and interval of each.
    """

    value: float
    interval: Interval
    folds: tuple[tuple[float, Interval], ...]


def fold_means(
    truth: Array, predictions: Mapping[str, Array], folds: Any, *, resamples: int, seed: int
) -> tuple[dict[str, FoldMean], dict[str, Array]]:
    """Average rho over folds, with bootstrap intervals.

    Resamples draw pictures within their folds, the same for all predictions; the folds themselves
    are not drawn, so an interval speaks of other pictures of these folds.

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; name -> float64 ``(N,)``, finite.
    folds : int ``(N,)``, 0 to K - 1.
    resamples, seed : as for :class:`~memnet.stats.resampling.Draws`.

    Returns
    -------
    means, drawn
        name -> :class:`FoldMean`; name -> the mean on each resample, for differences.

    Examples
    --------
    >>> truth, folds = np.array([1.0, 2, 3, 11, 12, 13]), np.array([0, 0, 0, 1, 1, 1])
    >>> within = np.array([11.0, 12, 13, 1, 2, 3])  # right within folds, wrong between them
    >>> means, _ = fold_means(truth, {"mine": within}, folds, resamples=200, seed=0)
    >>> round(means["mine"].value, 3)
    1.0
    """
    groups = np.asarray(folds, dtype=np.intp)
    count = int(groups.max()) + 1
    draws = Draws(n=len(truth), resamples=resamples, seed=seed, kind="strata", groups=groups)
    resampled = resampled_rhos(truth, predictions, draws, range(count))
    means, drawn = {}, {}
    for name, values in predictions.items():
        rhos = []
        for fold in range(count):
            rows = groups == fold
            rhos.append(spearman(truth[rows], values[rows]))
        drawn[name] = np.mean([resampled[name][fold] for fold in range(count)], axis=0)
        means[name] = FoldMean(
            value=float(np.mean(rhos)),
            interval=interval_of(drawn[name], LEVEL, draws),
            folds=tuple(
                (rho, interval_of(resampled[name][fold], LEVEL)) for fold, rho in enumerate(rhos)
            ),
        )
    return means, drawn
