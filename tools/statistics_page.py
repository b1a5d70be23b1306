"""Coverage of the intervals and error rates of the tests, by simulation from known populations.

    python tools/statistics_page.py docs/statistics.md [studies | crossed]

runs every study of :data:`STUDIES` and the crossed design of :mod:`crossed_design`, or one of the
two, and writes the tables of the page. The slow tests run the same with the same seeds and hold
them to the same bounds. Simulation k of n pictures always draws from ``default_rng([n, k])``, so
the number of processes changes nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import _helpers  # noqa: F401
import crossed_design
from memnet.stats import bootstrap, model_differences, noise_matched, reliability
from memnet.stats.bootstrap import interval_of
from memnet.stats.categories import WITHIN, cochran_q, resampled_rhos
from memnet.stats.metrics import CLASS_METRICS, METRICS, delong, delong_test, spearman
from memnet.stats.resampling import Draws
from populations import CLASS_EDGE, POPULATIONS, Sample, compared, true_values
from processes import processes
from single_model import distribution_p_values, noise_matched_of

CLASSIC = {"williams": "Williams", "steiger": "Steiger", "meng_rosenthal_rubin": "Meng et al."}

COVERAGE = (0.93, 0.97)
ERROR = (0.04, 0.06)
BEGIN, END = "<!-- simulation: begin -->", "<!-- simulation: end -->"
CROSSED = "<!-- crossed design: begin -->", "<!-- crossed design: end -->"


def _covers(ends: Any, value: float) -> float:
    assert ends is not None
    return float(ends[0] <= value <= ends[1])


def _distribution(p_values: Mapping[str, float | None]) -> dict[str, float]:
    return {METRICS[name].title: float(p <= 0.05) for name, p in p_values.items() if p is not None}


# Each study: name of a statistic -> 1 where its interval covers, or its test rejects at 5 % -------


def intervals(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    drawn = bootstrap.distributions(sample.truth, sample.predictions, draws, only=("spearman",))
    a, b = (drawn[model]["spearman"] for model in sample.predictions)
    shares = {
        "bootstrap interval of Spearman's rho": _covers(
            interval_of(a, 0.95).ends, true["spearman_a"]
        ),
        "bootstrap interval of the difference": _covers(
            interval_of(a - b, 0.95).ends, true["spearman"]
        ),
    }
    if true["spearman"]:
        tost = model_differences.equivalence(a - b, level=0.95, margin=abs(true["spearman"]))
        shares["TOST, the true difference at the margin"] = float(tost["p_equivalence"] <= 0.05)
    return shares


def other_intervals(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    names = ("pearson", "mse", "mae")
    drawn = bootstrap.distributions(sample.truth, sample.predictions, draws, only=names)
    shares = {}
    for name in names:
        a, b = (drawn[model][name] for model in sample.predictions)
        title = METRICS[name].title
        shares[f"bootstrap interval of {title}"] = _covers(
            interval_of(a, 0.95).ends, true[f"{name}_a"]
        )
        shares[f"bootstrap interval of the difference of {title}"] = _covers(
            interval_of(a - b, 0.95).ends, true[name]
        )
    return shares


def between_tests(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    shares = {}
    for row in compared(sample, draws):
        metric = row["metric"]
        if not true[metric]:
            shares[f"swap permutation, {METRICS[metric].title}"] = float(row["p_value"] <= 0.05)
        for test, result in row["tests"].items():
            if test == "zou":
                ends = result["low"], result["high"]
                name = f"Zou's interval for {METRICS[metric].title}"
                shares[name] = _covers(ends, true[f"zou_{metric}"])
            elif not true[metric]:
                shares[f"{CLASSIC[test]} for {METRICS[metric].title}"] = float(result["p"] <= 0.05)
    return shares


def ceilings(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    result = reliability.from_counts(sample.hits, sample.responses, draws)
    return {
        f"interval of the ceiling of {METRICS[name].title}": _covers(
            result.interval(f"ceiling_{name}", 0.95).ends, true[f"ceiling_{name}"]
        )
        for name in ("spearman", "pearson")
    }


def exchangeable(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    again = np.random.default_rng([draws.seed, draws.n, 9]).binomial(sample.responses, sample.rate)
    return _distribution(
        distribution_p_values(
            sample.truth,
            again / sample.responses,
            permutations=draws.resamples,
            seed=draws.seed,
        )
    )


def noise_matched_tests(
    sample: Sample, draws: Draws, true: Mapping[str, float]
) -> dict[str, float]:
    noise_matched.NOISY_DRAWS = 1  # in this process; the p values need none of them
    matched = noise_matched_of(sample.truth, sample.rate, sample.responses, draws)
    return _distribution(matched.p_values)


def not_matched(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    return _distribution(
        distribution_p_values(
            sample.truth, sample.rate, permutations=draws.resamples, seed=draws.seed
        )
    )


def clustered(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    shares = {}
    for kind, words in (("clusters", "whole clusters"), ("pictures", "pictures one by one")):
        how = replace(draws, kind=kind, groups=sample.groups if kind == "clusters" else None)
        for name, covered in intervals(sample, how, true).items():
            if name.startswith("bootstrap"):
                shares[f"{name}, {words}"] = covered
    return shares


def classes(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    memorable = (sample.truth > CLASS_EDGE).astype(np.float64)
    a, b = sample.predictions.values()
    found = delong(memorable, a)
    drawn = bootstrap.distributions(
        memorable, {"a": a}, draws, only=("auc",), metrics=CLASS_METRICS
    )
    shares = {
        "DeLong's interval of the AUC": _covers((found.low, found.high), true["auc_a"]),
        "bootstrap interval of the AUC": _covers(
            interval_of(drawn["a"]["auc"], 0.95).ends, true["auc_a"]
        ),
    }
    if not true["spearman"]:
        shares["DeLong's test of two AUCs"] = float(delong_test(memorable, a, b)["p"] <= 0.05)
    return shares


def within_categories(sample: Sample, draws: Draws, true: Mapping[str, float]) -> dict[str, float]:
    """Five categories far apart: rho with the category held constant is rho within each."""
    groups = np.arange(draws.n) % 5
    a = next(iter(sample.predictions.values()))
    nothing = np.random.default_rng([draws.seed, draws.n, 8]).permutation(a)
    truth, knows, alone = (values + 10.0 * groups for values in (sample.truth, a, nothing))
    how = replace(draws, kind="strata", groups=groups)
    drawn = resampled_rhos(truth, {"knows": knows, "alone": alone}, how, [])
    inside = [groups == group for group in range(5)]
    rhos = [spearman(truth[rows], knows[rows]) for rows in inside]
    test = cochran_q(rhos, [int(rows.sum()) for rows in inside])
    name = "bootstrap interval of rho, category held constant"
    return {
        name: _covers(interval_of(drawn["knows"][WITHIN], 0.95).ends, true["spearman_a"]),
        f"{name}, of a model that knows the categories alone": _covers(
            interval_of(drawn["alone"][WITHIN], 0.95).ends, 0.0
        ),
        "Cochran's Q of five categories with one rho": float(test["p"] <= 0.05),
    }


@dataclass(frozen=True, kw_only=True)
class Study:
    """One population, sample size and set of statistics.

    Attributes
    ----------
    bounds : the beginning of a statistic's name -> lowest and highest share allowed; one that
        matches none is measured and shown, but promised to nobody.
    """

    measure: Callable[[Sample, Draws, Mapping[str, float]], dict[str, float]]
    population: str
    n: int
    simulations: int
    resamples: int
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.measure.__name__}, {self.population}, n = {self.n:,}"

    def bound(self, name: str) -> tuple[float, float] | None:
        return next((b for start, b in self.bounds.items() if name.startswith(start)), None)


EQUAL = ("equal", "equal, alike")
UNEQUAL = ("unequal", "unequal, alike", "unequal, no ties")
NORMAL = ("normal, equal", "normal, equal, alike")
BOOTSTRAP = {"bootstrap interval": COVERAGE}
SWAP = {"swap permutation": ERROR}
RANKS = {f"{test} for Spearman's": ERROR for test in CLASSIC.values()}
VALUES = {f"{test} for Pearson's": ERROR for test in CLASSIC.values()}
ZOU_RANKS = {"Zou's interval for Spearman's": COVERAGE}
ZOU_VALUES = {"Zou's interval for Pearson's": COVERAGE}
# KS takes few values (multiples of 1 / n), so an exact test of it stays below its level.
DISTANCES = {"Kolmogorov": (0.03, 0.06), "": ERROR}
CLUSTERED = {
    f"bootstrap interval of {what}, {how}": bound
    for what in ("Spearman's rho", "the difference")
    for how, bound in (("whole", (0.92, 0.97)), ("pictures", (0.0, 0.9)))
}

# Figures, populations, simulations at n = 100 and n = 1,000, resamples or swaps, bounds.
# With 499 resamples the 95 % interval between NumPy's percentiles holds 94.6 % of the resampled
# values; with the 10,000 of a comparison, 95.0 %. With 199 swaps, p <= 0.05 has chance 0.05.
_PLAN: list[tuple[Any, tuple[str, ...], tuple[int, int], int, dict[str, tuple[float, float]]]] = [
    (intervals, EQUAL, (4000, 2000), 499, BOOTSTRAP),
    (intervals, UNEQUAL, (4000, 2000), 499, BOOTSTRAP | {"TOST": (0.0, 0.055)}),
    (other_intervals, ("unequal",), (2000, 1000), 499, {}),
    (ceilings, ("unequal",), (2000, 1000), 499, {"interval": COVERAGE}),
    (between_tests, EQUAL, (5000, 5000), 199, SWAP | RANKS | ZOU_RANKS),
    (between_tests, ("unequal",), (2000, 2000), 1, ZOU_RANKS),
    (between_tests, NORMAL, (5000, 5000), 199, SWAP | RANKS | VALUES | ZOU_RANKS | ZOU_VALUES),
    (between_tests, ("normal, unequal",), (2000, 2000), 1, ZOU_RANKS | ZOU_VALUES),
    (between_tests, ("bent", "half"), (2000, 2000), 199, {"swap": (0.035, 0.065)}),
    (between_tests, ("uneven",), (2000, 2000), 199, {}),
    (exchangeable, ("equal",), (5000, 5000), 199, DISTANCES),
    (noise_matched_tests, ("equal",), (4000, 4000), 199, DISTANCES),
    (not_matched, ("equal",), (0, 400), 199, {"": (0.95, 1.0)}),
    (clustered, ("clustered",), (0, 2000), 499, CLUSTERED),
    (classes, ("equal",), (2000, 1000), 499, {}),
    (within_categories, ("unequal",), (2000, 1000), 499, {}),
]

STUDIES = [
    Study(
        measure=statistics,
        population=population,
        n=n,
        simulations=simulations[which],
        resamples=resamples,
        bounds=bounds,
    )
    for which, n in enumerate((100, 1000))
    for statistics, populations, simulations, resamples, bounds in _PLAN
    for population in populations
    if simulations[which]
]


def _part(place: int, first: int, last: int, true: dict[str, float]) -> list[dict[str, float]]:
    study = STUDIES[place]
    population = POPULATIONS[study.population]
    return [
        study.measure(
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
        for first, last in pairwise(edges)
    ]
    rows = [row for part in running for row in part.result()]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def outside(study: Study, shares: Mapping[str, float]) -> list[str]:
    """Say which statistics lie outside their bounds."""
    messages = []
    for name, share in shares.items():
        bound = study.bound(name)
        if bound is not None and not bound[0] <= share <= bound[1]:
            messages.append(f"{name}: {share:.2%}, not {bound[0]:.1%} to {bound[1]:.1%}")
    return messages


def table(measured: Sequence[tuple[Study, Mapping[str, float]]]) -> list[str]:
    lines = [
        "| statistic | population | n | simulations | measured, % | to hold, % |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for study, shares in measured:
        for name, share in shares.items():
            bound = study.bound(name)
            hold = "" if bound is None else f"{100 * bound[0]:g} to {100 * bound[1]:g}"
            lines.append(
                f"| {_title(study)}{name} | {study.population} | {study.n:,} | "
                f"{study.simulations:,} | {100 * share:.1f} | {hold} |"
            )
    return lines


def _title(study: Study) -> str:
    return {
        exchangeable: "swap permutation of distributions, ",
        noise_matched_tests: "the same, noise-matched, ",
        not_matched: "the same, not noise-matched, ",
    }.get(study.measure, "")


def shown(page: str) -> dict[tuple[str, str, str], float]:
    """Statistic, population and n of each row of the page -> the share it shows."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ([\d,]+) \| [\d,]+ \| ([\d.]+) \|", page, re.M)
    return {(what, name, n): float(share) / 100 for what, name, n, share in rows}


def studies_table() -> list[str]:
    """Run every study, and say at once what lies outside its bounds."""
    measured = []
    with processes() as pool:
        for study in STUDIES:
            measured.append((study, measure(study, pool)))
            print(study.name, *outside(*measured[-1]), sep="\n    ", flush=True)
    return table(measured)


def main(path: Path, part: str = "") -> None:
    tables = {
        "crossed": (CROSSED, lambda: crossed_design.table(crossed_design.measure())),
        "studies": ((BEGIN, END), studies_table),
    }
    for (begin, end), lines in [tables[part]] if part else tables.values():
        text = "\n".join(lines())
        before, rest = path.read_text(encoding="utf-8").split(begin)
        after = rest.split(end)[1]
        path.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
