"""Table 1 of Needell & Bainbridge (2022) from run folders: what each measured, what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memnet.compare.record import Result, RunRecord
from memnet.compare.report.table1 import MEASURED_ONLY, TABLE1, TABLE1_COLUMNS, TESTED, Estimate
from memnet.data.contamination import dataset_title
from memnet.errors import MemnetError, unknown_name
from memnet.experiments.training_run import UNFINISHED, read_test, tested_model
from memnet.reimpl.training.config import read_config
from memnet.reimpl.training.run_folder import finite, require_run

PRESETS = {
    "memnet": "memnet.reimpl",
    "resmem": "resmem",
    "resmem-retrain": "resmem.published",
    "m3m": "m3m",
}
"""What a run was trained by -> its row."""


def table1_of_runs(folders: Mapping[str, Path]) -> dict[str, Any]:
    """Gather what up to four run folders measured.

    Parameters
    ----------
    folders : a key of :data:`TABLE1` -> the folder of a run that was trained by its preset
        (:data:`PRESETS`).

    Returns
    -------
    dict
        ``measured``, for the functions of :mod:`memnet.compare.report.table1`, and ``notes``,
        sentences on what is missing, contaminated, or not to be held against each other. A
        number that a folder does not have is left out and has a note.

    Raises
    ------
    MemnetError
        if a key is no row of the table, or a folder is no run of that row.
    """
    measured: dict[str, dict[str, float | str | Estimate]] = {}
    notes: list[str] = []
    tested: dict[str, RunRecord] = {}
    for model in folders:
        if model not in TABLE1:
            raise unknown_name("model of Table 1", model, TABLE1)
    for model, name in TABLE1.items():
        if model not in folders:
            notes.append(f"{name}: no run was given.")
            continue
        folder = Path(folders[model])
        run = require_run(folder)
        _check_row(model, run, folder)
        measured[model] = _of_run(run)
        remarks = _remarks(model, run, measured[model])
        record = read_test(folder)
        if record is None:
            remarks.append(_untested(run))
        else:
            tested[model] = record
            values, why = _of_test(record, run)
            measured[model] |= values
            remarks += why
        notes += [f"{name}: {remark}" for remark in remarks]
    return {"measured": measured, "notes": [*_tested_on(tested), *notes]}


def _check_row(model: str, run: Mapping[str, Any], folder: Path) -> None:
    preset = str(run.get("preset", ""))
    wanted = next(key for key, row in PRESETS.items() if row == model)
    if preset == wanted:
        arch = read_config(wanted).arch
        if run.get("arch") != arch:
            raise MemnetError(
                f"{folder} is a {run.get('arch')}, and the row {TABLE1[model]} takes a {arch}."
            )
        return
    if preset in PRESETS:
        other = TABLE1[PRESETS[preset]]
        raise MemnetError(
            f"{folder} was trained by the preset {preset}, which is the row {other} of Table 1, "
            f"not {TABLE1[model]}; give it as {preset}."
        )
    layout = " (the original's layout with 96 filters)" if preset == "memnet96" else ""
    raise MemnetError(
        f"{folder} was trained by {f'the preset {preset}' if preset else 'no preset'}{layout}, "
        f"which is no row of Table 1; the row {TABLE1[model]} takes a run of the preset {wanted}."
    )


def _of_run(run: Mapping[str, Any]) -> dict[str, float | str | Estimate]:
    values: dict[str, float | str | Estimate] = {}
    for metric, key in (("training_seconds", "seconds"), ("pictures_per_second",) * 2):
        value = finite(run.get(key))
        if value is not None:
            values[metric] = value
    if run.get("device"):
        values["device"] = str(run["device"])
    return values


def _plain(setting: object) -> str:
    """Write a setting as people do: those of a group after each other."""
    if isinstance(setting, Mapping):
        return ", ".join(f"{name} = {value}" for name, value in setting.items()) or "its own"
    return str(setting)


def _remarks(model: str, run: Mapping[str, Any], values: Mapping[str, object]) -> list[str]:
    """Say what makes a run less, or other, than a row of the paper."""
    remarks = []
    usual = read_config(str(run["preset"])).to_dict()
    other = [
        f"{name} {_plain(value)} (the preset: {_plain(usual.get(name))})"
        for name, value in run.get("config", {}).items()
        if name not in ("preset", "seed") and value != usual.get(name)
    ]
    if other:
        remarks.append(f"its settings are not those of the paper: {', '.join(other)}.")
    status = str(run.get("status", ""))
    if status in UNFINISHED:
        message = str(run.get("message", "")).strip()
        remarks.append(
            f"the run {'was interrupted' if status == 'interrupted' else 'failed'}, and what "
            f"it has is of its best epoch until then{f' ({message})' if message else '.'}"
        )
    elif status == "stopped early":
        remarks.append("stopped early, so its training time is for fewer epochs than planned.")
    if model in ("resmem", "resmem.published"):
        frozen = "resnet" in run.get("frozen", [])
        if frozen != (model == "resmem"):
            remarks.append(
                f"its ResNet-152 was {'frozen' if frozen else 'trained'}, other than in the paper."
            )
    preparation = finite(run.get("preparation_seconds"))
    if preparation and preparation >= 1:
        remarks.append(f"its training time is without {preparation:.0f} s of preparing caches.")
    missing = [
        title.lower()
        for metric, (title, _) in (TABLE1_COLUMNS | MEASURED_ONLY).items()
        if metric not in (*values, *TESTED)
    ]
    if missing:
        remarks.append(f"run.json does not say: {', '.join(missing)}.")
    return remarks


def _untested(run: Mapping[str, Any]) -> str:
    count = run.get("data", {}).get("counts", {}).get("test", 0)
    if not count:
        return "the run has no test part, so that it has no MSE and no rank correlation here."
    return (
        f"its test part of {count:,} picture(s) was not scored (there is no test/record.json), so "
        "that it has no MSE and no rank correlation here."
    )


def _of_test(record: RunRecord, run: Mapping[str, Any]) -> tuple[dict[str, Estimate], list[str]]:
    model = tested_model(record, run)
    if model is None:
        return {}, ["test/record.json is of several models, and run.json names none of them."]
    values: dict[str, Estimate] = {}
    remarks = []
    results = {result.metric: result for result in record.results if result.model == model}
    for metric in TESTED:
        result = results.get(metric)
        if result is None or result.value is None:
            reason = result.reason if result is not None else "it is not in test/record.json"
            remarks.append(f"no {TABLE1_COLUMNS[metric][0]}: {reason}.")
        else:
            values[metric] = _estimate(result)
    word = next(iter(results.values())).contamination
    if word != "clean":
        reasons = [m.get("contamination_why", "") for m in record.models if m["name"] == model]
        why = reasons[0] if reasons and reasons[0] else "No reason is given."
        remarks.append(f"contamination of its test: {word}. {why}")
    return values, remarks


def _estimate(result: Result) -> Estimate:
    assert result.value is not None
    low_high = result.interval
    return Estimate(
        value=result.value,
        interval=None if low_high is None else (low_high[0], low_high[1]),
        contamination=result.contamination,
        n=result.n,
    )


def _tested_on(tested: Mapping[str, RunRecord]) -> list[str]:
    """Say on which pictures the runs were tested, and warn where they are not the same."""
    groups: dict[str, list[str]] = {}
    for model, record in tested.items():
        groups.setdefault(_digest(record), []).append(model)
    remarks = []
    for digest, models in groups.items():
        record = tested[models[0]]
        title = dataset_title(record.dataset) or "a data set that was not named"
        remarks.append(
            f"{', '.join(TABLE1[model] for model in models)} tested here on "
            f"{record.items['n']:,} picture(s) of {title} (sha256 {digest[:12]}); nobody knows "
            "which pictures the paper tested on."
        )
    if len(groups) > 1:
        remarks.insert(
            0,
            "The runs were tested on different pictures or human scores, so their values "
            "here must not be compared.",
        )
    return remarks


def _digest(record: RunRecord) -> str:
    return record.results[0].manifest or str(record.items.get("digest", ""))
