"""Do labels of as many people look like these, were the predictions the true hit rates.

A human score is a share of ``n`` people, so it is noisier than what it measures, and even a perfect
predictor's scores are spread less than the labels. Here predictions pass through the same
sampling, ``Binomial(n, prediction) / n`` with each picture's own n, before their distribution is
compared with that of the labels.

Values are means over 100 such draws. The test needs none of them: that every prediction is the
picture's true hit rate says which distribution of labels to expect
(:mod:`memnet.stats.metrics.expected`), and labels drawn under it say how far from that labels lie
by chance. So p is exact, and another seed changes it only as another 2,000 draws do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.stats.metrics import (
    Metric,
    Pair,
    Resamples,
    name_failure,
    noise_matched_metrics,
    with_effect_statistics,
)
from memnet.stats.metrics.expected import ExpectedLabels
from memnet.stats.permutation import p_value
from memnet.stats.resampling import Draws, Workers
from memnet.util.arrays import Array

NOISY_DRAWS = 100
METHOD = f"mean over {NOISY_DRAWS} binomial draws"
TEST_METHOD = "binomial draws of the human scores"
MOST_TESTED = 2_000
"""Draws of the labels behind a p value."""

_AT_ONCE = 2_000_000


def noisy(prediction: Array, responses: Any, generator: np.random.Generator) -> Array:
    """One draw of ``Binomial(responses, prediction) / responses``; predictions within 0 and 1.

    >>> noisy(np.array([0.0, 0.5, 1.0]), np.array([40, 40, 40]), np.random.default_rng(0)).tolist()
    [0.0, 0.525, 1.0]
    """
    drawn: Array = generator.binomial(responses, np.clip(prediction, 0, 1)) / responses
    return drawn


@dataclass(frozen=True)
class NoiseMatched:
    """Distances between labels and noisy predictions, by the metrics' plain names.

    Beside them are the statistics of their effect sizes.

    Attributes
    ----------
    values : mean over 100 binomial draws.
    resampled : ``(B,)``; resample b uses binomial draw ``b * 100 // B``.
    p_values : see :func:`label_p_values`.
    """

    values: dict[str, float]
    resampled: dict[str, Array]
    p_values: dict[str, float | None]


def noise_matched(
    truth: Array,
    predictions: Mapping[str, Array],
    responses: Any,
    draws: Draws,
) -> dict[str, NoiseMatched]:
    """Compare labels with noisy predictions, for all models on the same resamples and swaps.

    Parameters
    ----------
    truth : float64 ``(N,)``, hits / responses.
    predictions : model -> float64 ``(N,)``; what lies outside 0 to 1 is moved to its end.
    responses : int ``(N,)``, people behind each label.
    draws : of the bootstrap; the p values have its seed, and at most as many draws.

    Examples
    --------
    >>> truth, prediction = np.linspace(0.4, 0.9, 60), np.full(60, 0.65)
    >>> draws = Draws(n=60, resamples=99, seed=0)
    >>> result = noise_matched(truth, {"flat": prediction}, np.full(60, 40), draws)["flat"]
    >>> round(result.values["sd_ratio"], 2), result.p_values["sd_ratio"]
    (0.5, 0.01)
    """
    models = {name: _Model(name, truth, p, responses, draws) for name, p in predictions.items()}
    with Workers() as workers:
        for rows, counts in draws.chunks():
            for model in models.values():
                model.resample(rows, counts, workers)
        for model in models.values():
            model.go_to(NOISY_DRAWS - 1, workers)
    return {
        name: NoiseMatched(
            model.means(),
            model.resampled,
            label_p_values(truth, model.prediction, responses, draws),
        )
        for name, model in models.items()
    }


def label_p_values(
    truth: Array, prediction: Array, responses: Any, draws: Draws
) -> dict[str, float | None]:
    """Test whether labels are those of people whose true hit rates are the predictions.

    p is the share of ``Binomial(responses, prediction) / responses``, drawn anew for all pictures
    up to 2,000 times, that lie at least as far from the expected distribution as the labels do; the
    labels count, so p is never 0. It is exact if the answers to a picture are independent, whether
    or not pictures come in clusters.

    Parameters
    ----------
    truth : float64 ``(N,)``, hits / responses.
    prediction : float64 ``(N,)``; what lies outside 0 to 1 is moved to its end.
    responses : int ``(N,)``, people behind each label.

    Returns
    -------
    dict
        metric -> p, None where the distance is undefined; of metrics with ``from_expected``.

    Examples
    --------
    >>> truth, draws = np.linspace(0.4, 0.9, 60), Draws(n=60, resamples=99, seed=0)
    >>> label_p_values(truth, np.full(60, 0.65), np.full(60, 40), draws)["ks"]
    0.01
    """
    rates = np.clip(prediction, 0, 1)
    expected = ExpectedLabels.of(rates, responses)
    metrics = [metric for metric in noise_matched_metrics() if metric.from_expected is not None]

    def distances(hits: Any) -> dict[str, Array]:
        counts = expected.count(hits)
        return {metric.name: _from_expected(metric, expected, counts) for metric in metrics}

    observed = distances(np.rint(truth * responses).astype(np.int64)[None])
    drawn: dict[str, list[Array]] = {metric.name: [] for metric in metrics}
    generator = np.random.default_rng([draws.seed, 4])
    left = min(draws.resamples, MOST_TESTED)
    at_once = max(1, _AT_ONCE // max(len(truth), len(expected.values)))
    while left:
        rows = min(left, at_once)
        left -= rows
        hits = generator.binomial(responses, rates, size=(rows, len(rates)))
        for name, values in distances(hits).items():
            drawn[name].append(values)
    return {
        name: p_value(float(observed[name][0]), np.concatenate(values))
        for name, values in drawn.items()
    }


def _from_expected(metric: Metric, expected: ExpectedLabels, counts: Any) -> Array:
    assert metric.from_expected is not None
    with name_failure(metric.name, "the human scores"):
        return metric.from_expected(expected, counts)


class _Model:
    """One model's noisy draws, in turn: each is sorted once."""

    pair: Pair

    def __init__(
        self, name: str, truth: Array, prediction: Array, responses: Any, draws: Draws
    ) -> None:
        self.name = name
        self.truth, self.prediction, self.responses = truth, prediction, responses
        self.generator = np.random.default_rng([draws.seed, 2])
        self.which = np.arange(draws.resamples) * NOISY_DRAWS // draws.resamples
        self.metrics = with_effect_statistics(noise_matched_metrics())
        self.resampled = {name: np.empty(draws.resamples) for name in self.metrics}
        self.values: dict[str, list[float]] = {name: [] for name in self.metrics}
        self.number = -1

    def resample(self, rows: slice, counts: Any, workers: Workers) -> None:
        for draw in np.unique(self.which[rows]).tolist():
            self.go_to(draw, workers)
            here = np.flatnonzero(self.which[rows] == draw)
            first, last = int(here[0]), int(here[-1]) + 1
            resamples = Resamples(self.pair, counts[first:last], workers)
            for name, metric in self.metrics.items():
                with name_failure(name, self.name):
                    values = metric.on_noisy_resamples(resamples)
                self.resampled[name][rows.start + first : rows.start + last] = values

    def go_to(self, draw: int, workers: Workers) -> None:
        """Draw on, taking the metrics of each draw as it is."""
        once = np.ones((1, len(self.truth)), dtype=np.int32)
        while self.number < draw:
            self.number += 1
            drawn = noisy(self.prediction, self.responses, self.generator)
            self.pair = Pair(self.truth, drawn)
            resamples = Resamples(self.pair, once, workers)
            for name, metric in self.metrics.items():
                with name_failure(name, self.name):
                    self.values[name].append(float(metric.on_noisy_resamples(resamples)[0]))

    def means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.values.items()}
