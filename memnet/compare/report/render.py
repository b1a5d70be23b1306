"""A RunRecord as a page, as Markdown, and as files in a folder; what all pages are written with."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from memnet.compare.record import RunRecord
from memnet.compare.report import (
    answer,
    categories,
    difference_tables,
    eligible,
    findings,
    glossary,
    increments,
    published_table,
    table1,
    tables,
    threats,
    to_paste,
    two_classes,
)
from memnet.compare.report.contact_sheet import ContactSheet, make_sheet, sheet_markdown
from memnet.compare.report.figures import (
    captions,
    figure_names,
    figures,
    shared_figure_names,
    to_bytes,
)
from memnet.compare.report.files import OPTIONAL, safe_files, table_files
from memnet.compare.report.markdown import (
    escape_markdown,
    markdown_block,
    markdown_code,
    markdown_figures,
    markdown_list,
    markdown_table,
)
from memnet.compare.report.model_figures import MODEL_FIGURES
from memnet.compare.report.page import html_page
from memnet.compare.report.shared_figures import SHARED_FIGURES
from memnet.data.contamination import dataset_title
from memnet.errors import MemnetError
from memnet.preprocess.decode import PictureOrCrop
from memnet.util.atomic import write_bytes, write_text

_KINDS = (*MODEL_FIGURES, *(name.partition("_")[0] for name in SHARED_FIGURES))
OURS = tuple(f"{kind}_" for kind in (*_KINDS, "picture"))
"""How the names of our figures begin."""


def markdown(record: RunRecord, sheet: ContactSheet | None = None) -> str:
    """Render the Markdown report, which refers to ``figures/*.png`` beside it."""
    context = _context(record) | {"sheet": sheet_markdown(record, sheet)}
    return render("memnet.compare.report", "report.md.j2", context)


def html(record: RunRecord) -> str:
    """Render the page: one file, no outside resources, readable in print."""
    return _page(record, markdown(record), svg_images(figures(record)))


def write_report(
    record: RunRecord,
    folder: str | os.PathLike[str],
    *,
    spreadsheet_safe: bool = False,
    pictures: Mapping[str, PictureOrCrop] | None = None,
) -> None:
    """Write ``record.json``, ``report.html``, ``report.md``, ``figures/`` and ``tables/``.

    Parameters
    ----------
    spreadsheet_safe : also copies of the CSV tables in which no text is a formula.
    pictures : id -> file of the pictures that are at hand: thumbnails of the most and the least
        memorable ones, and of the largest disagreements, become part of the report.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    folder = Path(folder)
    drawn = figures(record)
    images = svg_images(drawn)
    files = figure_files(drawn, images)
    sheet = make_sheet(record, pictures or {})
    thumbnails = {} if sheet is None else sheet.images
    files |= thumbnails
    images |= thumbnails
    text = markdown(record, sheet)
    texts = {f"tables/{name}": table for name, table in table_files(record).items()}
    if spreadsheet_safe:
        texts |= {f"tables/{name}": table for name, table in safe_files(record).items()}
    texts |= {"report.md": text, "report.html": _page(record, text, images)}
    texts["record.json"] = record.to_json()  # the last: where it is, the rest is, too
    # All is made before anything is touched: what cannot be made leaves the last report whole.
    for name, image in files.items():
        write_bytes(folder / name, image)
    for name, content in texts.items():
        write_text(folder / name, content)
    _remove_old(folder, {*files, *texts})


def _page(record: RunRecord, text: str, images: Mapping[str, bytes]) -> str:
    title = f"memnet report: {record.dataset}" if record.dataset else "memnet report"
    return html_page(text, title=title, images=images)


def _remove_old(folder: Path, written: Collection[str]) -> None:
    """Remove what only an earlier comparison had of figures and copies: nobody's any more."""
    figures = folder / "figures"
    try:
        for old in figures.iterdir() if figures.is_dir() else ():
            ours = old.stem.startswith(OURS) and old.suffix in (".png", ".svg", ".jpg")
            if ours and f"figures/{old.name}" not in written:
                old.unlink()
        for name in (f"tables/{name}" for name in OPTIONAL):
            if name not in written:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise MemnetError(f"{folder} cannot be written ({error}).") from error


def _context(record: RunRecord) -> dict[str, Any]:
    under_the_answer = answer.write_threats(record)
    return {
        "record": record,
        "dataset": dataset_title(record.dataset) or "not named",
        "answer": answer.write_answer(record),
        "asked": [
            *filter(None, [categories.short_sentence(record)]),
            *increments.short_sentences(record),
        ],
        "threats": under_the_answer,
        "warnings": [w for w in threats.order_warnings(record) if w not in under_the_answer],
        "findings": findings.write_findings(record),
        "glance": tables.at_a_glance(record),
        "two_classes": two_classes.table(record) if two_classes.has_classes(record) else None,
        "categories": categories.table(record) if categories.has_categories(record) else None,
        "differences": difference_tables.difference_tables(record),
        "contamination_note": difference_tables.contamination_note(record),
        "created": _moment(record.created),
        "increment_sentences": increments.increment_sentences(record),
        "increments": increments.increment_table(record),
        "sections": tables.sections(record),
        "captions": captions(record),
        "figure_names": _figures_by_place(record),
        "training_data": tables.training_data,
        "truth_is": eligible.what_truth_is(record),
        "published": published_table.published_table(record),
        "citations": published_table.sources(record),
        "mse_note": published_table.mse_note(record),
        "table1": table1.table1_of_record(record) if table1.table1_belongs(record) else None,
        "results_text": to_paste.results_text(record),
        "methods_text": to_paste.methods_text(record),
        "checksums_text": to_paste.checksums_text(record),
        "glossary": glossary.glossary(record),
        "manifest": record.truth.get("manifest") or {},
    }


def _moment(created: str) -> str:
    """``2026-11-28T21:14:07+00:00`` without seconds, to be read; what is not of UTC as it is."""
    day, _, time = created.removesuffix("+00:00").partition("T")
    return f"{day} {time[:5]} UTC" if created.endswith("+00:00") and time else created


def _figures_by_place(record: RunRecord) -> dict[str, Any]:
    """Name the figures of each place: with the answer, at a glance, between models, by model."""
    of_models = figure_names(record)
    first = [
        name
        for model in answer.models_of_the_answer(record)
        for name in of_models.get(model, [])
        if name.startswith("scatter_")
    ]
    shared = shared_figure_names(record)
    first += [name for name in shared if name.startswith("roc_")]
    of_categories = [name for name in shared if name.startswith("categories_")]
    between = [name for name in shared if name.startswith("differences_")]
    several = len(record.words) > 1
    rest = {
        model: [name for name in names if name not in first] for model, names in of_models.items()
    }
    glance = [name for name in shared if name not in (*between, *first, *of_categories)]
    if not several:  # a forest of one tree
        rest = {model: [*names, *glance] for model, names in rest.items()}
        glance = []
    return {
        "answer": first,
        "glance": glance,
        "categories": of_categories,
        "between": between,
        "models": rest,
    }


def svg_images(drawn: Mapping[str, Figure]) -> dict[str, bytes]:
    """Return figures as :func:`~memnet.compare.report.page.html_page` takes them, as SVG."""
    return {f"figures/{name}.png": to_bytes(figure, "svg") for name, figure in drawn.items()}


def write_page(
    page: Path, text: str, drawn: Mapping[str, Figure], images: Mapping[str, bytes]
) -> None:
    """Write a finished page, and its figures as SVG and PNG into ``figures/`` beside it.

    Nothing is written before all of it can be made, so that no half of a result lies in a folder.

    Parameters
    ----------
    page, text : the file, and what :func:`~memnet.compare.report.page.html_page` made.
    drawn, images : the figures, and what :func:`svg_images` gave of them.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    files = figure_files(drawn, images)
    for name, image in files.items():
        write_bytes(page.parent / name, image)
    write_bytes(page, text.encode())


def figure_files(drawn: Mapping[str, Figure], images: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of ``figures/``, SVG and PNG; ``images`` is what :func:`svg_images` gave."""
    files: dict[str, bytes] = {}
    for name, figure in drawn.items():
        png = f"figures/{name}.png"
        files |= {f"figures/{name}.svg": images[png], png: to_bytes(figure, "png")}
    return files


def render(package: str, template: str, context: Mapping[str, Any]) -> str:
    """Fill a Markdown template of ``package``'s folder ``templates``.

    What a template shows of data goes through its filters: ``md`` for text, ``code`` and ``block``
    for what is typed or copied, ``table`` and ``sentences`` for tables and lists.
    """
    text: str = _template(package, template).render(**context)
    return text.rstrip("\n") + "\n"


@cache
def _template(package: str, name: str) -> Any:
    environment = Environment(
        loader=PackageLoader(package, "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "md": escape_markdown,
        "code": markdown_code,
        "block": markdown_block,
        "table": markdown_table,
        "sentences": markdown_list,
        "figures": markdown_figures,
    }
    return environment.get_template(name)
