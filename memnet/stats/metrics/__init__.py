"""Metrics as pure float64 functions of truth and prediction, one file a metric or family.

Every function takes ``truth`` and ``prediction``, float64 of shape ``(N,)``, in this order, and
returns a float. Where a metric is undefined (constant input, too few items) it is NaN, never a
made-up number. Wrong shapes and non-finite numbers raise ``ValueError``.

:data:`METRICS` has a :class:`Metric` for each of them, in the order of the tables; a new one is
added by :func:`register_metric` (see :mod:`memnet.stats.metrics.base`).
"""

from memnet.stats.metrics.anderson_darling import ANDERSON_DARLING, anderson_darling
from memnet.stats.metrics.auc import AUC, AUC_BOOTSTRAP, auc, delong, delong_test
from memnet.stats.metrics.base import (
    CLASS_METRICS,
    METRICS,
    OVER_PARTICIPANTS,
    Metric,
    MetricInfo,
    Pair,
    Resamples,
    Swaps,
    SwapStatistic,
    derived_metrics,
    describe,
    metrics_between_classes,
    metrics_between_models,
    metrics_for,
    name_failure,
    noise_matched_metrics,
    register_metric,
    with_effect_statistics,
)
from memnet.stats.metrics.cramer_von_mises import CRAMER_VON_MISES, cramer_von_mises
from memnet.stats.metrics.energy import ENERGY, energy
from memnet.stats.metrics.epps_singleton import EPPS_SINGLETON, epps_singleton
from memnet.stats.metrics.error_parts import (
    ERROR_PARTS,
    calibration_intercept,
    calibration_slope,
    mse_bias,
    mse_correlation,
    mse_recalibrated,
    mse_variance,
)
from memnet.stats.metrics.errors import BIAS, MAE, MSE, RANGES, bias, mae, mse
from memnet.stats.metrics.kendall import KENDALL, kendall
from memnet.stats.metrics.ks import KS, ks
from memnet.stats.metrics.moments import range_names
from memnet.stats.metrics.pearson import PEARSON, pearson
from memnet.stats.metrics.predictions import (
    DIP,
    PREDICTIONS,
    clamped_share,
    dip,
    floor_share,
    max_prediction,
    min_prediction,
    tied_share,
)
from memnet.stats.metrics.quarters import (
    QUARTERS,
    bottom_quarter,
    quarter_difference,
    top_quarter,
)
from memnet.stats.metrics.sd_ratio import SD_RATIO, sd_ratio
from memnet.stats.metrics.spearman import SPEARMAN, spearman
from memnet.stats.metrics.wasserstein import WASSERSTEIN, wasserstein

__all__ = [
    "CLASS_METRICS",
    "METRICS",
    "OVER_PARTICIPANTS",
    "Metric",
    "MetricInfo",
    "Pair",
    "Resamples",
    "SwapStatistic",
    "Swaps",
    "anderson_darling",
    "auc",
    "bias",
    "bottom_quarter",
    "calibration_intercept",
    "calibration_slope",
    "clamped_share",
    "cramer_von_mises",
    "delong",
    "delong_test",
    "derived_metrics",
    "describe",
    "dip",
    "energy",
    "epps_singleton",
    "floor_share",
    "kendall",
    "ks",
    "mae",
    "max_prediction",
    "metrics_between_classes",
    "metrics_between_models",
    "metrics_for",
    "min_prediction",
    "mse",
    "mse_bias",
    "mse_correlation",
    "mse_recalibrated",
    "mse_variance",
    "name_failure",
    "noise_matched_metrics",
    "pearson",
    "quarter_difference",
    "range_names",
    "register_metric",
    "sd_ratio",
    "spearman",
    "tied_share",
    "top_quarter",
    "wasserstein",
    "with_effect_statistics",
]

for _metric in (  # in the order of the tables
    SPEARMAN,
    PEARSON,
    KENDALL,
    MSE,
    MAE,
    BIAS,
    *ERROR_PARTS,
    SD_RATIO,
    KS,
    CRAMER_VON_MISES,
    ANDERSON_DARLING,
    EPPS_SINGLETON,
    WASSERSTEIN,
    ENERGY,
    DIP,
    *PREDICTIONS,
    *RANGES,
):
    register_metric(_metric)
CLASS_METRICS.update({metric.name: metric for metric in (AUC, AUC_BOOTSTRAP, *QUARTERS)})
