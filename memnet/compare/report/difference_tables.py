"""The tables of the differences between models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from memnet.compare.record import Difference, RunRecord
from memnet.compare.report.digits import is_bare, rounded
from memnet.compare.report.table_model import (
    Cell,
    Column,
    Table,
    number_columns,
    p_equals,
    p_value,
    percent,
    short,
)
from memnet.stats.metrics import describe

_FURTHER = ("Williams t", "DeLong z")
"""Headings with which the further tests begin."""

_SIGN = {
    "higher": "Above 0, the first is better.",
    "lower": "Below 0, the first is better.",
}


def difference_tables(record: RunRecord) -> list[Table]:
    """Lay out every pair of models, one table per metric, Spearman first."""
    metrics = dict.fromkeys(row.metric for row in record.differences)
    return [
        table
        for metric in sorted(metrics, key=lambda metric: metric != "spearman")
        for table in _cut(_difference_table([r for r in record.differences if r.metric == metric]))
    ]


def _cut(table: Table) -> list[Table]:
    """Cut a table that no page is wide enough for into two, each with the first column.

    The second begins with the first column of the further tests, which stand in :data:`_FURTHER`.
    """
    headings = [column.heading for column in table.columns]
    end = next((place for place, name in enumerate(headings) if name in _FURTHER), len(headings))
    if end == len(headings):
        return [table]
    left, right = slice(end), slice(end, None)
    return [
        replace(
            table,
            columns=table.columns[left],
            rows=[row[left] for row in table.rows],
            after="",
        ),
        replace(
            table,
            title=f"{table.title}, further tests",
            columns=[table.columns[0], *table.columns[right]],
            rows=[[replace(row[0], word=row[1].word), *row[right]] for row in table.rows],
            before="",
        ),
    ]


def contamination_note(record: RunRecord) -> str:
    """Say once, for all tables, with which models a difference says nothing; "" for none."""
    seen = [model for model, word in record.words.items() if word == "contaminated"]
    if not seen:
        return ""
    return (
        f"Trained on this data set: {', '.join(seen)}. A difference from such a model does not say "
        "which of the two is better on other pictures."
    )


def _difference_table(rows: Sequence[Difference]) -> Table:
    metric = describe(rows[0].metric)
    defined = [row for row in rows if row.value is not None]
    delong = any("delong" in row.tests for row in defined)
    tested = any(row.tests for row in defined) and not delong
    margins = {row.margin for row in defined if row.margin is not None}
    columns = [
        Column("First minus second"),
        *number_columns("Difference", "Permutation p", "p, Holm", "p, Benjamini-Hochberg"),
    ]
    if margins:
        columns.append(Column(f"Equivalent within {', '.join(f'{m:g}' for m in sorted(margins))}?"))
    if tested:
        columns += [
            *number_columns("Williams t", "Steiger z", "Meng et al. z", "Zou's interval"),
        ]
    if delong:
        columns += number_columns("DeLong z", "DeLong's interval")
    return Table(
        title=metric.title,
        columns=columns if defined else [],
        rows=[
            _difference_cells(row, bool(margins), tested) + (_delong_cells(row) if delong else [])
            for row in defined
        ],
        before=f"Each difference with its paired {percent(rows[0].level)} interval; "
        f"n = {rows[0].n:,} pictures. {_SIGN.get(metric.better, '')}",
        after=" ".join(filter(None, [_undefined(rows), _supposed(rows) if tested else ""])),
    )


def _undefined(rows: Sequence[Difference]) -> str:
    why: dict[str, list[str]] = {}
    for row in rows:
        if row.value is None:
            why.setdefault(row.reason, []).append(f"{row.model_a} - {row.model_b}")
    return " ".join(f"Undefined ({reason}): {', '.join(who)}." for reason, who in why.items())


def _supposed(rows: Sequence[Difference]) -> str:
    text = (
        "Williams, Steiger, Meng-Rosenthal-Rubin and Zou assume normally distributed scores and "
        "even scatter: where a model errs more on some scores than on others, they can reject "
        "several times too often, and the permutation test is the one to report."
    )
    if rows[0].metric == "spearman":
        return (
            f"{text} Here they test another coefficient than rho: the correlation of the ranks' "
            "normal scores."
        )
    return f"{text} They also reject too often where scores are skewed, as memorability is."


def _difference_cells(row: Difference, margins: bool, tested: bool) -> list[Cell]:
    value, between = rounded(row.value, row.interval, bare=is_bare(row.metric))
    cells = [
        Cell(f"{row.model_a} - {row.model_b}", note=row.reason),
        Cell(value, interval=between if row.interval else "", word=row.contamination),
        *(Cell(p_value(p) or "undefined") for p in (row.p_value, row.p_holm, row.p_bh)),
    ]
    if margins:
        cells.append(_equivalence_cell(row))
    if not tested:
        return cells
    for name, statistic in (("williams", "t"), ("steiger", "z"), ("meng_rosenthal_rubin", "z")):
        test = row.tests.get(name, {})
        if test.get("p") is None or test[statistic] is None:
            cells.append(Cell("undefined"))
            continue
        df = f", df {test['df']:,}" if test.get("df") is not None else ""
        cells.append(Cell(short(test[statistic]), interval=f"{p_equals(test['p'])}{df}"))
    zou = row.tests.get("zou", {})
    limits = [end for end in (zou.get("low"), zou.get("high")) if end is not None]
    return [*cells, Cell(_ends(row, limits) if len(limits) == 2 else "undefined")]


def _ends(row: Difference, ends: Sequence[float] | None) -> str:
    return rounded(row.value, ends, bare=is_bare(row.metric))[1]


def _delong_cells(row: Difference) -> list[Cell]:
    test = row.tests.get("delong", {})
    z, p, low, high = (test.get(name) for name in ("z", "p", "low", "high"))
    if z is None or p is None or low is None or high is None:
        return [Cell("undefined"), Cell("undefined")]
    return [Cell(short(z), interval=p_equals(p)), Cell(rounded(None, [low, high])[1])]


def _equivalence_cell(row: Difference) -> Cell:
    if row.equivalent is None or row.margin is None:
        return Cell("undefined")
    inner = percent(2 * row.level - 1)
    return Cell(
        "shown" if row.equivalent else "not shown",
        interval=f"{inner} {_ends(row, row.interval_equivalence)}",
        note="" if row.p_equivalence is None else p_equals(row.p_equivalence),
    )
