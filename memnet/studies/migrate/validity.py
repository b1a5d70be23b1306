"""How well each model is known to measure memorability, from published figures alone."""

from __future__ import annotations

import math
from typing import Any

from memnet.compare.published import published

_RELIABILITY = "k15-human-lamem"
_OLD = ("nb22-public-memnet-lamem", "k15-memnet-lamem")
_NEW = {"resmem.published": ("nb22-retrain-rho", "nb22-retrain-rho-text", "cn21-retrain-rho")}
"""Published rank correlations with human scores, the one that is used first."""

ASSUMPTION = (
    "Validity is the correlation of a model's scores with true memorability: its published rank "
    "correlation with human scores, divided by the square root of these scores' reliability. "
    "Correcting with it supposes that what a model gets wrong has nothing to do with the outcome, "
    "and that it errs on these pictures as it did on those of its own test."
)

CAVEAT = (
    "The two models were tested on different pictures, MemNet on LaMem, ResMem on a mixture of "
    "LaMem and MemCat whose reliability was not published; LaMem's stands in for it, since it "
    "makes up 85 % of the mixture. So the ratio of the two validities is rough."
)


def validities(new_model: str) -> dict[str, Any]:
    """Return both models' published validities.

    Parameters
    ----------
    new_model : a name of the catalogue.

    Returns
    -------
    dict
        ``reliability``, ``old``, ``new``: each a list of ``value``, ``printed``, ``validity``,
        ``source``, ``where``, ``what``, ``citation``, the one that is used first; ``ratio``, new
        validity over old; ``ratios``, lowest and highest over the published figures;
        ``assumption``, ``caveat``; or ``reason``, why there are none.
    """
    figures = {figure.id: figure for figure in published()}
    if new_model not in _NEW:
        return {"reason": f"no validity of {new_model} was published"}
    reliability = figures[_RELIABILITY].value

    def rows(ids: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            {
                "value": figures[name].value,
                "printed": figures[name].text,
                "validity": figures[name].value / math.sqrt(reliability),
                "source": figures[name].source.short,
                "where": figures[name].where,
                "what": figures[name].what,
                "citation": figures[name].source.citation,
            }
            for name in ids
        ]

    old, new = rows(_OLD), rows(_NEW[new_model])
    ratios = [b["validity"] / a["validity"] for a in old for b in new]
    return {
        "reliability": {
            "value": reliability,
            "source": figures[_RELIABILITY].source.short,
            "where": figures[_RELIABILITY].where,
            "what": figures[_RELIABILITY].what,
        },
        "old": old,
        "new": new,
        "ratio": new[0]["validity"] / old[0]["validity"],
        "ratios": [min(ratios), max(ratios)],
        "assumption": ASSUMPTION,
        "caveat": CAVEAT,
        "reason": "",
    }
