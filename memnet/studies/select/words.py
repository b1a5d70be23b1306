"""What a selection's report says in sentences: the answer, what to expect, and cautions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from memnet.compare.report.digits import fixed, with_interval
from memnet.data.targets import HIT_RATE, target_words
from memnet.preprocess.decode import PictureOrCrop
from memnet.studies.cautions import inspect_pictures, score_cautions, training_cautions
from memnet.studies.select.balance import (
    BalanceRow,
    SpreadRow,
    distances_in_pairs,
    largest,
)
from memnet.studies.select.expected import Expectation, ExpectedDifference
from memnet.studies.select.selection import Selection
from memnet.util.text import join_names
from memnet.weights.known_models import named_after

PLAIN = {"extremes": "a median split", "pairs": "a median split", "levels": "the nearest level"}
"""What the groups are compared with."""
FEWEST = 20
"""People per picture: fewer are never advised, whatever is computed."""
_UNLIKE = 2.0
"""How many times a variance may be another."""
_CLEARLY = 0.05  # of the slope from 1: less is not worth a sentence


def write_answer(
    selection: Selection,
    rows: list[BalanceRow],
    spread: list[SpreadRow],
    expectation: Expectation,
) -> str:
    """Say what was chosen, what to expect of it, and how alike the groups are."""
    parts = [say_chosen(selection)]
    differences = expectation.differences
    if differences and selection.settings.kind != "split":
        top = _widest(expectation)
        parts.append(
            f"People's mean {people_words(expectation)} of {top.first} and {top.second} are "
            f"expected to differ by {say_size(top)} ({say_what(top)})."
        )
    parts += [say_alike(selection, rows), _say_spread(spread)]
    return " ".join(filter(None, parts))


def say_chosen(selection: Selection) -> str:
    """Say how many pictures were chosen from how many: ``40 high and 40 low ... of 400``."""
    groups, kind = selection.groups, selection.settings.kind
    total = f"{len(selection.candidates.ids):,} candidates"
    names = join_names(selection.candidates.score_names)
    if kind == "pairs":
        number = len(next(iter(groups.values())))
        return f"{number:,} pairs were chosen from {total}, with scores of {names} far apart."
    if kind == "spread":
        number = sum(map(len, groups.values()))
        return f"{number:,} pictures were chosen from {total}, evenly over the scores of {names}."
    listed = join_names([f"{len(places):,} {name}" for name, places in groups.items()])
    if kind == "split":
        number = sum(map(len, groups.values()))
        which = total[0].upper() + total[1:]
        if number < len(selection.candidates.ids):
            which = f"{number:,} of {total}"
        return f"{which} were divided into sets alike in {names}: {listed}."
    return f"{listed} pictures were chosen from {total} by {names}."


def say_alike(selection: Selection, rows: list[BalanceRow]) -> str:
    """Say how far apart the groups are at most, and how far a plain split would leave them."""
    after, before = largest(rows, "after"), largest(rows, "before")
    if math.isnan(after):
        return ""
    plain = PLAIN.get(selection.settings.kind)
    earlier = f", {before:.2f} with {plain}" if plain and math.isfinite(before) else ""
    return f"Means of covariates differ between groups by {say_apart(after)} SD at most{earlier}."


def say_apart(difference: float) -> str:
    """Write a standardised difference; one below 0.1 is never rounded to it."""
    digits = 3 if 0.095 <= difference < 0.1 else 2
    return f"{min(difference, 0.099) if digits == 3 else difference:.{digits}f}"


def _say_spread(spread: list[SpreadRow]) -> str:
    if not spread:
        return ""
    after, before = (max(abs(getattr(row, when)) for row in spread) for when in ("after", "before"))
    return (
        f"No covariate correlates with the score by more than {fixed(after, 2, bare=True)} (of all "
        f"candidates, {fixed(before, 2, bare=True)})."
    )


def _widest(expectation: Expectation) -> ExpectedDifference:
    """Return the first predictor's largest difference."""
    first = expectation.differences[0].predictor
    rows = [row for row in expectation.differences if row.predictor == first]
    return max(rows, key=lambda row: row.raw)


