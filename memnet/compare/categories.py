"""What a record says of categories: rho within each, and with the category held constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memnet.compare.record import Result
from memnet.stats.bootstrap import interval_of
from memnet.stats.categories import (
    WITHIN,
    ResampledRhos,
    between_share,
    cochran_q,
    within_rho,
)
from memnet.stats.levels import LEVEL
from memnet.stats.metrics import spearman
from memnet.stats.metrics.base import CONSTANT
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array
from memnet.util.caution import Caution

FEWEST = 10
"""Pictures of a category that has a rho of its own; fewer say nothing."""

MOST_BETWEEN = 0.5
"""More of rho than this from differences between the categories is said."""


def category_rhos(truth: Array, predictions: Mapping[str, Array], draws: Draws) -> ResampledRhos:
    """Prepare the rhos by category of the comparison's own resamples, drawn within categories."""
    assert draws.groups is not None
    chosen = np.flatnonzero(np.bincount(draws.groups) >= FEWEST).tolist()
    return ResampledRhos(truth, predictions, draws, chosen)


def analyse_categories(
    truth: Array,
    predictions: Mapping[str, Array],
    names: Sequence[str],
    groups: Any,
    resampled: ResampledRhos,
    *,
    column: str,
) -> dict[str, Any]:
    """Compute rho by category.

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    names : of the categories.
    groups : int ``(N,)``, each picture's category, 0 to ``len(names) - 1``.
    resampled : of :func:`category_rhos`, after all resamples were added.
    column : where the categories stand.

    Returns
    -------
    dict
        the field ``categories`` of :class:`memnet.compare.record.RunRecord`.
    """
    sizes = np.bincount(groups, minlength=len(names))
    return {
        "column": column,
        "level": LEVEL,
        "fewest": FEWEST,
        "too_few": {name: int(n) for name, n in zip(names, sizes, strict=True) if n < FEWEST},
        "models": {
            model: _of_model(truth, values, names, groups, resampled.rhos[model], resampled.draws)
            for model, values in predictions.items()
        },
    }


def _of_model(
    truth: Array,
    prediction: Array,
    names: Sequence[str],
    groups: Any,
    resampled: Mapping[Any, Array],
    draws: Draws,
) -> dict[str, Any]:
    rows = []
    for category, drawn in resampled.items():
        if category == WITHIN:
            continue
        inside = groups == category
        rho = spearman(truth[inside], prediction[inside])
        row = _value(rho, drawn)  # one stratum
        rows.append({"category": names[category], "n": int(inside.sum()), **row})
    known = [row for row in rows if row["value"] is not None]
    test = cochran_q([row["value"] for row in known], [row["n"] for row in known])
    share = between_share(truth, prediction, groups)
    return {
        "within": _value(within_rho(truth, prediction, groups), resampled[WITHIN], draws),
        "between_share": float(share) if np.isfinite(share) else None,
        "heterogeneity": test if np.isfinite(test["q"]) else None,
        "by_category": rows,
    }


def _value(value: float, resampled: Array, draws: Draws | None = None) -> dict[str, Any]:
    if not np.isfinite(value):
        return {"value": None, "interval": None, "reason": CONSTANT}
    interval = interval_of(resampled, LEVEL, draws)
    return {"value": float(value), "interval": interval.ends, "reason": interval.reason}


def category_warnings(categories: Mapping[str, Any], results: Sequence[Result]) -> list[Caution]:
    """Say of each model where rho over all pictures misleads about pictures of one category.

    Simpson's case: rho over all pictures is beyond chance, and with the category held constant it
    is not, or has the other sign; or most of it comes from differences between the categories; or
    the categories hide a rho that is there.
    """
    overall = {r.model: r for r in results if r.metric == "spearman"}
    sentences = []
    for model, found in categories["models"].items():
        verdict = judge(overall[model], found) if model in overall else ""
        if verdict:
            text = _SENTENCES[verdict].format(**_figures(overall[model], found))
            kind = "mostly-categories" if verdict == "mostly" else "categories"
            sentences.append(Caution(text, kind))
    return sentences


def judge(overall: Result, found: Mapping[str, Any]) -> str:
    """Name the case of a model: ``reversed``, ``categories``, ``mostly``, ``hidden``; else ""."""
    within = found["within"]
    if overall.value is None or within["value"] is None:
        return ""
    if not (overall.interval and within["interval"]):
        return ""
    beyond, inside = _sign(overall.interval), _sign(within["interval"])
    if beyond and inside and beyond != inside:
        return "reversed"
    if beyond and not inside:
        return "categories"
    if inside and not beyond:
        return "hidden"
    share = found["between_share"]
    if beyond and share is not None and share > MOST_BETWEEN:
        return "mostly"
    return ""


def _sign(ends: Sequence[float]) -> int:
    """Sign of what is beyond chance by its interval, else 0."""
    return 1 if ends[0] > 0 else -1 if ends[1] < 0 else 0


_SENTENCES = {
    "reversed": "{model} ranks pictures within a category the other way round than over all "
    "(Simpson's paradox): rho is {overall} over all pictures and {within} with the category held "
    "constant. The former comes from differences between the categories.",
    "categories": "{model} tells categories apart, not pictures within them: rho is {overall} over "
    "all pictures, but {within} with the category held constant, which is not beyond chance.",
    "hidden": "Differences between the categories hide that {model} ranks pictures within them: "
    "rho is {overall} over all pictures, which is not beyond chance, and {within} with the "
    "category held constant.",
    "mostly": "{share} of the rho of {model} comes from differences between the categories: it is "
    "{overall} over all pictures, and {within} with the category held constant.",
}


def _figures(overall: Result, found: Mapping[str, Any]) -> dict[str, str]:
    share = found["between_share"]
    return {
        "model": overall.model,
        "overall": _shown(overall.value, overall.interval),
        "within": _shown(found["within"]["value"], found["within"]["interval"]),
        "share": "" if share is None else f"{100 * share:.0f} %",
    }


def _shown(value: float | None, ends: Sequence[float] | None) -> str:
    text = f"{value:.3f}"
    return f"{text} [{ends[0]:.3f}, {ends[1]:.3f}]" if ends else text
