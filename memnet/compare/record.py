"""The record of a comparison. Tables, figures and reports are pure functions of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from memnet.data.targets import TARGETS
from memnet.errors import MemnetError
from memnet.util.json_fields import NAME, Shape, check_known, check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.text import printable, words_of

SCHEMA_VERSION = 2
"""2 adds to 1: manifest, p values and effect sizes of results, differences, labels, published."""


CONTAMINATION = ("clean", "unknown", "possibly", "contaminated")
"""The words of :mod:`memnet.data.contamination`, the worst last."""

_INTERVALS = (
    "interval",
    "effect_interval",
    "interval_equivalence",
    "increment_interval",
    "semipartial_interval",
    "partial_rho_interval",
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One number, with everything needed to judge it.

    Attributes
    ----------
    model, variant, dataset : who was tested on what ("" where the data set was not named).
    metric : a name of :mod:`memnet.stats.metrics`.
    value : float64, or None where undefined; ``reason`` then says why.
    n : number of pictures that the value is about.
    interval : [low, high], or None; ``reason`` then says why.
    level : coverage of the interval.
    method, resamples, seed : how the interval was made.
    contamination : ``clean``, ``possibly``, ``contaminated`` or ``unknown``.
    reason : why something is None, else "".
    manifest : sha256 of the pictures' ids and human scores
        (:func:`memnet.data.digests.manifest_digest`).
    p_value, p_method : of the hypothesis that it makes no difference which of a picture's two
        numbers is truth and which prediction (of the dip: that predictions have one mode), and
        how it was tested; None and "" where nothing was tested.
    effect_size, effect_interval : of a test statistic that grows with n, the same as a distance
        that does not; None where ``value`` is one already.
    p_holm : ``p_value``, corrected by Holm's method over the tests of the model that stand in one
        table with it; None where there is none, and in records of before.
    """

    model: str
    variant: str
    dataset: str
    metric: str
    value: float | None
    n: int
    interval: list[float] | None
    level: float
    method: str
    resamples: int
    seed: int
    contamination: str
    reason: str
    manifest: str = ""
    p_value: float | None = None
    p_method: str = ""
    effect_size: float | None = None
    effect_interval: list[float] | None = None
    p_holm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two models on the same pictures: a minus b.

    Attributes
    ----------
    model_a, model_b, metric, n : who is compared by what, on how many pictures.
    value, interval, level : difference and its paired bootstrap interval.
    method, resamples, seed : how the interval was made; as many permutations.
    p_value : swap-permutation test: do the models differ at all? Two-sided.
    p_holm, p_bh : the same, corrected over all pairs of this metric.
    tests : for correlations, Williams, Steiger, Meng-Rosenthal-Rubin and Zou, each a dict; on
        normal scores of the ranks for ``spearman``; for ``auc``, DeLong's; empty where whole
        clusters were resampled.
    margin, p_equivalence, interval_equivalence, equivalent : TOST: is the difference smaller than
        the margin? None where it was not asked.
    contamination : the worse of the two models' words.
    reason : why something is None, else "".
    """

    model_a: str
    model_b: str
    metric: str
    n: int
    value: float | None
    interval: list[float] | None
    level: float
    method: str
    resamples: int
    seed: int
    p_value: float | None
    p_holm: float | None
    p_bh: float | None
    tests: dict[str, Any]
    margin: float | None
    p_equivalence: float | None
    interval_equivalence: list[float] | None
    equivalent: bool | None
    contamination: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Increment:
    """What a model adds to a baseline (:mod:`memnet.stats.increment`).

    Attributes
    ----------
    model, baseline, n : which model is added to which columns or models, on how many pictures.
    r2_baseline, r2_both : R squared of the human scores on the baseline, and with the model.
    increment, increment_interval : their difference, and its bootstrap interval.
    increment_adjusted : the same, less what is expected by chance; 0 where nothing is added.
    semipartial, semipartial_interval : semi-partial correlation; its square is the increment.
    f, df, p_value, p_holm : F test of the increment with 1 and ``df`` degrees of freedom; p also
        corrected over the models. None where whole clusters were resampled.
    partial_rho, partial_rho_interval : partial rank correlation given the baseline.
    level, method, resamples, seed : how the intervals were made.
    contamination : the worst word of the models in it.
    reason : why something is None, else "".
    """

    model: str
    baseline: list[str]
    n: int
    r2_baseline: float | None
    r2_both: float | None
    increment: float | None
    increment_interval: list[float] | None
    increment_adjusted: float | None
    semipartial: float | None
    semipartial_interval: list[float] | None
    f: float | None
    df: int | None
    p_value: float | None
    p_holm: float | None
    partial_rho: float | None
    partial_rho_interval: list[float] | None
    level: float
    method: str
    resamples: int
    seed: int
    contamination: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A whole comparison.

    Attributes
    ----------
    schema_version : of this layout.
    created : when, UTC, ISO 8601.
    command : the command line or call.
    dataset : name of the data set, "".
    truth : where the human scores came from, their column, sha256, n, mean, sd, lowest, highest;
        ``target``, what they are (:data:`memnet.data.targets.TARGETS`, "" where nobody knows);
        of two classes, ``classes`` has what they are called and how many pictures each has.
    models : one dict per model: name, variant, source, rows, weights, specs, ``target``,
        ``trained_on``, ``declared_by`` (who said so, "" for its own files or the catalogue),
        ``declared`` (what they said), ``pretrained_on``.
    items : n, digest of the ids, the rule of the join, counts and examples of what was left out.
    results : every number.
    plots : model -> what its figures draw.
    warnings : sentences for the reader.
    environment : versions.
    differences : every pair of models.
    labels : reliability, ceilings and noise of the human scores: ``kind``, ``source``, ``reason``
        and ``figures``, name -> ``{"value", "interval", "method"}``.
    published : published values for these models or this data set, with their sources.
    resampling : what the bootstrap drew: ``kind``, ``column``, ``groups``.
    categories : rho by category, where pictures were drawn within categories
        (:func:`memnet.compare.categories.analyse_categories`); else empty.
    extremes : ``model``, the first one, and ``groups``, of :func:`.extremes.find_extremes`.
    increments : what each model adds to a baseline, where one was named.
    warning_kinds : of each of the warnings, see :class:`memnet.util.caution.Caution`; empty in
        records of before.
    """

    created: str
    command: str
    dataset: str
    truth: dict[str, Any]
    models: list[dict[str, Any]]
    items: dict[str, Any]
    results: list[Result]
    plots: dict[str, Any]
    warnings: list[str]
    environment: dict[str, str]
    differences: list[Difference] = field(default_factory=list)
    labels: dict[str, Any] = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)
    resampling: dict[str, Any] = field(default_factory=dict)
    categories: dict[str, Any] = field(default_factory=dict)
    extremes: dict[str, Any] = field(default_factory=dict)
    schema_version: int = field(default=SCHEMA_VERSION)
    increments: list[Increment] = field(default_factory=list)
    warning_kinds: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say what was compared, how well each model ranks, a line each, and the warnings."""
        main = "auc" if "classes" in self.truth else "spearman"
        name = "AUC" if main == "auc" else "rho"
        lines = [f"{self.items['n']:,} pictures with {self.truth['column']} and predictions."]
        for row in self.results:
            if row.metric != main:
                continue
            ends = f" [{row.interval[0]:.2f}, {row.interval[1]:.2f}]" if row.interval else ""
            value = "undefined" if row.value is None else f"{row.value:.2f}{ends}"
            why = f" ({row.reason})" if row.reason else ""
            lines.append(f"{row.model}: {name} {value}{why}.")
        lines += self.warnings
        return "\n".join([*lines, "The answer in words: memnet.write_report(record, folder)."])

    def __repr__(self) -> str:
        """Return the sentences too: a notebook shows them."""
        return str(self)

    @property
    def words(self) -> dict[str, str]:
        """Model -> its contamination, in the order of the results."""
        return {result.model: result.contamination for result in self.results}

    @property
    def crossed(self) -> tuple[str, ...]:
        """Models that are known to estimate something else than the human scores are."""
        target = self.truth.get("target")
        if not target:
            return ()
        return tuple(m["name"] for m in self.models if m.get("target") not in (None, "", target))

    def value(self, metric: str, model: str | None = None) -> float | None:
        """Return one value; ``model`` may be left out where there is only one."""
        return self.result(metric, model).value

    def result(self, metric: str, model: str | None = None) -> Result:
        """Return one result; raises ``KeyError`` where there is none or more than one."""
        matching = [r for r in self.results if r.metric == metric and model in (None, r.model)]
        if len(matching) != 1:
            raise KeyError(f"{len(matching)} results for metric {metric!r}, model {model!r}")
        return matching[0]

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity; keys in a fixed order."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "This") -> RunRecord:
        """Rebuild a record from :meth:`to_json`, also one of an older schema version.

        Parameters
        ----------
        text : what :meth:`to_json` gave.
        source : what the sentence calls it that says it is no record.

        Raises
        ------
        MemnetError
            if it is no record, or one of a version that this memnet does not read.
        """
        try:
            values: dict[str, Any] = parse_json(text)
            if not isinstance(values, dict) or "schema_version" not in values:
                raise ValueError("it has no schema_version")
            version = values["schema_version"]
        except ValueError as error:
            raise MemnetError(
                f"{source} is not the record of a comparison, record.json, which `memnet compare` "
                f"writes into its folder ({words_of(error)})."
            ) from error
        if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
            raise MemnetError(
                f"The record has schema version {printable(repr(version), 80)}, this memnet reads "
                f"up to {SCHEMA_VERSION}; update memnet."
            )
        try:
            while values["schema_version"] < SCHEMA_VERSION:
                values = _MIGRATIONS[values["schema_version"]](values)
            _check_fields(values)
            record = cls(
                **{
                    **values,
                    "results": [Result(**row) for row in values["results"]],
                    "differences": [Difference(**row) for row in values["differences"]],
                    "increments": [Increment(**row) for row in values.get("increments", [])],
                }
            )
            record._check()
        except ValueError as error:
            which = "The record" if source == "This" else f"The record {source}"
            raise MemnetError(
                f"{which} is damaged ({words_of(error)}); compare again, or take a copy of it."
            ) from error
        return record

    def _check(self) -> None:
        """Raise ``ValueError`` where its fields, each for itself right, do not belong together."""
        if not self.results:
            raise ValueError("it has no results")
        models = {model["name"] for model in self.models}
        of = [
            *(("results", result.model) for result in self.results),
            *(("differences", m) for row in self.differences for m in (row.model_a, row.model_b)),
            *(("plots", model) for model in self.plots),
            *(("categories", model) for model in self.categories.get("models", ())),
            *(("increments", row.model) for row in self.increments),
        ]
        for where, model in of:
            if model not in models:
                raise ValueError(f"{where} has the model {model!r}, which is not among its models")
        rows: list[Result | Difference | Increment] = [
            *self.results,
            *self.differences,
            *self.increments,
        ]
        for row in rows:
            metric = getattr(row, "metric", "the increment")
            what = f"{getattr(row, 'model', 'a difference')}, {metric}"
            if row.contamination not in CONTAMINATION:
                raise ValueError(f"{what}: {row.contamination!r} is no contamination")
            if row.n < 0:
                raise ValueError(f"{what}: n is {row.n}")
            if not 0 < row.level < 1:
                raise ValueError(f"{what}: the level is {row.level}")
            for name in _INTERVALS:
                ends = getattr(row, name, None)
                if ends is not None and ends[0] > ends[1]:
                    raise ValueError(f"{what}: the {name.replace('_', ' ')} is {ends}")
        targets = [self.truth.get("target"), *(model.get("target") for model in self.models)]
        for target in filter(None, targets):
            if target not in TARGETS:
                raise ValueError(f"{printable(repr(target), 80)} is no target")
        for model in self.models:
            if model.get("declared_by") and model.get("trained_on") is None:
                raise ValueError(f"{model['name']} was declared without trained_on")
        if self.warning_kinds and len(self.warning_kinds) != len(self.warnings):
            raise ValueError(
                f"it has {len(self.warnings)} warnings and {len(self.warning_kinds)} warning_kinds"
            )
        for model, plot in self.plots.items():
            _check_plot(model, plot)

    @classmethod
    def read(cls, path: str | Path) -> RunRecord:
        """Read a ``record.json``."""
        try:
            return cls.from_json(read_json_text(Path(path)), str(path))
        except OSError as error:
            raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise MemnetError(
                f"{path} is not the record of a comparison (no UTF-8 text)."
            ) from error


def legible(value: Any) -> Any:
    r"""Escape, in a record or a part of it, what no UTF-8 file can hold: bytes of a file's name.

    >>> legible({"name": "b\udcff.csv"})
    {'name': 'b\\udcff.csv'}
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {legible(name): legible(each) for name, each in value.items()}
    if isinstance(value, list):
        numbers = value and isinstance(value[0], float)
        return value if numbers else [legible(each) for each in value]
    if isinstance(value, (RunRecord, Result, Difference, Increment)):
        return replace(
            value, **{each.name: legible(getattr(value, each.name)) for each in fields(value)}
        )
    return value


