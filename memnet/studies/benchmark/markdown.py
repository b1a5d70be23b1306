"""The table of a benchmark for a README."""

from __future__ import annotations

from memnet.compare.report.digits import fixed, rounded, with_interval
from memnet.compare.report.markdown import escape_markdown
from memnet.studies.benchmark.answer import sorted_summaries
from memnet.studies.benchmark.record import BenchmarkCell, BenchmarkRecord, ModelSummary, counts
from memnet.studies.benchmark.tables import about_dataset, set_back


def readme_table(record: BenchmarkRecord) -> str:
    """Return a Markdown table for a README: models by data sets, best first.

    Spearman's rho with its interval; the highest of those that count in a data set is bold. A
    number that does not count stands in brackets, with the reason, and is never bold.
    """
    head = [
        "Model",
        *(f"{each['name']} ({about_dataset(each)})" for each in record.datasets),
        "Mean, clean, disattenuated",
    ]
    rows = [
        [
            escape_markdown(summary.model),
            *(_cell(record.cell(each["name"], summary.model)) for each in record.datasets),
            _mean(summary),
        ]
        for summary in sorted_summaries(record)
    ]
    lines = [
        list(map(escape_markdown, head)),
        ["---", *["---:"] * (len(head) - 1)],
        *rows,
    ]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return (
        f"{table}\n\n"
        "Spearman's rho with human memorability and its 95 % interval. Bold: the highest that "
        "counts in a data set. In brackets, and never bold: the model was trained on these "
        "pictures (contaminated) or estimates something else (other target). The mean is of rho "
        "divided by the ceiling, over the data sets on which a model is clean; means over other "
        f"data sets do not compare models. {_made(record)}\n"
    )


def _made(record: BenchmarkRecord) -> str:
    version = record.environment.get("memnet")
    return f"Made by memnet{f' {version}' if version else ''}, {record.created[:10]}."


def _cell(cell: BenchmarkCell) -> str:
    if cell.missing:
        return "–"
    value, ends = rounded(cell.rho, cell.interval, bare=True)
    if cell.rho is None:
        return value
    if set_back(cell):
        words = ["contaminated"] if cell.contamination == "contaminated" else []
        words += ["other target"] if cell.crossed else []
        return f"({value}) {', '.join(words)}"
    if cell.best and counts(cell):
        value = f"**{value}**"
    word = "" if cell.contamination == "clean" else f" {cell.contamination}"
    return f"{value}{f' {ends}' if cell.interval else ''}{word}"


def _mean(summary: ModelSummary) -> str:
    if summary.mean is None:
        return "–"
    sets = f"{len(summary.datasets)} set{'' if len(summary.datasets) == 1 else 's'}"
    digits = with_interval(summary.mean, summary.interval)
    return f"{digits}, {sets}" if summary.interval else f"{fixed(summary.mean, 2)}, {sets}"
