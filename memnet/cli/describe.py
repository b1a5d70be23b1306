"""``memnet describe``: pictures in, a table of what they look like out."""

from __future__ import annotations

from pathlib import Path

import typer

from memnet.cli.options import PICTURES


def describe(
    pictures: list[str] = PICTURES,
    out: Path = typer.Option(
        ...,
        "--out",
        "-o",
        dir_okay=False,
        help="FILE.csv, FILE.parquet or FILE.xlsx, a row per picture.",
    ),
    path_column: str = typer.Option(
        "path", help="The column of a manifest that has the pictures' paths."
    ),
    id_pattern: str = typer.Option(
        "",
        "--id-pattern",
        metavar="REGEX",
        help="Make each picture's id of its path, as `memnet score` does with the same pattern.",
    ),
) -> None:
    """Measure what pictures look like: size, luminance, contrast, colour, spatial frequencies.

    The ids are those of `memnet score`: `memnet select SCORES --with TABLE` chooses pictures that
    are alike in these measures. Run the same command again after an interruption and it goes on; a
    picture whose file changed is measured again.
    """
    from memnet.cli.messages import say_some, say_unread
    from memnet.cli.paths import keep_inputs
    from memnet.data.pictures import collect
    from memnet.data.score_columns import FAILED
    from memnet.studies.describe.table import describe_to_file
    from memnet.util.messages import say
    from memnet.util.table_files import check_table_name

    check_table_name(out)
    inputs = collect(pictures, path_column=path_column, id_pattern=id_pattern)
    keep_inputs([out], [*inputs.manifests, *map(Path, pictures)])
    summary = describe_to_file(inputs, out)
    failed = [
        f"{row['path'] or row['image_id']}: {row['warning'].removeprefix(FAILED)}"
        for row in summary.failed
    ]
    say_unread(inputs, failed, "see the warning column")
    say_some(inputs.notes, "of other tables")
    if summary.kept:
        say(f"{summary.kept} row(s) of earlier runs, of other pictures, stay in the table")
    if summary.changed:
        say(f"{summary.changed} picture(s) changed since they were measured, and were again")
    rate = f", {summary.described / summary.seconds:.1f} pictures/s" if summary.described else ""
    before = f", {summary.already} were measured before" if summary.already else ""
    missing = f", {len(failed)} failed" if failed else ""
    say(f"{summary.described} measured{rate}{before}{missing} -> {out}")
    if failed or inputs.unreadable:
        raise typer.Exit(1)
