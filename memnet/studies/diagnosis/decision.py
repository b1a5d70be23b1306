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
from memnet.legacy.variants import SERVER
from memnet.studies.diagnosis.candidate_fits import (
    AS_CLOSE,
    SURE,
    TOLD_APART,
    CandidateFits,
    VariantTraits,
    registered_traits,
)
from memnet.studies.diagnosis.column import OldColumn
from memnet.studies.diagnosis.fingerprint import fingerprint
from memnet.studies.diagnosis.likelihood import Fit
from memnet.studies.diagnosis.match_criteria import (
    ENOUGH_TO_TRIM,
    LEFT_OUT,
    agreeing_rows,
    inliers,
    is_exact,
    related_rho,
    trimmed_rho,
)
from memnet.studies.diagnosis.meaning import (
    ServerAgreement,
    effect_of,
    measure_against_server,
    say_meaning,
)
from memnet.studies.diagnosis.result import (
    Candidate,
    ComparedRows,
    Diagnosis,
    Margin,
    digits_words,
    equivalent_words,
    line_words,
    margin_words,
    rank_words,
    verdict_words,
)
from memnet.util.arrays import Array
from memnet.util.text import shorten_list

if TYPE_CHECKING:
    from memnet.studies.variants.scores import VariantScores

FEWEST = 10
"""Pictures below which nothing is said."""

_SAME_ORDER = 0.99  # Spearman's rho, of 30 rows and more without those that fit worst


