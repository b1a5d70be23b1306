"""A spread improved by exchanging single pictures.

The integer programme limits correlations only nearly, and can miss choices that keep to the limits.
Here a chosen picture is exchanged for one that was not, as long as that makes the correlations keep
to their limits or, then, the scores nearer to those aimed at; from the choices that are given, and
from random ones.
"""

from __future__ import annotations

import numpy as np

from memnet.stats.selection.matching import SLACK, Matching
from memnet.util.arrays import AnyArray, Array

_NEAR = 50
"""So many pictures near each score aimed at may come in."""

_THOROUGH, _STARTS = 60, 200
"""Searches from different beginnings; those after the first are made only until there is one."""

_LOOKED_AT = 100_000_000
"""Exchanges looked at, times covariates, over all searches: some ten seconds."""

_PRICES = (0.3, 1.0, 3.0, 10.0, 100.0, 1e4)
"""What a correlation above its limit costs, against distances, from search to search."""


def excess(score: Array, matching: Matching, chosen: AnyArray) -> Array:
    """Return by how much each covariate's correlation with the score is above its tolerance.

    Measured in sums of products, so that it is defined where all chosen are equal, too; negative or
    0 (but for rounding) where the limit is kept. Two pictures have no correlation to speak of.
    """
    if len(chosen) < 3:
        return np.zeros(len(matching.tolerances))
    x = matching.covariates[chosen] - matching.covariates[chosen].mean(axis=0)
    y = score[chosen] - score[chosen].mean()
    above: Array = np.abs(x.T @ y) - matching.tolerances * np.sqrt((x**2).sum(axis=0) * (y @ y))
    return above


def exchange(
    score: Array, aims: Array, matching: Matching, starts: list[AnyArray], *, seed: int
) -> AnyArray | None:
    """Return the best choice that keeps to all limits, of those that exchanges lead to.

    Parameters
    ----------
    score : ``(N,)``.
    aims : ``(k,)``, ascending: the scores aimed at.
    matching : the largest size of each covariate's correlation with the score.
    starts : choices of k places to begin with.
    seed : of the random choices that come after them.

    Returns
    -------
    int array ``(k,)``
        sorted; None where none was found, which does not say that there is none.
    """
    random, size = np.random.default_rng(seed), float(score.std()) or 1.0
    search = _Search(score / size, aims / size, matching)
    best, least = None, np.inf
    for start in range(_STARTS):
        chosen = starts[start] if start < len(starts) else search.draw(random)
        # Low prices lead to near choices, high ones alone to rare choices that keep to the limits.
        for price in _PRICES[0 if start < len(starts) else 3 + start % 3 :]:
            chosen = search.descend(chosen, price)
        distance = search.distance(chosen)
        if distance < least - 1e-12 and (excess(score / size, matching, chosen) <= SLACK).all():
            best, least = np.sort(chosen), distance
        if search.looked_at > _LOOKED_AT or (best is not None and start >= _THOROUGH):
            break
    return best


class _Search:
    def __init__(self, score: Array, aims: Array, matching: Matching) -> None:
        self.y, self.aims = score - score.mean(), aims - score.mean()
        self.tolerances = matching.tolerances
        self.x = matching.covariates - matching.covariates.mean(axis=0)
        self.looked_at = 0
        apart = np.abs(self.y - self.aims[:, None])
        # Of those near, k may be chosen already.
        self.near = np.argsort(apart, axis=1, kind="stable")[:, : _NEAR + len(aims)]

    def distance(self, chosen: AnyArray) -> float:
        return float(np.abs(np.sort(self.y[chosen]) - self.aims).sum())

    def draw(self, random: np.random.Generator) -> AnyArray:
        """Draw a picture near each score aimed at."""
        chosen: list[int] = []
        for near in self.near:
            free = [place for place in near.tolist() if place not in chosen]
            chosen.append(free[int(random.integers(len(free)))])
        return np.array(chosen)

    def descend(self, chosen: AnyArray, price: float) -> AnyArray:
        """Make the best exchange until none is better."""
        k = len(chosen)
        while True:
            chosen = chosen[np.argsort(self.y[chosen], kind="stable")]
            here = np.abs(self.y[chosen] - self.aims)
            # The first of the rows is no exchange: each picture for itself.
            coming = np.c_[chosen, self.near]
            now = here.sum() - here[:, None] + np.abs(self.y[coming] - self.aims[:, None])
            now += price * self._above(chosen, coming) / k
            taken = np.zeros(len(self.y), bool)
            taken[chosen] = True
            now[:, 1:][taken[self.near]] = np.inf
            self.looked_at += coming.size * max(self.x.shape[1], 1)
            place = int(np.argmin(now))
            if now.flat[place] >= now[0, 0] - 1e-9 * (1 + now[0, 0]):
                return chosen
            chosen[place // coming.shape[1]] = coming.flat[place]

    def _above(self, chosen: AnyArray, coming: AnyArray) -> Array:
        """By how much correlations are above their limits, for each exchange."""
        k = len(chosen)
        x, y = self.x[coming], self.y[coming]

        def sums(of_all: Array, of_coming: Array) -> Array:
            total: Array = of_all.sum(axis=0) - of_all[:, None] + of_coming
            return total

        own_x, own_y = self.x[chosen], self.y[chosen]
        sum_x, sum_y = sums(own_x, x), sums(own_y, y)[..., None]
        product = sums(own_x * own_y[:, None], x * y[..., None]) - sum_x * sum_y / k
        of_x = np.maximum(sums(own_x**2, x**2) - sum_x**2 / k, 0)
        of_y = np.maximum(sums(own_y**2, y**2)[..., None] - sum_y**2 / k, 0)
        limit = self.tolerances * np.sqrt(of_x * of_y)
        above: Array = np.maximum(np.abs(product) - limit - SLACK / 2, 0).sum(axis=-1)
        return above
