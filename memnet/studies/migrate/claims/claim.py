"""What a claim is: an estimate with the old score, with the new, and their difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.stats.bootstrap import Interval, interval_of
from memnet.stats.resampling import Draws
from memnet.studies.migrate.claims.statistics import (
    Key,
    ResampledCorrelations,
    lowest_p_of_difference,
    p_of_difference,
    widened_level,
)
from memnet.util.arrays import Array

SCORES = ("old", "new")

_ROUNDING = 1e-12  # estimates that differ by less are the same


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A statistic's value and its interval.

    Attributes
    ----------
    value, interval : None where undefined.
    reason : why one of them is None, else "".
    """

    value: float | None
    interval: tuple[float, float] | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim, with the old score and with the new.

    Attributes
    ----------
    kind : ``"spearman"``, ``"pearson"``, ``"partial"``, ``"regression"``, ``"group_difference"``
        or ``"control"`` (a focal predictor's coefficient with memorability held constant).
    title : what the estimates are of.
    outcome : the column that memorability is set against; of a group difference, the groups'.
    n : number of items.
    old, new, difference : the estimates; the difference is new minus old.
    p_old, p_new, p_difference : two-sided, 0 to 1; None where undefined.
    p_difference_floor : the lowest that ``p_difference`` can be with so many resamples; where it
        is no higher, the true one is this or lower.
    p_old_holm, p_new_holm : ``p_old`` and ``p_new``, each corrected by Holm's method over all
        claims of the study (:func:`.correction.correct_claims`).
    test : in words, what tests old and new, and what it tests.
    method : how the intervals and the p of the difference were computed.
    detail : the rest, in JSON's types. Always ``statistic`` (``"rho"``, ``"r"``, ``"beta"``,
        ``"g"`` or ``"omega squared"``), ``level``, ``freedom`` (residual degrees of freedom),
        ``covariates`` (names) and ``undefined_resamples`` (of ``old``, ``new`` and
        ``difference``). Partial correlations have
        ``correlation`` (``"spearman"`` or ``"pearson"``); regressions ``r_squared`` and
        ``r_squared_change`` of each score; controls ``predictor``, ``uncontrolled`` (value,
        interval, reason, p) and ``corrected`` (of each score: validity, value, interval, reason;
        empty where no validity is known); where whole clusters are resampled ``clusters``, their
        number; groups ``groups`` (label -> number of items).
    """

    kind: str
    title: str
    outcome: str
    n: int
    old: Estimate
    new: Estimate
    difference: Estimate
    p_old: float | None
    p_new: float | None
    p_difference: float | None
    p_difference_floor: float | None
    test: str
    method: str
    detail: dict[str, Any]
    p_old_holm: float | None = None
    p_new_holm: float | None = None


def make_claim(
    kind: str,
    title: str,
    outcome: str,
    values: Mapping[str, Array],
    draws: Draws,
    *,
    p_values: Mapping[str, float | None],
    test: str,
    why: Mapping[str, str],
    level: float,
    dof: int,
    detail: Mapping[str, Any],
    intervals: Mapping[str, Interval] | None = None,
    units: int | None = None,
) -> Claim:
    """Put a claim together from its statistics in the sample and in each resample.

    Parameters
    ----------
    kind, title, outcome : as in :class:`Claim`.
    values : ``"old"`` and ``"new"`` -> ``(1 + B,)``, the sample's value first.
    draws : where the resamples come from.
    p_values : of the two values.
    test : in words, what they test and how.
    why : of the two scores, why the value is undefined where it is NaN.
    level : of the intervals.
    dof : residual degrees of freedom.
    detail : what belongs to the kind.
    intervals : of ``"old"`` and ``"new"`` where they are not the percentile intervals.
    units : what is drawn independently, where that is fewer than the items: clusters.
    """
    units = draws.n if units is None else units
    difference = values["new"] - values["old"]
    # Scores that are a straight line of one another differ by rounding, and its sign is no news.
    difference = np.where(np.abs(difference) < _ROUNDING, 0.0, difference)
    old, new = (
        make_estimate(values[score], level, units, dof, why[score], (intervals or {}).get(score))
        for score in SCORES
    )
    missing = why["old"] if old.value is None else why["new"]
    change = make_estimate(difference, level, units, dof, missing)
    undefined = {
        name: int(np.isnan(drawn[1:]).sum())
        for name, drawn in (*values.items(), ("difference", difference))
    }
    untested = change.interval is None
    return Claim(
        kind=kind,
        title=title,
        outcome=outcome,
        n=draws.n,
        old=old,
        new=new,
        difference=change,
        p_old=None if old.value is None else p_values["old"],
        p_new=None if new.value is None else p_values["new"],
        p_difference=None if untested else p_of_difference(difference[1:], units, dof),
        p_difference_floor=None
        if untested
        else lowest_p_of_difference(draws.resamples - undefined["difference"], units, dof),
        test=test,
        method=(
            f"{draws.method.replace('bootstrap', 'bootstrap over items')}, widened for small "
            f"samples, {draws.resamples:,} resamples, seed {draws.seed}; p of the difference from "
            "the same resamples"
        ),
        detail={"level": level, "freedom": dof, **detail, "undefined_resamples": undefined},
    )


def make_estimate(
    values: Array,
    level: float,
    n: int,
    dof: int,
    why: str,
    interval: Interval | None = None,
) -> Estimate:
    """Return the sample's value ``values[0]`` with an interval from the resamples."""
    if not np.isfinite(values[0]) or dof < 1:
        return Estimate(value=None, interval=None, reason=why)
    if interval is not None:
        result = interval
    else:
        result = interval_of(values[1:], widened_level(level, n, dof))
    ends = None if result.low is None or result.high is None else (result.low, result.high)
    return Estimate(value=float(values[0]), interval=ends, reason=result.reason)


def explain_undefined(data: ResampledCorrelations, keys: Sequence[Key]) -> str:
    """Say why a statistic of these columns is NaN; :class:`Claim` uses it only where one is."""
    constant = [data.label(key) for key in keys if np.ptp(data.columns[key]) == 0]
    if constant:
        each = "" if len(constant) == 1 else "each "
        return f"{' and '.join(constant)} {each}{'have' if each else 'has'} one value only"
    if data.n <= len(keys):
        return f"{data.n} items are too few for {len(keys)} columns"
    names = " and ".join(data.label(key) for key in keys)
    return f"{names} determine one another: one of them follows from the rest"
