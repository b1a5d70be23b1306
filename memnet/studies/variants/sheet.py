"""What each variant feeds the network: in words, and as pictures for a person to look at.

A network's input is no picture: blue comes first, and the mean has been subtracted. To show what a
variant feeds it, the input is read *as if the server had made it*: the mean image is added, red
and blue are put in their places, and what lies outside 0 to 255 is cut off. The server's own input
then looks like the picture; another variant's looks as wrong as it is to the network.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from memnet.legacy.variants import twins, variants
from memnet.preprocess.decode import decode
from memnet.preprocess.matlab_resize import resize_like_matlab
from memnet.preprocess.spec import OutputSpec, PreprocessSpec
from memnet.util.arrays import Float32Array
from memnet.util.text import shorten_list

CHANNEL_MEANS = (104.9165, 114.7796, 118.3553)
"""Means of the original mean image: blue, green, red (grey levels)."""


@dataclass(frozen=True, kw_only=True)
class VariantInput:
    """What one way of preprocessing makes of one picture.

    Attributes
    ----------
    slugs : the variants that preprocess like this, in the registry's order.
    description : the preprocessing in words.
    n_crops : how many inputs the picture becomes.
    whole : whether the whole picture is squeezed into one input.
    first, centre : uint8 ``(227, 227, 3)`` RGB, the first crop and the one nearest to the
        centre, read as if the server had made them.
    difference : float32 ``(227, 227, 3)`` blue, green, red: the centre crop minus what the server's
        resizing and mean give for the same part of the picture, in grey levels.
    rms : root mean square of ``difference``.
    rms_server : of the centre crop minus the server's centre crop, which may show another part.
    """

    slugs: tuple[str, ...]
    description: str
    n_crops: int
    whole: bool
    first: np.ndarray[Any, np.dtype[np.uint8]]
    centre: np.ndarray[Any, np.dtype[np.uint8]]
    difference: Float32Array
    rms: float
    rms_server: float


def flat_mean() -> Float32Array:
    """Return a mean image of :data:`CHANNEL_MEANS`, for who has not got the original's."""
    return np.full((256, 256, 3), CHANNEL_MEANS, dtype=np.float32)


def prepare_inputs(picture: str | os.PathLike[str], mean_image: Float32Array) -> list[VariantInput]:
    """Preprocess a picture in every way that the registry knows.

    Parameters
    ----------
    picture : path of a picture.
    mean_image : float32 ``(256, 256, 3)``, rows x columns x blue, green, red, 0 to 255.

    Returns
    -------
    list of VariantInput
        one for each distinct preprocessing, ``server`` first.

    Raises
    ------
    PictureError
        if the picture cannot be read.
    """
    decoded = decode(picture, exif_orientation="ignore")
    pixels = np.asarray(decoded.rgb)
    server = _Server(pixels, mean_image)
    inputs = []
    for slugs in dict.fromkeys(twins().values()):
        spec = variants()[slugs[0]].preprocess
        crops = spec.apply_decoded(decoded, mean_image=mean_image).numpy()
        places = spec.crop_offsets
        middle = (np.array(spec.resize_hw) - spec.crop_hw) / 2
        nearest = min(range(len(places)), key=lambda at: np.abs(places[at] - middle).sum())
        # Behind the plain crops come mirror images, or behind each its own.
        number = 2 * nearest if spec.crop_mirrors == "interleaved" else nearest
        first, centre = (crops[at].transpose(1, 2, 0) for at in (0, number))
        same_part = server.input(spec.resize_hw, places[nearest])
        difference = centre - same_part
        inputs.append(
            VariantInput(
                slugs=slugs,
                description=describe_inputs(spec, random_crops=variants()[slugs[0]].random_crops),
                n_crops=spec.n_crops,
                whole=spec.resize_hw == spec.crop_hw,
                first=server.read(first, spec.resize_hw, places[0]),
                centre=server.read(centre, spec.resize_hw, places[nearest]),
                difference=difference,
                rms=_rms(difference),
                rms_server=_rms(centre - server.input((256, 256), (15, 15))),
            )
        )
    return inputs


