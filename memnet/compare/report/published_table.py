"""Published values beside measured ones."""

from __future__ import annotations

from typing import Any

from memnet.compare.published import HUMAN, contaminated_mse_note
from memnet.compare.record import Result, RunRecord
from memnet.compare.report.digits import rounded
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.compare.report.tables import by_name, value_cell
from memnet.stats.metrics import describe

_PAPER_ONLY = {
    "split_half": "Split-half rank correlation",
    "training_seconds": "Training time (s)",
    "sd_prediction": "SD of the predictions",
    "min_truth": "Lowest human score",
    "share_truth_below_0.411": "Share below 0.411",
}


def published_table(record: RunRecord) -> Table | None:
    """Put each published value of the record beside the measured one; None without any."""
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
            Column("Whose value"),
            *number_columns("Published", "Measured here"),
            Column("Like for like?", wide=True),
            Column("Source"),
        ],
        rows=[_published_cells(record, row) for row in rows],
        before="Compare a measured value with a published one only where the table says "
        "yes. Where a paper contradicts itself, each of its values has a row.",
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
    results = by_name(record)
    result = results.get((model, metric))
    if result is not None:
        return value_cell(result, word=True)
    ratio = results.get((model, "sd_ratio"))
    sd = record.truth["sd"]
    if metric == "sd_prediction" and ratio is not None and None not in (ratio.value, sd):
        assert ratio.value is not None
        return Cell(rounded(ratio.value * sd, None)[0], word=ratio.contamination)
    return Cell("not measured")


def _measured_of_labels(record: RunRecord, metric: str) -> Cell:
    if metric == "min_truth":
        return Cell(rounded(record.truth["lowest"], None)[0])
    value = record.labels.get("figures", {}).get(metric)
    if value is None or value["method"] == "published":
        return Cell("not measured")
    text, between = rounded(value["value"], value["interval"], bare=True)
    return Cell(text, interval=between if value["interval"] else "")


def sources(record: RunRecord) -> list[str]:
    """Return the full citations of the published values, each once."""
    return list(dict.fromkeys(f"{row['citation']} {row['url']}" for row in record.published))


def mse_note(record: RunRecord) -> str:
    """Say what kind of test gives the published MSE of 0.0047; "" where the record cannot."""
    by_key = by_name(record)
    results = [by_key.get(("resmem.published", name)) for name in ("mse", "spearman", "pearson")]
    known: list[Result] = [r for r in results if r is not None and r.value is not None]
    if len(known) < 3 or known[0].contamination != "contaminated" or not record.truth["sd"]:
        return ""
    if known[0].model in record.crossed:
        return ""
    mse, spearman, pearson = (float(r.value or 0) for r in known)
    return contaminated_mse_note(
        mse=mse, spearman=spearman, pearson=pearson, truth_sd=record.truth["sd"], n=known[0].n
    )
