"""A search for settings: what it proposes, prunes, keeps and goes on with."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from filelock import FileLock
from sqlalchemy import event
from sqlalchemy.engine import Engine

from command import wait_for
from memnet.errors import MemnetError
from memnet.reimpl.training import tune
from memnet.reimpl.training.callbacks import COLUMNS, Journal, write_curves
from memnet.reimpl.training.config import read_config
from memnet.reimpl.training.fit import fit
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.module import TrainingModule
from memnet.reimpl.training.ranges import Ranges
from memnet.reimpl.training.run_folder import (
    FORMAT,
    SCHEMA_VERSION,
    begin,
    read_curves,
    write_json,
)
from memnet.reimpl.training.study import STARTUP_TRIALS, WARMUP_VALIDATIONS, open_study
from planted import planted_set, small_config

HEAD = {"format": FORMAT, "schema_version": SCHEMA_VERSION}

EPOCHS = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return planted_set(tmp_path_factory.mktemp("planted"), train=8, val=6)


def config(**changes):
    return small_config("memnet", **{"epochs": EPOCHS, **changes})


class Training:
    """A training that costs nothing: its Spearman is a known function of the settings.

    It goes on from the rows in the folder but the last, as the real one does from a checkpoint.
    """

    def __init__(self):
        self.began = []  # (folder's name, rows that it found)
        self.stop = None  # what to do instead of a row: (folder's name, row) -> None
        self.rho = lambda config, epoch: (
            0.9 - 0.1 * abs(math.log10(config.learning_rate) + 4) - 0.3 / epoch
        )

    def __call__(self, config, data, out, machine, *, watch, pause):
        rows = read_curves(out)[:-1]
        rows = [{k: math.nan if v is None else v for k, v in row.items()} for row in rows]
        self.began.append((out.name, len(rows)))
        ended = False
        for epoch in range(len(rows), config.epochs + 1):
            rho = self.rho(config, epoch) if epoch else math.nan
            row = dict.fromkeys(COLUMNS, 1.0)
            rows.append(row | {"epoch": float(epoch), "step": 10.0 * epoch, "val_spearman": rho})
            write_curves(out / "curves.csv", rows)
            for name in ("last.ckpt", "best.ckpt", "best.safetensors"):
                (out / name).write_text("weights")
            if self.stop is not None and (found := self.stop(out.name, epoch)) is not None:
                cause = next((c for c in ("not finite", "memory") if c[-6:] in found), "other")
                known = {"status": "failed", "cause": cause, "message": found}
                return {**known, "best": None, "seconds": 1.0}
            ended = bool(epoch) and (watch(rows[-1]) or (epoch < config.epochs and pause()))
            if ended:
                break
        known = [row for row in rows if row["epoch"] and not math.isnan(row["val_spearman"])]
        best = max(known, key=lambda row: row["val_spearman"], default=None)
        status = "stopped early" if ended else "finished"
        return {"status": status, "cause": "", "message": "", "best": best, "seconds": 1.0}


@pytest.fixture
def training(monkeypatch):
    made = Training()
    monkeypatch.setattr(tune, "fit", made)
    monkeypatch.setattr(tune.gc, "collect", lambda: 0)  # there is nothing to collect, slowly
    event.listen(Engine, "connect", _unsafe)
    yield made
    event.remove(Engine, "connect", _unsafe)


def _unsafe(connection, _):
    """Let SQLite not wait for the disk: nothing is killed here."""
    connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture
def go(data, tmp_path):
    """Return a function that searches; `keep` writes the least that a run.json is."""
    seen = []

    def keep(folder, tried, found):
        write_json(folder / "run.json", {**HEAD, **found})

    def search(out="search", trials=3, settings=None, **more):
        return tune.search(
            settings or config(),
            more.pop("data", data),
            tmp_path / out,
            Machine(device="cpu", devices=1, workers=0, cache=tmp_path / "cache", wandb=""),
            trials=trials,
            **{
                "ranges": Ranges(),
                "keep": keep,
                "after": lambda found, last: seen.append((len(found), last)),
                **more,
            },
        )

    search.seen = seen
    return search


def reported(folder):
    """Return the validations that Optuna knows of the last trial of each run."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
    try:
        trials = optuna.load_study(study_name="memnet", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()
    return {trial.user_attrs["run"]: trial.intermediate_values for trial in trials}


def told(found):
    return [(trial.number, trial.state, trial.value, trial.settings) for trial in found]


def test_the_best_settings_are_those_of_the_highest_spearman(training, go, tmp_path):
    found = go(trials=6)
    assert [trial.number for trial in found] == [1, 2, 3, 4, 5, 6]
    best = max(found, key=lambda trial: trial.value)
    wins = read_config(file=tmp_path / "search" / "best.toml")
    assert {name: getattr(wins, name) for name in tune.SEARCHED} == best.settings
    assert wins.sizes == config().sizes
    assert wins.epochs == EPOCHS
    # What the made-up training reaches at a learning rate of 1e-4 exactly, and nowhere else.
    assert best.value <= 0.9 - 0.3 / EPOCHS
    off = abs(math.log10(best.settings["learning_rate"]) + 4)
    assert off == min(abs(math.log10(t.settings["learning_rate"]) + 4) for t in found)


def test_weights_are_kept_of_the_best_run_only_and_curves_of_all(training, go, tmp_path):
    found = go(trials=4)
    best = max(found, key=lambda trial: trial.value)
    for trial in found:
        there = {path.name for path in trial.folder.iterdir()}
        assert {"curves.csv", "config.toml"} <= there
        assert not {"last.ckpt", "best.ckpt"} & there
        assert ("best.safetensors" in there) == (trial.number == best.number)


def test_ended_runs_count_and_a_search_that_goes_on_equals_one_that_never_stopped(training, go):
    whole = told(go("whole", trials=13))  # past the ten that are drawn at random
    assert told(go("parts", trials=2)) == whole[:2]
    before = len(training.began)
    assert told(go("parts", trials=2)) == whole[:2]
    assert len(training.began) == before
    assert told(go("parts", trials=11)) == whole[:11]
    assert told(go("parts", trials=13)) == whole


def test_a_run_that_was_cut_short_is_gone_on_with_from_its_own_folder(training, go, tmp_path):
    whole = told(go("whole", trials=9))

    def cut(name, epoch):
        if name == "0007" and epoch == 4:
            raise KeyboardInterrupt

    training.stop, training.began = cut, []
    with pytest.raises(KeyboardInterrupt):
        go("cut", trials=9)
    training.stop = None
    assert training.began[-1] == ("0007", 0)
    assert told(go("cut", trials=9)) == whole
    names = [name for name, _ in training.began]
    assert names == [f"{n:04d}" for n in (1, 2, 3, 4, 5, 6, 7, 7, 8, 9)]
    assert ("0007", 4) in training.began  # rows of epochs 0 to 3: only the cut one is done again
    folders = sorted(path.name for path in (tmp_path / "cut" / "trials").iterdir())
    assert folders == list(dict.fromkeys(names))
    assert reported(tmp_path / "cut") == reported(tmp_path / "whole")


def test_a_kill_before_the_settings_are_in_the_folder_costs_nothing(
    training, go, tmp_path, monkeypatch
):
    whole = told(go("whole", trials=3))

    def half(out, *rest):
        out.mkdir(parents=True)
        (out / "split.csv").write_text("image_id,path,sc")
        raise KeyboardInterrupt

    monkeypatch.setattr(tune, "begin", half)
    with pytest.raises(KeyboardInterrupt):
        go("cut", trials=3)
    monkeypatch.setattr(tune, "begin", begin)
    assert told(go("cut", trials=3)) == whole


def test_a_run_that_had_ended_before_the_kill_is_not_trained_again(training, go):
    def kill(folder, tried, found):
        write_json(folder / "run.json", {**HEAD, **found})
        raise KeyboardInterrupt

    whole = told(go("whole", trials=2))
    with pytest.raises(KeyboardInterrupt):
        go("cut", trials=2, keep=kill)
    training.began = []
    assert told(go("cut", trials=2)) == whole
    assert training.began == [("0002", 0)]


def test_a_loss_that_is_no_number_fails_one_run_and_the_search_goes_on(training, go):
    sentence = "The loss is no longer a finite number in epoch 2, step 3: try a lower rate than 2."
    training.stop = lambda name, epoch: (
        f"{sentence} The best weights so far are kept in x." if name == "0001" else None
    )
    found = go(trials=3)
    assert [trial.state for trial in found] == ["failed", "complete", "complete"]
    assert found[0].message == sentence  # without the weights, which are not kept
    assert found[0].value is None
    assert not (found[0].folder / "best.safetensors").exists()


def test_a_run_that_the_memory_does_not_hold_fails_alone(training, go):
    sentence = "The memory does not hold batches of 16: lower batch_size."
    training.stop = lambda name, epoch: sentence if name == "0002" else None
    found = go(trials=3)
    assert [trial.state for trial in found] == ["complete", "failed", "complete"]
    assert found[1].message == sentence


def test_a_full_disk_ends_the_search_and_the_run_is_gone_on_with(training, go):
    training.stop = lambda name, epoch: (
        "The checkpoint x cannot be written (No space left on device); free some space."
        if name == "0002" and epoch == 3
        else None
    )
    with pytest.raises(MemnetError, match="cannot be written"):
        go(trials=3)
    training.stop = None
    found = go(trials=3)
    assert [trial.state for trial in found] == ["complete"] * 3
    assert training.began[-2:] == [("0002", 3), ("0003", 0)]


def test_any_other_error_is_no_failed_run(training, go):
    def wrong(name, epoch):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    training.stop = wrong
    with pytest.raises(RuntimeError, match="shapes"):
        go(trials=3)


def test_constant_predictions_are_never_the_best_run(training, go, tmp_path):
    training.rho = lambda config, epoch: math.nan
    found = go(trials=2)
    assert [(trial.state, trial.value) for trial in found] == [("pruned", None)] * 2
    assert "constant" in found[0].message
    assert not (tmp_path / "search" / "best.toml").exists()
    training.rho = lambda config, epoch: -0.5
    assert [trial.state for trial in go(trials=3)] == ["pruned", "pruned", "complete"]
    assert (tmp_path / "search" / "best.toml").is_file()


def test_a_run_below_the_median_is_pruned_but_not_at_once(training, go):
    order = {}  # learning rate -> how many came before

    def rho(config, epoch):
        place = order.setdefault(config.learning_rate, len(order))
        return 0.5 if place < STARTUP_TRIALS else 0.1 if place % 2 else 0.6

    training.rho = rho
    found = go(trials=STARTUP_TRIALS + 4)
    states = [trial.state for trial in found]
    assert states == ["complete"] * 5 + ["pruned", "complete", "pruned", "complete"]
    pruned = found[5]
    assert len(read_curves(pruned.folder)) == WARMUP_VALIDATIONS + 1
    assert pruned.value == 0.1
    assert "median" in pruned.message


def test_optuna_is_told_validations_and_not_steps(training, go, tmp_path):
    """The made-up curves have 10 steps an epoch, real ones as many as the batch size makes."""
    training.rho = lambda config, epoch: 0.1 * epoch
    go(trials=1)
    expected = {number: 0.1 * number for number in range(1, EPOCHS + 1)}
    assert reported(tmp_path / "search") == {1: pytest.approx(expected)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": config(patience=2)}, "settings, patience: it was 5 and is 2"),
        ({"ranges": Ranges(momentum=(0.9, 0.9))}, "ranges, momentum: it was [0.0, 0.99] and is"),
        ({"settings": small_config("memnet96", epochs=EPOCHS)}, "arch: it was memnet48 and is"),
    ],
)
def test_another_search_in_the_same_folder_is_one_sentence(training, go, change, words):
    go(trials=1)
    with pytest.raises(MemnetError) as error:
        go(trials=2, **change)
    assert words in str(error.value)
    assert "choose another --out" in str(error.value)
    assert [trial.number for trial in go(trials=1)] == [1]


