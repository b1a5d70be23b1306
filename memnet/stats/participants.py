"""How reliable labels are where single participants are known, and what follows for a model.

People differ: some say "old" more often than others. Where the same people saw all pictures, that
is shared by all labels, and so cancels when pictures are compared. Halves of the *answers*, which
part one person's answers by chance (:func:`memnet.stats.reliability.from_counts`), take it for
noise, and put reliability and ceiling too low; halves of the *people* do not. They also work for
labels that are no shares of answers: corrected hit rates, d'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from memnet.stats.bootstrap import Interval
from memnet.stats.metrics import spearman
from memnet.stats.metrics.spearman import spearman_rows
from memnet.stats.recognition import Answers, Halves, Sums, deal_participants
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
    if answers.shape[0] < 4:
        reason = f"there are {answers.shape[0]} participant(s), and halves need four or more"
        return Reliability("unknown", {}, {}, reason=reason)
    generator = np.random.default_rng([draws.seed, 3])
    halves = deal_participants(
        answers, measure, generator, np.arange(answers.shape[0]), halves=HALVES
    )
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
        units=len(truth) if draws.clusters is None else int(draws.clusters.max()) + 1,
        people=_jackknife(answers, measure, draws.seed),
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


def _jackknife(answers: Answers, measure: Measure, seed: int) -> dict[str, float]:
    """SD of the ceilings' Fisher z over participants: groups of them are left out in turn."""
    people = np.random.default_rng([seed, 6]).permutation(answers.shape[0])
    groups = np.array_split(people, min(_JACKKNIFE_GROUPS, len(people)))
    z = []
    for group in groups:
        rest = np.setdiff1d(people, group)
        generator = np.random.default_rng([seed, 3])
        halves = deal_participants(answers, measure, generator, rest, halves=HALVES)
        if halves.fewest < 2:
            return {}
        tops = ceiling(spearman_brown(np.mean(halves.correlate(), axis=1)))
        z.append(np.arctanh(np.minimum(tops, ALMOST_ONE)))
    values = np.array(z)
    factor = (len(groups) - 1) / len(groups)
    sd = np.sqrt(factor * ((values - values.mean(axis=0)) ** 2).sum(axis=0))
    names = ("spearman", "pearson")
    return {name: float(each) for name, each in zip(names, sd, strict=True) if np.isfinite(each)}


def over_participants(
    answers: Answers,
    measure: Measure,
    truth: Array,
    prediction: Array,
    draws: Draws,
    level: float,
) -> Interval:
    """Interval of rho between labels and predictions for other pictures *and* other participants.

    The interval of :mod:`memnet.stats.bootstrap` is about other pictures seen by the same people.
    Here each resample draws people as well, and makes their labels anew; the interval is
    ``tanh(atanh(rho) +- t sd)``, with the SD of Fisher's z over the resamples (their mean is lower
    than rho, since labels of people drawn twice are noisier) and Student's t of one less than the
    participants or pictures, whichever are fewer.
    """
    rho = spearman(truth, prediction)
    if not np.isfinite(rho):
        return Interval(None, None, "rho is undefined")
    first = replace(draws, resamples=min(draws.resamples, MOST_RESAMPLES))
    generator = np.random.default_rng([draws.seed, 5])
    people = answers.shape[0]
    values = []
    for _, counts in first.chunks():
        drawn = generator.multinomial(people, np.full(people, 1 / people), size=len(counts))
        labels = measure(answers.sums(drawn))
        for row, label in zip(counts, labels, strict=True):
            there = np.repeat(np.arange(len(row)), np.where(np.isfinite(label), row, 0))
            values.append(spearman(label[there], prediction[there]) if len(there) > 1 else np.nan)
    z = np.arctanh(
        np.clip([value for value in values if np.isfinite(value)], -ALMOST_ONE, ALMOST_ONE)
    )
    if len(z) < 0.99 * len(values) or len(z) < 2:
        return Interval(None, None, "undefined in more than 1 % of the resamples")
    dof = min(people, len(truth)) - 1
    half = float(stats.t.ppf((1 + level) / 2, dof) * np.std(z, ddof=1))
    middle = float(np.arctanh(np.clip(rho, -ALMOST_ONE, ALMOST_ONE)))
    return Interval(float(np.tanh(middle - half)), float(np.tanh(middle + half)), "")
