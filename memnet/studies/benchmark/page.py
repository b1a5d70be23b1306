"""A benchmark as a page, as Markdown and as one table of numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from memnet.compare.report.csv_text import csv_text
from memnet.compare.report.page import html_page
from memnet.compare.report.render import render, svg_images, write_page
from memnet.errors import MemnetError
from memnet.studies.benchmark import figures, tables
from memnet.studies.benchmark.answer import write_answer, write_findings
from memnet.studies.benchmark.markdown import readme_table
from memnet.studies.benchmark.methods import computed, methods_text
from memnet.studies.benchmark.record import BenchmarkRecord
from memnet.util.atomic import write_text

_MANY_DATASETS = 4
"""With more of them the page needs more width than a line of text."""
_INTERVALS = ("interval", "disattenuated_interval", "prediction")
_LEADERBOARD = (
    "kind",
    "model",
    "dataset",
    "n",
    "rho",
    "interval_low",
    "interval_high",
    "ceiling",
    "disattenuated",
    "disattenuated_low",
    "disattenuated_high",
    "mse",
    "contamination",
    "why",
    "declared_by",
    "crossed",
    "best",
    "missing",
    "report",
    "datasets",
    "tau",
    "prediction_low",
    "prediction_high",
    "reason",
)


def write_benchmark(record: BenchmarkRecord, folder: Path) -> None:
    """Write ``index.html``, ``benchmark.md``, ``leaderboard.csv`` and ``figures/``.

    Parameters
    ----------
    record : what they show; all of them are functions of it alone.
    folder : which exists.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    drawn = figures.figures(record)
    images = svg_images(drawn)
    text = markdown(record)
    page = html_page(
        text,
        title=f"memnet benchmark: {record.name}",
        images=images,
        wide=len(record.datasets) > _MANY_DATASETS,
    )
    # All is made before anything is touched: what cannot be made leaves the last page whole.
    write_text(folder / "leaderboard.csv", leaderboard(record))
    write_text(folder / "benchmark.md", text)
    write_page(folder / "index.html", page, drawn, images)
    _remove_old(folder / "figures", drawn)


def markdown(record: BenchmarkRecord) -> str:
    """Render the page as Markdown, which refers to ``figures/*.png`` beside it."""
    names = figures.figure_names(record)
    context = {
        "record": record,
        "count": f"{_count(len(record.models), 'model')} on "
        f"{_count(len(record.datasets), 'data set')}",
        "answer": write_answer(record),
        "findings": write_findings(record),
        "warnings": [
            *record.warnings,
            *(
                f"{each['name']}: {sentence}"
                for each in record.datasets
                for sentence in each["warnings"]
            ),
        ],
        "main": tables.main_table(record),
        "summary": tables.summary_table(record),
        "contrasts": tables.contrast_table(record),
        "differences": tables.difference_tables(record),
        "models": tables.models_table(record),
        "datasets": tables.datasets_table(record),
        "captions": figures.captions(record),
        "means_figure": [figures.MEANS] if figures.has_means(record) else [],
        "forests": list(names.values()),
        "methods": methods_text(record),
        "computed": computed(record),
        "readme": readme_table(record),
    }
    return render("memnet.studies.benchmark", "benchmark.md.j2", context)


def leaderboard(record: BenchmarkRecord) -> str:
    """Return every cell, and the mean of every model, as CSV with numbers in full.

    A row is of ``kind`` ``cell``, one model on one data set, or ``mean``, one model over its clean
    data sets: there ``disattenuated`` is the mean, ``datasets`` names what is in it, ``tau`` is the
    SD between data sets and ``prediction_*`` where another data set is expected.
    """
    return csv_text(_LEADERBOARD, _rows(record))


def _rows(record: BenchmarkRecord) -> Iterable[dict[str, Any]]:
    for cell in record.cells:
        yield {"kind": "cell", **_flat(asdict(cell))}
    for summary in record.summaries:
        row = asdict(summary)
        row |= {"disattenuated": summary.mean, "disattenuated_interval": row.pop("interval")}
        row["datasets"] = "; ".join(summary.datasets)
        yield {"kind": "mean", **_flat(row)}


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Give each end of an interval a column of its own."""
    flat = {name: value for name, value in row.items() if name not in _INTERVALS}
    for name in _INTERVALS:
        if name in row:
            stem = name.removesuffix("_interval")
            flat |= zip((f"{stem}_low", f"{stem}_high"), row[name] or (None, None), strict=True)
    return flat


def _remove_old(folder: Path, drawn: Collection[str]) -> None:
    """Remove forest plots of an earlier run with other data sets: nobody's any more."""
    try:
        for old in folder.glob("forest_*") if folder.is_dir() else ():
            if old.suffix in (".png", ".svg") and old.stem not in drawn:
                old.unlink()
    except OSError as error:
        raise MemnetError(f"{folder} cannot be written ({error}).") from error


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
