"""A scorer that other computers can run: names and settings, no weights, until it is called."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import socket
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from memnet import __version__
from memnet.data.score_columns import SCORE_COLUMNS
from memnet.errors import MemnetError
from memnet.preprocess.decode import MAX_BYTES, MAX_PIXELS, MAX_SIDE, PictureLimits
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.cached import score_with_cache
from memnet.scoring.devices import require_device
from memnet.scoring.lazy_model import LazyModel, find, open_models
from memnet.scoring.named import NamedModel, split_variant
from memnet.scoring.picture_frames import picture_items
from memnet.scoring.precision import EXACT
from memnet.scoring.precision.records import Measured
from memnet.scoring.score_cache import is_wanted
from memnet.scoring.score_file import differences
from memnet.scoring.scored import Answer, Request
from memnet.scoring.table import to_frame
from memnet.util.checks import require_whole
from memnet.util.text import model_label
from memnet.weights import networks

if TYPE_CHECKING:
    import pandas as pd

    from memnet.scoring.predictor import Predictor

_SPARK_TYPES = {
    "object": "string",
    "float64": "double",
    "Int64": "bigint",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class _Wanted:
    """A model as it travels: where to find it, what to call it, and what it must be there."""

    given: str
    name: str
    exif_orientation: Literal["ignore", "apply"] | None
    identity: str  # JSON
    arch: str
    computing: Measured | None  # chosen once, where the scorer is made: for all computers the same
    network: Any  # the class of an architecture that was registered; None of memnet's own


class BatchScorer:
    """Scores tables of pictures, in whatever process it is called: for Spark, Ray, Dask, joblib.

    Pickled, it is names and settings of some kilobytes. Weights are read where it is called first
    in a process, and stay there for later calls; they must be the ones that it found when it was
    made, and memnet the same version, or it says so. ``memnet score --engine ray`` runs it, too.

    Parameters
    ----------
    models : a name or weight file as :func:`memnet.load` takes it, or several. A weight file must
        lie at the same path on every computer.
    name : what the table calls the model, instead of its name or file; of a single model.
    device : ``"auto"`` (a GPU where there is one), ``"cpu"``, ``"cuda"`` ...; as on each computer.
    batch_size : pictures per pass through the network.
    exif_orientation : as of :func:`memnet.load`.
    max_pixels, max_side, max_bytes : larger pictures become failed rows.
    precision : as of :func:`memnet.load`; measured where the scorer is made.
    cache : whether each computer's score cache is used, if its user allows it.
    threads : of the network in each process; None leaves what torch or the caller has set.

    Attributes
    ----------
    models : label -> how the model scores and what it was trained on, as in a table's sidecar.
    cached : how many scores came from the score cache in this process.
    spark_schema : the columns of the result, as ``mapInPandas`` wants to know them.

    Raises
    ------
    MemnetError
        if a model is not known or its weights are not at hand here, a number is no whole one, or no
        computer has such a device.

    Examples
    --------
    >>> import pickle, memnet
    >>> memnet.BatchScorer.spark_schema[:39]
    'image_id string, path string, model str'
    """

    spark_schema: ClassVar[str] = ", ".join(
        f"{name} {_SPARK_TYPES[kind]}" for name, kind in SCORE_COLUMNS.items()
    )

    def __init__(
        self,
        models: str | Path | Sequence[str | Path],
        *,
        name: str = "",
        device: str = "auto",
        batch_size: int = DEFAULT_BATCH_SIZE,
        exif_orientation: Literal["ignore", "apply"] | None = None,
        max_pixels: int = MAX_PIXELS,
        max_side: int = MAX_SIDE,
        max_bytes: int = MAX_BYTES,
        precision: str = EXACT,
        cache: bool = True,
        threads: int | None = None,
    ) -> None:
        given = _as_given(models)
        if name and len(given) > 1:
            raise MemnetError(f"{len(given)} models were given; name= is for one.")
        require_device(device)
        limits = {"max_pixels": max_pixels, "max_side": max_side, "max_bytes": max_bytes}
        for setting, value in {"batch_size": batch_size, **limits}.items():
            require_whole(setting, value, 1)
        if threads is not None:
            require_whole("threads", threads, 1)
        self.device, self.batch_size, self.threads = device, batch_size, threads
        self.limits = PictureLimits(**limits)
        self.cache = cache and is_wanted()
        self.cached = 0
        self._version = __version__
        self._sources: list[LazyModel] | None = None
        found: dict[str, Found] = {}
        self._wanted: tuple[_Wanted, ...] = ()
        for each in given:
            model = find(each, device, exif_orientation, precision)
            label = model.label
            if label in found:
                continue  # it was given twice, by its name and by its file
            model = _renamed(model, name)
            found[label] = Found(label, model)
            wanted = _Wanted(
                given=_as_anywhere(os.fspath(each)),
                name=model.name,
                exif_orientation=exif_orientation,
                identity=json.dumps(model.identity()),
                arch=model.header.arch,
                computing=model.computing,
                network=networks.registered(model.header.arch),
            )
            self._wanted += (wanted,)
        self._found: tuple[Found, ...] | None = tuple(found.values())

    @property
    def models(self) -> dict[str, dict[str, Any]]:
        """How each model scores, by its label."""
        return {
            model_label(wanted.name, split_variant(wanted.given)[1]): json.loads(wanted.identity)
            for wanted in self._wanted
        }

    @property
    def found(self) -> tuple[Found, ...]:
        """The models, in the process in which the scorer was made."""
        assert self._found is not None
        return self._found

    @property
    def sources(self) -> list[LazyModel]:
        """The models here, by which answers become rows; no weights are read for it."""
        if self._sources is None:
            if self._found is not None:
                found = [model for _, model in self._found]
                self._sources = open_models(found, self.device)
            elif self._version == __version__:
                self._sources = _open(self._wanted, self.device)
            else:
                raise MemnetError(
                    f"{socket.gethostname()} has memnet {__version__}, and the scorer was made by "
                    f"{self._version}; install the same version on all computers."
                )
        return self._sources

    def only(self, places: range) -> BatchScorer:
        """Return a scorer of some of the models."""
        other = copy.copy(self)
        other._found, other._sources = self.found[places.start : places.stop], None
        other._wanted = self._wanted[places.start : places.stop]
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_found": None, "_sources": None, "cached": 0}

    def __call__(self, table: pd.DataFrame | Mapping[str, Any] | Sequence[Any]) -> pd.DataFrame:
        """Score the pictures of a table.

        Parameters
        ----------
        table : a row for each picture: a DataFrame, a table of pyarrow, a mapping of columns, or a
            list of mappings.
            ``path``: where the picture is; ``bytes`` or ``content``: the encoded picture itself,
            where it travels with the table. ``image_id``: its name, without it the path. Other
            columns are not looked at. Rows of one ``image_id`` are of one picture.

        Returns
        -------
        DataFrame
            a row for each picture, in order, and all of them for each model, with the columns of
            :meth:`memnet.Predictor.score`. What cannot be scored keeps its row, without a score.

        Raises
        ------
        MemnetError
            if it is no table, has neither paths nor pictures or one column twice, or two pictures
            of one ``image_id``; if weights or versions differ here from where the scorer was made,
            or a network fails.
        """
        everything = tuple(range(len(self._wanted)))
        requests = [Request(item, everything) for item in picture_items(table)]
        with without_pillows_warnings():
            answers = [answer for batch in self.answers(requests) for answer in batch]
        by_model = zip(*(answer.rows(self.sources) for answer in answers), strict=True)
        frame = to_frame([row for rows in by_model for row in rows])
        frame.attrs["models"] = self.models
        return frame

    def answers(self, requests: Iterable[Request]) -> Iterator[list[Answer]]:
        """Answer requests in order, as soon as they are known; their models are places in ours."""
        if self.threads is not None:
            import torch

            torch.set_num_threads(self.threads)
        for batch in score_with_cache(
            requests,
            self.sources,
            cache=self.cache,
            batch_size=self.batch_size,
            limits=self.limits,
        ):
            self.cached += sum(answer.known for answer in batch)
            yield batch
            del batch  # whose frames of videos would stay while the next ones are decoded


class Found(NamedTuple):
    """A model, and its label before it was called otherwise."""

    label: str
    model: NamedModel | Predictor


@contextlib.contextmanager
def without_pillows_warnings() -> Iterator[None]:
    """Hide warnings that name no picture; what matters of them is in the rows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