def test_other_data_are_another_search(training, go, data, tmp_path):
    go(trials=1)
    other = planted_set(tmp_path / "other", train=8, val=6, seed=2)
    with pytest.raises(MemnetError, match="data: other pictures, scores or parts"):
        go(trials=2, data=other)


def test_searched_settings_of_the_preset_do_not_matter(training, go):
    assert told(go(trials=1)) == told(go(trials=1, settings=config(learning_rate=0.5)))


def test_a_folder_that_holds_something_else_is_left_alone(training, go, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(MemnetError, match="holds files that are no search"):
        go("mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


def test_a_damaged_database_is_one_sentence(training, go, tmp_path):
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "study.db").write_text("no database" * 100)
    with pytest.raises(MemnetError, match="file is not a database") as error:
        go()
    assert "\n" not in str(error.value)


def test_two_processes_do_not_work_on_one_search(training, go, tmp_path):
    go(trials=1)
    with (
        FileLock(tmp_path / "search" / ".study.lock"),
        pytest.raises(MemnetError, match="Another process"),
    ):
        go(trials=2)


def test_time_that_is_over_sets_the_run_aside_at_a_whole_epoch(training, go, monkeypatch):
    whole = told(go("whole", trials=2))
    now = [0.0]
    monkeypatch.setattr(tune.time, "monotonic", lambda: now[0])

    def tick(name, epoch):
        now[0] += 60  # one minute an epoch, six validations a run

    training.stop = tick
    found = go("late", trials=2, minutes=9)
    assert [trial.state for trial in found] == ["complete", "running"]
    training.stop = None
    assert told(go("late", trials=2)) == whole
    assert training.began[-1] == ("0002", 2)
    assert go("later", trials=2, minutes=0) == []


def test_time_that_is_over_ends_an_epoch_that_no_validation_ends(tmp_path):
    """Three validations of ten batches are after the 3rd, the 6th and the 9th."""
    over = [False]
    journal = Journal(tmp_path, None, lambda: over[0])
    saved = []
    trainer = SimpleNamespace(
        should_stop=False,
        current_epoch=0,
        max_epochs=3,
        callbacks=[],
        strategy=SimpleNamespace(broadcast=lambda value: value),
        save_checkpoint=saved.append,
    )
    module = TrainingModule.__new__(TrainingModule)
    module.__dict__.update(loaders={"train": SimpleNamespace(waited=0.0)}, _not_finite=None)
    journal._saved_at = math.inf  # not due by the clock
    journal.on_train_epoch_end(trainer, module)
    assert (trainer.should_stop, saved) == (False, [])
    over[0], trainer.current_epoch = True, 1
    journal.on_train_epoch_end(trainer, module)
    assert (trainer.should_stop, saved) == (True, [tmp_path / "last.ckpt"])
    trainer.should_stop, trainer.current_epoch, journal.pause = False, 2, pytest.fail
    journal.on_train_epoch_end(trainer, module)  # the last one is not asked


def test_an_error_of_the_work_is_not_called_one_of_the_folder(tmp_path):
    with pytest.raises(OSError, match="a picture is away"), open_study(tmp_path / "s", {"a": {}}):
        raise OSError("a picture is away")


def test_a_search_of_another_kind_of_settings_is_another_search(tmp_path):
    with open_study(tmp_path / "s", {"settings": {"epochs": 3}}):
        pass
    words = "holds another search .*ranges, momentum: it was None and is 1"
    with (
        pytest.raises(MemnetError, match=words),
        open_study(tmp_path / "s", {"settings": {"epochs": 3}, "ranges": {"momentum": 1}}),
    ):
        pass


def test_hidden_files_of_a_system_are_no_hindrance(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"x")
    with open_study(tmp_path, {"a": {}}):
        assert (tmp_path / "study.db").is_file()


def test_ranges_are_kept_and_learning_rates_are_drawn_by_their_logarithm(training, go):
    ranges = Ranges(
        learning_rate=(1e-6, 1e-2), momentum=(0.5, 0.5), batch_size=(5, 40), weight_decay=(0, 1e-2)
    )
    found = go(trials=24, ranges=ranges, settings=config())
    settings = [trial.settings for trial in found]
    assert {each["momentum"] for each in settings} == {0.5}
    assert {each["batch_size"] for each in settings} == {8, 16, 32}
    assert all(1e-6 <= each["learning_rate"] <= 1e-2 for each in settings)
    decays = [each["weight_decay"] for each in settings]
    assert 0 in decays
    assert all(value == 0 or 1e-6 <= value <= 1e-2 for value in decays)
    # Uniform numbers would put 1 of 100 of the first ten, which are drawn blindly, below 1e-4.
    assert sum(each["learning_rate"] < 1e-4 for each in settings[:10]) >= 2
    assert sum(0 < value < 1e-3 for value in decays) >= 2


def test_a_range_that_begins_above_zero_never_gives_zero(training, go):
    found = go(trials=12, ranges=Ranges(weight_decay=(1e-5, 1e-3)))
    assert all(1e-5 <= trial.settings["weight_decay"] <= 1e-3 for trial in found)
    found = go("none", trials=3, ranges=Ranges(weight_decay=(0, 0)))
    assert {trial.settings["weight_decay"] for trial in found} == {0}


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (
            {"learning_rate": (0.0, 1.0)},
            "learning_rate is searched from 0 to 1; both must",
        ),
        ({"learning_rate": (1e-2, 1e-4)}, "the second not below the first"),
        ({"momentum": (0.5, 1.0)}, "from 0 to below 1"),
        ({"weight_decay": (-1.0, 1.0)}, "0 or more"),
        ({"weight_decay": (0.0, math.inf)}, "0 or more"),
        ({"batch_size": (8, 10**400)}, "batch_size is searched from 8 to 1000"),
        ({"batch_size": (9, 15)}, "no power of two lies there"),
    ],
)
def test_a_range_that_is_none_is_one_sentence(ranges, words):
    with pytest.raises(MemnetError) as error:
        Ranges(**ranges)
    assert words in str(error.value)


