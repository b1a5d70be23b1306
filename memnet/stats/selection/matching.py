"""What is asked of a choice of pictures, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from memnet.util.arrays import AnyArray, Array

SLACK = 1e-9
"""By how much sums of floating-point numbers may miss a limit."""


@dataclass(frozen=True, kw_only=True)
class Matching:
    """What groups must be alike in.

    Attributes
    ----------
    covariates : float64 ``(N, C)``, in standard deviations of the candidates; C may be 0.
    tolerances : ``(C,)``, how far apart they may be, in the same unit, 0 or more.
    categories : whole numbers ``(N, E)``: the category of each picture in each exact column; E may
        be 0.
    """

    covariates: Array
    tolerances: Array
    categories: AnyArray

    @staticmethod
    def nothing(n: int) -> Matching:
        """Return the matching of ``n`` pictures that asks for nothing."""
        return Matching(
            covariates=np.zeros((n, 0)), tolerances=np.zeros(0), categories=np.zeros((n, 0), int)
        )

    def without(self, place: int) -> Matching:
        """Leave out one covariate, or (counted on after the covariates) one exact column."""
        c = self.covariates.shape[1]
        if place < c:
            return replace(
                self,
                covariates=np.delete(self.covariates, place, axis=1),
                tolerances=np.delete(self.tolerances, place),
            )
        return replace(self, categories=np.delete(self.categories, place - c, axis=1))

    def __len__(self) -> int:
        """Return how many covariates and exact columns there are."""
        return int(self.covariates.shape[1] + self.categories.shape[1])


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Pictures that were chosen.

    Attributes
    ----------
    groups : places of each group's pictures among the candidates, sorted; of pairs, in the order of
        the pairs.
    objective : what was reached, the larger the better.
    bound : what no choice can exceed. Equal to ``objective``: there is no better choice.
    """

    groups: tuple[AnyArray, ...]
    objective: float
    bound: float


class CannotBe(Exception):  # noqa: N818 (not an error of the program: an answer)
    """No choice fulfils what was asked for.

    Attributes
    ----------
    binding : covariates (0 to C - 1) and exact columns (C to C + E - 1) each of which alone, left
        out, makes it possible. Empty where none alone does.
    most : the largest possible k below the one asked for; 0 where there is none. (Of many thousand
        candidates, the largest that was found in seconds.)
    proved : whether no k between ``most`` and the one asked for is possible. Where not, the time
        was up, or larger k could not be ruled out.
    all_tried : whether each covariate and exact column that is not in ``binding`` is proved not to
        make it possible.
    more : the smallest possible k above the one asked for; 0 where there is none. (Few pictures are
        sometimes harder to match than many.)
    """

    def __init__(
        self,
        binding: list[int],
        most: int,
        more: int = 0,
        *,
        proved: bool = True,
        all_tried: bool = True,
    ) -> None:
        super().__init__(f"no choice is possible; binding {binding}, most {most}, more {more}")
        self.binding = binding
        self.most = most
        self.more = more
        self.proved = proved
        self.all_tried = all_tried


def tightened(groups: tuple[AnyArray, ...], matching: Matching, tolerances: Array) -> Array | None:
    """Return the tolerances to solve again with, or None where the groups keep what is promised.

    Promised is that any two groups' means differ by at most the tolerance times the candidates'
    standard deviation, and times the two groups' pooled one (the root of their mean variance,
    n - 1), as the standardised difference is reported (Austin 2009). The second is no linear
    condition, so it is held by asking for more of the first.
    """
    k = min(len(group) for group in groups)
    following, kept = tolerances.copy(), True
    for c, tolerance in enumerate(matching.tolerances):
        for a, b in combinations(groups, 2):
            x, y = matching.covariates[a, c], matching.covariates[b, c]
            apart = abs(x.mean() - y.mean())
            pooled = np.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2) if k > 1 else 1.0
            limit = tolerance * min(1.0, pooled)
            if apart > limit + SLACK:
                kept = False
                less = limit - 1e-5 / k if pooled >= 1 else 0.99 * limit
                following[c] = max(min(following[c], less), 0.0)
    return None if kept else following
