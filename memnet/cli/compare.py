"""``memnet compare``: predictions against human scores, and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

_MANY = ("--scores", "--model", "--images")


class ManyValues(TyperCommand):
    """A command whose ``--scores A B C`` means ``--scores A --scores B --scores C``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option's name before each further value."""
        spread: list[str] = []
        option = ""
        fresh = False
        for arg in args:
            if arg.startswith("-"):
                option, fresh = (arg, True) if arg in _MANY else ("", False)
            elif option and not fresh:
                spread.append(option)
            else:
                fresh = False
            spread.append(arg)
        return super().parse_args(ctx, spread)


def compare(
    truth: Path = typer.Option(
        ..., help="CSV, TSV, Excel or Parquet with a human score per picture."
    ),
    truth_column: str = typer.Option(
        "", help="The column with the human scores; not needed with a table of `memnet dataset`."
    ),
    out: Path = typer.Option(..., help="Folder for record.json, report.html, report.md ..."),
    scores: list[Path] = typer.Option(
        [], help="Score tables: of `memnet score`, or any table with an id and a score."
    ),
    images: list[str] = typer.Option(
        [], help="Instead of --scores: pictures to score now, with --model."
    ),
    model: list[str] = typer.Option([], help="Models for --images; repeat for several."),
    id_column: str = typer.Option(
        "", help="The column with the picture's id; without it, image_id."
    ),
    score_column: str = typer.Option("score", help="The column with the predictions."),
    match: str = typer.Option(
        "exact",
        help="How ids are matched: exact, basename (file names), stem (without endings), or "
        "normalised (in one letter case and Unicode form besides).",
    ),
    dataset: str = typer.Option(
        "", help="Name of the data set (lamem, memcat, ...), to tell contaminated tests."
    ),
    hits_column: str = typer.Option(
        "", help="Column of hits, where the human score is hits / responses: gives the ceiling."
    ),
    responses_column: str = typer.Option("", help="Column of responses, with --hits-column."),
    strata_column: str = typer.Option("", help="Resample within the groups of this column."),
    clusters_column: str = typer.Option("", help="Resample whole groups of this column."),
    margin: float = typer.Option(
        0.02, help="Two models' correlations that differ by less count as equivalent."
    ),
    resamples: int = typer.Option(
        10_000, min=1, help="Number of bootstrap resamples, and of permutations."
    ),
    seed: int = typer.Option(20220101, min=0, help="Seed of bootstrap and permutations."),
    device: str = typer.Option("auto", help="For --images: auto, cpu, cuda ..."),
    batch_size: int = typer.Option(8, min=1, help="For --images: pictures per pass."),
) -> None:
    """Compare predictions with human scores, every model on the same pictures."""
    from memnet.cli.messages import command_line, report_failures
    from memnet.cli.tables import print_results
    from memnet.compare.comparison import compare_scores as run
    from memnet.compare.report.render import write_report
    from memnet.errors import MemnetError
    from memnet.util.messages import say

    if bool(scores) == bool(images):
        raise MemnetError("Give either --scores FILE..., or --images FOLDER with --model NAME.")
    if images and not model:
        raise MemnetError("--images needs --model NAME; see `memnet weights list`.")
    if model and not images:
        raise MemnetError("--model is for --images; leave it out with --scores.")
    command = command_line()
    trouble = False
    if images:  # only here: without pictures to score, nothing needs torch
        from memnet.data.pictures import collect
        from memnet.scoring.runner import Settings, score_to_file

        inputs = collect(images)
        settings = Settings(
            models=list(dict.fromkeys(model)), device=device, batch_size=batch_size, command=command
        )
        table = out / "scores.parquet"
        summary = score_to_file(inputs, table, settings)
        report_failures(inputs, summary, table)
        trouble = bool(summary.failed or inputs.unreadable)
        scores = [table]
    record = run(
        truth,
        scores,
        truth_column=truth_column,
        id_column=id_column,
        score_column=score_column,
        match=match,
        dataset=dataset,
        hits_column=hits_column,
        responses_column=responses_column,
        strata_column=strata_column,
        clusters_column=clusters_column,
        margin=margin,
        resamples=resamples,
        seed=seed,
        command=command,
    )
    write_report(record, out)
    if (out / "scores.parquet") not in scores:
        save_scores(scores, id_column, score_column, out / "scores.parquet")
    print_results(record)
    for sentence in record.warnings:
        say(sentence)
    say(f"{record.items['n']:,} pictures compared -> {out / 'report.html'}")
    if trouble or record.items["set_aside"]:
        raise typer.Exit(1)


def save_scores(scores: list[Path], id_column: str, score_column: str, path: Path) -> None:
    """Keep the scores that were compared beside the report: image_id, model, score."""
    import pandas as pd

    from memnet.data.columns import read_scores
    from memnet.scoring.table import write_table

    tables = [
        pd.DataFrame(
            {"image_id": list(model.by_id.index), "model": model.name, "score": model.by_id.values}
        )
        for file in scores
        for model in read_scores(file, id_column=id_column, score_column=score_column)
    ]
    write_table(pd.concat(tables, ignore_index=True), path)
    path.with_name(path.name + ".json").unlink(missing_ok=True)  # of an earlier --images run
