"""Everything that is computed of a comparison: every value, interval and test.

:func:`analyse` tells the story: how reliable the human scores are; every metric of every model, as
it is and on the resamples; the tests whether predictions and human scores are distributed alike,
plainly and with the human scores' noise added; then one :class:`Result` for each model and metric,
and one :class:`Difference` for each pair of models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from memnet.compare.corrections import correct_p_values
from memnet.compare.published import published_reliability
from memnet.compare.record import CONTAMINATION, Difference, Result
from memnet.data.contamination import DatasetName
from memnet.stats import (
    bootstrap,
    model_differences,
    noise_matched,
    participants,
    permutation,
    reliability,
)
from memnet.stats.bootstrap import SIZE, TRUTH_VARIANCE, Interval, interval_of
from memnet.stats.levels import LEVEL
from memnet.stats.metrics import (
    METRICS,
    OVER_PARTICIPANTS,
    Metric,
    delong,
    derived_metrics,
    metrics_between_classes,
    metrics_between_models,
    metrics_for,
    name_failure,
    noise_matched_metrics,
    with_effect_statistics,
)
from memnet.stats.noise_matched import NoiseMatched
from memnet.stats.participants import Measure
from memnet.stats.plot_data import plot_data
from memnet.stats.recognition import Answers
from memnet.stats.reliability import Reliability
from memnet.stats.resampling import Counts, Draws, Workers
from memnet.util.arrays import Array

MARGIN = 0.02
"""Rank correlations that differ by less are called equivalent, unless the user says otherwise."""

MOST_OUTSIDE = 0.01
"""Of the predictions may lie outside 0 to 1, and are moved to the ends, when noise is matched."""

NO_COLUMNS = "no columns with hits and responses were named"

NO_SCORES = "the human scores are two classes"
"""Why there are no errors, distributions, counts and ceilings."""


@dataclass(frozen=True, kw_only=True)
class ComparisonInput:
    """What is analysed: the pictures that human scores and all models have in common.

    Attributes
    ----------
    truth : float64 ``(N,)``.
    predictions : model -> float64 ``(N,)``.
    variants, words : model -> its variant, its contamination.
    dataset, manifest : name; sha256 of ids and labels.
    hits, responses : int ``(N,)`` where the labels are hits / responses, else None.
    false_alarms : int ``(N,)`` where they are (hits - false_alarms) / responses, else None.
    no_counts : why there are none, for the reader.
    draws : the resamples.
    answers, measure : what single participants answered, and which measure of it the human scores
        are; None where that is not known.
    margin : of the equivalence tests.
    classes : whether the truth is two classes, 0 and 1.
    """

    truth: Array
    predictions: Mapping[str, Array]
    variants: Mapping[str, str]
    words: Mapping[str, str]
    dataset: str
    manifest: str
    hits: Any | None
    responses: Any | None
    no_counts: str
    draws: Draws
    false_alarms: Any | None = None
    answers: Answers | None = None
    measure: Measure | None = None
    margin: float = MARGIN
    classes: bool = False

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics for this kind of truth."""
        return metrics_for(classes=self.classes)


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
            _ModelResults(
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
    shares = {model: p for model, p in data.predictions.items() if not _no_shares(p)}
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
        seed=data.draws.seed,
        level=LEVEL,
    )


