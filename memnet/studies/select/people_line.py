"""What is known of people's scores, given a model's: a line, with the interval of its slope.

``memnet compare`` measures it on pictures with human scores. Without such pictures it follows from
what is published: ``slope = r SD(people) / SD(predicted)``, where r is that of the published rho if
scores are normal (:func:`.power_simulation.normal_correlation`), SD(people) that of the human
scores of LaMem and MemCat, and SD(predicted) that of the candidates' scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from memnet.compare.published import PublishedValue, published, published_reliability
from memnet.compare.record import RunRecord
from memnet.data.contamination import ContaminationVerdict, DatasetName, judge_contamination
from memnet.data.datasets import known_datasets
from memnet.data.human_scores import Distribution, distributions
from memnet.data.targets import HIT_RATE
from memnet.stats.power import rho_interval
from memnet.stats.power_simulation import normal_correlation
from memnet.studies.select.selection import Candidates
from memnet.util.arrays import Array
from memnet.util.text import join_names
from memnet.weights.known_models import named_after

_LEAST_SHARE = 0.02
"""Of the scores' variance: matched columns that explain less make no difference to speak of."""
_PERFECT = 0.9999  # a rho of 1 leaves no residual, and no interval
_SEEN = ("contaminated", "possibly", "unknown")


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
    value, low, high : the line, and the ends of its 95 % interval.
    mean : people's mean score of pictures with the candidates' mean predicted score.
    best : the slope that a perfect prediction with scores of this spread would have.
    spread_error : standard error of the slope, by the slope, that comes from the SD of few
        candidates' scores; 0 for a measured line.
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


def measured_line(
    record: RunRecord, candidates: Candidates, name: str, dataset: str
) -> PeopleLine | None:
    """Return the line of a comparison with this very model; None where it is not in it."""
    model = _same_model(record, name, candidates.identities.get(name, {}))
    if model is None:
        return None
    results = {each.metric: each for each in record.results if each.model == model}
    slope, r = results.get("calibration_slope"), results.get("pearson")
    if slope is None or slope.value is None or slope.interval is None or r is None:
        return None
    n, sd = r.n, float(record.truth["sd"])
    stated = (record.labels.get("figures") or {}).get("reliability_pearson") or {}
    reliability = float(stated.get("value") or 1.0)
    residual = sd * math.sqrt((1 - (r.value or 0.0) ** 2) * (n - 1) / (n - 2))
    noise = (1 - reliability) * sd**2
    items = math.sqrt(max(residual**2 - noise, 0.0))
    value, low, high = (
        LinePoint(slope=each, residual=residual, items=items)
        for each in (slope.value, *slope.interval)
    )
    intercept = results["calibration_intercept"].value or 0.0
    scores = candidates.scores[:, candidates.score_names.index(name)]
    line = PeopleLine(
        value=value,
        low=low,
        high=high,
        mean=intercept + slope.value * float(scores.mean()),
        best=slope.value * math.sqrt(reliability) / r.value if r.value else slope.value,
        spread_error=0.0,
        measured=True,
        source=f"The line of people's scores on those of {name} was measured on {slope.n:,} "
        f"pictures{f' of {record.dataset}' if record.dataset else ''}: slope {slope.value:.2f} "
        f"[{slope.interval[0]:.2f}, {slope.interval[1]:.2f}], r = {r.value or 0.0:.2f}.",
    )
    return _if_seen_unlike(line, record, slope.contamination, candidates, name, dataset)


def _same_model(record: RunRecord, name: str, identity: dict[str, Any]) -> str | None:
    """Find a predictor in a comparison: by its weights and preprocessing, else by its name."""
    for model in record.models:
        told = [
            (model.get(key), identity.get(key)) for key in ("weights_sha256", "preprocess_digest")
        ]
        if all(a and b for a, b in told):
            if all(a == b for a, b in told):
                return str(model["name"])
        elif model["name"] == name:
            return name
    return None


