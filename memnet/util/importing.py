"""Functions and classes that are named in text: ``"module:name"``."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def import_named(path: str) -> Any:
    """Import what ``"module:name"`` names.

    Raises
    ------
    ImportError, AttributeError, ValueError
        if there is no such module, no such name in it, or no module is named.

    Examples
    --------
    >>> import_named("math:isfinite")(1.0)
    True
    """
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def path_of(thing: Any) -> str:
    """Name a function or class as :func:`import_named` takes it; text stays as it is.

    Two of the same path are one to a user: a cell of a notebook that is run twice makes both.

    Examples
    --------
    >>> path_of(path_of)
    'memnet.util.importing:path_of'
    """
    if isinstance(thing, str):
        return thing
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}:{named.__qualname__}"
