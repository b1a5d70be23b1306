"""Everything that is computed of a comparison: every figure, interval and test."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import diptest
import numpy as np

from memnet.compare.published import published_reliability
from memnet.compare.record import CONTAMINATION, Difference, Result
from memnet.data.contamination import DatasetName
from memnet.stats import bootstrap, model_differences, noise_matched, permutation, reliability
from memnet.stats.bootstrap import NOT_RESAMPLED, Interval, interval_of
from memnet.stats.metric_registry import DERIVED, METRICS, NOISE_MATCHED
from memnet.stats.metrics import range_names, range_of
from memnet.stats.noise_matched import NoiseMatched
from memnet.stats.plot_data import plot_data
from memnet.stats.reliability import Reliability
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array

LEVEL = 0.95
MARGIN = 0.02
"""Rank correlations that differ by less are called equivalent, unless the user says otherwise."""

MOST_OUTSIDE = 0.01
"""Of the predictions may lie outside 0 to 1, and are moved to the ends, when noise is matched."""

NO_COLUMNS = "no columns with hits and responses were named"


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is analysed.

    Attributes
    ----------
    truth : float64 ``(N,)``.
    predictions : model -> float64 ``(N,)``.
    variants, words : model -> its variant, its contamination.
    dataset, manifest : name; sha256 of ids and labels.
    hits, responses : int ``(N,)`` where the labels are hits / responses, else None.
    no_counts : why there are none, for the reader.
    draws : the resamples.
    margin : of the equivalence tests.
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
    margin: float = MARGIN


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was found; the fields are those of :class:`memnet.compare.record.RunRecord`."""

    results: list[Result]
    differences: list[Difference]
    labels: dict[str, Any]
    plots: dict[str, Any]


def analyse(study: Study) -> Analysis:
    """Compute every figure of every model, and of every pair of models, on the same resamples."""
    found = _reliability(study)
    noise_flag = {}
    if found.kind == "counts" and study.hits is not None and study.responses is not None:
        noise_flag["mse_label_noise"] = reliability.label_noise(study.hits, study.responses)
    drawn = bootstrap.distributions(
        study.truth, study.predictions, study.draws, extra_flags=noise_flag
    )
    values: dict[str, dict[str, float]] = {
        model: {name: metric.function(study.truth, p) for name, metric in METRICS.items()}  # type: ignore[misc]
        for model, p in study.predictions.items()
    }
    tested = permutation.swap_tests(
        {model: (study.truth, p) for model, p in study.predictions.items()},
        permutations=study.draws.resamples,
        seed=study.draws.seed,
        clusters=study.draws.clusters,
    )
    matched: Mapping[str, NoiseMatched] = {}
    if study.hits is not None and study.responses is not None:
        # Labels that were rounded would not tie with noisy predictions of the same count.
        labels = study.hits / study.responses
        shares = {m: p for m, p in study.predictions.items() if not _no_shares(p)}
        matched = noise_matched.noise_matched_all(labels, shares, study.responses, study.draws)
    results = [
        result
        for model in study.predictions
        for result in _Model(
            study,
            model,
            values=values[model],
            drawn=drawn[model],
            p_values=tested[model],
            matched=matched.get(model),
            found=found,
        ).results()
    ]
    return Analysis(
        results=results,
        differences=_differences(study, drawn, values),
        labels=_labels(study, found),
        plots={model: _plots(study, prediction) for model, prediction in study.predictions.items()},
    )


