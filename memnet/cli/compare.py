"""``memnet compare``: predictions against human scores, and the report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from memnet.cli.browser import OPEN_HELP, open_page
from memnet.cli.commands import OneValue
from memnet.cli.options import MATCH_HELP, PICTURES_HELP
from memnet.util.paths import is_same

if TYPE_CHECKING:
    from memnet.compare.record import RunRecord
    from memnet.data.score_tables import ScoreTable
    from memnet.preprocess.decode import PictureOrCrop

_MANY = ("--scores", "--model", "--images", "--pictures", "--beyond")
_KEPT = "scores.parquet"
_COPIED = ["image_id", "model", "score"]
_NO_DATASET = "none"


class ManyValues(OneValue):
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
    context: typer.Context,
    truth: Path = typer.Option(
        ..., help="CSV, TSV, Excel or Parquet with a human score per picture."
    ),
    truth_column: str = typer.Option(
        "", help="The column with the human scores; not needed with a table of `memnet dataset`."
    ),
    out: Path = typer.Option(
        ..., file_okay=False, help="Folder for record.json, report.html, report.md ..."
    ),
    scores: list[str] = typer.Option(
        [],
        help="Score tables: of `memnet score`, or any table with an id and a score. NAME=FILE "
        "names the model of a table that does not, FILE:COLUMN the column with its predictions.",
    ),
    images: list[str] = typer.Option(
        [], help="Instead of --scores: pictures to score now, with --model."
    ),
    model: list[str] = typer.Option([], help="Models for --images; repeat for several."),
    id_column: str = typer.Option(
        "", help="The column with the picture's id; without it, image_id."
    ),
    score_column: str = typer.Option("score", help="The column with the predictions."),
    match: str = typer.Option("exact", help=MATCH_HELP),
    dataset: str = typer.Option(
        "", help="Name of the data set (lamem, memcat, ...), to tell contaminated tests."
    ),
    hits_column: str = typer.Option(
        "", help="Column of hits, where the human score is hits / responses: gives the ceiling."
    ),
    responses_column: str = typer.Option("", help="Column of responses, with --hits-column."),
    false_alarms_column: str = typer.Option(
        "",
        help="Column of false alarms, with the two before, where the human score is "
        "(hits - false alarms) / responses.",
    ),
    strata_column: str = typer.Option(
        "", help="Resample within the groups of this column (category), and give rho by group."
    ),
    clusters_column: str = typer.Option("", help="Resample whole groups of this column."),
    positive: str = typer.Option(
        "",
        help="Where the human scores are two classes, such as H and L, what the memorable one is "
        "called; 0 and 1 need none.",
    ),
    beyond: list[str] = typer.Option(
        [],
        help="What do the (other) models add to this: a model of the comparison, or a column of "
        "--truth (brightness, say)? Several together are one baseline.",
    ),
    margin: float = typer.Option(
        0.02, help="Two models' correlations that differ by less count as equivalent."
    ),
    target: str = typer.Option(
        "",
        help="What the human scores are: hit_rate, false_alarm_rate, corrected or d_prime. Without "
        "it, as a table of `memnet dataset` or `memnet responses` says, or as the counts give.",
    ),
    trained_on: list[str] = typer.Option(
        [],
        help="What a model was trained on, where its table does not say it: NAME=DATASET, such as "
        "mine=lamem:train (a split's number may follow: ':1'); NAME=none for no data set. Repeat "
        "for several.",
    ),
    resamples: int = typer.Option(
        10_000, min=1, help="Number of bootstrap resamples, and of permutations."
    ),
    seed: int = typer.Option(20220101, min=0, help="Seed of bootstrap and permutations."),
    device: str = typer.Option("auto", help="For --images: auto, cpu, cuda, mps ..."),
    batch_size: int = typer.Option(8, min=1, help="For --images: pictures per pass."),
    spreadsheet_safe: bool = typer.Option(
        False,
        "--spreadsheet-safe",
        help="Write tables/*.spreadsheet.csv, too, with no text that a spreadsheet takes for a "
        "formula.",
    ),
    pictures: list[str] = typer.Option(
        [], help=PICTURES_HELP + " Without it, those of --images, or of a column 'path'."
    ),
    no_thumbnails: bool = typer.Option(
        False, "--no-thumbnails", help="Show no pictures in the report."
    ),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Compare predictions with human scores, every model on the same pictures."""
    from memnet.cli.messages import command_line, report_failures, say_if_misspelt
    from memnet.cli.tables import print_results
    from memnet.compare.comparison import compare_scores as run
    from memnet.compare.report.increments import increment_sentences
    from memnet.compare.report.render import write_report
    from memnet.compare.report.threats import sentences_on_targets
    from memnet.data.score_tables import ScoreTable
    from memnet.errors import MemnetError
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say

    if bool(scores) == bool(images):
        raise MemnetError("Give either --scores FILE..., or --images FOLDER with --model NAME.")
    if images and not model:
        raise MemnetError("--images needs --model NAME; see `memnet weights list`.")
    if pictures and no_thumbnails:
        raise MemnetError("--pictures shows pictures and --no-thumbnails none; give one of them.")
    if model and not images:
        raise MemnetError("--model is for --images; leave it out with --scores.")
    declared = read_trained_on(trained_on)
    kept = out / _KEPT
    tables = list(map(score_table, scores))
    copies = not images and not any(is_same(Path(str(each.table)), kept) for each in tables)
    if copies:
        refuse_to_replace(kept)
    require_writable(out)
    say_if_misspelt(dataset)
    command = command_line()
    trouble = False
    if images:  # only here: without pictures to score, nothing needs torch
        from memnet.data.pictures import collect
        from memnet.data.sidecar import refuse_to_add
        from memnet.scoring.runner import Settings, score_to_file

        asked = asked_by(command, context.command)
        refuse_to_add(
            kept,
            lambda made_by: asked_by(made_by, context.command) == asked,
            f"compare what is in it with --scores {kept}",
        )
        inputs = collect(images)
        settings = Settings(
            models=list(dict.fromkeys(model)), device=device, batch_size=batch_size, command=command
        )
        summary = score_to_file(inputs, kept, settings)
        report_failures(inputs, summary, kept)
        trouble = bool(summary.failed or inputs.unreadable)
        tables = [ScoreTable(kept)]
    try:
        record = run(
            truth,
            tables,
            truth_column=truth_column,
            id_column=id_column,
            score_column=score_column,
            match=match,
            dataset=dataset,
            hits_column=hits_column,
            responses_column=responses_column,
            false_alarms_column=false_alarms_column,
            strata_column=strata_column,
            clusters_column=clusters_column,
            positive=positive,
            beyond=beyond,
            margin=margin,
            target=target,
            trained_on=declared,
            declared_by="--trained-on",
            resamples=resamples,
            seed=seed,
            command=command,
        )
    except MemnetError as error:
        if _seem_swapped(truth, tables, truth_column, score_column):
            raise MemnetError(
                f"{truth} and {tables[0].table} seem to be swapped: --truth takes the human "
                "scores, --scores the predictions."
            ) from error
        raise
    shown: Mapping[str, PictureOrCrop] = {}
    if not no_thumbnails:
        files = [truth, *(Path(str(each.table)) for each in tables)]
        shown = find_shown(record, pictures, files, match)
    write_report(record, out, spreadsheet_safe=spreadsheet_safe, pictures=shown)
    if copies:
        save_scores(tables, id_column, score_column, kept)
    print_results(record)
    for sentence in increment_sentences(record):
        print(f"\n{sentence}")
    for sentence in record.warnings:
        if sentence not in sentences_on_targets(record):  # those stand with the answer
            say(sentence)
    say(f"{record.items['n']:,} pictures compared -> {out / 'report.html'}")
    if open_report:
        open_page(out / "report.html")
    if trouble or record.items["set_aside"]:
        raise typer.Exit(1)


