"""HiGHS, by SciPy: a linear programme and an integer one."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy import optimize, sparse

from memnet.errors import MemnetError
from memnet.util.arrays import AnyArray, Array


class OutOfTime(MemnetError):  # noqa: N818
    """Nothing was found in the time allowed, and nothing ruled out."""

    def __init__(self) -> None:
        super().__init__(
            "No choice was found in the time allowed, though one may be possible: "
            "widen a tolerance, match fewer columns, or ask for another number of pictures."
        )


def linear(worth: Array, rows: Any, low: Array, high: Array, ends: tuple[Any, Any]) -> Any:
    """Maximise ``worth @ x`` under ``low <= rows @ x <= high``; None where nothing fulfils that.

    Returns
    -------
    SciPy's result; ``price``: what one unit more of each row's limit is worth.
    """
    same = low == high
    above, below = (np.flatnonzero(~same & np.isfinite(limit)) for limit in (high, low))
    anything: Any = optimize.linprog
    result = anything(
        -worth,
        A_ub=sparse.vstack([rows[above], -rows[below]]).tocsr(),
        b_ub=np.r_[high[above], -low[below]],
        A_eq=rows[np.flatnonzero(same)] if same.any() else None,
        b_eq=low[same] if same.any() else None,
        bounds=np.c_[np.broadcast_to(ends[0], worth.shape), np.broadcast_to(ends[1], worth.shape)],
        method="highs",
    )
    if result.status == 2:
        return None
    if result.status != 0:
        raise OutOfTime
    price = np.zeros(len(low))
    if same.any():
        price[same] = -result.eqlin.marginals
    price[above] -= result.ineqlin.marginals[: len(above)]
    price[below] += result.ineqlin.marginals[len(above) :]
    result.price = price
    return result


def whole(
    worth: Array,
    rows: Any,
    low: Array,
    high: Array,
    ends: tuple[Any, Any],
    integer: AnyArray,
    deadline: float,
    gap: float = 0.0,
    nodes: int = 2**31 - 1,
) -> tuple[Array, float] | None:
    """As :func:`linear` with whole numbers: the best x and the bound; None where there is none.

    ``gap``: the share of the objective by which it may miss the bound; ``nodes``: how many parts of
    the search are looked at, at most.

    Raises
    ------
    OutOfTime
        Where there is none so far at the deadline, or after all nodes.
    """
    # HiGHS stops at 1e-6 of the objective: larger numbers make that little enough.
    size = 1e3 / (float(np.abs(worth).max(initial=0)) or 1.0)
    anything: Any = optimize.milp
    result = anything(
        -worth * size,
        integrality=integer,
        bounds=optimize.Bounds(*ends),
        constraints=[optimize.LinearConstraint(rows, low, high)],
        options={
            "mip_rel_gap": gap,
            "node_limit": nodes,
            "time_limit": max(deadline - time.monotonic(), 0.1),
        },
    )
    if result.x is None:
        if result.status == 2:
            return None
        raise OutOfTime
    x = np.where(integer > 0, np.rint(result.x), result.x)
    objective = float(worth @ x)
    if result.status == 0 and not gap:
        return x, objective
    return x, max(-float(result.mip_dual_bound) / size, objective)