def decide_variant(
    column: OldColumn,
    scores: VariantScores,
    *,
    traits: Mapping[str, VariantTraits] | None = None,
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
    traits = registered_traits() if traits is None else traits
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
    return _Decision(
        CandidateFits(used, outputs, traits, seed), tuple(aside), scores.model
    ).decide()


class _Decision:
    """From the fits of all candidates to the verdict."""

    def __init__(self, fits: CandidateFits, set_aside: tuple[str, ...], model: str) -> None:
        self.fits = fits
        self.column = fits.column
        self.set_aside = set_aside
        self.model = model

    def decide(self) -> Diagnosis:
        fits = self.fits
        best = fits.choose_fit(fits.fits)
        if np.ptp(self.column.values) == 0:
            return self._too_little(None, {})
        p = fits.shuffle_p()
        matches = fits.is_match(best)
        named = matches and p < SURE and fits.is_apart_from_related(best)
        if named and is_exact(self.column, best):
            return self._verdict(best, "exact", p)
        line = fits.find_line()
        lead = TOLD_APART + np.log(len(self.column.values))  # a line has two numbers to choose
        better = line is not None and (not matches or line[0].loglik >= best.loglik + lead)
        if named and not better:
            return self._verdict(best, "close", p)
        if line is not None and better and fits.is_apart_from_related(line[0]):
            return self._verdict(line[0], "affine", fits.rank_p(), line=(line[1], line[2]))
        ranked = self._by_rank()
        if ranked is not None:
            return ranked
        if matches:
            equal = fits.equivalent(best, fits.fits, "close")
            return self._too_little(p, {best.prediction.slug: "", **equal})
        if line is not None:
            equal = fits.equivalent(line[0], fits.lines, "affine")
            return self._too_little(fits.rank_p(), {line[0].prediction.slug: "", **equal})
        return self._none(p)

    def _verdict(
        self,
        best: Fit,
        evidence: str,
        p: float,
        line: tuple[float, float] | None = None,
    ) -> Diagnosis:
        fits = self.fits
        rivals = fits.fits if line is None else fits.lines
        equivalent = fits.equivalent(best, rivals, evidence)
        exact = is_exact(self.column, best)
        outliers = ~agreeing_rows(self.column, best) if exact else ~inliers(best)
        disagreeing = tuple(np.array(fits.used.ids, dtype=object)[outliers].tolist())
        margin = fits.margin(best, rivals, {best.prediction.slug, *equivalent})
        n, apart = len(fits.used.ids), len(disagreeing)
        if line is None:
            digits = digits_words(fits.digits, fits.mixed)
            sentence = verdict_words(best, evidence, n, apart, digits)
        else:
            sentence = line_words(best, line, exact, n, apart, fits.form_of_line(best))
        if fits.traits[best.prediction.slug].own_weights:
            sentence += " Studies that used it had retrained weights: here only its "
            sentence += "preprocessing is recognised."
        return self._make_diagnosis(
            verdict=best.prediction.slug,
            equivalent=equivalent,
            form=best.prediction.form,
            evidence=evidence,
            summary=sentence,
            sentence=sentence + equivalent_words(equivalent) + margin_words(margin),
            compared=self._compare_rows(best),
            disagreeing=disagreeing,
            p=p,
            margin=margin,
            affine=line,
            candidates=fits.candidates(best),
        )

    def _too_little(self, p: float | None, fitting: Mapping[str, str]) -> Diagnosis:
        """Name what is not excluded: ``fitting``, and whatever agrees to the last digit."""
        exact = {fit.prediction.slug for fit in self.fits.fits if is_exact(self.column, fit)}
        possible = {
            slug: "does not contradict the column"
            for slug in self.fits.outputs
            if slug in exact or slug in fitting
        }
        distinct = len(np.unique(self.column.values))
        if distinct == 1:
            why = "all its numbers are the same"
        elif distinct <= 3:
            why = f"only {distinct} different numbers"
        elif p is None or p >= SURE:
            why = "the numbers fit as well when they are shuffled"
        else:
            why = "another model with correlated scores would explain it nearly as well"
        summary = f"The column has too little information to name a variant ({why})."
        return self._make_diagnosis(
            equivalent=possible,
            evidence="too little information",
            summary=summary,
            sentence=summary
            + (f" Still possible: {shorten_list(possible, 30)}." if possible else ""),
            compared=None if distinct == 1 else self._compare_rows(self.fits.fits[0]),
            p=p,
            candidates=self.fits.candidates(),
        )

    def _none(self, p: float) -> Diagnosis:
        candidates = self.fits.candidates()
        nearest = candidates[0]
        rho = "undefined" if nearest.rho is None else f"{nearest.rho:.2f}"
        summary = (
            "None of these variants made this column. It may come from another model, other "
            "weights or other pictures, or its rows are in another order. The nearest variant is "
            f"{nearest.slug} ({nearest.form}): Spearman's rho is {rho}, and {nearest.agree:.0%} of "
            "the rows agree."
        )
        return self._make_diagnosis(
            evidence="none",
            summary=summary,
            sentence=summary,
            compared=self._compare_rows(
                next(f for f in self.fits.fits if f.prediction.slug == nearest.slug)
            ),
            p=p,
            candidates=candidates,
        )

    def _by_rank(self) -> Diagnosis | None:
        fits, y = self.fits, self.column.values
        left_out = LEFT_OUT if len(y) >= ENOUGH_TO_TRIM else 0.0
        order = {slug: trimmed_rho(raw, y, left_out) for slug, raw in fits.raw.items()}
        slugs = sorted(order, key=lambda slug: -abs(order[slug]))
        best, highest = slugs[0], abs(order[slugs[0]])
        p = fits.rank_p()
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
        candidates = fits.candidates_by_rank(slugs)
        whole = candidates[0].rho or 0.0
        words = rank_words(best, whole, order[best] if left_out else None, order[best] < 0)
        return self._make_diagnosis(
            verdict=best,
            equivalent=equivalent,
            form="rank",
            evidence="rank",
            summary=words,
            sentence=words + equivalent_words(equivalent),
            compared=self._compare(best, "raw", fits.raw[best]),
            p=p,
            margin=margin,
            candidates=candidates,
        )

    def _make_diagnosis(
        self,
        *,
        evidence: str,
        summary: str,
        sentence: str,
        compared: ComparedRows | None,
        p: float | None,
        candidates: tuple[Candidate, ...],
        verdict: str | None = None,
        equivalent: dict[str, str] | None = None,
        form: str | None = None,
        disagreeing: tuple[str, ...] = (),
        margin: Margin | None = None,
        affine: tuple[float, float] | None = None,
    ) -> Diagnosis:
        used = self.fits.used
        agreement = self._measure_against_server(verdict)
        return Diagnosis(
            verdict=verdict,
            equivalent=equivalent or {},
            form=form,
            evidence=evidence,
            sentence=sentence,
            n=len(used.ids),
            digits=self.fits.digits,
            disagreeing=disagreeing,
            p=p,
            margin=margin,
            affine=affine,
            candidates=candidates,
            fingerprint=fingerprint(used.texts),
            set_aside=self.set_aside,
            model=self.model,
            source=used.source,
            column=used.name,
            summary=summary,
            effect=effect_of(verdict or ""),
            meaning=()
            if verdict is None
            else say_meaning(
                verdict, form, agreement, retrained=self.fits.traits[verdict].own_weights
            ),
            against_server=agreement,
            compared=compared,
        )

    def _measure_against_server(self, verdict: str | None) -> ServerAgreement | None:
        raw = self.fits.raw
        if verdict is None or SERVER not in raw:
            return None
        return measure_against_server(raw[verdict], raw[SERVER])

    def _compare_rows(self, fit: Fit) -> ComparedRows:
        return self._compare(fit.prediction.slug, fit.prediction.form, fit.prediction.written)

    def _compare(self, slug: str, form: str, scores: Array) -> ComparedRows:
        return ComparedRows(
            slug=slug,
            form=form,
            image_ids=self.fits.used.ids,
            old=tuple(self.column.values.tolist()),
            variant=tuple(scores.tolist()),
        )
