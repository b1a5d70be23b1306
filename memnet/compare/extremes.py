"""The most and the least memorable pictures, and those where a model and people disagree most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from memnet.util.arrays import Array

MOST = 6
"""Pictures of a group."""

GROUPS = ("human_highest", "human_lowest", "model_highest", "model_lowest", "too_high", "too_low")
"""The groups of :func:`find_extremes`, in the order of the report."""


def find_extremes(
    ids: Sequence[str], truth: Array, prediction: Array, *, most: int = MOST
) -> dict[str, list[dict[str, Any]]]:
    """Find the pictures at the ends of both scores, and those whose ranks differ most.

    Equal scores have equal (mean) ranks; pictures that are equal in what a group is sorted by stand
    in the order of their ids.

    Parameters
    ----------
    ids : of the pictures, ``(N,)``.
    truth, prediction : human scores and a model's predictions, ``(N,)``, finite.
    most : pictures of a group; of few pictures half, so that no two ends share one.

    Returns
    -------
    dict
        a name of :data:`GROUPS` -> pictures as ``{"image_id", "truth", "prediction", "ranks"}``,
        the most extreme first; ``ranks`` is the prediction's rank minus the human score's. Of
        pictures that share a score (two classes, clamped or constant predictions) none is shown
        where there is no room for all, and an empty group is left out.

    Examples
    --------
    >>> found = find_extremes(list("abcd"), np.array([0.9, 0.5, 0.7, 0.6]), np.arange(4.0), most=1)
    >>> found["too_high"][0]["image_id"], found["too_high"][0]["ranks"]
    ('d', 2.0)
    """
    count = min(most, len(ids) // 2)
    ranks = rankdata(prediction) - rankdata(truth)
    by_id = np.argsort(np.array(ids, dtype=object), kind="stable")
    groups = {}
    sorted_by = (truth, -truth, prediction, -prediction, ranks, -ranks)
    for name, values in zip(GROUPS, sorted_by, strict=True):
        order = by_id[np.argsort(-values[by_id], kind="stable")]
        if name.startswith("too"):
            # Nothing ranks higher than the highest, which many share where people gave classes.
            end = truth.max() if name == "too_high" else truth.min()
            apart = (truth != end) & (values > 0) & (np.ptp(prediction) > 0)
            order = order[apart[order]][:count]
        else:
            order = order[:count]
            order = order[[(values == values[place]).sum() <= count for place in order]]
        if len(order):
            groups[name] = [
                {
                    "image_id": ids[place],
                    "truth": float(truth[place]),
                    "prediction": float(prediction[place]),
                    "ranks": float(ranks[place]),
                }
                for place in order.tolist()
            ]
    return groups
