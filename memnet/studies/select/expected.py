"""By how much people's scores of the chosen groups will differ, and how many people show it.

Predictions are no measurements. Part of the differences between them is error, so that pictures
that are chosen for extreme scores are less extreme in truth (regression to the mean). What can be
expected is the slope of people's scores on predicted scores (:mod:`.people_line`), times the
difference of the groups' predicted scores.

The interval of an expected difference has two parts, put together by their squares (Zou & Donner,
2008), since they vary independently: that of the slope, and that of ``k`` pictures a group, whose
human scores scatter around the line with ``SD(people) sqrt(1 - r^2)``.

References
----------
Zou, G. Y., & Donner, A. (2008). Construction of confidence limits about effect measures: A general
approach. Statistics in Medicine, 27, 1693-1702.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, pairwise

from scipy import special

from memnet.compare.record import RunRecord
from memnet.data.targets import HIT_RATE
from memnet.errors import MemnetError
from memnet.stats.levels import LEVEL
from memnet.stats.power import participants_for_groups
from memnet.studies.select.matched_line import line_of_matched
from memnet.studies.select.measured_line import measured_line
from memnet.studies.select.people_line import (
    LinePoint,
    PeopleLine,
    published_line,
    target_of,
)
from memnet.studies.select.selection import Selection
from memnet.util.text import join_names

POWER = 0.8
"""Share of the studies that shall find a difference."""

_SHARES = (HIT_RATE, "false_alarm_rate")
"""Of people: their chance errors are binomial."""
_Z = float(special.ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True, kw_only=True)
class ExpectedDifference:
    """What to expect of two groups, first minus second.

    Attributes
    ----------
    predictor, first, second : column of the scores; names of the groups.
    raw : difference of the groups' mean predicted scores.
    same_scale : whether these are on the scale of people's scores, 0 to 1.
    value, low, high : expected difference of people's mean scores, as they would be observed with
        about 80 answers for each of these very pictures, with its interval.
    confident : whether that is a 95 % interval; else a range (see :class:`.PeopleLine`).
    planned : whether numbers of people were looked for: for groups that are to differ, in a share
        of people between 0 and 1.
    people, people_low : how many people must see each picture so that a Welch test over pictures
        finds ``value``, or ``low``, in 80 % of studies; None where no number suffices.
    """

    predictor: str
    first: str
    second: str
    raw: float
    same_scale: bool
    value: float
    low: float
    high: float
    confident: bool
    planned: bool
    people: int | None
    people_low: int | None


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What to expect of people, by each predictor that something is known of.

    Attributes
    ----------
    target : what the predictors estimate (:data:`memnet.data.targets.TARGETS`).
    lines : predictor -> its line.
    differences : a row per predictor and two groups.
    missing : predictor -> why nothing can be expected of it.
    """

    target: str
    lines: dict[str, PeopleLine]
    differences: list[ExpectedDifference]
    missing: dict[str, str]


def expect(selection: Selection, calibration: RunRecord | None = None) -> Expectation:
    """Say by how much people's scores of the groups are expected to differ.

    Parameters
    ----------
    selection : the chosen pictures.
    calibration : of ``memnet compare`` with the same model, on pictures with human scores; without
        one, published values are used.

    Raises
    ------
    MemnetError
        if the calibration is of none of the predictors.
    """
    candidates, dataset = selection.candidates, selection.settings.dataset
    lines: dict[str, PeopleLine] = {}
    missing: dict[str, str] = {}
    for column, name in enumerate(candidates.score_names):
        scores = candidates.scores[:, column]
        line: PeopleLine | str | None = None
        if calibration is not None:
            line = measured_line(calibration, candidates, name, dataset)
        if line is None:
            line = published_line(candidates, name, dataset)
        if isinstance(line, str):
            missing[name] = line
        else:
            alike = selection.settings.kind == "split"  # also in the scores
            lines[name] = line if alike else line_of_matched(line, candidates, scores)
    if calibration is not None and not any(line.measured for line in lines.values()):
        raise MemnetError(
            f"The calibration is of {join_names(list(calibration.words))}, and the scores are of "
            f"{join_names(candidates.score_names)}; compare the same model with human scores."
        )
    target = next((target_of(candidates, name) for name in lines), "")
    if calibration is not None:
        target = calibration.truth.get("target") or target
    target = target or HIT_RATE
    differences = [
        _difference(selection, name, line, *pair, shares=target in _SHARES)
        for name, line in lines.items()
        for pair in compared_groups(selection)
    ]
    return Expectation(target=target, lines=lines, differences=differences, missing=missing)


def compared_groups(selection: Selection) -> list[tuple[str, str]]:
    """Return the groups that are compared, that with the higher scores first.

    Levels are compared with the next, and the highest with the lowest; sets each with each.
    """
    names = sorted(selection.groups, key=lambda name: -_mean_score(selection, name))
    if selection.settings.kind != "levels" or len(names) < 3:
        return list(combinations(names, 2))
    return [*pairwise(names), (names[0], names[-1])]


def difference_interval(
    raw: float, line: PeopleLine, counts: tuple[int, int]
) -> tuple[float, float, float]:
    """Return the expected difference of people's mean scores, and its interval.

    Parameters
    ----------
    raw : difference of the mean predicted scores of two groups.
    line : what is known of people's scores.
    counts : pictures of the two groups.
    """
    value = line.value.slope * raw
    ends = sorted((end.slope * raw, end.residual) for end in (line.low, line.high))
    share = math.sqrt(1 / counts[0] + 1 / counts[1])
    halves = (
        math.sqrt(
            (value - end) ** 2
            + (_Z * residual * share) ** 2
            + (_Z * line.spread_error * value) ** 2
        )
        for end, residual in ends
    )
    below, above = halves
    return value, value - below, value + above


def _difference(
    selection: Selection, name: str, line: PeopleLine, first: str, second: str, *, shares: bool
) -> ExpectedDifference:
    candidates, groups = selection.candidates, selection.groups
    scores = candidates.scores[:, candidates.score_names.index(name)]
    a, b = scores[groups[first]], scores[groups[second]]
    raw = float(a.mean() - b.mean())
    value, low, high = difference_interval(raw, line, (len(a), len(b)))
    people: list[int | None] = [None, None]
    mean = line.mean + line.value.slope * float((a.mean() + b.mean()) / 2 - scores.mean())
    planned = selection.settings.kind != "split" and shares and 0 < mean < 1
    if planned and min(len(a), len(b)) > 1:
        within = float((a.var(ddof=1) + b.var(ddof=1)) / 2)
        people = [
            _people(size, point, within, mean, min(len(a), len(b)))
            for size, point in ((value, line.value), (low, line.low))
        ]
    return ExpectedDifference(
        predictor=name,
        first=first,
        second=second,
        raw=raw,
        same_scale=bool(scores.min() >= 0 and scores.max() <= 1),
        value=value,
        low=low,
        high=high,
        confident=line.confident,
        planned=planned,
        people=people[0],
        people_low=people[1],
    )


def _people(
    difference: float, line: LinePoint, within: float, mean: float, pictures: int
) -> int | None:
    """Return how many people show a difference; a mean too near 0 or 1 for it is moved inwards."""
    if not 0 < difference < 0.98:
        return None
    edge = 0.01 + difference / 2
    sd = math.sqrt(line.items**2 + line.slope**2 * within)
    return participants_for_groups(
        difference, sd, min(max(mean, edge), 1 - edge), pictures, power=POWER
    )


def _mean_score(selection: Selection, group: str) -> float:
    scores = selection.candidates.scores[selection.groups[group], 0]
    return float(scores.mean())
