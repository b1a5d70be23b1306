"""The claims of a study, each computed with the old and with the new score on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

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
    check_columns,
)
from memnet.util.arrays import Array

FEWEST = 10
"""Items below which nothing is estimated."""

FEWEST_CLUSTERS = 5

_CORRELATIONS = {"spearman": "Spearman's rho", "pearson": "Pearson's r"}
_STUDENT, _WELCH = "Student's t test", "Welch's t test"
_CR2 = "t test with cluster-robust (CR2) standard errors and Satterthwaite's degrees of freedom"
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
    clusters: Sequence[Any] | None = None,
    validities: Mapping[str, float] | None = None,
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
    between two groups (Hedges' g), or omega squared between more.

    Parameters
    ----------
    old, new : ``(n,)``, finite; the two scores of the same items.
    outcome, covariates : name -> ``(n,)``, finite.
    group : name and labels ``(n,)``; the labels are put in order as text.
    predictor : name and values ``(n,)``, finite.
    clusters : labels ``(n,)`` of clusters, whose items resemble each other; whole ones are
        resampled, and tests reckon with them. None: items are independent.
    validities : ``"old"`` and ``"new"`` -> correlation with true memorability, for the coefficient
        of the predictor with memorability itself held constant; None where it is not known.
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
        fewer than 10 items, or 5 clusters, columns of different lengths, or numbers missing.
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
    names = {("score", s): (labels or _LABELS)[s] for s in SCORES}
    columns = check_columns(columns, len(old))
    draws = _draws(len(old), resamples, draws_seed, clusters)
    claims = []
    if outcome:
        data = ResampledCorrelations(columns, draws, names)
        for name in outcome:
            claims += [_correlation(data, kind, name, (), level) for kind in _CORRELATIONS]
            if others:
                claims += [_correlation(data, kind, name, others, level) for kind in _CORRELATIONS]
                claims.append(_regression(data, name, others, level))
            if predictor is not None:
                claims.append(_control(data, name, predictor[0], others, level, validities or {}))
    if group is not None:
        claims.append(
            compute_group_claim(
                {s: columns["score", s] for s in SCORES},
                group[0],
                members,
                seed=draws_seed,
                resamples=resamples,
                level=level,
                labels=labels or _LABELS,
                clusters=draws.clusters,
            )
        )
    return claims


def _draws(n: int, resamples: int, seed: int, clusters: Sequence[Any] | None) -> Draws:
    if clusters is None:
        return Draws(n=n, resamples=resamples, seed=seed)
    if len(clusters) != n:
        raise MemnetError(f"There are {len(clusters):,} labels of clusters for {n:,} items.")
    names, codes = np.unique([str(label) for label in clusters], return_inverse=True)
    if len(names) < FEWEST_CLUSTERS:
        raise MemnetError(
            f"{len(names)} cluster(s) are too few to resample; at least {FEWEST_CLUSTERS} are "
            "needed."
        )
    return Draws(n=n, resamples=resamples, seed=seed, kind="clusters", groups=codes)


def _sampling(draws: Draws, estimated: int) -> dict[str, Any]:
    """Units and degrees of freedom of a claim that estimates so many numbers, for `make_claim`."""
    units = draws.n if draws.clusters is None else int(draws.clusters.max()) + 1
    return {"units": units, "dof": units - estimated}


def _clusters(draws: Draws) -> dict[str, int]:
    return {} if draws.clusters is None else {"clusters": int(draws.clusters.max()) + 1}


def _given(covariates: Sequence[str]) -> str:
    return f", given {', '.join(covariates)}" if covariates else ""


def _why(data: ResampledCorrelations, keys: Sequence[Key]) -> dict[str, str]:
    return {score: explain_undefined(data, [("score", score), *keys]) for score in SCORES}


def _p(
    data: ResampledCorrelations, outcome: Key, predictors: Sequence[Key], *, ranks: bool = False
) -> float | None:
    """P of the first predictor's coefficient; with clusters, robust to them."""
    of = rankdata if ranks else np.asarray
    y, others = of(data.columns[outcome]), [of(data.columns[key]) for key in predictors]
    if data.draws.clusters is not None:
        return statistics.p_of_clustered_coefficient(y, others, data.draws.clusters)
    return statistics.p_of_coefficient(y, others)


def _how(data: ResampledCorrelations) -> str:
    return _HC3 if data.draws.clusters is None else _CR2


