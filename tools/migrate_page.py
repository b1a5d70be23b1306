"""Studies whose effects are known, to see how often the values of a migrated study are right.

    python tools/migrate_page.py docs/migrate.md

simulates every population of :data:`POPULATIONS` and writes the table of the page. The slow test
runs the same studies with the same seeds and holds them to the same bounds. Study k always draws
from ``default_rng([n, k])``, so the number of processes changes nothing.

True values come from formulas of their own where everything is normal, and from two million items
where it is not; none comes from the code under test.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import _helpers  # noqa: F401
from memnet.stats import dependent_correlations
from memnet.stats.metrics.spearman import normal_scores
from memnet.studies.migrate.claims.claim import Claim
from memnet.studies.migrate.claims.compute import compute_claims
from memnet.studies.migrate.claims.conclusions import classify_claim, is_significant
from processes import processes

N, FEW, RESAMPLES, SIMULATIONS = 120, 20, 999, 1000
LARGE = 2_000_000
BEGIN, END = "<!-- migrate-simulation: begin -->", "<!-- migrate-simulation: end -->"

COVERAGE = (0.92, 0.98)
ERROR = (0.03, 0.07)

INTRODUCTION = f"""\
{SIMULATIONS:,} studies of {N} items each, or of {FEW}; {RESAMPLES} resamples. The scores correlate
.69 (old) and .82 (new) with true memorability (.75 both where equally valid) and share some errors.
Memorability correlates .40 with the outcome, or with nothing (no effect). Skewed: the scores are
squeezed into 0 to 1, rounded and clamped, the outcome is skewed and rounded. Wrongly significant:
p up to .05 where the true value, or difference, is 0. Said to be there: the sentence about the
claim calls it significant, as the test rejects and the interval excludes 0; without an effect that
is wrong. Omega squared: resamples inflate both shares of variance, so where there is none, the
interval of their difference (nearly) always holds it."""

COLUMNS = ("old", "new", "outcome", "c1", "c2", "predictor", "latent group")
THIRDS = stats.norm.ppf([1 / 3, 2 / 3])


@dataclass(frozen=True, kw_only=True)
class Population:
    """Items with a true memorability m that two scores measure, each with its own validity.

    Attributes
    ----------
    validity_old, validity_new : correlation of each score with m.
    effect : correlation of m with the outcome; the groups differ in m where it is not 0.
    skewed : the scores are squeezed into 0 to 1, rounded to 2 digits and the old one clamped at
        1, the outcome is skewed and rounded to 1 digit; else everything is normal.
    n : number of items of a study.
    """

    validity_old: float
    validity_new: float
    effect: float
    skewed: bool = False
    n: int = N

    def loadings(self) -> Any:
        """Each column as a sum of independent normal numbers: ``(columns, sources)``."""
        old, new = self.validity_old, self.validity_new
        shared, own = math.sqrt(0.3), math.sqrt(0.7)  # the two scores err alike to some extent
        rest_old, rest_new = math.sqrt(1 - old**2), math.sqrt(1 - new**2)
        in_groups = 0.6 if self.effect else 0.0
        rest = math.sqrt(1 - self.effect**2 - 0.09)
        # sources:  m, errors: shared, old, new; c1, c2, predictor, group, outcome
        return np.array(
            [
                [old, rest_old * shared, rest_old * own, 0, 0, 0, 0, 0, 0],
                [new, rest_new * shared, 0, rest_new * own, 0, 0, 0, 0, 0],
                [self.effect, 0, 0, 0, 0, 0.3, 0, 0, rest],
                [0.4, 0, 0, 0, math.sqrt(0.84), 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 1, 0, 0, 0],
                [0.5, 0, 0, 0, 0, 0, math.sqrt(0.75), 0, 0],
                [in_groups, 0, 0, 0, 0, 0, 0, math.sqrt(1 - in_groups**2), 0],
            ]
        )

    def draw(self, n: int, generator: np.random.Generator) -> dict[str, Any]:
        """Return the columns of ``n`` items, and ``two`` and ``three`` groups of them."""
        normal = generator.standard_normal((n, 9)) @ self.loadings().T
        columns = dict(zip(COLUMNS, normal.T, strict=True))
        latent = columns.pop("latent group")
        columns["two"] = (latent > 0).astype(int)
        columns["three"] = np.searchsorted(THIRDS, latent)
        if self.skewed:
            columns["old"] = (1 / (1 + np.exp(-1.2 - columns["old"]))).clip(0, 0.9).round(2)
            columns["new"] = (1 / (1 + np.exp(-1.2 - 0.6 * columns["new"]))).round(2)
            columns["outcome"] = np.exp(0.4 * columns["outcome"]).round(1)
        return columns


POPULATIONS = {
    "effect": Population(validity_old=0.69, validity_new=0.82, effect=0.4),
    "no effect": Population(validity_old=0.69, validity_new=0.82, effect=0),
    "equally valid": Population(validity_old=0.75, validity_new=0.75, effect=0.4),
    "effect, skewed": Population(validity_old=0.69, validity_new=0.82, effect=0.4, skewed=True),
    "no effect, skewed": Population(validity_old=0.69, validity_new=0.82, effect=0, skewed=True),
    f"effect, {FEW} items": Population(validity_old=0.69, validity_new=0.82, effect=0.4, n=FEW),
    f"no effect, {FEW} items": Population(validity_old=0.69, validity_new=0.82, effect=0, n=FEW),
}

NAMES = {
    "rho": "Spearman's rho",
    "r": "Pearson's r",
    "partial rho": "partial rho, two covariates",
    "partial r": "partial r, two covariates",
    "beta": "coefficient of memorability, two covariates",
    "control": "coefficient of a predictor, memorability as control",
    "g": "Hedges' g of two groups",
    "omega squared": "omega squared of three groups",
}


# True values ------------------------------------------------------------------------------------


@cache
def true_values(name: str) -> dict[str, tuple[float, float]]:
    """Claim -> its true value with the old and with the new score."""
    population = POPULATIONS[name]
    if not population.effect:
        return dict.fromkeys(NAMES, (0.0, 0.0))
    return from_large_sample(population) if population.skewed else from_formulas(population)


def from_formulas(population: Population) -> dict[str, tuple[float, float]]:
    """Of jointly normal columns, from their correlations; rho = 6 / pi asin(r / 2)."""
    loadings = population.loadings()
    r = loadings @ loadings.T
    latent = r[:2, COLUMNS.index("latent group")]
    # Means of a standard normal number in halves and in thirds of its range.
    half = 2 * stats.norm.pdf(0)
    inside = [_normal_between(low, high) for low, high in pairwise([-np.inf, *THIRDS, np.inf])]
    values = _from_correlations(r, 6 / math.pi * np.arcsin(r / 2))
    # Labels are in order as text, and g is the first group's mean minus the second's.
    values["g"] = tuple((-2 * half * latent / np.sqrt(1 - (half * latent) ** 2)).tolist())
    values["omega squared"] = tuple(
        share_between(
            [1 / 3] * 3,
            [each * mean for mean, _ in inside],
            [1 - each**2 * (1 - variance) for _, variance in inside],
        )
        for each in latent.tolist()
    )
    return values


def _normal_between(low: float, high: float) -> tuple[float, float]:
    """Mean and variance of a standard normal number that lies in an interval."""
    there = stats.truncnorm(low, high)
    return float(there.mean()), float(there.var())


def share_between(shares: Any, means: Any, variances: Any) -> float:
    """What omega squared from Welch's F estimates: groups weigh as their means are known."""
    shares, means, variances = (
        np.asarray(each, dtype=float) for each in (shares, means, variances)
    )
    weights = shares / variances
    centre = (weights * means).sum() / weights.sum()
    between = (weights * (means - centre) ** 2).sum()
    return float(between / (1 + between))


