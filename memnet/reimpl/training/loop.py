"""The training loop: Lightning's trainer as we set it up, and what can go wrong in it."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch.multiprocessing.spawn import ProcessException

from memnet.errors import MemnetError
from memnet.reimpl.training.batches import close_maps
from memnet.reimpl.training.callbacks import Journal, Progress, SafeCheckpoints, read_checkpoint
from memnet.reimpl.training.config import PRECISIONS, TrainConfig
from memnet.reimpl.training.module import NotFiniteError, TrainingModule
from memnet.reimpl.training.run_folder import BEST, LAST, WEIGHTS

CAUSES = ("not finite", "memory", "other")
"""Why a run can fail: the first two lie in the settings, any other would stop each run alike."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run runs, which is not meant to decide its weights.

    On one CPU it does not. A GPU draws other dropout, and so do several devices, each its own;
    without dropout they agree within rounding, where batch norm is frozen or synchronised (on GPUs
    it is).

    Attributes
    ----------
    device : ``"auto"``, ``"cpu"`` or ``"cuda"``.
    devices : how many GPUs, or processes on the CPU.
    workers : processes that fetch batches; None for none on a CPU, whose cores are busy, and up to
        8 beside a GPU.
    cache : folder for decoded pictures and outputs of frozen branches.
    wandb : project of Weights & Biases to log to as well, "" for none.
    """

    device: str
    devices: int
    workers: int | None
    cache: Path
    wandb: str

    @property
    def accelerator(self) -> str:
        """``"cpu"`` or ``"cuda"``; one that is not there raises ``MemnetError``."""
        there = torch.cuda.device_count() if torch.cuda.is_available() else 0
        kind = ("cuda" if there else "cpu") if self.device == "auto" else self.device
        if kind == "mps":
            raise MemnetError("Apple's GPU (mps) is for scoring; train with --device cpu or cuda.")
        if kind not in ("cpu", "cuda"):
            raise MemnetError(f"--device is {self.device!r}; it must be auto, cpu or cuda.")
        if kind == "cuda" and there < self.devices:
            raise MemnetError(
                f"{self.devices} GPU(s) were asked for, and PyTorch sees {there} here; lower "
                "--devices, or use --device cpu."
            )
        return kind


def run_loop(
    module: TrainingModule, trainer: L.Trainer, config: TrainConfig, out: Path
) -> tuple[str, str, str]:
    """Let Lightning train.

    Returns
    -------
    status, cause, message : "finished", "", ""; or what went wrong, why (:data:`CAUSES`), and one
        sentence about it and what is kept.
    """
    last = out / LAST
    try:
        trainer.fit(module, ckpt_path=last if last.is_file() else None, weights_only=True)
    except NotFiniteError as error:
        return "failed", "not finite", _kept(str(error), out)
    except MemnetError as error:
        return "failed", "other", _kept(str(error), out)
    except ProcessException as error:  # of another process, as text; or it was killed
        kind, _, sentence = str(error).strip().splitlines()[-1].partition(": ")
        if kind.endswith(NotFiniteError.__name__):
            return "failed", "not finite", _kept(sentence, out)
        if _out_of_memory(error):
            return "failed", "memory", _kept(_too_large(config), out)
        return "failed", "other", _kept(f"A process failed: {sentence or kind}.", out)
    except (MemoryError, RuntimeError) as error:  # PyTorch's own is a RuntimeError
        if not _out_of_memory(error):
            raise
        return "failed", "memory", _kept(_too_large(config), out)
    except OSError as error:
        return "failed", "other", _kept(f"A file could not be read or written ({error}).", out)
    except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
        return "interrupted", "", _kept("The training was interrupted.", out)
    finally:
        for loader in module.loaders.values():
            loader.close()
        close_maps()
    return "finished", "", ""


def _out_of_memory(error: Exception) -> bool:
    message_text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in message_text for words in ("out of memory", "can't allocate memory", "outofmemory")
    )


def _too_large(config: TrainConfig) -> str:
    return (
        f"The memory does not hold batches of {config.batch_size}: lower batch_size (on a GPU, "
        'precision = "bf16" also helps).'
    )


def _kept(sentence: str, out: Path) -> str:
    kept = [name for name in (LAST, BEST) if (out / name).is_file()]
    if not kept:
        return f"{sentence} No epoch was finished, so nothing is kept."
    if BEST in kept:
        sentence += f" The best weights so far are kept in {out / WEIGHTS}."
    if LAST in kept:
        epoch = read_checkpoint(out / LAST)["epoch"] + 1
        sentence += f" The same command goes on from the end of epoch {epoch}, saved last."
    return sentence


def make_trainer(
    config: TrainConfig,
    out: Path,
    machine: Machine,
    batches: int,
    *,
    watch: Callable[[dict[str, float]], bool] | None,
    pause: Callable[[], bool] | None,
) -> L.Trainer:
    """Set Lightning up; ``batches`` are those of an epoch, the others as for ``fit``."""
    cpu = machine.accelerator == "cpu"
    strategy: Any = "auto"
    if machine.devices > 1:
        strategy = DDPStrategy(
            start_method="spawn", process_group_backend="gloo" if cpu else "nccl"
        )
    return L.Trainer(
        default_root_dir=out,
        accelerator="cpu" if cpu else "gpu",
        devices=machine.devices,
        strategy=strategy,
        precision=PRECISIONS[config.precision],  # type: ignore[arg-type]
        max_epochs=config.epochs,
        val_check_interval=batches // config.validations_per_epoch,
        num_sanity_val_steps=-1,  # the whole validation part: the first row of the curves
        deterministic=cpu,  # on a GPU the backward passes of pooling have no deterministic kernel
        sync_batchnorm=machine.devices > 1 and not cpu,
        use_distributed_sampler=False,  # ours is the same for any number of processes
        enable_checkpointing=False,  # the journal keeps them
        enable_model_summary=False,
        logger=_loggers(out, machine),
        plugins=[SafeCheckpoints()],
        callbacks=[
            EarlyStopping(
                "val_spearman",
                mode="max",
                patience=config.patience,
                check_finite=False,  # a constant prediction has no rank correlation, and may later
            ),
            Journal(out, watch, pause),
            Progress(),
        ],
    )


def _steps(out: Path) -> int | None:
    """Return the step that a run goes on from; what TensorBoard has beyond it is to be hidden."""
    if not (out / LAST).is_file():
        return None
    return int(read_checkpoint(out / LAST)["global_step"]) + 1


def _loggers(out: Path, machine: Machine) -> list[Any]:
    loggers: list[Any] = [
        TensorBoardLogger(out, name="tensorboard", version="", purge_step=_steps(out))
    ]
    if machine.wandb:
        from lightning.pytorch.loggers import WandbLogger

        loggers.append(WandbLogger(project=machine.wandb, name=out.name, save_dir=out))
    return loggers


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's advice, which is not about memorability, and errors it repeats."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    deterministic = torch.are_deterministic_algorithms_enabled()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = "ignore"  # for processes that fetch batches, or share the work
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch|tensorboard")
        try:
            yield
        finally:
            if before is None:
                del os.environ["PYTHONWARNINGS"]
            else:
                os.environ["PYTHONWARNINGS"] = before
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            torch.use_deterministic_algorithms(deterministic)
            sys.stderr.flush()
