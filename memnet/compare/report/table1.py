"""Table 1 of Needell & Bainbridge (2022), with measured values beside the published ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from memnet.compare.published import PublishedValue, published, rivals
from memnet.compare.record import RunRecord
from memnet.compare.report.csv_text import csv_text
from memnet.compare.report.latex import footnote, tabular
from memnet.compare.report.markdown import markdown_list, markdown_table
from memnet.compare.report.table_model import Cell, Column, Table
from memnet.compare.report.tables import by_name
from memnet.compare.report.two_classes import has_classes
from memnet.data.contamination import DatasetName, dataset_title
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

_TESTED_BY_NB22 = ({"lamem"}, {"memcat"}, {"lamem", "memcat"})

TESTED = ("mse", "spearman")
"""The columns that come from the test part."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measured value with what is needed to judge it.

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
                stated = _of_table1(model, metric)
                row[f"{metric}_published"] = stated.text
                row[f"{metric}_text"] = ", ".join(other.text for other in rivals(stated))
            row[f"{metric}_measured"] = _text(measured.get(model, {}).get(metric, ""), digits)
        rows.append(row)
    return rows


def table1(measured: Measured | None = None) -> Table:
    """Lay out the table; raises as :func:`table1_rows` does."""
    rows = table1_rows(measured)
    further = [metric for metric in MEASURED_ONLY if any(row[f"{metric}_measured"] for row in rows)]
    columns = [Column("Model")]
    for title, _ in TABLE1_COLUMNS.values():
        columns += [Column(kind, numeric=True, group=title) for kind in ("published", "here")]
    columns += [Column(MEASURED_ONLY[metric][0], numeric=metric != "device") for metric in further]
    cells = []
    for row in rows:
        texts = [row["name"]]
        for metric in TABLE1_COLUMNS:
            text = row[f"{metric}_text"]
            texts.append(row[f"{metric}_published"] + (f" (text: {text})" if text else ""))
            texts.append(row[f"{metric}_measured"])
        texts += [row[f"{metric}_measured"] for metric in further]
        cells.append([Cell(text) for text in texts])
    return Table(title="", columns=columns, rows=cells, after=" ".join(table1_notes()))


def table1_markdown(measured: Measured | None = None, notes: Iterable[str] = ()) -> str:
    """Render the table as Markdown; ``notes`` are sentences that go under it."""
    text = markdown_table(table1(measured)) + markdown_list(notes, folded=False)
    return text.rstrip("\n") + "\n"


def table1_latex(measured: Measured | None = None, notes: Iterable[str] = ()) -> str:
    """Render the table as a LaTeX tabular (package ``booktabs``), with its notes."""
    return tabular(table1(measured)) + "".join(f"{footnote(note)}\n" for note in notes)


def table1_csv(measured: Measured | None = None) -> str:
    """Write the table as CSV with every number in full, empty where there is none.

    A measured value has the columns ``METRIC``, ``METRIC_low``, ``METRIC_high``, ``METRIC_n`` and
    ``METRIC_contamination``; the published ones are as printed.
    """
    values = _checked(measured)
    ends = ("", "_low", "_high", "_n", "_contamination")
    head = ["model", "name"]
    for metric in TABLE1_COLUMNS:
        head += [f"{metric}_published", f"{metric}_text", metric]
        head += [f"{metric}{end}" for end in ends[1:] if metric in TESTED]
    rows = []
    for row in table1_rows(measured):
        cells: dict[str, Any] = dict(row)
        for metric, value in values.get(row["model"], {}).items():
            cells[metric] = value
            if isinstance(value, Estimate):
                low, high = value.interval or (None, None)
                parts = (value.value, low, high, value.n or None, value.contamination)
                cells |= {f"{metric}{end}": part for end, part in zip(ends, parts, strict=True)}
        rows.append(cells)
    return csv_text([*head, *MEASURED_ONLY], rows)


def measured_for_table1(record: RunRecord) -> dict[str, dict[str, str]]:
    """Return the measured values of Table 1's models in a record, each with its contamination."""
    measured: dict[str, dict[str, str]] = {}
    if has_classes(record):  # the paper's figures are about scores
        return measured
    for (model, metric), result in by_name(record).items():
        ours = model in TABLE1 and metric in TABLE1_COLUMNS and model not in record.crossed
        if ours and result.value is not None:
            text = f"{result.value:{TABLE1_COLUMNS[metric][1]}} ({result.contamination})"
            measured.setdefault(model, {})[metric] = text
    return measured


def table1_belongs(record: RunRecord) -> bool:
    """Whether the table has something to say: a model of it was measured on its data sets."""
    names = DatasetName.parse(record.dataset).names if record.dataset else frozenset[str]()
    return bool(measured_for_table1(record)) and set(names) in _TESTED_BY_NB22


def table1_of_record(record: RunRecord) -> Table:
    """Lay out the table with what a record measured."""
    table = table1(measured_for_table1(record))
    return replace(table, after=f"{table.after} {_here(record)}")


def table1_tex(record: RunRecord) -> str:
    """Render the same as a LaTeX tabular with a line on what was measured."""
    return table1_latex(measured_for_table1(record), [_here(record)])


def _here(record: RunRecord) -> str:
    if not measured_for_table1(record):
        return "Here: none of these models was measured."
    return (
        f"Here: {record.items['n']:,} pictures of {dataset_title(record.dataset) or 'a data set'}"
        f"{'' if record.dataset else ' that was not named'}, where nobody knows which pictures the "
        "paper tested on; in brackets, whether the model may have been trained on those here."
    )


def table1_notes() -> list[str]:
    """Say where the published values come from."""
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


def _of_table1(model: str, metric: str) -> PublishedValue:
    return next(
        stated
        for stated in published()
        if (stated.model, stated.metric, stated.source.key) == (model, metric, "NB22")
        and stated.where.startswith("Table 1")
    )
