"""Preprocessing as differentiable torch operations, for those who optimise pictures.

Every resizer is two passes of weights, one along each axis, so each has a gradient; those that
round to 8 bits have that of the same passes without rounding. Where a spec's resizer rounds,
:func:`preprocess_tensor` gives either the published pixels, to the bit, with that gradient
(straight-through: Bengio, Leonard & Courville 2013, arXiv 1308.3432), or unrounded pixels. How
far each lies from :meth:`memnet.preprocess.spec.PreprocessSpec.apply`: ``docs/precision.md``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from memnet.errors import MemnetError
from memnet.preprocess.matlab_resize import Method, pass_order, resize_weights
from memnet.preprocess.means import MEANS
from memnet.preprocess.old_resizers import (
    opencv_weights,
    skimage_smoothed_weights,
    skimage_weights,
    tensorflow1_weights,
    torch7_weights,
)
from memnet.preprocess.pillow_resize import unrounded_weights
from memnet.preprocess.resize import RESIZERS
from memnet.preprocess.spec import LUMINANCE, PreprocessSpec
from memnet.util.arrays import Float32Array

_OVERSTEP = 0.5  # how far beyond 0 and 1 an optimiser may step; 0..255 is further

WEIGHTS: dict[str, Callable[[int, int], Any]] = {
    "pillow-bilinear-8bit": unrounded_weights,
    "pillow12-bilinear-8bit": unrounded_weights,
    "matlab-bilinear-float": lambda old, new: resize_weights(old, new, "bilinear"),
    "opencv-linear-8bit": opencv_weights,
    "tensorflow1-bilinear-float": tensorflow1_weights,
    "skimage-linear-float": skimage_weights,
    "skimage-linear-antialiased-float": skimage_smoothed_weights,
    "torch7-bilinear-float": torch7_weights,
}
"""Of each resizer of :data:`memnet.preprocess.resize.RESIZERS`, the weights of one pass:
``(old, new)`` -> ``(new, old)``, an array or a sparse matrix."""

_FROM_THE_DARKEST = ("skimage-linear-float", "skimage-linear-antialiased-float")
"""Outside of the picture these read its darkest value instead of no value."""


def rounds_to_8_bits(spec: PreprocessSpec) -> bool:
    """Whether the spec's resizer gives whole grey levels, as the end of its name says."""
    return spec.resize_kind.endswith("-8bit")


def resize_like_matlab_torch(
    pictures: Tensor, size_hw: tuple[int, int], method: Method = "bilinear"
) -> Tensor:
    """Resize as :func:`memnet.preprocess.matlab_resize.resize_like_matlab` does floating point.

    Parameters
    ----------
    pictures : ``(..., H, W)`` floating point, any device.
    size_hw : height and width of the result.
    method : ``"bilinear"`` or ``"bicubic"``.

    Returns
    -------
    Tensor
        ``(..., height, width)``, same type and device; gradients flow to ``pictures``.
    """
    return _two_passes(pictures, size_hw, lambda old, new: resize_weights(old, new, method))


def preprocess_tensor(
    pictures: Tensor,
    spec: PreprocessSpec,
    *,
    mean_image: Float32Array | None = None,
    exact: bool = True,
) -> Tensor:
    """Preprocess pictures that are tensors already, differentiably.

    Parameters
    ----------
    pictures : ``(N, 3, H, W)`` floating point, RGB, values 0 to 1.
    spec : what to do to them.
    mean_image : as for :meth:`~memnet.preprocess.spec.PreprocessSpec.apply`.
    exact : with a resizer that rounds to 8 bits: True, the pictures are rounded to 8 bits (values
        outside of 0 to 1 are cut off) and resized as published, and the gradient is that of the
        unrounded resizer; False, nothing is rounded, and the gradient is that of what is
        computed. Other resizers do not round: both are the same.

    Returns
    -------
    Tensor
        ``(N, crops, 3, height, width)``, float64 for float64 pictures, else float32; on the
        device of ``pictures``. With ``exact`` and float32, where the resizer rounds, what
        :meth:`~memnet.preprocess.spec.PreprocessSpec.apply` gives for the 8-bit pictures, bit for
        bit on a CPU (with ``"GREY"``: to float32 rounding).

    Raises
    ------
    MemnetError
        for another shape or type, or values that are not finite or far outside of 0 to 1.

    Examples
    --------
    >>> from memnet.weights.catalogue import find
    >>> picture = torch.full((1, 3, 40, 60), 0.4, requires_grad=True)
    >>> crops = preprocess_tensor(picture, find("resmem.published").preprocess)
    >>> crops.sum().backward()
    >>> tuple(crops.shape), bool(picture.grad.abs().sum() > 0)
    ((1, 1, 3, 227, 227), True)
    """
    _check(pictures, exact)
    pictures = pictures.to(torch.promote_types(pictures.dtype, torch.float32))
    x = _resize(pictures * 255.0, spec)
    if exact and rounds_to_8_bits(spec):
        # In this order: what is added is 0, to the bit, and has the gradient of the unrounded.
        x = _published_pixels(pictures, spec) + (x - x.detach())
    x = _scale(x, spec, None if spec.mean_kind == "none" else spec.subtracted(mean_image))
    height, width = spec.crop_hw
    flipped = x.flip(3) if spec.crop_mirrors != "none" else x
    crops = {
        number: (flipped if mirrored else x)[:, :, row : row + height, col : col + width]
        for number, mirrored, (row, col) in spec.cuts()
    }
    return torch.stack([crops[number] for number in range(spec.n_crops)], dim=1)


