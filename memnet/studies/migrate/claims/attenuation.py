"""Correcting correlations for how well each model measures memorability, by published values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from memnet.compare.published import published
from memnet.errors import MemnetError
from memnet.studies.migrate.claims.claim import Claim, Estimate

_RELIABILITY = "k15-human-lamem"
_OLD = ("nb22-public-memnet-lamem", "k15-memnet-lamem")
_NEW = {"resmem.published": ("nb22-retrain-rho", "nb22-retrain-rho-text", "cn21-retrain-rho")}
"""Published rank correlations with human scores, the one that is used first."""

ASSUMPTION = (
    "Validity is the correlation of a model's scores with true memorability: its published rank "
    "correlation with human scores, divided by the square root of these scores' reliability. "
    "The correction assumes that the model's errors are unrelated to the outcome, and that its "
    "errors on these pictures are like those in its published test."
)

CAVEAT = (
    "The two models were tested on different pictures: MemNet on LaMem, ResMem on a mixture of "
    "LaMem and MemCat. The reliability of the mixture was not published; LaMem's is used for it, "
    "as LaMem makes up 85 % of the mixture. The ratio of the two validities is therefore rough."
)


def published_validities(new_model: str) -> dict[str, Any]:
    """Return both models' published validities.

    Parameters
    ----------
    new_model : a name of the catalogue.

    Returns
    -------
    dict
        ``reliability``, ``old``, ``new``: each a list of ``value``, ``printed``, ``validity``,
        ``source``, ``where``, ``what``, ``citation``, the one that is used first; ``ratio``, new
        validity over old; ``ratios``, lowest and highest over the published values;
        ``assumption``, ``caveat``; or ``reason``, why there are none.
    """
    values = {value.id: value for value in published()}
    if new_model not in _NEW:
        return {"reason": f"no validity of {new_model} was published"}
    reliability = values[_RELIABILITY].value

    def rows(ids: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            {
                "value": values[name].value,
                "printed": values[name].text,
                "validity": values[name].value / math.sqrt(reliability),
                "source": values[name].source.short,
                "where": values[name].where,
                "what": values[name].what,
                "citation": values[name].source.citation,
            }
            for name in ids
        ]

    old, new = rows(_OLD), rows(_NEW[new_model])
    ratios = [b["validity"] / a["validity"] for a in old for b in new]
    return {
        "reliability": {
            "value": reliability,
            "source": values[_RELIABILITY].source.short,
            "where": values[_RELIABILITY].where,
            "what": values[_RELIABILITY].what,
        },
        "old": old,
        "new": new,
        "ratio": new[0]["validity"] / old[0]["validity"],
        "ratios": [min(ratios), max(ratios)],
        "assumption": ASSUMPTION,
        "caveat": CAVEAT,
        "reason": "",
    }


def disattenuate(
    estimate_old: Estimate, estimate_new: Estimate, *, validity_old: float, validity_new: float
) -> dict[str, object]:
    """Correct a correlation for how well each score measures memorability.

    A score's validity is its correlation with true memorability: the published correlation with
    human scores, divided by the square root of the reliability of those scores. The score's
    correlation with something else is lower than that of true memorability by this factor (Spearman
    1904), **supposing that the score's errors have nothing to do with the outcome**, and that it is
    as valid on these pictures as on those of the publication. A model that errs where pictures are
    dark breaks the first for an outcome that depends on light, and a narrow choice of pictures
    breaks the second. A validity from Spearman's rho serves rho, one from Pearson's r serves r.

    Parameters
    ----------
    estimate_old, estimate_new : correlations with the outcome (not coefficients or differences).
    validity_old, validity_new : above 0, up to 1; from a published source, and taken as exact.

    Returns
    -------
    dict
        ``old`` and ``new``: each with ``value``, ``interval`` (both divided by the validity;
        ends are held within -1 and 1) and ``reason``, which says where a value lies beyond 1
        (it is given as it is: then the assumption fails, or it is chance), an end was held, or
        nothing could be computed; ``validity_old``, ``validity_new``; ``ratio``: validity_new /
        validity_old, by which better measurement alone makes a correlation larger;
        ``expected_new``: the old correlation times this ratio, or None.

    Raises
    ------
    MemnetError
        a validity is not above 0 and up to 1.
    """
    for name, validity in (("old", validity_old), ("new", validity_new)):
        if not 0 < validity <= 1:
            raise MemnetError(
                f"The validity of the {name} score is a correlation above 0 and up to 1, "
                f"not {validity:g}."
            )
    validity_old, validity_new = float(validity_old), float(validity_new)
    ratio = validity_new / validity_old
    old = estimate_old.value
    return {
        "old": _divide(estimate_old, validity_old),
        "new": _divide(estimate_new, validity_new),
        "validity_old": validity_old,
        "validity_new": validity_new,
        "ratio": ratio,
        "expected_new": None if old is None else old * ratio,
    }


def _divide(estimate: Estimate, validity: float) -> dict[str, object]:
    if estimate.value is None:
        return {"value": None, "interval": None, "reason": estimate.reason}
    value = estimate.value / validity
    reasons = [estimate.reason] if estimate.reason else []
    if abs(value) > 1:
        reasons.append(
            f"{value:.2f} is more than a correlation can be: by chance, or because the score is "
            "more valid here than where its validity was measured, or because its errors are "
            "related to the outcome"
        )
    interval = None
    if estimate.interval is not None:
        ends = [end / validity for end in estimate.interval]
        interval = [min(1.0, max(-1.0, end)) for end in ends]
        if interval != ends:
            reasons.append("the interval is cut at -1 and 1")
    return {"value": value, "interval": interval, "reason": "; ".join(reasons)}


def correct_for_attenuation(claims: Sequence[Claim], new_model: str) -> dict[str, Any]:
    """Correct each rank correlation for what the models miss, by their published validities.

    Returns
    -------
    dict
        as :func:`published_validities`, and ``claims``: for each Spearman
        correlation its ``title`` and what
        :func:`disattenuate` gives.
    """
    known = published_validities(new_model)
    ranked = [claim for claim in claims if claim.kind == "spearman"]  # as the validities are
    if not known["reason"] and not ranked:
        known["reason"] = "no correlation was requested"
    if known["reason"]:
        return {"reason": known["reason"], "claims": []}
    return known | {
        "claims": [
            {
                "title": claim.title,
                **disattenuate(
                    claim.old,
                    claim.new,
                    validity_old=known["old"][0]["validity"],
                    validity_new=known["new"][0]["validity"],
                ),
            }
            for claim in ranked
        ]
    }
