"""What happens to a picture on its way into a network, and to the outputs on their way out.

Neither object has a default anywhere: an omitted field is a ``TypeError``, never somebody else's
preprocessing. Both travel inside the weight file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.preprocess.decode import MAX_PIXELS, Decoded, Picture, decode
from memnet.preprocess.resize import RESIZERS

_Spec = TypeVar("_Spec", "PreprocessSpec", "OutputSpec")
Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"


def mean_digest(mean_image: Array) -> str:
    """Sha256 of a mean image's values: little-endian float32 in C order."""
    return hashlib.sha256(np.ascontiguousarray(mean_image, dtype="<f4").tobytes()).hexdigest()


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
    mean_kind : ``"none"``, or ``"image"``: a mean image is subtracted before cropping.
    mean_sha256 : of that image (:func:`mean_digest`), "" for none. The image itself lies beside
        the weights.
    crop_hw : height and width of each crop.
    crop_offsets : (row, column) of each crop's upper left corner, in order.
    crop_mirrors : ``"none"``, or ``"appended"``: behind all crops come their left-right mirror
        images, in the same order.
    """

    exif_orientation: Literal["ignore", "apply"]
    resize_kind: str
    resize_hw: tuple[int, int]
    channel_order: Literal["RGB", "BGR"]
    pixel_max: float
    mean_kind: Literal["none", "image"]
    mean_sha256: str
    crop_hw: tuple[int, int]
    crop_offsets: tuple[tuple[int, int], ...]
    crop_mirrors: Literal["none", "appended"]

    def __post_init__(self) -> None:
        _choice("exif_orientation", self.exif_orientation, ("ignore", "apply"))
        _choice("resize_kind", self.resize_kind, tuple(RESIZERS))
        _choice("channel_order", self.channel_order, ("RGB", "BGR"))
        _choice("mean_kind", self.mean_kind, ("none", "image"))
        _choice("crop_mirrors", self.crop_mirrors, ("none", "appended"))
        if (self.mean_kind == "image") != bool(self.mean_sha256):
            raise MemnetError("mean_sha256 must name the mean image, and be empty without one.")
        for row, column in self.crop_offsets:
            fits = 0 <= row <= self.resize_hw[0] - self.crop_hw[0]
            if not (fits and 0 <= column <= self.resize_hw[1] - self.crop_hw[1]):
                raise MemnetError(
                    f"A crop of {self.crop_hw} at {(row, column)} leaves a picture of "
                    f"{self.resize_hw}; mend crop_offsets."
                )
        if not self.crop_offsets:
            raise MemnetError("crop_offsets is empty; a spec needs at least one crop.")

    @property
    def n_crops(self) -> int:
        """How many network inputs one picture becomes."""
        return len(self.crop_offsets) * (1 if self.crop_mirrors == "none" else 2)

    def apply(
        self,
        picture: Picture,
        *,
        mean_image: Array | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Tensor:
        """Preprocess one picture.

        Parameters
        ----------
        picture : see :func:`memnet.preprocess.decode.decode`.
        mean_image : float32 ``(H, W, 3)`` at ``resize_hw``, in ``channel_order`` and the unit of
            ``pixel_max``; needed where ``mean_kind`` is ``"image"``.
        max_pixels : pictures with more pixels are refused.

        Returns
        -------
        Tensor
            float32 of shape ``(crops, 3, height, width)``, values 0 to ``pixel_max``, minus the
            mean image where there is one.

        Raises
        ------
        PictureError
            if the picture cannot be decoded (see :func:`memnet.preprocess.decode.decode`).
        """
        decoded = decode(picture, exif_orientation=self.exif_orientation, max_pixels=max_pixels)
        return self.apply_decoded(decoded, mean_image=mean_image)

    def apply_decoded(self, decoded: Decoded, *, mean_image: Array | None = None) -> Tensor:
        """Preprocess a picture that has been decoded already; returns what :meth:`apply` does."""
        # NumPy, not torch: in a decoding thread a torch operation would start OpenMP threads of
        # its own, which keep a core busy and slow the network down by a seventh.
        resized = RESIZERS[self.resize_kind](decoded.rgb, self.resize_hw)  # H x W x 3, 0..255
        if self.channel_order == "BGR":
            resized = resized[:, :, ::-1]
        if self.mean_kind == "image":
            if self.pixel_max != 255.0:
                resized = resized * np.float32(self.pixel_max / 255.0)
            resized = resized.astype(np.float32) - self.checked_mean(mean_image)
        planes = np.ascontiguousarray(resized.transpose(2, 0, 1), dtype=np.float32)  # 3 x H x W
        height, width = self.crop_hw
        crops = np.empty((self.n_crops, 3, height, width), dtype=np.float32)
        for number, (row, col) in enumerate(self.crop_offsets):
            crops[number] = planes[:, row : row + height, col : col + width]
        if self.crop_mirrors == "appended":
            planes = np.ascontiguousarray(planes[:, :, ::-1])
            for number, (row, col) in enumerate(self.crop_offsets, start=len(self.crop_offsets)):
                col = self.resize_hw[1] - width - col  # the same crop, seen in the mirror
                crops[number] = planes[:, row : row + height, col : col + width]
        if self.mean_kind == "none" and self.pixel_max != 255.0:
            crops /= np.float32(255.0 / self.pixel_max)
        return torch.from_numpy(crops)

    def checked_mean(self, mean_image: Array | None) -> Array:
        """Return the mean image; one that is missing or of another size is an error."""
        if mean_image is None or mean_image.shape != (*self.resize_hw, 3):
            shape = None if mean_image is None else mean_image.shape
            raise MemnetError(
                f"This preprocessing subtracts a mean image of {self.resize_hw} x 3, and was "
                f"given {shape}; take it from the weight file (Predictor.mean_image)."
            )
        return mean_image

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
        raw, score, clamped : each ``(N,)``, the numbers float64; ``raw`` is the mean over crops
            before scaling, ``clamped`` is True where the clamp moved the score.
        """
        raw = outputs.double().mean(dim=1)
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
