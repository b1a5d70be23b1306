"""A diagnosis: its numbers, and its sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memnet.data.matching import MATCH_RULES
from memnet.studies.diagnosis.fingerprint import Fingerprint, decimals_words
from memnet.studies.diagnosis.likelihood import DISPLAYED_MEAN, MEAN_PREDICTION, SLOPE, Fit
from memnet.studies.diagnosis.match_criteria import LEFT_OUT
from memnet.studies.diagnosis.meaning import ServerAgreement

RECORD = "diagnosis.json"
"""What of a diagnosis ``memnet migrate --diagnosis`` reads."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One variant at its best, a row of the table.

    Attributes
    ----------
    slug, form : the variant, and the form in which it explains the column best.
    residual_sd : SD of the differences, from their median (wrong rows do not count much), in the
        column's unit; None for the form ``"rank"``.
    agree : share of rows that agree to the last digit written; None for the form ``"rank"``.
    rho : Spearman's rho with the column; None where either is constant.
    loglik : log likelihood of the column; None for the form ``"rank"``.
    """

    slug: str
    form: str
    residual_sd: float | None
    agree: float | None
    rho: float | None
    loglik: float | None


@dataclass(frozen=True, kw_only=True)
class Margin:
    """How far the next variant is that can be told apart from the verdict.

    Attributes
    ----------
    slug, form : the runner-up.
    residual_ratio : its residual SD divided by the verdict's, which counts at least as the noise
        of rounding.
    loglik_difference : by how much its log likelihood is lower; None for evidence by rank.
    """

    slug: str
    form: str
    residual_ratio: float
    loglik_difference: float | None


@dataclass(frozen=True, kw_only=True)
class ComparedRows:
    """The column beside the scores of the variant that explains it best.

    Attributes
    ----------
    slug, form : the variant, and the form of its scores.
    image_ids, old, variant : N ids, the column's numbers, and the variant's scores.
    """

    slug: str
    form: str
    image_ids: tuple[str, ...]
    old: tuple[float, ...]
    variant: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Which variant made a column.

    Attributes
    ----------
    verdict : slug of the variant, or None.
    equivalent : slugs that cannot be told apart from it, with the reason. Without a verdict: those
        that the column does not speak against.
    form : ``"raw"``, ``"scaled"`` ... (see :data:`~.likelihood.FORMS`), ``"affine"``, ``"rank"``,
        or None.
    evidence : ``"exact"``, ``"close"``, ``"affine"``, ``"rank"``, ``"none"``, ``"too little
        information"``, or ``"no pictures"`` where only the numbers were looked at.
    sentence : the verdict in words.
    n : rows with a picture.
    digits : decimals of the column; None for full precision.
    disagreeing : ids of rows that are not the verdict's.
    p : share of shuffled columns that fit as well; None where nothing was to be tested.
    margin : to the runner-up; None where there is none.
    affine : intercept and slope of ``column = a + b * raw``, for evidence ``"affine"``.
    candidates : every variant at its best: the verdict in the form that was found, then the others,
        the best first. For evidence by rank only the order is compared.
    fingerprint : what the numbers say by themselves.
    set_aside : sentences on rows and pictures that were not used.
    model : whose weights; "" without pictures.
    failed : picture -> why it could not be scored.
    cautions : sentences about the pictures (grey, tiny, with faces), and about numbers that may
        stand for missing values.
    complete : whether every picture with a row could be used.
    read_as : sentences on what the table's file was taken to be.
    join_rule : by which rule ids were matched with the pictures'.
    source, column : the table, and its column of scores.
    summary : the verdict in a sentence or two, without what cannot be told apart from it.
    effect : what the variant did to the picture; "" without a verdict.
    meaning : what that means for the study, in sentences.
    against_server : the variant's raw outputs beside the original's on these pictures, or None.
    compared : the column beside the scores of the verdict, or of the best candidate; None where
        there is nothing to compare.
    next_command : the command that goes on from here, "" where there is none.
    command : the command line or call.
    page : the page that was written, or None.
    """

    verdict: str | None
    equivalent: dict[str, str]
    form: str | None
    evidence: str
    sentence: str
    n: int
    digits: int | None
    disagreeing: tuple[str, ...]
    p: float | None
    margin: Margin | None
    affine: tuple[float, float] | None
    candidates: tuple[Candidate, ...]
    fingerprint: Fingerprint
    set_aside: tuple[str, ...]
    model: str
    failed: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()
    complete: bool = True
    read_as: tuple[str, ...] = ()
    join_rule: str = MATCH_RULES["exact"].meaning
    source: str = ""
    column: str = ""
    summary: str = ""
    effect: str = ""
    meaning: tuple[str, ...] = ()
    against_server: ServerAgreement | None = None
    compared: ComparedRows | None = None
    next_command: str = ""
    command: str = ""
    page: Path | None = None

    @property
    def headline(self) -> str:
        """The verdict in a line."""
        if self.evidence == "none":
            return "Verdict: none of these."
        form = "" if self.form in (None, self.evidence) else f", {self.form}"
        return f"Verdict: {self.verdict or 'open'} ({self.evidence}{form})."

    def __str__(self) -> str:
        """Return the verdict in words and its meaning; without pictures, what the numbers say."""
        rest = self.fingerprint.facts if self.evidence == "no pictures" else ()
        told = [self.headline, self.sentence, *filter(None, [self.effect]), *self.meaning, *rest]
        return "\n".join(told)

    def __repr__(self) -> str:
        """Return the sentences too: a notebook shows them."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; ``equivalent`` is the list of slugs, ``reasons`` says why.

        Without pictures there are only the fields that then mean something.
        """
        if self.evidence == "no pictures":
            return {
                "verdict": None,
                "equivalent": [],
                "form": None,
                "evidence": self.evidence,
                "sentence": self.sentence,
                "n": self.n,
                "set_aside": list(self.set_aside),
                "cautions": list(self.cautions),
                "read_as": list(self.read_as),
                "fingerprint": self.fingerprint.to_dict(),
                "source": self.source,
                "column": self.column,
            }
        plain = asdict(self)
        del plain["complete"], plain["page"]
        line = None if self.affine is None else {"a": self.affine[0], "b": self.affine[1]}
        return {
            **plain,
            "equivalent": list(self.equivalent),
            "reasons": dict(self.equivalent),
            "affine": line,
            "disagreeing": list(self.disagreeing),
            "set_aside": list(self.set_aside),
            "candidates": [asdict(row) for row in self.candidates],
            "fingerprint": self.fingerprint.to_dict(),
            "meaning": list(self.meaning),
            "compared": None if self.compared is None else _as_json(self.compared),
            "cautions": list(self.cautions),
            "read_as": list(self.read_as),
        }


