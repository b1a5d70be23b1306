"""Training runs at reduced size: they learn, repeat to the bit, survive, say what went wrong."""

from __future__ import annotations

import csv
import errno
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from scipy.stats import spearmanr

from command import wait_for
from memnet.errors import MemnetError
from memnet.reimpl import branches
from memnet.reimpl.initial_weights import start_network
from memnet.reimpl.training import batches, callbacks, loop, module
from memnet.reimpl.training import fit as fit_module
from memnet.reimpl.training.batches import Pictures
from memnet.reimpl.training.fit import fit
from memnet.reimpl.training.loop import Machine
from memnet.reimpl.training.run_folder import BEST, LAST, WEIGHTS, begin, read_begun
from memnet.scoring.predictor import load
from memnet.weights.files import read_header, read_weights
from planted import TINY, planted_set, small_config

HELPERS = Path(__file__).parents[1] / "helpers"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def data(place):
    return planted_set(place / "pictures", train=35, val=12)


@pytest.fixture
def save_always(monkeypatch):
    monkeypatch.setattr(callbacks, "SAVE_EVERY_S", 0.0)


def machine(place, devices=1, workers=None):
    return Machine(device="cpu", devices=devices, workers=workers, cache=place / "cache", wandb="")


SAME_STEPS = 0.02
"""Of the way that weights went: further apart, and two runs took other steps."""


def small(preset="memnet", **changes):
    usual = {"learning_rate": 0.003, "epochs": 3, "patience": 50, "batch_size": 8}
    return small_config(preset, TINY, **{**usual, **changes})


def run(place, data, out, config, *, devices=1, workers=None, watch=None):
    begin(out, config, data)
    return fit(config, data, out, machine(place, devices, workers), watch=watch)


def weights_of(out):
    return torch.load(out / LAST, weights_only=True)["state_dict"]


def starting_weights(config):
    torch.manual_seed(config.seed)
    network = config.build()
    start_network(network, config.starts)
    return network.state_dict()


def curves_of(out):
    """The curves without what the clock decides."""
    with (out / "curves.csv").open() as file:
        return [
            {k: row[k] for k in ("epoch", "step", "train_loss", "val_loss", "val_spearman")}
            for row in csv.DictReader(file)
        ]


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.fixture(scope="module")
def whole(place, data):
    """A run that nothing interrupted."""
    out = place / "whole"
    found = run(place, data, out, small(crop="random", mirror=True, validations_per_epoch=2))
    return out, found


def test_it_learns(whole):
    out, found = whole
    rows = curves_of(out)
    assert found["status"] == "finished"
    assert len(rows) == 1 + 2 * 3  # before training, then two validations an epoch
    assert float(rows[0]["epoch"]) == 0
    assert rows[0]["train_loss"] == ""
    assert float(rows[-1]["train_loss"]) < 0.5 * float(rows[1]["train_loss"])
    best = max(rows[1:], key=lambda row: float(row["val_spearman"]))
    assert found["best"]["val_spearman"] == float(best["val_spearman"])


def test_two_runs_with_one_seed_give_the_same_weights_to_the_bit(place, data, whole):
    out = place / "twice"
    run(place, data, out, small(crop="random", mirror=True, validations_per_epoch=2))
    assert same(weights_of(out), weights_of(whole[0]))
    assert curves_of(out) == curves_of(whole[0])
    first, second = (read_weights(folder / WEIGHTS)[0] for folder in (out, whole[0]))
    assert same(first, second)


def test_processes_that_fetch_batches_change_nothing(place, data, whole):
    out = place / "workers"
    config = small(crop="random", mirror=True, validations_per_epoch=2)
    run(place, data, out, config, workers=2)
    assert active_children() == []  # left to garbage collection, ending them takes 20 s
    assert same(weights_of(out), weights_of(whole[0]))