def people_words(expectation: Expectation) -> str:
    """Say what people's scores are: hit rates."""
    return target_words(expectation.target or HIT_RATE)


def say_size(row: ExpectedDifference) -> str:
    """Write an expected difference with its interval."""
    return with_interval(row.value, (row.low, row.high), bare=True)


def say_what(row: ExpectedDifference) -> str:
    """Say what the ends of an expected difference are."""
    return "95 % interval" if row.confident else "a range, no 95 % interval"


def say_expected(selection: Selection, expectation: Expectation) -> list[str]:
    """Say what the scores alone would make believe, and how many people a study needs."""
    sentences = []
    kind = selection.settings.kind
    if expectation.differences and kind in ("extremes", "pairs", "levels"):
        row = _widest(expectation)
        whose = f"{row.first} and {row.second}"
        if len(expectation.lines) > 1:
            whose += f" by {row.predictor}"
        sentences = [_say_raw(row, whose)]
        sentences += [_say_people(selection, row, whose)] if row.planned else []
    for name, line in expectation.lines.items() if kind == "spread" else ():
        points = (line.low.slope / 10, line.high.slope / 10)
        size = with_interval(line.value.slope / 10, points, bare=True)
        sentences.append(
            f"Where the score of {name} is .10 higher, people's {people_words(expectation)} are "
            f"expected to be {size} higher."
        )
    if kind == "split" and expectation.differences:
        most = max(expectation.differences, key=lambda row: max(abs(row.low), abs(row.high)))
        end = fixed(max(abs(most.low), abs(most.high)), 2, bare=True)
        sentences.append(
            f"The sets are alike in predicted scores; people's {people_words(expectation)} of two "
            f"sets may still differ by up to {end}, since pictures with equal scores are not "
            "remembered equally well."
        )
    return [*sentences, *expectation.missing.values()]


def _say_raw(row: ExpectedDifference, whose: str) -> str:
    raw, value = fixed(row.raw, 2, bare=True), fixed(row.value, 2, bare=True)
    slope = row.value / row.raw if row.raw else 1.0
    per_tenth = fixed(slope / 10, 2, bare=True)
    text = f"The predicted scores of {whose} differ by {raw}"
    if not row.same_scale:
        return f"{text} on a scale of their own, which is not that of people's scores."
    if slope < 1 - _CLEARLY:
        return (
            f"{text}. Do not expect that of people, but {value}: part of the differences between "
            "predictions is error. A picture predicted .10 higher is on average remembered only "
            f"{per_tenth} more (regression to the mean)."
        )
    if slope > 1 + _CLEARLY:
        return (
            f"{text}. Of people more is expected, {value}: these predictions are shrunken towards "
            f"their mean. A picture predicted .10 higher is on average remembered {per_tenth} more."
        )
    return f"{text}, nearly what is expected of people."


def _say_people(selection: Selection, row: ExpectedDifference, whose: str) -> str:
    groups = selection.groups
    k = min(len(groups[row.first]), len(groups[row.second]))
    pictures = "1 picture" if k == 1 else f"{k:,} pictures"
    test = "Welch's t test over pictures, two-sided at 5 %, power 80 %"
    if row.people is None:
        return (
            f"No number of people shows the expected difference of {whose} with {pictures} a "
            f"group ({test}): choose more pictures or more extreme ones."
        )
    lists = int(selection.options.get("lists", 2))
    text = (
        f"To find the expected difference of {whose}, {say_people(row.people)} must see each "
        f"picture as an old one ({test})"
    )
    if row.low <= 0:
        text += "; at the lower end there is nothing to be found"
    elif row.people_low is None:
        text += (
            "; if the difference is as small as the lower end, no number of people is enough, and "
            "more pictures are needed"
        )
    elif max(row.people_low, FEWEST) > max(row.people, FEWEST):
        text += f"; {row.people_low:,} if it is as small as the lower end"
    if lists > 1:
        number = say_participants(max(row.people, FEWEST), lists)
        more = " or more" if row.people < FEWEST else ""
        text += (
            f". With {lists} lists, each picture is new to some: {number}{more} participants in all"
        )
    return (
        f"{text}. This supposes the task of LaMem and MemCat, one answer per person and picture, "
        "and an effect of the same size in everybody. A claim about people needs an analysis with "
        "random slopes for persons and random intercepts for pictures."
    )


