"""A diagnosis: its figures, and its sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from memnet.compare.variants.fingerprint import Fingerprint
from memnet.compare.variants.likelihood import Fit


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One variant at its best, a row of the table.

    Attributes
    ----------
    slug, form : the variant, and the form in which it explains the column best.
    residual_sd : SD of the differences, from their median (wrong rows do not count much), in the
        column's unit.
    agree : share of rows that agree to the last digit written.
    rho : Spearman's rho with the column; None where either is constant.
    loglik : log likelihood of the column.
    """

    slug: str
    form: str
    residual_sd: float
    agree: float
    rho: float | None
    loglik: float


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
class Diagnosis:
    """Which variant made a column.

    Attributes
    ----------
    verdict : slug of the variant, or None.
    equivalent : slugs that cannot be told apart from it, with the reason. Without a verdict: those
        that the column does not speak against.
    form : ``"raw"``, ``"scaled"`` ... (see :data:`~.forms.FORMS`), ``"affine"``, ``"rank"``,
        or None.
    evidence : ``"exact"``, ``"close"``, ``"affine"``, ``"rank"``, ``"none"`` or ``"too little
        information"``.
    sentence : the verdict in words.
    n : rows with a picture.
    digits : decimals of the column; None for full precision.
    disagreeing : ids of rows that are not the verdict's.
    p : share of shuffled columns that fit as well; None where nothing was to be tested.
    margin : to the runner-up; None where there is none.
    affine : intercept and slope of ``column = a + b * raw``, for evidence ``"affine"``.
    candidates : every variant at its best, the best first.
    fingerprint : what the numbers say by themselves.
    set_aside : sentences on rows and pictures that were not used.
    model : whose weights.
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; ``equivalent`` is the list of slugs, ``reasons`` says why."""
        plain = asdict(self)
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
        }


_FORM_WORDS = {
    "raw": "raw outputs",
    "scaled": "scaled, (raw - 0.7626) * 2 + 0.65",
    "scaled-clamped": "scaled, (raw - 0.7626) * 2 + 0.65, and clamped to 0-1",
    "scaled-clamped-per-crop": "each crop scaled, (raw - 0.7626) * 2 + 0.65, and clamped to 0-1",
}


def verdict_words(
    best: Fit,
    evidence: str,
    n: int,
    disagreeing: int,
    digits: int | None,
    line: tuple[float, float] | None,
) -> str:
    """Say what the verdict is."""
    slug, form = best.prediction.slug, best.prediction.form
    if line is not None:
        return (
            f"The column is, or is close to, a straight line of {slug}'s raw outputs, "
            f"{line[0]:.6g} {'+' if line[1] >= 0 else '-'} {abs(line[1]):.6g} * raw, with an SD of "
            f"{best.tau:.2g} around it and {disagreeing} of {n} rows apart. A scaling of one's "
            "own, or a variant like it that is not known, could do that."
        )
    words = _FORM_WORDS[form.removesuffix("-x100")]
    words += ", times 100" if form.endswith("-x100") else ""
    if evidence == "exact":
        upto = "full precision" if digits is None else f"{digits} decimal(s)"
        return f"This is {slug} ({words}): {n - disagreeing} of {n} rows agree to {upto}."
    if best.prediction.redrawn:
        return (
            f"This is most like {slug} ({words}), whose crops are drawn at random: {disagreeing} "
            f"of {n} rows differ more than such crops do."
        )
    return (
        f"This is close to {slug} ({words}), but not to the last digit: differences have an SD of "
        f"{best.tau:.2g}, with {disagreeing} of {n} rows apart. Another decoder, another version "
        "of a library, or a variant that is not known could do that."
    )


def equivalent_words(equivalent: Mapping[str, str]) -> str:
    """Say what cannot be told apart, and why; "" for nothing."""
    if not equivalent:
        return ""
    listed = "; ".join(f"{slug}: {why}" for slug, why in equivalent.items())
    return f" It cannot be told apart from {len(equivalent)} other(s): {listed}."


def margin_words(margin: Margin | None) -> str:
    """Say how far the next variant is; "" if there is none."""
    if margin is None:
        return ""
    return (
        f" The next is {margin.slug} ({margin.form}), {margin.residual_ratio:.3g} times as far "
        "from the column."
    )
