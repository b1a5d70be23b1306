"""Tables on stdout: the values that are wanted most; the report has all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from memnet.compare.record import RunRecord
from memnet.compare.report.answer import write_answer
from memnet.compare.report.digits import result_texts, rounded
from memnet.compare.report.summary import Spread
from memnet.compare.report.table_model import Column, number, number_columns, p_value
from memnet.compare.report.tables import level
from memnet.compare.report.terminal import print_sentence, print_table
from memnet.compare.report.threats import sentences_on_targets
from memnet.compare.report.two_classes import has_classes, is_left_out
from memnet.stats.metrics import describe
from memnet.util.messages import say

if TYPE_CHECKING:
    from memnet.studies.benchmark.record import BenchmarkCell, BenchmarkRecord

PRINTED = (
    "auc",
    "quarter_difference",
    "spearman",
    "pearson",
    "kendall",
    "mse",
    "mse_recalibrated",
    "mae",
    "bias",
    "sd_ratio",
    "ks",
    "wasserstein",
    "disattenuated_spearman",
)
_ONLY_DEFINED = ("disattenuated_spearman",)
_NAMES = (Column("model"), Column("metric"))
_WORD = Column("test pictures")


def print_results(record: RunRecord) -> None:
    """Print the answer, the main values, and the differences of Spearman's rho (or AUC)."""
    shown = [
        r
        for r in record.results
        if r.metric in PRINTED
        and (r.value is not None or r.metric not in _ONLY_DEFINED)
        and not is_left_out(record, r)
    ]
    print_sentence(write_answer(record))
    for sentence in sentences_on_targets(record):
        print_sentence(sentence)
    print()
    print_table(
        [*_NAMES, *number_columns("value", f"{level(record)} interval", "n"), _WORD],
        [
            (
                r.model,
                describe(r.metric).title,
                *result_texts(r, shown),
                f"{r.n:,}",
                r.contamination,
            )
            for r in sorted(shown, key=lambda r: _place(record, r.model, r.metric))
        ],
    )
    metric, title = ("auc", "AUC") if has_classes(record) else ("spearman", "rho")
    pairs = [row for row in record.differences if row.metric == metric]
    if pairs:
        print()
        between = number_columns(title, f"{level(record)} interval", "Holm p")
        print_table(
            [Column("model"), Column("minus"), *between, _WORD],
            [
                (
                    row.model_a,
                    row.model_b,
                    *rounded(row.value, row.interval, bare=True),
                    p_value(row.p_holm) or "undefined",
                    row.contamination,
                )
                for row in pairs
            ],
        )
    rest = len(record.results) - len(shown)
    if rest:
        say(f"{rest} more values, with p values and effect sizes: report.html, tables/results.csv")


def print_summary(summaries: Sequence[Spread]) -> None:
    """Print mean and SD over several records of the same metrics."""
    print_table(
        [*_NAMES, *number_columns("mean", "SD", "records"), _WORD],
        [
            (
                spread.model,
                describe(spread.metric).title,
                number(spread.mean),
                "" if spread.sd is None else number(spread.sd),
                str(spread.defined),
                spread.contamination,
            )
            for spread in summaries
            if spread.metric in PRINTED and (spread.defined or spread.metric not in _ONLY_DEFINED)
        ],
    )


def print_benchmark(record: BenchmarkRecord) -> None:
    """Print the answer, and rho of every model on every data set; say what has none and why."""
    from memnet.studies.benchmark.answer import write_answer

    print_sentence(write_answer(record))
    print()
    names = [each["name"] for each in record.datasets]
    print_table(
        [Column("model"), *map(Column, names)],
        [
            (model["name"], *(_cell(record.cell(name, model["name"])) for name in names))
            for model in record.models
        ],
    )
    for cell in record.cells:
        if cell.missing:
            say(f"{cell.dataset}: {cell.model}: {cell.missing}")


def _cell(cell: BenchmarkCell) -> str:
    if cell.missing:
        return "-"
    value, _ = rounded(cell.rho, cell.interval, bare=True)
    word = f"{cell.contamination}, other target" if cell.crossed else cell.contamination
    return f"{value} {word}{', best' if cell.best else ''}"


def _place(record: RunRecord, model: str, metric: str) -> tuple[int, int]:
    models = list(dict.fromkeys(result.model for result in record.results))
    return models.index(model), PRINTED.index(metric)
