"""The record of a benchmark. Page, tables and figures are pure functions of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 1


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
    tau : SD of the true values between data sets, in units of Fisher's z; None where undefined.
    prediction : interval in which a new data set's value is expected; None with fewer than three.
    reason : why something is None, else "".
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
class BenchmarkRecord:
    """A whole benchmark.

    Attributes
    ----------
    name : its title.
    created, command : when (UTC, ISO 8601) and by which command line or call.
    datasets : one dict each: ``name``, ``title``, ``dataset`` (as ``--dataset`` takes it),
        ``target`` (a key of :data:`memnet.data.targets.TARGETS`, or ""), ``n``, ``source``,
        ``ceiling``, ``report`` (path of its full page), ``warnings``.
    models : one dict each: ``name``, ``title``, ``target``, ``trained_on``, ``declared_by``,
        ``pretrained_on``, ``licence``, ``citation``, ``source``.
    cells : every model on every data set, data set by data set.
    differences : every pair of models within each data set.
    summaries : every model over its clean data sets.
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
    warnings: list[str]
    environment: dict[str, str]
    schema_version: int = field(default=SCHEMA_VERSION)

    def cell(self, dataset: str, model: str) -> BenchmarkCell:
        """Return one cell; raises ``KeyError`` where there is none."""
        for cell in self.cells:
            if (cell.dataset, cell.model) == (dataset, model):
                return cell
        raise KeyError(f"no cell of {model!r} on {dataset!r}")
