"""A search for settings with its page, which is written anew after every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memnet.experiments.search_page import write_search_page
from memnet.experiments.train import run_record
from memnet.experiments.training_page import write_run_page
from memnet.reimpl.training.config import TrainConfig
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.ranges import Ranges
from memnet.reimpl.training.run_folder import RUN, read_curves, write_json
from memnet.reimpl.training.study import Trial
from memnet.reimpl.training.training_set import TrainingSet
from memnet.reimpl.training.tune import search


def tune(
    config: TrainConfig,
    data: TrainingSet,
    out: Path,
    machine: Machine,
    *,
    ranges: Ranges,
    trials: int,
    minutes: float | None = None,
    command: str = "",
    after: Callable[[Sequence[Trial], Trial], None] = lambda trials, last: None,
) -> list[Trial]:
    """Search for settings; see :func:`memnet.reimpl.training.tune.search`.

    Beside what that writes, ``out`` has ``report.html`` with the curves of all runs (figures 7
    and 9 of Needell & Bainbridge 2022), and each run's folder a page of its own.

    Parameters
    ----------
    config, data, out, machine, ranges, trials, minutes : as there.
    command : the command line, for the record.
    after : is told all runs, and the one that has just ended.
    """

    def keep(folder: Path, tried: TrainConfig, result: dict[str, Any]) -> None:
        write_json(folder / RUN, run_record(tried, data, result, command))

    def show(result: Sequence[Trial], last: Trial | None) -> None:
        if last is not None and (last.folder / RUN).is_file():
            write_run_page(last.folder)
        write_search_page(out, [_shown(trial) for trial in result])
        if last is not None:
            after(result, last)

    return search(
        config,
        data,
        out,
        machine,
        ranges=ranges,
        trials=trials,
        minutes=minutes,
        keep=keep,
        after=show,
    )


def _shown(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "value": trial.value,
        "params": trial.settings,
        "folder": trial.folder,
        "curves": read_curves(trial.folder),
    }
