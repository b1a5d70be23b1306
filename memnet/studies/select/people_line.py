"""What is known of people's scores, given a model's: a line, with the interval of its slope.

``memnet compare`` measures it on pictures with human scores. Without such pictures it follows from
what is published: ``slope = r SD(people) / SD(predicted)``, where r is that of the published rho if
scores are normal (:func:`.power_simulation.normal_correlation`), SD(people) that of the human
scores of LaMem and MemCat, and SD(predicted) that of the model's scores of pictures like those
of the test. It is not that of the candidates: where these were chosen by their scores (a rule, one
category), their SD and r both shrink, and the slope stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median, stdev

from scipy import special

from memnet.compare.published import (
    PublishedSpread,
    PublishedValue,
    known_spread,
    published,
    published_reliability,
)
from memnet.data.contamination import ContaminationVerdict, DatasetName, judge_contamination
from memnet.data.datasets import known_datasets
from memnet.data.human_scores import Distribution, distributions
from memnet.data.targets import HIT_RATE, target_in_name, target_words
from memnet.stats.levels import LEVEL
from memnet.stats.power import rho_interval
from memnet.stats.power_simulation import normal_correlation
from memnet.studies.select.selection import Candidates
from memnet.util.text import join_names
from memnet.weights.known_models import named_after

_PERFECT = 0.9999  # a rho of 1 leaves no residual, and no interval
_SEEN = ("contaminated", "possibly", "unknown")
_ENOUGH = 3  # data sets, for what they differ by to be their own
_BETWEEN = 0.17  # SD of rho between data sets: that of ResMem's on four of them
_Z = float(special.ndtri((1 + LEVEL) / 2))


@dataclass(frozen=True, kw_only=True)
class LinePoint:
    """A line of people's scores on predicted scores: the estimate, or an end of its interval.

    Attributes
    ----------
    slope : people's score by predicted score.
    residual : SD of people's scores around the line, label noise included.
    items : the same without the noise of labels from a limited number of people.
    """

    slope: float
    residual: float
    items: float


@dataclass(frozen=True, kw_only=True)
class PeopleLine:
    """What is known of people's scores, given the predicted ones.

    Attributes
    ----------
    value, low, high : the line, and the ends of its interval.
    confident : whether that is a 95 % interval; else a range, since something is supposed that
        nobody has measured.
    mean : people's mean score of pictures with the candidates' mean predicted score.
    best : the slope that a perfect prediction with scores of this spread would have.
    spread_error : standard error of the slope, by the slope, that comes from the SD of few scores;
        0 for a measured line.
    measured : whether a calibration measured it; else it follows from published values.
    source : where it comes from, a sentence.
    cautions : what makes it uncertain, one sentence each.
    """

    value: LinePoint
    low: LinePoint
    high: LinePoint
    mean: float
    best: float
    spread_error: float
    measured: bool
    source: str
    cautions: list[str] = field(default_factory=list)
    confident: bool = True


def target_of(candidates: Candidates, name: str) -> str:
    """Return what a predictor estimates, "" where nobody knows."""
    known = named_after(name)
    return candidates.identities.get(name, {}).get("target") or (known.target if known else "")


def model_verdict(candidates: Candidates, name: str, dataset: str) -> ContaminationVerdict:
    """Say whether a predictor has seen the candidates."""
    known, identity = named_after(name), candidates.identities.get(name, {})
    trained_on = identity.get("trained_on", known.trained_on if known else None)
    unpublished = known.split_unpublished if known else ()
    return judge_contamination(trained_on, dataset, split_unpublished=unpublished)


def published_line(candidates: Candidates, name: str, dataset: str) -> PeopleLine | str:
    """Return the line that published values of a model give, or why there is none."""
    known = named_after(name)
    target = target_of(candidates, name) or HIT_RATE
    values = _values(name, target)
    if not values or known is None:
        return _why_no_line(name, dataset)
    scores = candidates.scores[:, candidates.score_names.index(name)]
    if not scores.std():
        return f"All scores of {name} are equal."
    people = _distributions(target, dataset)
    rho, low, high = rho_of_tests(values, dataset)
    ceiling, whose = _ceiling(target, dataset)
    verdict = model_verdict(candidates, name, dataset)
    cautions = []
    if ":" in name:
        cautions.append(
            f"What is published is about {known.name} itself; how well {name} predicts is not."
        )
    seen = verdict.word in _SEEN
    if seen and ceiling > rho:
        cautions.append(_why_ceiling(name, dataset, verdict, ceiling, whose))
    high = max(ceiling if seen else min(high, ceiling), rho)
    if not dataset or not {each.dataset for each in people} & _parts(dataset):
        cautions.append(
            "How much people's scores of these pictures vary is not known; it was taken from "
            f"{join_names([each.title for each in people])} "
            f"(SD {_range([each.sd for each in people])}). Where yours vary less, so does what can "
            "be expected."
        )
    own_scale = abs(scores - 0.5).max() <= 1  # else z scores, percent or the like
    reference = known_spread(known.name) if own_scale else None
    if reference is None:
        sd, mean, pictures = candidates.spreads[name]
        reference = PublishedSpread(model=name, sd=sd, mean=mean, pictures=pictures, where="")
        cautions.append(
            f"How much such scores of {name} vary on the pictures of its tests is not published: "
            "what is expected supposes that your pictures' scores vary as those of the test did "
            f"(SD {_range([sd])}, all {pictures:,} pictures of the table)."
        )
    sds = [each.sd for each in people]
    line = line_of_rho(
        (rho, low, high),
        (math.sqrt(sum(sd**2 for sd in sds) / len(sds)), min(sds), max(sds)),
        (reference.sd, reference.pictures),
        reliability=max(_reliabilities(target, dataset).values(), default=1.0),
        source=_say_published(name, values, (rho, low, high), dataset),
        cautions=cautions,
    )
    tests = _tests(values, dataset)
    settled = len(tests) >= _ENOUGH or _is_own(next(iter(tests)), dataset)
    shift = line.value.slope * (float(scores.mean()) - reference.mean)
    return replace(
        line,
        mean=sum(each.mean for each in people) / len(people) + shift,
        confident=not seen and settled and bool(reference.where),
    )


def rho_of_tests(values: Sequence[PublishedValue], dataset: str = "") -> tuple[float, float, float]:
    """Return what published tests say of Spearman's rho on other pictures, with its interval.

    A data set counts once, by the median of what is published of it. Where ``dataset`` was tested
    itself it alone counts, and only chance differs (Bonett & Wright). Else rho differs between data
    sets, too: the ends are those of a prediction interval for one more data set, ``t sqrt(tau^2 +
    se^2)`` from the median, with the tested data sets' own tau where there are three or more, else
    with a borrowed one of .17.
    """
    tests = _tests(values, dataset)
    rho = median(tests.values())
    pictures = [value.pictures for value in values if value.dataset in tests and value.pictures]
    chance = rho_interval(rho, min(pictures)) if pictures else (rho, rho)
    if _is_own(next(iter(tests)), dataset):
        return rho, *chance
    number = len(tests)
    if number >= _ENOUGH:
        total, times = stdev(tests.values()), float(special.stdtrit(number - 1, (1 + LEVEL) / 2))
        of_median = math.sqrt(math.pi / 2) * total / math.sqrt(number)
    else:
        total, times = math.hypot(_BETWEEN, (chance[1] - chance[0]) / 2 / _Z), _Z
        of_median = total / math.sqrt(number)
    half = times * math.hypot(total, of_median)
    return rho, max(rho - half, 0.0), min(rho + half, _PERFECT)


def _tests(values: Sequence[PublishedValue], dataset: str) -> dict[str, float]:
    """Return one rho per data set; those of the named one alone if there are any."""
    named = [value for value in values if _is_own(value.dataset, dataset)]
    of: dict[str, list[float]] = {}
    for value in named or values:
        of.setdefault(value.dataset, []).append(value.value)
    return {name: median(rhos) for name, rhos in of.items()}


def _is_own(tested: str, dataset: str) -> bool:
    return bool(dataset and DatasetName.parse(tested).names & _parts(dataset))


def _why_no_line(name: str, dataset: str) -> str:
    target = target_in_name(name)
    if not target:
        return (
            f"No test of {name} on pictures that it had not seen is published: measure it with "
            "`memnet compare` on pictures with human scores, and add --calibration record.json."
        )
    known = _reliabilities(target, dataset) if dataset else {}
    size = f" ({max(known.values()):.2f} for {join_names(list(known))})" if len(known) == 1 else ""
    return (
        f"{name} seems to hold people's own {target_words(target)}: of other people, expect the "
        f"groups' difference times the reliability of these scores{size}, since chance made "
        "some pictures extreme."
    )


def line_of_rho(
    rhos: Sequence[float],
    sds: Sequence[float],
    spread: tuple[float, int],
    *,
    reliability: float = 1.0,
    mean: float = 0.0,
    source: str = "",
    cautions: Sequence[str] = (),
) -> PeopleLine:
    """Return the line that a Spearman's rho gives.

    Parameters
    ----------
    rhos : of people's and predicted scores: the estimate, and the ends of its interval.
    sds : SD of people's scores: the same three.
    spread : SD of the predicted scores of pictures like those of the test, and of how many
        pictures it is. That of candidates that were picked by their scores is too small.
    reliability, mean, source, cautions : of people's scores; see :class:`PeopleLine`.
    """
    value, low, high = (
        _point(rho, sd, spread[0], reliability) for rho, sd in zip(rhos, sds, strict=True)
    )
    return PeopleLine(
        value=value,
        low=low,
        high=high,
        mean=mean,
        best=math.sqrt(reliability) * sds[0] / spread[0],
        spread_error=1 / math.sqrt(2 * (spread[1] - 1)),
        measured=False,
        source=source,
        cautions=list(cautions),
    )


def _values(name: str, target: str) -> list[PublishedValue]:
    """Return published rhos on pictures that the model had not seen."""
    base = name.partition(":")[0]
    known = named_after(name)
    names = {base, known.name if known else base}
    return [
        value
        for value in published()
        if value.unseen and value.target == target and names & {value.model, *value.beside}
    ]


def _parts(dataset: str) -> frozenset[str]:
    return DatasetName.parse(dataset).names


def _distributions(target: str, dataset: str) -> list[Distribution]:
    """Return the human scores of the data set where they are known, else all of this kind."""
    every = [each for each in distributions() if each.target == target]
    own = [each for each in every if dataset and each.dataset in _parts(dataset)]
    return own or every


def _reliabilities(target: str, dataset: str) -> dict[str, float]:
    """Return the published reliability of the data set's human scores, or of all data sets'.

    Empty for what is no hit rate: of others none is published.
    """
    if target != HIT_RATE:
        return {}
    known = {name: published_reliability(name) for name in known_datasets()}
    every = {name: each.value for name, each in known.items() if each is not None}
    own = {name: each for name, each in every.items() if dataset and name in _parts(dataset)}
    return own or every


def _ceiling(target: str, dataset: str) -> tuple[float, str]:
    """Return the highest rho that any prediction can have with human scores, and whose they are."""
    values = _reliabilities(target, dataset)
    if not values:
        return _PERFECT, "as if they were free of noise, since no reliability is published"
    name = max(values, key=values.__getitem__)
    return math.sqrt(values[name]), known_datasets()[name].title


def _point(rho: float, sd: float, spread: float, reliability: float) -> LinePoint:
    r = normal_correlation(rho)
    return LinePoint(
        slope=r * sd / spread,
        residual=sd * math.sqrt(1 - r**2),
        items=sd * math.sqrt(max(reliability - r**2, 0.0)),
    )


def _why_ceiling(
    name: str, dataset: str, verdict: ContaminationVerdict, ceiling: float, whose: str
) -> str:
    seen = {
        "contaminated": f"{name} has seen these pictures in training.",
        "possibly": f"{name} may have seen these pictures in training.",
        "unknown": f"Whether {name} has seen these pictures in training is not known.",
    }[verdict.word]
    name_it = " Name it with --dataset." if not dataset else ""
    so = "It can" if verdict.word == "contaminated" else "If it has, it can"
    return (
        f"{seen} {verdict.why}{name_it} {so} have learnt their human scores, and no published test "
        "says how well. The upper end is therefore what a perfect prediction would "
        f"give, limited only by the reliability of human scores (rho {ceiling:.2f}, {whose})."
    )


def _say_published(
    name: str, values: Sequence[PublishedValue], rhos: tuple[float, float, float], dataset: str
) -> str:
    tests = _tests(values, dataset)
    told = [value for value in values if value.dataset in tests]
    listed = [f"{v.printed} ({v.source.short}; {v.dataset})" for v in told]
    several = f"; each data set counted once, {rhos[0]:.3g} in the middle" if len(told) > 1 else ""
    text = (
        f"How well {name} predicts people's scores of new pictures is published: Spearman's rho "
        f"{join_names(list(dict.fromkeys(listed)))}{several}. What is expected is for pictures "
        "like those of these tests"
    )
    if _is_own(next(iter(tests)), dataset):
        return f"{text}."
    how = "as much as these do" if len(tests) >= _ENOUGH else f"as ResMem's do (SD {_BETWEEN})"
    return (
        f"{text}, supposing that rhos of data sets differ {how}: {rhos[1]:.2f} to {rhos[2]:.2f} on "
        "another one."
    )


def _range(values: Iterable[float]) -> str:
    low, *_, high = sorted([*values, *values])
    texts = dict.fromkeys(f"{value:.3f}".removeprefix("0") for value in (low, high))
    return " to ".join(texts)
