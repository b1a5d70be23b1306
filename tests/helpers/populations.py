"""Populations of pictures and two models of known true values, for simulations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from memnet.stats import model_differences, reliability
from memnet.stats.metrics import METRICS, auc, metrics_between_models
from memnet.stats.resampling import Draws
from single_model import split_half

COMPARED = tuple(metric.name for metric in metrics_between_models())
LARGE = 1_000_000  # pictures: true values to about 0.0007
CLASS_EDGE = 0.76
"""Human scores above it are the memorable class, where a study is of two classes."""


CURVES: dict[str, Any] = {
    "bent": lambda m: -np.abs(m),
    "half": lambda m: np.maximum(m, 0),
    "uneven": lambda m: m,
}


@dataclass(frozen=True, kw_only=True)
class Population:
    """Pictures and two models, jointly normal before each is put on its scale.

    Attributes
    ----------
    r_a, r_b, r_ab : latent correlations of the true hit rate with each model, of the models.
    kind : ``"labels"``: the truth is hits over 36 to 44 responses with a skewed true hit rate
        (mean 0.76, SD 0.10), predictions are skewed and rounded to 2 digits; ``"untied"``: the
        same without responses and rounding; ``"normal"``: everything normal, rounded to 2 digits.
        The rest are two equal models m + noise, m normal, whose relation to the truth is not
        straight (correlations unused): ``"bent"``: the truth is -|m| + noise, ``"half"``:
        max(m, 0) + noise, ``"uneven"``: m, and the models' noise grows with exp(m).
    clusters, icc : number of clusters of equal size (0: none) and intra-cluster correlation.
    """

    r_a: float
    r_b: float
    r_ab: float
    kind: str = "labels"
    clusters: int = 0
    icc: float = 0.0

    def draw(self, n: int, generator: np.random.Generator) -> Sample:
        if self.kind in CURVES:
            m, *noise = generator.standard_normal((4, n))
            size = np.exp(m) if self.kind == "uneven" else 1.0
            truth = (CURVES[self.kind](m) + 0.5 * noise[0]).round(2)
            a, b = ((m + 0.7 * size * e).round(2) for e in noise[1:])
            return Sample(truth=truth, a=a, b=b, rate=truth)
        correlations = [[1, self.r_a, self.r_b], [self.r_a, 1, self.r_ab], [self.r_b, self.r_ab, 1]]
        latent = generator.standard_normal((n, 3))
        groups = None
        if self.clusters:
            groups = np.arange(n) % self.clusters
            shared = generator.standard_normal((self.clusters, 3))[groups]
            latent = np.sqrt(self.icc) * shared + np.sqrt(1 - self.icc) * latent
        latent = latent @ np.linalg.cholesky(correlations).T
        if self.kind == "normal":
            truth, a, b = (0.75 + 0.12 * latent).round(2).T
            return Sample(truth=truth, a=a, b=b, rate=truth)
        rate, a, b = 1 / (1 + np.exp(-(1.25 + latent * [0.6, 0.5, 0.5]))).T
        if self.kind == "untied":
            return Sample(truth=rate, a=a, b=b, rate=rate)
        responses = generator.integers(36, 45, size=n)
        hits = generator.binomial(responses, rate)
        return Sample(
            truth=hits / responses,
            a=a.round(2),
            b=b.round(2),
            rate=rate,
            hits=hits,
            responses=responses,
            groups=groups,
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was drawn: columns ``(n,)``; hits, responses and groups where there are any."""

    truth: Any
    a: Any
    b: Any
    rate: Any
    hits: Any = None
    responses: Any = None
    groups: Any = None

    @property
    def predictions(self) -> dict[str, Any]:
        return {"a": self.a, "b": self.b}


POPULATIONS = {
    "equal": Population(r_a=0.75, r_b=0.75, r_ab=0.6),
    "equal, alike": Population(r_a=0.75, r_b=0.75, r_ab=0.95),
    "unequal": Population(r_a=0.75, r_b=0.65, r_ab=0.6),
    "unequal, alike": Population(r_a=0.75, r_b=0.72, r_ab=0.95),
    "unequal, no ties": Population(r_a=0.75, r_b=0.65, r_ab=0.6, kind="untied"),
    "normal, equal": Population(r_a=0.75, r_b=0.75, r_ab=0.6, kind="normal"),
    "normal, equal, alike": Population(r_a=0.75, r_b=0.75, r_ab=0.95, kind="normal"),
    "normal, unequal": Population(r_a=0.75, r_b=0.65, r_ab=0.6, kind="normal"),
    **{kind: Population(r_a=0, r_b=0, r_ab=0, kind=kind) for kind in CURVES},
    "clustered": Population(r_a=0.75, r_b=0.65, r_ab=0.6, clusters=40, icc=0.3),
}


@cache
def true_values(name: str) -> dict[str, float]:
    """Population values, from a million pictures; a difference of equal models is 0 exactly."""
    population = replace(POPULATIONS[name], clusters=0)
    sample = population.draw(LARGE, np.random.default_rng(2))
    values = values_of(sample)
    found = {f"{metric}_{m}": values[m][metric] for m in values for metric in COMPARED}
    memorable = sample.truth > CLASS_EDGE
    found |= {f"auc_{m}": auc(memorable, p) for m, p in sample.predictions.items()}
    equal = population.r_a == population.r_b
    for row in compared(sample, Draws(n=LARGE, resamples=1, seed=0)):
        found[row["metric"]] = 0.0 if equal else row["value"]
        if row["tests"]:
            difference = row["tests"]["zou"]["difference"]
            found[f"zou_{row['metric']}"] = 0.0 if equal else difference
    if sample.hits is not None:
        half = split_half(sample.hits, sample.responses, halves=4, seed=2)
        found["ceiling_spearman"] = float(reliability.ceiling(reliability.spearman_brown(half)))
        found["ceiling_pearson"] = float(np.std(sample.rate) / np.std(sample.truth))
        found["attained_spearman"] = float(stats.spearmanr(sample.rate, sample.truth).statistic)
        found["attained_pearson"] = float(stats.pearsonr(sample.rate, sample.truth).statistic)
    return found


def values_of(sample: Sample) -> dict[str, dict[str, float]]:
    return {
        model: {metric: METRICS[metric].function(sample.truth, p) for metric in COMPARED}
        for model, p in sample.predictions.items()
    }


def compared(sample: Sample, draws: Draws) -> list[dict[str, Any]]:
    """Every test of the two models; without a bootstrap, which has studies of its own."""
    nothing = {model: {m: np.full(1, np.nan) for m in COMPARED} for model in sample.predictions}
    return model_differences.differences(
        sample.truth,
        sample.predictions,
        nothing,
        values_of(sample),
        draws,
        level=0.95,
        margin=0.02,
    )
