"""What the numbers of an old column say by themselves, without the pictures: a first guess.

Where the figures come from: the server's scaling is that of GANalyze (Goetschalckx et al. 2019);
spreads of the original with ten crops (SD about .08) and of a single pass (about .0025) are
C. Needell's (2020); the lowest score of the published ResMem, .411, is Needell & Bainbridge's
(2022); LaMem's hit rates (mean .756, SD .124) are Khosla et al.'s (2015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from memnet.compare.data.tables import to_numbers
from memnet.compare.variants.column import FULL_PRECISION, written_decimals
from memnet.compare.variants.forms import DISPLAYED_MEAN, MEAN_PREDICTION, SLOPE

RESMEM_FLOOR = 0.411

_SERVER = "server, web-api and ganalyze-tf clamp so, pretorched-x crop by crop"
_NARROW = 0.01  # SD below which a network was fed next to nothing, 0-1 instead of 0-255
_PEOPLE = 100  # responses per picture: hit rates are fractions of no more


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """Figures of a column, and what they suggest.

    Attributes
    ----------
    n : usable numbers. The figures are None where there is none (``sd``: fewer than two).
    mean, sd, minimum, maximum : of the numbers as they stand; ``sd`` has n - 1 below.
    share_0, share_1, share_100 : share of the numbers that are exactly 0, 1, 100.
    decimals : with how many decimals they were written; None for full precision.
    percent : whether the scale seems to be 0 to 100.
    sentences : the first guess in plain words, the strongest sign first.
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
    sentences: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return {**asdict(self), "sentences": list(self.sentences)}


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
        sentences: tuple[str, ...] = ("The column holds no number.",)
        return Fingerprint(
            n=0, mean=None, sd=None, minimum=None, maximum=None, share_0=None, share_1=None,
            share_100=None, decimals=None, percent=False, sentences=sentences,
        )  # fmt: skip
    written, _ = written_decimals([text for text, use in zip(cells, usable, strict=True) if use])
    low, high = float(values.min()), float(values.max())
    percent = bool(low >= 0 and 10 < high <= 100 and np.median(values) > 1.5)
    sd = float(values.std(ddof=1)) if n > 1 else None
    return Fingerprint(
        n=n,
        mean=float(values.mean()),
        sd=sd,
        minimum=low,
        maximum=high,
        share_0=float(np.mean(values == 0)),
        share_1=float(np.mean(values == 1)),
        share_100=float(np.mean(values == 100)),
        decimals=None if written >= FULL_PRECISION else written,
        percent=percent,
        sentences=tuple(_guess(values, written, percent)),
    )


def _guess(values: np.ndarray, written: int, percent: bool) -> list[str]:
    found = []
    if percent:
        found.append("The scale seems to be 0 to 100; below, the numbers are divided by 100.")
        values = values / 100
    if written < FULL_PRECISION:
        found.append(f"The numbers were written with {written} decimal(s).")
    if len(values) < 10:
        return [*found, "Fewer than 10 numbers say little about where they come from."]
    return found + _kind(values, written, float(values.mean()), float(values.std(ddof=1)))


def _kind(values: np.ndarray, written: int, mean: float, sd: float) -> list[str]:
    low, high = float(values.min()), float(values.max())
    piled = int(((values == 0) | (values == 1)).sum())
    at = f"mean {mean:.3f}, SD {sd:.3g}"
    if high > 2 or low < -1:
        if abs(mean) < 0.2 and 0.8 < sd < 1.2:
            return [f"Standardised ({at}): neither mean nor spread can tell the variant."]
        return [
            f"From {low:.4g} to {high:.4g}: no score of MemNet has this range. It was rescaled, or "
            "it is another quantity."
        ]
    if _hit_rates(values, written):
        return [
            f"Every number is a fraction of at most {_PEOPLE} ({at}): hit rates of people look so, "
            "outputs of a network do not."
        ]
    if sd < _NARROW:
        return [
            f"The numbers hardly differ ({at}): the mark of a network that was fed 0 to 1 instead "
            "of 0 to 255 (gray-01, pretorched-x), or of very similar pictures."
        ]
    found = []
    if piled >= max(2, 0.01 * len(values)) and len(np.unique(values)) > 2:
        found.append(
            f"{piled} of {len(values)} numbers are exactly 0 or 1: scaled by the server's "
            f"constants, (raw - {MEAN_PREDICTION}) * {SLOPE:g} + {DISPLAYED_MEAN}, and clamped "
            f"({_SERVER})."
        )
    elif low < 0 or high > 1:
        found.append(
            f"From {low:.3f} to {high:.3f}, beyond 0 and 1: raw outputs, or scaled ones that were "
            "not clamped."
        )
    if not found or piled == 0:
        found.extend(_by_spread(mean, sd, low))
    return found


def _by_spread(mean: float, sd: float, low: float) -> list[str]:
    at = f"mean {mean:.3f}, SD {sd:.3f}"
    found = []
    if mean < 0.71 and sd > 0.11:
        found.append(
            f"{at}: near what the server's scaling gives (mean {DISPLAYED_MEAN}, twice the raw SD "
            "of about .08)."
        )
    elif 0.68 <= mean <= 0.83 and sd <= 0.12:
        found.append(
            f"{at}: near raw outputs (mean {MEAN_PREDICTION}; SD about .08 with ten crops, more or "
            "less with one)."
        )
    if low >= RESMEM_FLOOR - 0.005 and low < 0.55 and 0.05 < sd < 0.14:
        found.append(
            f"Nothing lies below {low:.3f}: ResMem's scores, which end at {RESMEM_FLOOR}, look so, "
            "too."
        )
    if 0.7 < mean < 0.8 and sd > 0.11:
        found.append(f"{at}: human hit rates look so (LaMem: mean .756, SD .124).")
    return found or [f"{at}: no variant is known by such figures; run it on the pictures."]


def _hit_rates(values: np.ndarray, written: int) -> bool:
    """Whether all numbers are fractions of few people; needs decimals enough to tell."""
    if written < 6 or values.min() < 0 or values.max() > 1:
        return False
    tolerance = max(0.51 * 10.0**-written, 1e-9)
    return all(
        abs(float(Fraction(value).limit_denominator(_PEOPLE)) - value) <= tolerance
        for value in values[:200].tolist()
    ) and bool(len(np.unique(values)) > 2)
