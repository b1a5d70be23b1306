"""What is asked of models, and what they gave: as rows of the table, and bytes of the cache."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from memnet.data.inputs import Item
from memnet.preprocess.decode import PictureLimits
from memnet.preprocess.spec import PreprocessSpec
from memnet.scoring.table import Row

if TYPE_CHECKING:
    from memnet.scoring.engine import Scorer

_NUMBERS = struct.Struct("<dd?IIHHH")
"""Raw, score, clamped, width, height, and the lengths of mode, warning (bytes) and outputs."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a model gave for a picture, and what was seen of the picture.

    Attributes
    ----------
    outputs : the network's output for each crop, unscaled.
    raw, score, clamped : what :meth:`memnet.preprocess.spec.OutputSpec.apply` makes of them.
    width, height, mode, warning : as in :class:`memnet.scoring.table.Row`.
    """

    outputs: tuple[float, ...]
    raw: float
    score: float
    clamped: bool
    width: int
    height: int
    mode: str
    warning: str

    def to_bytes(self) -> bytes:
        """Write everything; the outputs are those of a network, which are float32."""
        mode, warning = self.mode.encode(), self.warning.encode()
        numbers = (self.raw, self.score, self.clamped, self.width, self.height)
        head = _NUMBERS.pack(*numbers, len(mode), len(warning), len(self.outputs))
        return head + mode + warning + struct.pack(f"<{len(self.outputs)}f", *self.outputs)

    @classmethod
    def from_bytes(cls, data: bytes) -> Scored:
        """Read what :meth:`to_bytes` wrote."""
        raw, score, clamped, width, height, *lengths = _NUMBERS.unpack_from(data)
        in_mode = _NUMBERS.size + lengths[0]
        in_warning = in_mode + lengths[1]
        return cls(
            outputs=struct.unpack_from(f"<{lengths[2]}f", data, in_warning),
            raw=raw,
            score=score,
            clamped=clamped,
            width=width,
            height=height,
            mode=data[_NUMBERS.size : in_mode].decode(),
            warning=data[in_mode:in_warning].decode(),
        )


class Model(Protocol):
    """A model by what is known of it; :class:`memnet.scoring.lazy_model.LazyModel` is one."""

    name: str
    variant: str

    @property
    def preprocess(self) -> PreprocessSpec | None:
        """What happens to a picture before the network sees it; None: it takes pictures."""

    def load(self) -> Scorer:
        """Return it ready to score; called for each batch that needs it, and not before."""


class Ready:
    """A :class:`Model` that is ready to score.

    Parameters
    ----------
    scorer : what scores.
    digest : what its scores are cached under; None: they are not.
    """

    def __init__(self, scorer: Scorer, digest: bytes | None = None) -> None:
        self.name, self.variant = scorer.name, scorer.variant
        self._scorer, self._digest = scorer, digest

    @property
    def preprocess(self) -> PreprocessSpec | None:
        """What it does to a picture."""
        return self._scorer.preprocess

    def load(self) -> Scorer:
        """Return the scorer."""
        return self._scorer

    def digest(self, limits: PictureLimits) -> bytes | None:
        """Return what was given."""
        return self._digest


class Request(NamedTuple):
    """A picture, and the models that shall score it, by their places in a list of models."""

    item: Item
    models: tuple[int, ...]


class Answer(NamedTuple):
    """What models gave for a picture.

    Attributes
    ----------
    request : what was asked.
    results : one for each of its models, or why there is none.
    known : how many of them came from the score cache, or are of a picture that was there twice.
    """

    request: Request
    results: tuple[Scored | str, ...]
    known: int = 0

    def rows(self, models: Sequence[Model]) -> list[Row]:
        """Make its rows of the score table, one for each of the request's models."""
        item, places = self.request
        return [
            _make_row(item, models[place], result)
            for place, result in zip(places, self.results, strict=True)
        ]


def _make_row(item: Item, model: Model, result: Scored | str) -> Row:
    common = {
        "image_id": item.image_id,
        "path": item.path,
        "model": model.name,
        "variant": model.variant,
    }
    if isinstance(result, str):
        return Row.failed(**common, reason=result)
    return Row(
        **common,
        score=result.score,
        raw=result.raw,
        n_crops=len(result.outputs),
        clamped=result.clamped,
        width=result.width,
        height=result.height,
        mode=result.mode,
        warning=result.warning,
    )
