"""One old column beside every variant's outputs on the same pictures: what fits, and how well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from memnet.stats.metrics.spearman import standard_ranks
from memnet.studies.diagnosis.column import FULL_PRECISION, OldColumn, written_decimals
from memnet.studies.diagnosis.likelihood import (
    FORMS,
    NOISE,
    Fit,
    ObservedColumn,
    fit_all,
    fit_line,
    predict_forms,
    related_model_loglik,
    scale_like_server,
    shuffle_p,
)
from memnet.studies.diagnosis.match_criteria import (
    MOSTLY,
    agreeing_rows,
    inliers,
    is_close,
    is_exact,
    noise_scale,
    rank_shuffle_p,
    residual_sd,
    trimmed_rho,
)
from memnet.studies.diagnosis.result import Candidate, Margin
from memnet.util.arrays import Array

TOLD_APART = 7.0
"""Difference of log likelihoods (1,100 to 1) from which two candidates are told apart."""

AS_CLOSE = 1.5
"""Without exact agreement: ratio of residuals up to which two are not told apart."""

SURE = 0.01
"""p value of the shuffled columns below which a fit is no accident."""

_TIED = 0.5  # difference of log likelihoods up to which a variant's own form decides
_WORTH_A_LINE = 0.9  # Spearman's rho below which no straight line is close
_SHUFFLED_FITS = 12  # candidates among which a shuffled column may choose
_SAME_LINE = 9.21  # 99 % of chi-square with the two degrees of freedom of a line


@dataclass(frozen=True)
class VariantTraits:
    """What a verdict needs to know of a variant, beside its outputs.

    Attributes
    ----------
    own_form : the form of its own scores, a name of :data:`~.likelihood.FORMS`.
    random_crops : whether its crops were drawn at random.
    own_weights : whether the studies that used it had retrained weights.
    """

    own_form: str
    random_crops: bool = False
    own_weights: bool = False


def registered_traits() -> dict[str, VariantTraits]:
    """Return what the registry of variants says, by slug."""
    from memnet.legacy.variants import variants

    clamps = {"none": "", "0-1": "-clamped", "0-1-per-crop": "-clamped-per-crop"}
    return {
        slug: VariantTraits(
            "raw" if variant.output.multiply == 1.0 else "scaled" + clamps[variant.output.clamp],
            variant.random_crops,
            variant.own_weights,
        )
        for slug, variant in variants().items()
    }


class CandidateFits:
    """One column and the variants' outputs.

    Attributes
    ----------
    used : the column, ``N`` rows.
    column : what the likelihood needs of it.
    digits : its decimals; None for full precision.
    mixed : whether rows were written with different numbers of decimals.
    raw : slug -> raw outputs, ``(N,)``.
    fits : every variant in every form, the best first.
    lines : straight lines that were fitted (see :meth:`find_line`), the best first.
    """

    def __init__(
        self,
        used: OldColumn,
        outputs: dict[str, Array],
        traits: Mapping[str, VariantTraits],
        seed: int,
    ) -> None:
        decimals, steps = written_decimals(used.texts)
        self.used = used
        self.outputs = outputs
        self.raw = {slug: values.mean(axis=1) for slug, values in outputs.items()}
        self.traits = traits
        self.seed = seed
        self.digits = None if decimals >= FULL_PRECISION else decimals
        self.mixed = self.digits is not None and bool(np.ptp(steps) > 0)
        self.column = ObservedColumn.from_values(used.values, steps)
        self.lines: list[Fit] = []
        fits = fit_all(
            self.column,
            [
                prediction
                for slug, values in outputs.items()
                for prediction in predict_forms(
                    slug, values, random_crops=traits[slug].random_crops
                )
            ],
        )
        self.fits = [fit for fit in fits if self._is_possible(fit)]

    def _is_possible(self, fit: Fit) -> bool:
        """Whether it is no column of crops drawn at random that happen to be nearly ours."""
        random = self.traits[fit.prediction.slug].random_crops
        return fit.prediction.redrawn or not random or is_exact(self.column, fit)

    def choose_fit(self, fits: Sequence[Fit], like: str | None = None) -> Fit:
        """Of the fits that are as good as the best, that of a variant which writes so itself.

        Where a form is given that is ``like`` another's, that form comes first.
        """
        order = {slug: at for at, slug in enumerate(self.outputs)}
        plain = {form.name: at for at, form in enumerate(FORMS)}

        def preference(fit: Fit) -> tuple[bool, bool, bool, int, int]:
            slug, form = fit.prediction.slug, fit.prediction.form
            own = form.removesuffix("-x100") == self.traits[slug].own_form
            unlike = like is not None and form != like
            return unlike, not own, self.traits[slug].own_weights, order[slug], plain.get(form, 0)

        best = max(fit.loglik for fit in fits)
        return min((fit for fit in fits if fit.loglik > best - _TIED), key=preference)

    def best_of(self, fits: Sequence[Fit], like: str | None = None) -> dict[str, Fit]:
        """Return each variant at its best.

        Parameters
        ----------
        fits : the best first.
        like : form that is taken where it is as good; otherwise that which the variant writes.
        """
        forms: dict[str, list[Fit]] = {}
        for fit in fits:
            forms.setdefault(fit.prediction.slug, []).append(fit)
        return {slug: self.choose_fit(those, like) for slug, those in forms.items()}

    @cached_property
    def related_loglik(self) -> float:
        """Log likelihood of the column if a model that is only related to a variant made it."""
        return related_model_loglik(self.column, list(self.raw.values()))

    def is_apart_from_related(self, fit: Fit) -> bool:
        """Whether no model that is only related to a variant explains the column nearly as well.

        What is not exact, or a straight line, must be twice as far ahead: among few rows there are
        some that suit a line or a small noise, and the others would pass for wrong ones.
        """
        sure = fit.prediction.form != "affine" and is_exact(self.column, fit)
        return fit.loglik > self.related_loglik + (TOLD_APART if sure else 2 * TOLD_APART)

    def shuffle_p(self) -> float:
        """Return the share of shuffled columns that some variant explains as well."""
        distinct: list[Fit] = []
        for fit in self.fits:
            written = fit.prediction.written
            if all(
                np.abs(written - other.prediction.written).max() > fit.prediction.floor
                for other in distinct
            ):
                distinct.append(fit)
            if len(distinct) == _SHUFFLED_FITS:
                break
        return shuffle_p(self.column, distinct, seed=self.seed)

    def find_line(self) -> tuple[Fit, float, float] | None:
        """Find the best straight line; None unless it is close and the order of pictures agrees."""
        lines = [
            line
            for slug, values in self.outputs.items()
            if abs(trimmed_rho(self.raw[slug], self.column.values)) >= _WORTH_A_LINE
            and (line := fit_line(self.column, slug, values, seed=self.seed)) is not None
        ]
        self.lines = sorted((line[0] for line in lines), key=lambda fit: -fit.loglik)
        fitting = [fit for fit in self.lines if self.is_match(fit)]
        if not fitting or fitting[0] is not self.lines[0] or not self.rank_p() < SURE:
            return None  # where a line that is not close fits best, the column is no line
        chosen = self.choose_fit(fitting)
        return next(line for line in lines if line[0] is chosen)

    def is_match(self, fit: Fit) -> bool:
        """Whether a fit is exact or close."""
        return is_exact(self.column, fit) or is_close(self.column, fit)

    def form_of_line(self, fit: Fit) -> str | None:
        """Name the unclamped form that a straight line is, within its error; None for none."""
        for form in FORMS:
            if form.clamp == "none":
                raw = self.raw[fit.prediction.slug]
                off = fit.prediction.latent - form.unit * (
                    scale_like_server(raw) if form.scaled else raw
                )
                if (off**2).sum() <= _SAME_LINE * noise_scale(self.column, fit) ** 2:
                    return form.name
        return None

    def rank_p(self) -> float:
        """Return the share of shuffled columns that have the order of some variant as well."""
        return rank_shuffle_p(list(self.raw.values()), self.column.values, seed=self.seed)

    def equivalent(self, best: Fit, fits: Sequence[Fit], evidence: str) -> dict[str, str]:
        """Return the variants that cannot be told apart from the best, each with the reason."""
        reasons: dict[str, str] = {}
        for slug, fit in self.best_of(fits, best.prediction.form).items():
            if slug == best.prediction.slug:
                continue
            behind = best.loglik - fit.loglik
            nearly = evidence != "exact" and not best.prediction.redrawn
            nearly = nearly and inliers(fit).mean() >= MOSTLY
            nearly = nearly and noise_scale(self.column, fit) <= AS_CLOSE * noise_scale(
                self.column, best
            )
            if behind < TOLD_APART or nearly:
                reasons[slug] = self._reason(best, fit)
        return reasons

    def _reason(self, best: Fit, fit: Fit) -> str:
        a, b = best.prediction, fit.prediction
        off = np.abs(self.raw[a.slug] - self.raw[b.slug]).max()
        if off <= 2 * NOISE * max(1.0, float(np.abs(self.raw[a.slug]).max())):
            why = "the same raw outputs on these pictures"
            own = self.traits[b.slug].own_form
            if own != b.form.removesuffix("-x100"):
                why += f", though its own scores are {own}"
        elif (np.abs(a.written - b.written) <= self.column.steps).all():
            why = "differs by less than rounding on these pictures"
        elif b.redrawn:
            why = "its crops are drawn at random, which allows such differences"
        elif best.loglik - fit.loglik < TOLD_APART:
            why = "fits nearly as well"
        else:
            why = f"its differences are less than {AS_CLOSE:g} times as large"
        if self.traits[b.slug].own_weights:
            why += ", and studies that used it had retrained weights"
        return why

    def margin(self, best: Fit, fits: Sequence[Fit], same: set[str]) -> Margin | None:
        """Return how far the first variant is that is not among ``same``; None without fit."""
        for slug, fit in self.best_of(fits, best.prediction.form).items():
            if slug not in same:
                ratio = max(
                    residual_sd(self.column, fit), noise_scale(self.column, fit)
                ) / noise_scale(self.column, best)
                return Margin(
                    slug=slug,
                    form=fit.prediction.form,
                    residual_ratio=float(ratio),
                    loglik_difference=best.loglik - fit.loglik,
                )
        return None

    def candidates(self, first: Fit | None = None) -> tuple[Candidate, ...]:
        """Return every variant at its best: ``first``, then the best first.

        Straight lines count beside the other forms where ``first`` is fit.
        """
        fits = self.fits
        if first is not None and first.prediction.form == "affine":
            fits = sorted([*self.fits, *self.lines], key=lambda fit: -fit.loglik)
        best = self.best_of(fits, None if first is None else first.prediction.form)
        if first is not None:
            slug = first.prediction.slug
            best = {slug: first} | best | {slug: first}  # the first key stays in front
        y = standard_ranks(self.column.values)
        x = standard_ranks(np.array([fit.prediction.written for fit in best.values()]))
        return tuple(
            Candidate(
                slug=slug,
                form=fit.prediction.form,
                residual_sd=residual_sd(self.column, fit),
                agree=float(agreeing_rows(self.column, fit).mean()),
                rho=float(x[at] @ y) if x[at].any() and y.any() else None,
                loglik=fit.loglik,
            )
            for at, (slug, fit) in enumerate(best.items())
        )

    def candidates_by_rank(self, slugs: Sequence[str]) -> tuple[Candidate, ...]:
        """Return variants, in this order, with nothing but the order of their raw outputs."""
        y = standard_ranks(self.column.values)
        x = standard_ranks(np.array([self.raw[slug] for slug in slugs]))
        return tuple(
            Candidate(
                slug=slug,
                form="rank",
                residual_sd=None,
                agree=None,
                rho=float(x[at] @ y) if x[at].any() and y.any() else None,
                loglik=None,
            )
            for at, slug in enumerate(slugs)
        )
