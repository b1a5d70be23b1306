"""A RunRecord as a self-contained HTML page, as Markdown, and as files in a folder."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from memnet.compare.record import RunRecord
from memnet.compare.report import difference_tables, findings, glossary, published_table, tables
from memnet.compare.report.figures import (
    captions,
    figure_names,
    figures,
    shared_figure_names,
    to_bytes,
)
from memnet.compare.report.files import table_files
from memnet.data.contamination import dataset_title
from memnet.errors import MemnetError
from memnet.util.atomic import write_bytes, write_text


def html(record: RunRecord, drawn: Mapping[str, bytes] | None = None) -> str:
    """Render the page: one file, no outside resources, readable in print.

    Parameters
    ----------
    record : to be shown.
    drawn : its figures as SVG, by name, where they are drawn already.
    """
    drawn = _svg(figures(record)) if drawn is None else drawn
    images = {
        name: "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
        for name, svg in drawn.items()
    }
    return render("report.html.j2", _context(record, images))


def markdown(record: RunRecord) -> str:
    """Render the Markdown report, which refers to ``figures/*.png`` beside it."""
    of_models = figure_names(record).values()
    names = [*shared_figure_names(record), *(name for names in of_models for name in names)]
    images = {name: f"figures/{name}.png" for name in names}
    return render("report.md.j2", _context(record, images))


OURS = (
    "density_",
    "scatter_",
    "calibration_",
    "residuals_",
    "quantiles_",
    "forest_",
    "differences_",
)
"""How the names of our figures begin."""


def write_report(record: RunRecord, folder: Path) -> None:
    """Write ``record.json``, ``report.html``, ``report.md``, ``figures/`` and ``tables/``.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    drawn = figures(record)
    svg = _svg(drawn)
    texts = {
        "record.json": record.to_json(),
        "report.html": html(record, svg),
        "report.md": markdown(record),
    } | {f"tables/{name}": text for name, text in table_files(record).items()}
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for old in (folder / "figures").iterdir():  # of an earlier comparison: nobody's any more
            if old.stem.startswith(OURS) and old.suffix in (".png", ".svg"):
                old.unlink()
    except OSError as error:
        raise MemnetError(f"The report cannot be written into {folder} ({error}).") from error
    for name, text in texts.items():
        write_text(folder / name, text)
    for name, figure in drawn.items():
        write_bytes(folder / "figures" / f"{name}.svg", svg[name])
        write_bytes(folder / "figures" / f"{name}.png", to_bytes(figure, "png"))


def _svg(drawn: Mapping[str, Figure]) -> dict[str, bytes]:
    return {name: to_bytes(figure, "svg") for name, figure in drawn.items()}


def _context(record: RunRecord, images: dict[str, str]) -> dict[str, Any]:
    return {
        "record": record,
        "dataset": dataset_title(record.dataset) or "not named",
        "findings": findings.findings(record),
        "glance": tables.at_a_glance(record),
        "differences": difference_tables.difference_tables(record),
        "sections": tables.sections(record),
        "images": images,
        "captions": captions(record),
        "shared_figures": shared_figure_names(record),
        "figure_names": figure_names(record),
        "published": published_table.published_table(record),
        "citations": published_table.sources(record),
        "mse_note": published_table.mse_note(record),
        "table1": published_table.table1(record)
        if published_table.table1_belongs(record)
        else None,
        "glossary": glossary.glossary(record),
        "manifest": record.truth.get("manifest") or {},
        "manifest_digest": record.results[0].manifest if record.results else "",
    }


def write_figures(folder: Path, drawn: Mapping[str, Figure]) -> dict[str, str]:
    """Write figures as SVG and PNG into ``figures/``; returns name -> what a page shows."""
    images = {}
    for name, figure in drawn.items():
        svg = to_bytes(figure, "svg")
        write_bytes(folder / "figures" / f"{name}.svg", svg)
        write_bytes(folder / "figures" / f"{name}.png", to_bytes(figure, "png"))
        images[name] = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
    return images


def write_page(folder: Path, template: str, context: Mapping[str, Any]) -> Path:
    """Fill a template and write it as ``report.html``."""
    path = folder / "report.html"
    write_text(path, render(template, context))
    return path


def render(name: str, context: Mapping[str, Any]) -> str:
    """Fill a template; what it shows is escaped for HTML, or by its filter ``md`` for Markdown."""
    text: str = _template(name).render(**context)
    return text


@cache
def _template(name: str) -> Any:
    environment = Environment(
        loader=PackageLoader("memnet.compare.report", "templates"),
        autoescape=name.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"md": escape_markdown, "code": markdown_code}
    return environment.get_template(name)


_HARMLESS = re.compile(r"\[[^\[\]]*\](?![(\[])")  # such as an interval
_LINKS = re.compile(r"[\[\]]")
_TARGET = re.compile(r"\[.*\]:")


def escape_markdown(text: object) -> str:
    """Text that Markdown shows as it is, also in a table: no markup, no HTML, no new line."""
    plain = re.sub(r"\s+", " ", str(text))
    plain = re.sub(r"([\\`*|~$])", r"\\\1", plain)
    if _LINKS.search(_HARMLESS.sub("", plain)) or _TARGET.match(plain):
        plain = re.sub(r"([\[\]])", r"\\\1", plain)
    plain = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", plain)  # within a word it is no markup
    plain = re.sub(r"&(?=#?\w+;)", "&amp;", plain)
    plain = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", plain)
    return re.sub(r"^(>|[#+-]+\s|\d+[.)]\s)", _at_the_start, plain)


def _at_the_start(found: re.Match[str]) -> str:
    """Escape what begins a quotation, a heading or a list."""
    mark = found[0]
    if mark[0].isdigit():
        return f"{mark[:-2]}\\{mark[-2:]}"
    return f"\\{mark}"


def markdown_code(text: object) -> str:
    """Text as Markdown code, fenced by more backticks than it holds."""
    plain = re.sub(r"\s+", " ", str(text))
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    space = " " if longest else ""
    fence = "`" * (longest + 1)
    return f"{fence}{space}{plain}{space}{fence}"
