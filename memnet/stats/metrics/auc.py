"""The area under the ROC curve, for human scores that are two classes, and DeLong's interval."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special, stats

from memnet.stats.metrics.base import Metric, Pair, Resamples, checked
from memnet.stats.metrics.spearman import swapped_models
from memnet.util.arrays import Array

ONE_CLASS = "all pictures are of one class"
NO_WIDTH = "DeLong's interval has no width where the two classes do not overlap"
TIED = "the predictions are all equal, so that they rank no picture before another"
FEW = "DeLong's interval needs two pictures of each class"


@dataclass(frozen=True)
class DeLong:
    """An AUC and its interval.

    Attributes
    ----------
    value : the AUC; NaN where all pictures are of one class.
    low, high : ends of the interval, not beyond 0 and 1; NaN where there is none.
    reason : why there is none, else "".
    """

    value: float
    low: float
    high: float
    reason: str


def auc(truth: Array, prediction: Array) -> float:
    """Area under the ROC curve, the probability that a positive is ranked above a negative.

    Both are drawn at random, and ties count one half: U / (n1 n0) of Mann and Whitney
    (``scipy.stats.mannwhitneyu``), and scikit-learn's ``roc_auc_score``; 0 to 1, 0.5 by chance.

    Parameters
    ----------
    truth : float64 ``(N,)``, 1 for a positive and 0 for a negative.
    prediction : float64 ``(N,)``, finite.

    Returns
    -------
    float
        NaN where all pictures are of one class.

    Raises
    ------
    ValueError
        if the truth is no two classes: human scores have no AUC.

    Examples
    --------
    >>> auc([0, 1, 0, 1], [0.5, 0.7, 0.6, 0.6])
    0.875
    """
    truth, prediction = checked_classes(truth, prediction)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = stats.rankdata(prediction)
    u = ranks[truth == 1].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def delong(truth: Array, prediction: Array, *, level: float = 0.95) -> DeLong:
    """AUC with the interval of DeLong, DeLong & Clarke-Pearson (1988), normal and cut at 0 and 1.

    That is the default of R's pROC (Robin et al. 2011), ``ci.auc``. It supposes pictures that are
    independent of each other.

    Parameters
    ----------
    truth, prediction : as for :func:`auc`.
    level : coverage of the interval.

    Examples
    --------
    >>> found = delong([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.6, 0.3, 0.7, 0.8])
    >>> round(found.value, 3), round(found.low, 3), found.high
    (0.889, 0.581, 1.0)
    """
    truth, prediction = checked_classes(truth, prediction)
    value = auc(truth, prediction)
    nothing = float("nan"), float("nan")
    if not np.isfinite(value):
        return DeLong(value, *nothing, ONE_CLASS)
    placements = _placements(truth, prediction)
    if min(map(len, placements)) < 2:
        return DeLong(value, *nothing, FEW)
    variance = sum(float(np.var(each, ddof=1)) / len(each) for each in placements)
    if variance <= 0:
        tied = bool((prediction == prediction[0]).all())
        return DeLong(value, *nothing, TIED if tied else NO_WIDTH)
    half = float(special.ndtri((1 + level) / 2)) * variance**0.5
    return DeLong(value, max(0.0, value - half), min(1.0, value + half), "")


def delong_test(truth: Array, a: Array, b: Array, *, level: float = 0.95) -> dict[str, float]:
    """Paired test of two models' AUCs on the same pictures (DeLong et al. 1988).

    Parameters
    ----------
    truth, a, b : classes and the two models' predictions, float64 ``(N,)``.
    level : of the interval of the difference.

    Returns
    -------
    dict
        ``z``, ``p`` (two-sided), and ``low`` and ``high``, the interval of AUC(a) - AUC(b); NaN
        where a class has fewer than two pictures. Where both models rank the classes alike, z is 0
        and p is 1.

    Examples
    --------
    >>> truth = [0, 0, 0, 0, 1, 1, 1, 1]
    >>> a, b = [1, 2, 3, 5, 4, 6, 7, 8], [1, 6, 3, 5, 4, 2, 7, 8]
    >>> {name: round(value, 3) for name, value in delong_test(truth, a, b).items()}
    {'z': 1.225, 'p': 0.221, 'low': -0.15, 'high': 0.65}
    """
    of_a, of_b = (_placements(*checked_classes(truth, each)) for each in (a, b))
    if min(map(len, of_a)) < 2:
        return dict.fromkeys(("z", "p", "low", "high"), float("nan"))
    gaps = [left - right for left, right in zip(of_a, of_b, strict=True)]
    difference = float(gaps[0].mean())
    deviation = sum(float(np.var(each, ddof=1)) / len(each) for each in gaps) ** 0.5
    half = float(special.ndtri((1 + level) / 2)) * deviation
    z = 0.0 if difference == 0 else float("nan")  # where every picture has the same gap
    if deviation > 0:
        z = difference / deviation
    return {
        "z": z,
        "p": float(2 * special.ndtr(-abs(z))),
        "low": difference - half,
        "high": difference + half,
    }


def checked_classes(truth: Array, prediction: Array) -> tuple[Array, Array]:
    """Return both columns as float64; the first must be 0 and 1."""
    truth, prediction = checked(truth, prediction)
    if not np.isin(truth, (0.0, 1.0)).all():
        raise ValueError("the truth must be two classes, 0 and 1: human scores have no AUC")
    return truth, prediction


def _placements(truth: Array, prediction: Array) -> tuple[Array, Array]:
    """Share of the other class that each positive ranks above, and that each negative is below.

    From midranks, as Sun & Xu (2014) do, IEEE Signal Processing Letters 21, 1389-1393.
    """
    positive = truth == 1
    ranks = stats.rankdata(prediction)
    above = ranks[positive] - stats.rankdata(prediction[positive])
    below = ranks[~positive] - stats.rankdata(prediction[~positive])
    return above / max(1, len(below)), 1 - below / max(1, len(above))


def count_classes(resamples: Resamples) -> tuple[Array, Array]:
    """Count, of each resample, positives and all pictures by rising prediction.

    Returns
    -------
    tuple
        float64 ``(B, G)`` each, G the number of distinct predictions.
    """
    order, starts = resamples.pair.once(_ordered)
    drawn = resamples.counts[:, order].astype(np.float64)
    positive = drawn * resamples.pair.truth[order]
    return np.add.reduceat(positive, starts, axis=1), np.add.reduceat(drawn, starts, axis=1)


def _ordered(pair: Pair) -> tuple[Any, Any]:
    """Return the pictures by rising prediction, and where each distinct prediction starts."""
    order = np.argsort(pair.prediction, kind="stable")
    sizes = np.bincount(pair.prediction_groups)
    return order, np.cumsum(sizes) - sizes


def resampled(resamples: Resamples) -> Array:
    """AUC of each resample, ``(B,)``; NaN for those with one class."""
    positive, drawn = resamples.once(count_classes)
    negative = drawn - positive
    below = np.cumsum(negative, axis=1) - negative
    u = (positive * (below + negative / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        area: Array = u / (positive.sum(axis=1) * negative.sum(axis=1))
    return area


def _test_models(truth: Array, a: Array, b: Array, level: float) -> dict[str, Any]:
    return {"delong": delong_test(truth, a, b, level=level)}


AUC = Metric(
    name="auc",
    title="AUC",
    better="higher",
    undefined=ONE_CLASS,
    function=auc,
    resample=resampled,
    between_models=True,
    # Classes stay where they are: but for ties, the AUC rises with rho, and the test is the same.
    swap_models=swapped_models,
    test_models=_test_models,
    explanation="area under the ROC curve: the probability that a picture of the memorable class, "
    "drawn at random, has a higher prediction than one of the other class, ties counting one half. "
    "0.5 is chance, 1 a perfect order.",
    reference="Hanley and McNeil (1982), Radiology 143, 29-36; intervals: DeLong, DeLong and "
    "Clarke-Pearson (1988), Biometrics 44, 837-845",
)

AUC_BOOTSTRAP = replace(
    AUC,
    name="auc_bootstrap",
    title="AUC, bootstrap interval",
    between_models=False,
    swap_models=None,
    test_models=None,
    explanation="",
    reference="",
)
"""The same with the interval that every other number has."""
