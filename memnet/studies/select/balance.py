"""How alike the chosen groups are, and how alike a median split would have left them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from memnet.stats.balance import Balance, balance, difference_of_shares
from memnet.studies.select.selection import Candidates, Selection
from memnet.util.arrays import AnyArray, Array


@dataclass(frozen=True, kw_only=True)
class BalanceRow:
    """A score or covariate in two groups.

    Attributes
    ----------
    name, kind : of the column; ``"score"`` or ``"covariate"``.
    first, second : names of the groups.
    before : between the groups of a plain split of all candidates; None where there is none.
    after : between the chosen groups; None where a group has one picture.
    """

    name: str
    kind: str
    first: str
    second: str
    before: Balance | None
    after: Balance | None


@dataclass(frozen=True, kw_only=True)
class CategoryRow:
    """One category in all groups.

    Attributes
    ----------
    column, category : of the candidates.
    before, after : group -> pictures of it, by a plain split and as chosen.
    difference_before, difference_after : the largest standardised difference of shares between two
        groups, without its sign.
    """

    column: str
    category: str
    before: dict[str, int]
    after: dict[str, int]
    difference_before: float
    difference_after: float


@dataclass(frozen=True, kw_only=True)
class SpreadRow:
    """A covariate of a spread: how it goes with the score, before and after."""

    name: str
    before: float
    after: float


def split_plainly(selection: Selection) -> dict[str, AnyArray]:
    """Return what a plain split of all candidates gives: group -> places.

    For high and low it is the median split: the upper and the lower half by the score (by the mean
    of the standardised scores of several predictors); an odd one in the middle is left out. For
    levels, each picture goes to the nearest. For other kinds there is none.
    """
    candidates, settings = selection.candidates, selection.settings
    score = _one_score(candidates)
    if settings.kind in ("extremes", "pairs"):
        order = np.argsort(score, kind="stable")
        half = len(order) // 2
        halves = {"low": np.sort(order[:half]), "high": np.sort(order[len(order) - half :])}
        return {name: halves[name] for name in selection.groups}
    if settings.kind == "levels":
        levels = np.array([candidates.scores[rows, 0].mean() for rows in selection.groups.values()])
        if settings.levels:
            levels = np.array(settings.levels)
        nearest = np.abs(candidates.scores[:, :1] - levels).argmin(axis=1)
        return {name: np.flatnonzero(nearest == at) for at, name in enumerate(selection.groups)}
    return {}


def list_balance(selection: Selection) -> list[BalanceRow]:
    """Compare every two groups in every score and covariate; none where there is one group."""
    candidates = selection.candidates
    before = split_plainly(selection)
    columns = [
        *(
            ("score", name, candidates.scores[:, at])
            for at, name in enumerate(candidates.score_names)
        ),
        *(
            ("covariate", name, candidates.covariates[:, at])
            for at, name in enumerate(candidates.covariate_names)
        ),
    ]
    return [
        BalanceRow(
            name=name,
            kind=kind,
            first=first,
            second=second,
            before=_compared(values, before, first, second),
            after=_compared(values, selection.groups, first, second),
        )
        for kind, name, values in columns
        for first, second in combinations(selection.groups, 2)
    ]


def list_categories(selection: Selection) -> list[CategoryRow]:
    """Count every category of the columns that were to be equally frequent in all groups."""
    candidates, rows = selection.candidates, []
    before = split_plainly(selection)
    for at, column in enumerate(candidates.category_names):
        values = candidates.categories[:, at]
        for category in sorted(set(values.tolist())):
            is_it = values == category
            counts = [
                {name: int(is_it[places].sum()) for name, places in groups.items()}
                for groups in (before, selection.groups)
            ]
            differences = [
                _largest_difference(each, groups)
                for each, groups in zip(counts, (before, selection.groups), strict=True)
            ]
            rows.append(
                CategoryRow(
                    column=column,
                    category=str(category),
                    before=counts[0],
                    after=counts[1],
                    difference_before=differences[0],
                    difference_after=differences[1],
                )
            )
    return rows


def list_spread(selection: Selection) -> list[SpreadRow]:
    """Correlate every covariate with the score (Pearson), of all candidates and of the chosen."""
    candidates = selection.candidates
    chosen = np.concatenate(list(selection.groups.values()))
    score = _one_score(candidates)
    return [
        SpreadRow(
            name=name,
            before=_correlation(score, candidates.covariates[:, at]),
            after=_correlation(score[chosen], candidates.covariates[chosen, at]),
        )
        for at, name in enumerate(candidates.covariate_names)
    ]


def largest(rows: list[BalanceRow], when: str) -> float:
    """Return the largest standardised difference of a covariate, ``when`` "before" or "after".

    Without its sign; NaN where nothing was compared.
    """
    parts = [getattr(row, when) for row in rows if row.kind == "covariate"]
    values = [abs(part.difference) for part in parts if part is not None]
    return max(values, default=math.nan)


def distances_in_pairs(selection: Selection) -> dict[str, float]:
    """Return for each covariate how far two pictures of a pair are apart at most, in SDs.

    The SD is that of the candidates; empty where pictures were not chosen in pairs.
    """
    if selection.settings.kind != "pairs":
        return {}
    candidates = selection.candidates
    high, low = (candidates.covariates[selection.groups[name]] for name in ("high", "low"))
    sds = candidates.covariates.std(axis=0, ddof=1)
    apart = np.abs(high - low).max(axis=0) / np.where(sds > 0, sds, 1.0)
    return dict(zip(candidates.covariate_names, apart.tolist(), strict=True))


def _one_score(candidates: Candidates) -> Array:
    sds = candidates.scores.std(axis=0)
    centred = candidates.scores - candidates.scores.mean(axis=0)
    mean: Array = (centred / np.where(sds > 0, sds, 1.0)).mean(axis=1)
    return mean


def _compared(
    values: Array, groups: Mapping[str, AnyArray], first: str, second: str
) -> Balance | None:
    if first not in groups or min(len(groups[first]), len(groups[second])) < 2:
        return None
    return balance(values[groups[first]], values[groups[second]])


def _largest_difference(counts: Mapping[str, int], groups: Mapping[str, AnyArray]) -> float:
    shares = [counts[name] / len(places) for name, places in groups.items() if len(places)]
    pairs = combinations(shares, 2)
    return max((abs(difference_of_shares(p, q)) for p, q in pairs), default=math.nan)


def _correlation(x: Array, y: Array) -> float:
    if len(x) < 2 or not x.std() or not y.std():
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])
