"""One experiment simulated again and again: the same 40 people see all of 300 pictures.

People differ in how often they say "old" (SD 1.2 on the logit scale), which all pictures of one
experiment share. Each time pictures and people are new; what is estimated are the mean correlation
of two halves of the people, the ceiling that follows, and rho of a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from memnet.stats import bootstrap, participants, reliability
from memnet.stats.metrics import spearman
from memnet.stats.recognition import Answers, hit_rate
from memnet.stats.resampling import Draws

PEOPLE, PICTURES = 40, 300
COVERAGE = (0.93, 0.97)
SIMULATIONS, RESAMPLES = 400, 199
ANSWERS, PARTICIPANTS = "halves of the answers", "halves of the participants"
PICTURES_ONLY, BOTH = "pictures", "pictures and participants"
RHO = "rho of a model"
TITLES = {
    "split_half": "split-half",
    "ceiling_spearman": "ceiling of Spearman's rho",
    "ceiling_pearson": "ceiling of Pearson's r",
}


@dataclass(frozen=True)
class Experiment:
    """bool ``(people, pictures)``, who said "old" to what; ``(pictures,)`` the predictions."""

    yes: Any
    memorability: Any
    prediction: Any

    @property
    def labels(self) -> Any:
        return self.yes.mean(axis=0)

    def answers(self) -> Answers:
        who, what = np.indices(self.yes.shape).reshape(2, -1)
        old = np.ones(self.yes.size, bool)
        return Answers(who, what, old, self.yes.ravel(), self.yes.shape)


def draw(generator: np.random.Generator, pictures: int = PICTURES) -> Experiment:
    memorability = generator.normal(1.0, 0.6, pictures)
    bias = generator.normal(0, 1.2, PEOPLE)
    chance = 1 / (1 + np.exp(-(memorability + bias[:, None])))
    prediction = memorability + generator.normal(0, 0.7, pictures)
    return Experiment(generator.random(chance.shape) < chance, memorability, prediction)


@cache
def true_values(experiments: int = 2_000, pictures: int = 3_000) -> dict[str, float]:
    """Means over other people and many pictures; ``attained`` is what true memorability reaches."""
    generator = np.random.default_rng(1)
    rows = []
    for _ in range(experiments):
        one = draw(generator, pictures)
        halves = one.yes[: PEOPLE // 2].mean(axis=0), one.yes[PEOPLE // 2 :].mean(axis=0)
        rows.append(
            (
                spearman(*halves),
                np.corrcoef(*halves)[0, 1],
                spearman(one.labels, one.prediction),
                spearman(one.labels, one.memorability),
            )
        )
    half, half_pearson, rho, attained = np.mean(rows, axis=0)
    top, top_pearson = reliability.ceiling(
        reliability.spearman_brown(np.array([half, half_pearson]))
    )
    return {
        "split_half": float(half),
        "ceiling_spearman": float(top),
        "ceiling_pearson": float(top_pearson),
        RHO: float(rho),
        "attained": float(attained),
    }


def simulate(seed: int) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Value, way -> estimate and the ends of its 95 % interval, of one experiment."""
    one = draw(np.random.default_rng([PICTURES, seed]))
    draws = Draws(n=PICTURES, resamples=RESAMPLES, seed=seed)
    answers = one.answers()
    ways = {
        ANSWERS: reliability.from_counts(one.yes.sum(axis=0), np.full(PICTURES, PEOPLE), draws),
        PARTICIPANTS: participants.from_participants(answers, hit_rate, one.labels, draws),
    }
    found = {}
    for name in TITLES:
        for way, result in ways.items():
            interval = result.interval(name, 0.95)
            found[name, way] = (result.values[name], interval.low, interval.high)
    columns = {"a": one.prediction}
    drawn = bootstrap.distributions(one.labels, columns, draws, only=("spearman",))["a"]
    both = participants.over_participants(
        answers,
        hit_rate,
        one.labels,
        columns,
        {"a": drawn["spearman"]},
        draws,
        level=0.95,
    )["a"]
    for way, interval in (
        (PICTURES_ONLY, bootstrap.interval_of(drawn["spearman"], 0.95)),
        (BOTH, both),
    ):
        found[RHO, way] = (spearman(one.labels, one.prediction), interval.low, interval.high)
    return found


@dataclass(frozen=True)
class Row:
    """One line of the table: true value, mean estimate and share of intervals that hold it."""

    value: str
    way: str
    true: float
    mean: float
    covered: float

    @property
    def bound(self) -> tuple[float, float] | None:
        promised = self.way in (PARTICIPANTS, BOTH) and self.value != TITLES["ceiling_pearson"]
        return COVERAGE if promised else None


def measure(simulations: int = SIMULATIONS) -> list[Row]:
    return summarise([simulate(seed) for seed in range(simulations)])


def summarise(results: list[dict[tuple[str, str], tuple[float, float, float]]]) -> list[Row]:
    true = true_values()
    rows = []
    for name, way in results[0]:
        value, low, high = np.array([each[name, way] for each in results], dtype=np.float64).T
        covered = (low <= true[name]) & (true[name] <= high)
        title = TITLES.get(name, name)
        rows.append(Row(title, way, true[name], float(value.mean()), float(covered.mean())))
    return rows


def table(rows: list[Row]) -> list[str]:
    lines = [
        "| value | way | true | mean estimate | bias | interval covers, % | to hold, % |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        hold = "" if row.bound is None else f"{100 * row.bound[0]:g} to {100 * row.bound[1]:g}"
        lines.append(
            f"| {row.value} | {row.way} | {row.true:.3f} | {row.mean:.3f} | "
            f"{row.mean - row.true:+.3f} | {100 * row.covered:.1f} | {hold} |"
        )
    return lines
