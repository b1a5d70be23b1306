"""``memnet benchmark``, and :func:`memnet.benchmark`: every model on every data set."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from memnet.compare.comparison import compare_scores
from memnet.compare.record import RunRecord
from memnet.compare.report.render import write_report
from memnet.data.tables import split_sheet
from memnet.errors import MemnetError
from memnet.preprocess.decode import PictureOrCrop
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.studies.benchmark.assemble import Comparison, assemble
from memnet.studies.benchmark.inputs import DatasetInputs, Machine, gather
from memnet.studies.benchmark.page import write_benchmark
from memnet.studies.benchmark.record import BenchmarkRecord
from memnet.studies.benchmark.suite import Suite, SuiteDataset, SuiteModel, folder_name, read_suite
from memnet.util.atomic import require_writable, write_text
from memnet.util.checks import require_whole
from memnet.util.json_text import parse_json, read_json_text
from memnet.weights.catalogue import catalogue

RECORD = "benchmark.json"
_INPUTS = "inputs.json"


def benchmark(
    suite: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    resamples: int | None = None,
    device: str = "auto",
    batch_size: int = DEFAULT_BATCH_SIZE,
    command: str = "memnet.benchmark(...)",
) -> BenchmarkRecord:
    """Compare every model of a suite on every data set of it, as ``memnet benchmark`` does.

    Pictures are scored once: run it again after an interruption, or with one model more, and it
    goes on with what is in ``out``.

    Parameters
    ----------
    suite : a TOML file (docs/benchmark.md), or the name of a suite that memnet carries:
        ``"scenes375"``.
    out : folder for ``index.html``, ``benchmark.json``, ``benchmark.md``, ``leaderboard.csv``,
        the full report of each data set (``datasets/``), and the scores made now (``scores/``).
    resamples : of bootstrap and permutations, instead of the suite's.
    device, batch_size : for pictures to score, as :func:`memnet.load` and ``memnet score``.
    command : what the record says was run.

    Returns
    -------
    BenchmarkRecord
        a cell for each model and data set; ``print`` it for a line each. A cell without a number
        says in ``missing`` why.

    Raises
    ------
    MemnetError
        if something in the suite is misspelt, missing or of a wrong kind, or ``out`` cannot be
        written. What is wrong with one table, one model or one data set is in its cells instead.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     record = benchmark("scenes375", folder, resamples=200)
    >>> round(record.cell("scenes375", "resmem.published").rho, 2)
    0.49
    """
    out = Path(out)
    read = read_suite(suite)
    if resamples is not None:
        require_whole("resamples", resamples, 1)
        read = replace(read, resamples=resamples)
    _claim(out)
    machine = Machine(device=device, batch_size=batch_size, command=command)
    comparisons = [_compare(read, dataset, out, machine) for dataset in read.datasets]
    return _write(
        assemble(read.name, list(map(_about, read.models)), comparisons, command=command), out
    )


def benchmark_of_records(
    records: Mapping[str, RunRecord],
    out: str | os.PathLike[str],
    *,
    pictures: Mapping[str, Mapping[str, PictureOrCrop]] | None = None,
    command: str = "benchmark_of_records(...)",
) -> BenchmarkRecord:
    """Make a benchmark of finished comparisons, one of each data set; nothing is computed anew.

    Parameters
    ----------
    records : what the benchmark calls the data set -> its comparison.
    out : as for :func:`benchmark`.
    pictures : data set -> the pictures that its report shows, as
        :func:`~memnet.compare.report.render.write_report` takes them.
    command : what the record says was run.
    """
    out = Path(out)
    require_writable(out)
    comparisons = []
    for name, record in records.items():
        folder = Path("datasets", folder_name(name))
        write_report(record, out / folder, pictures=(pictures or {}).get(name))
        comparisons.append(
            Comparison(
                name=name,
                source=record.truth["source"],
                record=record,
                report=(folder / "report.html").as_posix(),
            )
        )
    models = dict.fromkeys(model for record in records.values() for model in record.words)
    title = "Comparisons of several data sets"
    about = [{"name": model} for model in models]
    return _write(assemble(title, about, comparisons, command=command), out)


def _claim(out: Path) -> None:
    """Make sure that a folder can be written to, and holds nothing, or a benchmark."""
    require_writable(out)
    ours = ("datasets", "scores", RECORD)
    found = sorted(out.iterdir()) if out.is_dir() else []
    there = [path for path in found if not path.name.startswith(".")]
    if there and not any((out / name).exists() for name in ours):
        raise MemnetError(
            f"{out} holds files that are no benchmark ({there[0].name}); choose another --out."
        )


def _write(record: BenchmarkRecord, out: Path) -> BenchmarkRecord:
    write_benchmark(record, out)
    write_text(out / RECORD, record.to_json())  # the last: where it is, the rest is, too
    return record


def _compare(suite: Suite, dataset: SuiteDataset, out: Path, machine: Machine) -> Comparison:
    """Compare all models on one data set, or find that this was done with the same inputs."""
    folder = Path("datasets", folder_name(dataset.name))
    inputs = gather(suite, dataset, out / "scores" / folder_name(dataset.name), machine)
    record, missing = None, inputs.missing
    if inputs.tables:
        try:
            record = _finished(out / folder, inputs.digest)
            if record is None:
                record = _run(suite, dataset, inputs, machine.command)
                _keep(record, out / folder, inputs.digest)
        except MemnetError as error:
            missing = {**missing, **dict.fromkeys(inputs.tables, str(error))}
    return Comparison(
        name=dataset.name,
        source=split_sheet(dataset.truth)[0].name,
        dataset=dataset.dataset,
        target=dataset.target,
        record=record,
        missing=missing,
        report="" if record is None else (folder / "report.html").as_posix(),
        warnings=inputs.warnings,
        ids=inputs.ids,
    )


def _run(suite: Suite, dataset: SuiteDataset, inputs: DatasetInputs, command: str) -> RunRecord:
    return compare_scores(
        dataset.truth,
        list(inputs.tables.values()),
        truth_column=dataset.truth_column,
        id_column=dataset.id_column,
        match=dataset.match,
        dataset=dataset.dataset,
        hits_column=dataset.hits_column,
        responses_column=dataset.responses_column,
        false_alarms_column=dataset.false_alarms_column,
        strata_column=dataset.strata_column,
        clusters_column=dataset.clusters_column,
        target=dataset.target,
        trained_on={
            model.name: model.trained_on
            for model in suite.models
            if model.trained_on is not None and model.name in inputs.tables
        },
        declared_by="the suite",
        margin=suite.margin,
        resamples=suite.resamples,
        seed=suite.seed,
        command=command,
    )


def _finished(folder: Path, digest: str) -> RunRecord | None:
    """Return the record of an earlier run with the same inputs; None where there is none."""
    try:
        kept = parse_json(read_json_text(folder / _INPUTS))
        if kept != {"sha256": digest} or not (folder / "report.html").is_file():
            return None
        return RunRecord.read(folder / "record.json")
    except (OSError, ValueError, MemnetError):  # it is made anew, then
        return None


def _keep(record: RunRecord, folder: Path, digest: str) -> None:
    write_report(record, folder)
    write_text(folder / _INPUTS, json.dumps({"sha256": digest}) + "\n")


def _about(model: SuiteModel) -> dict[str, Any]:
    """Return what is known of a model besides its comparisons."""
    entry = catalogue().get(model.name.split(":")[0])
    known: dict[str, Any] = {}
    if entry is not None:
        known = {
            "title": entry.title,
            "target": entry.target,
            "trained_on": None if entry.trained_on is None else list(entry.trained_on),
            "pretrained_on": list(entry.pretrained_on),
            "licence": entry.licence,
            "citation": entry.citation,
        }
    declared = {
        "title": model.title,
        "target": model.target,
        "trained_on": None if model.trained_on is None else list(model.trained_on),
        "pretrained_on": list(model.pretrained_on),
    }
    return {"name": model.name} | declared | {k: v for k, v in known.items() if v is not None}