def test_batches_too_large_for_the_validations_are_found_before_the_first_run(training, go):
    with pytest.raises(MemnetError, match=r"validations_per_epoch is 2.* 1 batch\(es\) of 128"):
        go(settings=config(validations_per_epoch=2))
    with pytest.raises(MemnetError, match="trials is 0"):
        go(trials=0)


def test_pages_are_told_at_the_start_and_after_every_run(training, go):
    go(trials=2)
    go(trials=3)
    assert [(count, last and last.number) for count, last in go.seen] == [
        (1, 1),
        (2, 2),
        (2, None),
        (3, 3),
    ]


def test_a_real_search_reports_what_its_curves_say_and_its_best_settings_give_it_again(
    go, data, tmp_path
):
    sizes = dict.fromkeys(config().sizes, 4)
    small = read_config("memnet", changes={"sizes": sizes, "epochs": 2, "dropout": 0.0})
    found = go(trials=2, settings=small, ranges=Ranges(batch_size=(4, 8)))
    ended = [trial for trial in found if trial.value is not None]
    assert ended
    for trial in ended:
        rows = read_curves(trial.folder)
        assert trial.value == max(row["val_spearman"] for row in rows if row["epoch"])
        assert json.loads((trial.folder / "run.json").read_text())["best"]["val_spearman"] == (
            trial.value
        )
    best = max(ended, key=lambda trial: trial.value)
    wins = read_config(file=tmp_path / "search" / "best.toml")
    again = tmp_path / "again"
    begin(again, wins, data)
    machine = Machine(device="cpu", devices=1, workers=0, cache=tmp_path / "cache", wandb="")
    assert fit(wins, data, again, machine)["best"]["val_spearman"] == best.value


