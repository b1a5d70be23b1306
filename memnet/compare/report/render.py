"""A RunRecord as a self-contained HTML page, as Markdown, and as files in a folder."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from memnet.compare.contamination import KNOWN_DATASETS, MEANINGS
from memnet.compare.record import Result, RunRecord
from memnet.compare.report.figures import figure_names, figures, to_bytes
from memnet.compare.stats.metrics import METRICS
from memnet.errors import MemnetError


def html(record: RunRecord, drawn: dict[str, Figure] | None = None) -> str:
    """Render the page: one file, no outside resources, readable in print."""
    drawn = figures(record) if drawn is None else drawn
    images = {
        name: "data:image/svg+xml;base64," + base64.b64encode(to_bytes(figure, "svg")).decode()
        for name, figure in drawn.items()
    }
    return _environment(True).get_template("report.html.j2").render(**_context(record, images))


def markdown(record: RunRecord) -> str:
    """Render the Markdown report, which refers to ``figures/*.png`` beside it."""
    names = [name for group in figure_names(record).values() for name in group]
    images = {name: f"figures/{name}.png" for name in names}
    return _environment(False).get_template("report.md.j2").render(**_context(record, images))


def write_report(record: RunRecord, folder: Path) -> None:
    """Write ``record.json``, ``report.html``, ``report.md`` and ``figures/`` into a folder.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    drawn = figures(record)
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        (folder / "record.json").write_text(record.to_json(), encoding="utf-8")
        (folder / "report.html").write_text(html(record, drawn), encoding="utf-8")
        (folder / "report.md").write_text(markdown(record), encoding="utf-8")
        for name, figure in drawn.items():
            for kind in ("png", "svg"):
                (folder / "figures" / f"{name}.{kind}").write_bytes(to_bytes(figure, kind))
    except OSError as error:
        raise MemnetError(f"The report cannot be written into {folder} ({error}).") from error


def table_rows(record: RunRecord) -> list[dict[str, str]]:
    """Return the table of results as text: one row per model and metric."""
    return [
        {
            "model": result.model,
            "metric": METRICS[result.metric].title,
            "value": number(result.value),
            "interval": _interval(result),
            "n": f"{result.n:,}",
            "better": METRICS[result.metric].better,
            "contamination": result.contamination,
            "reason": result.reason,
        }
        for result in record.results
    ]


def number(value: float | None) -> str:
    """Six decimals, or ``undefined``."""
    return "undefined" if value is None else f"{value:.6f}"


def _interval(result: Result) -> str:
    if result.interval is None:
        return "none"
    low, high = result.interval
    return f"[{low:.4f}, {high:.4f}]"


def _context(record: RunRecord, images: dict[str, str]) -> dict[str, Any]:
    words = {result.contamination for result in record.results}
    by_model: dict[str, list[dict[str, str]]] = {model["name"]: [] for model in record.models}
    for row in table_rows(record):
        by_model[row["model"]].append(row)
    return {
        "record": record,
        "tables": by_model,
        "images": images,
        "dataset": KNOWN_DATASETS.get(record.dataset.lower(), record.dataset) or "not named",
        "meanings": {word: text for word, text in MEANINGS.items() if word in words},
        "figure_names": figure_names(record),
        "first": record.results[0],
        "contamination": {r.model: r.contamination for r in record.results},
    }


@cache
def _environment(escape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("memnet.compare.report", "templates"),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
