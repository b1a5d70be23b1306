"""What happens to a picture on its way into a network, and to the outputs on their way out.

Neither object has a default anywhere: an omitted field is a ``TypeError``, never somebody else's
preprocessing. Both travel inside the weight file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.preprocess.decode import MAX_PIXELS, Decoded, Picture, decode
from memnet.preprocess.resize import RESIZERS

_Spec = TypeVar("_Spec", "PreprocessSpec", "OutputSpec")


@dataclass(frozen=True, kw_only=True)
class PreprocessSpec:
    """One picture -> one network input. Fields stand in the order in which they act.

    Attributes
    ----------
    exif_orientation : ``"ignore"`` or ``"apply"``.
    resize_kind : name of a resizer in :mod:`memnet.preprocess.resize`.
    resize_hw : height and width after resizing; the aspect ratio is not kept.
    channel_order : ``"RGB"`` or ``"BGR"``: what the network calls its first channel.
    pixel_max : what a white pixel becomes (1.0, or 255.0); black is 0.
    crop_hw : height and width of each crop.
    crop_offsets : (row, column) of each crop's upper left corner, in order.
    """

    exif_orientation: Literal["ignore", "apply"]
    resize_kind: str
    resize_hw: tuple[int, int]
    channel_order: Literal["RGB", "BGR"]
    pixel_max: float
    crop_hw: tuple[int, int]
    crop_offsets: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        _choice("exif_orientation", self.exif_orientation, ("ignore", "apply"))
        _choice("resize_kind", self.resize_kind, tuple(RESIZERS))
        _choice("channel_order", self.channel_order, ("RGB", "BGR"))
        for row, column in self.crop_offsets:
            fits = 0 <= row <= self.resize_hw[0] - self.crop_hw[0]
            if not (fits and 0 <= column <= self.resize_hw[1] - self.crop_hw[1]):
                raise MemnetError(
                    f"A crop of {self.crop_hw} at {(row, column)} leaves a picture of "
                    f"{self.resize_hw}; mend crop_offsets."
                )
        if not self.crop_offsets:
            raise MemnetError("crop_offsets is empty; a spec needs at least one crop.")

    def apply(self, picture: Picture, *, max_pixels: int = MAX_PIXELS) -> Tensor:
        """Preprocess one picture.

        Returns
        -------
        Tensor
            float32 of shape ``(crops, 3, height, width)``, values 0 to ``pixel_max``.

        Raises
        ------
        PictureError
            if the picture cannot be decoded (see :func:`memnet.preprocess.decode.decode`).
        """
        return self.apply_decoded(
            decode(picture, exif_orientation=self.exif_orientation, max_pixels=max_pixels)
        )

    def apply_decoded(self, decoded: Decoded) -> Tensor:
        """Preprocess a picture that has been decoded already; returns what :meth:`apply` does."""
        resized = RESIZERS[self.resize_kind](decoded.rgb, self.resize_hw)  # H x W x 3, 0..255
        if self.channel_order == "BGR":
            resized = resized[:, :, ::-1]
        height, width = self.crop_hw
        crops = np.stack(
            [resized[row : row + height, col : col + width] for row, col in self.crop_offsets]
        ).transpose(0, 3, 1, 2)  # crops x 3 x height x width
        # NumPy, not torch: in a decoding thread a torch operation would start OpenMP threads of
        # its own, which keep a core busy and slow the network down by a seventh.
        values = np.ascontiguousarray(crops, dtype=np.float32)
        if self.pixel_max != 255.0:
            values /= np.float32(255.0 / self.pixel_max)
        return torch.from_numpy(values)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PreprocessSpec:
        """Rebuild a spec; an unknown, missing or ill-typed field raises ``MemnetError``."""
        return _from_dict(cls, values)

    def digest(self) -> str:
        """Sha256 of the fields as canonical JSON: equal specs, equal digests, on any machine."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class OutputSpec:
    """Raw network outputs -> score, in the order of the fields.

    ``score = clamp((mean over crops - subtract) * multiply + add)``.
    """

    crop_reduction: Literal["mean"]
    subtract: float
    multiply: float
    add: float
    clamp: Literal["none", "0-1"]

    def __post_init__(self) -> None:
        _choice("crop_reduction", self.crop_reduction, ("mean",))
        _choice("clamp", self.clamp, ("none", "0-1"))

    def apply(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turn outputs into scores.

        Parameters
        ----------
        outputs : float32 of shape ``(N, crops)``.

        Returns
        -------
        raw, score, clamped : each ``(N,)``; ``raw`` is the mean over crops before scaling,
            ``clamped`` is True where the clamp moved the score.
        """
        raw = outputs.mean(dim=1)
        score = raw
        if (self.subtract, self.multiply, self.add) != (0.0, 1.0, 0.0):
            score = (raw - self.subtract) * self.multiply + self.add
        held = score.clamp(0.0, 1.0) if self.clamp == "0-1" else score
        return raw, held, held != score

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OutputSpec:
        """Rebuild a spec; an unknown or missing field raises ``MemnetError``."""
        return _from_dict(cls, values)


def _choice(field: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise MemnetError(
            f"{field} is {value!r}; it must be one of {', '.join(map(repr, allowed))}."
        )


def _from_dict(cls: type[_Spec], values: Mapping[str, Any]) -> _Spec:
    wanted = {field.name for field in fields(cls)}
    missing, unknown = sorted(wanted - values.keys()), sorted(values.keys() - wanted)
    if missing or unknown:
        raise MemnetError(
            f"A {cls.__name__} lacks {missing or 'nothing'} and has unknown fields "
            f"{unknown or 'none'}; it was written by another version of memnet."
        )
    try:
        return cls(**{name: _tuples(value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise MemnetError(f"A {cls.__name__} has a field of the wrong type: {error}.") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