def find_shown(
    record: RunRecord, pictures: list[str], tables: list[Path], match: str
) -> Mapping[str, PictureOrCrop]:
    """Find the pictures that the report shows, and say what is shown."""
    from memnet.compare.report.contact_sheet import find_pictures, pictures_of_tables, shown_ids
    from memnet.util.messages import say

    ids = shown_ids(record)
    if pictures:
        found: Mapping[str, PictureOrCrop] = find_pictures(ids, pictures, match)
        if not found:
            such = f" (such as {ids[0]})" if ids else ""
            say(
                f"no picture of {', '.join(pictures)} has the id of one that the report would "
                f"show{such}, so it shows none"
            )
    else:
        id_column = record.truth.get("id_column", "")
        found = pictures_of_tables(ids, tables, match, id_column=id_column)
    if found:
        say(f"thumbnails of {len(found)} pictures are part of the report (or --no-thumbnails)")
    return found


def score_table(given: str) -> ScoreTable:
    """Read one value of ``--scores``: ``FILE``, ``NAME=FILE``, ``FILE:COLUMN``, or all three.

    What is a file as it stands is that file, whatever its name holds.
    """
    from memnet.data.score_tables import ScoreTable
    from memnet.data.tables import split_sheet
    from memnet.errors import MemnetError

    def is_file(path: str) -> bool:
        return os.path.isfile(split_sheet(path)[0])  # False for a name that no file can have

    name, mark, rest = given.partition("=")
    if is_file(given) or not mark:
        name, rest = "", given
    elif not name:
        raise MemnetError(f"--scores {given} has no name before '='; write NAME=FILE.")
    file, mark, column = rest.rpartition(":")
    if is_file(rest) or not (mark and is_file(file)):
        file, column = rest, ""
    return ScoreTable(file, column, name or None)


