"""Every figure's name in ``record.json``: its title, how to read it, when it is undefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.stats import metrics as m
from memnet.stats.metrics import EDGES
from memnet.util.arrays import Array


@dataclass(frozen=True)
class Metric:
    """A metric and what a reader must know of it.

    Attributes
    ----------
    function : ``(truth, prediction) -> float``; None where it needs more than these two.
    title : for tables.
    better : ``"higher"``, ``"lower"``, ``"zero"``, ``"one"``: where the ideal lies; "" for none.
    group : ``"accuracy"``, ``"error parts"``, ``"distribution"``, ``"noise-matched"``,
        ``"predictions"``, ``"ranges"`` or ``"ceiling"``: which table it stands in.
    undefined : why it can be NaN.
    effect : ``(value, n) -> size``, numbers or arrays: the same as an effect size that does not
        grow with n; None where the value is one already, or is no distance.
    effect_title : what the effect size is.
    """

    function: Callable[[Array, Array], float] | None
    title: str
    better: str
    group: str
    undefined: str = ""
    effect: Callable[[Any, Any], Any] | None = None
    effect_title: str = ""


def _root_mean_square(value: Any, n: Any) -> Any:
    return np.sqrt(np.maximum(0.0, 2 * value / n))


def _anderson_effect(value: Any, n: Any) -> Any:
    return _root_mean_square(value * m.anderson_sd(n) + 1, n)


def _mahalanobis(value: Any, n: Any) -> Any:
    return _root_mean_square(value / m.small_sample_correction(n), n)


_CONSTANT = "the human scores or the predictions are all equal, or there is only one"
_EMPTY = "no picture's human score lies in this range"
_FEW = "there are too few pictures, or all numbers are equal"
_ES = "there are fewer than five pictures, or half of the numbers are equal"

_PLAIN: dict[str, Metric] = {
    "spearman": Metric(m.spearman, "Spearman's rho", "higher", "accuracy", _CONSTANT),
    "pearson": Metric(m.pearson, "Pearson's r", "higher", "accuracy", _CONSTANT),
    "kendall": Metric(m.kendall, "Kendall's tau-b", "higher", "accuracy", _CONSTANT),
    "mse": Metric(m.mse, "MSE", "lower", "accuracy"),
    "mae": Metric(m.mae, "MAE", "lower", "accuracy"),
    "bias": Metric(m.bias, "Bias (prediction - truth)", "zero", "accuracy"),
    "mse_bias": Metric(m.mse_bias, "MSE: squared bias", "lower", "error parts"),
    "mse_variance": Metric(m.mse_variance, "MSE: variance mismatch", "lower", "error parts"),
    "mse_correlation": Metric(m.mse_correlation, "MSE: (1 - r) part", "lower", "error parts"),
    "mse_recalibrated": Metric(
        m.mse_recalibrated,
        "MSE after cross-fitted recalibration",
        "lower",
        "error parts",
        "the predictions are all equal, or there are fewer than three",
    ),
    "calibration_slope": Metric(
        m.calibration_slope, "Recalibration slope", "one", "error parts", _CONSTANT
    ),
    "calibration_intercept": Metric(
        m.calibration_intercept, "Recalibration intercept", "zero", "error parts", _CONSTANT
    ),
    "sd_ratio": Metric(
        m.sd_ratio, "SD ratio (prediction / truth)", "one", "distribution", _CONSTANT
    ),
    "ks": Metric(m.ks, "Kolmogorov-Smirnov distance", "lower", "distribution"),
    "cramer_von_mises": Metric(
        m.cramer_von_mises,
        "Cramer-von Mises T",
        "lower",
        "distribution",
        _FEW,
        _root_mean_square,
        "RMS difference of the distribution functions",
    ),
    "anderson_darling": Metric(
        m.anderson_darling,
        "Anderson-Darling, standardised",
        "lower",
        "distribution",
        _FEW,
        _anderson_effect,
        "RMS difference, tails weighted",
    ),
    "epps_singleton": Metric(
        m.epps_singleton,
        "Epps-Singleton W2",
        "lower",
        "distribution",
        _ES,
        _mahalanobis,
        "Mahalanobis distance of the characteristic functions",
    ),
    "wasserstein": Metric(m.wasserstein, "Wasserstein distance", "lower", "distribution"),
    "energy": Metric(m.energy, "Energy distance", "lower", "distribution"),
    "dip": Metric(m.dip, "Hartigan's dip of the predictions", "lower", "distribution", _FEW),
    "min_prediction": Metric(m.min_prediction, "Lowest prediction", "", "predictions"),
    "max_prediction": Metric(m.max_prediction, "Highest prediction", "", "predictions"),
    "tied_share": Metric(m.tied_share, "Share of tied predictions", "", "predictions"),
    "clamped_share": Metric(m.clamped_share, "Share exactly 0 or 1", "", "predictions"),
    "floor_share": Metric(m.floor_share, "Share within 0.001 of the lowest", "", "predictions"),
}


def _ranges() -> dict[str, Metric]:
    found = {}
    for which, name in enumerate(m.range_names()):
        words = name.replace("truth_", "truth ").replace("_", " ")
        for kind, function, better in (
            ("mse", m.mse, "lower"),
            ("mae", m.mae, "lower"),
            ("bias", m.bias, "zero"),
        ):
            found[f"{kind}_{name}"] = Metric(
                m.within(function, which), f"{kind.upper()}, {words}", better, "ranges", _EMPTY
            )
    return found


METRICS: dict[str, Metric] = _PLAIN | _ranges()
"""Figures that are functions of truth and prediction alone, in the order of the tables."""

NOISE_MATCHED = (
    "sd_ratio",
    "ks",
    "cramer_von_mises",
    "anderson_darling",
    "epps_singleton",
    "wasserstein",
    "energy",
)
"""What is computed again with the predictions' own sampling noise added."""

_NO_COUNTS = "the counts behind the human scores are not known"
_NO_RELIABILITY = "the reliability of the human scores is not known"

DERIVED: dict[str, Metric] = {
    "mse_label_noise": Metric(None, "MSE: label noise", "", "error parts", _NO_RELIABILITY),
    "mse_above_noise": Metric(
        None, "MSE above the label noise", "lower", "error parts", _NO_RELIABILITY
    ),
    "disattenuated_spearman": Metric(
        None, "Spearman's rho, disattenuated", "higher", "ceiling", _NO_RELIABILITY
    ),
    "disattenuated_pearson": Metric(
        None, "Pearson's r, disattenuated", "higher", "ceiling", _NO_RELIABILITY
    ),
    **{
        f"{name}_noise_matched": Metric(
            None,
            f"{METRICS[name].title}, noise-matched",
            METRICS[name].better,
            "noise-matched",
            _NO_COUNTS,
            METRICS[name].effect,
            METRICS[name].effect_title,
        )
        for name in NOISE_MATCHED
    },
}
"""Figures that need the counts or the reliability of the human scores, too."""


def describe(name: str) -> Metric:
    """Return what is known of a figure's name; a plain entry for one that memnet does not know."""
    return METRICS.get(name) or DERIVED.get(name) or Metric(None, name, "", "accuracy")


assert len(m.range_names()) == len(EDGES) - 1
