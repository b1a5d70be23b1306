"""A training run, from settings and data to a folder with everything that it found."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from memnet.errors import MemnetError
from memnet.reimpl.branches import Network
from memnet.reimpl.initial_weights import Start, start_network
from memnet.reimpl.training.batches import Pictures
from memnet.reimpl.training.cache import PictureCache, build_cache
from memnet.reimpl.training.callbacks import read_checkpoint
from memnet.reimpl.training.config import TrainConfig
from memnet.reimpl.training.export import export, training_data_of, training_spec
from memnet.reimpl.training.frozen_outputs import branch_outputs
from memnet.reimpl.training.loop import Machine, make_trainer, quiet, run_loop
from memnet.reimpl.training.module import TrainingModule
from memnet.reimpl.training.run_folder import BEST, LAST, WEIGHTS, read_curves
from memnet.reimpl.training.training_set import TrainingSet


def fit(
    config: TrainConfig,
    data: TrainingSet,
    out: Path,
    machine: Machine,
    *,
    watch: Callable[[dict[str, float]], bool] | None = None,
    pause: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Train, or go on with a run that was begun in ``out`` and not finished.

    Parameters
    ----------
    config, data : what decides the weights.
    out : the run's folder, which :mod:`memnet.reimpl.training.run_folder` has made ready.
    machine : where.
    watch : is told each row of ``curves.csv`` as it is written, and ends the run by returning True.
    pause : is asked at the end of each epoch but the last, and ends the run there by returning
        True, so that another call goes on with it; for one device.

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
    initial_weights = start_network(network, config.starts)
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
    frozen_outputs = {
        branch: branch_outputs(
            network, branch, pictures, spec=training_spec(), folder=machine.cache, device=device
        )
        for branch in config.cached
    }
    module = _module(
        config, table, rows, network, initial_weights, pictures, frozen_outputs, _workers(machine)
    )
    prepared = time.perf_counter() - began
    with quiet():
        trainer = make_trainer(
            config, out, machine, config.batches(len(rows["train"])), watch=watch, pause=pause
        )
        status, cause, message = run_loop(module, trainer, config, out)
    curves = read_curves(out)
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
                initial_weights=initial_weights,
                trained_on=data.trained_on,
            )
        except MemnetError as error:  # a full disk; the checkpoint is there for another try
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
        "starts": {start.branch: asdict(start) for start in initial_weights},
        "licence_notices": list(
            dict.fromkeys(s.licence_notice for s in initial_weights if s.licence_notice)
        ),
        "frozen": list(config.freeze),
        "parameters": {
            "trained": sum(p.numel() for p in network.parameters() if p.requires_grad),
            "all": sum(p.numel() for p in network.parameters()),
        },
        "seen": training_data_of(initial_weights, data.trained_on),
        "start_seen": training_data_of(initial_weights, ()),
        "failed_pictures": len(unread),
        "used": {part: len(rows_of_part) for part, rows_of_part in rows.items()},
        "warnings": [
            *(start.warning for start in initial_weights if start.warning),
            *unread,
            *data.set_aside,
        ],
    }


def _usable_rows(table: pd.DataFrame, pictures: PictureCache) -> dict[str, np.ndarray[Any, Any]]:
    """Rows of each part whose picture could be read."""
    rows = {}
    for part in ("train", "val"):
        rows_of_part = np.flatnonzero((table["part"] == part).to_numpy())
        readable = [row for row in rows_of_part if row not in pictures.failed]
        rows[part] = np.array(readable, dtype=np.int64)
        if len(rows[part]) < 2:
            why = next(iter(pictures.failed.values()), "")
            raise MemnetError(
                f"Of the {len(rows_of_part)} pictures of the {part} part {len(readable)} can be "
                f"read (the first reason: {why.rstrip('.')}), and training needs at least 2."
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
    initial_weights: Sequence[Start],
    pictures: PictureCache,
    frozen_outputs: dict[str, Path],
    workers: int,
) -> TrainingModule:
    batches = config.batches(len(rows["train"]))
    if config.validations_per_epoch > batches:
        raise MemnetError(
            f"validations_per_epoch is {config.validations_per_epoch}, and an epoch has "
            f"{batches} batch(es); lower it, or batch_size."
        )
    needed = set(network.branches) - {"head"}
    common: dict[str, Any] = {
        "pixels": None if needed == set(frozen_outputs) else pictures.path,
        "known": frozen_outputs,
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
            **{f"weights of the branch {start.branch}": start.sha256 for start in initial_weights},
        },
    )


def _workers(machine: Machine) -> int:
    if machine.workers is not None:
        return machine.workers
    cores = os.cpu_count() or 1
    return 0 if machine.accelerator == "cpu" else max(1, min(8, cores // machine.devices - 1))


def _stopped(status: str, curves: Sequence[dict[str, Any]], config: TrainConfig) -> str:
    if status == "finished" and curves and math.ceil(curves[-1]["epoch"] - 1e-9) < config.epochs:
        return "stopped early"
    return status
