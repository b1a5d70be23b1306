"""What each model adds to a baseline: a sentence for each, a table, and what it does not show."""

from __future__ import annotations

from memnet.compare.baseline import FOLLOWS
from memnet.compare.record import Increment, RunRecord
from memnet.compare.report.digits import fixed, rounded, with_interval
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
from memnet.stats.levels import ALPHA
from memnet.util.text import join_names

NOISY = (
    "A baseline that measures something with noise leaves some of it for others to explain: that a "
    "model adds to it may only mean that both measure the same, each with noise of its own "
    "(Westfall & Yarkoni 2016, PLoS ONE 11(3), e0152719)."
)


def increment_sentences(record: RunRecord) -> list[str]:
    """Say of each model whether it adds to the baseline, and how much; none without one."""
    return [_sentence(row, len(record.increments)) for row in record.increments]


def short_sentences(record: RunRecord) -> list[str]:
    """Say the same without test and partial rho, for the first lines of a report."""
    return [_sentence(row, len(record.increments), short=True) for row in record.increments]


def _sentence(row: Increment, models: int, *, short: bool = False) -> str:
    name = join_names(row.baseline)
    if row.reason == FOLLOWS:
        return f"What {row.model} adds to {name} is nothing: {row.model} follows from {name}."
    if row.increment is None:
        return f"What {row.model} adds to {name} is undefined: {row.reason}."
    r2 = [_three(value) for value in (row.r2_baseline, row.r2_both)]
    size = (
        f"R² rises from {r2[0]} to {r2[1]}, by "
        f"{with_interval(row.increment, row.increment_interval, bare=True)}"
    )
    rank = f"partial rho is {with_interval(row.partial_rho, row.partial_rho_interval, bare=True)}"
    ends = row.semipartial_interval
    apart = ends is not None and (ends[0] > 0 or ends[1] < 0)
    against = " (the wrong way round)" if ends is not None and ends[1] < 0 else ""
    if row.p_holm is None or row.f is None:
        verb = "adds to" if apart else "is not shown to add to"
        said = f"{row.model} {verb} {name}{against}"
        return f"{said}: {size}." if short else f"{said}: {size}; {rank}."
    test = f"F(1, {row.df:,}) = {row.f:.2f}, {p_equals(row.p_holm)}"
    test += " after correction" if models > 1 else ""
    found = row.p_holm < ALPHA
    if apart and found:
        said = f"{row.model} adds to {name}{against}"
    elif not apart and not found:
        said = f"{row.model} is not shown to add to {name}"
    else:
        said = f"Interval and test disagree on whether {row.model} adds to {name}"
    return f"{said}: {size}." if short else f"{said}: {size}, {test}; {rank}."


def increment_table(record: RunRecord) -> Table | None:
    """Lay out what each model adds; None where no baseline was named."""
    rows = record.increments
    if not rows:
        return None
    df = next((row.df for row in rows if row.df is not None), None)
    tested = df is not None
    columns = [
        Column("Model"),
        *number_columns("R², baseline", "R², both", "Increment", "Adjusted"),
        *number_columns("Semi-partial r", "Partial rho"),
    ]
    if tested:
        columns += number_columns(f"F(1, {df:,})", "p", "p, Holm")
    chance = (
        ""
        if tested
        else " The F test supposes independent pictures, and is left out where whole clusters are "
        "resampled."
    )
    return Table(
        title="",
        columns=columns,
        rows=[_cells(row, tested) for row in rows],
        before=f"Linear regression of the human scores on {join_names(rows[0].baseline)}, then "
        f"with the model besides; n = {rows[0].n:,} pictures. Under a number stands its "
        f"{percent(rows[0].level)} interval. The increment is never below 0; adjusted, it is 0 on "
        f"average where nothing is added. Partial rho is in ranks.{chance}",
        after=NOISY,
    )


def _cells(row: Increment, tested: bool) -> list[Cell]:
    cells = [
        Cell(row.model, note=row.reason, word=row.contamination),
        Cell(_three(row.r2_baseline)),
        Cell(_three(row.r2_both)),
        _cell(row.increment, row.increment_interval),
        Cell(_three(row.increment_adjusted)),
        _cell(row.semipartial, row.semipartial_interval),
        _cell(row.partial_rho, row.partial_rho_interval),
    ]
    if tested:
        cells += [
            Cell("" if row.f is None else short(row.f)),
            Cell(p_value(row.p_value)),
            Cell(p_value(row.p_holm)),
        ]
    return cells


def _three(value: float | None) -> str:
    return "undefined" if value is None else fixed(value, 3, bare=True)


def _cell(value: float | None, ends: list[float] | None) -> Cell:
    text, between = rounded(value, ends, bare=True)
    return Cell(text, interval=between if ends else "")
