"""What a metric is, and the registry of all of them.

A metric is one object, :class:`Metric`: its name, a pure function of truth and prediction, and
whatever else is needed to resample, test, tabulate and explain it. Nothing but name, title and
function must be given; :func:`register_metric` then makes every comparison compute it.

>>> import numpy as np
>>> def rmse(truth, prediction):
...     return float(np.sqrt(np.mean((prediction - truth) ** 2)))
>>> metric = register_metric(Metric(name="rmse", title="RMSE", function=rmse, better="lower"))
>>> METRICS["rmse"].function(np.array([0.5, 1.0]), np.array([0.75, 0.75]))
0.25
>>> del METRICS["rmse"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import numpy as np

from memnet.errors import MemnetError
from memnet.stats.metrics.expected import ExpectedLabels
from memnet.stats.resampling import Counts, Workers, groups_of
from memnet.util.arrays import Array
from memnet.util.importing import path_of

Function: TypeAlias = Callable[[Array, Array], float]
Direction: TypeAlias = Literal["higher", "lower", "zero", "one", ""]
GROUPS = {
    "accuracy": "Accuracy",
    "error parts": "What the error is made of",
    "ceiling": "Accuracy against the ceiling",
    "distribution": "Distribution of predictions and human scores",
    "noise-matched": "Distribution, noise-matched",
    "predictions": "The predictions themselves",
    "ranges": "Error by range of the human score",
}
"""Groups of metrics in the order of the report's tables, and their headings."""
_T = TypeVar("_T")


class Pair:
    """Truth and one model's predictions, with what the metrics prepare of them, each once.

    Parameters
    ----------
    truth, prediction : float64 ``(N,)``, finite.
    """

    def __init__(self, truth: Array, prediction: Array) -> None:
        self.truth = np.ascontiguousarray(truth, dtype=np.float64)
        self.prediction = np.ascontiguousarray(prediction, dtype=np.float64)
        self._prepared: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.truth)

    def once(self, prepare: Callable[[Pair], _T]) -> _T:
        """Return ``prepare(self)``, computed at the first call."""
        if prepare not in self._prepared:
            self._prepared[prepare] = prepare(self)
        prepared: _T = self._prepared[prepare]
        return prepared

    @cached_property
    def truth_groups(self) -> Any:
        """int64 ``(N,)``: place of each picture's truth among its distinct values."""
        return groups_of(self.truth)[1]

    @cached_property
    def prediction_groups(self) -> Any:
        """int64 ``(N,)``: place of each picture's prediction among its distinct values."""
        return groups_of(self.prediction)[1]


class Resamples:
    """A chunk of the resamples of a pair, and what several metrics compute of them, each once.

    Parameters
    ----------
    pair : what is resampled.
    counts : int32 ``(B, N)``, how often each resample has each picture.
    workers : the threads that share the rows.
    """

    def __init__(self, pair: Pair, counts: Counts, workers: Workers) -> None:
        self.pair = pair
        self.counts = counts
        self.workers = workers
        self._computed: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.counts)

    def once(self, compute: Callable[[Resamples], _T]) -> _T:
        """Return ``compute(self)``, computed at the first call."""
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        computed: _T = self._computed[compute]
        return computed

    def run(self, kernel: Callable[..., None], *args: Any) -> None:
        """Call ``kernel(counts, *args, start, stop)``, the rows shared by the threads."""
        self.workers.rows(kernel, len(self), self.counts, *args)


class Swaps:
    """A chunk of random swaps: in each, some pictures' two numbers change places.

    Parameters
    ----------
    chunk : uint8 ``(B, N)``, 1 where the two numbers change places.
    workers : the threads that share the rows.
    """

    def __init__(self, chunk: Any, workers: Workers) -> None:
        self.chunk = chunk
        self.workers = workers
        self._computed: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self.chunk)

    def once(self, compute: Callable[[Pair, Swaps], _T], pair: Pair) -> _T:
        """Return ``compute(pair, self)``, computed at the first call with this pair."""
        key = compute, id(pair)
        if key not in self._computed:
            self._computed[key] = compute(pair, self)
        computed: _T = self._computed[key]
        return computed


