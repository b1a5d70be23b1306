"""Do two models differ on the same pictures? Differences, tests, equivalence, corrections.

Both models' figures come from the same pictures and so vary together: every interval and test here
keeps the pictures paired. The main answer is the bootstrap interval of the difference and the
permutation test; the tests for dependent correlations are there because reviewers ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from memnet.compare.stats import dependent
from memnet.compare.stats.bootstrap import interval_of
from memnet.compare.stats.draws import Draws
from memnet.compare.stats.metrics import Array
from memnet.compare.stats.permutation import p_value, swaps

CORRELATIONS = ("spearman", "pearson")
ERRORS = ("mse", "mae")


def differences(
    truth: Array,
    predictions: Mapping[str, Array],
    drawn: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
    draws: Draws,
    *,
    level: float,
    margin: float,
) -> list[dict[str, Any]]:
    """Compare every two models by Spearman, Pearson, MSE and MAE.

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    drawn : model -> metric -> ``(B,)``, of :func:`.bootstrap.distributions`.
    values : model -> metric -> its value.
    draws : the same resamples; its seed and number are those of the permutations, too.
    level : of the intervals.
    margin : correlations that differ by less count as equivalent.

    Returns
    -------
    list
        a dict per pair and metric with the fields of :class:`memnet.compare.record.Difference`
        (but ``n``, ``seed`` and the like, which are the run's). Corrected p values are over all
        pairs within a metric.
    """
    pairs = list(combinations(predictions, 2))
    if not pairs:
        return []
    clusters = draws.groups if draws.kind == "clusters" else None
    permuted = _permuted(truth, predictions, pairs, draws, clusters)
    found = []
    for metric in (*CORRELATIONS, *ERRORS):
        rows = [
            _difference(pair, metric, drawn, values, permuted[metric][number], level, margin)
            | {"tests": _tests(truth, predictions, pair, metric, level)}
            for number, pair in enumerate(pairs)
        ]
        p_values = [np.nan if row["p_value"] is None else row["p_value"] for row in rows]
        for name, correct in (("p_holm", dependent.holm), ("p_bh", dependent.benjamini_hochberg)):
            for row, corrected in zip(rows, correct(p_values), strict=True):
                row[name] = _or_none(float(corrected))
        found += rows
    return found


def _difference(
    pair: tuple[str, str],
    metric: str,
    drawn: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
    permuted: tuple[float, Array],
    level: float,
    margin: float,
) -> dict[str, Any]:
    a, b = pair
    value = values[a][metric] - values[b][metric]
    resampled = drawn[a][metric] - drawn[b][metric]
    interval = interval_of(resampled, level)
    row: dict[str, Any] = {
        "model_a": a,
        "model_b": b,
        "metric": metric,
        "value": _or_none(value),
        "interval": interval.ends if np.isfinite(value) else None,
        "p_value": p_value(*permuted),
        "margin": None,
        "p_equivalence": None,
        "interval_equivalence": None,
        "equivalent": None,
        "reason": interval.reason if np.isfinite(value) else "one of the two is undefined",
    }
    if metric in CORRELATIONS and row["interval"] is not None:
        row |= equivalence(resampled, level=level, margin=margin)
    return row


def equivalence(resampled: Array, *, level: float, margin: float) -> dict[str, Any]:
    """Two one-sided bootstrap tests (TOST; Schuirmann 1987) of a difference against a margin.

    Equivalent at 5 % where the 90 % interval lies within the margin: p is the larger of the two
    shares of resamples beyond it.
    """
    known = resampled[np.isfinite(resampled)]
    beyond = max(np.count_nonzero(known <= -margin), np.count_nonzero(known >= margin))
    inner = interval_of(resampled, 2 * level - 1)
    ends = inner.ends
    return {
        "margin": margin,
        "p_equivalence": float((beyond + 1) / (len(known) + 1)),
        "interval_equivalence": ends,
        "equivalent": None if ends is None else bool(-margin < ends[0] and ends[1] < margin),
    }


def _permuted(
    truth: Array,
    predictions: Mapping[str, Array],
    pairs: list[tuple[str, str]],
    draws: Draws,
    clusters: Any | None,
) -> dict[str, list[tuple[float, Array]]]:
    """Observed and permuted |difference| of each metric and pair.

    Two models' numbers for a picture change places: for Spearman their ranks, for Pearson their
    z-scores (so that another scale is no difference), for errors the errors. A swap changes
    sums linearly, so all of them are one matrix product.
    """
    columns, own = [], []
    for a, b in pairs:
        x, y = predictions[a], predictions[b]
        for of in (stats.rankdata, np.asarray):
            target, left, right = (_standard(of(values)) for values in (truth, x, y))
            moved = right - left
            columns += [target * moved, moved, right**2 - left**2]
            own.append((np.mean(target * left), np.mean(target * right)))
        columns += [(x - truth) ** 2 - (y - truth) ** 2, np.abs(x - truth) - np.abs(y - truth)]
    linear = np.stack(columns, axis=1) / len(truth)
    nothing = np.zeros((1, len(truth)), dtype=np.uint8)
    observed = _swapped(nothing, linear, own)
    parts = [
        _swapped(chunk, linear, own)
        for chunk in swaps(len(truth), draws.resamples, draws.seed, clusters)
    ]
    permuted = np.concatenate(parts, axis=-1)  # (pairs, 4, B)
    return {
        metric: [(float(observed[k, which, 0]), permuted[k, which]) for k in range(len(pairs))]
        for which, metric in enumerate((*CORRELATIONS, *ERRORS))
    }


def _swapped(chunk: Any, linear: Array, own: list[tuple[Any, Any]]) -> Array:
    """Return |difference| of the four metrics under each swap, ``(pairs, 4, B)``."""
    sums = (chunk.astype(np.float64) @ linear).T.reshape(len(own) // 2, 8, len(chunk))
    totals = linear.sum(axis=0).reshape(len(own) // 2, 8)
    found = np.empty((len(sums), 4, len(chunk)))
    for pair, part in enumerate(sums):
        for which in range(2):
            cross, moved, square = part[3 * which : 3 * which + 3]
            left, right = own[2 * pair + which]
            with np.errstate(invalid="ignore", divide="ignore"):
                r_left = (left + cross) / np.sqrt(1 + square - moved**2)
                r_right = (right - cross) / np.sqrt(1 - square - moved**2)
            found[pair, which] = np.abs(r_left - r_right)
        found[pair, 2:] = np.abs(totals[pair, 6:, None] - 2 * part[6:])
    return found


def _standard(values: Array) -> Array:
    """Mean 0, SD 1 (with n); NaN where all are equal."""
    deviation = values - values.mean()
    size = float(np.sqrt(np.mean(deviation**2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        standard: Array = deviation / (size if np.ptp(values) > 0 else np.nan)
    return standard


def _tests(
    truth: Array,
    predictions: Mapping[str, Array],
    pair: tuple[str, str],
    metric: str,
    level: float,
) -> dict[str, Any]:
    """Williams, Steiger, Meng-Rosenthal-Rubin and Zou, for the two correlations."""
    if metric not in CORRELATIONS:
        return {}
    of: Any = stats.rankdata if metric == "spearman" else np.asarray
    t, x, y = (_standard(of(values)) for values in (truth, *(predictions[name] for name in pair)))
    r_ta, r_tb, r_ab = (float(np.mean(p * q)) for p, q in ((t, x), (t, y), (x, y)))
    n = len(truth)
    found = {
        "williams": asdict(dependent.williams(r_ta, r_tb, r_ab, n)),
        "steiger": asdict(dependent.steiger(r_ta, r_tb, r_ab, n)),
        "meng_rosenthal_rubin": asdict(
            dependent.meng_rosenthal_rubin(r_ta, r_tb, r_ab, n, level=level)
        ),
        "zou": asdict(dependent.zou(r_ta, r_tb, r_ab, n, level=level)),
    }
    return {
        name: {key: _or_none(value) for key, value in test.items()} for name, test in found.items()
    }


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
