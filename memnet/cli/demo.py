"""``memnet demo``: the whole path on what the package carries."""

from __future__ import annotations

from pathlib import Path

import typer

from memnet.cli.browser import OPEN_HELP, open_page


def demo(
    out: Path = typer.Option(Path("memnet-demo"), file_okay=False, help="Folder for the report."),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Score three bundled pictures and compare 375 published predictions with human memory.

    Needs no data and no network. Without the `resmem` extra the pictures are not scored.
    """
    from importlib.resources import as_file, files

    import memnet
    from memnet.cli.messages import command_line
    from memnet.cli.tables import print_results
    from memnet.compare.comparison import compare_scores
    from memnet.compare.report.render import write_report
    from memnet.scoring.table import write_table
    from memnet.util.atomic import require_writable
    from memnet.util.messages import say

    require_writable(out)
    missing = ""
    try:
        model = memnet.load("resmem.published")
    except memnet.MemnetError as error:
        missing = str(error)
    else:
        with as_file(files("memnet.samples") / "pictures") as folder:
            table = model.score(sorted(folder.glob("*.png")), cache=False)
    say("comparing 375 published predictions with human hit rates ...")
    with as_file(files("memnet.samples") / "scenes375.csv") as path:
        record = compare_scores(
            path,
            path,
            truth_column="hit_rate",
            score_column="score",
            dataset="scenes375",
            hits_column="hits",
            responses_column="responses",
            command=command_line(),
        )
    write_report(record, out)
    if not missing:
        write_table(table, out / "pictures.csv")
    # Printed once all is written: a reader of stdout may go away.
    if not missing:
        print("Three pictures, scored now with resmem.published:\n")
        print(table[["image_id", "score", "width", "height"]].to_string(index=False))
    print("\n375 scene pictures: published ResMem predictions against human hit rates:\n")
    print_results(record)
    print(f"\nThe report is in {out / 'report.html'}. With your own pictures:\n")
    print("  memnet score FOLDER --model resmem.published --out scores.csv")
    print(
        "  memnet compare --truth human.csv --truth-column COLUMN --scores scores.csv --out report"
    )
    if missing:
        say(f"the bundled pictures were not scored. {missing}")
    if open_report:
        open_page(out / "report.html")