def test_another_seed_gives_other_weights(place, data, whole):
    out = place / "seed"
    config = small(crop="random", mirror=True, validations_per_epoch=2, seed=7)
    run(place, data, out, config)
    assert not same(weights_of(out), weights_of(whole[0]))


@pytest.mark.usefixtures("save_always")
@pytest.mark.parametrize("step", [1, 6, 9, 15])
def test_an_interrupted_run_goes_on_as_if_it_never_was(place, data, whole, monkeypatch, step):
    out = place / f"interrupted-{step}"
    config = small(crop="random", mirror=True, validations_per_epoch=2)
    before, steps = module.TrainingModule.training_step, []

    def interrupted(self, batch, number):
        steps.append(number)
        if len(steps) == step:
            raise KeyboardInterrupt
        return before(self, batch, number)

    monkeypatch.setattr(module.TrainingModule, "training_step", interrupted)
    found = run(place, data, out, config)
    assert found["status"] == "interrupted"
    if step < 5:
        assert "nothing is kept" in found["message"]
    else:
        epoch = (step - 1) // 5
        assert f"goes on from the end of epoch {epoch}, saved last" in found["message"]
        assert (out / WEIGHTS).is_file()
    began = []

    def counted(self, batch, number):
        began.append(self.current_epoch)
        return before(self, batch, number)

    monkeypatch.setattr(module.TrainingModule, "training_step", counted)
    config, known = read_begun(out)  # what the folder says is enough
    again = fit(config, known, out, machine(place))
    assert again["status"] == "finished"
    epoch = (step - 1) // 5  # an epoch has five batches
    assert began == [number for number in range(epoch, 3) for _ in range(5)]
    assert again["best"] == whole[1]["best"]
    assert same(weights_of(out), weights_of(whole[0]))
    assert curves_of(out) == curves_of(whole[0])
    assert same(read_weights(out / WEIGHTS)[0], read_weights(whole[0] / WEIGHTS)[0])