class _Server:
    """What the server's resizing and mean give for any part of a picture."""

    def __init__(self, pixels: np.ndarray[Any, Any], mean_image: Float32Array) -> None:
        self._pixels, self._mean = pixels, mean_image
        self._resized: dict[tuple[int, int], tuple[Float32Array, Float32Array]] = {}

    def _of_size(self, resize_hw: tuple[int, int]) -> tuple[Float32Array, Float32Array]:
        """Return picture (blue, green, red) and mean of a size; the variants share two sizes."""
        if resize_hw not in self._resized:
            resized = resize_like_matlab(self._pixels, resize_hw, "bilinear", single=True)
            mean = resize_like_matlab(self._mean, resize_hw, "bilinear")
            self._resized[resize_hw] = resized[:, :, ::-1], mean
        return self._resized[resize_hw]

    def input(self, resize_hw: tuple[int, int], place: tuple[int, int]) -> Float32Array:
        """Return the input ``(227, 227, 3)`` of that part."""
        resized, mean = self._of_size(resize_hw)
        return _crop(resized, place) - _crop(mean, place)

    def read(
        self, crop: Float32Array, resize_hw: tuple[int, int], place: tuple[int, int]
    ) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Undo what the server would have done to that part."""
        picture = (crop + _crop(self._of_size(resize_hw)[1], place))[:, :, ::-1]
        rgb: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(picture.clip(0, 255)).astype(np.uint8)
        return rgb


def _crop(image: Float32Array, place: tuple[int, int]) -> Float32Array:
    return image[place[0] : place[0] + 227, place[1] : place[1] + 227]


def _rms(difference: Float32Array) -> float:
    return float(np.sqrt(np.mean(np.square(difference, dtype=np.float64))))


RESIZER_TITLES = {
    "matlab-bilinear-float": "MATLAB",
    "pillow12-bilinear-8bit": "Pillow, 8 bits",
    "pillow-bilinear-8bit": "Pillow as installed, 8 bits",
    "opencv-linear-8bit": "OpenCV, 8 bits",
    "tensorflow1-bilinear-float": "TensorFlow 1",
    "skimage-linear-float": "scikit-image before 0.15",
    "skimage-linear-antialiased-float": "scikit-image since 0.15",
    "torch7-bilinear-float": "Torch 7",
}
"""Resizer -> what the sheet calls it."""
_CHANNELS = {"RGB": "RGB", "BGR": "BGR", "GREY": "grey in all channels"}
MEAN_TITLES = {
    "none": "no mean",
    "image": "minus the mean image",
    "image-transposed": "minus the mean image, transposed",
    "image-channels-reversed-opencv": "minus the mean image, its channels reversed",
    "image-channel-means": "minus the mean image's channel means",
    "image-scalar-mean": "minus the mean image's mean grey level",
    "imagenet-caffe": "minus ImageNet's channel means",
    "imagenet-keras": "minus ImageNet's channel means (Keras)",
    "imagenet-torchvision": "minus ImageNet's means (of 0 to 1), by its SDs",
}
"""Mean -> what the sheet says of it."""


def describe_inputs(spec: PreprocessSpec, *, random_crops: bool = False) -> str:
    """Say in a line what happens to a picture: resizing, crops; channels and scale; mean.

    Parameters
    ----------
    spec : the preprocessing.
    random_crops : whether its crops stand for crops that were drawn at random.

    Examples
    --------
    >>> from memnet.legacy.variants import variants
    >>> describe_inputs(variants()["server"].preprocess)
    'resized to 256 (MATLAB), 10 crops, centre at 15; BGR 0 to 255; minus the mean image'
    """
    height, width = spec.resize_hw
    size = str(height) if height == width else f"{height} x {width}"
    return (
        f"resized to {size} ({RESIZER_TITLES[spec.resize_kind]}), "
        f"{_describe_crops(spec, random_crops)}; {_CHANNELS[spec.channel_order]} 0 to "
        f"{spec.pixel_max:g}; {MEAN_TITLES[spec.mean_kind]}"
    )


def _describe_crops(spec: PreprocessSpec, random_crops: bool) -> str:
    if spec.resize_hw == spec.crop_hw:
        return "whole picture"
    if random_crops:
        return f"{spec.n_crops} crops at random"
    margins = tuple(whole - part for whole, part in zip(spec.resize_hw, spec.crop_hw, strict=True))
    centre = None  # where a crop is as near to the middle as whole pixels allow
    for at in spec.crop_offsets:
        if all(abs(2 * start - margin) <= 1 for start, margin in zip(at, margins, strict=True)):
            centre = at[0] if at[0] == at[1] else at
    if spec.n_crops == 1:
        return f"crop at {spec.crop_offsets[0]}" if centre is None else f"centre crop at {centre}"
    if centre is None:
        return f"{spec.n_crops} crops at {shorten_list(spec.crop_offsets)}"
    return f"{spec.n_crops} crops, centre at {centre}"


def describe_output(output: OutputSpec) -> str:
    """Say in a line how the network's outputs become a score."""
    if (output.subtract, output.multiply, output.add) == (0.0, 1.0, 0.0):
        text = "raw"
    else:
        text = f"(raw - {output.subtract:g}) x {output.multiply:g} + {output.add:g}"
    clamp = {"none": "", "0-1": ", clamped", "0-1-per-crop": ", each crop clamped"}
    return text + clamp[output.clamp]


def list_variants() -> list[dict[str, Any]]:
    """Return the registry as plain JSON, a dict per variant.

    Returns
    -------
    list of dict
        ``slug``, ``title``, ``inputs`` and ``output`` in words, ``source``, ``known_defect``,
        ``use_for``, ``own_weights``, ``random_crops``, ``same_inputs`` (the other variants with the
        same preprocessing) and both specs, ``preprocess_spec`` and ``output_spec``.
    """
    known = variants()
    alike = twins(known)
    return [
        {
            "slug": each.slug,
            "title": each.title,
            "inputs": describe_inputs(each.preprocess, random_crops=each.random_crops),
            "output": describe_output(each.output),
            "source": each.source,
            "known_defect": each.known_defect,
            "use_for": each.use_for,
            "own_weights": each.own_weights,
            "random_crops": each.random_crops,
            "same_inputs": [slug for slug in alike[each.slug] if slug != each.slug],
            "preprocess_spec": each.preprocess.to_dict(),
            "output_spec": each.output.to_dict(),
        }
        for each in known.values()
    ]