def from_large_sample(population: Population, n: int = LARGE) -> dict[str, tuple[float, float]]:
    items = population.draw(n, np.random.default_rng(2))
    table = [items[name] for name in COLUMNS[:-1]]
    values = _from_correlations(
        np.corrcoef(table), np.corrcoef([stats.rankdata(column) for column in table])
    )
    pairs: dict[str, list[float]] = {"g": [], "omega squared": []}
    for column in table[:2]:
        a, b = (column[items["two"] == label] for label in (0, 1))
        pairs["g"].append(
            (a.mean() - b.mean())
            / math.sqrt((len(a) * a.var() + len(b) * b.var()) / (len(a) + len(b)))
        )
        parts = [column[items["three"] == k] for k in range(3)]
        pairs["omega squared"].append(
            share_between(
                [len(part) / len(column) for part in parts],
                [part.mean() for part in parts],
                [part.var() for part in parts],
            )
        )
    return values | {name: (pair[0], pair[1]) for name, pair in pairs.items()}


def _from_correlations(r: Any, rho: Any) -> dict[str, Any]:
    place = {name: number for number, name in enumerate(COLUMNS)}

    def partial(matrix: Any, score: str) -> float:
        rows = [place[name] for name in (score, "outcome", "c1", "c2")]
        inverse = np.linalg.inv(matrix[np.ix_(rows, rows)])
        return float(-inverse[0, 1] / math.sqrt(inverse[0, 0] * inverse[1, 1]))

    def slope(*names: str) -> float:
        rows = [place[name] for name in names]
        return float(np.linalg.solve(r[np.ix_(rows, rows)], r[rows, place["outcome"]])[0])

    def both(value_of: Callable[[str], float]) -> tuple[float, float]:
        return value_of("old"), value_of("new")

    return {
        "rho": both(lambda score: float(rho[place[score], place["outcome"]])),
        "r": both(lambda score: float(r[place[score], place["outcome"]])),
        "partial rho": both(lambda score: partial(rho, score)),
        "partial r": both(lambda score: partial(r, score)),
        "beta": both(lambda score: slope(score, "c1", "c2")),
        "control": both(lambda score: slope("predictor", score, "c1", "c2")),
    }


