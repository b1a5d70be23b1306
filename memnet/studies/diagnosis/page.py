"""The page of a diagnosis: the answer in words, the column beside the variant, the candidates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memnet import __version__
from memnet.compare.report.page import html_page
from memnet.compare.report.render import figure_files, render, svg_images
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.errors import MemnetError
from memnet.studies.diagnosis.result import RECORD, Candidate, Diagnosis
from memnet.util.atomic import write_bytes
from memnet.util.text import shorten_list

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PAGE = "diagnosis.html"
_FIGURE = "column"
_MOST_NAMED = 20


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write a diagnosis into a folder: ``diagnosis.html``, ``.md``, ``.json``, ``figures/``.

    Returns
    -------
    Path
        of ``diagnosis.html``, one file without outside resources.

    Raises
    ------
    MemnetError
        if the folder cannot be written.
    """
    figures = {} if diagnosis.compared is None else {_FIGURE: draw_column(diagnosis)}
    images = svg_images(figures)
    text = render("memnet.studies.diagnosis", "diagnosis.md.j2", _context(diagnosis))
    title = f"memnet diagnosis: {Path(diagnosis.source).name}, {diagnosis.column}"
    files = figure_files(figures, images)
    files["diagnosis.md"] = text.encode()
    files[_PAGE] = html_page(text, title=title, images=images).encode()
    files[RECORD] = (json.dumps(diagnosis.to_dict(), indent=1, allow_nan=False) + "\n").encode()
    for name, content in files.items():
        write_bytes(folder / name, content)
    try:
        for ending in ("svg", "png") if not figures else ():  # what only an earlier one had
            (folder / "figures" / f"{_FIGURE}.{ending}").unlink(missing_ok=True)
    except OSError as error:
        raise MemnetError(f"{folder} cannot be written ({error}).") from error
    return folder / _PAGE


def choose_rows(diagnosis: Diagnosis) -> list[Candidate]:
    """Return the five best rows of the table, the runner-up among them."""
    rows = list(diagnosis.candidates[:5])
    margin = diagnosis.margin
    if margin is not None and margin.slug not in [row.slug for row in rows]:
        rows[4:] = [row for row in diagnosis.candidates if row.slug == margin.slug]
    return rows


def candidate_cells(row: Candidate) -> tuple[str, str, str, str, str, str]:
    """Write a candidate: variant, form, residual SD, agreement, rho, log likelihood."""
    return (
        row.slug,
        row.form,
        "-" if row.residual_sd is None else f"{row.residual_sd:.3g}",
        "-" if row.agree is None else f"{row.agree:.0%}",
        "undefined" if row.rho is None else f"{row.rho:.4f}",
        "-" if row.loglik is None else f"{round(row.loglik, 1) + 0.0:.1f}",  # not -0.0
    )


CANDIDATE_COLUMNS = (
    Column("Variant"),
    Column("Form"),
    *number_columns("Residual SD", "Agree", "rho", "Log likelihood"),
)


def _table(rows: Sequence[Candidate], after: str) -> Table:
    return Table(
        title="",
        columns=CANDIDATE_COLUMNS,
        rows=[[Cell(text) for text in candidate_cells(row)] for row in rows],
        after=after,
    )


_HEADINGS = (
    "Residual SD: of the differences, from their median, in the column's unit. Agree: share of "
    "rows that agree to the last digit written. rho: Spearman's, with the column."
)


def _context(diagnosis: Diagnosis) -> dict[str, Any]:
    shown = choose_rows(diagnosis)
    disagreeing = diagnosis.disagreeing
    return {
        "diagnosis": diagnosis,
        "table": Path(diagnosis.source).name,
        "subtitle": _subtitle(diagnosis),
        "first": [*diagnosis.cautions, *diagnosis.set_aside],
        "shown": _table(shown, _HEADINGS) if shown else None,
        "every": _table(diagnosis.candidates, "") if len(diagnosis.candidates) > len(shown) else "",
        "disagreeing": f"{len(disagreeing):,} rows do not agree: "
        f"{shorten_list(disagreeing, _MOST_NAMED)}."
        if disagreeing
        else "",
        "equivalent": [f"{slug}: {why}" for slug, why in diagnosis.equivalent.items()],
        "figure_names": [_FIGURE] if diagnosis.compared is not None else [],
        "captions": {_FIGURE: _caption(diagnosis)},
        "numbers": _what_numbers_say(diagnosis),
        "failed": [f"{name}: {why}" for name, why in diagnosis.failed.items()],
        "version": __version__,
    }


def _subtitle(diagnosis: Diagnosis) -> str:
    if diagnosis.evidence == "no pictures":
        return f"{diagnosis.n:,} rows, without their pictures"
    verdict, weights = diagnosis.headline.rstrip("."), Path(diagnosis.model).name
    return f"{verdict} · {diagnosis.n:,} pictures · weights of {weights}"


def _what_numbers_say(diagnosis: Diagnosis) -> Sequence[str]:
    """Return a guess from the numbers only where the pictures have not said more."""
    sure = diagnosis.evidence in ("exact", "close", "no pictures")  # the answer has the guess
    return diagnosis.fingerprint.facts if sure else diagnosis.fingerprint.sentences


def _caption(diagnosis: Diagnosis) -> str:
    compared = diagnosis.compared
    if compared is None:
        return ""
    named = "" if diagnosis.verdict else ", the nearest variant"
    text = (
        f"Each picture's score in the column (vertical) and by {compared.slug}{named} (horizontal, "
        f"{compared.form})."
    )
    if diagnosis.evidence != "rank":
        text += " On the grey line the two are equal."
    if diagnosis.disagreeing:
        text += " Orange crosses are rows that do not agree."
    return text


def draw_column(diagnosis: Diagnosis) -> Figure:
    """Draw the column against the scores of the variant that explains it best."""
    from matplotlib.figure import Figure

    from memnet.compare.report.style import (
        GREY,
        PREDICTION,
        TRUTH,
        WIDTH,
        heading,
        legend,
        readable,
        settle,
        styled,
    )

    compared = diagnosis.compared
    assert compared is not None
    apart = set(diagnosis.disagreeing)
    points = list(zip(compared.image_ids, compared.variant, compared.old, strict=True))
    with styled():
        figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
        axes = figure.add_subplot()
        middle = sum(compared.old) / len(compared.old)
        if diagnosis.evidence != "rank":  # where the units are not the same
            axes.axline((middle, middle), slope=1, color=GREY, lw=0.8, zorder=0)
        for name, marker, color, chosen in (
            ("rows that agree" if apart else "pictures", "o", TRUTH, False),
            ("rows that do not", "x", PREDICTION, True),
        ):
            x = [at for image_id, at, _ in points if (image_id in apart) is chosen]
            y = [old for image_id, _, old in points if (image_id in apart) is chosen]
            if x:
                axes.plot(x, y, marker, color=color, ms=4.5, alpha=0.75, label=name)
        axes.set(
            xlabel=readable(f"score by {compared.slug}"),
            ylabel=readable(f"score in column {diagnosis.column}"),
        )
        heading(figure, (f"The column beside {compared.slug}", f"n = {len(points):,} pictures"))
        legend(figure, axes)
        settle(figure)
    return figure