@dataclass(frozen=True, kw_only=True)
class SwapStatistic:
    """A statistic of two columns whose numbers change places picture by picture.

    Attributes
    ----------
    evaluate : ``(swaps, sums) -> float64 (B,)``: large where the two columns differ. ``sums``,
        ``(K, B)``, are the sums of ``columns`` over the pictures that each swap exchanges.
    columns : float64 ``(N, K)``, what the statistic needs summed: all statistics' columns together
        are one matrix product. None: nothing.
    unit : size of the numbers that the statistic is made of; what differs by 1e-12 of it is a tie.
    """

    evaluate: Callable[[Swaps, Array], Array]
    columns: Array | None = None
    unit: float = 1.0


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """What a reader must know of a number in a record.

    Attributes
    ----------
    name : in ``record.json``; lower case.
    title : for tables.
    better : ``"higher"``, ``"lower"``, ``"zero"``, ``"one"``: where the ideal lies; "" for none.
        Anything else raises ``MemnetError``.
    group : which table it stands in: ``"accuracy"``, ``"error parts"``, ``"ceiling"``,
        ``"distribution"``, ``"noise-matched"``, ``"predictions"`` or ``"ranges"``.
    undefined : why it can be NaN.
    needs_scores : whether it means nothing where the human scores are two classes, and is left out.
    effect : ``(value, n) -> size``, numbers or arrays: the same as an effect size that does not
        grow with n (see also :attr:`Metric.effect_from`); None where the value is one already, or
        is no distance.
    effect_title : what the effect size is.
    explanation : what it says, for the glossary of a report; "" for nothing.
    reference : where it is published; "" for what needs no source.
    """

    name: str
    title: str
    better: Direction = ""
    group: str = "accuracy"
    undefined: str = ""
    needs_scores: bool = False
    effect: Callable[[Any, Any], Any] | None = None
    effect_title: str = ""
    explanation: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        for field, allowed in (("better", get_args(Direction)), ("group", tuple(GROUPS))):
            if (value := getattr(self, field)) not in allowed:
                raise MemnetError(
                    f"The metric {self.name!r} has {field}={value!r}; it must be one of "
                    f"{', '.join(map(repr, allowed))}."
                )


@dataclass(frozen=True, kw_only=True)
class Metric(MetricInfo):
    """A metric: a pure function of truth and prediction, and how it is resampled and tested.

    Attributes
    ----------
    function : ``(truth, prediction) -> float``, of float64 ``(N,)``; NaN where undefined.
    resample : :class:`Resamples` ``-> float64 (B,)``, a faster way to the function's value on each
        resample. None: the function is called on each resample.
    not_resampled : why it has no bootstrap interval; "" where it has one.
    swap : :class:`Pair` ``->`` :class:`SwapStatistic` of the test whether truth and prediction can
        change places; None for no test.
    test : ``(truth, prediction) -> (p, method)``, a test of its own instead; p is None where it is
        withheld, and ``method`` says why.
    noise_matched : whether it is computed again with the sampling noise of the human scores added
        to the predictions.
    from_expected : ``(expected, counts) -> float64 (B,)``: how far samples of labels lie from
        those that the predictions lead one to expect
        (:class:`~memnet.stats.metrics.expected.ExpectedLabels`), ``counts`` ``(B, D)`` saying how
        many of a sample have each value. It gives the noise-matched p value; None for none.
    resample_noisy : :class:`Resamples` ``-> float64 (B,)``: as ``resample``, for pairs of which
        each is resampled a few times only, so that the preparation counts; None: as ``resample``.
    between_models : whether every two models are compared by it.
    swap_models : ``(truth, a, b) ->`` :class:`SwapStatistic` of the test whether two models'
        predictions can change places. None: the absolute difference of the function's two
        values, computed anew for each swap, which for many pictures is slow.
    correlate : for a correlation, ``values -> values``: that of two columns is Pearson's r of what
        this makes of them. Differences are then tested for equivalence, and by the tests for
        dependent correlations. None: it is no correlation.
    subset : ``truth -> bool (N,)``, the pictures that it is about; None for all.
    test_models : ``(truth, a, b, level) -> dict``: further tests of the difference between two
        models, by their names in a record; None for those of ``correlate``, or none.
    effect_from : the statistic that ``effect`` takes instead of the value, with its ``function``
        and ``resample``, where ties change the value and not the effect; None: the value.
    """

    function: Function
    resample: Callable[[Resamples], Array] | None = None
    not_resampled: str = ""
    swap: Callable[[Pair], SwapStatistic] | None = None
    test: Callable[[Array, Array], tuple[float | None, str]] | None = None
    noise_matched: bool = False
    from_expected: Callable[[ExpectedLabels, Array], Array] | None = None
    resample_noisy: Callable[[Resamples], Array] | None = None
    between_models: bool = False
    swap_models: Callable[[Array, Array, Array], SwapStatistic] | None = None
    correlate: Callable[[Array], Array] | None = None
    subset: Callable[[Array], Any] | None = None
    test_models: Callable[[Array, Array, Array, float], dict[str, Any]] | None = None
    effect_from: Metric | None = None

    def on_resamples(self, resamples: Resamples) -> Array:
        """Return the metric's value on each resample, ``(B,)``."""
        if self.resample is not None:
            return self.resample(resamples)
        values = np.empty(len(resamples))
        pictures = np.arange(len(resamples.pair))
        for row, counts in enumerate(resamples.counts):
            drawn = np.repeat(pictures, counts)
            values[row] = self.function(
                resamples.pair.truth[drawn], resamples.pair.prediction[drawn]
            )
        return values

    def on_noisy_resamples(self, resamples: Resamples) -> Array:
        """Return the same for predictions with noise."""
        return (self.resample_noisy or self.on_resamples)(resamples)

    def between(self, truth: Array, a: Array, b: Array) -> SwapStatistic:
        """Return the statistic that tests whether models a and b differ."""
        if self.swap_models is not None:
            return self.swap_models(truth, a, b)

        def difference(swaps: Swaps, _: Array) -> Array:
            values = np.empty(len(swaps))
            for row, swap in enumerate(swaps.chunk):
                left, right = np.where(swap, b, a), np.where(swap, a, b)
                values[row] = abs(self.function(truth, left) - self.function(truth, right))
            return values

        size = np.nanmax(np.abs([self.function(truth, a), self.function(truth, b), 0.0]))
        return SwapStatistic(evaluate=difference, unit=float(size))


