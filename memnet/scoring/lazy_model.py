"""A model whose weights are read when its network is needed, which it is not where all is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from memnet.legacy.variants import as_variant
from memnet.preprocess.decode import PictureLimits
from memnet.preprocess.spec import PreprocessSpec
from memnet.scoring.cached import scoring_digest
from memnet.scoring.devices import AUTO, choose_device
from memnet.scoring.named import NamedModel, find_named, say_conditions
from memnet.scoring.plugins import find_plugin
from memnet.scoring.precision import EXACT
from memnet.scoring.precision.choice import at_precision
from memnet.scoring.precision.records import computing_of
from memnet.scoring.verified_files import is_verified, remember, stamp_of
from memnet.weights.files import WeightHeader

if TYPE_CHECKING:
    from memnet.scoring.functions import FunctionHeader
    from memnet.scoring.predictor import Predictor


def find(
    model: str | Path,
    device: str = AUTO,
    exif_orientation: Literal["ignore", "apply"] | None = None,
    precision: str = EXACT,
) -> NamedModel | Predictor:
    """Find a model; parameters and errors are those of :func:`memnet.load`, but for its numbers."""
    if find_plugin(str(model)) is None:
        named = find_named(str(model), exif_orientation)
        device = choose_device(device)
        return at_precision(named, precision, device, lambda: LazyModel(named, device).load())
    from memnet.scoring.predictor import load  # only the package knows what its model is

    return load(model, device=device, exif_orientation=exif_orientation, precision=precision)


def find_model(model: str | Path, device: str = AUTO) -> LazyModel:
    """Find one as it is, and say its conditions; as :func:`find`."""
    return open_models([find(model, device)], device)[0]


def open_models(models: Sequence[NamedModel | Predictor], device: str) -> list[LazyModel]:
    """Make models that are read when they are needed; variants of one file share its network."""
    first: dict[tuple[Path, str, str], LazyModel] = {}
    sources = []
    for model in models:
        if isinstance(model, NamedModel):
            say_conditions(model)
            kind = model.computing.kind if model.computing else EXACT
            key = model.path, model.header.tensors_sha256, kind
            source = LazyModel(model, device, twin=first.get(key))
            first.setdefault(key, source)
        else:
            source = LazyModel(model)
        sources.append(source)
    return sources


class LazyModel:
    """A model by its name, or one that is loaded already.

    Parameters
    ----------
    model : either of them.
    device : where the network of a named one shall run.
    twin : another of the same weight file and device that is computed alike, whose network this
        one uses, too.

    Attributes
    ----------
    name, variant, header : as of :class:`memnet.Predictor`.
    device : where its network runs, or will.
    """

    def __init__(
        self, model: NamedModel | Predictor, device: str = AUTO, *, twin: LazyModel | None = None
    ) -> None:
        self.name, self.variant = model.name, model.variant
        self.header: WeightHeader | FunctionHeader = model.header
        self._model, self._twin = model, twin
        self.device = choose_device(device) if isinstance(model, NamedModel) else str(model.device)

    @property
    def preprocess(self) -> PreprocessSpec | None:
        """What happens to a picture before the network sees it; None: it takes pictures."""
        return self.header.preprocess

    def load(self) -> Predictor:
        """Return the model, ready to score; raises ``MemnetError`` as :func:`memnet.load`."""
        if isinstance(self._model, NamedModel):
            # Here, not above: torch, which what is known does not need.
            from memnet.scoring.predictor import build, with_other_header

            if self._twin is None:
                self._model = build(self._model, self._model.read(), self.device)
            else:
                model, twin = self._model, self._twin.load()
                self._model = with_other_header(twin, model.name, model.variant, model.header)
                self._model.computing = model.computing
        return self._model

    def as_variant(self, slug: str) -> LazyModel:
        """Return a variant of it with the same network; raises ``MemnetError`` for unknown ones."""
        assert isinstance(self.header, WeightHeader)
        header = as_variant(self.header, slug)
        if isinstance(self._model, NamedModel):
            named = replace(self._model, variant=slug, header=header)
            return LazyModel(named, self.device, twin=self)
        from memnet.scoring.predictor import with_other_header

        return LazyModel(with_other_header(self._model, self.name, slug, header))

    def digest(self, limits: PictureLimits) -> bytes | None:
        """Return what its scores are cached under; see :func:`.cached.scoring_digest`."""
        if isinstance(self._model, NamedModel):
            stamp = stamp_of(self._model.path)
            if is_verified(stamp):
                computing = computing_of(self._model.computing)
                return scoring_digest(self.header, self.device, limits, computing)
            self.load()  # which compares its numbers with the checksum that the digest is made of
            remember(stamp)
            return self.digest(limits)
        return self._model.scoring_digest(limits)
