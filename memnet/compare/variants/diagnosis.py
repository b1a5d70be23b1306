"""Which variant made an old column of scores: the verdict, and how sure it is.

Evidence is looked for in this order: a variant in one of the known forms whose numbers agree to
the last digit written (``exact``) or but for a small noise (``close``), a straight line between
its raw outputs and the column (``affine``), the same order of the pictures (``rank``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from memnet.compare.data.tables import some
from memnet.compare.variants.case import AS_CLOSE, SURE, TOLD_APART, Case, Trait, known_traits
from memnet.compare.variants.column import OldColumn
from memnet.compare.variants.evidence import agree, is_close, is_exact, theirs
from memnet.compare.variants.fingerprint import fingerprint
from memnet.compare.variants.likelihood import Fit
from memnet.compare.variants.order import LEFT_OUT, trimmed_rho
from memnet.compare.variants.result import (
    Diagnosis,
    Margin,
    equivalent_words,
    margin_words,
    verdict_words,
)
from memnet.errors import MemnetError

if TYPE_CHECKING:
    from memnet.compare.variants.scores import VariantScores

FEWEST = 10
"""Pictures below which nothing is said."""

_SAME_ORDER = 0.99  # Spearman's rho without the rows that fit worst


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
            f"{column.source} has {len(rows)} usable row(s) with a picture that could be scored; "
            f"at least {FEWEST} are needed to tell variants apart."
        )
    aside = [*column.set_aside]
    if len(rows) < len(column.ids):
        aside.append(f"{len(column.ids) - len(rows):,} row(s) have no picture among those scored")
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
        best = self.case.preferred(self.case.fits)
        exact = is_exact(self.column, best)
        varies = bool(np.ptp(self.column.values) > 0)
        p = self.case.p() if varies else None
        sure = p is not None and p < SURE
        if exact and sure:
            return self._verdict(best, "exact", p)
        line = self.case.line() if varies else None
        if sure and is_close(self.column, best):
            lead = TOLD_APART + np.log(len(self.column.values))  # a line has two numbers to choose
            if line is None or line[0].loglik < best.loglik + lead:
                return self._verdict(best, "close", p)
        elif exact or not varies:
            return self._too_little(p)
        if line is not None:
            return self._verdict(line[0], "affine", self.case.rank_p(), line=(line[1], line[2]))
        return self._by_rank() if varies else self._none(p)

    def _verdict(
        self,
        best: Fit,
        evidence: str,
        p: float | None,
        line: tuple[float, float] | None = None,
    ) -> Diagnosis:
        fits = self.case.fits if line is None else self.case.lines
        equivalent = self.case.equivalent(best, fits, evidence)
        wrong = ~theirs(best)
        if evidence == "exact":
            wrong = ~agree(self.column, best)
        disagreeing = tuple(np.array(self.case.used.ids, dtype=object)[wrong].tolist())
        margin = self.case.margin(best, fits, {best.prediction.slug, *equivalent})
        sentence = verdict_words(
            best, evidence, len(self.case.used.ids), len(disagreeing), self.case.digits, line
        )
        if self.case.traits[best.prediction.slug].own_weights:
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
        )

    def _too_little(self, p: float | None) -> Diagnosis:
        possible: dict[str, str] = {}
        for one in self.case.fits:
            if is_exact(self.column, one):
                possible.setdefault(one.prediction.slug, "does not contradict the column")
        distinct = len(np.unique(self.column.values))
        why = (
            f"only {distinct} different number(s)"
            if distinct <= 3
            else "shuffled, the numbers fit as well"
        )
        listed = some(possible, 30)
        return self._made(
            equivalent=possible,
            evidence="too little information",
            sentence=f"The column says too little to name a variant ({why})."
            + (f" Not excluded: {listed}." if possible else ""),
            p=p,
        )

    def _none(self, p: float | None) -> Diagnosis:
        nearest = self.case.candidates()[0]
        rho = "undefined" if nearest.rho is None else f"{nearest.rho:.2f}"
        return self._made(
            evidence="none",
            sentence="None of these variants made this column: another model, other weights, other "
            f"pictures, or rows in another order. Nearest is {nearest.slug} ({nearest.form}) with "
            f"Spearman's rho {rho} and {nearest.agree:.0%} of rows that agree.",
            p=p,
        )

    def _by_rank(self) -> Diagnosis:
        p = self.case.rank_p()
        order = {slug: trimmed_rho(raw, self.column.values) for slug, raw in self.case.raw.items()}
        best = max(order, key=lambda slug: abs(order[slug]))
        if not (abs(order[best]) >= _SAME_ORDER and p < SURE):
            return self._none(p)
        limit = 1 - AS_CLOSE * (1 - abs(order[best])) - 1e-3
        same = {slug: rho for slug, rho in order.items() if abs(rho) >= limit and slug != best}
        others = {slug: rho for slug, rho in order.items() if slug not in same and slug != best}
        runner_up = max(others, key=lambda slug: abs(others[slug]), default=None)
        margin = None
        if runner_up is not None:
            gap = max(1 - abs(order[best]), 1e-3)
            ratio = (1 - abs(others[runner_up])) / gap
            margin = Margin(
                slug=runner_up, form="rank", residual_ratio=ratio, loglik_difference=None
            )
        turned = "" if order[best] > 0 else " turned round"
        equivalent = {slug: f"nearly the same order (rho {rho:.4f})" for slug, rho in same.items()}
        return self._made(
            verdict=best,
            equivalent=equivalent,
            form="rank",
            evidence="rank",
            sentence=f"The column has the order of {best}{turned} (Spearman's rho "
            f"{order[best]:.4f} without the {LEFT_OUT:.0%} of rows that fit worst), but not its "
            "numbers: a transformation that keeps the order lies between, or it is a variant like "
            "it that is not known." + equivalent_words(equivalent),
            p=p,
            margin=margin,
        )

    def _made(
        self,
        *,
        evidence: str,
        sentence: str,
        p: float | None,
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
            candidates=self.case.candidates(),
            fingerprint=fingerprint(self.case.used.texts),
            set_aside=self.set_aside,
            model=self.model,
        )
