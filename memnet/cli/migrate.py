"""``memnet migrate``: a study with old MemNet scores, redone with new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.options import MATCH_HELP

if TYPE_CHECKING:
    from memnet.studies.migrate.record import MigrationRecord


def migrate(
    study: Path = typer.Argument(
        ..., help="CSV, TSV, Excel or Parquet with picture ids, old scores, and any other columns."
    ),
    score_column: str = typer.Option(..., help="The column with the old MemNet scores."),
    out: Path = typer.Option(
        ..., file_okay=False, help="Folder for migrated.csv, report.html, crosswalk.json ..."
    ),
    id_column: str = typer.Option("image_id", help="The column with the picture's id."),
    images: str = typer.Option("", help="The pictures, to be scored now (folder, glob, manifest)."),
    new_scores: Path | None = typer.Option(
        None,
        help="Instead of --images: a score table, or any table with an id and a column `score`.",
    ),
    crosswalk: Path | None = typer.Option(
        None, "--map", help="Instead of both: a published crosswalk.json, which needs no pictures."
    ),
    model: str = typer.Option(
        "",
        show_default="resmem.published for --images",
        help="The model that scores --images; with --new-scores, the model that made them, if the "
        "table does not say or has several.",
    ),
    variant: str = typer.Option(
        "", help="The variant of MemNet that made the old scores, where you know it."
    ),
    diagnosis: Path | None = typer.Option(
        None, help="Instead: the diagnosis.json that `memnet diagnose --out` wrote of this column."
    ),
    outcome: list[str] = typer.Option(
        [], help="Column to relate to memorability; repeat the option for several."
    ),
    covariate: list[str] = typer.Option(
        [],
        help="Column to control for in partial correlations and regressions; repeat for several.",
    ),
    group: str = typer.Option("", help="Column of groups to compare in memorability."),
    predictor: str = typer.Option(
        "", help="Column whose effect on the outcome is estimated, controlling for memorability."
    ),
    clusters_column: str = typer.Option(
        "",
        help="Column of clusters of pictures that resemble each other (one place, one film): the "
        "tests then reckon with them.",
    ),
    memnet_equivalent: bool = typer.Option(
        False, "--memnet-equivalent", help="Add the new scores on the scale of the old ones."
    ),
    match: str = typer.Option("exact", help=MATCH_HELP),
    dataset: str = typer.Option("", help="Name of the pictures' data set (lamem, memcat, ...)."),
    seed: int = typer.Option(0, min=0, help="Seed of bootstrap and cross-validation."),
    resamples: int = typer.Option(2_000, min=100, help="Bootstrap resamples."),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Redo a MemNet study with ResMem: the same claims with both scores, and what changed.

    Every row and column of the study is kept in OUT/migrated.csv, with new columns after them.
    """
    from memnet.cli.messages import command_line, report_failures, say_if_misspelt, say_some
    from memnet.cli.paths import keep_inputs
    from memnet.studies.migrate.answer import list_warnings
    from memnet.studies.migrate.migrate import SCORES
    from memnet.studies.migrate.migrate import migrate as migrate_study
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say

    written = [out / "migrated.csv", out / "claims.csv", *([out / SCORES] if images else [])]
    keep_inputs(written, [study, *([new_scores] if new_scores else [])])
    require_writable(out)
    say_if_misspelt(dataset)
    result = migrate_study(
        study,
        score_column=score_column,
        id_column=id_column,
        images=images or None,
        new_scores=new_scores,
        crosswalk=crosswalk,
        model=model,
        variant=variant,
        diagnosis=diagnosis,
        outcomes=outcome,
        covariates=covariate,
        group=group,
        predictor=predictor,
        clusters_column=clusters_column,
        memnet_equivalent=memnet_equivalent,
        match=match,
        dataset=dataset,
        resamples=resamples,
        seed=seed,
        out=out,
        command=command_line(),
    )
    record, new = result.record, result.new
    if new is not None and new.inputs is not None and new.summary is not None:
        report_failures(new.inputs, new.summary, out / SCORES)
    _print(record)
    for sentence in record.set_aside:
        say(sentence)
    warnings = [each for each in list_warnings(record) if each not in record.set_aside]
    say_some(warnings, f"in {result.page}")
    if record.crosswalk is None:
        say(f"no crosswalk was fitted: {record.crosswalk_reason}")
    say(f"{record.pictures['n']:,} pictures migrated -> {result.page}")
    if open_report and result.page is not None:
        open_page(result.page)
    if not result.complete:
        raise typer.Exit(1)


def _print(record: MigrationRecord) -> None:
    """Print the answer and what to do next, then the claims as a table and in sentences."""
    import textwrap

    from memnet.compare.report.table_model import Column, number_columns, p_value, short
    from memnet.compare.report.terminal import print_table
    from memnet.studies.migrate.answer import (
        read_out,
        say_agreement,
        write_answer,
        write_next_step,
    )
    from memnet.studies.migrate.page import p_of_difference
    from memnet.util.text import printable

    sentences = read_out(record)
    if record.new:
        said = [write_answer(record), say_agreement(record), write_next_step(record)]
        said += sentences[1:2] if sentences[:1] == said[:1] else []  # what the numbers are not
        for text in filter(None, said):
            print(textwrap.fill(printable(text, len(text)), 100), end="\n\n")
        sentences = [sentence for sentence in sentences if sentence not in said]
    if record.claims:
        rows = []
        for claim in record.claims:
            ends = claim["difference"]["interval"]
            cells = [
                claim["title"],
                f"{claim['n']:,}",
                short(claim["old"]["value"]),
                p_value(claim["p_old"]),
                short(claim["new"]["value"]),
                p_value(claim["p_new"]),
                short(claim["difference"]["value"]),
                f"[{short(ends[0])}, {short(ends[1])}]" if ends else "none",
                p_of_difference(claim),
            ]
            rows.append(cells)
        values = number_columns("n", "old", "p", "new", "p", "new - old", "interval", "p")
        print_table([Column("claim", wide=True), *values], rows)
        print()
    for sentence in sentences:
        text = printable(sentence, len(sentence))  # columns have names of others
        print(textwrap.fill(text, 100, initial_indent="- ", subsequent_indent="  "))
