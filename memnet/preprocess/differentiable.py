"""Preprocessing as differentiable torch operations, for those who optimise pictures.

Equal to :meth:`memnet.preprocess.spec.PreprocessSpec.apply` on the same pixels; the worst
difference measured is in ``docs/precision.md``.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from memnet.errors import MemnetError
from memnet.preprocess.matlab_resize import Method, pass_order, resize_weights
from memnet.preprocess.means import MEANS
from memnet.preprocess.spec import PreprocessSpec
from memnet.util.arrays import Float32Array

_OVERSTEP = 0.5  # how far beyond 0 and 1 an optimiser may step; 0..255 is further
_METHODS: dict[str, Method] = {"matlab-bilinear-float": "bilinear"}
"""Resizers that exist as torch operations. One that rounds to 8 bits has no gradient."""


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
    result = pictures
    old_hw = tuple(pictures.shape[-2:])
    for axis in pass_order(old_hw, size_hw):
        if old_hw[axis] == size_hw[axis]:
            continue
        weights = torch.from_numpy(resize_weights(old_hw[axis], size_hw[axis], method).toarray())
        weights = weights.to(pictures.dtype).to(pictures.device)  # Apple's GPU has no float64
        result = weights @ result if axis == 0 else result @ weights.T
    return result


def preprocess_tensor(
    pictures: Tensor, spec: PreprocessSpec, *, mean_image: Float32Array | None = None
) -> Tensor:
    """Preprocess pictures that are tensors already, differentiably.

    Parameters
    ----------
    pictures : ``(N, 3, H, W)`` floating point, RGB, values 0 to 1.
    spec : what to do to them.
    mean_image : as for :meth:`~memnet.preprocess.spec.PreprocessSpec.apply`.

    Returns
    -------
    Tensor
        ``(N, crops, 3, height, width)``, same type and device as ``pictures``.

    Raises
    ------
    MemnetError
        for another shape or type, or a spec whose resizer has no gradient.
    """
    if not isinstance(pictures, Tensor):
        raise MemnetError(
            f"Pictures must be a torch tensor, not a {type(pictures).__name__}; score() takes "
            "arrays and files."
        )
    if pictures.ndim != 4 or pictures.shape[1] != 3 or not pictures.is_floating_point():
        raise MemnetError(
            f"Pictures as a tensor must be N x 3 x height x width, floating point, RGB in [0, 1]; "
            f"this one is {tuple(pictures.shape)} of {pictures.dtype}."
        )
    low, high = pictures.detach().amin().item(), pictures.detach().amax().item()
    if not (low >= -_OVERSTEP and high <= 1 + _OVERSTEP):  # also catches NaN
        raise MemnetError(
            f"Pictures as a tensor hold values of 0 to 1; this one spans {low:g} to {high:g}"
            + (": divide it by 255." if high > 1 + _OVERSTEP else ".")
        )
    if spec.resize_kind not in _METHODS:
        raise MemnetError(
            f"The resizer {spec.resize_kind!r} does not exist as differentiable operations (one "
            f"that rounds to 8 bits has no gradient); models with {', '.join(_METHODS)} can be "
            "differentiated."
        )
    if (
        spec.channel_order == "GREY"
        or spec.crop_mirrors in ("interleaved", "of-mirrored")
        or MEANS[spec.mean_kind].divide != (1.0, 1.0, 1.0)
    ):
        raise MemnetError(
            "Grey inputs, mirror images in another order than Caffe's and a division by SDs do not "
            "exist as differentiable operations; no model that can be differentiated has them."
        )
    x = resize_like_matlab_torch(pictures * 255.0, spec.resize_hw, _METHODS[spec.resize_kind])
    if spec.channel_order == "BGR":
        x = x.flip(1)
    x = x * (spec.pixel_max / 255.0)
    if spec.mean_kind != "none":
        mean = np.broadcast_to(spec.subtracted(mean_image), (*spec.resize_hw, 3)).transpose(2, 0, 1)
        x = x - torch.tensor(mean, device=x.device, dtype=x.dtype)
    height, width = spec.crop_hw
    crops = [x[:, :, row : row + height, col : col + width] for row, col in spec.crop_offsets]
    if spec.crop_mirrors == "appended":
        crops += [crop.flip(3) for crop in crops]
    return torch.stack(crops, dim=1)
