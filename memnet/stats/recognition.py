"""Recognition memory by picture: hit rates, false alarms, d' and A', and their reliability.

Of N pictures and P participants four tables of counts are kept (:class:`Answers`). Every measure
is a function of four numbers of a picture, summed over any of the participants, so that halves of
them and resamples of them are sums with other weights.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import ndtri

from memnet.stats.metrics.spearman import standard_ranks
from memnet.stats.reliability import spearman_brown
from memnet.util.arrays import Array

COUNTS = ("hits", "n_old", "false_alarms", "n_new")

HALVES = 1_000
"""Random halves of the participants."""

ANSWERS_DO_NOT_VARY = "the answers do not vary"

_AT_ONCE = 50  # halves whose values are in memory


@dataclass(frozen=True)
class Sums:
    """Answers to each picture, summed over participants: float64 ``(..., N)`` each."""

    hits: Array
    n_old: Array
    false_alarms: Array
    n_new: Array


def hit_rate(sums: Sums) -> Array:
    """Share of the old pictures that were called old."""
    return _share(sums.hits, sums.n_old)


def false_alarm_rate(sums: Sums) -> Array:
    """Share of the new pictures that were called old."""
    return _share(sums.false_alarms, sums.n_new)


def corrected(sums: Sums) -> Array:
    """Hit rate minus false-alarm rate."""
    return hit_rate(sums) - false_alarm_rate(sums)


def d_prime(sums: Sums) -> Array:
    """Difference of the two rates' normal quantiles, with Hautus's (1995) log-linear correction.

    Half an answer is added to hits and false alarms and one to both numbers of trials, so that a
    rate of 0 or 1 has a quantile: Hautus, Behavior Research Methods 27, 46-51.

    Examples
    --------
    >>> sums = Sums(np.array([20.0]), np.array([25.0]), np.array([10.0]), np.array([25.0]))
    >>> d_prime(sums).round(3).tolist()
    [1.044]
    """
    h = _share(sums.hits + 0.5, np.where(sums.n_old > 0, sums.n_old + 1, 0))
    f = _share(sums.false_alarms + 0.5, np.where(sums.n_new > 0, sums.n_new + 1, 0))
    quantiles: Array = ndtri(h) - ndtri(f)
    return quantiles


def a_prime(sums: Sums) -> Array:
    """Area under an average of the possible ROC curves: Pollack and Norman (1964).

    As Snodgrass and Corwin (1988), Journal of Experimental Psychology: General 117, 34-50, compute
    it, on both sides of chance.

    Examples
    --------
    >>> sums = Sums(np.array([20.0]), np.array([25.0]), np.array([10.0]), np.array([25.0]))
    >>> a_prime(sums).round(4).tolist()
    [0.7917]
    """
    h, f = hit_rate(sums), false_alarm_rate(sums)
    high, low = np.maximum(h, f), np.minimum(h, f)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = (high - low) * (1 + high - low) / (4 * high * (1 - low))
    above = np.where(high == low, 0.0, above)
    area: Array = np.where(h >= f, 0.5 + above, 0.5 - above)
    return np.where(np.isnan(h) | np.isnan(f), np.nan, area)


def _share(part: Array, whole: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


MEASURES: dict[str, Callable[[Sums], Array]] = {
    "hit_rate": hit_rate,
    "false_alarm_rate": false_alarm_rate,
    "corrected": corrected,
    "d_prime": d_prime,
    "a_prime": a_prime,
}
"""Name -> function of :class:`Sums`; NaN where a picture lacks the answers."""


class Answers:
    """What P participants answered to N pictures.

    Parameters
    ----------
    who, what : int ``(T,)``, participant and picture of each trial.
    old, yes : bool ``(T,)``, whether the picture was old, and was called old.
    shape : (P, N).
    """

    def __init__(self, who: Any, what: Any, old: Any, yes: Any, shape: tuple[int, int]) -> None:
        self.shape = shape
        values = {"hits": old & yes, "n_old": old, "false_alarms": ~old & yes, "n_new": ~old}
        self.tables = {
            name: sparse.csr_array(
                sparse.coo_array((there.astype(np.float64), (who, what)), shape=shape)
            )
            for name, there in values.items()
        }

    def only(self, cells: Any) -> Answers:
        """Keep some: ``cells``, sparse ``(P, N)``, is 1 where answers to a picture are kept."""
        kept = copy(self)
        kept.tables = {name: sparse.csr_array(table * cells) for name, table in self.tables.items()}
        return kept

    @property
    def vary(self) -> bool:
        """Whether old pictures got both answers, or new ones did.

        Where neither did, d' still differs from picture to picture, by its correction: by how
        often each was shown, not by what anybody remembered.
        """
        totals = {name: float(table.sum()) for name, table in self.tables.items()}
        return 0 < totals["hits"] < totals["n_old"] or 0 < totals["false_alarms"] < totals["n_new"]

    def sums(self, weights: Any = None) -> Sums:
        """Sum over participants, each as often as its weight: ``(P,)`` or ``(B, P)``; all once."""
        weights = np.ones(self.shape[0]) if weights is None else np.asarray(weights, np.float64)
        return Sums(*(np.asarray(weights @ self.tables[name]) for name in COUNTS))


@dataclass(frozen=True)
class Halves:
    """Values of a measure in both halves of the participants, for H random halvings.

    Attributes
    ----------
    a, b : float64 ``(H, N)``, of the N pictures; 0 where either is undefined.
    both : bool ``(H, N)``, where both are defined.
    """

    a: Array
    b: Array
    both: Any

    @property
    def fewest(self) -> int:
        """Fewest pictures that both halves have a value for."""
        return int(self.both.sum(axis=1).min())

    def correlate(self) -> tuple[Array, Array]:
        """Spearman's rho and Pearson's r of each halving, ``(H,)`` each; NaN where undefined."""
        if self.both.all():
            return _correlated(self.a, self.b)
        rows = [
            _correlated(a[both], b[both])
            for a, b, both in zip(self.a, self.b, self.both, strict=True)
        ]
        rho, r = np.array(rows).T
        return rho, r


def _correlated(a: Array, b: Array) -> tuple[Array, Array]:
    """Rho and r over the last axis, as of SciPy's ``spearmanr`` and ``pearsonr``."""
    if a.shape[-1] < 2:
        return np.full(a.shape[:-1], np.nan), np.full(a.shape[:-1], np.nan)
    constant = (np.ptp(a, axis=-1) == 0) | (np.ptp(b, axis=-1) == 0)
    rho = (standard_ranks(a) * standard_ranks(b)).sum(axis=-1)
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in (a, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    rho, r = (np.where(constant, np.nan, np.clip(values, -1, 1)) for values in (rho, r))
    return rho, r


def deal_participants(participants: int, halves: int, generator: np.random.Generator) -> Array:
    """Deal participants into random halves, float64 ``(halves, 2, P)``: 1 for who is in which.

    Of an odd number one is left out of each halving.

    Examples
    --------
    >>> deal_participants(5, 1, np.random.default_rng(0)).astype(int).tolist()
    [[[0, 0, 1, 0, 1], [1, 0, 0, 1, 0]]]
    """
    size = participants // 2
    dealt = np.zeros((halves, 2, participants))
    for first, second in dealt:
        order = generator.permutation(participants)
        first[order[:size]] = second[order[size : 2 * size]] = 1
    return dealt


def measure_halves(answers: Answers, measure: Callable[[Sums], Array], dealt: Array) -> Halves:
    """Compute a measure of both halves of each halving of :func:`deal_participants`."""
    values = measure(answers.sums(dealt.reshape(-1, dealt.shape[-1])))
    a, b = values.reshape(len(dealt), 2, -1).transpose(1, 0, 2)
    both = np.isfinite(a) & np.isfinite(b)
    return Halves(np.where(both, a, 0.0), np.where(both, b, 0.0), both)


@dataclass(frozen=True, kw_only=True)
class SplitHalf:
    """How far two halves of the participants agree on the pictures.

    Attributes
    ----------
    spearman, pearson : mean correlation over the halves; NaN where undefined.
    spearman_brown, pearson_brown : of the whole sample, ``2 r / (1 + r)``.
    sd : of rho over the halves: how much one halving says.
    halves : how many were drawn.
    pictures : fewest pictures that both halves had answers for.
    reason : why the correlation is undefined; "" where it is not.
    """

    spearman: float
    pearson: float
    spearman_brown: float
    pearson_brown: float
    sd: float
    halves: int
    pictures: int
    reason: str = ""

    @property
    def by_chance(self) -> float:
        """What rho exceeds in one of 20 samples if the pictures do not differ at all.

        This is the normal bound of one halving, ``1.645 / sqrt(pictures - 1)``; the mean of many
        exceeds it less often.
        """
        return float(ndtri(0.95) / np.sqrt(self.pictures - 1)) if self.pictures > 1 else np.nan


def split_half(
    answers: Answers, measure: Callable[[Sums], Array], *, halves: int = HALVES, seed: int = 0
) -> SplitHalf:
    """Correlate a measure between random halves of the participants, picture by picture.

    Halves of the *participants*, not of the answers: people differ in how often they say yes, and
    where all see the same pictures, that is shared by the answers to all of them.

    Parameters
    ----------
    measure : of :data:`MEASURES`.
    halves : how many random halvings; with an odd number of participants one is left out of each.
    seed : of ``numpy.random.default_rng``.

    Examples
    --------
    >>> random = np.random.default_rng(0)
    >>> yes = random.random((20, 30)) < np.linspace(0.2, 0.9, 30)
    >>> who, what = np.indices((20, 30)).reshape(2, -1)
    >>> answers = Answers(who, what, np.ones(600, bool), yes.ravel(), (20, 30))
    >>> round(split_half(answers, hit_rate, halves=100).spearman, 2)
    0.67
    """
    generator = np.random.default_rng(seed)
    people = answers.shape[0]
    rho, r, fewest = np.empty(0), np.empty(0), answers.shape[1]
    reason = _why_undefined(answers)
    for first in range(0, 0 if reason else halves, _AT_ONCE):
        dealt = deal_participants(people, min(_AT_ONCE, halves - first), generator)
        measured = measure_halves(answers, measure, dealt)
        fewest = min(fewest, measured.fewest)
        now = measured.correlate()
        rho, r = np.append(rho, now[0]), np.append(r, now[1])
    undefined = not len(rho) or bool(np.isnan(rho).any())
    if undefined and not reason:
        few = "hardly any picture has answers in both halves of the participants"
        reason = few if fewest < 2 else "in some halving, all pictures have the same value"
    mean_rho, mean_r = (np.nan, np.nan) if undefined else (float(rho.mean()), float(r.mean()))
    return SplitHalf(
        spearman=mean_rho,
        pearson=mean_r,
        spearman_brown=float(spearman_brown(mean_rho)),
        pearson_brown=float(spearman_brown(mean_r)),
        sd=float(np.std(rho, ddof=1)) if len(rho) > 1 and not undefined else np.nan,
        halves=len(rho),
        pictures=fewest,
        reason=reason,
    )


def _why_undefined(answers: Answers) -> str:
    if answers.shape[0] < 2:
        return "one participant cannot be halved"
    return "" if answers.vary else ANSWERS_DO_NOT_VARY