def say_people(number: int) -> str:
    """Write a number of people, never fewer than :data:`FEWEST`."""
    return (
        f"{FEWEST} or more people (computed: {number})" if number < FEWEST else f"{number:,} people"
    )


def say_participants(number: int, lists: int) -> str:
    """Write how many participants let ``number`` see each picture as an old one.

    In each of N lists a picture is new in one and old in N - 1: ``number N / (N - 1)``, and whole
    lists are filled.
    """
    return f"{lists * math.ceil(number / (lists - 1)):,}"


def list_cautions(
    selection: Selection,
    rows: list[BalanceRow],
    expectation: Expectation,
    pictures: Mapping[str, PictureOrCrop],
) -> list[str]:
    """Say what threatens the choice: training data, domain, clamped scores, and the notes."""
    candidates, settings = selection.candidates, selection.settings
    sentences = list(selection.notes)
    chosen = [place for places in selection.groups.values() for place in places]
    ids = [candidates.ids[place] for place in chosen]
    for at, name in enumerate(candidates.score_names):
        told = name in expectation.lines and settings.kind != "split"
        if told:
            sentences += expectation.lines[name].cautions
        if not (told and settings.dataset):
            known, identity = named_after(name), candidates.identities.get(name, {})
            training = training_cautions(
                ids,
                name,
                trained_on=identity.get("trained_on", known.trained_on if known else None),
                dataset=settings.dataset,
                split_unpublished=known.split_unpublished if known else (),
            )
            sentences += [caution.sentence for caution in training]
        scores = score_cautions(candidates.scores[chosen, at], name, ids=ids)
        sentences += [caution.sentence for caution in scores]
    if pictures:
        at_hand = [_Named(each, pictures[each]) for each in ids if each in pictures]
        sentences += [caution.sentence for caution in inspect_pictures(at_hand)]  # type: ignore[arg-type]
    return list(dict.fromkeys([*sentences, *say_spreads(rows), *candidates.notes]))


class _Named:
    """A picture with its id, as :func:`memnet.studies.cautions.inspect_pictures` takes them."""

    def __init__(self, image_id: str, picture: PictureOrCrop) -> None:
        self.image_id, self.picture = image_id, picture


def say_spreads(rows: list[BalanceRow]) -> list[str]:
    """Name the covariates whose means are alike, but whose variances are not (Rubin, 2001)."""
    unlike: dict[str, float] = {}
    for row in rows:
        if row.kind == "covariate" and row.after is not None:
            ratio = row.after.variance_ratio
            ratio = max(ratio, 1 / ratio if ratio else math.inf)
            if ratio > _UNLIKE:
                unlike[row.name] = max(ratio, unlike.get(row.name, 0.0))
    if not unlike:
        return []
    times = {
        name: f"{r:.1f} times" if math.isfinite(r) else "one is 0" for name, r in unlike.items()
    }
    listed = join_names([f"{name} ({text})" for name, text in times.items()])
    return [
        f"Means are alike, spreads are not: the groups' variances differ in {listed}. A variance "
        "more than twice another is commonly called unbalanced (Rubin, 2001, Health "
        "Services & Outcomes Research Methodology 2, 169-188): look at the distributions below."
    ]


def say_pairs(selection: Selection) -> str:
    """Say how far two pictures of a pair are apart at most."""
    apart = distances_in_pairs(selection)
    if not apart:
        return ""
    listed = join_names([f"{size:.2f} in {name}" for name, size in apart.items()])
    return f"Within a pair, pictures are apart by at most (SDs of the candidates): {listed}."
