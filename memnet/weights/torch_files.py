"""Reading PyTorch's files of numbers: nothing in them is run, nothing in them ends the program.

A file that somebody sends can be damaged in as many ways as a pickle can, for each of which torch
raises something else; it can unpack to a thousand times its size; and its tensors can be of kinds
that hold no numbers (``meta``), or not all of them (``sparse``).
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from memnet.errors import MemnetError
from memnet.util.text import printable

if TYPE_CHECKING:
    from torch import Tensor

_MOST_UNPACKED = 10
"""How many times its size a file may unpack to. ``torch.save`` does not pack; a packer saves a
tenth of a network's numbers, and much more only where somebody meant harm."""


def load_numbers(path: Path, advice: str, *, verified: bool = False) -> object:
    """Read a file of ``torch.save``, and nothing in it but numbers.

    Parameters
    ----------
    path : the file.
    advice : what the user can do where it cannot be read: the end of the error's sentence.
    verified : whether the file's own checksum was compared already, so that those in it need not
        be.

    Raises
    ------
    MemnetError
        if it is damaged, holds more than numbers, or unpacks to much more than its size.
    """
    import torch  # only here: what asks where a file lies starts without it

    _check_archive(path, advice, verified=verified)
    try:
        with warnings.catch_warnings():  # of kinds of tensors that are refused in a sentence
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise MemnetError(f"{path} needs more memory than there is; {advice}.") from None
    except Exception as error:  # a damaged pickle raises a dozen kinds
        # torch's own words are left out: they advise to run whatever code the file brings.
        raise MemnetError(
            f"{path} cannot be read as weights: it is damaged, or holds more than tensors, and "
            f"code from a file is not run; {advice}."
        ) from error


def _check_archive(path: Path, advice: str, *, verified: bool) -> None:
    """Refuse an archive that unpacks to far more than its size, or that is damaged.

    Nothing is unpacked before its size is known. The checksums of the members torch does not look
    at: a flipped bit would be another number, and nobody would notice.
    """
    try:
        size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            twice = len(set(archive.namelist())) != len(archive.namelist())
            looked_at = not verified and unpacked <= _MOST_UNPACKED * size
            damaged = archive.testzip() if looked_at else None
    except Exception:  # no archive, or one that torch's reader cannot read, and says so
        return
    if unpacked > _MOST_UNPACKED * size:
        raise MemnetError(
            f"{path} has {size:,} bytes and would unpack to {unpacked:,}, which no file of "
            f"torch.save's does; {advice}."
        )
    if twice:
        raise MemnetError(
            f"{path} is damaged: parts of it are there twice, and which are meant cannot be told; "
            "copy or download the file again."
        )
    if damaged is not None:
        raise MemnetError(
            f"{path} is damaged: {printable(damaged, 80)} in it does not match its checksum; "
            "copy or download the file again."
        )


def check_dense(tensor: Tensor, name: str, where: str, *, most_bytes: int | None = None) -> None:
    """Refuse a tensor that does not hold its numbers plainly: one of a kind of its own.

    Parameters
    ----------
    tensor, name, where : the tensor, what it is called, in which file.
    most_bytes : how many it may have: the file's size. A view can repeat one number a billion
        times.

    Raises
    ------
    MemnetError
        if it is sparse, quantised, nested, or without numbers (``meta``), or has too many.
    """
    layout = str(tensor.layout).removeprefix("torch.")
    kind = ""
    if tensor.device.type != "cpu":
        kind = f"lies on the device {tensor.device.type!r}"
    elif tensor.is_nested:
        kind = "is nested, several tensors in one"
    elif layout != "strided":
        kind = f"is stored as {layout}"
    elif tensor.is_quantized:
        kind = f"is quantised ({tensor.dtype})"
    elif most_bytes is not None and tensor.numel() * tensor.element_size() > most_bytes:
        kind = f"claims {tensor.numel():,} numbers, more than the file has"
    if kind:
        raise MemnetError(
            f"{where}: {name} {kind}; a plain tensor of numbers on the CPU is needed "
            "(tensor.cpu().to_dense().float(), before it is saved)."
        )
