"""Do two models differ on the same pictures? Differences, tests, equivalence, corrections.

Both models' figures come from the same pictures and so vary together: every interval and test here
keeps the pictures paired. The main answer is the bootstrap interval of the difference and the
permutation test; the tests for dependent correlations are there because reviewers ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import chain, combinations
from typing import Any

import numpy as np
from scipy import special, stats

from memnet.stats import dependent_correlations, kernels
from memnet.stats.bootstrap import interval_of
from memnet.stats.permutation import p_value, swaps
from memnet.stats.resampling import Draws, Workers, groups_of
from memnet.util.arrays import Array

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
    clusters = draws.clusters
    permuted = _permuted(truth, predictions, pairs, draws, clusters)
    found = []
    for metric in (*CORRELATIONS, *ERRORS):
        rows = [
            _difference(pair, metric, drawn, values, permuted[metric][number], level, margin)
            | {
                "tests": {}
                if clusters is not None
                else tests(truth, predictions, pair, metric, level)
            }
            for number, pair in enumerate(pairs)
        ]
        p_values = [np.nan if row["p_value"] is None else row["p_value"] for row in rows]
        for name, correct in (
            ("p_holm", dependent_correlations.holm),
            ("p_bh", dependent_correlations.benjamini_hochberg),
        ):
            for row, corrected in zip(rows, correct(p_values), strict=True):
                row[name] = _or_none(float(corrected))
        found += rows
    return found


def _difference(
    pair: tuple[str, str],
    metric: str,
    drawn: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
    permuted: tuple[float, Array, float],
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

    p is the larger of the two shares of resamples beyond the margin (the observed difference
    counts as one); equivalent where it is at most ``1 - level``. The ``2 level - 1`` interval then
    lies within the margin, but for the last resample.
    """
    known = resampled[np.isfinite(resampled)]
    beyond = max(np.count_nonzero(known <= -margin), np.count_nonzero(known >= margin))
    p = float((beyond + 1) / (len(known) + 1))
    return {
        "margin": margin,
        "p_equivalence": p,
        "interval_equivalence": interval_of(resampled, 2 * level - 1).ends,
        "equivalent": p <= 1 - level,
    }


def _permuted(
    truth: Array,
    predictions: Mapping[str, Array],
    pairs: list[tuple[str, str]],
    draws: Draws,
    clusters: Any | None,
) -> dict[str, list[tuple[float, Array, float]]]:
    """Observed and permuted |difference| of each metric and pair, and its unit.

    Two models' numbers for a picture change places: for Spearman their ranks, after which each
    column is ranked anew; for Pearson their z-scores (so that another scale is no difference);
    for errors the errors. All but the ranks change linearly, so they are one matrix product.
    """
    columns, own, ranked = [], [], []
    target = _standard(stats.rankdata(truth)) / np.sqrt(len(truth))
    for a, b in pairs:
        x, y = predictions[a], predictions[b]
        z, left, right = (_standard(values) for values in (truth, x, y))
        moved = right - left
        columns += [z * moved, moved, right**2 - left**2]
        own.append((np.mean(z * left), np.mean(z * right)))
        columns += [(x - truth) ** 2 - (y - truth) ** 2, np.abs(x - truth) - np.abs(y - truth)]
        ranks = np.concatenate([stats.rankdata(x), stats.rankdata(y)])
        distinct, place = groups_of(ranks)
        ranked.append((place[: len(x)], place[len(x) :], len(distinct)))
    linear = np.stack(columns, axis=1) / len(truth)
    units = np.abs(linear).sum(axis=0).reshape(len(pairs), _SUMS)
    nothing = np.zeros((1, len(truth)), dtype=np.uint8)
    parts = []
    with Workers() as workers:
        for chunk in chain([nothing], swaps(len(truth), draws.resamples, draws.seed, clusters)):
            found = np.empty((len(pairs), 4, len(chunk)))
            found[:, 1:] = _swapped(chunk, linear, own)
            for pair, (first, second, groups) in enumerate(ranked):
                rho = np.empty(len(chunk))
                args = (chunk, target, first, second, groups, rho)
                workers.rows(kernels.swapped_spearman_rows, len(chunk), *args)
                found[pair, 0] = rho
            parts.append(found)
    permuted = np.concatenate(parts[1:], axis=-1)  # (pairs, 4, B)
    metrics = (*CORRELATIONS, *ERRORS)
    unit = {"mse": units[:, 3], "mae": units[:, 4]}  # correlations have 1
    return {
        metric: [
            (
                float(parts[0][pair, which, 0]),
                permuted[pair, which],
                float(unit[metric][pair]) if metric in unit else 1.0,
            )
            for pair in range(len(pairs))
        ]
        for which, metric in enumerate(metrics)
    }


_SUMS = 5


def _swapped(chunk: Any, linear: Array, own: list[tuple[Any, Any]]) -> Array:
    """Return |difference| of Pearson, MSE and MAE under each swap, ``(pairs, 3, B)``."""
    sums = (chunk.astype(np.float64) @ linear).T.reshape(len(own), _SUMS, len(chunk))
    totals = linear.sum(axis=0).reshape(len(own), _SUMS)
    found = np.empty((len(own), 3, len(chunk)))
    for pair, (left, right) in enumerate(own):
        cross, moved, square = sums[pair, :3]
        with np.errstate(invalid="ignore", divide="ignore"):
            r_left = (left + cross) / np.sqrt(1 + square - moved**2)
            r_right = (right - cross) / np.sqrt(1 - square - moved**2)
        found[pair, 0] = np.abs(r_left - r_right)
        found[pair, 1:] = np.abs(totals[pair, 3:, None] - 2 * sums[pair, 3:])
    return found


def _standard(values: Array) -> Array:
    """Mean 0, SD 1 (with n); NaN where all are equal."""
    deviation = values - values.mean()
    size = float(np.sqrt(np.mean(deviation**2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        standard: Array = deviation / (size if np.ptp(values) > 0 else np.nan)
    return standard


def tests(
    truth: Array,
    predictions: Mapping[str, Array],
    pair: tuple[str, str],
    metric: str,
    level: float,
) -> dict[str, Any]:
    """Williams, Steiger, Meng-Rosenthal-Rubin and Zou, for two correlations.

    For ``spearman`` they are computed on normal scores of the ranks: they suppose normal columns,
    and on plain ranks they reject 6 to 8 % where nothing differs (docs/statistics.md).
    """
    if metric not in CORRELATIONS:
        return {}
    of: Any = normal_scores if metric == "spearman" else np.asarray
    t, x, y = (_standard(of(values)) for values in (truth, *(predictions[name] for name in pair)))
    r_ta, r_tb, r_ab = (float(np.mean(p * q)) for p, q in ((t, x), (t, y), (x, y)))
    n = len(truth)
    found = {
        "williams": asdict(dependent_correlations.williams(r_ta, r_tb, r_ab, n)),
        "steiger": asdict(dependent_correlations.steiger(r_ta, r_tb, r_ab, n)),
        "meng_rosenthal_rubin": asdict(
            dependent_correlations.meng_rosenthal_rubin(r_ta, r_tb, r_ab, n, level=level)
        ),
        "zou": asdict(dependent_correlations.zou(r_ta, r_tb, r_ab, n, level=level)),
    }
    return {
        name: {key: _or_none(value) for key, value in test.items()} for name, test in found.items()
    }


def normal_scores(values: Array) -> Array:
    """Return normal quantiles of the midranks, ``ndtri((rank - 0.5) / n)`` (Hazen's)."""
    scores: Array = special.ndtri((stats.rankdata(values) - 0.5) / len(values))
    return scores


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
