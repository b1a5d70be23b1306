"""What a model adds to a baseline: to another model, or to simple properties of the pictures.

Human scores are regressed on the baseline's columns, and on these and the model's predictions. What
the model adds is the increment of R squared, the square of its semi-partial correlation: the
correlation of the human scores with what is left of the predictions once the baseline is taken out
of them. The partial rank correlation takes the baseline out of both, in ranks.

A baseline that measures something with noise leaves some of it for others to explain: a model that
measures the same, and nothing else, adds to it all the same, the more surely the more pictures
(Westfall & Yarkoni 2016; docs/statistics.md). That it adds is no proof that it measures something
else.

References
----------
Cohen, J., Cohen, P., West, S. G., & Aiken, L. S. (2003). Applied multiple regression/correlation
    analysis for the behavioral sciences (3rd ed.), chapter 3.
Westfall, J., & Yarkoni, T. (2016). Statistically controlling for confounding constructs is harder
    than you think. PLoS ONE, 11(3), e0152719.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import special, stats

from memnet.stats.bootstrap import interval_of
from memnet.stats.dependent_correlations import holm
from memnet.stats.metrics.spearman import spearman_rows
from memnet.stats.resampling import Draws, Workers, groups_of, resampled_means
from memnet.util.arrays import Array

NOTHING_LEFT = 1e-9
"""A column of which the others leave a smaller share of its variance follows from them."""


def increments(
    truth: Array,
    baseline: Mapping[str, Array],
    models: Mapping[str, Array],
    draws: Draws,
    *,
    level: float,
) -> list[dict[str, Any]]:
    """Measure what each model adds to the baseline.

    Parameters
    ----------
    truth : float64 ``(N,)``, the human scores.
    baseline : name -> float64 ``(N,)``, one column or more.
    models : name -> float64 ``(N,)``, each added by itself.
    draws : the resamples of the intervals.
    level : of the intervals.

    Returns
    -------
    list
        a dict per model with the fields of :class:`memnet.compare.record.Increment` (but ``n``,
        ``seed`` and the like). The interval of the increment is that of the semi-partial
        correlation, squared; from 0 where that holds 0. The F test supposes independent pictures
        and is left out (None) where whole clusters are drawn. Where the baseline's columns follow
        from each other, or one is constant (:func:`left_by_others`), what comes of R squared is
        None.

    Examples
    --------
    >>> base, extra = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, -1, 1, 1, -1, -1])
    >>> draws = Draws(n=6, resamples=99, seed=0)
    >>> row, = increments(base + extra / 2, {"base": base}, {"extra": extra}, draws, level=0.95)
    >>> round(row["r2_baseline"], 3), round(row["increment"], 3)
    (0.918, 0.082)
    """
    n, names = len(truth), list(baseline)
    columns = [*baseline.values(), truth]
    rows = []
    resampled = _resampled(columns, list(models.values()), draws)
    for place, (model, prediction) in enumerate(models.items()):
        both = np.array([*columns[:-1], prediction, truth])
        linear, ranks = (_correlations(each) for each in (both, stats.rankdata(both, axis=1)))
        df = n - len(names) - 2
        defined = df > 0 and bool(np.isfinite(linear.partial[0]))
        semipartial = float(linear.semipartial[0]) if defined else np.nan
        on_resamples, ranks_on_resamples = (_Partial(matrices[place]) for matrices in resampled)
        ends = interval_of(on_resamples.semipartial, level, draws) if defined else None
        rank_ends = interval_of(ranks_on_resamples.partial, level, draws)
        partial_rho = float(ranks.partial[0])
        r2 = float(linear.r2_baseline[0])
        increment = semipartial**2
        rows.append(
            {
                "model": model,
                "baseline": names,
                "r2_baseline": _or_none(r2),
                "r2_both": _or_none(r2 + increment),
                "increment": _or_none(increment),
                "increment_interval": None if ends is None else _squared(ends.ends),
                "increment_adjusted": _or_none(_adjusted(r2, increment, n, len(names))),
                "semipartial": _or_none(semipartial),
                "semipartial_interval": None if ends is None else ends.ends,
                **_f_test(r2, increment, df, draws),
                "partial_rho": _or_none(partial_rho),
                "partial_rho_interval": rank_ends.ends if np.isfinite(partial_rho) else None,
                "reason": ends.reason if ends else _why(df, columns[:-1]),
            }
        )
    _correct(rows)
    return rows


def left_by_others(columns: Sequence[Array]) -> float:
    """Return the least share of a column's variance that those before it leave; 0 if constant.

    >>> x = np.array([1.0, 2.0, 4.0])
    >>> left_by_others([x, 2 * x]) < 1e-9, left_by_others([x, np.ones(3)])
    (True, 0.0)
    """
    if any(np.ptp(column) == 0 for column in columns):
        return 0.0
    rest = np.asarray(np.corrcoef(columns)).reshape(len(columns), -1)
    least = 1.0
    for k in range(len(rest)):
        least = min(least, float(rest[k, k]))
        if least < NOTHING_LEFT:
            return max(least, 0.0)
        rest = rest - np.outer(rest[:, k], rest[k]) / rest[k, k]
    return least


class _Partial:
    """What correlation matrices ``(B, K + 2, K + 2)`` of baseline, model and truth say.

    Attributes
    ----------
    r2_baseline : R squared of the truth on the baseline, ``(B,)``.
    semipartial, partial : correlations of truth and model, the baseline taken out of the model,
        and out of both; NaN where the baseline leaves nothing of the model (or of the truth).
    """

    def __init__(self, matrices: Array) -> None:
        rest = matrices.copy()
        with np.errstate(invalid="ignore", divide="ignore"):
            for k in range(rest.shape[1] - 2):
                pivot = np.where(rest[:, k, k] > NOTHING_LEFT, rest[:, k, k], np.nan)
                rest = rest - (rest[:, :, k, None] * rest[:, None, k, :] / pivot[:, None, None])
            model, truth = (
                np.where(rest[:, k, k] > NOTHING_LEFT, rest[:, k, k], np.nan) for k in (-2, -1)
            )
            self.r2_baseline: Array = 1 - rest[:, -1, -1]
            self.semipartial: Array = rest[:, -2, -1] / np.sqrt(model)
            self.partial: Array = np.clip(self.semipartial / np.sqrt(truth), -1, 1)


def _resampled(
    columns: Sequence[Array], models: Sequence[Array], draws: Draws
) -> tuple[list[Array], list[Array]]:
    """Return Pearson's and Spearman's matrices of each model on each resample.

    ``columns`` are the baseline and, last, the truth; the matrices have the model between them.
    """
    every = [*columns, *models]
    linear, ranks = (np.ones((draws.resamples, len(every), len(every))) for _ in range(2))
    base = len(columns)
    pairs = [(i, j) for i, j in combinations(range(len(every)), 2) if i < base]
    standard = [_standardised(column) for column in every]
    wanted = {(i, i): standard[i] ** 2 for i in range(len(every))}
    wanted |= {(i, j): standard[i] * standard[j] for i, j in pairs}
    means = {str(i): column for i, column in enumerate(standard)}
    means |= {f"{i} {j}": product for (i, j), product in wanted.items()}
    groups = [groups_of(column)[1] for column in every]
    with Workers() as workers:
        for rows, counts in draws.chunks():
            mean = resampled_means(means, counts, workers)
            sd = [_root(mean[f"{i} {i}"] - mean[str(i)] ** 2) for i in range(len(every))]
            for i, j in pairs:
                covariance = mean[f"{i} {j}"] - mean[str(i)] * mean[str(j)]
                linear[rows, i, j] = linear[rows, j, i] = covariance / (sd[i] * sd[j])
                rho = np.empty(len(counts))
                workers.rows(spearman_rows, len(counts), counts, groups[i], groups[j], rho)
                ranks[rows, i, j] = ranks[rows, j, i] = rho
    orders = [[*range(base - 1), base + model, base - 1] for model in range(len(models))]
    return (
        [linear[:, order][:, :, order] for order in orders],
        [ranks[:, order][:, :, order] for order in orders],
    )


def _correlations(columns: Array) -> _Partial:
    with np.errstate(invalid="ignore", divide="ignore"):  # constant columns are undefined
        return _Partial(np.asarray(np.corrcoef(columns))[None])


def _standardised(values: Array) -> Array:
    centred = values - values.mean()
    size = float(np.sqrt(np.mean(centred**2)))
    standard: Array = centred / (size or 1.0)
    return standard


def _root(variance: Array) -> Array:
    """Return the SD; NaN where a resample has one value only."""
    root: Array = np.sqrt(np.where(variance > 1e-12, variance, np.nan))
    return root


def _adjusted(r2: float, increment: float, n: int, columns: int) -> float:
    """Return the increment of the adjusted R squared: 0 is expected where nothing is added."""
    if n - columns - 2 <= 0:
        return np.nan
    before = 1 - (1 - r2) * (n - 1) / (n - columns - 1)
    after = 1 - (1 - r2 - increment) * (n - 1) / (n - columns - 2)
    return after - before


def _f_test(r2: float, increment: float, df: int, draws: Draws) -> dict[str, Any]:
    if df <= 0 or not np.isfinite(increment) or draws.clusters is not None:
        return {"f": None, "df": None, "p_value": None}
    left = 1 - r2 - increment
    if left <= 1e-14:
        return {"f": None, "df": df, "p_value": None}
    f = increment / left * df
    return {"f": f, "df": df, "p_value": float(special.fdtrc(1, df, f))}


def _squared(ends: list[float] | None) -> list[float] | None:
    """Return the ends of the square of what has these."""
    if ends is None:
        return None
    squares = sorted(end**2 for end in ends)
    return [0.0 if ends[0] <= 0 <= ends[1] else squares[0], squares[1]]


def _why(df: int, baseline: Sequence[Array]) -> str:
    if df <= 0:
        return "there are too few pictures for so many columns"
    if left_by_others(baseline) < NOTHING_LEFT:
        return "a column of the baseline is constant, or follows from the others"
    return "the human scores or the predictions are constant, or follow from the baseline"


def _correct(rows: list[dict[str, Any]]) -> None:
    """Add Holm's p over the models."""
    p_values = [np.nan if row["p_value"] is None else row["p_value"] for row in rows]
    for row, p in zip(rows, holm(p_values), strict=True):
        row["p_holm"] = _or_none(float(p))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
