"""What the numbers of an old column say by themselves, without the pictures: a first guess.

Where the numbers come from: the server's scaling is that of GANalyze (Goetschalckx et al. 2019);
spreads of the original with ten crops (SD about .08) and of a single pass (about .0025) are
C. Needell's (2020); the lowest score of the published ResMem, .411, is Needell & Bainbridge's
(2022); LaMem's hit rates (mean .756, SD .124) are Khosla et al.'s (2015). The published ResMem's
scores of 400 photographs lie between .41 and .97, with a mean of .757 and an SD of .133 (measured).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from memnet.data.numbers import to_numbers
from memnet.studies.diagnosis.column import FULL_PRECISION, written_decimals
from memnet.studies.diagnosis.likelihood import DISPLAYED_MEAN, MEAN_PREDICTION, SLOPE

RESMEM_FLOOR = 0.411

_SERVER = "as server, web-api and ganalyze-tf do, and pretorched-x for each crop"
_NARROW = 0.01  # SD below which a network was fed next to nothing, 0-1 instead of 0-255
_PEOPLE = 130  # responses per picture: hit rates are fractions of no more
_NEVER = -20.0  # log probability from which numbers are fractions by no accident


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Figures of a column, and what they suggest.

    Attributes
    ----------
    n : usable numbers. The statistics are None where there is none (``sd``: fewer than two).
    mean, sd, minimum, maximum : of the numbers as they stand; ``sd`` has n - 1 below.
    share_0, share_1, share_100 : share of the numbers that are exactly 0, 1, 100.
    decimals : with how many decimals they were written; None for full precision, and where every
        number is 0, 1 or 100.
    percent : whether the scale seems to be 0 to 100.
    facts : what the numbers are, in plain words.
    sentences : these, and then the first guess at what they come from, the strongest sign first.
    """

    n: int
    mean: float | None
    sd: float | None
    minimum: float | None
    maximum: float | None
    share_0: float | None
    share_1: float | None
    share_100: float | None
    decimals: int | None
    percent: bool
    facts: tuple[str, ...]
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return {**asdict(self), "facts": list(self.facts), "sentences": list(self.sentences)}


def fingerprint(texts: Sequence[str]) -> Fingerprint:
    """Describe a column of scores and guess what it is.

    Parameters
    ----------
    texts : the cells as they were written; cells that are no finite number are left out.
    """
    cells = pd.Series([str(text) for text in texts], dtype=object)
    numbers = to_numbers(cells)
    usable = np.isfinite(numbers)
    values = numbers[usable]
    n = len(values)
    if n == 0:
        nothing: tuple[str, ...] = ("The column holds no number.",)
        return Fingerprint(
            n=0, mean=None, sd=None, minimum=None, maximum=None, share_0=None, share_1=None,
            share_100=None, decimals=None, percent=False, facts=nothing, sentences=nothing,
        )  # fmt: skip
    written, steps = written_decimals(
        [text for text, use in zip(cells, usable, strict=True) if use]
    )
    low, high = float(values.min()), float(values.max())
    ranks = n > 2 and np.array_equal(rankdata(values), values)
    percent = bool(low >= 0 and 10 < high <= 100 and np.median(values) > 1.5) and not ranks
    facts = tuple(_facts(values, written, steps, percent))
    guess = ["These are ranks, 1 to n: only the order of the pictures is known."] if ranks else None
    if guess is None:
        unit = 100.0 if percent else 1.0
        guess = _guess(values / unit, steps / unit)
        guess[0] = f"Divided by 100: {guess[0]}" if percent else guess[0]
    return Fingerprint(
        n=n,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if n > 1 else None,
        minimum=low,
        maximum=high,
        share_0=float(np.mean(values == 0)),
        share_1=float(np.mean(values == 1)),
        share_100=float(np.mean(values == 100)),
        decimals=None if written >= FULL_PRECISION else written,
        percent=percent,
        facts=facts,
        sentences=(*facts, *guess),
    )


def _facts(values: np.ndarray, written: int, steps: np.ndarray, percent: bool) -> list[str]:
    low, high = float(values.min()), float(values.max())
    if low == high and len(values) > 1:
        return [f"All {len(values):,} numbers are {low:g}."]
    sentences = []
    if len(values) > 1:
        mean, sd = float(values.mean()), float(values.std(ddof=1))
        mean = mean if abs(mean) > 1e-3 * sd else 0.0  # of standardised scores rounding is left
        sentences.append(f"From {low:.4g} to {high:.4g}, mean {mean:.4g}, SD {sd:.3g}.")
    if written < FULL_PRECISION and np.ptp(steps) > 0:
        sentences.append("The numbers were not all written with the same number of decimals.")
    elif written < FULL_PRECISION:
        sentences.append(f"The numbers were written with {decimals_words(written)}.")
    if percent:
        sentences.append("The scale seems to be 0 to 100.")
    return sentences


