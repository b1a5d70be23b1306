"""Where a network runs."""

from __future__ import annotations

import re
import sys
from glob import glob
from typing import TYPE_CHECKING

from memnet.errors import MemnetError
from memnet.util.messages import say_once

if TYPE_CHECKING:
    import torch

AUTO = "auto"

_GPU_FILES = ("/dev/nvidia*", "/dev/nvhost*", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
"""What Linux has of a GPU that PyTorch can use: NVIDIA's, on small boards, on Windows, AMD's."""

_ABOUT_MPS = (
    "scoring on Apple's GPU (mps), whose deviation from the CPU memnet's authors have not "
    "measured; docs/platforms.md says how you can, and on the CPU (--device cpu) it is known."
)


def choose_device(name: str) -> str:
    """Return the name of a device: for ``"auto"``, CUDA's GPU where there is one, else Apple's.

    Else the CPU: torch, whose import takes seconds, is not asked where Linux knows of no GPU.

    Examples
    --------
    >>> choose_device("cuda:1")
    'cuda:1'
    """
    if name != AUTO:
        return name
    if sys.platform == "linux" and "torch" not in sys.modules and not any(map(glob, _GPU_FILES)):
        return "cpu"
    import torch

    apples = torch.backends.mps.is_available()
    return "cuda" if torch.cuda.is_available() else "mps" if apples else "cpu"


_USUAL = re.compile(r"auto|(cpu|cuda|mps)(:\d+)?")


def require_device(name: str) -> None:
    """Raise ``MemnetError`` where no computer has such a device; this one is not asked for it.

    Examples
    --------
    >>> require_device("cuda:1")
    >>> require_device("gpu")
    Traceback (most recent call last):
    memnet.errors.MemnetError: There is no device 'gpu'; it is auto, cpu, cuda (cuda:1 ...) or mps.
    """
    usual = "auto, cpu, cuda (cuda:1 ...) or mps"
    if isinstance(name, str) and _USUAL.fullmatch(name):
        return
    import torch  # which knows the rare ones

    try:
        torch.device(name if isinstance(name, str) else "")
    except RuntimeError:
        raise MemnetError(f"There is no device {name!r}; it is {usual}.") from None


def open_device(name: str) -> torch.device:
    """Return a device that can be used; raises ``MemnetError`` where it cannot be."""
    import torch

    name = choose_device(name)
    if name.partition(":")[0] == "mps" and not torch.backends.mps.is_available():
        raise MemnetError(
            f"The device {name!r} cannot be used here: PyTorch sees no GPU of Apple's; use cpu."
        )
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(", device type at")[0]
        raise MemnetError(f"The device {name!r} cannot be used here: {reason}.") from None
    if device.type == "mps":
        say_once(_ABOUT_MPS)
    return device
