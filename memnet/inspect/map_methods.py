"""Three ways to say which parts of a picture a score depends on, each for one picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from memnet.data.inputs import Item
from memnet.data.score_columns import FAILED
from memnet.errors import MemnetError, PictureError
from memnet.inspect.map_geometry import places, seen_by, spread, stretch, window_length
from memnet.preprocess.decode import Decoded
from memnet.preprocess.resize import RESIZERS
from memnet.scoring.engine import score_items
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import AnyArray, Array

GREY = (124, 116, 104)
"""Red, green, blue: what a patch hides a part with, and what attributions begin at. The mean colour
of ImageNet's pictures, rounded."""


@dataclass(frozen=True)
class Completeness:
    """Whether attributions add up to what they explain.

    Attributes
    ----------
    total : of all attributions.
    difference : raw score of the picture minus that of a grey one.
    tolerance : the farthest that the two may be apart.
    """

    total: float
    difference: float

    @property
    def tolerance(self) -> float:
        """0.01, or 5 % of the difference where that is more."""
        return max(0.01, 0.05 * abs(self.difference))

    @property
    def holds(self) -> bool:
        """Whether they add up, within the tolerance."""
        return abs(self.total - self.difference) <= self.tolerance


def windows_map(
    predictor: Predictor, pixels: AnyArray, sizes: Sequence[float], stride: float, batch_size: int
) -> Array:
    """Score overlapping windows; a pixel's value is the mean score of those in which it is seen.

    Parameters
    ----------
    predictor : scores each window as a picture of its own.
    pixels : uint8 ``(H, W, 3)``.
    sizes : of the windows, as shares of the picture's width and height; the maps of several sizes
        are averaged.
    stride : distance of neighbouring windows, as a share of the window.
    batch_size : windows per pass.

    Returns
    -------
    array
        float64 ``(H, W)``; NaN where no window of one of the sizes is seen.
    """
    maps = []
    for size in sizes:
        height, width = window_hw(pixels, size)
        corners = _corners(pixels, size, stride)
        items = (
            Item("", "", pixels[top : top + height, left : left + width]) for top, left in corners
        )
        seen = seen_by(predictor.preprocess, (height, width))
        total, count = np.zeros(pixels.shape[:2]), np.zeros(pixels.shape[:2], np.int32)
        scores = (score for score, _ in score_parts(predictor, items, batch_size))
        for (top, left), score in zip(corners, scores, strict=True):
            place = np.s_[top : top + height, left : left + width]
            total[place] += seen * score
            count[place] += seen
        maps.append(_mean(total, count))
    averaged: Array = np.mean(maps, axis=0)
    return averaged


def occlusion_map(
    predictor: Predictor, decoded: Decoded, sizes: Sequence[float], stride: float, batch_size: int
) -> Array:
    """Hide one part after the other; a pixel's value is the raw score that is lost with it.

    The grey patch slides over the resized picture, of which the network's crops are cut, or over
    the picture itself where the model takes pictures. Parameters as of :func:`windows_map`, with
    patches for windows.

    Returns
    -------
    array
        float64 ``(H, W)``: raw score without a patch minus with it, the mean over the patches that
        cover a pixel; NaN where the network sees nothing.
    """
    picture = _resized(predictor, decoded)
    (whole,) = _raw_scores(predictor, [picture], 1)
    maps = []
    for size in sizes:
        height, width = window_hw(picture, size)
        corners = _corners(picture, size, stride)

        def patched(
            corners: Sequence[tuple[int, int]] = corners, height: int = height, width: int = width
        ) -> Iterator[AnyArray]:
            for top, left in corners:
                hidden = picture.copy()
                hidden[top : top + height, left : left + width] = GREY
                yield hidden

        total, count = np.zeros(picture.shape[:2]), np.zeros(picture.shape[:2], np.int32)
        raws = _raw_scores(predictor, patched(), batch_size)
        for (top, left), raw in zip(corners, raws, strict=True):
            total[top : top + height, left : left + width] += whole - raw
            count[top : top + height, left : left + width] += 1
        maps.append(_mean(total, count))
    size_hw = (decoded.height, decoded.width)
    values = stretch(np.mean(maps, axis=0), size_hw)
    values[~seen_by(predictor.preprocess, size_hw)] = np.nan
    return values