def decimals_words(count: int) -> str:
    """Return ``"1 decimal"``, ``"4 decimals"``; ``"no decimals"`` for 0."""
    return {0: "no decimals", 1: "1 decimal"}.get(count, f"{count} decimals")


def _guess(values: np.ndarray, steps: np.ndarray) -> list[str]:
    if len(values) < 10:
        return ["Fewer than 10 numbers say little about where they come from."]
    low, high = float(values.min()), float(values.max())
    if low == high:
        if low in (0.0, 1.0):
            return ["Perhaps all were clamped: scaled scores beyond 0 and 1 are cut off there."]
        return [
            "A network that got pixels from 0 to 1 instead of 0 to 255 (gray-01, scale-01, "
            "pretorched-x) can give this after rounding; or the column was filled in."
        ]
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    piled = int(((values == 0) | (values == 1)).sum())
    at = f"mean {mean:.3f}, SD {sd:.3g}"
    if high > 2 or low < -1:
        if abs(mean) < 0.2 and 0.8 < sd < 1.2:
            return ["Standardised: mean and SD cannot show which variant it was."]
        return [
            f"From {low:.4g} to {high:.4g}: no score of MemNet has this range. The column was "
            "rescaled, or it is not a MemNet score."
        ]
    if _hit_rates(values, steps):
        return [
            f"Every number is a fraction with a denominator of at most {_PEOPLE} ({at}): hit rates "
            "of people look like this, outputs of a network do not."
        ]
    if sd < _NARROW:
        return [
            f"The numbers hardly differ ({at}): the network got pixels from 0 to 1 instead of 0 to "
            "255 (gray-01, scale-01, pretorched-x), or the pictures are very similar."
        ]
    sentences = []
    if piled >= max(2, 0.01 * len(values)) and len(np.unique(values)) > 2:
        sentences.append(
            f"{piled} of {len(values)} numbers are exactly 0 or 1. It looks like the server's "
            f"scale: raw outputs scaled, (raw - {MEAN_PREDICTION}) * {SLOPE:g} + {DISPLAYED_MEAN}, "
            f"and clamped ({_SERVER})."
        )
    elif low < 0 or high > 1:
        sentences.append(
            f"From {low:.3f} to {high:.3f}, beyond 0 and 1: raw outputs, or scaled ones that were "
            "not clamped."
        )
    if not sentences or piled == 0:
        sentences.extend(_by_spread(mean, sd, low, high))
    return sentences


def _by_spread(mean: float, sd: float, low: float, high: float) -> list[str]:
    at = f"Mean {mean:.3f}, SD {sd:.3f}"
    sentences = []
    if abs(mean - DISPLAYED_MEAN) < 0.1 and 0.11 < sd < 0.25:
        sentences.append(
            f"{at}: near what the server's scaling gives (mean {DISPLAYED_MEAN}, twice the raw SD "
            "of about .08)."
        )
    if 0.68 <= mean <= 0.83 and sd <= 0.12:
        sentences.append(
            f"{at}: near raw outputs (mean {MEAN_PREDICTION}; SD about .08 with ten crops, more or "
            "less with one)."
        )
    if _like_resmem(mean, sd, low, high):
        sentences.append(
            f"All numbers lie between {low:.3f} and {high:.3f}: ResMem's scores look like this, "
            f"too (none is below {RESMEM_FLOOR}, and none reaches 1)."
        )
    if 0.65 < mean < 0.85 and 0.08 < sd < 0.2 and low >= 0 and high <= 1:
        sentences.append(
            f"{at}: hit rates of people look like this, too (LaMem: mean .756, SD .124)."
        )
    return sentences or [
        f"{at}: no known variant gives such numbers; give the pictures (--images) to try each."
    ]


def _like_resmem(mean: float, sd: float, low: float, high: float) -> bool:
    """Whether the range is that of ResMem: near its floor, or of photographs with its mean."""
    if not (low >= RESMEM_FLOOR - 0.005 and high < 1 and 0.05 < sd < 0.16):
        return False
    return low < 0.45 or (low <= 0.56 and 0.68 <= mean <= 0.83)


def _hit_rates(values: np.ndarray, steps: np.ndarray) -> bool:
    """Whether all numbers are fractions of few people, and too finely written to be so by luck."""
    if values.min() < 0 or values.max() > 1 or len(np.unique(values)) < 3:
        return False
    first = slice(0, 200)
    tolerance = np.maximum(0.51 * steps[first], 1e-9)
    fractions = 3 / np.pi**2 * _PEOPLE**2  # as many lie between 0 and 1
    if np.log(np.minimum(2 * tolerance * fractions, 1.0)).sum() > _NEVER:
        return False
    return all(
        abs(float(Fraction(value).limit_denominator(_PEOPLE)) - value) <= near
        for value, near in zip(values[first].tolist(), tolerance.tolist(), strict=True)
    )
