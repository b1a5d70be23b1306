"""The report of a selection: what was chosen, how alike groups are, what to expect of people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memnet.compare.record import RunRecord
from memnet.compare.report.digits import fixed, with_interval
from memnet.compare.report.page import html_page
from memnet.compare.report.render import figure_files, render, svg_images
from memnet.compare.report.table_model import Cell, Column, Table, number_columns
from memnet.errors import MemnetError
from memnet.preprocess.decode import PictureOrCrop
from memnet.studies.select.balance import (
    BalanceRow,
    CategoryRow,
    SpreadRow,
    list_balance,
    list_categories,
    list_spread,
    split_plainly,
)
from memnet.studies.select.expected import Expectation, expect
from memnet.studies.select.figures import FIGURES, captions, draw_all
from memnet.studies.select.methods import write_methods
from memnet.studies.select.selection import Selection
from memnet.studies.select.sheet import make_sheet
from memnet.studies.select.words import (
    FEWEST,
    list_cautions,
    people_words,
    say_expected,
    say_pairs,
    write_answer,
)
from memnet.util.atomic import write_bytes

_PAGE = "report.html"


def write_report(
    selection: Selection,
    out: Path,
    pictures: Mapping[str, PictureOrCrop],
    calibration: RunRecord | None = None,
) -> Path:
    """Write ``report.html``, ``report.md`` and ``figures/``.

    Parameters
    ----------
    selection : the chosen pictures.
    out : folder of the files.
    pictures : id -> file of the pictures that are at hand, for the contact sheet and for cautions
        about what is on them; may be empty.
    calibration : see :func:`.expected.expect`.

    Returns
    -------
    Path
        of ``report.html``, one file without outside resources.

    Raises
    ------
    MemnetError
        if the calibration is of another model, or the folder cannot be written.
    """
    expectation = expect(selection, calibration)
    rows, categories = list_balance(selection), list_categories(selection)
    spread = list_spread(selection) if selection.settings.kind == "spread" else []
    figures = draw_all(selection, rows, categories, split_plainly(selection), expectation)
    images = svg_images(figures)
    files = figure_files(figures, images)
    sheet, sheet_text = make_sheet(selection, pictures)
    if sheet is not None:
        files |= sheet.images
        images |= sheet.images
    methods, references = write_methods(selection, rows, expectation)
    context = {
        "title": _title(selection),
        "subtitle": _subtitle(selection),
        "answer": write_answer(selection, rows, spread, expectation),
        "people": people_words(expectation),
        "expected": say_expected(selection, expectation),
        "cautions": list_cautions(selection, rows, expectation, pictures),
        "expected_table": expected_table(expectation) if expectation.differences else None,
        "sources": [line.source for line in expectation.lines.values()],
        "groups": group_table(selection, rows) if len(selection.groups) > 2 else None,
        "balance": balance_table(selection, rows) if any(row.after for row in rows) else None,
        "spread": spread_table(spread) if spread else None,
        "categories": category_table(selection, categories) if categories else None,
        "pairs": say_pairs(selection),
        "methods": methods,
        "references": references,
        "sheet": sheet_text,
        "figure_names": list(figures),
        "captions": captions(selection, expectation),
    }
    text = render("memnet.studies.select", "report.md.j2", context)
    files["report.md"] = text.encode()
    title = f"memnet select: {_title(selection)}"
    files[_PAGE] = html_page(text, title=title, images=images).encode()
    for name, content in files.items():
        write_bytes(out / name, content)
    _remove_old(out, files)
    return out / _PAGE


def _remove_old(out: Path, written: Mapping[str, bytes]) -> None:
    """Remove the figures that only an earlier report had."""
    folder = out / "figures"
    try:
        for old in folder.iterdir() if folder.is_dir() else ():
            ours = old.stem in FIGURES or old.stem.startswith("picture_")
            if ours and f"figures/{old.name}" not in written:
                old.unlink()
    except OSError as error:
        raise MemnetError(f"{folder} cannot be written ({error}).") from error


def _title(selection: Selection) -> str:
    kind, groups = selection.settings.kind, selection.groups
    number = sum(map(len, groups.values()))
    if kind == "pairs":
        return f"{number // 2:,} pairs of pictures alike in all but the score"
    if kind == "spread":
        return f"{number:,} pictures spread over the score"
    if kind == "split":
        return f"{number:,} pictures in {len(groups)} sets"
    if kind == "levels":
        return f"{number:,} pictures at {len(groups)} levels of the score"
    return f"{number:,} pictures of high and low scores"


def _subtitle(selection: Selection) -> str:
    candidates, settings = selection.candidates, selection.settings
    matched = len(candidates.covariate_names) + len(candidates.category_names)
    columns = "1 column" if matched == 1 else f"{matched} columns"
    return f"of {len(candidates.ids):,} candidates · matched on {columns} · seed {settings.seed}"


def expected_table(expectation: Expectation) -> Table:
    """Lay out predicted and expected differences, and the people they need."""
    several = len(expectation.lines) > 1
    planned = any(row.planned for row in expectation.differences)
    people = number_columns("People a picture", "People, lower end") if planned else []
    return Table(
        title="",
        columns=[
            Column("Groups"),
            *([Column("Predictor")] if several else []),
            *number_columns("Predicted scores", "Expected of people"),
            *people,
        ],
        rows=[
            [
                Cell(f"{row.first} − {row.second}"),
                *([Cell(row.predictor)] if several else []),
                Cell(fixed(row.raw, 3, bare=True)),
                _with_ends(row.value, (row.low, row.high)),
                *([_people(row.people), _people(row.people_low)] if planned else []),
            ]
            for row in expectation.differences
        ],
        after=_about_expected(expectation, planned),
    )


def _about_expected(expectation: Expectation, planned: bool) -> str:
    ends = {"a 95 % interval" if row.confident else "a range" for row in expectation.differences}
    text = f"Difference of the groups' means, with {' or '.join(sorted(ends))}."
    if "a range" in ends:
        text += (
            " A range is no 95 % interval: it rests on something that nobody measured, which is "
            "said above."
        )
    if planned:
        text += (
            " People a picture: how many must see each picture as an old one so that a Welch test "
            "over pictures finds the difference in 80 % of studies."
        )
    return text


def _with_ends(value: float, ends: tuple[float, float]) -> Cell:
    text, _, interval = with_interval(value, ends, bare=True).partition(" ")
    return Cell(text, interval=interval)


def _people(people: int | None) -> Cell:
    if people is None:
        return Cell("no number")
    if people < FEWEST:
        return Cell(f"{FEWEST} or more", note=f"computed: {people}")
    return Cell(f"{people:,}")


def balance_table(selection: Selection, rows: list[BalanceRow]) -> Table:
    """Lay out how far two groups are apart; of more than two groups, the two furthest apart."""
    two = len(selection.groups) == 2
    names = list(selection.groups)
    means = number_columns(*names) if two else [Column("Groups")]
    before = any(row.before is not None for row in rows)
    lines = []
    for row in _worst(rows):
        if row.after is None:
            continue
        after = row.after
        if two:
            cells = [_mean(after.mean_a, after.sd_a), _mean(after.mean_b, after.sd_b)]
        else:
            cells = [Cell(f"{row.first}, {row.second}")]
        note = "the score itself" if row.kind == "score" else _tolerance(selection, row.name)
        lines.append(
            [
                Cell(row.name, note=note),
                *cells,
                *([Cell(_number(row.before.difference if row.before else None))] if before else []),
                Cell(_number(after.difference)),
                Cell(_number(after.variance_ratio)),
                Cell(_number(after.one_minus_ks)),
            ]
        )
    plain = number_columns("Difference before") if before else []
    return Table(
        title="",
        columns=[
            Column("Column"),
            *means,
            *plain,
            *number_columns("Difference", "Variance ratio", "1 − KS distance"),
        ],
        rows=lines,
        after=("Means, with SDs below. " if two else "The two groups that are furthest apart. ")
        + "Difference: standardised, of the means by the pooled SD (Austin, 2009)"
        + ("; before: of the halves of a median split" if before and two else "")
        + ". Variance ratio: 1 where both groups vary equally. 1 − KS distance: 1 minus the "
        "Kolmogorov-Smirnov distance, 1 where both groups have the same distribution, 0 where they "
        "share no value.",
    )


def _worst(rows: list[BalanceRow]) -> list[BalanceRow]:
    """Keep of each column the two groups that are furthest apart."""
    kept: dict[str, BalanceRow] = {}
    for row in rows:
        there = kept.get(row.name)
        if there is None or _apart(row) > _apart(there):
            kept[row.name] = row
    return list(kept.values())


def _apart(row: BalanceRow) -> float:
    value = abs(row.after.difference) if row.after is not None else math.nan
    return math.inf if math.isnan(value) and row.after is not None else value


def _tolerance(selection: Selection, name: str) -> str:
    size = selection.settings.tolerances.get(name)
    return "" if size is None else f"tolerance {size:g} SD"


def _number(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else fixed(value, 2)


def _mean(mean: float, sd: float) -> Cell:
    return Cell(_plain(mean), interval=f"SD {_plain(sd)}")


def _plain(value: float) -> str:
    """Write a value of any unit: three digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def group_table(selection: Selection, rows: list[BalanceRow]) -> Table:
    """Lay out mean and SD of every column in every group."""
    names = list(dict.fromkeys(row.name for row in rows))
    cells: dict[tuple[str, str], Cell] = {}
    for row in rows:
        if row.after is not None:
            cells[row.name, row.first] = _mean(row.after.mean_a, row.after.sd_a)
            cells[row.name, row.second] = _mean(row.after.mean_b, row.after.sd_b)
    return Table(
        title="",
        columns=[Column("Column"), *number_columns(*selection.groups)],
        rows=[
            [Cell(name), *(cells.get((name, group), Cell("")) for group in selection.groups)]
            for name in names
        ],
    )


def spread_table(spread: list[SpreadRow]) -> Table:
    """Lay out how covariates go with the score, of all candidates and of the chosen pictures."""
    return Table(
        title="",
        columns=[Column("Covariate"), *number_columns("All candidates", "Chosen")],
        rows=[
            [Cell(row.name), Cell(_number(row.before)), Cell(_number(row.after))] for row in spread
        ],
        before="Pearson's correlation of each covariate with the score.",
        after="Near 0, a covariate and the score can be told apart in an analysis.",
    )


def category_table(selection: Selection, categories: list[CategoryRow]) -> Table:
    """Lay out how many pictures of each category each group has."""
    before = bool(categories[0].before)
    groups = list(selection.groups)
    columns = [Column("Category"), *(Column(name, numeric=True) for name in groups)]
    if before:
        columns += [Column(f"{name}, before", numeric=True) for name in groups]
    rows: list[list[Any]] = [
        [
            Cell(f"{row.column}: {row.category}"),
            *(Cell(f"{row.after[name]:,}") for name in groups),
            *(Cell(f"{row.before[name]:,}") for name in groups if before),
        ]
        for row in categories
    ]
    return Table(
        title="", columns=columns, rows=rows, before="Pictures of each category in each group."
    )
