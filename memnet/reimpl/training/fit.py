"""A training run, from settings and data to a folder with everything that it found."""

from __future__ import annotations

import csv
import logging
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from torch.multiprocessing.spawn import ProcessException

from memnet.errors import MemnetError
from memnet.reimpl.branches import Network
from memnet.reimpl.starts import Start, start_network
from memnet.reimpl.training.batches import Pictures
from memnet.reimpl.training.cache import PictureCache, build_cache
from memnet.reimpl.training.callbacks import (
    BEST,
    LAST,
    Journal,
    Progress,
    SafeCheckpoints,
    read_checkpoint,
)
from memnet.reimpl.training.config import PRECISIONS, TrainConfig
from memnet.reimpl.training.dataset import TrainingSet
from memnet.reimpl.training.export import export, seen, training_spec
from memnet.reimpl.training.features import branch_outputs
from memnet.reimpl.training.folder import CURVES
from memnet.reimpl.training.module import NotFiniteError, TrainingModule

WEIGHTS = "best.safetensors"

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
        if kind not in ("cpu", "cuda"):
            raise MemnetError(f"--device is {self.device!r}; it must be auto, cpu or cuda.")
        if kind == "cuda" and there < self.devices:
            raise MemnetError(
                f"{self.devices} GPU(s) were asked for, and PyTorch sees {there} here; lower "
                "--devices, or use --device cpu."
            )
        return kind