def _if_seen_unlike(
    line: PeopleLine,
    record: RunRecord,
    word: str,
    candidates: Candidates,
    name: str,
    dataset: str,
) -> PeopleLine:
    """Widen the line where the model had seen the calibration's pictures and not these, or so."""
    if dataset and record.dataset and _base(dataset) == _base(record.dataset):
        return line
    scores = candidates.scores[:, candidates.score_names.index(name)]
    other = published_line(candidates, name, scores, dataset)
    here = model_verdict(candidates, name, dataset)
    if word == "contaminated" and here.word != "contaminated":
        text = (
            f"{name} had seen the pictures of the calibration in training, which may flatter it. "
        )
        if isinstance(other, str):
            return replace(line, cautions=[f"{text}On new pictures the difference may be smaller."])
        low = min(line.low, other.low, key=lambda each: each.slope)
        text += "The lower end of the interval is that of published tests on new pictures."
        return replace(line, low=low, cautions=[text])
    if here.word == "contaminated" and word != "contaminated" and not isinstance(other, str):
        high = max(line.high, other.high, key=lambda each: each.slope)
        return replace(line, high=high, cautions=other.cautions)
    return line


def _base(dataset: str) -> str:
    return DatasetName.parse(dataset).base


def published_line(
    candidates: Candidates, name: str, scores: Array, dataset: str
) -> PeopleLine | str:
    """Return the line that published values of a model give, or why there is none."""
    known = named_after(name)
    target = target_of(candidates, name) or HIT_RATE
    values = _values(name, target, dataset)
    if not values or known is None:
        return (
            f"No test of {name} on pictures that it had not seen is published: measure it with "
            "`memnet compare` on pictures with human scores, and add --calibration record.json."
        )
    if not scores.std():
        return f"All scores of {name} are equal."
    people = _distributions(target, dataset)
    rhos = [value.value for value in values]
    rho = median(rhos)
    low = min(_end(value, 0) for value in values)
    high = max(_end(value, 1) for value in values)
    verdict = model_verdict(candidates, name, dataset)
    cautions = []
    if ":" in name:
        cautions.append(
            f"What is published is about {known.name} itself; how well {name} predicts is not."
        )
    if verdict.word in _SEEN:
        ceiling, whose = _ceiling(target, dataset)
        if ceiling > high:
            high = ceiling
            cautions.append(_why_ceiling(name, dataset, verdict, ceiling, whose))
    if not dataset or not {each.dataset for each in people} & _parts(dataset):
        cautions.append(
            "How much people's scores of these pictures vary is not known; it was taken from "
            f"{join_names([each.title for each in people])} "
            f"(SD {_range([each.sd for each in people])}). Where yours vary less, so does what can "
            "be expected."
        )
    sds = [each.sd for each in people]
    return line_of_rho(
        (rho, low, high),
        (math.sqrt(sum(sd**2 for sd in sds) / len(sds)), min(sds), max(sds)),
        scores,
        reliability=max(_reliabilities(target, dataset).values(), default=1.0),
        mean=sum(each.mean for each in people) / len(people),
        source=_say_published(name, values, rho),
        cautions=cautions,
    )


