"""Scoring pictures and comparing the scores with what people remembered.

``memnet.compare`` is this package, and it can be called: ``memnet.compare(truth, scores, ...)``
is :func:`memnet.compare.run.compare`, which documents the arguments.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """Importing a submodule binds the package to ``memnet.compare``; so the package must answer."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from memnet.compare.run import compare

        return compare(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
