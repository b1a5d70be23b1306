"""Table 1 of Needell & Bainbridge (2022), with measured figures beside the published ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from memnet.compare.published import PublishedFigure, published, rivals
from memnet.compare.report.latex import escape
from memnet.errors import unknown_name

TABLE1 = {
    "memnet.reimpl": "MemNet",
    "resmem": "ResMem",
    "resmem.published": "ResMemRetrain",
    "m3m": "M3M",
}
"""Its rows, in the order of the paper: model -> name in the paper."""

TABLE1_COLUMNS = {
    "mse": ("MSE loss", ".4f"),
    "spearman": ("Spearman rank correlation", ".3f"),
    "training_seconds": ("Training time (s)", ".0f"),
}
"""Its columns: metric -> heading, and how a measured number is written."""

MEASURED_ONLY = {"device": ("Device", ""), "pictures_per_second": ("Pictures per second", ".1f")}
"""Further columns, which the paper does not have; they are shown where anything was measured."""

TESTED = ("mse", "spearman")
"""The columns that come from the test part."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measured figure with what is needed to judge it.

    Attributes
    ----------
    value : the number.
    interval : (low, high), or None.
    contamination : a word of :mod:`memnet.data.contamination`, "" where the question does not
        arise.
    n : pictures.
    """

    value: float
    interval: tuple[float, float] | None = None
    contamination: str = ""
    n: int = 0

    def text(self, digits: str) -> str:
        """Write it as ``0.661 [0.652, 0.670]``, with its contamination unless that is "clean"."""
        text = f"{self.value:{digits}}"
        if self.interval is not None:
            text += f" [{', '.join(f'{end:{digits}}' for end in self.interval)}]"
        word = self.contamination
        return f"{text} ({word})" if word not in ("", "clean") else text


Measured = Mapping[str, Mapping[str, float | str | Estimate]]
"""A key of :data:`TABLE1` -> a key of :data:`TABLE1_COLUMNS` or :data:`MEASURED_ONLY` -> a number
or an estimate, or a text that is shown as it is."""


def table1_rows(measured: Measured | None = None) -> list[dict[str, str]]:
    """Lay out the table.

    Returns
    -------
    list of dict
        a row per model, in the paper's order: ``model``, ``name``, and for each metric
        ``METRIC_published``, ``METRIC_text`` (what the paper's text says instead, mostly "") and
        ``METRIC_measured`` ("" where not measured); for device and pictures per second only the
        last.

    Raises
    ------
    MemnetError
        if ``measured`` has a model or metric that the table does not have.
    """
    measured = _checked(measured)
    rows = []
    for model, name in TABLE1.items():
        row = {"model": model, "name": name}
        for metric, (_, digits) in (TABLE1_COLUMNS | MEASURED_ONLY).items():
            if metric in TABLE1_COLUMNS:
                figure = _of_table1(model, metric)
                row[f"{metric}_published"] = figure.text
                row[f"{metric}_text"] = ", ".join(other.text for other in rivals(figure))
            row[f"{metric}_measured"] = _text(measured.get(model, {}).get(metric, ""), digits)
        rows.append(row)
    return rows


def table1_markdown(measured: Measured | None = None, notes: Iterable[str] = ()) -> str:
    """Render the table as Markdown; ``notes`` are sentences that go under it."""
    rows = table1_rows(measured)
    further = _further(rows)
    heads = [
        f"{title}, {kind}" for title, _ in TABLE1_COLUMNS.values() for kind in ("published", "here")
    ]
    heads += [MEASURED_ONLY[metric][0] for metric in further]
    lines = ["| " + " | ".join(["Model", *heads]) + " |", "| --- |" + " ---: |" * len(heads)]
    for row in rows:
        cells = [_one_line(cell).replace("|", "\\|") for cell in _cells(row, further)]
        lines.append("| " + " | ".join(cells) + " |")
    own = [f"- {_one_line(note)}" for note in notes]
    return "\n".join([*lines, "", *table1_notes(), *([""] if own else []), *own]) + "\n"


def table1_latex(measured: Measured | None = None, notes: Iterable[str] = ()) -> str:
    """Render the table as a LaTeX tabular (package ``booktabs``), with its notes."""
    rows = table1_rows(measured)
    further = _further(rows)
    pairs = len(TABLE1_COLUMNS)
    groups = [rf"\multicolumn{{2}}{{c}}{{{escape(t)}}}" for t, _ in TABLE1_COLUMNS.values()]
    titles = [escape(MEASURED_ONLY[metric][0]) for metric in further]
    rules = "".join(rf"\cmidrule(lr){{{2 * i + 2}-{2 * i + 3}}}" for i in range(pairs))
    letters = "".join(r"p{0.18\linewidth}" if metric == "device" else "r" for metric in further)
    body = [" & ".join(map(escape, _cells(row, further))) + r" \\" for row in rows]
    width = 2 * pairs + 1 + len(further)
    small = [
        rf"\multicolumn{{{width}}}{{p{{0.95\linewidth}}}}{{\footnotesize {escape(note)}}} \\"
        for note in (*table1_notes(), *notes)
    ]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'rr' * pairs}{letters}}}",
            r"\toprule",
            " & " + " & ".join([*groups, *("" for _ in further)]).rstrip() + r" \\",
            rules,
            " & ".join(["Model", *["published", "here"] * pairs, *titles]) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            *small,
            r"\end{tabular}",
            "",
        ]
    )


def table1_csv(measured: Measured | None = None) -> str:
    """Write the table as CSV with every number in full, empty where there is none.

    A measured figure has the columns ``METRIC``, ``METRIC_low``, ``METRIC_high``, ``METRIC_n`` and
    ``METRIC_contamination``; the published ones are as printed.
    """
    values = _checked(measured)
    ends = ("", "_low", "_high", "_n", "_contamination")
    head = ["model", "name"]
    for metric in TABLE1_COLUMNS:
        head += [f"{metric}_published", f"{metric}_text", metric]
        head += [f"{metric}{end}" for end in ends[1:] if metric in TESTED]
    head += MEASURED_ONLY
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, head, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in table1_rows(measured):
        cells: dict[str, Any] = dict(row)
        for metric, value in values.get(row["model"], {}).items():
            cells[metric] = value
            if isinstance(value, Estimate):
                low, high = value.interval or ("", "")
                parts = (value.value, low, high, value.n or "", value.contamination)
                cells |= {f"{metric}{end}": part for end, part in zip(ends, parts, strict=True)}
        writer.writerow(cells)
    return buffer.getvalue()


def table1_notes() -> list[str]:
    """Say where the published figures come from."""
    source = _of_table1("memnet.reimpl", "mse").source
    return [
        f"Published: {source.short}, Table 1; in brackets what the text of the same paper says. "
        "Tested on 5,000 held-out pictures of LaMem and MemCat; times on one GTX 1080 Ti."
    ]


def _checked(measured: Measured | None) -> Measured:
    columns = TABLE1_COLUMNS | MEASURED_ONLY
    for model, values in (measured or {}).items():
        if model not in TABLE1:
            raise unknown_name("model of Table 1", model, TABLE1)
        for metric in values:
            if metric not in columns:
                raise unknown_name("column of Table 1", metric, columns)
    return measured or {}


def _text(value: float | str | Estimate, digits: str) -> str:
    if isinstance(value, Estimate):
        return value.text(digits)
    return value if isinstance(value, str) else f"{value:{digits}}"


def _further(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return [name for name in MEASURED_ONLY if any(row[f"{name}_measured"] for row in rows)]


def _cells(row: Mapping[str, str], further: Iterable[str]) -> list[str]:
    cells = [row["name"]]
    for metric in TABLE1_COLUMNS:
        said = f" (text: {row[f'{metric}_text']})" if row[f"{metric}_text"] else ""
        cells += [row[f"{metric}_published"] + said, row[f"{metric}_measured"]]
    return [*cells, *(row[f"{metric}_measured"] for metric in further)]


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


def _of_table1(model: str, metric: str) -> PublishedFigure:
    return next(
        figure
        for figure in published()
        if (figure.model, figure.metric, figure.source.key) == (model, metric, "NB22")
        and figure.where.startswith("Table 1")
    )
