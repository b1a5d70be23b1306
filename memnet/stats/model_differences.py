"""Do two models differ on the same pictures? Differences, tests, equivalence, corrections.

Both models' values come from the same pictures and so vary together: every interval and test here
keeps the pictures paired. The main answer is the bootstrap interval of the difference and the
permutation test; the tests for dependent correlations are there because reviewers ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from scipy import special

from memnet.stats import dependent_correlations
from memnet.stats.bootstrap import interval_of
from memnet.stats.metrics import METRICS, Metric, metrics_between_models, name_failure
from memnet.stats.metrics.base import standardised
from memnet.stats.permutation import named_statistic, p_value, permuted
from memnet.stats.resampling import Draws
from memnet.util.arrays import Array
from memnet.util.json_text import finite_or_none


def differences(
    truth: Array,
    predictions: Mapping[str, Array],
    drawn: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
    draws: Draws,
    *,
    level: float,
    margin: float,
    metrics: Sequence[Metric] | None = None,
) -> list[dict[str, Any]]:
    """Compare every two models by each metric that is for that (Spearman, Pearson, MSE, MAE, ...).

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    drawn : model -> metric -> ``(B,)``, of :func:`.bootstrap.distributions`.
    values : model -> metric -> its value.
    draws : the same resamples; its seed and number are those of the permutations, too.
    level : of the intervals.
    margin : correlations that differ by less count as equivalent.
    metrics : by which they are compared; those of ``metrics_between_models``.

    Returns
    -------
    list
        a dict per pair and metric with the fields of :class:`memnet.compare.record.Difference`
        (but ``n``, ``seed`` and the like, which are the run's). Corrected p values are over all
        pairs within a metric.

    Examples
    --------
    >>> truth = np.linspace(0.5, 0.9, 20)
    >>> models = {"a": truth + 0.01, "b": truth[::-1]}
    >>> draws = Draws(n=20, resamples=99, seed=0)
    >>> from memnet.stats.bootstrap import distributions
    >>> drawn = distributions(truth, models, draws)
    >>> values = {
    ...     model: {name: metric.function(truth, p) for name, metric in METRICS.items()}
    ...     for model, p in models.items()
    ... }
    >>> rows = differences(truth, models, drawn, values, draws, level=0.95, margin=0.02)
    >>> [(row["metric"], round(row["value"], 3), row["p_value"]) for row in rows[:2]]
    [('spearman', 2.0, 0.01), ('pearson', 2.0, 0.01)]
    """
    pairs = list(combinations(predictions, 2))
    if not pairs:
        return []
    metrics = metrics_between_models() if metrics is None else metrics
    p_values = _p_values(truth, predictions, pairs, metrics, draws)
    rows: list[dict[str, Any]] = []
    for metric in metrics:
        of_metric = []
        for pair in pairs:
            row = _difference(pair, metric, drawn, values, draws, level, margin)
            row["p_value"] = p_values[metric.name, pair]
            row["tests"] = {}
            if draws.clusters is None:
                row["tests"] = _tests(truth, predictions, pair, metric, level)
            of_metric.append(row)
        _correct(of_metric)
        rows += of_metric
    return rows


def _p_values(
    truth: Array,
    predictions: Mapping[str, Array],
    pairs: list[tuple[str, str]],
    metrics: Sequence[Metric],
    draws: Draws,
) -> dict[tuple[str, tuple[str, str]], float | None]:
    """P value of each metric and pair: the two models' numbers change places, at random."""
    statistics = {
        (metric.name, pair): named_statistic(
            metric.name,
            " and ".join(pair),
            partial(metric.between, truth, *(predictions[model] for model in pair)),
        )
        for pair in pairs
        for metric in metrics
    }
    results = permuted(
        list(statistics.values()),
        len(truth),
        permutations=draws.resamples,
        seed=draws.seed,
        clusters=draws.clusters,
    )
    return {
        key: p_value(observed, swapped, unit=statistic.unit)
        for (key, statistic), (observed, swapped) in zip(statistics.items(), results, strict=True)
    }


def _tests(
    truth: Array,
    predictions: Mapping[str, Array],
    pair: tuple[str, str],
    metric: Metric,
    level: float,
) -> dict[str, Any]:
    """Return the tests beside the permutation test, by their names in a record."""
    if metric.test_models is None:
        return correlation_tests(truth, predictions, pair, metric.name, level)
    a, b = pair
    with name_failure(metric.name, f"{a} and {b}"):
        tests = metric.test_models(truth, predictions[a], predictions[b], level)
    return {
        name: {key: finite_or_none(value) for key, value in test.items()}
        for name, test in tests.items()
    }


def _correct(rows: list[dict[str, Any]]) -> None:
    """Add the p values corrected over the pairs of one metric."""
    p_values = [np.nan if row["p_value"] is None else row["p_value"] for row in rows]
    for name, correct in (
        ("p_holm", dependent_correlations.holm),
        ("p_bh", dependent_correlations.benjamini_hochberg),
    ):
        for row, corrected in zip(rows, correct(p_values), strict=True):
            row[name] = finite_or_none(float(corrected))


def _difference(
    pair: tuple[str, str],
    metric: Metric,
    drawn: Mapping[str, Mapping[str, Array]],
    values: Mapping[str, Mapping[str, float]],
    draws: Draws,
    level: float,
    margin: float,
) -> dict[str, Any]:
    a, b = pair
    value = values[a][metric.name] - values[b][metric.name]
    resampled = drawn[a][metric.name] - drawn[b][metric.name]
    interval = interval_of(resampled, level, draws)
    row: dict[str, Any] = {
        "model_a": a,
        "model_b": b,
        "metric": metric.name,
        "value": finite_or_none(value),
        "interval": interval.ends if np.isfinite(value) else None,
        "p_value": None,
        "margin": None,
        "p_equivalence": None,
        "interval_equivalence": None,
        "equivalent": None,
        "reason": interval.reason if np.isfinite(value) else "one of the two is undefined",
    }
    if metric.correlate is not None and row["interval"] is not None:
        row |= equivalence(resampled, level=level, margin=margin, draws=draws)
    return row


def equivalence(
    resampled: Array, *, level: float, margin: float, draws: Draws | None = None
) -> dict[str, Any]:
    """Two one-sided bootstrap tests (TOST; Schuirmann 1987) of a difference against a margin.

    p is the larger of the two shares of resamples beyond the margin (the observed difference
    counts as one); equivalent where it is at most ``1 - level``. The ``2 level - 1`` interval then
    lies within the margin, but for the last resample. Drawn within strata, p is as much larger as
    that interval is wider (:meth:`.Draws.widening`).

    >>> equivalence(np.linspace(-0.01, 0.01, 999), level=0.95, margin=0.02)["p_equivalence"]
    0.001
    """
    known = resampled[np.isfinite(resampled)]
    beyond = max(np.count_nonzero(known <= -margin), np.count_nonzero(known >= margin))
    p = float((beyond + 1) / (len(known) + 1))
    widening = 1.0 if draws is None else draws.widening(2 * level - 1)
    if widening != 1:
        p = float(special.ndtr(special.ndtri(p) / widening))
    return {
        "margin": margin,
        "p_equivalence": p,
        "interval_equivalence": interval_of(resampled, 2 * level - 1, draws).ends,
        "equivalent": p <= 1 - level,
    }


def correlation_tests(
    truth: Array,
    predictions: Mapping[str, Array],
    pair: tuple[str, str],
    metric: str,
    level: float,
) -> dict[str, Any]:
    """Williams, Steiger, Meng-Rosenthal-Rubin and Zou, for two correlations; else nothing.

    For ``spearman`` they are computed on normal scores of the ranks: they suppose normal columns,
    and on plain ranks they reject 6 to 8 % where nothing differs (docs/statistics.md).

    Parameters
    ----------
    truth, predictions : float64 ``(N,)``; model -> float64 ``(N,)``.
    pair, metric, level : two models; a name of :data:`METRICS`; coverage of the intervals.

    Examples
    --------
    >>> truth = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    >>> models = {"a": truth[[0, 1, 2, 4, 3]], "b": truth[[1, 0, 3, 4, 2]]}
    >>> tests = correlation_tests(truth, models, ("a", "b"), "pearson", 0.95)
    >>> round(tests["zou"]["difference"], 3), round(tests["williams"]["p"], 3)
    (0.3, 0.229)
    """
    correlate = METRICS[metric].correlate
    if correlate is None:
        return {}
    t, x, y = (
        standardised(correlate(values)) for values in (truth, *(predictions[name] for name in pair))
    )
    r_ta, r_tb, r_ab = (float(np.mean(p * q)) for p, q in ((t, x), (t, y), (x, y)))
    n = len(truth)
    results = {
        "williams": asdict(dependent_correlations.williams(r_ta, r_tb, r_ab, n)),
        "steiger": asdict(dependent_correlations.steiger(r_ta, r_tb, r_ab, n)),
        "meng_rosenthal_rubin": asdict(
            dependent_correlations.meng_rosenthal_rubin(r_ta, r_tb, r_ab, n, level=level)
        ),
        "zou": asdict(dependent_correlations.zou(r_ta, r_tb, r_ab, n, level=level)),
    }
    return {
        name: {key: finite_or_none(value) for key, value in test.items()}
        for name, test in results.items()
    }
