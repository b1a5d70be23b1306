"""Several records of the same models, such as LaMem's five splits, side by side: never merged."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memnet.compare.record import CONTAMINATION, RunRecord
from memnet.compare.report.csv_text import csv_text
from memnet.compare.report.digits import compared_with, decimals, fixed, is_bare
from memnet.compare.report.eligible import what_truth_is
from memnet.compare.report.page import html_page
from memnet.compare.report.render import render
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.compare.report.tables import HEADLINE
from memnet.compare.report.two_classes import HEADLINE as CLASS_HEADLINE
from memnet.compare.report.two_classes import METRIC, has_classes
from memnet.data.contamination import DatasetName, dataset_title
from memnet.errors import MemnetError
from memnet.stats.metrics import describe
from memnet.util.atomic import write_text
from memnet.util.text import abridged, join_names, shorten_list

NO_STANDARD_ERROR = (
    "The SD is that of the values of the records. It is no standard error, and gives no interval: "
    "test sets such as the splits of one data set share pictures, so their values are not "
    "independent. The intervals of each single record are in its own report."
)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One metric of one model over the records.

    Attributes
    ----------
    model, metric : whose, what.
    values : one per record, None where undefined there.
    mean, sd : of those that are defined, SD with n - 1; None where there are too few.
    contamination : the worst word of the records.
    crossed : whether the model estimates something else than the human scores are.
    """

    model: str
    metric: str
    values: list[float | None]
    mean: float | None
    sd: float | None
    contamination: str
    crossed: bool = False

    @property
    def defined(self) -> int:
        """In how many records the value is defined."""
        return sum(value is not None for value in self.values)


def spreads(records: Sequence[RunRecord]) -> list[Spread]:
    """Put the records' values together, model by model, in the order of the first record.

    Raises
    ------
    MemnetError
        if the records are not of the same models, or one is given twice.
    """
    _check(records)
    tables = [{(r.model, r.metric): r for r in record.results} for record in records]
    rows = []
    for model, metric in dict.fromkeys(key for table in tables for key in table):
        results = [table.get((model, metric)) for table in tables]
        values = [None if result is None else result.value for result in results]
        known = [value for value in values if value is not None]
        rows.append(
            Spread(
                model=model,
                metric=metric,
                values=values,
                mean=statistics.fmean(known) if known else None,
                sd=statistics.stdev(known) if len(known) > 1 else None,
                contamination=max(
                    (r.contamination for r in results if r is not None), key=CONTAMINATION.index
                ),
                crossed=any(model in _crossed(record) for record in records),
            )
        )
    models = list(records[0].words)
    return sorted(rows, key=lambda spread: models.index(spread.model))


def named_alike(records: Sequence[RunRecord], names: Sequence[str]) -> list[RunRecord]:
    """Call models alike that are one model to the reader, such as a weight file for each split.

    Parameters
    ----------
    records : left as they are; those that are returned have other names in their results.
    names : one ``NAME``, for records of one model each; or several ``NAME=MODEL``, each for what
        some record calls MODEL.

    Raises
    ------
    MemnetError
        if a name is missing or fits no model, or two models of a record would have the same.

    Examples
    --------
    >>> named_alike([], ["mine"])
    []
    """
    if not records or not names:
        return list(records)
    new = _new_names(records, names)
    renamed = []
    for number_, record in enumerate(records, start=1):
        called = [new.get(model, model) for model in record.words]
        if len(set(called)) < len(called):
            raise MemnetError(
                f"--as would give two models of record {number_} one name "
                f"({shorten_list(record.words)}); they can be told apart only by two names."
            )
        results = [replace(r, model=new.get(r.model, r.model)) for r in record.results]
        renamed.append(replace(record, results=results))
    return renamed


def _new_names(records: Sequence[RunRecord], names: Sequence[str]) -> dict[str, str]:
    """Return model -> its new name."""
    models = list(dict.fromkeys(model for record in records for model in record.words))
    if len(names) == 1 and not _names_a_model(names[0], models):
        for number_, record in enumerate(records, start=1):
            if len(record.words) > 1:
                raise MemnetError(
                    f"Record {number_} compares {shorten_list(record.words)}; say which of them "
                    f"--as {abridged(names[0])} is: NAME=MODEL, repeated for each."
                )
        return dict.fromkeys(models, names[0])
    new: dict[str, str] = {}
    for given in names:
        name, _, model = given.partition("=")
        if not name or model not in models:
            raise MemnetError(
                f"--as {abridged(given)} is no NAME=MODEL for a model of these records: "
                f"{shorten_list(models)}."
            )
        new[model] = name
    return new


def _names_a_model(given: str, models: Sequence[str]) -> bool:
    name, _, model = given.partition("=")
    return bool(name) and model in models


