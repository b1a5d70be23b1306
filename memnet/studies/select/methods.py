"""The paragraph for a methods section: how pictures were chosen, and what was expected of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from memnet import __version__
from memnet.stats.selection import LEAN, SPREADS, SPREADS_FROM
from memnet.studies.select.balance import BalanceRow, largest
from memnet.studies.select.expected import Expectation
from memnet.studies.select.selection import Selection
from memnet.studies.select.words import PLAIN, people_words, say_apart, say_size
from memnet.util.text import join_names
from memnet.weights.known_models import named_after

_AUSTIN = (
    "Austin, P. C. (2009). Balance diagnostics for comparing the distribution of baseline "
    "covariates between treatment groups in propensity-score matched samples. Statistics in "
    "Medicine, 28, 3083-3107. https://doi.org/10.1002/sim.3697"
)
_HIGHS = (
    "Huangfu, Q., & Hall, J. A. J. (2018). Parallelizing the dual revised simplex method. "
    "Mathematical Programming Computation, 10, 119-142. https://doi.org/10.1007/s12532-017-0130-5"
)
_PAPENBERG = (
    "Papenberg, M., & Klau, G. W. (2021). Using anticlustering to partition data sets into "
    "equivalent parts. Psychological Methods, 26, 161-174. https://doi.org/10.1037/met0000301"
)
_ZOU = (
    "Zou, G. Y., & Donner, A. (2008). Construction of confidence limits about effect measures: A "
    "general approach. Statistics in Medicine, 27, 1693-1702. https://doi.org/10.1002/sim.3095"
)


def write_methods(
    selection: Selection,
    rows: list[BalanceRow],
    expectation: Expectation,
) -> tuple[str, list[str]]:
    """Write the paragraph for a methods section, and its references."""
    candidates, settings = selection.candidates, selection.settings
    models = [_model(candidates.identities.get(name, {}), name) for name in candidates.score_names]
    listed = join_names([f"{len(rows):,} {name}" for name, rows in selection.groups.items()])
    parts = [
        f"Pictures were chosen with memnet {__version__} (memnet select, seed {settings.seed}) "
        f"from {len(candidates.ids):,} candidates by their predicted memorability, "
        f"{join_names(models)}: "
        f"{_HOW[settings.kind].format(listed=listed, levels=_levels(settings.levels))}.",
        _tolerances(selection),
        _how_good(selection),
    ]
    after, before = largest(rows, "after"), largest(rows, "before")
    references = [_citation(candidates.identities.get(n, {}), n) for n in candidates.score_names]
    if math.isfinite(after):
        plain = PLAIN.get(settings.kind)
        earlier = f" ({before:.2f} with {plain})" if plain and math.isfinite(before) else ""
        parts.append(
            "The largest standardised difference of the means of a covariate in two groups (by the "
            f"pooled SD; Austin, 2009) was {say_apart(after)}{earlier}."
        )
        references.append(_AUSTIN)
    if settings.kind in ("extremes", "pairs", "levels"):
        for row in expectation.differences:
            parts.append(
                f"By {row.predictor}, people's mean {people_words(expectation)} of {row.first} and "
                f"{row.second} were expected to differ by {say_size(row)} "
                f"({'95 % interval' if row.confident else 'range'}, after Zou & Donner, 2008, for "
                "the slope of people's scores on predicted scores and for the chosen pictures)."
            )
    if any("Zou" in part for part in parts):
        references.append(_ZOU)
    if any("HiGHS" in part for part in parts):
        references.append(_HIGHS)
    if any("Papenberg" in part for part in parts):
        references.append(_PAPENBERG)
    return " ".join(filter(None, parts)), [r for r in dict.fromkeys(references) if r]


_HOW = {
    "extremes": "{listed}, with means of the scores as far apart as possible",
    "pairs": "{listed}, in pairs with scores as far apart as possible",
    "levels": "{listed}, with scores as near as possible to {levels}",
    "spread": "{listed}, with scores spread evenly over their range",
    "split": "{listed}, as alike as possible",
}


def _levels(levels: tuple[float, ...]) -> str:
    return join_names([f"{level:g}" for level in levels]) if levels else ""


def _model(identity: Mapping[str, Any], name: str) -> str:
    known = named_after(name)
    digests = [
        f"{what} {identity[key][:8]}"
        for what, key in (("weights", "weights_sha256"), ("preprocessing", "preprocess_digest"))
        if identity.get(key)
    ]
    title = f"{known.title}, " if known else ""
    return f"{name} ({title}{f'sha256 of {join_names(digests)}' if digests else 'no digests'})"


def _citation(identity: Mapping[str, Any], name: str) -> str:
    known = named_after(name)
    return str(identity.get("citation") or (known.citation if known else ""))


def _tolerances(selection: Selection) -> str:
    settings, candidates = selection.settings, selection.candidates
    parts = []
    if settings.tolerances:
        by_size: dict[float, list[str]] = {}
        for name, size in settings.tolerances.items():
            by_size.setdefault(size, []).append(name)
        unit = "" if settings.kind == "spread" else " SD"
        listed = [f"{size:g}{unit} in {join_names(names)}" for size, names in by_size.items()]
        what = {
            "pairs": "The two pictures of a pair were to differ by at most",
            "spread": "Correlations with the score were to be at most",
        }.get(settings.kind, "Means of any two groups were to differ by at most")
        parts.append(f"{what} {join_names(listed)}.")
        if settings.kind in ("extremes", "levels") and settings.k >= SPREADS_FROM:
            parts.append(
                f"The mean square about the candidates' mean was to be at most {SPREADS:g} times "
                "that of any other group, where such a choice was found."
            )
        if settings.kind == "pairs":
            parts.append(
                f"Means of all higher and all lower pictures were to differ by at most {LEAN:g} SD."
            )
    if candidates.category_names:
        names = join_names(candidates.category_names)
        same = "of one category" if settings.kind == "pairs" else "equally frequent in all groups"
        if settings.kind == "split" and not settings.k:
            same += ", as far as their numbers can be divided"
        what = "Both pictures of a pair were" if settings.kind == "pairs" else "Categories were"
        parts.append(f"{what} {same} ({names}).")
    return " ".join(parts)


def _how_good(selection: Selection) -> str:
    gap = abs(selection.bound - selection.objective)
    proved = gap <= 1e-6 * max(1.0, abs(selection.bound))
    kind = selection.settings.kind
    number = sum(map(len, selection.groups.values()))
    unit = "" if kind == "levels" else " SD of the score"
    if kind in ("extremes", "levels"):
        solver = "by integer programming (HiGHS, by way of SciPy; Huangfu & Hall, 2018)"
        if proved:
            return f"The choice was made {solver} and proved to be the best there is."
        return (
            f"The choice was made {solver}; no other can be better by more than "
            f"{gap / number:.2g}{unit} per picture."
        )
    if kind == "pairs" and proved:
        return "Pairs were matched optimally: no others have a larger sum of differences."
    if kind == "pairs":
        return (
            f"Pairs were matched so that no others have a sum of differences larger by more than "
            f"{gap:.3g} ({selection.objective:.4g} was reached)."
        )
    if kind == "split":
        return (
            "Pictures were exchanged between sets as long as that helped (Papenberg & Klau, 2021)."
        )
    return ""
