"""``memnet benchmark``: every model on every data set, on one page."""

from __future__ import annotations

from pathlib import Path

import typer

from memnet.cli.browser import OPEN_HELP, open_page


def benchmark(
    suite: str = typer.Argument(
        ..., help="FILE.toml with models and data sets, or scenes375, which memnet carries."
    ),
    out: Path = typer.Option(
        ..., "--out", "-o", file_okay=False, help="Folder for index.html, benchmark.json ..."
    ),
    resamples: int | None = typer.Option(
        None, min=1, help="Bootstrap resamples and permutations, instead of the suite's."
    ),
    device: str = typer.Option("auto", help="For pictures to score: auto, cpu, cuda, mps ..."),
    batch_size: int = typer.Option(8, min=1, help="For pictures to score: pictures per pass."),
    open_report: bool = typer.Option(False, "--open", help=OPEN_HELP),
) -> None:
    """Compare many models on many data sets: one page, and a full report of each data set.

    Pictures are scored once. Run the same command again after an interruption, or with a model
    more in the suite, and it goes on.
    """
    from memnet.cli.messages import command_line
    from memnet.cli.tables import print_benchmark
    from memnet.studies.benchmark.run import benchmark as run
    from memnet.util.messages import say

    record = run(
        suite,
        out,
        resamples=resamples,
        device=device,
        batch_size=batch_size,
        command=command_line(),
    )
    print_benchmark(record)
    for sentence in record.warnings:
        say(sentence)
    say(f"{len(record.cells)} cell(s), one per model and data set -> {out / 'index.html'}")
    if open_report:
        open_page(out / "index.html")
    if not record.complete:
        raise typer.Exit(1)
