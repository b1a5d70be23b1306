"""Statistics of one model, where the package computes those of all models together."""

from __future__ import annotations

from typing import Any

import numpy as np

from memnet.stats import noise_matched, permutation, reliability
from memnet.stats.metrics import spearman
from memnet.stats.resampling import Draws


def distribution_p_values(truth: Any, prediction: Any, **how: Any) -> dict[str, float | None]:
    """P values of the swap tests of one pair of columns."""
    return permutation.swap_tests({"": (truth, prediction)}, **how)[""]


def noise_matched_of(
    truth: Any, prediction: Any, responses: Any, draws: Draws
) -> noise_matched.NoiseMatched:
    """Compare labels with the noisy predictions of one model."""
    return noise_matched.noise_matched(truth, {"": prediction}, responses, draws)[""]


def split_half(hits: Any, responses: Any, *, halves: int = reliability.HALVES, seed: int) -> float:
    """Mean rank correlation between random halves of the responses (at least two each)."""
    generator = np.random.default_rng([seed, 3])
    dealt = [reliability.deal_halves(hits, responses, generator) for _ in range(halves)]
    return float(np.mean([spearman(*halves_of_all) for halves_of_all in dealt]))
