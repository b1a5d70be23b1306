"""Do these predictions look like the labels, once seen through as many people.

A human score is a share of ``n`` people, so it is noisier than what it measures, and even a perfect
predictor's scores are spread less than the labels. Here predictions pass through the same
sampling, ``Binomial(n, prediction) / n`` with each picture's own n, before their distribution is
compared with that of the labels. If every prediction were that picture's true hit rate, label and
noisy prediction would be exchangeable, and the swap-permutation test exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.stats.metrics import Pair, Resamples, name_failure, noise_matched_metrics
from memnet.stats.permutation import swap_tests
from memnet.stats.resampling import Draws, Workers
from memnet.util.arrays import Array

NOISY_DRAWS = 100
METHOD = f"mean over {NOISY_DRAWS} binomial draws"


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

    Attributes
    ----------
    values : mean over 100 binomial draws.
    resampled : ``(B,)``; resample b uses binomial draw ``b * 100 // B``.
    p_values : swap-permutation p of the first draw.
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
    draws : of the bootstrap; number, seed and clusters of the swaps, too.

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
    tested = swap_tests(
        {name: (truth, model.first) for name, model in models.items()},
        permutations=draws.resamples,
        seed=draws.seed,
        clusters=draws.clusters,
    )
    return {
        name: NoiseMatched(model.means(), model.resampled, tested[name])
        for name, model in models.items()
    }


class _Model:
    """One model's noisy draws, in turn: each is sorted once."""

    first: Array
    pair: Pair

    def __init__(
        self, name: str, truth: Array, prediction: Array, responses: Any, draws: Draws
    ) -> None:
        self.name = name
        self.truth, self.prediction, self.responses = truth, prediction, responses
        self.generator = np.random.default_rng([draws.seed, 2])
        self.which = np.arange(draws.resamples) * NOISY_DRAWS // draws.resamples
        self.metrics = {metric.name: metric for metric in noise_matched_metrics()}
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
            if self.number == 0:
                self.first = drawn
            self.pair = Pair(self.truth, drawn)
            resamples = Resamples(self.pair, once, workers)
            for name, metric in self.metrics.items():
                with name_failure(name, self.name):
                    self.values[name].append(float(metric.on_noisy_resamples(resamples)[0]))

    def means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.values.items()}
