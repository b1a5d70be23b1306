"""The figures. Predictions are orange and truth is blue, as in Needell & Bainbridge (2022)."""

from __future__ import annotations

import io
import re
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from memnet.compare.record import RunRecord

TRUTH = "#0072B2"  # Okabe & Ito's blue and vermilion: told apart by colour-blind readers, and in
PREDICTION = "#D55E00"  # print by the dashes below
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "memnet",
    "svg.fonttype": "path",
}


def figures(record: RunRecord) -> dict[str, Figure]:
    """Draw every figure of a record: name (safe as a file name) -> figure."""
    drawn = {}
    with mpl.rc_context(_STYLE):
        for model, names in figure_names(record).items():
            for name, draw in zip(names, (_density, _scatter), strict=True):
                drawn[name] = draw(model, record.plots[model], record)
    return drawn


def figure_names(record: RunRecord) -> dict[str, list[str]]:
    """Name the figures of each model; two models whose names differ get different files."""
    named: dict[str, list[str]] = {}
    taken: set[str] = set()
    for model in record.plots:
        slug = stem = re.sub(r"[^A-Za-z0-9.-]+", "_", model).strip("_") or "model"
        count = 2
        while slug.lower() in taken:
            slug, count = f"{stem}-{count}", count + 1
        taken.add(slug.lower())
        named[model] = [f"density_{slug}", f"scatter_{slug}"]
    return named


def to_bytes(figure: Figure, kind: str) -> bytes:
    """Render a figure as ``"svg"`` or ``"png"``; the same figure gives the same bytes."""
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context(_STYLE):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def _density(model: str, data: dict[str, Any], record: RunRecord) -> Figure:
    """Draw the densities of predictions and truth (NB22, figures 6, 8 and 10 to 12)."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    curves = (
        ("truth_density", f"human scores ({record.truth['column']})", TRUTH, "-"),
        ("prediction_density", f"predictions ({model})", PREDICTION, "--"),
    )
    for key, label, colour, dashes in curves:
        if data[key] is None:
            values = data[key.replace("density", "points")]
            axes.axvline(values[0], color=colour, ls=dashes, label=f"{label}: all equal")
        else:
            axes.fill_between(data["grid"], data[key], color=colour, alpha=0.22, lw=0)
            axes.plot(data["grid"], data[key], color=colour, ls=dashes, lw=1.8, label=label)
    axes.set(xlabel="memorability score", ylabel="density (area one)")
    axes.set_xlim(*_span(data))
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    axes.set_title(f"n = {data['n']:,} pictures", loc="right", fontsize=9)
    return figure


def _scatter(model: str, data: dict[str, Any], record: RunRecord) -> Figure:
    """Draw truth against prediction with the line of perfect agreement."""
    figure = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = figure.add_subplot()
    low, high = _span(data)
    axes.plot([low, high], [low, high], color="0.45", lw=1, ls=":", label="prediction = truth")
    axes.scatter(
        data["prediction_points"],
        data["truth_points"],
        s=10,
        color=PREDICTION,
        alpha=0.45,
        linewidths=0,
        rasterized=True,
    )
    axes.set(
        xlabel=f"prediction ({model})",
        ylabel=f"human score ({record.truth['column']})",
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
    )
    shown = len(data["truth_points"])
    drawn = f", {shown:,} drawn" if shown < data["n"] else ""
    axes.set_title(f"n = {data['n']:,} pictures{drawn}", loc="right", fontsize=9)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def _span(data: dict[str, Any]) -> tuple[float, float]:
    points = [*data["truth_points"], *data["prediction_points"]]
    low, high = min(points), max(points)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    margin = 0.05 * (high - low)
    return low - margin, high + margin