def _from_1(values: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had accuracy and four distances only; what it lacks stays empty."""
    return {
        **values,
        "differences": [],
        "labels": {},
        "published": [],
        "resampling": {"kind": "pictures", "column": "", "groups": 0},
        "schema_version": 2,
    }


def _each(names: str, shape: Shape) -> dict[str, Shape]:
    """Several fields of one kind."""
    return {name: shape for name in names.split()}


_NUMBER = (float, None)
_ENDS = ([float, float], None)
_TEXT = (str, None)
_RESULT: Shape = {
    **_each("model variant dataset metric", NAME),
    **_each("method contamination reason", str),
    **_each("n resamples seed", int),
    "value": _NUMBER,
    "interval": _ENDS,
    "level": float,
    "manifest?": str,
    "p_value?": _NUMBER,
    "p_method?": str,
    "p_holm?": _NUMBER,
    "effect_size?": _NUMBER,
    "effect_interval?": _ENDS,
}
_DIFFERENCE: Shape = {
    **_each("model_a model_b metric", NAME),
    **_each("method contamination reason", str),
    **_each("n resamples seed", int),
    **_each("value p_value p_holm p_bh margin p_equivalence", _NUMBER),
    **_each("interval interval_equivalence", _ENDS),
    "level": float,
    "tests": {
        "williams?": {"t": _NUMBER, "p": _NUMBER, "df?": _NUMBER},
        "steiger?": {"z": _NUMBER, "p": _NUMBER},
        "meng_rosenthal_rubin?": {"z": _NUMBER, "p": _NUMBER},
        "zou?": {"low": _NUMBER, "high": _NUMBER},
        "delong?": {"z": _NUMBER, "p": _NUMBER, "low": _NUMBER, "high": _NUMBER},
    },
    "equivalent": (bool, None),
}
_INCREMENT: Shape = {
    "model": NAME,
    "baseline": [NAME],
    **_each("method contamination reason", str),
    **_each("n resamples seed", int),
    **_each("r2_baseline r2_both increment increment_adjusted semipartial", _NUMBER),
    **_each("f p_value p_holm partial_rho", _NUMBER),
    **_each("increment_interval semipartial_interval partial_rho_interval", _ENDS),
    "df": (int, None),
    "level": float,
}
_TRUTH: Shape = {
    "source": str,
    "column": NAME,
    "sha256": _TEXT,
    "id_column?": NAME,
    "rows?": int,
    "read_as?": [str],
    "target?": str,
    "manifest?": ({"sources?": [{"file": str, "sha256": str}]}, None),
    "sd": _NUMBER,
    **_each("mean lowest highest", float),
    "classes?": {"positive": NAME, "negative": NAME, "positives": int, "negatives": int},
}
_MODEL: Shape = {
    "name": NAME,
    "source": str,
    "rows": int,
    "variant?": NAME,
    "known_by": str,
    **_each("read_as? split_unpublished? pretrained_on? declared?", [str]),
    "trained_on?": ([str], None),
    **_each("title? training_note? contamination? contamination_why?", str),
    **_each("target? declared_by?", str),
    **_each("licence? citation? remark?", _TEXT),
    **_each("weights_sha256? preprocess_digest?", _TEXT),
    "precision?": NAME,
    "deviation_from_exact?": {str: float},
}
_ITEMS: Shape = {
    "n": int,
    **_each("digest join_rule", str),
    **_each("set_aside without_score", int),
    **_each("set_aside_examples? without_score_examples?", [str]),
    "without_truth": {str: int},
    "without_truth_examples?": {str: [str]},
}
_PART: Shape = {**_each("x y low high", float), "n": int}
_CURVES = ("truth_density", "prediction_density", "noisy_density")
_PLOT: Shape = {
    "n": int,
    **_each("grid truth_points prediction_points", [float]),
    **_each("truth_density prediction_density noisy_density?", ([float], None)),
    **_each("truth_quantiles? prediction_quantiles?", [float]),
    "responses_points?": [int],
    **_each("by_prediction? by_truth?", [_PART]),
}
_LABELS: Shape = {
    **_each("kind? source? reason?", str),
    "halves?": (int, None),
    "responses?": (_each("lowest median highest", float), None),
    "participants?": (int, None),
    "figures?": {str: {"value": _NUMBER, "interval": _ENDS, "method": str, "resamples": int}},
}
_PUBLISHED: Shape = {
    **_each("model dataset metric", NAME),
    **_each("text what source citation url where why", str),
    "value": float,
    "comparable": bool,
}
_RHO: Shape = {"value": _NUMBER, "interval": _ENDS, "reason": str}
_CATEGORIES: Shape = {
    "column?": NAME,
    "level?": float,
    "fewest?": int,
    "too_few?": {str: int},
    "models?": {
        str: {
            "within": _RHO,
            "between_share": _NUMBER,
            "heterogeneity": ({"q": float, "df": int, "p": float}, None),
            "by_category": [{"category": str, "n": int, **_RHO}],
        }
    },
}
_RECORD: Shape = {
    **_each("created command", str),
    "dataset": NAME,
    "truth": _TRUTH,
    "models": [_MODEL],
    "items": _ITEMS,
    "results": [_RESULT],
    "plots": {str: _PLOT},
    "warnings": [str],
    "environment": {str: str},
    "differences": [_DIFFERENCE],
    "labels": _LABELS,
    "published": [_PUBLISHED],
    "extremes?": {
        "model?": NAME,
        "groups?": {str: [{"image_id": str, **_each("truth prediction ranks", float)}]},
    },
    "resampling": {"kind?": str, "column?": NAME, "groups?": int},
    "categories?": _CATEGORIES,
    "schema_version": int,
    "increments?": [_INCREMENT],
    "warning_kinds?": [str],
}


def _check_fields(values: dict[str, Any]) -> None:
    """Raise ``ValueError`` where a field is missing, unknown, or of a wrong kind."""
    check_shape(values, _RECORD, "")
    check_known(values, RunRecord, "")
    kinds = {"results": Result, "differences": Difference, "increments": Increment}
    for name, kind in kinds.items():
        for place, row in enumerate(values.get(name, [])):
            check_known(row, kind, f"{name}[{place}]")
    json.dumps(values, allow_nan=False, ensure_ascii=False).encode()  # a number or letter that no
    labels = values["labels"]  # file can hold, where the shapes leave open what stands
    if len(values.get("extremes") or ("model", "groups")) != 2:
        raise ValueError("extremes lacks model or groups")
    if labels and not labels.keys() >= {"kind", "source", "reason", "figures"}:
        raise ValueError("labels lacks kind, source, reason or figures")
    if labels.get("kind") == "counts" and labels.get("responses") is None:
        raise ValueError("labels.responses is missing")


def _check_plot(model: str, plot: dict[str, Any]) -> None:
    """Raise ``ValueError`` where curves or points that belong together differ in length."""
    together = [("grid", name) for name in _CURVES]
    together += [(f"truth_{what}", f"prediction_{what}") for what in ("points", "quantiles")]
    together += [("truth_points", "responses_points")]
    for a, b in together:
        first, second = plot.get(a), plot.get(b)
        if b == "responses_points" and second is None:
            continue
        if (first is None) != (second is None) and a != "grid":
            raise ValueError(f"plots[{model!r}] has only one of {a} and {b}")
        if second is not None and len(plot[a]) != len(second):
            raise ValueError(
                f"plots[{model!r}] has {len(plot[a])} numbers in {a} and {len(second)} in {b}"
            )
        if first is not None and not first:
            raise ValueError(f"plots[{model!r}].{a} is empty")
    if min(plot.get("responses_points") or (1,)) < 1:
        raise ValueError(f"plots[{model!r}].responses_points has a picture without answers")


_MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
"""Schema version -> function that makes the next version of it."""
