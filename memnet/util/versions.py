"""Versions of everything that a number may depend on."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

from memnet import __version__


@cache
def version(package: str) -> str:
    """Return the version of an installed package, "" where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def environment() -> dict[str, str]:
    """Versions of everything that a number may depend on."""
    packages = ("numpy", "scipy", "pandas", "pillow", "torch", "torchvision")
    return {
        "memnet": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: version(package) for package in packages},
    }
