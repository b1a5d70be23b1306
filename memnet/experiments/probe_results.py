"""What a probe's folds say: rho, error, what a penalty chosen in hindsight would have claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memnet.stats.bootstrap import Interval, interval_of
from memnet.stats.fold_means import LEVEL, fold_means
from memnet.stats.metrics.spearman import spearman
from memnet.stats.resampling import Draws
from memnet.stats.ridge import NestedRidge
from memnet.util.arrays import Array

FRACTIONS = (0.1, 0.2, 0.4, 0.8)
"""Shares of the pictures that a learning curve is fitted to, beside all of them."""

RESAMPLES = 2000


def judge_folds(
    nested: NestedRidge,
    truth: Array,
    folds: Any,
    groups: Sequence[str] | None,
    curve: Mapping[float, Array],
    *,
    seed: int,
) -> dict[str, Any]:
    """Judge held-out predictions.

    Parameters
    ----------
    nested, truth, folds : N pictures.
    groups : N names where whole groups are folds, else None.
    curve : share of the pictures -> held-out predictions ``(N,)``.
    seed : of the bootstrap.

    Returns
    -------
    dict
        plain JSON values: ``held_out``, ``folds``, ``penalties``, ``curve``.
    """
    shares = {f"{share:g}": predicted for share, predicted in curve.items()}
    predictions = {"all": nested.held_out, **shares}
    means, drawn = fold_means(truth, predictions, folds, resamples=RESAMPLES, seed=seed)
    count = int(folds.max()) + 1
    level = np.array([truth[folds != fold].mean() for fold in range(count)])[folds]
    errors, of_mean = (nested.held_out - truth) ** 2, (level - truth) ** 2
    draws = Draws(n=len(truth), resamples=RESAMPLES, seed=seed, kind="strata", groups=folds)
    path_rhos = [
        float(np.mean([_rho(truth, column, folds == fold) for fold in range(count)]))
        for column in nested.path.T
    ]
    defined = [rho for rho in path_rhos if np.isfinite(rho)]
    return {
        "held_out": {
            "n": len(truth),
            "rho": _number(means["all"].value),
            "rho_interval": _ends(means["all"].interval),
            "rho_pooled": _number(spearman(truth, nested.held_out)),
            "mse": float(errors.mean()),
            "mse_of_mean": float(of_mean.mean()),
            "explained": 1 - float(errors.mean() / of_mean.mean()) if of_mean.any() else None,
            "rho_in_hindsight": max(defined, default=None),
            "level": LEVEL,
            "resamples": RESAMPLES,
        },
        "folds": [
            {
                "fold": fold + 1,
                "groups": [] if groups is None else _of_fold(groups, folds, fold),
                "n": int((folds == fold).sum()),
                "rho": _number(rho),
                "rho_interval": _ends(interval),
                "mse": float(errors[folds == fold].mean()),
                "mse_of_mean": float(of_mean[folds == fold].mean()),
                "penalty": nested.fold_penalties[fold],
            }
            for fold, (rho, interval) in enumerate(means["all"].folds)
        ],
        "penalties": {
            "chosen": nested.ridge.penalty,
            "at_an_end": _at_an_end(nested),
            "path": [
                {
                    "penalty": float(penalty),
                    "rho": _number(rho),
                    "mse": float(((column - truth) ** 2).mean()),
                }
                for penalty, rho, column in zip(
                    nested.penalties, path_rhos, nested.path.T, strict=True
                )
            ],
        },
        "curve": {
            "points": [
                {
                    "share": 1.0 if name == "all" else float(name),
                    "pictures": _fitted(1.0 if name == "all" else float(name), folds),
                    "rho": _number(means[name].value),
                    "rho_interval": _ends(means[name].interval),
                    "folds": [_number(rho) for rho, _ in means[name].folds],
                }
                for name in (*shares, "all")
            ],
            "doubling": _doubling(means, drawn, draws),
        },
    }


def _doubling(means: Any, drawn: Mapping[str, Array], draws: Draws) -> dict[str, Any] | None:
    """Say what twice the pictures brought, from 40 to 80 percent, with a paired interval."""
    if "0.4" not in drawn or "0.8" not in drawn:
        return None
    gain = _number(means["0.8"].value - means["0.4"].value)
    return {
        "from": 0.4,
        "to": 0.8,
        "gain": gain,
        "interval": _ends(interval_of(drawn["0.8"] - drawn["0.4"], LEVEL, draws)),
    }


def _rho(truth: Array, prediction: Array, rows: Any) -> float:
    return spearman(truth[rows], prediction[rows])


def _of_fold(groups: Sequence[str], folds: Any, fold: int) -> list[str]:
    return sorted({group for group, place in zip(groups, folds, strict=True) if place == fold})


def _fitted(share: float, folds: Any) -> int:
    """How many pictures a fold's regression is fitted to, on average."""
    sizes = np.bincount(folds)
    used = np.ceil(share * sizes).sum()
    return round(float(used * (len(sizes) - 1) / len(sizes)))


def _at_an_end(nested: NestedRidge) -> str:
    ends = {float(nested.penalties[0]): "smallest", float(nested.penalties[-1]): "largest"}
    return ends.get(nested.ridge.penalty, "")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _ends(interval: Interval) -> list[float] | None:
    return interval.ends
