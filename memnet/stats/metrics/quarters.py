"""How many of the pictures with the highest and with the lowest predictions are positive."""

from __future__ import annotations

import numpy as np

from memnet.stats.metrics.auc import checked_classes, count_classes
from memnet.stats.metrics.base import Metric, Resamples
from memnet.util.arrays import Array


def top_quarter(truth: Array, prediction: Array) -> float:
    """Share of positives among the quarter of the pictures with the highest predictions; 0 to 1.

    Of equal predictions at the quarter's edge as large a part counts as fits in: the mean over all
    ways to choose among them. So the quarter is N / 4 pictures, whatever N is.

    Parameters
    ----------
    truth : float64 ``(N,)``, 1 for a positive and 0 for a negative.
    prediction : float64 ``(N,)``, finite.

    Examples
    --------
    >>> top_quarter([1, 0, 0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8])
    1.0
    >>> top_quarter([1, 0, 0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 7, 7, 7])
    0.6666666666666666
    """
    return _share(truth, prediction)


def bottom_quarter(truth: Array, prediction: Array) -> float:
    """Share of positives among the quarter with the lowest predictions; 0 to 1.

    Examples
    --------
    >>> bottom_quarter([1, 0, 0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8])
    0.5
    """
    return _share(truth, -np.asarray(prediction, dtype=np.float64))


def quarter_difference(truth: Array, prediction: Array) -> float:
    """Share of positives in the top quarter minus that in the bottom one; -1 to 1.

    Examples
    --------
    >>> quarter_difference([1, 0, 0, 0, 1, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8])
    0.5
    """
    return top_quarter(truth, prediction) - bottom_quarter(truth, prediction)


def _share(truth: Array, prediction: Array) -> float:
    truth, prediction = checked_classes(truth, prediction)
    place = np.unique(-prediction, return_inverse=True)[1]
    drawn = np.bincount(place).astype(np.float64)
    positive = np.bincount(place, truth).astype(np.float64)
    return float(_first_quarter(positive[None], drawn[None])[0])


def _first_quarter(positive: Array, drawn: Array) -> Array:
    """Share of positives in the first quarter of groups ``(B, G)`` that stand in order."""
    quarter = drawn.sum(axis=1, keepdims=True) / 4
    before = np.cumsum(drawn, axis=1) - drawn
    taken = np.clip(quarter - before, 0, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(drawn > 0, positive / drawn, 0.0)
    share: Array = (taken * rate).sum(axis=1) / quarter[:, 0]
    return share


def _top(resamples: Resamples) -> Array:
    positive, drawn = resamples.once(count_classes)
    return _first_quarter(positive[:, ::-1], drawn[:, ::-1])


def _bottom(resamples: Resamples) -> Array:
    return _first_quarter(*resamples.once(count_classes))


def _difference(resamples: Resamples) -> Array:
    difference: Array = resamples.once(_top) - resamples.once(_bottom)
    return difference


QUARTERS = (
    Metric(
        name="top_quarter",
        title="Share of the memorable class, top quarter",
        function=top_quarter,
        resample=_top,
    ),
    Metric(
        name="bottom_quarter",
        title="Share of the memorable class, bottom quarter",
        function=bottom_quarter,
        resample=_bottom,
    ),
    Metric(
        name="quarter_difference",
        title="Top minus bottom quarter",
        better="higher",
        function=quarter_difference,
        resample=_difference,
        explanation="the share of pictures of the memorable class among the quarter with the "
        "highest predictions minus that among the quarter with the lowest. 0 is chance; how far it "
        "can rise depends on how many pictures are of that class.",
    ),
)