def _check(records: Sequence[RunRecord]) -> None:
    first = list(records[0].words)
    for number_, record in enumerate(records[1:], start=2):
        other = list(record.words)
        if set(other) != set(first):
            raise MemnetError(
                f"Record 1 compares {', '.join(first)}, and record {number_} {', '.join(other)}; "
                "a summary needs the same models in every record. If they are one model to you, "
                "such as a weight file for each split, give them one name: --as NAME."
            )
    sets = list(dict.fromkeys(DatasetName.parse(r.dataset).base for r in records))
    if len(sets) > 1:
        raise MemnetError(
            "The records are of different data sets "
            f"({', '.join(s or 'not named' for s in sets)}), and a mean over them means nothing; "
            "`memnet report` shows them as a benchmark."
        )
    kinds = ["two classes" if has_classes(record) else "scores" for record in records]
    if len(set(kinds)) > 1:
        unlike = kinds.index(next(kind for kind in kinds if kind != kinds[0]))
        raise MemnetError(
            f"The human scores of record 1 are {kinds[0]}, and those of record {unlike + 1} "
            f"{kinds[unlike]}: no mean can be taken over them; render each by itself."
        )
    numbered = {what_truth_is(record): place for place, record in enumerate(records, start=1)}
    known = {what: number_ for what, number_ in numbered.items() if what}
    if len(known) > 1:
        (one, first_place), (another, second_place) = list(known.items())[:2]
        raise MemnetError(
            f"The human scores of record {first_place} are {one}, and those of record "
            f"{second_place} {another}: no mean can be taken over them; render each by itself."
        )
    refuse_repeats(records)


def refuse_repeats(records: Sequence[RunRecord]) -> None:
    """Refuse a record that is given twice: it would count as two."""
    texts = [record.to_json() for record in records]
    for number_, text in enumerate(texts):
        if text in texts[:number_]:
            raise MemnetError(
                f"Records {texts.index(text) + 1} and {number_ + 1} are the same; give each once."
            )


def _crossed(record: RunRecord) -> set[str]:
    """Return what :func:`named_alike` calls the models that estimate something else."""
    pairs = zip(record.words, record.models, strict=False)
    return {called for called, model in pairs if model["name"] in record.crossed}


def write_summary(records: Sequence[RunRecord], names: Sequence[str], folder: Path) -> list[Spread]:
    """Write ``summary.html``, ``summary.md`` and ``summary.csv``.

    Parameters
    ----------
    records : two or more, of the same models.
    names : a record's short name each, for headings.
    folder : which exists.

    Raises
    ------
    MemnetError
        if the records do not belong together, or the files cannot be written.
    """
    rows = spreads(records)
    text = render("memnet.compare.report", "summary.md.j2", _context(records, names, rows))
    title = f"memnet: {len(records)} comparisons"
    write_text(folder / "summary.html", html_page(text, title=title))
    write_text(folder / "summary.md", text)
    write_text(folder / "summary.csv", _csv(rows))
    return rows


def _context(
    records: Sequence[RunRecord], names: Sequence[str], rows: Sequence[Spread]
) -> dict[str, Any]:
    models = dict.fromkeys(spread.model for spread in rows)
    return {
        "count": len(records),
        "answer": " ".join([write_summary_answer(rows), *_not_independent(records)]),
        "records": _records(records, names),
        "glance": _glance(rows, list(models), len(records)),
        "tables": [_model_table([s for s in rows if s.model == model], names) for model in models],
    }


def _not_independent(records: Sequence[RunRecord]) -> list[str]:
    """Say which records are of the same pictures: the SD over them says nothing."""
    same: dict[str, list[int]] = {}
    for number_, record in enumerate(records, start=1):
        same.setdefault(record.items["digest"], []).append(number_)
    return [
        f"But records {join_names(list(map(str, each)))} are of the same pictures: these are not "
        "independent comparisons, and the SD says nothing."
        for each in same.values()
        if len(each) > 1
    ]


def write_summary_answer(rows: Sequence[Spread]) -> str:
    """Say which model has the highest mean rho, or what the only one has; nothing of chance."""
    classes = any(row.metric == METRIC for row in rows)
    metric, what = (METRIC, "AUC") if classes else ("spearman", "rho")
    rho = [row for row in rows if row.metric == metric and row.mean is not None]
    if not rho:
        what = "AUC" if classes else "rank correlation"
        return f"There is no answer: no model has a defined {what} in any of these comparisons."
    rho.sort(key=lambda row: -(row.mean or 0.0))
    unseen = [row for row in rho if row.contamination != "contaminated"]
    seen = [row.model for row in rho if row not in unseen]
    eligible = [row for row in unseen if not row.crossed] or unseen
    others = [row.model for row in unseen if row not in eligible]
    if not eligible:
        return (
            f"Every model was trained on pictures of these data sets: mean {what} {_listed(rho)} "
            "says nothing about other pictures."
        )
    text = f"Over {len(rho[0].values)} comparisons the mean {what} is {_listed(eligible)}"
    if len(eligible) > 1:
        text += "; no test was made of their difference, see the single reports"
    if seen:
        text += f". Not counted, since trained on these pictures: {join_names(seen)}"
    if others:
        text += f". Not counted, since they predict something else: {join_names(others)}"
    return f"{text}."