def _as_json(compared: ComparedRows) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(compared).items()
    }


def without_pictures(
    *,
    source: str,
    column: str,
    n: int,
    fingerprint: Fingerprint,
    set_aside: tuple[str, ...],
    read_as: tuple[str, ...] = (),
    cautions: tuple[str, ...] = (),
    next_command: str = "",
) -> Diagnosis:
    """Return what can be said of a column without the pictures: a first guess, and no verdict."""
    guess = " ".join(fingerprint.sentences[len(fingerprint.facts) :])
    only = (
        "This is a first guess from the numbers alone; only the pictures show which variant it was."
    )
    said = f"{guess} {only}" if guess else f"{fingerprint.sentences[0]} {only}"
    return Diagnosis(
        verdict=None,
        equivalent={},
        form=None,
        evidence="no pictures",
        summary=said,
        sentence=said,
        n=n,
        digits=fingerprint.decimals,
        disagreeing=(),
        p=None,
        margin=None,
        affine=None,
        candidates=(),
        fingerprint=fingerprint,
        set_aside=set_aside,
        model="",
        source=source,
        column=column,
        cautions=cautions,
        read_as=read_as,
        next_command=next_command,
    )


_SCALED = f"scaled, (raw - {MEAN_PREDICTION:g}) * {SLOPE:g} + {DISPLAYED_MEAN:g}"
_FORM_WORDS = {
    "raw": "raw outputs",
    "scaled": _SCALED,
    "scaled-clamped": f"{_SCALED}, and clamped to 0-1",
    "scaled-clamped-per-crop": f"each crop {_SCALED}, and clamped to 0-1",
}


