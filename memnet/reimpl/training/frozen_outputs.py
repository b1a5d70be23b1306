"""Outputs of frozen branches, computed once: what is not trained answers the same for ever.

ResNet-152 takes nine tenths of the time of a training step of ResMem, and where it is frozen it
computes the same 1000 numbers of a picture in every epoch.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from tqdm import tqdm

from memnet.errors import MemnetError
from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.branches import Network
from memnet.reimpl.training.cache import PictureCache
from memnet.util.atomic import write_text
from memnet.util.json_text import parse_json
from memnet.weights.files import tensors_digest

_BATCH = 16
_COMMIT_SECONDS = 5.0
_VERSION = 1
"""To be raised when a branch, or what it is fed, comes to compute something else."""


def network_input(pictures: Tensor) -> Tensor:
    """Turn cached pictures into what the network is fed.

    Parameters
    ----------
    pictures : uint8 ``(N, H, W, 3)``, RGB.

    Returns
    -------
    Tensor
        float32 ``(N, 3, H, W)`` in channels-last layout, values in [0, 1]: bit-equal to what
        :meth:`memnet.preprocess.spec.PreprocessSpec.apply` gives for these pixels.
    """
    return pictures.permute(0, 3, 1, 2).float().div_(255.0)


def centre(spec: PreprocessSpec) -> tuple[slice, slice]:
    """Rows and columns of the one crop that validation, test and scoring see."""
    ((top, left),) = spec.crop_offsets
    return slice(top, top + spec.crop_hw[0]), slice(left, left + spec.crop_hw[1])


def branch_outputs(
    network: Network,
    branch: str,
    cache: PictureCache,
    *,
    spec: PreprocessSpec,
    folder: Path,
    device: torch.device,
) -> Path:
    """Compute a frozen branch's output for every cached picture, unless it lies there already.

    What a killed process had finished is kept, and the next one goes on from there.

    Parameters
    ----------
    network : in evaluation mode for that branch, on any device; it is moved to ``device``.
    branch : one with an output of its own.
    folder : where the files are kept.

    Returns
    -------
    Path
        of an ``.npy`` file, float32 ``(pictures, ...)``, in the order of the cache. Its name is
        made of everything that the numbers depend on: weights, pictures, crop, kind of device and
        version of PyTorch.

    Raises
    ------
    MemnetError
        if the disk is too small or full.
    """
    shape = _shape(network, branch)
    path = folder / f"{branch}-{_key(network, branch, cache, spec, device)}.npy"
    progress = path.with_suffix(".json")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(path) + ".lock"):
        done = _done(path, progress, (len(cache.pixels), *shape))
        if done == len(cache.pixels):
            return path
        if not done:
            _make_room(path, (len(cache.pixels), *shape))
        outputs = np.lib.format.open_memmap(path, mode="r+")
        rows, columns = centre(spec)
        network.to(device)
        bar = tqdm(
            total=len(outputs),
            initial=done,
            unit="picture",
            desc=f"{branch}, once",
            file=sys.stderr,
            disable=None,
        )
        committed = time.monotonic()
        with bar, torch.inference_mode():
            for start in range(done, len(outputs), _BATCH):
                batch = np.ascontiguousarray(cache.pixels[start : start + _BATCH, rows, columns])
                answers = network.frozen_output(
                    branch, network_input(torch.from_numpy(batch).to(device))
                )
                outputs[start : start + len(batch)] = answers.float().cpu().numpy()
                end = start + len(batch)
                if end == len(outputs) or time.monotonic() - committed > _COMMIT_SECONDS:
                    outputs.flush()  # the numbers first, then the word that they are there
                    write_text(progress, json.dumps({"done": end}))
                    committed = time.monotonic()
                bar.update(len(batch))
        network.to("cpu")  # from where it may go to several devices
    return path


def _shape(network: Network, branch: str) -> tuple[int, ...]:
    """Return the shape of one picture's output."""
    device = next(network.parameters()).device
    with torch.inference_mode():
        output = network.frozen_output(branch, torch.zeros(1, *network.input_shape, device=device))
    return tuple(output.shape[1:])


def _key(
    network: Network, branch: str, cache: PictureCache, spec: PreprocessSpec, device: torch.device
) -> str:
    tensors = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if network.branch_of(name) == branch
    }
    unread = sorted(cache.failed)  # black pictures there, which may be read another time
    pictures = f"{cache.digest} without {unread}"
    parts = [tensors_digest(tensors), pictures, spec.digest(), device.type, torch.__version__]
    parts.append(str(_VERSION))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _done(path: Path, progress: Path, shape: tuple[int, ...]) -> int:
    """How many pictures' outputs are in the file; 0 where it is not what it should be."""
    try:
        known: int = parse_json(progress.read_text(encoding="utf-8"))["done"]
        there = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return known if there.shape == shape and there.dtype == np.float32 else 0


def _make_room(path: Path, shape: tuple[int, ...]) -> None:
    """Write an empty file of full size, so that a full disk is noticed now and not in hours."""
    needed = math.prod(shape) * 4
    free = shutil.disk_usage(path.parent).free
    if needed > free:
        raise MemnetError(_no_room(path, needed, free))
    try:
        outputs = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
        size = path.stat().st_size
        del outputs
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        path.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise MemnetError(_no_room(path, needed, free)) from error
        raise MemnetError(f"{path} cannot be written ({error}).") from error


def _no_room(path: Path, needed: int, free: int) -> str:
    return (
        f"The outputs of the frozen branch need {needed / 1e9:.1f} GB in {path.parent}, and "
        f"{free / 1e9:.1f} GB are free; choose another disk with --cache, or compute them anew in "
        "every epoch with cache_frozen = false."
    )