def fit(
    config: TrainConfig,
    data: TrainingSet,
    out: Path,
    machine: Machine,
    *,
    watch: Callable[[dict[str, float]], bool] | None = None,
) -> dict[str, Any]:
    """Train, or go on with a run that was begun in ``out`` and not finished.

    Parameters
    ----------
    config, data : what decides the weights.
    out : the run's folder, which :mod:`memnet.reimpl.training.folder` has made ready.
    machine : where.
    watch : is told each row of ``curves.csv`` as it is written, and ends the run by returning True.

    Returns
    -------
    dict
        what ``run.json`` says about the training itself (``status``, ``message``, ``best``, ...):
        also of a run that failed, whose best weights so far are kept.

    Raises
    ------
    MemnetError
        if the run cannot begin: weights not at hand, a disk too small, no such device.
    """
    if machine.wandb and find_spec("wandb") is None:
        raise MemnetError("--wandb needs Weights & Biases: `pip install wandb`.")
    accelerator = machine.accelerator
    if accelerator == "cpu" and config.precision == "16":
        raise MemnetError('precision = "16" is for GPUs; on a CPU it is "32" or "bf16".')
    device = torch.device(accelerator)
    began = time.perf_counter()
    for left in out.glob(".*.part"):  # of a process that was killed while it wrote
        left.unlink(missing_ok=True)
    # What can be wrong quickly comes before the pictures are decoded.
    for name in (LAST, BEST):
        if (out / name).is_file():
            read_checkpoint(out / name)
    torch.manual_seed(config.seed)
    network = config.build()
    starts = start_network(network, config.starts)
    network.freeze(config.freeze)
    network.to(memory_format=torch.channels_last)
    # By id, the test part among them: another split of the same pictures finds them decoded.
    table = data.table.sort_values("image_id", ignore_index=True)
    pictures = build_cache(
        table["image_id"].tolist(),
        table["path"].tolist(),
        folder=machine.cache,
        spec=training_spec(),
    )
    rows = _usable_rows(table, pictures)
    known = {
        branch: branch_outputs(
            network, branch, pictures, spec=training_spec(), folder=machine.cache, device=device
        )
        for branch in config.cached
    }
    module = _module(config, table, rows, network, starts, pictures, known, _workers(machine))
    prepared = time.perf_counter() - began
    with _quiet():
        batches = -(-len(rows["train"]) // config.batch_size)
        trainer = _trainer(config, out, machine, watch, batches)
        status, cause, message = _run(module, trainer, config, out)
    curves = read_curves(out / CURVES)
    unread = [
        f"{table['image_id'][row]}: {why}"
        for row, why in pictures.failed.items()
        if table["part"][row] != "test"  # those are scored, and named, in the end
    ]
    best = None
    if (out / BEST).is_file():
        try:
            best = export(
                out / BEST,
                out / WEIGHTS,
                network=network,
                config=config,
                starts=starts,
                trained_on=data.trained_on,
            )
        except (
            MemnetError
        ) as error:  # a full disk: the checkpoint is there, so it can be done again
            status, cause, message = "failed", "other", str(error)
    last = curves[-1] if curves else {}
    return {
        "status": _stopped(status, curves, config),
        "cause": cause,
        "message": message,
        "best": best,
        "seconds": last.get("seconds"),
        "preparation_seconds": prepared,
        "pictures_per_second": last.get("pictures_per_second"),
        "waiting_share": last.get("waiting_share"),
        "device": accelerator,
        "devices": machine.devices,
        "starts": {start.branch: asdict(start) for start in starts},
        "licence_notices": list(
            dict.fromkeys(s.licence_notice for s in starts if s.licence_notice)
        ),
        "frozen": list(config.freeze),
        "parameters": {
            "trained": sum(p.numel() for p in network.parameters() if p.requires_grad),
            "all": sum(p.numel() for p in network.parameters()),
        },
        "seen": seen(starts, data.trained_on),
        "start_seen": seen(starts, ()),
        "failed_pictures": len(unread),
        "used": {part: len(found) for part, found in rows.items()},
        "warnings": [
            *(start.warning for start in starts if start.warning),
            *unread,
            *data.set_aside,
        ],
    }


def _usable_rows(table: pd.DataFrame, pictures: PictureCache) -> dict[str, np.ndarray[Any, Any]]:
    """Rows of each part whose picture could be read."""
    rows = {}
    for part in ("train", "val"):
        found = np.flatnonzero((table["part"] == part).to_numpy())
        rows[part] = np.array([row for row in found if row not in pictures.failed], dtype=np.int64)
        if len(rows[part]) < 2:
            why = next(iter(pictures.failed.values()), "")
            raise MemnetError(
                f"Of the {len(found)} pictures of the {part} part {len(rows[part])} can be read "
                f"(the first reason: {why.rstrip('.')}), and training needs at least 2."
            )
        if table["score"][rows[part]].nunique() == 1:
            raise MemnetError(
                f"All scores of the {part} part are equal ({table['score'][rows[part][0]]:g}), so "
                "there is nothing to learn from them; give another column."
            )
    return rows


def _module(
    config: TrainConfig,
    table: pd.DataFrame,
    rows: dict[str, np.ndarray[Any, Any]],
    network: Network,
    starts: Sequence[Start],
    pictures: PictureCache,
    known: dict[str, Path],
    workers: int,
) -> TrainingModule:
    batches = -(-len(rows["train"]) // config.batch_size)
    if config.validations_per_epoch > batches:
        raise MemnetError(
            f"validations_per_epoch is {config.validations_per_epoch}, and an epoch has "
            f"{batches} batch(es); lower it, or batch_size."
        )
    needed = set(network.branches) - {"head"}
    common: dict[str, Any] = {
        "pixels": None if needed == set(known) else pictures.path,
        "known": known,
        "scores": table["score"].to_numpy(np.float32),
        "spec": training_spec(),
        "seed": config.seed,
    }
    train = Pictures(**common, crop=config.crop, mirror=config.mirror)
    val = Pictures(**common, crop="centre", mirror=False)
    return TrainingModule(
        network,
        config,
        train=(train, rows["train"]),
        val=(val, rows["val"]),
        workers=workers,
        began_with={
            "pictures": pictures.digest,
            **{f"weights of the branch {start.branch}": start.sha256 for start in starts},
        },
    )


def _workers(machine: Machine) -> int:
    if machine.workers is not None:
        return machine.workers
    cores = os.cpu_count() or 1
    return 0 if machine.accelerator == "cpu" else max(1, min(8, cores // machine.devices - 1))


def _run(
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
    except (
        MemoryError,
        RuntimeError,
    ) as error:  # PyTorch's is a RuntimeError, on a GPU as on a CPU
        if not _out_of_memory(error):
            raise
        return "failed", "memory", _kept(_too_large(config), out)
    except OSError as error:
        return "failed", "other", _kept(f"{out} cannot be written ({error}).", out)
    except (KeyboardInterrupt, SystemExit):  # Lightning turns the one into the other
        return "interrupted", "", _kept("The training was interrupted.", out)
    return "finished", "", ""


def _out_of_memory(error: Exception) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in said for words in ("out of memory", "can't allocate memory", "outofmemory")
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


def _trainer(
    config: TrainConfig,
    out: Path,
    machine: Machine,
    watch: Callable[[dict[str, float]], bool] | None,
    batches: int,
) -> L.Trainer:
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
            Journal(out, watch),
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
def _quiet() -> Iterator[None]:
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


def read_curves(path: Path) -> list[dict[str, float | None]]:
    """Read ``curves.csv``; an empty cell is None. No file, no rows."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: float(text) if text else None for name, text in row.items()}
            for row in csv.DictReader(file)
        ]


def _stopped(status: str, curves: Sequence[dict[str, Any]], config: TrainConfig) -> str:
    if status == "finished" and curves and math.ceil(curves[-1]["epoch"] - 1e-9) < config.epochs:
        return "stopped early"
    return status
