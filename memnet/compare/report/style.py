"""What all figures share: colours, measured text, headings, legends, files."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import matplotlib.style
from matplotlib import get_data_path, patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.textpath import text_to_path

from memnet.compare.record import RunRecord
from memnet.util.arrays import NARROW

TRUTH = "#0072B2"  # Okabe & Ito's blue and vermilion: told apart by colour-blind readers, and in
PREDICTION = "#D55E00"  # print by the dashes and markers of the figures
INK = "#222222"
OUTLINE = [patheffects.withStroke(linewidth=3, foreground="white")]
"""Around what lies over points and lines."""
GREY = "0.45"

SIZE = 9
"""Points; no text is smaller than :data:`SMALL`."""
SMALL = 8
WIDTH = 3.6
"""Inches: figures of this width are read without shrinking on a telephone, two in a printed row."""
POINTS_PER_INCH = 72
_LINE = 1.25
_PIECE = re.compile(r"(?:[^\s/\\._\-:,]|[.,](?=\d))*[\s/\\._\-:,]?")
"""What stays on one line: up to a blank, a dot or the like, but for a decimal point."""

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": SIZE,
    "figure.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "text.hinting": "none",  # letters as wide as they are measured, whatever the resolution
    "svg.hashsalt": "memnet",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a dollar in a model's name is a dollar
}


def styled() -> AbstractContextManager[None]:
    """Draw as matplotlib does by default, with our style; the user's own settings are set aside."""
    return matplotlib.style.context(["default", _STYLE])


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Render a figure as ``"svg"``, ``"png"`` or ``"pdf"``; the same gives the same bytes."""
    without = {"svg": ["Date", "Creator"], "png": ["Software"], "pdf": ["CreationDate"]}
    metadata = dict.fromkeys(without[kind])
    with styled():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


_SAID = {"possibly": "possibly contaminated", "unknown": "contamination unknown"}
"""The words that do not speak for themselves where a figure stands alone."""


def named(model: str, record: RunRecord, points: float, size: float = SIZE) -> str:
    """Write a model's name with its contamination, on one line or as many as it needs.

    Parameters
    ----------
    points, size : the widest that a line may be; size of its letters.
    """
    name, word = readable(model), record.words.get(model)
    if word is None:
        return wrapped(name, points, size)
    word = f"({_SAID.get(word, word)})"
    if _fits(f"{name} {word}", points, size):
        return f"{name} {word}"
    return f"{wrapped(name, points, size)}\n{wrapped(word, points, size)}"


def pictures(n: int, record: RunRecord) -> str:
    """Say how many pictures a figure is about, and of which data set."""
    return f"n = {n:,} picture{'' if n == 1 else 's'}" + (
        f" of {record.dataset}" if record.dataset else ""
    )


def number(value: float, digits: int = 3) -> str:
    """Write a number with that many decimals and a true minus sign."""
    text = f"{value:.{digits}f}"
    return (text if float(text) else text.lstrip("-")).replace("-", "−")


@cache
def _characters() -> frozenset[int]:
    folder = Path(get_data_path()) / "fonts" / "ttf"
    return frozenset(get_font(str(folder / "DejaVuSans.ttf")).get_charmap())


def readable(text: str) -> str:
    r"""Escape what the font cannot show (``\u4e2d``), so that no two names look alike."""
    return "".join(
        letter
        if letter == "\n" or (ord(letter) in _characters() and unicodedata.category(letter) != "Cc")
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


@lru_cache(maxsize=4096)
def width_of(text: str, size: float = SIZE) -> float:
    """Width of the longest line, in points."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return max(
        float(text_to_path.get_text_width_height_descent(line, font, ismath=False)[0])
        for line in text.split("\n")
    )


def height_of(text: str, size: float = SIZE) -> float:
    """Height of all lines, in points."""
    return (text.count("\n") + 1) * size * _LINE


def wrapped(text: str, points: float, size: float = SIZE) -> str:
    """Break a text into lines that are no wider; after spaces, dots, dashes, ... where it can.

    Nothing is left out: a word without such a place is broken where the line ends; numbers have
    none.

    Examples
    --------
    >>> wrapped("epoch-3.ckpt: p < .05", 50).splitlines()
    ['epoch-3.', 'ckpt: p <', '.05']
    """
    lines = []
    for paragraph in readable(text).split("\n"):
        line = ""
        for piece in re.findall(_PIECE, paragraph):
            if line and not _fits((line + piece).rstrip(), points, size):
                lines.append(line.rstrip())
                line = ""
            line += piece
            while len(line) > 1 and not _fits(line.rstrip(), points, size):
                fits = _that_fit(line, points, size)
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line.rstrip())
    return "\n".join(lines)


def _fits(text: str, points: float, size: float) -> bool:
    """Whether a text is no wider; one of more letters than could be is not even measured."""
    return len(text) <= _most(points, size) and width_of(text, size) <= points


def _most(points: float, size: float) -> int:
    """More letters than fit: the narrowest that can be seen is more than twice as wide as this."""
    return int(points / (0.1 * size)) + 1


def _that_fit(text: str, points: float, size: float) -> int:
    """How many of the first letters fit; at least one."""
    fits, too_many = 1, min(len(text), _most(points, size)) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if width_of(text[:middle], size) <= points:
            fits = middle
        else:
            too_many = middle
    return fits


def inside(figure: Figure) -> float:
    """Points between a figure's margins."""
    return (figure.get_figwidth() - 0.2) * POINTS_PER_INCH


def heading(figure: Figure, lines: Iterable[str]) -> None:
    """Put a title over a figure, left, as high as it needs; the figure grows by its height.

    Without a layout engine the title's place must be given; with one it must not be, as the engine
    only makes room for a title that it places.
    """
    text = "\n".join(wrapped(line, inside(figure)) for line in lines)
    height = figure.get_figheight() + (height_of(text) + 4) / POINTS_PER_INCH
    figure.set_figheight(height)
    top = {} if figure.get_layout_engine() is not None else {"y": 1 - 0.06 / height}
    figure.suptitle(text, x=0.1 / figure.get_figwidth(), ha="left", va="top", **top)


def legend(figure: Figure, axes: Axes) -> None:
    """Put the legend under the axes, where it covers no data; the figure grows by its height."""
    handles, labels = axes.get_legend_handles_labels()
    points = (figure.get_figwidth() - 0.7) * POINTS_PER_INCH
    labels = [wrapped(label, points, SMALL) for label in labels]
    room = sum(height_of(label, SMALL) + 4 for label in labels) + 8
    figure.set_figheight(figure.get_figheight() + room / POINTS_PER_INCH)
    figure.legend(handles, labels, loc="outside lower left", borderpad=0.2)


def settle(figure: Figure) -> None:
    """Lay a figure out once and for all.

    A layout engine starts from where the last drawing left the axes, so that a figure saved twice
    would differ in the last digits.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def span(points: Iterable[float], reach: Sequence[float] = ()) -> tuple[float, float]:
    """Choose the ends of an axis: 0 and 1 for scores in [0, 1], else the data's and a margin.

    Scores that all lie close together are none of those: between 0 and 1 they would be one dot.

    Parameters
    ----------
    points : scores.
    reach : ends of intervals, which may lie beyond the range of scores.
    """
    points = list(points)
    low, high = min(points), max(points)
    if low >= 0 and high <= 1 and not 0 < high - low < NARROW:
        low, high = 0.0, 1.0
        inner = (low, high)
    else:
        inner = (float("inf"), float("-inf"))
    low, high = min([low, *reach]), max([high, *reach])
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return (low if low == inner[0] else low - margin), (high if high == inner[1] else high + margin)