_SEARCH = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_tune import real_search
real_search(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def real_search(folder, out):
    """Search with real trainings on pictures that are drawn into a folder."""
    sizes = dict.fromkeys(config().sizes, 4)
    return tune.search(
        read_config("memnet", changes={"sizes": sizes, "epochs": 4}),
        planted_set(folder / "pictures", train=8, val=6),
        out,
        Machine(device="cpu", devices=1, workers=0, cache=folder / "cache", wandb=""),
        ranges=Ranges(batch_size=(2, 4), learning_rate=(1e-6, 1e-4)),
        trials=2,
        keep=lambda run, tried, found: write_json(run / "run.json", {**HEAD, **found}),
        after=lambda found, last: None,
    )


@pytest.mark.process
@pytest.mark.slow  # one that is interrupted, in a process too, is in tests/cli
def test_a_search_that_was_really_killed_goes_on_as_if_it_had_not_been(tmp_path):
    whole = real_search(tmp_path, tmp_path / "whole")
    here = Path(__file__).parent
    args = [sys.executable, "-c", _SEARCH, str(here), str(tmp_path), str(tmp_path / "killed")]
    paths = os.pathsep.join([str(here), str(here.parent / "helpers")])
    killed = subprocess.Popen(
        args, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE, text=True
    )
    second = tmp_path / "killed" / "trials" / "0002" / "curves.csv"
    wait_for(killed, lambda: second.is_file() and len(second.read_text().splitlines()) >= 3)
    killed.kill()
    killed.communicate()
    assert not (second.parent / "run.json").exists()
    assert told(real_search(tmp_path, tmp_path / "killed")) == told(whole)
    for name in ("0001", "0002"):
        both = [
            [(row["step"], row["val_spearman"], row["val_loss"]) for row in read_curves(path)]
            for path in (tmp_path / o / f"trials/{name}" for o in ("killed", "whole"))
        ]
        assert both[0] == both[1]
