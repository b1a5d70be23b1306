"""The models of a server: read once when it starts, and what ``GET /v1/models`` says of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from memnet import __version__
from memnet.compare.published import published
from memnet.data.contamination import judge_contamination
from memnet.data.datasets import known_datasets
from memnet.errors import MemnetError, unknown_name
from memnet.preprocess.decode import USUAL_LIMITS
from memnet.scoring.lazy_model import find, open_models
from memnet.scoring.precision import EXACT
from memnet.util.text import join_names, model_label
from memnet.web.problems import Problem, responses
from memnet.web.samples import sample_addresses
from memnet.web.settings import Settings
from memnet.weights.catalogue import catalogue

if TYPE_CHECKING:
    from memnet.scoring.predictor import Predictor

router = APIRouter()

_TARGET_WORDS = {
    "hit_rate": "share of people who recognise it when it comes again",
    "false_alarm_rate": "share of people who take it for seen though it is new",
    "corrected": "share of people who recognise it, less the share who take it for seen when new",
    "d_prime": "how well people tell it from new pictures (d')",
}

_ERRORS = ("spearman", "mse")
"""The published metrics that say how far a model's scores are from people's."""


@dataclass(frozen=True)
class ServedModel:
    """A model that is ready to score.

    Attributes
    ----------
    label : what answers call it; of a weight file nothing of where it lies.
    predictor : it.
    identity : everything that decides its scores.
    digest : what its scores are cached under, None where they are not.
    """

    label: str
    predictor: Predictor
    identity: dict[str, Any]
    digest: bytes | None

    @cached_property
    def description(self) -> dict[str, Any]:
        """What ``GET /v1/models`` says of it."""
        header = self.predictor.header
        entry = catalogue().get(self.predictor.name)
        hidden = entry.split_unpublished if entry else ()
        computing = self.predictor.computing
        return {
            "label": self.label,
            "title": entry.title if entry else self.label,
            "target": header.target,
            "target_words": _TARGET_WORDS[header.target],
            "licence": header.licence,
            "citation": header.citation,
            "remark": header.remark,
            "trained_on": None if header.trained_on is None else list(header.trained_on),
            "exif_orientation": self.predictor.exif_orientation,
            "exactness": EXACT if computing is None else str(computing),
            "published": [
                {
                    "dataset": stated.dataset,
                    "dataset_title": _title_of(stated.dataset),
                    "metric": stated.metric,
                    "value": stated.value,
                    "printed": stated.text,
                    "source": stated.source.short,
                    "what": stated.what,
                    "note": stated.note,
                    "contamination": judge_contamination(
                        header.trained_on, stated.dataset, split_unpublished=hidden
                    ).word,
                }
                for stated in published()
                if self.predictor.name == stated.model
                and stated.metric in _ERRORS
                and stated.target == header.target
            ],
        }


def load_models(settings: Settings) -> tuple[ServedModel, ...]:
    """Load the models that a server is to have; raises ``MemnetError`` as :func:`memnet.load`."""
    found = [find(name, settings.device, None, settings.precision) for name in settings.models]
    by_label = {model.label: model for model in found}  # one may be given by its name and its file
    served: list[ServedModel] = []
    for source in open_models(list(by_label.values()), settings.device):
        predictor = source.load()
        # Ours are stricter than a table's limits, which change no score: so both share the cache.
        digest = predictor.scoring_digest(USUAL_LIMITS)
        label = _label_of(predictor)
        if label in (model.label for model in served):
            raise MemnetError(f"Two models would be called {label} here; rename one of the files.")
        served.append(ServedModel(label, predictor, predictor.identity(), digest))
    return tuple(served)


def _label_of(predictor: Predictor) -> str:
    """Return what answers call a model: of a weight file its name, without the folders here."""
    name = predictor.name.rpartition("/")[2] if _is_file(predictor.name) else predictor.name
    return model_label(name, predictor.variant)


def _is_file(name: str) -> bool:
    return name.endswith(".safetensors")


def choose(models: tuple[ServedModel, ...], labels: list[str] | None) -> tuple[int, ...]:
    """Return the places of the models that a request names; None: all of them."""
    known = {model.label: place for place, model in enumerate(models)}
    if not labels:
        return tuple(known.values())
    for label in labels:
        if label not in known:
            raise Problem(422, str(unknown_name("model of this server", label, known)))
    return tuple(known[label] for label in dict.fromkeys(labels))


def _title_of(dataset: str) -> str:
    """Return what people call a data set, its name where memnet knows no other."""
    known = known_datasets().get(dataset)
    return known.title if known else dataset


class Published(BaseModel):
    """A published value of a model."""

    dataset: str = Field(examples=["lamem+memcat"])
    dataset_title: str = Field(examples=["the mixture of Needell & Bainbridge (2022)"])
    metric: str = Field(description="spearman or mse", examples=["spearman"])
    value: float = Field(examples=[0.67])
    printed: str = Field(description="as its source prints it", examples=["0.67"])
    source: str = Field(examples=["Needell & Bainbridge (2022)"])
    what: str
    note: str
    contamination: str = Field(
        description="whether the model saw such pictures in training: clean, possibly, "
        "contaminated or unknown",
        examples=["contaminated"],
    )


class Model(BaseModel):
    """A model of this server."""

    label: str = Field(examples=["resmem.published"])
    title: str
    target: str = Field(description="what a score estimates", examples=["hit_rate"])
    target_words: str = Field(examples=[_TARGET_WORDS["hit_rate"]])
    licence: str
    citation: str
    remark: str
    trained_on: list[str] | None = Field(description="null: nobody knows", examples=[["lamem"]])
    exif_orientation: str = Field(
        description="ignore: it sees pictures as stored, also where programs show them turned",
        examples=["ignore"],
    )
    exactness: str = Field(examples=["exact"])
    published: list[Published]


class RequestLimits(BaseModel):
    """What a request may bring."""

    files: int = Field(examples=[100])
    bytes_per_file: int
    bytes: int
    pixels: int
    side: int


class Models(BaseModel):
    """Which models there are, and what a request may bring."""

    models: list[Model]
    limits: RequestLimits
    version: str = Field(examples=[__version__])
    samples: list[str] = Field(description="addresses of pictures to begin with, of --demo")


@router.get(
    "/v1/models",
    summary="The models of this server, and its limits",
    response_model=Models,
    responses=responses(),
)
async def list_models(request: Request) -> dict[str, Any]:
    """Say which models score here, how far each can be trusted, and what a request may bring."""
    settings: Settings = request.app.state.settings
    limits = settings.limits
    return {
        "models": [model.description for model in request.app.state.models],
        "limits": {
            "files": limits.files,
            "bytes_per_file": limits.bytes_per_file,
            "bytes": limits.bytes,
            "pixels": limits.pixels,
            "side": limits.side,
        },
        "version": __version__,
        "samples": sample_addresses() if settings.demo else [],
    }


def labels_in_words(models: tuple[ServedModel, ...]) -> str:
    """Name the models for a sentence."""
    return join_names([model.label for model in models])