def _correlation(
    data: ResampledCorrelations, kind: str, outcome: str, covariates: tuple[str, ...], level: float
) -> Claim:
    keys = [("outcome", outcome), *(("covariate", name) for name in covariates)]
    values = {
        s: statistics.partial_correlation(data.matrix(kind, [("score", s), *keys])) for s in SCORES
    }
    dof = data.n - 2 - len(covariates)
    clustered = data.draws.clusters is not None
    p_values = {
        s: _p(data, keys[0], [("score", s), *keys[1:]], ranks=kind == "spearman")
        if clustered
        else statistics.p_of_correlation(float(values[s][0]), dof)
        for s in SCORES
    }
    return make_claim(
        "partial" if covariates else kind,
        f"{'Partial ' if covariates else ''}{_CORRELATIONS[kind]} of memorability and {outcome}"
        + _given(covariates),
        outcome,
        values,
        data.draws,
        p_values=p_values,
        test=f"{_CR2 if clustered else _STUDENT} that the {'partial ' if covariates else ''}"
        "correlation is 0",
        why=_why(data, keys),
        level=level,
        **_sampling(data.draws, 2 + len(covariates)),
        detail=_clusters(data.draws)
        | {
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
        test=f"{_how(data)} that the coefficient of memorability is 0",
        why=_why(data, [y, *others]),
        level=level,
        **_sampling(data.draws, 2 + len(covariates)),
        detail=_clusters(data.draws)
        | {
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
    validities: Mapping[str, float],
) -> Claim:
    y, focal = ("outcome", outcome), ("predictor", predictor)
    others = [("covariate", name) for name in covariates]
    sampling = _sampling(data.draws, 3 + len(covariates))
    plain = make_estimate(
        statistics.coefficient(data.matrix("pearson", [y, focal, *others])),
        level,
        sampling["units"],
        _sampling(data.draws, 2 + len(covariates))["dof"],
        explain_undefined(data, [y, focal, *others]),
    )
    matrices = {s: data.matrix("pearson", [y, focal, ("score", s), *others]) for s in SCORES}
    corrected = {}
    for s, validity in validities.items():
        exact = statistics.as_if_measured_exactly(matrices[s], 2, validity)
        found = make_estimate(
            statistics.coefficient(exact),
            level,
            sampling["units"],
            sampling["dof"],
            "with that validity the correlations are impossible",
        )
        corrected[s] = {
            "validity": float(validity),
            "value": found.value,
            "interval": None if found.interval is None else list(found.interval),
            "reason": found.reason,
        }
    controls = ", ".join(("memorability", *covariates))
    return make_claim(
        "control",
        f"Standardised coefficient of {predictor} for {outcome}, controlling for {controls}",
        outcome,
        {s: statistics.coefficient(matrices[s]) for s in SCORES},
        data.draws,
        p_values={s: _p(data, y, [focal, ("score", s), *others]) for s in SCORES},
        test=f"{_how(data)} that the coefficient of {predictor} is 0",
        why=_why(data, [y, focal, *others]),
        level=level,
        **sampling,
        detail=_clusters(data.draws)
        | {
            "statistic": "beta",
            "predictor": predictor,
            "covariates": list(covariates),
            "uncontrolled": {
                "value": plain.value,
                "interval": None if plain.interval is None else list(plain.interval),
                "reason": plain.reason,
                "p": _p(data, y, [focal, *others]),
            },
            "corrected": corrected,
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
_NO_SPREAD_IN_ONE = "in some group all scores are equal, so its mean has no error to be weighed by"


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
    scores: Mapping[str, Array],
    name: str,
    members: Mapping[str, Array],
    *,
    seed: int,
    resamples: int,
    level: float,
    labels: Mapping[str, str],
    clusters: Any | None = None,
) -> Claim:
    """Compare both scores of groups; resamples draw within each group, which keeps its size.

    Parameters
    ----------
    scores : ``"old"`` and ``"new"`` -> ``(n,)``.
    name, members : of the groups; label -> 1 where an item has it, ``(n,)``.
    seed, resamples, level : of the bootstrap and its intervals.
    labels : ``"old"`` and ``"new"`` -> what sentences call the two scores.
    clusters : int ``(n,)``, where items of a cluster resemble each other. Then two groups are
        compared, by a test that reckons with it, and whole clusters are resampled.
    """
    n, groups = len(scores["old"]), list(members)
    inside = [members[label] > 0 for label in groups]
    sizes = np.array([each.sum() for each in inside], dtype=np.float64)
    codes = np.argmax(np.stack(inside, axis=1), axis=1)
    kind: Any = "strata" if clusters is None else "clusters"
    drawn = codes if clusters is None else clusters
    draws = Draws(n=n, resamples=resamples, seed=seed, kind=kind, groups=drawn)
    two = len(groups) <= 2
    why = {
        s: f"{labels[s]} has one value only"
        if np.ptp(scores[s]) == 0
        else (_NO_SPREAD if two else _NO_SPREAD_IN_ONE)
        for s in SCORES
    }
    interval: dict[str, Interval] = {}
    reason = explain_not_comparable(name, members)
    if clusters is not None and len(groups) > 2:
        reason = reason or f"there are {len(groups)} groups, and with clusters two are compared"
    if reason:
        why = dict.fromkeys(SCORES, reason)
        values = {s: np.full(1 + resamples, np.nan) for s in SCORES}
        title = f"Difference of memorability between the groups of {name}"
    else:
        moments = statistics.resample_groups(scores, inside, draws)
        if two:
            title = f"Hedges' g of memorability, {' minus '.join(groups)} ({name})"
            values = {s: statistics.hedges_g(*moments[s], sizes) for s in SCORES}
        else:
            title = f"Omega squared of memorability by {name}"
            tests = {s: statistics.welch(*moments[s], sizes) for s in SCORES}
            values = {s: statistics.omega_squared(tests[s][0], len(groups), n) for s in SCORES}
            interval = {
                s: Interval(
                    *statistics.omega_squared_interval(
                        float(f[0]), float(within[0]), len(groups), n, level
                    ),
                    "",
                )
                for s, (f, within) in tests.items()
            }
    return make_claim(
        "group_difference",
        title,
        name,
        values,
        draws,
        p_values={
            s: statistics.p_of_groups([scores[s][each] for each in inside])
            if clusters is None
            else statistics.p_of_clustered_coefficient(
                scores[s], [inside[0].astype(np.float64)], clusters
            )
            for s in SCORES
        },
        test=f"{_WELCH if clusters is None else _CR2} that both groups have the same mean"
        if two
        else "Welch's F test that all groups have the same mean (intervals: noncentral F)",
        why=why,
        level=level,
        **_sampling(draws, len(groups)),
        detail=_clusters(draws)
        | {
            "statistic": "g" if two else "omega squared",
            "covariates": [],
            "groups": {label: int(size) for label, size in zip(groups, sizes, strict=True)},
        },
        intervals=interval or None,
    )
