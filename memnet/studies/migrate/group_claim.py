"""The claim that memorability differs between groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.bootstrap import Interval
from memnet.studies.migrate import claims_fit as fit
from memnet.studies.migrate.claim import SCORES, Claim, make_claim, why_undefined
from memnet.studies.migrate.resampled import Resampled
from memnet.util.arrays import Array

MOST_GROUPS = 20


def members_of(name: str, labels: Sequence[Any], n: int) -> dict[str, Array]:
    """Label, in order as text -> 1 where an item has it, else 0; ``(n,)``."""
    if len(labels) != n:
        raise MemnetError(f"The group {name!r} has {len(labels):,} labels for {n:,} items.")
    words = np.array([str(label) for label in labels])
    return {str(label): (words == label).astype(np.float64) for label in np.unique(words)}


_NO_SPREAD = "each group has one value of the score throughout, so there is no SD to divide by"


def why_not_compared(name: str, members: Mapping[str, Array]) -> str:
    """Say why groups cannot be compared; "" where they can."""
    few = [repr(label) for label, inside in members.items() if inside.sum() < 2]
    if len(members) > MOST_GROUPS:
        reason = f"there are {len(members):,} groups; at most {MOST_GROUPS} are compared"
    elif len(members) < 2:
        reason = f"there is one group only, {next(iter(members))!r}"
    elif few:
        reason = f"{' and '.join(few)} {'has' if len(few) == 1 else 'each have'} one item only"
    else:
        return ""
    return f"groups are compared by column {name!r}, and {reason}"


def group_claim(data: Resampled, name: str, members: Mapping[str, Array], level: float) -> Claim:
    """Compare both scores of groups, whose ``members`` are columns of ``data`` if they can be."""
    labels, sizes = list(members), {label: int(one.sum()) for label, one in members.items()}
    why = {s: why_undefined(data, [("score", s)]) for s in SCORES}
    if reason := why_not_compared(name, members):
        why = dict.fromkeys(SCORES, reason)
        values = {s: np.full(1 + data.draws.resamples, np.nan) for s in SCORES}
    elif len(labels) == 2:
        key = ("group", labels[0])
        values = {
            s: fit.hedges_g(
                data.matrix("pearson", [("score", s), key])[:, 0, 1], data.mean(key), data.n
            )
            for s in SCORES
        }
    else:
        keys = [("group", label) for label in labels[1:]]
        values = {s: fit.r_squared(data.matrix("pearson", [("score", s), *keys])) for s in SCORES}
    two = len(labels) <= 2
    if len(labels) == 2 and not reason:
        why |= {
            s: _NO_SPREAD
            for s in SCORES
            if np.ptp(data.columns["score", s]) > 0
            and all(np.ptp(data.columns["score", s][one > 0]) == 0 for one in members.values())
        }

    def f_interval(found: Array) -> Interval:
        ends = fit.eta_squared_interval(float(found[0]), len(labels), data.n, level)
        return Interval(*ends, "")

    if reason:
        title = f"Difference of memorability between the groups of {name}"
    elif two:
        title = f"Hedges' g of memorability, {' minus '.join(labels)} ({name})"
    else:
        title = f"Eta squared of memorability by {name}"
    return make_claim(
        "group_difference",
        title,
        name,
        values,
        data.draws,
        p_values={
            s: fit.p_of_groups([data.columns["score", s][one > 0] for one in members.values()])
            for s in SCORES
        },
        test="Welch's t test that both groups have the same mean"
        if two
        else "F test that all groups have the same mean (intervals: noncentral F)",
        why=why,
        level=level,
        freedom=data.n - len(labels),
        detail={"statistic": "g" if two else "eta squared", "covariates": [], "groups": sizes},
        interval=None if two else f_interval,
    )
