"""What decides the last digits of a score, besides the model: versions, processor, settings."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import features

import memnet
from memnet.util.versions import environment

if TYPE_CHECKING:
    import torch

UNDECISIVE = ("python", "pandas")
"""Recorded for people: neither does arithmetic on the way from a picture to its score."""

UNKNOWN = "unknown"

_CODE = ("preprocess", "legacy", "reimpl", "scoring")
"""The packages of memnet whose code decides a score."""

_CPU_FIELDS = {
    "vendor_id": "",
    "model name": "",
    "cpu family": "family ",
    "model": "model ",
    "stepping": "stepping ",
    "cache size": "cache ",  # matrix products are cut into blocks that fit
    "CPU implementer": "implementer ",
    "CPU variant": "variant ",
    "CPU part": "part ",
    "CPU revision": "revision ",
}
_ARITHMETIC = re.compile(r"s?sse|avx|fma|f16c|amx|asimd|sve|sme(?!p)|neon|fphp|bf16|i8mm")
_SETTINGS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_DEFAULT_FPMATH_MODE",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "ONEDNN_DEFAULT_FPMATH_MODE",
    "ONEDNN_MAX_CPU_ISA",
)


def scoring_environment(device: torch.device) -> dict[str, str]:
    """Describe everything that can move a digit of a score, without naming the machine.

    Parameters
    ----------
    device : where the network runs.

    Returns
    -------
    dict
        versions (of :func:`memnet.util.versions.environment`, without the kernel's, which
        may hold a machine's name, and of the decoders of lossy formats), operating system and C
        library, processor and its arithmetic instructions, torch's libraries, number of threads,
        precision, environment variables that choose between kernels, and the device. ``unknown``
        where a processor cannot be identified.
    """
    import torch  # here: :func:`software` starts without it

    versions = software()
    settings = versions.pop("settings")
    model, instructions = _cpu()
    return {
        **versions,
        "cpu": model,
        "cpu instructions": instructions,
        "torch libraries": _torch_libraries(),
        "threads": str(torch.get_num_threads()),
        "float32 precision": torch.get_float32_matmul_precision(),
        "settings": settings,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def software() -> dict[str, str]:
    """Describe what of :func:`scoring_environment` can move more than the last digits of a score.

    What it leaves out, the processor and its threads, sums the same numbers in another order.
    """
    versions = environment()
    del versions["platform"]
    return {
        **versions,
        "libjpeg": _decoder("libjpeg_turbo", "jpg"),
        "libwebp": _decoder("webp", "webp"),
        "system": platform.system(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "machine": platform.machine(),
        "settings": " ".join(f"{k}={os.environ[k]}" for k in _SETTINGS if os.environ.get(k)),
    }


@cache
def code_digest() -> str:
    """Sha256 of memnet's code for pictures and networks: who changes it gets new scores."""
    root = Path(memnet.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(file for name in _CODE for file in (root / name).rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Name what differs between two environments: name -> (before, now)."""
    return {
        name: (before.get(name, "not recorded"), now.get(name, "not recorded"))
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    }


def same_digits(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Whether two environments must give the same score to the last bit.

    They must where both ran on a CPU and everything recorded is equal but what stands in
    :data:`UNDECISIVE`. A GPU chooses between kernels by rules of its own, and a processor that
    could not be identified may be any: for these the answer is no.
    """
    return (
        not differences(before, now).keys() - set(UNDECISIVE)
        and now.get("device") == "cpu"
        and now.get("cpu", UNKNOWN) != UNKNOWN
    )


def _cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, str]:
    """Return the first processor's model and its instructions for arithmetic."""
    try:
        first = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    except OSError:
        return UNKNOWN, UNKNOWN
    rows = (row.partition(":") for row in first.splitlines())
    fields = {name.strip(): text.strip() for name, _, text in rows}
    model = ", ".join(text + fields[name] for name, text in _CPU_FIELDS.items() if fields.get(name))
    flags = fields.get("flags", fields.get("Features", "")).split()
    return model or UNKNOWN, " ".join(sorted(filter(_ARITHMETIC.match, flags))) or UNKNOWN


def _decoder(*names: str) -> str:
    return next((version for name in names if (version := features.version(name))), "none")


def _torch_libraries() -> str:
    """Name the libraries that torch multiplies matrices with, and the instructions it uses."""
    import torch

    text = torch.__config__.show()
    versions = re.findall(r"(?:Math Kernel Library Version|MKL-DNN|OpenBLAS) v?[\w.-]+", text)
    return ", ".join([*versions, torch.backends.cpu.get_cpu_capability()])