@lru_cache(maxsize=1)
def _open(models: tuple[_Wanted, ...], device: str) -> list[LazyModel]:
    """Find the models here; a process keeps those that it found last, with their weights."""
    return open_models([_find(wanted, device) for wanted in models], device)


def _find(wanted: _Wanted, device: str) -> NamedModel | Predictor:
    if wanted.network is not None and networks.registered(wanted.arch) is None:
        networks.register_network(wanted.arch, wanted.network)
    model = find(wanted.given, device, wanted.exif_orientation)
    if isinstance(model, NamedModel):
        model = replace(model, computing=wanted.computing)
    if others := differences(json.loads(wanted.identity), model.identity()):
        raise MemnetError(
            f"{wanted.given} on {socket.gethostname()} is another model than where the scorer was "
            f"made (different: {', '.join(others)}); give all computers the same weights."
        )
    return _renamed(model, wanted.name)


def _renamed(model: NamedModel | Predictor, name: str) -> NamedModel | Predictor:
    if not name:
        return model
    if isinstance(model, NamedModel):
        return replace(model, name=name)
    model.name = name
    return model


def _as_given(models: Any) -> list[str | Path]:
    """Return the models as a list of names and files."""
    is_list = isinstance(models, Iterable) and not isinstance(models, str)
    given = list(models) if is_list else [models]
    if not all(isinstance(each, str | Path) for each in given):
        raise MemnetError(
            "A BatchScorer takes the names or weight files of its models, since it travels without "
            "weights; memnet.save_weights writes the file of a network, and a model of a package "
            "has a name (the entry-point group memnet.models)."
        )
    if not given:
        raise MemnetError("No model was given; give the name or weight file of one.")
    return given


def _as_anywhere(given: str) -> str:
    """Return a weight file by its absolute path; a process elsewhere has another folder."""
    path, variant = split_variant(given)
    if not path.endswith(".safetensors"):
        return given
    return os.path.abspath(path) + (f":{variant}" if variant else "")
