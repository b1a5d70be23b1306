"""Features of pictures, computed once: a file that grows, and goes on where it was cut off.

A row is the sha256 of a picture's file and its features, so a picture that was renamed keeps its
row, and one that was changed gets another. The name of the file is made of everything else that
the numbers depend on: the backbone's numbers, the preprocessing, the kind of device and the version
of PyTorch.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from memnet.errors import MemnetError, PictureError
from memnet.preprocess.spec import PreprocessSpec
from memnet.reimpl.probe.backbone import Backbone
from memnet.reimpl.probe.network import Probe
from memnet.util.arrays import Float32Array
from memnet.util.locking import hold_lock
from memnet.util.text import words_of
from memnet.weights.digests import file_digest

_VERSION = 1
"""To be raised when the features come to be something else."""

_CROPS_AT_ONCE = 16
_DIGEST = 32
_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Features:
    """Features of N pictures.

    Attributes
    ----------
    values : float32 ``(N, P)``, averaged over crops; zeros for pictures that failed.
    failed : row -> why its picture could not be read.
    computed : how many were computed by this call; the others lay on the disk.
    path : of the file.
    """

    values: Float32Array
    failed: Mapping[int, str]
    computed: int
    path: Path


def count_features(backbone: Backbone) -> int:
    """How many features a picture has, P.

    Raises
    ------
    MemnetError
        if what the network puts out is no finite number a feature.
    """
    height, width = backbone.spec.crop_hw
    device = next(backbone.network.parameters()).device
    with torch.inference_mode():
        out = backbone.network(torch.zeros(2, 3, height, width, device=device))
    if not isinstance(out, Tensor) or len(out) != 2 or not torch.isfinite(out).all():
        raise MemnetError(f"{backbone.name} does not put out finite features of each picture.")
    return out[0].numel()


def make_probe(backbone: Backbone) -> Probe:
    """Put a backbone into a probe whose linear layer is still to be filled."""
    probe = Probe(backbone.recipe, backbone.network, count_features(backbone))
    probe.pixel_mean[:, 0, 0] = torch.tensor(backbone.pixel_mean)
    probe.pixel_sd[:, 0, 0] = torch.tensor(backbone.pixel_sd)
    return probe.eval().requires_grad_(False)


def compute_features(
    probe: Probe,
    spec: PreprocessSpec,
    paths: Sequence[str],
    *,
    folder: Path,
    digest: str,
    device: torch.device,
) -> Features:
    """Compute the features of pictures, or take them from where an earlier call left them.

    Parameters
    ----------
    probe : its linear layer plays no part.
    spec : what happens to a picture; features are averaged over its crops.
    paths : N files.
    folder : where the file is kept; made where it is missing.
    digest : of the backbone's numbers.
    device : where the network computes.

    Raises
    ------
    MemnetError
        if the folder cannot be written, or another process fills the same file. A picture that
        cannot be read is no error; it is in ``failed``.
    """
    width = probe.linear.in_features
    means = [*probe.pixel_mean.flatten().tolist(), *probe.pixel_sd.flatten().tolist()]
    parts = [digest, spec.digest(), means, width, device.type, torch.__version__, _VERSION]
    key = hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    path = folder / f"features-{key}.bin"
    busy = f"Another process computes the same features ({path}); wait for it, or stop it."
    with hold_lock(folder / f".features-{key}.lock", busy=busy, advice="choose another --cache"):
        try:
            return _compute(probe.to(device), spec, paths, path, width)
        except OSError as error:
            raise MemnetError(
                f"{path} cannot be written ({words_of(error)}); free some space there, or choose "
                "another --cache."
            ) from error


def _compute(
    probe: Probe, spec: PreprocessSpec, paths: Sequence[str], path: Path, width: int
) -> Features:
    values = np.zeros((len(paths), width), dtype=np.float32)
    failed: dict[int, str] = {}
    digests: list[bytes] = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for row, result in enumerate(pool.map(_digest, paths)):
            digests.append(result if isinstance(result, bytes) else b"")
            if isinstance(result, str):
                failed[row] = result
    known = _read(path, width)
    places: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests):
        if digest in known:
            values[row] = known[digest]
        elif digest:
            places.setdefault(digest, []).append(row)
    del known
    todo = list(places.values())  # pictures that are there twice are computed once
    computed = 0
    bar = tqdm(total=len(todo), unit="picture", desc="features", file=sys.stderr, disable=None)
    with bar, path.open("ab") as file, ThreadPoolExecutor(_THREADS) as pool:
        for batch in _batches(todo, max(1, _CROPS_AT_ONCE // spec.n_crops)):
            prepared = list(pool.map(lambda rows: _prepare(paths[rows[0]], spec), batch))
            whole = [each for each in prepared if isinstance(each, Tensor)]
            outputs = iter(_outputs(probe, whole))
            for rows, each in zip(batch, prepared, strict=True):
                if isinstance(each, str):
                    failed |= dict.fromkeys(rows, each)
                    continue
                values[rows] = features = next(outputs)
                file.write(digests[rows[0]] + features.astype("<f4").tobytes())
                computed += len(rows)
            file.flush()
            bar.update(len(batch))
    return Features(values=values, failed=failed, computed=computed, path=path)


def _outputs(probe: Probe, crops: Sequence[Tensor]) -> Float32Array:
    """Compute features of pictures, ``(N, P)``, each the mean over its crops."""
    if not crops:
        return np.zeros((0, probe.linear.in_features), dtype=np.float32)
    stacked = torch.stack(list(crops))
    with torch.inference_mode():
        flat = stacked.flatten(0, 1).to(probe.pixel_mean.device)
        features = probe.features(flat).float().reshape(*stacked.shape[:2], -1).mean(dim=1)
    values: Float32Array = features.cpu().numpy()
    return values


def _read(path: Path, width: int) -> dict[bytes, Float32Array]:
    """Read the rows of a file; one that a kill cut in half is cut off."""
    row = np.dtype([("digest", f"V{_DIGEST}"), ("values", "<f4", (width,))])
    if not path.exists():
        return {}
    size = path.stat().st_size
    if size % row.itemsize:
        os.truncate(path, size - size % row.itemsize)
    table = np.fromfile(path, dtype=row)
    whole = np.isfinite(table["values"]).all(axis=1)
    return {
        each["digest"].tobytes(): each["values"]
        for each, good in zip(table, whole, strict=True)
        if good
    }


def _digest(path: str) -> bytes | str:
    """Sha256 of a picture's file, or why it cannot be read."""
    try:
        return bytes.fromhex(file_digest(Path(path)))
    except OSError as error:
        return f"It cannot be read ({words_of(error)})."


def _prepare(path: str, spec: PreprocessSpec) -> Tensor | str:
    """Return the crops of a picture, or why there are none."""
    try:
        return spec.apply(path)
    except PictureError as error:
        return str(error)


def _batches(rows: Sequence[list[int]], size: int) -> Iterator[list[list[int]]]:
    queue = iter(rows)
    while batch := list(itertools.islice(queue, size)):
        yield batch
