"""The figures of a migration: the crosswalk over the pictures, and the claims with both scores.

Both are pure functions of the record. Old scores are blue squares and new ones orange circles.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from memnet.compare.report.style import (
    GREY,
    INK,
    POINTS_PER_INCH,
    PREDICTION,
    SMALL,
    TRUTH,
    heading,
    height_of,
    legend,
    number,
    readable,
    settle,
    styled,
    wrapped,
)
from memnet.studies.migrate.agreement import rise_together
from memnet.studies.migrate.answer import claim_texts
from memnet.studies.migrate.record import MigrationRecord

_NAMES = 150.0
"""Points: the widest that a claim's title may be."""
_ROW = 30.0
"""Points: the least height of a claim's row; a longer title makes its own row higher."""
_APART = 5.5
"""Points from a row's middle to the old score's mark above it, and the new one's below."""
_SHADES = {
    "old": {"color": TRUTH, "marker": "s"},
    "new": {"color": PREDICTION, "marker": "o"},
    "difference": {"color": INK, "marker": "D"},
}


_FEW_POINTS = 300
"""Up to so many points have room to be large and dark."""

FIGURES = ("claims", "crosswalk", "scores")


def drawn(record: MigrationRecord) -> dict[str, Figure]:
    """Draw every figure that the record suffices for, by name."""
    figures = {}
    if record.crosswalk is not None:
        figures["crosswalk"] = draw_crosswalk(record)
    if record.points["old"] and (record.crosswalk is None or not rise_together(record.agreement)):
        figures["scores"] = draw_scores(record)
    if _drawable(record):
        figures["claims"] = draw_claims(record)
    return figures


def captions(record: MigrationRecord) -> dict[str, str]:
    """Say what each figure shows, also for who cannot see it."""
    n = len(record.points["old"])
    dots = f" of {n:,} pictures (grey dots)" if n else ""
    texts = {}
    if record.crosswalk is not None:
        forward = record.crosswalk["forward"]
        texts["crosswalk"] = (
            f"Old scores (horizontal) and new scores (vertical){dots}. The equipercentile map "
            "(blue, dashed) gives mapped scores the distribution of the new scores. The isotonic "
            "map (orange) gives the expected new score, with its "
            f"{100 * forward['level']:g} % prediction interval (band, "
            f"{number(forward['half_width'])} to either side of every score, cut where the scale "
            "ends; it holds on average). Neither map is drawn or used beyond the scores of its fit."
        )
    texts["scores"] = f"Old scores (horizontal) and new scores (vertical){dots}."
    texts["claims"] = (
        "Each claim with the old score (blue square) and with the new (orange circle), and the "
        "difference, new minus old (right, black diamond), with "
        f"{100 * record.settings.get('level', 0.95):g} % intervals. If the interval of a "
        "difference contains 0, no difference is shown."
    )
    return texts


def draw_scores(record: MigrationRecord) -> Figure:
    """Draw old against new scores, a dot a picture."""
    with styled():
        figure = Figure(figsize=(4.6, 3.3), layout="constrained")
        _dots(record, figure.add_subplot())
        heading(figure, ("Old and new scores", _counted(record, record.pictures["n"])))
        settle(figure)
    return figure


def draw_crosswalk(record: MigrationRecord) -> Figure:
    """Draw both maps and the prediction interval over old and new scores."""
    assert record.crosswalk is not None
    forward = record.crosswalk["forward"]
    with styled():
        figure = Figure(figsize=(5.6, 4.6), layout="constrained")
        axes = figure.add_subplot()
        _dots(record, axes)
        x, y = forward["isotonic_x"], forward["isotonic_y"]
        low, high = _band(forward)
        band = f"{100 * forward['level']:g} % prediction interval"
        axes.fill_between(x, low, high, color=PREDICTION, alpha=0.13, lw=0, label=band)
        axes.plot(x, y, color=PREDICTION, lw=2, label="expected score (isotonic)")
        axes.plot(
            forward["quantile_x"],
            forward["quantile_y"],
            color=TRUTH,
            lw=1.6,
            ls="--",
            label="equipercentile map",
        )
        title = f"From {forward['source']} to {forward['target']}"
        heading(figure, (title, _counted(record, forward["n"])))
        legend(figure, axes)
        settle(figure)
    return figure


