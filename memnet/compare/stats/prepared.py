"""Truth and one model's predictions, sorted once, and every metric of any resample of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from memnet.compare.stats import kernels
from memnet.compare.stats.draws import Counts, Workers, groups_of
from memnet.compare.stats.metrics import (
    EDGES,
    Array,
    folds_of,
    range_names,
    range_of,
)
from memnet.compare.stats.pooled import DISTANCES, Pooled


class Prepared:
    """What the kernels need of a pair of columns.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    flags : name -> float64 ``(N,)``: each picture's contribution to a share or mean that needs no
        more than averaging.
    """

    def __init__(
        self, truth: Array, prediction: Array, flags: dict[str, Array] | None = None
    ) -> None:
        self.truth = np.ascontiguousarray(truth, dtype=np.float64)
        self.prediction = np.ascontiguousarray(prediction, dtype=np.float64)
        self.flag_names = list(flags or {})
        self.flag_columns = np.stack([*(flags or {}).values(), np.ones_like(truth)], axis=1)
        n = len(self.truth)
        self.truth_group = groups_of(self.truth)[1]
        self.prediction_group = groups_of(self.prediction)[1]
        # Tau is symmetric; the tree is the smaller and faster, the more ties its column has.
        pair = [self.truth_group, self.prediction_group]
        self.few, self.many = sorted(pair, key=lambda group: int(group.max()))
        self.many_order = np.argsort(self.many, kind="stable")
        self.pooled = Pooled(self.truth, self.prediction)
        # One shift for both: errors are the same, and squares lose no digits.
        centre = self.truth.mean()
        self.centred = self.truth - centre, self.prediction - centre
        self.centre = centre
        self.folds, fold = folds_of(n)
        self.bins = len(EDGES) - 1
        self.cell = (fold * self.bins + range_of(self.truth)).astype(np.int64)

    def metrics(
        self, counts: Counts, workers: Workers, only: Collection[str] | None = None
    ) -> dict[str, Array]:
        """Compute metrics on resamples given as counts int32 ``(B, N)``: name -> ``(B,)``."""
        found: dict[str, Array] = {}

        def wanted(*names: str) -> bool:
            return only is None or bool(set(names) & set(only))

        size = len(counts)
        if wanted("spearman"):
            found["spearman"] = self.spearman(counts, workers)
        if wanted("kendall"):
            kendall = np.empty(size)
            workers.rows(
                kernels.kendall_rows,
                size,
                counts,
                self.many_order,
                self.many,
                self.few,
                kendall,
            )
            found["kendall"] = kendall
        if wanted(*DISTANCES):
            found |= self.pooled.distances(counts, None, workers)
        if wanted("epps_singleton"):
            found["epps_singleton"] = self.pooled.epps_singleton(counts, workers)
        if wanted(
            "pearson", "mse", "mae", "bias", "sd_ratio", "mse_recalibrated", *self.flag_names
        ):
            found |= self._moments(counts, workers)
        return found if only is None else {name: found[name] for name in found if name in only}

    def spearman(self, counts: Counts, workers: Workers) -> Array:
        """Spearman's rho of each resample, ``(B,)``."""
        rho = np.empty(len(counts))
        workers.rows(
            kernels.spearman_rows,
            len(counts),
            counts,
            self.truth_group,
            self.prediction_group,
            rho,
        )
        return rho

    def _moments(self, counts: Counts, workers: Workers) -> dict[str, Array]:
        x, y = self.centred
        size = len(counts)
        sums = np.empty((size, self.folds * self.bins, 7))
        means = np.empty((size, self.flag_columns.shape[1]))
        varied = np.empty((size, 2), dtype=np.bool_)
        workers.rows(
            kernels.moment_rows,
            size,
            counts,
            x,
            y,
            self.cell,
            self.flag_columns,
            sums,
            means,
            varied,
        )
        by_cell = sums.reshape(size, self.folds, self.bins, 7)
        found = from_sums(by_cell.sum(axis=(1, 2)), varied[:, 0], varied[:, 1])
        found |= {name: means[:, column].copy() for column, name in enumerate(self.flag_names)}
        by_fold = by_cell.sum(axis=2)
        recalibrated = _recalibrated(by_fold, float(np.var(y)))
        found["mse_recalibrated"] = np.where(varied[:, 1], recalibrated, np.nan)
        intercept = found["calibration_intercept"]
        found["calibration_intercept"] = (
            intercept + self.centre - found["calibration_slope"] * self.centre
        )
        by_range = by_cell.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            for which, name in enumerate(range_names()):
                one, sx, sy, sxx, sxy, syy, absolute = np.moveaxis(by_range[:, which], -1, 0)
                found[f"mse_{name}"] = (sxx - 2 * sxy + syy) / one
                found[f"mae_{name}"] = absolute / one
                found[f"bias_{name}"] = (sy - sx) / one
        return found


def from_sums(sums: Array, truth_varied: Any, prediction_varied: Any) -> dict[str, Array]:
    """Metrics from the sums of 1, x, y, xx, xy, yy, |y - x|, each ``(B,)`` of ``(B, 7)``."""
    one, sx, sy, sxx, sxy, syy, absolute = np.moveaxis(sums, -1, 0)
    mean_x, mean_y = sx / one, sy / one
    var_x = np.where(truth_varied, np.maximum(sxx / one - mean_x**2, 0), 0.0)
    var_y = np.where(prediction_varied, np.maximum(syy / one - mean_y**2, 0), 0.0)
    covariance = sxy / one - mean_x * mean_y
    sd_x, sd_y = np.sqrt(var_x), np.sqrt(var_y)
    with np.errstate(invalid="ignore", divide="ignore"):
        both = truth_varied & prediction_varied
        pearson = np.where(both, np.clip(covariance / (sd_x * sd_y), -1, 1), np.nan)
        sd_ratio = np.where(truth_varied, sd_y / sd_x, np.nan)
        slope = np.where(prediction_varied, covariance / var_y, np.nan)
    bias = mean_y - mean_x
    return {
        "truth_variance": var_x,
        "pearson": pearson,
        "mse": (sxx - 2 * sxy + syy) / one,
        "mae": absolute / one,
        "bias": bias,
        "mse_bias": bias**2,
        "mse_variance": (sd_y - sd_x) ** 2,
        "mse_correlation": 2 * (sd_x * sd_y - np.where(both, covariance, 0.0)),
        "sd_ratio": sd_ratio,
        "calibration_slope": slope,
        "calibration_intercept": mean_x - slope * mean_y,
    }


def _recalibrated(by_fold: Array, variance: float) -> Array:
    """Cross-fitted affine MSE from the sums of each fold, ``(B, folds, 7)``."""
    rest = by_fold.sum(axis=1, keepdims=True) - by_fold
    one, sx, sy, _, sxy, syy, _ = np.moveaxis(rest, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = sx / one, sy / one
        var_y = syy / one - mean_y**2
        slope = np.where(var_y > 1e-12 * variance, (sxy / one - mean_x * mean_y) / var_y, np.nan)
        intercept = mean_x - slope * mean_y
        one, sx, sy, sxx, sxy, syy, _ = np.moveaxis(by_fold, -1, 0)
        error = sxx - 2 * (intercept * sx + slope * sxy)
        error += intercept**2 * one + 2 * intercept * slope * sy + slope**2 * syy
        error = np.where(one > 0, error, 0.0)
        found: Array = error.sum(axis=1) / by_fold[..., 0].sum(axis=1)
    return found
