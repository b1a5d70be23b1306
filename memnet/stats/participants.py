"""How reliable labels are where single participants are known, and what follows for a model.

People differ: some say "old" more often than others. Where the same people saw all pictures, that
is shared by all labels, and so cancels when pictures are compared. Halves of the *answers*, which
part one person's answers by chance (:func:`memnet.stats.reliability.from_counts`), take it for
noise, and put reliability and ceiling too low; halves of the *people* do not. They also work for
labels that are no shares of answers: corrected hit rates, d'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse, stats

from memnet.stats.bootstrap import Interval
from memnet.stats.metrics import spearman
from memnet.stats.metrics.spearman import spearman_rows
from memnet.stats.recognition import (
    ANSWERS_DO_NOT_VARY,
    Answers,
    Halves,
    Sums,
    deal_participants,
    measure_halves,
)
from memnet.stats.reliability import (
    ALMOST_ONE,
    HALVES,
    MOST_RESAMPLES,
    Reliability,
    ceiling,
    estimates,
    spearman_brown,
)
from memnet.stats.resampling import Draws, Workers, groups_of
from memnet.util.arrays import Array

LEAST_PARTICIPANTS = 4
"""Fewer say nothing of how far people agree: two or three can be halved in hardly any way."""

_JACKKNIFE_GROUPS = 20

Measure = Callable[[Sums], Array]


def from_participants(
    answers: Answers, measure: Measure, truth: Array, draws: Draws
) -> Reliability:
    """Estimate the reliability of labels from halves of their participants.

    Parameters
    ----------
    answers : of P participants to the N pictures, in the order of ``truth``.
    measure : of which ``truth`` are the values, see :data:`memnet.stats.recognition.MEASURES`.
    truth : float64 ``(N,)``.
    draws : which pictures each resample draws; at most the first 2,000 are used.
    """
    if not answers.vary:
        return Reliability("unknown", {}, {}, reason=ANSWERS_DO_NOT_VARY)
    if answers.shape[0] < LEAST_PARTICIPANTS:
        reason = f"there are {answers.shape[0]} participant(s), and halves need four or more"
        return Reliability("unknown", {}, {}, reason=reason)
    generator = np.random.default_rng([draws.seed, 3])
    dealt = deal_participants(answers.shape[0], HALVES, generator)
    halves = measure_halves(answers, measure, dealt)
    if halves.fewest < 2:
        reason = "hardly any picture has answers in both halves of the participants"
        return Reliability("unknown", {}, {}, reason=reason)
    rho, r = (each.mean() for each in halves.correlate())
    first = replace(draws, resamples=min(draws.resamples, MOST_RESAMPLES))
    rhos, rs = _resampled(halves, first)
    spread = float(truth.var(ddof=1)) if len(truth) > 1 else np.nan
    linear, linears = spearman_brown(r), spearman_brown(rs)
    values = estimates(rho, linear, (1 - linear) * spread)
    return Reliability(
        "participants",
        {name: float(value) for name, value in values.items()},
        estimates(rhos, linears, (1 - linears) * spread),
        draws=draws,
        people=_people(answers, measure, dealt, draws.seed),
        participants=answers.shape[0],
    )


def _resampled(halves: Halves, draws: Draws) -> tuple[Array, Array]:
    """Mean rho and r of the halves on each resample of the pictures, each ``(B,)``."""
    rhos, rs = np.zeros(draws.resamples), np.zeros(draws.resamples)
    groups = [(groups_of(a)[1], groups_of(b)[1]) for a, b in zip(halves.a, halves.b, strict=True)]
    with Workers() as workers:
        for rows, counts in draws.chunks():
            rho = np.empty(len(counts))
            pairs = zip(halves.a, halves.b, halves.both, groups, strict=True)
            for a, b, both, (of_a, of_b) in pairs:
                here = counts if both.all() else np.where(both, counts, 0).astype(counts.dtype)
                workers.rows(spearman_rows, len(counts), here, of_a, of_b, rho)
                rhos[rows] += rho / HALVES
                rs[rows] += _weighted_pearson(here.astype(np.float64), a, b) / HALVES
    return rhos, rs


def _weighted_pearson(weights: Array, a: Array, b: Array) -> Array:
    a, b = a - a.mean(), b - b.mean()
    means = weights @ np.stack([a, b, a * a, b * b, a * b], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        means /= weights.sum(axis=1, keepdims=True)
        x, y, xx, yy, xy = means.T
        r: Array = (xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y))
    return r


def _people(answers: Answers, measure: Measure, dealt: Array, seed: int) -> dict[str, float]:
    """SD of the ceilings' Fisher z over participants, see :func:`variance_over_participants`."""

    def ceilings(some: Answers, weights: Array) -> Array:
        halves = measure_halves(some, measure, dealt * weights)
        if halves.fewest < 2:
            return np.full(2, np.nan)
        tops = ceiling(spearman_brown(np.mean(halves.correlate(), axis=1)))
        z: Array = np.arctanh(np.minimum(tops, ALMOST_ONE))
        return z

    sd = np.sqrt(variance_over_participants(answers, ceilings, seed))
    names = ("spearman", "pearson")
    return {name: float(each) for name, each in zip(names, sd, strict=True) if np.isfinite(each)}