# One study --------------------------------------------------------------------------------------


def claims_of(items: Mapping[str, Any], seed: int, resamples: int = RESAMPLES) -> dict[str, Claim]:
    """Claims of one study, by the names of :data:`NAMES`."""
    old, new = items["old"], items["new"]
    claims = compute_claims(
        old,
        new,
        outcome={"outcome": items["outcome"]},
        covariates={"c1": items["c1"], "c2": items["c2"]},
        predictor=("predictor", items["predictor"]),
        group=("two", items["two"]),
        draws_seed=seed,
        resamples=resamples,
    )
    groups = ("three", items["three"])
    claims += compute_claims(
        old, new, outcome={}, group=groups, draws_seed=seed, resamples=resamples
    )
    return dict(zip(NAMES, claims, strict=True))


def simulate_once(population: str, seed: int, resamples: int = RESAMPLES) -> dict[Any, float]:
    """One study's (claim, what) -> 1 where the interval covers, or the test rejects at 5 %."""
    n = POPULATIONS[population].n
    items = POPULATIONS[population].draw(n, np.random.default_rng([n, seed]))
    true = true_values(population)
    shares: dict[Any, float] = {}
    for name, claim in claims_of(items, seed, resamples).items():
        values = (*true[name], true[name][1] - true[name][0])
        word = classify_claim(claim)
        for what, estimate, p, value in zip(
            ("old", "new", "difference"),
            (claim.old, claim.new, claim.difference),
            (claim.p_old, claim.p_new, claim.p_difference),
            values,
            strict=True,
        ):
            if estimate.interval is None:  # where most resamples of 20 items lack a group
                shares[name, f"covers {what}"] = math.nan
            else:
                low, high = estimate.interval
                shares[name, f"covers {what}"] = float(low <= value <= high)
            if abs(value) < 1e-12:
                shares[name, f"rejects {what}"] = math.nan if p is None else float(p <= 0.05)
        says = "finds" if any(true[name]) else "concludes"
        with_new = ("holds", "stronger", "weaker", "reversed", "new only")
        with_old = ("holds", "stronger", "weaker", "reversed", "old only")
        shares[name, f"{says} old"] = float(word in with_old)
        shares[name, f"{says} new"] = float(word in with_new)
    return shares | _williams(items, true)


def _williams(items: Mapping[str, Any], true: Mapping[str, Any]) -> dict[Any, float]:
    """Williams's test, which the bootstrap test of the difference is measured against."""
    shares: dict[Any, float] = {}
    for name, of in (("rho", normal_scores), ("r", np.asarray)):
        if abs(true[name][1] - true[name][0]) < 1e-12:
            columns = [of(items[key]) for key in ("outcome", "old", "new")]
            r = np.corrcoef(columns)
            p = dependent_correlations.williams(r[0, 1], r[0, 2], r[1, 2], len(columns[0])).p
            shares[name, "Williams"] = float(p <= 0.05)
    return shares


