"""``memnet select``: pictures chosen for a study, matched and documented."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.browser import OPEN_HELP, open_page

if TYPE_CHECKING:
    from memnet.studies.select.selection import Selection


def select(
    table: Path | None = typer.Argument(
        None, help="A row per picture with scores, or a score table of `memnet score`."
    ),
    score: list[str] = typer.Option(
        [], help="The column of scores, or a model; repeat for several: high by all of them."
    ),
    k: int | None = typer.Option(
        None, "--k", min=1, help="Pictures per group; pairs; pictures in all of a spread."
    ),
    out: Path | None = typer.Option(
        None, file_okay=False, help="Folder for selection.csv, report.html, lists/ ..."
    ),
    kind: str = typer.Option(
        "", show_default="extremes", help="extremes, levels, spread, pairs or split."
    ),
    levels: str = typer.Option("", metavar="NUMBERS", help="Levels of the score: .5,.7,.9"),
    match: list[str] = typer.Option(
        [],
        metavar="COLUMN,COLUMN",
        help="Columns in which groups are to be alike, on average within 0.1 SD (pairs: each "
        "within 0.5). COLUMN:0.2 is another tolerance.",
    ),
    exact: list[str] = typer.Option(
        [], metavar="COLUMN,COLUMN", help="Columns of categories: as many of each in all groups."
    ),
    sets: int = typer.Option(2, min=2, help="Number of sets, for split."),
    other: list[Path] = typer.Option(
        [],
        "--with",
        help="Another table of the same pictures, joined by id: covariates.csv of `memnet "
        "describe`, categories; repeat for several.",
    ),
    include: list[str] = typer.Option(
        [], help='Only pictures for which this holds: "width >= 400"; repeat for several.'
    ),
    exclude: list[str] = typer.Option(
        [], help='No pictures for which this holds: "category = animal"; repeat for several.'
    ),
    id_column: str = typer.Option("image_id", help="The column with the picture's id."),
    images: str = typer.Option(
        "", help="The pictures (folder, glob, manifest): for digests and the contact sheet."
    ),
    lists: int = typer.Option(2, min=1, help="Lists of trials, for PsychoPy and jsPsych."),
    calibration: Path | None = typer.Option(
        None, help="record.json of `memnet compare` with this model: what to expect of people."
    ),
    dataset: str = typer.Option("", help="Name of the pictures' data set (lamem, memcat, ...)."),
    seed: int = typer.Option(0, min=0, help="Settles ties and the order of the lists."),
    check: Path | None = typer.Option(
        None, help="Instead of all others but --images: does this selection.csv still hold?"
    ),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Choose pictures by their scores, alike in everything else.

    High and low, levels, a spread, pairs or sets, with lists of trials and a report.
    """
    from memnet.cli.messages import command_line, say_if_misspelt, say_some
    from memnet.errors import MemnetError
    from memnet.studies.select.run import select as choose
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say

    if check is not None:
        if table is not None or out is not None or score or k is not None:
            raise MemnetError(
                "--check looks at an earlier selection; give it nothing but --images."
            )
        _check(check, images)
        return
    if table is None:
        raise MemnetError("Give the table with the scores: memnet select TABLE --k 40 --out DIR.")
    if out is None:
        raise MemnetError("Say where the selection is to be written (--out DIR).")
    require_writable(out)
    say_if_misspelt(dataset)
    selection = choose(
        table,
        score=score,
        k=k,
        kind=kind,
        levels=_numbers(levels),
        match=_tolerances(match),
        exact=[name for each in exact for name in _names(each)],
        sets=sets,
        include=include,
        exclude=exclude,
        others=other,
        id_column=id_column,
        images=images or None,
        seed=seed,
        lists=lists,
        calibration=calibration,
        dataset=dataset,
        out=out,
        command=command_line(),
    )
    _print(selection)
    say_some([*selection.candidates.notes, *selection.notes], f"in {out / 'selection.json'}")
    total = sum(map(len, selection.groups.values()))
    say(f"{total:,} of {len(selection.candidates.ids):,} pictures chosen -> {out / 'report.html'}")
    if open_report:
        open_page(out / "report.html")
    if selection.candidates.lacking:
        raise typer.Exit(1)


def _print(selection: Selection) -> None:
    """Print the answer, and how alike every two groups are."""
    from memnet.compare.report.table_model import Column, number_columns
    from memnet.compare.report.terminal import print_sentence, print_table
    from memnet.studies.select.words import write_answer

    balance = selection.balance
    print_sentence(
        write_answer(selection, balance["groups"], balance["spread"], selection.expected)
    )
    print()
    for sentence in str(selection).splitlines():
        print_sentence(sentence)
    rows = [row for row in balance["groups"] if row.kind == "covariate" and row.after]
    if rows:
        print()
        print_table(
            [Column("covariate"), Column("groups"), *number_columns("SD apart", "before")],
            [
                (
                    row.name,
                    f"{row.first} - {row.second}",
                    f"{row.after.difference:.3f}",
                    f"{row.before.difference:.3f}" if row.before else "",
                )
                for row in rows
            ],
        )


def _check(path: Path, images: str) -> None:
    """Say what of an earlier selection still holds; exit code 1 where not all does."""
    from memnet.studies.select.check import check_selection

    checked = check_selection(path, images or None)
    verdict = "does not hold" if checked.fails else "holds"
    verdict += ", as far as it can be checked" if checked.open and not checked.fails else ""
    print(f"The selection of {checked.pictures:,} pictures {verdict}.")
    for sentence in (*checked.fails, *checked.open, *checked.holds):
        print(f"- {sentence}")
    if checked.fails:
        raise typer.Exit(1)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> list[float]:
    from memnet.errors import MemnetError

    try:
        return [float(each) for each in _names(text)]
    except ValueError:
        raise MemnetError(f"--levels {text} are no numbers; write them as .5,.7,.9.") from None


def _tolerances(given: list[str]) -> dict[str, float | None]:
    """Read the values of ``--match``: columns, each with a tolerance of its own if wanted.

    >>> _tolerances(["width,entropy:0.2"])
    {'width': None, 'entropy': 0.2}
    """
    from memnet.errors import MemnetError

    tolerances: dict[str, float | None] = {}
    for name in [name for each in given for name in _names(each)]:
        column, mark, number = name.rpartition(":")
        tolerance = None
        with contextlib.suppress(ValueError):  # else the colon is part of the name
            if mark:
                name, tolerance = column.strip(), float(number)
        if tolerances.get(name, tolerance) != tolerance:
            raise MemnetError(f"--match gives {name!r} two tolerances; give one.")
        tolerances[name] = tolerance
    return tolerances
