"""What happens around the steps: the curves, checkpoints that survive a kill, the progress bar."""

from __future__ import annotations

import csv
import io
import math
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, EarlyStopping, TQDMProgressBar
from torch import Tensor
from tqdm import tqdm

from memnet.errors import MemnetError
from memnet.reimpl.training.module import TrainingModule
from memnet.reimpl.training.run_folder import BEST, CURVES, LAST
from memnet.util.atomic import replace_file, write_text

COLUMNS = (
    "epoch",
    "step",
    "train_loss",
    "val_loss",
    "val_spearman",
    "seconds",
    "pictures_per_second",
    "waiting_share",
    "learning_rate",
)
"""Of ``curves.csv``, which has a row per validation; the first is of the untrained network."""

SAVE_EVERY_S = 60.0
"""Seconds after which checkpoints are written again, at the end of an epoch. Sooner where writing
them takes less than a tenth of the time: they may hold a gigabyte, and an epoch take a second."""


class SafeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are written whole or not at all: what was there before stays until then."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None):  # type: ignore[no-untyped-def]
        """Write beside, then rename.

        Raises
        ------
        MemnetError
            if the disk is full or the folder cannot be written.
        """
        path = Path(path)
        advice = "free some space there, then run the same command again to go on"
        if path.exists():
            advice += " (the checkpoint before this one is kept)"
        # PyTorch's writer turns a full disk into a RuntimeError.
        with replace_file(path, advice=advice, errors=(RuntimeError,)) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, whose tensors are read from the disk when they are used.

    Raises
    ------
    MemnetError
        if it is damaged.
    """
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        if not isinstance(content, dict):
            raise ValueError("it is no checkpoint of a training")
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise MemnetError(
            f"{path} is damaged ({str(error).splitlines()[0]}); delete it to go on without it."
        ) from error
    checkpoint: dict[str, Any] = content
    return checkpoint


class Journal(Callback):
    """Keeps the curves and the two checkpoints: the end of an epoch, and the best validation.

    All that it knows travels in the checkpoints, so that a run that goes on from one has the
    curves up to there and no more. ``watch`` is told each new row, and ends the run by True;
    ``pause`` is asked at the end of each epoch but the last, and True ends it there.
    """

    def __init__(
        self,
        folder: Path,
        watch: Callable[[dict[str, float]], bool] | None,
        pause: Callable[[], bool] | None = None,
    ) -> None:
        self.folder = folder
        self.watch, self.pause = watch, pause
        self.rows: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.stopped = False  # early, by the patience of its settings
        self._best_weights: dict[str, Tensor] | None = None  # not on the disk yet
        self._saved_at = -math.inf
        self._saving = 0.0  # seconds that it took last time
        self._seconds_before = 0.0  # of training, in earlier processes and before the last pause
        self._waited_before = 0.0
        self._since: float | None = None
        self._pictures = 0
        self._paused = 0.0  # seconds of those in which nothing is trained: validation and saving
        self._paused_since: float | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return what a later process needs."""
        return {
            "rows": self.rows,
            "best": self.best,
            "seconds": self._seconds(),
            "waited": self._waited_before,
            "pictures": self._pictures,
            "paused": self._paused,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up where an earlier process stopped."""
        self.rows, self.best = state_dict["rows"], state_dict["best"]
        self._seconds_before, self._waited_before = state_dict["seconds"], state_dict["waited"]
        self._pictures, self._paused = state_dict["pictures"], state_dict["paused"]
        self.stopped = state_dict["stopped"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock, once everything is set up; a run that had stopped early does not."""
        trainer.should_stop = trainer.should_stop or self.stopped
        self._since = time.perf_counter()
        if trainer.is_global_zero:
            self._write()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, _: int
    ) -> None:
        """Count the pictures."""
        self._pictures += batch["batch_size"]

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take validation out of the time that pictures per second are reckoned by."""
        self._paused_since = time.perf_counter()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add a row to the curves, and keep the weights if they are the best so far."""
        assert isinstance(pl_module, TrainingModule)
        if trainer.sanity_checking and self.rows:
            return  # a run that goes on: Lightning validates again, and the row is there
        if self._since is not None and self._paused_since is not None:
            self._paused += time.perf_counter() - self._paused_since
        seconds = self._seconds()
        stepping = seconds - self._paused
        waited = self._waited_before + self._waited_now(pl_module)
        row = {
            "epoch": trainer.current_epoch + self._share_of_epoch(trainer),
            "step": trainer.global_step,
            "train_loss": pl_module.train_loss(),
            **pl_module.last_validation,
            "seconds": seconds,
            "pictures_per_second": self._pictures / stepping if self._pictures else math.nan,
            "waiting_share": waited / stepping if self._pictures else math.nan,
            "learning_rate": pl_module.settings.learning_rate,
        }
        for logger in trainer.loggers:
            defined = {name: value for name, value in row.items() if not math.isnan(value)}
            logger.log_metrics(defined, step=trainer.global_step)
        self.rows.append({name: row[name] for name in COLUMNS})
        spearman = row["val_spearman"]
        if not trainer.sanity_checking and spearman > self.best.get("val_spearman", -math.inf):
            self.best = {k: row[k] for k in ("epoch", "step", "val_spearman", "val_loss")}
            if trainer.is_global_zero:
                self._best_weights = pl_module.trained_state()
            if trainer.world_size > 1:  # a process beside others is not told of their errors
                self._keep_best(trainer)
        if trainer.is_global_zero:
            self._write()
        if self.watch is not None and not trainer.sanity_checking and self.watch(self.rows[-1]):
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep everything that the next epoch depends on, if the last time was long ago."""
        assert isinstance(pl_module, TrainingModule)
        self._seconds_before, self._since = self._seconds(), time.perf_counter()
        self._waited_before += self._waited_now(pl_module)
        pl_module.loaders["train"].waited = 0.0
        pl_module.raise_if_not_finite()
        self.stopped = any(
            isinstance(callback, EarlyStopping) and callback.wait_count >= callback.patience
            for callback in trainer.callbacks  # type: ignore[attr-defined]
        )
        at_the_end = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        if not at_the_end and self.pause is not None and self.pause():
            trainer.should_stop = at_the_end = True
        wait = min(SAVE_EVERY_S, 10 * self._saving)
        due = at_the_end or time.monotonic() - self._saved_at >= wait
        if trainer.strategy.broadcast(due):  # one clock decides for all processes
            began = time.monotonic()
            self._keep_best(trainer)  # first: a run that goes on must find the best one before it
            trainer.save_checkpoint(self.folder / LAST)
            self._saved_at = time.monotonic()
            self._saving = self._saved_at - began
            self._paused += self._saving

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Keep the best weights, whatever went wrong after them."""
        self._keep_best(trainer)

    def _keep_best(self, trainer: L.Trainer) -> None:
        if self._best_weights is not None:
            content = {"state_dict": self._best_weights, **self.best}
            trainer.strategy.checkpoint_io.save_checkpoint(content, self.folder / BEST)
            self._best_weights = None

    def _seconds(self) -> float:
        return self._seconds_before + (time.perf_counter() - self._since if self._since else 0.0)

    def _waited_now(self, module: TrainingModule) -> float:
        loader = module.loaders.get("train")
        return loader.waited if loader else 0.0

    def _share_of_epoch(self, trainer: L.Trainer) -> float:
        if trainer.sanity_checking:
            return 0.0
        return (trainer.fit_loop.epoch_loop.batch_idx + 1) / int(trainer.num_training_batches)

    def _write(self) -> None:
        write_curves(self.folder / CURVES, self.rows)


def write_curves(path: Path, rows: list[dict[str, float]]) -> None:
    """Write the curves, whole or not at all; what is undefined is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = [row[name] for name in COLUMNS]
        writer.writerow(["" if math.isnan(value) else value for value in values])
    write_text(path, text.getvalue())


class Progress(TQDMProgressBar):
    """Lightning's bars, on stderr, and silent where that is no terminal."""

    @property
    def is_disabled(self) -> bool:
        """Whether nothing is shown."""
        return super().is_disabled or not sys.stderr.isatty()

    def init_train_tqdm(self) -> Any:
        """Build the bar of training."""
        return self._bar("training")

    def init_validation_tqdm(self) -> Any:
        """Build the bar of validation."""
        return self._bar("validation")

    def init_sanity_tqdm(self) -> Any:
        """Build the bar of the validation before training."""
        return self._bar("validation before training")

    def _bar(self, name: str) -> Any:
        return tqdm(
            desc=name,
            disable=self.is_disabled,
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
            smoothing=0,
            bar_format=self.BAR_FORMAT,
        )
