"""How reliable the human scores are, and how well anything could predict them.

A label is a share of people, so it repeats itself only so far. Its reliability is estimated from
the counts; a predictor that knew every picture's true hit rate would correlate with the labels by
the square root of it (the ceiling), and a correlation divided by the ceiling is *disattenuated*:
what it would be with labels without noise (Spearman 1904). Two estimates are made, each for the
correlation it belongs to:

- for rho: split halves. Each picture's responses are dealt into two halves (without replacement:
  hits in a half are hypergeometric), the halves' hit rates are rank-correlated over pictures,
  averaged over many splits, and stepped up to full length by Spearman-Brown, ``2 r / (1 + r)``;
- for r: one minus the share of the labels' variance that is binomial noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import stats

from memnet.stats.bootstrap import Interval, interval_of
from memnet.stats.metrics import spearman
from memnet.stats.metrics.spearman import spearman_rows
from memnet.stats.resampling import Draws, Workers, groups_of
from memnet.util.arrays import Array

HALVES = 50
_LEAST = 1e-6  # a reliability below is none, but for rounding
ALMOST_ONE = 1 - 1e-12  # has a Fisher z
MOST_RESAMPLES = 2_000
"""Of the reliability: each resample rank-correlates all the halves."""


@dataclass(frozen=True)
class Reliability:
    """Of the human scores, as used in a comparison.

    Attributes
    ----------
    kind : ``"counts"``, ``"participants"`` (:mod:`memnet.stats.participants`), ``"published"`` or
        ``"unknown"``.
    values : name -> value: ``split_half`` (mean rho of two halves), ``reliability_spearman``,
        ``reliability_pearson`` (0 to 1), ``ceiling_spearman``, ``ceiling_pearson``,
        ``noise`` (variance of the labels that is noise, squared score units); NaN if undefined.
    draws : the resamples; None where there are none.
    resampled : the same names -> ``(B,)``, B at most :data:`MOST_RESAMPLES`; empty where there
        are no counts.
    source : where a value that was not measured comes from.
    reason : why nothing is known, else "".
    people : ``"spearman"``, ``"pearson"`` -> SD of the ceiling's Fisher z that comes from who the
        participants were, beyond the scatter of single answers, where participants are known.
    participants : their number; 0 where single participants are not known.
    """

    kind: str
    values: Mapping[str, float]
    resampled: Mapping[str, Array]
    draws: Draws | None = None
    source: str = ""
    reason: str = ""
    people: Mapping[str, float] = field(default_factory=dict)
    participants: int = 0

    def interval(self, name: str, level: float) -> Interval:
        """Interval of one of the values.

        That of a ceiling is ``tanh(atanh(c) +- t sd)``, with the SD of Fisher's z over the
        resamples and Student's t of one less than the pictures (or clusters; where they are drawn
        within strata, of as many less as strata, :attr:`.Draws.freedom`): the percentile interval
        covers 92 % at n = 100 (docs/statistics.md). Where single participants are known,
        the variance of z that comes from them (:attr:`people`) is added, and t is of one less than
        the participants if they are fewer. Reliability and split-half follow from it, being
        functions of the ceiling. That of the noise is the percentile interval.
        """
        if name not in self.resampled or self.draws is None:
            return Interval(None, None, "a published value, taken as it is")
        if name == "noise":
            return interval_of(self.resampled[name], level, self.draws)
        kind = "pearson" if name.endswith("pearson") else "spearman"
        top, tops = self.values[f"ceiling_{kind}"], self.resampled[f"ceiling_{kind}"]
        plain = interval_of(tops, level)
        units, freedom = self.draws.units, self.draws.freedom
        if not np.isfinite(top) or plain.ends is None or freedom < 1:
            return Interval(None, None, plain.reason or self.undefined(name))
        z = np.arctanh(np.minimum(tops[np.isfinite(tops)], ALMOST_ONE))
        if len(z) < 2:
            return Interval(None, None, "one resample has no spread; take more (--resamples)")
        scale = np.sqrt(units / freedom) * float(np.std(z, ddof=1))
        sd = np.hypot(scale, self.people.get(kind, 0.0))
        fewest = min(freedom, (self.participants or units) - 1)
        half = sd * float(stats.t.ppf((1 + level) / 2, fewest))
        middle = np.arctanh(min(top, ALMOST_ONE))
        ends = np.tanh(np.array([max(middle - half, 0.0), middle + half]))
        if name.startswith("reliability"):
            ends = ends**2
        elif name == "split_half":
            ends = ends**2 / (2 - ends**2)  # Spearman-Brown backwards
        return Interval(float(ends[0]), float(ends[1]), "")

    def undefined(self, name: str) -> str:
        """Say why a value is NaN."""
        if self.reason:
            return self.reason
        kind = "pearson" if name.endswith("pearson") else "spearman"
        if np.isfinite(self.values.get(f"reliability_{kind}", np.nan)):
            return "the reliability of the human scores is estimated at or below zero"
        return "in some resplit of the answers all halves are equal, so there is no reliability"


def spearman_brown(half: Any) -> Any:
    """Reliability of the whole from the correlation of its halves, ``2 r / (1 + r)``.

    Spearman (1910), Brown (1910), British Journal of Psychology 3, 271-295 and 296-322.

    >>> round(float(spearman_brown(0.6)), 2)
    0.75
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * half / (1 + np.asarray(half))


