"""The record of a benchmark. Page, tables and figures are pure functions of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from memnet.compare.record import CONTAMINATION
from memnet.errors import MemnetError
from memnet.util.json_fields import NAME, Shape, check_known, check_shape
from memnet.util.json_text import parse_json, read_json_text
from memnet.util.text import printable, words_of

SCHEMA_VERSION = 1
SEEN = "contaminated"


@dataclass(frozen=True, kw_only=True)
class BenchmarkCell:
    """One model on one data set; every number is the comparison's own (``record.json``).

    Attributes
    ----------
    dataset, model : names within the benchmark.
    n : pictures compared.
    rho, interval : Spearman's rho and its 95 % interval; None where undefined.
    ceiling : the highest rho that a perfect predictor can expect there; None where unknown.
    disattenuated, disattenuated_interval : rho divided by the root of the human scores'
        reliability; None where that is unknown.
    mse : mean squared error, where predictions and human scores are on one scale, else None.
    contamination, why : the word of :mod:`memnet.data.contamination`, and its reason.
    declared_by : who said what the model was trained on: "" for its own files or the catalogue.
    crossed : whether the model estimates something else than these human scores are.
    best : whether it is the highest of those in this data set that can be; a contaminated cell and
        a crossed one never can.
    missing : why there is no number ("the pictures of things are not at hand"), else "".
    report : path of the comparison's page, relative to the benchmark's folder, "" for none.
    """

    dataset: str
    model: str
    n: int = 0
    rho: float | None = None
    interval: list[float] | None = None
    ceiling: float | None = None
    disattenuated: float | None = None
    disattenuated_interval: list[float] | None = None
    mse: float | None = None
    contamination: str = "unknown"
    why: str = ""
    declared_by: str = ""
    crossed: bool = False
    best: bool = False
    missing: str = ""
    report: str = ""


def counts(cell: BenchmarkCell) -> bool:
    """Whether a cell has a number that can be the highest of its data set."""
    return (
        cell.rho is not None
        and not cell.missing
        and cell.contamination != SEEN
        and not cell.crossed
    )


def contenders(cells: Sequence[BenchmarkCell]) -> list[BenchmarkCell]:
    """Return the cells of a data set whose highest is the best: the clean, or else the doubtful.

    A contaminated cell is none of them, nor is one whose model estimates something else.
    """
    eligible = [cell for cell in cells if counts(cell)]
    return [cell for cell in eligible if cell.contamination == "clean"] or eligible


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Two models on the same pictures of one data set: rho of a minus rho of b.

    Attributes
    ----------
    dataset, model_a, model_b : which.
    value, interval : the difference and its paired bootstrap interval.
    p_value : of the permutation test within the data set.
    p_holm : the same, corrected over all such tests of the benchmark that are not contaminated.
    contamination : the worse of the two models' words.
    """

    dataset: str
    model_a: str
    model_b: str
    value: float | None
    interval: list[float] | None
    p_value: float | None
    p_holm: float | None
    contamination: str


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """One model over its clean data sets: a random-effects mean of disattenuated rho.

    Attributes
    ----------
    model : whose.
    datasets : the clean cells that are in the mean.
    left_out : data set -> why it is not in the mean.
    mean, interval : of disattenuated rho over data sets (Hartung-Knapp); None where undefined.
    tau : SD of the true disattenuated rho between data sets; None where undefined.
    prediction : interval in which a new data set's value is expected; None with fewer than three.
    reason : why something is None, or what to know of a mean of one or two, else "".
    """

    model: str
    datasets: list[str]
    left_out: dict[str, str]
    mean: float | None
    interval: list[float] | None
    tau: float | None
    prediction: list[float] | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ModelContrast:
    """Two models over the data sets on which both are clean: disattenuated rho, a minus b.

    Models with other sets of clean data sets have means that do not compare them; this does.

    Attributes
    ----------
    model_a, model_b : which.
    datasets : those in it.
    mean, interval : random-effects mean of the differences (Hartung-Knapp); None where undefined.
    p_value : that the mean is 0; None with fewer than two data sets.
    p_holm : the same, corrected over all contrasts of the benchmark.
    reason : why something is None, or what to know of a mean of one or two, else "".
    """

    model_a: str
    model_b: str
    datasets: list[str]
    mean: float | None
    interval: list[float] | None
    p_value: float | None
    p_holm: float | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class BenchmarkRecord:
    """A whole benchmark.

    Attributes
    ----------
    name : its title.
    created, command : when (UTC, ISO 8601) and by which command line or call.
    datasets : one dict each: ``name``, ``title``, ``dataset`` (as ``--dataset`` takes it),
        ``target`` (a key of :data:`memnet.data.targets.TARGETS`, or ""), ``n``, ``source``,
        ``ceiling``, ``report`` (path of its full page), ``warnings``, ``set_aside`` (rows of its
        tables that could not be used).
    models : one dict each: ``name``, ``title``, ``target``, ``trained_on``, ``declared_by``,
        ``pretrained_on``, ``licence``, ``citation``, ``source``.
    cells : every model on every data set, data set by data set.
    differences : every pair of models within each data set.
    summaries : every model over its clean data sets.
    contrasts : every two models over the data sets on which both are clean.
    warnings : sentences for the reader.
    environment : versions.
    """

    name: str
    created: str
    command: str
    datasets: list[dict[str, Any]]
    models: list[dict[str, Any]]
    cells: list[BenchmarkCell]
    differences: list[PairedDifference]
    summaries: list[ModelSummary]
    contrasts: list[ModelContrast]
    warnings: list[str]
    environment: dict[str, str]
    schema_version: int = field(default=SCHEMA_VERSION)

    @property
    def complete(self) -> bool:
        """Whether every cell has its comparison, and no row of a table was set aside."""
        missing = any(cell.missing for cell in self.cells)
        return not missing and not any(each.get("set_aside") for each in self.datasets)

    def cell(self, dataset: str, model: str) -> BenchmarkCell:
        """Return one cell; raises ``KeyError`` where there is none."""
        for cell in self.cells:
            if (cell.dataset, cell.model) == (dataset, model):
                return cell
        raise KeyError(f"no cell of {model!r} on {dataset!r}")

    def __str__(self) -> str:
        """Say how well each model ranks each data set, a line each, and the warnings."""
        lines = []
        for cell in self.cells:
            ends = f" [{cell.interval[0]:.2f}, {cell.interval[1]:.2f}]" if cell.interval else ""
            value = cell.missing or (
                "undefined" if cell.rho is None else f"rho {cell.rho:.2f}{ends}, n {cell.n:,}"
            )
            best = ", the highest that counts" if cell.best else ""
            word = "" if cell.missing else f", {cell.contamination}"
            lines.append(f"{cell.dataset}: {cell.model}: {value}{word}{best}")
        return "\n".join([*lines, *self.warnings])

    def __repr__(self) -> str:
        """Return the lines too: a notebook shows them."""
        return str(self)

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity; keys in a fixed order."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str = "This") -> BenchmarkRecord:
        """Rebuild a record from :meth:`to_json`.

        Parameters
        ----------
        text : what :meth:`to_json` gave.
        source : what the sentence calls it that says it is no record.

        Raises
        ------
        MemnetError
            if it is no record, is damaged, or is one of a newer memnet.
        """
        try:
            values: dict[str, Any] = parse_json(text)
            if not isinstance(values, dict) or not {"schema_version", "cells"} <= values.keys():
                raise ValueError("it has no schema_version or no cells")
        except ValueError as error:
            raise MemnetError(
                f"{source} is not the record of a benchmark, benchmark.json, which `memnet "
                f"benchmark` writes into its folder ({words_of(error)})."
            ) from error
        version = values["schema_version"]
        if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
            raise MemnetError(
                f"The benchmark's record has schema version {printable(repr(version), 80)}, this "
                f"memnet reads up to {SCHEMA_VERSION}; update memnet."
            )
        try:
            _check_fields(values)
            record = cls(
                **{
                    **values,
                    "cells": [BenchmarkCell(**row) for row in values["cells"]],
                    "differences": [PairedDifference(**row) for row in values["differences"]],
                    "summaries": [ModelSummary(**row) for row in values["summaries"]],
                    "contrasts": [ModelContrast(**row) for row in values["contrasts"]],
                }
            )
            record._check()
        except ValueError as error:
            raise MemnetError(
                f"The benchmark's record is damaged ({words_of(error)}); run `memnet benchmark` "
                "again."
            ) from error
        return record

    @classmethod
    def read(cls, path: str | Path) -> BenchmarkRecord:
        """Read a ``benchmark.json``; raises as :meth:`from_json`."""
        try:
            return cls.from_json(read_json_text(Path(path)), str(path))
        except OSError as error:
            raise MemnetError(f"{path} cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise MemnetError(
                f"{path} is not the record of a benchmark (no UTF-8 text)."
            ) from error

    def _check(self) -> None:
        """Raise ``ValueError`` where its fields, each for itself right, do not belong together."""
        datasets = [each["name"] for each in self.datasets]
        models = [each["name"] for each in self.models]
        pairs = [(cell.dataset, cell.model) for cell in self.cells]
        if sorted(pairs) != sorted((dataset, model) for dataset in datasets for model in models):
            raise ValueError("its cells are not every model on every data set")
        words = [row.contamination for row in self.cells]
        for word in (*words, *(row.contamination for row in self.differences)):
            if word not in CONTAMINATION:
                raise ValueError(f"{word!r} is no contamination")
        for pair in self.differences:
            if not {(pair.dataset, pair.model_a), (pair.dataset, pair.model_b)} <= set(pairs):
                raise ValueError(f"a difference is of {pair.model_a!r} and {pair.model_b!r}")
        for cell in self.cells:
            if cell.best and (cell.rho is None or cell.crossed or cell.contamination == SEEN):
                raise ValueError(f"{cell.model!r} cannot be the best on {cell.dataset!r}")
        for row in (*self.cells, *self.differences, *self.summaries, *self.contrasts):
            for name in _INTERVALS:
                ends = getattr(row, name, None)
                if ends and ends[0] > ends[1]:
                    raise ValueError(f"an {name} runs from {ends[0]} to {ends[1]}")
        means: list[ModelSummary | ModelContrast] = [*self.summaries, *self.contrasts]
        if any(each.mean is not None and not each.datasets for each in means):
            raise ValueError("a mean is over no data set")
        if sorted(summary.model for summary in self.summaries) != sorted(models):
            raise ValueError("its summaries are not one of each model")
        for summary in self.summaries:
            if not {*summary.datasets, *summary.left_out} <= set(datasets):
                raise ValueError(f"the summary of {summary.model!r} has unknown data sets")
        for contrast in self.contrasts:
            if not {contrast.model_a, contrast.model_b} <= set(models):
                raise ValueError(f"a contrast is of {contrast.model_a!r} and {contrast.model_b!r}")
            if not set(contrast.datasets) <= set(datasets):
                raise ValueError("a contrast has unknown data sets")


