"""The sentences and tables of a probe's page: functions of ``probe.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memnet.compare.record import RunRecord
from memnet.compare.report.digits import decimals, fixed, rounded
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.compare.report.tables import value_cell


def rho_text(held: Mapping[str, Any]) -> str:
    """Write the mean rho over folds, with its interval: ``rho .56 [.48, .63]``.

    >>> rho_text({"rho": 0.562, "rho_interval": [0.479, 0.626]})
    'rho .56 [.48, .63]'
    """
    return f"rho {_rho(held['rho'], held['rho_interval'])}"


def error_text(held: Mapping[str, Any]) -> str:
    """Write the error beside that of predicting the mean.

    >>> error_text({"mse": 0.0166, "mse_of_mean": 0.0221, "explained": 0.247})
    'MSE 0.0166; predicting the mean of the other folds has 0.0221 (25 % less)'
    """
    text = f"MSE {held['mse']:.4f}; predicting the mean of the other folds has "
    text += f"{held['mse_of_mean']:.4f}"
    if held["explained"] is not None:
        more = "less" if held["explained"] >= 0 else "more"
        text += f" ({abs(held['explained']):.0%} {more})".replace("%", " %")
    return text


def _rho(value: float | None, ends: Sequence[float] | None) -> str:
    if value is None:
        return "undefined"
    digits = 2 if ends is None else decimals(value, ends)
    text = fixed(value, digits, bare=True)
    if ends is not None:
        text += f" [{', '.join(fixed(end, digits, bare=True) for end in ends)}]"
    return text