def line_of_rho(
    rhos: Sequence[float],
    sds: Sequence[float],
    scores: Array,
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
    scores : predicted scores of the candidates, ``(N,)``.
    reliability, mean, source, cautions : of people's scores; see :class:`PeopleLine`.
    """
    spread = float(scores.std(ddof=1))
    value, low, high = (
        _point(rho, sd, spread, reliability) for rho, sd in zip(rhos, sds, strict=True)
    )
    return PeopleLine(
        value=value,
        low=low,
        high=high,
        mean=mean,
        best=math.sqrt(reliability) * sds[0] / spread,
        spread_error=1 / math.sqrt(2 * (len(scores) - 1)),
        measured=False,
        source=source,
        cautions=list(cautions),
    )


def line_of_matched(line: PeopleLine, candidates: Candidates, scores: Array) -> PeopleLine:
    """Move the lower end of a line to what groups may show that are alike in other columns.

    The slope over all candidates is a mean of two, weighted by the shares of the scores' variance:
    that between pictures unlike in the matched columns (``R^2``), and that within alike ones, which
    alone matters to matched groups. Where a model tells kinds of pictures apart better than
    pictures of one kind, the second is less. It is ``(slope - R^2 best) / (1 - R^2)`` where the
    first is perfect, and kinds make up no more of people's variance than of the scores'.
    """
    share = share_of_matched(candidates, scores)
    if share < _LEAST_SHARE:
        return line
    within = max((line.value.slope - share * line.best) / (1 - share), 0.0)
    if within >= line.value.slope:
        return line
    # Alike pictures differ less in score, so that a slope among them is known less well.
    below = (line.value.slope - line.low.slope) / math.sqrt(1 - share)
    names = join_names([*candidates.covariate_names, *candidates.category_names])
    caution = (
        f"What was matched ({names}) explains {100 * share:.0f} % of the variance of the scores. A "
        "model may tell such kinds of pictures apart better than pictures of one kind; the lower "
        "end of the interval allows for that."
    )
    return replace(
        line,
        low=replace(line.low, slope=max(within - below, 0.0)),
        cautions=[*line.cautions, caution],
    )


def share_of_matched(candidates: Candidates, scores: Array) -> float:
    """Return the share of the scores' variance that the matched columns explain, adjusted.

    By linear regression on the covariates and a column per category; 0 where nothing is matched.
    """
    columns = [*candidates.covariates.T]
    for values in candidates.categories.T:
        columns += [(values == each).astype(np.float64) for each in sorted(set(values.tolist()))]
    if not columns or not scores.std():
        return 0.0
    design = np.column_stack([np.ones(len(scores)), *columns])
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    design[:, 1:] /= np.where(design[:, 1:].std(axis=0) > 0, design[:, 1:].std(axis=0), 1.0)
    fitted, _, rank, _ = np.linalg.lstsq(design, scores, rcond=None)
    left, n = np.sum((scores - design @ fitted) ** 2), len(scores)
    if n <= rank:
        return 1.0 - 1e-9
    adjusted = 1 - left / (n - rank) / scores.var(ddof=1)
    return float(min(max(adjusted, 0.0), 1.0 - 1e-9))


def _values(name: str, target: str, dataset: str) -> list[PublishedValue]:
    """Return published rhos on new pictures: those of the data set if there are any, else all."""
    base = name.partition(":")[0]
    known = named_after(name)
    names = {base, known.name if known else base}
    values = [
        value
        for value in published()
        if value.unseen and value.target == target and names & {value.model, *value.beside}
    ]
    own = [v for v in values if dataset and DatasetName.parse(v.dataset).names & _parts(dataset)]
    return own or values


def _parts(dataset: str) -> frozenset[str]:
    return DatasetName.parse(dataset).names


def _end(value: PublishedValue, which: int) -> float:
    """Return an end of a published rho's interval; rho itself where its n is not known."""
    return rho_interval(value.value, value.pictures)[which] if value.pictures else value.value


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
        "says how well. The upper end of the interval is therefore what a perfect prediction would "
        f"give, limited only by the reliability of human scores (rho {ceiling:.2f}, {whose})."
    )


def _say_published(name: str, values: Sequence[PublishedValue], rho: float) -> str:
    listed = [f"{v.printed} ({v.source.short}; {v.dataset})" for v in values]
    several = f", with {rho:.3g} as their middle" if len(values) > 1 else ""
    return (
        f"How well {name} predicts people's scores of new pictures is published: Spearman's rho "
        f"{join_names(list(dict.fromkeys(listed)))}{several}."
    )


def _range(values: Iterable[float]) -> str:
    low, *_, high = sorted([*values, *values])
    texts = dict.fromkeys(f"{value:.3f}".removeprefix("0") for value in (low, high))
    return " to ".join(texts)
