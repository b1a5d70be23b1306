"""The forms in which a variant's outputs were written down: raw, scaled, clamped, in percent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from memnet.util.arrays import Array

MEAN_PREDICTION, SLOPE, DISPLAYED_MEAN = 0.7626, 2.0, 0.65
"""The server's scaling, ``(raw - 0.7626) * 2 + 0.65`` (GANalyze, Goetschalckx et al. 2019)."""

NOISE = 2e-6
"""Standard deviation by which one computer's raw output differs from another's, relative to an
output of 1; the smallest scale of noise."""


@dataclass(frozen=True)
class Form:
    """What is done to raw outputs before they are written down.

    Attributes
    ----------
    name : ``"raw"``, ``"scaled"``, ``"scaled-clamped"``, ``"scaled-clamped-per-crop"``, each also
        with ``"-x100"``.
    scaled : whether the server's scaling is applied.
    clamp : ``"none"``, ``"mean"`` (after the mean over the crops) or ``"crops"`` (before it).
    unit : 1, or 100 for percent.
    """

    name: str
    scaled: bool
    clamp: str
    unit: float

    @property
    def slope(self) -> float:
        """By how much the written number changes when the raw output changes by 1."""
        return self.unit * (SLOPE if self.scaled else 1.0)


FORMS = tuple(
    Form(name + suffix, scaled, clamp, unit)
    for unit, suffix in ((1.0, ""), (100.0, "-x100"))
    for name, scaled, clamp in (
        ("raw", False, "none"),
        ("scaled", True, "none"),
        ("scaled-clamped", True, "mean"),
        ("scaled-clamped-per-crop", True, "crops"),
    )
)
"""Every form, from the plainest."""


def scaled(raw: Array) -> Array:
    """Apply the server's scaling."""
    return (raw - MEAN_PREDICTION) * SLOPE + DISPLAYED_MEAN


@dataclass(frozen=True)
class Prediction:
    """What one variant in one form would have written, before rounding.

    Attributes
    ----------
    slug, form : the candidate; ``form`` is a :class:`Form`'s name.
    latent : prediction before clamping, ``(N,)``.
    low, high : what it was clamped to; infinite where it was not.
    spread : SD by which the prediction itself is uncertain, ``(N,)``: crops drawn at random anew.
    floor : smallest scale of noise, in the unit of ``latent``.
    redrawn : whether ``spread`` is that of crops drawn anew.
    """

    slug: str
    form: str
    latent: Array
    low: float
    high: float
    spread: Array
    floor: float
    redrawn: bool = False

    @property
    def written(self) -> Array:
        """The prediction as it would be written, clamped."""
        return np.clip(self.latent, self.low, self.high)


def predictions(slug: str, outputs: Array, *, random_crops: bool) -> Iterator[Prediction]:
    """Yield what a variant would have written in every form.

    Parameters
    ----------
    slug : the variant.
    outputs : raw outputs, float64 ``(N, crops)``.
    random_crops : whether its crops were drawn at random: the old scores are then of other crops,
        and scatter around ours by ``sqrt(2 / crops)`` of the SD between crops. The forms come
        twice, with that scatter and, for a column made with our crops, without.
    """
    count = outputs.shape[1]
    raw = outputs.mean(axis=1)
    noise = NOISE * max(1.0, float(np.median(np.abs(raw))))
    none = np.zeros(len(raw))
    scatter = outputs.std(axis=1, ddof=1) * np.sqrt(2.0 / count) if count > 1 else none
    for form in FORMS:
        latent = scaled(raw) if form.scaled else raw
        if form.clamp == "crops":
            each = scaled(outputs)
            free = (each >= 1).all(axis=1) | (each <= 0).all(axis=1)
            latent = np.where(free, latent, np.clip(each, 0, 1).mean(axis=1))
        low, high = (-np.inf, np.inf) if form.clamp == "none" else (0.0, form.unit)
        for redrawn in (False, True) if random_crops else (False,):
            yield Prediction(
                slug,
                form.name,
                latent * form.unit,
                low,
                high,
                scatter * form.slope if redrawn else none,
                noise * form.slope,
                redrawn,
            )
