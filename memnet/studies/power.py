"""Plan a study: how many pictures it needs, or what a number of pictures gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from memnet.compare.report.table_model import interval, percent, short
from memnet.errors import MemnetError
from memnet.stats import power as formulas
from memnet.stats.levels import ALPHA
from memnet.stats.power_simulation import STUDIES, Simulated, correlation_matrix
from memnet.stats.power_simulation import simulate as simulate_studies

BETWEEN = 0.7
"""What two models' scores are taken to correlate where nothing is said."""

_MOST_DRAWN = 10**9
_FEW = 25


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to one question.

    Attributes
    ----------
    question : ``"width"`` of the interval of rho, ``"difference"`` of two models' rhos to be found,
        or ``"margin"`` within which two models of one rho are to be shown equivalent.
    size : the width, difference or margin. The difference is that with noise-free human scores,
        the others are those with the human scores as they are.
    pictures : their number.
    power : share of the studies that find it; None for the width.
    simulated : what simulated studies of so many pictures showed; None where none were.
    """

    question: str
    size: float
    pictures: int
    power: float | None = None
    simulated: Simulated | None = None

    @property
    def simulated_share(self) -> tuple[float, float] | None:
        """Share of the simulated studies that found it, and its standard error.

        For the width, the share whose interval held the true rho.
        """
        if self.simulated is None:
            return None
        shares = {
            "width": self.simulated.coverage,
            "difference": self.simulated.found,
            "margin": self.simulated.equivalent or 0.0,
        }
        return shares[self.question], self.simulated.error(shares[self.question])


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """The answers to what was asked; ``print`` it for them in words.

    Attributes
    ----------
    rho, reliability, between : what was supposed (:func:`power`).
    rho_seen : rho with human scores of that reliability.
    answers : an :class:`Answer` per question.
    sentences : the same in words.
    """

    rho: float
    reliability: float
    between: float
    rho_seen: float
    answers: list[Answer]
    sentences: list[str] = field(repr=False)

    def __str__(self) -> str:
        return "\n".join(self.sentences)


def power(
    rho: float,
    *,
    reliability: float = 1.0,
    width: float | None = None,
    difference: float | None = None,
    margin: float | None = None,
    between: float = BETWEEN,
    power: float = 0.8,
    pictures: int | None = None,
    simulate: bool = False,
    studies: int = STUDIES,
    seed: int = 20220101,
) -> StudyPlan:
    """Find how many pictures a study needs, or what a number of pictures gives.

    Parameters
    ----------
    rho : Spearman's rho that the model is expected to have with noise-free human scores; with the
        human scores as they are where ``reliability`` is left at 1.
    reliability : of the human scores, above 0 to 1. What a study sees is
        ``rho * sqrt(reliability)``.
    width : of the 95 % interval of the rho that is seen.
    difference : how much lower another model's rho is, also with noise-free human scores.
    margin : two models' rhos, as they are seen, that differ by less count as equivalent.
    between : correlation (Spearman's) between the two models' scores.
    power : share of the studies that shall find the difference, or show the equivalence of two
        models of one rho; above 0.05 and below 1.
    pictures : instead of how many are needed, say what so many give.
    simulate : whether to simulate studies as well, with normal scores.
    studies, seed : of the simulation.

    Raises
    ------
    MemnetError
        if a number is out of range, nothing is asked, or no models correlate like this.

    Examples
    --------
    >>> print(power(0.7, reliability=0.75, width=0.1))
    With noise-free human scores rho is 0.7; scores of reliability 0.75 show 0.606 of it (0.7 x \
sqrt(0.75)).
    A 95 % interval no wider than 0.1 around it needs 731 pictures.
    """
    for name, value in (
        *(("rho", rho), ("reliability", reliability), ("between", between), ("power", power)),
        *(("width", width), ("difference", difference), ("margin", margin)),
        ("number of pictures", pictures),
    ):
        needed = name in ("rho", "reliability", "between", "power")
        if (value is not None or needed) and not _is_number(value):
            raise MemnetError(f"The {name} is {value!r}; it must be a number.")
    plan = _Plan(rho, reliability, between, power)
    plan.check(width=width, difference=difference, margin=margin, pictures=pictures)
    if pictures is None:
        answers = plan.needed(width, difference, margin)
    else:
        answers = plan.given(pictures, difference, margin)
    if simulate:
        answers = [plan.simulated(answer, studies, seed) for answer in answers]
    return StudyPlan(
        rho=rho,
        reliability=reliability,
        between=between,
        rho_seen=plan.seen,
        answers=answers,
        sentences=[
            plan.supposed(),
            *(plan.sentence(each, pictures) for each in answers),
            *plan.none_found(answers, pictures),
            *(plan.simulated_sentence(each) for each in answers if each.simulated is not None),
            *plan.remarks(answers),
        ],
    )


@dataclass(frozen=True)
class _Plan:
    rho: float
    reliability: float
    between: float
    power: float

    @property
    def seen(self) -> float:
        return formulas.attenuated(self.rho, self.reliability)

    def lower(self, difference: float) -> float:
        """Return the rho that is seen of a model that is worse by ``difference``."""
        return formulas.attenuated(self.rho - difference, self.reliability)

    def check(
        self,
        *,
        width: float | None,
        difference: float | None,
        margin: float | None,
        pictures: int | None,
    ) -> None:
        """Refuse numbers out of range, and models that cannot be."""
        _require("rho", self.rho, -1 < self.rho < 1, "above -1 and below 1")
        _require(
            "reliability", self.reliability, 0 < self.reliability <= 1, "above 0, and 1 at most"
        )
        _require("between", self.between, -1 < self.between < 1, "above -1 and below 1")
        low = ALPHA
        _require("power", self.power, low < self.power < 1, f"above {low:g} and below 1")
        for name, size in (("width", width), ("difference", difference), ("margin", margin)):
            _require(name, size, size is None or 0 < size < 2, "above 0 and below 2")
        fewest = formulas.FEWEST
        enough = pictures is None or pictures >= fewest
        _require("number of pictures", pictures, enough, f"{fewest} or more")
        if pictures is None and width is difference is margin is None:
            raise MemnetError(
                "Say what is to be planned: a width, a difference, a margin, or a number of "
                "pictures."
            )
        if pictures is not None and width is not None:
            raise MemnetError(
                "A number of pictures says how wide the interval is; leave the width out, or the "
                "pictures."
            )
        if difference is not None and self.rho - difference <= -1:
            raise MemnetError(f"No rho is lower than {self.rho:g} by {difference:g}.")
        if difference is not None or margin is not None:
            try:
                correlation_matrix(self.rho, self.rho - (difference or 0), self.between, 1.0)
            except ValueError:
                raise MemnetError(
                    f"No two models of rho {self.rho:g} and {self.rho - (difference or 0):g} have "
                    f"scores that correlate {self.between:g}; give another correlation between "
                    "them."
                ) from None

    def needed(
        self, width: float | None, difference: float | None, margin: float | None
    ) -> list[Answer]:
        """Answer how many pictures are needed."""
        answers = []
        if width is not None:
            pictures = _pictures(formulas.pictures_for_width, self.seen, width)
            answers.append(Answer(question="width", size=width, pictures=pictures))
        if difference is not None:
            lower = self.lower(difference)
            pictures = _pictures(
                formulas.pictures_for_difference, self.seen, lower, self.between, self.power
            )
            answers.append(self._found(difference, pictures))
        if margin is not None:
            pictures = _pictures(
                formulas.pictures_for_margin, self.seen, self.between, margin, self.power
            )
            answers.append(self._equivalent(margin, pictures))
        return answers

    def given(self, pictures: int, difference: float | None, margin: float | None) -> list[Answer]:
        """Answer what a number of pictures gives."""
        width = formulas.interval_width(self.seen, pictures)
        answers = [Answer(question="width", size=width, pictures=pictures)]
        known = self.seen, self.between, pictures, self.power
        if difference is None:
            seen = formulas.smallest_difference(*known)
            difference = seen / math.sqrt(self.reliability)
        if not math.isnan(difference):
            answers.append(self._found(difference, pictures))
        if margin is None:
            margin = formulas.smallest_margin(*known)
        answers.append(self._equivalent(margin, pictures))
        return answers

    def _found(self, difference: float, pictures: int) -> Answer:
        power = formulas.power_of_difference(
            self.seen, self.lower(difference), self.between, pictures
        )
        return Answer(question="difference", size=difference, pictures=pictures, power=power)

    def _equivalent(self, margin: float, pictures: int) -> Answer:
        power = formulas.power_of_equivalence(self.seen, self.between, margin, pictures)
        return Answer(question="margin", size=margin, pictures=pictures, power=power)

    def simulated(self, answer: Answer, studies: int, seed: int) -> Answer:
        """Add what simulated studies of so many pictures show."""
        if answer.pictures * studies > _MOST_DRAWN:
            raise MemnetError(
                f"{studies:,} simulated studies of {answer.pictures:,} pictures are too many; "
                "simulate fewer."
            )
        worse = answer.size if answer.question == "difference" else 0.0
        return Answer(
            question=answer.question,
            size=answer.size,
            pictures=answer.pictures,
            power=answer.power,
            simulated=simulate_studies(
                self.rho,
                self.rho - worse,
                self.between,
                answer.pictures,
                reliability=self.reliability,
                margin=answer.size if answer.question == "margin" else None,
                studies=studies,
                seed=seed,
            ),
        )

    def supposed(self) -> str:
        """Say which rho is which."""
        if self.reliability == 1:
            return f"Rho with the human scores, with their noise, is {self.rho:g}."
        return (
            f"With noise-free human scores rho is {self.rho:g}; scores of reliability "
            f"{self.reliability:g} show {short(self.seen)} of it ({self.rho:g} x "
            f"sqrt({self.reliability:g}))."
        )

    def sentence(self, answer: Answer, pictures: int | None) -> str:
        """Say an answer in words."""
        n = f"{answer.pictures:,} pictures"
        size = f"{answer.size:.3g}"
        in_studies = (
            "" if answer.power is None else f"in {percent(round(answer.power, 2))} of studies"
        )
        if answer.question == "width":
            if pictures is None:
                return f"A 95 % interval no wider than {size} around it needs {n}."
            ends = interval(formulas.rho_interval(self.seen, answer.pictures))
            return f"{n} give a 95 % interval of width {size}: {ends}."
        if answer.question == "difference":
            lower = self.lower(answer.size)
            seen = f", seen as {short(lower)}" if self.reliability < 1 else ""
            what = (
                f"that another model's rho is lower by {size} ({self.rho - answer.size:.3g}{seen})"
            )
            return (
                f"To find {what} {in_studies} needs {n}."
                if pictures is None
                else f"{n} find {what} {in_studies}."
            )
        what = f"that two models of that rho are equivalent within {size}"
        return (
            f"To show {what} {in_studies} needs {n}."
            if pictures is None
            else f"{n} show {what} {in_studies}."
        )

    def none_found(self, answers: list[Answer], pictures: int | None) -> list[str]:
        """Say where so few pictures find no difference, however large, in enough studies."""
        if pictures is None or any(answer.question == "difference" for answer in answers):
            return []
        share = percent(round(self.power, 2))
        return [
            f"No difference between two models can be found in {share} of studies with "
            f"{pictures:,} pictures, however large."
        ]

    def simulated_sentence(self, answer: Answer) -> str:
        """Say what the simulated studies of an answer showed."""
        assert answer.simulated is not None
        assert answer.simulated_share is not None
        share, error = answer.simulated_share
        of = f"{short(share)} of them (standard error {error:.4f})"
        studies = f"Simulated studies of {answer.pictures:,} pictures"
        if answer.question == "width":
            width = short(answer.simulated.width)
            return f"{studies}: mean width {width}; {of} have an interval that holds the true rho."
        what = "find the difference" if answer.question == "difference" else "show the equivalence"
        return f"{studies}: {of} {what}."

    def remarks(self, answers: list[Answer]) -> list[str]:
        """Say what the answers rest on."""
        remarks = []
        if any(answer.power is not None for answer in answers):
            remarks.append(
                f"The two models' scores are taken to correlate {self.between:g}; the less they "
                "do, the more pictures are needed."
            )
        if any(answer.pictures < _FEW for answer in answers):
            remarks.append(f"The formulas are approximations, and poor ones below {_FEW} pictures.")
        return remarks


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _require(name: str, value: float | None, held: bool, bounds: str) -> None:
    if not held:  # False for NaN, too
        raise MemnetError(f"The {name} is {value:g}; it must be {bounds}.")


def _pictures(formula: Callable[..., int], *known: Any) -> int:
    try:
        return formula(*known)
    except ValueError as error:
        raise MemnetError(f"No study can show that: {error}.") from error