def network_input(
    pictures: Tensor, spec: PreprocessSpec, *, mean_image: Float32Array | None = None
) -> Tensor:
    """Turn pictures that need no resizing and no cropping into a network's input.

    For pictures that are made for the network itself. Where a mean image is subtracted, it is the
    part of it in the centre; what of a larger picture it does not cover gets its mean colour.

    Parameters
    ----------
    pictures : ``(N, 3, H, W)`` floating point, RGB, values 0 to 1, on any device.
    spec : of its steps, the order of the channels, the scale and the mean.
    mean_image : as for :func:`preprocess_tensor`.

    Returns
    -------
    Tensor
        of the same shape and type, on the same device.
    """
    subtract = None
    if spec.mean_kind != "none":
        subtract = spec.subtracted(mean_image)
        if subtract.ndim == 3:
            subtract = _centre(subtract, (pictures.shape[2], pictures.shape[3]))
    return _scale(pictures * 255.0, spec, subtract)


def _centre(mean: Float32Array, size_hw: tuple[int, int]) -> Float32Array:
    """Cut a mean image ``(H, W, 3)`` to a size, and fill it up with its mean colour."""
    centred = np.empty((*size_hw, 3), dtype=np.float32)
    centred[:] = mean.mean(axis=(0, 1), dtype=np.float64)
    source, target = [], []
    for old, new in zip(mean.shape, size_hw, strict=False):
        common = min(old, new)
        source.append(slice((old - common) // 2, (old - common) // 2 + common))
        target.append(slice((new - common) // 2, (new - common) // 2 + common))
    centred[tuple(target)] = mean[tuple(source)]
    return centred


def _scale(levels: Tensor, spec: PreprocessSpec, subtract: Float32Array | None) -> Tensor:
    """Order the channels of grey levels ``(N, 3, H, W)``, scale them and subtract a mean."""
    x = levels
    if spec.channel_order == "BGR":
        x = x.flip(1)
    elif spec.channel_order == "GREY":
        red, green, blue = LUMINANCE.tolist()
        x = (x[:, :1] * red + x[:, 1:2] * green + x[:, 2:] * blue).expand(-1, 3, -1, -1)
    if subtract is None:
        return x / (255.0 / spec.pixel_max)
    x = x * (spec.pixel_max / 255.0) - _planes(subtract, x)
    return x / _planes(np.array(MEANS[spec.mean_kind].divide, dtype=np.float32), x)


def _check(pictures: Tensor, exact: bool) -> None:
    if exact not in (True, False):
        raise MemnetError(f"exact is {exact!r}; it must be True or False.")
    if not isinstance(pictures, Tensor):
        raise MemnetError(
            f"Pictures must be a torch tensor, not a {type(pictures).__name__}; score() takes "
            "arrays and files."
        )
    shape = tuple(pictures.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape or not pictures.is_floating_point():
        raise MemnetError(
            f"Pictures as a tensor must be N x 3 x height x width, floating point, RGB in [0, 1]; "
            f"this one is {shape} of {pictures.dtype}."
        )
    low, high = pictures.detach().amin().item(), pictures.detach().amax().item()
    if low >= -_OVERSTEP and high <= 1 + _OVERSTEP:
        return
    advice = ""  # of NaN
    if high > 1 + _OVERSTEP:
        advice = ": divide grey levels by 255, undo a normalisation"
    elif low < -_OVERSTEP:
        advice = ": (x + 1) / 2 brings -1 to 1 there"
    raise MemnetError(
        f"Pictures as a tensor hold values of 0 to 1; this one spans {low:g} to {high:g}{advice}."
    )


def _resize(levels: Tensor, spec: PreprocessSpec) -> Tensor:
    """Resize grey levels ``(N, 3, H, W)``, without rounding."""
    weights = WEIGHTS[spec.resize_kind]
    if spec.resize_kind not in _FROM_THE_DARKEST:
        return _two_passes(levels, spec.resize_hw, weights)
    darkest = levels.amin(dim=(1, 2, 3), keepdim=True)
    return _two_passes(levels - darkest, spec.resize_hw, weights) + darkest


def _two_passes(pictures: Tensor, size_hw: tuple[int, int], weights: Any) -> Tensor:
    """Apply both passes; which comes first matters to the time only, where nothing is rounded."""
    result = pictures
    old_hw = tuple(pictures.shape[-2:])
    for axis in pass_order(old_hw, size_hw):
        if old_hw[axis] == size_hw[axis]:
            continue
        matrix = weights(old_hw[axis], size_hw[axis])
        matrix = torch.from_numpy(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
        matrix = matrix.to(pictures.dtype).to(pictures.device)  # Apple's GPU has no float64
        result = matrix @ result if axis == 0 else result @ matrix.T
    return result


def _published_pixels(pictures: Tensor, spec: PreprocessSpec) -> Tensor:
    """Round ``(N, 3, H, W)`` to 8 bits, as arrays are in :mod:`.decode`, and resize as published.

    Returns
    -------
    Tensor
        grey levels ``(N, 3, height, width)``, whole numbers; on the device of ``pictures``.
    """
    levels = (pictures.detach() * 255).round().clamp(0, 255).to(torch.uint8)
    rows = levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()  # N x H x W x 3
    resizer = RESIZERS[spec.resize_kind]
    resized = np.stack([resizer(Image.fromarray(each), spec.resize_hw) for each in rows])
    return torch.from_numpy(resized).permute(0, 3, 1, 2).to(pictures)


def _planes(values: Float32Array, like: Tensor) -> Tensor:
    """Bring ``(H, W, 3)`` or ``(3,)`` to ``(3, H, W)`` or ``(3, 1, 1)``, as a tensor."""
    planes = values.transpose(2, 0, 1) if values.ndim == 3 else values.reshape(3, 1, 1)
    return torch.tensor(planes, dtype=like.dtype, device=like.device)
