"""Published figures beside measured ones, and Table 1 of Needell & Bainbridge (2022)."""

from __future__ import annotations

from typing import Any

from memnet.compare.published import HUMAN, contaminated_mse_note
from memnet.compare.record import Result, RunRecord
from memnet.compare.report.latex import escape
from memnet.compare.report.table1 import (
    TABLE1,
    TABLE1_COLUMNS,
    table1_latex,
    table1_notes,
    table1_rows,
)
from memnet.compare.report.table_model import Cell, Column, Table, interval, number
from memnet.compare.report.tables import by_name, value_cell
from memnet.data.contamination import DatasetName, dataset_title
from memnet.stats.metrics import describe

_PAPER_ONLY = {
    "split_half": "Split-half rank correlation",
    "training_seconds": "Training time (s)",
    "sd_prediction": "SD of the predictions",
    "min_truth": "Lowest human score",
    "share_truth_below_0.411": "Share below 0.411",
}
_TESTED_BY_NB22 = ({"lamem"}, {"memcat"}, {"lamem", "memcat"})


def published_table(record: RunRecord) -> Table | None:
    """Put each published figure of the record beside the measured one; None without any."""
    if not record.published:
        return None
    models = list(dict.fromkeys(row["model"] for row in record.published))
    metrics = list(dict.fromkeys(row["metric"] for row in record.published))
    rows = sorted(  # what contradicts itself comes to stand together
        record.published,
        key=lambda row: (models.index(row["model"]), metrics.index(row["metric"])),
    )
    return Table(
        title="",
        columns=[
            Column("Whose figure"),
            Column("Published", numeric=True),
            Column("Measured here", numeric=True),
            Column("Like for like?", wide=True),
            Column("Source"),
        ],
        rows=[_published_cells(record, row) for row in rows],
        before="A measured figure may be held against a published one only where the table says "
        "yes. Where a paper contradicts itself, each of its figures has a row.",
    )


def _published_cells(record: RunRecord, row: dict[str, Any]) -> list[Cell]:
    title = _PAPER_ONLY.get(row["metric"], describe(row["metric"]).title)
    whose = "Human scores" if row["model"] == HUMAN else row["model"]
    return [
        Cell(f"{whose}: {title}", note=row["what"]),
        Cell(row["text"]),
        _measured(record, row["model"], row["metric"]),
        Cell("yes" if row["comparable"] else "no", note=row["why"]),
        Cell(row["source"], note=row["where"]),
    ]


def _measured(record: RunRecord, model: str, metric: str) -> Cell:
    if model == HUMAN:
        return _measured_of_labels(record, metric)
    found = by_name(record)
    result = found.get((model, metric))
    if result is not None:
        return value_cell(result, word=True)
    ratio = found.get((model, "sd_ratio"))
    sd = record.truth["sd"]
    if metric == "sd_prediction" and ratio is not None and None not in (ratio.value, sd):
        assert ratio.value is not None
        return Cell(number(ratio.value * sd), word=ratio.contamination)
    return Cell("not measured")


def _measured_of_labels(record: RunRecord, metric: str) -> Cell:
    if metric == "min_truth":
        return Cell(number(record.truth["lowest"]))
    figure = record.labels.get("figures", {}).get(metric)
    if figure is None or figure["method"] == "published":
        return Cell("not measured")
    ends = figure["interval"]
    return Cell(number(figure["value"]), interval=interval(ends) if ends else "")


def sources(record: RunRecord) -> list[str]:
    """Return the full citations of the published figures, each once."""
    return list(dict.fromkeys(f"{row['citation']} {row['url']}" for row in record.published))


def mse_note(record: RunRecord) -> str:
    """Say what kind of test gives the published MSE of 0.0047; "" where the record cannot."""
    found = by_name(record)
    figures = [found.get(("resmem.published", name)) for name in ("mse", "spearman", "pearson")]
    known: list[Result] = [r for r in figures if r is not None and r.value is not None]
    if len(known) < 3 or known[0].contamination != "contaminated" or not record.truth["sd"]:
        return ""
    mse, spearman, pearson = (float(r.value or 0) for r in known)
    return contaminated_mse_note(
        mse=mse, spearman=spearman, pearson=pearson, truth_sd=record.truth["sd"], n=known[0].n
    )


def measured_for_table1(record: RunRecord) -> dict[str, dict[str, str]]:
    """Measured figures of Table 1's models, each with its contamination."""
    measured: dict[str, dict[str, str]] = {}
    for (model, metric), result in by_name(record).items():
        if model in TABLE1 and metric in TABLE1_COLUMNS and result.value is not None:
            text = f"{result.value:{TABLE1_COLUMNS[metric][1]}} ({result.contamination})"
            measured.setdefault(model, {})[metric] = text
    return measured


def table1_belongs(record: RunRecord) -> bool:
    """Whether the record is about a model of that table, or about its data sets."""
    names = DatasetName.parse(record.dataset).names if record.dataset else frozenset[str]()
    return bool(measured_for_table1(record)) or set(names) in _TESTED_BY_NB22


def table1(record: RunRecord) -> Table:
    """Lay out Table 1 of Needell & Bainbridge (2022), measured figures beside it."""
    columns = [Column("Model")]
    for heading, _ in TABLE1_COLUMNS.values():
        columns += [Column(f"{heading}, published", numeric=True), Column("here", numeric=True)]
    rows = []
    for row in table1_rows(measured_for_table1(record)):
        cells = [Cell(row["name"])]
        for metric in TABLE1_COLUMNS:
            other = row[f"{metric}_text"]
            cells += [
                Cell(row[f"{metric}_published"] + (f" (text: {other})" if other else "")),
                Cell(row[f"{metric}_measured"]),
            ]
        rows.append(cells)
    return Table(title="", columns=columns, rows=rows, after=_table1_notes(record))


def table1_tex(record: RunRecord) -> str:
    """Render the same as a LaTeX tabular with a line on what was measured."""
    note = escape(_here(record))
    table = table1_latex(measured_for_table1(record))
    return f"{table}\n{{\\footnotesize {note}\\par}}\n"


def _table1_notes(record: RunRecord) -> str:
    return " ".join([*table1_notes(), _here(record)])


def _here(record: RunRecord) -> str:
    if not measured_for_table1(record):
        return "Here: none of these models was measured."
    return (
        f"Here: {record.items['n']:,} pictures of {dataset_title(record.dataset) or 'a data set'}"
        f"{'' if record.dataset else ' that was not named'}, where nobody knows which pictures the "
        "paper tested on; in brackets, whether the model may have been trained on those here."
    )
