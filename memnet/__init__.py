"""memnet: score how memorable pictures are, and compare the scores with what people remember.

>>> import memnet
>>> [model["name"] for model in memnet.list_models()]
['resmem.published', 'memnet.caffe_lamem']

The whole interface is three calls: :func:`load`, :func:`compare`, :func:`list_models`. They are
imported when first used, so that ``import memnet`` costs nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from memnet.compare.record import RunRecord
    from memnet.compare.run import compare
    from memnet.compare.scoring.predictor import Predictor, list_models, load
    from memnet.errors import MemnetError, PictureError
    from memnet.preprocess.spec import OutputSpec, PreprocessSpec

_HOMES = {
    "load": "memnet.compare.scoring.predictor",
    "list_models": "memnet.compare.scoring.predictor",
    "Predictor": "memnet.compare.scoring.predictor",
    "compare": "memnet.compare.run",
    "RunRecord": "memnet.compare.record",
    "PreprocessSpec": "memnet.preprocess.spec",
    "OutputSpec": "memnet.preprocess.spec",
    "MemnetError": "memnet.errors",
    "PictureError": "memnet.errors",
}

__all__ = [
    "MemnetError",
    "OutputSpec",
    "PictureError",
    "Predictor",
    "PreprocessSpec",
    "RunRecord",
    "__version__",
    "compare",
    "list_models",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'memnet' has no attribute {name!r}")
    module = import_module(_HOMES[name])
    # memnet.compare stays the (callable) package, whichever of the two is asked for first.
    value = sys.modules["memnet.compare"] if name == "compare" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
