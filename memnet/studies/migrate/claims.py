"""A study's own claims, with the old and with the new memorability score on the same items.

Both scores are judged on the same resamples of the items, so their difference has an interval and a
test of its own: that two results fall on either side of .05 does not mean that they differ (Gelman
& Stern 2006). :mod:`.conclusions` says in a sentence what changed. p values are of one claim at a
time, not corrected for how many there are.

**Intervals** are percentiles of resamples of the items, widened as small samples need (Hesterberg
2015), but for eta squared (noncentral F).
**p of a claim** is the classical test's: t for correlations, Welch's t and F for groups, t with HC3
errors for coefficients. **p of the difference** is the bootstrap's, for all claims alike. How often
intervals hold and tests err is measured by simulation (docs/migrate.md).

References
----------
Gelman, A., & Stern, H. (2006). The American Statistician, 60, 328-331.
Hedges, L. V. (1981). Journal of Educational Statistics, 6, 107-128.
Hesterberg, T. C. (2015). The American Statistician, 69, 371-386.
Long, J. S., & Ervin, L. H. (2000). The American Statistician, 54, 217-224.
MacKinnon, J. G., & White, H. (1985). Journal of Econometrics, 29, 305-325.
Steiger, J. H. (2004). Psychological Methods, 9, 164-182.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.resampling import Draws
from memnet.studies.migrate import claims_fit as fit
from memnet.studies.migrate.claim import SCORES, Claim, figure_of, make_claim, why_undefined
from memnet.studies.migrate.group_claim import group_claim, members_of, why_not_compared
from memnet.studies.migrate.resampled import Key, Resampled, resampled
from memnet.util.arrays import Array

FEWEST = 10
"""Items below which nothing is estimated."""

_CORRELATIONS = {"spearman": "Spearman's rho", "pearson": "Pearson's r"}
_HC3 = "t test with heteroscedasticity-consistent (HC3) standard errors"
_CALLED = {"old": "the old score", "new": "the new score"}


def all_claims(
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
    called: Mapping[str, str] | None = None,
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
    called : ``"old"`` and ``"new"`` -> what sentences call the two scores.

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
            f"{len(old)} items are too few to estimate anything from; {FEWEST} are needed."
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
    members = {} if group is None else members_of(*group, n=len(old))
    if group is not None and not why_not_compared(group[0], members):
        columns |= {("group", label): inside for label, inside in members.items()}
    names = {("score", s): (called or _CALLED)[s] for s in SCORES}
    data = resampled(columns, Draws(n=len(old), resamples=resamples, seed=draws_seed), names)
    found = []
    for name in outcome:
        found += [_correlation(data, kind, name, (), level) for kind in _CORRELATIONS]
        if others:
            found += [_correlation(data, kind, name, others, level) for kind in _CORRELATIONS]
            found.append(_regression(data, name, others, level))
        if predictor is not None:
            found.append(_control(data, name, predictor[0], others, level))
    if group is not None:
        found.append(group_claim(data, group[0], members, level))
    return found


def _given(covariates: Sequence[str]) -> str:
    return f", given {', '.join(covariates)}" if covariates else ""


def _why(data: Resampled, keys: Sequence[Key]) -> dict[str, str]:
    return {score: why_undefined(data, [("score", score), *keys]) for score in SCORES}


def _p(data: Resampled, outcome: Key, predictors: Sequence[Key]) -> float | None:
    columns = data.columns
    return fit.p_of_coefficient(columns[outcome], [columns[key] for key in predictors])


def _correlation(
    data: Resampled, kind: str, outcome: str, covariates: tuple[str, ...], level: float
) -> Claim:
    keys = [("outcome", outcome), *(("covariate", name) for name in covariates)]
    values = {s: fit.partial(data.matrix(kind, [("score", s), *keys])) for s in SCORES}
    freedom = data.n - 2 - len(covariates)
    return make_claim(
        "partial" if covariates else kind,
        f"{'Partial ' if covariates else ''}{_CORRELATIONS[kind]} of memorability and {outcome}"
        + _given(covariates),
        outcome,
        values,
        data.draws,
        p_values={s: fit.p_of_correlation(float(values[s][0]), freedom) for s in SCORES},
        test=f"Student's t test that the {'partial ' if covariates else ''}correlation is 0",
        why=_why(data, keys),
        level=level,
        freedom=freedom,
        detail={
            "statistic": "rho" if kind == "spearman" else "r",
            "correlation": kind,
            "covariates": list(covariates),
        },
    )


def _regression(data: Resampled, outcome: str, covariates: tuple[str, ...], level: float) -> Claim:
    y, others = ("outcome", outcome), [("covariate", name) for name in covariates]
    matrices = {s: data.matrix("pearson", [y, ("score", s), *others]) for s in SCORES}
    without = float(fit.r_squared(data.matrix("pearson", [y, *others])[:1])[0])
    whole = {s: float(fit.r_squared(matrices[s][:1])[0]) for s in SCORES}
    return make_claim(
        "regression",
        f"Standardised coefficient of memorability for {outcome}{_given(covariates)}",
        outcome,
        {s: fit.coefficient(matrices[s]) for s in SCORES},
        data.draws,
        p_values={s: _p(data, y, [("score", s), *others]) for s in SCORES},
        test=f"{_HC3} that the coefficient of memorability is 0",
        why=_why(data, [y, *others]),
        level=level,
        freedom=data.n - 2 - len(covariates),
        detail={
            "statistic": "beta",
            "covariates": list(covariates),
            "r_squared": {s: _or_none(whole[s]) for s in SCORES},
            "r_squared_change": {s: _or_none(whole[s] - without) for s in SCORES},
        },
    )


def _control(
    data: Resampled, outcome: str, predictor: str, covariates: tuple[str, ...], level: float
) -> Claim:
    y, focal = ("outcome", outcome), ("predictor", predictor)
    others = [("covariate", name) for name in covariates]
    plain = figure_of(
        fit.coefficient(data.matrix("pearson", [y, focal, *others])),
        level,
        data.n,
        data.n - 2 - len(covariates),
        why_undefined(data, [y, focal, *others]),
    )
    controls = ", ".join(("memorability", *covariates))
    return make_claim(
        "control",
        f"Standardised coefficient of {predictor} for {outcome}, controlling for {controls}",
        outcome,
        {
            s: fit.coefficient(data.matrix("pearson", [y, focal, ("score", s), *others]))
            for s in SCORES
        },
        data.draws,
        p_values={s: _p(data, y, [focal, ("score", s), *others]) for s in SCORES},
        test=f"{_HC3} that the coefficient of {predictor} is 0",
        why=_why(data, [y, focal, *others]),
        level=level,
        freedom=data.n - 3 - len(covariates),
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
