"""One old column beside every variant's outputs on the same pictures: what fits, and how well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from memnet.compare.variants.column import FULL_PRECISION, OldColumn, written_decimals
from memnet.compare.variants.evidence import (
    MOSTLY,
    agree,
    is_close,
    is_exact,
    noise,
    residual,
    theirs,
)
from memnet.compare.variants.forms import FORMS, NOISE, Array, predictions
from memnet.compare.variants.likelihood import Column, Fit, affine, fit_all, shuffle_p
from memnet.compare.variants.order import order_p, standard_ranks, trimmed_rho
from memnet.compare.variants.result import Candidate, Margin

TOLD_APART = 7.0
"""Difference of log likelihoods (1,100 to 1) from which two candidates are told apart."""

AS_CLOSE = 1.5
"""Without exact agreement: ratio of residuals up to which two are not told apart."""

SURE = 0.01
"""p value of the shuffled columns below which a fit is no accident."""

_TIED = 0.5  # difference of log likelihoods up to which a variant's own form decides
_WORTH_A_LINE = 0.9  # Spearman's rho below which no straight line is close
_SHUFFLED_FITS = 12  # candidates among which a shuffled column may choose


@dataclass(frozen=True)
class Trait:
    """What a verdict needs to know of a variant, beside its outputs.

    Attributes
    ----------
    own_form : the form of its own scores, a name of :data:`~.forms.FORMS`.
    random_crops : whether its crops were drawn at random.
    own_weights : whether the studies that used it had retrained weights.
    """

    own_form: str
    random_crops: bool = False
    own_weights: bool = False


def known_traits() -> dict[str, Trait]:
    """Return what the registry of variants says, by slug."""
    from memnet.legacy.variants import variants

    clamps = {"none": "", "0-1": "-clamped", "0-1-per-crop": "-clamped-per-crop"}
    return {
        slug: Trait(
            "raw" if variant.output.multiply == 1.0 else "scaled" + clamps[variant.output.clamp],
            variant.random_crops,
            variant.own_weights,
        )
        for slug, variant in variants().items()
    }


class Case:
    """One column and the variants' outputs.

    Attributes
    ----------
    used : the column, ``N`` rows.
    column : what the likelihood needs of it.
    digits : its decimals; None for full precision.
    raw : slug -> raw outputs, ``(N,)``.
    fits : every variant in every form, the best first.
    lines : straight lines that were fitted (see :meth:`line`), the best first.
    """

    def __init__(
        self,
        used: OldColumn,
        outputs: dict[str, Array],
        traits: Mapping[str, Trait],
        seed: int,
    ) -> None:
        decimals, steps = written_decimals(used.texts)
        self.used = used
        self.outputs = outputs
        self.raw = {slug: values.mean(axis=1) for slug, values in outputs.items()}
        self.traits = traits
        self.seed = seed
        self.digits = None if decimals >= FULL_PRECISION else decimals
        self.column = Column.of(used.values, steps)
        self.lines: list[Fit] = []
        fits = fit_all(
            self.column,
            [
                prediction
                for slug, values in outputs.items()
                for prediction in predictions(slug, values, random_crops=traits[slug].random_crops)
            ],
        )
        self.fits = [one for one in fits if self._possible(one)]

    def _possible(self, one: Fit) -> bool:
        """Whether it is no column of crops drawn at random that happen to be nearly ours."""
        random = self.traits[one.prediction.slug].random_crops
        return one.prediction.redrawn or not random or is_exact(self.column, one)

    def preferred(self, fits: Sequence[Fit]) -> Fit:
        """Of the fits that are as good as the best, that of a variant which writes so itself."""
        order = {slug: at for at, slug in enumerate(self.outputs)}
        plain = {form.name: at for at, form in enumerate(FORMS)}

        def preference(one: Fit) -> tuple[bool, bool, int, int]:
            slug, form = one.prediction.slug, one.prediction.form
            own = form.removesuffix("-x100") == self.traits[slug].own_form
            return not own, self.traits[slug].own_weights, order[slug], plain.get(form, 0)

        best = max(one.loglik for one in fits)
        return min((one for one in fits if one.loglik > best - _TIED), key=preference)

    def p(self) -> float:
        """Return the share of shuffled columns that some variant explains as well."""
        distinct: list[Fit] = []
        for one in self.fits:
            written = one.prediction.written
            if all(
                np.abs(written - other.prediction.written).max() > one.prediction.floor
                for other in distinct
            ):
                distinct.append(one)
            if len(distinct) == _SHUFFLED_FITS:
                break
        return shuffle_p(self.column, distinct, seed=self.seed)

    def line(self) -> tuple[Fit, float, float] | None:
        """Find the best straight line, where it is close and the order of the pictures agrees."""
        lines = [
            line
            for slug, values in self.outputs.items()
            if abs(trimmed_rho(self.raw[slug], self.column.values)) >= _WORTH_A_LINE
            and (line := affine(self.column, slug, values)) is not None
        ]
        self.lines = sorted((line[0] for line in lines), key=lambda one: -one.loglik)
        fitting = [
            one for one in self.lines if is_exact(self.column, one) or is_close(self.column, one)
        ]
        if not fitting or not self.rank_p() < SURE:
            return None
        chosen = self.preferred(fitting)
        return next(line for line in lines if line[0] is chosen)

    def rank_p(self) -> float:
        """Return the share of shuffled columns that have the order of some variant as well."""
        return order_p(list(self.raw.values()), self.column.values, seed=self.seed)

    def equivalent(self, best: Fit, fits: Sequence[Fit], evidence: str) -> dict[str, str]:
        """Return the variants that cannot be told apart from the best, each with the reason."""
        found: dict[str, str] = {}
        for one in fits:
            slug = one.prediction.slug
            if slug == best.prediction.slug or slug in found:
                continue
            behind = best.loglik - one.loglik
            nearly = evidence != "exact" and not best.prediction.redrawn
            nearly = nearly and theirs(one).mean() >= MOSTLY
            nearly = nearly and noise(self.column, one) <= AS_CLOSE * noise(self.column, best)
            if behind < TOLD_APART or nearly:
                found[slug] = self._reason(best, one)
        return found

    def _reason(self, best: Fit, one: Fit) -> str:
        a, b = best.prediction, one.prediction
        off = np.abs(self.raw[a.slug] - self.raw[b.slug]).max()
        if off <= 2 * NOISE * max(1.0, float(np.abs(self.raw[a.slug]).max())):
            why = "the same raw outputs on these pictures"
            if self.traits[b.slug].own_form != b.form.removesuffix("-x100"):
                why += f" (its own scores are {self.traits[b.slug].own_form})"
        elif (np.abs(a.written - b.written) <= self.column.steps).all():
            why = "differs by less than rounding on these pictures"
        elif b.redrawn:
            why = "its crops are drawn at random, which allows such differences"
        else:
            why = f"fits nearly as well (log likelihood {best.loglik - one.loglik:.1f} lower)"
        if self.traits[b.slug].own_weights:
            why += "; studies that used it had retrained weights"
        return why

    def margin(self, best: Fit, fits: Sequence[Fit], same: set[str]) -> Margin | None:
        """Return how far the first variant is that is not among ``same``; None without one."""
        for one in fits:
            if one.prediction.slug not in same:
                ratio = max(residual(self.column, one), noise(self.column, one)) / noise(
                    self.column, best
                )
                return Margin(
                    slug=one.prediction.slug,
                    form=one.prediction.form,
                    residual_ratio=float(ratio),
                    loglik_difference=best.loglik - one.loglik,
                )
        return None

    def candidates(self) -> tuple[Candidate, ...]:
        """Return every variant at its best, the best first."""
        best: dict[str, Fit] = {}
        for one in self.fits:
            best.setdefault(one.prediction.slug, one)
        y = standard_ranks(self.column.values)
        x = standard_ranks(np.array([one.prediction.written for one in best.values()]))
        return tuple(
            Candidate(
                slug=slug,
                form=one.prediction.form,
                residual_sd=residual(self.column, one),
                agree=float(agree(self.column, one).mean()),
                rho=float(x[at] @ y) if x[at].any() and y.any() else None,
                loglik=one.loglik,
            )
            for at, (slug, one) in enumerate(best.items())
        )