@pytest.mark.process
@pytest.mark.slow  # an interrupted run is the quick one
def test_a_killed_process_loses_nothing_that_was_saved(place, data, whole, monkeypatch):
    out = place / "killed"
    config = small(crop="random", mirror=True, validations_per_epoch=2)
    begin(out, config, data)
    code = (
        f"import sys, time; sys.path.insert(0, {str(HELPERS)!r})\n"
        "from pathlib import Path\n"
        "from memnet.reimpl.training import callbacks, module\n"
        "from memnet.reimpl.training.fit import fit\n"
        "from memnet.reimpl.training.loop import Machine\n"
        "from memnet.reimpl.training.run_folder import read_begun\n"
        "callbacks.SAVE_EVERY_S = 0.0\n"
        "before = module.TrainingModule.training_step\n"
        "def slow(self, batch, number):\n"
        "    time.sleep(0.5)\n"
        "    return before(self, batch, number)\n"
        "module.TrainingModule.training_step = slow\n"
        f"out = Path({str(out)!r})\n"
        f"fit(*read_begun(out), out, Machine(device='cpu', devices=1, workers=None, "
        f"cache=Path({str(place / 'cache')!r}), wandb=''))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    wait_for(process, (out / LAST).is_file)
    process.kill()
    process.communicate()
    assert (out / LAST).is_file()
    assert len(curves_of(out)) < 7
    (out / ".last.ckpt.0123.part").write_bytes(b"half")  # as a kill while it is written leaves
    before, began = module.TrainingModule.training_step, []

    def counted(self, batch, number):
        began.append(self.current_epoch)
        return before(self, batch, number)

    monkeypatch.setattr(module.TrainingModule, "training_step", counted)
    found = fit(config, data, out, machine(place))
    assert found["status"] == "finished"
    assert min(began) > 0
    assert not list(out.glob(".*.part"))
    assert same(weights_of(out), weights_of(whole[0]))
    assert curves_of(out) == curves_of(whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["memnet", "resmem"])
def test_two_processes_learn_what_one_learns(place, data, preset):
    """Batches of 17 and a last one of 1, so that the shares are never equal.

    A convolution of half a batch rounds otherwise than one of the whole on some processors. Then a
    ReLU or a maximum flips here and there, and after a few steps the weights lie up to 0.7 % of
    their way apart (measured; 1e-6 where it rounds alike). A share that is counted twice, or not
    by its size, is an error of 10 % and more.
    """
    config = small(preset, dropout=0.0, crop="centre", batch_size=17, epochs=2)
    alone, together = place / f"one-{preset}", place / f"two-{preset}"
    run(place, data, alone, config)
    found = run(place, data, together, config, devices=2)
    assert found["status"] == "finished", found["message"]
    first, second, start = weights_of(alone), weights_of(together), starting_weights(config)
    for name in first:  # frozen branches are not kept
        moved = (first[name] - start[name.removeprefix("network.")]).norm()
        apart = (first[name] - second[name]).norm()
        assert apart < SAME_STEPS * moved, name
    for row, other in zip(curves_of(alone), curves_of(together), strict=True):
        assert float(row["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=SAME_STEPS)
    assert found["best"]["val_loss"] == pytest.approx(
        float(curves_of(alone)[int(found["best"]["epoch"])]["val_loss"]), rel=SAME_STEPS
    )


@pytest.mark.usefixtures("save_always")
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_best(place, data, monkeypatch):
    out = place / "nan"
    before = Pictures.__getitem__

    def spoilt(self, place):
        batch = before(self, place)
        if place.epoch == 1 and self.crop == "random":  # training, not validation
            batch["scores"] = batch["scores"] * float("nan")
        return batch

    monkeypatch.setattr(Pictures, "__getitem__", spoilt)
    found = run(place, data, out, small(crop="random"))
    assert found["status"] == "failed"
    assert "loss is no longer a finite number in epoch 2, step 6" in found["message"]
    assert "lower learning_rate than 0.003" in found["message"]
    assert f"The best weights so far are kept in {out / WEIGHTS}" in found["message"]
    tensors, _ = read_weights(out / WEIGHTS)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    assert found["best"]["epoch"] == 1


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")],
)
def test_a_memory_that_is_too_small_is_said(place, data, monkeypatch, error):
    def full(self, batch, number):
        raise error

    monkeypatch.setattr(module.TrainingModule, "training_step", full)
    found = run(place, data, place / f"memory-{type(error).__name__}", small())
    assert (found["status"], found["cause"]) == ("failed", "memory")
    assert "does not hold batches of 8: lower batch_size" in found["message"]


def test_weights_that_run_away_are_said_so(place, data):
    found = run(place, data, place / "away", small(learning_rate=1e4))
    assert found["status"] == "failed"
    assert "lower learning_rate than 10000" in found["message"]
    assert "nothing is kept" in found["message"]


@pytest.mark.usefixtures("save_always")
def test_a_full_disk_stops_the_run_and_keeps_the_checkpoint_before_it(place, data):
    """A real one: from epoch 2 on no file may grow beyond 10 kB."""
    out = place / "full"
    config = small(epochs=4)
    resource = pytest.importorskip("resource", reason="Windows has no limits of a process")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(row):
        if row["epoch"] == 2:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        return False

    try:
        found = run(place, data, out, config, watch=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert (found["status"], found["cause"]) == ("failed", "other")
    assert "cannot be written" in found["message"]
    assert not list(out.glob(".*.part"))
    assert torch.load(out / LAST, weights_only=True)["epoch"] == 0
    found = fit(config, data, out, machine(place))
    assert found["status"] == "finished"
    straight = place / "not-full"
    run(place, data, straight, config)
    assert same(weights_of(out), weights_of(straight))


def test_a_checkpoint_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    io = callbacks.SafeCheckpoints()
    io.save_checkpoint({"a": torch.ones(3)}, tmp_path / "last.ckpt")

    def half(self, checkpoint, path, storage_options=None):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", half)
    with pytest.raises(MemnetError, match=r"No space left.*the checkpoint before this one is kept"):
        io.save_checkpoint({"a": torch.zeros(3)}, tmp_path / "last.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(tmp_path / "last.ckpt")["a"].sum() == 3


def test_it_stops_early_and_keeps_the_best(place, data):
    out = place / "early"
    found = run(place, data, out, small(learning_rate=1e-9, epochs=30, patience=2))
    assert found["status"] == "stopped early"
    rows = curves_of(out)
    assert len(rows) < 10
    again = fit(*read_begun(out), out, machine(place))  # a kill before run.json was written
    assert (again["status"], again["best"]) == ("stopped early", found["best"])
    assert curves_of(out) == rows


@pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_best_weights_that_are_kept_are_those_that_are_named(place, data, devices):
    """Of a run that ends by an error, with nothing saved since the first epoch."""
    out = place / f"named-{devices}"
    config = small(learning_rate=0.02, epochs=8, dropout=0.0)
    found = run(place, data, out, config, watch=FullAt(5), devices=devices)
    assert (found["status"], found["cause"]) == ("failed", "other"), found["message"]
    assert "The disk is full." in found["message"]
    rows = curves_of(out)[1:]
    top = max(rows, key=lambda row: float(row["val_spearman"]))
    assert float(top["epoch"]) > 1
    assert found["best"]["val_spearman"] == float(top["val_spearman"])
    scores = load(out / WEIGHTS, device="cpu").score(
        data.table["path"][data.table["part"] == "val"].tolist()
    )
    human = data.table["score"][data.table["part"] == "val"].to_numpy()
    assert module.spearman(scores["score"].to_numpy(), human) == pytest.approx(
        found["best"]["val_spearman"], abs=1e-9
    )


class FullAt:
    """A watch that can be sent to another process."""

    def __init__(self, epoch):
        self.epoch = epoch

    def __call__(self, row):
        if row["epoch"] == self.epoch:
            raise MemnetError("The disk is full.")
        return False


@pytest.mark.usefixtures("save_always")
def test_a_disk_that_is_full_from_the_first_checkpoint_on_is_said(place, data, monkeypatch):
    def full(self, checkpoint, path, storage_options=None):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TorchCheckpointIO, "save_checkpoint", full)
    found = run(place, data, place / "full-at-once", small())
    assert (found["status"], found["best"]) == ("failed", None)
    assert "No space left" in found["message"]
    assert "nothing is kept" in found["message"]


def test_constant_predictions_are_no_correlation_and_no_crash(place, data, monkeypatch):
    monkeypatch.setattr(branches.Network, "initialise", zero_head)
    out = place / "constant"
    found = run(place, data, out, small(learning_rate=1e-9, epochs=2))
    assert [row["val_spearman"] for row in curves_of(out)] == ["", "", ""]
    assert (found["status"], found["best"]) == ("finished", None)
    assert not (out / WEIGHTS).exists()


def zero_head(network, _):
    torch.nn.init.zeros_(network.fc8.weight)


def test_spearman_is_scipys_and_undefined_for_a_constant():
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(2, 50)).round(1)  # with ties
    assert module.spearman(first, second) == spearmanr(first, second).statistic
    assert np.isnan(module.spearman(np.full(5, 0.5), np.arange(5.0)))


def test_the_cached_branch_gives_the_run_that_recomputing_gives(place, data):
    """The same result within rounding, which depends on how many pictures are computed at once."""
    first, second = place / "cached", place / "recomputed"
    run(place, data, first, small("resmem", learning_rate=0.001))
    run(place, data, second, small("resmem", learning_rate=0.001, cache_frozen=False))
    a, b = (weights_of(folder) for folder in (first, second))
    began = {f"network.{n}": t for n, t in begun(small("resmem")).items()}
    moved = max((a[name] - began[name]).abs().max() for name in a)
    assert max((a[name] - b[name]).abs().max() for name in a) < 1e-3 * moved
    for row, other in zip(curves_of(first), curves_of(second), strict=True):
        assert float(row["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=1e-3)


def begun(config):
    torch.manual_seed(config.seed)
    return config.build().state_dict()


def test_the_weight_file_scores_as_the_network_was_validated(place, data, whole):
    out, found = whole
    predictor = load(out / WEIGHTS, device="cpu")
    val = data.table[data.table["part"] == "val"]
    scores = predictor.score(val["path"].tolist())
    rho = module.spearman(scores["score"].to_numpy(), val["score"].to_numpy())
    assert rho == pytest.approx(found["best"]["val_spearman"], abs=1e-12)
    mse = float(np.mean((scores["score"].to_numpy() - val["score"].to_numpy()) ** 2))
    assert mse == pytest.approx(found["best"]["val_loss"], rel=1e-5)


def test_the_weight_file_says_what_it_is_and_what_it_has_seen(whole):
    header = read_header(whole[0] / WEIGHTS)
    assert (header.arch, header.name) == ("memnet48", "memnet48.whole")
    assert header.trained_on == ("planted:train:a", "planted:val:a")
    assert header.preprocess.resize_hw == (256, 256)
    assert "Needell" in header.citation


def test_other_settings_or_data_in_a_runs_folder_are_refused(place, data, whole):
    config = small(crop="random", mirror=True, validations_per_epoch=2)
    with pytest.raises(MemnetError, match=r"other settings \(learning_rate was 0\.003 and is 0\.1"):
        begin(whole[0], replace(config, learning_rate=0.1), data)
    renamed = replace(data, trained_on=("memcat:train:a", "memcat:val:a"))
    with pytest.raises(MemnetError, match="data are called planted:train:a"):
        begin(whole[0], config, renamed)
    other = replace(data, table=data.table.assign(score=data.table["score"] / 2))
    with pytest.raises(MemnetError, match="other data"):
        begin(whole[0], config, other)
    with pytest.raises(MemnetError, match="no training run"):
        begin(place / "pictures", config, data)
    with pytest.raises(MemnetError, match="holds no training run; give --preset"):
        read_begun(place / "pictures")


def test_another_start_cannot_go_on_with_a_run(place, data, whole, tmp_path):
    weights = tmp_path / "start.safetensors"
    weights.write_bytes((whole[0] / WEIGHTS).read_bytes())
    config = small(epochs=2, starts={"convolutions": str(weights)}, freeze=("convolutions",))
    out = place / "start"

    assert run(place, data, out, config)["status"] == "finished"
    assert BEST in {path.name for path in out.iterdir()}
    other = place / "seed-for-start"
    run(place, data, other, small(seed=9, epochs=1))
    weights.write_bytes((other / WEIGHTS).read_bytes())
    found = fit(config, data, out, machine(place))
    assert found["status"] == "failed"
    assert "weights of the branch convolutions are not those" in found["message"]


def test_other_pictures_cannot_go_on_with_a_run(place, data, tmp_path):
    """Another picture under the same name: the run would be of neither."""
    moved = tmp_path / "pictures"
    shutil.copytree(place / "pictures", moved)
    table = data.table.assign(path=[str(moved / name) for name in data.table["image_id"]])
    config, out = small(epochs=1), tmp_path / "run"
    assert run(place, replace(data, table=table), out, config)["status"] == "finished"
    shutil.copy(moved / "0001.png", moved / "0000.png")
    found = fit(config, replace(data, table=table), out, machine(place))
    assert found["status"] == "failed"
    assert "The pictures are not those that this run began with" in found["message"]


def test_a_damaged_checkpoint_is_said(place, data, whole, tmp_path):
    for name in (LAST, BEST):
        out = tmp_path / name
        shutil.copytree(whole[0], out)
        (out / name).write_bytes((out / name).read_bytes()[:1000])
        with pytest.raises(MemnetError, match=f"{name} is damaged .* delete it to go on without"):
            fit(*read_begun(out), out, machine(place))


def test_a_checkpoint_of_something_else_is_said(tmp_path):
    torch.save([1, 2], tmp_path / LAST)
    with pytest.raises(MemnetError, match=r"is damaged \(it is no checkpoint of a training\)"):
        callbacks.read_checkpoint(tmp_path / LAST)


def test_an_error_of_a_file_is_not_blamed_on_the_runs_folder(tmp_path):
    def fit(*_, **__):
        raise OSError(5, "Input/output error", "/cache/pictures.npy")

    trainer, nothing = SimpleNamespace(fit=fit), SimpleNamespace(loaders={})
    batches._opened[tmp_path] = "a map"
    status, cause, message = loop.run_loop(nothing, trainer, small(), tmp_path)
    assert (status, cause) == ("failed", "other")
    assert "A file could not be read or written ([Errno 5] Input/output error: " in message
    assert str(tmp_path) not in message
    assert batches._opened == {}  # who trains next maps what lies there then


def test_pictures_that_cannot_be_read_are_left_out_and_named(place, data):
    bad = place / "pictures" / "bad.png"
    bad.write_bytes(b"no picture")
    table = data.table.copy()
    table.loc[3, "path"] = str(bad)
    out = place / "unread"
    found = run(place, replace(data, table=table), out, small(epochs=1))
    assert found["status"] == "finished"
    assert found["failed_pictures"] == 1
    assert any(
        "0003.png" in sentence and "no picture" in sentence for sentence in found["warnings"]
    )


def test_more_validations_than_batches_are_refused(place, data):
    with pytest.raises(MemnetError, match="an epoch has 5 batch"):
        run(place, data, place / "often", small(validations_per_epoch=6))


def test_mixed_precision_learns_and_keeps_its_weights_in_32_bits(place, data, whole):
    out = place / "bf16"
    found = run(place, data, out, small(precision="bf16", crop="centre", epochs=6))
    assert found["status"] == "finished"
    tensors, _ = read_weights(out / WEIGHTS)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    rows = curves_of(out)
    assert float(rows[-1]["train_loss"]) < 0.5 * float(rows[1]["train_loss"])
    plain = place / "fp32"
    run(place, data, plain, small(crop="centre", epochs=1))
    first, second = (float(curves_of(folder)[1]["train_loss"]) for folder in (out, plain))
    assert 0 < abs(first / second - 1) < 0.05  # other numbers, but not by much


def test_the_score_is_computed_in_32_bits_whatever_comes_before_it():
    """In bfloat16 there are 128 numbers between 0.5 and 1, so that scores would be tied."""
    for preset in ("memnet", "resmem"):
        network = small_config(preset, TINY).build().eval()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            scores = network(torch.rand(3, 3, 227, 227))
        assert scores.dtype == torch.float32
        assert len(set(scores.tolist())) == 3


def test_half_precision_is_refused_on_a_cpu(place, data):
    with pytest.raises(MemnetError, match='is for GPUs; on a CPU it is "32" or "bf16"'):
        run(place, data, place / "half", small(precision="16"))


def test_wandb_that_is_not_installed_is_said_before_the_work(place, data, monkeypatch):
    monkeypatch.setattr(fit_module, "find_spec", lambda name: None)
    begin(place / "wandb", small(), data)
    with pytest.raises(MemnetError, match="pip install wandb"):
        fit(small(), data, place / "wandb", replace(machine(place), wandb="project"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without GPU")
def test_a_gpu_that_is_not_there_is_said(place):
    with pytest.raises(MemnetError, match="PyTorch sees 0 here"):
        _ = replace(machine(place), device="cuda").accelerator


def test_apples_gpu_is_for_scoring(place, monkeypatch):
    with pytest.raises(MemnetError, match=r"\(mps\) is for scoring; train with --device cpu"):
        _ = replace(machine(place), device="mps").accelerator
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert replace(machine(place), device="auto").accelerator == "cpu"
