"""Outputs of frozen branches, computed once: what is not trained answers the same for ever.

ResNet-152 takes nine tenths of the time of a training step of ResMem, and where it is frozen it
computes the same 1000 numbers of a picture in every epoch.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor
from tqdm import tqdm

from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.branches import Network
from memnet.reimpl.training.cache import PictureCache
from memnet.reimpl.training.cache_files import locked, make_file, require_space, unwritable
from memnet.util.atomic import write_text
from memnet.util.json_text import parse_json, read_json_text
from memnet.weights.digests import tensors_digest

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
    shape = (len(cache.pixels), *_shape(network, branch))
    path = folder / f"{branch}-{_key(network, branch, cache, spec, device)}.npy"
    head = _head(shape)
    what = f"The file with the outputs of the frozen branch {branch}"
    size = len(head) + math.prod(shape) * 4
    with locked(Path(f"{path}.lock"), path):
        done = _done(path, head, size, len(cache.pixels))
        if done == len(cache.pixels):
            return path
        try:
            require_space(path, what, size)
            if not done:
                make_file(path, head, size)
            _fill(path, len(head), done, network, branch, cache, spec, device)
        except OSError as error:
            raise unwritable(path, what, size, error) from error
    return path


def _fill(
    path: Path,
    offset: int,
    done: int,
    network: Network,
    branch: str,
    cache: PictureCache,
    spec: PreprocessSpec,
    device: torch.device,
) -> None:
    """Compute the outputs from picture ``done`` on and write them behind the file's head.

    By plain writes: on a full disk a memory map ends the process by a signal.
    """
    rows, columns = centre(spec)
    network.to(device)
    count = len(cache.pixels)
    bar = tqdm(
        total=count,
        initial=done,
        unit="picture",
        desc=f"{branch}, once",
        file=sys.stderr,
        disable=None,
    )
    committed = time.monotonic()
    with bar, path.open("r+b") as file, torch.inference_mode():
        for start in range(done, count, _BATCH):
            batch = np.ascontiguousarray(cache.pixels[start : start + _BATCH, rows, columns])
            answers = network.frozen_output(
                branch, network_input(torch.from_numpy(batch).to(device))
            )
            outputs = np.ascontiguousarray(answers.float().cpu().numpy(), dtype="<f4")
            file.seek(offset + start * (outputs.nbytes // len(batch)))
            file.write(outputs.data)
            end = start + len(batch)
            if end == count or time.monotonic() - committed > _COMMIT_SECONDS:
                file.flush()  # the numbers first, then the word that they are there
                os.fsync(file.fileno())
                write_text(_progress(path), json.dumps({"done": end}))
                committed = time.monotonic()
            bar.update(len(batch))
    network.to("cpu")  # from where it may go to several devices


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


def _head(shape: tuple[int, ...]) -> bytes:
    """Return what a NumPy file of these outputs begins with."""
    head = io.BytesIO()
    npy.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return head.getvalue()


def _progress(path: Path) -> Path:
    return path.with_suffix(".json")


def _done(path: Path, head: bytes, size: int, count: int) -> int:
    """How many pictures' outputs are in the file; 0 where it is not what it should be."""
    try:
        done = parse_json(read_json_text(_progress(path)))["done"]
        with path.open("rb") as file:
            whole = file.read(len(head)) == head and path.stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    known = isinstance(done, int) and not isinstance(done, bool) and 0 <= done <= count
    return done if whole and known else 0
