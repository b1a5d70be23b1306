"""Versions of everything that a number may depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version

from memnet import __version__


def environment() -> dict[str, str]:
    """Versions of everything that a number may depend on."""
    packages = ("numpy", "scipy", "pandas", "pillow", "torch", "torchvision")
    return {
        "memnet": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: version(package) for package in packages},
    }
