"""One direction of a crosswalk: a score of one scale made into one of the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.util.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Mapped:
    """Scores on the other scale, float64 ``(n,)`` each, in the order given.

    Attributes
    ----------
    quantile : the equipercentile score.
    isotonic : the expected score.
    low, high : the prediction interval around it, cut where the target's scale ends.
    outside : bool ``(n,)``: the score lies outside those of the fit, so all four are NaN.
    """

    quantile: Array
    isotonic: Array
    low: Array
    high: Array
    outside: Any

    @property
    def n_outside(self) -> int:
        """How many scores were not mapped because they lie outside those of the fit."""
        return int(np.count_nonzero(self.outside))


@dataclass(frozen=True, kw_only=True)
class Direction:
    """The map from one scale to the other.

    Attributes
    ----------
    source, target : names of the scales.
    quantile_x, quantile_y : knots of the equipercentile map, rising strictly.
    isotonic_x, isotonic_y : knots of the expected score, rising strictly, over the same range.
    half_width : half the width of the prediction interval, in units of the target; the same for
        all scores, so that the interval holds ``level`` on average, not for each score.
    level : share of new pictures that the interval is to hold, 0 to 1.
    target_low, target_high : lowest and highest score that the target can give, where the interval
        is cut; None where its scale has no end.
    rmse_quantile, rmse_isotonic, rmse_mean : root mean square error on pictures left out of the
        fit, in units of the target; of the two maps, and of always saying the mean, which a map
        has to beat. Left-out scores beyond the rest are taken at the end of the map.
    mae_quantile, mae_isotonic : mean absolute error, likewise.
    spearman, pearson : correlation of the two scales on the pictures of the fit.
    n : number of these pictures.
    """

    source: str
    target: str
    quantile_x: tuple[float, ...]
    quantile_y: tuple[float, ...]
    isotonic_x: tuple[float, ...]
    isotonic_y: tuple[float, ...]
    half_width: float
    level: float
    target_low: float | None
    target_high: float | None
    rmse_quantile: float
    rmse_isotonic: float
    rmse_mean: float
    mae_quantile: float
    mae_isotonic: float
    spearman: float
    pearson: float
    n: int

    def apply(self, values: Array) -> Mapped:
        """Map scores of the source.

        Parameters
        ----------
        values : ``(n,)``, in units of the source; NaN stays NaN.

        Returns
        -------
        Mapped
            NaN, and ``outside``, where a score lies beyond those that the map was fitted on.
        """
        x = np.asarray(values, dtype=np.float64)
        outside = (x < self.quantile_x[0]) | (x > self.quantile_x[-1])
        inside = np.where(outside, np.nan, x)
        expected = np.interp(inside, self.isotonic_x, self.isotonic_y)
        return Mapped(
            quantile=np.interp(inside, self.quantile_x, self.quantile_y),
            isotonic=expected,
            low=self._held(expected - self.half_width),
            high=self._held(expected + self.half_width),
            outside=outside,
        )

    def _held(self, ends: Array) -> Array:
        if self.target_low is None and self.target_high is None:
            return ends
        return np.clip(ends, self.target_low, self.target_high)