def ceiling(reliability: Any) -> Any:
    """Correlation of a perfect predictor with the labels: the square root; NaN for none.

    >>> float(ceiling(0.64))
    0.8
    """
    with np.errstate(invalid="ignore"):
        return np.where(np.asarray(reliability) > _LEAST, np.sqrt(reliability), np.nan)


def label_noise(hits: Array, responses: Array, false_alarms: Array | None = None) -> Array:
    """Unbiased estimate of each label's binomial variance, ``p (1 - p) / (n - 1)``.

    With false alarms the label is ``(hits - false_alarms) / responses``, and has that of both.

    >>> label_noise(np.array([20]), np.array([40])).round(4).tolist()
    [0.0064]
    """
    share = hits / responses
    noise: Array = share * (1 - share) / (responses - 1)
    return noise if false_alarms is None else noise + label_noise(false_alarms, responses)


def deal_halves(hits: Any, responses: Any, generator: np.random.Generator) -> tuple[Array, Array]:
    """Hit rates of two random halves of each picture's responses.

    >>> hits, responses = np.array([30, 20]), np.array([40, 40])
    >>> first, second = deal_halves(hits, responses, np.random.default_rng(0))
    >>> (first + second).tolist()
    [1.5, 1.0]
    """
    first = responses // 2
    in_first = generator.hypergeometric(hits, responses - hits, first)
    return in_first / first, (hits - in_first) / (responses - first)


def from_counts(
    hits: Any, responses: Any, draws: Draws, false_alarms: Any | None = None
) -> Reliability:
    """Estimate the reliability of ``hits / responses``, with resamples of the pictures.

    Parameters
    ----------
    hits, responses : int ``(N,)``.
    false_alarms : int ``(N,)``, where the labels are ``(hits - false_alarms) / responses``; as many
        answers are behind them.
    draws : which pictures each resample draws; at most the first 2,000 resamples are used.

    Examples
    --------
    >>> hits, responses = np.arange(5, 40, 5), np.full(7, 40)
    >>> labels = from_counts(hits, responses, Draws(n=7, resamples=50, seed=0))
    >>> round(labels.values["reliability_spearman"], 3)
    0.967
    """
    hits, responses = np.asarray(hits), np.asarray(responses)
    if (responses < 2).any():
        short = int((responses < 2).sum())
        reason = f"{short} picture(s) have fewer than 2 responses, which cannot be halved"
        return Reliability("unknown", {}, {}, reason=reason)
    labels = hits / responses
    noise = label_noise(hits, responses, false_alarms)
    generator = np.random.default_rng([draws.seed, 3])
    dealt = [deal_halves(hits, responses, generator) for _ in range(HALVES)]
    if false_alarms is not None:
        labels = labels - false_alarms / responses
        wrong = [deal_halves(false_alarms, responses, generator) for _ in range(HALVES)]
        dealt = [(a - c, b - d) for (a, b), (c, d) in zip(dealt, wrong, strict=True)]
    half = float(np.mean([spearman(*pair) for pair in dealt]))
    n = len(labels)
    first = replace(draws, resamples=min(draws.resamples, MOST_RESAMPLES))
    halves = np.zeros(first.resamples)
    noises, variances = np.empty(first.resamples), np.empty(first.resamples)
    centred = labels - labels.mean()
    columns = np.stack([centred, centred**2, noise], axis=1)
    groups = [(groups_of(a)[1], groups_of(b)[1]) for a, b in dealt]
    with Workers() as workers:
        for rows, counts in first.chunks():
            rho = np.empty(len(counts))
            for a, b in groups:
                workers.rows(spearman_rows, len(counts), counts, a, b, rho)
                halves[rows] += rho / HALVES
            weights = counts.astype(np.float64)
            means = weights @ columns / weights.sum(axis=1, keepdims=True)
            noises[rows] = means[:, 2]
            variances[rows] = means[:, 1] - means[:, 0] ** 2
    whole = n / (n - 1) if n > 1 else np.nan
    linear = _linear(noise.mean(), labels.var() * whole)
    values = estimates(half, linear, noise.mean())
    return Reliability(
        "counts",
        {key: float(value) for key, value in values.items()},
        estimates(halves, _linear(noises, variances * whole), noises),
        draws=draws,
    )


def estimates(half: Any, linear: Any, noise: Any) -> dict[str, Any]:
    """Gather the values of a :class:`Reliability`, numbers or arrays.

    Parameters
    ----------
    half : mean rho of two halves.
    linear : reliability for Pearson's r.
    noise : variance of the labels that is noise.
    """
    rank = spearman_brown(half)
    return {
        "split_half": half,
        "reliability_spearman": rank,
        "reliability_pearson": linear,
        "ceiling_spearman": ceiling(rank),
        "ceiling_pearson": ceiling(linear),
        "noise": noise,
    }


def _linear(noise: Any, variance: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(variance) > 0, 1 - noise / np.asarray(variance), np.nan)


def from_published(reliability: float, truth: Array, source: str) -> Reliability:
    """Take a published reliability of these labels; the noise is that share of their variance.

    >>> labels = from_published(0.64, np.array([0.5, 0.9]), "a paper")
    >>> labels.values["ceiling_spearman"], round(labels.values["noise"], 4)
    (0.8, 0.0144)
    """
    values = {
        "reliability_spearman": reliability,
        "reliability_pearson": reliability,
        "ceiling_spearman": float(ceiling(reliability)),
        "ceiling_pearson": float(ceiling(reliability)),
        "noise": float((1 - reliability) * truth.var()),
    }
    return Reliability("published", values, {}, source=source)
