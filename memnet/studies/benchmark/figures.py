"""Forest plots of a benchmark: one per data set, and one of the means over data sets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from memnet.compare.report.digits import with_interval
from memnet.compare.report.style import (
    GREY,
    INK,
    POINTS_PER_INCH,
    SMALL,
    TRUTH,
    WIDTH,
    heading,
    height_of,
    legend,
    readable,
    settle,
    styled,
    width_of,
    wrapped,
)
from memnet.studies.benchmark.record import BenchmarkCell, BenchmarkRecord

MEANS = "forest_means"
_LIFT = 6.0
"""Points between an interval and the text over it."""
_BEHIND: Any = {"fc": "white", "ec": "none", "pad": 0.5}
_SET_BACK: Any = {"marker": "X", "color": GREY, "mfc": "white"}
_MARKS: dict[str, dict[str, Any]] = {
    "clean": {"marker": "o", "color": INK},
    "possibly": {"marker": "D", "color": INK, "mfc": "white"},
    "unknown": {"marker": "s", "color": INK, "mfc": "white"},
    "contaminated": _SET_BACK,
    "crossed": _SET_BACK,
}
_SAID = {
    "possibly": "possibly contaminated",
    "unknown": "contamination unknown",
    "crossed": "estimates something else",
}
_LONGEST = 60
"""Letters of a data set's name in a file's name."""


@dataclass(frozen=True)
class _Row:
    """A line of a forest plot: ``kind`` is a key of :data:`_MARKS`, ``wider`` a second interval."""

    name: str
    word: str
    kind: str
    value: float
    interval: Sequence[float] | None
    bare: bool
    wider: Sequence[float] | None = None

    @property
    def text(self) -> str:
        return with_interval(self.value, self.interval, bare=self.bare).replace("-", "−")

    @property
    def numbers(self) -> list[float]:
        return [self.value, *(self.interval or ()), *(self.wider or ())]


def figure_names(record: BenchmarkRecord) -> dict[str, str]:
    """Name the figure of each data set that has numbers: data set -> name, safe as a file name."""
    names = {}
    for place, dataset in enumerate((each["name"] for each in record.datasets), start=1):
        if _cells(record, dataset):
            slug = re.sub(r"[^A-Za-z0-9.-]+", "_", dataset)[:_LONGEST].strip("_")
            names[dataset] = f"forest_{place}_{slug}".rstrip("_")
    return names


def has_means(record: BenchmarkRecord) -> bool:
    """Whether there is anything to draw of the means over data sets."""
    return any(each.mean is not None for each in record.summaries)


def figures(record: BenchmarkRecord) -> dict[str, Figure]:
    """Draw every figure: name -> figure."""
    with styled():
        drawn = {MEANS: draw_means(record)} if has_means(record) else {}
        of_datasets = {
            name: draw_dataset(record, dataset) for dataset, name in figure_names(record).items()
        }
        for figure in (*drawn.values(), *of_datasets.values()):
            settle(figure)
    return drawn | of_datasets


def captions(record: BenchmarkRecord) -> dict[str, str]:
    """Say what each figure shows, also for who cannot see it."""
    texts = {name: _caption(record, dataset) for dataset, name in figure_names(record).items()}
    if has_means(record):
        texts[MEANS] = (
            "Mean disattenuated rho of each model over the data sets that are clean for it, with "
            "its 95 % interval (thick) and, where three data sets or more are in it, the interval "
            "in which the true value of another such data set is expected (thin); models whose "
            "data sets differ are not compared by it."
        )
    return texts


def draw_dataset(record: BenchmarkRecord, dataset: str) -> Figure:
    """Draw rho of each model on one data set, highest first, and the ceiling."""
    cells = _cells(record, dataset)
    about = next(each for each in record.datasets if each["name"] == dataset)
    rows = [_row(cell) for cell in cells]
    figure, axes = _forest(rows)
    ceiling = about["ceiling"]
    numbers = [number for row in rows for number in row.numbers]
    if ceiling is not None:
        label = f"ceiling for these human scores, {with_interval(ceiling, None, bare=True)}"
        axes.axvline(ceiling, color=TRUTH, ls="--", lw=1.5, label=label)
        numbers.append(ceiling)
    _limit(axes, numbers)
    axes.set_xlabel("Spearman's rho, 95 % intervals")
    n = f"n = {about['n']:,} picture{'' if about['n'] == 1 else 's'}"
    heading(figure, (f"Spearman's rho on {dataset}", n))
    if ceiling is not None:
        legend(figure, axes)
    return figure


def draw_means(record: BenchmarkRecord) -> Figure:
    """Draw each model's mean over its clean data sets, highest first."""
    rows = []
    for each in sorted(record.summaries, key=lambda each: -(each.mean or 0.0)):
        if each.mean is not None:
            count = len(each.datasets)
            word = f"{count} data set{'' if count == 1 else 's'}"
            rows.append(
                _Row(each.model, word, "clean", each.mean, each.interval, False, each.prediction)
            )
    figure, axes = _forest(rows)
    _limit(axes, [number for row in rows for number in row.numbers])
    axes.set_xlabel("disattenuated rho, 95 % intervals")
    heading(figure, ("Mean over the data sets that are clean for a model",))
    return figure


