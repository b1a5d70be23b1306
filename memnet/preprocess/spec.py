"""What happens to a picture on its way into a network, and to the outputs on their way out.

Neither object has a default anywhere: an omitted field is a ``TypeError``, never somebody else's
preprocessing. Both travel inside the weight file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from memnet.errors import MemnetError
from memnet.preprocess.decode import MAX_PIXELS, Decoded, Picture, PictureLimits, decode
from memnet.preprocess.means import MEANS
from memnet.preprocess.resize import RESIZERS
from memnet.util.arrays import Float32Array
from memnet.util.text import printable

if TYPE_CHECKING:
    from torch import Tensor

_Spec = TypeVar("_Spec", "PreprocessSpec", "OutputSpec")


def mean_digest(mean_image: Float32Array) -> str:
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
    channel_order : ``"RGB"`` or ``"BGR"``: which colour the network's first channel gets;
        ``"GREY"``: all three get the luminance (scikit-image's, of Rec. 709).
    pixel_max : what a white pixel becomes (1.0, or 255.0); black is 0.
    mean_kind : a name in :mod:`memnet.preprocess.means`: ``"none"``, or ``"image"``: a mean image
        is subtracted before cropping; the others are mistakes of old scripts.
    mean_sha256 : of that image (:func:`mean_digest`), "" where none is needed. The image itself
        lies beside the weights.
    crop_hw : height and width of each crop.
    crop_offsets : (row, column) of each crop's upper left corner, in order.
    crop_mirrors : ``"none"``; ``"appended"``: behind all crops come their left-right mirror
        images, in the same order; ``"interleaved"``: behind each crop comes its mirror image;
        ``"of-mirrored"``: behind all crops come those of the mirrored picture at the same offsets,
        as torchvision's ``ten_crop`` (where offsets do not lie symmetrically, other crops).
    """

    exif_orientation: Literal["ignore", "apply"]
    resize_kind: str
    resize_hw: tuple[int, int]
    channel_order: Literal["RGB", "BGR", "GREY"]
    pixel_max: float
    mean_kind: str
    mean_sha256: str
    crop_hw: tuple[int, int]
    crop_offsets: tuple[tuple[int, int], ...]
    crop_mirrors: Literal["none", "appended", "interleaved", "of-mirrored"]

    def __post_init__(self) -> None:
        _choice("exif_orientation", self.exif_orientation, ("ignore", "apply"))
        _choice("resize_kind", self.resize_kind, tuple(RESIZERS))
        _choice("channel_order", self.channel_order, ("RGB", "BGR", "GREY"))
        _choice("mean_kind", self.mean_kind, tuple(MEANS))
        _choice("crop_mirrors", self.crop_mirrors, _MIRRORS)
        for field in ("resize_hw", "crop_hw"):
            if not (_is_pair(size := getattr(self, field)) and min(size) > 0):
                raise MemnetError(
                    f"{field} is {_shown(size)}; it must be a height and a width in pixels: "
                    "(256, 256)."
                )
            if max(size) > _MOST_SIDE:
                raise MemnetError(f"{field} is {_shown(size)}; a side has at most {_MOST_SIDE:,}.")
        if not (_is_number(self.pixel_max) and self.pixel_max > 0):
            raise MemnetError(
                f"pixel_max is {_shown(self.pixel_max)}; it must be a number: 1.0 or 255.0."
            )
        if not (
            isinstance(self.crop_offsets, tuple | list) and all(map(_is_pair, self.crop_offsets))
        ):
            raise MemnetError(
                f"crop_offsets is {_shown(self.crop_offsets)}; it must be a row and a column for "
                "each crop: ((0, 0), (15, 15))."
            )
        if not isinstance(self.mean_sha256, str) or self.needs_mean_image != bool(self.mean_sha256):
            raise MemnetError("mean_sha256 must name the mean image, and be empty without one.")
        self._check_crops()
        # Equal specs have equal digests: whole numbers for 1.0, lists, NumPy's numbers will do.
        _set(self, "pixel_max", float(self.pixel_max))
        for field in ("resize_hw", "crop_hw"):
            _set(self, field, _ints(getattr(self, field)))
        _set(self, "crop_offsets", tuple(_ints(offset) for offset in self.crop_offsets))

    def _check_crops(self) -> None:
        for row, column in self.crop_offsets:
            fits = 0 <= row <= self.resize_hw[0] - self.crop_hw[0]
            if not (fits and 0 <= column <= self.resize_hw[1] - self.crop_hw[1]):
                raise MemnetError(
                    f"A crop of {self.crop_hw} at {_shown((row, column))} leaves a picture of "
                    f"{self.resize_hw}; mend crop_offsets."
                )
        if not self.crop_offsets:
            raise MemnetError("crop_offsets is empty; a spec needs at least one crop.")
        pixels = self.n_crops * self.crop_hw[0] * self.crop_hw[1]
        if self.n_crops > _MOST_CROPS or pixels > _MOST_PIXELS:
            raise MemnetError(
                f"crop_offsets makes {self.n_crops:,} crops of {self.crop_hw} of each picture; a "
                f"spec has at most {_MOST_CROPS:,}, of {_MOST_PIXELS:,} pixels together."
            )

    @property
    def needs_mean_image(self) -> bool:
        """Whether the weights' mean image plays a part."""
        return MEANS[self.mean_kind].of_image

    @property
    def n_crops(self) -> int:
        """How many network inputs one picture becomes."""
        return len(self.crop_offsets) * (1 if self.crop_mirrors == "none" else 2)

    def apply(
        self,
        picture: Picture,
        *,
        mean_image: Float32Array | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> Tensor:
        """Preprocess one picture.

        Parameters
        ----------
        picture : see :func:`memnet.preprocess.decode.decode`.
        mean_image : the float32 ``(H, W, 3)`` image that ``mean_sha256`` names, in the unit of
            ``pixel_max``; for ``mean_kind`` ``"image"`` at ``resize_hw`` and in ``channel_order``.
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
        limits = PictureLimits(max_pixels=max_pixels)
        decoded = decode(picture, exif_orientation=self.exif_orientation, limits=limits)
        return self.apply_decoded(decoded, mean_image=mean_image)

    def apply_decoded(self, decoded: Decoded, *, mean_image: Float32Array | None = None) -> Tensor:
        """Preprocess a picture that has been decoded already; returns what :meth:`apply` does."""
        # NumPy, not torch: in a decoding thread a torch operation would start OpenMP threads of
        # its own, which keep a core busy and slow the network down by a seventh.
        resized = RESIZERS[self.resize_kind](decoded.rgb, self.resize_hw)  # H x W x 3, 0..255
        if self.channel_order == "BGR":
            resized = resized[:, :, ::-1]
        elif self.channel_order == "GREY":
            resized = np.repeat(resized @ LUMINANCE, 3).reshape(resized.shape)
        if self.mean_kind != "none":
            if self.pixel_max != 255.0:
                resized = resized * np.float32(self.pixel_max / 255.0)
            resized = resized.astype(np.float32) - self.subtracted(mean_image)
            if MEANS[self.mean_kind].divide != (1.0, 1.0, 1.0):
                resized = resized / np.array(MEANS[self.mean_kind].divide, dtype=np.float32)
        planes = np.ascontiguousarray(resized.transpose(2, 0, 1), dtype=np.float32)  # 3 x H x W
        height, width = self.crop_hw
        crops = np.empty((self.n_crops, 3, height, width), dtype=np.float32)
        flipped = planes
        if self.crop_mirrors != "none":
            flipped = np.ascontiguousarray(planes[:, :, ::-1])
        for number, mirrored, (row, col) in self.cuts():
            source = flipped if mirrored else planes
            crops[number] = source[:, row : row + height, col : col + width]
        if self.mean_kind == "none" and self.pixel_max != 255.0:
            crops /= np.float32(255.0 / self.pixel_max)
        import torch  # here: lists of models and variants need the spec, and no network

        return torch.from_numpy(crops)

    def cuts(self) -> Iterator[tuple[int, bool, tuple[int, int]]]:
        """Yield of each crop its number, whether it is cut out of the mirrored picture, and where.

        The place is the (row, column) of its upper left corner, in the mirrored picture where it
        is cut out of that.
        """
        count = len(self.crop_offsets)
        step = 2 if self.crop_mirrors == "interleaved" else 1
        for number, (row, col) in enumerate(self.crop_offsets):
            yield number * step, False, (row, col)
            if self.crop_mirrors == "of-mirrored":
                yield count + number, True, (row, col)
            elif self.crop_mirrors != "none":
                behind = 2 * number + 1 if step == 2 else count + number
                # The same crop, seen in the mirror.
                yield behind, True, (row, self.resize_hw[1] - self.crop_hw[1] - col)

    def subtracted(self, mean_image: Float32Array | None) -> Float32Array:
        """Return what is subtracted, ``(H, W, 3)`` or ``(3,)``.

        Raises
        ------
        MemnetError
            if the mean image that it is made of is missing or of another size.
        """
        if self.needs_mean_image and mean_image is None:
            raise MemnetError(
                f"This preprocessing subtracts a mean image ({self.mean_kind}), and was given "
                "none; take it from the weight file (Predictor.mean_image)."
            )
        subtract = MEANS[self.mean_kind].subtract(mean_image, self.resize_hw)
        if subtract.shape not in ((3,), (*self.resize_hw, 3)):
            raise MemnetError(
                f"This preprocessing subtracts a mean image of {self.resize_hw} x 3, and was "
                f"given {subtract.shape}; take it from the weight file (Predictor.mean_image)."
            )
        return subtract

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

    ``score = clamp((mean over crops - subtract) * multiply + add)``; with ``clamp`` at
    ``"0-1-per-crop"`` each crop is scaled and clamped first, and the mean comes last.
    """

    crop_reduction: Literal["mean"]
    subtract: float
    multiply: float
    add: float
    clamp: Literal["none", "0-1", "0-1-per-crop"]

    def __post_init__(self) -> None:
        _choice("crop_reduction", self.crop_reduction, ("mean",))
        _choice("clamp", self.clamp, ("none", "0-1", "0-1-per-crop"))
        for field in ("subtract", "multiply", "add"):
            if not _is_number(getattr(self, field)):
                raise MemnetError(
                    f"{field} is {_shown(getattr(self, field))}; it must be a finite number."
                )
            _set(self, field, float(getattr(self, field)))

    def apply(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turn outputs into scores.

        Parameters
        ----------
        outputs : float32 of shape ``(N, crops)``.

        Returns
        -------
        raw, score, clamped : each ``(N,)``, the numbers float64; ``raw`` is the mean over crops
            before scaling, ``clamped`` is True where the clamp moved the score (never for NaN).
        """
        raw = outputs.double().mean(dim=1)
        if self.clamp == "0-1-per-crop":
            free = self._scaled(outputs.double())
            clamped = free.clamp(0.0, 1.0)
            return raw, clamped.mean(dim=1), ((clamped != free) & ~free.isnan()).any(dim=1)
        score = self._scaled(raw)
        clamped = score.clamp(0.0, 1.0) if self.clamp == "0-1" else score
        return raw, clamped, (clamped != score) & ~score.isnan()

    def _scaled(self, raw: Tensor) -> Tensor:
        if (self.subtract, self.multiply, self.add) == (0.0, 1.0, 0.0):
            return raw
        return (raw - self.subtract) * self.multiply + self.add

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OutputSpec:
        """Rebuild a spec; an unknown or missing field raises ``MemnetError``."""
        return _from_dict(cls, values)


_MOST_SIDE = 2048
"""Pixels; the networks known take 224 to 256."""

_MOST_CROPS = 1000
"""The original MemNet's scripts take 10."""

_MOST_PIXELS = 10_000_000
"""Of all crops of one picture: 120 MB as the network takes them, eight pictures at once."""

_MIRRORS = ("none", "appended", "interleaved", "of-mirrored")
LUMINANCE = np.array([0.2125, 0.7154, 0.0721], dtype=np.float32)
"""Weights of red, green and blue in scikit-image's ``rgb2gray``."""


def _choice(field: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise MemnetError(
            f"{field} is {_shown(value)}; it must be one of {', '.join(map(repr, allowed))}."
        )


def _shown(value: object) -> str:
    """Write a value for a message; a header changed by hand can hold anything."""
    return printable(repr(value), 80)


def _set(spec: object, field: str, value: object) -> None:
    object.__setattr__(spec, field, value)  # the way of a frozen dataclass


def _ints(pair: tuple[int, int]) -> tuple[int, int]:
    return int(pair[0]), int(pair[1])


def _is_number(value: object) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return isfinite(value)
    except OverflowError:  # a whole number of more than 308 digits
        return False


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and all(isinstance(each, Integral) and not isinstance(each, bool) for each in value)
    )


def _from_dict(cls: type[_Spec], values: Mapping[str, Any]) -> _Spec:
    wanted = {field.name for field in fields(cls)}
    if not isinstance(values, Mapping):
        raise MemnetError(f"A {cls.__name__} is {_shown(values)} instead of a table of fields.")
    missing, unknown = sorted(wanted - values.keys()), sorted(values.keys() - wanted)
    if missing or unknown:
        raise MemnetError(
            f"A {cls.__name__} lacks {', '.join(missing) or 'nothing'} and has unknown fields "
            f"{_shown(unknown) if unknown else 'none'}; it was written by another version of "
            "memnet."
        )
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise MemnetError(f"A {cls.__name__} has a field of the wrong type: {error}.") from error