METRICS: dict[str, Metric] = {}
"""Every metric by its name, in the order of the tables."""

CLASS_METRICS: dict[str, Metric] = {}
"""Those that are for two classes alone, human scores of 0 and 1, by name."""


def register_metric(metric: Metric) -> Metric:
    """Add a metric to :data:`METRICS`, behind those that are there.

    The same function may be registered again, as when a cell of a notebook is run twice: the metric
    then takes the other's place.

    Raises
    ------
    MemnetError
        if another metric or a derived number of that name is there already.
    """
    known = METRICS.get(metric.name)
    if known is not None and path_of(known.function) == path_of(metric.function):
        METRICS[metric.name] = metric
        return metric
    derived = [f"{metric.name}_noise_matched"] if metric.noise_matched else []
    for name in (metric.name, *derived):
        if name in METRICS or name in CLASS_METRICS or name in derived_metrics():
            raise MemnetError(
                f"There is a metric {name!r} already ({describe(name).title}); choose another name."
            )
    METRICS[metric.name] = metric
    return metric


def metrics_for(*, classes: bool) -> dict[str, Metric]:
    """Return the metrics for human scores, or those for two classes, which are 0 and 1.

    >>> list(metrics_for(classes=True))[:2], "mse" in metrics_for(classes=True)
    (['auc', 'auc_bootstrap'], False)
    """
    if not classes:
        return dict(METRICS)
    others = {name: metric for name, metric in METRICS.items() if not metric.needs_scores}
    return {**CLASS_METRICS, **others}


@contextmanager
def name_failure(metric: str, model: str) -> Iterator[None]:
    """Say which metric failed, for which model, if the block raises; also a decorator.

    >>> with name_failure("rmse", "mine.v1"):
    ...     1 / 0
    Traceback (most recent call last):
    memnet.errors.MemnetError: The metric 'rmse' failed for mine.v1 (ZeroDivisionError: division ...
    """
    try:
        yield
    except MemnetError:  # it was named farther inside
        raise
    except Exception as error:  # anything may go wrong in code of others
        reason = " ".join(str(error).split()) or "no message"
        raise MemnetError(
            f"The metric {metric!r} failed for {model} ({type(error).__name__}: {reason}); mend "
            "it, or return NaN where it is undefined."
        ) from error


def noise_matched_metrics() -> list[Metric]:
    """Return the metrics that are computed again with noisy predictions."""
    return [metric for metric in METRICS.values() if metric.noise_matched]