def _listed(rows: Sequence[Spread]) -> str:
    named = []
    for row in rows:
        known = [value for value in row.values if value is not None]
        between = f" ({_text(row, min(known))} to {_text(row, max(known))})" if row.sd else ""
        named.append(f"{_text(row, row.mean)}{between} for {row.model}")
    return join_names(named)


def _text(spread: Spread, value: float | None, table: Iterable[Spread] = ()) -> str:
    """Write a value of a metric with as many digits as its spread over the records warrants.

    ``table`` are the spreads in one table with it, see :func:`.digits.result_texts`.
    """
    if value is None:
        return "undefined"
    others = compared_with(spread.metric)
    those = [each for each in table if each.model == spread.model and each.metric in others]
    digits = max(map(_decimals, [spread, *those]))
    return fixed(value, digits, bare=is_bare(spread.metric))


def _decimals(spread: Spread) -> int:
    mean, sd = spread.mean or 0.0, spread.sd or 0.0
    return decimals(mean, (mean - sd, mean + sd) if sd else None)


def _records(records: Sequence[RunRecord], names: Sequence[str]) -> Table:
    called = [_models_of(record) for record in records]
    differ = len(set(called)) > 1
    return Table(
        title="",
        columns=[
            Column("Record"),
            Column("Data set"),
            Column("Pictures", numeric=True),
            Column("Human score"),
            *([Column("Model")] if differ else []),
            Column("Made"),
        ],
        rows=[
            [
                Cell(name),
                Cell(dataset_title(record.dataset) or "not named", note=record.dataset),
                Cell(f"{record.items['n']:,}"),
                Cell(
                    f"{record.truth['column']} of {record.truth['source']}",
                    note=what_truth_is(record),
                ),
                *([Cell(models)] if differ else []),
                Cell(record.created),
            ]
            for name, record, models in zip(names, records, called, strict=True)
        ],
    )


def _models_of(record: RunRecord) -> str:
    """Name a record's models as it does itself, with the weights of each where they are known."""
    return "; ".join(
        model["name"]
        + (f" (weights {sha256[:8]})" if (sha256 := model.get("weights_sha256")) else "")
        for model in record.models
    )


def _glance(rows: Sequence[Spread], models: list[str], count: int) -> Table:
    by_name = {(spread.model, spread.metric): spread for spread in rows}
    classes = any("auc" in key for key in by_name)
    headings = CLASS_HEADLINE if classes else HEADLINE
    metrics = [name for name in headings if any((model, name) in by_name for model in models)]

    def rho(model: str) -> tuple[bool, float]:
        spread = by_name.get((model, "auc" if classes else "spearman"))
        mean = None if spread is None else spread.mean
        return mean is None, -(mean or 0.0)

    def cell(model: str, metric: str) -> Cell:
        spread = by_name.get((model, metric))
        if spread is None:
            return Cell("")
        sd = "" if spread.sd is None else f"SD {_text(spread, spread.sd, rows)}"
        fewer = f"; {spread.defined} of {count}" if 0 < spread.defined < count else ""
        return Cell(_text(spread, spread.mean, rows), interval=sd + fewer)

    words: dict[str, str] = {}
    for spread in rows:
        words[spread.model] = max(
            words.get(spread.model, CONTAMINATION[0]), spread.contamination, key=CONTAMINATION.index
        )

    return Table(
        title="",
        columns=[Column("Model"), *(Column(headings[name], numeric=True) for name in metrics)],
        rows=[
            [Cell(m, word=words[m]), *(cell(m, name) for name in metrics)]
            for m in sorted(models, key=rho)
        ],
        before=f"Mean and SD over the {count} records, sorted by the mean "
        f"{'AUC' if classes else 'rho'}, with as many digits "
        "as the SD warrants; beside each model, the worst contamination of any record.",
        after=NO_STANDARD_ERROR,
    )


def _model_table(rows: Sequence[Spread], names: Sequence[str]) -> Table:
    return Table(
        title=rows[0].model,
        columns=[
            Column("Measure"),
            *number_columns("Records", "Mean", "SD"),
            *(Column(name, numeric=True) for name in names),
        ],
        rows=[
            [
                Cell(describe(spread.metric).title),
                Cell(str(spread.defined)),
                Cell(_text(spread, spread.mean)),
                Cell("" if spread.sd is None else _text(spread, spread.sd)),
                *(Cell(_text(spread, value)) for value in spread.values),
            ]
            for spread in rows
        ],
        word=max((spread.contamination for spread in rows), key=CONTAMINATION.index),
    )


def _csv(rows: Sequence[Spread]) -> str:
    columns = [f"value_{place}" for place in range(1, len(rows[0].values) + 1)]
    return csv_text(
        ["model", "metric", "contamination", "records", "mean", "sd", *columns],
        (
            {
                "model": spread.model,
                "metric": spread.metric,
                "contamination": spread.contamination,
                "records": spread.defined,
                "mean": spread.mean,
                "sd": spread.sd,
                **dict(zip(columns, spread.values, strict=True)),
            }
            for spread in rows
        ),
    )
