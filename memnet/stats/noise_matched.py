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

from memnet.stats.metric_registry import NOISE_MATCHED
from memnet.stats.permutation import swap_tests
from memnet.stats.resampling import Draws, Workers
from memnet.stats.two_sample import Pooled
from memnet.util.arrays import Array

NOISY_DRAWS = 100
METHOD = f"mean over {NOISY_DRAWS} binomial draws"


def noisy(prediction: Array, responses: Any, generator: np.random.Generator) -> Array:
    """One draw of ``Binomial(responses, prediction) / responses``; predictions within 0 and 1."""
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


def noise_matched_all(
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
    """
    models = {name: _Model(truth, p, responses, draws) for name, p in predictions.items()}
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


def noise_matched(
    truth: Array, prediction: Array, responses: Any, draws: Draws
) -> tuple[dict[str, float], dict[str, Array], dict[str, float | None]]:
    """Do :func:`noise_matched_all` for one model."""
    found = noise_matched_all(truth, {"": prediction}, responses, draws)[""]
    return found.values, found.resampled, found.p_values


class _Model:
    """One model's noisy draws, in turn: each is sorted once."""

    first: Array
    pair: _Pair

    def __init__(self, truth: Array, prediction: Array, responses: Any, draws: Draws) -> None:
        self.truth, self.prediction, self.responses = truth, prediction, responses
        self.generator = np.random.default_rng([draws.seed, 2])
        self.which = np.arange(draws.resamples) * NOISY_DRAWS // draws.resamples
        self.resampled = {name: np.empty(draws.resamples) for name in NOISE_MATCHED}
        self.values: dict[str, list[float]] = {name: [] for name in NOISE_MATCHED}
        self.number = -1

    def resample(self, rows: slice, counts: Any, workers: Workers) -> None:
        for draw in np.unique(self.which[rows]).tolist():
            self.go_to(draw, workers)
            here = np.flatnonzero(self.which[rows] == draw)
            first, last = int(here[0]), int(here[-1]) + 1
            for name, found in self.pair.metrics(counts[first:last], workers).items():
                self.resampled[name][rows.start + first : rows.start + last] = found

    def go_to(self, draw: int, workers: Workers) -> None:
        """Draw on, taking the metrics of each draw as it is."""
        once = np.ones((1, len(self.truth)), dtype=np.int32)
        while self.number < draw:
            self.number += 1
            drawn = noisy(self.prediction, self.responses, self.generator)
            if self.number == 0:
                self.first = drawn
            self.pair = _Pair(self.truth, drawn)
            for name, found in self.pair.metrics(once, workers).items():
                self.values[name].append(float(found[0]))

    def means(self) -> dict[str, float]:
        return {name: float(np.mean(values)) for name, values in self.values.items()}


class _Pair:
    """Labels and one draw of noisy predictions."""

    def __init__(self, truth: Array, prediction: Array) -> None:
        self.pooled = Pooled(truth, prediction)
        columns = [values - values.mean() for values in (truth, prediction)]
        self.columns = np.stack([*columns, *(c**2 for c in columns)], axis=1)

    def metrics(self, counts: Any, workers: Workers) -> dict[str, Array]:
        weights = counts.astype(np.float64)
        means = weights @ self.columns / weights.sum(axis=1, keepdims=True)
        variances = means[:, 2:] - means[:, :2] ** 2
        tiny = 1e-15 * self.columns[:, 2].max()  # all equal, but for rounding
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.sqrt(np.maximum(variances[:, 1], 0) / variances[:, 0])
        return {
            "sd_ratio": np.where(variances[:, 0] > tiny, ratio, np.nan),
            "epps_singleton": self.pooled.epps_singleton(counts, workers),
            **self.pooled.distances(counts, None, workers),
        }