def read_trained_on(given: list[str]) -> dict[str, list[str]]:
    """Read the values of ``--trained-on``: model -> data sets, none for ``NAME=none``.

    >>> read_trained_on(["mine=lamem:train:1", "mine=memcat", "yours=none"])
    {'mine': ['lamem:train:1', 'memcat'], 'yours': []}
    """
    from memnet.errors import MemnetError

    declared: dict[str, list[str]] = {}
    for each in given:
        name, _, dataset = (part.strip() for part in each.rpartition("="))
        if not name or not dataset:
            raise MemnetError(
                f"--trained-on {each} is no NAME=DATASET, such as mine=lamem:train:1; of a model "
                "that was trained on no data set, say NAME=none."
            )
        if (dataset == _NO_DATASET and name in declared) or declared.get(name) == []:
            raise MemnetError(f"--trained-on says of {name} both a data set and none; say one.")
        declared.setdefault(name, [])
        if dataset != _NO_DATASET:
            declared[name].append(dataset)
    return declared


def save_scores(scores: list[ScoreTable], id_column: str, score_column: str, path: Path) -> None:
    """Keep the scores that were compared beside the report: image_id, model, score."""
    import pandas as pd

    from memnet.util.table_files import write_frame

    tables = [
        pd.DataFrame(
            {"image_id": list(model.by_id.index), "model": model.name, "score": model.by_id.values}
        )
        for each in scores
        for model in each.read(id_column=id_column, score_column=score_column)
    ]
    write_frame(pd.concat(tables, ignore_index=True)[_COPIED], path)


def refuse_to_replace(path: Path) -> None:
    """Refuse a folder whose table of scores is more than the copy that an earlier report left."""
    from memnet.errors import MemnetError

    more = (path.with_name(path.name + ending) for ending in (".json", ".partial"))
    if any(file.exists() for file in more) or (path.exists() and not _is_copy(path)):
        raise MemnetError(
            f"{path} is no copy that an earlier report left there, and this report would replace "
            "it; choose another --out, or move the table and what belongs to it away."
        )


def asked_by(command_line: str, compare: Any) -> tuple[set[str], set[str]]:
    """Return the pictures and models of a command line; none where it is of another command.

    ``compare`` is the command, which knows its options.
    """
    import shlex

    try:
        words = shlex.split(command_line)
        words = words[words.index("compare") + 1 :]
    except ValueError:
        return set(), set()
    given = compare.make_context("compare", words, resilient_parsing=True).params
    return set(given["images"] or ()), set(given["model"] or ())


def _is_copy(path: Path) -> bool:
    """Whether a table is what :func:`save_scores` left beside a report."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_schema(path).names
    except (OSError, pa.ArrowException):
        return False
    return columns == _COPIED and path.with_name("record.json").is_file()


def _seem_swapped(
    truth: Path, scores: list[ScoreTable], truth_column: str, score_column: str
) -> bool:
    """Whether the tables look as if each was given for the other."""
    from memnet.data.manifest import read_manifest
    from memnet.data.tables import read_table_any
    from memnet.errors import MemnetError

    try:
        columns = read_table_any(truth).columns
        if truth_column:
            others = [read_table_any(each.table).columns for each in scores]
            predictions = {each.column or score_column for each in scores} | {"model"}
            return (
                truth_column not in columns
                and not predictions.isdisjoint(columns)
                and any(truth_column in each for each in others)
            )
        return "score" in columns and any(
            read_manifest(str(each.table)) is not None for each in scores
        )
    except MemnetError:
        return False