def variance_over_participants(
    answers: Answers, statistic: Callable[[Answers, Array], Array], seed: int
) -> Array:
    """Variance of a statistic over participants, beyond that over single answers; 0 or more.

    To resample pictures shows the variance that comes from pictures and from single answers, to
    leave out participants that from participants and from single answers. What both show is counted
    once: variance over pictures + variance over participants - variance over answers (Cameron,
    Gelbach & Miller 2011, Journal of Business & Economic Statistics 29, 238-249). Returned are the
    last two, by a jackknife of up to 20 groups each: of participants, and of participants' answers
    to a picture.

    Parameters
    ----------
    answers : of P participants.
    statistic : of answers and of weights of their participants, ``(P,)``; float64 ``(K,)``.
    seed : of the groups.
    """
    return _difference_of_jackknives(*_without_groups(answers, statistic, seed))


def _without_groups(
    answers: Answers, statistic: Callable[[Answers, Array], Array], seed: int
) -> tuple[list[Array], list[Array]]:
    """Compute a statistic without each group of participants, and without each of answers."""
    people, cells = answers.shape[0], (answers.tables["n_old"] + answers.tables["n_new"]).tocoo()
    generator = np.random.default_rng([seed, 6])
    of_people = generator.permutation(people) % min(_JACKKNIFE_GROUPS, people)
    of_cells = generator.permutation(cells.nnz) % min(_JACKKNIFE_GROUPS, cells.nnz)

    def without(group: int) -> Answers:
        rest = of_cells != group
        ones = np.ones(int(rest.sum()))
        kept = sparse.coo_array((ones, (cells.row[rest], cells.col[rest])), shape=answers.shape)
        return answers.only(sparse.csr_array(kept))

    everybody = np.ones(people)
    over_people = [
        statistic(answers, (of_people != group).astype(np.float64))
        for group in range(int(of_people.max()) + 1)
    ]
    over_cells = [statistic(without(group), everybody) for group in range(int(of_cells.max()) + 1)]
    return over_people, over_cells


def _difference_of_jackknives(over_people: Sequence[Array], over_cells: Sequence[Array]) -> Array:
    return np.maximum(_jackknife(over_people) - _jackknife(over_cells), 0.0)


def _jackknife(values: Sequence[Array]) -> Array:
    """Variance of a statistic from its values without one group each."""
    each = np.array(values)
    variance: Array = (len(each) - 1) * ((each - each.mean(axis=0)) ** 2).mean(axis=0)
    return variance


def over_participants(
    answers: Answers,
    measure: Measure,
    truth: Array,
    predictions: Mapping[str, Array],
    resampled: Mapping[str, Array],
    draws: Draws,
    *,
    level: float,
) -> dict[str, Interval]:
    """Intervals of rho between labels and predictions for other pictures *and* other participants.

    The interval of :mod:`memnet.stats.bootstrap` is about other pictures seen by the same people.
    This is ``tanh(atanh(rho) +- t sd)``, with the variance of Fisher's z over resamples of the
    pictures, and that over participants (:func:`variance_over_participants`), and Student's t of
    one less than the participants or pictures, whichever are fewer.

    Parameters
    ----------
    answers : of P participants to the N pictures, in the order of ``truth``.
    measure : of which ``truth`` are the values, see :data:`memnet.stats.recognition.MEASURES`.
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    resampled : model -> its rho on each resample of the pictures, ``(B,)``; at most the first 2,000
        are used.
    draws : those resamples; their seed is that of the groups of participants, too.
    level : coverage of the intervals.

    Returns
    -------
    dict
        model -> :class:`~memnet.stats.bootstrap.Interval`.
    """

    def labels(some: Answers, weights: Array) -> Array:
        return measure(some.sums(weights))

    without = _without_groups(answers, labels, draws.seed)  # once, whatever the number of models
    return {
        model: _over_participants(
            spearman(truth, prediction),
            prediction,
            resampled[model],
            draws,
            without,
            answers.shape[0],
            level,
        )
        for model, prediction in predictions.items()
    }


def _over_participants(
    rho: float,
    prediction: Array,
    resampled: Array,
    draws: Draws,
    without: tuple[list[Array], list[Array]],
    participants: int,
    level: float,
) -> Interval:
    """Compute the interval of one model, of the labels ``without`` each group."""
    if not np.isfinite(rho):
        return Interval(None, None, "rho is undefined")
    drawn = resampled[:MOST_RESAMPLES]
    over_pictures = _fisher_z(drawn[np.isfinite(drawn)])
    if len(over_pictures) < 0.99 * len(drawn) or len(over_pictures) < 2:
        return Interval(None, None, "undefined in more than 1 % of the resamples")

    def z_of(labels: Array) -> Array:
        there = np.isfinite(labels)
        value = spearman(labels[there], prediction[there]) if there.sum() > 1 else np.nan
        return _fisher_z(np.array([value]))

    people = float(_difference_of_jackknives(*(list(map(z_of, each)) for each in without))[0])
    if not np.isfinite(people):
        return Interval(None, None, "undefined where some participants are left out")
    n = draws.n
    freedom = draws.freedom if draws.kind == "strata" else n - 1
    if freedom < 1:
        return Interval(None, None, "no picture has another in its stratum")
    sd = np.sqrt(np.var(over_pictures, ddof=1) * ((n - 1) / freedom) + people)
    half = float(sd * stats.t.ppf((1 + level) / 2, min(participants - 1, freedom)))
    middle = float(_fisher_z(np.array([rho]))[0])
    return Interval(float(np.tanh(middle - half)), float(np.tanh(middle + half)), "")


def _fisher_z(correlations: Array) -> Array:
    z: Array = np.arctanh(np.clip(correlations, -ALMOST_ONE, ALMOST_ONE))
    return z
