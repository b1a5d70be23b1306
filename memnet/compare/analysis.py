"""Everything that is computed of a comparison: every value, interval and test.

:func:`analyse` tells the story: how reliable the human scores are; every metric of every model, as
it is and on the resamples; the tests whether predictions and human scores are distributed alike,
plainly and with the human scores' noise added; then one :class:`Result` for each model and metric,
and one :class:`Difference` for each pair of models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.compare.comparison_input import NO_COLUMNS, NO_SCORES, ComparisonInput
from memnet.compare.corrections import correct_p_values
from memnet.compare.model_results import ModelResults, no_shares
from memnet.compare.published import published_reliability
from memnet.compare.record import CONTAMINATION, Difference, Result
from memnet.data.contamination import DatasetName
from memnet.data.targets import HIT_RATE
from memnet.stats import (
    bootstrap,
    model_differences,
    noise_matched,
    participants,
    permutation,
    reliability,
)
from memnet.stats.bootstrap import Interval
from memnet.stats.levels import LEVEL
from memnet.stats.metrics import (
    metrics_between_classes,
    metrics_between_models,
    name_failure,
    with_effect_statistics,
)
from memnet.stats.noise_matched import NoiseMatched
from memnet.stats.plot_data import plot_data
from memnet.stats.reliability import Reliability
from memnet.stats.resampling import Counts, Workers
from memnet.util.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What comes out; the fields are those of :class:`memnet.compare.record.RunRecord`."""

    results: list[Result]
    differences: list[Difference]
    labels: dict[str, Any]
    plots: dict[str, Any]


def analyse(
    data: ComparisonInput, also: Callable[[slice, Counts, Workers], None] | None = None
) -> Analysis:
    """Compute every metric of every model, and of every pair of models, on the same resamples.

    ``also`` is called with each chunk of them, as :func:`.bootstrap.distributions` does.
    """
    labels = _reliability(data)
    values = {model: _values(data, model) for model in data.predictions}
    resampled = bootstrap.distributions(
        data.truth,
        data.predictions,
        data.draws,
        extra_means=_label_noise(data, labels),
        metrics=data.metrics,
        also=also,
    )
    p_values = permutation.swap_tests(
        {model: (data.truth, p) for model, p in data.predictions.items()},
        permutations=data.draws.resamples,
        seed=data.draws.seed,
        clusters=data.draws.clusters,
        metrics=data.metrics,
    )
    matched = _noise_matched(data)
    people = _over_participants(data, resampled)
    results = [
        result
        for model in data.predictions
        for result in correct_p_values(
            ModelResults(
                data,
                model,
                values=values[model],
                resampled=resampled[model],
                p_values=p_values[model],
                matched=matched.get(model),
                people=people.get(model),
                labels=labels,
            ).all()
        )
    ]
    return Analysis(
        results=results,
        differences=_differences(data, resampled, values),
        labels=_describe_labels(data, labels),
        plots={model: _plots(data, prediction) for model, prediction in data.predictions.items()},
    )


def _values(data: ComparisonInput, model: str) -> dict[str, float]:
    """Compute every metric of one model."""
    values = {}
    for name, metric in with_effect_statistics(data.metrics.values()).items():
        with name_failure(name, model):
            values[name] = float(metric.function(data.truth, data.predictions[model]))
    return values


def _label_noise(data: ComparisonInput, labels: Reliability) -> dict[str, Array]:
    """Return each label's own variance, to be averaged on each resample, where it is known."""
    if labels.kind != "counts" or data.hits is None or data.responses is None:
        return {}
    noise = reliability.label_noise(data.hits, data.responses, data.false_alarms)
    return {"mse_label_noise": noise}


def _noise_matched(data: ComparisonInput) -> dict[str, NoiseMatched]:
    """Compare distributions once more, for the models whose predictions can be hit rates."""
    if data.hits is None or data.responses is None or data.false_alarms is not None:
        return {}
    # Labels that were rounded would not tie with noisy predictions of the same count.
    labels = data.hits / data.responses
    shares = {model: p for model, p in data.predictions.items() if not no_shares(p)}
    return noise_matched.noise_matched(labels, shares, data.responses, data.draws)