# Studies in which simpler ways fail --------------------------------------------------------------


def confounded(random: np.random.Generator) -> dict[str, float]:
    """Memorability makes predictor (r = .6) and outcome (.5); the predictor does nothing itself."""
    m = random.standard_normal(N)
    old, new, x, y = (
        r * m + math.sqrt(1 - r * r) * random.standard_normal(N) for r in (0.69, 0.82, 0.6, 0.5)
    )
    (*_, claim) = compute_claims(
        old,
        new,
        outcome={"y": y},
        predictor=("x", x),
        validities={"old": 0.69, "new": 0.82},
        resamples=RESAMPLES,
    )
    corrected = {s: claim.detail["corrected"][s]["interval"] for s in ("old", "new")}
    return {
        "coefficient of the predictor, old score as control": _rejects(claim.p_old),
        "coefficient of the predictor, new score as control": _rejects(claim.p_new),
        **{
            f"the same, memorability itself held constant (validity of the {s} score)": float(
                ends is not None and not ends[0] <= 0 <= ends[1]
            )
            for s, ends in corrected.items()
        },
        **{
            f"no interval of that is given (validity of the {s} score)": float(ends is None)
            for s, ends in corrected.items()
        },
    }


def uneven(random: np.random.Generator) -> dict[str, float]:
    """Groups of 15, 25 and 80 pictures with SDs of 3, 1 and 1, and no difference."""
    codes = np.repeat([0, 1, 2], [15, 25, 80])
    old, new = (random.standard_normal(120) * np.array([3, 1, 1])[codes] for _ in range(2))
    (claim,) = compute_claims(old, new, outcome={}, group=("g", codes), resamples=RESAMPLES)
    parts = [old[codes == code] for code in range(3)]
    assert claim.old.interval is not None
    return {
        "classical F test of three groups": _rejects(stats.f_oneway(*parts).pvalue),
        "Welch's F test of three groups": _rejects(claim.p_old),
        "interval of omega squared, above 0": float(claim.old.interval[0] > 0),
    }


def clustered(random: np.random.Generator) -> dict[str, float]:
    """8 clusters of 15 pictures, intra-cluster correlation .3, and no effect."""
    codes = np.repeat(np.arange(8), 15)
    x, y = (
        math.sqrt(0.3) * random.standard_normal(8)[codes]
        + math.sqrt(0.7) * random.standard_normal(120)
        for _ in range(2)
    )
    rho, r = compute_claims(x, x, outcome={"y": y}, clusters=codes, resamples=RESAMPLES)
    return {
        "t test of r, pictures taken as independent": _rejects(stats.pearsonr(x, y).pvalue),
        "cluster-robust t test of r": _rejects(r.p_old),
        "cluster-robust t test of rho": _rejects(rho.p_old),
        "r said to be there": float(is_significant(r.old, r.p_old)),
    }


def _rejects(p: float | None) -> float:
    return math.nan if p is None else float(p <= 0.05)


HARD: dict[str, tuple[Any, dict[str, tuple[float, float]]]] = {
    "confounded": (confounded, {"the same": ERROR}),
    "uneven": (uneven, {"Welch": ERROR, "interval": (0.0, 0.04)}),
    "clustered": (clustered, {"cluster-robust": ERROR, "r said": (0.0, 0.07)}),
}
"""Name -> study, and the bounds of the rows whose title begins so; other rows are only measured."""


def _hard_part(name: str, first: int, last: int) -> list[dict[str, float]]:
    study, _ = HARD[name]
    return [study(np.random.default_rng([seed, 15])) for seed in range(first, last)]


def measure_hard(name: str, pool: Any, simulations: int = SIMULATIONS) -> dict[str, float]:
    """Share of the studies in which each row's test rejects."""
    edges = [*range(0, simulations, 50), simulations]
    running = [pool.submit(_hard_part, name, a, b) for a, b in pairwise(edges)]
    rows = [row for part in running for row in part.result()]
    return {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}


def hard_bound(name: str, row: str) -> tuple[float, float] | None:
    bounds = HARD[name][1]
    return next((limits for start, limits in bounds.items() if row.startswith(start)), None)


