"""TOML: files that lie in the package (models, variants, settings), and those of others."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["packaged_toml", "parse_toml"]


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML as ``tomllib.loads`` does; whatever is wrong with it is a ``ValueError``.

    Examples
    --------
    >>> parse_toml("a = [1, 2]")
    {'a': [1, 2]}
    >>> parse_toml("a = " + "[" * 100_000)
    Traceback (most recent call last):
    ValueError: it is nested too deeply
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def packaged_toml(package: str, *path: str) -> dict[str, Any]:
    """Read ``path`` within a package: ``packaged_toml("memnet.weights", "catalogue.toml")``."""
    return tomllib.loads(files(package).joinpath(*path).read_text(encoding="utf-8"))
