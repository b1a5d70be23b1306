"""A map over its picture."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from memnet.compare.report.style import SMALL, WIDTH, heading, number, settle, styled
from memnet.inspect.maps import MapSettings, PictureMap, size_text
from memnet.util.arrays import AnyArray, Float32Array

_MOST_PIXELS = 420  # on a side, of what is drawn
_FLATTEST, _TALLEST = 0.5, 2.4  # inches
_LONGEST = 8  # times its other side: what is longer is drawn shorter than it is
_COLOUR = 0.65  # what the overlay has of the map's colour, the rest is the picture's grey
_UNSEEN = 0.35  # brightness of what the network does not see

_LABELS = {
    "windows": "score of the windows round it",
    "occlusion": "raw score that a grey patch there takes",
    "gradient": "raw score from a square of {sizes}, against grey",
}


def draw_map(made: PictureMap, name: str, model: str, settings: MapSettings) -> Figure:
    """Draw a picture, and the map over it in grey, with a colour bar.

    Scores of windows go from dark blue to yellow (viridis); gains and losses from red to blue
    with light grey for 0 (coolwarm). Both are even to the eye and to colour-blind readers.

    Parameters
    ----------
    made : the map.
    name, model : of the picture and the model, for the heading.
    settings : how it was made.
    """
    norm, colours = _scale(made, settings)
    pixels, values = _shrunk(made.pixels, made.shown, _MOST_PIXELS)
    height = max(_FLATTEST, min(_TALLEST, 1.65 * pixels.shape[0] / pixels.shape[1]))
    with styled():
        figure = Figure(figsize=(WIDTH, height + 0.65), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.imshow(pixels, interpolation="nearest")
        right.imshow(_overlay(pixels, values, colours(norm(values))), interpolation="nearest")
        for axes in (left, right):
            axes.set_axis_off()
            if not 1 / _LONGEST <= pixels.shape[0] / pixels.shape[1] <= _LONGEST:
                axes.set_aspect("auto")  # else it would be a line
        bar = figure.colorbar(
            ScalarMappable(norm, colours),
            ax=[left, right],
            orientation="horizontal",
            aspect=30,
            pad=0.03,
        )
        bar.set_label(describe_values(settings), fontsize=SMALL)
        bar.ax.locator_params(nbins=5)
        bar.outline.set_visible(False)
        if np.isnan(values).any():
            figure.legend(
                [Patch(color="0.2")],
                ["dark: outside of what the network sees"],
                loc="outside lower left",
                borderpad=0.2,
            )
            figure.set_figheight(figure.get_figheight() + 0.2)
        heading(figure, (name, f"{model}: score {number(made.score)}"))
        settle(figure)
    return figure


def overlay(made: PictureMap, settings: MapSettings, most_pixels: int) -> AnyArray:
    """Return a map over its picture, as :func:`draw_map` shows it on the right.

    Parameters
    ----------
    made, settings : the map, and how it was made.
    most_pixels : on a side; a larger picture is shrunk.

    Returns
    -------
    array
        uint8 ``(H, W, 3)``.
    """
    norm, colours = _scale(made, settings)
    pixels, values = _shrunk(made.pixels, made.shown, most_pixels)
    mixed: AnyArray = np.rint(255 * _overlay(pixels, values, colours(norm(values))))
    return mixed.astype(np.uint8)


def describe_values(settings: MapSettings) -> str:
    """Say what the values of such a map are.

    Examples
    --------
    >>> describe_values(MapSettings("windows"))
    'score of the windows round it'
    """
    return _LABELS[settings.method].format(sizes=size_text(settings.sizes))


def _scale(made: PictureMap, settings: MapSettings) -> tuple[Normalize, Colormap]:
    """Return what turns the values of a map into colours."""
    signed = settings.method != "windows"
    return _norm(made.shown, signed), colormaps["coolwarm" if signed else "viridis"]


def _norm(values: Float32Array, signed: bool) -> Normalize:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return Normalize(-0.01, 0.01)
    low, high = float(defined.min()), float(defined.max())
    if signed:
        most = max(-low, high, 1e-6)
        return Normalize(-most, most)
    if high - low < 1e-6:
        return Normalize(low - 0.01, high + 0.01)
    return Normalize(low, high)


def _shrunk(pixels: AnyArray, values: Float32Array, most: int) -> tuple[AnyArray, Float32Array]:
    """Return picture and map with at most so many pixels on a side."""
    side = max(pixels.shape[:2])
    if side <= most:
        return pixels, values
    height, width = (max(1, round(each * most / side)) for each in pixels.shape[:2])
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int)
        for new, old in zip((height, width), pixels.shape[:2], strict=True)
    )
    small = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
    return small, values[np.ix_(rows, columns)]


def _overlay(pixels: AnyArray, values: Float32Array, colours: AnyArray) -> AnyArray:
    """Lay colours ``(H, W, 4)`` over the picture's brightness; ``(H, W, 3)``, 0 to 1."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"))[..., None] / 255.0
    mixed: AnyArray = _COLOUR * colours[..., :3] + (1 - _COLOUR) * grey
    return np.where(np.isnan(values)[..., None], _UNSEEN * grey, mixed)
