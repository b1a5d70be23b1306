"""``memnet migrate``: a study with old MemNet scores, redone with new ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from memnet.studies.migrate.record import MigrationRecord


def migrate(
    study: Path = typer.Argument(
        ..., help="CSV, TSV or Parquet with picture ids, old scores, and any other columns."
    ),
    score_column: str = typer.Option(..., help="The column with the old MemNet scores."),
    out: Path = typer.Option(..., help="Folder for migrated.csv, report.html, crosswalk.json ..."),
    id_column: str = typer.Option("image_id", help="The column with the picture's id."),
    images: str = typer.Option("", help="The pictures, to be scored now (folder, glob, manifest)."),
    new_scores: Path | None = typer.Option(
        None, help="Instead of --images: a score table, or any with an id and a column `score`."
    ),
    crosswalk: Path | None = typer.Option(
        None, "--map", help="Instead of both: apply a published crosswalk.json, without pictures."
    ),
    model: str = typer.Option(
        "",
        show_default="resmem.published for --images",
        help="The model that scores --images; or which one made --new-scores, where the table "
        "does not say or has several.",
    ),
    outcome: list[str] = typer.Option(
        [], help="Column that memorability is set against; repeat for several."
    ),
    covariate: list[str] = typer.Option(
        [], help="Column to hold constant in partial correlations and regressions; repeat."
    ),
    group: str = typer.Option("", help="Column of groups to compare in memorability."),
    predictor: str = typer.Option(
        "", help="Column whose effect on the outcome is looked at with memorability as control."
    ),
    memnet_equivalent: bool = typer.Option(
        False, "--memnet-equivalent", help="Add the new scores on the scale of the old ones."
    ),
    dataset: str = typer.Option("", help="Name of the pictures' data set (lamem, memcat, ...)."),
    seed: int = typer.Option(0, min=0, help="Seed of bootstrap and cross-validation."),
    resamples: int = typer.Option(2_000, min=100, help="Bootstrap resamples."),
) -> None:
    """Take a MemNet study to ResMem: the same claims with both scores, and what changed.

    Every row and column of the study is kept in OUT/migrated.csv, with new columns beside them.
    """
    from memnet.cli.messages import command_line, report_failures, say, say_some
    from memnet.errors import MemnetError
    from memnet.studies.migrate import apply_crosswalk, run
    from memnet.studies.migrate.new_scores import read_new_scores, score_pictures
    from memnet.studies.migrate.study import read_study
    from memnet.studies.migrate.study_claims import Asked

    sources = {"--images": images, "--new-scores": new_scores, "--map": crosswalk}
    given = [option for option, value in sources.items() if value]
    if len(given) != 1:
        many = f"{' and '.join(given)} were given. " if given else ""
        raise MemnetError(
            f"{many}Give {'one of them alone' if many else 'one of these'}: the pictures (--images "
            "DIR), or their new scores (--new-scores FILE), or a published crosswalk (--map FILE)."
        )
    asked = Asked(
        outcomes=tuple(outcome), covariates=tuple(covariate), group=group, predictor=predictor
    )
    table = read_study(study, score_column=score_column, id_column=id_column)
    if crosswalk is not None:
        if asked or covariate or predictor or memnet_equivalent:
            raise MemnetError(
                "--map changes the scale of the old scores only; claims and --memnet-equivalent "
                "need new scores (--images or --new-scores)."
            )
        done = apply_crosswalk.apply_map(
            table, *apply_crosswalk.read_map(crosswalk), command=command_line()
        )
        unreadable = False
    else:
        if new_scores is not None:
            new = read_new_scores(new_scores, table, model=model)
        else:
            model = model or run.RESMEM
            run.check(table, model, asked, memnet_equivalent=memnet_equivalent)
            scores = out / "scores.csv"
            new = score_pictures(table, images, scores, model=model, command=command_line())
            if new.inputs is not None and new.summary is not None:
                report_failures(new.inputs, new.summary, scores)
        unreadable = new.inputs is not None and bool(new.inputs.unreadable)
        done = run.migrate(
            table,
            new,
            asked=asked,
            memnet_equivalent=memnet_equivalent,
            dataset=dataset,
            resamples=resamples,
            seed=seed,
            command=command_line(),
        )
    page = run.write_migration(done, out)
    _print(done.record)
    for sentence in done.record.set_aside:
        say(sentence)
    say_some([*done.record.cautions, *done.record.remarks], f"in {page}")
    if done.record.crosswalk is None:
        say(f"no crosswalk was fitted: {done.record.crosswalk_reason}")
    say(f"{done.record.pictures['n']:,} pictures migrated -> {page}")
    if unreadable or not done.complete:
        raise typer.Exit(1)


def _print(record: MigrationRecord) -> None:
    """Print the claims as a table, then the sentences."""
    import textwrap

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from memnet.compare.report.table_model import p_value, short
    from memnet.studies.migrate.page import p_of_difference

    if record.claims:
        table = Table(box=None, pad_edge=False)
        table.add_column("claim", overflow="fold", max_width=44)
        for name in ("n", "old", "p", "new", "p", "new - old", "interval", "p"):
            table.add_column(name, justify="right", no_wrap=True)
        for claim in record.claims:
            ends = claim["difference"]["interval"]
            cells = [
                f"{claim['n']:,}",
                short(claim["old"]["value"]),
                p_value(claim["p_old"]),
                short(claim["new"]["value"]),
                p_value(claim["p_new"]),
                short(claim["difference"]["value"]),
                f"[{short(ends[0])}, {short(ends[1])}]" if ends else "none",
                p_of_difference(claim),
            ]
            table.add_row(Text(claim["title"]), *map(Text, cells))
        Console(width=120, soft_wrap=False).print(table)
        print()
    for sentence in record.conclusions:
        print(textwrap.fill(sentence, 100, initial_indent="- ", subsequent_indent="  "))