_INTERVALS = ("interval", "disattenuated_interval", "prediction")
_NUMBER = (float, None)
_ENDS = ([float, float], None)
_CELL: Shape = {
    **dict.fromkeys(("dataset", "model"), NAME),
    "n": int,
    **dict.fromkeys(("rho", "ceiling", "disattenuated", "mse"), _NUMBER),
    **dict.fromkeys(("interval", "disattenuated_interval"), _ENDS),
    **dict.fromkeys(("contamination", "why", "declared_by", "missing", "report"), str),
    **dict.fromkeys(("crossed", "best"), bool),
}
_DIFFERENCE: Shape = {
    **dict.fromkeys(("dataset", "model_a", "model_b"), NAME),
    **dict.fromkeys(("value", "p_value", "p_holm"), _NUMBER),
    "interval": _ENDS,
    "contamination": str,
}
_SUMMARY: Shape = {
    "model": NAME,
    "datasets": [NAME],
    "left_out": {str: str},
    **dict.fromkeys(("mean", "tau"), _NUMBER),
    **dict.fromkeys(("interval", "prediction"), _ENDS),
    "reason": str,
}
_CONTRAST: Shape = {
    **dict.fromkeys(("model_a", "model_b"), NAME),
    "datasets": [NAME],
    **dict.fromkeys(("mean", "p_value", "p_holm"), _NUMBER),
    "interval": _ENDS,
    "reason": str,
}
_DATASET: Shape = {
    "name": NAME,
    **dict.fromkeys(("title", "dataset", "target", "source", "report"), str),
    "n": int,
    "set_aside?": int,
    "ceiling": _NUMBER,
    "warnings": [str],
}
_MODEL: Shape = {
    "name": NAME,
    **dict.fromkeys(("title", "target", "declared_by", "licence", "citation", "source"), str),
    "trained_on": ([str], None),
    "pretrained_on": [str],
}
_RECORD: Shape = {
    "name": NAME,
    **dict.fromkeys(("created", "command"), str),
    "datasets": [_DATASET],
    "models": [_MODEL],
    "cells": [_CELL],
    "differences": [_DIFFERENCE],
    "summaries": [_SUMMARY],
    "contrasts": [_CONTRAST],
    "warnings": [str],
    "environment": {str: str},
    "schema_version": int,
}


def _check_fields(values: dict[str, Any]) -> None:
    """Raise ``ValueError`` where a field is missing, unknown, or of a wrong kind."""
    check_shape(values, _RECORD, "")
    check_known(values, BenchmarkRecord, "")
    kinds = {
        "cells": BenchmarkCell,
        "differences": PairedDifference,
        "summaries": ModelSummary,
        "contrasts": ModelContrast,
    }
    for name, kind in kinds.items():
        for place, row in enumerate(values[name]):
            check_known(row, kind, f"{name}[{place}]")
    json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
