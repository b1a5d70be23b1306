"""What the MSE is made of: offset, spread, scatter; and what recalibration would leave.

MSE = ``mse_bias`` + ``mse_variance`` + ``mse_correlation`` (Murphy 1988, Monthly Weather Review
116, 2417-2424), with SDs that divide by n.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from memnet.stats.metrics.base import CONSTANT, Metric, Resamples, checked, is_constant
from memnet.stats.metrics.errors import bias
from memnet.stats.metrics.moments import folds_of, moments
from memnet.util.arrays import Array

MURPHY = "Murphy (1988), Monthly Weather Review 116, 2417-2424"


def mse_bias(truth: Array, prediction: Array) -> float:
    """Squared bias: the part of the MSE that adding a constant would take away.

    Examples
    --------
    >>> round(mse_bias([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 4)
    0.0025
    """
    return bias(truth, prediction) ** 2


def mse_variance(truth: Array, prediction: Array) -> float:
    """Squared difference of the two SDs: the part of the MSE due to another spread.

    Examples
    --------
    >>> round(mse_variance([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 4)
    0.0021
    """
    truth, prediction = checked(truth, prediction)
    return float((np.std(prediction) - np.std(truth)) ** 2)


def mse_correlation(truth: Array, prediction: Array) -> float:
    """``2 sd(truth) sd(prediction) (1 - r)``: the part of the MSE that no rescaling takes away.

    Examples
    --------
    >>> round(mse_correlation([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 4)
    0.0104
    """
    truth, prediction = checked(truth, prediction)
    covariance = np.mean((truth - truth.mean()) * (prediction - prediction.mean()))
    return float(2 * (np.std(prediction) * np.std(truth) - covariance))


def mse_recalibrated(truth: Array, prediction: Array) -> float:
    """MSE after the best straight line, cross-fitted: each fold by a line from the others.

    The folds are those of :func:`~memnet.stats.metrics.moments.folds_of`. NaN where some line is
    undefined (all predictions equal, or fewer than three pictures).

    Examples
    --------
    >>> truth = np.linspace(0.5, 0.9, 20)
    >>> round(mse_recalibrated(truth, 0.4 * truth), 6)
    0.0
    """
    truth, prediction = checked(truth, prediction)
    fold = folds_of(len(truth))[1]
    squared = np.empty_like(truth)
    for test in np.unique(fold):
        inside, rest = fold == test, fold != test
        if rest.sum() < 2 or is_constant(prediction[rest]):
            return float("nan")
        line = stats.linregress(prediction[rest], truth[rest])
        squared[inside] = (line.intercept + line.slope * prediction[inside] - truth[inside]) ** 2
    return float(np.mean(squared))


def calibration_slope(truth: Array, prediction: Array) -> float:
    """Slope of the regression of truth on prediction, ``scipy.stats.linregress``; ideally 1.

    Examples
    --------
    >>> round(calibration_slope([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    1.0
    """
    truth, prediction = checked(truth, prediction)
    if is_constant(prediction):
        return float("nan")
    return float(stats.linregress(prediction, truth).slope)


def calibration_intercept(truth: Array, prediction: Array) -> float:
    """Intercept of the regression of truth on prediction, in score units; ideally 0.

    Examples
    --------
    >>> round(calibration_intercept([0.5, 0.6, 0.8, 0.9], [0.5, 0.7, 0.6, 0.8]), 3)
    0.05
    """
    truth, prediction = checked(truth, prediction)
    if is_constant(prediction):
        return float("nan")
    return float(stats.linregress(prediction, truth).intercept)


def _bias(resamples: Resamples) -> Array:
    m = resamples.once(moments)
    squared: Array = (m.error / m.n) ** 2
    return squared


def _variance(resamples: Resamples) -> Array:
    m = resamples.once(moments)
    squared: Array = (m.sd_prediction - m.sd_truth) ** 2
    return squared


def _correlation(resamples: Resamples) -> Array:
    m = resamples.once(moments)
    unit_x, unit_y = m.truth_unit[1], m.prediction_unit[1]
    spread = 2 * (m.sd_truth * m.sd_prediction - m.covariance * unit_x * unit_y)
    return np.maximum(spread, 0)


def _slope(resamples: Resamples) -> Array:
    m = resamples.once(moments)
    unit_x, unit_y = m.truth_unit[1], m.prediction_unit[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = m.covariance / m.var_y * (unit_x / unit_y)
    return np.where(m.prediction_varied, slope, np.nan)


def _intercept(resamples: Resamples) -> Array:
    m = resamples.once(moments)
    (middle_x, unit_x), (middle_y, unit_y) = m.truth_unit, m.prediction_unit
    slope = _slope(resamples)
    intercept: Array = middle_x + unit_x * m.mean_x - slope * (middle_y + unit_y * m.mean_y)
    return intercept


def _recalibrated(resamples: Resamples) -> Array:
    """Cross-fitted affine MSE from the sums of each fold; a picture stays in its fold."""
    m = resamples.once(moments)
    by_fold = m.by_fold
    rest = (1 - np.eye(by_fold.shape[1])) @ by_fold  # added, since a difference loses digits
    n, sy, syy, sz, _, szy = np.moveaxis(rest[..., [0, 2, 5, 9, 10, 11]], -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_y, mean_z = sy / n, sz / n
        var_y = syy / n - mean_y**2
        known = var_y > 1e-13 * syy / n  # else all equal, but for rounding
        slope = np.where(known, (szy / n - mean_z * mean_y) / var_y, np.nan)
        intercept = mean_z - slope * mean_y
        n, sy, syy, sz, szz, szy = np.moveaxis(by_fold[..., [0, 2, 5, 9, 10, 11]], -1, 0)
        error = szz - 2 * (intercept * sz + slope * szy)
        error += intercept**2 * n + 2 * intercept * slope * sy + slope**2 * syy
        error = np.where(n > 0, np.maximum(error, 0), 0.0)
        mean = error.sum(axis=1) / by_fold[..., 0].sum(axis=1)
    return np.where(m.prediction_varied, mean, np.nan)


ERROR_PARTS = (
    Metric(
        name="mse_bias",
        needs_scores=True,
        title="MSE: squared bias",
        better="lower",
        group="error parts",
        function=mse_bias,
        resample=_bias,
        explanation="the part of the MSE that a constant added to the predictions would take away.",
        reference=MURPHY,
    ),
    Metric(
        name="mse_variance",
        needs_scores=True,
        title="MSE: variance mismatch",
        better="lower",
        group="error parts",
        function=mse_variance,
        resample=_variance,
        explanation="the part of the MSE that is there because predictions and human scores are "
        "spread differently: the squared difference of their SDs.",
        reference=MURPHY,
    ),
    Metric(
        name="mse_correlation",
        needs_scores=True,
        title="MSE: (1 - r) part",
        better="lower",
        group="error parts",
        function=mse_correlation,
        resample=_correlation,
        explanation="the part of the MSE that is there because the two do not lie on a line; no "
        "offset and no scale takes it away.",
        reference=MURPHY,
    ),
    Metric(
        name="mse_recalibrated",
        needs_scores=True,
        title="MSE after cross-fitted recalibration",
        better="lower",
        group="error parts",
        undefined="the predictions are all equal, or there are fewer than three",
        function=mse_recalibrated,
        resample=_recalibrated,
        explanation="the MSE after a straight line from prediction to human score was fitted on "
        "some pictures and applied to the others, in turn: what is left when offset and scale are "
        "mended.",
    ),
    Metric(
        name="calibration_slope",
        needs_scores=True,
        title="Recalibration slope",
        better="one",
        group="error parts",
        undefined=CONSTANT,
        function=calibration_slope,
        resample=_slope,
        explanation="the slope of the straight line from prediction to human score: below 1 the "
        "predictions differ too much from each other, above 1 too little.",
    ),
    Metric(
        name="calibration_intercept",
        needs_scores=True,
        title="Recalibration intercept",
        better="zero",
        group="error parts",
        undefined=CONSTANT,
        function=calibration_intercept,
        resample=_intercept,
        explanation="where that line meets a prediction of 0.",
    ),
)
"""What the MSE is made of, and the straight line that would mend the predictions."""