class _Model:
    """The figures of one model, one method per family."""

    def __init__(
        self,
        study: Study,
        model: str,
        *,
        values: Mapping[str, float],
        drawn: Mapping[str, Array],
        p_values: Mapping[str, float | None],
        matched: NoiseMatched | None,
        found: Reliability,
    ) -> None:
        self.study = study
        self.model = model
        self.values = values
        self.drawn = drawn
        self.p_values = p_values
        self.matched = matched
        self.reliability = found
        self.prediction = study.predictions[model]

    def results(self) -> list[Result]:
        """Every figure, in the order of the tables."""
        return [*self._plain(), *self._label_noise(), *self._ceiling(), *self._noise_matched()]

    def _plain(self) -> list[Result]:
        inside = np.bincount(range_of(self.study.truth), minlength=len(range_names()))
        counts = dict(zip(range_names(), inside.tolist(), strict=True))
        results = []
        for name, metric in METRICS.items():
            p, how = self.p_values.get(name), permutation.METHOD
            if name == "dip" and np.isfinite(self.values[name]):
                p, how = _dip_p(self.prediction)
            results.append(
                self._result(
                    name,
                    self.values[name],
                    self._interval(name),
                    undefined=metric.undefined,
                    resampled=self.drawn.get(name),
                    n=next((n for part, n in counts.items() if name.endswith(part)), None),
                    p_value=p,
                    p_method="" if p is None else how,
                )
            )
        return results

    def _interval(self, name: str) -> Interval:
        if name in NOT_RESAMPLED:
            return Interval(None, None, NOT_RESAMPLED[name])
        return interval_of(self.drawn[name], LEVEL)

    def _label_noise(self) -> list[Result]:
        """Give the labels' own noise, which no predictor avoids, and what of the MSE lies above."""
        known = self.reliability
        floor = known.values.get("noise", np.nan)
        resampled = self.drawn.get("mse_label_noise")
        if known.kind == "published":
            share = 1 - known.values["reliability_pearson"]
            resampled = share * self.drawn["truth_variance"]
        if resampled is None:
            resampled = np.full(self.study.draws.resamples, np.nan)
        above = self.drawn["mse"] - resampled
        return [
            self._derived("mse_label_noise", floor, resampled),
            self._derived("mse_above_noise", self.values["mse"] - floor, above),
        ]

    def _ceiling(self) -> list[Result]:
        """Correlations divided by their ceiling, on the same resamples as the ceiling."""
        results = []
        for name in ("spearman", "pearson"):
            top = self.reliability.values.get(f"ceiling_{name}", np.nan)
            tops = self.reliability.resampled.get(f"ceiling_{name}", np.array(top))
            resampled = self.drawn[name][: tops.size] if tops.ndim else self.drawn[name]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio, ratios = np.float64(self.values[name]) / top, resampled / tops
            results.append(
                self._derived(
                    f"disattenuated_{name}",
                    ratio,
                    ratios,
                    method="" if tops.ndim else ", the published ceiling taken as it is",
                )
            )
        return results

    def _noise_matched(self) -> list[Result]:
        if self.matched is None:  # no counts, or predictions that are no shares
            nothing = np.full(1, np.nan)
            return [self._derived(f"{n}_noise_matched", np.nan, nothing) for n in NOISE_MATCHED]
        values, resampled = self.matched.values, self.matched.resampled
        p_values = self.matched.p_values
        return [
            self._derived(
                f"{name}_noise_matched",
                values[name],
                resampled[name],
                method=f", {noise_matched.METHOD}",
                p_value=p_values[name],
                p_method="" if p_values[name] is None else f"{permutation.METHOD}, first draw",
            )
            for name in NOISE_MATCHED
        ]

    def _derived(self, name: str, value: float, resampled: Array, **more: Any) -> Result:
        undefined = DERIVED[name].undefined
        if name.endswith("noise_matched"):
            undefined = self.study.no_counts or _no_shares(self.prediction) or undefined
        elif name.startswith("disattenuated") and np.isfinite(
            self.reliability.values.get(name.replace("disattenuated", "ceiling"), np.nan)
        ):
            undefined = METRICS["spearman"].undefined
        else:
            undefined = self.reliability.undefined(name)
        return self._result(
            name,
            float(value),
            interval_of(resampled, LEVEL),
            undefined=undefined,
            resamples=len(resampled),
            resampled=resampled,
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
        resampled: Any = None,
    ) -> Result:
        study = self.study
        defined = bool(np.isfinite(value))
        n = len(study.truth) if n is None else n
        effect = (METRICS.get(name) or DERIVED[name]).effect
        if len(study.truth) < 2:
            interval = Interval(None, None, "there is only one picture")
        ends = interval.ends if defined else None
        return Result(
            model=self.model,
            variant=study.variants[self.model],
            dataset=study.dataset,
            metric=name,
            value=value if defined else None,
            n=n,
            interval=ends,
            level=LEVEL,
            method=study.draws.method + method,
            resamples=study.draws.resamples if resamples is None else resamples,
            seed=study.draws.seed,
            contamination=study.words[self.model],
            reason=interval.reason if defined else undefined,
            manifest=study.manifest,
            p_value=p_value,
            p_method=p_method,
            effect_size=float(effect(value, n)) if effect and defined else None,
            effect_interval=self._effects(effect, ends, n, resampled) if effect and ends else None,
        )

    def _effects(
        self, effect: Callable[[Any, Any], Any], ends: list[float], n: int, resampled: Any
    ) -> list[float] | None:
        """Interval of an effect size; resamples of clusters have each their own n."""
        if self.study.draws.clusters is not None and resampled is not None:
            return interval_of(effect(resampled, self.drawn["size"]), LEVEL).ends
        return [float(effect(end, n)) for end in ends]