def gradient_map(
    predictor: Predictor, decoded: Decoded, steps: int, batch_size: int
) -> tuple[Array, Completeness]:
    """Attribute the raw score to pixels by integrated gradients (Sundararajan et al. 2017).

    On the way in a straight line from a grey picture to this one, ``steps`` points of
    Gauss-Legendre quadrature; in the resized picture, of which the network's crops are cut.

    Returns
    -------
    values : float64 ``(H, W)``: what each pixel adds to the raw score, as compared with the grey
        picture; NaN where the network sees nothing.
    completeness : whether they add up.

    Raises
    ------
    MemnetError
        if captum is not installed, or the model has no gradients
        (:meth:`~memnet.Predictor.score_tensor`).
    """
    try:
        from captum.attr import IntegratedGradients
    except ImportError as error:
        raise MemnetError(
            'Attribution by gradients needs captum: pip install "memnet-harness[inspect]", or '
            "choose another --method."
        ) from error

    def raw(pictures: Tensor) -> Tensor:
        return predictor.score_tensor(pictures, exact=False)[0]

    picture = _as_tensor([_resized(predictor, decoded)], predictor)
    grey = (torch.tensor(GREY, dtype=torch.float32) / 255.0).reshape(1, 3, 1, 1).to(picture)
    grey = grey.expand_as(picture)
    method = IntegratedGradients(raw, multiply_by_inputs=True)
    attributions = method.attribute(
        picture, baselines=grey, n_steps=steps, internal_batch_size=batch_size
    )
    by_pixel = attributions[0].detach().sum(dim=0).double().cpu().numpy()
    with torch.no_grad():
        difference = (raw(picture) - raw(grey)).item()
    size_hw = (decoded.height, decoded.width)
    values = spread(by_pixel, size_hw)
    unseen = ~seen_by(predictor.preprocess, size_hw)
    values[unseen] = np.nan
    return values, Completeness(float(by_pixel.sum()), difference)


def window_hw(picture: AnyArray, size: float) -> tuple[int, int]:
    """Return height and width of a window of a picture, in pixels."""
    height, width = (window_length(side, size) for side in picture.shape[:2])
    return height, width


def _corners(picture: AnyArray, size: float, stride: float) -> list[tuple[int, int]]:
    rows, columns = (places(side, size, stride) for side in picture.shape[:2])
    return [(row, column) for row in rows for column in columns]


def _mean(total: Array, count: AnyArray) -> Array:
    with np.errstate(invalid="ignore"):
        mean: Array = total / count  # 0 / 0 is NaN
    return mean


def score_parts(
    predictor: Predictor, items: Iterable[Item], batch_size: int
) -> Iterator[tuple[float, float]]:
    """Yield score and raw score of parts of one picture; one that fails fails the picture."""
    for rows in score_items(predictor, items, batch_size=batch_size):
        for row in rows:
            if row.score is None or row.raw is None:
                raise PictureError(row.warning.removeprefix(FAILED).strip())
            yield row.score, row.raw


def _resized(predictor: Predictor, decoded: Decoded) -> AnyArray:
    """Return the picture as it is when crops are cut, ``(H, W, 3)``, 0 to 255."""
    spec = predictor.preprocess
    if spec is None:
        return np.asarray(decoded.rgb)
    resized: AnyArray = RESIZERS[spec.resize_kind](decoded.rgb, spec.resize_hw)
    return resized


def _as_tensor(pictures: Sequence[AnyArray], predictor: Predictor) -> Tensor:
    rows = np.stack(pictures).astype(np.float32) / np.float32(255.0)
    return torch.from_numpy(rows.transpose(0, 3, 1, 2).copy()).to(predictor.device)


def _raw_scores(
    predictor: Predictor, pictures: Iterable[AnyArray], batch_size: int
) -> Iterator[float]:
    """Yield the raw scores of resized pictures, or of pictures where the model takes these."""
    if predictor.preprocess is None:
        items = (Item("", "", picture) for picture in pictures)
        yield from (raw for _, raw in score_parts(predictor, items, batch_size))
        return
    left = iter(pictures)
    while batch := list(islice(left, batch_size)):
        with torch.no_grad():
            raw, _ = predictor.score_tensor(_as_tensor(batch, predictor), exact=False)
        if not torch.isfinite(raw).all():
            raise PictureError("The model gave no finite number for a part of this picture.")
        yield from raw.tolist()
