"""Which variant made an old column of scores: the verdict, and how sure it is.

Evidence is looked for in this order: a variant in one of the known forms whose numbers agree to
the last digit written (``exact``) or but for a small noise (``close``), a straight line between
its raw outputs and the column (``affine``), the same order of the pictures (``rank``). None of
them counts where a model that is merely related to a variant would explain the column as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from memnet.errors import MemnetError
from memnet.studies.diagnosis.candidate_fits import (
    AS_CLOSE,
    SURE,
    TOLD_APART,
    Case,
    Trait,
    known_traits,
)
from memnet.studies.diagnosis.column import OldColumn
from memnet.studies.diagnosis.fingerprint import fingerprint
from memnet.studies.diagnosis.likelihood import Fit
from memnet.studies.diagnosis.match_criteria import agree, is_exact, theirs
from memnet.studies.diagnosis.rank_tests import (
    ENOUGH_TO_TRIM,
    LEFT_OUT,
    related_rho,
    trimmed_rho,
)
from memnet.studies.diagnosis.result import (
    Candidate,
    Diagnosis,
    Margin,
    digits_words,
    equivalent_words,
    line_words,
    margin_words,
    rank_words,
    verdict_words,
)
from memnet.util.text import shorten_list

if TYPE_CHECKING:
    from memnet.studies.variants.scores import VariantScores

FEWEST = 10
"""Pictures below which nothing is said."""

_SAME_ORDER = 0.99  # Spearman's rho, of 30 rows and more without those that fit worst


def diagnose(
    column: OldColumn,
    scores: VariantScores,
    *,
    traits: Mapping[str, Trait] | None = None,
    seed: int = 0,
) -> Diagnosis:
    """Say which variant made a column of scores.

    Parameters
    ----------
    column : the old scores; rows whose id is not among the pictures are set aside.
    scores : raw outputs of every variant on the pictures.
    traits : slug -> what is known of it; None asks the registry of variants.
    seed : of the shuffles.

    Raises
    ------
    MemnetError
        if fewer than :data:`FEWEST` rows have a picture.
    """
    traits = known_traits() if traits is None else traits
    place = {image_id: at for at, image_id in enumerate(scores.image_ids)}
    rows = [row for row, image_id in enumerate(column.ids) if image_id in place]
    if len(rows) < FEWEST:
        raise MemnetError(
            f"{column.source} has {len(rows)} usable rows with a picture that could be scored; "
            f"at least {FEWEST} are needed to tell variants apart."
        )
    aside = [*column.set_aside]
    if len(rows) < len(column.ids):
        missing = len(column.ids) - len(rows)
        counted = "1 row has" if missing == 1 else f"{missing:,} rows have"
        aside.append(f"{counted} no picture among those scored")
    used = column.take(rows)
    at = np.array([place[image_id] for image_id in used.ids])
    outputs = {slug: np.asarray(values)[at] for slug, values in scores.outputs.items()}
    return _Decision(Case(used, outputs, traits, seed), tuple(aside), scores.model).diagnosis()


class _Decision:
    """From what fits to what is said."""

    def __init__(self, case: Case, set_aside: tuple[str, ...], model: str) -> None:
        self.case = case
        self.column = case.column
        self.set_aside = set_aside
        self.model = model

    def diagnosis(self) -> Diagnosis:
        case = self.case
        best = case.preferred(case.fits)
        if np.ptp(self.column.values) == 0:
            return self._too_little(None, {})
        p = case.p()
        fits = case.fitting(best)
        named = fits and p < SURE and case.told_from_related(best)
        if named and is_exact(self.column, best):
            return self._verdict(best, "exact", p)
        line = case.line()
        lead = TOLD_APART + np.log(len(self.column.values))  # a line has two numbers to choose
        better = line is not None and (not fits or line[0].loglik >= best.loglik + lead)
        if named and not better:
            return self._verdict(best, "close", p)
        if line is not None and better and case.told_from_related(line[0]):
            return self._verdict(line[0], "affine", case.rank_p(), line=(line[1], line[2]))
        ranked = self._by_rank()
        if ranked is not None:
            return ranked
        if fits:
            equal = case.equivalent(best, case.fits, "close")
            return self._too_little(p, {best.prediction.slug: "", **equal})
        if line is not None:
            equal = case.equivalent(line[0], case.lines, "affine")
            return self._too_little(case.rank_p(), {line[0].prediction.slug: "", **equal})
        return self._none(p)

    def _verdict(
        self,
        best: Fit,
        evidence: str,
        p: float,
        line: tuple[float, float] | None = None,
    ) -> Diagnosis:
        case = self.case
        fits = case.fits if line is None else case.lines
        equivalent = case.equivalent(best, fits, evidence)
        exact = is_exact(self.column, best)
        wrong = ~agree(self.column, best) if exact else ~theirs(best)
        disagreeing = tuple(np.array(case.used.ids, dtype=object)[wrong].tolist())
        margin = case.margin(best, fits, {best.prediction.slug, *equivalent})
        n, apart = len(case.used.ids), len(disagreeing)
        if line is None:
            digits = digits_words(case.digits, case.mixed)
            sentence = verdict_words(best, evidence, n, apart, digits)
        else:
            sentence = line_words(best, line, exact, n, apart, case.form_of_line(best))
        if case.traits[best.prediction.slug].own_weights:
            sentence += " Studies that used it had retrained weights: here only its way of "
            sentence += "preparing pictures is recognised."
        return self._made(
            verdict=best.prediction.slug,
            equivalent=equivalent,
            form=best.prediction.form,
            evidence=evidence,
            sentence=sentence + equivalent_words(equivalent) + margin_words(margin),
            disagreeing=disagreeing,
            p=p,
            margin=margin,
            affine=line,
            candidates=case.candidates(best),
        )

    def _too_little(self, p: float | None, fitting: Mapping[str, str]) -> Diagnosis:
        """Name what is not excluded: ``fitting``, and whatever agrees to the last digit."""
        exact = {one.prediction.slug for one in self.case.fits if is_exact(self.column, one)}
        possible = {
            slug: "does not contradict the column"
            for slug in self.case.outputs
            if slug in exact or slug in fitting
        }
        distinct = len(np.unique(self.column.values))
        if distinct == 1:
            why = "all its numbers are the same"
        elif distinct <= 3:
            why = f"only {distinct} different numbers"
        elif p is None or p >= SURE:
            why = "shuffled, the numbers fit as well"
        else:
            why = "another model whose scores are merely related would explain it nearly as well"
        return self._made(
            equivalent=possible,
            evidence="too little information",
            sentence=f"The column says too little to name a variant ({why})."
            + (f" Not excluded: {shorten_list(possible, 30)}." if possible else ""),
            p=p,
            candidates=self.case.candidates(),
        )

    def _none(self, p: float) -> Diagnosis:
        candidates = self.case.candidates()
        nearest = candidates[0]
        rho = "undefined" if nearest.rho is None else f"{nearest.rho:.2f}"
        return self._made(
            evidence="none",
            sentence="None of these variants made this column: another model, other weights, other "
            f"pictures, or rows in another order. Nearest is {nearest.slug} ({nearest.form}) with "
            f"Spearman's rho {rho} and {nearest.agree:.0%} of rows that agree.",
            p=p,
            candidates=candidates,
        )

    def _by_rank(self) -> Diagnosis | None:
        case, y = self.case, self.column.values
        left_out = LEFT_OUT if len(y) >= ENOUGH_TO_TRIM else 0.0
        order = {slug: trimmed_rho(raw, y, left_out) for slug, raw in case.raw.items()}
        slugs = sorted(order, key=lambda slug: -abs(order[slug]))
        best, highest = slugs[0], abs(order[slugs[0]])
        p = case.rank_p()
        if highest < _SAME_ORDER or p >= SURE or highest <= related_rho(len(y), left_out) + 1e-9:
            return None
        limit = 1 - AS_CLOSE * (1 - highest) - 1e-3
        same = [slug for slug in slugs[1:] if abs(order[slug]) >= limit]
        equivalent = {slug: "nearly the same order" for slug in same}
        margin = None
        others = [slug for slug in slugs[1:] if slug not in equivalent]
        if others:
            ratio = (1 - abs(order[others[0]])) / max(1 - highest, 1e-3)
            margin = Margin(
                slug=others[0], form="rank", residual_ratio=ratio, loglik_difference=None
            )
        candidates = case.by_order(slugs)
        whole = candidates[0].rho or 0.0
        words = rank_words(best, whole, order[best] if left_out else None, order[best] < 0)
        return self._made(
            verdict=best,
            equivalent=equivalent,
            form="rank",
            evidence="rank",
            sentence=words + equivalent_words(equivalent),
            p=p,
            margin=margin,
            candidates=candidates,
        )

    def _made(
        self,
        *,
        evidence: str,
        sentence: str,
        p: float | None,
        candidates: tuple[Candidate, ...],
        verdict: str | None = None,
        equivalent: dict[str, str] | None = None,
        form: str | None = None,
        disagreeing: tuple[str, ...] = (),
        margin: Margin | None = None,
        affine: tuple[float, float] | None = None,
    ) -> Diagnosis:
        return Diagnosis(
            verdict=verdict,
            equivalent=equivalent or {},
            form=form,
            evidence=evidence,
            sentence=sentence,
            n=len(self.case.used.ids),
            digits=self.case.digits,
            disagreeing=disagreeing,
            p=p,
            margin=margin,
            affine=affine,
            candidates=candidates,
            fingerprint=fingerprint(self.case.used.texts),
            set_aside=self.set_aside,
            model=self.model,
        )
