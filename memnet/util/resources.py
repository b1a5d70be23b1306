"""TOML files that lie in the package: tables of models, variants, published figures, settings."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["packaged_toml", "tomllib"]


def packaged_toml(package: str, *path: str) -> dict[str, Any]:
    """Read ``path`` within a package: ``packaged_toml("memnet.weights", "catalogue.toml")``."""
    return tomllib.loads(files(package).joinpath(*path).read_text(encoding="utf-8"))
