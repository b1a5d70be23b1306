"""Train, then test as everything is tested: the written weight file scores pictures it never saw.

The value that counts is that of the test part, from :func:`memnet.compare` on the scores that
``memnet score`` gives; the validation part chose the epoch, so its own value flatters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from memnet import __version__
from memnet.data.contamination import ContaminationVerdict, judge_contamination
from memnet.data.datasets import PARTS
from memnet.errors import MemnetError, StoppedError
from memnet.experiments.test_part import judge_test_part as test
from memnet.experiments.training_page import write_run_page
from memnet.reimpl.training.config import TrainConfig
from memnet.reimpl.training.fit import fit
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.run_folder import (
    CONFIG,
    CURVES,
    FORMAT,
    RUN,
    SCHEMA_VERSION,
    TEST,
    WEIGHTS,
    begin,
    lock_folder,
    read_begun,
    read_run,
    rollback,
    write_json,
)
from memnet.reimpl.training.training_set import TrainingSet
from memnet.scoring.numeric_environment import scoring_environment
from memnet.util.versions import environment

_NOT_JUDGED = "The test part could not be judged: "


def train(
    config: TrainConfig | None,
    data: TrainingSet | None,
    out: Path,
    machine: Machine,
    *,
    command: str = "",
) -> dict[str, Any]:
    """Train a network, test it on the test part, and write everything into a folder.

    A run that was killed goes on from its last whole epoch when it is begun again with the same
    settings and data, or with none; one that is finished is left as it is.

    Parameters
    ----------
    config, data : None for those of the run that is in ``out``.
    out : the run's folder.
    machine : where it runs.
    command : the command line, for the record.

    Returns
    -------
    dict
        the content of ``run.json``.

    Raises
    ------
    MemnetError
        if the run cannot begin, or did not end well: then ``run.json`` and the page say so, too,
        and what was finished is kept. A ``StoppedError`` where the user stopped it.
    """
    if (config is None or data is None) and not out.is_dir():
        read_begun(out)
    with lock_folder(out):
        return _train(config, data, out, machine, command)


def _train(
    config: TrainConfig | None,
    data: TrainingSet | None,
    out: Path,
    machine: Machine,
    command: str,
) -> dict[str, Any]:
    if config is None or data is None:
        config, data = read_begun(out)
    new = not (out / CONFIG).is_file()
    begin(out, config, data)
    before = read_run(out)
    if is_finished(out, before):
        assert before is not None
        return finish(
            out, data, before, machine.device, command
        )  # nothing, unless a kill came between
    try:
        result = fit(config, data, out, machine)
    except MemnetError:
        if new and not (out / CURVES).is_file():
            rollback(out)  # weights not at hand, a wrong device ...: nothing was trained
        raise
    run = run_record(config, data, result, command)
    write_json(out / RUN, run)
    if run["status"] in ("failed", "interrupted"):
        write_run_page(out)
        kind = StoppedError if run["status"] == "interrupted" else MemnetError
        raise kind(run["message"])
    return finish(out, data, run, machine.device, command)


def is_finished(out: Path, run: dict[str, Any] | None) -> bool:
    """Whether a folder's run has come to its end, and its weights are there."""
    return (
        run is not None
        and run["status"] in ("finished", "stopped early")
        and ((out / WEIGHTS).is_file() or not run["best"])
    )


def finish(
    out: Path, data: TrainingSet, run: dict[str, Any], device: str, command: str = ""
) -> dict[str, Any]:
    """Test a finished run, where there is a test part, and write its page; once is enough."""
    todo = bool(data.count("test")) and not _is_tested(out, run) and (out / WEIGHTS).is_file()
    if todo:
        unread, why_not = [], ""
        try:
            unread = test(out, data, device, command or run["command"])
        except MemnetError as error:  # not one of the pictures can be read, say
            why_not = str(error)
        run = _with_test(run, data.count("test"), unread, why_not)
        write_json(out / RUN, run)
    if todo or not (out / "report.html").is_file():
        write_run_page(out)
    return run


def _is_tested(out: Path, run: Mapping[str, Any]) -> bool:
    """Whether the test part was judged, and what came of it is in ``run.json``, too.

    A ``run.json`` without the field is of an earlier memnet, and the test's record decides.
    """
    told = "test" not in run or bool(run["test"] and not run["test"]["why_not"])
    return told and (out / TEST / "record.json").is_file()


def _with_test(
    run: dict[str, Any], pictures: int, unread: list[str], why_not: str
) -> dict[str, Any]:
    """Return the record of the run with the outcome of its test in the place of an earlier one.

    ``unread`` has a sentence for each picture that could not be read; ``why_not`` says why nothing
    was judged, which is about no single picture.
    """
    warnings = run["warnings"]
    before = run.get("test") or {"unread": [w for w in warnings if w.startswith(_NOT_JUDGED)]}
    kept = [w for w in warnings if w not in before["unread"] and not w.startswith(_NOT_JUDGED)]
    told = [f"{_NOT_JUDGED}{why_not}"] if why_not else unread
    counts = {**run["data"]["counts"], "test": pictures - len(unread)}
    return {
        **run,
        "data": {**run["data"], "counts": counts},
        "failed_pictures": run["failed_pictures"] - len(before["unread"]) + len(unread),
        "warnings": [*kept, *told],
        "test": {"unread": unread, "why_not": why_not},
    }


def _verdict(start_seen: Collection[str] | None, validated: str) -> ContaminationVerdict:
    """Judge whether the weights that a run began from had seen its validation part."""
    if start_seen is not None and not start_seen:
        why = "No branch began from weights that had been trained to predict memorability."
        return ContaminationVerdict(word="clean", why=why)
    return judge_contamination(start_seen, validated)


def run_record(
    config: TrainConfig, data: TrainingSet, result: dict[str, Any], command: str
) -> dict[str, Any]:
    """Put ``run.json`` together."""
    import torch

    name = next(iter(data.trained_on[1:]), "")
    verdict = _verdict(result.pop("start_seen"), name)
    machine = scoring_environment(torch.device(result["device"]))
    kind = machine["device"] if result["device"] == "cuda" else f"CPU ({machine['cpu']})"
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "preset": config.preset,
        "arch": config.arch,
        "config": config.to_dict(),
        "data": {
            "digest": data.digest(),
            "counts": {part: data.count(part) for part in PARTS} | result.pop("used"),
            "description": data.description,
            "trained_on": list(data.trained_on),
            "test_name": data.test_name,
            "contamination": verdict.word,
            "contamination_why": verdict.why,
        },
        **result,
        "device": f"{result['devices']} x {kind}" if result["devices"] > 1 else kind,
        "precision": config.precision,
        "test": None,  # not yet
        "command": command,
        "environment": {**environment(), **machine},
        "memnet_version": __version__,
    }
