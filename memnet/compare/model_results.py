"""The results of one model in a comparison, from what was computed of all models together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from memnet.compare.comparison_input import NO_SCORES, ComparisonInput
from memnet.compare.record import Result
from memnet.stats import noise_matched, permutation, reliability
from memnet.stats.bootstrap import SIZE, TRUTH_VARIANCE, Interval, interval_of
from memnet.stats.levels import LEVEL
from memnet.stats.metrics import (
    METRICS,
    OVER_PARTICIPANTS,
    Metric,
    delong,
    derived_metrics,
    name_failure,
    noise_matched_metrics,
)
from memnet.stats.noise_matched import NoiseMatched
from memnet.stats.reliability import Reliability
from memnet.util.arrays import Array

MOST_OUTSIDE = 0.01
"""Of the predictions may lie outside 0 to 1, and are moved to the ends, when noise is matched."""


class ModelResults:
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
        p, p_method = self._test(metric, value)
        interval = (
            Interval(None, None, metric.not_resampled)
            if metric.not_resampled
            else interval_of(self.resampled[metric.name], LEVEL, self.data.draws)
        )
        return self._result(
            metric.name,
            value,
            interval,
            undefined=metric.undefined,
            effects=self._effects(metric, self.values, self.resampled),
            n=self._n(metric),
            p_value=p,
            p_method=p_method,
        )

    def _test(self, metric: Metric, value: float) -> tuple[float | None, str]:
        """Return p and its method: by the metric's own test where it has one, else by swaps."""
        if metric.test is None:
            p = self.p_values.get(metric.name)
            return p, "" if p is None else permutation.METHOD
        if not np.isfinite(value):
            return None, ""
        with name_failure(metric.name, self.model):
            return metric.test(self.data.truth, self.prediction)

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
            undefined = self.data.no_counts or no_shares(self.prediction)
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
            interval_of(resampled, LEVEL, self.data.draws),
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
        ends = interval_of(resampled[name], LEVEL, self.data.draws).ends
        return size, None if ends is None else [float(effect(end, n)) for end in ends]


def no_shares(prediction: Array) -> str:
    """Say why predictions cannot be shares of answers; "" where they can. Few may overstep."""
    outside = float(np.mean((prediction < 0) | (prediction > 1)))
    if outside <= MOST_OUTSIDE:
        return ""
    return f"{outside:.0%} of the predictions lie outside 0 to 1, so they cannot be shares"
