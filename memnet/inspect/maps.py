"""Where in a picture: a map of what a score depends on, and whether it shows the model at all."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, TypeAlias

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.stats import spearmanr

from memnet.data.inputs import Item
from memnet.errors import MemnetError, unknown_name
from memnet.inspect.map_geometry import windows_along
from memnet.inspect.map_methods import (
    Completeness,
    gradient_map,
    occlusion_map,
    score_parts,
    window_hw,
    windows_map,
)
from memnet.inspect.randomised import randomised
from memnet.preprocess.decode import USUAL_LIMITS, Decoded, PictureLimits, PictureOrCrop, decode
from memnet.scoring import DEFAULT_BATCH_SIZE
from memnet.scoring.predictor import Predictor
from memnet.util.arrays import AnyArray, Array, Float32Array
from memnet.util.checks import require_whole

Method: TypeAlias = Literal["windows", "occlusion", "gradient"]

METHODS: dict[str, tuple[tuple[float, ...], float | None]] = {
    "windows": ((0.5, 0.3), 0.5),
    "occlusion": ((0.2,), 0.5),
    "gradient": ((0.1,), None),
}
"""Each method's usual sizes and stride (:class:`MapSettings`)."""

DOUBTFUL = 0.5
"""A map that correlates more than this with that of a random network shows the picture rather than
the model."""

MOST_WINDOWS = 10_000
"""Of one map, of all sizes together: an hour of ResMem on two cores."""

_MOST_ON_A_SIDE = 64  # points of a map that are compared


@dataclass(frozen=True)
class MapSettings:
    """How maps are made.

    Attributes
    ----------
    method : ``"windows"`` (the score of each part alone), ``"occlusion"`` (what is lost with each
        part) or ``"gradient"`` (integrated gradients).
    sizes : of the windows or patches, as shares of the picture's width and height; the maps of
        several sizes are averaged. Of gradients: of the square over which attributions are added
        up where they are shown. Empty: the usual ones of the method (:data:`METHODS`).
    stride : distance of neighbouring windows or patches, as a share of one; None: the usual one.
    steps : points on the way from the grey picture, of gradients.
    seed : of the random network of the sanity check.
    batch_size : network inputs per pass; it moves no value by more than rounding.

    Raises
    ------
    MemnetError
        if one of them cannot be.

    Examples
    --------
    >>> MapSettings("occlusion")
    MapSettings(method='occlusion', sizes=(0.2,), stride=0.5, steps=150, seed=0, batch_size=8)
    """

    method: Method = "windows"
    sizes: tuple[float, ...] = ()
    stride: float | None = None
    steps: int = 150
    seed: int = 0
    batch_size: int = DEFAULT_BATCH_SIZE

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise unknown_name("method of making maps", str(self.method), METHODS)
        sizes, stride = METHODS[self.method]
        for size in self.sizes:
            _check_share("size of windows", size, "of the picture's width and height")
        if self.stride is not None:
            if self.method == "gradient":
                raise MemnetError("The method gradient has no stride; leave it out.")
            _check_share("stride", self.stride, "of a window: 1 puts them side by side")
        if self.method == "gradient" and len(self.sizes) > 1:
            raise MemnetError("The method gradient takes one size, of the square that is shown.")
        require_whole("steps", self.steps, 2)
        require_whole("seed", self.seed, 0)
        require_whole("batch_size", self.batch_size, 1)
        object.__setattr__(self, "sizes", tuple(map(float, self.sizes)) or sizes)
        object.__setattr__(self, "stride", stride if self.stride is None else float(self.stride))
        if self.stride is not None:
            count = sum(windows_along(size, self.stride) ** 2 for size in self.sizes)
            if count > MOST_WINDOWS:
                raise MemnetError(
                    f"Windows of {size_text(self.sizes)} at this distance are {count:,} for each "
                    f"picture; the most are {MOST_WINDOWS:,}: take larger ones, or a larger stride."
                )


@dataclass(frozen=True)
class Sanity:
    """Whether a map changes when the network's parameters are drawn at random.

    Attributes
    ----------
    rho : Spearman's, of the map and that of the random network; None where there is none.
    reason : why there is none, else "".
    """

    rho: float | None
    reason: str = ""

    @property
    def warning(self) -> str:
        """What is to be said of a map that hardly changes, else ""."""
        if self.rho is None or abs(self.rho) <= DOUBTFUL:
            return ""
        return (
            f"The map correlates {self.rho:.2f} with that of a network with random parameters: it "
            "may show the picture rather than what the model has learnt."
        )


@dataclass(frozen=True)
class PictureMap:
    """A map of one picture.

    Attributes
    ----------
    pixels : the picture, uint8 ``(H, W, 3)``.
    values : float32 ``(H, W)``, in the picture's own pixels; NaN where the network sees nothing.
        Of windows: the mean score of those in which a pixel is seen. Of occlusion: the raw score
        that is lost with a patch over it. Of gradients: what the pixel adds to the raw score.
    shown : the same to be looked at: attributions of gradients, which vary from pixel to pixel,
        added up over a square round each.
    score, raw : of the whole picture.
    sanity : the sanity check.
    completeness : of gradients, else None.
    """

    pixels: AnyArray
    values: Float32Array
    shown: Float32Array
    score: float
    raw: float
    sanity: Sanity
    completeness: Completeness | None = None

    @property
    def warnings(self) -> list[str]:
        """Return sentences that belong beside the map."""
        found = [self.sanity.warning]
        if self.completeness is not None and not self.completeness.holds:
            found.append(
                f"Attributions add up to {self.completeness.total:.3f} instead of "
                f"{self.completeness.difference:.3f}; take more steps."
            )
        return [sentence for sentence in found if sentence]