def with_effect_statistics(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Return metrics by name, each followed by the statistic of its effect size, if it has one."""
    return {
        each.name: each
        for metric in metrics
        for each in (metric, metric.effect_from)
        if each is not None
    }


def metrics_between_models() -> list[Metric]:
    """Return the metrics by which every two models are compared."""
    return [metric for metric in METRICS.values() if metric.between_models]


def metrics_between_classes() -> list[Metric]:
    """Return those by which every two models are compared where the truth is two classes.

    They are those of :data:`CLASS_METRICS` and of one's own: a correlation with 0 and 1 would say
    the same once more, by tests that suppose scores.
    """
    return [
        metric
        for metric in metrics_for(classes=True).values()
        if metric.between_models and metric.correlate is None
    ]


OVER_PARTICIPANTS = "spearman_over_participants"
"""Rho with the interval of :func:`memnet.stats.participants.over_participants`."""

_NO_COUNTS = "the counts behind the human scores are not known"
_NO_RELIABILITY = "the reliability of the human scores is not known"


def derived_metrics() -> dict[str, MetricInfo]:
    """Return, by name, the numbers that need the counts or the reliability of the human scores.

    >>> [name for name in derived_metrics() if "noise_matched" not in name]
    ['mse_label_noise', 'mse_above_noise', 'disattenuated_spearman', 'disattenuated_pearson', \
'spearman_over_participants']
    """
    infos = [
        MetricInfo(
            name="mse_label_noise",
            title="MSE: label noise",
            group="error parts",
            undefined=_NO_RELIABILITY,
        ),
        MetricInfo(
            name="mse_above_noise",
            title="MSE above the label noise",
            better="lower",
            group="error parts",
            undefined=_NO_RELIABILITY,
        ),
        MetricInfo(
            name="disattenuated_spearman",
            title="Spearman's rho, disattenuated",
            better="higher",
            group="ceiling",
            undefined=_NO_RELIABILITY,
        ),
        MetricInfo(
            name="disattenuated_pearson",
            title="Pearson's r, disattenuated",
            better="higher",
            group="ceiling",
            undefined=_NO_RELIABILITY,
        ),
        MetricInfo(
            name=OVER_PARTICIPANTS,
            title="Spearman's rho, other participants, too",
            better="higher",
            group="ceiling",
            undefined="single participants are not known (memnet responses)",
        ),
        *(
            MetricInfo(
                name=f"{metric.name}_noise_matched",
                title=f"{metric.title}, noise-matched",
                better=metric.better,
                group="noise-matched",
                undefined=_NO_COUNTS,
                effect=metric.effect,
                effect_title=metric.effect_title,
            )
            for metric in noise_matched_metrics()
        ),
    ]
    return {info.name: info for info in infos}


def describe(name: str) -> MetricInfo:
    """Return what is known of a number's name; a plain entry for a name that memnet does not know.

    >>> describe("of_tomorrow").title
    'of_tomorrow'
    """
    return (
        METRICS.get(name)
        or CLASS_METRICS.get(name)
        or derived_metrics().get(name)
        or MetricInfo(name=name, title=name)
    )


def checked(truth: Array, prediction: Array) -> tuple[Array, Array]:
    """Return both columns as float64.

    Raises
    ------
    ValueError
        Not two lists of one length, empty, or not finite.
    """
    pair = np.asarray(truth, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    if pair[0].ndim != 1 or pair[0].shape != pair[1].shape or not len(pair[0]):
        raise ValueError(
            f"truth and prediction must be two lists of one length, not of shape "
            f"{pair[0].shape} and {pair[1].shape}"
        )
    if not (np.isfinite(pair[0]).all() and np.isfinite(pair[1]).all()):
        raise ValueError("truth and prediction must be finite; leave missing items out")
    return pair


def correlation(truth: Array, prediction: Array, correlate: Callable[[Array, Array], Any]) -> float:
    """Statistic of a correlation of SciPy's; NaN where truth or prediction is constant."""
    truth, prediction = checked(truth, prediction)
    if is_constant(truth) or is_constant(prediction):
        return float("nan")
    return float(correlate(truth, prediction).statistic)


def is_constant(values: Array) -> bool:
    """Whether all values are equal."""
    return bool(np.all(values == values[0]))


def standardised(values: Array) -> Array:
    """Mean 0, SD 1 (with n); NaN where all are equal."""
    deviation = values - values.mean()
    size = float(np.sqrt(np.mean(deviation**2)))
    with np.errstate(invalid="ignore", divide="ignore"):
        standard: Array = deviation / (size if np.ptp(values) > 0 else np.nan)
    return standard


CONSTANT = "the human scores or the predictions are all equal, or there is only one"
FEW = "there are too few pictures, or all numbers are equal"
