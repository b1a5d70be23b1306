"""What a search for settings remembers: Optuna's study in SQLite, and one folder per run.

A run of the search may need several of Optuna's trials: one that a kill cut short is closed there,
and another is put in line with the same settings and the same number. Of the trials of a number,
the last one counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from memnet.errors import MemnetError
from memnet.util.locking import hold_lock

STUDY = "study.db"
TRIALS = "trials"
LOCK = ".study.lock"

STARTUP_TRIALS = 5
"""Complete runs before any is pruned."""

WARMUP_VALIDATIONS = 3
"""A run is pruned at this validation of its own at the earliest: before it, all is chance."""

_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A run of the search.

    Attributes
    ----------
    number : 1, 2, ...; the run's folder is called by it.
    state : ``"complete"``, ``"pruned"``, ``"failed"``, or ``"running"``: not at its end yet, also
        where the search was stopped meanwhile.
    value : the highest Spearman on the validation part; None where it is undefined or the run
        failed.
    settings : the searched ones.
    folder : of the run.
    message : why it failed or was pruned, "" otherwise.
    """

    number: int
    state: str
    value: float | None
    settings: dict[str, Any]
    folder: Path
    message: str


@contextmanager
def open_study(out: Path, about: Mapping[str, Any]) -> Iterator[optuna.Study]:
    """Open the study of a folder, or begin it; one process at a time.

    Parameters
    ----------
    out : the folder of the search.
    about : what makes it this search and no other, as plain JSON: kind of thing -> its values.

    Raises
    ------
    MemnetError
        if the folder holds another search, or something else; if another process works on it; or
        if its database is damaged.
    """
    with ExitStack() as opened:
        try:
            study = _open(out, opened)
            _same(out, study, json.loads(json.dumps(about)))
        except _DATABASE_ERRORS as error:
            raise _database_error(out, error) from error
        except OSError as error:
            raise MemnetError(f"{out} cannot be written ({error}).") from error
        try:
            yield study
        except _DATABASE_ERRORS as error:
            raise _database_error(out, error) from error


_DATABASE_ERRORS = (SQLAlchemyError, optuna.exceptions.StorageInternalError)


def _open(out: Path, opened: ExitStack) -> optuna.Study:
    """Open or begin the study; ``opened`` closes it and gives the lock back."""
    results = [file.name for file in out.iterdir()] if out.is_dir() else []
    strange = [name for name in results if not name.startswith(".")]  # than systems' own, our lock
    if STUDY not in results and strange:
        raise MemnetError(f"{out} holds files that are no search; choose another --out.")
    opened.enter_context(
        hold_lock(
            out / LOCK,
            busy=f"Another process is at work on the search in {out}; wait for it, or stop it.",
            advice="choose another --out",
        )
    )
    opened.enter_context(_silent())
    storage = optuna.storages.RDBStorage(
        URL.create("sqlite", database=str(out / STUDY)).render_as_string()
    )
    opened.callback(storage.engine.dispose)
    opened.callback(storage.remove_session)
    return optuna.create_study(
        study_name="memnet",
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=STARTUP_TRIALS, n_warmup_steps=WARMUP_VALIDATIONS
        ),
    )


def _database_error(out: Path, error: Exception) -> MemnetError:
    reason = str(error.__cause__ or error).splitlines()[0]
    return MemnetError(
        f"The search's database {out / STUDY} cannot be read or written ({reason}); free some "
        "space there if the disk is full, else begin the search again in another folder."
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Silence Optuna's log, which repeats what the command says."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def _same(out: Path, study: optuna.Study, about: Mapping[str, Any]) -> None:
    settings: Any = study.user_attrs.get("memnet")
    if settings is None:
        study.set_user_attr("memnet", about)
        return
    changed = []
    for kind, new in about.items():
        old = settings.get(kind)
        if isinstance(new, Mapping):
            before = old if isinstance(old, Mapping) else {}
            changed += [
                f"{kind}, {name}: it was {before.get(name)} and is {new[name]}"
                for name in new
                if before.get(name) != new[name]
            ]
        elif old != new:
            changed.append(f"{kind}: other pictures, scores or parts")
    if changed:
        raise MemnetError(
            f"{out} holds another search ({'; '.join(changed)}): choose another --out, or give it "
            "the same to go on."
        )


def take_up(study: optuna.Study) -> None:
    """Put those runs in line again that were going on when the last process ended.

    The new trial comes before the end of the old one, so that a kill between the two loses nothing.
    """
    waiting = {trial.user_attrs["run"] for trial in trials_in(study, TrialState.WAITING)}
    for old in trials_in(study, TrialState.RUNNING):
        number = old.user_attrs["run"]
        if number not in waiting:
            study.enqueue_trial(old.params, user_attrs=old.user_attrs)
        study.tell(old.number, state=TrialState.FAIL)


def next_trial(study: optuna.Study, seed: int) -> optuna.Trial:
    """Begin the run that waits first, or a new one.

    What it is asked for depends on the ended runs, its number and the seed alone: a search that
    was killed proposes what it would have proposed.
    """
    waiting = trials_in(study, TrialState.WAITING)
    number: int = waiting[0].user_attrs["run"] if waiting else len(latest(study)) + 1
    if not waiting:
        study.enqueue_trial({}, user_attrs={"run": number})  # a trial has its number from the first
    draw = np.random.SeedSequence([seed, number]).generate_state(1)
    study.sampler = optuna.samplers.TPESampler(seed=int(draw[0]))
    return study.ask()


def trials_in(study: optuna.Study, state: TrialState) -> list[FrozenTrial]:
    """Return Optuna's trials in a state, in their order."""
    return study.get_trials(deepcopy=False, states=(state,))


def latest(study: optuna.Study) -> dict[int, FrozenTrial]:
    """Return number of the run -> the trial that counts, in the order of the numbers."""
    results = {trial.user_attrs["run"]: trial for trial in study.get_trials(deepcopy=False)}
    return dict(sorted(results.items()))


def runs(study: optuna.Study, out: Path) -> list[Trial]:
    """Return every run of the search that was begun, in the order of their numbers."""
    results = []
    for number, trial in latest(study).items():
        attributes = trial.user_attrs
        state = _STATES.get(trial.state, "running")
        best = attributes.get("best")
        results.append(
            Trial(
                number=number,
                state=state,
                value=best["val_spearman"] if best and state != "failed" else None,
                settings=attributes.get("settings", {}),
                folder=folder_of(out, number),
                message=attributes.get("message", ""),
            )
        )
    return results


def best_of(trials: list[Trial]) -> Trial | None:
    """Return the complete run with the highest value, the first of equals."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    return max(complete, key=lambda trial: trial.value or 0.0, default=None)


def folder_of(out: Path, number: int) -> Path:
    """Return the folder of a run."""
    return out / TRIALS / f"{number:04d}"
