"""The claims of a study, each computed with the old and with the new score on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.bootstrap import Interval
from memnet.stats.resampling import Draws
from memnet.studies.migrate.claims import statistics
from memnet.studies.migrate.claims.claim import (
    SCORES,
    Claim,
    explain_undefined,
    make_claim,
    make_estimate,
)
from memnet.studies.migrate.claims.statistics import (
    Key,
    ResampledCorrelations,
    resample_correlations,
)
from memnet.util.arrays import Array

FEWEST = 10
"""Items below which nothing is estimated."""

_CORRELATIONS = {"spearman": "Spearman's rho", "pearson": "Pearson's r"}
_HC3 = "t test with heteroscedasticity-consistent (HC3) standard errors"
_LABELS = {"old": "the old score", "new": "the new score"}


def compute_claims(
    old: Array,
    new: Array,
    *,
    outcome: Mapping[str, Array],
    covariates: Mapping[str, Array] | None = None,
    group: tuple[str, Sequence[Any]] | None = None,
    predictor: tuple[str, Array] | None = None,
    draws_seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
) -> list[Claim]:
    """Redo every claim that the study's columns allow.

    Of each outcome: Spearman's and Pearson's correlation with memorability; with covariates, both
    partial correlations (Pearson's: of the residuals of score and outcome after a regression on the
    covariates; Spearman's: the same of the ranks) and the standardised coefficient of memorability
    in a regression on it and the covariates; with a predictor, its standardised coefficient with
    memorability (and the covariates) held constant. With a group, the difference of memorability
    between two groups (Hedges' g), or eta squared between more.

    Parameters
    ----------
    old, new : ``(n,)``, finite; the two scores of the same items.
    outcome, covariates : name -> ``(n,)``, finite.
    group : name and labels ``(n,)``; the labels are put in order as text.
    predictor : name and values ``(n,)``, finite.
    draws_seed, resamples : of the bootstrap.
    level : of the intervals, 0 to 1.
    labels : ``"old"`` and ``"new"`` -> what sentences call the two scores.

    Returns
    -------
    list
        the claims of each outcome, in the order named above, then that of the groups.

    Raises
    ------
    MemnetError
        fewer than 10 items, columns of different lengths, or numbers missing.
    """
    if len(old) < FEWEST:
        raise MemnetError(
            f"{len(old)} items are too few to estimate anything; at least {FEWEST} are needed."
        )
    others = tuple(covariates or {})
    columns: dict[Key, Array] = {
        ("score", "old"): old,
        ("score", "new"): new,
        **{("outcome", name): values for name, values in outcome.items()},
        **{("covariate", name): values for name, values in (covariates or {}).items()},
    }
    if predictor is not None:
        columns["predictor", predictor[0]] = predictor[1]
    members = {} if group is None else read_groups(*group, n=len(old))
    if group is not None and not explain_not_comparable(group[0], members):
        columns |= {("group", label): inside for label, inside in members.items()}
    names = {("score", s): (labels or _LABELS)[s] for s in SCORES}
    data = resample_correlations(
        columns, Draws(n=len(old), resamples=resamples, seed=draws_seed), names
    )
    claims = []
    for name in outcome:
        claims += [_correlation(data, kind, name, (), level) for kind in _CORRELATIONS]
        if others:
            claims += [_correlation(data, kind, name, others, level) for kind in _CORRELATIONS]
            claims.append(_regression(data, name, others, level))
        if predictor is not None:
            claims.append(_control(data, name, predictor[0], others, level))
    if group is not None:
        claims.append(compute_group_claim(data, group[0], members, level))
    return claims


def _given(covariates: Sequence[str]) -> str:
    return f", given {', '.join(covariates)}" if covariates else ""


def _why(data: ResampledCorrelations, keys: Sequence[Key]) -> dict[str, str]:
    return {score: explain_undefined(data, [("score", score), *keys]) for score in SCORES}


def _p(data: ResampledCorrelations, outcome: Key, predictors: Sequence[Key]) -> float | None:
    columns = data.columns
    return statistics.p_of_coefficient(columns[outcome], [columns[key] for key in predictors])


def _correlation(
    data: ResampledCorrelations, kind: str, outcome: str, covariates: tuple[str, ...], level: float
) -> Claim:
    keys = [("outcome", outcome), *(("covariate", name) for name in covariates)]
    values = {
        s: statistics.partial_correlation(data.matrix(kind, [("score", s), *keys])) for s in SCORES
    }
    dof = data.n - 2 - len(covariates)
    return make_claim(
        "partial" if covariates else kind,
        f"{'Partial ' if covariates else ''}{_CORRELATIONS[kind]} of memorability and {outcome}"
        + _given(covariates),
        outcome,
        values,
        data.draws,
        p_values={s: statistics.p_of_correlation(float(values[s][0]), dof) for s in SCORES},
        test=f"Student's t test that the {'partial ' if covariates else ''}correlation is 0",
        why=_why(data, keys),
        level=level,
        dof=dof,
        detail={
            "statistic": "rho" if kind == "spearman" else "r",
            "correlation": kind,
            "covariates": list(covariates),
        },
    )


def _regression(
    data: ResampledCorrelations, outcome: str, covariates: tuple[str, ...], level: float
) -> Claim:
    y, others = ("outcome", outcome), [("covariate", name) for name in covariates]
    matrices = {s: data.matrix("pearson", [y, ("score", s), *others]) for s in SCORES}
    without = float(statistics.r_squared(data.matrix("pearson", [y, *others])[:1])[0])
    whole = {s: float(statistics.r_squared(matrices[s][:1])[0]) for s in SCORES}
    return make_claim(
        "regression",
        f"Standardised coefficient of memorability for {outcome}{_given(covariates)}",
        outcome,
        {s: statistics.coefficient(matrices[s]) for s in SCORES},
        data.draws,
        p_values={s: _p(data, y, [("score", s), *others]) for s in SCORES},
        test=f"{_HC3} that the coefficient of memorability is 0",
        why=_why(data, [y, *others]),
        level=level,
        dof=data.n - 2 - len(covariates),
        detail={
            "statistic": "beta",
            "covariates": list(covariates),
            "r_squared": {s: _or_none(whole[s]) for s in SCORES},
            "r_squared_change": {s: _or_none(whole[s] - without) for s in SCORES},
        },
    )


def _control(
    data: ResampledCorrelations,
    outcome: str,
    predictor: str,
    covariates: tuple[str, ...],
    level: float,
) -> Claim:
    y, focal = ("outcome", outcome), ("predictor", predictor)
    others = [("covariate", name) for name in covariates]
    plain = make_estimate(
        statistics.coefficient(data.matrix("pearson", [y, focal, *others])),
        level,
        data.n,
        data.n - 2 - len(covariates),
        explain_undefined(data, [y, focal, *others]),
    )
    controls = ", ".join(("memorability", *covariates))
    return make_claim(
        "control",
        f"Standardised coefficient of {predictor} for {outcome}, controlling for {controls}",
        outcome,
        {
            s: statistics.coefficient(data.matrix("pearson", [y, focal, ("score", s), *others]))
            for s in SCORES
        },
        data.draws,
        p_values={s: _p(data, y, [focal, ("score", s), *others]) for s in SCORES},
        test=f"{_HC3} that the coefficient of {predictor} is 0",
        why=_why(data, [y, focal, *others]),
        level=level,
        dof=data.n - 3 - len(covariates),
        detail={
            "statistic": "beta",
            "predictor": predictor,
            "covariates": list(covariates),
            "uncontrolled": {
                "value": plain.value,
                "interval": None if plain.interval is None else list(plain.interval),
                "reason": plain.reason,
                "p": _p(data, y, [focal, *others]),
            },
        },
    )


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


MOST_GROUPS = 20


def read_groups(name: str, labels: Sequence[Any], n: int) -> dict[str, Array]:
    """Label, in order as text -> 1 where an item has it, else 0; ``(n,)``."""
    if len(labels) != n:
        raise MemnetError(f"The group {name!r} has {len(labels):,} labels for {n:,} items.")
    words = np.array([str(label) for label in labels])
    return {str(label): (words == label).astype(np.float64) for label in np.unique(words)}


_NO_SPREAD = "within each group all scores are equal, so there is no SD to divide by"


def explain_not_comparable(name: str, members: Mapping[str, Array]) -> str:
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


def compute_group_claim(
    data: ResampledCorrelations, name: str, members: Mapping[str, Array], level: float
) -> Claim:
    """Compare both scores of groups, whose ``members`` are columns of ``data`` if they can be."""
    labels, sizes = list(members), {label: int(inside.sum()) for label, inside in members.items()}
    why = {s: explain_undefined(data, [("score", s)]) for s in SCORES}
    if reason := explain_not_comparable(name, members):
        why = dict.fromkeys(SCORES, reason)
        values = {s: np.full(1 + data.draws.resamples, np.nan) for s in SCORES}
    elif len(labels) == 2:
        key = ("group", labels[0])
        values = {
            s: statistics.hedges_g(
                data.matrix("pearson", [("score", s), key])[:, 0, 1], data.mean(key), data.n
            )
            for s in SCORES
        }
    else:
        keys = [("group", label) for label in labels[1:]]
        values = {
            s: statistics.r_squared(data.matrix("pearson", [("score", s), *keys])) for s in SCORES
        }
    two = len(labels) <= 2
    if len(labels) == 2 and not reason:
        why |= {
            s: _NO_SPREAD
            for s in SCORES
            if np.ptp(data.columns["score", s]) > 0
            and all(
                np.ptp(data.columns["score", s][inside > 0]) == 0 for inside in members.values()
            )
        }

    def f_interval(values: Array) -> Interval:
        ends = statistics.eta_squared_interval(float(values[0]), len(labels), data.n, level)
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
            s: statistics.p_of_groups(
                [data.columns["score", s][inside > 0] for inside in members.values()]
            )
            for s in SCORES
        },
        test="Welch's t test that both groups have the same mean"
        if two
        else "F test that all groups have the same mean (intervals: noncentral F)",
        why=why,
        level=level,
        dof=data.n - len(labels),
        detail={"statistic": "g" if two else "eta squared", "covariates": [], "groups": sizes},
        interval=None if two else f_interval,
    )