def _dip_p(prediction: Array) -> tuple[float, str]:
    """Hartigan's p, by the table of the package diptest, which ends at 72,000."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = float(diptest.diptest(prediction)[1])
    beyond = ", made for up to 72,000 pictures" if len(prediction) > 72_000 else ""
    return p, f"Hartigan's table (diptest{beyond})"


def _no_shares(prediction: Array) -> str:
    """Say why predictions cannot be hit rates; "" where they can. Few may overstep."""
    outside = float(np.mean((prediction < 0) | (prediction > 1)))
    if outside <= MOST_OUTSIDE:
        return ""
    return f"{outside:.0%} of the predictions lie outside 0 to 1, so they are no hit rates"


def _reliability(study: Study) -> Reliability:
    """From the counts; else as published, where it is known what the labels are.

    MemCat's published figure is about labels whose counts are published, too, so without the counts
    nobody can tell whether the labels are those; LaMem has no counts, and one kind of label.
    """
    if study.hits is not None:
        return reliability.from_counts(study.hits, study.responses, study.draws)
    stated = published_reliability(study.dataset) if study.dataset else None
    name = DatasetName.parse(study.dataset)
    if stated is None or stated.made_of != "half" or study.no_counts != NO_COLUMNS:
        return Reliability("unknown", {}, {}, reason=study.no_counts)
    if name.part != "test":
        reason = f"{stated.figure.source.short} give it for {stated.labels}: name split and part"
        return Reliability("unknown", {}, {}, reason=f"{reason}, as in {name.base}:test:1")
    source = (
        f"{stated.figure.source.short}, {stated.figure.where}, for {stated.labels}: {stated.why}; "
        "a selection of its pictures may have another"
    )
    return reliability.published(stated.value, study.truth, source)


def _labels(study: Study, found: Reliability) -> dict[str, Any]:
    figures = {}
    for name, value in found.values.items():
        interval = found.interval(name, LEVEL)
        figures[name] = {
            "value": float(value) if np.isfinite(value) else None,
            "interval": interval.ends,
            "method": _labels_method(name, study.draws) if found.kind == "counts" else "published",
            "resamples": len(found.resampled[name]) if name in found.resampled else 0,
        }
    responses: dict[str, int | float] | None = None
    if study.responses is not None:
        responses = {
            "lowest": int(study.responses.min()),
            "median": float(np.median(study.responses)),
            "highest": int(study.responses.max()),
        }
    return {
        "kind": found.kind,
        "source": found.source,
        "reason": found.reason,
        "halves": reliability.HALVES if found.kind == "counts" else None,
        "responses": responses,
        "figures": figures,
    }


def _labels_method(name: str, draws: Draws) -> str:
    return draws.method if name == "noise" else f"Fisher z with the SD of the {draws.method}"


def _differences(
    study: Study,
    drawn: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
) -> list[Difference]:
    rows = model_differences.differences(
        study.truth,
        study.predictions,
        drawn,
        values,
        study.draws,
        level=LEVEL,
        margin=study.margin,
    )
    return [
        Difference(
            **row,
            n=len(study.truth),
            level=LEVEL,
            method=study.draws.method,
            resamples=study.draws.resamples,
            seed=study.draws.seed,
            contamination=max(
                (study.words[row[side]] for side in ("model_a", "model_b")), key=CONTAMINATION.index
            ),
        )
        for row in rows
    ]


def _plots(study: Study, prediction: Array) -> dict[str, Any]:
    noisy = None
    if study.responses is not None and not _no_shares(prediction):
        generator = np.random.default_rng([study.draws.seed, 2])
        noisy = noise_matched.noisy(prediction, study.responses, generator)
    return plot_data(study.truth, prediction, seed=study.draws.seed, noisy=noisy)
