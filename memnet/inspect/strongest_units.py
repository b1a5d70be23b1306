"""A filter's activation for a picture, and where in the picture it is strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from memnet.inspect.layers import Layer
from memnet.inspect.recording import Keep

BY = ("mean", "max")
"""What a filter's activation for a picture is: the mean over space of what it gives, or the largest
value. Of several crops, the mean of their means, or the largest."""


def keep_strongest(filters: Mapping[str, Sequence[int]], by: str, crops: int) -> Keep:
    """Make the function for :func:`memnet.inspect.recording.record` that keeps both.

    Parameters
    ----------
    filters : name of a layer -> numbers of its filters.
    by : one of :data:`BY`.
    crops : of a picture.

    Returns
    -------
    Keep
        from a layer's output to float64 ``(pictures x crops, filters, 2)``: the activation and the
        place of the strongest unit (:func:`unit_at`), the same for each crop of a picture.
    """

    def keep(layer: Layer, output: Tensor) -> Tensor:
        units = output if layer.kind == "convolution" else output.movedim(-1, 1)
        if len(filters[layer.name]) < layer.filters:
            units = units[:, filters[layer.name]]
        if units.ndim == 2:
            units = units[:, :, None]
        space = tuple(range(2, units.ndim))
        means = units.mean(dim=space).reshape(-1, crops, units.shape[1]).mean(dim=1)
        flat = units.reshape(-1, crops, units.shape[1], units[0, 0].numel())
        flat = flat.movedim(1, 2).flatten(2)
        largest, places = flat.max(dim=2)  # pictures x filters; places count crops, rows, columns
        values = means if by == "mean" else largest
        kept = torch.stack([values.cpu().double(), places.cpu().double()], dim=2)
        # The mean over crops will be taken; that of equal numbers is exact in 64 bits.
        return kept.repeat_interleave(crops, dim=0)

    return keep


def unit_at(layer: Layer, place: int) -> tuple[int, int | None, int | None]:
    """Return crop, row and column of a unit by its place; the last two None in a dense layer."""
    if layer.kind == "convolution":
        height, width = layer.shape[1:]
        crop, place = divmod(place, height * width)
        return crop, *divmod(place, width)
    tokens = layer.shape[0] if len(layer.shape) > 1 else 1
    return place // tokens, None, None
