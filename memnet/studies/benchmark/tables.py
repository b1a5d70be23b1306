"""The tables of a benchmark's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from memnet.compare.report.digits import fixed, rounded
from memnet.compare.report.table_model import Cell, Column, Table, number_columns, p_value
from memnet.data.targets import TARGETS
from memnet.studies.benchmark.answer import crossing, sorted_summaries, turned
from memnet.studies.benchmark.record import BenchmarkCell, BenchmarkRecord, counts

SET_BACK = (
    "A number in brackets does not count: the model was trained on these pictures "
    "(contaminated), or estimates something else than these human scores are. It is never the "
    "best. Bold is the highest rho of the clean ones of a data set, or where none is clean of the "
    "others that count; that is not yet beyond chance the highest."
)


def set_back(cell: BenchmarkCell) -> bool:
    """Whether a cell has a number that does not count."""
    return cell.rho is not None and not cell.missing and not counts(cell)


def main_table(record: BenchmarkRecord) -> Table:
    """Lay out every model on every data set."""
    return Table(
        title="",
        columns=[
            Column("Model"),
            *(
                Column(each["name"], numeric=True, note=about_dataset(each))
                for each in record.datasets
            ),
        ],
        rows=[
            [
                Cell(model["name"]),
                *(
                    _cell(record, record.cell(dataset["name"], model["name"]))
                    for dataset in record.datasets
                ),
            ]
            for model in record.models
        ],
        before="Spearman's rho with the human scores, its 95 % interval, what a perfect predictor "
        "can expect there (ceiling), and whether the model has seen these pictures.",
        after=SET_BACK,
    )


def about_dataset(dataset: dict[str, Any]) -> str:
    """Say in a few words how large a data set is and how well anything can predict it.

    >>> about_dataset({"n": 1234, "ceiling": 0.834})
    'n = 1,234, ceiling .83'
    """
    ceiling = dataset["ceiling"]
    top = "ceiling unknown" if ceiling is None else f"ceiling {fixed(ceiling, 2, bare=True)}"
    return f"n = {dataset['n']:,}, {top}"


def _cell(record: BenchmarkRecord, cell: BenchmarkCell) -> Cell:
    if cell.missing:
        # What to do about it stands below, with what is left out of the mean.
        return Cell("–", note=cell.missing.partition(":")[0])
    value, ends = rounded(cell.rho, cell.interval, bare=True)
    if cell.rho is None:
        return Cell("undefined", word=cell.contamination, note=crossing(record, cell))
    dataset = next(each for each in record.datasets if each["name"] == cell.dataset)
    notes = [
        crossing(record, cell),
        "" if cell.ceiling is None else f"ceiling {fixed(cell.ceiling, 2, bare=True)}",
        "" if cell.n == dataset["n"] else f"n = {cell.n:,}",
    ]
    return Cell(
        f"({value})" if set_back(cell) else value,
        interval=ends if cell.interval else "",
        word=cell.contamination,
        note=", ".join(filter(None, notes)),
        strong=cell.best and counts(cell),
    )


def summary_table(record: BenchmarkRecord) -> Table:
    """Lay out the mean of each model over its clean data sets, highest first."""
    rows = []
    for each in sorted_summaries(record):
        value, ends = rounded(each.mean, each.interval)
        prediction = "" if each.prediction is None else rounded(each.mean, each.prediction)[1]
        rows.append(
            [
                Cell(each.model),
                Cell(
                    "none" if each.mean is None else value,
                    interval=ends if each.interval else "",
                ),
                Cell(str(len(each.datasets))),
                Cell("" if each.tau is None else fixed(each.tau, 3)),
                Cell(prediction),
                Cell(_all_or_some(each.datasets, len(record.datasets))),
                Cell("; ".join(f"{name} ({why})" for name, why in each.left_out.items()) or "none"),
            ]
        )
    return Table(
        title="",
        columns=[
            Column("Model"),
            *number_columns("Mean disattenuated rho", "Data sets", "SD between data sets"),
            Column("Expected on another data set", numeric=True),
            Column("In the mean"),
            Column("Left out, and why", wide=True),
        ],
        rows=rows,
        before="Rho divided by the ceiling, averaged over the data sets on which a model is clean: "
        "never a mean that mixes clean and seen pictures.",
        after="Means over different data sets do not compare models: see the models compared over "
        "the data sets that both have clean. Intervals are Hartung and Knapp's. With one data set "
        "the value and its interval are its own, and say nothing of others; with two it is hardly "
        "known how much data sets differ, and the interval may be very wide. SD between data sets: "
        "of the true values; on another such data set the true value is expected, with 95 %, in "
        "the interval beside it.",
    )


def _all_or_some(datasets: Sequence[str], of: int) -> str:
    if len(datasets) == of > 1:
        return "all"
    return ", ".join(datasets) or "none"


def contrast_table(record: BenchmarkRecord) -> Table | None:
    """Lay out every two models over the data sets that both have clean."""
    if all(row.mean is None for row in record.contrasts):
        return None
    order = [each.model for each in sorted_summaries(record)]
    rows = [turned(row, min(row.model_a, row.model_b, key=order.index)) for row in record.contrasts]
    rows.sort(key=lambda row: (order.index(row.model_a), order.index(row.model_b)))
    return Table(
        title="",
        columns=[
            Column("Models"),
            *number_columns("Difference", "p", "p, corrected"),
            Column("Data sets that are clean for both", wide=True),
        ],
        rows=[
            [
                Cell(f"{row.model_a} minus {row.model_b}"),
                Cell(
                    "none" if row.mean is None else rounded(row.mean, row.interval)[0],
                    interval=rounded(row.mean, row.interval)[1] if row.interval else "",
                ),
                Cell(p_value(row.p_value)),
                Cell(p_value(row.p_holm)),
                Cell(_all_or_some(row.datasets, len(record.datasets))),
            ]
            for row in rows
        ],
        before="Mean difference of disattenuated rho on the same pictures, with its "
        "random-effects interval; p is corrected by Holm's method over all of them.",
        after="With one data set the difference is its own, and there is no p for others; with two "
        "the interval may be very wide.",
    )


def difference_tables(record: BenchmarkRecord) -> list[Table]:
    """Lay out the differences of every two models, a table per data set."""
    tables = []
    for dataset in (each["name"] for each in record.datasets):
        rows = [row for row in record.differences if row.dataset == dataset]
        if not rows:
            continue
        tables.append(
            Table(
                title=dataset,
                columns=[
                    Column("Models"),
                    *number_columns("Difference of rho", "p", "p, corrected"),
                ],
                rows=[
                    [
                        Cell(f"{row.model_a} minus {row.model_b}"),
                        Cell(
                            rounded(row.value, row.interval, bare=True)[0],
                            interval=rounded(row.value, row.interval, bare=True)[1]
                            if row.interval
                            else "",
                            word=row.contamination,
                        ),
                        Cell(p_value(row.p_value)),
                        Cell(p_value(row.p_holm)),
                    ]
                    for row in rows
                ],
            )
        )
    return tables


def models_table(record: BenchmarkRecord) -> Table:
    """Lay out what each model is, what it was trained on, and who says so."""
    return Table(
        title="",
        columns=[
            Column("Model"),
            Column("Estimates"),
            Column("Trained on"),
            Column("Pretrained on"),
            Column("Licence"),
            Column("Source", wide=True),
        ],
        rows=[
            [
                Cell(model["name"], note=_other(model["title"], model["name"])),
                Cell(_target(model)),
                Cell(_trained_on(model), note=_declared(model)),
                Cell(", ".join(model["pretrained_on"]) or "none named"),
                Cell(model["licence"] or "not stated"),
                Cell(model["citation"] or "not stated", note=model["source"]),
            ]
            for model in record.models
        ],
        after="Pretraining, on ImageNet or on captions of pictures from the web, is shown apart: "
        "it used no human scores of memorability, and is not judged.",
    )


def _target(about: dict[str, Any]) -> str:
    return TARGETS.get(about["target"], "not stated")


def _trained_on(model: dict[str, Any]) -> str:
    if model["trained_on"] is None:
        return "not known"
    return ", ".join(model["trained_on"]) or "no data set"


def _declared(model: dict[str, Any]) -> str:
    return f"declared by {model['declared_by']}" if model["declared_by"] else ""


def _other(title: str, name: str) -> str:
    return "" if title == name else title


def datasets_table(record: BenchmarkRecord) -> Table:
    """Lay out what each data set is, with its full report."""
    rows = []
    for each in record.datasets:
        ceiling = "unknown" if each["ceiling"] is None else fixed(each["ceiling"], 2, bare=True)
        report = Cell("Report", link=quote(each["report"])) if each["report"] else Cell("none")
        rows.append(
            [
                Cell(each["name"], note=_other(each["title"], each["name"])),
                Cell(f"{each['n']:,}"),
                Cell(_target(each)),
                Cell(ceiling),
                Cell(each["dataset"] or "not named"),
                Cell(each["source"] or "not stated"),
                report,
            ]
        )
    return Table(
        title="",
        columns=[
            Column("Data set"),
            Column("Pictures", numeric=True),
            Column("Human score"),
            Column("Ceiling", numeric=True),
            Column("Judged as"),
            Column("From", wide=True),
            Column("In full"),
        ],
        rows=rows,
        after="Judged as: the name by which it is known whether a model was trained on it.",
    )
