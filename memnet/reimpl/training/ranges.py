"""Where settings are searched."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import optuna

from memnet.errors import MemnetError
from memnet.reimpl.training.config import LIMITS

SMALLEST_DECAY = 1e-6
"""Where the range of weight decay begins beside 0, unless it is all below."""


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """Where settings are searched: lowest and highest value; equal ones are not searched.

    Attributes
    ----------
    learning_rate : above 0; drawn by its logarithm. The paper's 1e-5 lies low in the range: with
        few pictures there are few steps, and they must be longer.
    momentum : 0 to below 1.
    batch_size : every power of two from the lowest to the highest.
    weight_decay : 0 or more; drawn by its logarithm. Where the lowest is 0, then 0 itself is one
        choice, and the range from :data:`SMALLEST_DECAY` on the other.
    """

    learning_rate: tuple[float, float] = (1e-6, 1e-1)
    momentum: tuple[float, float] = (0.0, 0.99)
    batch_size: tuple[int, int] = (8, 128)
    weight_decay: tuple[float, float] = (0.0, 1e-2)

    def __post_init__(self) -> None:
        for name in SEARCHED:
            low, high = getattr(self, name)
            lowest, highest, words = LIMITS[name]
            if not lowest <= low <= high <= highest:
                raise MemnetError(
                    f"{name} is searched from {_short(low)} to {_short(high)}; both must be "
                    f"{words}, and the second not below the first."
                )
        if not self.batch_sizes():
            low, high = self.batch_size
            raise MemnetError(
                f"batch_size is searched from {low} to {high}, and no power of two lies there."
            )

    def batch_sizes(self) -> list[int]:
        """Return the powers of two in the range."""
        low, high = self.batch_size
        return [2**power for power in range(high.bit_length()) if low <= 2**power <= high]


def _short(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


SEARCHED = tuple(field.name for field in dataclasses.fields(Ranges))


def propose(trial: optuna.Trial, ranges: Ranges) -> dict[str, Any]:
    """Ask Optuna for the settings of a run."""
    settings: dict[str, Any] = {
        "learning_rate": trial.suggest_float("learning_rate", *ranges.learning_rate, log=True),
        "momentum": trial.suggest_float("momentum", *ranges.momentum),
        "batch_size": trial.suggest_categorical("batch_size", ranges.batch_sizes()),
        "weight_decay": 0.0,
    }
    low, high = ranges.weight_decay
    if high > 0 and (low > 0 or trial.suggest_categorical("decays", [False, True])):
        low = low or min(SMALLEST_DECAY, high)
        settings["weight_decay"] = trial.suggest_float("weight_decay", low, high, log=True)
    return settings
