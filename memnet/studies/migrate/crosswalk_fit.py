"""Two scales of memorability, one map: fitted on pictures that have both scores.

A crosswalk turns a score of one scale into one of the other, in both directions, and in two ways
that answer two questions:

- **quantile** (equipercentile linking; Kolen & Brennan 2014, chapter 2): the score that as large a
  share of the pictures stays below. The mapped scores have the other scale's mean, spread and
  shape, so they fit beside real scores of that scale. Equal scores are mapped to the mean of the
  target's quantiles that they take up together: a pile of scores clamped at 0 becomes one value,
  and the spread is the smaller for it.
- **isotonic**: the score to be expected, the monotone regression of one scale on the other. It has
  less spread than real scores. With it comes a prediction interval, as wide for low scores as for
  high ones, which holds on average and ends where the target's scale does.

Both are straight lines between knots and rise strictly, so neither changes the order of scores.
Where a fit has a level stretch it is made to rise as in centred isotonic regression (Oron &
Flournoy 2017): the stretch becomes one knot at its mean. A stretch at either end keeps its outer
end instead, which draws the map towards the middle there, where isotonic regression lies too far
out.

**What it does not do.** No score outside those it was fitted on is mapped. It holds for pictures
like the ones it was fitted on, and for the same two models with the same preprocessing; pictures
that are nearly the same (frames of a clip) count as one, and intervals do not know. It adds no
information: a mapped score predicts memory exactly as well as the score it comes from.

References
----------
Kolen, M. J., & Brennan, R. L. (2014). Test Equating, Scaling, and Linking (3rd ed.). Springer.
Oron, A. P., & Flournoy, N. (2017). Statistics in Biopharmaceutical Research, 9, 258-267.
Vovk, V. (2015). Annals of Mathematics and Artificial Intelligence, 74, 9-28 (cross-conformal
prediction).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

from memnet.errors import MemnetError
from memnet.stats.metrics import pearson, spearman
from memnet.studies.migrate.crosswalk import Crosswalk, ScaleMap
from memnet.util.arrays import Array

Limits: TypeAlias = tuple[float | None, float | None]
Knots: TypeAlias = tuple[Array, Array]

_NO_ENDS = (-math.inf, math.inf)

MOST_KNOTS = 101
"""Knots that a map has at most."""

FEWEST = 30
"""Pictures with both scores that a fit needs."""


def fit_crosswalk(
    old: Array,
    new: Array,
    *,
    old_name: str,
    new_name: str,
    old_limits: Limits = (None, None),
    new_limits: Limits = (None, None),
    level: float = 0.95,
    folds: int = 10,
    seed: int = 0,
    provenance: dict[str, Any],
) -> Crosswalk:
    """Fit the maps between two scales on pictures that have both scores.

    Errors and the prediction interval come from cross-validation: each picture is predicted by maps
    fitted without its fold. The interval's half width is the ``ceil((n + 1) level)``-th smallest
    absolute error of these predictions (cross-conformal prediction, Vovk 2015). It is the same
    for all scores, and holds its level on average over pictures like those of the fit, not for each
    score on its own. Where a scale ends, the interval is cut, which loses no score that can be.

    Parameters
    ----------
    old, new : ``(n,)``, finite; scores of the same pictures in the same order, at least
        :data:`FEWEST`.
    old_name, new_name : what the scales are called.
    old_limits, new_limits : lowest and highest score that each scale can give; None where it has no
        end.
    level : share of new pictures that the prediction interval is to hold, 0 to 1.
    folds, seed : of the cross-validation.
    provenance : kept with the maps, in JSON's types.

    Raises
    ------
    MemnetError
        too few pictures, missing scores, scores beyond the limits, a constant column, or scales
        that do not rise together.
    """
    x, y = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    _check_columns(x, y, old_name, new_name, level)
    _check_limits(x, old_name, old_limits)
    _check_limits(y, new_name, new_limits)
    # Copies of a picture share a fold: a map must not have seen the very pair that it predicts.
    pairs, pair = np.unique(np.stack([x, y]), axis=1, return_inverse=True)
    fold = np.random.default_rng(seed).permutation(pairs.shape[1])[pair.ravel()] % folds
    return Crosswalk(
        forward=_fit_direction(x, y, old_name, new_name, new_limits, level, fold),
        backward=_fit_direction(y, x, new_name, old_name, old_limits, level, fold),
        provenance=provenance,
    )


def _mean_knot(x: Array, y: Array) -> Knots:
    return np.zeros(1), np.full(1, y.mean())


def _check_columns(old: Array, new: Array, old_name: str, new_name: str, level: float) -> None:
    if old.ndim != 1 or old.shape != new.shape:
        raise MemnetError(
            f"A crosswalk needs one score of each scale for each picture, but there are "
            f"{old.size:,} of {old_name!r} and {new.size:,} of {new_name!r}."
        )
    if len(old) < FEWEST:
        raise MemnetError(
            f"A crosswalk needs at least {FEWEST} pictures with both scores; there are {len(old)}."
        )
    for name, values in ((old_name, old), (new_name, new)):
        missing = int(np.count_nonzero(~np.isfinite(values)))
        if missing:
            raise MemnetError(
                f"{missing:,} of {len(values):,} scores of {name!r} are missing or infinite; leave "
                "these pictures out."
            )
        if np.ptp(values) == 0:
            raise MemnetError(
                f"All scores of {name!r} are {values[0]:g}, so there is no scale to map."
            )
    if not 0 < level < 1:
        raise MemnetError(f"The level of a prediction interval is between 0 and 1, not {level}.")
    if _rank(level, len(old)) > len(old):
        raise MemnetError(
            f"A prediction interval at {level:.10g} needs at least "
            f"{math.ceil(level / (1 - level) - _ROUNDING)} pictures; there are {len(old)}."
        )
    rho = spearman(old, new)
    if rho <= 0:
        raise MemnetError(
            f"{old_name!r} and {new_name!r} do not rise together on these {len(old):,} pictures "
            f"(Spearman {rho:.2f}), so neither can stand for the other; check that the rows match."
        )


def _check_limits(values: Array, name: str, limits: Limits) -> None:
    low, high = (
        end if end is not None else fallback for end, fallback in zip(limits, _NO_ENDS, strict=True)
    )
    if values.min() < low or values.max() > high:
        raise MemnetError(
            f"Scores of {name!r} run from {values.min():g} to {values.max():g}, beyond the limits "
            f"of their scale, {low:g} to {high:g}."
        )


def _fit_direction(
    x: Array, y: Array, source: str, target: str, limits: Limits, level: float, fold: Any
) -> ScaleMap:
    quantile, isotonic = quantile_knots(x, y), isotonic_knots(x, y)
    if len(isotonic[0]) < 2:
        raise MemnetError(
            f"{target!r} does not rise with {source!r} on these pictures, so no map keeps their "
            "order; check that the rows match."
        )
    errors = {
        "quantile": y - _predict_held_out(x, y, fold, quantile_knots),
        "isotonic": y - _predict_held_out(x, y, fold, isotonic_knots),
        "mean": y - _predict_held_out(x, y, fold, _mean_knot),
    }
    rmse = {name: float(np.sqrt(np.mean(error**2))) for name, error in errors.items()}
    mae = {name: float(np.mean(np.abs(error))) for name, error in errors.items()}
    return ScaleMap(
        source=source,
        target=target,
        quantile_x=tuple(quantile[0].tolist()),
        quantile_y=tuple(quantile[1].tolist()),
        isotonic_x=tuple(isotonic[0].tolist()),
        isotonic_y=tuple(isotonic[1].tolist()),
        half_width=float(np.sort(np.abs(errors["isotonic"]))[_rank(level, len(x)) - 1]),
        level=level,
        target_low=limits[0],
        target_high=limits[1],
        rmse_quantile=rmse["quantile"],
        rmse_isotonic=rmse["isotonic"],
        rmse_mean=rmse["mean"],
        mae_quantile=mae["quantile"],
        mae_isotonic=mae["isotonic"],
        spearman=spearman(x, y),
        pearson=pearson(x, y),
        n=len(x),
    )


_ROUNDING = 1e-9


def _rank(level: float, n: int) -> int:
    return math.ceil((n + 1) * level - _ROUNDING)


def _predict_held_out(x: Array, y: Array, fold: Any, fit: Callable[[Array, Array], Knots]) -> Array:
    predicted = np.empty_like(y)
    for number in np.unique(fold):
        left_out = fold == number
        predicted[left_out] = np.interp(x[left_out], *fit(x[~left_out], y[~left_out]))
    return predicted


def quantile_knots(x: Array, y: Array) -> Knots:
    """Knots of the equipercentile map from x to y, ``(n,)`` each: the k-th lowest to the k-th.

    Equal x are mapped to the mean of the sorted y that they take up together.
    """
    distinct, counts = np.unique(x, return_counts=True)
    first = np.cumsum(counts) - counts
    return _rising(distinct, np.add.reduceat(np.sort(y), first) / counts, counts)


def isotonic_knots(x: Array, y: Array) -> Knots:
    """Knots of the monotone regression of y on x, ``(n,)`` each, by ``scipy.optimize``."""
    distinct, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=y) / counts
    return _rising(distinct, isotonic_regression(means, weights=counts).x, counts)


def _rising(x: Array, y: Array, counts: Any) -> Knots:
    """Make one knot of each level stretch of y, and leave out knots where there are too many.

    A stretch's knot lies at its mean x, that of the first at its lowest and of the last at its
    highest, so that the map spans the same x. Of many, those at even ranks stay.
    """
    y = np.maximum.accumulate(y)  # means of equal numbers differ in the last digit
    levels, stretch = np.unique(y, return_inverse=True)
    weights = np.bincount(stretch, weights=counts)
    knots = np.bincount(stretch, weights=x * counts) / weights
    knots[0], knots[-1] = x[0], x[-1]
    if len(levels) > MOST_KNOTS:
        shares = np.linspace(0, weights.sum(), MOST_KNOTS)
        kept = np.unique(np.searchsorted(np.cumsum(weights), shares))
        knots, levels = knots[kept], levels[kept]
    return knots, levels