def _dots(record: MigrationRecord, axes: Axes) -> None:
    """Draw a dot for each picture, and name the axes."""
    few = len(record.points["old"]) <= _FEW_POINTS
    size, shade = (4.2, 0.7) if few else (2.6, 0.5)
    points: Any = {"ls": "", "marker": "o", "ms": size, "color": GREY, "alpha": shade, "mew": 0}
    if record.points["old"]:
        axes.plot(record.points["old"], record.points["new"], label="pictures", **points)
    axes.set(
        xlabel=readable(f"old score, column {record.old['name']}"),
        ylabel=readable(f"new score, {_new_name(record)}"),
    )


def _counted(record: MigrationRecord, n: int) -> str:
    return f"n = {n:,} pictures{_rho(record)}"


def _band(forward: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Return the ends of the prediction interval at each knot, within the limits of the scale."""
    half, low, high = (forward[name] for name in ("half_width", "target_low", "target_high"))
    lowest, highest = (-inf if low is None else low), (inf if high is None else high)
    y = forward["isotonic_y"]
    return [max(v - half, lowest) for v in y], [min(v + half, highest) for v in y]


def _new_name(record: MigrationRecord) -> str:
    if record.crosswalk is not None:
        return str(record.crosswalk["forward"]["target"])
    return str(record.new.get("name", ""))


def _rho(record: MigrationRecord) -> str:
    estimate = record.agreement.get("figures", {}).get("spearman")
    if not estimate or estimate["value"] is None:
        return ""
    ends = estimate["interval"]
    between = f" [{number(ends[0])}, {number(ends[1])}]" if ends else ""
    return f"; Spearman's rho {number(estimate['value'])}{between}"


def draw_claims(record: MigrationRecord) -> Figure:
    """Draw each claim with old and new score, and their difference, a line a claim."""
    rows = _drawable(record)
    names = [wrapped(claim["title"], _NAMES) for claim in rows]
    heights = [max(_ROW, 6 + height_of(name)) for name in names]
    places = [sum(heights[:row]) + height / 2 for row, height in enumerate(heights)]
    with styled():
        figure = Figure(figsize=(7.2, 0.7 + sum(heights) / POINTS_PER_INCH), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        for place, claim in zip(places, rows, strict=True):
            first = claim is rows[0]
            for score, above in (("old", _APART), ("new", -_APART)):
                label = f"with the {score} score" if first else ""
                _mark(left, place - above, claim[score], score, label)
            _mark(right, place, claim["difference"], "difference", "")
            right.text(
                1.03,
                place,
                _text(claim),
                transform=right.get_yaxis_transform(),
                va="center",
                fontsize=SMALL,
            )
        for axes in (left, right):
            axes.axvline(0, color="0.6", lw=0.8, zorder=0)
            axes.spines["left"].set_visible(False)
            axes.tick_params("y", length=0)
        left.xaxis.set_major_locator(MaxNLocator(5))
        right.xaxis.set_major_locator(MaxNLocator(3))
        left.set(ylim=(sum(heights), 0), xlabel="value of the claim")
        left.set_yticks(places, names)
        right.set_xlabel("difference, new minus old")
        level = 100 * record.settings["level"]
        n = sorted({claim["n"] for claim in rows})
        counted = f"{n[0]:,}" if len(n) == 1 else f"{n[0]:,} to {n[-1]:,}"
        heading(figure, ("The claims with both scores", f"n = {counted}; {level:g} % intervals"))
        legend(figure, left)
        settle(figure)
    return figure


def _drawable(record: MigrationRecord) -> list[dict[str, Any]]:
    """Return the claims of which a value is defined."""
    return [
        claim
        for claim in record.claims
        if any(claim[which]["value"] is not None for which in ("old", "new"))
    ]


def _mark(axes: Axes, place: float, estimate: Mapping[str, Any], which: str, label: str) -> None:
    if estimate["value"] is None:
        return
    style: Any = _SHADES[which]
    if estimate["interval"] is not None:
        axes.plot(
            estimate["interval"], [place, place], color=style["color"], lw=1.6, gid="interval"
        )
    named: Any = {"label": label} if label else {}
    axes.plot([estimate["value"]], [place], ls="", ms=5.5, gid=which, zorder=3, **style, **named)


def _text(claim: Mapping[str, Any]) -> str:
    """Write a claim's difference as the table does."""
    value, ends = claim_texts(claim, "difference")
    between = f" {ends}" if claim["difference"]["interval"] else ""
    return (value + between).replace("-", "−")
