"""Truth and one model's predictions, sorted once, and every metric of any resample of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from memnet.stats import kernels
from memnet.stats.metrics import (
    EDGES,
    folds_of,
    range_names,
    range_of,
)
from memnet.stats.resampling import Counts, Workers, groups_of
from memnet.stats.two_sample import DISTANCES, Pooled
from memnet.util.arrays import Array


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
        # Each column has its own middle and size, and errors are columns of their own, so that
        # squares lose no digits, whatever the scales.
        self.truth_unit, self.prediction_unit = _unit(self.truth), _unit(self.prediction)
        x = (self.truth - self.truth_unit[0]) / self.truth_unit[1]
        y = (self.prediction - self.prediction_unit[0]) / self.prediction_unit[1]
        error = self.prediction - self.truth
        # The line of truth on prediction and that of the error leave the same residuals.
        shifted = error - np.median(error)
        centred = self.truth - self.truth_unit[0]
        target = centred if np.var(centred) < np.var(shifted) else shifted
        columns = [np.ones(n), x, y, x * x, x * y, y * y, np.abs(error), error, error**2]
        self.columns = np.stack([*columns, target, target**2, target * y], axis=1)
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
        size = len(counts)
        sums = np.empty((size, self.folds * self.bins, self.columns.shape[1]))
        means = np.empty((size, self.flag_columns.shape[1]))
        varied = np.empty((size, 2), dtype=np.bool_)
        workers.rows(
            kernels.sum_rows,
            size,
            counts,
            self.columns,
            self.cell,
            self.flag_columns,
            self.truth,
            self.prediction,
            sums,
            means,
            varied,
        )
        by_cell = sums.reshape(size, self.folds, self.bins, -1)
        found = self._whole(by_cell.sum(axis=(1, 2)), varied[:, 0], varied[:, 1])
        found |= {name: means[:, column].copy() for column, name in enumerate(self.flag_names)}
        recalibrated = _recalibrated(by_cell.sum(axis=2))
        found["mse_recalibrated"] = np.where(varied[:, 1], recalibrated, np.nan)
        by_range = by_cell.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            for which, name in enumerate(range_names()):
                one, absolute, error, squared = by_range[:, which, [0, 6, 7, 8]].T
                found[f"mse_{name}"] = squared / one
                found[f"mae_{name}"] = absolute / one
                found[f"bias_{name}"] = error / one
        return found

    def _whole(self, sums: Array, truth_varied: Any, prediction_varied: Any) -> dict[str, Array]:
        """Metrics of all pictures from the sums of :attr:`columns`, ``(B, 12)``."""
        one, sx, sy, sxx, sxy, syy, absolute, error, squared = sums[:, :9].T
        mean_x, mean_y = sx / one, sy / one
        var_x = np.where(truth_varied, np.maximum(sxx / one - mean_x**2, 0), 0.0)
        var_y = np.where(prediction_varied, np.maximum(syy / one - mean_y**2, 0), 0.0)
        both = truth_varied & prediction_varied
        covariance = np.where(both, sxy / one - mean_x * mean_y, 0.0)
        (middle_x, unit_x), (middle_y, unit_y) = self.truth_unit, self.prediction_unit
        sd_x, sd_y = np.sqrt(var_x) * unit_x, np.sqrt(var_y) * unit_y
        with np.errstate(invalid="ignore", divide="ignore"):
            pearson = np.where(both, np.clip(covariance / np.sqrt(var_x * var_y), -1, 1), np.nan)
            sd_ratio = np.where(truth_varied, sd_y / sd_x, np.nan)
            slope = np.where(prediction_varied, covariance / var_y * (unit_x / unit_y), np.nan)
        spread = 2 * (sd_x * sd_y - covariance * unit_x * unit_y)
        bias = error / one
        return {
            "truth_variance": sd_x**2,
            "size": one,
            "pearson": pearson,
            "mse": squared / one,
            "mae": absolute / one,
            "bias": bias,
            "mse_bias": bias**2,
            "mse_variance": (sd_y - sd_x) ** 2,
            "mse_correlation": np.maximum(spread, 0),
            "sd_ratio": sd_ratio,
            "calibration_slope": slope,
            "calibration_intercept": (
                middle_x + unit_x * mean_x - slope * (middle_y + unit_y * mean_y)
            ),
        }


def _unit(values: Array) -> tuple[float, float]:
    """Middle and size of a column: median and quartile range, or whatever range there is."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(middle), float(high - low) or float(np.ptp(values)) or 1.0


def _recalibrated(by_fold: Array) -> Array:
    """Cross-fitted affine MSE from the sums of each fold, ``(B, folds, 12)``."""
    rest = (1 - np.eye(by_fold.shape[1])) @ by_fold  # added, since a difference loses digits
    one, sy, syy, sz, _, szy = np.moveaxis(rest[..., [0, 2, 5, 9, 10, 11]], -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_y, mean_z = sy / one, sz / one
        var_y = syy / one - mean_y**2
        known = var_y > 1e-13 * syy / one  # else all equal, but for rounding
        slope = np.where(known, (szy / one - mean_z * mean_y) / var_y, np.nan)
        intercept = mean_z - slope * mean_y
        one, sy, syy, sz, szz, szy = np.moveaxis(by_fold[..., [0, 2, 5, 9, 10, 11]], -1, 0)
        error = szz - 2 * (intercept * sz + slope * szy)
        error += intercept**2 * one + 2 * intercept * slope * sy + slope**2 * syy
        error = np.where(one > 0, np.maximum(error, 0), 0.0)
        found: Array = error.sum(axis=1) / by_fold[..., 0].sum(axis=1)
    return found