class _ModelResults:
    """The results of one model, one method per family.

    Parameters
    ----------
    data, model : what is analysed; which of its models.
    values : metric -> value.
    resampled : metric, and what :func:`.bootstrap.distributions` gives beside -> ``(B,)``.
    p_values : metric -> p of the swap test, for those that have one.
    matched : the distributions with noise; None without counts, or for predictions no shares.
    people : interval of rho for other participants, too; None where single ones are not known.
    labels : reliability of the human scores.
    """

    def __init__(
        self,
        data: ComparisonInput,
        model: str,
        *,
        values: Mapping[str, float],
        resampled: Mapping[str, Array],
        p_values: Mapping[str, float | None],
        matched: NoiseMatched | None,
        people: Interval | None,
        labels: Reliability,
    ) -> None:
        self.data = data
        self.model = model
        self.values = values
        self.resampled = resampled
        self.p_values = p_values
        self.matched = matched
        self.people = people
        self.labels = labels
        self.prediction = data.predictions[model]

    def all(self) -> list[Result]:
        """Every result, in the order of the tables."""
        if self.data.classes:
            return self._of_classes()
        return [
            *map(self._plain, METRICS.values()),
            *self._label_noise(),
            *self._disattenuated(),
            self._over_participants(),
            *self._noise_matched(),
        ]

    def _of_classes(self) -> list[Result]:
        """Give what classes allow, and name the rest as undefined."""
        results = [self._plain(metric) for metric in self.data.metrics.values()]
        left_out = [name for name in METRICS if name not in self.data.metrics]
        nothing = Interval(None, None, NO_SCORES)
        return [
            *(self._delong(each) if each.metric == "auc" else each for each in results),
            *(
                self._result(name, float("nan"), nothing, undefined=NO_SCORES)
                for name in (*left_out, *derived_metrics())
            ),
        ]

    def _delong(self, result: Result) -> Result:
        """Give the AUC DeLong's interval; pictures of a cluster are not independent of another."""
        if result.value is None or self.data.draws.clusters is not None:
            return result
        found = delong(self.data.truth, self.prediction, level=LEVEL)
        return replace(
            result,
            interval=None if found.reason else [found.low, found.high],
            reason=found.reason,
            method="DeLong",
            resamples=0,
        )

    def _plain(self, metric: Metric) -> Result:
        """Give a metric that follows from truth and prediction alone."""
        value = self.values[metric.name]
        p, p_method = self.p_values.get(metric.name), permutation.METHOD
        if metric.test is not None:
            p_method = ""
        if metric.test is not None and np.isfinite(value):
            with name_failure(metric.name, self.model):
                p, p_method = metric.test(self.data.truth, self.prediction)
        interval = (
            Interval(None, None, metric.not_resampled)
            if metric.not_resampled
            else interval_of(self.resampled[metric.name], LEVEL)
        )
        return self._result(
            metric.name,
            value,
            interval,
            undefined=metric.undefined,
            effects=self._effects(metric, self.values, self.resampled),
            n=self._n(metric),
            p_value=p,
            p_method=p_method if p is not None or metric.test is not None else "",
        )

    def _n(self, metric: Metric) -> int:
        truth = self.data.truth
        return len(truth) if metric.subset is None else int(metric.subset(truth).sum())

    def _label_noise(self) -> list[Result]:
        """Give the labels' own noise, which no predictor avoids, and what of the MSE lies above."""
        noise = self.labels.values.get("noise", np.nan)
        resampled = self.resampled.get("mse_label_noise")
        if self.labels.kind == "published":
            share = 1 - self.labels.values["reliability_pearson"]
            resampled = share * self.resampled[TRUTH_VARIANCE]
        if self.labels.kind == "participants":
            resampled = self.labels.resampled["noise"]
        if resampled is None:
            resampled = np.full(self.data.draws.resamples, np.nan)
        undefined = self.labels.undefined("noise")
        above = self.values["mse"] - noise
        resampled_above = self.resampled["mse"][: len(resampled)] - resampled
        return [
            self._derived("mse_label_noise", noise, resampled, undefined=undefined),
            self._derived("mse_above_noise", above, resampled_above, undefined=undefined),
        ]

    def _disattenuated(self) -> list[Result]:
        """Give correlations divided by their ceiling, on the same resamples as the ceiling."""
        results = []
        for name in ("spearman", "pearson"):
            ceiling = self.labels.values.get(f"ceiling_{name}", np.nan)
            ceilings = self.labels.resampled.get(f"ceiling_{name}", np.array(ceiling))
            measured = ceilings.ndim > 0
            stated = self.labels.kind == "published"
            resampled = self.resampled[name]
            if measured:
                resampled = resampled[: ceilings.size]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio, ratios = np.float64(self.values[name]) / ceiling, resampled / ceilings
            defined = np.isfinite(ceiling)  # then it is the correlation that is not
            derived = f"disattenuated_{name}"
            results.append(
                self._derived(
                    derived,
                    ratio,
                    ratios,
                    undefined=METRICS[name].undefined
                    if defined
                    else self.labels.undefined(derived),
                    method=", the published ceiling taken as it is" if stated else "",
                )
            )
        return results

    def _over_participants(self) -> Result:
        """Give rho once more, with an interval for other pictures and other participants."""
        unknown = derived_metrics()[OVER_PARTICIPANTS].undefined
        known = self.people is not None
        return self._result(
            OVER_PARTICIPANTS,
            self.values["spearman"] if known else float("nan"),
            self.people or Interval(None, None, unknown),
            undefined=METRICS["spearman"].undefined if known else unknown,
            method=", Fisher z with its SD and that of a jackknife over participants",
            resamples=min(self.data.draws.resamples, reliability.MOST_RESAMPLES),
        )

    def _noise_matched(self) -> list[Result]:
        """Give the distances after the predictions got the noise of the human scores."""
        results = []
        for metric in noise_matched_metrics():
            name = f"{metric.name}_noise_matched"
            undefined = self.data.no_counts or _no_shares(self.prediction)
            if self.data.false_alarms is not None:
                undefined = "corrected hit rates are no shares of answers"
            undefined = undefined or derived_metrics()[name].undefined
            if self.matched is None:
                nothing = np.full(1, np.nan)
                results.append(self._derived(name, np.nan, nothing, undefined=undefined))
                continue
            p = self.matched.p_values.get(metric.name)
            results.append(
                self._derived(
                    name,
                    self.matched.values[metric.name],
                    self.matched.resampled[metric.name],
                    undefined=undefined,
                    effects=self._effects(metric, self.matched.values, self.matched.resampled),
                    method=f", {noise_matched.METHOD}",
                    p_value=p,
                    p_method="" if p is None else noise_matched.TEST_METHOD,
                )
            )
        return results

    def _derived(
        self, name: str, value: float, resampled: Array, *, undefined: str, **more: Any
    ) -> Result:
        return self._result(
            name,
            float(value),
            interval_of(resampled, LEVEL),
            undefined=undefined,
            resamples=len(resampled),
            **more,
        )

    def _result(
        self,
        name: str,
        value: float,
        interval: Interval,
        *,
        undefined: str,
        n: int | None = None,
        method: str = "",
        resamples: int | None = None,
        p_value: float | None = None,
        p_method: str = "",
        effects: tuple[float | None, list[float] | None] = (None, None),
    ) -> Result:
        data = self.data
        defined = bool(np.isfinite(value))
        n = len(data.truth) if n is None else n
        if len(data.truth) < 2:
            interval = Interval(None, None, "there is only one picture")
        ends = interval.ends if defined else None
        return Result(
            model=self.model,
            variant=data.variants[self.model],
            dataset=data.dataset,
            metric=name,
            value=value if defined else None,
            n=n,
            interval=ends,
            level=LEVEL,
            method=data.draws.method + method,
            resamples=data.draws.resamples if resamples is None else resamples,
            seed=data.draws.seed,
            contamination=data.words[self.model],
            reason=interval.reason if defined else undefined,
            manifest=data.manifest,
            p_value=p_value,
            p_method=p_method,
            effect_size=effects[0] if defined else None,
            effect_interval=effects[1] if ends else None,
        )

    def _effects(
        self, metric: Metric, values: Mapping[str, float], resampled: Mapping[str, Array]
    ) -> tuple[float | None, list[float] | None]:
        """Effect size and its interval; resamples of clusters have each their own n."""
        effect, n = metric.effect, self._n(metric)
        name = (metric.effect_from or metric).name
        if effect is None or not np.isfinite(values[name]):
            return None, None
        size = float(effect(values[name], n))
        if name not in resampled:
            return size, None
        if self.data.draws.clusters is not None:
            return size, interval_of(effect(resampled[name], self.resampled[SIZE]), LEVEL).ends
        ends = interval_of(resampled[name], LEVEL).ends
        return size, None if ends is None else [float(effect(end, n)) for end in ends]


def _no_shares(prediction: Array) -> str:
    """Say why predictions cannot be hit rates; "" where they can. Few may overstep."""
    outside = float(np.mean((prediction < 0) | (prediction > 1)))
    if outside <= MOST_OUTSIDE:
        return ""
    return f"{outside:.0%} of the predictions lie outside 0 to 1, so they cannot be hit rates"


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
    stated = published_reliability(data.dataset) if data.dataset else None
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
    if data.responses is not None and data.false_alarms is None and not _no_shares(prediction):
        generator = np.random.default_rng([data.draws.seed, 2])
        noisy = noise_matched.noisy(prediction, data.responses, generator)
    return plot_data(
        data.truth, prediction, seed=data.draws.seed, noisy=noisy, responses=data.responses
    )
