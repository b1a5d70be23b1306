"""Coverage of the intervals and error rates of the tests, by simulation from known populations.

    python tests/helpers/simulation.py docs/statistics.md

runs every study of :data:`STUDIES` and writes the table of the page. The slow tests run the same
studies with the same seeds and hold them to the same bounds. Simulation k of n pictures always
draws from ``default_rng([n, k])``, so the number of processes changes nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from memnet.compare.stats import between, bootstrap, noise, permutation, reliability
from memnet.compare.stats.bootstrap import interval_of
from memnet.compare.stats.draws import Draws
from memnet.compare.stats.names import METRICS

COMPARED = (*between.CORRELATIONS, *between.ERRORS)
CLASSIC = {"williams": "Williams", "steiger": "Steiger", "meng_rosenthal_rubin": "Meng et al."}
ON = {"spearman": "ranks", "pearson": "values"}
PROCESSES = 2
LARGE = 2_000_000  # pictures: true values to about 0.0005

COVERAGE = (0.93, 0.97)
ERROR = (0.04, 0.06)
BEGIN, END = "<!-- simulation: begin -->", "<!-- simulation: end -->"


@dataclass(frozen=True, kw_only=True)
class Population:
    """Pictures and two models, jointly normal before each is put on its scale.

    Attributes
    ----------
    r_a, r_b, r_ab : latent correlations of the true hit rate with each model, of the models.
    kind : ``"labels"``: the truth is hits over 36 to 44 responses with a skewed true hit rate
        (mean 0.76, SD 0.10), predictions are skewed and rounded to 2 digits; ``"untied"``: the
        same without responses and rounding; ``"normal"``: everything normal, rounded to 2 digits.
    clusters, icc : number of clusters of equal size (0: none) and intra-cluster correlation.
    """

    r_a: float
    r_b: float
    r_ab: float
    kind: str = "labels"
    clusters: int = 0
    icc: float = 0.0

    def draw(self, n: int, generator: np.random.Generator) -> Sample:
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
    "clustered": Population(r_a=0.75, r_b=0.65, r_ab=0.6, clusters=40, icc=0.3),
}


@cache
def true_values(name: str) -> dict[str, float]:
    """Population values, from two million pictures; a difference of equal models is 0 exactly."""
    population = replace(POPULATIONS[name], clusters=0)
    sample = population.draw(LARGE, np.random.default_rng(2))
    values = _values(sample)
    found = {f"{metric}_{m}": values[m][metric] for m in values for metric in COMPARED}
    equal = population.r_a == population.r_b
    for row in _compared(sample, Draws(n=LARGE, resamples=1, seed=0)):
        found[row["metric"]] = 0.0 if equal else row["value"]
        if row["tests"]:
            difference = row["tests"]["zou"]["difference"]
            found[f"zou_{row['metric']}"] = 0.0 if equal else difference
    if sample.hits is not None:
        half = reliability.split_half(sample.hits, sample.responses, halves=4, seed=2)
        found["ceiling_spearman"] = float(reliability.ceiling(reliability.spearman_brown(half)))
        found["ceiling_pearson"] = float(np.std(sample.rate) / np.std(sample.truth))
        found["attained_spearman"] = float(stats.spearmanr(sample.rate, sample.truth).statistic)
        found["attained_pearson"] = float(stats.pearsonr(sample.rate, sample.truth).statistic)
    return found


def _values(sample: Sample) -> dict[str, dict[str, float]]:
    return {
        model: {metric: METRICS[metric].function(sample.truth, p) for metric in COMPARED}
        for model, p in sample.predictions.items()
    }


def _compared(sample: Sample, draws: Draws) -> list[dict[str, Any]]:
    """Every test of the two models; without a bootstrap, which has studies of its own."""
    nothing = {model: {m: np.full(1, np.nan) for m in COMPARED} for model in sample.predictions}
    return between.differences(
        sample.truth,
        sample.predictions,
        nothing,
        _values(sample),
        draws,
        level=0.95,
        margin=0.02,
    )


def _covers(ends: Any, value: float) -> float:
    assert ends is not None
    return float(ends[0] <= value <= ends[1])


def _distribution(p_values: Mapping[str, float | None]) -> dict[str, float]:
    return {METRICS[name].title: float(p <= 0.05) for name, p in p_values.items() if p is not None}


# Each study's figures: name -> 1 where the interval covers, or the test rejects at 5 % -----------


def intervals(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    drawn = bootstrap.distributions(sample.truth, sample.predictions, draws, only=("spearman",))
    a, b = (drawn[model]["spearman"] for model in sample.predictions)
    found = {
        "bootstrap interval of Spearman's rho": _covers(
            interval_of(a, 0.95).ends, true["spearman_a"]
        ),
        "bootstrap interval of the difference": _covers(
            interval_of(a - b, 0.95).ends, true["spearman"]
        ),
    }
    if true["spearman"]:
        tost = between.equivalence(a - b, level=0.95, margin=abs(true["spearman"]))
        found["TOST, the true difference at the margin"] = float(tost["p_equivalence"] <= 0.05)
    return found


def other_intervals(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    names = ("pearson", "mse", "mae")
    drawn = bootstrap.distributions(sample.truth, sample.predictions, draws, only=names)
    found = {}
    for name in names:
        a, b = (drawn[model][name] for model in sample.predictions)
        title = METRICS[name].title
        found[f"bootstrap interval of {title}"] = _covers(
            interval_of(a, 0.95).ends, true[f"{name}_a"]
        )
        found[f"bootstrap interval of the difference of {title}"] = _covers(
            interval_of(a - b, 0.95).ends, true[name]
        )
    return found


def between_tests(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    found = {}
    for row in _compared(sample, draws):
        metric = row["metric"]
        if not true[metric]:
            found[f"swap permutation, {METRICS[metric].title}"] = float(row["p_value"] <= 0.05)
        for test, result in row["tests"].items():
            if test == "zou":
                ends = result["low"], result["high"]
                name = f"Zou's interval on {ON[metric]}"
                found[name] = _covers(ends, true[f"zou_{metric}"])
            elif not true[metric]:
                found[f"{CLASSIC[test]} on {ON[metric]}"] = float(result["p"] <= 0.05)
    return found


def ceilings(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    found = reliability.from_counts(sample.hits, sample.responses, draws)
    return {
        f"interval of the ceiling of {METRICS[name].title}": _covers(
            found.interval(f"ceiling_{name}", 0.95).ends, true[f"ceiling_{name}"]
        )
        for name in between.CORRELATIONS
    }


def exchangeable(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    again = np.random.default_rng([draws.seed, draws.n, 9]).binomial(sample.responses, sample.rate)
    return _distribution(
        permutation.distribution_p_values(
            sample.truth,
            again / sample.responses,
            permutations=draws.resamples,
            seed=draws.seed,
        )
    )


def noise_matched(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    noise.NOISY_DRAWS = 1  # in this process; p is of the first draw, however many there are
    p_values = noise.noise_matched(sample.truth, sample.rate, sample.responses, draws)[2]
    return _distribution(p_values)


def not_matched(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    return _distribution(
        permutation.distribution_p_values(
            sample.truth, sample.rate, permutations=draws.resamples, seed=draws.seed
        )
    )


def clustered(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    found = {}
    for kind, words in (("clusters", "whole clusters"), ("pictures", "pictures one by one")):
        how = replace(draws, kind=kind, groups=sample.groups if kind == "clusters" else None)
        for name, covered in intervals(sample, how, true).items():
            if name.startswith("bootstrap"):
                found[f"{name}, {words}"] = covered
    return found


@dataclass(frozen=True, kw_only=True)
class Study:
    """One population, sample size and set of figures.

    Attributes
    ----------
    bounds : the beginning of a figure's name -> lowest and highest share allowed; a figure that
        matches none is measured and shown, but promised to nobody.
    """

    figures: Callable[[Sample, Draws, Mapping[str, float]], dict[str, float]]
    population: str
    n: int
    simulations: int
    resamples: int
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.figures.__name__}, {self.population}, n = {self.n:,}"

    def bound(self, figure: str) -> tuple[float, float] | None:
        return next((b for start, b in self.bounds.items() if figure.startswith(start)), None)


def _studies() -> Iterator[Study]:
    some = {"bootstrap interval": COVERAGE, "TOST": (0.0, 0.055)}
    swap = {"swap": ERROR}
    ranks = {f"{test} on ranks": ERROR for test in CLASSIC.values()}
    ranks["Zou's interval on ranks"] = COVERAGE
    values = {f"{test} on values": ERROR for test in CLASSIC.values()}
    values["Zou's interval on values"] = COVERAGE
    for n in (100, 1000):
        many = 4000 if n == 100 else 2000

        def study(figures: Any, population: str, simulations: int, resamples: int, bounds: Any):
            return Study(
                figures=figures,
                population=population,
                n=n,  # noqa: B023
                simulations=simulations,
                resamples=resamples,
                bounds=bounds,
            )

        for name in ("equal", "equal, alike", "unequal", "unequal, alike", "unequal, no ties"):
            yield study(intervals, name, many, 499, some)
        yield study(other_intervals, "unequal", many // 2, 499, {})
        yield study(ceilings, "unequal", 2000 if n == 100 else 1000, 499, {"interval": COVERAGE})
        for name in ("equal", "equal, alike"):
            yield study(between_tests, name, 5000, 199, swap | ranks)
        yield study(between_tests, "unequal", 2000, 1, ranks)
        for name in ("normal, equal", "normal, equal, alike"):
            yield study(between_tests, name, 5000, 199, swap | ranks | values)
        yield study(between_tests, "normal, unequal", 2000, 1, ranks | values)
        yield study(exchangeable, "equal", 5000, 199, {"": ERROR})
        yield study(noise_matched, "equal", 4000, 199, {"": ERROR})
        yield study(not_matched, "equal", 400, 199, {"": (0.95, 1.0)} if n == 1000 else {})
    whole = {
        f"bootstrap interval of {what}, {how}": bound
        for what in ("Spearman's rho", "the difference")
        for how, bound in (("whole", (0.92, 0.97)), ("pictures", (0.0, 0.9)))
    }
    yield study(clustered, "clustered", 2000, 499, whole)


STUDIES = list(_studies())


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """Two processes, each on one core: then the library's threads do not stand in each other's way."""
    context = multiprocessing.get_context("spawn")
    cores = context.Queue()
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    for place in range(PROCESSES):
        cores.put(known[place % len(known)] if known else None)
    with ProcessPoolExecutor(
        PROCESSES, mp_context=context, initializer=_pin, initargs=(cores,)
    ) as pool:
        yield pool


def _pin(cores: Any) -> None:
    core = cores.get()
    if core is not None:
        os.sched_setaffinity(0, {core})


def _part(place: int, first: int, last: int, true: dict[str, float]) -> list[dict[str, float]]:
    study = STUDIES[place]
    population = POPULATIONS[study.population]
    return [
        study.figures(
            population.draw(study.n, np.random.default_rng([study.n, k])),
            Draws(n=study.n, resamples=study.resamples, seed=k),
            true,
        )
        for k in range(first, last)
    ]


def measure(study: Study, pool: ProcessPoolExecutor) -> dict[str, float]:
    """Share of simulations in which each interval covers, or each test rejects."""
    true = true_values(study.population)
    edges = [*range(0, study.simulations, 100), study.simulations]
    running = [
        pool.submit(_part, STUDIES.index(study), first, last, true)
        for first, last in zip(edges[:-1], edges[1:], strict=True)
    ]
    rows = [row for part in running for row in part.result()]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def outside(study: Study, found: Mapping[str, float]) -> list[str]:
    """Say which figures lie outside their bounds."""
    said = []
    for figure, share in found.items():
        bound = study.bound(figure)
        if bound is not None and not bound[0] <= share <= bound[1]:
            said.append(f"{figure}: {share:.2%}, not {bound[0]:.1%} to {bound[1]:.1%}")
    return said


def table(measured: Sequence[tuple[Study, Mapping[str, float]]]) -> list[str]:
    lines = [
        "| figure | population | n | simulations | measured, % | to hold, % |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for study, found in measured:
        for figure, share in found.items():
            bound = study.bound(figure)
            hold = "" if bound is None else f"{100 * bound[0]:g} to {100 * bound[1]:g}"
            lines.append(
                f"| {_title(study)}{figure} | {study.population} | {study.n:,} | "
                f"{study.simulations:,} | {100 * share:.1f} | {hold} |"
            )
    return lines


def _title(study: Study) -> str:
    return {
        exchangeable: "swap permutation of distributions, ",
        noise_matched: "the same, noise-matched, ",
        not_matched: "the same, not noise-matched, ",
    }.get(study.figures, "")


def shown(page: str) -> dict[tuple[str, str, str], float]:
    """Figure, population and n of each row of the page -> the share it shows."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ([\d,]+) \| [\d,]+ \| ([\d.]+) \|", page, re.M)
    return {(figure, name, n): float(share) / 100 for figure, name, n, share in rows}


def main(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    measured = []
    with processes() as pool:
        for study in STUDIES:
            measured.append((study, measure(study, pool)))
            print(study.name, *outside(*measured[-1]), sep="\n    ", flush=True)
    lines = "\n".join(table(measured))
    path.write_text(f"{before}{BEGIN}\n{lines}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