def _over_participants(
    data: ComparisonInput, resampled: Mapping[str, Mapping[str, Array]]
) -> dict[str, Interval]:
    """Compute rho's intervals for other participants, where single ones are known."""
    if data.answers is None or data.measure is None:
        return {}
    return participants.over_participants(
        data.answers,
        data.measure,
        data.truth,
        data.predictions,
        {model: drawn["spearman"] for model, drawn in resampled.items()},
        data.draws,
        level=LEVEL,
    )


def _reliability(data: ComparisonInput) -> Reliability:
    """From the counts; else as published, where it is known what the labels are.

    MemCat's published value is about labels whose counts are published, too, so without the counts
    nobody can tell whether the labels are those; LaMem has no counts, and one kind of label.
    """
    if data.classes:
        return Reliability("unknown", {}, {}, reason=NO_SCORES)
    if data.answers is not None and data.measure is not None:
        return participants.from_participants(data.answers, data.measure, data.truth, data.draws)
    if data.hits is not None:
        return reliability.from_counts(data.hits, data.responses, data.draws, data.false_alarms)
    of_hit_rates = data.target in ("", HIT_RATE)
    stated = published_reliability(data.dataset) if data.dataset and of_hit_rates else None
    name = DatasetName.parse(data.dataset)
    if stated is None or stated.made_of != "half" or data.no_counts != NO_COLUMNS:
        return Reliability("unknown", {}, {}, reason=data.no_counts)
    if name.part != "test":
        reason = f"{stated.published.source.short} give it for {stated.labels}: name split and part"
        return Reliability("unknown", {}, {}, reason=f"{reason}, as in {name.base}:test:1")
    source = (
        f"{stated.published.source.short}, {stated.published.where}, for {stated.labels}: "
        f"{stated.why}; "
        "a selection of its pictures may have another"
    )
    return reliability.from_published(stated.value, data.truth, source)


def _describe_labels(data: ComparisonInput, labels: Reliability) -> dict[str, Any]:
    figures = {}
    for name, value in labels.values.items():
        interval = labels.interval(name, LEVEL)
        figures[name] = {
            "value": float(value) if np.isfinite(value) else None,
            "interval": interval.ends,
            "method": "published" if labels.kind == "published" else _labels_method(name, data),
            "resamples": len(labels.resampled[name]) if name in labels.resampled else 0,
        }
    responses: dict[str, int | float] | None = None
    if data.responses is not None:
        responses = {
            "lowest": int(data.responses.min()),
            "median": float(np.median(data.responses)),
            "highest": int(data.responses.max()),
        }
    return {
        "kind": labels.kind,
        "source": labels.source,
        "reason": labels.reason,
        "halves": reliability.HALVES if labels.kind in ("counts", "participants") else None,
        "responses": responses,
        "participants": None if data.answers is None else data.answers.shape[0],
        "figures": figures,
    }


def _labels_method(name: str, data: ComparisonInput) -> str:
    if name == "noise":
        return data.draws.method
    people = "" if data.answers is None else " and of a jackknife over participants"
    return f"Fisher z with the SD of the {data.draws.method}{people}"


def _differences(
    data: ComparisonInput,
    resampled: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
) -> list[Difference]:
    rows = model_differences.differences(
        data.truth,
        data.predictions,
        resampled,
        values,
        data.draws,
        level=LEVEL,
        margin=data.margin,
        metrics=metrics_between_classes() if data.classes else metrics_between_models(),
    )
    return [
        Difference(
            **row,
            n=len(data.truth),
            level=LEVEL,
            method=data.draws.method,
            resamples=data.draws.resamples,
            seed=data.draws.seed,
            contamination=max(
                (data.words[row[side]] for side in ("model_a", "model_b")), key=CONTAMINATION.index
            ),
        )
        for row in rows
    ]


def _plots(data: ComparisonInput, prediction: Array) -> dict[str, Any]:
    noisy = None
    if data.responses is not None and data.false_alarms is None and not no_shares(prediction):
        generator = np.random.default_rng([data.draws.seed, 2])
        noisy = noise_matched.noisy(prediction, data.responses, generator)
    return plot_data(
        data.truth, prediction, seed=data.draws.seed, noisy=noisy, responses=data.responses
    )
