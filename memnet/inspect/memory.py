"""Whether gradient ascent fits the memory, before it is tried: the system would end the process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.inspect.objectives import Objective


def require_memory(
    objective: Objective,
    pictures: Tensor,
    filters: Sequence[int],
    size_hw: tuple[int, int],
    advice: str,
) -> None:
    """Refuse a batch whose gradients need more memory than there is.

    What one picture keeps for its gradient is counted, and grows with its pixels.

    Parameters
    ----------
    objective, pictures, filters : what is to be computed, the pictures at any size.
    size_hw : the largest that they will have.
    advice : how the sentence ends.

    Raises
    ------
    MemnetError
        if it does not fit; where nobody can say how much memory is free, it is tried.
    """
    free = free_memory(pictures.device)
    if free is None:
        return
    kept: dict[int, int] = {}

    def keep(saved: Tensor) -> Tensor:
        if not saved.is_leaf:  # the weights are there already
            storage = saved.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
        return saved

    one = pictures[:1].detach().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        values, _ = objective(one, filters[:1])
    pixels = size_hw[0] * size_hw[1] / (one.shape[2] * one.shape[3])
    needed = int(sum(kept.values()) * pixels) * len(pictures)
    del values
    if needed > free:
        raise MemnetError(
            f"A batch of {len(pictures)} pictures of {size_hw[1]:,} x {size_hw[0]:,} pixels needs "
            f"about {needed / 2**30:.1f} GB of memory for its gradients, and {free / 2**30:.1f} "
            f"GB are free: {advice}."
        )


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes are free on a device; None where that cannot be told."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    known = Path("/proc/meminfo")  # of Linux
    if device.type != "cpu" or not known.is_file():
        return None
    for line in known.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
