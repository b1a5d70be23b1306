"""The tables of a report as files: CSV with every number in full, LaTeX to be read by a paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from memnet.compare.record import Difference, Increment, Result, RunRecord
from memnet.compare.report.csv_text import csv_text
from memnet.compare.report.difference_tables import difference_tables
from memnet.compare.report.latex import tabular
from memnet.compare.report.table1 import table1_tex
from memnet.compare.report.tables import at_a_glance, sections
from memnet.util.csv_text import disarm_cell

_ENDS = {
    "interval": ("interval_low", "interval_high"),
    "effect_interval": ("effect_low", "effect_high"),
    "increment_interval": ("increment_low", "increment_high"),
    "semipartial_interval": ("semipartial_low", "semipartial_high"),
    "partial_rho_interval": ("partial_rho_low", "partial_rho_high"),
    "interval_equivalence": ("equivalence_low", "equivalence_high"),
}
_TESTS = {
    "williams": ("t", "df", "p"),
    "steiger": ("z", "p"),
    "meng_rosenthal_rubin": ("z", "p"),
    "zou": ("low", "high"),
}


_CLASS_TESTS = {"delong": ("z", "p", "low", "high")}
"""Their columns are there only where the human scores are two classes."""

SAFE = ("results.spreadsheet.csv", "differences.spreadsheet.csv", "increments.spreadsheet.csv")
"""Copies of CSV files in which no text is a formula; see :func:`safe_files`."""

OPTIONAL = ("increments.csv", *SAFE)
"""Files that not every comparison has."""


def table_files(record: RunRecord) -> dict[str, str]:
    """Return file name -> text of ``tables/``.

    Returns
    -------
    dict
        ``results.csv``, ``differences.csv`` (a row per result or difference, numbers in full,
        nothing where a value is undefined), ``results.tex`` (the headline values),
        ``all_results.tex``, ``differences.tex`` and ``table1.tex``; with a baseline
        ``increments.csv``.
    """
    every = [
        replace(table, title=f"{section.model}: {table.title}")
        for section in sections(record)
        for table in section.tables
    ]
    files = {
        "results.csv": _csv(Result, map(asdict, record.results)),
        "differences.csv": _csv(Difference, map(asdict, record.differences)),
        "results.tex": tabular(at_a_glance(record)),
        "all_results.tex": "\n".join(tabular(table, long=True) for table in every),
        "differences.tex": "\n".join(
            tabular(table, long=True) for table in difference_tables(record)
        ),
        "table1.tex": table1_tex(record),
    }
    if record.increments:
        files["increments.csv"] = _csv(Increment, map(_joined, record.increments))
    return files


def safe_files(record: RunRecord) -> dict[str, str]:
    """Return copies of the CSV files for spreadsheets: the name of a model is no formula there."""
    results, differences, increments = SAFE
    files = {
        results: _csv(Result, map(_disarmed, map(asdict, record.results))),
        differences: _csv(Difference, map(_disarmed, map(asdict, record.differences))),
    }
    if record.increments:
        rows = map(_disarmed, map(_joined, record.increments))
        files[increments] = _csv(Increment, rows)
    return files


def _joined(row: Increment) -> dict[str, Any]:
    """Put the names of a baseline into one cell."""
    return {**asdict(row), "baseline": "; ".join(row.baseline)}


def _disarmed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: disarm_cell(value) for name, value in row.items()}


def _csv(kind: type, rows: Iterable[dict[str, Any]]) -> str:
    rows = list(rows)
    tests = dict(_TESTS)
    if any("delong" in row.get("tests", {}) for row in rows):
        tests |= _CLASS_TESTS
    head: list[str] = []
    for field in fields(kind):
        if field.name == "tests":
            head += [f"{test}_{key}" for test, keys in tests.items() for key in keys]
        else:
            head += _ENDS.get(field.name, (field.name,))
    return csv_text(head, (_flat(row, tests) for row in rows))


def _flat(row: dict[str, Any], tests: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Give each end of an interval and each statistic of a test a column of its own."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in _ENDS:
            flat |= zip(_ENDS[name], value or (None, None), strict=True)
        elif name == "tests":
            for test, keys in tests.items():
                flat |= {f"{test}_{key}": value.get(test, {}).get(key) for key in keys}
        else:
            flat[name] = value
    return flat
