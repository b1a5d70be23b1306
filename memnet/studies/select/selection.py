"""Pictures chosen for a study: which, out of which, and how that was done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from memnet.util.arrays import AnyArray, Array


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """What can be chosen from: N pictures with all that the choice needs.

    Attributes
    ----------
    ids : of the pictures.
    score_names : the predictors' columns, one or more.
    scores : float64 ``(N, predictors)``, all finite.
    covariate_names : what groups are to be alike in.
    covariates : float64 ``(N, covariates)``, in their own units, all finite.
    category_names : columns whose categories are to be equally frequent in all groups.
    categories : text ``(N, columns)``.
    paths : of the pictures, "" where nobody knows.
    sha256 : of the files, "" where nobody knows.
    table : all columns of the tables, a row per picture in this order, for the result.
    notes : what was left out and why, one sentence each.
    identities : label of a model -> what decides its scores, from the sidecar of its table.
    left_out : id of a picture that cannot be chosen -> why.
    lacking : how many of these lack a score, a covariate, a category or their file.
    spreads : predictor -> SD, mean and number of all scores of the table, before rules.
    tables : of each table that was read: ``file``, ``sha256`` and ``rows``.
    """

    ids: list[str]
    score_names: list[str]
    scores: Array
    covariate_names: list[str]
    covariates: Array
    category_names: list[str]
    categories: AnyArray
    paths: list[str]
    sha256: list[str]
    table: pd.DataFrame = field(repr=False)
    notes: list[str] = field(default_factory=list)
    identities: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    lacking: int = 0
    spreads: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    tables: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class SelectSettings:
    """How pictures are chosen.

    Attributes
    ----------
    kind : ``"extremes"``, ``"levels"``, ``"spread"``, ``"pairs"`` or ``"split"``.
    k : pictures per group; pairs; pictures in all of a spread.
    tolerances : covariate -> how far groups' means (of pairs: two pictures) may be apart, in
        standard deviations of the candidates.
    levels : of the score, for ``levels``.
    sets : number of sets, for ``split``.
    seed : settles what is otherwise open.
    dataset : whose pictures these are, for contamination; "" where it was not said.
    """

    kind: str
    k: int
    tolerances: dict[str, float] = field(default_factory=dict)
    levels: tuple[float, ...] = ()
    sets: int = 2
    seed: int = 0
    dataset: str = ""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Pictures that were chosen.

    Attributes
    ----------
    candidates : what they were chosen from.
    settings : how.
    groups : name of a group -> places of its pictures among the candidates; of pairs, in the order
        of the pairs.
    objective, bound : what the choice reached, and what none can exceed; equal: it is the best.
    notes : what is to be known of the choice, one sentence each.
    balance : how alike the groups are: under ``groups``, ``categories`` and ``spread`` the rows of
        :mod:`memnet.studies.select.balance`.
    expected : by how much people's scores of the groups will differ, an
        :class:`memnet.studies.select.expected.Expectation`.
    command, created : what was run, and when.
    options : what was asked for, as JSON holds it.
    """

    candidates: Candidates
    settings: SelectSettings
    groups: dict[str, AnyArray]
    objective: float
    bound: float
    notes: list[str] = field(default_factory=list)
    balance: Any = None
    expected: Any = None
    command: str = "memnet.select(...)"
    created: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, list[str]]:
        """Name of a group -> ids of its pictures."""
        return {
            name: [self.candidates.ids[place] for place in places.tolist()]
            for name, places in self.groups.items()
        }

    def __str__(self) -> str:
        return "\n".join(describe_groups(self))


def describe_groups(selection: Selection) -> list[str]:
    """Say which groups were chosen, and their scores."""
    candidates = selection.candidates
    lines = []
    for name, places in selection.groups.items():
        means = ", ".join(
            f"mean {column} {candidates.scores[places, at].mean():.3f} "
            f"({candidates.scores[places, at].min():.3f} to "
            f"{candidates.scores[places, at].max():.3f})"
            for at, column in enumerate(candidates.score_names)
        )
        lines.append(f"{name}: {len(places):,} pictures, {means}")
    return lines