class MapMaker:
    """Make maps of pictures with one model.

    Parameters
    ----------
    predictor : the model.
    settings : how.
    limits : on what is read.

    Examples
    --------
    >>> import memnet
    >>> def brightness(pictures):
    ...     return [np.asarray(picture).mean() / 255 for picture in pictures]
    >>> maker = MapMaker(memnet.Predictor.from_function("brightness.v1", brightness))
    >>> pixels = np.zeros((40, 60, 3), np.uint8)
    >>> pixels[:20, :30] = 255  # the upper left quarter is white
    >>> made = maker.make(pixels)
    >>> made.values.shape, made.values[[0, -1], [0, -1]].tolist()
    ((40, 60), [1.0, 0.0])
    >>> made.sanity.rho, made.sanity.reason
    (None, 'brightness.v1 is a function that memnet cannot look inside: ...')
    """

    def __init__(
        self,
        predictor: Predictor,
        settings: MapSettings | None = None,
        *,
        limits: PictureLimits = USUAL_LIMITS,
    ) -> None:
        self.predictor, self.settings, self.limits = predictor, settings or MapSettings(), limits

    @functools.cached_property
    def _random(self) -> Predictor | str:
        """The same network with random parameters, or why there is none; made when needed."""
        try:
            return randomised(self.predictor, self.settings.seed)
        except MemnetError as error:
            return str(error)

    def decode(self, picture: PictureOrCrop) -> Decoded:
        """Decode a picture as the model sees it; raises ``PictureError`` where it cannot be."""
        return decode(picture, exif_orientation=self.predictor.exif_orientation, limits=self.limits)

    def make(self, picture: PictureOrCrop | Decoded) -> PictureMap:
        """Make the map of a picture.

        Raises
        ------
        PictureError
            if the picture cannot be decoded, or the model gives no number for it.
        MemnetError
            for the method ``gradient``, as :func:`memnet.inspect.map_methods.gradient_map`.
        """
        decoded = picture if isinstance(picture, Decoded) else self.decode(picture)
        pixels = np.asarray(decoded.rgb)
        ((score, raw),) = score_parts(self.predictor, [Item("", "", pixels)], 1)
        values, completeness = self._values(self.predictor, decoded)
        shown = self._shown(values)
        return PictureMap(
            pixels=pixels,
            values=values.astype(np.float32),
            shown=shown.astype(np.float32),
            score=score,
            raw=raw,
            sanity=self._check(shown, decoded),
            completeness=completeness,
        )

    def _values(self, predictor: Predictor, decoded: Decoded) -> tuple[Array, Completeness | None]:
        settings = self.settings
        if settings.method == "gradient":
            return gradient_map(predictor, decoded, settings.steps, settings.batch_size)
        assert settings.stride is not None
        how = settings.sizes, settings.stride, settings.batch_size
        if settings.method == "occlusion":
            return occlusion_map(predictor, decoded, *how), None
        return windows_map(predictor, np.asarray(decoded.rgb), *how), None

    def _shown(self, values: Array) -> Array:
        """Add up attributions over a square round each pixel; leave other maps as they are."""
        if self.settings.method != "gradient":
            return values
        height, width = window_hw(values, self.settings.sizes[0])
        mean = uniform_filter(np.nan_to_num(values), (height, width), mode="constant")
        return np.where(np.isnan(values), np.nan, mean * height * width)

    def _check(self, shown: Array, decoded: Decoded) -> Sanity:
        if isinstance(self._random, str):
            return Sanity(None, self._random)
        other, _ = self._values(self._random, decoded)
        return compare_maps(shown, self._shown(other))


def compare_maps(one: Array, other: Array) -> Sanity:
    """Correlate two maps of a picture, in at most 64 x 64 of their pixels.

    Parameters
    ----------
    one, other : ``(H, W)``; NaN where the network sees nothing. A map whose values differ by no
        more than 1e-6, the rounding of a network's outputs, is flat.

    Examples
    --------
    >>> slope = np.arange(12.0).reshape(3, 4)
    >>> compare_maps(slope, -slope).rho
    -1.0
    >>> compare_maps(slope, np.ones((3, 4))).reason
    'The map of the random network is flat.'
    """
    rows, columns = (
        np.unique(np.linspace(0, side - 1, min(side, _MOST_ON_A_SIDE)).round().astype(int))
        for side in one.shape
    )
    first, second = (each[np.ix_(rows, columns)].ravel() for each in (one, other))
    defined = ~np.isnan(first)
    first, second = first[defined], second[defined]
    if is_flat(first):
        return Sanity(None, "The map is flat.")
    if not np.isfinite(second).all():
        return Sanity(None, "The random network gave no finite numbers.")
    if is_flat(second):
        return Sanity(None, "The map of the random network is flat.")
    return Sanity(float(spearmanr(first, second).statistic))


def is_flat(values: Array) -> bool:
    """Whether values differ by no more than the rounding of a network's outputs."""
    defined = values[np.isfinite(values)]
    return not len(defined) or bool(np.ptp(defined) <= 1e-6)


def _check_share(what: str, value: object, of: str) -> None:
    usual = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not (usual and 0 < value <= 1):  # type: ignore[operator]
        raise MemnetError(f"The {what} is {value!r}; it must be a share {of}, above 0, at most 1.")


def size_text(sizes: Sequence[float]) -> str:
    """Write sizes as a sentence has them: ``50 % and 30 %``."""
    return " and ".join(f"{100 * size:.3g} %" for size in sizes)
