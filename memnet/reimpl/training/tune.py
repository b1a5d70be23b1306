"""A search for learning rate, momentum, batch size and weight decay (Optuna).

Settings are proposed by a tree-structured Parzen estimator (Bergstra et al. 2011, Algorithms for
hyper-parameter optimization, NIPS), from the eleventh run on; the first ten are drawn at random. A
run whose best Spearman so far lies below the median of what the complete runs had at the same
validation is pruned.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import TrialState

from memnet.errors import MemnetError
from memnet.reimpl.training.config import TrainConfig
from memnet.reimpl.training.fit import fit
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.ranges import SEARCHED, Ranges, propose
from memnet.reimpl.training.run_folder import (
    BEST,
    LAST,
    WEIGHTS,
    begin,
    read_curves,
    read_run,
)
from memnet.reimpl.training.study import (
    Trial,
    best_of,
    folder_of,
    next_trial,
    open_study,
    runs,
    take_up,
)
from memnet.reimpl.training.training_set import TrainingSet
from memnet.util.atomic import write_text

BEST_SETTINGS = "best.toml"


def search(
    config: TrainConfig,
    data: TrainingSet,
    out: Path,
    machine: Machine,
    *,
    ranges: Ranges,
    trials: int,
    minutes: float | None = None,
    keep: Callable[[Path, TrainConfig, dict[str, Any]], None],
    after: Callable[[Sequence[Trial], Trial | None], None],
) -> list[Trial]:
    """Search, or go on with a search.

    Of the runs that have ended, all curves and settings are kept, but weights of the best one
    only, and no checkpoints.

    Parameters
    ----------
    config : everything that is not searched.
    data : train and validation part; the test part is never looked at.
    out : folder of the search: ``study.db``, ``trials/0001`` ..., ``best.toml``.
    machine : one device: what a search prunes by lives in one process.
    ranges : what is searched, and where.
    trials : runs that shall have ended, those of earlier calls among them.
    minutes : after these no run begins, and the one that goes on is set aside at the end of its
        epoch; the same call goes on with it. None: as long as it takes.
    keep : is given each run's folder, settings and what :func:`memnet.reimpl.training.fit.fit`
        returned, to write ``run.json``.
    after : is called at the start with all runs and None, and after each run with all runs and it.

    Returns
    -------
    list of Trial
        every run, in the order of their numbers.

    Raises
    ------
    MemnetError
        if the folder holds another search, or no run could do better (weights not at hand, disk
        full): what was finished is kept.
    KeyboardInterrupt
        if it was interrupted: what was finished is kept.
    """
    _check(config, data, ranges, machine, trials)
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    fixed = {name: value for name, value in config.to_dict().items() if name not in SEARCHED}
    about = {
        "settings": fixed,
        "ranges": dataclasses.asdict(ranges),
        "data": data.digest(),
    }
    with open_study(out, about) as study:
        take_up(study)
        results = _tidy(study, config, out)
        if results:
            after(results, None)
        while (
            sum(trial.state != "running" for trial in results) < trials
            and time.monotonic() < deadline
        ):
            trial = next_trial(study, config.seed)
            settings = propose(trial, ranges)
            trial.set_user_attr("settings", settings)
            tried = dataclasses.replace(config, **settings)
            ended = _run_trial(study, trial, tried, data, out, machine, deadline, keep)
            gc.collect()  # Lightning's trainer is a ring of references, with the network in it
            if machine.accelerator == "cuda":
                torch.cuda.empty_cache()
            if not ended:
                break
            results = _tidy(study, config, out)
            number = trial.user_attrs["run"]
            after(results, next(trial for trial in results if trial.number == number))
        return runs(study, out)


def _check(
    config: TrainConfig, data: TrainingSet, ranges: Ranges, machine: Machine, trials: int
) -> None:
    if trials < 1:
        raise MemnetError(f"The number of trials is {trials}; it must be 1 or more.")
    if machine.devices != 1:
        raise MemnetError("A search trains on one device; begin it without --devices.")
    largest = ranges.batch_sizes()[-1]
    batches = -(-data.count("train") // largest)
    if config.validations_per_epoch > batches:
        raise MemnetError(
            f"validations_per_epoch is {config.validations_per_epoch}, and an epoch has {batches} "
            f"batch(es) of {largest}; lower it, or the range of batch_size."
        )


class _Watch:
    """Tells Optuna each validation of a run, and ends the run that is not worth its time."""

    def __init__(
        self, trial: optuna.Trial, config: TrainConfig, folder: Path, deadline: float
    ) -> None:
        self._trial, self._config, self._folder, self._late = trial, config, folder, deadline
        self._told = 0
        self.pruned = bool(trial.user_attrs.get("pruned"))
        self.set_aside = False

    def __call__(self, row: dict[str, float]) -> bool:
        self.tell()
        if row["epoch"] >= self._config.epochs:
            return False
        if self._trial.should_prune():
            self.pruned = True
            self._trial.set_user_attr("pruned", True)
        return self.pruned

    def pause(self) -> bool:
        """Set the run aside at the end of an epoch, where the time is over."""
        self.set_aside = time.monotonic() >= self._late
        return self.set_aside

    def tell(self) -> None:
        """Report what is in the curves, those of an earlier process included.

        Shares of an epoch are counted, and not steps, which are of different size in each run.
        Without a Spearman, since the predictions were constant, it is the worst there is.
        """
        for row in read_curves(self._folder):
            place = round((row["epoch"] or 0.0) * self._config.validations_per_epoch)
            if place > self._told:
                value = row["val_spearman"]
                self._trial.report(-1.0 if value is None else value, place)
                self._told = place


def _run_trial(
    study: optuna.Study,
    trial: optuna.Trial,
    config: TrainConfig,
    data: TrainingSet,
    out: Path,
    machine: Machine,
    deadline: float,
    keep: Callable[[Path, TrainConfig, dict[str, Any]], None],
) -> bool:
    """Train with the proposed settings; False where the run was set aside before its end.

    A run that was not told an end to Optuna is gone on with by the next process.
    """
    folder = folder_of(out, trial.user_attrs["run"])
    begin(folder, config, data)
    watch = _Watch(trial, config, folder, deadline)
    result = read_run(folder)
    if result is None:
        result = fit(config, data, folder, machine, watch=watch, pause=watch.pause)
        if result["status"] == "interrupted":
            raise KeyboardInterrupt
        if watch.set_aside and result["status"] != "failed":
            return False
        failed = result["status"] == "failed"
        if failed and result["cause"] == "other":
            raise MemnetError(result["message"])
        if failed:  # its weights are not kept, whatever the rest of the message says
            result["message"] = re.split(r"(?<=\.)\s", result["message"])[0]
        elif not result["best"]:
            result["message"] = "Its predictions were constant throughout."
        elif watch.pruned:
            result["message"] = "Pruned: it was below the median of the runs before it."
        keep(folder, config, dict(result))
    watch.tell()
    trial.set_user_attr("best", result["best"])
    trial.set_user_attr("message", result["message"])
    if result["status"] == "failed":
        study.tell(trial, state=TrialState.FAIL)
    elif watch.pruned or not result["best"]:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, result["best"]["val_spearman"])
    return True


def _tidy(study: optuna.Study, config: TrainConfig, out: Path) -> list[Trial]:
    """Delete what nobody needs any more, write the best settings, and return all runs."""
    results = runs(study, out)
    best = best_of(results)
    for trial in results:
        if trial.state == "running":
            continue
        for name in (LAST, BEST) if trial is best else (LAST, BEST, WEIGHTS):
            (trial.folder / name).unlink(missing_ok=True)
    if best is not None:
        comment = (
            f"# Run {best.number} of a search: Spearman {best.value:.4f} on the validation part.\n"
        )
        settings = dataclasses.replace(config, **best.settings).to_toml()
        write_text(out / BEST_SETTINGS, comment + settings)
    return results