def verdict_words(best: Fit, evidence: str, n: int, apart: int, digits: str) -> str:
    """Say what the verdict is, for evidence ``"exact"`` and ``"close"``.

    Parameters
    ----------
    best, evidence : the verdict.
    n, apart : rows of the column, and those that are not the verdict's.
    digits : to what digits rows agree, of :func:`digits_words`.
    """
    slug, form = best.prediction.slug, best.prediction.form
    words = _form_words(form)
    if evidence == "exact":
        agreeing = f"all {n} rows agree" if not apart else f"{n - apart} of {n} rows agree"
        return f"This is {slug} ({words}): {agreeing} to {digits}."
    if best.prediction.redrawn:
        more = f"{apart} of {n} rows differ" if apart else "no row differs"
        return (
            f"This is most like {slug} ({words}), whose crops are random: {more} by more than "
            "random crops explain."
        )
    return (
        f"This is close to {slug} ({words}), but not to the last digit: differences have an SD of "
        f"{best.tau:.2g}{_and_apart(n, apart)}. Another decoder, another version of a library, or "
        "an unknown variant could be the reason."
    )


def line_words(
    best: Fit, line: tuple[float, float], exact: bool, n: int, apart: int, form: str | None
) -> str:
    """Say that the column is a straight line of a variant's raw outputs.

    Parameters
    ----------
    best, line : the fit; intercept and slope.
    exact : whether rows lie on it to the last digit written.
    n, apart : rows of the column, and those that do not lie on it.
    form : the known form that the line is within its error, or None.
    """
    what = "is" if exact else "is close to"
    text = (
        f"The column {what} a straight line of {best.prediction.slug}'s raw outputs, "
        f"{line[0]:.6g} {'+' if line[1] >= 0 else '-'} {abs(line[1]):.6g} * raw"
    )
    if exact:
        text += f": {f'{n - apart} of {n}' if apart else f'all {n}'} rows lie on it."
    else:
        text += f", with an SD of {best.tau:.2g} around it{_and_apart(n, apart)}."
    if form is not None:
        return f"{text} Within its error, this line is {_form_words(form)}."
    if exact:
        return f"{text} Standardised or otherwise rescaled scores look like this."
    return (
        f"{text} Rescaled scores with some noise, or an unknown variant that is similar, could be "
        "the reason."
    )


def rank_words(slug: str, rho: float, trimmed: float | None, turned: bool) -> str:
    """Say that the column has the order of a variant.

    Parameters
    ----------
    slug : the variant.
    rho : Spearman's rho with all rows.
    trimmed : the same without the rows that fit worst; None where none were left out.
    turned : whether the order is reversed.
    """
    nearly = "" if abs(rho) > 1 - 1e-9 else "nearly "
    left = ""
    if trimmed is not None and nearly:
        left = f"; {trimmed:.4f} without the {LEFT_OUT:.0%} of rows that fit worst"
    return (
        f"The column has {nearly}the order of {slug}{', reversed' if turned else ''} "
        f"(Spearman's rho {rho:.4f}{left}), but not its numbers: the scores were transformed in a "
        "way that keeps the order, or an unknown variant that is similar made them."
    )


def digits_words(digits: int | None, mixed: bool) -> str:
    """Say to what digits rows agree."""
    if mixed:
        return "the last digit written"
    if digits == 0:
        return "the whole number"
    return "full precision" if digits is None else decimals_words(digits)


def equivalent_words(equivalent: Mapping[str, str]) -> str:
    """Say what cannot be told apart, and why, one reason after the other; "" for nothing."""
    if not equivalent:
        return ""
    by_reason: dict[str, list[str]] = {}
    for slug, why in equivalent.items():
        by_reason.setdefault(why, []).append(slug)
    listed = "; ".join(f"{', '.join(slugs)}: {why}" for why, slugs in by_reason.items())
    others = "1 other" if len(equivalent) == 1 else f"{len(equivalent)} others"
    return f" It cannot be told apart from {others} ({listed})."


def margin_words(margin: Margin | None) -> str:
    """Say how far the next variant is; "" if there is none."""
    if margin is None:
        return ""
    ratio = margin.residual_ratio
    times = f"{ratio:.1f}" if ratio < 10 else f"about {float(f'{ratio:.2g}'):,.0f}"
    form = "" if margin.form in ("affine", "rank") else f" ({margin.form})"
    return f" The next best is {margin.slug}{form}, {times} times as far from the column."


def _form_words(form: str) -> str:
    return _FORM_WORDS[form.removesuffix("-x100")] + (
        ", times 100" if form.endswith("-x100") else ""
    )


def _and_apart(n: int, apart: int) -> str:
    return f", and {apart} of {n} rows do not fit" if apart else ""
