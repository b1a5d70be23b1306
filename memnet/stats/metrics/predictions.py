"""The predictions themselves: their modes, ends, ties and pile-ups."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import diptest
import numpy as np

from memnet.stats.metrics.base import FEW, Metric, Resamples, checked, is_constant
from memnet.stats.resampling import resampled_means
from memnet.util.arrays import Array

FLOOR_WIDTH = 0.001


def dip(truth: Array, prediction: Array) -> float:
    """Hartigan's dip of the predictions alone: 0 (one mode) to 0.25; large at a pile-up or gap.

    Hartigan & Hartigan (1985), Annals of Statistics 13, 70-84, by the package ``diptest``.

    Examples
    --------
    >>> round(dip([0.5, 0.6, 0.8, 0.9], [0.5, 0.5, 0.9, 0.9]), 3)
    0.25
    """
    _, prediction = checked(truth, prediction)
    if len(prediction) < 4 or is_constant(prediction):
        return float("nan")
    return float(diptest.dipstat(prediction))


def dip_test(truth: Array, prediction: Array) -> tuple[float | None, str]:
    """Hartigan's p for one mode, and how it is found: by a table, which ends at 72,000 pictures.

    It is withheld where one value occurs more often than ``sqrt(n) / 5`` times (and four): the
    table is that of numbers without ties, and of 1,000 evenly spread ones, rounded to hundredths,
    28 % are found to have several modes.
    """
    most = int(np.unique(prediction, return_counts=True)[1].max())
    if most > max(4, np.sqrt(len(prediction)) / 5):
        return None, f"withheld: {most:,} predictions are equal, and the test takes them for a mode"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = float(diptest.diptest(prediction)[1])
    beyond = ", made for up to 72,000 pictures" if len(prediction) > 72_000 else ""
    return p, f"Hartigan's table (diptest{beyond})"


def min_prediction(truth: Array, prediction: Array) -> float:
    """Lowest prediction.

    Examples
    --------
    >>> min_prediction([0.5, 0.6], [0.7, 0.4])
    0.4
    """
    return float(checked(truth, prediction)[1].min())


def max_prediction(truth: Array, prediction: Array) -> float:
    """Highest prediction.

    Examples
    --------
    >>> max_prediction([0.5, 0.6], [0.7, 0.4])
    0.7
    """
    return float(checked(truth, prediction)[1].max())


def tied_share(truth: Array, prediction: Array) -> float:
    """Share of the predictions that some other picture has, too.

    Examples
    --------
    >>> tied_share([0.5, 0.6, 0.8, 0.9], [0.7, 0.7, 0.8, 1.0])
    0.5
    """
    return float(np.mean(flags(checked(truth, prediction)[1])["tied_share"]))


def clamped_share(truth: Array, prediction: Array) -> float:
    """Share of the predictions that are exactly 0 or 1.

    Examples
    --------
    >>> clamped_share([0.5, 0.6, 0.8, 0.9], [0.7, 0.7, 0.8, 1.0])
    0.25
    """
    return float(np.mean(flags(checked(truth, prediction)[1])["clamped_share"]))


def floor_share(truth: Array, prediction: Array) -> float:
    """Share of the predictions within 0.001 of the lowest one.

    Examples
    --------
    >>> floor_share([0.5, 0.6, 0.8, 0.9], [0.7, 0.7, 0.8, 1.0])
    0.5
    """
    return float(np.mean(flags(checked(truth, prediction)[1])["floor_share"]))


def flags(prediction: Array) -> dict[str, Array]:
    """Return what the shares are means of: name -> float64 ``(N,)`` of 0 and 1.

    Examples
    --------
    >>> flags(np.array([0.7, 0.7, 1.0]))["tied_share"].tolist()
    [1.0, 1.0, 0.0]
    """
    _, place, times = np.unique(prediction, return_inverse=True, return_counts=True)
    return {
        "tied_share": (times[place] > 1).astype(np.float64),
        "clamped_share": ((prediction == 0) | (prediction == 1)).astype(np.float64),
        "floor_share": (prediction <= prediction.min() + FLOOR_WIDTH).astype(np.float64),
    }


def _shares(resamples: Resamples) -> dict[str, Array]:
    """Take the means of the flags: a picture's flag is decided once, in a resample all is tied."""
    return resampled_means(flags(resamples.pair.prediction), resamples.counts, resamples.workers)


def _share(name: str) -> Callable[[Resamples], Array]:
    def resampled(resamples: Resamples) -> Array:
        return resamples.once(_shares)[name]

    return resampled


DIP = Metric(
    name="dip",
    title="Hartigan's dip of the predictions",
    better="lower",
    group="distribution",
    undefined=FEW,
    function=dip,
    not_resampled="resamples repeat values, which the dip takes for modes",
    test=dip_test,
    explanation="how far is the distribution of the predictions from having one peak? 0: it has "
    "one; 0.25: two points. It is large where predictions pile up or leave a gap.",
    reference="Hartigan and Hartigan (1985), Annals of Statistics 13, 70-84",
)
PREDICTIONS = (
    Metric(
        name="min_prediction",
        title="Lowest prediction",
        group="predictions",
        function=min_prediction,
        not_resampled="a resample cannot reach beyond the sample's own lowest value",
    ),
    Metric(
        name="max_prediction",
        title="Highest prediction",
        group="predictions",
        function=max_prediction,
        not_resampled="a resample cannot reach beyond the sample's own highest value",
    ),
    Metric(
        name="tied_share",
        title="Share of tied predictions",
        group="predictions",
        function=tied_share,
        resample=_share("tied_share"),
        explanation="the share of predictions that some other picture has, too.",
    ),
    Metric(
        name="clamped_share",
        title="Share exactly 0 or 1",
        group="predictions",
        function=clamped_share,
        resample=_share("clamped_share"),
        explanation="the share of predictions at the very ends of the scale, where a model may "
        "have cut them off.",
    ),
    Metric(
        name="floor_share",
        title="Share within 0.001 of the lowest",
        group="predictions",
        function=floor_share,
        resample=_share("floor_share"),
        explanation="the share of predictions at the lowest one: large where a model has a floor.",
    ),
)
"""The ends of the predictions, and the shares of them that stick together."""