def hard_table(measured: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Rows of the page's second table."""
    lines = [
        f"Where simpler ways fail: no effect, {SIMULATIONS:,} studies of 120 pictures each. "
        "*confounded*: memorability makes predictor and outcome, the predictor nothing; *uneven*: "
        "groups of 15, 25 and 80 pictures with SDs of 3, 1 and 1; *clustered*: 8 clusters of 15 "
        "pictures, intra-cluster correlation .3.",
        "",
        "| population | test or interval | wrongly significant, % | to hold, % |",
        "| --- | --- | ---: | --- |",
    ]
    for name, rows in measured.items():
        for row, share in rows.items():
            limits = hard_bound(name, row)
            hold = "" if limits is None else f"{100 * limits[0]:g} to {100 * limits[1]:g}"
            lines.append(f"| {name} | {row} | {100 * share:.1f} | {hold} |")
    return lines


# Many studies -----------------------------------------------------------------------------------


def _part(population: str, first: int, last: int) -> list[dict[Any, float]]:
    return [simulate_once(population, seed) for seed in range(first, last)]


def measure(population: str, pool: Any, simulations: int = SIMULATIONS) -> dict[Any, float]:
    """Share of the studies in which each interval covers, or each test rejects."""
    edges = [*range(0, simulations, 50), simulations]
    running = [pool.submit(_part, population, a, b) for a, b in pairwise(edges)]
    rows = [row for part in running for row in part.result()]
    return {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}


def bound(name: str, what: str, population: str) -> tuple[float, float] | None:
    """Lowest and highest share that is promised; None where it is only measured.

    With few items intervals may hold more than they say, and tests reject less: never the reverse.
    """
    limits = _bound(name, what)
    if limits is None or POPULATIONS[population].n == N:
        return limits
    return (limits[0], 1.0) if what.startswith("covers") else (0.0, limits[1])


def _bound(name: str, what: str) -> tuple[float, float] | None:
    if (name, what.split()[-1]) == ("omega squared", "difference"):
        # Resamples make both shares of variance larger, so near zero their difference is never far.
        return (COVERAGE[0], 1.0) if what.startswith("covers") else (0.0, ERROR[1])
    if what.startswith("covers"):
        return COVERAGE
    if what.startswith("rejects"):
        return ERROR
    return (0.0, ERROR[1]) if what.startswith("concludes") else None


def outside(shares: Mapping[Any, float], population: str) -> list[str]:
    """Say which shares lie outside their bounds."""
    return [
        f"{name}, {what}: {share:.1%}"
        for (name, what), share in shares.items()
        if (limits := bound(name, what, population)) is not None
        and not limits[0] <= share <= limits[1]
    ]


_SHOWN = (
    ("covers old",),
    ("covers new",),
    ("covers difference",),
    ("rejects old",),
    ("rejects new",),
    ("rejects difference",),
    ("Williams",),
    ("concludes old", "finds old"),
    ("concludes new", "finds new"),
)


def table(measured: Mapping[str, Mapping[Any, float]]) -> list[str]:
    """Rows of the page: a claim in a population each."""
    lines = [
        INTRODUCTION,
        "",
        "| claim | population | interval holds the truth, %: old | new | difference "
        "| wrongly significant, %: old | new | difference | difference by Williams's t "
        "| said to be there, %: old | new |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for population, shares in measured.items():
        for name, title in NAMES.items():
            row = [
                next((shares[name, each] for each in what if (name, each) in shares), None)
                for what in _SHOWN
            ]
            cells = ["" if share is None else f"{100 * share:.1f}" for share in row]
            lines.append(f"| {title} | {population} | {' | '.join(cells)} |")
    return lines


def cells_of(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def shown(page: str) -> dict[tuple[str, str], list[str]]:
    """Claim and population of each row of the page -> its cells."""
    inside = page.split(BEGIN)[1].split(END)[0]
    rows = [cells_of(line) for line in inside.splitlines() if line.startswith("|")][2:]
    return {(row[0], row[1]): row[2:] for row in rows}


def main(path: Path) -> None:
    measured = {}
    with processes() as pool:
        for name in POPULATIONS:
            measured[name] = measure(name, pool)
            print(name, *outside(measured[name], name), sep="\n    ", flush=True)
    hard = {}
    with processes() as pool:
        for name in HARD:
            hard[name] = measure_hard(name, pool)
            print(name, hard[name], flush=True)
    page = path.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    lines = "\n".join([*table(measured), "", *hard_table(hard)])
    text = f"{before}{BEGIN}\n{lines}\n{END}{rest.split(END)[1]}"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
