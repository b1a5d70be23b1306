"""A model whose weights are read when its network is needed, which it is not where all is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memnet.preprocess.decode import PictureLimits
from memnet.scoring.cached import scoring_digest
from memnet.scoring.devices import AUTO, choose_device
from memnet.scoring.named import NamedModel, find_named, say_conditions
from memnet.scoring.plugins import find_plugin
from memnet.scoring.verified_files import is_verified, remember, stamp_of

if TYPE_CHECKING:
    from memnet.scoring.functions import FunctionHeader
    from memnet.scoring.predictor import Predictor
    from memnet.weights.files import WeightHeader


def find_model(model: str | Path, device: str = AUTO) -> LazyModel:
    """Find a model; parameters and errors are those of :func:`memnet.load`, but for its numbers."""
    if find_plugin(str(model)) is None:
        return LazyModel(find_named(str(model)), device)
    from memnet.scoring.predictor import load  # only the package knows what its model is

    return LazyModel(load(model, device=device))


class LazyModel:
    """A model by its name, or one that is loaded already.

    Attributes
    ----------
    name, variant, header : as of :class:`memnet.Predictor`.
    device : where its network runs, or will.
    """

    def __init__(self, model: NamedModel | Predictor, device: str = AUTO) -> None:
        self.name, self.variant = model.name, model.variant
        self.header: WeightHeader | FunctionHeader = model.header
        self._model = model
        if isinstance(model, NamedModel):
            self.device = choose_device(device)
            say_conditions(model)
        else:
            self.device = str(model.device)

    def load(self) -> Predictor:
        """Return the model, ready to score; raises ``MemnetError`` as :func:`memnet.load`."""
        if isinstance(self._model, NamedModel):
            tensors = self._model.read()
            from memnet.scoring.predictor import build  # torch, which what is known does not need

            self._model = build(self._model, tensors, self.device)
        return self._model

    def digest(self, limits: PictureLimits) -> bytes | None:
        """Return what its scores are cached under; see :func:`.cached.scoring_digest`."""
        if isinstance(self._model, NamedModel):
            stamp = stamp_of(self._model.path)
            if is_verified(stamp):
                return scoring_digest(self.header, self.device, limits)
            self.load()  # which compares its numbers with the checksum that the digest is made of
            remember(stamp)
            return self.digest(limits)
        return self._model.scoring_digest(limits)
