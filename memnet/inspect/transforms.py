"""Small shifts, turns and changes of size: what only one exact placing of pixels raises is lost.

Sources
-------
Olah, Mordvintsev & Schubert (2017), "Feature Visualization", Distill, doi 10.23915/distill.00007,
section "The Enemy of Feature Visualization": transformation robustness.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

_GREY = 0.5  # what lies around a picture


def transformed(
    pictures: Tensor,
    generators: Sequence[torch.Generator],
    *,
    jitter: int,
    degrees: float,
    scale: float,
) -> Tensor:
    """Shift, turn and zoom pictures, each as its own random numbers say.

    Parameters
    ----------
    pictures : ``(N, 3, H, W)`` floating point, 0 to 1; around them lies grey.
    generators : one for each picture, on the CPU.
    jitter : pixels, along each axis: at most so far to either side, whole pixels.
    degrees : at most so far to the left or to the right, round the centre.
    scale : at most larger or smaller by this share.

    Returns
    -------
    Tensor
        of the same shape; gradients flow to ``pictures``.
    """
    height, width = pictures.shape[2:]
    places = []
    for generator in generators:
        down, right, turn, zoom = (torch.rand(4, generator=generator) * 2 - 1).tolist()
        angle, factor = math.radians(turn * degrees), 1 + zoom * scale
        cosine, sine = math.cos(angle) / factor, math.sin(angle) / factor
        across = [cosine, -sine * height / width, 2 * round(right * jitter) / width]
        along = [sine * width / height, cosine, 2 * round(down * jitter) / height]
        places.append([across, along])
    grid = affine_grid(torch.tensor(places).to(pictures), list(pictures.shape), align_corners=False)
    return grid_sample(pictures - _GREY, grid, align_corners=False) + _GREY