def _cells(record: BenchmarkRecord, dataset: str) -> list[BenchmarkCell]:
    """Return the cells of a data set that have a number, highest first."""
    cells = [cell for cell in record.cells if cell.dataset == dataset and not cell.missing]
    return sorted((cell for cell in cells if cell.rho is not None), key=lambda cell: -_rho(cell))


def _rho(cell: BenchmarkCell) -> float:
    return 0.0 if cell.rho is None else cell.rho


def _row(cell: BenchmarkCell) -> _Row:
    words = [_SAID.get(cell.contamination, cell.contamination)]
    kind = cell.contamination
    if cell.crossed:
        words.append(_SAID["crossed"])
        kind = kind if kind == "contaminated" else "crossed"
    return _Row(cell.model, ", ".join(words), kind, _rho(cell), cell.interval, True)


def _caption(record: BenchmarkRecord, dataset: str) -> str:
    about = next(each for each in record.datasets if each["name"] == dataset)
    known = about["ceiling"] is not None
    top = "the dashed line is the ceiling" if known else "the ceiling is not known"
    return (
        f"Spearman's rho of each model on {dataset}, highest first; grey crosses do not count, for "
        f"the reason beside the name; {top}."
    )


def _forest(rows: Sequence[_Row]) -> tuple[Figure, Axes]:
    """Draw the lines: name and number stand over the interval, beside it there is no room."""
    room = (WIDTH - 0.3) * POINTS_PER_INCH - max(width_of(row.text, SMALL) for row in rows) - 10
    names = [_named(row, room) for row in rows]
    above = max(height_of(name, SMALL) for name in names) + _LIFT
    row_height = above + _LIFT + 8
    figure = Figure(
        figsize=(WIDTH, 0.6 + len(rows) * row_height / POINTS_PER_INCH), layout="constrained"
    )
    axes = figure.add_subplot()
    lifted = ScaledTranslation(0, _LIFT / POINTS_PER_INCH, figure.dpi_scale_trans)
    where: Any = {"transform": axes.get_yaxis_transform() + lifted, "bbox": _BEHIND}
    for place, row in enumerate(rows):
        mark = _MARKS[row.kind]
        for ends, width in ((row.wider, 0.7), (row.interval, 1.8)):
            if ends is not None:
                axes.plot(ends, [place, place], color=mark["color"], lw=width)
        axes.plot([row.value], [place], ls="", ms=7, gid="value", zorder=3, clip_on=False, **mark)
        ink = GREY if mark is _SET_BACK else INK
        axes.text(1, place, row.text, ha="right", va="bottom", fontsize=SMALL, color=ink, **where)
    axes.set(ylim=(len(rows) - 1 + (_LIFT + 4) / row_height, -(above + 2) / row_height))
    lift = _LIFT / row_height
    axes.set_yticks(np.arange(len(rows)) - lift, names, fontsize=SMALL, ha="left", va="bottom")
    axes.tick_params("y", length=0, pad=0)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set(bbox=_BEHIND, color=GREY if _MARKS[row.kind] is _SET_BACK else INK)
    axes.spines["left"].set_visible(False)
    return figure, axes


def _named(row: _Row, room: float) -> str:
    whole = f"{readable(row.name)} ({row.word})"
    if width_of(whole, SMALL) <= room:
        return whole
    return f"{wrapped(row.name, room, SMALL)}\n{wrapped(f'({row.word})', room, SMALL)}"


def _limit(axes: Axes, numbers: Sequence[float]) -> None:
    """Let the axis reach as far as what is drawn."""
    low, high = min(numbers), max(numbers)
    margin = 0.04 * (high - low) if high - low > 1e-9 else 0.1  # 1 and 1 - 1e-16 are one number
    axes.set_xlim(low - margin, high + margin)
    if axes.get_xlim()[0] < 0 < axes.get_xlim()[1]:
        axes.axvline(0, color="0.6", lw=0.8, zorder=0)
