"""Do old and new scores agree? Ranks, values, and how far apart the two are on a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from memnet.stats.bootstrap import interval_of, intervals
from memnet.stats.metrics import bias, pearson, spearman
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array

_LIMITS = 1.96
"""SDs around the mean difference (Bland & Altman 1986)."""

TITLES = {
    "spearman": "Spearman's rho",
    "pearson": "Pearson's r",
    "concordance": "Lin's concordance correlation coefficient",
    "mean_difference": "Mean difference, new minus old",
    "limit_low": "Lower limit of agreement",
    "limit_high": "Upper limit of agreement",
}
"""The statistics of :func:`measure_agreement`, in their order."""


def measure_agreement(
    old: Array, new: Array, *, resamples: int, seed: int, level: float
) -> dict[str, dict[str, Any]]:
    """Measure how old and new scores of the same pictures agree.

    Parameters
    ----------
    old, new : float64 ``(n,)``, finite.
    resamples, seed, level : of the paired percentile bootstrap over pictures.

    Returns
    -------
    dict
        a key of :data:`TITLES` -> ``value``, ``interval`` ([low, high] or None) and ``reason``,
        why something is None. Values (concordance, Lin 1989; difference and limits of agreement,
        Bland & Altman 1986) are only given where both scores are on one scale from 0 to 1.
    """
    statistics = {}
    boot = intervals(
        old, new, resamples=resamples, seed=seed, level=level, only=("spearman", "pearson", "bias")
    )
    for name, value in (("spearman", spearman(old, new)), ("pearson", pearson(old, new))):
        ends = boot[name]
        statistics[name] = _as_record(value, ends.ends, ends.reason, "a column is constant")
    reason = _explain_scales(old, new)
    if reason:
        return statistics | {
            name: {"value": None, "interval": None, "reason": reason}
            for name in TITLES
            if name not in statistics
        }
    ends = interval_of(_concordances(old, new, resamples, seed), level)
    statistics["concordance"] = _as_record(
        concordance(old, new), ends.ends, ends.reason, "a column is constant"
    )
    middle = bias(old, new)
    statistics["mean_difference"] = _as_record(middle, boot["bias"].ends, boot["bias"].reason, "")
    spread = _LIMITS * float(np.std(new - old, ddof=1))
    for name, value in (("limit_low", middle - spread), ("limit_high", middle + spread)):
        statistics[name] = {"value": value, "interval": None, "reason": "it is a range itself"}
    return statistics


def concordance(old: Array, new: Array) -> float:
    """Lin's concordance correlation coefficient (Lin 1989, Biometrics 45, 255-268); -1 to 1.

    ``2 cov / (var + var + (mean - mean)²)``, with variances that divide by n. It is 1 only where
    the two scores of every picture are equal; NaN where both columns are the same constant.
    """
    return float(_resampled_concordance(np.ones((1, len(old))), old, new)[0])


def _resampled_concordance(counts: Any, old: Array, new: Array) -> Array:
    """Lin's coefficient on each resample of ``counts``, ``(B, n)``."""
    middle = old.mean()
    x, y = old - middle, new - middle  # a shift common to both keeps it, and squares lose no digits
    columns = np.stack([x, y, x * x, y * y, x * y], axis=1)
    mx, my, xx, yy, xy = (counts @ columns / counts.sum(axis=1, keepdims=True)).T
    below = xx - mx**2 + yy - my**2 + (mx - my) ** 2
    above = 2 * (xy - mx * my)
    result: Array = np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0)
    return result


def _concordances(old: Array, new: Array, resamples: int, seed: int) -> Array:
    drawn = np.empty(resamples)
    for rows, counts in Draws(n=len(old), resamples=resamples, seed=seed).chunks():
        drawn[rows] = _resampled_concordance(counts.astype(np.float64), old, new)
    return drawn


def rise_together(agreement: Mapping[str, Any]) -> bool:
    """Whether old and new scores are shown to rise together: rho's interval lies above 0.

    Parameters
    ----------
    agreement : of a record; one without figures, as of a crosswalk applied, contradicts nothing.
    """
    rho = agreement.get("figures", {}).get("spearman")
    if not rho:
        return True
    ends = rho["interval"]
    return rho["value"] is not None and ends is not None and ends[0] > 0


def _explain_scales(old: Array, new: Array) -> str:
    """Say why the values cannot be compared; "" where they can."""
    for name, values in (("old", old), ("new", new)):
        if values.min() < 0 or values.max() > 1:
            return (
                f"the {name} scores are not all between 0 and 1 ({values.min():.4g} to "
                f"{values.max():.4g}), so the two are on different scales"
            )
    return ""


def _as_record(
    value: float, ends: list[float] | None, reason: str, undefined: str
) -> dict[str, Any]:
    if not np.isfinite(value):
        return {"value": None, "interval": None, "reason": undefined}
    return {"value": value, "interval": ends, "reason": reason}
